/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Talk to the service manager: sd_notify(3)'s protocol, spoken by hand. */
#ifndef CORE_NOTIFY_H
#define CORE_NOTIFY_H

#include <stdint.h>

/* Sends "READY=1", "STATUS=...\nSTOPPING=1", ... to $NOTIFY_SOCKET.  0 when it
 * was sent, 1 when nobody asked for it, -errno. */
int32_t notify_send (const char *text);

/* RELOADING=1 with the monotonic time, which Type=notify-reload wants. */
int32_t notify_reloading (void);

/* How often to send WATCHDOG=1, in ms: half of what $WATCHDOG_USEC allows this
 * process; 0: never. */
uint32_t notify_watchdog_ms (void);

#endif
