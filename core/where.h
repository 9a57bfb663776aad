/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Where a crash was: for a backtrace where no core file is kept. */
#ifndef CORE_WHERE_H
#define CORE_WHERE_H

#include <stddef.h>
#include <ucontext.h>

#define WHERE_MAX 1024

/* "kgentd+0x1c640 < kgentd+0x1b9a4 < libc.so.6+0x891f5": the instruction, and behind it what
 * stands on the thread's stack and looks like those that called it; each as an offset into its
 * file, for addr2line(1).  "" where that is not known.  For signal handlers. */
void where (const ucontext_t *context, char ret[WHERE_MAX]);

#endif
