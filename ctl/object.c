/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "ctl/object.h"

#include <stdio.h>

/* ---- Lists ---------------------------------------------------------------------- */

struct listing {
  const struct list *list;
  struct grid *grid; /* NULL: as JSON */
  size_t count;
};

static void
item_show (struct listing *l, json_object *item)
{
  if (l->grid) {
    if (l->list->derive)
      l->list->derive (item);
    table_add (l->grid, l->list->columns, l->list->count, item);
  } else
    printf ("%s\n%s", l->count ? "," : "",
            json_object_to_json_string_ext (item, JSON_C_TO_STRING_PLAIN
                                                      | JSON_C_TO_STRING_NOSLASHESCAPE));
  l->count++;
}

static int
page_show (json_object *items, json_object *page, void *arg)
{
  struct listing *l = arg;
  size_t i, n = length_of (items);
  (void)page;
  if (!l->grid && !l->count)
    printf ("{\"%s\":[", l->list->name);
  for (i = 0; i < n; i++)
    item_show (l, json_object_array_get_idx (items, i));
  if (l->grid)
    grid_flush (l->grid);
  return 0;
}

int
list_run (const struct args *a, const struct list *list, const char *filter)
{
  struct listing l = { .list = list };
  struct path path;
  int r;
  path_start (&path, list->path);
  path_query (&path, filter, filter ? args_text (a, filter) : NULL);
  l.grid = a->json ? NULL : table_create (list->columns, list->count);
  r = pages_each (a, &path, list->name, NULL, page_show, &l);
  if (!l.grid && !r)
    puts (l.count ? "\n]}" : "]}");
  if (l.grid)
    (r ? grid_drop : grid_finish) (l.grid);
  return r;
}

/* ---- One object ----------------------------------------------------------------- */

int
object_run (const struct args *a, const char *method, const struct path *path,
            json_object *body)
{
  struct answer answer;
  int r = call (a, method, path->text, body, &answer);
  if (!r && a->json)
    show_json (answer.json);
  else if (!r)
    record_print (answer.json);
  answer_finish (&answer);
  return r;
}

int
object_show (const struct args *a, const char *path, const char *what)
{
  struct path p;
  int r;
  path_start (&p, path);
  r = path_id (&p, what, a->rest.item[0]);
  return r ? r : object_run (a, "GET", &p, NULL);
}

int
object_set (const struct args *a, const char *path, const char *what)
{
  json_object *body = args_body (a);
  struct path p;
  int r;
  path_start (&p, path);
  r = path_id (&p, what, a->rest.item[0]);
  path_query (&p, "force", args_flag (a, "force") ? "1" : NULL);
  if (!r && !json_object_object_length (body)) {
    complain ("%s: nothing to change; see kgentctl %s --help", a->command->name,
              a->command->name);
    r = EXIT_USAGE;
  }
  if (!r)
    r = object_run (a, "PATCH", &p, body);
  json_object_put (body);
  return r;
}

json_object *
object_body (const struct args *a, const char *member)
{
  const char *option = args_text (a, member);
  json_object *body;
  if (a->rest.count + (option != NULL) != 1) {
    complain ("%s: give one %s: kgentctl %s %s", a->command->name, member, a->command->name,
              a->command->arguments);
    return NULL;
  }
  body = args_body (a);
  if (!option)
    member_put (body, member, json_object_new_string (a->rest.item[0]));
  return body;
}

/* ---- Several objects -------------------------------------------------------------- */

static int
one_change (const struct args *a, const char *method, struct path *path, json_object *body)
{
  struct answer answer;
  int r = call (a, method, path->text, body, &answer);
  answer_finish (&answer);
  return r;
}

int
object_each (const struct args *a, const char *method, const char *path, const char *what,
             json_object *body, const char *did)
{
  json_object *done = json_object_new_array (), *o = json_object_new_object ();
  uint32_t i;
  int r = 0, worst = 0;
  for (i = 0; i < a->rest.count && r != EXIT_CONNECT; i++) {
    struct path p;
    path_start (&p, path);
    r = path_id (&p, what, a->rest.item[i]);
    path_query (&p, "force", args_flag (a, "force") ? "1" : NULL);
    if (!r)
      r = one_change (a, method, &p, body);
    if (!r)
      json_object_array_add (done, json_object_new_string (a->rest.item[i]));
    if (!r && !a->json)
      say ("%s %s", did, a->rest.item[i]);
    worst = r > worst ? r : worst;
  }
  json_object_object_add (o, did, done);
  if (a->json && (!worst || length_of (done)))
    show_json (o);
  json_object_put (o);
  return worst;
}
