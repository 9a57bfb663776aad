/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Server-Sent Events on a stream, header only (the HTML standard, section 9.2).
 *
 *   kg_stream *s = host->stream (req, 200, KG_SSE_TYPE);
 *   ...
 *   kg_sse_send (host, s, 1, "chunk", json);    // from any thread
 *   host->end (s);
 *
 * The host adds Cache-Control and X-Accel-Buffering, says something every 15 s
 * while nothing is sent, and tells the client when it drains. */
#ifndef KGENT_SSE_H
#define KGENT_SSE_H

#include <kgent/json.h>

#include <errno.h>
#include <stdlib.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The type of such a stream.  Since 1.0. */
#define KG_SSE_TYPE "text/event-stream"

/* Appends one event.  `id` 0 and `event` NULL leave their fields out; the event's
 * name must hold no line end.  Data of several lines (ended by LF, CR or CRLF)
 * becomes several data fields.  Since 1.0. */
static inline void
kg_sse_event (struct kg_out *o, uint64_t id, const char *event, kg_str data)
{
  size_t i, from = 0;
  if (id) {
    kg_out_raw (o, "id: ", 4);
    kg_out_int (o, (int64_t) id);
    kg_out_raw (o, "\n", 1);
  }
  if (event) {
    kg_out_raw (o, "event: ", 7);
    kg_out_lit (o, event);
    kg_out_raw (o, "\n", 1);
  }
  for (i = 0; i <= data.len; i++) {
    if (i < data.len && data.ptr[i] != '\n' && data.ptr[i] != '\r')
      continue;
    kg_out_raw (o, "data: ", 6);
    kg_out_raw (o, data.ptr + from, i - from);
    kg_out_raw (o, "\n", 1);
    if (i + 1 < data.len && data.ptr[i] == '\r' && data.ptr[i + 1] == '\n')
      i++;
    from = i + 1;
  }
  kg_out_raw (o, "\n", 1);
}

/* [any] Sends one event as a whole: 0; -EAGAIN (nothing was taken) or -EPIPE as
 * kg_host.send; -ENOMEM.  Events over 1,000 bytes take memory for a moment.
 * Since 1.0. */
static inline int32_t
kg_sse_send (const struct kg_host *host, kg_stream *stream, uint64_t id, const char *event,
             kg_str data)
{
  char buf[1024];
  struct kg_out o = { buf, 0, sizeof buf };
  char *big = NULL;
  int32_t rc;
  kg_sse_event (&o, id, event, data);
  if (!kg_out_ok (&o)) {
    big = (char *) malloc (o.len);
    if (!big)
      return -ENOMEM;
    o.ptr = big;
    o.cap = o.len;
    o.len = 0;
    kg_sse_event (&o, id, event, data);
  }
  rc = host->send (stream, o.ptr, o.len);
  free (big);
  return rc;
}

#ifdef __cplusplus
}
#endif

#endif
