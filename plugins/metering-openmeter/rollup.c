/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Rolls the log up, once a second and as long as there is more.
 *
 * Meters that are equally far go together.  A meter that is new, or counts otherwise
 * than before, begins at the log's beginning while the others go on: turns alternate
 * between who is farthest behind and who is in front, until the former catches up. */
#include "plugins/metering-openmeter/rollup.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#define PERIOD_MS 1000
#define RECORDS_MAX 20000  /* of one turn */
#define CELLS_MAX 1000     /* minutes' cells, so about four times as many rows */
#define PUT_OFF_NS (2 * INT64_C (1000000000)) /* how long queries may keep it waiting */

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
  pthread_mutex_destroy (&r->lock);
  free (r);
}

/* ---- What to do next --------------------------------------------------------- */

/* The meters of one turn, and up to which record they go. */
struct turn {
  uint64_t mask, bound;
  struct rollup_at from;
};

/* The meters that are exactly at `at`, and how far it is to the next ones. */
static struct turn
turn_of (const struct rollup *r, struct rollup_at at, uint64_t newest)
{
  struct turn t = { .bound = newest, .from = at };
  uint32_t i;
  for (i = 0; i < r->meters.count; i++) {
    const struct rollup_at *other = &r->state.at[i];
    int32_t d = rollup_at_cmp (other, &at);
    if (!d)
      t.mask |= UINT64_C (1) << i;
    else if (d > 0 && other->position < t.bound)
      t.bound = other->position;
  }
  return t;
}

/* Whose turn it is; 0 when all are as far as the log. */
static int32_t
turn_choose (struct rollup *r, struct turn *ret)
{
  uint64_t newest = r->mt->store->newest (r->mt->usage);
  const struct rollup_at *least = &r->state.at[0], *most = least;
  uint32_t i;
  for (i = 1; i < r->meters.count; i++) {
    least = rollup_at_cmp (&r->state.at[i], least) < 0 ? &r->state.at[i] : least;
    most = rollup_at_cmp (&r->state.at[i], most) > 0 ? &r->state.at[i] : most;
  }
  *ret = turn_of (r, r->turns++ & 1 ? *most : *least, newest);
  if (ret->bound > ret->from.position)
    return 1;
  *ret = turn_of (r, r->turns & 1 ? *most : *least, newest);
  return ret->bound > ret->from.position;
}

/* ---- A turn ------------------------------------------------------------------ */

/* Reading for a turn. */
struct taking {
  struct fold *fold;
  struct turn *turn;
  struct rollup_at at;
  uint32_t records;
  int64_t time_ns;
  int32_t error;
};

/* Takes a record; 1 when this was the last. */
static int32_t
record_take (const struct kg_record *record, void *arg)
{
  struct taking *t = arg;
  int32_t next;
  if (record->sequence > t->turn->bound)
    return 1;
  next = fold_record (t->fold, record, t->at.skip);
  if (next < 0) {
    t->error = next;
    return 1;
  }
  t->time_ns = record->time_ns;
  if (next) {
    t->at.skip = (uint32_t)next;
    return 1;
  }
  t->at = (struct rollup_at){ record->sequence, 0 };
  t->records++;
  return t->fold->cells.count >= t->fold->cells_max;
}

/* Reads what the turn is about: 0, and *ret_at is how far it got. */
static int32_t
turn_read (struct rollup *r, struct turn *turn, struct fold *fold, struct rollup_at *ret_at)
{
  struct taking t = { .fold = fold, .turn = turn, .at = turn->from };
  struct mt *mt = r->mt;
  int32_t n = mt->store->read (mt->usage, turn->from.position, RECORDS_MAX, record_take, &t);
  if (n < 0 || t.error < 0)
    return n < 0 ? n : t.error;
  /* Where nothing is left to read, what is missing was too old, or damaged. */
  if (n < RECORDS_MAX && t.fold->cells.count < t.fold->cells_max && !t.at.skip
      && t.at.position < turn->bound)
    t.at.position = turn->bound;
  mt->metrics->add (r->records, 0, t.records);
  r->at_ns = t.time_ns > r->at_ns ? t.time_ns : r->at_ns;
  *ret_at = t.at;
  return 0;
}

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
  if (!r->stopped && !outcome->error && r->more) /* after an error in a second */
    r->mt->jobs->kick (r->timer);
  pthread_mutex_unlock (&r->lock);
  rollup_unref (r);
}

/* Writes what was read; the state is then as it will be when that succeeds. */
static int32_t
turn_write (struct rollup *r, const struct turn *turn, const struct fold *fold,
            struct rollup_at at)
{
  int32_t e;
  uint32_t i;
  for (i = 0; i < r->meters.count; i++)
    if (turn->mask >> i & 1)
      r->state.at[i] = at;
  pthread_mutex_lock (&r->lock);
  r->busy = 1;
  r->arrived = 0;
  r->more = at.skip || at.position < r->mt->store->newest (r->mt->usage);
  pthread_mutex_unlock (&r->lock);
  atomic_fetch_add (&r->refs, 1);
  e = rollup_write (r, &fold->cells, &r->state, written);
  if (e < 0) {
    r->busy = 0;
    r->loaded = 0;
    rollup_unref (r);
  }
  return e;
}

static int32_t
turn_run (struct rollup *r)
{
  struct turn turn;
  struct rollup_at at;
  int32_t e = 0;
  if (!r->loaded && (e = rollup_state_load (r, &r->state)) < 0)
    return e;
  r->loaded = 1;
  if (turn_choose (r, &turn)) {
    struct fold fold
        = { .meters = &r->meters, .mask = turn.mask, .cells_max = CELLS_MAX };
    e = turn_read (r, &turn, &fold, &at);
    if (e >= 0)
      e = turn_write (r, &turn, &fold, at);
    if (e >= 0)
      losses_count (r, &fold);
    fold_free (&fold);
  }
  return e;
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
    if (error)
      r->loaded = 0; /* begin again from what is there */
    else
      r->state.revision = r->outcome.revision;
    r->arrived = 0;
  }
  pthread_mutex_unlock (&r->lock);
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
  uint64_t newest = mt->store->newest (mt->usage), least = UINT64_MAX;
  double seconds = 0;
  uint32_t i;
  for (i = 0; i < r->meters.count; i++)
    least = r->state.at[i].position < least ? r->state.at[i].position : least;
  if (newest > least && r->at_ns)
    seconds = (double)(rollup_now () - r->at_ns) / 1e9;
  mt->metrics->set (r->lag_records, 0, newest > least ? (double)(newest - least) : 0);
  mt->metrics->set (r->lag_seconds, 0, seconds > 0 ? seconds : 0);
}

static void
on_timer (void *arg)
{
  struct rollup *r = arg;
  int32_t e;
  if (!write_settle (r) || put_off (r))
    return;
  e = turn_run (r);
  if (e < 0) {
    r->loaded = 0;
    failure_note (r, e);
  }
  lag_report (r);
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
    { &r->records, "kgent_metering_rollup_records_total", "Usage records rolled up.", KG_COUNTER,
      0 },
    { &r->lag_records, "kgent_metering_rollup_lag_records", "Records not yet rolled up.",
      KG_GAUGE, 0 },
    { &r->lag_seconds, "kgent_metering_rollup_lag_seconds",
      "Age of the newest record that is rolled up, while others wait.", KG_GAUGE, 0 },
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
  return query_open (r);
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
                        "rollups: %ss must be kept at least as long as %ss", unit_names[i],
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
