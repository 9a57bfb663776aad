/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Meters by day, here and there. */

#include "ctl/meter_reconcile.h"

#include <math.h>
#include <string.h>

#define NEAR 1e-9 /* of the value: not every server counts exactly */

/* Values by the day that they begin with, of one meter. */
static json_object *
days_sum (json_object *data, const char *meter)
{
  json_object *days = json_object_new_object ();
  size_t i, n = length_of (data);
  for (i = 0; i < n; i++) {
    json_object *row = json_object_array_get_idx (data, i);
    json_object *value = member_of (row, "value");
    char day[16];
    if (meter && strcmp (text_of (row, "meter"), meter))
      continue;
    snprintf (day, sizeof day, "%.10s", text_of (row, "windowStart"));
    json_object_object_add (
        days, day,
        json_object_new_double (json_object_get_double (member_of (days, day))
                                + json_object_get_double (value)));
  }
  return days;
}

static void
row_add (json_object *rows, const char *meter, const char *day, double here, double there)
{
  json_object *o = json_object_new_object ();
  json_object_object_add (o, "meter", json_object_new_string (meter));
  json_object_object_add (o, "day", json_object_new_string (day));
  json_object_object_add (o, "here", json_object_new_double (here));
  json_object_object_add (o, "there", json_object_new_double (there));
  json_object_array_add (rows, o);
}

static void
days_compare (json_object *here, json_object *there, const char *meter, json_object *rows)
{
  json_object_object_foreach (here, day, value)
  {
    double a = json_object_get_double (value);
    double b = json_object_get_double (member_of (there, day));
    if (fabs (a - b) > NEAR * fmax (fabs (a), fabs (b)))
      row_add (rows, meter, day, a, b);
  }
  json_object_object_foreach (there, other, amount)
  {
    double b = json_object_get_double (amount);
    if (!member_of (here, other) && b != 0)
      row_add (rows, meter, other, 0, b);
  }
}

void
reconcile_days (const struct reconcile *r, struct path *path)
{
  char text[32];
  int64_t to = r->to + DAY_SECONDS - 1;
  path_query (path, "windowSize", "DAY");
  path_query (path, "from", reconcile_time (r->from - r->from % DAY_SECONDS, text));
  path_query (path, "to", reconcile_time (to - to % DAY_SECONDS, text));
}

static int
meter_compare (struct reconcile *r, const char *meter, json_object *data, json_object *rows,
               json_object *notes)
{
  json_object *answer = NULL, *here, *there;
  struct path path;
  char text[256];
  long status;
  int e;
  path_start (&path, "/api/v1/meters/");
  path_add (&path, meter);
  path_add (&path, "/query");
  reconcile_days (r, &path);
  e = there_get (r, path.text, &status, &answer);
  if (e || status == 404) {
    snprintf (text, sizeof text, "OpenMeter has no meter %s", meter);
    if (!e)
      json_object_array_add (notes, json_object_new_string (text));
    return e;
  }
  here = days_sum (data, meter);
  there = days_sum (member_of (answer, "data"), NULL);
  days_compare (here, there, meter, rows);
  json_object_put (here);
  json_object_put (there);
  json_object_put (answer);
  return 0;
}

int
reconcile_meters (struct reconcile *r, json_object *rows, json_object *notes)
{
  json_object *seen = json_object_new_object (), *data;
  struct answer answer;
  struct path path;
  size_t i;
  int e;
  path_start (&path, "/admin/v1/usage");
  reconcile_days (r, &path);
  e = call_try (r->args, "GET", path.text, NULL, &answer);
  if (!e && answer.status == 422) /* windows that are not kept, or too many */
    json_object_array_add (notes, json_object_new_string (text_of (answer.json, "detail")));
  else if (!e && answer.status != 200)
    e = call_refused (r->args, "GET", path.text, &answer);
  data = member_of (answer.json, "data");
  for (i = 0; i < length_of (data) && !e; i++) {
    const char *meter = text_of (json_object_array_get_idx (data, i), "meter");
    if (!*meter || member_of (seen, meter))
      continue;
    json_object_object_add (seen, meter, json_object_new_boolean (1));
    e = meter_compare (r, meter, data, rows, notes);
  }
  json_object_put (seen);
  answer_finish (&answer);
  return e;
}
