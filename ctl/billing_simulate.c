/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* billing simulate: the host's time machine. */

#include "ctl/billing.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIMULATE "/admin/v1/billing/simulate"
#define FILE_MAX 4000000 /* bytes; what the host takes, nearly */

const struct option billing_simulate_options[] = {
  { "until", 0, KIND_TEXT, "TIME", NULL, NULL, "RFC 3339: how far time goes on behind the events [for ever]" },
  { 0 },
};

/* ---- The file --------------------------------------------------------------------- */

/* malloc'ed and NUL-terminated; NULL after a message. */
static char *
text_read (const char *name)
{
  int in = !strcmp (name, "-");
  FILE *f = in ? stdin : fopen (name, "re");
  char *text = f ? malloc (FILE_MAX + 1) : NULL;
  size_t n = text ? fread (text, 1, FILE_MAX + 1, f) : 0;
  int failed = !text || ferror (f);
  if (failed)
    complain ("%s: %m", name);
  else if (n > FILE_MAX)
    complain ("%s: it has more than %d bytes", name, FILE_MAX);
  if (f && !in)
    fclose (f);
  if (failed || n > FILE_MAX) {
    free (text);
    return NULL;
  }
  text[n] = 0;
  return text;
}

/* All JSON values of a text, one behind the other; NULL when one is malformed. */
static json_object *
values_parse (const char *text)
{
  json_tokener *tok = json_tokener_new ();
  json_object *list = json_object_new_array (), *o;
  const char *p = text + strspn (text, " \t\r\n"), *end = text + strlen (text);
  while (*p) {
    json_tokener_reset (tok);
    o = json_tokener_parse_ex (tok, p, (int) (end - p));
    if (json_tokener_get_error (tok) != json_tokener_success) {
      json_object_put (list);
      list = NULL;
      break;
    }
    json_object_array_add (list, o);
    p += json_tokener_get_parse_end (tok);
    p += strspn (p, " \t\r\n");
  }
  json_tokener_free (tok);
  return list;
}

/* The events that are meant: the file's one value is a list, or has one. */
static json_object *
events_of (json_object *values)
{
  json_object *one = length_of (values) == 1 ? json_object_array_get_idx (values, 0) : NULL;
  json_object *list = one;
  if (json_object_is_type (one, json_type_object))
    list = member_of (one, "events") ? member_of (one, "events") : member_of (one, "data");
  return json_object_is_type (list, json_type_array) ? list : values;
}

static json_object *
body_make (const struct args *a)
{
  const char *until = args_text (a, "until");
  char *text;
  json_object *values, *body;
  int64_t ns = 0;
  if (until && time_parse (until, &ns) < 0) {
    complain ("--until: '%s' is no time of RFC 3339", until);
    return NULL;
  }
  text = text_read (a->rest.item[0]);
  if (!text)
    return NULL;
  values = values_parse (text);
  free (text);
  if (!values) {
    complain ("%s: it is not JSON", a->rest.item[0]);
    return NULL;
  }
  body = json_object_new_object ();
  json_object_object_add (body, "events", json_object_get (events_of (values)));
  if (until)
    json_object_object_add (body, "until", json_object_new_int64 (ns / 1000000000));
  json_object_put (values);
  return body;
}

/* ---- The timeline ------------------------------------------------------------------ */

static void
timeline_show (json_object *answer)
{
  static const struct column columns[] = {
    { "time", "time", FORM_TIME },         { "event", "event", FORM_PLAIN },
    { "type", "type", FORM_PLAIN },        { "subscription", "subscription", FORM_PLAIN },
    { "status", "status", FORM_PLAIN },    { "standing", "standing", FORM_PLAIN },
    { "tier", "tier", FORM_PLAIN },        { "until", "until", FORM_TIME },
  };
  json_object *rows = member_of (answer, "timeline");
  struct grid *g = table_create (columns, 8);
  size_t i, n = length_of (rows);
  for (i = 0; i < n; i++)
    table_add (g, columns, 8, json_object_array_get_idx (rows, i));
  grid_finish (g);
}

/* What is wrong with the events: 1 when something is. */
static int
faults_show (json_object *answer)
{
  json_object *bad = member_of (answer, "malformed");
  size_t i, n = length_of (bad);
  int converged = json_object_get_boolean (member_of (answer, "converged"));
  for (i = 0; i < n; i++) {
    json_object *o = json_object_array_get_idx (bad, i);
    note ("event %lld is malformed: %s", (long long) number_of (o, "index", 0) + 1,
          text_of (o, "reason"));
  }
  if (!converged)
    note ("the order in which they are ends in another state");
  return n || !converged;
}

int
billing_simulate (const struct args *a)
{
  json_object *body = body_make (a);
  struct answer answer;
  int r;
  if (!body)
    return EXIT_USAGE;
  r = call (a, "POST", SIMULATE, body, &answer);
  if (!r && a->json)
    show_json (answer.json);
  else if (!r)
    timeline_show (answer.json);
  if (!r && faults_show (answer.json))
    r = EXIT_REFUSED;
  answer_finish (&answer);
  json_object_put (body);
  return r;
}
