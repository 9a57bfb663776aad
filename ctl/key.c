/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* init, and key new, list, show, set, rotate, revoke. */

#include "ctl/object.h"

#include "core/util/clock.h"

#include <stdio.h>

#define KEYS "/admin/v1/keys"

const struct option key_fixed[] = {
  { "tenant", 0, KIND_TEXT, "TENANT", "tenant", NULL,
    "id or slug of its tenant [the default tenant]" },
  { "user", 0, KIND_TEXT, "USER", "user", NULL, "id of its user [the key's name]" },
  { 0 },
};

const struct option key_options[] = {
  { "name", 0, KIND_TEXT, "NAME", "name", NULL, "its name" },
  { "tier", 0, KIND_TEXT, "TIER", "tier", "FREE PRO TEAMS ENTERPRISE",
    "a row of the tier table for this key; '': its tenant's" },
  { "scope", 0, KIND_WORDS, "SCOPE,...", "scopes", "read write admin billing",
    "what it may do: read, write, admin, billing, invoke:world.house.*" },
  { "archetype", 0, KIND_WORDS, "NAME,...", "archetypes", NULL,
    "archetypes that it may claim, the default one first; *: any" },
  { "cidr", 0, KIND_WORDS, "NET,...", "cidrs", NULL,
    "addresses that it works from: 192.0.2.0/24; '': all" },
  { "expires", 0, KIND_TIME, "TIME", "expires_at", "never 30d 90d 365d",
    "when it ends: RFC 3339, 30d, 12h or 15m from now, never" },
  { 0 },
};

static const struct option list_options[] = {
  { "tenant", 0, KIND_TEXT, "TENANT", NULL, NULL, "only of this tenant, by id or slug" },
  { 0 },
};

/* The host keeps the last key of an operator from being lost. */
static const struct option force_options[] = {
  { "force", 0, KIND_FLAG, NULL, NULL, NULL, "even the last key with the scope admin" },
  { 0 },
};

static const struct option rotate_options[] = {
  { "grace", 0, KIND_SPAN, "SPAN", NULL, "0 1h 24h 7d",
    "how long the old key goes on working: 7d, 24h, 30m, 0 [24h]" },
  { "sunset", 0, KIND_TIME, "TIME", NULL, NULL, "until when, instead of --grace" },
  { "expires", 0, KIND_TIME, "TIME", "expires_at", "never 30d 90d 365d",
    "when the new key ends [when the old one would have]" },
  { 0 },
};

/* ---- What is shown once ----------------------------------------------------------- */

/* The key alone on standard output: KEY=$(kgentctl key new x). */
static void
secret_show (json_object *key)
{
  char scopes[SHOW_MAX], expires[SHOW_MAX];
  puts (text_of (key, "key"));
  fprintf (stderr, "id %s, tenant %s, tier %s, scopes %s%s%s\n", text_of (key, "id"),
           text_of (key, "tenant"), *text_of (key, "tier") ? text_of (key, "tier") : "-",
           human_value (member_of (key, "scopes"), scopes),
           *text_of (key, "expires_at") ? ", until " : "",
           human_time (text_of (key, "expires_at"), expires));
  fputs ("this is the only time the key is shown\n", stderr);
}

static int
secret_run (const struct args *a, const char *path, json_object *body, const char *advice)
{
  struct answer answer;
  int r = call (a, "POST", path, body, &answer);
  if (!r && a->json)
    show_json (answer.json);
  else if (!r) {
    secret_show (answer.json);
    fputs (advice, stderr);
  }
  answer_finish (&answer);
  return r;
}

/* ---- init, new, rotate ------------------------------------------------------------- */

static int
init_run (const struct args *a)
{
  json_object *body;
  int r;
  if (a->url) {
    complain ("init: the first key is made through the host's own socket only; leave --url "
              "out, and say where the state folder is with -s");
    return EXIT_USAGE;
  }
  body = json_object_new_object ();
  r = secret_run (a, "/admin/v1/init", body,
                  "keep it: KGENT_ADMIN_KEY is where kgentctl --url looks for it\n");
  json_object_put (body);
  return r;
}

static int
key_new (const struct args *a)
{
  json_object *body = object_body (a, "name");
  int r = body ? secret_run (a, KEYS, body, "") : EXIT_USAGE;
  json_object_put (body);
  return r;
}

/* Seconds of grace: *ret is -1 when neither option is given. */
static int
grace_read (const struct args *a, int64_t *ret)
{
  const char *sunset = args_text (a, "sunset");
  int64_t ns;
  *ret = args_number (a, "grace", -1);
  if (!args_given (a, "sunset"))
    return 0;
  if (*ret >= 0) {
    complain ("key rotate: --grace and --sunset say the same; give one of them");
    return EXIT_USAGE;
  }
  if (!sunset || time_parse (sunset, &ns) || ns <= clock_wall ()) {
    complain ("--sunset: '%s' is over, or no time; for an end at once use --grace 0",
              sunset ? sunset : "never");
    return EXIT_USAGE;
  }
  *ret = (ns - clock_wall () + CLOCK_SECOND - 1) / CLOCK_SECOND;
  return 0;
}

static int
key_rotate (const struct args *a)
{
  json_object *body;
  struct path path;
  int64_t grace_s;
  int r = grace_read (a, &grace_s);
  path_start (&path, KEYS);
  if (!r)
    r = path_id (&path, "key", a->rest.item[0]);
  if (r)
    return r;
  path_add (&path, "/rotate");
  body = args_body (a);
  if (grace_s >= 0)
    json_object_object_add (body, "grace_s", json_object_new_int64 (grace_s));
  r = secret_run (a, path.text, body,
                  grace_s ? "until the old one's sunset both work; see kgentctl key list\n"
                          : "the old one has stopped working\n");
  json_object_put (body);
  return r;
}

/* ---- list, show, set, revoke --------------------------------------------------------- */

/* "active", "revoked", "expired", or "sunset": it works until then. */
static void
state_derive (json_object *key)
{
  const char *state = "active";
  int64_t ns;
  if (!json_object_get_boolean (member_of (key, "active")))
    state = "revoked";
  else if (!time_parse (text_of (key, "expires_at"), &ns) && ns <= clock_wall ())
    state = "expired";
  else if (*text_of (key, "sunset_at"))
    state = "sunset";
  json_object_object_add (key, "state", json_object_new_string (state));
}

static int
key_list (const struct args *a)
{
  static const struct column columns[] = {
    { "id", "id", FORM_PLAIN },          { "prefix", "prefix", FORM_PLAIN },
    { "name", "name", FORM_PLAIN },      { "tenant", "tenant", FORM_PLAIN },
    { "user", "user", FORM_PLAIN },      { "tier", "tier", FORM_PLAIN },
    { "scopes", "scopes", FORM_PLAIN },  { "expires", "expires_at", FORM_TIME },
    { "last used", "last_used_at", FORM_TIME }, { "state", "state", FORM_PLAIN },
  };
  static const struct list list = { KEYS, "keys", columns, 10, state_derive };
  return list_run (a, &list, "tenant");
}

static int
key_show (const struct args *a)
{
  return object_show (a, KEYS, "key");
}

static int
key_set (const struct args *a)
{
  return object_set (a, KEYS, "key");
}

static int
key_revoke (const struct args *a)
{
  return object_each (a, "DELETE", KEYS, "key", NULL, "revoked");
}

const struct command init_commands[] = {
  { "init", "", "make the first admin key",
    "Makes the first key with the scope admin and prints it on standard output, once.\n"
    "There is no default credential: this works through the host's own socket alone, and\n"
    "only while no key with that scope works.\n",
    { NULL }, 0, 0, init_run },
  { 0 },
};

const struct command key_commands[] = {
  { "key new", "NAME", "make a key",
    "Makes a key and prints it on standard output, once; all else goes to standard error.\n"
    "Scopes default to read, archetypes to developer, limits and tier to the tenant's.\n",
    { key_fixed, key_options, limit_options }, 0, 1, key_new },
  { "key list", "", "list keys",
    "Lists keys, without their secrets.  The state is active, revoked, expired, or sunset:\n"
    "rotated away, and working until then.\n",
    { list_options }, 0, 0, key_list },
  { "key show", "ID", "show a key", "Shows a key, without its secret.\n", { NULL }, 1, 1,
    key_show },
  { "key set", "ID", "change a key",
    "Changes what the options name, and shows the key.  Lists are replaced.\n",
    { key_options, limit_options, force_options }, 1, 1, key_set },
  { "key rotate", "ID", "replace a key's secret, with grace",
    "Makes a new key with the old one's settings and prints it on standard output, once.\n"
    "Until the grace is over both work; answers to the old one carry Deprecation and\n"
    "Sunset.\n",
    { rotate_options }, 1, 1, key_rotate },
  { "key revoke", "ID...", "revoke keys at once",
    "Revokes keys, by their ids.  Their streams end within seconds.\n", { force_options }, 1,
    ANY_NUMBER, key_revoke },
  { 0 },
};
