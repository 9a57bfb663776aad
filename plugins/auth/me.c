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

/* What a member of the answer is called, and the policy that it is about. */
static const struct {
  const char *name;
  enum limit_policy policy;
} rows[] = {
  { "\"requests_per_minute\":", LIMIT_MINUTE }, { "\"requests_per_day\":", LIMIT_DAY },
  { "\"requests_per_month\":", LIMIT_MONTH },   { "\"tokens_per_month\":", LIMIT_TOKENS },
  { "\"spend_per_month\":", LIMIT_MONEY },      { "\"concurrent\":", LIMIT_CONCURRENT },
};

#define ROWS (sizeof rows / sizeof rows[0])

/* What is limited: null where it isn't; `used` taken off. */
static void
show_limits (struct kg_out *out, const char *name, const struct limits *l,
             const struct standing *used)
{
  kg_out_lit (out, name);
  for (size_t i = 0; i < ROWS; i++) {
    int64_t limit = limit_of (l, rows[i].policy), off = 0;
    if (used)
      off = limit_used (l, used, rows[i].policy);
    kg_out_lit (out, i ? "," : "{");
    kg_out_lit (out, rows[i].name);
    if (limit)
      kg_out_int (out, limit > off ? limit - off : 0);
    else
      kg_out_lit (out, "null");
  }
  kg_out_lit (out, "}");
}

static void
show_used (struct kg_out *out, const struct standing *s)
{
  kg_out_lit (out, ",\"used\":{\"requests_today\":");
  kg_out_int (out, s->day_used);
  kg_out_lit (out, ",\"tokens_today\":");
  kg_out_int (out, s->tokens_today);
  kg_out_lit (out, ",\"tokens_month\":");
  kg_out_int (out, s->tokens);
  kg_out_lit (out, ",\"spend_month\":");
  kg_out_int (out, s->money);
  kg_out_lit (out, "}");
}

static void
show_subject (struct kg_out *out, const struct quota *q, enum limit_of of)
{
  const struct limits l = subject_limits (&q->subject[of], q->at.month);
  struct standing s;
  limit_look (&q->subject[of], &q->at, &s);
  show_limits (out, "\"limits\":", &l, NULL);
  show_limits (out, ",\"left\":", &l, &s);
  show_used (out, &s);
}

/* The key's own, its tenant's, and when the windows begin anew. */
static void
show_quota (struct kg_out *out, const struct quota *q)
{
  char text[TEXT_TIME];
  kg_out_lit (out, ",");
  show_subject (out, q, LIMIT_KEY);
  kg_out_lit (out, ",\"of_tenant\":{");
  show_subject (out, q, LIMIT_TENANT);
  text_time ((int64_t) (q->at.day + 1) * LIMIT_DAY_S * TEXT_SECOND, text);
  kg_out_lit (out, "},\"day_ends_at\":");
  kg_out_text (out, text);
  text_time ((int64_t) q->at.month_end * LIMIT_DAY_S * TEXT_SECOND, text);
  kg_out_lit (out, ",\"month_ends_at\":");
  kg_out_text (out, text);
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
    show_quota (&out, &pass->quota);
  else /* identified by other means: no limits of ours */
    kg_out_lit (&out, ",\"limits\":null,\"left\":null,\"used\":null,\"of_tenant\":null,"
                      "\"day_ends_at\":null,\"month_ends_at\":null");
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
      "\"used\":{\"type\":[\"object\",\"null\"]},"
      "\"of_tenant\":{\"type\":[\"object\",\"null\"]},"
      "\"day_ends_at\":{\"type\":[\"string\",\"null\"]},"
      "\"month_ends_at\":{\"type\":[\"string\",\"null\"]}}}",
  };
  return auth->host->route (auth->self, &route);
}
