/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Events that a sink could not take: as entries of a bucket, and as a batch again. */
#include "plugins/metering-openmeter/sink.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

uint32_t
sink_parked_key (const struct sink *s, const struct mt_event *e, char out[KG_KEY_MAX])
{
  return (uint32_t)snprintf (out, KG_KEY_MAX, "%s/%020llu-%05u", s->conf.name,
                             (unsigned long long)e->sequence, e->k);
}

static void
lit (struct mt_text *t, const char *text)
{
  mt_text_add (t, text, strlen (text));
}

static void
string (struct mt_text *t, const char *text)
{
  char buf[1024];
  struct kg_out o = { buf, 0, sizeof buf };
  kg_out_text (&o, text);
  mt_text_add (t, buf, o.len);
}

void
sink_parked_text (const struct sink *s, uint32_t i, struct mt_text *t)
{
  const struct mt_event *e = &s->batch.event[i];
  char head[48], time[MT_TIME_LEN + 1];
  struct timespec now;
  clock_gettime (CLOCK_REALTIME, &now);
  mt_time ((int64_t)now.tv_sec * 1000000000 + now.tv_nsec, time);
  snprintf (head, sizeof head, "{\"status\":%d,\"reason\":", s->park_status);
  lit (t, head);
  string (t, e->broken ? "its record cannot be read" : s->reason);
  lit (t, ",\"time\":");
  string (t, time);
  lit (t, ",\"id\":\"");
  mt_text_add (t, s->batch.text.ptr + e->id_at, e->id_len);
  lit (t, e->broken ? "\",\"record\":" : "\",\"event\":");
  mt_text_add (t, s->batch.text.ptr + e->at, e->len);
  lit (t, "}");
}

/* ---- Again -------------------------------------------------------------------------- */

struct reading {
  struct sink *s;
  struct record_read read;
  char after[SINK_PLACE_MAX], last[SINK_PLACE_MAX];
  uint32_t prefix; /* bytes of a key before the place */
};

static int32_t
place_read (const char *place, struct mt_event *ret)
{
  unsigned long long sequence;
  if (sscanf (place, "%20llu-%5u", &sequence, &ret->k) != 2)
    return 0;
  ret->sequence = sequence;
  return 1;
}

/* Puts the entry's event into the batch; one that cannot be sent stays where it is. */
static int32_t
entry_take (const struct kg_entry *entry, void *arg)
{
  struct reading *r = arg;
  struct mt_batch *b = &r->s->batch;
  struct mt_event *e = &b->event[b->count];
  char place[SINK_PLACE_MAX];
  size_t n = entry->key.len - r->prefix;
  kg_str text;
  uint32_t event;
  if (n >= sizeof place)
    return 0;
  memcpy (place, entry->key.ptr + r->prefix, n);
  place[n] = 0;
  if (strcmp (place, r->last) > 0)
    return 1;
  memset (e, 0, sizeof *e);
  if (record_scan (&r->read, entry->value) < 0 || !place_read (place, e)
      || !(event = kg_json_find (&r->read.json, 0, "event")))
    return 0;
  text = kg_json_text (&r->read.json, event);
  if (b->count)
    lit (&b->text, ",");
  e->at = b->text.len;
  e->len = text.len;
  e->type = mt_type_index ("other");
  mt_text_add (&b->text, text.ptr, text.len);
  return ++b->count >= r->s->limit;
}

/* The range that is on; 0 when there is none. */
static int32_t
range_get (struct sink *s, struct reading *r)
{
  int32_t any;
  pthread_mutex_lock (&s->lock);
  any = s->ranges > 0;
  if (any) {
    memcpy (r->after, s->range[0].after, sizeof r->after);
    memcpy (r->last, s->range[0].last, sizeof r->last);
  }
  pthread_mutex_unlock (&s->lock);
  return any;
}

static void
range_end (struct sink *s)
{
  pthread_mutex_lock (&s->lock);
  if (s->ranges)
    memmove (s->range, s->range + 1, --s->ranges * sizeof s->range[0]);
  pthread_mutex_unlock (&s->lock);
}

int32_t
sink_parked_read (struct sink *s)
{
  struct reading r = { .s = s };
  char prefix[SINK_NAME_MAX + 2], after[sizeof prefix + SINK_PLACE_MAX];
  int32_t e, n;
  if (!range_get (s, &r))
    return 0;
  r.prefix = (uint32_t)snprintf (prefix, sizeof prefix, "%s/", s->conf.name);
  n = snprintf (after, sizeof after, "%s%s", prefix, r.after);
  mt_batch_clear (&s->batch);
  s->batch.event = calloc (s->limit, sizeof *s->batch.event);
  if (!s->batch.event)
    return -ENOMEM;
  s->batch.parked = 1;
  lit (&s->batch.text, "[");
  e = s->mt->store->scan_after (s->all->parked, (kg_str){ prefix, r.prefix },
                                (kg_str){ after, (size_t)n }, entry_take, &r);
  lit (&s->batch.text, "]");
  record_read_free (&r.read);
  if (e < 0 || s->batch.text.failed)
    return e < 0 ? e : -ENOMEM;
  if (!s->batch.count)
    range_end (s);
  return (int32_t)s->batch.count;
}

void
sink_parked_tried (struct sink *s, uint32_t n)
{
  char key[KG_KEY_MAX];
  sink_parked_key (s, &s->batch.event[n - 1], key);
  pthread_mutex_lock (&s->lock);
  if (s->ranges)
    snprintf (s->range[0].after, sizeof s->range[0].after, "%.31s",
              key + strlen (s->conf.name) + 1);
  pthread_mutex_unlock (&s->lock);
  atomic_store (&s->due, 1);
  sink_kick (s);
}

/* ---- How many ----------------------------------------------------------------------- */

static int32_t
entry_count (const struct kg_entry *entry, void *arg)
{
  (void)entry;
  ++*(uint64_t *)arg;
  return 0;
}

int32_t
sink_parked_count (struct sink *s, uint64_t *ret)
{
  char prefix[SINK_NAME_MAX + 2];
  uint64_t n = 0;
  size_t len = (size_t)snprintf (prefix, sizeof prefix, "%s/", s->conf.name);
  int32_t r = s->mt->store->scan (s->all->parked, (kg_str){ prefix, len }, entry_count, &n);
  if (r >= 0)
    *ret = n;
  return r;
}
