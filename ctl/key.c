/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* key new, list, revoke: /admin/v1/keys of the auth plugin. */

#include "ctl/ctl.h"

#include "core/util/clock.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEYS "/admin/v1/keys"

/* ---- new ----------------------------------------------------------------------- */

static void
text_put (json_object *o, const char *name, const char *text)
{
  if (text)
    json_object_object_add (o, name, json_object_new_string (text));
}

static void
words_put (json_object *o, const char *name, const struct words *w)
{
  json_object *list;
  uint32_t i;
  if (!w->count)
    return;
  list = json_object_new_array ();
  for (i = 0; i < w->count; i++)
    json_object_array_add (list, json_object_new_string (w->item[i]));
  json_object_object_add (o, name, list);
}

static void
limits_put (json_object *o, const struct args *a)
{
  json_object *limits;
  if (!(a->given & (GIVEN_MINUTE | GIVEN_DAY | GIVEN_TOKENS)))
    return;
  limits = json_object_new_object ();
  if (a->given & GIVEN_MINUTE)
    json_object_object_add (limits, "requests_per_minute",
                            json_object_new_int64 (a->per_minute));
  if (a->given & GIVEN_DAY)
    json_object_object_add (limits, "requests_per_day", json_object_new_int64 (a->per_day));
  if (a->given & GIVEN_TOKENS)
    json_object_object_add (limits, "tokens_per_month", json_object_new_int64 (a->tokens));
  json_object_object_add (o, "limits", limits);
}

/* "30d", "12h", "15m": that long from now; anything else is passed on as a time. */
static const char *
expiry (const char *text, char out[CLOCK_RFC3339_LEN + 1])
{
  char *end;
  long n = strtol (text, &end, 10);
  int64_t unit = *end == 'd' ? 86400 : *end == 'h' ? 3600 : *end == 'm' ? 60 : 0;
  if (!isdigit ((unsigned char)*text) || !unit || end[1] || n < 1 || n > 36500)
    return text;
  clock_rfc3339 (clock_wall () + n * unit * CLOCK_SECOND, out);
  return out;
}

static int
key_new (const struct args *a, const struct words *arguments)
{
  json_object *body = json_object_new_object ();
  const char *name = arguments->count ? arguments->item[0] : a->name;
  char time[CLOCK_RFC3339_LEN + 1], scopes[1024];
  struct answer answer = { 0 };
  int r;
  if (!name || (arguments->count && a->name)) {
    complain ("key new: give the key one name: kgentctl key new NAME");
    json_object_put (body);
    return EXIT_USAGE;
  }
  text_put (body, "name", name);
  text_put (body, "tenant", a->tenant);
  text_put (body, "user", a->user);
  text_put (body, "tier", a->tier);
  words_put (body, "scopes", &a->scopes);
  words_put (body, "archetypes", &a->archetypes);
  limits_put (body, a);
  text_put (body, "expires_at", a->expires ? expiry (a->expires, time) : NULL);
  r = call (a, "POST", KEYS, body, &answer);
  if (!r && a->json)
    show_json (answer.json);
  else if (!r) { /* the key alone on standard output: KEY=$(kgentctl key new x) */
    puts (text_of (answer.json, "key"));
    fprintf (stderr,
             "id %s, tenant %s, tier %s, scopes %s; this is the only time the key is shown\n",
             text_of (answer.json, "id"), text_of (answer.json, "tenant"),
             text_of (answer.json, "tier"),
             list_of (answer.json, "scopes", scopes, sizeof scopes));
  }
  answer_finish (&answer);
  json_object_put (body);
  return r;
}

/* ---- list ----------------------------------------------------------------------- */

/* Moves the keys of one answer into `all`; the id to go on behind, or "". */
static const char *
page_take (json_object *all, json_object *page)
{
  json_object *keys = NULL;
  size_t i, n;
  json_object_object_get_ex (page, "keys", &keys);
  n = keys && json_object_is_type (keys, json_type_array) ? json_object_array_length (keys) : 0;
  for (i = 0; i < n; i++)
    json_object_array_add (all, json_object_get (json_object_array_get_idx (keys, i)));
  return text_of (page, "next");
}

/* Text that may stand in a query as it is. */
static int
plain (const char *text)
{
  return text[strspn (text,
                      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~")]
         == 0;
}

static int
keys_fetch (const struct args *a, json_object *all)
{
  char path[512], after[128] = "";
  int r;
  do {
    struct answer answer;
    snprintf (path, sizeof path, KEYS "?limit=1000%s%s%s%s", *after ? "&after=" : "", after,
              a->tenant ? "&tenant=" : "", a->tenant ? a->tenant : "");
    r = call (a, "GET", path, NULL, &answer);
    if (!r)
      snprintf (after, sizeof after, "%s", page_take (all, answer.json));
    answer_finish (&answer);
  } while (!r && *after && plain (after));
  return r;
}

static void
keys_print (json_object *all)
{
  static const char *const columns[] = { "id",   "prefix", "name",       "tenant",      "user",
                                         "tier", "scopes", "expires_at", "last_used_at" };
  struct grid *g = grid_create (10);
  size_t i, c, n = json_object_array_length (all);
  char list[1024];
  for (c = 0; c < 9; c++)
    grid_add (g, columns[c]);
  grid_add (g, "state");
  for (i = 0; i < n; i++) {
    json_object *key = json_object_array_get_idx (all, i);
    for (c = 0; c < 9; c++)
      grid_add (g, c == 6 ? list_of (key, "scopes", list, sizeof list)
                          : text_of (key, columns[c]));
    grid_add (g, !strcmp (text_of (key, "active"), "true") ? "active" : "revoked");
  }
  grid_print (g);
}

static int
key_list (const struct args *a, const struct words *arguments)
{
  json_object *all = json_object_new_array (), *o;
  int r;
  (void)arguments;
  if (a->tenant && !plain (a->tenant)) {
    complain ("--tenant: '%s' is not a tenant id", a->tenant);
    json_object_put (all);
    return EXIT_USAGE;
  }
  r = keys_fetch (a, all);
  if (!r && !a->json)
    keys_print (all);
  else if (!r) {
    o = json_object_new_object ();
    json_object_object_add (o, "keys", json_object_get (all));
    show_json (o);
    json_object_put (o);
  }
  json_object_put (all);
  return r;
}

/* ---- revoke ----------------------------------------------------------------------- */

static int
key_revoke (const struct args *a, const struct words *arguments)
{
  json_object *done = json_object_new_array (), *o = json_object_new_object ();
  uint32_t i;
  int r, worst = 0;
  for (i = 0; i < arguments->count; i++) {
    struct answer answer = { 0 };
    char path[256];
    snprintf (path, sizeof path, KEYS "/%s", arguments->item[i]);
    if (plain (arguments->item[i]))
      r = call (a, "DELETE", path, NULL, &answer);
    else {
      complain ("key revoke: '%s' is not the id of a key; see kgentctl key list",
                arguments->item[i]);
      r = EXIT_USAGE;
    }
    if (!r)
      json_object_array_add (done, json_object_new_string (arguments->item[i]));
    if (!r && !a->json)
      printf ("revoked %s\n", arguments->item[i]);
    worst = r > worst ? r : worst;
    answer_finish (&answer);
  }
  json_object_object_add (o, "revoked", done);
  if (a->json && (worst == 0 || json_object_array_length (done)))
    show_json (o);
  json_object_put (o);
  return worst;
}

const struct command key_commands[] = {
  { "key", "new",
    "key new NAME [--tenant UUID] [--user USER] [--tier TIER] [--scope SCOPE,...]\n"
    "                        [--archetype NAME,...] [--requests-per-minute N]\n"
    "                        [--requests-per-day N] [--tokens-per-month N]\n"
    "                        [--expires TIME|30d|12h|15m]",
    "Creates a key and prints it on standard output, once; all else goes to standard\n"
    "error.  Scopes default to read, archetypes to developer, limits to the tier's\n"
    "(0: unlimited).  TIME is RFC 3339.\n",
    "create a key", 0x3FF, 0, 1, key_new },
  { "key", "list", "key list [--tenant UUID]", "Lists keys, without their secrets.\n",
    "list keys", GIVEN_TENANT, 0, 0, key_list },
  { "key", "revoke", "key revoke ID...", "Revokes keys at once, by their ids.\n", "revoke keys",
    0, 1, WORDS_MAX, key_revoke },
  { NULL, NULL, NULL, NULL, NULL, 0, 0, 0, NULL },
};
