/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Why a request would be let in or not, and what is left of limits: for operators.
 *
 * The answers come from the functions that decide about requests, asked without
 * taking anything.  All are for any thread but a worker, write a JSON object, and
 * answer 0; -ENOENT for a key or tenant that isn't in force here; -EMSGSIZE when the
 * buffer is too small; -EINVAL for an id that is no UUID. */
#ifndef AUTH_EXPLAIN_H
#define AUTH_EXPLAIN_H

#ifndef KG_ABI_TARGET
#define KG_ABI_TARGET KG_ABI (1, 1)
#endif
#include <kgent/json.h>

#define EXPLAIN_MAX  16384  /* bytes that suffice for explain_key and limits_show_... */
#define BUSIEST      100    /* tenants */
#define BUSIEST_MAX  32768  /* bytes that suffice for limits_show_busiest */

struct auth;

/* {"policies":[{"name":"day","of":"key","limit":100,"used":3,"left":97,"reset_s":1234}]};
 * of a key those of its tenant, too.  A limit of 0 is none, and then `left` is null. */
int32_t limits_show_key (struct auth *auth, kg_str id, struct kg_out *out);
int32_t limits_show_tenant (struct auth *auth, kg_str id, struct kg_out *out);

/* {"tenants":[{"tenant":"<id>","requests_today":5,"denied_today":0,"concurrent":1}]}, the
 * busiest first. */
int32_t limits_show_busiest (struct auth *auth, struct kg_out *out);

/* {"verdict":"allow","status":200,"detail":"","checks":[{"check":"key","verdict":"allow",
 * "detail":"..."}]}: would a request with this key be let in?  `path` is of a URL, or of
 * AGENTESE; method { NULL, 0 }: GET, or POST for a path of AGENTESE. */
int32_t explain_key (struct auth *auth, kg_str id, kg_str path, kg_str method,
                     struct kg_out *out);

#endif
