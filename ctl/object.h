/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What the commands for tenants, users and keys have in common. */
#ifndef CTL_OBJECT_H
#define CTL_OBJECT_H

#include "ctl/ctl.h"

/* A list of the host; its table can be told to derive a member for each row. */
struct list {
  const char *path;
  const char *name; /* of the member that has the items */
  const struct column *columns;
  uint32_t count;
  void (*derive) (json_object *item); /* NULL: nothing */
};

/* All items as a table or as JSON, page by page, so that their number doesn't matter;
 * `filter` is an option of the command that goes into the query (NULL: none). */
int list_run (const struct args *a, const struct list *list, const char *filter);

/* A request whose answer is one object, shown as lines or as JSON. */
int object_run (const struct args *a, const char *method, const struct path *path,
                json_object *body);

/* GET of the object that the first argument names. */
int object_show (const struct args *a, const char *path, const char *what);

/* PATCH of it with the members that options give. */
int object_set (const struct args *a, const char *path, const char *what);

/* The body of POST: the options' members, and the argument as `member`.  NULL after a
 * message: the argument is missing, or the option gives it as well. */
json_object *object_body (const struct args *a, const char *member);

/* The same change to all objects that the arguments name; `body` may be NULL.  Says
 * "<did> ID" for each, or {"<did>":[...]}. */
int object_each (const struct args *a, const char *method, const char *path, const char *what,
                 json_object *body, const char *did);

/* tenant.c: notes in `names` what the tenant is called: its slug, or its id when it has no
 * record.  A host is asked once for each; the exit code of a failure, or 0. */
int tenant_name (const struct args *a, const char *id, json_object *names);

#endif
