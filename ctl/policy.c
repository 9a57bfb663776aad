/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* limits and explain: what is left of what, and why a request is let in or not. */

#include "ctl/object.h"

#include <stdio.h>
#include <string.h>

static const struct option subject_options[] = {
  { "key", 0, KIND_TEXT, "ID", NULL, NULL, "of this key and its tenant" },
  { "tenant", 0, KIND_TEXT, "TENANT", NULL, NULL, "of this tenant, by id or slug" },
  { 0 },
};

static const struct option explain_options[] = {
  { "key", 0, KIND_TEXT, "ID", NULL, NULL, "the key of the request, by its id" },
  { "path", 0, KIND_TEXT, "PATH", NULL, NULL,
    "of the URL, or of AGENTESE: /v1/me, world.house.manifest" },
  { "method", 0, KIND_TEXT, "METHOD", NULL, "GET POST PUT PATCH DELETE",
    "the HTTP method [GET; POST for a path of AGENTESE]" },
  { 0 },
};

/* Secrets have no place in a URL, which ends up in logs. */
static int
key_check (const struct args *a)
{
  const char *id = args_text (a, "key");
  if (!id || strncmp (id, "kg_", 3))
    return 0;
  complain ("--key: here it is the id of a key, not the key; kgentctl key list shows ids");
  return EXIT_USAGE;
}

/* ---- limits ----------------------------------------------------------------------- */

/* A limit of 0 is none, and nothing of it can be left. */
static void
unlimited_derive (json_object *policy)
{
  if (number_of (policy, "limit", 0))
    return;
  json_object_object_add (policy, "limit", json_object_new_string ("unlimited"));
  json_object_object_add (policy, "left", NULL);
}

static void
policies_print (json_object *list)
{
  static const struct column columns[] = {
    { "of", "of", FORM_PLAIN },     { "policy", "name", FORM_PLAIN },
    { "limit", "limit", FORM_PLAIN }, { "used", "used", FORM_COUNT },
    { "left", "left", FORM_COUNT }, { "resets in", "reset_s", FORM_SPAN },
  };
  struct grid *g = table_create (columns, 6);
  size_t i, n = length_of (list);
  grid_right (g, 2);
  for (i = 0; i < n; i++) {
    json_object *policy = json_object_array_get_idx (list, i);
    unlimited_derive (policy);
    table_add (g, columns, 6, policy);
  }
  grid_finish (g);
}

/* With their slugs instead of ids, where they have one. */
static int
tenants_print (const struct args *a, json_object *list)
{
  static const struct column columns[] = {
    { "tenant", "tenant", FORM_PLAIN },
    { "requests today", "requests_today", FORM_COUNT },
    { "denied today", "denied_today", FORM_COUNT },
    { "in flight", "concurrent", FORM_COUNT },
  };
  struct grid *g = table_create (columns, 4);
  json_object *names = json_object_new_object ();
  size_t i, n = length_of (list);
  int r = 0;
  for (i = 0; !r && i < n; i++) {
    json_object *o = json_object_array_get_idx (list, i);
    r = tenant_name (a, text_of (o, "tenant"), names);
    json_object_object_add (o, "tenant",
                            json_object_get (member_of (names, text_of (o, "tenant"))));
    table_add (g, columns, 4, o);
  }
  grid_finish (g);
  json_object_put (names);
  return r;
}

static int
limits_run (const struct args *a)
{
  struct answer answer;
  struct path path;
  int r = key_check (a);
  if (!r && args_given (a, "key") && args_given (a, "tenant")) {
    complain ("limits: give --key or --tenant; those of a key have its tenant's too");
    r = EXIT_USAGE;
  }
  if (r)
    return r;
  path_start (&path, "/admin/v1/limits");
  path_query (&path, "key", args_text (a, "key"));
  path_query (&path, "tenant", args_text (a, "tenant"));
  r = call (a, "GET", path.text, NULL, &answer);
  if (!r && a->json)
    show_json (answer.json);
  else if (!r && member_of (answer.json, "policies"))
    policies_print (member_of (answer.json, "policies"));
  else if (!r)
    r = tenants_print (a, member_of (answer.json, "tenants"));
  answer_finish (&answer);
  return r;
}

/* ---- explain ---------------------------------------------------------------------- */

static void
explain_print (json_object *o)
{
  static const struct column columns[] = {
    { "check", "check", FORM_PLAIN },
    { "verdict", "verdict", FORM_PLAIN },
    { "detail", "detail", FORM_PLAIN },
  };
  struct grid *g = table_create (columns, 3);
  json_object *checks = member_of (o, "checks");
  size_t i, n = length_of (checks);
  say ("%s%s%s%s%s", text_of (o, "verdict"), *text_of (o, "status") ? " " : "",
       text_of (o, "status"), *text_of (o, "detail") ? ": " : "", text_of (o, "detail"));
  putchar ('\n');
  for (i = 0; i < n; i++)
    table_add (g, columns, 3, json_object_array_get_idx (checks, i));
  grid_finish (g);
}

static int
explain_run (const struct args *a)
{
  struct answer answer;
  struct path path;
  int r = key_check (a);
  if (r)
    return r;
  if (!args_given (a, "key") || !args_given (a, "path")) {
    complain ("explain: which request? kgentctl explain --key ID --path PATH");
    return EXIT_USAGE;
  }
  path_start (&path, "/admin/v1/explain");
  path_query (&path, "key", args_text (a, "key"));
  path_query (&path, "path", args_text (a, "path"));
  path_query (&path, "method", args_text (a, "method"));
  r = call (a, "GET", path.text, NULL, &answer);
  if (!r && a->json)
    show_json (answer.json);
  else if (!r)
    explain_print (answer.json);
  if (!r && strcmp (text_of (answer.json, "verdict"), "allow"))
    r = EXIT_REFUSED;
  answer_finish (&answer);
  return r;
}

const struct command policy_commands[] = {
  { "limits", "", "what is left of the limits",
    "Shows each limit of a key (with its tenant's) or of a tenant: what it is, used, and\n"
    "left.  Without an option, the busiest tenants.\n",
    { subject_options }, 0, 0, limits_run },
  { "explain", "", "why a request would be let in or not",
    "Asks the host what it would do with a request now, without counting it: each check\n"
    "and its verdict, by the same code as the real decision.  Exit code 1 when it would be\n"
    "denied.\n",
    { explain_options }, 0, 0, explain_run },
  { 0 },
};
