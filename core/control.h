/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The core's own admin routes: POST /admin/v1/reload and /admin/v1/drain, GET
 * /admin/v1/plugins and /admin/v1/version. */
#ifndef CORE_CONTROL_H
#define CORE_CONTROL_H

#include "core/host.h"

struct control;

/* What was asked for; bits. */
#define CONTROL_RELOAD 1u
#define CONTROL_DRAIN  2u

/* Registers the routes as the core's, before plugins_open.  `wake_fd` is an
 * eventfd that is written when something was asked for; `program` with `argv` is
 * what checks a new configuration.  All must outlive the control.  -ENOMEM. */
int32_t control_create (struct host *host, struct kg_self *core, const char *program,
                        char *const *argv, int wake_fd, struct control **ret);

/* Accepts NULL; after the workers and the jobs. */
void control_destroy (struct control *c);

/* Takes what was asked for since the last call. */
uint32_t control_take (struct control *c);

#endif
