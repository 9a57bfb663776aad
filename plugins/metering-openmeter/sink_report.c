/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What sinks tell the world: health, figures, gauges. */
#include "plugins/metering-openmeter/sink.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define BREAKER_ATTEMPTS 5 /* failures in a row */

static int32_t
metric (struct sinks *all, int32_t kind, const char *name, const char *help, int32_t by,
        kg_metric **ret)
{
  const struct kg_label types = { "event_type", mt_types }, names = { "sink", all->names };
  struct kg_metric_def def = { .size = sizeof def,
                               .kind = kind,
                               .name = name,
                               .help = help,
                               .labels = by == 1 ? &types : &names,
                               .nlabels = by ? 1 : 0 };
  return all->mt->metrics->define (all->mt->self, &def, ret);
}

static const struct {
  const char *name, *help;
  int32_t kind, by; /* 1: event_type, 2: sink */
  size_t offset;
} defs[] = {
  { "kgent_metering_parked_total", "Events that a sink cannot take, kept aside.", KG_COUNTER,
    0, offsetof (struct sinks, parkings) },
  { "kgent_metering_cursors_left", "Cursors of sinks that are not configured any more.",
    KG_GAUGE, 0, offsetof (struct sinks, left_count) },
  { "kgents_openmeter_events_buffered", "Records that were not yet delivered.", KG_GAUGE, 0,
    offsetof (struct sinks, buffered) },
  { "kgents_openmeter_events_sent_total", "Events delivered.", KG_COUNTER, 1,
    offsetof (struct sinks, sent) },
  { "kgents_openmeter_flush_errors_total", "Batches that failed.", KG_COUNTER, 0,
    offsetof (struct sinks, errors) },
  { "kgents_openmeter_flush_latency_seconds", "Time until a batch was answered.",
    KG_HISTOGRAM, 0, offsetof (struct sinks, latency) },
  { "kgent_metering_sink_lag_records", "Records that the sink does not have yet.", KG_GAUGE,
    2, offsetof (struct sinks, lag) },
  { "kgent_metering_sink_lag_seconds", "Age of the oldest record that waits.", KG_GAUGE, 2,
    offsetof (struct sinks, lag_seconds) },
  { "kgent_metering_sink_parked", "Events that are parked.", KG_GAUGE, 2,
    offsetof (struct sinks, waiting) },
  { "kgent_metering_sink_events_total", "Events that the sink took.", KG_COUNTER, 2,
    offsetof (struct sinks, delivered) },
  { "kgent_metering_sink_errors_total", "Batches that the sink did not take.", KG_COUNTER, 2,
    offsetof (struct sinks, failed) },
  { "kgent_metering_sink_stopped", "1 while the sink refuses everything.", KG_GAUGE, 2,
    offsetof (struct sinks, stopped) },
  { "kgent_metering_sink_dedupes", "1: equal ids count once there; -1: they do not.",
    KG_GAUGE, 2, offsetof (struct sinks, dedupe) },
  { "kgent_metering_unaccounted",
    "Events up to the sink's position, less confirmed, parked, dropped.", KG_GAUGE, 2,
    offsetof (struct sinks, unaccounted) },
};

int32_t
sink_metrics_define (struct sinks *all)
{
  uint32_t i;
  int32_t r = 0;
  for (i = 0; i < sizeof defs / sizeof defs[0] && r >= 0; i++)
    if (defs[i].by != 2 || all->count)
      r = metric (all, defs[i].kind, defs[i].name, defs[i].help, defs[i].by,
                  (kg_metric **)((char *)all + defs[i].offset));
  return r;
}

static uint64_t
lag (const struct sink *s)
{
  uint64_t newest = s->mt->store->newest (s->mt->usage);
  return newest > s->tally.after ? newest - s->tally.after : 0;
}

/* A copy for the routes. */
static struct sink_view
view_make (struct sink *s)
{
  struct sink_view v = { .tally = s->tally,
                         .lag = lag (s),
                         .parked = s->entries,
                         .sent = atomic_load (&s->sent),
                         .failed = atomic_load (&s->failed),
                         .last_ns = atomic_load (&s->last_ns),
                         .unaccounted = s->unaccounted,
                         .attempt = s->attempt,
                         .refused = s->refused,
                         .waits = atomic_load (&s->waiting),
                         .met = s->met,
                         .audited = s->audited };
  v.oldest_ns = v.lag ? s->oldest_ns : 0;
  snprintf (v.reason, sizeof v.reason, "%s", s->reason);
  pthread_mutex_lock (&s->lock);
  s->view = v;
  pthread_mutex_unlock (&s->lock);
  return v;
}

const char *
sink_breaker (const struct sink_view *v)
{
  if (!v->refused && v->attempt < BREAKER_ATTEMPTS)
    return "closed";
  return v->waits ? "open" : "half_open";
}

static void
facts (struct sink *s, const struct sink_view *v)
{
  char text[512], at[MT_TIME_LEN + 1];
  int n;
  mt_time (v->last_ns, at);
  n = snprintf (text, sizeof text,
                "{\"configured\":true,\"running\":%s,\"events_sent\":%llu,"
                "\"events_failed\":%llu,\"events_buffered\":%llu,\"events_parked\":%llu,"
                "\"last_flush\":%s%s%s}",
                v->refused ? "false" : "true", (unsigned long long)v->sent,
                (unsigned long long)v->failed, (unsigned long long)v->lag,
                (unsigned long long)v->parked, v->last_ns ? "\"" : "",
                v->last_ns ? at : "null", v->last_ns ? "\"" : "");
  s->mt->health->facts (s->component, text, (size_t)n);
}

static void
health (struct sink *s)
{
  const struct kg_health *h = s->mt->health;
  uint32_t ttl = (uint32_t)(s->conf.flush_interval * 30000) + 10000;
  if (s->refused)
    h->set (s->component, KG_HEALTH_DOWN, ttl, "stopped: %s", s->reason);
  else if (s->attempt)
    h->set (s->component, KG_HEALTH_DEGRADED, ttl, "retrying: %s", s->reason);
  else if (s->tally.dedupe == DEDUPE_NO)
    h->set (s->component, KG_HEALTH_DEGRADED, ttl, "equal events count twice there");
  else if (s->met)
    h->set (s->component, KG_HEALTH_OK, ttl, "%s", "");
  else
    h->set (s->component, KG_HEALTH_STARTING, ttl, "no answer yet");
}

static void
gauges (struct sink *s, const struct sink_view *v)
{
  const struct kg_metrics *m = s->mt->metrics;
  struct sinks *all = s->all;
  struct timespec now;
  clock_gettime (CLOCK_REALTIME, &now);
  if (s->kind == &sink_openmeter)
    m->set (all->buffered, 0, (double)v->lag);
  m->set (all->lag, s->index, (double)v->lag);
  m->set (all->lag_seconds, s->index,
          v->oldest_ns ? (double)now.tv_sec - (double)v->oldest_ns / 1e9 : 0);
  m->set (all->waiting, s->index, (double)v->parked);
  m->set (all->stopped, s->index, v->refused);
  m->set (all->dedupe, s->index,
          v->tally.dedupe == DEDUPE_YES  ? 1
          : v->tally.dedupe == DEDUPE_NO ? -1
                                         : 0);
  if (v->audited)
    m->set (all->unaccounted, s->index, v->unaccounted);
}

void
sink_report (struct sink *s)
{
  struct sink_view v = view_make (s);
  health (s);
  gauges (s, &v);
  facts (s, &v);
}
