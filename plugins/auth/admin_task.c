/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "plugins/auth/admin.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK 8192 /* bytes, at least */

struct task_chunk {
  _Alignas (16) struct task_chunk *next;
  size_t size, used; /* of bytes */
  _Alignas (16) char bytes[];
};

/* ---- Memory -------------------------------------------------------------- */

static struct task_chunk *
chunk_create (size_t size, struct task_chunk *next)
{
  struct task_chunk *c;
  if (size < CHUNK)
    size = CHUNK;
  c = size < SIZE_MAX / 2 ? malloc (sizeof *c + size) : NULL;
  if (c)
    *c = (struct task_chunk){ .next = next, .size = size };
  return c;
}

void *
task_alloc (struct task *t, size_t size)
{
  struct task_chunk *c = t->memory;
  char *p;
  size = (size + 15) & ~(size_t) 15;
  if (!c || c->size - c->used < size)
    c = chunk_create (size, t->memory);
  if (!c) {
    t->error = -ENOMEM;
    return NULL;
  }
  t->memory = c;
  p = c->bytes + c->used;
  c->used += size;
  return memset (p, 0, size);
}

char *
task_copy (struct task *t, kg_str text)
{
  char *p = task_alloc (t, text.len + 1);
  if (p && text.len)
    memcpy (p, text.ptr, text.len);
  return p;
}

static char *
text_format (struct task *t, const char *fmt, va_list args)
{
  va_list again;
  char *p;
  int n;
  va_copy (again, args);
  n = vsnprintf (NULL, 0, fmt, again);
  va_end (again);
  p = task_alloc (t, (size_t) (n < 0 ? 0 : n) + 1);
  if (p && n > 0)
    vsnprintf (p, (size_t) n + 1, fmt, args);
  return p;
}

char *
task_text (struct task *t, const char *fmt, ...)
{
  va_list args;
  char *p;
  va_start (args, fmt);
  p = text_format (t, fmt, args);
  va_end (args);
  return p;
}

struct kg_out
task_out (struct task *t, size_t size)
{
  struct kg_out out = { task_alloc (t, size), 0, size };
  if (!out.ptr)
    out.cap = 0;
  return out;
}

int32_t
task_room (struct task *t, size_t bytes)
{
  struct kg_out grown;
  if (t->out.len + bytes <= t->out.cap)
    return 0;
  grown = task_out (t, 2 * t->out.cap + bytes);
  if (!grown.ptr)
    return -ENOMEM;
  if (t->out.len)
    kg_out_raw (&grown, t->out.ptr, t->out.len);
  t->out = grown;
  return 0;
}

kg_str
task_written (struct task *t, const struct kg_out *out)
{
  kg_str s = { out->ptr, out->len };
  if (!kg_out_ok (out) || !out->ptr) {
    t->error = out->ptr ? -EMSGSIZE : -ENOMEM;
    s.ptr = "";
    s.len = 0;
  }
  return s;
}

/* ---- Life ---------------------------------------------------------------- */

void
task_destroy (void *arg)
{
  struct task *t = arg;
  struct task_chunk *c, *next;
  int32_t wipe = *t->secret != 0;
  for (c = t->memory; c; c = next) {
    next = c->next;
    if (wipe)
      OPENSSL_cleanse (c->bytes, c->used);
    free (c);
  }
  if (wipe)
    OPENSSL_cleanse (t->secret, sizeof t->secret);
  free (t);
}

/* Text and tape, which the request may take with it. */
static void
json_copy (struct task *t, const struct kg_json *json)
{
  struct kg_json_token *token;
  size_t len;
  if (!json || !json->count)
    return;
  len = json->token[0].start + json->token[0].len + (json->token[0].kind == KG_JSON_STRING);
  token = task_alloc (t, json->count * sizeof *token);
  t->json.text = task_copy (t, (kg_str){ json->text, len });
  if (!token || !t->json.text)
    return;
  memcpy (token, json->token, json->count * sizeof *token);
  t->json.size = sizeof t->json;
  t->json.token = token;
  t->json.count = json->count;
}

static void
actor_copy (struct task *t, kg_req *req)
{
  const struct kg_identity *who = t->auth->host->identity (req);
  t->local = t->auth->host->num (req, KG_NUM_LOCAL) == 1;
  t->actor = "local";
  if (t->local || !who)
    return;
  t->actor = task_copy (t, (kg_str){ who->subject, strlen (who->subject) });
  t->key = task_copy (t, (kg_str){ who->key_id, strlen (who->key_id) });
}

/* What is longer than any id, or has a NUL inside, names nothing. */
static void
id_copy (kg_str s, char ret[TASK_ID])
{
  *ret = 0;
  if (!s.ptr || s.len >= TASK_ID || memchr (s.ptr, 0, s.len) || !text_uuid (s.ptr, s.len, ret))
    return;
  memcpy (ret, s.ptr, s.len);
  ret[s.len] = 0;
}

struct task *
task_make (struct auth *auth)
{
  struct task *t = calloc (1, sizeof *t);
  if (!t)
    return NULL;
  t->auth = auth;
  t->now_ns = auth_wall_ns ();
  return t;
}

struct task *
task_create (struct auth *auth, kg_req *req)
{
  struct task *t = task_make (auth);
  if (!t)
    return NULL;
  t->now_ns = auth->host->num (req, KG_NUM_TIME);
  id_copy (auth->host->get (req, KG_GET_PARAM, "id"), t->id);
  json_copy (t, auth->host->json (req));
  actor_copy (t, req);
  if (t->error < 0) {
    task_destroy (t);
    return NULL;
  }
  return t;
}

/* ---- Query --------------------------------------------------------------- */

void
task_query (kg_req *req, const struct auth *auth, const char *name, char ret[TASK_ID])
{
  id_copy (auth->host->get (req, KG_GET_QUERY, name), ret);
}

int64_t
task_number (struct task *t, kg_req *req, const char *name, int64_t min, int64_t max, int64_t dflt)
{
  kg_str s = t->auth->host->get (req, KG_GET_QUERY, name);
  int64_t n = 0;
  size_t i;
  if (!s.ptr)
    return dflt;
  for (i = 0; i < s.len && i < 18 && s.ptr[i] >= '0' && s.ptr[i] <= '9'; i++)
    n = n * 10 + (s.ptr[i] - '0');
  if (s.len && i == s.len && n >= min && n <= max)
    return n;
  task_fault (t, &(struct fault){ .in = "query",
                                  .member = name,
                                  .type = i == s.len && s.len ? "range" : "int_parsing",
                                  .msg = task_text (t, "Input should be between %lld and %lld",
                                                    (long long) min, (long long) max) });
  return -EINVAL;
}

int32_t
task_given (kg_req *req, const struct auth *auth, const char *name)
{
  return auth->host->get (req, KG_GET_QUERY, name).ptr != NULL;
}

int32_t
task_flag (const struct task *t, kg_req *req, const char *name)
{
  kg_str s = t->auth->host->get (req, KG_GET_QUERY, name);
  return (s.len == 1 && *s.ptr == '1') || (s.len == 4 && !memcmp (s.ptr, "true", 4));
}

/* ---- Answers ------------------------------------------------------------- */

int32_t
task_refuse (struct task *t, int32_t status, const char *fmt, ...)
{
  va_list args;
  va_start (args, fmt);
  t->status = status;
  t->detail = text_format (t, fmt, args);
  va_end (args);
  return TASK_REFUSED;
}

void
task_fault (struct task *t, const struct fault *fault)
{
  if (t->faults < FAULT_MAX)
    t->fault[t->faults++] = *fault;
  t->status = 422;
}

static void
fault_show (struct kg_out *out, const struct fault *f)
{
  kg_out_lit (out, "{\"loc\":[");
  kg_out_text (out, f->in);
  if (f->object) {
    kg_out_lit (out, ",");
    kg_out_text (out, f->object);
  }
  if (*f->member) {
    kg_out_lit (out, ",");
    kg_out_text (out, f->member);
  }
  kg_out_lit (out, "],\"type\":");
  kg_out_text (out, f->type);
  kg_out_lit (out, ",\"msg\":");
  kg_out_text (out, f->msg);
  kg_out_lit (out, "}");
}

/* 422 with `errors`, and a detail that sums them up. */
static int32_t
answer_faults (kg_req *req, const struct task *t)
{
  const struct kg_host *host = t->auth->host;
  struct kg_out out = { host->alloc (req, FAULT_MAX * 1024), 0, FAULT_MAX * 1024 };
  char detail[1024];
  size_t len = 0;
  uint32_t i;
  if (!out.ptr)
    return -ENOMEM;
  for (i = 0; i < t->faults; i++) {
    const struct fault *f = &t->fault[i];
    kg_out_lit (&out, i ? "," : "[");
    fault_show (&out, f);
    if (len < sizeof detail)
      len += (size_t) snprintf (detail + len, sizeof detail - len, "%s%s: %s", i ? "; " : "",
                                *f->member ? f->member : f->in, f->msg);
  }
  kg_out_lit (&out, "]");
  if (kg_out_ok (&out))
    host->member (req, "errors", (kg_str){ out.ptr, out.len });
  return host->problem (req, 422, NULL, "%s", detail);
}

static int32_t
answer_good (kg_req *req, const struct task *t)
{
  const struct kg_host *host = t->auth->host;
  if (!kg_out_ok (&t->out))
    return -EMSGSIZE;
  if (t->location)
    host->header (req, "Location", t->location);
  if (t->status == 204) {
    host->reply (req, 204, NULL, "", 0);
    return KG_DONE;
  }
  host->header (req, "Cache-Control", "no-store");
  host->reply (req, t->status, "application/json", t->out.ptr, t->out.len);
  return KG_DONE;
}

int32_t
task_answer (kg_req *req, void *arg)
{
  struct task *t = arg;
  int32_t rc;
  if (t->error < 0)
    rc = t->error;
  else if (t->faults)
    rc = answer_faults (req, t);
  else if (t->status >= 400)
    rc = t->auth->host->problem (req, t->status, NULL, "%s", t->detail);
  else
    rc = answer_good (req, t);
  task_destroy (t);
  return rc;
}

void
task_end (struct task *t)
{
  if (t->end)
    t->end (t);
  else
    t->auth->host->resume (t->ticket, task_answer, t, task_destroy);
}

int32_t
task_suspend (struct task *t, kg_req *req)
{
  t->ticket = t->auth->host->suspend (req, NULL, NULL);
  if (t->ticket)
    return 0;
  task_destroy (t);
  return -ENOMEM;
}

static void
task_job (void *arg)
{
  struct task *t = arg;
  t->run (t);
  task_end (t);
}

int32_t
task_start (struct task *t, kg_req *req, void (*run) (struct task *))
{
  int32_t rc;
  if (!t)
    return -ENOMEM;
  if (t->faults || t->status)
    return task_answer (req, t);
  t->run = run;
  rc = task_suspend (t, req);
  if (rc < 0)
    return rc;
  rc = t->auth->jobs->run (t->auth->self, task_job, t);
  if (rc < 0) {
    t->error = rc;
    task_end (t);
  }
  return KG_WAIT;
}

int32_t
routes_add (const struct auth *auth, const struct kg_route *routes, size_t count)
{
  int32_t rc = 0;
  for (size_t i = 0; i < count && rc == 0; i++)
    rc = auth->host->route (auth->self, &routes[i]);
  return rc;
}
