/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What the files of a connection's turn share. */
#ifndef CORE_CONN_TURN_H
#define CORE_CONN_TURN_H

#include "core/conn.h"

/* Enters a state, now. */
void conn_state_set (struct conn *c, enum conn_state state);

/* Puts the connection into the list where its state belongs. */
void conn_settle (struct conn *c);

/* To be continued in the worker's next turn; and not. */
void conn_later (struct conn *c);
void conn_not_later (struct conn *c);

/* The connection is over: closed now, freed when the worker's turn is. */
void conn_bury (struct conn *c);

/* Closes the descriptor and takes the connection out of all lists, but never frees it: code that
 * does not return may still look at its request. */
void conn_abandon (struct conn *c);

/* Sends the request's response and ends the request. */
void conn_respond (struct conn *c);

/* The answer to a head that cannot be taken, and the end of the connection. */
void conn_refuse (struct conn *c, int32_t status, const char *why, const char *allow,
                  const char *id);

/* The end of every turn: output leaves, input that is left is kept. */
void conn_turn_end (struct conn *c);

/* Takes input into the body: 1 when it is whole, 0 for more, -1 when it was refused. */
int conn_body_take (struct conn *c);

#endif
