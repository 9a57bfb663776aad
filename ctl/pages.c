/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Lists that are answered in pages. */

#include "ctl/ctl.h"

#include <stdio.h>
#include <string.h>

#define PAGE 1000

int
pages_each (const struct args *a, const struct path *path, const char *name, const char *after,
            pages_fn *each, void *arg)
{
  char next[512];
  int r;
  snprintf (next, sizeof next, "%s", after ? after : "");
  do {
    struct answer answer;
    struct path page = *path;
    path_query_number (&page, "limit", PAGE);
    path_query (&page, "after", *next ? next : NULL);
    r = call (a, "GET", page.text, NULL, &answer);
    if (!r)
      r = each (member_of (answer.json, name), answer.json, arg);
    snprintf (next, sizeof next, "%s", r ? "" : text_of (answer.json, "next"));
    answer_finish (&answer);
  } while (!r && *next);
  return r == PAGES_ENOUGH ? 0 : r;
}

static int
items_add (json_object *items, json_object *page, void *arg)
{
  size_t i, n = length_of (items);
  (void)page;
  for (i = 0; i < n; i++)
    json_object_array_add (arg, json_object_get (json_object_array_get_idx (items, i)));
  return 0;
}

int
pages_add (const struct args *a, const struct path *path, const char *name, json_object *array)
{
  return pages_each (a, path, name, NULL, items_add, array);
}
