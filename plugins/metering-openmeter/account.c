/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Accounts: grants, what was used, and how the one burns the other. */
#include "plugins/metering-openmeter/calendar.h"
#include "plugins/metering-openmeter/grant.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_NS INT64_C (1000000000)
#define DAY_NS (DAY_MINUTES * MINUTE_NS)
#define NEAR_NS (600 * SECOND_NS) /* ahead of now, events are kept by the second */
#define FAR_NS (3600 * SECOND_NS) /* and beyond by the hour */

static int64_t
day_begin (int64_t time_ns)
{
  return time_ns - time_ns % DAY_NS;
}

/* ---- Life ---------------------------------------------------------------------- */

static int64_t
base_at (int64_t now_ns)
{
  int64_t base = day_begin (now_ns) - ACCOUNT_LATE_DAYS * DAY_NS;
  return base > 0 ? base : 0;
}

void
account_init (struct account *a, int64_t now_ns)
{
  *a = (struct account){ .base_ns = base_at (now_ns), .settled_ns = now_ns };
}

void
account_finish (struct account *a)
{
  free (a->grant);
  free (a->point);
  *a = (struct account){ 0 };
}

/* Room for one more; the array may move. */
static int32_t
room_ensure (void **array, size_t size, uint32_t count, uint32_t *cap)
{
  uint32_t more = *cap ? 2 * *cap : 8;
  void *moved;
  if (count < *cap)
    return 0;
  moved = reallocarray (*array, more, size);
  if (!moved)
    return -ENOMEM;
  *array = moved;
  *cap = more;
  return 0;
}

int32_t
account_copy (const struct account *a, struct account *ret)
{
  *ret = *a;
  ret->grants_cap = a->grants;
  ret->points_cap = a->points;
  ret->grant = calloc (a->grants + 1, sizeof *a->grant);
  ret->point = calloc (a->points + 1, sizeof *a->point);
  if (!ret->grant || !ret->point) {
    account_finish (ret);
    return -ENOMEM;
  }
  if (a->grants)
    memcpy (ret->grant, a->grant, a->grants * sizeof *a->grant);
  if (a->points)
    memcpy (ret->point, a->point, a->points * sizeof *a->point);
  return 0;
}

/* ---- Grants --------------------------------------------------------------------- */

int64_t
account_cut (const struct account *a, int64_t now_ns)
{
  return now_ns > a->settled_ns ? now_ns : a->settled_ns + 1;
}

/* Whether x burns before y. */
static int32_t
burns_before (const struct grant *x, const struct grant *y)
{
  int64_t ends_x = x->expires_ns ? x->expires_ns : NEVER_NS;
  int64_t ends_y = y->expires_ns ? y->expires_ns : NEVER_NS;
  if (x->priority != y->priority)
    return x->priority < y->priority;
  if (ends_x != ends_y)
    return ends_x < ends_y;
  if (x->created_ns != y->created_ns)
    return x->created_ns < y->created_ns;
  return strcmp (x->id, y->id) < 0;
}

int32_t
account_grant (struct account *a, const struct grant *g)
{
  uint32_t i = a->grants;
  if (a->grants >= GRANTS_MAX)
    return -ENOSPC;
  if (room_ensure ((void **)&a->grant, sizeof *a->grant, a->grants, &a->grants_cap) < 0)
    return -ENOMEM;
  for (; i && burns_before (g, &a->grant[i - 1]); i--)
    a->grant[i] = a->grant[i - 1];
  a->grant[i] = *g;
  a->grants++;
  return 0;
}

int32_t
account_void (struct account *a, const char *id, int64_t time_ns)
{
  uint32_t i;
  for (i = 0; i < a->grants && strcmp (a->grant[i].id, id); i++)
    ;
  if (i == a->grants)
    return -ENOENT;
  if (grant_end (&a->grant[i]) <= time_ns)
    return -EALREADY;
  a->grant[i].voided_ns = time_ns;
  return 0;
}

int64_t
account_next (const struct account *a, int64_t time_ns)
{
  int64_t next = NEVER_NS, at;
  uint32_t i;
  for (i = 0; i < a->grants; i++) {
    at = grant_next (&a->grant[i], time_ns);
    next = at < next ? at : next;
  }
  return next;
}

/* ---- What was used ----------------------------------------------------------------- */

/* Whether there is no cut between the two, and it is certain that there will be none. */
static int32_t
are_together (const struct account *a, int64_t earlier, int64_t later)
{
  return later <= a->settled_ns && day_begin (earlier) == day_begin (later)
         && account_next (a, earlier) > later;
}

/* Where an event counts: behind the base, and ahead of now only at certain times, so
 * that there cannot be many. */
static int64_t
time_fit (const struct account *a, int64_t time_ns)
{
  int64_t ahead = time_ns - a->settled_ns;
  if (time_ns < a->base_ns)
    return a->base_ns;
  if (ahead <= 0)
    return time_ns;
  time_ns -= time_ns % (ahead <= NEAR_NS ? SECOND_NS : FAR_NS);
  return time_ns > a->settled_ns ? time_ns : a->settled_ns + 1;
}

/* The number of points at or before a time; most are new. */
static uint32_t
points_until (const struct account *a, int64_t time_ns)
{
  uint32_t i = a->points;
  while (i && a->point[i - 1].time_ns > time_ns)
    i--;
  return i;
}

int32_t
account_use (struct account *a, int64_t time_ns, decimal quantity)
{
  int64_t at = time_fit (a, time_ns);
  uint32_t i = points_until (a, at);
  struct point *before = i ? &a->point[i - 1] : NULL;
  struct point *after = i < a->points ? &a->point[i] : NULL;
  if (before && (before->time_ns == at || are_together (a, before->time_ns, at))) {
    before->time_ns = at;
    return decimal_add (&before->quantity, quantity);
  }
  if (after && are_together (a, at, after->time_ns))
    return decimal_add (&after->quantity, quantity);
  if (room_ensure ((void **)&a->point, sizeof *a->point, a->points, &a->points_cap) < 0)
    return -ENOMEM;
  memmove (a->point + i + 1, a->point + i, (a->points - i) * sizeof *a->point);
  a->point[i] = (struct point){ at, quantity };
  a->points++;
  return 0;
}

/* ---- Burning ------------------------------------------------------------------------ */

/* An account on its way through time. */
struct burning {
  const struct account *a;
  struct totals totals;
  decimal balance[GRANTS_MAX];
  int64_t next[GRANTS_MAX]; /* when each grant changes */
  uint32_t point;           /* the next one */
};

static void
burning_begin (struct burning *b, const struct account *a)
{
  uint32_t i;
  b->a = a;
  b->totals = a->totals;
  b->point = 0;
  for (i = 0; i < a->grants; i++) {
    b->balance[i] = a->grant[i].balance;
    b->next[i] = grant_next (&a->grant[i], a->base_ns - 1);
  }
}

static int64_t
burning_next (const struct burning *b)
{
  int64_t next = NEVER_NS;
  uint32_t i;
  for (i = 0; i < b->a->grants; i++)
    next = b->next[i] < next ? b->next[i] : next;
  return next;
}

static decimal
lesser (decimal x, decimal y)
{
  return x < y ? x : y;
}

/* Grants that change at this time do. */
static void
grants_turn (struct burning *b, int64_t time_ns)
{
  uint32_t i;
  for (i = 0; i < b->a->grants; i++) {
    const struct grant *g = &b->a->grant[i];
    if (b->next[i] != time_ns)
      continue;
    if (time_ns == grant_end (g))
      b->balance[i] = 0;
    else if (time_ns == g->effective_ns)
      b->balance[i] = g->amount;
    else
      b->balance[i] = g->amount + lesser (b->balance[i], g->rollover);
    b->next[i] = grant_next (g, time_ns);
  }
}

/* Without room for a sum it stays at what there is room for, as the events themselves
 * are counted elsewhere. */
static void
sum_add (decimal *sum, decimal v)
{
  if (decimal_add (sum, v) < 0)
    *sum = v < 0 ? -DECIMAL_END + 1 : DECIMAL_END - 1;
}

static void
sum_burn (struct burning *b, decimal quantity)
{
  decimal need = quantity - b->totals.credit, part;
  uint32_t i;
  sum_add (&b->totals.usage, quantity);
  b->totals.credit = need < 0 ? -need : 0;
  for (i = 0; i < b->a->grants && need > 0; i++) {
    part = lesser (need, b->balance[i]);
    b->balance[i] -= part;
    sum_add (&b->totals.consumed, part);
    need -= part;
  }
  if (need > 0)
    sum_add (&b->totals.overage, need);
}

/* The points up to the next cut, which is before `end`. */
static void
piece_burn (struct burning *b, int64_t end)
{
  const struct account *a = b->a;
  int64_t next_day = day_begin (a->point[b->point].time_ns) + DAY_NS;
  decimal sum = 0;
  for (; b->point < a->points && a->point[b->point].time_ns < end
         && a->point[b->point].time_ns < next_day;
       b->point++)
    sum_add (&sum, a->point[b->point].quantity);
  sum_burn (b, sum);
}

/* Through all that is at or before `until`. */
static void
burning_run (struct burning *b, int64_t until)
{
  const struct account *a = b->a;
  int64_t next = burning_next (b), end;
  for (;;) {
    end = next <= until ? next : until + 1;
    while (b->point < a->points && a->point[b->point].time_ns < end)
      piece_burn (b, end);
    if (next > until)
      return;
    grants_turn (b, next);
    next = burning_next (b);
  }
}

void
account_at (const struct account *a, int64_t time_ns, struct account_at *ret)
{
  struct burning b;
  uint32_t i;
  burning_begin (&b, a);
  burning_run (&b, time_ns < NEVER_NS ? time_ns : NEVER_NS - 1);
  ret->totals = b.totals;
  ret->balance = b.totals.credit;
  for (i = 0; i < a->grants; i++) {
    ret->of[i] = b.balance[i];
    sum_add (&ret->balance, b.balance[i]);
  }
}

/* ---- Settling -------------------------------------------------------------------------- */

static void
points_join (struct account *a)
{
  uint32_t from, to = 0;
  for (from = 0; from < a->points; from++) {
    struct point *last = to ? &a->point[to - 1] : NULL, *p = &a->point[from];
    if (last && are_together (a, last->time_ns, p->time_ns)) {
      sum_add (&last->quantity, p->quantity);
      last->time_ns = p->time_ns;
    } else
      a->point[to++] = *p;
  }
  a->points = to;
}

static void
grants_forget (struct account *a)
{
  uint32_t from, to = 0;
  for (from = 0; from < a->grants; from++)
    if (grant_end (&a->grant[from]) >= a->base_ns)
      a->grant[to++] = a->grant[from];
  a->grants = to;
}

static void
base_move (struct account *a, int64_t base_ns)
{
  struct account_at at;
  uint32_t i, gone = points_until (a, base_ns - 1);
  account_at (a, base_ns - 1, &at);
  a->totals = at.totals;
  for (i = 0; i < a->grants; i++)
    a->grant[i].balance = at.of[i];
  a->points -= gone;
  memmove (a->point, a->point + gone, a->points * sizeof *a->point);
  a->base_ns = base_ns;
  grants_forget (a);
}

void
account_settle (struct account *a, int64_t now_ns)
{
  int64_t base = base_at (now_ns);
  if (now_ns > a->settled_ns)
    a->settled_ns = now_ns;
  points_join (a);
  if (base > a->base_ns)
    base_move (a, base);
}
