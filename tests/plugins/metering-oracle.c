/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Queries against a model that knows nothing but a list of events: random events, late
 * ones and corrections, of random tenants; kills while a rollup is written, disks that
 * fail, other processes, meters that come and go.  SEED and ROUNDS make it another run. */
#include "tests/plugins/metering-usage.h"

#include <unistd.h>

#define AT INT64_C (29931459) /* 2026-11-28T17:39Z, in minutes */
#define MINUTE INT64_C (60000000000)
#define EVENTS_MAX 20000
#define BUCKETS_MAX 4096

/* ---- The model ------------------------------------------------------------------- */

enum meter { SUM, COUNT, UNIQUE, AVG, MIN, MAX, LATEST, METERS };
static const char *const slugs[] = { "s", "c", "u", "a", "mn", "mx", "l" };
static const int has_path[] = { 1, 1, 1, 0, 0, 1, 1 }, has_m[] = { 1, 0, 0, 1, 0, 0, 0 };

#define METER(i, slug_, agg) "meters." i ".slug=" slug_, "meters." i ".type=t.a", "meters." i ".aggregation=" agg
#define SOME                                                                                   \
  "rollups.minutes=0", "rollups.hours=0", "rollups.days=0", METER ("0", "s", "SUM"),              \
      "meters.0.value=v", "meters.0.group_by=path,m", METER ("1", "c", "COUNT"),                 \
      "meters.1.group_by=path", METER ("2", "a", "AVG"), "meters.2.value=$.v",                    \
      "meters.2.group_by=m", METER ("3", "mn", "MIN"), "meters.3.value=v",                        \
      METER ("4", "mx", "MAX"), "meters.4.value=v", "meters.4.group_by=path"
static const char *const some[] = { SOME, NULL };
static const char *const all[]
    = { SOME, METER ("5", "u", "UNIQUE_COUNT"), "meters.5.value=x.u", "meters.5.group_by=path",
        METER ("6", "l", "LATEST"), "meters.6.value=v", "meters.6.group_by=path", NULL };

#define LONG_NAME                                                                              \
  "a-tenant-with-a-name-that-is-much-longer-than-a-key-of-the-store-has-room-for-and-therefore-named-by-" \
  "its-hash-in-there-but-not-in-answers-to-anybody"
static const char *const subjects[] = { "acme", "b/\xc3\xb6 %", LONG_NAME };
static const char *const subjects_json[] = { "\"acme\"", "\"b\\/\\u00f6 %\"", "\"" LONG_NAME "\"" };
static const char *const subjects_query[] = { "acme", "b/%c3%b6+%25", LONG_NAME };
static const char *const paths_json[] = { "\"p\"", "\"q,\\u0078\"", NULL, "7" };
static const char *const paths_csv[] = { "p", "\"q,x\"", "", "7" };
static const char *const paths_query[] = { "p", "q%2Cx", NULL, "7" };
static const char *const ms[] = { "one", "two" };

struct event {
  int subject, path, m, unique, has_value, corrects, has_count;
  int64_t milli, time_ns, count;
};

static struct event event[EVENTS_MAX];
static int events;
static uint64_t seed;

static uint32_t
rnd (uint32_t n)
{
  seed = seed * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(seed >> 33) % n;
}

/* One cell of an answer. */
struct bucket {
  int64_t start, end;
  int subject, path, m; /* -1: not told apart */
  int64_t count, uniques[6];
  __extension__ __int128 sum;
  int64_t min, max, latest, at;
  int any, extremes;
};

struct question {
  enum meter meter;
  int64_t from, to; /* minutes */
  int unit;         /* 0 .. 3; 4: none */
  int by_subject, by_path, by_m, subject, path; /* filters; -1: none */
};

static int64_t
window (int unit, int64_t minute, int next)
{
  time_t t = minute * 60;
  struct tm tm;
  gmtime_r (&t, &tm);
  if (unit == 3) {
    tm.tm_mday = 1;
    tm.tm_mon += next;
  }
  if (unit >= 2) {
    tm.tm_hour = 0;
    tm.tm_mday += unit == 2 && next;
  }
  if (unit >= 1) {
    tm.tm_min = 0;
    tm.tm_hour += unit == 1 && next;
  }
  tm.tm_min += unit == 0 && next;
  return timegm (&tm) / 60;
}

static struct bucket buckets[BUCKETS_MAX];
static int nbuckets;

static struct bucket *
bucket_of (const struct question *q, const struct event *e)
{
  struct bucket b = { .start = q->from, .end = q->to };
  if (q->unit < 4) {
    b.start = window (q->unit, e->time_ns / MINUTE, 0);
    b.end = window (q->unit, e->time_ns / MINUTE, 1);
  }
  b.subject = q->by_subject ? e->subject : -1;
  b.path = q->by_path ? e->path : -1;
  b.m = q->by_m ? e->m : -1;
  for (int i = 0; i < nbuckets; i++)
    if (buckets[i].start == b.start && buckets[i].subject == b.subject && buckets[i].path == b.path
        && buckets[i].m == b.m)
      return &buckets[i];
  ck_assert_int_lt (nbuckets, BUCKETS_MAX);
  buckets[nbuckets] = b;
  return &buckets[nbuckets++];
}

static void
count_event (const struct question *q, const struct event *e)
{
  int64_t minute = e->time_ns / MINUTE, n = !e->corrects ? 1 : e->has_count ? e->count : 0;
  struct bucket *b;
  if (minute < q->from || minute >= q->to || (q->subject >= 0 && e->subject != q->subject)
      || (q->path >= 0 && e->path != q->path))
    return;
  if (q->meter != COUNT && q->meter != UNIQUE && !e->has_value
      && !(e->corrects && (q->meter == SUM || q->meter == AVG)))
    return;
  if (e->corrects && q->meter >= MIN)
    return;
  b = bucket_of (q, e);
  b->any = 1;
  b->count += n;
  b->uniques[e->unique] += n;
  if (!e->has_value)
    return;
  b->sum += e->milli;
  b->min = !b->extremes || e->milli < b->min ? e->milli : b->min;
  b->max = !b->extremes || e->milli > b->max ? e->milli : b->max;
  if (!b->extremes || e->time_ns >= b->at) {
    b->at = e->time_ns;
    b->latest = e->milli;
  }
  b->extremes = 1;
}

/* Units of 10^-12 as text. */
static void
number (char *out, __int128 v)
{
  __int128 u = v < 0 ? -v : v, one = 1000000000000;
  int n = sprintf (out, "%s%lld.%012lld", v < 0 ? "-" : "", (long long)(u / one), (long long)(u % one));
  while (out[n - 1] == '0')
    n--;
  out[n - (out[n - 1] == '.')] = 0;
}

static void
bucket_value (const struct question *q, const struct bucket *b, char *out)
{
  const __int128 milli = 1000000000;
  __int128 v = 0, n, rest;
  int i;
  *out = 0;
  if (q->meter == SUM)
    number (out, b->sum * milli);
  if (q->meter == COUNT)
    sprintf (out, "%lld", (long long)b->count);
  for (i = 0; i < 6; i++)
    v += b->uniques[i] > 0;
  if (q->meter == UNIQUE)
    number (out, v * milli * 1000);
  if (q->meter == AVG && b->count > 0) {
    n = b->sum * milli;
    v = n / b->count;
    rest = (n < 0 ? -(n % b->count) : n % b->count) * 2;
    if (rest > b->count || (rest == b->count && v % 2))
      v += n < 0 ? -1 : 1;
    number (out, v);
  }
  if (q->meter >= MIN && b->extremes)
    number (out, (q->meter == MIN ? b->min : q->meter == MAX ? b->max : b->latest) * milli);
}

static void
minute_write (char *out, int64_t minute)
{
  time_t t = minute * 60;
  struct tm tm;
  gmtime_r (&t, &tm);
  strftime (out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

static char *
expected_line (const struct question *q, const struct bucket *b)
{
  char start[32], end_[32], v[64], *line = malloc (512);
  int subject = q->by_subject ? b->subject : q->subject;
  minute_write (start, b->start);
  minute_write (end_, b->end);
  bucket_value (q, b, v);
  sprintf (line, "%s,%s,%s%s%s%s%s,%s", start, end_, subject >= 0 ? subjects[subject] : "",
           q->by_path ? "," : "", q->by_path ? paths_csv[b->path] : "", q->by_m ? "," : "",
           q->by_m ? ms[b->m] : "", v);
  return line;
}

/* ---- Comparing --------------------------------------------------------------------- */

static int
line_order (const void *a, const void *b)
{
  return strcmp (*(char *const *)a, *(char *const *)b);
}

static void
compare (const struct question *q, const char *target)
{
  static char *mine[BUCKETS_MAX], *theirs[BUCKETS_MAX];
  char *text = strdup (said), *p = strstr (text, "\r\n") + 2, *stop;
  int n = 0, i;
  nbuckets = 0;
  for (i = 0; i < events; i++)
    count_event (q, &event[i]);
  if (!nbuckets && q->unit == 4 && !q->by_subject && !q->by_path && !q->by_m)
    buckets[nbuckets++]
        = (struct bucket){ .start = q->from, .end = q->to, .subject = -1, .path = -1, .m = -1 };
  for (i = 0; i < nbuckets; i++)
    mine[i] = expected_line (q, &buckets[i]);
  for (; (stop = strstr (p, "\r\n")); p = stop + 2) {
    *stop = 0;
    theirs[n++] = p;
  }
  qsort (mine, (size_t)nbuckets, sizeof *mine, line_order);
  qsort (theirs, (size_t)n, sizeof *theirs, line_order);
  for (i = 0; i < n && i < nbuckets; i++)
    ck_assert_msg (!strcmp (mine[i], theirs[i]), "%s\nshould say %s\nbut says   %s", target, mine[i],
                   theirs[i]);
  ck_assert_msg (n == nbuckets, "%s has %d rows, not %d: %s", target, n, nbuckets, said);
  for (i = 0; i < nbuckets; i++)
    free (mine[i]);
  free (text);
}

static int64_t
some_minute (void)
{
  static const int64_t edges[] = { 1, 60, 1440, 43200 };
  int64_t edge = edges[rnd (4)], t = AT - rnd (75 * 1440) + 2000;
  return edge == 43200 ? window (3, t, 0) : t - t % edge;
}

static int
target_write (const struct question *q, char *out)
{
  char from[32], to[32];
  int n, tenant = q->subject >= 0 && !q->by_subject && rnd (2);
  static const char *const units[] = { "MINUTE", "hour", "DAY", "MONTH" };
  minute_write (from, q->from);
  minute_write (to, q->to);
  n = sprintf (out, "%s/v1/usage?meter=%s&from=%s&to=%s", tenant ? "" : "/admin", slugs[q->meter], from, to);
  if (q->unit < 4)
    n += sprintf (out + n, "&windowSize=%s", units[q->unit]);
  if (q->subject >= 0 && !tenant)
    n += sprintf (out + n, "&subject=%s", subjects_query[q->subject]);
  if (q->path >= 0)
    n += sprintf (out + n, "&filterGroupBy[path]=%s", paths_query[q->path]);
  if (q->by_path)
    n += sprintf (out + n, "&groupBy=path");
  if (q->by_m)
    n += sprintf (out + n, "&group_by=m");
  if (q->by_subject)
    sprintf (out + n, "&groupBy=subject");
  return tenant;
}

static void
question (int full)
{
  struct question q = { .meter = rnd (METERS), .unit = (int)rnd (5), .subject = -1, .path = -1 };
  char target[1024];
  int tenant;
  if (!full && (q.meter == UNIQUE || q.meter == LATEST))
    q.meter = SUM;
  do {
    q.from = some_minute ();
    q.to = some_minute ();
  } while (q.from >= q.to || (!q.unit && q.to - q.from > 100000));
  q.by_subject = !rnd (3);
  q.by_path = has_path[q.meter] && rnd (2);
  q.by_m = has_m[q.meter] && rnd (2);
  if (!rnd (2))
    q.subject = (int)rnd (3);
  if (has_path[q.meter] && !rnd (3))
    q.path = (int)rnd (2);
  tenant = target_write (&q, target);
  if (tenant)
    as (subjects[q.subject], 0);
  else
    as (NULL, 1);
  for (int i = 0; ask_as ("text/csv", target) == 503 && i < 50; i++)
    roll (); /* a meter is made anew */
  if (fake_status (asked) != 200)
    ck_abort_msg ("%s is %d: %s", target, fake_status (asked), said);
  compare (&q, target);
}

/* ---- Events --------------------------------------------------------------------------- */

static int
event_write (const struct event *e, int own_time, int own_subject, char *out)
{
  int n = sprintf (out, "{\"type\":\"t.a\",\"data\":{\"x\":{\"u\":\"%d\"}", e->unique);
  if (paths_json[e->path])
    n += sprintf (out + n, ",\"path\":%s", paths_json[e->path]);
  n += sprintf (out + n, ",\"m\":\"%s\"", ms[e->m]);
  if (e->has_value) /* a string that says a number is one */
    n += sprintf (out + n, rnd (5) ? ",\"v\":%.3f" : ",\"v\":\"%.3fe0\"", (double)e->milli / 1000);
  if (e->has_count)
    n += sprintf (out + n, ",\"count\":%lld", (long long)e->count);
  n += sprintf (out + n, "},\"id\":\"%d\",\"source\":\"s\"", events);
  if (own_subject)
    n += sprintf (out + n, ",\"subject\":%s", subjects_json[e->subject]);
  if (own_time) {
    char at[32];
    minute_write (at, e->time_ns / MINUTE);
    n += sprintf (out + n, ",\"time\":\"%.16s:%02d.%03dZ\"", at, (int)(e->time_ns % MINUTE / 1000000000),
                  (int)(e->time_ns % 1000000000 / 1000000));
  }
  if (e->corrects)
    n += sprintf (out + n, ",\"ext\":{\"corrects\":\"x\"}");
  return n + sprintf (out + n, "}");
}

static int64_t
some_time (void)
{
  /* Few minutes, so that rows meet; some of them at the edges of days and months. */
  static const int64_t ago[] = { 0, 1, 2, 59, 60, 1060, 1500, 27 * 1440, 28 * 1440, 40000, 80000 };
  return (AT - ago[rnd (11)]) * MINUTE + rnd (60) * INT64_C (1000000000) + rnd (3) * 1000000;
}

static void
some_record (void)
{
  static char text[16384];
  int tenant = (int)rnd (3), n = 0, count = 1 + (int)rnd (4), i;
  int64_t time_ns = some_time ();
  for (i = 0; i < count; i++) {
    struct event *e = &event[events];
    int own_time = (int)rnd (2), own_subject = !rnd (4);
    memset (e, 0, sizeof *e);
    e->subject = own_subject ? (int)rnd (3) : tenant;
    e->path = (int)rnd (4);
    e->m = (int)rnd (2);
    e->unique = (int)rnd (6);
    e->corrects = !rnd (5);
    e->has_value = rnd (6) > 0;
    e->milli = (int64_t)rnd (100000) - (e->corrects ? 60000 : 100);
    e->has_count = e->corrects && rnd (2);
    e->count = (int64_t)rnd (3) - 2;
    e->time_ns = own_time ? some_time () : time_ns;
    n += sprintf (text + n, i ? "," : "%s", "");
    n += event_write (e, own_time, own_subject, text + n);
    events++;
  }
  append (subjects_json[tenant], time_ns, "%s", text);
}

/* ---- Trouble --------------------------------------------------------------------------- */

/* Somebody else writes the same state anew: the write under way is refused. */
static void
foreigner (void)
{
  const char *state = fake_store_get (fake, "usage.meters", "state");
  char *copy = state ? strdup (state) : NULL;
  if (copy)
    fake_store_put (fake, "usage.meters", "state", copy);
  free (copy);
}

/* Meters are made anew, which goes on meanwhile. */
static void
rebuild (void)
{
  static const char *json[] = { "Content-Type: application/json", NULL };
  static const char *const what[]
      = { "{}", "{\"from\":\"2026-11-01T00:30:00Z\"}", "{\"meters\":[\"s\",\"mx\"]}" };
  as (NULL, 1);
  asked = fake_request (fake, "POST", "/admin/v1/meter/rebuild", json, what[rnd (3)]);
  ck_assert_int_eq (fake_status (asked), 202);
}

static int
trouble (int full)
{
  if (!rnd (6))
    rebuild ();
  switch (rnd (8)) {
  case 0: /* killed while it writes */
    fake_store_hold (fake, 1);
    roll ();
    fall (full ? all : some);
    fake_store_hold (fake, 0);
    break;
  case 1: /* killed after it wrote */
    roll ();
    fall (full ? all : some);
    break;
  case 2:
    fake_store_fail (fake, -EIO, 1 + (int)rnd (3));
    roll ();
    fake_store_fail (fake, 0, 0);
    break;
  case 3:
    fake_store_hold (fake, 1);
    roll ();
    foreigner ();
    fake_store_hold (fake, 0);
    break;
  case 4: /* meters come and go */
    full = !full;
    fake_stop (fake);
    fake_store_commit (fake);
    fake_close (fake);
    up (full ? all : some);
    break;
  default:
    roll ();
  }
  return full;
}

START_TEST (answers_are_the_model_s)
{
  const char *s = getenv ("SEED"), *r = getenv ("ROUNDS");
  int rounds = r ? atoi (r) : 40, full = 1;
  seed = s ? strtoull (s, NULL, 10) : (uint64_t)time (NULL) ^ (uint64_t)getpid () << 32;
  printf ("# SEED=%llu\n", (unsigned long long)seed);
  fflush (stdout);
  begin (all);
  for (int i = 0; i < rounds && events < EVENTS_MAX - 64; i++) {
    for (uint32_t n = 1 + rnd (4); n; n--)
      some_record ();
    if (rnd (3))
      full = trouble (full);
    for (uint32_t n = 1 + rnd (6); n; n--)
      question (full);
  }
  printf ("# %d events\n", events);
  end ();
}
END_TEST

UNIT_MAIN ("metering-oracle", answers_are_the_model_s)
