/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Answers as they are kept, and as they are given again. */
#include "core/idempotency.h"

#include "core/reply.h"
#include "core/stream.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#define FORMAT 1

/* WHOLE: with type, fields and body; of the others there is the head alone.  STREAMED: its client
 * left before it had ended. */
enum { WHOLE = 1, LARGE, STREAMED };

struct head_kept {
  uint8_t format, kind;
  uint16_t status;
  uint32_t type_len;   /* with its NUL; 0: none */
  uint32_t fields_len;
  uint32_t reserved;
  uint64_t body_len;   /* also of one that is not there */
  uint8_t print[IDEMPOTENCY_HASH];
};

/* ---- Fields ---------------------------------------------------------------- */

/* Those that belong to the answer.  The others tell of the request, as what is left of
 * limits. */
static int
field_stays (kg_str line)
{
  static const kg_str begins[] = { { "Kgent-", 6 }, { "Location:", 9 } };
  for (size_t i = 0; i < sizeof begins / sizeof *begins; i++)
    if (line.len > begins[i].len && !strncasecmp (line.ptr, begins[i].ptr, begins[i].len))
      return 1;
  return 0;
}

/* Takes the next line, with its end, from *rest; 0 when there is none. */
static int
line_next (kg_str *rest, kg_str *ret)
{
  const char *end = rest->len ? memchr (rest->ptr, '\n', rest->len) : NULL;
  if (!end)
    return 0;
  *ret = (kg_str){ rest->ptr, (size_t) (end + 1 - rest->ptr) };
  rest->ptr += ret->len;
  rest->len -= ret->len;
  return 1;
}

/* Copies those that stay, or only measures when `to` is NULL. */
static size_t
fields_copy (const struct kg_req *req, char *to)
{
  kg_str rest = { req->response.fields.ptr, req->response.fields.len }, line;
  size_t n = 0;
  while (line_next (&rest, &line))
    if (field_stays (line)) {
      if (to)
        memcpy (to + n, line.ptr, line.len);
      n += line.len;
    }
  return n;
}

void
idempotency_unfield (struct kg_req *req, const char *name)
{
  struct fields_out *f = &req->response.fields;
  kg_str rest = { f->ptr, f->len }, line;
  size_t n = strlen (name);
  uint32_t kept = 0;
  while (line_next (&rest, &line)) {
    if (line.len > n && line.ptr[n] == ':' && !strncasecmp (line.ptr, name, n))
      continue;
    memmove (f->ptr + kept, line.ptr, line.len);
    kept += (uint32_t) line.len;
  }
  f->len = kept;
}

/* ---- Streams --------------------------------------------------------------- */

/* Makes room for `need` bytes in all. */
static int
text_grow (struct kg_req *req, size_t need)
{
  struct claim *c = req->claim;
  char *more;
  if (need <= c->text_cap)
    return 1;
  more = need > IDEMPOTENCY_BODY_MAX ? NULL : arena_alloc (&req->arena, 2 * need);
  if (!more)
    return 0;
  if (c->text_len)
    memcpy (more, c->text, c->text_len);
  c->text = more;
  c->text_cap = 2 * need;
  return 1;
}

/* What is too much, or for what there is no memory, is only counted from then on. */
void
idempotency_take (struct kg_req *req, const char *data, size_t len)
{
  struct claim *c = req->claim;
  if (!c->place || !len)
    return;
  if (c->text_lost || !text_grow (req, c->text_len + len))
    c->text_lost = 1;
  else
    memcpy (c->text + c->text_len, data, len);
  c->text_len += len;
}

/* ---- Pack ------------------------------------------------------------------ */

/* A body, in two parts. */
struct parts {
  kg_str first, rest;
};

/* What can be kept of the answer. */
static uint8_t
kind_of (struct kg_req *req, struct parts *ret)
{
  const struct claim *c = req->claim;
  struct parts p = { { req->response.body, req->response.len }, { NULL, 0 } };
  if (req->streamed || stream_serves (req)) {
    if (!stream_is_whole (req, &p.rest))
      return STREAMED;
    p.first = (kg_str){ c->text, c->text_len };
  }
  *ret = p;
  return c->text_lost || p.first.len + p.rest.len > IDEMPOTENCY_BODY_MAX ? LARGE : WHOLE;
}

static char *
append (char *to, const void *from, size_t len)
{
  if (len)
    memcpy (to, from, len);
  return to + len;
}

kg_str
idempotency_pack (struct kg_req *req)
{
  const struct response *r = &req->response;
  struct head_kept h = { .format = FORMAT, .status = (uint16_t) r->status };
  struct parts body = { { NULL, 0 }, { NULL, 0 } };
  size_t bytes = sizeof h;
  char *p, *at;
  h.kind = kind_of (req, &body);
  h.body_len = body.first.len + body.rest.len;
  memcpy (h.print, req->claim->print, sizeof h.print);
  if (h.kind == WHOLE) {
    h.type_len = r->type ? (uint32_t) strlen (r->type) + 1 : 0;
    h.fields_len = (uint32_t) fields_copy (req, NULL);
    bytes += h.type_len + h.fields_len + h.body_len;
  }
  p = at = arena_alloc (&req->arena, bytes);
  if (!p)
    return (kg_str){ NULL, 0 };
  at = append (at, &h, sizeof h);
  if (h.kind == WHOLE) {
    at = append (at, r->type, h.type_len);
    at += fields_copy (req, at);
    at = append (at, body.first.ptr, body.first.len);
    append (at, body.rest.ptr, body.rest.len);
  }
  return (kg_str){ p, bytes };
}

/* ---- Unpack ---------------------------------------------------------------- */

static int32_t
not_kept (struct kg_req *req, const struct head_kept *h)
{
  idempotency_count (req, IDEMPOTENCY_NOT_KEPT);
  problem_member (req, "idempotency", (kg_str){ "\"not_kept\"", 10 });
  if (h->kind == STREAMED)
    return problem_set (req, 422, NULL,
                        "The stream that answered this Idempotency-Key did not come to its end, "
                        "so it is not kept. What was taken of it is charged, and the request is not "
                        "carried out again. Use a new key for a new request.");
  return problem_set (req, 422, NULL,
                      "The answer to this Idempotency-Key has %llu bytes, of which at most %u are "
                      "kept. The request was carried out and charged once, and is not carried out "
                      "again. Use a new key for a new request.",
                      (unsigned long long) h->body_len, IDEMPOTENCY_BODY_MAX);
}

static int32_t
replay (struct kg_req *req, const struct head_kept *h, const char *p)
{
  const char *type = h->type_len ? p : NULL;
  const char *fields = p + h->type_len, *body = fields + h->fields_len;
  char *room = h->fields_len ? reply_room (req, h->fields_len) : NULL;
  int32_t r;
  if (h->fields_len && !room)
    return -ENOMEM;
  if (room) {
    memcpy (room, fields, h->fields_len);
    req->response.fields.len += h->fields_len;
  }
  r = reply_set (req, h->status, type, body, (size_t) h->body_len);
  if (r >= 0 && type && !strncmp (type, "text/event-stream", 17))
    r = reply_field (req, "Cache-Control", 13, "no-store", 8);
  if (r >= 0)
    r = reply_field (req, "Idempotent-Replayed", 19, "true", 4);
  if (r < 0)
    return r;
  req->claim->replayed = 1;
  idempotency_count (req, IDEMPOTENCY_REPLAYED);
  return KG_DONE;
}

int32_t
idempotency_unpack (struct kg_req *req, kg_str kept)
{
  struct head_kept h;
  if (kept.len < sizeof h)
    return -EBADMSG;
  memcpy (&h, kept.ptr, sizeof h);
  if (h.format != FORMAT)
    return -EPROTONOSUPPORT;
  if (memcmp (h.print, req->claim->print, sizeof h.print))
    return idempotency_refuse (req, IDEMPOTENCY_MISMATCH, NULL);
  if (h.kind != WHOLE)
    return not_kept (req, &h);
  if (kept.len != sizeof h + h.type_len + h.fields_len + h.body_len)
    return -EBADMSG;
  return replay (req, &h, kept.ptr + sizeof h);
}
