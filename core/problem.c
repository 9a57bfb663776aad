/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* application/problem+json (RFC 9457): every error of every route looks the same. */
#include "core/reply.h"

#include "core/conn.h"
#include "core/util/str.h"

#include <kgent/json.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DETAIL_MAX 4096

int32_t
problem_member (kg_req *req, const char *name, kg_str json)
{
  struct member *m = arena_alloc (&req->arena, sizeof *m);
  if (!m)
    return -ENOMEM;
  m->name = arena_copy (&req->arena, name, strlen (name));
  m->json.ptr = arena_copy (&req->arena, json.ptr, json.len);
  m->json.len = json.len;
  if (!m->name || !m->json.ptr)
    return -ENOMEM;
  m->next = req->response.members;
  req->response.members = m;
  return 0;
}

/* The members that were added, in the order of adding. */
static void
put_members (struct kg_out *o, const struct member *m)
{
  if (!m)
    return;
  put_members (o, m->next);
  kg_out_raw (o, ",", 1);
  kg_out_text (o, m->name);
  kg_out_raw (o, ":", 1);
  kg_out_raw (o, m->json.ptr, m->json.len);
}

static void
put_problem (struct kg_out *o, const struct kg_req *req, int32_t status, const char *type,
             kg_str detail)
{
  kg_str id = { req->id, req->id_len };
  kg_out_lit (o, "{\"type\":");
  kg_out_text (o, type ? type : "about:blank");
  kg_out_lit (o, ",\"title\":");
  kg_out_text (o, reply_reason (status));
  kg_out_lit (o, ",\"status\":");
  kg_out_int (o, status);
  kg_out_lit (o, ",\"detail\":");
  kg_out_str (o, detail);
  kg_out_lit (o, ",\"instance\":");
  kg_out_str (o, id);
  kg_out_lit (o, ",\"request_id\":");
  kg_out_str (o, id);
  put_members (o, req->response.members);
  kg_out_lit (o, "}");
}

/* What others said may be no UTF-8, and is cut anywhere: it is text in the end, and JSON. */
static kg_str
detail_text (char *p, size_t len)
{
  char *at = p, *end = p + len;
  while (at < end) {
    size_t n = str_utf8_len (at, end);
    if (!n)
      *at = '?';
    at += n ? n : 1;
  }
  return (kg_str){ p, len };
}

int32_t
problem_vset (kg_req *req, int32_t status, const char *type, const char *fmt, va_list args)
{
  char detail[DETAIL_MAX];
  int n = vsnprintf (detail, sizeof detail, fmt, args);
  kg_str text
      = detail_text (detail, n < 0 ? 0 : n < DETAIL_MAX ? (size_t) n : DETAIL_MAX - 1);
  struct kg_out o = { NULL, 0, 1024 };
  if (status < 400 || status > 599)
    status = 500;
  for (int pass = 0; pass < 2; pass++) {
    o.ptr = arena_alloc (&req->arena, o.cap);
    o.len = 0;
    if (!o.ptr)
      break;
    put_problem (&o, req, status, type, text);
    if (kg_out_ok (&o))
      break;
    o.cap = o.len;
  }
  req->response.status = status;
  req->response.type = "application/problem+json";
  req->response.body = o.ptr;
  req->response.len = o.ptr ? o.len : 0;
  req->response.members = NULL;
  return KG_DONE;
}

int32_t
problem_set (kg_req *req, int32_t status, const char *type, const char *fmt, ...)
{
  va_list args;
  va_start (args, fmt);
  problem_vset (req, status, type, fmt, args);
  va_end (args);
  return KG_DONE;
}
