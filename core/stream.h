/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Streams: response bodies that grow while they are sent.
 *
 * A producer on any thread appends to a bounded queue under the stream's own lock; the worker
 * takes what is there and frames it. */
#ifndef CORE_STREAM_H
#define CORE_STREAM_H

#include "core/request.h"

/* The functions of struct kg_host; see <kgent/plugin.h>. */
kg_stream *stream_open (kg_req *req, int32_t status, const char *type);
kg_stream *stream_open2 (kg_req *req, const struct kg_stream_def *def);
int32_t stream_send (kg_stream *stream, const void *data, size_t len);
int64_t stream_taken (kg_stream *stream);
void stream_end (kg_stream *stream);

/* All that follows: [worker]. */

/* Whether the request's answer is, or is to be, this stream, and its end is waited for: not when
 * another response was set meanwhile, or when it was cut. */
int stream_serves (const struct kg_req *req);

/* Whether the head has to leave now. */
int stream_is_due (const struct kg_req *req);

/* What stream2 was given; all zero for others. */
const struct kg_stream_def *stream_def (const struct kg_req *req);

/* Whether it was over already; from now on it is. */
int stream_is_over (struct kg_req *req);

/* From now on nobody waits for its end. */
void stream_cut (struct kg_req *req);

/* Whether it took too long, and its producer was told so. */
int stream_is_late (const struct kg_req *req);

/* Adds the fields of its head. */
void stream_head (struct kg_req *req);

/* Moves what is queued into the connection's output, as far as the socket takes it.  1: the
 * stream has ended and all of it is on its way; 0: all is, and more is to come; -1: the socket is
 * full, or broken. */
int stream_pump (struct kg_req *req);

/* Whether the producer has to hear that there is room again; only once. */
int stream_has_room (struct kg_req *req);

/* Moves all that is queued into the connection's output. */
void stream_put_rest (struct kg_req *req);

/* Looks at its time.  1: it is over, and the request's ticket has to end; 0: it is not, or its
 * producer hears of it. */
int stream_expire (struct kg_req *req, int64_t now);

/* What became of the stream's last word: the status that it was said for, 0 before, and what
 * `last` returned. */
struct stream_said {
  int32_t status, rc;
};
struct stream_said *stream_said (struct kg_req *req);

/* Whether the last word was said and all that was sent makes a whole body; *ret_rest is what
 * is still queued of it, which stays as it is until it is put. */
int stream_is_whole (struct kg_req *req, kg_str *ret_rest);

/* The client is gone: senders get -EPIPE from now on. */
void stream_gone (struct kg_req *req);

/* Says something on an idle event stream. */
void stream_sweep (struct kg_req *req, int64_t now);

/* The host drains: tells the client. */
void stream_drain (struct kg_req *req);

/* Whether the identity that asked for the stream has ended. */
int stream_revoked (const struct kg_req *req);

/* Tells the client so, and ends the body as far as it may look whole. */
void stream_revoke (struct kg_req *req);

/* The last chunk, after COMMIT. */
void stream_finish (struct kg_req *req);

/* Gives the worker's reference up. */
void stream_release (struct kg_req *req);

#endif
