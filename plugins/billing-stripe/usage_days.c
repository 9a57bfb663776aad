/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* GET /admin/v1/billing/usage/days: what Stripe has of a tenant's usage of a meter, by day. */
#include "plugins/billing-stripe/desk.h"
#include "plugins/billing-stripe/payer.h"
#include "plugins/billing-stripe/usage.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_S     INT64_C (86400)
#define DAYS_MAX  400
#define PAGES_MAX 100

struct days {
  struct desk *desk;
  char customer[STRIPE_ID_MAX + 1], meter[STRIPE_ID_MAX + 1]; /* the meter's id */
  char after[STRIPE_ID_MAX + 1];
  uint32_t count, pages;
};

static void
days_drop (struct desk *d)
{
  free (d->mine);
}

/* Whether it was an answer, and another page comes behind it: 1 or 0; -1: the request ends. */
static int32_t
page_read (struct days *days, const struct stripe_reply *reply, json_object **ret_list)
{
  const char *last;
  char why[240];
  int32_t more = stripe_page (reply->json, days->after, ret_list, &last);
  if (reply->error || reply->status > 299)
    stripe_why (reply, why, sizeof why);
  else if (more >= 0 && ++days->pages < PAGES_MAX) {
    snprintf (days->after, sizeof days->after, "%s", last ? last : "");
    return more;
  } else
    TEXT_PUT (why, "its list is none, or does not end");
  desk_refuse (days->desk, 502, "Stripe cannot be asked: %s", why);
  desk_end (days->desk);
  return -1;
}

static void
days_end (struct days *days)
{
  desk_lit (days->desk, "]}");
  desk_end (days->desk);
}

static void
days_fail (struct days *days, int32_t error)
{
  days->desk->error = error;
  desk_end (days->desk);
}

/* ---- The days -------------------------------------------------------------- */

static int32_t summaries_ask (struct days *days);

/* The number as Stripe writes it, 15 or 15.0. */
static void
day_show (struct days *days, json_object *o)
{
  struct desk *d = days->desk;
  json_object *value = stripe_member (o, "aggregated_value"), *at = stripe_member (o, "start_time");
  if (!value || !at)
    return;
  desk_lit (d, days->count++ ? ",{\"day\":" : "{\"day\":");
  desk_time (d, json_object_get_int64 (at));
  desk_lit (d, ",\"value\":");
  desk_lit (d, json_object_to_json_string (value));
  desk_lit (d, "}");
}

static void
summaries_told (const struct stripe_reply *reply, void *arg)
{
  struct days *days = arg;
  json_object *list;
  int32_t rc = 0, more = page_read (days, reply, &list);
  if (more < 0)
    return;
  for (size_t i = 0; i < json_object_array_length (list); i++)
    day_show (days, json_object_array_get_idx (list, i));
  if (!more)
    days_end (days);
  else if ((rc = summaries_ask (days)) < 0)
    days_fail (days, rc);
}

static int32_t
summaries_ask (struct days *days)
{
  struct desk *d = days->desk;
  struct form query = { 0 };
  char path[STRIPE_ID_MAX + 64];
  int32_t rc;
  snprintf (path, sizeof path, "/v1/billing/meters/%s/event_summaries", days->meter);
  form_add (&query, "customer", days->customer);
  form_add_int (&query, "start_time", d->from);
  form_add_int (&query, "end_time", d->to);
  form_add (&query, "value_grouping_window", "day");
  form_add_int (&query, "limit", STRIPE_PAGE);
  form_add (&query, "starting_after", *days->after ? days->after : NULL);
  rc = stripe_get (d->billing, path, &query, summaries_told, days);
  form_free (&query);
  return rc;
}

/* ---- The meter ------------------------------------------------------------- */

static int32_t meters_ask (struct days *days);

static void
meters_told (const struct stripe_reply *reply, void *arg)
{
  struct days *days = arg;
  struct desk *d = days->desk;
  json_object *list;
  int32_t rc = 0, more = page_read (days, reply, &list);
  if (more < 0)
    return;
  for (size_t i = 0; !*days->meter && i < json_object_array_length (list); i++) {
    json_object *meter = json_object_array_get_idx (list, i);
    const char *name = stripe_text (meter, "event_name"), *id = stripe_text (meter, "id");
    if (name && stripe_id_ok (id) && !strcmp (name, d->meter))
      snprintf (days->meter, sizeof days->meter, "%s", id);
  }
  if (*days->meter) {
    *days->after = 0;
    rc = summaries_ask (days);
  } else if (more)
    rc = meters_ask (days);
  else {
    desk_refuse (d, 404, "Stripe has no meter '%.100s'", d->meter);
    desk_end (d);
  }
  if (rc < 0)
    days_fail (days, rc);
}

static int32_t
meters_ask (struct days *days)
{
  struct form query = { 0 };
  int32_t rc;
  form_add_int (&query, "limit", STRIPE_PAGE);
  form_add (&query, "starting_after", *days->after ? days->after : NULL);
  rc = stripe_get (days->desk->billing, "/v1/billing/meters", &query, meters_told, days);
  form_free (&query);
  return rc;
}

/* ---- The request ----------------------------------------------------------- */

static int32_t
days_run (struct desk *d)
{
  struct days *days = calloc (1, sizeof *days);
  int32_t rc;
  if (!days)
    return -ENOMEM;
  days->desk = d;
  d->mine = days;
  d->drop = days_drop;
  if (d->from < 0 || d->to <= d->from || d->from % DAY_S || d->to % DAY_S
      || d->to - d->from > DAYS_MAX * DAY_S || !*d->meter || !*d->of)
    return desk_refuse (d, 422, "meter, tenant, and from and to, the beginnings of days in UTC as "
                                "seconds since 1970, at most %d days apart", DAYS_MAX);
  desk_lit (d, "{\"customer\":");
  rc = payer_look (d->billing, d->of, days->customer);
  if (rc < 0 && rc != -ENOENT)
    return rc;
  if (rc < 0) {
    desk_lit (d, "null,\"days\":[]}");
    return 0;
  }
  desk_text (d, days->customer);
  desk_lit (d, ",\"days\":[");
  rc = meters_ask (days);
  if (rc == -ENOKEY)
    return desk_refuse (d, 501, "This host has no key of Stripe's API (billing-stripe.api_key)");
  return rc < 0 ? rc : 1;
}

static int32_t
days_get (kg_req *req, void *b)
{
  return desk_start (b, req, days_run);
}

int32_t
usage_days_open (struct billing *b)
{
  static const struct kg_route route = {
    .size = sizeof route,
    .flags = KG_ADMIN,
    .method = "GET",
    .pattern = "/admin/v1/billing/usage/days",
    .scope = "admin",
    .summary = "What Stripe has of a tenant's usage, by day",
    .handler = days_get,
    .timeout_ms = 120000,
    .response_schema = "{\"type\":\"object\",\"properties\":{\"customer\":{\"type\":[\"string\","
                       "\"null\"]},\"days\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}}}}",
    .parameters
    = "[{\"name\":\"meter\",\"in\":\"query\",\"required\":true,\"schema\":{\"type\":\"string\"}},"
      "{\"name\":\"tenant\",\"in\":\"query\",\"required\":true,\"schema\":{\"type\":\"string\"}},"
      "{\"name\":\"from\",\"in\":\"query\",\"required\":true,\"schema\":{\"type\":\"integer\"}},"
      "{\"name\":\"to\",\"in\":\"query\",\"required\":true,\"schema\":{\"type\":\"integer\"}}]",
    .statuses = "404 422 501 502",
  };
  return b->host->route (b->self, &route);
}
