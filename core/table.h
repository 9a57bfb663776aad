/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#ifndef CORE_TABLE_H
#define CORE_TABLE_H

#include "core/abi.h"

/* What plugins get: struct kg_host of this host. */
extern const struct kg_host host_table;

#endif
