/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Meters made anew: their rows are removed and counted from the log once more, as far back
 * as the log has all records; windows that began before stay as they are.
 *
 * It is part of the state, so it goes on behind a kill and in another process.  First rows
 * are removed (REBUILD_CLEAR: queries of the meter are refused), then the meter begins at
 * the log's beginning (REBUILD_FILL), and what it reads up to `until` counts only in windows
 * from `from` on, for the older ones have it. */
#include "plugins/metering-openmeter/rollup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define KEYS_MAX 1000 /* rows that are removed in one write */
#define PAUSE_NS (60 * INT64_C (1000000000)) /* behind an attempt to begin in vain */

/* ---- How far back ---------------------------------------------------------------- */

struct looking {
  struct rollup *rollup;
  uint64_t last, missing_from, missing_to; /* 0: none is missing */
  int64_t first_ns, time_ns; /* of the first record, and the newest time so far */
  int64_t whole_ns;          /* since when all records are there */
};

static int32_t
record_look (const struct kg_record *record, void *arg)
{
  struct looking *l = arg;
  l->first_ns = l->last ? l->first_ns : record->time_ns;
  l->time_ns = record->time_ns > l->time_ns ? record->time_ns : l->time_ns;
  if (record->sequence != l->last + 1) {
    l->missing_from = l->last + 1;
    l->missing_to = record->sequence - 1;
    l->whole_ns = l->time_ns;
  }
  l->last = record->sequence;
  return l->rollup->stopped;
}

/* A day more than needed: a record may lie in a ring for a while before it is in the log,
 * and its clock may have been another one.  And none that may go before they are read. */
static int64_t
whole_since (const struct rollup *r, const struct looking *l, int64_t now)
{
  int64_t keep = r->mt->conf->keep_days * DAY_MINUTES, from = 0;
  int64_t stays = unit_next (UNIT_DAY, keep && now > keep ? now - keep + DAY_MINUTES : 0);
  if (l->missing_to)
    from = unit_next (UNIT_DAY, l->whole_ns / MINUTE_NS + DAY_MINUTES);
  return keep && l->first_ns / MINUTE_NS < stays && from < stays && now > keep ? stays : from;
}

static void
reason_write (const struct rollup *r, const struct looking *l, int64_t whole,
              char out[REBUILD_REASON])
{
  *out = 0;
  if (l->missing_to && l->missing_from > 1)
    snprintf (out, REBUILD_REASON, "records %llu to %llu are damaged or missing",
              (unsigned long long)l->missing_from, (unsigned long long)l->missing_to);
  else if (whole)
    snprintf (out, REBUILD_REASON, "records before are not all kept (keep_days = %lld)",
              (long long)r->mt->conf->keep_days);
}

/* Reads the whole log: 0, and since when it can be counted; or -errno. */
static int32_t
log_look (struct rollup *r, int64_t *ret_from, char reason[REBUILD_REASON])
{
  struct looking l = { .rollup = r };
  uint64_t newest = r->mt->store->newest (r->mt->usage);
  int32_t n = 1;
  while (n > 0 && l.last < newest && !r->stopped)
    n = r->mt->store->read (r->mt->usage, l.last, UINT32_MAX >> 1, record_look, &l);
  if (n < 0 || r->stopped)
    return n < 0 ? n : -ESHUTDOWN;
  if (l.last < newest) { /* the end of it is damaged */
    l.missing_from = l.last + 1;
    l.missing_to = newest;
    l.whole_ns = rollup_now ();
  }
  *ret_from = whole_since (r, &l, rollup_now () / MINUTE_NS);
  reason_write (r, &l, *ret_from, reason);
  return 0;
}

/* ---- Windows that are kept for longer ----------------------------------------------- */

/* Rows have their end from the time when they were written: when that is to be later, they
 * have to be written anew. */
static int32_t
keep_look (struct rollup *r)
{
  struct kg_entry entry = { .size = sizeof entry };
  struct record_read read = { 0 };
  uint32_t i, u = 0;
  int32_t e = r->mt->store->get (r->states, (kg_str){ "keep", 4 }, &entry), grown = 0;
  if (e >= 0)
    e = record_scan (&read, entry.value);
  if (e >= 0 && kg_json_kind (&read.json, 0) == KG_JSON_ARRAY)
    for (i = kg_json_first (&read.json, 0); i && u < UNITS; i = kg_json_next (&read.json, 0, i)) {
      int64_t now = r->conf->keep[u++], was = kg_json_int (&read.json, i, 0);
      grown |= was && (!now || now > was);
      r->keep_due |= now != was;
    }
  record_read_free (&read);
  if (e < 0 && e != -ENOENT && e != -EBADMSG)
    return e;
  r->keep_known = 1;
  r->keep_grown = grown;
  r->keep_due = !grown && (r->keep_due || u < UNITS);
  return grown;
}

/* ---- Beginning --------------------------------------------------------------------- */

/* Whether all windows of the meter are equally far, and at the end of a record. */
static int32_t
is_even (const struct rollup_at *at)
{
  enum unit u;
  for (u = UNIT_HOUR; u < UNITS; u++)
    if (rollup_at_cmp (&at[u], &at[UNIT_MINUTE]))
      return 0;
  return !at->skip;
}

/* Those of `meters` that can begin now; others do another time.  Windows that stay must have
 * all up to the same record.  From 0 on none stays, so where a damaged row keeps windows
 * behind others for good, a meter begins all the same. */
static uint64_t
ready (const struct rollup *r, uint64_t meters, int64_t from)
{
  uint32_t i;
  for (i = 0; i < r->meters.count; i++)
    if ((from || !r->failing) && !is_even (r->state.at[i]))
      meters &= ~(UINT64_C (1) << i);
  return meters;
}

static void
unready_note (struct rollup *r)
{
  r->unready_ns = rollup_now ();
  r->mt->host->log (r->mt->self, KG_LOG_WARN,
                    "meters cannot be made anew yet: some of their windows are behind others, and "
                    "older ones are to stay; if that lasts, have them made anew without --from, or "
                    "see kgentctl verify");
}

/* One that is under way has removed windows, and those that stay have all up to its `until`:
 * whoever asks again gets its windows, too. */
static struct rollup_rebuild
rebuild_of (const struct rollup_rebuild *before, int64_t from, uint64_t position)
{
  if (!before->step)
    return (struct rollup_rebuild){ REBUILD_CLEAR, from, position };
  return (struct rollup_rebuild){ REBUILD_CLEAR, before->from < from ? before->from : from,
                                  before->until };
}

/* They begin in the state, and whoever asks finds them waiting, or here.  Somebody may have
 * asked for an earlier beginning while the log was read. */
static void
begin (struct rollup *r, uint64_t meters, int64_t whole, const char *reason)
{
  int64_t from;
  uint32_t i;
  r->removed.len = 0;
  pthread_mutex_lock (&r->lock);
  from = r->asked_from > whole ? r->asked_from : whole;
  for (i = 0; i < r->meters.count; i++)
    if (meters >> i & 1) {
      r->state.rebuild[i] = rebuild_of (&r->state.rebuild[i], from, r->state.at[i]->position);
      r->report[i].known = 1;
      r->report[i].of = r->state.rebuild[i];
      snprintf (r->report[i].reason, REBUILD_REASON, "%s", from > whole ? "" : reason);
    }
  r->asked &= ~meters;
  r->taken = meters;
  if (r->keep_grown)
    r->keep_due = !r->asked;
  pthread_mutex_unlock (&r->lock);
}

/* Takes what was asked for into the state: 1 when there was something. */
static int32_t
asked_take (struct rollup *r)
{
  char reason[REBUILD_REASON] = "";
  int64_t whole = 0, from, now = rollup_now ();
  uint64_t asked, meters;
  int32_t e = 0;
  pthread_mutex_lock (&r->lock);
  asked = r->asked;
  from = r->asked_from;
  pthread_mutex_unlock (&r->lock);
  if (!asked || (now >= r->unready_ns && now - r->unready_ns < PAUSE_NS))
    return 0;
  meters = ready (r, asked, from);
  if (meters)
    e = log_look (r, &whole, reason);
  if (e < 0)
    return e;
  meters = ready (r, meters, from > whole ? from : whole);
  if (meters)
    begin (r, meters, whole, reason);
  else if (r->failing)
    unready_note (r);
  return meters != 0;
}

/* ---- Removing ------------------------------------------------------------------------ */

/* Keys of rows that are to be removed, as many as one write takes. */
struct clearing {
  const struct rollup_rebuild *of;
  enum unit unit;
  struct mt_text text;
  size_t at[KEYS_MAX + 1];
  uint32_t count;
};

/* A row whose window cannot be told counts for none. */
static int32_t
row_clear (const struct kg_entry *entry, void *arg)
{
  struct clearing *c = arg;
  int64_t start = row_start (entry->key, c->unit);
  if (start >= 0 && start < c->of->from)
    return 0;
  c->at[c->count++] = c->text.len;
  mt_text_add (&c->text, entry->key.ptr, entry->key.len);
  return c->text.failed || c->count == KEYS_MAX;
}

static int32_t
meter_collect (struct rollup *r, uint32_t meter, struct clearing *c)
{
  kg_str after = { r->removed.key, r->removed.len };
  char prefix[KG_KEY_MAX];
  int32_t e = 0;
  c->of = &r->state.rebuild[meter];
  for (c->unit = after.len ? r->removed.unit : 0; c->unit < UNITS && e >= 0; c->unit++) {
    int n = snprintf (prefix, sizeof prefix, "%s/%s/", unit_names[c->unit],
                      r->meters.meter[meter].id);
    e = r->mt->store->scan_after (r->rows, (kg_str){ prefix, (size_t)n }, after, row_clear, c);
    if (c->count == KEYS_MAX)
      break;
    after.len = 0;
  }
  c->at[c->count] = c->text.len;
  return e < 0 ? e : c->text.failed ? -ENOMEM : 0;
}

/* The next rows are looked for behind these, and not among those that stay once more. */
static void
removed_note (struct rollup *r, const struct clearing *c)
{
  const size_t *at = &c->at[c->count];
  r->removed.len = 0;
  if (c->count < KEYS_MAX)
    return;
  r->removed.unit = c->unit;
  r->removed.len = (uint32_t)(at[0] - at[-1]);
  memcpy (r->removed.key, c->text.ptr + at[-1], r->removed.len);
}

/* The write: what was collected, and the state.  Without rows that are left, counting can
 * begin. */
static int32_t
clearing_write (struct rollup *r, uint32_t meter, const struct clearing *c)
{
  struct kg_op *op = calloc (c->count + 1u, sizeof *op);
  struct rollup_rebuild *rebuild = &r->state.rebuild[meter];
  uint32_t i;
  int32_t e;
  if (!op)
    return -ENOMEM;
  for (i = 0; i < c->count; i++)
    op[i] = (struct kg_op){ .kind = KG_OP_DELETE, .bucket = r->rows, .revision = KG_REV_ANY,
                            .key = { c->text.ptr + c->at[i], c->at[i + 1] - c->at[i] } };
  if (!c->count) {
    rebuild->step = REBUILD_FILL;
    memset (r->state.at[meter], 0, sizeof r->state.at[meter]);
    rollup_rebuild_settle (&r->state, meter);
  }
  removed_note (r, c);
  e = rollup_put (r, op, c->count);
  free (op);
  return e < 0 ? e : 1;
}

/* What was asked for, or is due by itself, begins. */
static int32_t
rebuild_begin (struct rollup *r)
{
  int32_t e = r->keep_known ? 0 : keep_look (r);
  if (e > 0) {
    r->mt->host->log (r->mt->self, KG_LOG_INFO, "rollups are kept for longer than before: meters "
                                                "are made anew from the log");
    pthread_mutex_lock (&r->lock);
    r->asked = UINT64_MAX >> (METERS_MAX - r->meters.count);
    r->asked_from = 0;
    pthread_mutex_unlock (&r->lock);
  }
  return e < 0 ? e : asked_take (r);
}

int32_t
rollup_rebuild_step (struct rollup *r)
{
  struct clearing *c;
  uint32_t i;
  int32_t e = rebuild_begin (r);
  if (e > 0) {
    e = rollup_put (r, NULL, 0);
    return e < 0 ? e : 1;
  }
  if (e < 0)
    return e;
  for (i = 0; i < r->meters.count && r->state.rebuild[i].step != REBUILD_CLEAR; i++)
    ;
  if (i == r->meters.count)
    return 0;
  c = calloc (1, sizeof *c);
  if (!c)
    return -ENOMEM;
  e = meter_collect (r, i, c);
  if (e >= 0)
    e = clearing_write (r, i, c);
  mt_text_free (&c->text);
  free (c);
  return e;
}

void
rollup_rebuild_again (struct rollup *r)
{
  pthread_mutex_lock (&r->lock);
  r->asked |= r->taken;
  pthread_mutex_unlock (&r->lock);
  r->taken = 0;
  r->removed.len = 0;
  if (r->keep_grown)
    r->keep_due = 0;
}

void
rollup_rebuild_settle (struct rollup_state *s, uint32_t meter)
{
  enum unit u;
  if (s->rebuild[meter].step != REBUILD_FILL)
    return;
  for (u = 0; u < UNITS; u++)
    if (s->at[meter][u].position < s->rebuild[meter].until)
      return;
  s->rebuild[meter] = (struct rollup_rebuild){ 0 };
}
