/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "plugins/auth/credential.h"

#include <string.h>
#include <strings.h>

/* ---- Headers ------------------------------------------------------------- */

static kg_str
trim (kg_str s)
{
  while (s.len && (*s.ptr == ' ' || *s.ptr == '\t')) {
    s.ptr++;
    s.len--;
  }
  while (s.len && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
    s.len--;
  return s;
}

/* The token of "Bearer TOKEN" (RFC 6750, 2.1); empty for another scheme. */
static kg_str
bearer (kg_str value)
{
  kg_str none = { NULL, 0 };
  if (value.len < 7 || strncasecmp (value.ptr, "Bearer ", 7))
    return none;
  value.ptr += 7;
  value.len -= 7;
  return trim (value);
}

int32_t
credential_get (const struct kg_host *host, const kg_req *req, kg_str *ret)
{
  kg_str own = trim (host->get (req, KG_GET_HEADER, "X-API-Key"));
  kg_str token = bearer (host->get (req, KG_GET_HEADER, "Authorization"));
  if (own.len && token.len && (own.len != token.len || memcmp (own.ptr, token.ptr, own.len)))
    return CREDENTIAL_CONFLICT;
  *ret = own.len ? own : token;
  return ret->len ? CREDENTIAL_FOUND : CREDENTIAL_NONE;
}

/* ---- Query --------------------------------------------------------------- */

static int
hex_value (char c)
{
  if (c >= '0' && c <= '9')
    return c - '0';
  c |= 32;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes the first `max` characters of a part of the query; returns how many. */
static size_t
part_decode (const char *p, const char *end, char *out, size_t max)
{
  size_t n = 0;
  while (p < end && n < max) {
    int high = *p == '%' && end - p >= 3 ? hex_value (p[1]) : -1;
    int low = high >= 0 ? hex_value (p[2]) : -1;
    out[n++] = low >= 0 ? (char) (high << 4 | low) : *p;
    p += low >= 0 ? 3 : 1;
  }
  return n;
}

static int32_t
name_is_key (const char *p, const char *end)
{
  char name[8];
  size_t n = part_decode (p, end, name, sizeof name);
  return (n == 7 && !strncasecmp (name, "api_key", 7)) || (n == 3 && !strncasecmp (name, "key", 3))
         || (n == 5 && !strncasecmp (name, "token", 5));
}

/* The id of a key, which the operator's routes are asked about, is no secret. */
static int32_t
value_is_id (const char *p, const char *end)
{
  size_t i;
  for (i = 0; p + i < end && i < 36; i++)
    if (i == 8 || i == 13 || i == 18 || i == 23 ? p[i] != '-' : hex_value (p[i]) < 0)
      return 0;
  return i == 36 && p + i == end;
}

static int32_t
pair_is_key (const char *p, const char *end)
{
  const char *equals = memchr (p, '=', (size_t) (end - p));
  const char *value = equals ? equals + 1 : end;
  char begin[3];
  if (value < end && name_is_key (p, equals))
    return equals - p != 3 || !value_is_id (value, end); /* "key" may be an id */
  if (!equals)
    value = p; /* "?kg_...": a value without a name */
  return part_decode (value, end, begin, sizeof begin) == 3 && !memcmp (begin, "kg_", 3);
}

int32_t
credential_in_query (kg_str query)
{
  const char *p = query.ptr, *end;
  if (!query.len)
    return 0;
  for (end = p + query.len; p < end;) {
    const char *and = memchr (p, '&', (size_t) (end - p));
    if (pair_is_key (p, and ? and : end))
      return 1;
    p = and ? and + 1 : end;
  }
  return 0;
}
