/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Accepting connections, within the limits. */
#ifndef CORE_ACCEPT_H
#define CORE_ACCEPT_H

#include "core/worker_loop.h"

/* Listens, with a spare descriptor in hand: -errno when that fails; and listens no more. */
int32_t accept_listen (struct worker *w);
void accept_ignore (struct worker *w);

/* Takes some of the waiting connections of a listener; `all` takes every one. */
void accept_some (struct worker *w, const struct listener *from, int all);

/* Closes the longest idle connection, when one is idle for a second.  1 when it did. */
int accept_shed (struct worker *w);

#endif
