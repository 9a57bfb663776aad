/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* user add, list, show, set. */

#include "ctl/object.h"

#define USERS "/admin/v1/users"

const struct option user_fixed[] = {
  { "id", 0, KIND_TEXT, "ID", "id", NULL, "its id, as keys name it" },
  { "tenant", 0, KIND_TEXT, "TENANT", "tenant", NULL,
    "id or slug of its tenant [the default tenant]" },
  { 0 },
};

const struct option user_options[] = {
  { "email", 0, KIND_TEXT, "ADDRESS", "email", NULL, "its address" },
  { "role", 0, KIND_CHOICE, "ROLE", "role", "owner admin member readonly",
    "owner, admin, member or readonly" },
  { "active", 0, KIND_SWITCH, "YES|NO", "active", "yes no",
    "no: all keys of the user stop working" },
  { 0 },
};

/* The tenant can be a filter of the list as well. */
static const struct option list_options[] = {
  { "tenant", 0, KIND_TEXT, "TENANT", NULL, NULL, "only of this tenant, by id or slug" },
  { 0 },
};

static int
user_add (const struct args *a)
{
  json_object *body = object_body (a, "id");
  struct path path;
  int r = EXIT_USAGE;
  path_start (&path, USERS);
  if (body)
    r = object_run (a, "POST", &path, body);
  json_object_put (body);
  return r;
}

static int
user_list (const struct args *a)
{
  static const struct column columns[] = {
    { "id", "id", FORM_PLAIN },     { "tenant", "tenant", FORM_PLAIN },
    { "email", "email", FORM_PLAIN }, { "role", "role", FORM_PLAIN },
    { "active", "active", FORM_PLAIN },
  };
  static const struct list list = { USERS, "users", columns, 5, NULL };
  return list_run (a, &list, "tenant");
}

static int
user_show (const struct args *a)
{
  return object_show (a, USERS, "user");
}

static int
user_set (const struct args *a)
{
  return object_set (a, USERS, "user");
}

const struct command user_commands[] = {
  { "user add", "ID", "make a user",
    "Makes a user and shows it.  Its role caps what its keys may do: readonly has the scope\n"
    "read; member read, write and invoke:...; admin and owner all.\n",
    { user_fixed, user_options }, 0, 1, user_add },
  { "user list", "", "list users", "Lists the users.\n", { list_options }, 0, 0, user_list },
  { "user show", "ID", "show a user", "Shows a user.\n", { NULL }, 1, 1, user_show },
  { "user set", "ID", "change a user",
    "Changes what the options name, and shows the user.\n", { user_options }, 1, 1, user_set },
  { 0 },
};
