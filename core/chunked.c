/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/chunked.h"

#include <errno.h>
#include <string.h>

enum { SIZE, EXTENSION, SIZE_LF, DATA, DATA_CR, DATA_LF, TRAILER, TRAILER_LINE, TRAILER_LF, END_LF,
       DONE };

#define DIGITS_MAX 8u
#define EXTRA_MAX  1024u

void
chunked_init (struct chunked *c)
{
  memset (c, 0, sizeof *c);
}

static int
hex (char ch)
{
  if (ch >= '0' && ch <= '9')
    return ch - '0';
  ch |= 0x20;
  return ch >= 'a' && ch <= 'f' ? ch - 'a' + 10 : -1;
}

/* A byte of the size line: 0, or -1. */
static int
feed_size (struct chunked *c, char ch)
{
  int v = hex (ch);
  if (v >= 0 && c->digits < DIGITS_MAX) {
    c->left = c->left << 4 | (uint64_t) v;
    c->digits++;
    return 0;
  }
  if (!c->digits || (ch != ';' && ch != '\r'))
    return -1;
  c->state = ch == ';' ? EXTENSION : SIZE_LF;
  return 0;
}

/* A byte of an extension or a trailer field, dropped. */
static int
feed_extra (struct chunked *c, char ch, uint32_t after)
{
  if (ch == '\r')
    c->state = after;
  else if (++c->extra > EXTRA_MAX || ((unsigned char) ch < 0x20 && ch != '\t') || ch == 0x7f)
    return -1;
  return 0;
}

static int
expect (struct chunked *c, char ch, char want, uint32_t after)
{
  c->state = after;
  return ch == want ? 0 : -1;
}

/* A byte that is not data: 0, or -1. */
static int
feed_byte (struct chunked *c, char ch)
{
  switch (c->state) {
  case SIZE:
    return feed_size (c, ch);
  case EXTENSION:
    return feed_extra (c, ch, SIZE_LF);
  case SIZE_LF:
    return expect (c, ch, '\n', c->left ? DATA : TRAILER);
  case DATA_CR:
    return expect (c, ch, '\r', DATA_LF);
  case DATA_LF:
    c->digits = 0;
    return expect (c, ch, '\n', SIZE);
  case TRAILER:
    if (ch == '\r') {
      c->state = END_LF;
      return 0;
    }
    c->state = TRAILER_LINE;
    return feed_extra (c, ch, TRAILER_LF);
  case TRAILER_LINE:
    return feed_extra (c, ch, TRAILER_LF);
  case TRAILER_LF:
    return expect (c, ch, '\n', TRAILER);
  default:
    return expect (c, ch, '\n', DONE);
  }
}

int64_t
chunked_feed (struct chunked *c, const char *p, size_t len, const char **ret_data,
              size_t *ret_len, int *ret_done)
{
  size_t i = 0;
  *ret_data = NULL;
  *ret_len = 0;
  *ret_done = 0;
  while (i < len && c->state != DATA && c->state != DONE)
    if (feed_byte (c, p[i++]) < 0)
      return -EBADMSG;
  if (c->state == DATA && i < len) {
    size_t n = len - i < c->left ? len - i : (size_t) c->left;
    *ret_data = p + i;
    *ret_len = n;
    c->left -= n;
    i += n;
    if (!c->left)
      c->state = DATA_CR;
  }
  *ret_done = c->state == DONE;
  return (int64_t) i;
}
