/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Rolls the log up: once a second a turn, which reads what is new and writes it piece
 * by piece. */
#include "plugins/metering-openmeter/rollup.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#define PERIOD_MS 1000
#define PUT_OFF_NS (2 * INT64_C (1000000000)) /* how long queries may keep it waiting */
#define REST 3 /* times as long as a turn took, the next one begins behind it */

int64_t
rollup_now (void)
{
  struct timespec t;
  clock_gettime (CLOCK_REALTIME, &t);
  return t.tv_sec * INT64_C (1000000000) + t.tv_nsec;
}

static void
rollup_unref (struct rollup *r)
{
  if (atomic_fetch_sub (&r->refs, 1) > 1)
    return;
  rollup_state_free (&r->state);
  fold_free (&r->turn.fold);
  pthread_mutex_destroy (&r->lock);
  free (r);
}

/* ---- A turn ------------------------------------------------------------------ */

static void
losses_count (struct rollup *r, const struct fold *fold)
{
  uint32_t i;
  for (i = 0; i < FOLD_LOSSES; i++)
    if (fold->lost[i])
      r->mt->metrics->add (r->lost, i, fold->lost[i]);
}

/* The write ended; on the committer's thread. */
static void
written (const struct kg_outcome *outcome, void *arg)
{
  struct rollup *r = arg;
  pthread_mutex_lock (&r->lock);
  r->outcome = *outcome;
  r->arrived = 1;
  if (!r->stopped && !outcome->error) /* after an error in a second */
    r->mt->jobs->kick (r->timer);
  pthread_mutex_unlock (&r->lock);
  rollup_unref (r);
}

static void
turn_end (struct rollup *r)
{
  fold_free (&r->turn.fold);
  r->under_way = 0;
}

static void
write_begin (struct rollup *r)
{
  pthread_mutex_lock (&r->lock);
  r->busy = 1;
  r->arrived = 0;
  pthread_mutex_unlock (&r->lock);
  atomic_fetch_add (&r->refs, 1);
}

/* Whether it began. */
static int32_t
write_begun (struct rollup *r, int32_t e)
{
  if (e < 0) {
    r->busy = 0;
    rollup_unref (r);
  }
  return e;
}

int32_t
rollup_put (struct rollup *r, const struct kg_op *ops, uint32_t nops)
{
  write_begin (r);
  return write_begun (r, rollup_state_put (r, ops, nops, written));
}

/* Writes these units; the state is then as it will be when that succeeds. */
static int32_t
units_write (struct rollup *r, const uint8_t *units)
{
  uint32_t i;
  for (i = 0; i < r->meters.count * UNITS; i++)
    if (units[i / UNITS] >> i % UNITS & 1)
      r->state.at[i / UNITS][i % UNITS] = r->turn.to;
  for (i = 0; i < r->meters.count; i++)
    rollup_rebuild_settle (&r->state, i);
  write_begin (r);
  return write_begun (r, rollup_write (r, &r->turn.fold.cells, units, &r->state, written));
}

/* The state is as it is on the disk: how far it is can be told. */
static void
state_settled (struct rollup *r)
{
  uint64_t least = UINT64_MAX;
  uint32_t i;
  for (i = 0; i < r->meters.count * UNITS; i++) {
    const struct rollup_at *at = &r->state.at[i / UNITS][i % UNITS];
    least = at->position < least ? at->position : least;
  }
  if (least != r->least)
    r->oldest_ns = 0;
  r->least = least;
}

/* The next piece of the turn that is under way, or the end of it. */
static int32_t
turn_go_on (struct rollup *r)
{
  uint8_t units[METERS_MAX];
  int64_t now, rest;
  if (rollup_turn_next (&r->turn, units))
    return units_write (r, units);
  now = rollup_now ();
  losses_count (r, &r->turn.fold);
  rest = (now - r->turn.began_ns) * REST - PERIOD_MS * INT64_C (1000000);
  r->next_ns = rest > 0 ? now + rest : 0; /* the timer waits for its period anyway */
  turn_end (r);
  state_settled (r);
  return 0;
}

static int32_t
turn_begin (struct rollup *r)
{
  int64_t now = rollup_now ();
  int32_t e;
  if (!r->loaded && (e = rollup_state_load (r, &r->state)) < 0)
    return e;
  r->loaded = 1;
  state_settled (r);
  if ((e = rollup_rebuild_step (r)))
    return e;
  if (now < r->next_ns && r->next_ns - now < 60 * INT64_C (1000000000))
    return 0; /* a clock that was set back doesn't count */
  e = rollup_turn_read (r, &r->turn);
  if (e <= 0) {
    fold_free (&r->turn.fold);
    return e;
  }
  r->under_way = 1;
  return turn_go_on (r);
}

/* ---- The timer --------------------------------------------------------------- */

/* Says once that it doesn't work, and once that it does again. */
static void
failure_note (struct rollup *r, int32_t e)
{
  struct mt *mt = r->mt;
  if (e == -ESTALE || e == -EEXIST || e == -EAGAIN || e == -ESHUTDOWN)
    return; /* another process was first, or much is to be written: next time */
  if (!e != !r->failing)
    mt->host->log (mt->self, e ? KG_LOG_ERROR : KG_LOG_INFO,
                   e ? "usage is not rolled up, queries take longer: %s"
                     : "usage is rolled up again%s",
                   e ? strerror (-e) : "");
  r->failing = e != 0;
}

/* What came of the last write; 0 while it is under way. */
static int32_t
write_settle (struct rollup *r)
{
  int32_t was, arrived, error = 0;
  pthread_mutex_lock (&r->lock);
  was = r->busy && r->arrived;
  arrived = !r->busy || was;
  if (was) {
    r->busy = 0;
    error = r->outcome.error;
    if (error) { /* begin again from what is there */
      r->loaded = 0;
      turn_end (r);
    } else {
      r->state.revision = r->outcome.revision;
      r->taken = 0;
      r->keep_due = 0;
    }
    r->arrived = 0;
  }
  pthread_mutex_unlock (&r->lock);
  if (was && error)
    rollup_rebuild_again (r);
  if (was)
    failure_note (r, error);
  return arrived;
}

/* Whether queries want the rows to stay for a moment. */
static int32_t
put_off (struct rollup *r)
{
  int64_t now = rollup_now ();
  if (!atomic_load (&r->reading)) {
    r->put_off_ns = 0;
    return 0;
  }
  if (!r->put_off_ns || r->put_off_ns > now)
    r->put_off_ns = now;
  return now - r->put_off_ns < PUT_OFF_NS;
}

static void
lag_report (struct rollup *r)
{
  struct mt *mt = r->mt;
  uint64_t newest = mt->store->newest (mt->usage);
  double seconds = 0;
  if (newest > r->least && r->oldest_ns)
    seconds = (double)(rollup_now () - r->oldest_ns) / 1e9;
  mt->metrics->set (r->lag_records, 0, newest > r->least ? (double)(newest - r->least) : 0);
  mt->metrics->set (r->lag_seconds, 0, seconds > 0 ? seconds : 0);
}

/* How meters are that are made anew. */
static void
rebuilds_report (struct rollup *r)
{
  uint32_t i;
  pthread_mutex_lock (&r->lock);
  for (i = 0; i < r->meters.count && r->loaded; i++) {
    struct rebuild_report *to = &r->report[i];
    const struct rollup_rebuild *of = &r->state.rebuild[i];
    to->position = r->state.at[i][UNIT_MINUTE].position;
    if (of->step) {
      to->known = 1;
      to->of = *of;
    } else
      to->of.step = REBUILD_NONE;
  }
  pthread_mutex_unlock (&r->lock);
}

static void
on_timer (void *arg)
{
  struct rollup *r = arg;
  int32_t e;
  if (!write_settle (r) || put_off (r))
    return;
  e = r->under_way ? turn_go_on (r) : turn_begin (r);
  if (e < 0) {
    turn_end (r);
    r->loaded = 0;
    rollup_rebuild_again (r);
    failure_note (r, e);
  }
  lag_report (r);
  rebuilds_report (r);
}

/* ---- Life ---------------------------------------------------------------------- */

static int32_t
metrics_define (struct rollup *r)
{
  static const char *const reasons[] = { "record", "value", "range", NULL };
  const struct kg_label label = { "reason", reasons };
  const struct {
    kg_metric **at;
    const char *name, *help;
    int32_t kind, labels;
  } all[] = {
    { &r->records, "kgent_metering_rollup_records_total", "Usage records rolled up.",
      KG_COUNTER, 0 },
    { &r->lag_records, "kgent_metering_rollup_lag_records", "Records not yet rolled up.",
      KG_GAUGE, 0 },
    { &r->lag_seconds, "kgent_metering_rollup_lag_seconds",
      "Age of the oldest record that is not yet rolled up.", KG_GAUGE, 0 },
    { &r->lost, "kgent_metering_unmeasured_total",
      "What a meter could not count, by the reason.", KG_COUNTER, 1 },
    { &r->queries, "kgent_metering_query_seconds", "Time that a query of usage took.",
      KG_HISTOGRAM, 0 },
  };
  int32_t e = 0;
  uint32_t i;
  for (i = 0; i < sizeof all / sizeof all[0] && e >= 0; i++) {
    struct kg_metric_def def = { .size = sizeof def,
                                 .kind = all[i].kind,
                                 .name = all[i].name,
                                 .help = all[i].help,
                                 .labels = &label,
                                 .nlabels = (uint32_t)all[i].labels };
    e = r->mt->metrics->define (r->mt->self, &def, all[i].at);
  }
  return e;
}

static int32_t
declare (struct rollup *r)
{
  const struct kg_store *store = r->mt->store;
  kg_self *self = r->mt->self;
  int32_t e;
  if ((e = store->cursor (self, r->mt->usage, "rollup", &r->cursor)) < 0
      || (e = store->bucket2 (self, "usage.rollups", KG_BUCKET_COLD, &r->rows)) < 0
      || (e = store->bucket2 (self, "usage.meters", KG_BUCKET_COLD, &r->states)) < 0
      || (e = metrics_define (r)) < 0)
    return e;
  e = query_open (r);
  return e < 0 ? e : rollup_routes_open (r);
}

/* Longer windows must outlive shorter ones: queries are put together from them. */
static int32_t
keep_check (const struct rollup *r)
{
  const int64_t *keep = r->conf->keep;
  uint32_t i;
  for (i = 1; i < UNITS; i++)
    if (keep[i] && (!keep[i - 1] || keep[i] < keep[i - 1])) {
      r->mt->host->log (r->mt->self, KG_LOG_ERROR,
                        "metering-openmeter.rollups.%ss: %lld is less than the %lld of %ss, of "
                        "which they are made; write at least as many days (0: for ever)",
                        unit_names[i], (long long)keep[i], (long long)keep[i - 1],
                        unit_names[i - 1]);
      return -EINVAL;
    }
  return 0;
}

int32_t
rollup_open (struct mt *mt, const struct kg_list *meters, const struct rollup_conf *conf,
             struct rollup **ret)
{
  char error[METER_ERROR_MAX];
  struct rollup *r = calloc (1, sizeof *r);
  int32_t e;
  if (!r)
    return -ENOMEM;
  r->mt = mt;
  r->conf = conf;
  r->stopped = 1;
  atomic_init (&r->refs, 1);
  pthread_mutex_init (&r->lock, NULL);
  e = meters_read (&r->meters, meters, error);
  if (e < 0)
    mt->host->log (mt->self, KG_LOG_ERROR, "%s", error);
  if (e >= 0)
    e = keep_check (r);
  if (e >= 0)
    e = declare (r);
  if (e < 0) {
    rollup_unref (r);
    return e;
  }
  *ret = r;
  return 0;
}

int32_t
rollup_start (struct rollup *r)
{
  int32_t e;
  pthread_mutex_lock (&r->lock);
  e = r->mt->jobs->timer (r->mt->self, 1, PERIOD_MS, on_timer, r, &r->timer);
  r->stopped = e < 0;
  pthread_mutex_unlock (&r->lock);
  return e;
}

void
rollup_stop (struct rollup *r)
{
  pthread_mutex_lock (&r->lock);
  r->stopped = 1;
  pthread_mutex_unlock (&r->lock);
  r->mt->jobs->cancel (r->timer);
  r->timer = NULL;
}

void
rollup_close (struct rollup *r)
{
  if (r)
    rollup_unref (r);
}
