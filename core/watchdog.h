/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The watchdog: notices a loop that stopped turning, and says whose code holds it. */
#ifndef CORE_WATCHDOG_H
#define CORE_WATCHDOG_H

struct workers;

#include <stdint.h>

int32_t watchdog_start (struct workers *all);
void watchdog_stop (struct workers *all);

#endif
