/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Routes for operators: to have meters made anew from the log, and how far that is. */
#include "plugins/metering-openmeter/rollup.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define REBUILD "/admin/v1/meter/rebuild"

static void
lit (struct mt_text *t, const char *s)
{
  mt_text_add (t, s, strlen (s));
}

/* ---- How far it is ---------------------------------------------------------------- */

static const char *
step_name (const struct rollup *r, uint32_t i)
{
  static const char *const names[] = { "done", "clearing", "counting" };
  return r->asked >> i & 1 ? "waiting" : names[r->report[i].of.step];
}

static void
report_add (const struct rollup *r, uint32_t i, struct mt_text *t)
{
  const struct rebuild_report *of = &r->report[i];
  char buf[512 + REBUILD_REASON], time[MINUTE_TEXT + 1];
  int32_t knows = of->known && !(r->asked >> i & 1);
  minute_text (of->of.from, time);
  snprintf (buf, sizeof buf, "%s{\"meter\":\"%s\",\"state\":\"%s\",\"from\":%s%s%s,\"reason\":%s%s%s,",
            t->ptr[t->len - 1] == '[' ? "" : ",", r->meters.meter[i].slug, step_name (r, i),
            knows && of->of.from ? "\"" : "", knows && of->of.from ? time : "null",
            knows && of->of.from ? "\"" : "", knows && *of->reason ? "\"" : "",
            knows && *of->reason ? of->reason : "null", knows && *of->reason ? "\"" : "");
  lit (t, buf);
  snprintf (buf, sizeof buf, "\"position\":%" PRIu64 ",\"until\":%" PRIu64 "}", of->position,
            knows ? of->of.until : of->position);
  lit (t, buf);
}

static int32_t
rebuild_show (kg_req *req, void *data)
{
  struct mt *mt = data;
  struct rollup *r = mt->rollup;
  struct mt_text t = { 0 };
  uint32_t i;
  int32_t e = -ENOMEM;
  lit (&t, "{\"meters\":[");
  pthread_mutex_lock (&r->lock);
  for (i = 0; i < r->meters.count && !t.failed; i++)
    if (r->report[i].known || r->asked >> i & 1)
      report_add (r, i, &t);
  pthread_mutex_unlock (&r->lock);
  lit (&t, "]}");
  if (!t.failed)
    e = mt->host->reply (req, 200, "application/json", t.ptr, t.len);
  mt_text_free (&t);
  return e < 0 ? e : KG_DONE;
}

/* ---- To begin ------------------------------------------------------------------------ */

/* The meters that the body names, without one all: 0, or -EINVAL. */
static int32_t
meters_take (const struct rollup *r, const struct kg_json *j, uint64_t *ret)
{
  uint32_t list = kg_json_find (j, 0, "meters"), i;
  *ret = 0;
  if (kg_json_kind (j, list) != KG_JSON_ARRAY) {
    *ret = UINT64_MAX >> (METERS_MAX - r->meters.count);
    return list ? -EINVAL : 0;
  }
  for (i = kg_json_first (j, list); i; i = kg_json_next (j, list, i)) {
    const struct meter *m = kg_json_kind (j, i) == KG_JSON_STRING
                                ? meters_find (&r->meters, kg_json_raw (j, i))
                                : NULL;
    if (!m)
      return -EINVAL;
    *ret |= UINT64_C (1) << (m - r->meters.meter);
  }
  return *ret ? 0 : -EINVAL;
}

/* The first minute, rounded up. */
static int32_t
from_take (const struct kg_json *j, int64_t *ret)
{
  uint32_t i = kg_json_find (j, 0, "from");
  int64_t ns = 0;
  if (i && (kg_json_kind (j, i) != KG_JSON_STRING || record_time (kg_json_raw (j, i), &ns) < 0))
    return -EINVAL;
  *ret = (ns + MINUTE_NS - 1) / MINUTE_NS;
  return 0;
}

static int32_t
rebuild_begin (kg_req *req, void *data)
{
  struct mt *mt = data;
  struct rollup *r = mt->rollup;
  const struct kg_identity *who = mt->host->identity (req);
  const struct kg_json *j = mt->host->json (req);
  uint64_t meters;
  int64_t from;
  int32_t e;
  if (!j || kg_json_kind (j, 0) != KG_JSON_OBJECT)
    return mt->host->problem (req, 422, NULL, "The body must be an object.");
  if (meters_take (r, j, &meters) < 0)
    return mt->host->problem (req, 422, NULL, "meters: a list of slugs of meters that there are");
  if (from_take (j, &from) < 0)
    return mt->host->problem (req, 422, NULL, "from: a time such as 2026-11-01T00:00:00Z");
  pthread_mutex_lock (&r->lock);
  r->asked_from = r->asked && r->asked_from < from ? r->asked_from : from;
  r->asked |= meters;
  if (!r->stopped)
    mt->jobs->kick (r->timer);
  pthread_mutex_unlock (&r->lock);
  mt->host->log (mt->self, KG_LOG_INFO, "meters are made anew from the log, as %s asked for",
                 who && who->subject ? who->subject : "the local operator");
  e = mt->host->reply (req, 202, "application/json", "{\"status\":\"accepted\"}", 21);
  return e < 0 ? e : KG_DONE;
}

/* ---- Routes ---------------------------------------------------------------------------- */

static const char begin_schema[]
    = "{\"type\":\"object\",\"properties\":{\"meters\":{\"type\":\"array\","
      "\"items\":{\"type\":\"string\"}},\"from\":{\"type\":\"string\",\"format\":\"date-time\"}}}";
static const char status_schema[]
    = "{\"type\":\"object\",\"required\":[\"status\"],\"properties\":{"
      "\"status\":{\"type\":\"string\"}}}";
static const char show_schema[]
    = "{\"type\":\"object\",\"required\":[\"meters\"],\"properties\":{\"meters\":{\"type\":\"array\","
      "\"items\":{\"type\":\"object\",\"required\":[\"meter\",\"state\"],\"properties\":{"
      "\"meter\":{\"type\":\"string\"},\"state\":{\"type\":\"string\"},"
      "\"from\":{\"type\":[\"string\",\"null\"]},\"reason\":{\"type\":[\"string\",\"null\"]},"
      "\"position\":{\"type\":\"integer\"},\"until\":{\"type\":\"integer\"}}}}}}";

static const struct kg_route routes[] = {
  { .size = sizeof (struct kg_route),
    .flags = KG_ADMIN,
    .method = "GET",
    .pattern = REBUILD,
    .scope = "admin",
    .handler = rebuild_show,
    .summary = "Meters that are made anew from the log, and how far they are",
    .response_schema = show_schema },
  { .size = sizeof (struct kg_route),
    .flags = KG_ADMIN | KG_JSON,
    .method = "POST",
    .pattern = REBUILD,
    .scope = "admin",
    .handler = rebuild_begin,
    .summary = "Make meters anew from the log",
    .request_schema = begin_schema,
    .response_schema = status_schema,
    .statuses = "400 415 422" },
};

int32_t
rollup_routes_open (struct rollup *r)
{
  uint32_t i;
  int32_t e = 0;
  for (i = 0; i < sizeof routes / sizeof routes[0] && e >= 0; i++)
    e = r->mt->host->route (r->mt->self, &routes[i]);
  return e;
}
