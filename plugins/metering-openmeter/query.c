/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The routes of usage: a tenant's own, an operator's, and those of OpenMeter's clients.
 *
 * What was answered a moment ago may still lie in a worker's ring.  A write that changes
 * nothing comes back when all of it is in the log; then a job reads. */
#include "plugins/metering-openmeter/query.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

static int64_t
mono_now (void)
{
  struct timespec t;
  clock_gettime (CLOCK_MONOTONIC, &t);
  return t.tv_sec * INT64_C (1000000000) + t.tv_nsec;
}

static void
query_free (void *arg)
{
  struct query *q = arg;
  cells_free (&q->results);
  record_read_free (&q->read);
  record_read_free (&q->group_read);
  mt_text_free (&q->subject_text);
  mt_text_free (&q->group_text);
  mt_text_free (&q->text);
  free (q->memory);
  free (q->own);
  free (q);
}

/* ---- The way of a query ------------------------------------------------------------ */

static int32_t
answer (kg_req *req, void *arg)
{
  struct query *q = arg;
  struct mt *mt = q->rollup->mt;
  int32_t r = KG_DONE;
  mt->metrics->observe (q->rollup->queries, 0, (uint64_t)(mono_now () - q->began_ns));
  if (q->status)
    mt->host->problem (req, q->status, NULL, "%s", q->problem);
  else if (q->error < 0)
    r = q->error;
  else {
    mt->host->header (req, "Vary", "Accept");
    r = mt->host->reply (req, 200, q->csv ? "text/csv; charset=utf-8" : "application/json",
                         q->text.ptr, q->text.len);
    r = r < 0 ? r : KG_DONE;
  }
  query_free (q);
  return r;
}

static void
finish (struct query *q)
{
  q->rollup->mt->host->resume (q->ticket, answer, q, query_free);
}

static void work (void *arg);

/* Gives the query to a job, which may have freed it by now: 0; -errno when none can take it,
 * which is noted. */
static int32_t
run (struct query *q)
{
  struct mt *mt = q->rollup->mt;
  int32_t r = mt->jobs->run (mt->self, work, q);
  if (r < 0)
    q->error = r;
  return r;
}

/* The next one that waits, in the place of one that is done; NULL: there is none. */
static struct query *
next_take (struct rollup *r)
{
  struct query *q;
  pthread_mutex_lock (&r->lock);
  q = r->waiting;
  if (q) {
    r->waiting = q->next;
    r->waits--;
  } else
    r->running--;
  pthread_mutex_unlock (&r->lock);
  return q;
}

/* Lets others run where one has ended. */
static void
next_run (struct rollup *r)
{
  struct query *q;
  while ((q = next_take (r)) && run (q) < 0)
    finish (q);
}

static void
work (void *arg)
{
  struct query *q = arg;
  struct rollup *rollup = q->rollup;
  int32_t r = query_run (q);
  if (r >= 0)
    r = query_answer (q);
  q->error = r;
  next_run (rollup); /* before the answer, behind which the plugin may be closed */
  finish (q);
}

/* Runs it at once, or notes it: 1, 0, or -EAGAIN when too many wait. */
static int32_t
turn_take (struct query *q)
{
  struct rollup *r = q->rollup;
  int32_t now = 0;
  pthread_mutex_lock (&r->lock);
  if (r->running < QUERY_JOBS) {
    r->running++;
    now = 1;
  } else if (r->waits < QUERY_WAITS) {
    if (!r->waiting)
      r->last = &r->waiting;
    *r->last = q;
    r->last = &q->next;
    r->waits++;
  } else
    now = -EAGAIN;
  pthread_mutex_unlock (&r->lock);
  return now;
}

/* Whatever was recorded before is in the log now.  If it could not be written, the log
 * still tells what it has. */
static void
settled (const struct kg_outcome *outcome, void *arg)
{
  struct query *q = arg;
  struct rollup *rollup = q->rollup;
  int32_t r = turn_take (q);
  (void)outcome;
  if (r < 0) {
    q->error = r;
    finish (q);
  } else if (r && run (q) < 0) {
    next_run (rollup);
    finish (q);
  }
}

/* Suspends the request and starts; takes q. */
static int32_t
start (struct query *q, kg_req *req)
{
  struct mt *mt = q->rollup->mt;
  struct kg_op op = { .kind = KG_OP_ACK, .cursor = q->rollup->cursor };
  q->ticket = mt->host->suspend (req, NULL, NULL);
  if (!q->ticket) {
    query_free (q);
    return -ENOMEM;
  }
  if (mt->store->write (mt->self, &op, 1, sizeof op, settled, q) < 0)
    settled (NULL, q);
  return KG_WAIT;
}

/* A tenant sees itself, whatever it asks for. */
static int32_t
subject_bind (struct query *q, const char *tenant)
{
  uint32_t i;
  q->own = strdup (tenant);
  if (!q->own)
    return -ENOMEM;
  for (i = 0; i < q->args.subjects; i++)
    if (q->args.subject[i].len != strlen (tenant)
        || memcmp (q->args.subject[i].ptr, tenant, q->args.subject[i].len))
      return query_refuse (q, 403, "subject: a tenant sees its own usage only");
  q->args.subject[0] = (kg_str){ q->own, strlen (q->own) };
  q->args.subjects = 1;
  return 0;
}

/* What is asked, and by whom. */
static int32_t
prepare (struct query *q, kg_req *req, int32_t all)
{
  const struct mt *mt = q->rollup->mt;
  const struct kg_identity *who = mt->host->identity (req);
  int64_t now = rollup_now () / MINUTE_NS;
  int32_t r;
  q->slug = mt->host->get (req, KG_GET_PARAM, "slug");
  r = query_args_read (q, mt->host->get (req, KG_GET_QUERY, NULL), now);
  if (r >= 0 && !all)
    r = who && who->tenant && who->tenant[0]
            ? subject_bind (q, who->tenant)
            : query_refuse (q, 403, "who has no tenant has no usage");
  return r < 0 ? r : query_plan (q, now);
}

static int32_t
ask (kg_req *req, void *data, int32_t all)
{
  struct mt *mt = data;
  struct query *q = calloc (1, sizeof *q);
  int32_t r;
  if (!q)
    return -ENOMEM;
  q->rollup = mt->rollup;
  q->began_ns = mono_now ();
  q->csv = query_wants_csv (mt->host->get (req, KG_GET_HEADER, "Accept"));
  r = prepare (q, req, all);
  if (r >= 0)
    return start (q, req);
  if (q->status)
    r = mt->host->problem (req, q->status, NULL, "%s", q->problem);
  query_free (q);
  return r;
}

static int32_t
own_usage (kg_req *req, void *data)
{
  return ask (req, data, 0);
}

static int32_t
all_usage (kg_req *req, void *data)
{
  return ask (req, data, 1);
}

/* ---- The list of meters -------------------------------------------------------------- */

static void
text_add (struct mt_text *t, const char *name, const char *value)
{
  char buf[2048];
  struct kg_out o = { buf, 0, sizeof buf };
  kg_out_text (&o, value);
  mt_text_add (t, name, strlen (name));
  mt_text_add (t, buf, kg_out_ok (&o) ? o.len : 0);
  t->failed |= !kg_out_ok (&o);
}

static void
meter_add (struct mt_text *t, const struct meter *m)
{
  char name[264];
  uint32_t i;
  text_add (t, "{\"id\":", m->id);
  text_add (t, ",\"slug\":", m->slug);
  text_add (t, ",\"description\":", m->description);
  text_add (t, ",\"aggregation\":", meter_aggregations[m->aggregation]);
  text_add (t, ",\"eventType\":", m->type);
  snprintf (name, sizeof name, "$.%.*s", (int)m->value.len, m->value.ptr);
  if (m->value.len)
    text_add (t, ",\"valueProperty\":", name);
  text_add (t, ",\"windowSize\":", "MINUTE");
  mt_text_add (t, ",\"groupBy\":{", 12);
  for (i = 0; i < m->dimensions; i++) {
    snprintf (name, sizeof name, "$.%.*s", (int)m->dimension[i].len, m->dimension[i].ptr);
    text_add (t, i ? "," : "", name + 2);
    text_add (t, ":", name);
  }
  mt_text_add (t, "}}", 2);
}

static int32_t
list_meters (kg_req *req, void *data)
{
  struct mt *mt = data;
  struct mt_text t = { 0 };
  uint32_t i;
  int32_t r = -ENOMEM;
  for (i = 0; i < mt->rollup->meters.count; i++) {
    mt_text_add (&t, i ? "," : "[", 1);
    meter_add (&t, &mt->rollup->meters.meter[i]);
  }
  mt_text_add (&t, "]", 1);
  if (!t.failed)
    r = mt->host->reply (req, 200, "application/json", t.ptr, t.len);
  mt_text_free (&t);
  return r < 0 ? r : KG_DONE;
}

static int32_t
show_meter (kg_req *req, void *data)
{
  struct mt *mt = data;
  kg_str slug = mt->host->get (req, KG_GET_PARAM, "slug");
  const struct meter *m = meters_find (&mt->rollup->meters, slug);
  struct mt_text t = { 0 };
  int32_t r = -ENOMEM;
  if (!m)
    return mt->host->problem (req, 404, NULL,
                              "there is no meter %.*s; GET /api/v1/meters lists them",
                              (int)(slug.len < 64 ? slug.len : 64), slug.ptr);
  meter_add (&t, m);
  if (!t.failed)
    r = mt->host->reply (req, 200, "application/json", t.ptr, t.len);
  mt_text_free (&t);
  return r < 0 ? r : KG_DONE;
}

/* ---- Routes ------------------------------------------------------------------------ */

#define TIME(name, text) \
  "{\"name\":\"" name "\",\"in\":\"query\",\"required\":false,\"description\":\"" text \
  "\",\"schema\":{\"type\":\"string\",\"format\":\"date-time\"}},"
#define COMMON \
  TIME ("from", "First minute, UTC.") \
  TIME ("to", "End, which is not included.") \
  "{\"name\":\"windowSize\",\"in\":\"query\",\"required\":false," \
  "\"description\":\"One number for each of these windows instead of one for all.\"," \
  "\"schema\":{\"type\":\"string\",\"enum\":[\"MINUTE\",\"HOUR\",\"DAY\",\"MONTH\"]}}," \
  "{\"name\":\"groupBy\",\"in\":\"query\",\"required\":false,\"style\":\"form\"," \
  "\"explode\":true,\"description\":\"Dimensions of the meter, or subject.\"," \
  "\"schema\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}}}," \
  "{\"name\":\"filterGroupBy\",\"in\":\"query\",\"required\":false,\"style\":\"deepObject\"," \
  "\"description\":\"Only these values of dimensions.\"," \
  "\"schema\":{\"type\":\"object\",\"additionalProperties\":{\"type\":\"string\"}}}," \
  "{\"name\":\"subject\",\"in\":\"query\",\"required\":false," \
  "\"description\":\"Only these tenants.\",\"schema\":{\"type\":\"array\"," \
  "\"items\":{\"type\":\"string\"}}}"
#define METER \
  ",{\"name\":\"meter\",\"in\":\"query\",\"required\":false," \
  "\"description\":\"Slug of a meter; without it each is answered.\"," \
  "\"schema\":{\"type\":\"string\"}}"

static const char answer_schema[]
    = "{\"type\":\"object\",\"required\":[\"from\",\"to\",\"windowSize\",\"data\"],"
      "\"properties\":{"
      "\"meter\":{\"type\":\"string\"},\"aggregation\":{\"type\":\"string\"},"
      "\"from\":{\"type\":\"string\",\"format\":\"date-time\"},"
      "\"to\":{\"type\":\"string\",\"format\":\"date-time\"},"
      "\"windowSize\":{\"type\":[\"string\",\"null\"]},"
      "\"data\":{\"type\":\"array\",\"items\":{\"type\":\"object\","
      "\"required\":[\"value\",\"windowStart\",\"windowEnd\",\"subject\",\"groupBy\"],"
      "\"properties\":{\"value\":{\"type\":[\"number\",\"null\"]},"
      "\"windowStart\":{\"type\":\"string\",\"format\":\"date-time\"},"
      "\"windowEnd\":{\"type\":\"string\",\"format\":\"date-time\"},"
      "\"subject\":{\"type\":[\"string\",\"null\"]},\"groupBy\":{\"type\":\"object\"},"
      "\"meter\":{\"type\":\"string\"},\"aggregation\":{\"type\":\"string\"}}}}}}";
#define METER_SCHEMA \
  "{\"type\":\"object\"," \
  "\"required\":[\"id\",\"slug\",\"aggregation\",\"eventType\",\"windowSize\",\"groupBy\"]," \
  "\"properties\":{\"id\":{\"type\":\"string\"},\"slug\":{\"type\":\"string\"}," \
  "\"description\":{\"type\":\"string\"},\"aggregation\":{\"type\":\"string\"}," \
  "\"eventType\":{\"type\":\"string\"},\"valueProperty\":{\"type\":\"string\"}," \
  "\"windowSize\":{\"type\":\"string\"},\"groupBy\":{\"type\":\"object\"," \
  "\"additionalProperties\":{\"type\":\"string\"}}}}"
static const char meter_schema[] = METER_SCHEMA;
static const char list_schema[] = "{\"type\":\"array\",\"items\":" METER_SCHEMA "}";

static const struct kg_route routes[] = {
  { .size = sizeof (struct kg_route),
    .method = "GET",
    .pattern = "/v1/usage",
    .scope = "read",
    .handler = own_usage,
    .summary = "Query the caller's own usage",
    .parameters = "[" COMMON METER "]",
    .response_schema = answer_schema,
    .statuses = "403 422 503" },
  { .size = sizeof (struct kg_route),
    .flags = KG_ADMIN,
    .method = "GET",
    .pattern = "/admin/v1/usage",
    .scope = "admin",
    .handler = all_usage,
    .summary = "Query usage of all tenants",
    .parameters = "[" COMMON METER "]",
    .response_schema = answer_schema,
    .statuses = "422 503" },
  { .size = sizeof (struct kg_route),
    .method = "GET",
    .pattern = "/v1/meters",
    .scope = "read",
    .handler = list_meters,
    .summary = "List the meters",
    .response_schema = list_schema },
  { .size = sizeof (struct kg_route),
    .method = "GET",
    .pattern = "/api/v1/meters",
    .scope = "read",
    .handler = list_meters,
    .summary = "List the meters, for OpenMeter's clients",
    .response_schema = list_schema },
  { .size = sizeof (struct kg_route),
    .method = "GET",
    .pattern = "/api/v1/meters/{slug}",
    .scope = "read",
    .handler = show_meter,
    .summary = "Show a meter, for OpenMeter's clients",
    .response_schema = meter_schema,
    .statuses = "404" },
  { .size = sizeof (struct kg_route),
    .method = "GET",
    .pattern = "/api/v1/meters/{slug}/query",
    .scope = "read",
    .handler = own_usage,
    .summary = "Query the caller's own usage, for OpenMeter's clients",
    .parameters = "[" COMMON "]",
    .response_schema = answer_schema,
    .statuses = "403 404 422 503" },
};

int32_t
query_open (struct rollup *r)
{
  uint32_t i;
  int32_t e = 0;
  for (i = 0; i < sizeof routes / sizeof routes[0] && e >= 0; i++)
    e = r->mt->host->route (r->mt->self, &routes[i]);
  return e;
}
