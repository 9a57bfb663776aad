/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "plugins/agentese/remote_events.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define USAGE_DIGITS 10 /* of a number of tokens */

int32_t
ag_bytes_add (struct ag_bytes *b, const void *data, size_t len)
{
  size_t cap = b->cap ? b->cap : 1024;
  char *p;
  while (cap < b->len + len)
    cap *= 2;
  if (cap != b->cap) {
    p = realloc (b->ptr, cap);
    if (!p)
      return -ENOMEM;
    b->ptr = p;
    b->cap = cap;
  }
  if (len)
    memcpy (b->ptr + b->len, data, len);
  b->len += len;
  return 0;
}

/* ---- UTF-8 ----------------------------------------------------------------- */

/* Bytes of the well-formed character at p, of which `left` are there; 0 for a
 * malformed one (Unicode 15, table 3-7) and for NUL. */
static size_t
char_len (const unsigned char *p, size_t left)
{
  size_t i, n = 0;
  if (*p < 0x80)
    n = *p != 0;
  else if (*p >= 0xC2 && *p < 0xF5)
    n = *p < 0xE0 ? 2 : *p < 0xF0 ? 3 : 4;
  if (n > left)
    return 0;
  for (i = 1; i < n; i++)
    if ((p[i] & 0xC0) != 0x80)
      return 0;
  if ((*p == 0xE0 && p[1] < 0xA0) || (*p == 0xED && p[1] > 0x9F) || (*p == 0xF0 && p[1] < 0x90)
      || (*p == 0xF4 && p[1] > 0x8F))
    return 0;
  return n;
}

static int32_t
is_text (const struct ag_bytes *b)
{
  size_t i, n;
  for (i = 0; i < b->len; i += n)
    if (!(n = char_len ((const unsigned char *)b->ptr + i, b->len - i)))
      return 0;
  return 1;
}

/* ---- Events ------------------------------------------------------------------ */

static int32_t
piece_take (struct ag_events *e)
{
  int32_t r = ag_bytes_add (&e->text, e->data.ptr, e->data.len);
  return r < 0 || !e->piece || !e->data.len ? r : e->piece (e->data.ptr, e->data.len, e->arg);
}

/* A decimal number; what is none is not believed. */
static int32_t
usage_take (struct ag_events *e)
{
  int64_t n = 0;
  size_t i;
  if (!e->data.len || e->data.len > USAGE_DIGITS)
    return -ERANGE;
  for (i = 0; i < e->data.len; i++) {
    if (e->data.ptr[i] < '0' || e->data.ptr[i] > '9')
      return -ERANGE;
    n = n * 10 + (e->data.ptr[i] - '0');
  }
  e->tokens = n;
  e->tokens_said = 1;
  return 0;
}

/* A blank line: the event is complete. */
static int32_t
event_take (struct ag_events *e)
{
  int32_t r = 0;
  if (!is_text (&e->data))
    r = -EBADMSG;
  else if (e->has_data && (!e->name[0] || !strcmp (e->name, "message")))
    r = piece_take (e);
  else if (!strcmp (e->name, "usage"))
    r = usage_take (e);
  else if (!strcmp (e->name, "done") || !strcmp (e->name, "error")) {
    e->end = e->name[0] == 'd' ? AG_EVENTS_DONE : AG_EVENTS_ERROR;
    r = ag_bytes_add (&e->last, e->data.ptr, e->data.len);
  }
  e->data.len = 0;
  e->has_data = 0;
  e->name[0] = 0;
  return r;
}

static int
field_is (const char *line, size_t len, const char *name)
{
  return len == strlen (name) && !memcmp (line, name, len);
}

static int32_t
line_take (struct ag_events *e, const char *line, size_t len)
{
  const char *colon = len ? memchr (line, ':', len) : NULL;
  size_t name = colon ? (size_t)(colon - line) : len, at = colon ? name + 1 : len;
  int32_t r = 0;
  if (!e->started && len >= 3 && !memcmp (line, "\xEF\xBB\xBF", 3)) {
    e->started = 1;
    return line_take (e, line + 3, len - 3);
  }
  e->started = 1;
  if (!len)
    return event_take (e);
  if (at < len && line[at] == ' ')
    at++;
  if (field_is (line, name, "data")) {
    if (e->has_data)
      r = ag_bytes_add (&e->data, "\n", 1);
    e->has_data = 1;
    return r < 0 ? r : ag_bytes_add (&e->data, line + at, len - at);
  }
  if (field_is (line, name, "event")) {
    size_t n = len - at < sizeof e->name - 1 ? len - at : sizeof e->name - 1;
    memcpy (e->name, line + at, n);
    e->name[n] = 0;
  }
  return 0;
}

/* Length of the line at `at` with its end in *ret_next; -1 while it isn't there.  A CR
 * that came last may have its LF yet to come. */
static int64_t
line_find (struct ag_events *e, size_t *ret_next)
{
  size_t i = e->seen;
  while (i < e->in.len && e->in.ptr[i] != '\n' && e->in.ptr[i] != '\r')
    i++;
  e->seen = i;
  if (i == e->in.len || (e->in.ptr[i] == '\r' && i + 1 == e->in.len))
    return -1;
  *ret_next = i + 1 + (e->in.ptr[i] == '\r' && e->in.ptr[i + 1] == '\n');
  return (int64_t)(i - e->at);
}

int32_t
ag_events_feed (struct ag_events *e, const void *data, size_t len)
{
  int32_t r;
  int64_t n;
  size_t next = 0;
  if (e->at) { /* what was parsed is not needed any more */
    memmove (e->in.ptr, e->in.ptr + e->at, e->in.len - e->at);
    e->in.len -= e->at;
    e->seen -= e->at;
    e->at = 0;
  }
  r = ag_bytes_add (&e->in, data, len);
  while (!r && e->end == AG_EVENTS_OPEN && (n = line_find (e, &next)) >= 0) {
    r = line_take (e, e->in.ptr + e->at, (size_t)n);
    e->at = e->seen = next;
  }
  return r;
}

int32_t
ag_events_close (struct ag_events *e)
{
  if (e->in.len == e->at || e->in.ptr[e->in.len - 1] != '\r')
    return 0;
  return ag_events_feed (e, "\n", 1);
}

void
ag_events_finish (struct ag_events *e)
{
  free (e->in.ptr);
  free (e->data.ptr);
  free (e->text.ptr);
  free (e->last.ptr);
}
