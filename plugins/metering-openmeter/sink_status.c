/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* GET /admin/v1/meter/status: how far sinks are, and how they do. */
#include "plugins/metering-openmeter/sink.h"

#include <errno.h>

static void
text_add (struct kg_out *o, const char *name, const char *text)
{
  kg_out_lit (o, name);
  kg_out_text (o, text);
}

static void
number_add (struct kg_out *o, const char *name, uint64_t n)
{
  kg_out_lit (o, name);
  kg_out_int (o, (int64_t)n);
}

static void
time_add (struct kg_out *o, const char *name, int64_t ns)
{
  char at[MT_TIME_LEN + 1];
  mt_time (ns, at);
  text_add (o, name, ns ? at : NULL);
}

static const char *
state_of (const struct sink_view *v)
{
  return v->refused                       ? "stopped"
         : v->attempt                     ? "retrying"
         : v->tally.dedupe == DEDUPE_NO   ? "doubling"
         : v->met                         ? "ok"
                                          : "starting";
}

static void
sink_write (struct kg_out *o, struct sink *s, int64_t now_ns)
{
  static const char *const dedupe[] = { "unknown", "yes", "no" };
  uint64_t newest = s->mt->store->newest (s->mt->usage);
  uint64_t position = s->mt->store->position (s->cursor);
  struct sink_view v;
  pthread_mutex_lock (&s->lock);
  v = s->view;
  pthread_mutex_unlock (&s->lock);
  text_add (o, "{\"name\":", s->conf.name);
  text_add (o, ",\"kind\":", s->kind->name);
  text_add (o, ",\"state\":", state_of (&v));
  text_add (o, ",\"reason\":", v.refused || v.attempt ? v.reason : NULL);
  text_add (o, ",\"breaker\":", sink_breaker (&v));
  number_add (o, ",\"position\":", position);
  number_add (o, ",\"lag_records\":", newest > position ? newest - position : 0);
  number_add (o, ",\"lag_seconds\":",
              v.oldest_ns && now_ns > v.oldest_ns
                  ? (uint64_t)(now_ns - v.oldest_ns) / 1000000000
                  : 0);
  number_add (o, ",\"parked\":", v.parked);
  number_add (o, ",\"confirmed\":", v.tally.confirmed);
  number_add (o, ",\"dropped\":", v.tally.dropped);
  kg_out_lit (o, ",\"unaccounted\":");
  if (v.audited)
    kg_out_int (o, (int64_t)v.unaccounted);
  else
    kg_out_lit (o, "null");
  time_add (o, ",\"last_success\":", v.last_ns);
  text_add (o, ",\"dedupe\":", dedupe[v.tally.dedupe <= DEDUPE_NO ? v.tally.dedupe : 0]);
  kg_out_lit (o, "}");
}

int32_t
sink_status_get (kg_req *req, void *data)
{
  struct mt *mt = data;
  size_t cap = 128 + (size_t)mt->sinks->count * 1024 + SINKS_MAX * 160;
  struct kg_out o = { mt->host->alloc (req, cap), 0, cap };
  int64_t now_ns = mt->host->num (req, KG_NUM_TIME);
  uint32_t i;
  int32_t r;
  if (!o.ptr)
    return -ENOMEM;
  number_add (&o, "{\"newest\":", mt->store->newest (mt->usage));
  kg_out_lit (&o, ",\"sinks\":[");
  for (i = 0; i < mt->sinks->count; i++) {
    if (i)
      kg_out_lit (&o, ",");
    sink_write (&o, mt->sinks->sink[i], now_ns);
  }
  kg_out_lit (&o, "]");
  sink_left_write (mt->sinks, mt->store->newest (mt->usage), &o);
  kg_out_lit (&o, "}");
  if (!kg_out_ok (&o))
    return -E2BIG;
  r = mt->host->reply (req, 200, "application/json", o.ptr, o.len);
  return r < 0 ? r : KG_DONE;
}
