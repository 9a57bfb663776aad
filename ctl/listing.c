/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The list of what a key may invoke, page by page. */

#include "ctl/agentese.h"

#include <stdio.h>
#include <string.h>

#define PAGE 1000

/* Adds the items of a page that begin with `wanted`. */
static void
items_add (json_object *page, const char *wanted, json_object *items)
{
  json_object *list = member_of (page, "paths");
  size_t i, n = length_of (list);
  for (i = 0; i < n; i++) {
    json_object *item = json_object_array_get_idx (list, i);
    if (!strncmp (text_of (item, "path"), wanted, strlen (wanted)))
      json_object_array_add (items, json_object_get (item));
  }
}

/* Asks for what begins with `prefix`, and takes of it what begins with `wanted`. */
static int
pages_read (const struct args *a, const char *prefix, const char *wanted,
            const char *archetype, json_object *items)
{
  struct path path;
  struct ask ask = { .method = "GET", .subject = "paths" };
  char next[512] = "";
  int r;
  do {
    struct told told;
    path_start (&path, "/v1/agentese/paths");
    path_query_number (&path, "limit", PAGE);
    path_query (&path, "prefix", *prefix ? prefix : NULL);
    path_query (&path, "archetype", archetype);
    path_query (&path, "after", *next ? next : NULL);
    ask.path = path.text;
    r = client_call (a, &ask, &told);
    if (!r)
      items_add (told.json, wanted, items);
    snprintf (next, sizeof next, "%s", r ? "" : text_of (told.json, "next"));
    told_finish (&told);
  } while (!r && *next);
  return r;
}

/* A node of the open world, which stands for any name, is listed only for its name with the
 * dot behind it: "world.house.", and for "world.house.man" the list has to be cut here. */
int
listing_read (const struct args *a, const char *prefix, const char *archetype,
              json_object *items)
{
  const char *first = strchr (prefix, '.'), *last = strrchr (prefix, '.');
  char handle[512];
  int r = pages_read (a, prefix, prefix, archetype, items);
  if (r || length_of (items) || !first || strlen (prefix) + 2 > sizeof handle)
    return r;
  snprintf (handle, sizeof handle, "%.*s", (int)(last - prefix) + 1, prefix);
  if (last != first && last[1])
    r = pages_read (a, handle, prefix, archetype, items);
  snprintf (handle, sizeof handle, "%s.", prefix);
  if (!r && !length_of (items) && last[1])
    r = pages_read (a, handle, prefix, archetype, items);
  return r;
}
