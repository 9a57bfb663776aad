/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* health, plugins, reload, drain, version: the host itself. */

#include "ctl/ctl.h"

#include <stdio.h>
#include <string.h>

/* ---- health --------------------------------------------------------------------- */

static void
health_print (json_object *o)
{
  struct grid *g = grid_create (2);
  json_object *components = NULL;
  json_object_object_get_ex (o, "components", &components);
  grid_add (g, "status");
  grid_add (g, text_of (o, "status"));
  if (components) {
    json_object_object_foreach (components, name, value)
    {
      grid_add (g, name);
      grid_add (g, json_object_get_string (value));
    }
  }
  grid_finish (g);
}

static int
health_run (const struct args *a)
{
  struct answer answer;
  int r = call (a, "GET", "/health", NULL, &answer);
  if (!r && a->json)
    show_json (answer.json);
  else if (!r)
    health_print (answer.json);
  if (!r && !strcmp (text_of (answer.json, "status"), "error"))
    r = EXIT_REFUSED;
  answer_finish (&answer);
  return r;
}

/* ---- plugins ---------------------------------------------------------------------- */

static void
plugins_print (json_object *o)
{
  static const struct column columns[] = {
    { "plugin", "name", FORM_PLAIN },
    { "version", "version", FORM_PLAIN },
    { "abi", "abi", FORM_PLAIN },
    { "summary", "summary", FORM_PLAIN },
  };
  struct grid *g = table_create (columns, 4);
  json_object *list = member_of (o, "plugins");
  size_t i, n = length_of (list);
  for (i = 0; i < n; i++)
    table_add (g, columns, 4, json_object_array_get_idx (list, i));
  grid_finish (g);
}

static int
plugins_run (const struct args *a)
{
  struct answer answer;
  int r = call (a, "GET", "/admin/v1/plugins", NULL, &answer);
  if (!r && a->json)
    show_json (answer.json);
  else if (!r)
    plugins_print (answer.json);
  answer_finish (&answer);
  return r;
}

/* ---- reload, drain ------------------------------------------------------------------ */

/* An order without arguments; the host's answer, or `said`, is shown. */
static int
order (const struct args *a, const char *path, const char *said)
{
  struct answer answer;
  int r = call (a, "POST", path, NULL, &answer);
  const char *detail = text_of (answer.json, "detail");
  if (!r && a->json && answer.json)
    show_json (answer.json);
  else if (!r && a->json)
    puts ("{}");
  else if (!r)
    say ("%s", *detail ? detail : said);
  answer_finish (&answer);
  return r;
}

static int
reload_run (const struct args *a)
{
  return order (a, "/admin/v1/reload", "the configuration is good: a new process takes over");
}

static int
drain_run (const struct args *a)
{
  return order (a, "/admin/v1/drain", "draining: it ends when everything in flight is done");
}

/* ---- version ------------------------------------------------------------------------- */

static void
version_json (json_object *host)
{
  json_object *o = json_object_new_object ();
  json_object_object_add (o, "kgentctl", json_object_new_string (KG_VERSION));
  json_object_object_add (o, "kgentd", json_object_get (host));
  show_json (o);
  json_object_put (o);
}

static int
version_run (const struct args *a)
{
  struct answer answer;
  int r;
  if (!a->json)
    printf ("kgentctl %s\n", KG_VERSION);
  r = call (a, "GET", "/admin/v1/version", NULL, &answer);
  if (a->json)
    version_json (r ? NULL : answer.json);
  else if (!r)
    say ("kgentd %s, plugin ABI %s, process %s", text_of (answer.json, "version"),
            text_of (answer.json, "abi"), text_of (answer.json, "pid"));
  answer_finish (&answer);
  return r;
}

const struct command host_commands[] = {
  { "health", "", "status of the host and its components",
    "Shows the status of the host and of its components.  Exit code 1 when it is\n"
    "\"error\".\n",
    { NULL }, 0, 0, health_run },
  { "plugins", "", "list the loaded plugins",
    "Lists the loaded plugins in the order of the configuration.\n", { NULL }, 0, 0,
    plugins_run },
  { "top", "[SECONDS [COUNT]]", "what routes and tenants do, again and again",
    "Shows what each route does: requests per second, those refused and failed, and how\n"
    "long they took; and of each busy tenant the requests, the denials and what is in\n"
    "flight.  Every 2 seconds until it is interrupted, or COUNT times.\n",
    { NULL }, 0, 2, top_run },
  { "reload", "", "check the configuration and hand over to a new process",
    "Checks the configuration; when it is good a new process takes over and the old one\n"
    "finishes its requests; when it is bad nothing changes and the reason is shown.\n",
    { NULL }, 0, 0, reload_run },
  { "drain", "", "finish all requests and end the host",
    "Ends the host as SIGTERM does: /readyz goes red, what is in flight finishes.\n",
    { NULL }, 0, 0, drain_run },
  { "version", "", "versions of this program and of the host",
    "Shows the versions of kgentctl and of the running host.\n", { NULL }, 0, 0,
    version_run },
  { 0 },
};
