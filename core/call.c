/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/call.h"
#include "core/breaker.h"
#include "core/util/clock.h"
#include "core/util/url.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define CONNECT_MS 5000
#define TOTAL_MS 30000
#define REPLY_MAX 65536
#define BACKOFF_MS 100
#define BACKOFF_MAX 5000
#define TRIES_MAX 10
#define FLAGS (KG_HTTP_IDEMPOTENT | KG_HTTP_PRIVATE_OK | KG_HTTP_NO_BREAKER | KG_HTTP_STATUS)

/* ---- Checks -------------------------------------------------------------------- */

static int
is_token (const char *s, size_t len)
{
  size_t i;
  for (i = 0; i < len; i++)
    if (!s[i]
        || !strchr ("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTU"
                    "VWXYZ",
                    s[i]))
      return 0;
  return len > 0;
}

static int
method_valid (const char *method)
{
  const char *p;
  if (!method || !*method || strlen (method) > 16)
    return 0;
  for (p = method; *p; p++)
    if (*p < 'A' || *p > 'Z')
      return 0;
  return strcmp (method, "CONNECT") != 0 && strcmp (method, "TRACE") != 0;
}

/* Fields that belong to the client, or to one connection. */
static int
header_reserved (const char *name, size_t len)
{
  static const char *const reserved[] = { "Host",
                                          "Content-Length",
                                          "Transfer-Encoding",
                                          "Connection",
                                          "Expect",
                                          "Upgrade",
                                          "Keep-Alive",
                                          "TE",
                                          "Trailer",
                                          "Proxy-Authorization",
                                          "Proxy-Connection" };
  size_t i;
  for (i = 0; i < sizeof reserved / sizeof reserved[0]; i++)
    if (strlen (reserved[i]) == len && strncasecmp (reserved[i], name, len) == 0)
      return 1;
  return 0;
}

static int
header_valid (const char *line)
{
  const char *colon = strchr (line, ':');
  const unsigned char *p;
  if (!colon || !is_token (line, (size_t) (colon - line))
      || header_reserved (line, (size_t) (colon - line)))
    return 0;
  for (p = (const unsigned char *) colon; *p; p++)
    if ((*p < 0x20 && *p != '\t') || *p == 0x7f)
      return 0;
  return 1;
}

static int
request_valid (const struct kg_http_request *r)
{
  const char *const *h;
  if (!r->done || !method_valid (r->method) || (r->body.len && !r->body.ptr)
      || (r->body.len && strcmp (r->method, "HEAD") == 0)
      || (r->piece && r->flags & KG_HTTP_STATUS) || (r->flags & ~FLAGS))
    return 0;
  for (h = r->headers; h && *h; h++)
    if (!header_valid (*h))
      return 0;
  return 1;
}

/* ---- Life ----------------------------------------------------------------------- */

static const char *
copy_text (kg_call *call, const char *s)
{
  return arena_copy (&call->arena, s, strlen (s));
}

static const char *const *
copy_headers (kg_call *call, const char *const *from)
{
  const char **to;
  size_t n = 0, i;
  while (from && from[n])
    n++;
  to = arena_alloc (&call->arena, (n + 1) * sizeof *to);
  if (!to)
    return NULL;
  for (i = 0; i < n; i++)
    if (!(to[i] = copy_text (call, from[i])))
      return NULL;
  to[n] = NULL;
  return to;
}

static int32_t
call_copy (kg_call *call, const char *origin)
{
  struct kg_http_request *r = &call->request;
  int64_t now = clock_mono ();
  r->method = copy_text (call, r->method);
  r->url = copy_text (call, r->url);
  r->headers = copy_headers (call, r->headers);
  r->body.ptr = arena_copy (&call->arena, r->body.ptr, r->body.len);
  call->origin = copy_text (call, origin);
  if (r->retry_header && !(r->retry_header = copy_text (call, r->retry_header)))
    return -ENOMEM;
  if (!r->method || !r->url || !r->headers || !r->body.ptr || !call->origin)
    return -ENOMEM;
  r->connect_ms = r->connect_ms ? r->connect_ms : CONNECT_MS;
  r->total_ms = r->total_ms ? r->total_ms : TOTAL_MS;
  r->reply_max = r->reply_max ? r->reply_max : REPLY_MAX;
  if (!r->tries || !(r->flags & KG_HTTP_IDEMPOTENT))
    r->tries = 1;
  if (r->tries > TRIES_MAX)
    r->tries = TRIES_MAX;
  call->flags = r->flags;
  call->started = call->due = now;
  call->deadline = now + r->total_ms * CLOCK_MS;
  return 0;
}

int32_t
call_create (const struct kg_http_request *given, kg_call **ret)
{
  struct kg_http_request r;
  char origin[URL_ORIGIN_MAX];
  kg_call *call;
  if (!given || given->size < offsetof (struct kg_http_request, piece))
    return -EINVAL;
  memset (&r, 0, sizeof r);
  memcpy (&r, given, given->size < sizeof r ? given->size : sizeof r);
  if (!url_origin (r.url, origin) || !request_valid (&r))
    return -EINVAL;
  call = calloc (1, sizeof *call);
  if (!call)
    return -ENOMEM;
  call->magic = CALL_MAGIC;
  call->retry_after_ms = call->max_age_s = call->retry_said = -1;
  call->request = r;
  arena_init (&call->arena, call->first, sizeof call->first);
  if (call_copy (call, origin) < 0) {
    call_destroy (call);
    return -ENOMEM;
  }
  *ret = call;
  return 0;
}

void
call_destroy (kg_call *call)
{
  if (!call)
    return;
  call->magic = 0;
  arena_finish (&call->arena);
  free (call->data);
  free (call);
}

void
call_reset (kg_call *call)
{
  call->error = call->status = 0;
  call->retry_after_ms = call->max_age_s = call->retry_said = -1;
  call->len = call->head = 0;
  call->received = 0;
  call->over = call->forbidden = 0;
  call->content_type[0] = call->reason[0] = 0;
}

/* ---- The reply ---------------------------------------------------------------------- */

/* Room for `len` more bytes; at most what the request allows. */
static int
data_grow (kg_call *call, size_t len)
{
  size_t size = call->size ? call->size : 4096;
  char *p;
  while (size < call->len + len)
    size *= 2;
  if (size == call->size)
    return 1;
  p = realloc (call->data, size);
  if (!p)
    return 0;
  call->data = p;
  call->size = size;
  return 1;
}

int
call_body (kg_call *call, const void *data, size_t len)
{
  call->received += len;
  if (call->received > call->request.reply_max) {
    call->over = 1;
    return 1;
  }
  if (call->request.piece && call->status >= 200 && call->status < 300) {
    call->stopped = call->request.piece (data, len, call->request.arg) != 0;
    return call->stopped;
  }
  if (!data_grow (call, len))
    return 1;
  memcpy (call->data + call->len, data, len);
  call->len += len;
  return 0;
}

int64_t
call_retry_after (const char *value, size_t len, int64_t wall_ns)
{
  char text[40], *end;
  struct tm tm;
  int64_t ms = 0;
  size_t i;
  if (len == 0 || len >= sizeof text)
    return -1;
  memcpy (text, value, len);
  text[len] = 0;
  for (i = 0; i < len && text[i] >= '0' && text[i] <= '9'; i++)
    if (ms <= CALL_AFTER_MAX_MS)
      ms = ms * 10 + (text[i] - '0') * 1000;
  if (i < len) {
    memset (&tm, 0, sizeof tm);
    end = strptime (text, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    if (!end || *end)
      return -1;
    ms = (int64_t) timegm (&tm) * 1000 - wall_ns / CLOCK_MS;
  }
  return ms < 0 ? 0 : ms < CALL_AFTER_MAX_MS ? ms : CALL_AFTER_MAX_MS;
}

/* The seconds of one directive; see call_max_age. */
static int64_t
directive_age (const char *p, size_t len)
{
  int64_t age = 0;
  size_t i = 8;
  if (len == 8 && (!strncasecmp (p, "no-store", 8) || !strncasecmp (p, "no-cache", 8)))
    return 0;
  if (len < 9 || strncasecmp (p, "max-age=", 8))
    return -1;
  for (; i < len && p[i] >= '0' && p[i] <= '9'; i++)
    age = age < CALL_AGE_MAX_S / 10 ? age * 10 + (p[i] - '0') : CALL_AGE_MAX_S;
  return i == len ? age : -1;
}

int64_t
call_max_age (const char *value, size_t len)
{
  const char *p = value, *end = value + len, *stop, *last;
  int64_t least = -1, age;
  for (; p < end; p = stop + 1) {
    stop = memchr (p, ',', (size_t) (end - p));
    stop = stop ? stop : end;
    while (p < stop && (*p == ' ' || *p == '\t'))
      p++;
    for (last = stop; last > p && (last[-1] == ' ' || last[-1] == '\t'); last--)
      continue;
    age = directive_age (p, (size_t) (last - p));
    if (age >= 0 && (least < 0 || age < least))
      least = age;
  }
  return least;
}

/* The value of the named field, trimmed; 0 when the line is another field. */
static int
header_value (const char *name, const char *line, size_t len, kg_str *ret)
{
  size_t n = strlen (name);
  if (len <= n || strncasecmp (line, name, n) != 0 || line[n] != ':')
    return 0;
  for (n++; n < len && (line[n] == ' ' || line[n] == '\t');)
    n++;
  while (len > n && (unsigned char) line[len - 1] <= ' ')
    len--;
  *ret = (kg_str){ line + n, len - n };
  return 1;
}

/* 1, 0, or -1 for neither. */
static int32_t
value_bool (kg_str value)
{
  if (value.len == 4 && strncasecmp (value.ptr, "true", 4) == 0)
    return 1;
  return value.len == 5 && strncasecmp (value.ptr, "false", 5) == 0 ? 0 : -1;
}

void
call_header (kg_call *call, const char *line, size_t len, int64_t wall_ns)
{
  kg_str value;
  if (header_value ("Retry-After", line, len, &value))
    call->retry_after_ms = call_retry_after (value.ptr, value.len, wall_ns);
  else if (header_value ("Cache-Control", line, len, &value))
    call->max_age_s = call_max_age (value.ptr, value.len);
  else if (call->request.retry_header
           && header_value (call->request.retry_header, line, len, &value))
    call->retry_said = value_bool (value);
  else if (header_value ("Content-Type", line, len, &value)
           && value.len < sizeof call->content_type) {
    memcpy (call->content_type, value.ptr, value.len);
    call->content_type[value.len] = 0;
  }
}

/* ---- Verdicts ----------------------------------------------------------------------- */

static int
is_transient (const kg_call *call)
{
  switch (call->error) {
  case 0:
    if (call->retry_said >= 0)
      return call->retry_said;
    return call->status == 429 || (call->status >= 500 && call->status != 501);
  case -ETIMEDOUT:
  case -ECONNREFUSED:
  case -ECONNRESET:
    return 1;
  case -EHOSTUNREACH:
    return !call->forbidden;
  default:
    return 0;
  }
}

int64_t
call_again (const kg_call *call, int64_t now, uint64_t random)
{
  int64_t most = BACKOFF_MS, due;
  uint32_t i;
  int piece_seen = call->request.piece && call->received && !call->len;
  if (call->tried >= call->request.tries || call->cancelled || piece_seen
      || !is_transient (call))
    return -1;
  for (i = 1; i < call->tried && most < BACKOFF_MAX; i++)
    most *= 2;
  due = now + (int64_t) (random % (uint64_t) (most + 1)) * CLOCK_MS;
  if (call->retry_after_ms > 0)
    due += call->retry_after_ms * CLOCK_MS;
  return due < call->deadline ? due : -1;
}

int32_t
call_outcome (const kg_call *call)
{
  if (call->error == -ECANCELED || call->forbidden)
    return BREAKER_UNDECIDED;
  if (call->error == -EMSGSIZE)
    return BREAKER_WORKED;
  return call->error || call->status >= 500 ? BREAKER_FAILED : BREAKER_WORKED;
}
