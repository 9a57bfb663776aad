/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* billing simulate: the host's time machine. */

#include "ctl/billing.h"
#include "core/util/str.h"

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

struct text {
  const char *name;
  char *ptr; /* malloc'ed, and NUL-terminated */
  size_t len;
};

/* 0, or -1 after a message. */
static int
text_read (struct text *t)
{
  int in = !strcmp (t->name, "-");
  FILE *f = in ? stdin : fopen (t->name, "re");
  t->ptr = f ? malloc (FILE_MAX + 1) : NULL;
  t->len = t->ptr ? fread (t->ptr, 1, FILE_MAX + 1, f) : 0;
  int failed = !t->ptr || ferror (f);
  if (failed)
    complain ("%s: %m", t->name);
  else if (t->len > FILE_MAX)
    complain ("%s: it has more than %d bytes; take fewer events at a time", t->name, FILE_MAX);
  if (f && !in)
    fclose (f);
  if (failed || t->len > FILE_MAX)
    return -1;
  t->ptr[t->len] = 0;
  return 0;
}

/* In which line a place of the text is. */
static size_t
line_of (const struct text *t, const char *at)
{
  size_t line = 1;
  for (const char *p = t->ptr; p < at; p++)
    line += *p == '\n';
  return line;
}

/* 0, or -1 after a message: what no JSON can be, and would end it early. */
static int
text_check (const struct text *t)
{
  const char *nul = memchr (t->ptr, 0, t->len);
  const char *line = t->ptr, *end = strchrnul (line, '\n');
  if (nul) {
    complain ("%s:%zu: there is a NUL byte", t->name, line_of (t, nul));
    return -1;
  }
  for (; str_utf8_valid (line, (size_t) (end - line)); end = strchrnul (line, '\n')) {
    if (!*end)
      return 0;
    line = end + 1;
  }
  complain ("%s:%zu: it is not UTF-8", t->name, line_of (t, line));
  return -1;
}

/* All JSON values of a text, one behind the other; NULL after a message. */
static json_object *
values_parse (const struct text *t)
{
  json_tokener *tok = json_tokener_new ();
  json_object *list = json_object_new_array (), *o;
  const char *p = t->ptr + strspn (t->ptr, " \t\r\n"), *end = t->ptr + t->len;
  json_tokener_set_flags (tok, JSON_TOKENER_STRICT | JSON_TOKENER_ALLOW_TRAILING_CHARS);
  while (*p) {
    enum json_tokener_error e;
    json_tokener_reset (tok);
    o = json_tokener_parse_ex (tok, p, (int) (end - p) + 1); /* a number ends at the NUL */
    e = json_tokener_get_error (tok);
    if (e != json_tokener_success) {
      p += json_tokener_get_parse_end (tok);
      complain ("%s:%zu: it is not JSON: %s", t->name, line_of (t, p < end ? p : end),
                json_tokener_error_desc (e));
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

/* The events that are meant: the file's one value is a list, or has one.  NULL after a message. */
static json_object *
events_of (const char *name, json_object *values)
{
  json_object *one = length_of (values) == 1 ? json_object_array_get_idx (values, 0) : NULL;
  json_object *list = json_object_is_type (one, json_type_array) ? one : values, *inner = NULL;
  if (json_object_is_type (one, json_type_object)
      && json_object_object_get_ex (one, "events", &inner))
    list = inner;
  else if (json_object_is_type (one, json_type_object)
           && json_object_is_type (member_of (one, "data"), json_type_array))
    list = member_of (one, "data");
  if (!json_object_is_type (list, json_type_array)) {
    complain ("%s: what it has as \"events\" is no list", name);
    return NULL;
  }
  if (length_of (list))
    return list;
  complain ("%s: it has no event", name);
  return NULL;
}

static json_object *
body_make (const struct args *a)
{
  const char *until = args_text (a, "until");
  struct text text = { .name = a->rest.item[0] };
  json_object *values = NULL, *events = NULL, *body = NULL;
  int64_t ns = 0;
  if (until && time_parse (until, &ns) < 0) {
    complain ("--until: '%s' is no time of RFC 3339", until);
    return NULL;
  }
  if (text_read (&text) == 0 && text_check (&text) == 0)
    values = values_parse (&text);
  free (text.ptr);
  if (values)
    events = events_of (text.name, values);
  if (events) {
    body = json_object_new_object ();
    json_object_object_add (body, "events", json_object_get (events));
  }
  if (body && until)
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
  if (number_of (answer, "unused", 0))
    note ("%lld of the events change no subscription and no tier",
          (long long) number_of (answer, "unused", 0));
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
