/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The gate: what a request head must satisfy before anything else looks at it.
 *
 * It decides framing (RFC 9112, sections 3 and 6), so that no two readers of the same bytes can
 * disagree about where a request ends, and refuses what could mean different things to different
 * hops.  Pure: no I/O, no allocation. */
#ifndef CORE_GATE_H
#define CORE_GATE_H

#include "core/head.h"
#include "core/route.h"
#include "core/target.h"

struct gate_rules {
  int32_t allow_chunked;
};

struct gate {
  int32_t status;        /* 0: pass; else the status of a refusal that closes the connection */
  const char *why;       /* for the problem's detail */
  const char *allow;     /* value of Allow for a 405, or NULL */
  struct target target;
  int method;            /* METHOD_... */
  uint64_t length;       /* of the body, bytes */
  int32_t chunked;       /* the body is chunked, `length` is unknown */
  int32_t encoded;       /* the body is in a content coding, which nobody here decodes */
  int32_t keep_alive;
  int32_t expect;        /* 1: the client waits for 100 Continue */
};

void gate_check (const struct head *head, const struct gate_rules *rules, struct gate *ret);

#endif
