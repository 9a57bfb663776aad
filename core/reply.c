/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/reply.h"

#include "core/conn.h"
#include "core/trace.h"
#include "core/util/clock.h"
#include "core/worker_loop.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define HEAD_ROOM    640u  /* bytes that a head takes besides its own fields */
#define FIELDS_FIRST 1024u /* bytes: rate limits and a receipt; what is copied once is enough */

static const struct {
  int32_t status;
  const char *reason;
} reasons[] = {
  { 200, "OK" }, { 201, "Created" }, { 202, "Accepted" }, { 203, "Non-Authoritative Information" },
  { 204, "No Content" }, { 206, "Partial Content" }, { 207, "Multi-Status" },
  { 301, "Moved Permanently" }, { 302, "Found" }, { 303, "See Other" }, { 304, "Not Modified" },
  { 307, "Temporary Redirect" }, { 308, "Permanent Redirect" }, { 400, "Bad Request" },
  { 401, "Unauthorized" }, { 402, "Payment Required" }, { 403, "Forbidden" },
  { 404, "Not Found" }, { 405, "Method Not Allowed" }, { 406, "Not Acceptable" },
  { 408, "Request Timeout" }, { 409, "Conflict" }, { 410, "Gone" }, { 411, "Length Required" },
  { 412, "Precondition Failed" }, { 413, "Content Too Large" }, { 414, "URI Too Long" },
  { 415, "Unsupported Media Type" }, { 417, "Expectation Failed" },
  { 422, "Unprocessable Content" }, { 424, "Failed Dependency" }, { 425, "Too Early" },
  { 428, "Precondition Required" }, { 429, "Too Many Requests" },
  { 431, "Request Header Fields Too Large" }, { 451, "Unavailable For Legal Reasons" },
  { 499, "Client Closed Request" }, { 500, "Internal Server Error" },
  { 501, "Not Implemented" }, { 502, "Bad Gateway" }, { 503, "Service Unavailable" },
  { 504, "Gateway Timeout" }, { 505, "HTTP Version Not Supported" },
  { 507, "Insufficient Storage" },
};

const char *
reply_reason (int32_t status)
{
  for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
    if (reasons[i].status == status)
      return reasons[i].reason;
  return "Unknown";
}

/* ---- What plugins set --------------------------------------------------- */

char *
reply_room (struct kg_req *req, size_t more)
{
  struct fields_out *f = &req->response.fields;
  size_t cap = f->cap ? f->cap : FIELDS_FIRST;
  char *p;
  if (f->len + more <= f->cap)
    return f->ptr + f->len;
  if (more > UINT32_MAX / 4 || f->len > UINT32_MAX / 4)
    return NULL;
  while (cap < f->len + more)
    cap *= 2;
  p = arena_alloc (&req->arena, cap);
  if (!p)
    return NULL;
  if (f->len)
    memcpy (p, f->ptr, f->len);
  f->ptr = p;
  f->cap = (uint32_t) cap;
  return p + f->len;
}

int32_t
reply_field (kg_req *req, const char *name, size_t name_len, const char *value, size_t value_len)
{
  struct fields_out *f = &req->response.fields;
  char *p = reply_room (req, name_len + value_len + 4);
  if (!p)
    return -ENOMEM;
  memcpy (p, name, name_len);
  p += name_len;
  *p++ = ':';
  *p++ = ' ';
  memcpy (p, value, value_len);
  p += value_len;
  *p++ = '\r';
  *p++ = '\n';
  f->len = (uint32_t) (p - f->ptr);
  return 0;
}

#define OURS(name) { name, sizeof (name) - 1 }

/* Fields that belong to the host.  Most others differ in length already. */
static int
name_is_ours (kg_str name)
{
  static const uint32_t lengths = 1u << 4 | 1u << 7 | 1u << 10 | 1u << 12 | 1u << 14 | 1u << 15
                                  | 1u << 17 | 1u << 22;
  static const kg_str ours[]
      = { OURS ("Date"), OURS ("Upgrade"), OURS ("Trailer"), OURS ("Connection"),
          OURS ("Keep-Alive"), OURS ("Content-Type"), OURS ("X-Request-ID"),
          OURS ("Content-Length"), OURS ("X-Response-Time"), OURS ("Transfer-Encoding"),
          OURS ("X-Content-Type-Options") };
  if (name.len >= 32 || !(lengths >> name.len & 1))
    return 0;
  for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
    if (ours[i].len == name.len && !strncasecmp (ours[i].ptr, name.ptr, name.len))
      return 1;
  return 0;
}

/* Whether each of 8 bytes is printable ASCII: below 0x20 the subtraction borrows into the
 * high bit, at 0x7f the addition carries into it. */
static int
word_is_printable (uint64_t w)
{
  const uint64_t each = 0x0101010101010101u;
  return !((w | (w - 0x20 * each) | (w + each)) & 0x80 * each);
}

/* Whether a text can stand in a field value: printable ASCII and tabs. */
static int
value_ok (const char *p, size_t len)
{
  uint64_t word;
  for (; len >= sizeof word; p += sizeof word, len -= sizeof word) {
    memcpy (&word, p, sizeof word);
    if (!word_is_printable (word))
      break;
  }
  for (; len; p++, len--)
    if ((unsigned char) *p < 0x20 ? *p != '\t' : (unsigned char) *p >= 0x7f)
      return 0;
  return 1;
}

int
reply_name_ok (kg_str name)
{
  return head_is_token (name) && name.len <= 128 && !name_is_ours (name);
}

int32_t
reply_header (kg_req *req, const char *name, const char *value)
{
  kg_str n = { name, strlen (name) };
  size_t len = strlen (value);
  if (!reply_name_ok (n) || len > 8192 || !value_ok (value, len))
    return -EINVAL;
  return reply_field (req, name, n.len, value, len);
}

/* Whether a text can stand in a Content-Type. */
static int
type_ok (const char *type, size_t n)
{
  return n < 256 && value_ok (type, n);
}

int32_t
reply_set (kg_req *req, int32_t status, const char *type, const void *body, size_t len)
{
  char *copy = NULL, *kind = NULL;
  size_t type_len = type ? strlen (type) : 0;
  if (status < 200 || status > 599 || !type_ok (type, type_len) || (len && !body) || len > PTRDIFF_MAX) {
    problem_set (req, 500, NULL, "the plugin set an invalid response");
    return -EINVAL;
  }
  if (len && !(copy = arena_alloc (&req->arena, len)))
    return -ENOMEM;
  if (type && !(kind = arena_copy (&req->arena, type, type_len)))
    return -ENOMEM;
  if (len)
    memcpy (copy, body, len);
  req->response.status = status;
  req->response.type = kind;
  req->response.body = copy;
  req->response.len = len;
  return 0;
}

/* ---- Sending ------------------------------------------------------------ */

struct text {
  char *p;
};

static void
add (struct text *t, const char *s, size_t n)
{
  if (n) /* of nothing there may be no address */
    memcpy (t->p, s, n);
  t->p += n;
}

#define ADD(t, literal) add (t, literal, sizeof (literal) - 1)

static void
add_number (struct text *t, uint64_t v)
{
  char buf[20], *p = buf + sizeof buf;
  do
    *--p = (char) ('0' + v % 10);
  while (v /= 10);
  add (t, p, (size_t) (buf + sizeof buf - p));
}

static void
add_status (struct text *t, int32_t status)
{
  if (status == 200) {
    ADD (t, "HTTP/1.1 200 OK\r\n");
    return;
  }
  ADD (t, "HTTP/1.1 ");
  add_number (t, (uint64_t) status);
  ADD (t, " ");
  add (t, reply_reason (status), strlen (reply_reason (status)));
  ADD (t, "\r\n");
}

static void
add_date (struct text *t, struct worker *w)
{
  ADD (t, "Date: ");
  add (t, worker_date (w), CLOCK_HTTP_LEN);
  ADD (t, "\r\n");
}

/* What frames the body. */
static void
add_framing (struct text *t, const struct kg_req *req, int stream)
{
  const struct response *r = &req->response;
  if (stream && req->close != CLOSE_ENDS_BODY)
    ADD (t, "Transfer-Encoding: chunked\r\n");
  else if (!stream && r->status != 204 && r->status != 304) {
    ADD (t, "Content-Length: ");
    add_number (t, r->len);
    ADD (t, "\r\n");
  }
  if (req->close)
    ADD (t, "Connection: close\r\n");
  else if (req->old)
    ADD (t, "Connection: keep-alive\r\n");
}

static void
add_own (struct text *t, const struct kg_req *req)
{
  int64_t ms = (clock_mono () - req->start_mono) / CLOCK_MS;
  ADD (t, "X-Request-ID: ");
  add (t, req->id, req->id_len);
  ADD (t, "\r\nX-Response-Time: ");
  add_number (t, ms > 0 ? (uint64_t) ms : 0);
  ADD (t, "ms\r\nX-Content-Type-Options: nosniff\r\n");
}

void
reply_put (kg_req *req, int stream)
{
  const struct response *r = &req->response;
  size_t type_len = r->type ? strlen (r->type) : 0;
  char buf[2048];
  struct text t = { buf };
  if (HEAD_ROOM + r->fields.len + type_len > sizeof buf) {
    t.p = arena_alloc (&req->arena, HEAD_ROOM + r->fields.len + type_len);
    if (!t.p) {
      conn_close (req->conn);
      return;
    }
  }
  {
    char *from = t.p;
    add_status (&t, r->status);
    add_date (&t, req->worker);
    if (type_len) {
      ADD (&t, "Content-Type: ");
      add (&t, r->type, type_len);
      ADD (&t, "\r\n");
    }
    add_framing (&t, req, stream);
    add_own (&t, req);
    add (&t, r->fields.ptr, r->fields.len);
    ADD (&t, "\r\n");
    conn_put (req->conn, from, (size_t) (t.p - from));
  }
  if (stream || req->gate.method == METHOD_HEAD || r->status == 204 || r->status == 304)
    return;
  conn_put (req->conn, r->body, r->len);
  req->sent = r->len;
}

void
reply_put_refusal (struct conn *c, int32_t status, const char *detail, const char *allow,
                   const char *id)
{
  char body[512], head[768];
  int n = snprintf (body, sizeof body,
                    "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"detail\":\"%s\","
                    "\"instance\":\"%s\",\"request_id\":\"%s\"}",
                    reply_reason (status), (int) status, detail, id, id);
  int m = snprintf (head, sizeof head,
                    "HTTP/1.1 %d %s\r\nDate: %.*s\r\nContent-Type: application/problem+json\r\n"
                    "Content-Length: %d\r\nConnection: close\r\nX-Request-ID: %s\r\n"
                    "X-Response-Time: 0ms\r\nX-Content-Type-Options: nosniff\r\n%s%s%s\r\n",
                    (int) status, reply_reason (status), CLOCK_HTTP_LEN, worker_date (c->worker),
                    n, id, allow ? "Allow: " : "", allow ? allow : "", allow ? "\r\n" : "");
  conn_put (c, head, (size_t) m);
  conn_put (c, body, (size_t) n);
}
