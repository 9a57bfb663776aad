/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Streams: response bodies that grow while they are sent.
 *
 * A producer on any thread appends to a bounded queue under the stream's own lock; the worker
 * takes what is there and frames it. */
#ifndef CORE_STREAM_H
#define CORE_STREAM_H

#include "core/request.h"

kg_stream *stream_open (kg_req *req, int32_t status, const char *type);
int32_t stream_send (kg_stream *stream, const void *data, size_t len);
void stream_end (kg_stream *stream);

/* [worker] Moves what is queued into the connection's output, as far as the socket takes it.
 * 1: the stream has ended and all of it is on its way. */
int stream_pump (struct kg_req *req);

/* [worker] The client is gone: senders get -EPIPE from now on. */
void stream_gone (struct kg_req *req);

/* [worker] Says something on an idle event stream; ends one that is over its time. */
void stream_sweep (struct kg_req *req, int64_t now);

/* [worker] The host drains: tells the client. */
void stream_drain (struct kg_req *req);

/* [worker] Whether the identity that asked for the stream has ended. */
int stream_revoked (const struct kg_req *req);

/* [worker] Tells the client so, and ends the body as far as it may look whole. */
void stream_revoke (struct kg_req *req);

/* [worker] The last chunk, after COMMIT. */
void stream_finish (struct kg_req *req);

/* [worker] Gives the worker's reference up. */
void stream_release (struct kg_req *req);

#endif
