/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* usage: what was used, as a table, with its course and where the month will end. */

#include "ctl/usage.h"

#include "ctl/object.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define USAGE "/admin/v1/usage"

static const struct option usage_options[] = {
  { "meter", 'm', KIND_TEXT, "SLUG", NULL, NULL, "only this meter [all]" },
  { "from", 0, KIND_TEXT, "TIME", NULL, NULL, "RFC 3339, or a date [the month's first]" },
  { "to", 0, KIND_TEXT, "TIME", NULL, NULL, "not included [the month's end]" },
  { "window", 'w', KIND_CHOICE, "UNIT", NULL, "minute hour day month",
    "a line for each window in which something was used" },
  { "by", 0, KIND_WORDS, "NAME,...", NULL, NULL,
    "a line for each value of the meter's dimensions, or subject" },
  { 0 },
};

/* The words of --by, or NULL. */
static json_object *
by_words (const struct args *a)
{
  uint32_t i;
  for (i = 0; i < a->count; i++)
    if (!strcmp (a->given[i].option->name, "by"))
      return a->given[i].value;
  return NULL;
}

/* The subject: a tenant by id or slug, or, where the host knows none of that name, the
 * name itself.  malloc'ed; NULL in *ret without an argument. */
static int
subject_find (const struct args *a, char **ret)
{
  struct answer answer;
  struct path path;
  int r;
  *ret = NULL;
  if (!a->rest.count)
    return 0;
  path_start (&path, "/admin/v1/tenants");
  r = path_id (&path, "tenant", a->rest.item[0]);
  if (r)
    return r;
  r = call_try (a, "GET", path.text, NULL, &answer);
  if (!r && answer.status == 404) {
    note ("no tenant is called %s: taken as a subject of events", a->rest.item[0]);
    *ret = strdup (a->rest.item[0]);
  } else if (!r && answer.status != 200)
    r = call_refused (a, "GET", path.text, &answer);
  else if (!r)
    *ret = strdup (text_of (answer.json, "id"));
  answer_finish (&answer);
  return r;
}

static void
path_make (const struct args *a, const char *subject, const char *window, struct path *path)
{
  json_object *by = by_words (a);
  size_t i, n = length_of (by);
  path_start (path, USAGE);
  path_query (path, "meter", args_text (a, "meter"));
  path_query (path, "from", args_text (a, "from"));
  path_query (path, "to", args_text (a, "to"));
  path_query (path, "windowSize", window);
  path_query (path, "subject", subject);
  for (i = 0; i < n; i++)
    path_query (path, "groupBy",
                json_object_get_string (json_object_array_get_idx (by, i)));
}

/* ---- Columns ----------------------------------------------------------------------- */

static int
is_subject (json_object *by, size_t i)
{
  return !strcmp (json_object_get_string (json_object_array_get_idx (by, i)), "subject");
}

static void
head_add (struct grid *g, const char *text)
{
  grid_add (g, text);
  grid_tint (g, TINT_BOLD);
}

/* Whether a tenant can have that id; events have any subject. */
static int
maybe_tenant (const char *subject)
{
  static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
                              "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
  size_t n = strspn (subject, plain);
  return n && !subject[n] && n <= 64;
}

/* The columns that tell rows apart. */
static void
names_head (const struct args *a, struct grid *g)
{
  json_object *by = by_words (a);
  size_t i, n = length_of (by);
  if (!args_given (a, "meter"))
    head_add (g, "meter");
  for (i = 0; i < n; i++)
    head_add (g, json_object_get_string (json_object_array_get_idx (by, i)));
}

static int
names_add (const struct args *a, struct grid *g, json_object *row, json_object *names)
{
  json_object *by = by_words (a), *group = member_of (row, "groupBy");
  const char *subject = text_of (row, "subject");
  size_t i, n = length_of (by);
  int r = 0;
  if (!args_given (a, "meter"))
    grid_add (g, text_of (row, "meter"));
  for (i = 0; i < n && !r; i++) {
    const char *name = json_object_get_string (json_object_array_get_idx (by, i));
    if (!is_subject (by, i)) {
      grid_add (g, text_of (group, name));
      continue;
    }
    r = maybe_tenant (subject) ? tenant_name (a, subject, names) : 0;
    grid_add (g, maybe_tenant (subject) ? text_of (names, subject) : subject);
  }
  return r;
}

static uint32_t
names_count (const struct args *a)
{
  return (uint32_t)(length_of (by_words (a)) + !args_given (a, "meter"));
}

/* ---- One line for each window ------------------------------------------------------- */

static int
windows_print (const struct args *a, json_object *answer)
{
  struct grid *g = grid_create (names_count (a) + 2);
  json_object *data = member_of (answer, "data"), *names = json_object_new_object ();
  size_t i, n = length_of (data);
  char text[SHOW_MAX];
  int r = 0;
  head_add (g, "window");
  names_head (a, g);
  head_add (g, "value");
  grid_right (g, names_count (a) + 1);
  for (i = 0; i < n && !r; i++) {
    json_object *row = json_object_array_get_idx (data, i);
    grid_add (g, human_time (text_of (row, "windowStart"), text));
    r = names_add (a, g, row, names);
    grid_add (g, usage_number (member_of (row, "value"), text));
  }
  grid_finish (g);
  json_object_put (names);
  return r;
}

/* ---- One line for all of the time ----------------------------------------------------- */

static int
totals_print (const struct args *a, json_object *answer, const struct course *course)
{
  int projects = !args_given (a, "from") && !args_given (a, "to");
  uint32_t columns = names_count (a);
  struct grid *g = grid_create (columns + 2 + (uint32_t)projects);
  json_object *data = member_of (answer, "data"), *names = json_object_new_object ();
  size_t i, n = length_of (data);
  char text[SHOW_MAX];
  int r = 0;
  names_head (a, g);
  head_add (g, "value");
  grid_right (g, columns);
  head_add (g, course_unit (course));
  if (projects) {
    head_add (g, "by month's end");
    grid_right (g, columns + 2);
  }
  for (i = 0; i < n && !r; i++) {
    json_object *row = json_object_array_get_idx (data, i);
    r = names_add (a, g, row, names);
    grid_add (g, usage_number (member_of (row, "value"), text));
    grid_add (g, course_line (course, row, text));
    if (projects)
      grid_add (g, course_projection (course, answer, row, text));
  }
  grid_finish (g);
  json_object_put (names);
  return r;
}

static int
totals_run (const struct args *a, const char *subject, json_object *answer)
{
  struct course *course = course_create (text_of (answer, "from"), text_of (answer, "to"));
  struct answer windows;
  struct path path;
  int r;
  path_make (a, subject, course_unit (course), &path);
  r = call (a, "GET", path.text, NULL, &windows);
  if (!r) {
    course_fill (course, member_of (windows.json, "data"));
    r = totals_print (a, answer, course);
  }
  answer_finish (&windows);
  course_free (course);
  return r;
}

/* ---- The command ----------------------------------------------------------------------- */

static int
usage_run (const struct args *a)
{
  const char *window = args_text (a, "window");
  struct answer answer;
  struct path path;
  char *subject;
  int r = subject_find (a, &subject);
  if (r)
    return r;
  path_make (a, subject, window, &path);
  r = call (a, "GET", path.text, NULL, &answer);
  if (!r && a->json)
    show_json (answer.json);
  else if (!r)
    r = window ? windows_print (a, answer.json) : totals_run (a, subject, answer.json);
  answer_finish (&answer);
  free (subject);
  return r;
}

const struct command usage_commands[] = {
  { "usage", "[TENANT]", "what was used, and where the month will end",
    "Shows what each meter, or one, says for a tenant (by id or slug) or for all together:\n"
    "the value, its course, and what it will be at the month's end if it goes on like this.\n",
    { usage_options }, 0, 1, usage_run },
  { 0 },
};
