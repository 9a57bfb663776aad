/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* An account of the account: counts by itself what events the log has up to where a
 * sink is, and compares that with what the sink took, what lies parked, and what was
 * dropped.  Nothing may be over. */
#include "plugins/metering-openmeter/sink.h"

#include <errno.h>

#define RECORDS_MAX 50000 /* of one turn */

struct counting {
  struct record_read read;
  uint64_t last, at, events; /* until where, how far, how many */
  int32_t error;
};

static int32_t
record_count (const struct kg_record *record, void *arg)
{
  struct counting *c = arg;
  struct record_event e;
  int32_t r;
  if (record->sequence > c->last)
    return 1;
  r = record_read (&c->read, record->data);
  if (r == -ENOMEM) {
    c->error = r;
    return 1;
  }
  if (r < 0)
    c->events++; /* it is parked as one */
  else
    while (record_next (&c->read, &e))
      c->events++;
  c->at = record->sequence;
  return 0;
}

/* Goes on counting; 1 once it is where the sink is. */
static int32_t
count_up (struct sink *s)
{
  struct counting c = { .last = s->tally.after, .at = s->tally.counted };
  int32_t n = 0;
  if (s->tally.counted < s->tally.after) {
    n = s->mt->store->read (s->mt->usage, c.at, RECORDS_MAX, record_count, &c);
    record_read_free (&c.read);
    if (n < 0 || c.error)
      return 0;
    s->tally.counted = n < RECORDS_MAX ? s->tally.after : c.at;
    s->tally.events += c.events;
  }
  return s->tally.counted == s->tally.after;
}

/* What is in the log up to where the sink is, less what became of it. */
static void
compare (struct sink *s)
{
  uint64_t known = s->tally.confirmed + s->tally.dropped + s->entries;
  if (s->rebase) {
    s->tally.events = known;
    s->rebase = 0;
  }
  s->unaccounted = (double)s->tally.events - (double)known;
  s->audited = 1;
}

void
sink_count (struct sink *s)
{
  if (!atomic_load (&s->count_due) || s->stale || s->park || s->tally.skip || sink_saving (s))
    return;
  if (atomic_exchange (&s->parked_changed, 0) && sink_parked_count (s, &s->entries) < 0) {
    atomic_store (&s->parked_changed, 1);
    return;
  }
  if (!count_up (s))
    return;
  atomic_store (&s->count_due, 0);
  compare (s);
}
