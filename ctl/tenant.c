/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* tenant add, list, show, set, suspend, resume. */

#include "ctl/object.h"

#define TENANTS "/admin/v1/tenants"

const struct option limit_options[] = {
  { "requests-per-minute", 0, KIND_LIMIT, "N", "limits.requests_per_minute",
    "unlimited inherit", "a bucket of N requests, refilled evenly" },
  { "requests-per-day", 0, KIND_LIMIT, "N", "limits.requests_per_day", "unlimited inherit",
    "requests in a calendar day, UTC" },
  { "requests-per-month", 0, KIND_LIMIT, "N", "limits.requests_per_month",
    "unlimited inherit", "requests in a month, from the tenant's anchor day on" },
  { "tokens-per-month", 0, KIND_LIMIT, "N", "limits.tokens_per_month", "unlimited inherit",
    "tokens in that month" },
  { "spend-per-month", 0, KIND_LIMIT, "N", "limits.spend_per_month", "unlimited inherit",
    "money in that month, in cents or what the currency has" },
  { "concurrent", 0, KIND_LIMIT, "N", "limits.concurrent", "unlimited inherit",
    "requests and streams at one time" },
  { 0 },
};

const struct option tenant_fixed[] = {
  { "id", 0, KIND_TEXT, "UUID", "id", NULL, "its id [a new one]" },
  { 0 },
};

const struct option tenant_options[] = {
  { "name", 0, KIND_TEXT, "NAME", "name", NULL, "its name" },
  { "slug", 0, KIND_TEXT, "SLUG", "slug", NULL,
    "a short name for command lines and files [made from the name]" },
  { "tier", 0, KIND_TEXT, "TIER", "tier", "FREE PRO TEAMS ENTERPRISE",
    "a row of the host's tier table" },
  { "tier-source", 0, KIND_CHOICE, "WHO", "tier_source", "billing manual",
    "who sets the tier: billing, or manual" },
  { "status", 0, KIND_CHOICE, "STATUS", "status", "active past_due suspended canceled",
    "active, past_due, suspended or canceled" },
  { "anchor-day", 0, KIND_NUMBER, "DAY", "anchor_day", NULL,
    "day on which its months begin, 1 to 31" },
  { "metadata", 0, KIND_OBJECT, "JSON", "metadata", NULL, "an object of your own" },
  { 0 },
};

int
tenant_name (const struct args *a, const char *id, json_object *names)
{
  struct answer answer = { 0 };
  struct path path;
  const char *slug;
  int r;
  if (member_of (names, id))
    return 0;
  path_start (&path, TENANTS);
  r = path_id (&path, "tenant", id);
  if (!r)
    r = call_try (a, "GET", path.text, NULL, &answer);
  slug = answer.status == 200 ? text_of (answer.json, "slug") : "";
  json_object_object_add (names, id, json_object_new_string (*slug ? slug : id));
  answer_finish (&answer);
  return r;
}

static int
tenant_add (const struct args *a)
{
  json_object *body = object_body (a, "name");
  struct path path;
  int r = EXIT_USAGE;
  path_start (&path, TENANTS);
  if (body)
    r = object_run (a, "POST", &path, body);
  json_object_put (body);
  return r;
}

static int
tenant_list (const struct args *a)
{
  static const struct column columns[] = {
    { "id", "id", FORM_PLAIN },         { "slug", "slug", FORM_PLAIN },
    { "name", "name", FORM_PLAIN },     { "tier", "tier", FORM_PLAIN },
    { "status", "status", FORM_PLAIN }, { "created", "created_at", FORM_TIME },
  };
  static const struct list list = { TENANTS, "tenants", columns, 6, NULL };
  return list_run (a, &list, NULL);
}

static int
tenant_show (const struct args *a)
{
  return object_show (a, TENANTS, "tenant");
}

static int
tenant_set (const struct args *a)
{
  return object_set (a, TENANTS, "tenant");
}

static int
status_set (const struct args *a, const char *status, const char *did)
{
  json_object *body = json_object_new_object ();
  int r;
  json_object_object_add (body, "status", json_object_new_string (status));
  r = object_each (a, "PATCH", TENANTS, "tenant", body, did);
  json_object_put (body);
  return r;
}

static int
tenant_suspend (const struct args *a)
{
  return status_set (a, "suspended", "suspended");
}

static int
tenant_resume (const struct args *a)
{
  return status_set (a, "active", "resumed");
}

const struct command tenant_commands[] = {
  { "tenant add", "NAME", "make a tenant",
    "Makes a tenant and shows it.  Its limits are its tier's where it has none of its own,\n"
    "and hold for all its keys together.\n",
    { tenant_fixed, tenant_options, limit_options }, 0, 1, tenant_add },
  { "tenant list", "", "list tenants", "Lists the tenants.\n", { NULL }, 0, 0, tenant_list },
  { "tenant show", "TENANT", "show a tenant",
    "Shows a tenant, named by its id or its slug.\n", { NULL }, 1, 1, tenant_show },
  { "tenant set", "TENANT", "change a tenant",
    "Changes what the options name, and shows the tenant.  A limit 'inherit' is the tier's\n"
    "again.\n",
    { tenant_options, limit_options }, 1, 1, tenant_set },
  { "tenant suspend", "TENANT...", "refuse all requests of tenants",
    "Sets the status \"suspended\": all keys of the tenants get 403 at once.\n", { NULL }, 1,
    ANY_NUMBER, tenant_suspend },
  { "tenant resume", "TENANT...", "serve suspended tenants again",
    "Sets the status \"active\".\n", { NULL }, 1, ANY_NUMBER, tenant_resume },
  { 0 },
};
