/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Cross-origin requests (the Fetch standard, "CORS protocol"): an exact list of origins, no
 * credentials, no wildcard. */
#ifndef CORE_CORS_H
#define CORE_CORS_H

#include "core/request.h"

/* Adds the fields of an answer to the request's origin, when origins are configured. */
void cors_answer (kg_req *req);

/* Answers OPTIONS for a path that offers `allowed`, preflight or not: 204. */
void cors_options (kg_req *req, uint32_t allowed);

/* "GET, HEAD, POST" for bits of methods; `out` has room for 64 bytes. */
void cors_methods (uint32_t allowed, char out[64]);

#endif
