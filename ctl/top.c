/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* top: what the routes do, from the difference of two looks at /metrics. */

#include "ctl/ctl.h"

#include "core/util/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ROUTES_MAX 256
#define BUCKETS_MAX 32
#define TEXT_MAX 96

#define REQUESTS "kgents_api_requests_total"
#define LATENCY "kgents_api_request_latency_seconds_bucket"

/* Counters of one route. */
struct route {
  char method[12], endpoint[TEXT_MAX];
  double total, refused, failed;                   /* answers; those with 4xx, 5xx */
  double bounds[BUCKETS_MAX], counts[BUCKETS_MAX]; /* cumulative, as exposed */
  uint32_t nbuckets;
};

struct look {
  int64_t at_ns;
  uint32_t count;
  struct route routes[ROUTES_MAX];
};

/* ---- Reading the exposition -------------------------------------------------------- */

/* The value of a label in `line`, unescaped as far as routes need it. */
static int
label (const char *line, const char *name, char *out, size_t size)
{
  char start[24];
  const char *p;
  size_t n;
  snprintf (start, sizeof start, "%s=\"", name);
  p = strstr (line, start);
  if (!p)
    return 0;
  p += strlen (start);
  n = strcspn (p, "\"");
  snprintf (out, size, "%.*s", (int)n, p);
  return 1;
}

static struct route *
route_of (struct look *look, const char *line)
{
  char method[12], endpoint[TEXT_MAX];
  uint32_t i;
  if (!label (line, "method", method, sizeof method)
      || !label (line, "endpoint", endpoint, sizeof endpoint))
    return NULL;
  for (i = 0; i < look->count; i++)
    if (!strcmp (look->routes[i].method, method)
        && !strcmp (look->routes[i].endpoint, endpoint))
      return &look->routes[i];
  if (look->count == ROUTES_MAX)
    return NULL;
  memset (&look->routes[i], 0, sizeof look->routes[i]);
  strcpy (look->routes[i].method, method);
  strcpy (look->routes[i].endpoint, endpoint);
  look->count++;
  return &look->routes[i];
}

static void
requests_read (struct route *r, const char *line, double value)
{
  char status[8] = "";
  label (line, "status", status, sizeof status);
  r->total += value;
  r->refused += *status == '4' ? value : 0;
  r->failed += *status == '5' ? value : 0;
}

static void
latency_read (struct route *r, const char *line, double value)
{
  char bound[24] = "";
  if (r->nbuckets == BUCKETS_MAX || !label (line, "le", bound, sizeof bound))
    return;
  r->bounds[r->nbuckets] = strtod (bound, NULL); /* "+Inf" is infinity */
  r->counts[r->nbuckets++] = value;
}

/* One line: NAME{labels} VALUE. */
static void
line_read (struct look *look, const char *line)
{
  const char *value = strrchr (line, ' ');
  struct route *r;
  int latency = !strncmp (line, LATENCY "{", sizeof LATENCY);
  if (!value || (!latency && strncmp (line, REQUESTS "{", sizeof REQUESTS)))
    return;
  r = route_of (look, line);
  if (r && latency)
    latency_read (r, line, strtod (value, NULL));
  else if (r)
    requests_read (r, line, strtod (value, NULL));
}

static int
look_take (const struct args *a, struct look *look)
{
  struct answer answer;
  char *line, *save = NULL;
  int r = call_text (a, "/metrics", &answer);
  look->at_ns = clock_mono ();
  look->count = 0;
  for (line = r ? NULL : strtok_r (answer.text, "\n", &save); line;
       line = strtok_r (NULL, "\n", &save))
    line_read (look, line);
  answer_finish (&answer);
  return r;
}

/* ---- The difference ------------------------------------------------------------------ */

/* Makes the counters of `now` those of the time since `then`; a restart of the
 * host, which sets counters back, counts from 0. */
static void
route_subtract (struct route *now, const struct look *then)
{
  const struct route *old = NULL;
  uint32_t i;
  for (i = 0; i < then->count && !old; i++)
    if (!strcmp (then->routes[i].method, now->method)
        && !strcmp (then->routes[i].endpoint, now->endpoint))
      old = &then->routes[i];
  if (!old || old->total > now->total || old->nbuckets != now->nbuckets)
    return;
  now->total -= old->total;
  now->refused -= old->refused;
  now->failed -= old->failed;
  for (i = 0; i < now->nbuckets; i++)
    now->counts[i] -= old->counts[i];
}

/* The quantile in milliseconds, interpolated inside its bucket; of the last one,
 * which has no end, its beginning. */
static double
quantile (const struct route *r, double q)
{
  double want = r->nbuckets ? q * r->counts[r->nbuckets - 1] : 0, from = 0, before = 0;
  uint32_t i;
  for (i = 0; i + 1 < r->nbuckets && r->counts[i] < want; i++) {
    from = r->bounds[i];
    before = r->counts[i];
  }
  if (i + 1 >= r->nbuckets || r->counts[i] <= before)
    return 1000 * from;
  return 1000 * (from + (r->bounds[i] - from) * (want - before) / (r->counts[i] - before));
}

static int
busier (const void *a, const void *b)
{
  const struct route *x = a, *y = b;
  return x->total < y->total ? 1 : x->total > y->total ? -1 : strcmp (x->endpoint, y->endpoint);
}

/* ---- Showing --------------------------------------------------------------------------- */

static void
number_add (struct grid *g, double value, int digits)
{
  char text[32];
  snprintf (text, sizeof text, "%.*f", digits, value);
  grid_add (g, text);
}

static void
print_table (const struct look *look, double seconds)
{
  static const char *const head[] = { "req/s", "4xx/s", "5xx/s", "p50 ms", "p99 ms", "route" };
  struct grid *g = grid_create (6);
  double total = 0;
  uint32_t i;
  for (i = 0; i < 6; i++)
    grid_add (g, head[i]);
  for (i = 0; i < look->count; i++) {
    const struct route *r = &look->routes[i];
    char name[TEXT_MAX + 16];
    total += r->total;
    if (r->total <= 0)
      continue;
    number_add (g, r->total / seconds, 1);
    number_add (g, r->refused / seconds, 1);
    number_add (g, r->failed / seconds, 1);
    number_add (g, quantile (r, 0.5), 2);
    number_add (g, quantile (r, 0.99), 2);
    snprintf (name, sizeof name, "%s %s", r->method, r->endpoint);
    grid_add (g, name);
  }
  if (isatty (STDOUT_FILENO))
    fputs ("\033[H\033[2J", stdout);
  printf ("%.1f requests per second, over %.1f s\n", total / seconds, seconds);
  grid_print (g);
}

static void
double_put (json_object *o, const char *name, double value)
{
  json_object_object_add (o, name, json_object_new_double (value));
}

/* One line of JSON. */
static void
print_json (const struct look *look, double seconds)
{
  json_object *o = json_object_new_object (), *list = json_object_new_array ();
  uint32_t i;
  for (i = 0; i < look->count; i++) {
    const struct route *r = &look->routes[i];
    json_object *item = json_object_new_object ();
    json_object_object_add (item, "method", json_object_new_string (r->method));
    json_object_object_add (item, "endpoint", json_object_new_string (r->endpoint));
    double_put (item, "requests_per_second", r->total / seconds);
    double_put (item, "refused_per_second", r->refused / seconds);
    double_put (item, "failed_per_second", r->failed / seconds);
    double_put (item, "p50_ms", quantile (r, 0.5));
    double_put (item, "p99_ms", quantile (r, 0.99));
    json_object_array_add (list, item);
  }
  double_put (o, "seconds", seconds);
  json_object_object_add (o, "routes", list);
  puts (json_object_to_json_string_ext (o, JSON_C_TO_STRING_PLAIN
                                               | JSON_C_TO_STRING_NOSLASHESCAPE));
  json_object_put (o);
}

static void
show (const struct args *a, const struct look *then, struct look *now)
{
  double seconds = (double)(now->at_ns - then->at_ns) / CLOCK_SECOND;
  uint32_t i;
  for (i = 0; i < now->count; i++)
    route_subtract (&now->routes[i], then);
  qsort (now->routes, now->count, sizeof now->routes[0], busier);
  if (a->json)
    print_json (now, seconds);
  else
    print_table (now, seconds);
  fflush (stdout);
}

/* A positive number of at most `max`, or 0. */
static double
positive (const char *text, double max)
{
  char *end;
  double value = strtod (text, &end);
  return *end || !(value > 0) || value > max ? 0 : value;
}

int
top_run (const struct args *a, const struct words *arguments)
{
  double every = arguments->count > 0 ? positive (arguments->item[0], 3600) : 2;
  double times = arguments->count > 1 ? positive (arguments->item[1], 1e9) : 1e9;
  struct timespec pause = { (time_t)every, (long)((every - (double)(time_t)every) * 1e9) };
  struct look *then = calloc (3, sizeof *then), *now = then ? then + 1 : NULL;
  int r = EXIT_USAGE;
  if (!then)
    abort ();
  if (every <= 0 || times < 1)
    complain ("top: usage: kgentctl top [SECONDS [COUNT]]");
  else
    r = look_take (a, then);
  for (; !r && times >= 1; times--) {
    nanosleep (&pause, NULL);
    r = look_take (a, now);
    if (r)
      break;
    then[2] = *now; /* `show` changes it */
    show (a, then, now);
    *then = then[2];
  }
  free (then);
  return r;
}
