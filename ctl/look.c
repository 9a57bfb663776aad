/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Routes as /metrics shows them, and tenants as the limits do. */

#include "ctl/look.h"
#include "ctl/object.h"

#include "core/util/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUESTS "kgents_api_requests_total"
#define LATENCY "kgents_api_request_latency_seconds_bucket"

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
  char method[12], endpoint[LOOK_TEXT];
  uint32_t i;
  if (!label (line, "method", method, sizeof method)
      || !label (line, "endpoint", endpoint, sizeof endpoint))
    return NULL;
  for (i = 0; i < look->routes; i++)
    if (!strcmp (look->route[i].method, method)
        && !strcmp (look->route[i].endpoint, endpoint))
      return &look->route[i];
  if (look->routes == ROUTES_MAX)
    return NULL;
  memset (&look->route[i], 0, sizeof look->route[i]);
  strcpy (look->route[i].method, method);
  strcpy (look->route[i].endpoint, endpoint);
  look->routes++;
  return &look->route[i];
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
routes_take (const struct args *a, struct look *look)
{
  struct answer answer;
  char *line, *save = NULL;
  int r = call_text (a, "/metrics", &answer);
  look->at_ns = clock_mono ();
  look->routes = 0;
  for (line = r ? NULL : strtok_r (answer.text, "\n", &save); line;
       line = strtok_r (NULL, "\n", &save))
    line_read (look, line);
  answer_finish (&answer);
  return r;
}

/* ---- Tenants ------------------------------------------------------------------------ */

static int
tenant_read (const struct args *a, json_object *names, struct look *look, json_object *o)
{
  struct tenant *t = &look->tenant[look->tenants++];
  int r = tenant_name (a, text_of (o, "tenant"), names);
  snprintf (t->id, sizeof t->id, "%s", text_of (o, "tenant"));
  snprintf (t->name, sizeof t->name, "%s", text_of (names, t->id));
  t->requests = (double)number_of (o, "requests_today", 0);
  t->denied = (double)number_of (o, "denied_today", 0);
  t->in_flight = number_of (o, "concurrent", 0);
  return r;
}

/* A host without the auth plugin has no such route, and goes on being looked at. */
static int
tenants_take (const struct args *a, json_object *names, struct look *look)
{
  struct answer answer;
  int r = call_try (a, "GET", "/admin/v1/limits", NULL, &answer);
  json_object *list = member_of (answer.json, "tenants");
  size_t i, n = length_of (list);
  look->tenants = 0;
  look->no_tenants = answer.status == 404;
  if (!r && !look->no_tenants && answer.status != 200)
    r = call_refused (a, "GET", "/admin/v1/limits", &answer);
  for (i = 0; !r && i < n && look->tenants < TENANTS_MAX; i++)
    r = tenant_read (a, names, look, json_object_array_get_idx (list, i));
  answer_finish (&answer);
  return r;
}

int
look_take (const struct args *a, json_object *names, struct look *look)
{
  int r = routes_take (a, look);
  return r ? r : tenants_take (a, names, look);
}

/* ---- The difference ------------------------------------------------------------------ */

/* Makes the counters of `now` those of the time since `then`; a restart of the
 * host, which sets counters back, counts from 0. */
static void
route_subtract (struct route *now, const struct look *then)
{
  const struct route *old = NULL;
  uint32_t i;
  for (i = 0; i < then->routes && !old; i++)
    if (!strcmp (then->route[i].method, now->method)
        && !strcmp (then->route[i].endpoint, now->endpoint))
      old = &then->route[i];
  if (!old || old->total > now->total || old->nbuckets != now->nbuckets)
    return;
  now->total -= old->total;
  now->refused -= old->refused;
  now->failed -= old->failed;
  for (i = 0; i < now->nbuckets; i++)
    now->counts[i] -= old->counts[i];
}

/* A day that has ended, like a restart, sets counters back: they count from 0. */
static void
tenant_subtract (struct tenant *now, const struct look *then)
{
  const struct tenant *old = NULL;
  uint32_t i;
  for (i = 0; i < then->tenants && !old; i++)
    if (!strcmp (then->tenant[i].id, now->id))
      old = &then->tenant[i];
  if (!old || old->requests > now->requests || old->denied > now->denied)
    return;
  now->requests -= old->requests;
  now->denied -= old->denied;
}

void
look_subtract (struct look *now, const struct look *then)
{
  uint32_t i;
  for (i = 0; i < now->routes; i++)
    route_subtract (&now->route[i], then);
  for (i = 0; i < now->tenants; i++)
    tenant_subtract (&now->tenant[i], then);
}

double
route_quantile (const struct route *r, double q)
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
