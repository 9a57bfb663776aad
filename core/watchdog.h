/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The watchdog: notices a loop that stopped turning, and says whose code holds it. */
#ifndef CORE_WATCHDOG_H
#define CORE_WATCHDOG_H

struct worker;
struct workers;

#include <stdint.h>

#define WATCHDOG_MS 250 /* between its looks */

int32_t watchdog_start (struct workers *all);
void watchdog_stop (struct workers *all);

/* Takes a worker from the thread that a plugin's code holds, and answers its request; `what` goes
 * on the log line.  0 when no plugin's code runs. */
int32_t watchdog_take (struct worker *w, const char *what);

#endif
