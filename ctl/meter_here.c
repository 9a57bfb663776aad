/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What the log has, by the admin API: events of the time, and which of them are parked. */

#include "ctl/meter_reconcile.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 1000
#define PAGE_LEAST 16 /* the host takes no less */

/* ---- What is the same -------------------------------------------------------------------- */

static uint64_t
mixed (uint64_t h, const void *p, size_t n)
{
  struct hash r = hash_add ((struct hash){ h, ~h }, p, n);
  return r.a ^ r.b;
}

static uint64_t
value_hash (json_object *o)
{
  uint64_t h = 0;
  size_t i;
  double d;
  if (json_object_is_type (o, json_type_object)) {
    json_object_object_foreach (o, name, value)
      h += mixed (value_hash (value), name, strlen (name));
    return mixed (h, "o", 1);
  }
  if (json_object_is_type (o, json_type_array)) {
    for (i = 0; i < json_object_array_length (o); i++) {
      uint64_t v = value_hash (json_object_array_get_idx (o, i));
      h = mixed (h, &v, sizeof v);
    }
    return mixed (h, "a", 1);
  }
  if (json_object_is_type (o, json_type_int) || json_object_is_type (o, json_type_double)) {
    d = json_object_get_double (o);
    return mixed (1, &d, sizeof d);
  }
  return o ? mixed (2, json_object_get_string (o), strlen (json_object_get_string (o))) : 3;
}

uint64_t
reconcile_content (json_object *event, int64_t time_ns)
{
  int64_t second = time_ns / SECOND_NS;
  const char *type = text_of (event, "type"), *subject = text_of (event, "subject");
  uint64_t h = value_hash (member_of (event, "data"));
  h = mixed (h, type, strlen (type));
  h = mixed (h, subject, strlen (subject));
  return mixed (h, &second, sizeof second);
}

struct hash
reconcile_hash (const char *source, const char *id)
{
  struct hash h = hash_add ((struct hash){ 0, 0 }, source, strlen (source));
  return hash_add (h, id, strlen (id));
}

int64_t
reconcile_find (const struct reconcile *r, const char *source, const char *id)
{
  uint64_t *at = map_get (&r->ids, reconcile_hash (source, id));
  return at ? (int64_t)*at : -1;
}

/* ---- Events ------------------------------------------------------------------------------ */

/* One copy of a text for all who have it. */
static char *
text_share (struct reconcile *r, const char *text)
{
  json_object *o = member_of (r->texts, text);
  if (!o) {
    o = json_object_new_string (text);
    json_object_object_add (r->texts, text, o);
  }
  return (char *)json_object_get_string (o);
}

static void
event_add (struct reconcile *r, json_object *event, int64_t time_ns, int pending)
{
  const char *source = text_of (event, "source"), *id = text_of (event, "id");
  struct sent *s;
  int is_new;
  map_put (&r->ids, reconcile_hash (source, id), r->count, &is_new);
  if (!is_new)
    return;
  if (r->count == r->cap) {
    r->cap = r->cap ? 2 * r->cap : 1024;
    r->event = realloc (r->event, r->cap * sizeof *r->event);
    if (!r->event)
      abort ();
  }
  s = &r->event[r->count++];
  *s = (struct sent){ .time_ns = time_ns, .pending = (uint8_t)pending };
  s->id = strdup (id);
  s->source = text_share (r, source);
  s->type = text_share (r, text_of (event, "type"));
  s->subject = text_share (r, text_of (event, "subject"));
  s->content = reconcile_content (event, time_ns);
  json_object_object_add (r->sources, source, json_object_new_boolean (1));
}

static void
page_add (struct reconcile *r, json_object *events, int pending)
{
  size_t i, n = length_of (events);
  for (i = 0; i < n; i++) {
    json_object *event = json_object_array_get_idx (events, i);
    int64_t ns;
    if (!time_parse (text_of (event, "time"), &ns) && ns >= r->from * SECOND_NS
        && ns < r->to * SECOND_NS)
      event_add (r, event, ns, pending);
  }
}

/* All up to what was the newest at the beginning.  A page in which the sink's position lies
 * is asked for again as a small one; of that, nobody knows which were sent. */
static int
log_read (struct reconcile *r)
{
  int64_t after = 0, limit = PAGE;
  int e = 0;
  while (!e && after < r->newest) {
    struct answer answer;
    struct path path;
    int64_t next;
    path_start (&path, "/admin/v1/usage/events");
    path_query_number (&path, "after", after);
    path_query_number (&path, "limit", limit);
    e = call (r->args, "GET", path.text, NULL, &answer);
    next = number_of (answer.json, "next", after);
    if (!e && after < r->position && next > r->position && limit > PAGE_LEAST)
      limit = PAGE_LEAST;
    else if (!e) {
      page_add (r, member_of (answer.json, "events"), next > r->position);
      limit = after >= r->position ? PAGE : limit;
      after = next > after ? next : r->newest;
    }
    answer_finish (&answer);
  }
  return e;
}

/* ---- Sinks ------------------------------------------------------------------------------- */

/* The sink of that name, or the first one that is an OpenMeter. */
static json_object *
sink_choose (const struct reconcile *r, json_object *sinks)
{
  size_t i, n = length_of (sinks);
  for (i = 0; i < n; i++) {
    json_object *sink = json_object_array_get_idx (sinks, i);
    if (r->sink ? !strcmp (text_of (sink, "name"), r->sink)
                : !strcmp (text_of (sink, "kind"), "openmeter"))
      return sink;
  }
  return NULL;
}

static int
status_read (struct reconcile *r)
{
  struct answer answer;
  int e = call (r->args, "GET", METER_STATUS, NULL, &answer);
  json_object *sink = e ? NULL : sink_choose (r, member_of (answer.json, "sinks"));
  if (!e && (!sink || strcmp (text_of (sink, "kind"), "openmeter"))) {
    if (r->sink)
      complain ("%s is no sink of the kind openmeter; see kgentctl meter status", r->sink);
    else
      complain ("no sink of the kind openmeter is configured");
    e = EXIT_REFUSED;
  }
  if (!e) {
    r->sink = text_share (r, text_of (sink, "name"));
    r->newest = number_of (answer.json, "newest", 0);
    r->position = number_of (sink, "position", 0);
  }
  answer_finish (&answer);
  return e;
}

static int
parked_note (json_object *items, json_object *page, void *arg)
{
  struct reconcile *r = arg;
  size_t i, n = length_of (items);
  (void)page;
  for (i = 0; i < n; i++) {
    json_object *event = member_of (json_object_array_get_idx (items, i), "event");
    int64_t at = reconcile_find (r, text_of (event, "source"), text_of (event, "id"));
    if (at >= 0)
      r->event[at].parked = 1;
  }
  return 0;
}

int
reconcile_here (struct reconcile *r)
{
  struct path path;
  int e = status_read (r);
  if (!e)
    e = log_read (r);
  if (e)
    return e;
  path_start (&path, METER_PARKED);
  path_query (&path, "sink", r->sink);
  return pages_each (r->args, &path, "parked", NULL, parked_note, r);
}
