/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* GET /admin/v1/keys: a walk over the store, so it runs as a job. */
#include "plugins/auth/auth.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LIST_MAX   1000 /* keys in one answer */
#define LIST_DFLT  100

struct list {
  struct auth *auth;
  kg_ticket *ticket;
  int64_t limit;
  char after[TEXT_UUID];  /* "": from the beginning */
  char tenant[TEXT_UUID]; /* "": all */
  struct kg_out out;      /* malloc'ed */
  int64_t count;
  int32_t more;           /* 1: there are keys behind the last one */
  int32_t error;
  char last[TEXT_UUID];
};

static void
list_destroy (void *arg)
{
  struct list *l = arg;
  free (l->out.ptr);
  free (l);
}

/* ---- The job ------------------------------------------------------------- */

/* Room for one more key. */
static int32_t
list_reserve (struct list *l)
{
  size_t cap = l->out.cap ? l->out.cap * 2 : 2 * KEY_JSON;
  char *p;
  if (l->out.len + KEY_JSON <= l->out.cap)
    return 0;
  p = realloc (l->out.ptr, cap);
  if (!p)
    return -ENOMEM;
  l->out.ptr = p;
  l->out.cap = cap;
  return 0;
}

static int32_t
list_show (const struct key_spec *spec, void *arg)
{
  struct list *l = arg;
  char used[TEXT_TIME];
  int64_t used_ns;
  if (*l->tenant && strcmp (l->tenant, spec->tenant))
    return 0;
  if (l->count == l->limit) {
    l->more = 1;
    return 1;
  }
  if (list_reserve (l) < 0)
    return -ENOMEM;
  used_ns = usage_last_used (l->auth, (kg_str){ spec->id, strlen (spec->id) });
  if (used_ns)
    text_time (used_ns, used);
  kg_out_lit (&l->out, l->count++ ? ",{" : "{\"keys\":[{");
  key_show (&l->out, spec);
  kg_out_lit (&l->out, ",\"last_used_at\":");
  kg_out_text (&l->out, used_ns ? used : NULL);
  kg_out_lit (&l->out, "}");
  strncpy (l->last, spec->id, sizeof l->last - 1);
  return 0;
}

/* A value that is no key was logged when it was loaded. */
static int32_t
list_entry (const struct kg_entry *entry, void *arg)
{
  struct list *l = arg;
  size_t after = strlen (l->after), n = entry->key.len < after ? entry->key.len : after;
  int order = memcmp (entry->key.ptr, l->after, n);
  int32_t rc;
  if (after && (order < 0 || (order == 0 && entry->key.len <= after)))
    return 0;
  rc = key_read (entry->value, list_show, l);
  return rc == -EINVAL ? 0 : rc;
}

static int32_t
list_answer (kg_req *req, void *arg)
{
  struct list *l = arg;
  const struct kg_host *host = l->auth->host;
  int32_t rc = l->error < 0 ? l->error : KG_DONE;
  if (rc == KG_DONE) {
    host->header (req, "Cache-Control", "no-store");
    host->reply (req, 200, "application/json", l->out.ptr, l->out.len);
  }
  list_destroy (l);
  return rc;
}

static void
list_run (void *arg)
{
  struct list *l = arg;
  l->error = list_reserve (l);
  if (l->error == 0)
    l->error = l->auth->store->scan (l->auth->keys_bucket, (kg_str){ "", 0 }, list_entry, l);
  if (l->error >= 0 && (l->error = list_reserve (l)) == 0) {
    kg_out_lit (&l->out, l->count ? "],\"next\":" : "{\"keys\":[],\"next\":");
    kg_out_text (&l->out, l->more ? l->last : NULL);
    kg_out_lit (&l->out, "}");
  }
  l->auth->host->resume (l->ticket, list_answer, l, list_destroy);
}

/* ---- The route ----------------------------------------------------------- */

/* A whole number from 1 to LIST_MAX, or -EINVAL. */
static int64_t
limit_parse (kg_str s)
{
  int64_t n = 0;
  size_t i;
  if (!s.ptr)
    return LIST_DFLT;
  for (i = 0; i < s.len && i < 6; i++) {
    if (s.ptr[i] < '0' || s.ptr[i] > '9')
      return -EINVAL;
    n = n * 10 + (s.ptr[i] - '0');
  }
  return n >= 1 && n <= LIST_MAX ? n : -EINVAL;
}

static int32_t
uuid_parse (kg_str s, char out[TEXT_UUID])
{
  return s.ptr ? text_uuid (s.ptr, s.len, out) : 0;
}

static int32_t
list_refuse (const struct auth *auth, kg_req *req, const char *name, const char *type,
             const char *msg)
{
  char text[256];
  struct kg_out out = { text, 0, sizeof text };
  kg_out_lit (&out, "[{\"loc\":[\"query\",");
  kg_out_text (&out, name);
  kg_out_lit (&out, "],\"type\":");
  kg_out_text (&out, type);
  kg_out_lit (&out, ",\"msg\":");
  kg_out_text (&out, msg);
  kg_out_lit (&out, "}]");
  auth->host->member (req, "errors", (kg_str){ text, out.len });
  return auth->host->problem (req, 422, NULL, "%s: %s", name, msg);
}

static int32_t
keys_get (kg_req *req, void *data)
{
  struct auth *auth = data;
  const struct kg_host *host = auth->host;
  struct list query = { .auth = auth }, *l;
  int32_t rc;
  query.limit = limit_parse (host->get (req, KG_GET_QUERY, "limit"));
  if (query.limit < 0)
    return list_refuse (auth, req, "limit", "range", "Input should be between 1 and 1000");
  if (uuid_parse (host->get (req, KG_GET_QUERY, "after"), query.after) < 0)
    return list_refuse (auth, req, "after", "uuid_parsing", "Input should be a valid UUID");
  if (uuid_parse (host->get (req, KG_GET_QUERY, "tenant"), query.tenant) < 0)
    return list_refuse (auth, req, "tenant", "uuid_parsing", "Input should be a valid UUID");
  l = malloc (sizeof *l);
  if (!l)
    return -ENOMEM;
  *l = query;
  l->ticket = host->suspend (req, NULL, NULL);
  if (!l->ticket) {
    list_destroy (l);
    return -ENOMEM;
  }
  rc = auth->jobs->run (auth->self, list_run, l);
  if (rc < 0) {
    l->error = rc;
    host->resume (l->ticket, list_answer, l, list_destroy);
  }
  return KG_WAIT;
}

int32_t
list_open (struct auth *auth)
{
  static const struct kg_route route = {
    .size = sizeof route,
    .flags = KG_ADMIN,
    .method = "GET",
    .pattern = "/admin/v1/keys",
    .scope = "admin",
    .summary = "List keys, without secrets, in the order of their ids",
    .handler = keys_get,
    .parameters = "[{\"name\":\"limit\",\"in\":\"query\",\"schema\":{\"type\":\"integer\","
                  "\"minimum\":1,\"maximum\":1000,\"default\":100}},"
                  "{\"name\":\"after\",\"in\":\"query\",\"description\":\"The id to go on "
                  "behind\",\"schema\":{\"type\":\"string\"}},"
                  "{\"name\":\"tenant\",\"in\":\"query\",\"schema\":{\"type\":\"string\"}}]",
    .statuses = "422",
  };
  return auth->host->route (auth->self, &route);
}
