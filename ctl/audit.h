/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The audit log of the host. */
#ifndef CTL_AUDIT_H
#define CTL_AUDIT_H

#include "ctl/ctl.h"

#define AUDIT "/admin/v1/audit"

/* The record as it was hashed, from an item of the list; NULL when it has no such text
 * or that is no object.  Freed by json_object_put. */
json_object *audit_record (json_object *item);

#endif
