/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Keeps secrets out of a core file: memory that may hold some is left out of it. */
#ifndef CORE_SCRUB_H
#define CORE_SCRUB_H

/* Of the memory of the process only code, constants, what is mapped from files, and
 * the frames from `stack` on stay in a core file.  For a signal handler: calls nothing
 * but the kernel.  Does nothing with KGENT_CORE=full in the environment at scrub_init,
 * or in a sanitizer's build. */
void scrub (const void *stack);

/* [main] Before the first one. */
void scrub_init (void);

#endif
