/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Whether a caller would have an event stream (RFC 9110, section 12.5.1). */
#include "plugins/agentese/stream.h"

#include <string.h>
#include <strings.h>

static kg_str
trim (kg_str s)
{
  while (s.len && (*s.ptr == ' ' || *s.ptr == '\t'))
    s = (kg_str){ s.ptr + 1, s.len - 1 };
  while (s.len && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
    s.len--;
  return s;
}

kg_str
ag_part_next (kg_str *rest, char sep)
{
  const char *end = memchr (rest->ptr, sep, rest->len);
  kg_str part = { rest->ptr, end ? (size_t)(end - rest->ptr) : rest->len };
  size_t used = part.len + (end != NULL);
  *rest = (kg_str){ rest->ptr + used, rest->len - used };
  return trim (part);
}

static int32_t
is (kg_str s, const char *text)
{
  return s.len == strlen (text) && !strncasecmp (s.ptr, text, s.len);
}

/* A weight in thousandths; what is none counts as 1. */
static int32_t
weight (kg_str s)
{
  int32_t n, unit = 100;
  size_t i;
  if (!s.len || (*s.ptr != '0' && *s.ptr != '1'))
    return 1000;
  n = (*s.ptr - '0') * 1000;
  for (i = 2; i < s.len && unit; i++, unit /= 10)
    if (s.ptr[i] >= '0' && s.ptr[i] <= '9')
      n += (s.ptr[i] - '0') * unit;
  return n > 1000 ? 1000 : n;
}

/* The weight among an item's parameters. */
static int32_t
weight_of (kg_str parameters)
{
  while (parameters.len) {
    kg_str p = ag_part_next (&parameters, ';');
    if (p.len > 2 && (*p.ptr == 'q' || *p.ptr == 'Q') && p.ptr[1] == '=')
      return weight ((kg_str){ p.ptr + 2, p.len - 2 });
  }
  return 1000;
}

/* "*" says nothing for events, which have to be asked for; but JSON may be meant by it. */
enum ag_events_wanted
ag_accept (kg_str field)
{
  int32_t events = 0, json = -1, application = -1, any = -1, q;
  while (field.len) {
    kg_str item = ag_part_next (&field, ','), type;
    if (!item.len)
      continue;
    type = ag_part_next (&item, ';');
    q = weight_of (item);
    if (is (type, "text/event-stream"))
      events = q;
    else if (is (type, "application/json"))
      json = q;
    else if (is (type, "application/*"))
      application = q;
    else if (is (type, "*/*"))
      any = q;
  }
  if (json < 0)
    json = application >= 0 ? application : any;
  if (!events || events < json)
    return AG_NO_EVENTS;
  return events > json ? AG_RATHER : AG_AS_SOON;
}

int32_t
ag_stream_wanted (const struct ag_call *c)
{
  enum ag_events_wanted wanted;
  kg_str field;
  if (c->then || c->quote)
    return 0;
  field = c->ag->host->get (c->req, KG_GET_HEADER, "Accept");
  wanted = field.len ? ag_accept (field) : AG_NO_EVENTS;
  return wanted == AG_RATHER
         || (wanted == AG_AS_SOON && c->slot && c->slot->aspect.flags & AG_STREAMS);
}
