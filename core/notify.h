/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Talk to the service manager: sd_notify(3)'s protocol, spoken by hand. */
#ifndef CORE_NOTIFY_H
#define CORE_NOTIFY_H

#include <stdint.h>

/* A socket to $NOTIFY_SOCKET, opened once, as descriptors may be scarce later;
 * -1 when nobody asks for notifications, -errno otherwise. */
int notify_open (void);

/* Sends "READY=1", "STATUS=...\nSTOPPING=1", ...  0, also when `fd` is
 * negative; -errno. */
int32_t notify_send (int fd, const char *text);

/* RELOADING=1 with the monotonic time, which Type=notify-reload wants. */
int32_t notify_reloading (int fd);

/* How often to send WATCHDOG=1, in ms: half of what $WATCHDOG_USEC allows this
 * process; 0: never. */
uint32_t notify_watchdog_ms (void);

#endif
