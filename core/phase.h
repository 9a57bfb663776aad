/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The pipeline: takes a request through its phases. */
#ifndef CORE_PHASE_H
#define CORE_PHASE_H

#include "core/request.h"

/* What a request needs next. */
enum outcome {
  OUTCOME_BODY,   /* its body */
  OUTCOME_WAIT,   /* its ticket */
  OUTCOME_REPLY,  /* its response sent */
  OUTCOME_STREAM, /* its stream served; COMMIT comes after it */
};

/* From the head on: routing, ACCESS, the core's own verdict, LIMIT. */
enum outcome phase_begin (struct kg_req *req);

/* The body is there: handler, COMMIT. */
enum outcome phase_body (struct kg_req *req);

/* The ticket was used: runs the continuation and goes on. */
enum outcome phase_resume (struct kg_req *req, kg_fn *then, void *arg);

/* The ticket ran out (-ETIMEDOUT) or the client left (-EPIPE). */
enum outcome phase_abort (struct kg_req *req, int32_t error);

/* The stream has ended: COMMIT. */
enum outcome phase_stream_end (struct kg_req *req);

/* There is room in the stream again. */
void phase_stream_room (struct kg_req *req);

/* Behind COMMIT: the stream's last word.  0, or negative when it has to be cut off. */
int32_t phase_stream_last (struct kg_req *req);

/* LOG: exactly once, when the response is with the kernel or nobody is there. */
void phase_log (struct kg_req *req);


#endif
