/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The host's functions that take a request. */
#include "fake-internal.h"

#include <kgent/json.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static kg_str
str_of (const char *text)
{
  kg_str s = { text, text ? strlen (text) : 0 };
  return s;
}

static const char *
pair_find (const struct fake_pair *pairs, int n, const char *name)
{
  for (int i = 0; i < n; i++)
    if (!strcasecmp (pairs[i].name, name))
      return pairs[i].value;
  return NULL;
}

const char *
fake_request_header (const kg_req *req, const char *name)
{
  return pair_find (req->headers, req->nheaders, name);
}

static int32_t
host_field (const kg_req *req, uint32_t place, kg_str *ret_name, kg_str *ret_value)
{
  if (place >= (uint32_t)req->nheaders)
    return -ENOENT;
  if (ret_name)
    *ret_name = str_of (req->headers[place].name);
  if (ret_value)
    *ret_value = str_of (req->headers[place].value);
  return 0;
}

static int
hex (int c)
{
  return c >= '0' && c <= '9'                 ? c - '0'
         : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                              : -1;
}

const char *
fake_decode (struct fake_pool *pool, const char *p, size_t len, int plus)
{
  char *out = fake_pool_alloc (pool, len + 1), *o = out;
  for (size_t i = 0; i < len; i++)
    if (p[i] == '%' && i + 2 < len && hex (p[i + 1]) >= 0 && hex (p[i + 2]) >= 0) {
      *o++ = (char)(hex (p[i + 1]) << 4 | hex (p[i + 2]));
      i += 2;
    } else
      *o++ = plus && p[i] == '+' ? ' ' : p[i];
  return out;
}

/* The first query parameter of that name, decoded. */
static const char *
query_find (const kg_req *req, const char *key)
{
  struct fake_pool *pool = (struct fake_pool *)&req->pool;
  for (const char *p = req->query; p && *p;
       p += strcspn (p, "&") + (p[strcspn (p, "&")] == '&')) {
    size_t len = strcspn (p, "&"), name = strcspn (p, "&=");
    if (!strcmp (fake_decode (pool, p, name, 1), key))
      return name < len ? fake_decode (pool, p + name + 1, len - name - 1, 1) : "";
  }
  return NULL;
}

static kg_str
host_get (const kg_req *req, int32_t what, const char *key)
{
  kg_str body = { req->reply.ptr, req->reply.len };
  switch (what) {
  case KG_GET_METHOD:
    return str_of (req->method);
  case KG_GET_PATH:
    return str_of (req->path);
  case KG_GET_ROUTE:
    return str_of (req->route ? req->route->route.pattern : NULL);
  case KG_GET_PARAM:
    return str_of (key ? pair_find (req->params, req->nparams, key) : NULL);
  case KG_GET_QUERY:
    return str_of (key ? query_find (req, key) : req->query);
  case KG_GET_HEADER:
    return str_of (key ? fake_request_header (req, key) : NULL);
  case KG_GET_BODY:
    return req->body;
  case KG_GET_REQUEST_ID:
    return str_of (req->id);
  case KG_GET_TRACE_ID:
    return str_of ("0af7651916cd43dd8448eb211c80319c");
  case KG_GET_SPAN_ID:
    return str_of ("b7ad6b7169203331");
  case KG_GET_CLIENT:
    return str_of (req->client ? req->client : "192.0.2.1");
  case KG_GET_SCOPE:
    return str_of (req->route ? req->route->route.scope : NULL);
  case KG_GET_REPLY:
    return body;
  case KG_GET_TRACEPARENT:
    return str_of ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
  default:
    return str_of (NULL);
  }
}

static int64_t
host_num (const kg_req *req, int32_t what)
{
  switch (what) {
  case KG_NUM_TIME:
    return req->arrived;
  case KG_NUM_ELAPSED:
    return fake_now (req->fake) - req->arrived;
  case KG_NUM_STATUS:
    return req->status;
  case KG_NUM_ROUTE_FLAGS:
    return req->route ? req->route->route.flags : 0;
  case KG_NUM_ADMIN:
    return req->admin;
  case KG_NUM_LOCAL:
    return req->local;
  case KG_NUM_INNER:
    return req->inner;
  case KG_NUM_GONE:
    return req->gone;
  case KG_NUM_SENT:
    return req->done ? (int64_t)req->reply.len : 0;
  case KG_NUM_WORKER:
    return 0;
  default:
    return -ENOENT;
  }
}

static const struct kg_json *
host_json (const kg_req *req)
{
  return req->json;
}

static const struct kg_json *
host_parse (kg_req *req, kg_str text)
{
  return fake_scan (&req->pool, fake_pool_copy (&req->pool, text.ptr, text.len), text.len);
}

static void *
host_alloc (kg_req *req, size_t size)
{
  return memset (fake_pool_alloc (&req->pool, size), 0xa5, size);
}

static void **
host_slot (kg_req *req, kg_self *self)
{
  return &req->slots[self->index];
}

/* Visible characters and blanks only. */
static int
value_ok (const char *v)
{
  for (; *v; v++)
    if ((unsigned char)*v < 0x20 ? *v != '\t' : *v == 0x7f)
      return 0;
  return 1;
}

static int
name_ok (const char *name)
{
  static const char *const ours[]
      = { "Content-Length", "Transfer-Encoding", "Connection",
          "Date",           "X-Request-ID",      "X-Response-Time" };
  size_t n = strlen (name);
  if (!n || strcspn (name, " \t\r\n:|()<>@,;\\\"/[]?={}") != n)
    return 0;
  for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
    if (!strcasecmp (ours[i], name))
      return 0;
  return 1;
}

static int32_t
host_header (kg_req *req, const char *name, const char *value)
{
  if (!name || !value || !name_ok (name) || !value_ok (value))
    return -EINVAL;
  if (req->nout == FAKE_HEADERS)
    return -ENOMEM;
  req->out[req->nout].name = fake_pool_text (&req->pool, "%s", name);
  req->out[req->nout++].value = fake_pool_text (&req->pool, "%s", value);
  return 0;
}

struct kg_fields {
  uint32_t count;
  const char *name[KG_FIELDS_MAX];
};

static int32_t
host_fields (kg_self *self, const char *const *names, const kg_fields **ret)
{
  struct kg_fields *f = fake_pool_alloc (&self->pool, sizeof *f);
  if (!self->opening && self != &self->fake->self)
    fake_die ("fields: %s called it outside of open", self->name);
  for (; *names; names++) {
    if (f->count == KG_FIELDS_MAX || strlen (*names) > 46 || !name_ok (*names))
      return -EINVAL;
    f->name[f->count++] = fake_pool_text (&self->pool, "%s", *names);
  }
  *ret = f;
  return 0;
}

/* All or nothing, as the host. */
static int32_t
host_headers (kg_req *req, const kg_fields *fields, const struct kg_value *values)
{
  int before = req->nout;
  for (uint32_t i = 0; i < fields->count; i++) {
    const struct kg_value *v = &values[i];
    int32_t rc = 0;
    if (v->text)
      rc = v->n < 0 || memchr (v->text, 0, (size_t) v->n)
               ? -EINVAL
               : host_header (req, fields->name[i],
                              fake_pool_copy (&req->pool, v->text, (size_t) v->n));
    else if (v->n >= 0)
      rc = host_header (req, fields->name[i],
                        fake_pool_text (&req->pool, "%lld", (long long) v->n));
    if (rc < 0) {
      req->nout = before;
      return rc;
    }
  }
  return 0;
}

/* Sets the response; `type` replaces an earlier Content-Type. */
static void
reply_set (kg_req *req, int32_t status, const char *type, const void *body, size_t len)
{
  struct fake_text old = req->reply;
  int n = 0;
  for (int i = 0; i < req->nout; i++)
    if (strcasecmp (req->out[i].name, "Content-Type"))
      req->out[n++] = req->out[i];
  req->nout = n;
  if (type)
    host_header (req, "Content-Type", type);
  memset (&req->reply, 0, sizeof req->reply);
  fake_text_add (&req->reply, body, len);
  free (old.ptr);
  req->status = status;
  req->stream.replaced = req->stream.lazy;
}

static int32_t
host_reply (kg_req *req, int32_t status, const char *type, const void *body, size_t len)
{
  if (status < 200 || status > 599 || (!body && len) || (type && !value_ok (type))) {
    static const char bad[] = "{\"type\":\"about:blank\",\"title\":\"Internal Server Error\","
                              "\"status\":500,\"detail\":\"The plugin gave a bad reply\"}";
    reply_set (req, 500, "application/problem+json", bad, sizeof bad - 1);
    return -EINVAL;
  }
  reply_set (req, status, type, body, len);
  return 0;
}

static int32_t
host_member (kg_req *req, const char *name, kg_str json)
{
  char *copy = fake_pool_copy (&req->pool, json.ptr, json.len);
  if (!name || req->nmembers == FAKE_PARTS || !fake_scan (&req->pool, copy, json.len))
    return -EINVAL;
  req->members[req->nmembers].name = fake_pool_text (&req->pool, "%s", name);
  req->members[req->nmembers++].value = copy;
  return 0;
}

static const char *
status_title (int32_t status)
{
  static const struct {
    int32_t status;
    const char *title;
  } t[] = { { 400, "Bad Request" },
            { 401, "Unauthorized" },
            { 402, "Payment Required" },
            { 403, "Forbidden" },
            { 404, "Not Found" },
            { 405, "Method Not Allowed" },
            { 408, "Request Timeout" },
            { 409, "Conflict" },
            { 413, "Content Too Large" },
            { 415, "Unsupported Media Type" },
            { 422, "Unprocessable Content" },
            { 429, "Too Many Requests" },
            { 500, "Internal Server Error" },
            { 501, "Not Implemented" },
            { 502, "Bad Gateway" },
            { 503, "Service Unavailable" },
            { 504, "Gateway Timeout" } };
  for (size_t i = 0; i < sizeof t / sizeof t[0]; i++)
    if (t[i].status == status)
      return t[i].title;
  return "Error";
}

static int32_t
host_problem (kg_req *req, int32_t status, const char *type, const char *detail, ...)
{
  char text[1024], json[8192];
  struct kg_out o = { json, 0, sizeof json };
  va_list ap;
  va_start (ap, detail);
  vsnprintf (text, sizeof text, detail, ap);
  va_end (ap);
  kg_out_lit (&o, "{\"type\":");
  kg_out_text (&o, type ? type : "about:blank");
  kg_out_lit (&o, ",\"title\":");
  kg_out_text (&o, status_title (status));
  kg_out_lit (&o, ",\"status\":");
  kg_out_int (&o, status);
  kg_out_lit (&o, ",\"detail\":");
  kg_out_text (&o, text);
  kg_out_lit (&o, ",\"instance\":");
  kg_out_text (&o, req->id);
  for (int i = 0; i < req->nmembers; i++) {
    kg_out_lit (&o, ",");
    kg_out_text (&o, req->members[i].name);
    kg_out_lit (&o, ":");
    kg_out_lit (&o, req->members[i].value);
  }
  kg_out_lit (&o, "}");
  req->nmembers = 0;
  if (!kg_out_ok (&o) || status < 400 || status > 599)
    fake_die ("problem: status %d or its members don't do", status);
  reply_set (req, status, "application/problem+json", json, o.len);
  return KG_DONE;
}

static const char *const *
list_copy (struct fake_pool *pool, const char *const *list)
{
  size_t n = 0;
  const char **copy;
  while (list && list[n])
    n++;
  copy = fake_pool_alloc (pool, (n + 1) * sizeof *copy);
  for (size_t i = 0; i < n; i++)
    copy[i] = fake_pool_text (pool, "%s", list[i]);
  return copy;
}

const struct kg_identity *
fake_identity_copy (struct fake_pool *pool, const struct kg_identity *id)
{
  struct kg_identity *c = fake_pool_alloc (pool, sizeof *c);
  memcpy (c, id, id->size < sizeof *c ? id->size : sizeof *c);
  c->size = sizeof *c;
  c->subject = id->subject ? fake_pool_text (pool, "%s", id->subject) : NULL;
  c->tenant = id->tenant ? fake_pool_text (pool, "%s", id->tenant) : NULL;
  c->key_id = id->key_id ? fake_pool_text (pool, "%s", id->key_id) : NULL;
  c->tier = id->tier ? fake_pool_text (pool, "%s", id->tier) : NULL;
  c->scopes = list_copy (pool, id->scopes);
  c->archetypes = list_copy (pool, id->archetypes);
  return c;
}

static int32_t
host_identify (kg_req *req, const struct kg_identity *identity)
{
  if (req->phase != KG_PHASE_ACCESS)
    fake_die ("identify: only in ACCESS");
  if (identity->size >= sizeof *identity && identity->flags & KG_IDENTITY_STAYS)
    req->identity = identity; /* whoever frees it too early is found by a sanitizer */
  else
    req->identity = fake_identity_copy (&req->pool, identity);
  return 0;
}

static const struct kg_identity *
host_identity (const kg_req *req)
{
  return req->identity;
}

static kg_ticket *
host_suspend (kg_req *req, void (*gone) (void *arg), void *arg)
{
  kg_ticket *t;
  if (req->ticket || req->done)
    return NULL;
  t = req->ticket = calloc (1, sizeof *t);
  if (!t)
    return NULL;
  t->req = req;
  t->gone = gone;
  t->gone_arg = arg;
  return t;
}

const struct kg_host fake_table = {
  .abi = KG_ABI_CURRENT,
  .size = sizeof (struct kg_host),
  .log = fake_host_log,
  .route = fake_host_route,
  .hook = fake_host_hook,
  .provide = fake_host_provide,
  .need = fake_host_need,
  .get = host_get,
  .num = host_num,
  .json = host_json,
  .parse = host_parse,
  .alloc = host_alloc,
  .slot = host_slot,
  .header = host_header,
  .reply = host_reply,
  .member = host_member,
  .problem = host_problem,
  .identify = host_identify,
  .identity = host_identity,
  .suspend = host_suspend,
  .resume = fake_host_resume,
  .stream = fake_host_stream,
  .send = fake_host_send,
  .end = fake_host_end,
  .fields = host_fields,
  .headers = host_headers,
  .stream2 = fake_host_stream2,
  .taken = fake_host_taken,
  .field = host_field,
};
