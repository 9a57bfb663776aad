/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/gate.h"

#include <string.h>
#include <strings.h>

/* Fields that must not come twice. */
#define UNIQUE                                                                             \
  (1u << FIELD_HOST | 1u << FIELD_CONTENT_LENGTH | 1u << FIELD_TRANSFER_ENCODING           \
   | 1u << FIELD_CONTENT_TYPE | 1u << FIELD_AUTHORIZATION | 1u << FIELD_API_KEY            \
   | 1u << FIELD_STRIPE_SIGNATURE | 1u << FIELD_EXPECT | 1u << FIELD_IDEMPOTENCY_KEY)

static void
refuse (struct gate *g, int32_t status, const char *why)
{
  if (g->status)
    return;
  g->status = status;
  g->why = why;
}

static int
is (kg_str s, const char *text)
{
  return strlen (text) == s.len && !strncasecmp (s.ptr, text, s.len);
}

static void
check_method (const struct head *h, struct gate *g)
{
  g->method = route_method (h->method.ptr, h->method.len);
  if (g->method >= 0)
    return;
  if (is (h->method, "CONNECT") || is (h->method, "TRACE")) {
    g->allow = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
    refuse (g, 405, "Method Not Allowed");
  } else
    refuse (g, 501, "unknown request method");
}

static void
check_target (const struct head *h, struct gate *g)
{
  const char *why = target_parse (h->target, &g->target);
  if (why)
    refuse (g, 400, why);
  else if (*g->target.path.ptr == '*' && g->method != METHOD_OPTIONS)
    refuse (g, 400, "only OPTIONS may ask for *");
}

static void
check_host (const struct head *h, struct gate *g)
{
  kg_str host = head_value (h, FIELD_HOST);
  if (!host.ptr && h->minor == 0)
    return;
  if (!host.ptr)
    refuse (g, 400, "the Host header is missing");
  else if (!target_authority_ok (host))
    refuse (g, 400, "malformed Host header");
  else if (g->target.authority.ptr
           && (host.len != g->target.authority.len
               || strncasecmp (host.ptr, g->target.authority.ptr, host.len)))
    refuse (g, 400, "the Host header differs from the target's authority");
}

/* Digits only; over 19 of them, or over int64, is too large rather than malformed. */
static void
check_length (const struct head *h, struct gate *g)
{
  kg_str v = head_value (h, FIELD_CONTENT_LENGTH);
  uint64_t n = 0;
  int over = v.len > 19;
  if (!v.ptr)
    return;
  if (!v.len || h->padded & 1u << FIELD_CONTENT_LENGTH) {
    refuse (g, 400, "malformed Content-Length");
    return;
  }
  for (size_t i = 0; i < v.len; i++) {
    if (v.ptr[i] < '0' || v.ptr[i] > '9') {
      refuse (g, 400, "malformed Content-Length");
      return;
    }
    n = over ? 0 : n * 10 + (uint64_t) (v.ptr[i] - '0');
  }
  if (over || n > INT64_MAX)
    refuse (g, 413, "the body is too large");
  g->length = n;
}

/* The codings of a Transfer-Encoding value: a status, or 0 for exactly "chunked". */
static int32_t
codings_check (kg_str v)
{
  const char *p = v.ptr, *end = v.ptr + v.len;
  int known = 1, chunked = 0, n = 0;
  while (p <= end) {
    const char *comma = memchr (p, ',', (size_t) (end - p));
    const char *stop = comma ? comma : end;
    kg_str one = { p, (size_t) (stop - p) };
    while (one.len && (*one.ptr == ' ' || *one.ptr == '\t'))
      one.ptr++, one.len--;
    while (one.len && (one.ptr[one.len - 1] == ' ' || one.ptr[one.len - 1] == '\t'))
      one.len--;
    if (!head_is_token (one) || chunked)
      return 400;
    chunked = is (one, "chunked");
    known &= chunked || is (one, "gzip") || is (one, "deflate") || is (one, "compress");
    n++;
    p = stop + 1;
  }
  if (!known)
    return 501;
  if (!chunked)
    return 400;
  return n == 1 ? 0 : 501;
}

static void
check_encoding (const struct head *h, const struct gate_rules *rules, struct gate *g)
{
  int32_t status;
  if (!(h->seen & 1u << FIELD_TRANSFER_ENCODING))
    return;
  status = codings_check (head_value (h, FIELD_TRANSFER_ENCODING));
  if (h->minor == 0)
    refuse (g, 400, "Transfer-Encoding in an HTTP/1.0 request");
  else if (h->seen & 1u << FIELD_CONTENT_LENGTH)
    refuse (g, 400, "both Content-Length and Transfer-Encoding");
  else if (h->padded & 1u << FIELD_TRANSFER_ENCODING || status == 400)
    refuse (g, 400, "malformed Transfer-Encoding");
  else if (status)
    refuse (g, status, "unknown transfer coding");
  else if (!rules->allow_chunked)
    refuse (g, 411, "a Content-Length is required");
  g->chunked = 1;
}

static void
check_expect (const struct head *h, struct gate *g)
{
  kg_str v = head_value (h, FIELD_EXPECT);
  if (!v.ptr)
    return;
  if (!is (v, "100-continue"))
    refuse (g, 417, "unknown expectation");
  g->expect = h->minor == 1;
}

/* The next item of a comma-separated list, without the white space around it. */
static kg_str
list_next (kg_str *rest)
{
  const char *p = rest->ptr, *end = p + rest->len, *comma = memchr (p, ',', rest->len);
  const char *stop = comma ? comma : end;
  rest->ptr = comma ? comma + 1 : end;
  rest->len = (size_t) (end - rest->ptr);
  while (p < stop && (*p == ' ' || *p == '\t'))
    p++;
  while (stop > p && (stop[-1] == ' ' || stop[-1] == '\t'))
    stop--;
  return (kg_str){ p, (size_t) (stop - p) };
}

static int
list_has (kg_str list, const char *token)
{
  while (list.len)
    if (is (list_next (&list), token))
      return 1;
  return 0;
}

/* Whether it names nothing else; empty items don't count (RFC 9110, section 5.6.1.2). */
static int
list_only (kg_str list, const char *token)
{
  while (list.len) {
    kg_str item = list_next (&list);
    if (item.len && !is (item, token))
      return 0;
  }
  return 1;
}

static void
check_connection (const struct head *h, struct gate *g)
{
  g->keep_alive = (int32_t) h->minor;
  if (!(h->seen & 1u << FIELD_CONNECTION))
    return;
  for (uint32_t i = h->at[FIELD_CONNECTION]; i < h->nfields; i++) {
    const struct field *f = &h->fields[i];
    if (!is (f->name, "Connection"))
      continue;
    if (list_has (f->value, "close")) {
      g->keep_alive = 0;
      return;
    }
    if (list_has (f->value, "keep-alive"))
      g->keep_alive = 1;
  }
}

/* Codings of the content (RFC 9110, section 8.4), which may come in several fields. */
static void
check_content (const struct head *h, struct gate *g)
{
  if (!(h->seen & 1u << FIELD_CONTENT_ENCODING))
    return;
  for (uint32_t i = h->at[FIELD_CONTENT_ENCODING]; i < h->nfields; i++)
    if (is (h->fields[i].name, "Content-Encoding"))
      g->encoded |= !list_only (h->fields[i].value, "identity");
}

void
gate_check (const struct head *head, const struct gate_rules *rules, struct gate *ret)
{
  memset (ret, 0, sizeof *ret);
  if (head->twice & UNIQUE)
    refuse (ret, 400, "a header that may come once came twice");
  if (head->under & head->seen)
    refuse (ret, 400, "a header came in two spellings, with '-' and with '_'");
  check_method (head, ret);
  check_target (head, ret);
  check_host (head, ret);
  check_length (head, ret);
  check_encoding (head, rules, ret);
  check_expect (head, ret);
  check_connection (head, ret);
  check_content (head, ret);
}
