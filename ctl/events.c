/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Server-sent events: lines, which end in CR, LF or both; an empty one ends an event. */

#include "ctl/events.h"

#include <stdlib.h>
#include <string.h>

#define EVENT_MAX (16u << 20) /* bytes of a line, and of an event's data */
#define NAME_MAX 64

struct text {
  char *ptr;
  size_t len, cap;
};

struct events {
  event_fn *each;
  void *arg;
  struct text line, data;
  char name[NAME_MAX];
  int after_cr; /* a line has ended in CR: an LF that follows belongs to it */
  int begun;    /* the first line, which may have a byte order mark, is over */
};

static int
text_add (struct text *t, const char *data, size_t len)
{
  char *p;
  if (t->len + len > EVENT_MAX)
    return -1;
  if (t->len + len + 1 > t->cap) {
    t->cap = (t->len + len + 1) * 2;
    p = realloc (t->ptr, t->cap);
    if (!p)
      abort ();
    t->ptr = p;
  }
  memcpy (t->ptr + t->len, data, len);
  t->len += len;
  t->ptr[t->len] = 0;
  return 0;
}

static void
text_empty (struct text *t)
{
  t->len = 0;
  if (t->ptr)
    *t->ptr = 0;
}

struct events *
events_create (event_fn *each, void *arg)
{
  struct events *e = calloc (1, sizeof *e);
  if (!e || text_add (&e->line, "", 0) || text_add (&e->data, "", 0))
    abort ();
  e->each = each;
  e->arg = arg;
  return e;
}

void
events_finish (struct events *e)
{
  free (e->line.ptr);
  free (e->data.ptr);
  free (e);
}

/* An event without data is none. */
static int
event_end (struct events *e)
{
  int r = 0;
  if (e->data.len) {
    e->data.ptr[e->data.len - 1] = 0; /* the line end behind its last line */
    r = e->each (*e->name ? e->name : "message", e->data.ptr, e->arg);
  }
  text_empty (&e->data);
  *e->name = 0;
  return r;
}

static int
is_field (const char *line, const char *name)
{
  size_t n = strlen (name);
  return !strncmp (line, name, n) && (line[n] == ':' || !line[n]);
}

/* A name that is too long is none that anybody knows; it's cut. */
static int
line_end (struct events *e)
{
  char *line = e->line.ptr, *value;
  if (!e->begun && !strncmp (line, "\xEF\xBB\xBF", 3))
    line += 3;
  e->begun = 1;
  if (!*line)
    return event_end (e);
  value = strchr (line, ':');
  value = value ? value + 1 : line + strlen (line);
  value += *value == ' ';
  if (is_field (line, "data"))
    return text_add (&e->data, value, strlen (value)) || text_add (&e->data, "\n", 1) ? -1 : 0;
  if (is_field (line, "event")) {
    size_t n = strnlen (value, NAME_MAX - 1);
    memcpy (e->name, value, n);
    e->name[n] = 0;
  }
  return 0;
}

int
events_add (struct events *e, const char *data, size_t len)
{
  size_t n;
  int r = 0;
  while (len && !r) {
    if (e->after_cr && *data == '\n') {
      data++;
      len--;
    }
    e->after_cr = 0;
    for (n = 0; n < len && data[n] != '\n' && data[n] != '\r'; n++)
      ;
    if (text_add (&e->line, data, n))
      return -1;
    if (n == len)
      return 0;
    e->after_cr = data[n] == '\r';
    data += n + 1;
    len -= n + 1;
    r = line_end (e);
    text_empty (&e->line);
  }
  return r;
}
