/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Notices of budgets that are half, four fifths or all spent: once each for a month,
 * as a line of the log, a record in the log "auth.notices", and a metric. */
#ifndef AUTH_NOTICE_H
#define AUTH_NOTICE_H

#include "plugins/auth/limit.h"

#ifndef KG_ABI_TARGET
#define KG_ABI_TARGET KG_ABI (1, 1)
#endif
#include <kgent/plugin.h>

struct auth;
struct pass;
struct notices;

/* [open] */
int32_t notice_open (struct auth *auth);

/* Accepts that it was never opened. */
void notice_close (struct auth *auth);

/* [worker] In LOG: has this request reached a threshold, for its key or its tenant? */
void notice_look (struct auth *auth, const struct pass *pass);

/* For a timer: tells of what was reached since. */
void notice_tell (struct auth *auth);

#endif
