/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The log thread: takes lines out of the rings and writes them in batches. */
#ifndef CORE_LOG_WRITER_H
#define CORE_LOG_WRITER_H

#include <stddef.h>
#include <stdint.h>

/* Starts the thread, which owns `fd` (and closes it when `close_fd`).  `notice`
 * makes the line that tells of `dropped` lines, into at least 512 bytes, and
 * returns its length. */
int32_t log_writer_start (int fd, int close_fd,
                          size_t (*notice) (char *out, uint64_t dropped));

/* Writes what waits, for at most 2 s, and ends the thread. */
void log_writer_stop (void);

/* Wakes the thread when it sleeps; cheap when it does not. */
void log_writer_wake (void);

/* Lines that were given up when the output stayed blocked until the end. */
uint64_t log_writer_lost (void);

#endif
