/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What is left of limits, and why a request is let in or not. */
#include "plugins/auth/admin_key.h"
#include "plugins/auth/change.h"
#include "plugins/auth/explain.h"
#include "plugins/auth/schema.h"

#include <errno.h>
#include <string.h>

#define PATH_MAX_LEN   4096
#define METHOD_MAX_LEN 16

/* What an id names isn't there, or is malformed, which is the same to the caller. */
static void
show_end (struct task *t, int32_t rc, const char *what)
{
  if (rc == -ENOENT || rc == -EINVAL)
    task_refuse (t, 404, "%s not found", what);
  else if (rc < 0)
    t->error = rc;
  else
    t->status = 200;
}

static void
query_fault (struct task *t, const char *name, const char *type, const char *msg)
{
  task_fault (t, &(struct fault){ .in = "query", .member = name, .type = type, .msg = msg });
}

static kg_str
str_of (const char *text)
{
  return (kg_str){ text, strlen (text) };
}

/* ---- GET /admin/v1/limits ------------------------------------------------ */

static void
tenant_limits_run (struct task *t)
{
  char id[TEXT_UUID];
  int32_t rc = tenant_named (t, t->tenant, id);
  t->out = task_out (t, EXPLAIN_MAX);
  if (rc == 0)
    rc = limits_show_tenant (t->auth, str_of (id), &t->out);
  show_end (t, rc, "Tenant");
}

/* A revoked key is in force nowhere, and yet there: then its answer is `text`. */
static void
key_end (struct task *t, int32_t rc, const char *text)
{
  uint64_t revision;
  kg_str value;
  if (rc == -ENOENT && change_get (t, t->auth->keys_bucket, t->id, &value, &revision) == 0) {
    kg_out_lit (&t->out, text);
    rc = 0;
  }
  show_end (t, rc, "Key");
}

static void
key_limits_run (struct task *t)
{
  t->out = task_out (t, EXPLAIN_MAX);
  key_end (t, limits_show_key (t->auth, str_of (t->id), &t->out), "{\"policies\":[]}");
}

static void
busiest_run (struct task *t)
{
  t->out = task_out (t, BUSIEST_MAX);
  show_end (t, limits_show_busiest (t->auth, &t->out), "Tenant");
}

static int32_t
limits_get (kg_req *req, void *auth)
{
  struct task *t = task_create (auth, req);
  int32_t of_key = task_given (req, auth, "key"), of_tenant = task_given (req, auth, "tenant");
  if (!t)
    return -ENOMEM;
  task_query (req, auth, "key", t->id);
  task_query (req, auth, "tenant", t->tenant);
  if (of_key && of_tenant)
    query_fault (t, "tenant", "range", "Give a key or a tenant, not both");
  return task_start (t, req, of_key ? key_limits_run : of_tenant ? tenant_limits_run : busiest_run);
}

/* ---- GET /admin/v1/explain ----------------------------------------------- */

/* A query parameter in the task's memory; NULL without it, or with a fault. */
static const char *
text_read (struct task *t, kg_req *req, const char *name, size_t max)
{
  kg_str s = t->auth->host->get (req, KG_GET_QUERY, name);
  if (s.ptr && s.len && s.len <= max && !memchr (s.ptr, 0, s.len))
    return task_copy (t, s);
  if (s.ptr)
    query_fault (t, name, "range",
                 task_text (t, "Input should have 1 to %zu characters", max));
  return NULL;
}

static void
explain_run (struct task *t)
{
  kg_str method = { t->method, t->method ? strlen (t->method) : 0 };
  t->out = task_out (t, EXPLAIN_MAX);
  key_end (t, explain_key (t->auth, str_of (t->id), str_of (t->path), method, &t->out),
           "{\"verdict\":\"deny\",\"status\":401,\"detail\":\"the key is revoked\",\"checks\":["
           "{\"check\":\"key\",\"verdict\":\"deny\",\"detail\":\"the key is revoked\"}]}");
}

static int32_t
explain_get (kg_req *req, void *auth)
{
  struct task *t = task_create (auth, req);
  if (!t)
    return -ENOMEM;
  if (!task_given (req, auth, "key"))
    query_fault (t, "key", "missing", "Field required");
  task_query (req, auth, "key", t->id);
  if (!task_given (req, auth, "path"))
    query_fault (t, "path", "missing", "Field required");
  t->path = text_read (t, req, "path", PATH_MAX_LEN);
  t->method = text_read (t, req, "method", METHOD_MAX_LEN);
  if (t->method && t->method[strspn (t->method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")])
    query_fault (t, "method", "range", "Input should be a method in upper case, as GET");
  return task_start (t, req, explain_run);
}

/* ---- Routes -------------------------------------------------------------- */

#define P_TEXT(name, text)                                                                   \
  "{\"name\":\"" name "\",\"in\":\"query\",\"description\":\"" text "\",\"schema\":" S_TEXT "}"
#define P_MUST(name, text)                                                                   \
  "{\"name\":\"" name "\",\"in\":\"query\",\"required\":true,\"description\":\"" text         \
  "\",\"schema\":" S_TEXT "}"

static const struct kg_route routes[] = {
  { .size = sizeof routes[0],
    .flags = KG_ADMIN,
    .method = "GET",
    .pattern = "/admin/v1/limits",
    .scope = "admin",
    .summary = "What is left of the limits of a key or a tenant; else the busiest tenants",
    .handler = limits_get,
    .response_schema
    = "{\"type\":\"object\",\"properties\":{\"policies\":{\"type\":\"array\",\"items\":{\"type\":"
      "\"object\",\"properties\":{\"name\":" S_TEXT ",\"of\":{\"enum\":[\"key\",\"tenant\"]},"
      "\"limit\":" S_INT ",\"used\":" S_INT ",\"left\":" S_NUMBER ",\"reset_s\":" S_INT "}}},"
      "\"tenants\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{\"tenant\":"
      S_UUID ",\"requests_today\":" S_INT ",\"denied_today\":" S_INT ",\"concurrent\":" S_INT "}}}}}",
    .parameters = "[" P_TEXT ("key", "Id of a key") "," P_TENANT "]",
    .statuses = "404 422" },
  { .size = sizeof routes[0],
    .flags = KG_ADMIN,
    .method = "GET",
    .pattern = "/admin/v1/explain",
    .scope = "admin",
    .summary = "Whether a request with a key would be let in, and why",
    .handler = explain_get,
    .response_schema
    = "{\"type\":\"object\",\"properties\":{\"verdict\":{\"enum\":[\"allow\",\"deny\"]},"
      "\"status\":" S_INT ",\"detail\":" S_TEXT ",\"checks\":{\"type\":\"array\",\"items\":"
      "{\"type\":\"object\",\"properties\":{\"check\":" S_TEXT ",\"verdict\":" S_TEXT
      ",\"detail\":" S_TEXT "}}}}}",
    .parameters = "[" P_MUST ("key", "Id of a key") ","
                  P_MUST ("path", "Of a URL, or of AGENTESE") ","
                  P_TEXT ("method", "GET, or POST for a path of AGENTESE") "]",
    .statuses = "404 422" },
};

int32_t
admin_show_open (struct auth *auth)
{
  return routes_add (auth, routes, sizeof routes / sizeof routes[0]);
}
