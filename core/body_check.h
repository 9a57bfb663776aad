/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What a body has to be before a handler sees it. */
#ifndef CORE_BODY_CHECK_H
#define CORE_BODY_CHECK_H

#include "core/request.h"

/* 1: go on; 0: it was answered with 400 or 415; -ENOMEM. */
int32_t body_check (struct kg_req *req);

#endif
