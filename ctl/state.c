/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What tenants, users and keys there are. */

#include "ctl/apply.h"

#include <stdio.h>
#include <string.h>

#define DEFAULT_TENANT "00000000-0000-0000-0000-000000000001" /* of keys that name none */

static void
found_add (struct state *s, enum object object, const char *name, json_object *item)
{
  json_object *list = member_of (s->found[object], name);
  if (!list) {
    list = json_object_new_array ();
    json_object_object_add (s->found[object], name, list);
  }
  json_object_array_add (list, json_object_get (item));
}

int
key_counts (json_object *key)
{
  return json_object_get_boolean (member_of (key, "active")) && !member_of (key, "sunset_at");
}

static void
index_make (struct state *s, enum object object)
{
  size_t i, n = length_of (s->lists[object]);
  char name[SHOW_MAX];
  for (i = 0; i < n; i++) {
    json_object *item = json_object_array_get_idx (s->lists[object], i);
    if (object == OBJECT_KEY && !key_counts (item))
      continue;
    if (object == OBJECT_KEY)
      snprintf (name, sizeof name, "%s/%s", text_of (item, "tenant"), text_of (item, "name"));
    else
      snprintf (name, sizeof name, "%s", text_of (item, object_kinds[object].name));
    found_add (s, object, name, item);
    if (object == OBJECT_TENANT) {
      json_object *id = json_object_new_string (text_of (item, "id"));
      json_object_object_add (s->tenant_ids, name, id);
      json_object_object_add (s->tenant_ids, text_of (item, "id"), json_object_get (id));
      json_object_object_add (s->tenant_slugs, text_of (item, "id"),
                              json_object_new_string (name));
    }
  }
}

static int
list_fetch (const struct args *a, struct state *s, enum object object)
{
  struct path path;
  int r;
  path_start (&path, object_kinds[object].path);
  s->lists[object] = json_object_new_array ();
  r = pages_add (a, &path, object_kinds[object].list, s->lists[object]);
  if (!r)
    index_make (s, object);
  return r;
}

/* Only the keys of tenants whose keys the file names: there may be a million others. */
static int
keys_fetch (const struct args *a, const struct wishes *w, struct state *s)
{
  json_object *seen = json_object_new_object ();
  size_t i;
  int r = 0;
  s->lists[OBJECT_KEY] = json_object_new_array ();
  for (i = 0; !r && i < w->count; i++) {
    json_object *name = member_of (w->item[i].members, "tenant");
    const char *id = state_tenant (s, name ? json_object_get_string (name) : NULL);
    struct path path;
    if (w->item[i].object != OBJECT_KEY || !id || member_of (seen, id))
      continue;
    json_object_object_add (seen, id, json_object_new_boolean (1));
    path_start (&path, object_kinds[OBJECT_KEY].path);
    path_query (&path, "tenant", id);
    r = pages_add (a, &path, "keys", s->lists[OBJECT_KEY]);
  }
  if (!r)
    index_make (s, OBJECT_KEY);
  json_object_put (seen);
  return r;
}

int
state_fetch (const struct args *a, const struct wishes *w, int prune, struct state *ret)
{
  int r, i;
  memset (ret, 0, sizeof *ret);
  for (i = 0; i < OBJECTS; i++)
    ret->found[i] = json_object_new_object ();
  ret->tenant_ids = json_object_new_object ();
  ret->tenant_slugs = json_object_new_object ();
  r = list_fetch (a, ret, OBJECT_TENANT);
  if (!r && w->listed[OBJECT_USER])
    r = list_fetch (a, ret, OBJECT_USER);
  if (!r && w->listed[OBJECT_KEY])
    r = prune ? list_fetch (a, ret, OBJECT_KEY) : keys_fetch (a, w, ret);
  return r;
}

void
state_finish (struct state *s)
{
  int i;
  for (i = 0; i < OBJECTS; i++) {
    json_object_put (s->found[i]);
    json_object_put (s->lists[i]);
  }
  json_object_put (s->tenant_ids);
  json_object_put (s->tenant_slugs);
  memset (s, 0, sizeof *s);
}

const char *
state_tenant (const struct state *s, const char *text)
{
  const char *id = text_of (s->tenant_ids, text ? text : DEFAULT_TENANT);
  if (*id)
    return id;
  return !text || !strcmp (text, DEFAULT_TENANT) ? DEFAULT_TENANT : NULL;
}

json_object *
state_find (const struct state *s, enum object object, const char *name)
{
  return member_of (s->found[object], name);
}
