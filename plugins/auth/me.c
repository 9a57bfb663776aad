/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* GET /v1/me: who am I, and what is left. */
#include "plugins/auth/auth.h"

#include <errno.h>

#define ME_MAX (2 * KEY_LIST * (6 * KEY_TEXT + 3) + 4096)

static void
show_list (struct kg_out *out, const char *name, const char *const *list)
{
  const char *separator = "";
  kg_out_lit (out, name);
  for (; list && *list; list++) {
    kg_out_lit (out, separator);
    kg_out_text (out, *list);
    separator = ",";
  }
  kg_out_lit (out, "]");
}

/* A limit of 0 is none: null. */
static void
show_limit (struct kg_out *out, const char *name, int64_t limit, int64_t value)
{
  kg_out_lit (out, name);
  if (limit)
    kg_out_int (out, value > 0 ? value : 0);
  else
    kg_out_lit (out, "null");
}

static void
show_pass (struct kg_out *out, const struct quota *q)
{
  const struct limits *l = q->plan->of[LIMIT_KEY];
  struct standing s;
  limit_look (&q->subject[LIMIT_KEY], &q->at, &s);
  kg_out_lit (out, ",\"limits\":{");
  show_limit (out, "\"requests_per_minute\":", l->per_minute, l->per_minute);
  show_limit (out, ",\"requests_per_day\":", l->per_day, l->per_day);
  show_limit (out, ",\"tokens_per_month\":", l->tokens, l->tokens);
  kg_out_lit (out, "},\"left\":{");
  show_limit (out, "\"requests_per_minute\":", l->per_minute, s.minute_left);
  show_limit (out, ",\"requests_per_day\":", l->per_day, l->per_day - s.day_used);
  show_limit (out, ",\"tokens_per_month\":", l->tokens, l->tokens - s.tokens);
  kg_out_lit (out, "},\"used\":{\"requests_today\":");
  kg_out_int (out, s.day_used);
  kg_out_lit (out, ",\"tokens_today\":");
  kg_out_int (out, s.tokens_today);
  kg_out_lit (out, ",\"tokens_month\":");
  kg_out_int (out, s.tokens);
  kg_out_lit (out, "}");
}

static int32_t
me_get (kg_req *req, void *data)
{
  const struct auth *auth = data;
  const struct kg_identity *who = auth->host->identity (req);
  struct pass *pass = pass_of (auth, req);
  struct kg_out out = { auth->host->alloc (req, ME_MAX), 0, ME_MAX };
  if (!out.ptr)
    return -ENOMEM;
  kg_out_lit (&out, "{\"tenant\":");
  kg_out_text (&out, who->tenant);
  kg_out_lit (&out, ",\"user\":");
  kg_out_text (&out, who->subject);
  kg_out_lit (&out, ",\"key_prefix\":");
  kg_out_text (&out, pass ? pass->prefix : NULL);
  kg_out_lit (&out, ",\"tier\":");
  kg_out_text (&out, who->tier);
  show_list (&out, ",\"scopes\":[", who->scopes);
  show_list (&out, ",\"archetypes\":[", who->archetypes);
  if (pass && quota_counts (&pass->quota))
    show_pass (&out, &pass->quota);
  else /* identified by other means: no limits of ours */
    kg_out_lit (&out, ",\"limits\":null,\"left\":null,\"used\":null");
  kg_out_lit (&out, "}");
  if (!kg_out_ok (&out))
    return -EMSGSIZE;
  auth->host->header (req, "Cache-Control", "no-store");
  auth->host->reply (req, 200, "application/json", out.ptr, out.len);
  return KG_DONE;
}

int32_t
me_open (struct auth *auth)
{
  static const struct kg_route route = {
    .size = sizeof route,
    .method = "GET",
    .pattern = "/v1/me",
    .scope = "read",
    .summary = "The caller's tenant, scopes, limits, and what is left of them",
    .handler = me_get,
    .response_schema
    = "{\"type\":\"object\",\"properties\":{\"tenant\":{\"type\":\"string\"},"
      "\"user\":{\"type\":\"string\"},\"key_prefix\":{\"type\":[\"string\",\"null\"]},"
      "\"tier\":{\"type\":[\"string\",\"null\"]},"
      "\"scopes\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
      "\"archetypes\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
      "\"limits\":{\"type\":[\"object\",\"null\"]},\"left\":{\"type\":[\"object\",\"null\"]},"
      "\"used\":{\"type\":[\"object\",\"null\"]}}}",
  };
  return auth->host->route (auth->self, &route);
}
