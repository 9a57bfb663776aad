/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Grants and accounts: rules one by one, then random ones against a model that knows
 * nothing but lists of events and grants.  SEED and ROUNDS make it another run. */
#include "plugins/metering-openmeter/grant.h"
#include "tests/unit.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define S INT64_C (1000000000)
#define DAY (86400 * S)
#define ONE DECIMAL_ONE

static int64_t
at (int y, int m, int d, int h)
{
  struct tm tm = { .tm_year = y - 1900, .tm_mon = m - 1, .tm_mday = d, .tm_hour = h };
  return timegm (&tm) * S;
}

static struct account acc;
static struct account_at stand;

static void
grant (const char *id, int64_t amount, uint32_t priority, int64_t from, int64_t until)
{
  struct grant g = { .priority = priority, .amount = amount * ONE, .created_ns = from,
                     .effective_ns = from, .expires_ns = until };
  snprintf (g.id, sizeof g.id, "%s", id);
  ck_assert_int_eq (account_grant (&acc, &g), 0);
}

static int64_t
left (const char *id)
{
  for (uint32_t i = 0; i < acc.grants; i++)
    if (!strcmp (acc.grant[i].id, id))
      return (int64_t)(stand.of[i] / ONE);
  return -1;
}

static void
use (int64_t time_ns, int64_t n)
{
  ck_assert_int_eq (account_use (&acc, time_ns, n * ONE), 0);
}

START_TEST (burns_by_priority_then_expiry_then_age)
{
  int64_t t = at (2026, 3, 1, 12);
  account_init (&acc, t - 1);
  grant ("old", 10, 5, t, 0);
  grant ("young", 10, 5, t + 1, 0);
  grant ("soon", 10, 5, t + 2, t + 30 * DAY);
  grant ("sooner", 10, 5, t + 3, t + 20 * DAY);
  grant ("first", 10, 1, t + 4, 0);
  account_settle (&acc, t + 5);
  use (t + 5, 25);
  account_at (&acc, t + 6, &stand);
  ck_assert_int_eq (left ("first"), 0);
  ck_assert_int_eq (left ("sooner"), 0);
  ck_assert_int_eq (left ("soon"), 5);
  ck_assert_int_eq (left ("old"), 10);
  account_settle (&acc, t + 7);
  use (t + 7, 10);
  account_at (&acc, t + 8, &stand);
  ck_assert_int_eq (left ("old"), 5);
  ck_assert_int_eq (left ("young"), 10);
  ck_assert_int_eq ((int64_t)(stand.balance / ONE), 15);
  account_finish (&acc);
}
END_TEST

START_TEST (overage_burns_no_later_grant)
{
  int64_t t = at (2026, 3, 1, 12);
  account_init (&acc, t - 1);
  account_settle (&acc, t);
  use (t, 7);
  grant ("g", 10, 0, t + 10, 0);
  account_settle (&acc, t + 11);
  use (t + 11, 12);
  account_at (&acc, t + 20, &stand);
  ck_assert_int_eq ((int64_t)(stand.totals.overage / ONE), 9);
  ck_assert_int_eq ((int64_t)(stand.totals.consumed / ONE), 10);
  ck_assert_int_eq ((int64_t)(stand.totals.usage / ONE), 19);
  ck_assert (stand.balance == 0);
  account_finish (&acc);
}
END_TEST

START_TEST (late_events_and_corrections_count_in_their_time)
{
  int64_t t = at (2026, 3, 1, 12);
  account_init (&acc, t - 1);
  grant ("march", 10, 0, t, t + DAY);
  grant ("more", 10, 9, t, 0);
  use (t + 1, 4);
  account_settle (&acc, t + 2 * DAY);
  use (t + 5, 8); /* late: of "march", which is over */
  account_at (&acc, t + 2 * DAY, &stand);
  ck_assert_int_eq (left ("march"), 0);
  ck_assert_int_eq (left ("more"), 8);
  use (t + 6, -12);
  use (t + 3 * DAY, -2); /* of a day without use: credit */
  account_at (&acc, t + 3 * DAY, &stand);
  ck_assert_int_eq (left ("more"), 10);
  ck_assert_int_eq ((int64_t)(stand.balance / ONE), 12);
  account_finish (&acc);
}
END_TEST

START_TEST (recurs_in_the_calendar)
{
  static const struct {
    int y, m, d;
  } ends[] = { { 2027, 2, 28 }, { 2027, 3, 31 }, { 2027, 4, 30 } };
  struct grant g = { .recurrence = GRANT_MONTH, .effective_ns = at (2027, 1, 31, 7) };
  int64_t t = g.effective_ns;
  ck_assert (grant_next (&g, t - 1) == t);
  for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
    t = grant_next (&g, t);
    ck_assert (t == at (ends[i].y, ends[i].m, ends[i].d, 7));
  }
  g = (struct grant){ .recurrence = GRANT_YEAR, .effective_ns = at (2028, 2, 29, 7) };
  ck_assert (grant_next (&g, g.effective_ns) == at (2029, 2, 28, 7));
  ck_assert (grant_next (&g, at (2031, 6, 1, 0)) == at (2032, 2, 29, 7));
  g = (struct grant){ .recurrence = GRANT_WEEK, .effective_ns = 5 * S, .expires_ns = 8 * DAY };
  ck_assert (grant_next (&g, 5 * S) == 7 * DAY + 5 * S);
  ck_assert (grant_next (&g, 7 * DAY + 5 * S) == 8 * DAY);
  ck_assert (grant_next (&g, 8 * DAY) == NEVER_NS);
}
END_TEST

START_TEST (rolls_over_at_most_so_much)
{
  int64_t t = at (2026, 3, 1, 0);
  struct grant g = { .id = "r", .recurrence = GRANT_DAY, .effective_ns = t, .created_ns = t,
                     .amount = 10 * ONE, .rollover = 3 * ONE };
  account_init (&acc, t - 1);
  ck_assert_int_eq (account_grant (&acc, &g), 0);
  use (t, 2);
  account_at (&acc, t + DAY - 1, &stand);
  ck_assert_int_eq (left ("r"), 8);
  account_at (&acc, t + DAY, &stand);
  ck_assert_int_eq (left ("r"), 13);
  use (t + DAY, 12);
  account_at (&acc, t + 2 * DAY, &stand);
  ck_assert_int_eq (left ("r"), 11);
  account_finish (&acc);
}
END_TEST

START_TEST (void_ends_a_grant)
{
  int64_t t = at (2026, 3, 1, 0);
  account_init (&acc, t - 1);
  grant ("g", 10, 0, t, 0);
  use (t + 1, 4);
  account_settle (&acc, t + 5);
  ck_assert (account_cut (&acc, t) == t + 6);
  ck_assert_int_eq (account_void (&acc, "none", t + 6), -ENOENT);
  ck_assert_int_eq (account_void (&acc, "g", t + 6), 0);
  ck_assert_int_eq (account_void (&acc, "g", t + 7), -EALREADY);
  account_at (&acc, t + 5, &stand);
  ck_assert_int_eq (left ("g"), 6);
  account_at (&acc, t + 6, &stand);
  ck_assert_int_eq (left ("g"), 0);
  ck_assert_int_eq ((int64_t)(stand.totals.consumed / ONE), 4);
  account_settle (&acc, t + 60 * DAY);
  ck_assert_int_eq (acc.grants, 0); /* forgotten */
  account_at (&acc, t + 60 * DAY, &stand);
  ck_assert_int_eq ((int64_t)(stand.totals.usage / ONE), 4);
  account_finish (&acc);
}
END_TEST

START_TEST (stays_small)
{
  int64_t t = at (2026, 3, 1, 0);
  account_init (&acc, t - 1);
  grant ("g", 1000000, 0, t, 0);
  for (int i = 0; i < 200000; i++) {
    use (t + i * S * 60, 1);
    use (t + i * S * 60 + (i % 5000) * S, 1);
    if (i % 50 == 0)
      account_settle (&acc, t + i * S * 60);
  }
  account_settle (&acc, t + 200000 * S * 60 + 5000 * S);
  ck_assert_uint_le (acc.points, ACCOUNT_LATE_DAYS + 2);
  account_at (&acc, acc.settled_ns, &stand);
  ck_assert_int_eq ((int64_t)(stand.totals.consumed / ONE), 400000);
  account_finish (&acc);
}
END_TEST

/* ---- The model -------------------------------------------------------------------- */

#define EVENTS_MAX 20000
#define MODEL_GRANTS 400

struct event {
  int64_t time_ns, n;
};

struct model_grant {
  char id[40];
  int64_t amount, rollover, created, from, until, voided;
  int priority, recurrence;
  int64_t balance;
};

static struct event events[EVENTS_MAX];
static struct model_grant grants[MODEL_GRANTS];
static int nevents, ngrants;
static uint64_t seed;

static int64_t
rnd (int64_t n)
{
  seed = seed * 6364136223846793005u + 1442695040888963407u;
  return (int64_t)((seed >> 20) % (uint64_t)n);
}

/* The k-th time of a grant. */
static int64_t
model_time (const struct model_grant *g, int k)
{
  time_t s = g->from / S;
  struct tm tm;
  int day;
  if (g->recurrence <= 2)
    return g->from + k * (g->recurrence == 2 ? 7 : 1) * DAY;
  gmtime_r (&s, &tm);
  day = tm.tm_mday;
  tm.tm_mday = 1;
  tm.tm_mon += g->recurrence == 3 ? k : 12 * k;
  for (s = timegm (&tm); day > 1; day--) {
    time_t next = s + 86400;
    struct tm a, b;
    gmtime_r (&s, &a);
    gmtime_r (&next, &b);
    if (a.tm_mon != b.tm_mon)
      break;
    s = next;
  }
  return s * S + g->from % S;
}

static int64_t
model_end (const struct model_grant *g)
{
  int64_t end = g->until ? g->until : INT64_MAX;
  return g->voided && g->voided < end ? g->voided : end;
}

static int
model_order (const void *a, const void *b)
{
  const struct model_grant *x = *(struct model_grant *const *)a, *y = *(struct model_grant *const *)b;
  int64_t ex = x->until ? x->until : INT64_MAX, ey = y->until ? y->until : INT64_MAX;
  if (x->priority != y->priority)
    return x->priority - y->priority;
  if (ex != ey)
    return ex < ey ? -1 : 1;
  if (x->created != y->created)
    return x->created < y->created ? -1 : 1;
  return strcmp (x->id, y->id);
}

/* What happens at a time, to a grant or to nothing (midnight). */
struct cut {
  int64_t time_ns;
  struct model_grant *grant;
};

static struct cut cuts[400000];
static int ncuts;

static int
cut_order (const void *a, const void *b)
{
  const struct cut *x = a, *y = b;
  return (x->time_ns > y->time_ns) - (x->time_ns < y->time_ns);
}

static void
cut_add (int64_t time_ns, struct model_grant *g)
{
  cuts[ncuts++] = (struct cut){ time_ns, g };
}

static void
cuts_make (int64_t start, int64_t until)
{
  ncuts = 0;
  for (int64_t t = start; t <= until; t += DAY)
    cut_add (t, NULL);
  for (int i = 0; i < ngrants; i++) {
    struct model_grant *g = &grants[i];
    g->balance = 0;
    for (int k = 0; k == 0 || g->recurrence; k++) {
      int64_t t = model_time (g, k);
      if (t >= model_end (g) || t > until)
        break;
      cut_add (t, g);
    }
    if (model_end (g) > g->from && model_end (g) <= until)
      cut_add (model_end (g), g);
  }
  qsort (cuts, (size_t)ncuts, sizeof *cuts, cut_order);
  cut_add (until + 1, NULL);
}

struct model_at {
  int64_t usage, consumed, overage, credit;
};

static void
model_burn (struct model_at *m, int64_t need, struct model_grant **order)
{
  m->usage += need;
  need -= m->credit;
  m->credit = need < 0 ? -need : 0;
  for (int i = 0; i < ngrants && need > 0; i++) {
    int64_t part = need < order[i]->balance ? need : order[i]->balance;
    order[i]->balance -= part;
    m->consumed += part;
    need -= part;
  }
  m->overage += need > 0 ? need : 0;
}

static void
model_run (int64_t start, int64_t until, struct model_at *m)
{
  static struct model_grant *order[MODEL_GRANTS];
  memset (m, 0, sizeof *m);
  for (int i = 0; i < ngrants; i++)
    order[i] = &grants[i];
  qsort (order, (size_t)ngrants, sizeof *order, model_order);
  cuts_make (start, until);
  for (int c = 0; c + 1 < ncuts; c++) {
    struct model_grant *g = cuts[c].grant;
    int64_t sum = 0;
    if (g && cuts[c].time_ns == model_end (g))
      g->balance = 0;
    else if (g && cuts[c].time_ns == g->from)
      g->balance = g->amount;
    else if (g)
      g->balance = g->amount + (g->balance < g->rollover ? g->balance : g->rollover);
    if (cuts[c].time_ns == cuts[c + 1].time_ns)
      continue;
    for (int i = 0; i < nevents; i++)
      if (events[i].time_ns >= cuts[c].time_ns && events[i].time_ns < cuts[c + 1].time_ns)
        sum += events[i].n;
    model_burn (m, sum, order);
  }
}

/* ---- Random ------------------------------------------------------------------------- */

static void
random_grant (int64_t now)
{
  struct model_grant *m = &grants[ngrants];
  struct grant g = { 0 };
  int64_t cut = account_cut (&acc, now);
  if (ngrants == MODEL_GRANTS)
    return;
  *m = (struct model_grant){ .amount = rnd (2000),
                             .rollover = rnd (3) ? rnd (3000) : 0,
                             .created = now,
                             .from = rnd (2) ? cut : cut + rnd (20 * DAY),
                             .priority = (int)rnd (3),
                             .recurrence = (int)rnd (5) };
  m->until = rnd (2) ? m->from + 1 + rnd (90 * DAY) : 0;
  snprintf (m->id, sizeof m->id, "%08llx", (unsigned long long)rnd (1 << 30));
  memcpy (g.id, m->id, 9);
  g.recurrence = (enum recurrence)m->recurrence;
  g.priority = (uint32_t)m->priority;
  g.amount = m->amount * (ONE / 1000);
  g.rollover = m->rollover * (ONE / 1000);
  g.created_ns = m->created;
  g.effective_ns = m->from;
  g.expires_ns = m->until;
  if (acc.grants == GRANTS_MAX) {
    ck_assert_int_eq (account_grant (&acc, &g), -ENOSPC);
    return;
  }
  ck_assert_int_eq (account_grant (&acc, &g), 0);
  ngrants++;
}

static void
random_void (int64_t now)
{
  struct model_grant *m = &grants[rnd (ngrants + 1)];
  int64_t t = account_cut (&acc, now);
  if (m == &grants[ngrants] || model_end (m) <= t)
    return;
  ck_assert_int_eq (account_void (&acc, m->id, t), 0);
  m->voided = t;
}

static void
random_use (int64_t now)
{
  struct event *e = &events[nevents];
  int64_t room;
  if (nevents == EVENTS_MAX)
    return;
  account_settle (&acc, now); /* as whoever counts does first */
  room = now - acc.base_ns;
  e->n = rnd (300) - (rnd (4) ? 0 : 250);
  e->time_ns = rnd (3) ? now : now - rnd (room < 5 * DAY || !rnd (5) ? room : 5 * DAY);
  if (!rnd (20)) {
    e->time_ns = now + rnd (500 * S);
    e->time_ns -= e->time_ns % S;
    e->time_ns = e->time_ns > acc.settled_ns ? e->time_ns : now;
  }
  ck_assert_int_eq (account_use (&acc, e->time_ns, e->n * (ONE / 1000)), 0);
  nevents++;
}

static void
check (int64_t start, int64_t now)
{
  struct model_at m;
  struct account copy;
  uint32_t i;
  ck_assert_int_eq (account_copy (&acc, &copy), 0);
  account_at (&copy, now, &stand);
  model_run (start, now, &m);
  ck_assert (stand.totals.usage == m.usage * (ONE / 1000));
  ck_assert (stand.totals.consumed == m.consumed * (ONE / 1000));
  ck_assert (stand.totals.overage == m.overage * (ONE / 1000));
  ck_assert (stand.totals.credit == m.credit * (ONE / 1000));
  for (int k = 0; k < ngrants; k++) {
    for (i = 0; i < copy.grants && strcmp (copy.grant[i].id, grants[k].id); i++)
      ;
    if (i == copy.grants)
      ck_assert_int_eq (grants[k].balance, 0);
    else
      ck_assert_msg (stand.of[i] == grants[k].balance * (ONE / 1000), "%s: %lld, not %lld",
                     grants[k].id, (long long)(stand.of[i] / (ONE / 1000)),
                     (long long)grants[k].balance);
  }
  account_finish (&copy);
}

static void
life (void)
{
  int64_t start = at (2026, 1, 1, 0), now = start + 100 * DAY + rnd (DAY);
  nevents = ngrants = 0;
  account_init (&acc, now);
  for (int i = 0; i < 150; i++) {
    now += rnd (4) ? rnd (60 * S) : rnd (3 * DAY);
    if (!rnd (4))
      account_settle (&acc, now);
    if (!rnd (5))
      random_grant (now);
    if (!rnd (12))
      random_void (now);
    for (int64_t n = rnd (8); n; n--)
      random_use (now);
    if (!rnd (6))
      check (start, now);
    if (!rnd (10)) { /* midnights of the past can be asked for, too */
      int64_t midnight = now - now % DAY - rnd (10) * DAY;
      check (start, midnight - 1);
    }
  }
  account_finish (&acc);
}

START_TEST (stands_as_the_model_says)
{
  const char *s = getenv ("SEED"), *r = getenv ("ROUNDS");
  int rounds = r ? atoi (r) : 30;
  seed = s ? strtoull (s, NULL, 10) : (uint64_t)time (NULL) ^ (uint64_t)getpid () << 32;
  printf ("# SEED=%llu\n", (unsigned long long)seed);
  fflush (stdout);
  while (rounds--)
    life ();
}
END_TEST

UNIT_MAIN ("metering-grants", burns_by_priority_then_expiry_then_age, overage_burns_no_later_grant,
           late_events_and_corrections_count_in_their_time, recurs_in_the_calendar,
           rolls_over_at_most_so_much, void_ends_a_grant, stays_small, stands_as_the_model_says)
