/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A connection's bytes: what was read and not yet used, what was put and not yet sent.
 *
 * Reading and gathering happen in the worker's two big buffers, which belong to the connection in
 * turn; only what is left over at the end of its turn is kept in memory of its own.  So an idle
 * connection holds no buffer at all. */
#ifndef CORE_CONN_IO_H
#define CORE_CONN_IO_H

#include "core/conn.h"

/* Begins a turn: brings kept input into the worker's buffer. */
void conn_load (struct conn *c);

/* Ends a turn: keeps input that is left.  0, or -ENOMEM. */
int conn_keep (struct conn *c);

/* Input that is there and not used. */
const char *conn_input (const struct conn *c, size_t *ret_len);

/* Uses up `n` bytes of it. */
void conn_use (struct conn *c, size_t n);

/* Reads more input: > 0 bytes, 0 at the end, -EAGAIN, or a broken connection's errno. */
int conn_fill (struct conn *c);

/* Reads straight into `p`; the same results. */
int conn_read (struct conn *c, char *p, size_t n);

/* Closes the descriptor. */
void conn_hang_up (struct conn *c);

#endif
