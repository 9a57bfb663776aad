/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* top: what routes and tenants do, from the difference of two looks. */

#include "ctl/look.h"

#include "core/util/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int
busier_route (const void *a, const void *b)
{
  const struct route *x = a, *y = b;
  return x->total < y->total ? 1 : x->total > y->total ? -1 : strcmp (x->endpoint, y->endpoint);
}

static int
busier_tenant (const void *a, const void *b)
{
  const struct tenant *x = a, *y = b;
  double m = x->requests + x->denied, n = y->requests + y->denied;
  return m < n ? 1 : m > n ? -1 : strcmp (x->name, y->name);
}

/* ---- Tables ---------------------------------------------------------------------------- */

static struct grid *
table_start (const char *const *head, uint32_t columns)
{
  struct grid *g = grid_create (columns);
  uint32_t i;
  for (i = 0; i < columns; i++) {
    grid_add (g, head[i]);
    if (i + 1 < columns)
      grid_right (g, i);
  }
  return g;
}

static void
number_add (struct grid *g, double value, int digits)
{
  char text[32];
  snprintf (text, sizeof text, "%.*f", digits, value);
  grid_add (g, text);
}

static void
routes_print (const struct look *look, double seconds)
{
  static const char *const head[] = { "req/s", "4xx/s", "5xx/s", "p50 ms", "p99 ms", "route" };
  struct grid *g = table_start (head, 6);
  uint32_t i;
  for (i = 0; i < look->routes; i++) {
    const struct route *r = &look->route[i];
    char name[LOOK_TEXT + 16];
    if (r->total <= 0)
      continue;
    number_add (g, r->total / seconds, 1);
    number_add (g, r->refused / seconds, 1);
    number_add (g, r->failed / seconds, 1);
    number_add (g, route_quantile (r, 0.5), 2);
    number_add (g, route_quantile (r, 0.99), 2);
    snprintf (name, sizeof name, "%s %s", r->method, r->endpoint);
    grid_add (g, name);
  }
  grid_finish (g);
}

static int
active (const struct tenant *t)
{
  return t->requests > 0 || t->denied > 0 || t->in_flight;
}

static void
tenants_print (const struct look *look, double seconds)
{
  static const char *const head[] = { "req/s", "denied/s", "in flight", "tenant" };
  struct grid *g;
  uint32_t i, n = 0;
  for (i = 0; i < look->tenants; i++)
    n += (uint32_t)active (&look->tenant[i]);
  if (!n)
    return;
  putchar ('\n');
  g = table_start (head, 4);
  for (i = 0; i < look->tenants; i++) {
    const struct tenant *t = &look->tenant[i];
    if (!active (t))
      continue;
    number_add (g, t->requests / seconds, 1);
    number_add (g, t->denied / seconds, 1);
    number_add (g, (double)t->in_flight, 0);
    grid_add (g, t->name);
  }
  grid_finish (g);
}

static void
print_tables (const struct look *look, double seconds)
{
  double total = 0;
  uint32_t i;
  for (i = 0; i < look->routes; i++)
    total += look->route[i].total;
  if (isatty (STDOUT_FILENO))
    fputs ("\033[H\033[2J", stdout);
  printf ("%.1f requests per second, over %.1f s\n", total / seconds, seconds);
  routes_print (look, seconds);
  if (look->no_tenants)
    puts ("\nno tenants: the auth plugin is not loaded");
  else
    tenants_print (look, seconds);
}

/* ---- JSON -------------------------------------------------------------------------------- */

/* To a thousandth. */
static void
double_put (json_object *o, const char *name, double value)
{
  char text[64];
  snprintf (text, sizeof text, "%.3f", value);
  json_object_object_add (o, name, json_object_new_double_s (value, text));
}

static json_object *
route_json (const struct route *r, double seconds)
{
  json_object *o = json_object_new_object ();
  json_object_object_add (o, "method", json_object_new_string (r->method));
  json_object_object_add (o, "endpoint", json_object_new_string (r->endpoint));
  double_put (o, "requests_per_second", r->total / seconds);
  double_put (o, "refused_per_second", r->refused / seconds);
  double_put (o, "failed_per_second", r->failed / seconds);
  double_put (o, "p50_ms", route_quantile (r, 0.5));
  double_put (o, "p99_ms", route_quantile (r, 0.99));
  return o;
}

static json_object *
tenant_json (const struct tenant *t, double seconds)
{
  json_object *o = json_object_new_object ();
  json_object_object_add (o, "tenant", json_object_new_string (t->id));
  json_object_object_add (o, "name", json_object_new_string (t->name));
  double_put (o, "requests_per_second", t->requests / seconds);
  double_put (o, "denied_per_second", t->denied / seconds);
  json_object_object_add (o, "in_flight", json_object_new_int64 (t->in_flight));
  return o;
}

static void
print_json (const struct look *look, double seconds)
{
  json_object *o = json_object_new_object (), *routes = json_object_new_array ();
  json_object *tenants = look->no_tenants ? NULL : json_object_new_array ();
  uint32_t i;
  for (i = 0; i < look->routes; i++)
    json_object_array_add (routes, route_json (&look->route[i], seconds));
  for (i = 0; tenants && i < look->tenants; i++)
    json_object_array_add (tenants, tenant_json (&look->tenant[i], seconds));
  double_put (o, "seconds", seconds);
  json_object_object_add (o, "routes", routes);
  json_object_object_add (o, "tenants", tenants);
  show_json_line (o);
  json_object_put (o);
}

/* ---- The command -------------------------------------------------------------------------- */

static void
show (const struct args *a, const struct look *then, struct look *now)
{
  double seconds = (double)(now->at_ns - then->at_ns) / CLOCK_SECOND;
  look_subtract (now, then);
  qsort (now->route, now->routes, sizeof now->route[0], busier_route);
  qsort (now->tenant, now->tenants, sizeof now->tenant[0], busier_tenant);
  if (a->json)
    print_json (now, seconds);
  else
    print_tables (now, seconds);
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

static int
looks_show (const struct args *a, double every, double times)
{
  struct timespec pause = { (time_t)every, (long)((every - (double)(time_t)every) * 1e9) };
  struct look *then = calloc (3, sizeof *then), *now = then ? then + 1 : NULL;
  json_object *names = json_object_new_object ();
  int r;
  if (!then)
    abort ();
  for (r = look_take (a, names, then); !r && times >= 1; times--) {
    nanosleep (&pause, NULL);
    r = look_take (a, names, now);
    if (r)
      break;
    then[2] = *now; /* `show` changes it */
    show (a, then, now);
    *then = then[2];
  }
  json_object_put (names);
  free (then);
  return r;
}

int
top_run (const struct args *a)
{
  double every = a->rest.count > 0 ? positive (a->rest.item[0], 3600) : 2;
  double times = a->rest.count > 1 ? positive (a->rest.item[1], 1e9) : 1e9;
  if (every > 0 && times >= 1)
    return looks_show (a, every, times);
  complain ("top: seconds and a count are numbers above 0: kgentctl top [SECONDS [COUNT]]");
  return EXIT_USAGE;
}
