/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Starting a program: this one, again. */
#ifndef CORE_SPAWN_H
#define CORE_SPAWN_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Starts `program` with `argv` and this environment less what the service manager
 * put there, plus `variable` ("NAME=value", or NULL).  The descriptors in `keep`
 * stay open in it; `output`, unless -1, becomes its standard output and error.
 * Signals have their defaults.  -errno. */
int32_t spawn_program (const char *program, char *const *argv, const char *variable,
                       const int *keep, uint32_t nkeep, int output, pid_t *ret);

/* Runs `program -t ...` and waits for it, SPAWN_CHECK_S at most: its exit status,
 * 128 + signal, or -errno; -ETIMEDOUT.  What it prints comes into `out`.  Blocks:
 * not for an event loop. */
int32_t spawn_check (const char *program, char *const *argv, char *out, size_t size);

#define SPAWN_CHECK_S 30

#endif
