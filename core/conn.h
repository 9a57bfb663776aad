/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* One connection: reads requests, runs them through the pipeline, sends the answers.
 *
 * Descriptors are registered edge-triggered once, for input, output and the peer's leaving, so a
 * request costs no epoll_ctl, and a client that leaves is noticed while its request waits. */
#ifndef CORE_CONN_H
#define CORE_CONN_H

#include "core/abi.h"
#include "core/chunked.h"
#include "core/client.h"
#include "core/worker.h"

struct worker;

#define CONN_MAGIC 0x636f6e6eu

enum conn_state {
  CONN_HEAD,   /* waiting for a request, or in the middle of its head */
  CONN_BODY,   /* reading a body */
  CONN_WAIT,   /* the request holds a ticket */
  CONN_STREAM, /* the response is a stream */
  CONN_LINGER, /* answered, closing: discards input until the peer closes */
  CONN_CLOSED,
};

struct conn {
  uint32_t magic;
  int fd;                 /* -1 when the peer is gone and a request still runs */
  struct worker *worker;
  struct conn *prev, *next;             /* in idle or busy */
  struct conn *ready_prev, *ready_next; /* in ready */
  uint8_t state;          /* enum conn_state */
  uint8_t admin, local;
  uint8_t inner;          /* no connection at all: a part of struct inner; fd is -1 */
  uint8_t readable;       /* the kernel may have input */
  uint8_t half;           /* the peer has closed its sending side */
  uint8_t hung;           /* the connection is broken */
  uint8_t closing;        /* close when all output is sent */
  uint8_t body_read;      /* the request's body is read, or it has none */
  uint8_t listed;         /* 1: in idle, 2: in busy */
  uint8_t is_ready;
  uint8_t has_addr;
  uint32_t requests;
  struct kg_req *req;
  char *in;               /* input kept between turns */
  uint32_t in_len;
  char *out;              /* output that the kernel did not take */
  size_t out_len, out_pos;
  char *body;             /* of the request being read, in its arena */
  size_t body_len, body_cap;
  struct chunked chunked; /* the decoder, when the body is chunked */
  int64_t since;          /* ns, when this state began */
  int64_t half_since;
  int64_t progress;       /* ns, when output last moved */
  struct client_addr addr;
  char addr_text[CLIENT_TEXT]; /* as text, made when it is first asked for */
  uint8_t addr_len;       /* 0: not yet */
};

/* Takes an accepted, non-blocking descriptor over.  NULL without memory (closes it). */
struct conn *conn_create (struct worker *w, int fd, const struct client_addr *addr,
                          const struct listener *from);

/* The kernel has news: `events` of epoll. */
void conn_event (struct conn *c, uint32_t events);

/* Goes on as far as possible without blocking. */
void conn_turn (struct conn *c);

/* The request behind a ticket or stream goes on: what the pipeline said. */
void conn_continue (struct conn *c, int outcome);

/* Looks at the deadlines. */
void conn_sweep (struct conn *c);

/* Closes at once; a request that still runs ends by itself. */
void conn_close (struct conn *c);

/* Frees a closed connection. */
void conn_free (struct conn *c);

/* Appends output; sends when enough has gathered. */
void conn_put (struct conn *c, const void *data, size_t len);

/* Sends what was put.  0: all is out; 1: the socket is full; -EPIPE. */
int conn_flush (struct conn *c);

/* The client's address as text. */
kg_str conn_client (const struct conn *c, const kg_req *req);

#endif
