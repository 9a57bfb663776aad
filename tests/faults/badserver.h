/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* An HTTP server that misbehaves as a test wants it to: it reads requests well,
 * and a function of the test writes whatever it likes. */
#ifndef FAULTS_BADSERVER_H
#define FAULTS_BADSERVER_H

#include <stddef.h>
#include <stdint.h>

struct badserver;

#define BAD_KEEP  0 /* go on with the connection */
#define BAD_CLOSE 1
#define BAD_RESET 2 /* close with RST */

/* Answers request `n` (from 0, over all connections) on the socket; `text` is its
 * head and body, NUL-terminated.  On a thread of the connection. */
typedef int bad_fn (struct badserver *server, int fd, int n, const char *text, void *arg);

/* On a free port of 127.0.0.1; NULL when that fails. */
struct badserver *badserver_start (bad_fn *fn, void *arg);

/* Ends all connections and frees it. */
void badserver_stop (struct badserver *server);

uint16_t badserver_port (const struct badserver *server);

/* How many requests, and how many connections, arrived. */
int badserver_requests (struct badserver *server);
int badserver_connections (struct badserver *server);

/* Writes text; 0 when the client is gone. */
int badserver_write (int fd, const char *text);

/* Writes the text again and again until the client is gone. */
void badserver_flood (int fd, const char *text);

/* Writes one character each `ms` until the client is gone. */
void badserver_drip (int fd, int ms);

/* Reads until the client is gone: an answer that never comes. */
void badserver_hang (int fd);

#endif
