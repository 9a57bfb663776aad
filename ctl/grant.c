/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* grant add, list, void. */

#include "ctl/object.h"

#include <stdio.h>

#define TENANTS "/admin/v1/tenants"

static const struct option grant_options[] = {
  { "priority", 0, KIND_NUMBER, "N", "priority", NULL,
    "0 to 255: which burns first, the lowest [100]" },
  { "effective", 0, KIND_TIME, "TIME", "effective", NULL, "when it begins [now]" },
  { "expires", 0, KIND_TIME, "TIME", "expires", NULL, "when it ends [never]" },
  { "recurrence", 0, KIND_CHOICE, "UNIT", "recurrence", "NONE DAY WEEK MONTH YEAR",
    "begins anew after each of these [NONE]" },
  { "rollover", 0, KIND_TEXT, "AMOUNT", "rollover", NULL,
    "the most of the rest that it then keeps [0]" },
  { 0 },
};

/* The path of a tenant's grants, by its id, which a slug is asked for. */
static int
grants_path (const struct args *a, struct path *ret)
{
  struct answer answer = { 0 };
  struct path path;
  int r;
  path_start (&path, TENANTS);
  r = path_id (&path, "tenant", a->rest.item[0]);
  if (!r)
    r = call (a, "GET", path.text, NULL, &answer);
  if (!r) {
    path_start (ret, TENANTS);
    r = path_id (ret, "tenant", text_of (answer.json, "id"));
    path_add (ret, "/grants");
  }
  answer_finish (&answer);
  return r;
}

static int
grant_add (const struct args *a)
{
  json_object *body = args_body (a);
  struct path path;
  int r = grants_path (a, &path);
  json_object_object_add (body, "feature", json_object_new_string (a->rest.item[1]));
  json_object_object_add (body, "amount", json_object_new_string (a->rest.item[2]));
  if (!r)
    r = object_run (a, "POST", &path, body);
  json_object_put (body);
  return r;
}

static void
grants_print (json_object *entitlements)
{
  static const struct column columns[] = {
    { "id", "id", FORM_PLAIN },
    { "feature", "feature", FORM_PLAIN },
    { "amount", "amount", FORM_PLAIN },
    { "left", "balance", FORM_PLAIN },
    { "priority", "priority", FORM_PLAIN },
    { "recurs", "recurrence", FORM_PLAIN },
    { "from", "effective_at", FORM_TIME },
    { "expires", "expires_at", FORM_TIME },
    { "voided", "voided_at", FORM_TIME },
  };
  struct grid *g = table_create (columns, 9);
  size_t i, k;
  for (i = 0; i < length_of (entitlements); i++) {
    json_object *list = member_of (json_object_array_get_idx (entitlements, i), "grants");
    for (k = 0; k < length_of (list); k++)
      table_add (g, columns, 9, json_object_array_get_idx (list, k));
  }
  grid_finish (g);
}

static int
grant_list (const struct args *a)
{
  struct answer answer = { 0 };
  struct path path;
  int r = grants_path (a, &path);
  if (!r)
    r = call (a, "GET", path.text, NULL, &answer);
  if (!r && a->json)
    show_json (answer.json);
  else if (!r)
    grants_print (member_of (answer.json, "entitlements"));
  answer_finish (&answer);
  return r;
}

static int
grant_void (const struct args *a)
{
  struct path path;
  int r = grants_path (a, &path);
  if (!r)
    r = path_id (&path, "grant", a->rest.item[1]);
  return r ? r : object_run (a, "DELETE", &path, NULL);
}

const struct command grant_commands[] = {
  { "grant add", "TENANT FEATURE AMOUNT", "grant a tenant an amount of a feature",
    "Grants the tenant an amount of a feature: a meter that sums or counts, by its slug,\n"
    "or budget.tokens or budget.money, which are added to the month's limits of its tier.\n",
    { grant_options }, 3, 3, grant_add },
  { "grant list", "TENANT", "list the grants of a tenant",
    "Lists the grants of a tenant, in the order in which those of a feature burn.\n",
    { NULL }, 1, 1, grant_list },
  { "grant void", "TENANT GRANT", "end a grant",
    "Ends a grant now: what is left of it is gone.\n", { NULL }, 2, 2, grant_void },
  { 0 },
};
