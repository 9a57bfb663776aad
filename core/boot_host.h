/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The parts of a host that only declare: made, opened and freed without a
 * thread, a write or a socket.  For boot.c and boot_check.c. */
#ifndef CORE_BOOT_HOST_H
#define CORE_BOOT_HOST_H

#include "core/boot.h"

/* Makes the services and the core's own self, and registers what the core has.
 * 0, or an exit code with the reasons in b->errors. */
int32_t boot_host_make (struct boot *b);

/* Loads and opens the plugins of the configuration; b->opened is 1 then. */
int32_t boot_plugins_open (struct boot *b);

/* Frees what boot_host_make made, or as far as it came; accepts NULL. */
void boot_host_free (struct host *host);

/* The exit code for what store_create and store_start return. */
int32_t boot_store_exit (int32_t error);

#endif
