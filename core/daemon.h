/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The life of a serving process, from its start to its exit code: signals,
 * drain, reload by handover (docs/design/0002-handover.md), service manager. */
#ifndef CORE_DAEMON_H
#define CORE_DAEMON_H

#include "core/options.h"

/* Serves until it is told to end; an exit code. */
int32_t daemon_run (const struct options *options);

#endif
