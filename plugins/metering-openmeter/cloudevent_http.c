/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The binary mode of CloudEvents over HTTP (its HTTP binding, section 3.1): attributes
 * are headers, the body is the data.  It becomes the JSON text that the structured mode
 * would have had, so that all that follows is the same. */
#include "plugins/metering-openmeter/cloudevent.h"

#include <openssl/evp.h>
#include <strings.h>

#define PREFIX "ce-"
#define PREFIX_LEN (sizeof PREFIX - 1)

/* ---- Text ------------------------------------------------------------------------------ */

/* Bytes of the character at p; 0 when it is none (RFC 3629), or NUL. */
static size_t
character_len (const unsigned char *p, size_t left)
{
  static const uint32_t least[] = { 1, 0x80, 0x800, 0x10000 };
  size_t i, n = *p < 0x80 ? 0 : *p >= 0xF0 ? 3 : *p >= 0xE0 ? 2 : 1;
  uint32_t c = n ? *p & (0x3Fu >> n) : *p;
  if ((n && (*p < 0xC2 || *p > 0xF4)) || left <= n)
    return 0;
  for (i = 1; i <= n; i++) {
    if ((p[i] & 0xC0) != 0x80)
      return 0;
    c = c << 6 | (p[i] & 0x3Fu);
  }
  return c < least[n] || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000) ? 0 : n + 1;
}

int32_t
cloudevent_is_text (kg_str s)
{
  size_t i, n;
  for (i = 0; i < s.len; i += n)
    if (!(n = character_len ((const unsigned char *)s.ptr + i, s.len - i)))
      return 0;
  return 1;
}

static int
hex_value (char c)
{
  if (c >= '0' && c <= '9')
    return c - '0';
  c |= 32;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Section 3.1.3.2: percent and two digits is a byte; what is none stays. */
static kg_str
value_decode (kg_str s, char *out)
{
  size_t i, n = 0;
  for (i = 0; i < s.len; i++) {
    int high = s.ptr[i] == '%' && s.len - i > 2 ? hex_value (s.ptr[i + 1]) : -1;
    int low = high >= 0 ? hex_value (s.ptr[i + 2]) : -1;
    out[n++] = low >= 0 ? (char)(high << 4 | low) : s.ptr[i];
    i += low >= 0 ? 2 : 0;
  }
  return (kg_str){ out, n };
}

/* ---- The body --------------------------------------------------------------------------- */

static int32_t
is_type (kg_str type, const char *name)
{
  return type.len == strlen (name) && !strncasecmp (type.ptr, name, type.len);
}

/* The media type without parameters. */
static kg_str
media_type (kg_str type)
{
  const char *end = type.len ? memchr (type.ptr, ';', type.len) : NULL;
  if (end)
    type.len = (size_t)(end - type.ptr);
  while (type.len && type.ptr[type.len - 1] == ' ')
    type.len--;
  return type;
}

static int32_t
is_json (kg_str media)
{
  return is_type (media, "application/json") || is_type (media, "text/json")
         || (media.len > 5 && !strncasecmp (media.ptr + media.len - 5, "+json", 5));
}

static void
base64_write (kg_str body, struct kg_out *o)
{
  unsigned char out[65];
  size_t i, n;
  kg_out_lit (o, ",\"data_base64\":\"");
  for (i = 0; i < body.len; i += n) {
    n = body.len - i < 48 ? body.len - i : 48;
    kg_out_raw (o, (const char *)out,
                (size_t)EVP_EncodeBlock (out, (const unsigned char *)body.ptr + i, (int)n));
  }
  kg_out_raw (o, "\"", 1);
}

static void
body_write (kg_str type, kg_str body, struct kg_out *o)
{
  kg_str media = media_type (type);
  if (type.len && !is_type (media, "application/json")) {
    kg_out_lit (o, ",\"datacontenttype\":");
    kg_out_str (o, type);
  }
  if (!body.len)
    return;
  if (!type.len || is_json (media)) {
    kg_out_lit (o, ",\"data\":");
    kg_out_raw (o, body.ptr, body.len);
  } else if (media.len > 5 && !strncasecmp (media.ptr, "text/", 5) && cloudevent_is_text (body)) {
    kg_out_lit (o, ",\"data\":");
    kg_out_str (o, body);
  } else
    base64_write (body, o);
}

/* ---- The event --------------------------------------------------------------------------- */

/* Whether the field at a place is an attribute, and which; -ENOENT beyond the last. */
static int32_t
attribute_at (const struct kg_host *host, const kg_req *req, uint32_t place, kg_str *ret_name,
              kg_str *ret_value)
{
  int32_t r = host->field (req, place, ret_name, ret_value);
  if (r < 0 || ret_name->len <= PREFIX_LEN || strncasecmp (ret_name->ptr, PREFIX, PREFIX_LEN))
    return r;
  ret_name->ptr += PREFIX_LEN;
  ret_name->len -= PREFIX_LEN;
  return 1;
}

/* What no header may say: the body is the data, and Content-Type tells what it is (section
 * 3.1.1). */
static int32_t
is_of_body (kg_str name)
{
  return is_type (name, "data") || is_type (name, "data_base64")
         || is_type (name, "datacontenttype");
}

/* Adds an attribute; names have no case here, so they become what events have. */
static int32_t
attribute_write (const struct kg_host *host, kg_req *req, kg_str name, kg_str value,
                 struct kg_out *o)
{
  char *text = host->alloc (req, name.len + value.len + 1);
  size_t i;
  if (!text || is_of_body (name))
    return 0;
  for (i = 0; i < name.len; i++)
    text[i] = name.ptr[i] >= 'A' && name.ptr[i] <= 'Z' ? name.ptr[i] | 32 : name.ptr[i];
  value = value_decode (value, text + name.len);
  kg_out_raw (o, o->len > 1 ? "," : "", o->len > 1);
  kg_out_str (o, (kg_str){ text, name.len });
  kg_out_raw (o, ":", 1);
  kg_out_str (o, value);
  return cloudevent_is_text (value);
}

/* Bytes that all attributes take at most, as JSON text. */
static size_t
attributes_size (const struct kg_host *host, kg_req *req)
{
  size_t size = 0;
  kg_str name, value;
  int32_t r;
  for (uint32_t i = 0; (r = attribute_at (host, req, i, &name, &value)) >= 0; i++)
    if (r)
      size += 6 * (name.len + value.len) + 6;
  return size;
}

kg_str
cloudevent_of_headers (const struct kg_host *host, kg_req *req, kg_str type, kg_str body)
{
  struct kg_out o
      = { NULL, 0, 256 + attributes_size (host, req) + 6 * (type.len + body.len) };
  kg_str name, value;
  int32_t r;
  o.ptr = host->alloc (req, o.cap);
  if (!o.ptr || (type.len && !cloudevent_is_text (type)))
    return (kg_str){ NULL, 0 };
  kg_out_raw (&o, "{", 1);
  for (uint32_t i = 0; (r = attribute_at (host, req, i, &name, &value)) >= 0; i++)
    if (r && !attribute_write (host, req, name, value, &o))
      return (kg_str){ NULL, 0 };
  body_write (type, body, &o);
  kg_out_raw (&o, "}", 1);
  return kg_out_ok (&o) ? (kg_str){ o.ptr, o.len } : (kg_str){ NULL, 0 };
}
