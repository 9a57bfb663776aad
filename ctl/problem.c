/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A refusal in words: the message, then why, what to try and what is related, which the
 * host writes as paragraphs of the detail. */

#include "ctl/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DETAIL_MAX 8192
#define PARAGRAPH "\n\n"
#define KWARGS "body.kwargs." /* where arguments stand in a body; who types knows no body */

static int
exit_code (long status)
{
  if (status == 402 || status == 429 || status == 507)
    return EXIT_LIMIT;
  return status / 100 == 5 && status != 501 ? EXIT_FAILED : EXIT_REFUSED;
}

/* What the caller can do about it, where the detail doesn't say. */
static const char *
advice (long status, const char *detail)
{
  if (status == 401 && !strcmp (detail, "API key required"))
    return "; give one by KGENT_API_KEY or --key-file FILE";
  if (status == 401)
    return "; it is what KGENT_API_KEY or --key-file gives";
  if (status == 404 && (!*detail || !strcmp (detail, "Not Found")))
    return "; is this the public listener of a kgentd, and is its plugin agentese loaded?";
  return "";
}

static void
kwargs_cut (char *text)
{
  char *at = text;
  while ((at = strstr (at, KWARGS)))
    memmove (at, at + strlen (KWARGS), strlen (at + strlen (KWARGS)) + 1);
}

int
client_refused_as (const char *subject, long status, const char *detail)
{
  char text[DETAIL_MAX], *part, *next;
  const char *more;
  size_t n;
  snprintf (text, sizeof text, "%s", detail);
  kwargs_cut (text);
  next = strstr (text, PARAGRAPH);
  if (next)
    *next = 0;
  more = advice (status, text);
  n = strlen (text);
  if (*more && n && text[n - 1] == '.')
    text[n - 1] = 0;
  complain ("%s: %ld: %s%s", subject, status, *text ? text : "the answer has no reason", more);
  while (next) {
    part = next + strlen (PARAGRAPH);
    next = strstr (part, PARAGRAPH);
    if (next)
      *next = 0;
    complain_part (part + strspn (part, " "));
  }
  return exit_code (status);
}

/* ---- Arguments that don't fit ------------------------------------------------------- */

/* The text of KEY=TEXT on the command line; NULL: it isn't there. */
static const char *
text_given (const struct args *a, const char *name)
{
  size_t n = strlen (name);
  uint32_t i;
  for (i = 0; i < a->rest.count; i++)
    if (!strncmp (a->rest.item[i], name, n) && a->rest.item[i][n] == '=')
      return a->rest.item[i] + n + 1;
  return NULL;
}

/* Whether the text would be something else as JSON: a number, a list. */
static int
is_json (const char *text)
{
  json_tokener *tokener = json_tokener_new ();
  json_object *o;
  int is;
  json_tokener_set_flags (tokener, JSON_TOKENER_STRICT);
  o = json_tokener_parse_ex (tokener, text, (int)strlen (text) + 1);
  is = json_tokener_get_error (tokener) == json_tokener_success
       && !json_object_is_type (o, json_type_string);
  json_object_put (o);
  json_tokener_free (tokener);
  return is;
}

/* The name of the argument that an item of `errors` is about; NULL: about something else. */
static const char *
argument_of (json_object *error)
{
  json_object *loc = member_of (error, "loc");
  if (length_of (loc) != 3
      || strcmp (json_object_get_string (json_object_array_get_idx (loc, 1)), "kwargs"))
    return NULL;
  return json_object_get_string (json_object_array_get_idx (loc, 2));
}

/* Whoever writes amount=0.5 gets it as a text, and mostly meant the number. */
static void
arguments_help (const struct args *a, const char *subject, json_object *problem)
{
  json_object *errors = member_of (problem, "errors");
  size_t i, n = length_of (errors), arguments = 0;
  char line[DETAIL_MAX];
  for (i = 0; i < n; i++) {
    const char *name = argument_of (json_object_array_get_idx (errors, i));
    const char *text = name ? text_given (a, name) : NULL;
    arguments += name != NULL;
    if (!text || !is_json (text))
      continue;
    snprintf (line, sizeof line, "Try: '%s:=%s', which is JSON; with = it is a text", name, text);
    complain_part (line);
  }
  snprintf (line, sizeof line, "Related: kgentctl paths %s --long", subject);
  if (arguments && !strchr (subject, ' '))
    complain_part (line);
}

/* The steps of a composition that were done before the one that failed. */
static void
steps_tell (json_object *problem)
{
  json_object *trace = member_of (problem, "pipeline_trace");
  size_t i, n = length_of (trace);
  for (i = 0; i < n; i++) {
    json_object *step = json_object_array_get_idx (trace, i);
    complain_more ("step %zu was done: %s, %s ms", i + 1, text_of (step, "path"),
                   text_of (step, "duration_ms"));
  }
}

int
client_refused (const struct args *a, const struct ask *ask, const struct told *told)
{
  const char *detail = text_of (told->json, "detail");
  int r = client_refused_as (ask->subject, told->status, detail);
  char line[64];
  arguments_help (a, ask->subject, told->json);
  steps_tell (told->json);
  snprintf (line, sizeof line, "Try: again in %ld s", told->retry_after_s);
  if (told->retry_after_s > 0)
    complain_part (line);
  if (!a->json || !told->json)
    return r;
  if (args_flag (a, "stream") || args_flag (a, "follow")) /* where each event is a line */
    show_json_line (told->json);
  else
    show_json (told->json);
  return r;
}
