/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The account of a finished request: the pipeline's metrics and the access log. */
#ifndef CORE_ACCOUNT_H
#define CORE_ACCOUNT_H

#include "core/request.h"

/* Defines the metrics once all routes are known, before metrics_freeze. */
int32_t account_create (struct host *host);
void account_destroy (struct host *host);

/* Counts the request and writes its line. */
void account_request (struct kg_req *req);

/* Counts a request whose handler was given up, with 504; `stuck` is their number so far.  [any] */
void account_stuck (const struct kg_req *req, uint32_t stuck);

/* Counts an answer to a head that could not be read. */
void account_refusal (struct host *host, int32_t status);

#endif
