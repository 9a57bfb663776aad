/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* paths and affordances: what may be invoked, and what it takes and costs. */

#include "ctl/agentese.h"

#include <stdio.h>
#include <string.h>

#define ARGUMENT_MAX 512 /* bytes of what is said of an argument */

const struct option paths_options[] = {
  { "long", 'l', KIND_FLAG, NULL, NULL, NULL, "with summaries and arguments" },
  { 0 },
};

static int
writes (json_object *item)
{
  return !strcmp (text_of (item, "scope"), "write");
}

/* The cells for a category and a price; what changes something is marked. */
static void
kind_add (struct grid *g, json_object *item)
{
  char text[SHOW_MAX];
  grid_add (g, text_of (item, "category"));
  grid_tint (g, writes (item) ? TINT_YELLOW : TINT_NONE);
  grid_add (g, item ? price_text (member_of (item, "price"), text) : "");
}

static void
heads_add (struct grid *g, const char *const *heads)
{
  for (; *heads; heads++) {
    grid_add (g, *heads);
    grid_tint (g, TINT_BOLD);
  }
}

/* ---- Arguments ----------------------------------------------------------------------- */

static int
is_required (json_object *schema, const char *name)
{
  json_object *list = member_of (schema, "required");
  size_t i, n = length_of (list);
  for (i = 0; i < n; i++)
    if (!strcmp (json_object_get_string (json_object_array_get_idx (list, i)), name))
      return 1;
  return 0;
}

static void
said_add (char out[ARGUMENT_MAX], const char *between, const char *before, json_object *value)
{
  size_t len = strlen (out);
  char text[SHOW_MAX];
  if (value)
    snprintf (out + len, ARGUMENT_MAX - len, "%s%s%s", len ? between : "", before,
              human_value (value, text));
}

static void
types_add (char out[ARGUMENT_MAX], json_object *types)
{
  size_t i, n = length_of (types);
  for (i = 0; i < n; i++)
    said_add (out, " or ", "", json_object_array_get_idx (types, i));
}

/* "text, required, at most 100: what to translate". */
static const char *
argument_text (json_object *schema, const char *name, char out[ARGUMENT_MAX])
{
  json_object *property = member_of (member_of (schema, "properties"), name);
  json_object *type = member_of (property, "type"), *list = member_of (property, "enum");
  size_t len;
  *out = 0;
  if (json_object_is_type (type, json_type_string)
      && !strcmp (json_object_get_string (type), "string"))
    strcpy (out, list ? "" : "text");
  else if (json_object_is_type (type, json_type_array))
    types_add (out, type);
  else
    said_add (out, ", ", "", type);
  said_add (out, ", ", "one of ", list);
  said_add (out, ", ", "from ", member_of (property, "minimum"));
  said_add (out, ", ", "above ", member_of (property, "exclusiveMinimum"));
  said_add (out, ", ", "at most ", member_of (property, "maximum"));
  said_add (out, ", ", "default ", member_of (property, "default"));
  len = strlen (out);
  if (is_required (schema, name))
    snprintf (out + len, ARGUMENT_MAX - len, "%srequired", len ? ", " : "");
  said_add (out, ": ", "", member_of (property, "description"));
  return *out ? out : "any JSON";
}

static void
arguments_add (struct grid *g, json_object *schema)
{
  json_object *properties = member_of (schema, "properties");
  char label[128], text[ARGUMENT_MAX];
  if (!properties)
    return;
  json_object_object_foreach (properties, name, property)
  {
    json_object *type = member_of (property, "type");
    int json = type && strcmp (json_object_get_string (type), "string") != 0;
    snprintf (label, sizeof label, "  %s%s", name, json ? ":=" : "=");
    grid_add (g, label);
    grid_add (g, argument_text (schema, name, text));
  }
}

/* ---- paths ----------------------------------------------------------------------------- */

static void
item_print_long (json_object *item, int first)
{
  struct grid *g = grid_create (2);
  char text[SHOW_MAX], line[2 * SHOW_MAX];
  printf ("%s", first ? "" : "\n");
  say ("%s", text_of (item, "path"));
  if (*text_of (item, "summary"))
    say ("  %s", text_of (item, "summary"));
  snprintf (line, sizeof line, "%s, scope %s%s", text_of (item, "category"),
            text_of (item, "scope"),
            json_object_get_boolean (member_of (item, "streams")) ? ", streams" : "");
  grid_add (g, "  kind");
  grid_add (g, line);
  grid_add (g, "  price");
  grid_add (g, price_text (member_of (item, "price"), text));
  arguments_add (g, member_of (item, "input"));
  grid_finish (g);
}

static void
items_print (json_object *items)
{
  static const char *const heads[] = { "path", "category", "price", NULL };
  struct grid *g = grid_create (3);
  size_t i, n = length_of (items);
  heads_add (g, heads);
  for (i = 0; i < n; i++) {
    grid_add (g, text_of (json_object_array_get_idx (items, i), "path"));
    kind_add (g, json_object_array_get_idx (items, i));
  }
  grid_finish (g);
}

static void
listing_print (const struct args *a, json_object *answer)
{
  json_object *items = member_of (answer, "paths");
  size_t i, n = length_of (items);
  if (a->json)
    show_json (answer);
  else if (n && !args_flag (a, "long"))
    items_print (items);
  for (i = 0; !a->json && args_flag (a, "long") && i < n; i++)
    item_print_long (json_object_array_get_idx (items, i), !i);
}

int
paths_run (const struct args *a)
{
  const char *prefix = a->rest.count ? a->rest.item[0] : "";
  json_object *answer = json_object_new_object (), *items = json_object_new_array ();
  int r = listing_read (a, prefix, args_text (a, "archetype"), items);
  json_object_object_add (answer, "paths", items);
  if (!r)
    listing_print (a, answer);
  if (!r && !length_of (items) && *prefix) {
    complain ("no path that the key may invoke begins with '%s'", prefix);
    r = EXIT_REFUSED;
  }
  json_object_put (answer);
  return r;
}

/* ---- affordances -------------------------------------------------------------------------- */

/* The item of the list for one aspect, or NULL. */
static json_object *
aspect_find (json_object *items, const char *aspect)
{
  size_t i, n = length_of (items);
  for (i = 0; i < n; i++) {
    json_object *item = json_object_array_get_idx (items, i);
    const char *dot = strrchr (text_of (item, "path"), '.');
    if (dot && !strcmp (dot + 1, aspect))
      return item;
  }
  return NULL;
}

static void
aspects_print (json_object *aspects, json_object *items)
{
  static const char *const heads[] = { "aspect", "category", "price", "summary", NULL };
  struct grid *g = grid_create (4);
  size_t i, n = length_of (aspects);
  heads_add (g, heads);
  for (i = 0; i < n; i++) {
    const char *aspect = json_object_get_string (json_object_array_get_idx (aspects, i));
    json_object *item = aspect_find (items, aspect);
    grid_add (g, aspect);
    kind_add (g, item);
    grid_add (g, text_of (item, "summary"));
  }
  grid_finish (g);
}

/* The archetype that was looked with may be one that the key cannot claim; then there is no
 * list of what it may invoke, only what the node offers. */
static int
aspects_show (const struct args *a, json_object *answer)
{
  struct path path;
  struct ask ask = { .method = "GET", .subject = "paths" };
  struct told told;
  char prefix[512];
  int r;
  snprintf (prefix, sizeof prefix, "%s.", text_of (answer, "path"));
  path_start (&path, "/v1/agentese/paths?limit=1000");
  path.asked = 1;
  path_query (&path, "prefix", prefix);
  path_query (&path, "archetype", text_of (answer, "observer_archetype"));
  ask.path = path.text;
  r = client_try (a, &ask, &told);
  if (!r && told.status != 403 && told.status / 100 != 2)
    r = client_refused (a, &ask, &told);
  if (!r)
    aspects_print (member_of (answer, "affordances"), member_of (told.json, "paths"));
  told_finish (&told);
  return r;
}

int
affordances_run (const struct args *a)
{
  struct path path;
  struct ask ask = { .method = "GET", .subject = a->rest.item[0] };
  struct told told;
  int r;
  path_start (&path, "/v1/agentese/affordances");
  path_query (&path, "path", a->rest.item[0]);
  path_query (&path, "archetype", args_text (a, "archetype"));
  ask.path = path.text;
  r = client_call (a, &ask, &told);
  if (!r && a->json)
    show_json (told.json);
  else if (!r)
    r = aspects_show (a, told.json);
  told_finish (&told);
  return r;
}
