/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/head.h"

#include <string.h>
#include <strings.h>

#if defined __SSE2__
#include <emmintrin.h>
#endif

/* Classes of bytes. */
#define T 1u /* tchar */
#define V 2u /* may stand in a field value: HTAB, SP, VCHAR, obs-text */
#define U 4u /* may stand in a request target: 0x21 to 0x7e */

static const uint8_t class_of[256] = {
  ['\t'] = V, [' '] = V,
  ['!'] = T | V | U, ['"'] = V | U, ['#'] = T | V | U, ['$'] = T | V | U, ['%'] = T | V | U,
  ['&'] = T | V | U, ['\''] = T | V | U, ['('] = V | U, [')'] = V | U, ['*'] = T | V | U,
  ['+'] = T | V | U, [','] = V | U, ['-'] = T | V | U, ['.'] = T | V | U, ['/'] = V | U,
  ['0' ... '9'] = T | V | U, [':' ... '@'] = V | U, ['A' ... 'Z'] = T | V | U,
  ['[' ... ']'] = V | U, ['^' ... '`'] = T | V | U, ['a' ... 'z'] = T | V | U,
  ['{'] = V | U, ['|'] = T | V | U, ['}'] = V | U, ['~'] = T | V | U, [128 ... 255] = V,
};

struct cursor {
  const char *p, *end;
};

#if defined __SSE2__
static inline __m128i
between (__m128i v, uint8_t first, uint8_t last)
{
  const __m128i above = _mm_sub_epi8 (v, _mm_set1_epi8 ((char) first));
  return _mm_cmpeq_epi8 (_mm_min_epu8 (above, _mm_set1_epi8 ((char) (last - first))), above);
}

/* A bit for each of 16 bytes that is not of the class, or that is but seldom: HTAB in values,
 * and what names have besides letters, digits and '-'. */
static inline unsigned
odd_of (const char *p, unsigned class)
{
  const __m128i v = _mm_loadu_si128 ((const __m128i *) (const void *) p);
  __m128i good;
  if (class == V)
    return (unsigned) _mm_movemask_epi8 (
        _mm_or_si128 (between (v, 0, 0x1f), _mm_cmpeq_epi8 (v, _mm_set1_epi8 (0x7f))));
  if (class == U)
    good = between (v, 0x21, 0x7e);
  else
    good = _mm_or_si128 (_mm_or_si128 (between (_mm_or_si128 (v, _mm_set1_epi8 (0x20)), 'a', 'z'),
                                       between (v, '0', '9')),
                         _mm_cmpeq_epi8 (v, _mm_set1_epi8 ('-')));
  return (unsigned) _mm_movemask_epi8 (good) ^ 0xffff;
}
#endif

/* Skips bytes of a class, 16 at a time where the processor can; returns how many. */
static inline size_t
skip (struct cursor *c, unsigned class)
{
  const char *p = c->p, *const from = p, *const end = c->end;
#if defined __SSE2__
  unsigned odd = 0;
  for (; !odd && end - p >= 16; p += odd ? __builtin_ctz (odd) : 16)
    odd = odd_of (p, class);
#endif
  while (p < end && class_of[(unsigned char) *p] & class)
    p++;
  c->p = p;
  return (size_t) (p - from);
}

/* Takes CRLF: 1, 0 when bytes are missing, -1 when something else stands there. */
static int
take_crlf (struct cursor *c)
{
  if (c->p == c->end)
    return 0;
  if (*c->p != '\r')
    return -1;
  if (c->p + 1 == c->end)
    return 0;
  if (c->p[1] != '\n')
    return -1;
  c->p += 2;
  return 1;
}

static int32_t
refuse (const char **why, int status, const char *text)
{
  *why = text;
  return -status;
}

int
head_is_token (kg_str s)
{
  struct cursor c = { s.ptr, s.ptr + s.len };
  return s.len && skip (&c, T) == s.len;
}

/* "HTTP/1.1" at the cursor and the line's end: 1, 0 for more, or minus a status. */
static int32_t
parse_version (struct cursor *c, struct head *h, const char **why)
{
  static const char name[] = "HTTP/";
  size_t have = (size_t) (c->end - c->p);
  if (memcmp (c->p, name, have < 5 ? have : 5))
    return refuse (why, 400, "malformed HTTP version");
  if (have < 8)
    return 0;
  if (c->p[5] < '0' || c->p[5] > '9' || c->p[6] != '.' || c->p[7] < '0' || c->p[7] > '9')
    return refuse (why, 400, "malformed HTTP version");
  if (c->p[5] != '1' || c->p[7] > '1')
    return refuse (why, 505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
  h->minor = (uint32_t) (c->p[7] - '0');
  c->p += 8;
  switch (take_crlf (c)) {
  case 0:
    return 0;
  case 1:
    return 1;
  default:
    return refuse (why, 400, "malformed end of the request line");
  }
}

/* One run of bytes of a class, ended by SP: 1, 0 for more, -1 for another byte. */
static inline int
parse_word (struct cursor *c, unsigned class, kg_str *ret)
{
  ret->ptr = c->p;
  ret->len = skip (c, class);
  if (c->p == c->end)
    return 0;
  if (*c->p != ' ' || !ret->len)
    return -1;
  c->p++;
  return 1;
}

static int32_t
parse_line (struct cursor *c, struct head *h, const char **why)
{
  int rc = parse_word (c, T, &h->method);
  if (rc < 0)
    return refuse (why, 400, "malformed method");
  if (rc > 0)
    rc = parse_word (c, U, &h->target);
  if (rc < 0)
    return refuse (why, 400, "malformed request target");
  return rc ? parse_version (c, h, why) : 0;
}

/* ---- Fields ------------------------------------------------------------- */

static const struct {
  const char *name;
  uint8_t len;
  uint8_t kind;
} known[] = { /* by length, as field_kind looks them up */
  { "Host", 4, FIELD_HOST },
  { "Expect", 6, FIELD_EXPECT },
  { "Origin", 6, FIELD_ORIGIN },
  { "X-API-Key", 9, FIELD_API_KEY },
  { "Connection", 10, FIELD_CONNECTION },
  { "traceparent", 11, FIELD_TRACEPARENT },
  { "Content-Type", 12, FIELD_CONTENT_TYPE },
  { "X-Request-ID", 12, FIELD_REQUEST_ID },
  { "Authorization", 13, FIELD_AUTHORIZATION },
  { "Content-Length", 14, FIELD_CONTENT_LENGTH },
  { "Idempotency-Key", 15, FIELD_IDEMPOTENCY_KEY },
  { "X-Forwarded-For", 15, FIELD_FORWARDED_FOR },
  { "Content-Encoding", 16, FIELD_CONTENT_ENCODING },
  { "Stripe-Signature", 16, FIELD_STRIPE_SIGNATURE },
  { "Transfer-Encoding", 17, FIELD_TRANSFER_ENCODING },
};

/* Compares names without case, '_' standing for '-'; *under says that one did. */
static int
name_is (kg_str name, const char *want, int *under)
{
  *under = 0;
  if (!memcmp (name.ptr, want, name.len))
    return 1;
  for (size_t i = 0; i < name.len; i++) {
    unsigned char a = (unsigned char) name.ptr[i], b = (unsigned char) want[i];
    if (a == b)
      continue;
    if (a == '_' && b == '-')
      *under = 1;
    else if ((a ^ b) != 0x20 || (a | 0x20) < 'a' || (a | 0x20) > 'z')
      return 0;
  }
  return 1;
}

static int
field_kind (kg_str name, int *under)
{
  /* The first of each length; 15 (none) for lengths that do not occur. */
  static const uint8_t first[] = { 15, 15, 15, 15, 0,  15, 1, 15, 15,
                                   3,  4,  5,  6,  8, 9,  10, 12, 14 };
  if (name.len >= sizeof first)
    return FIELD_OTHER;
  for (size_t i = first[name.len]; i < sizeof known / sizeof *known && known[i].len == name.len; i++)
    if ((known[i].name[0] | 0x20) == (name.ptr[0] | 0x20) && name_is (name, known[i].name, under))
      return known[i].kind;
  return FIELD_OTHER;
}

static void
field_note (struct head *h, uint32_t index, int padded)
{
  int under = 0;
  int kind = field_kind (h->fields[index].name, &under);
  uint32_t bit = 1u << kind;
  if (kind == FIELD_OTHER)
    return;
  if (under) {
    h->under |= bit;
    return;
  }
  if (h->seen & bit)
    h->twice |= bit;
  else
    h->at[kind] = (uint16_t) index;
  h->seen |= bit;
  if (padded)
    h->padded |= bit;
}

/* One field line: 1, 0 for more, or minus a status. */
static int32_t
parse_field (struct cursor *c, struct head *h, const char **why)
{
  struct field *f = &h->fields[h->nfields];
  const char *end;
  f->name.ptr = c->p;
  f->name.len = skip (c, T);
  if (c->p == c->end)
    return 0;
  if (*c->p != ':' || !f->name.len)
    return refuse (why, 400, "malformed field name");
  c->p++;
  while (c->p < c->end && (*c->p == ' ' || *c->p == '\t'))
    c->p++;
  f->value.ptr = c->p;
  skip (c, V);
  end = c->p;
  switch (take_crlf (c)) {
  case 0:
    return 0;
  case -1:
    return refuse (why, 400, "malformed field value");
  }
  f->value.len = (size_t) (end - f->value.ptr);
  while (f->value.len && (end[-1] == ' ' || end[-1] == '\t')) {
    end--;
    f->value.len--;
  }
  field_note (h, h->nfields++, f->value.ptr[f->value.len] != '\r');
  return 1;
}

static int32_t
parse_fields (struct cursor *c, struct head *h, const struct head_limits *limits,
              const char **why)
{
  const char *from = c->p;
  for (;;) {
    int rc = take_crlf (c);
    if ((size_t) (c->p - from) > limits->header_max)
      return refuse (why, 431, "the header block is too large");
    if (rc > 0)
      return 1;
    if (c->p != c->end && *c->p == '\r')
      return rc < 0 ? refuse (why, 400, "malformed end of the head") : 0;
    if (c->p == c->end)
      return 0;
    if (h->nfields >= limits->fields_max || h->nfields >= HEAD_FIELDS)
      return refuse (why, 431, "too many header fields");
    rc = parse_field (c, h, why);
    if (rc <= 0)
      return rc;
  }
}

int32_t
head_parse (const char *p, size_t len, const struct head_limits *limits, struct head *ret,
            const char **why)
{
  struct cursor c = { p, p + len };
  const char *fields;
  int32_t rc;
  ret->nfields = ret->seen = ret->twice = ret->under = ret->padded = 0;
  while (c.end - c.p >= 2 && c.p[0] == '\r' && c.p[1] == '\n' && c.p - p < 8)
    c.p += 2; /* RFC 9112, 2.2: empty lines before the request line */
  if (c.p == c.end || (*c.p == '\r' && c.p + 1 == c.end))
    return 0;
  rc = parse_line (&c, ret, why);
  if (rc <= 0) {
    if (rc == 0 && len > limits->line_max)
      return refuse (why, 414, "the request line is too long");
    return rc;
  }
  fields = c.p;
  if ((size_t) (fields - p) > limits->line_max)
    return refuse (why, 414, "the request line is too long");
  rc = parse_fields (&c, ret, limits, why);
  if (rc == 0 && (size_t) (c.end - fields) > limits->header_max)
    return refuse (why, 431, "the header block is too large");
  return rc <= 0 ? rc : (int32_t) (c.p - p);
}
