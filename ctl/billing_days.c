/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* billing reconcile --usage: of each day, meter and tenant what the ledger has, what OpenMeter
 * has, and what Stripe has, of usage that is sent to Stripe. */

#include "ctl/billing.h"
#include "ctl/meter_reconcile.h"
#include "ctl/transfer.h"

#include <stdlib.h>
#include <string.h>

#define PAGE 1000

struct days {
  struct reconcile r;   /* as meter reconcile has it: OpenMeter and the span */
  json_object *meters;  /* of the configuration */
  json_object *rows;    /* by "DAY METER TENANT" */
  json_object *pairs;   /* by "METER TENANT": what Stripe is asked about */
  json_object *notes;
  int64_t newest;
};

static void
note_add (struct days *d, const char *side, const char *meter)
{
  char text[256];
  snprintf (text, sizeof text, "%s has no meter %s", side, meter);
  json_object_array_add (d->notes, json_object_new_string (text));
}

/* Of a day in UTC; made when it isn't there. */
static json_object *
row_get (struct days *d, const char *day, const char *meter, const char *tenant)
{
  char key[512], pair[512];
  json_object *row;
  snprintf (key, sizeof key, "%.10s %s %s", day, meter, tenant);
  snprintf (pair, sizeof pair, "%s %s", meter, tenant);
  row = member_of (d->rows, key);
  if (row)
    return row;
  row = json_object_new_object ();
  json_object_object_add (row, "day", json_object_new_string_len (key, 10));
  json_object_object_add (row, "meter", json_object_new_string (meter));
  json_object_object_add (row, "tenant", json_object_new_string (tenant));
  json_object_object_add (d->rows, key, row);
  if (!member_of (d->pairs, pair)) {
    json_object *o = json_object_new_object ();
    json_object_object_add (o, "meter", json_object_new_string (meter));
    json_object_object_add (o, "tenant", json_object_new_string (tenant));
    json_object_object_add (d->pairs, pair, o);
  }
  return row;
}

static void
row_count (json_object *row, const char *side, int64_t n)
{
  json_object_object_add (row, side, json_object_new_int64 (number_of (row, side, 0) + n));
}

static int
in_span (const struct days *d, int64_t ns)
{
  return ns >= d->r.from * SECOND_NS && ns < d->r.to * SECOND_NS;
}

/* ---- The ledger -------------------------------------------------------------------- */

/* What a dotted path of data leads to. */
static json_object *
value_at (json_object *o, const char *path)
{
  char name[128];
  while (o && *path) {
    size_t n = strcspn (path, ".");
    snprintf (name, sizeof name, "%.*s", (int)n, path);
    o = member_of (o, name);
    path += n + (path[n] == '.');
  }
  return o;
}

/* How much an event counts for a meter: 1 when it does.  What is no integer is left out at
 * Stripe, too; a correction of a count says by how much. */
static int
event_value (json_object *event, const char *path, int64_t *ret)
{
  json_object *data = member_of (event, "data"), *v = value_at (data, *path ? path : "count");
  int is_int = json_object_is_type (v, json_type_int);
  *ret = 1;
  if (!*path && !(member_of (event, "corrects") && is_int))
    return 1;
  if (is_int)
    *ret = json_object_get_int64 (v);
  return is_int;
}

static void
event_count (struct days *d, json_object *event)
{
  const char *time = text_of (event, "time"), *subject = text_of (event, "subject");
  char day[32];
  int64_t ns, n;
  size_t i;
  if (time_parse (time, &ns) || !in_span (d, ns) || !*subject || strchr (subject, '/'))
    return;
  reconcile_time (ns / SECOND_NS, day);
  for (i = 0; i < length_of (d->meters); i++) {
    json_object *meter = json_object_array_get_idx (d->meters, i);
    if (!strcmp (text_of (event, "type"), text_of (meter, "type"))
        && event_value (event, text_of (meter, "value"), &n))
      row_count (row_get (d, day, text_of (meter, "meter"), subject), "ledger", n);
  }
}

/* Up to what was the newest at the beginning. */
static int
ledger_read (struct days *d)
{
  int64_t after = 0;
  int e = 0;
  while (!e && after < d->newest) {
    struct answer answer;
    struct path path;
    json_object *events;
    int64_t next;
    size_t i;
    path_start (&path, "/admin/v1/usage/events");
    path_query_number (&path, "after", after);
    path_query_number (&path, "limit", PAGE);
    e = call (d->r.args, "GET", path.text, NULL, &answer);
    events = member_of (answer.json, "events");
    for (i = 0; !e && i < length_of (events); i++)
      event_count (d, json_object_array_get_idx (events, i));
    next = number_of (answer.json, "next", after);
    after = next > after ? next : d->newest;
    answer_finish (&answer);
  }
  return e;
}

/* ---- What Stripe does not have ------------------------------------------------------ */

struct state {
  struct days *days;
  const char *name; /* of the member that counts */
};

static int
parts_count (json_object *items, json_object *page, void *arg)
{
  struct state *s = arg;
  size_t i;
  (void)page;
  for (i = 0; i < length_of (items); i++) {
    json_object *part = json_object_array_get_idx (items, i);
    int64_t ns;
    if (!time_parse (text_of (part, "minute"), &ns) && in_span (s->days, ns))
      row_count (row_get (s->days, text_of (part, "minute"), text_of (part, "meter"),
                          text_of (part, "tenant")),
                 s->name, number_of (part, "value", 0));
  }
  return 0;
}

static int
parts_read (struct days *d)
{
  static const char *const states[][2]
      = { { "open", "waiting" }, { "waiting", "waiting" }, { "parked", "parked" } };
  int e = 0;
  size_t i;
  for (i = 0; !e && i < sizeof states / sizeof states[0]; i++) {
    struct state s = { d, states[i][1] };
    struct path path;
    path_start (&path, BILLING_USAGE "/parts");
    path_query (&path, "state", states[i][0]);
    e = pages_each (d->r.args, &path, "parts", NULL, parts_count, &s);
  }
  return e;
}

/* ---- OpenMeter ---------------------------------------------------------------------- */

/* An integer, whichever way it is written: 15, 15.0, "15". */
static int64_t
whole_of (json_object *v)
{
  const char *text = json_object_get_string (v);
  return text ? strtoll (text, NULL, 10) : 0;
}

static int
openmeter_read (struct days *d, const char *meter)
{
  json_object *answer = NULL, *data;
  struct path path;
  long status;
  size_t i;
  int e;
  path_start (&path, "/api/v1/meters/");
  path_add (&path, meter);
  path_add (&path, "/query");
  reconcile_days (&d->r, &path);
  path_query (&path, "groupBy", "subject");
  e = there_get (&d->r, path.text, &status, &answer);
  if (!e && status == 404)
    note_add (d, "OpenMeter", meter);
  data = member_of (answer, "data");
  for (i = 0; i < length_of (data); i++) {
    json_object *o = json_object_array_get_idx (data, i);
    const char *subject = text_of (o, "subject");
    if (!*subject)
      subject = text_of (member_of (o, "groupBy"), "subject");
    if (*subject)
      row_count (row_get (d, text_of (o, "windowStart"), meter, subject), "openmeter",
                 whole_of (member_of (o, "value")));
  }
  json_object_put (answer);
  return e;
}

/* A meter that is asked about has a number in each row. */
static void
zeros_add (struct days *d, const char *meter, const char *side)
{
  json_object_object_foreach (d->rows, key, row)
  {
    (void)key;
    if (!strcmp (text_of (row, "meter"), meter))
      row_count (row, side, 0);
  }
}

static int
openmeter_all (struct days *d)
{
  size_t i;
  int e = 0;
  for (i = 0; !e && d->r.url && i < length_of (d->meters); i++) {
    const char *meter = text_of (json_object_array_get_idx (d->meters, i), "meter");
    size_t notes = length_of (d->notes);
    e = openmeter_read (d, meter);
    if (!e && notes == length_of (d->notes))
      zeros_add (d, meter, "openmeter");
  }
  return e;
}

/* ---- Stripe ------------------------------------------------------------------------- */

static int
stripe_read (struct days *d, const char *meter, const char *tenant)
{
  struct answer answer;
  struct path path;
  json_object *days;
  size_t i;
  int64_t to = d->r.to + DAY_SECONDS - 1;
  int e, known;
  path_start (&path, BILLING_USAGE "/days");
  path_query (&path, "meter", meter);
  path_query (&path, "tenant", tenant);
  path_query_number (&path, "from", d->r.from - d->r.from % DAY_SECONDS);
  path_query_number (&path, "to", to - to % DAY_SECONDS);
  e = call_try (d->r.args, "GET", path.text, NULL, &answer);
  if (!e && answer.status == 404)
    note_add (d, "Stripe", meter);
  else if (!e)
    e = billing_asked (d->r.args, "GET", path.text, &answer);
  days = member_of (answer.json, "days");
  known = !e && answer.status == 200 && member_of (answer.json, "customer");
  for (i = 0; known && i < length_of (days); i++) {
    json_object *o = json_object_array_get_idx (days, i);
    row_count (row_get (d, text_of (o, "day"), meter, tenant), "stripe",
               whole_of (member_of (o, "value")));
  }
  json_object_object_foreach (d->rows, key, row)
  {
    (void)key;
    if (strcmp (text_of (row, "meter"), meter) || strcmp (text_of (row, "tenant"), tenant))
      continue;
    if (known)
      row_count (row, "stripe", 0);
    else if (!e && answer.status == 200)
      json_object_object_add (row, "no_customer", json_object_new_boolean (1));
  }
  answer_finish (&answer);
  return e;
}

static int
stripe_all (struct days *d)
{
  int e = 0;
  json_object_object_foreach (d->pairs, key, pair)
  {
    (void)key;
    if (!e)
      e = stripe_read (d, text_of (pair, "meter"), text_of (pair, "tenant"));
  }
  return e;
}

/* ---- What differs ------------------------------------------------------------------- */

static void
lack_add (char *text, size_t size, const char *side, int64_t lacks, const char *why)
{
  size_t n = strlen (text);
  if (lacks)
    snprintf (text + n, size - n, "%s%s %s %lld%s%s", n ? "; " : "", side,
              lacks > 0 ? "lacks" : "has more by", (long long)(lacks > 0 ? lacks : -lacks),
              *why ? ", " : "", why);
}

/* What each side lacks of the ledger; what waits to be sent is no difference. */
static int
row_judge (json_object *row)
{
  int64_t ledger = number_of (row, "ledger", 0), waiting = number_of (row, "waiting", 0);
  int64_t parked = number_of (row, "parked", 0);
  char lacks[512] = "", why[64] = "";
  if (parked)
    snprintf (why, sizeof why, "of which %lld are parked", (long long)parked);
  row_count (row, "ledger", 0);
  if (member_of (row, "openmeter"))
    lack_add (lacks, sizeof lacks, "OpenMeter", ledger - number_of (row, "openmeter", 0), "");
  if (member_of (row, "no_customer"))
    lack_add (lacks, sizeof lacks, "Stripe", ledger, "the tenant has no customer");
  else if (member_of (row, "stripe"))
    lack_add (lacks, sizeof lacks, "Stripe", ledger - waiting - number_of (row, "stripe", 0), why);
  json_object_object_add (row, "lacks", *lacks ? json_object_new_string (lacks) : NULL);
  return *lacks != 0;
}

static void
days_print (struct days *d, json_object *rows, int64_t differ)
{
  static const struct column columns[] = {
    { "day", "day", FORM_PLAIN },         { "meter", "meter", FORM_PLAIN },
    { "tenant", "tenant", FORM_PLAIN },   { "ledger", "ledger", FORM_PLAIN },
    { "OpenMeter", "openmeter", FORM_PLAIN }, { "Stripe", "stripe", FORM_PLAIN },
    { "waiting", "waiting", FORM_PLAIN }, { "difference", "lacks", FORM_PLAIN },
  };
  size_t i;
  struct grid *g = differ ? table_create (columns, 8) : NULL;
  for (i = 0; g && i < length_of (rows); i++)
    if (member_of (json_object_array_get_idx (rows, i), "lacks"))
      table_add (g, columns, 8, json_object_array_get_idx (rows, i));
  if (g)
    grid_finish (g);
  for (i = 0; i < length_of (d->notes); i++)
    note ("%s", json_object_get_string (json_object_array_get_idx (d->notes, i)));
  printf ("%zu sums of days compared, %lld differ\n", length_of (rows), (long long)differ);
}

static int
days_show (struct days *d)
{
  json_object *o = json_object_new_object (), *rows = json_object_new_array ();
  int64_t differ = 0;
  char text[32];
  json_object_object_foreach (d->rows, key, row)
  {
    (void)key;
    differ += row_judge (row);
    json_object_array_add (rows, json_object_get (row));
  }
  json_object_object_add (o, "from", json_object_new_string (reconcile_time (d->r.from, text)));
  json_object_object_add (o, "to", json_object_new_string (reconcile_time (d->r.to, text)));
  json_object_object_add (o, "days", rows);
  json_object_object_add (o, "notes", json_object_get (d->notes));
  json_object_object_add (o, "differ", json_object_new_int64 (differ));
  if (d->r.args->json)
    show_json (o);
  else
    days_print (d, rows, differ);
  json_object_put (o);
  return differ || length_of (d->notes) ? EXIT_REFUSED : EXIT_OK;
}

/* ---- The command -------------------------------------------------------------------- */

static int
options_read (struct days *d)
{
  int e;
  d->r.url = args_text (d->r.args, "openmeter");
  if (d->r.url && !url_valid (d->r.url)) {
    complain ("--openmeter: http://... or https://... is needed");
    return EXIT_USAGE;
  }
  e = reconcile_span (&d->r);
  d->r.from -= d->r.from % DAY_SECONDS;
  d->r.to += (DAY_SECONDS - d->r.to % DAY_SECONDS) % DAY_SECONDS;
  return e;
}

int
billing_days (const struct args *a)
{
  struct days d = { .r = { .args = a } };
  struct answer answer = { 0 };
  int e = options_read (&d);
  d.rows = json_object_new_object ();
  d.pairs = json_object_new_object ();
  d.notes = json_object_new_array ();
  if (!e)
    e = call (a, "GET", BILLING_USAGE, NULL, &answer);
  d.meters = member_of (answer.json, "meters");
  d.newest = number_of (answer.json, "newest", 0);
  if (!e && !length_of (d.meters)) {
    complain ("no usage is sent to Stripe: billing-stripe.usage is not configured");
    e = EXIT_REFUSED;
  }
  if (!e && !(e = ledger_read (&d)) && !(e = openmeter_all (&d)) && !(e = stripe_all (&d)))
    e = parts_read (&d); /* last: what is sent meanwhile is told of as lacking, not hidden */
  if (!e)
    e = days_show (&d);
  answer_finish (&answer);
  json_object_put (d.rows);
  json_object_put (d.pairs);
  json_object_put (d.notes);
  return e;
}
