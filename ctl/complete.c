/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What could come next: paths of the host, name by name, and arguments of a path.  The
 * completion scripts of shells ask for it. */

#include "ctl/cache.h"

#include <stdio.h>
#include <string.h>

#define ANY ".*." /* the holon of what stands for any name */
#define CANDIDATE_MAX 512

/* ---- Paths -------------------------------------------------------------------------- */

static int
begins (const char *text, const char *prefix, size_t len)
{
  return !strncmp (text, prefix, len);
}

/* Adds the path up to the name that is being written, with the dot behind it. */
static void
candidate_add (json_object *all, const char *path, const char *prefix)
{
  char text[CANDIDATE_MAX];
  size_t n = strlen (prefix);
  if (!begins (path, prefix, n))
    return;
  n += strcspn (path + n, ".");
  snprintf (text, sizeof text, "%.*s", (int)n + (path[n] == '.'), path);
  if (!strchr (text, '*'))
    json_object_object_add (all, text, NULL);
}

/* Whether a node of this name, "world.house.", is registered, and not one of any name. */
static int
is_registered (json_object *items, const char *handle, size_t len)
{
  size_t i, n = length_of (items);
  for (i = 0; i < n; i++)
    if (begins (text_of (json_object_array_get_idx (items, i), "path"), handle, len))
      return 1;
  return 0;
}

/* "world.*.manifest" for "world.house.ma": the same with the name that is written. */
static const char *
filled (json_object *items, const char *path, const char *prefix, char out[CANDIDATE_MAX])
{
  const char *any = strstr (path, ANY), *last = strrchr (prefix, '.');
  size_t context = any ? (size_t)(any - path) + 1 : 0, len = last ? (size_t)(last - prefix) + 1 : 0;
  if (!any || len <= context || !begins (prefix, path, context)
      || is_registered (items, prefix, len))
    return path;
  snprintf (out, CANDIDATE_MAX, "%.*s%s", (int)len, prefix, any + strlen (ANY));
  return out;
}

static void
candidates_show (const struct args *a, const char *name, json_object *all)
{
  json_object *o, *list;
  if (!a->json) {
    json_object_object_foreach (all, candidate, value)
    {
      (void)value;
      say ("%s", candidate);
    }
    return;
  }
  o = json_object_new_object ();
  list = json_object_new_array ();
  json_object_object_add (o, name, list);
  json_object_object_foreach (all, candidate, value)
  {
    (void)value;
    json_object_array_add (list, json_object_new_string (candidate));
  }
  show_json (o);
  json_object_put (o);
}

int
complete_paths (const struct args *a)
{
  const char *prefix = a->rest.count ? a->rest.item[0] : "";
  json_object *items = cache_listing (a), *all = json_object_new_object ();
  char text[CANDIDATE_MAX];
  size_t i, n = length_of (items);
  for (i = 0; i < n; i++) {
    const char *path = text_of (json_object_array_get_idx (items, i), "path");
    candidate_add (all, filled (items, path, prefix, text), prefix);
  }
  candidates_show (a, "paths", all);
  json_object_put (all);
  json_object_put (items);
  return EXIT_OK;
}

/* ---- Arguments ---------------------------------------------------------------------- */

/* The schema of what a path takes, or NULL.  Clauses and annotations don't matter. */
static json_object *
schema_find (json_object *items, const char *written)
{
  char path[CANDIDATE_MAX], text[CANDIDATE_MAX];
  size_t i, n = length_of (items);
  snprintf (path, sizeof path, "%.*s", (int)strcspn (written, "[@"), written);
  for (i = 0; i < n; i++) {
    json_object *item = json_object_array_get_idx (items, i);
    if (!strcmp (filled (items, text_of (item, "path"), path, text), path))
      return member_of (item, "input");
  }
  return NULL;
}

static int
is_text (json_object *property)
{
  json_object *type = member_of (property, "type"), *list = member_of (property, "enum");
  size_t i;
  for (i = 0; i < length_of (list); i++)
    if (!json_object_is_type (json_object_array_get_idx (list, i), json_type_string))
      return 0;
  return list ? 1 : !type || !strcmp (json_object_get_string (type), "string");
}

static void
values_add (json_object *all, json_object *property)
{
  json_object *list = member_of (property, "enum"), *type = member_of (property, "type");
  size_t i;
  for (i = 0; i < length_of (list); i++)
    json_object_object_add (all, json_object_get_string (json_object_array_get_idx (list, i)),
                            NULL);
  if (!list && type && !strcmp (json_object_get_string (type), "boolean")) {
    json_object_object_add (all, "true", NULL);
    json_object_object_add (all, "false", NULL);
  }
}

static void
names_add (json_object *all, json_object *properties)
{
  char text[CANDIDATE_MAX];
  json_object_object_foreach (properties, name, property)
  {
    snprintf (text, sizeof text, "%s%s", name, is_text (property) ? "=" : ":=");
    json_object_object_add (all, text, NULL);
  }
}

int
complete_kwargs (const struct args *a)
{
  json_object *items = cache_listing (a), *all = json_object_new_object ();
  json_object *properties = member_of (schema_find (items, a->rest.item[0]), "properties");
  if (properties && a->rest.count > 1)
    values_add (all, member_of (properties, a->rest.item[1]));
  else if (properties)
    names_add (all, properties);
  candidates_show (a, "kwargs", all);
  json_object_put (all);
  json_object_put (items);
  return EXIT_OK;
}
