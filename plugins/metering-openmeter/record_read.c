/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Records and their events on the tape. */
#include "plugins/metering-openmeter/record_read.h"

#include <errno.h>

/* A member that may be there once, of one kind. */
struct slot {
  const char *name;
  uint32_t kind; /* 0: any */
  uint32_t *at;
};

/* Puts members of the object where the slots say; 0 when one is there twice or is
 * of another kind.  Others are passed over. */
static int32_t
slots_fill (const struct kg_json *j, uint32_t object, const struct slot *slots, uint32_t count)
{
  uint32_t i, n;
  for (i = kg_json_first (j, object); i; i = kg_json_next (j, object, i + 1)) {
    for (n = 0; n < count && !kg_json_is (j, i, slots[n].name); n++)
      ;
    if (n == count)
      continue;
    if (*slots[n].at || (slots[n].kind && j->token[i + 1].kind != slots[n].kind))
      return 0;
    *slots[n].at = i + 1;
  }
  return 1;
}

/* A string that says something. */
static int32_t
said (const struct kg_json *j, uint32_t i)
{
  return i && j->token[i].len > 0;
}

/* The time that the event brought, if any. */
static int32_t
event_time (const struct record_read *r, struct record_event *e)
{
  e->time_ns = r->time_ns;
  return !e->time || record_time (kg_json_raw (&r->json, e->time), &e->time_ns) >= 0;
}

/* The event at `i`, checked: 1, or 0 when it is none. */
static int32_t
event_read (const struct record_read *r, uint32_t i, struct record_event *e)
{
  const struct kg_json *j = &r->json;
  const struct slot slots[]
      = { { "type", KG_JSON_STRING, &e->type },       { "data", 0, &e->data },
          { "id", KG_JSON_STRING, &e->id },           { "source", KG_JSON_STRING, &e->source },
          { "subject", KG_JSON_STRING, &e->subject }, { "time", KG_JSON_STRING, &e->time },
          { "ext", KG_JSON_OBJECT, &e->ext } };
  memset (e, 0, sizeof *e);
  if (kg_json_kind (j, i) != KG_JSON_OBJECT
      || !slots_fill (j, i, slots, sizeof slots / sizeof slots[0]) || !said (j, e->type))
    return 0;
  if (e->id ? !said (j, e->id) || !said (j, e->source)
            : e->source || !e->data || kg_json_kind (j, e->data) != KG_JSON_OBJECT)
    return 0;
  if (e->subject && !said (j, e->subject))
    return 0;
  e->corrects = e->ext ? kg_json_find (j, e->ext, "corrects") : 0;
  if (e->corrects && kg_json_kind (j, e->corrects) != KG_JSON_STRING)
    return 0;
  return event_time (r, e);
}

/* Whether all events are; none at all are good where something was charged. */
static int32_t
events_good (const struct record_read *r)
{
  struct record_event e;
  uint32_t i = kg_json_first (&r->json, r->events);
  if (!i)
    return r->charge != 0;
  for (; i; i = kg_json_next (&r->json, r->events, i))
    if (!event_read (r, i, &e))
      return 0;
  return 1;
}

int32_t
record_read (struct record_read *r, kg_str text)
{
  uint32_t time = 0;
  const struct slot slots[] = { { "tenant", KG_JSON_STRING, &r->tenant },
                                { "key", KG_JSON_STRING, &r->key },
                                { "time", KG_JSON_INT, &time },
                                { "charge", KG_JSON_OBJECT, &r->charge },
                                { "events", KG_JSON_ARRAY, &r->events } };
  int32_t error = record_scan (r, text);
  r->tenant = r->key = r->charge = r->events = r->at = r->k = 0;
  if (error < 0)
    return error;
  if (kg_json_kind (&r->json, 0) != KG_JSON_OBJECT
      || !slots_fill (&r->json, 0, slots, sizeof slots / sizeof slots[0])
      || !said (&r->json, r->tenant) || !time || !r->events)
    return -EBADMSG;
  r->time_ns = kg_json_int (&r->json, time, 0);
  if (r->time_ns < 0 || !events_good (r))
    return -EBADMSG;
  r->at = kg_json_first (&r->json, r->events);
  return 0;
}

int32_t
record_next (struct record_read *r, struct record_event *ret)
{
  if (!r->at || !event_read (r, r->at, ret))
    return 0;
  ret->k = r->k++;
  r->at = kg_json_next (&r->json, r->events, r->at);
  return 1;
}

/* Whether the key says these bytes. */
static int32_t
key_is (const struct kg_json *j, uint32_t i, kg_str name)
{
  char buf[6 * 256]; /* a character of a name may be escaped as 6 */
  const struct kg_json_token *t = &j->token[i];
  if (!t->escaped)
    return t->len == name.len && !memcmp (j->text + t->start, name.ptr, name.len);
  return t->len <= sizeof buf && kg_json_decode (j, i, buf) == name.len
         && !memcmp (buf, name.ptr, name.len);
}

static uint32_t
member_find (const struct kg_json *j, uint32_t object, kg_str name)
{
  uint32_t i;
  if (kg_json_kind (j, object) != KG_JSON_OBJECT)
    return 0;
  for (i = kg_json_first (j, object); i; i = kg_json_next (j, object, i + 1))
    if (key_is (j, i, name))
      return i + 1;
  return 0;
}

uint32_t
record_member (const struct kg_json *j, uint32_t object, kg_str path)
{
  while (object) {
    const char *dot = memchr (path.ptr, '.', path.len);
    uint32_t whole = member_find (j, object, path);
    size_t n;
    if (whole || !dot)
      return whole;
    n = (size_t)(dot - path.ptr);
    object = member_find (j, object, (kg_str){ path.ptr, n });
    path = (kg_str){ dot + 1, path.len - n - 1 };
  }
  return 0;
}
