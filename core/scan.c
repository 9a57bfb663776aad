/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A tokenizer of libconfig's grammar: it knows tokens, brackets and keys, and
 * leaves what may follow what to libconfig. */
#include "core/scan.h"
#include "core/util/str.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A key that a group has seen: its place in the text. */
struct key {
  const char *name;
  size_t len;
  uint32_t line;
  uint32_t depth; /* of its group */
};

struct scan {
  struct conf_where where; /* the current line */
  const char *p, *end;
  char *out; /* what libconfig will read */
  struct errors *errors;
  uint32_t before; /* errors->count at the start */
  struct {
    char open;
    uint32_t line;
  } stack[SCAN_DEPTH_MAX + 1];
  uint32_t depth;
  struct key *keys; /* those of the open groups, innermost last */
  size_t nkeys, room;
};

static int
is_digit (int c)
{
  return c >= '0' && c <= '9';
}

static int
is_hex (int c)
{
  return is_digit (c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static int
is_name_start (int c)
{
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '*' || c == '_';
}

static int
is_name (int c)
{
  return is_name_start (c) || is_digit (c) || c == '-';
}

/* The byte `i` ahead; 0 past the end (a NUL in the text was refused before). */
static int
peek (const struct scan *s, size_t i)
{
  return (size_t) (s->end - s->p) > i ? (unsigned char) s->p[i] : 0;
}

/* Hands `n` bytes on. */
static void
take (struct scan *s, size_t n)
{
  for (; n && s->p < s->end; n--) {
    if (*s->p == '\n')
      s->where.line++;
    *s->out++ = *s->p++;
  }
}

/* ---- The text as a whole ------------------------------------------------ */

/* Refuses a text that is no text: size, byte order mark, NUL, other encodings. */
static int32_t
check_bytes (const char *file, const char *text, size_t len, struct errors *errors)
{
  const unsigned char *p = (const unsigned char *) text;
  struct conf_where where = { file, 0 };
  const char *line, *end = text + len, *next;
  if (len > SCAN_SIZE_MAX) {
    errors_add (errors, where, "%zu bytes; a configuration has at most %u: is it one?", len,
                SCAN_SIZE_MAX);
    return -EINVAL;
  }
  where.line = 1;
  if (len >= 2 && ((p[0] == 0xff && p[1] == 0xfe) || (p[0] == 0xfe && p[1] == 0xff))) {
    errors_add (errors, where, "the text is UTF-16; save it as UTF-8");
    return -EINVAL;
  }
  if (len >= 3 && !memcmp (p, "\xef\xbb\xbf", 3)) {
    errors_add (errors, where, "byte order mark at the start; save the file without it");
    return -EINVAL;
  }
  for (line = text; line < end; line = next, where.line++) {
    next = memchr (line, '\n', (size_t) (end - line));
    next = next ? next + 1 : end;
    if (memchr (line, 0, (size_t) (next - line)))
      errors_add (errors, where, "NUL byte in the text; remove it");
    else if (!str_utf8_valid (line, (size_t) (next - line)))
      errors_add (errors, where, "not UTF-8; save the file as UTF-8");
    else
      continue;
    return -EINVAL;
  }
  return 0;
}

/* ---- Tokens -------------------------------------------------------------- */

static void
scan_line_comment (struct scan *s)
{
  while (s->p < s->end && *s->p != '\n')
    take (s, 1);
}

static int32_t
scan_block_comment (struct scan *s)
{
  struct conf_where start = s->where;
  take (s, 2);
  while (s->p < s->end) {
    if (peek (s, 0) == '*' && peek (s, 1) == '/') {
      take (s, 2);
      return 0;
    }
    take (s, 1);
  }
  errors_add (s->errors, start, "the comment that begins here has no end; add \"*/\"");
  return -EINVAL;
}

/* An escape; libconfig drops the backslash of those it doesn't know. */
static void
scan_escape (struct scan *s)
{
  int c = peek (s, 1);
  if (c == 'x' && peek (s, 2) == '0' && peek (s, 3) == '0')
    errors_add (s->errors, s->where, "\\x00 in a string; a value cannot hold a NUL");
  else if (c == 'x' && !(is_hex (peek (s, 2)) && is_hex (peek (s, 3))))
    errors_add (s->errors, s->where, "\\x wants two hexadecimal digits");
  else if (!c || !strchr ("\\\"nrtfx", c))
    errors_add (s->errors, s->where, "unknown escape in a string; write \\\\ for a backslash");
  take (s, 2);
}

static int32_t
scan_string (struct scan *s)
{
  struct conf_where start = s->where;
  take (s, 1);
  while (s->p < s->end && *s->p != '"') {
    if (*s->p == '\\')
      scan_escape (s);
    else
      take (s, 1);
  }
  if (s->p == s->end) {
    errors_add (s->errors, start, "the string that begins here has no end; add '\"'");
    return -EINVAL;
  }
  take (s, 1);
  return 0;
}

/* Whether the digits, without the L's, are an int64. */
static int
integer_fits (const char *p, size_t len)
{
  char text[32], *end;
  int hex = len > 2 && p[0] == '0' && (p[1] == 'x' || p[1] == 'X');
  if (len >= sizeof text)
    return 0;
  memcpy (text, p, len);
  text[len] = 0;
  errno = 0;
  (void) strtoll (text, &end, hex ? 16 : 10);
  return !errno && !*end;
}

static int
real_fits (const char *p, size_t len)
{
  char text[64];
  if (len >= sizeof text)
    return 0;
  memcpy (text, p, len);
  text[len] = 0;
  return isfinite (strtod (text, NULL));
}

/* The length of the number at `p`; *ret_real tells one with a fraction. */
static size_t
number_len (const struct scan *s, int *ret_real)
{
  size_t n = peek (s, 0) == '-' || peek (s, 0) == '+', e;
  *ret_real = 0;
  if (!n && peek (s, 0) == '0' && (peek (s, 1) == 'x' || peek (s, 1) == 'X')) {
    for (n = 2; is_hex (peek (s, n)); n++)
      ;
    return n;
  }
  for (; is_digit (peek (s, n)) || (peek (s, n) == '.' && !*ret_real); n++)
    *ret_real |= peek (s, n) == '.';
  if (peek (s, n) != 'e' && peek (s, n) != 'E')
    return n;
  e = n + 1 + (peek (s, n + 1) == '-' || peek (s, n + 1) == '+');
  if (!is_digit (peek (s, e)))
    return n;
  while (is_digit (peek (s, e)))
    e++;
  *ret_real = 1;
  return e;
}

static void
scan_number (struct scan *s)
{
  const char *start = s->p;
  int real;
  size_t n = number_len (s, &real), tail = 0;
  take (s, n);
  if (!real) {
    if (!integer_fits (start, n))
      errors_add (s->errors, s->where, "%.*s%s is not an integer of 64 bits; use %lld to %lld",
                  n > 40 ? 40 : (int) n, start, n > 40 ? "..." : "", (long long) INT64_MIN,
                  (long long) INT64_MAX);
    for (; *start && peek (s, 0) == 'L' && tail < 2; tail++)
      s->p++;
    *s->out++ = 'L';
  } else if (!real_fits (start, n)) {
    errors_add (s->errors, s->where, "%.*s is not a finite number", n > 40 ? 40 : (int) n,
                start);
  }
  for (tail = 0; is_name (peek (s, tail)) || peek (s, tail) == '.'; tail++)
    ;
  if (tail)
    errors_add (
        s->errors, s->where,
        "\"%.*s\" after a number; units are not written (seconds, bytes), text is quoted",
        tail > 40 ? 40 : (int) tail, s->p);
  take (s, tail);
}

/* ---- Keys and brackets --------------------------------------------------- */

static int32_t
keys_grow (struct scan *s)
{
  size_t room = s->room ? s->room * 2 : 64;
  struct key *k = realloc (s->keys, room * sizeof *k);
  if (!k)
    return -ENOMEM;
  s->keys = k;
  s->room = room;
  return 0;
}

/* Remembers a key of the innermost group; a second one is refused. */
static int32_t
key_add (struct scan *s, const char *name, size_t len)
{
  size_t i;
  for (i = s->nkeys; i-- && s->keys[i].depth == s->depth;) {
    if (s->keys[i].len == len && !memcmp (s->keys[i].name, name, len)) {
      errors_add (s->errors, s->where, "\"%.*s\" again (first in line %u); remove one",
                  (int) len, name, s->keys[i].line);
      return 0;
    }
  }
  if (s->nkeys == s->room && keys_grow (s))
    return -ENOMEM;
  s->keys[s->nkeys++] = (struct key){ name, len, s->where.line, s->depth };
  return 0;
}

static int
is_bool (const char *p, size_t len)
{
  return (len == 4 && !strncasecmp (p, "true", 4))
         || (len == 5 && !strncasecmp (p, "false", 5));
}

static int32_t
scan_name (struct scan *s)
{
  const char *name = s->p;
  struct conf_where start = s->where;
  size_t len = 1;
  while (is_name (peek (s, len)))
    len++;
  take (s, len);
  while (peek (s, 0) == ' ' || peek (s, 0) == '\t' || peek (s, 0) == '\r'
         || peek (s, 0) == '\n')
    take (s, 1);
  if (peek (s, 0) == '=' || peek (s, 0) == ':')
    return key_add (s, name, len);
  if (!is_bool (name, len))
    errors_add (s->errors, start,
                "%.*s: neither a key (no \"=\" follows) nor a value; put text in quotes",
                len > 40 ? 40 : (int) len, name);
  return 0;
}

static int32_t
bracket_open (struct scan *s)
{
  if (s->depth == SCAN_DEPTH_MAX) {
    errors_add (s->errors, s->where, "nested more than %d deep", SCAN_DEPTH_MAX);
    return -EINVAL;
  }
  s->depth++;
  s->stack[s->depth].open = *s->p;
  s->stack[s->depth].line = s->where.line;
  take (s, 1);
  return 0;
}

static int32_t
bracket_close (struct scan *s)
{
  char open = s->depth ? s->stack[s->depth].open : 0;
  char want = open == '{' ? '}' : open == '(' ? ')' : open == '[' ? ']' : 0;
  if (!want) {
    errors_add (s->errors, s->where, "'%c' closes nothing; remove it", *s->p);
    return -EINVAL;
  }
  if (*s->p != want) {
    errors_add (s->errors, s->where, "'%c' where the '%c' of line %u wants '%c'", *s->p, open,
                s->stack[s->depth].line, want);
    return -EINVAL;
  }
  while (s->nkeys && s->keys[s->nkeys - 1].depth == s->depth)
    s->nkeys--;
  s->depth--;
  take (s, 1);
  return 0;
}

static int32_t
scan_other (struct scan *s)
{
  if ((size_t) (s->end - s->p) >= 8 && !memcmp (s->p, "@include", 8))
    errors_add (s->errors, s->where,
                "@include is not read; put the file into conf.d/ beside the configuration");
  else
    errors_add (s->errors, s->where,
                "'%c' (0x%02x) is not part of the syntax; put text in quotes",
                peek (s, 0) < 0x80 ? *s->p : '?', peek (s, 0));
  return -EINVAL;
}

/* One token; negative ends the scan, what follows it makes no sense. */
static int32_t
scan_token (struct scan *s)
{
  int c = peek (s, 0), d = peek (s, 1);
  if (c == '#' || (c == '/' && d == '/')) {
    scan_line_comment (s);
    return 0;
  }
  if (c == '/' && d == '*')
    return scan_block_comment (s);
  if (c == '"')
    return scan_string (s);
  if (is_name_start (c))
    return scan_name (s);
  if (c == '{' || c == '(' || c == '[')
    return bracket_open (s);
  if (c == '}' || c == ')' || c == ']')
    return bracket_close (s);
  if (is_digit (c) || ((c == '-' || c == '+') && (is_digit (d) || d == '.'))
      || (c == '.' && is_digit (d))) {
    scan_number (s);
    return 0;
  }
  if (!strchr (" \t\r\n\f=:;,", c))
    return scan_other (s);
  take (s, 1);
  return 0;
}

int32_t
scan_text (const char *file, const char *text, size_t len, char **ret_text,
           struct errors *errors)
{
  struct scan s = { { file, 1 },  text, text + len, NULL, errors, errors->count,
                    { { 0, 0 } }, 0,    NULL,       0,    0 };
  char *out;
  int32_t r = check_bytes (file, text, len, errors);
  if (r < 0)
    return r;
  out = s.out = malloc (2 * len + 1); /* the longest: "1,1,1" -> "1L,1L,1L" */
  if (!out)
    return -ENOMEM;
  while (!r && s.p < s.end)
    r = scan_token (&s);
  if (!r && s.depth)
    errors_add (errors, (struct conf_where){ file, s.stack[s.depth].line },
                "the '%c' of this line is never closed", s.stack[s.depth].open);
  *s.out = 0;
  free (s.keys);
  if (r == -ENOMEM || errors->count != s.before) {
    free (out);
    return r == -ENOMEM ? r : -EINVAL;
  }
  *ret_text = out;
  return 0;
}
