/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What the store says about itself: its component of the health, its metrics,
 * and one line in the log whenever its state changes. */
#include "core/store_state.h"

#include "core/health.h"
#include "core/log.h"
#include "core/metrics.h"
#include "core/util/clock.h"

#include <errno.h>
#include <string.h>

#define BEAT_NS CLOCK_SECOND
#define SHELF_MS 10000u

static int32_t
meter_define (struct store *s, int32_t kind, const char *name, const char *help,
              kg_metric **ret)
{
  static const double buckets[] = { 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                    0.05,   0.1,     0.25,   0.5,   1,      2.5,   5 };
  struct kg_metric_def def = { .size = sizeof def, .kind = kind, .name = name, .help = help };
  if (kind == KG_HISTOGRAM) {
    def.buckets = buckets;
    def.nbuckets = sizeof buckets / sizeof buckets[0];
  }
  return metrics_define (s->host->metrics, &def, ret);
}

int32_t
pulse_define (struct store *s)
{
  struct store_meters *m = &s->meters;
  int32_t r;
  if (s->host->health)
    health_add (s->host->health, "store", KG_HEALTH_READINESS | KG_HEALTH_ESSENTIAL,
                &s->component);
  if (!s->host->metrics)
    return 0;
  r = meter_define (s, KG_COUNTER, "kgent_store_commits_total",
                    "Transactions that the store has committed.", &m->commits);
  if (r >= 0)
    r = meter_define (s, KG_COUNTER, "kgent_store_events_total",
                      "Usage records that the store has committed.", &m->events);
  if (r >= 0)
    r = meter_define (s, KG_HISTOGRAM, "kgent_store_fsync_seconds",
                      "Time that a commit took, the wait for the disk included.", &m->fsync);
  if (r >= 0)
    r = meter_define (s, KG_GAUGE, "kgent_store_ring_bytes",
                      "Bytes of usage records that wait in rings.", &m->ring_bytes);
  if (r >= 0)
    r = meter_define (s, KG_GAUGE, "kgent_store_pending",
                      "Bytes of writes that wait for the committer.", &m->pending);
  if (r >= 0)
    r = meter_define (s, KG_COUNTER, "kgent_store_errors_total",
                      "Transactions that failed because of the disk.", &m->errors);
  return r;
}

/* A transaction was committed, in `ns`. */
void
pulse_commit (struct store *s, int64_t ns)
{
  if (!s->meters.commits)
    return;
  metrics_add (s->meters.commits, 0, 1);
  metrics_add (s->meters.events, 0, s->group.events);
  metrics_observe (s->meters.fsync, 0, (uint64_t) ns);
}

static const char *
trouble_cure (int32_t error)
{
  switch (error) {
  case -ENOSPC:
    return "free some space";
  case -ENOMEM:
    return "give it more memory";
  case -EROFS:
    return "mount it for writing";
  case -EACCES:
    return "let this user write there";
  case -EBUSY:
    return "another program holds its lock: end that";
  case -ENOENT:
  case -ESTALE:
    return "kgent.db was removed or replaced: put it back, or restart";
  default:
    return "look at the disk and the kernel's log";
  }
}

static void
pulse_health (struct store *s)
{
  int32_t trouble = atomic_load_explicit (&s->trouble, memory_order_relaxed);
  uint64_t lost = atomic_load_explicit (&s->lost, memory_order_relaxed);
  if (!s->component)
    return;
  if (trouble)
    health_set (s->component, KG_HEALTH_DOWN, SHELF_MS, "%s: %s", strerror (-trouble),
                trouble_cure (trouble));
  else if (s->marks.trouble)
    health_set (s->component, KG_HEALTH_DEGRADED, SHELF_MS, "marks wait in memory: %s: %s",
                strerror (-s->marks.trouble), trouble_cure (s->marks.trouble));
  else if (lost)
    health_set (s->component, KG_HEALTH_DEGRADED, SHELF_MS, "%llu damaged records",
                (unsigned long long) lost);
  else
    health_set (s->component, KG_HEALTH_OK, SHELF_MS, "%s", "");
}

static void
pulse_gauges (struct store *s)
{
  uint64_t bytes = 0;
  if (!s->meters.ring_bytes)
    return;
  for (uint32_t i = 0; i < s->rings.count; i++)
    bytes += ring_fill (s->ring[i].ring);
  metrics_set (s->meters.ring_bytes, 0, (double) bytes);
  metrics_set (s->meters.pending, 0, (double) atomic_load (&s->pending));
}

/* Once a second. */
void
pulse_beat (struct store *s)
{
  int64_t now = clock_mono ();
  if (s->pulsed && now - s->pulsed < BEAT_NS)
    return;
  s->pulsed = now;
  pulse_health (s);
  pulse_gauges (s);
}

/* The disk refused (a negative errno), or is well again (0). */
void
pulse_trouble (struct store *s, int32_t error)
{
  int32_t before = atomic_exchange (&s->trouble, error);
  if (error && s->meters.errors)
    metrics_add (s->meters.errors, 0, 1);
  if (error == before)
    return;
  if (error)
    log_write (KG_LOG_ERROR, "store", "%s: %s; %s. Billable requests are refused meanwhile",
               s->path, strerror (-error), trouble_cure (error));
  else
    log_write (KG_LOG_WARN, "store", "%s: can be written again", s->path);
  pulse_health (s);
}

/* A run of marks found no room (a negative errno), and nobody else is concerned yet; or one
 * was written (0). */
void
pulse_marks (struct store *s, int32_t error)
{
  int32_t before = s->marks.trouble;
  s->marks.trouble = error;
  if (error && s->meters.errors)
    metrics_add (s->meters.errors, 0, 1);
  if (error == before)
    return;
  if (error)
    log_write (KG_LOG_ERROR, "store", "%s: marks of events stay in memory: %s; %s", s->path,
               strerror (-error), trouble_cure (error));
  else
    log_write (KG_LOG_WARN, "store", "%s: marks of events are written again", s->path);
  pulse_health (s);
}
