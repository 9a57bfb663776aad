/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/request.h"

#include "core/conn.h"
#include "core/trace.h"
#include "core/util/clock.h"
#include "core/util/json.h"
#include "core/worker.h"
#include "core/worker_loop.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ---- Making ------------------------------------------------------------- */

static kg_str
moved (kg_str s, ptrdiff_t by)
{
  if (s.ptr)
    s.ptr += by;
  return s;
}

/* Copies the head's bytes and its fields, slices and all. */
static int
copy_head (struct kg_req *req, const struct head *head, const char *bytes, size_t len,
           const struct gate *gate)
{
  char *copy = arena_copy (&req->arena, bytes, len);
  ptrdiff_t by = copy - bytes;
  req->fields = arena_alloc (&req->arena, head->nfields * sizeof *req->fields);
  if (!copy || !req->fields)
    return 0;
  for (uint32_t i = 0; i < head->nfields; i++) {
    req->fields[i].name = moved (head->fields[i].name, by);
    req->fields[i].value = moved (head->fields[i].value, by);
    req->lengths |= 1u << head->fields[i].name.len % 32;
  }
  memcpy (req->at, head->at, sizeof req->at);
  req->nfields = head->nfields;
  req->seen = head->seen;
  req->old = head->minor == 0;
  req->method_text = moved (head->method, by);
  req->target_text = moved (head->target, by);
  req->gate = *gate;
  if (gate->target.path.ptr >= bytes && gate->target.path.ptr < bytes + len)
    req->gate.target.path = moved (gate->target.path, by);
  req->gate.target.query = moved (gate->target.query, by);
  req->gate.target.authority = moved (gate->target.authority, by);
  return 1;
}

struct kg_req *
request_init (void *slab, struct host *host, struct worker *worker, struct conn *conn,
              const struct head *head, const char *head_bytes, size_t head_len,
              const struct gate *gate)
{
  struct kg_req *req = slab;
  size_t nslots = host->nplugins * sizeof *req->slots;
  memset (req, 0, sizeof *req);
  req->magic = REQUEST_MAGIC;
  req->host = host;
  req->worker = worker;
  req->conn = conn;
  req->start_mono = worker_now (worker);
  req->start_wall = worker_wall (worker);
  arena_init (&req->arena, req + 1, REQUEST_SLAB - sizeof *req);
  req->slots = arena_alloc (&req->arena, nslots);
  if (!req->slots || !copy_head (req, head, head_bytes, head_len, gate)) {
    arena_finish (&req->arena);
    return NULL;
  }
  memset (req->slots, 0, nslots);
  request_identify_self (req);
  return req;
}

void
request_finish (struct kg_req *req)
{
  arena_finish (&req->arena);
  req->magic = 0;
}

void
request_identify_self (struct kg_req *req)
{
  kg_str theirs = request_field (req, FIELD_REQUEST_ID);
  if (theirs.ptr && trace_id_ok (theirs)) {
    memcpy (req->id, theirs.ptr, theirs.len);
    req->id[theirs.len] = 0;
    req->id_len = (uint8_t) theirs.len;
    return;
  }
  trace_uuid (worker_rng (req->worker), req->id);
  req->id_len = 36;
}

/* ---- Getters ------------------------------------------------------------ */

static kg_str
text (const char *s)
{
  kg_str r = { s, s ? strlen (s) : 0 };
  return r;
}

/* A decoded, NUL-terminated copy of a slice of the target. */
static kg_str
decoded (const struct kg_req *req, kg_str raw, int plus)
{
  kg_str none = { NULL, 0 };
  char *out;
  if (!raw.ptr)
    return none;
  out = arena_alloc (&((struct kg_req *) (uintptr_t) req)->arena, raw.len + 1);
  if (!out)
    return none;
  raw.len = target_decode (raw, plus, out);
  out[raw.len] = 0;
  raw.ptr = out;
  return raw;
}

static kg_str
get_param (const struct kg_req *req, const char *key)
{
  const struct route *r = req->match.route;
  kg_str none = { NULL, 0 };
  for (uint32_t i = 0; r && key && i < r->nparams; i++)
    if (strlen (key) == r->params[i].len && !memcmp (key, r->params[i].ptr, r->params[i].len))
      return decoded (req, req->match.values[i], 0);
  return none;
}

/* Names differ by their lengths or first letters, nearly always. */
__attribute__ ((noinline)) static kg_str
get_header (const struct kg_req *req, const char *key)
{
  const struct field *f = req->fields, *end = f + req->nfields;
  kg_str none = { NULL, 0 };
  size_t len = key ? strlen (key) : 0;
  if (!len || !(req->lengths >> len % 32 & 1))
    return none;
  for (; f < end; f++)
    if (f->name.len == len && !((*f->name.ptr ^ *key) & ~0x20)
        && !strncasecmp (f->name.ptr, key, len))
      return f->value;
  return none;
}

int32_t
request_field_at (const kg_req *req, uint32_t place, kg_str *ret_name, kg_str *ret_value)
{
  if (place >= req->nfields)
    return -ENOENT;
  if (ret_name)
    *ret_name = req->fields[place].name;
  if (ret_value)
    *ret_value = req->fields[place].value;
  return 0;
}

/* Makes trace and span id when somebody first asks. */
__attribute__ ((noinline)) static void
trace_make (struct kg_req *req)
{
  kg_str parent = request_field (req, FIELD_TRACEPARENT);
  req->traced = 1;
  if (!parent.ptr || !trace_parse (parent, req->trace_id, req->trace_flags)) {
    trace_new (worker_rng (req->worker), req->trace_id);
    memcpy (req->trace_flags, "00", 3);
  }
  trace_span (worker_rng (req->worker), req->span_id);
}

static inline void
trace_ready (const struct kg_req *req)
{
  if (!req->traced)
    trace_make ((struct kg_req *) (uintptr_t) req);
}

static kg_str
get_traceparent (const struct kg_req *req)
{
  char *out = arena_alloc (&((struct kg_req *) (uintptr_t) req)->arena, 56);
  trace_ready (req);
  if (out)
    snprintf (out, 56, "00-%s-%s-%s", req->trace_id, req->span_id, req->trace_flags);
  return text (out);
}

/* What is not there as it is wanted, but must be looked for or made.  Apart from request_get,
 * whose other cases then need no register saved. */
__attribute__ ((noinline)) static kg_str
get_made (const kg_req *req, int32_t what, const char *key)
{
  kg_str none = { NULL, 0 };
  switch (what) {
  case KG_GET_PARAM:
    return get_param (req, key);
  case KG_GET_QUERY:
    return decoded (req, target_query (req->gate.target.query, key), 1);
  case KG_GET_TRACE_ID:
    trace_ready (req);
    return (kg_str){ req->trace_id, 32 };
  case KG_GET_SPAN_ID:
    trace_ready (req);
    return (kg_str){ req->span_id, 16 };
  case KG_GET_CLIENT:
    return conn_client (req->conn, req);
  case KG_GET_SCOPE:
    return text (req->match.route ? req->match.route->pub.scope : NULL);
  case KG_GET_REPLY:
    return (kg_str){ req->response.body, req->response.len };
  case KG_GET_TRACEPARENT:
    return get_traceparent (req);
  default:
    return none;
  }
}

kg_str
request_get (const kg_req *req, int32_t what, const char *key)
{
  switch (what) {
  case KG_GET_METHOD:
    return req->method_text;
  case KG_GET_PATH:
    return req->gate.target.path;
  case KG_GET_ROUTE:
    return req->match.route ? req->match.route->pattern : (kg_str){ NULL, 0 };
  case KG_GET_QUERY:
    return key ? get_made (req, what, key) : req->gate.target.query;
  case KG_GET_HEADER:
    return get_header (req, key);
  case KG_GET_BODY:
    return req->body;
  case KG_GET_REQUEST_ID:
    return (kg_str){ req->id, req->id_len };
  default:
    return get_made (req, what, key);
  }
}

int64_t
request_num (const kg_req *req, int32_t what)
{
  switch (what) {
  case KG_NUM_TIME:
    return req->start_wall;
  case KG_NUM_ELAPSED:
    return clock_mono () - req->start_mono;
  case KG_NUM_STATUS:
    return req->response.status;
  case KG_NUM_ROUTE_FLAGS:
    return req->match.route ? req->match.route->pub.flags : 0;
  case KG_NUM_ADMIN:
    return req->conn->admin;
  case KG_NUM_LOCAL:
    return req->conn->local;
  case KG_NUM_INNER:
    return req->conn->inner;
  case KG_NUM_GONE:
    return req->gone;
  case KG_NUM_SENT:
    return (int64_t) req->sent;
  case KG_NUM_WORKER:
    return worker_index (req->worker);
  default:
    return -ENOENT;
  }
}

/* ---- Body --------------------------------------------------------------- */

const struct kg_json *
request_json (const kg_req *req)
{
  return req->json.text ? &req->json : NULL;
}

static int32_t
scan (struct kg_req *req, kg_str s, struct kg_json *ret, struct json_error *error)
{
  uint32_t max = json_tokens_bound (s.len);
  struct kg_json_token *tokens = arena_alloc (&req->arena, max * sizeof *tokens);
  int32_t rc;
  if (!tokens)
    return -ENOMEM;
  rc = json_scan (s.ptr, s.len, tokens, max, ret, error);
  arena_shrink (&req->arena, tokens, max * sizeof *tokens,
                rc < 0 ? 0 : ret->count * sizeof *tokens);
  return rc;
}

int32_t
request_scan_body (kg_req *req, const char **ret_why)
{
  struct json_error error = { 0, "malformed" };
  int32_t rc = scan (req, req->body, &req->json, &error);
  char *why;
  if (rc >= 0 || rc == -ENOMEM)
    return rc;
  why = arena_alloc (&req->arena, 160);
  if (!why)
    return -ENOMEM;
  snprintf (why, 160, "Invalid JSON body: %s at byte %zu", error.reason, error.offset);
  *ret_why = why;
  return -EBADMSG;
}

const struct kg_json *
request_parse (kg_req *req, kg_str s)
{
  struct kg_json *j = arena_alloc (&req->arena, sizeof *j);
  char *copy = arena_copy (&req->arena, s.ptr, s.len);
  if (!j || !copy)
    return NULL;
  s.ptr = copy;
  return scan (req, s, j, NULL) < 0 ? NULL : j;
}

void *
request_alloc (kg_req *req, size_t size)
{
  return arena_alloc (&req->arena, size);
}

void **
request_slot (kg_req *req, kg_self *self)
{
  return &req->slots[self->index];
}
