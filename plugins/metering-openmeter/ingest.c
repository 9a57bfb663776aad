/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The routes that take events, and what a body is. */
#include "plugins/metering-openmeter/ingest.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <strings.h>

#define NUMBER(name, days, least, most, text)                                                  \
  {                                                                                            \
    .key = #name, .dflt = days, .type = KG_OPT_INT, .min = least, .max = most,                 \
    .offset = offsetof (struct ingest_conf, name), .help = text                                \
  }

const struct kg_opt ingest_options[]
    = { NUMBER (body_max, "524288", 1024, 983040, "Bytes of a request that brings events."),
        NUMBER (batch_max, "1000", 1, 10000, "Events of one request."),
        NUMBER (dedup_days, "33", 32, 3660,
                "Days that an event is remembered, so that it is counted once."),
        NUMBER (max_age_days, "32", 0, 3660, "Days that an event may be late."),
        NUMBER (future, "300", 0, 86400, "Seconds that a sender's clock may be ahead."),
        { .key = NULL } };

/* ---- Bodies ---------------------------------------------------------------------------- */

/* Ways of sending events. */
enum mode { MODE_NONE, MODE_EVENT, MODE_BATCH, MODE_PLAIN, MODE_BINARY };

static int32_t
is_media (kg_str type, const char *name)
{
  size_t n = strlen (name);
  return type.len >= n && !strncasecmp (type.ptr, name, n)
         && (type.len == n || type.ptr[n] == ';' || type.ptr[n] == ' ');
}

static enum mode
mode_of (const struct kg_host *h, kg_req *req, kg_str type)
{
  if (is_media (type, "application/cloudevents-batch+json"))
    return MODE_BATCH;
  if (is_media (type, "application/cloudevents+json"))
    return MODE_EVENT;
  if (h->get (req, KG_GET_HEADER, "ce-specversion").ptr
      || h->get (req, KG_GET_HEADER, "ce-id").ptr)
    return MODE_BINARY;
  return is_media (type, "application/json") ? MODE_PLAIN : MODE_NONE;
}

/* The body as a tape: 0; else the answer, or -ENOMEM, when it is none of its mode.  The
 * host's own scanner would refuse a large batch for its many values. */
static int32_t
body_parse (const struct kg_host *h, kg_req *req, enum mode mode, kg_str type,
            struct record_read *read)
{
  kg_str body = h->get (req, KG_GET_BODY, NULL);
  uint32_t kind;
  int32_t r;
  if (mode == MODE_BINARY)
    body = cloudevent_of_headers (h, req, type, body);
  r = body.ptr ? record_scan (read, body) : -EBADMSG;
  if (r == -ENOMEM)
    return r;
  kind = r < 0 ? KG_JSON_NONE : kg_json_kind (&read->json, 0);
  if (kind == KG_JSON_NONE)
    r = h->problem (req, 400, NULL, "%s",
                       mode == MODE_BINARY ? "the headers and the body are no event"
                                           : "the body is no JSON text");
  else if ((kind != KG_JSON_ARRAY && mode == MODE_BATCH)
           || (kind != KG_JSON_OBJECT && mode == MODE_EVENT)
           || (kind != KG_JSON_ARRAY && kind != KG_JSON_OBJECT))
    r = h->problem (req, 400, NULL, "%s",
                       mode == MODE_BATCH    ? "the body must be an array of events"
                       : mode == MODE_EVENT ? "the body must be an event"
                                            : "the body must be an event or an array of them");
  return r;
}

/* ---- The handler ------------------------------------------------------------------------- */

static int32_t
answer (kg_req *req, void *arg)
{
  struct ingesting *g = arg;
  int32_t r = g->error < 0 ? g->error : ingest_answer (g, req);
  ingest_free (g);
  return r;
}

static int32_t
wants_detail (const struct kg_host *h, kg_req *req)
{
  kg_str s = h->get (req, KG_GET_QUERY, "detail");
  return (s.len == 1 && s.ptr[0] == '1') || (s.len == 4 && !memcmp (s.ptr, "true", 4));
}

static int32_t
too_much (const struct ingest *in, kg_req *req)
{
  return in->mt->host->problem (req, 413, NULL,
                                "too much for one request: at most %lld events, and %lld bytes",
                                (long long)in->conf->batch_max, (long long)in->conf->body_max);
}

/* Takes what was read. */
static int32_t
events_take (struct ingesting *g, kg_req *req)
{
  const struct ingest *in = g->ingest;
  uint32_t i, bad = 0;
  int32_t r;
  g->detail = wants_detail (in->mt->host, req);
  for (i = 0; i < g->count; i++)
    bad += g->event[i].status == INGEST_REJECTED;
  if (!bad || (g->detail && g->fresh))
    if (g->fresh)
      return ingest_write (g, req, answer);
  if (bad)
    in->mt->metrics->add (in->results, INGEST_REJECTED, bad);
  r = bad && !g->detail ? ingest_refuse (g, req) : ingest_answer (g, req);
  ingest_free (g);
  return r;
}

static int32_t
take (kg_req *req, void *data)
{
  struct mt *mt = data;
  struct ingest *in = mt->ingest;
  const struct kg_host *h = mt->host;
  const struct kg_identity *who = h->identity (req);
  kg_str type = h->get (req, KG_GET_HEADER, "Content-Type");
  enum mode mode = mode_of (h, req, type);
  struct record_read read = { 0 };
  struct ingesting *g;
  int32_t r;
  if (!who || !who->tenant || !who->tenant[0])
    return h->problem (req, 403, NULL, "who has no tenant has no usage");
  if (mode == MODE_NONE)
    return h->problem (req, 415, NULL,
                       "send application/cloudevents+json, application/cloudevents-batch+json, "
                       "application/json, or the headers ce-specversion, ce-id, ce-source and "
                       "ce-type");
  r = body_parse (h, req, mode, type, &read);
  if (r) {
    record_read_free (&read);
    return r;
  }
  r = ingest_read (in, req, &read, mode == MODE_PLAIN, &g);
  if (r == -E2BIG)
    return too_much (in, req);
  return r < 0 ? r : events_take (g, req);
}

/* ---- Life -------------------------------------------------------------------------------- */

static const char event_schema[]
    = "{\"oneOf\":[{\"type\":\"object\",\"required\":[\"id\",\"source\",\"type\"],"
      "\"properties\":{"
      "\"specversion\":{\"type\":\"string\",\"enum\":[\"1.0\"]},\"id\":{\"type\":\"string\"},"
      "\"source\":{\"type\":\"string\"},\"type\":{\"type\":\"string\"},"
      "\"subject\":{\"type\":\"string\"},"
      "\"time\":{\"type\":\"string\",\"format\":\"date-time\"},\"data\":{}}},"
      "{\"type\":\"array\",\"items\":{\"type\":\"object\"}}]}";
static const char detail_parameter[]
    = "[{\"name\":\"detail\",\"in\":\"query\",\"required\":false,"
      "\"description\":\"1: take the good ones and tell what became of each.\","
      "\"schema\":{\"type\":\"integer\",\"enum\":[0,1]}}]";
static const char detail_schema[]
    = "{\"type\":\"object\",\"required\":[\"accepted\",\"duplicates\",\"rejected\",\"results\"],"
      "\"properties\":{\"accepted\":{\"type\":\"integer\"},\"duplicates\":{\"type\":\"integer\"},"
      "\"rejected\":{\"type\":\"integer\"},\"results\":{\"type\":\"array\",\"items\":{"
      "\"type\":\"object\",\"required\":[\"id\",\"status\"],\"properties\":{"
      "\"id\":{\"type\":[\"string\",\"null\"]},"
      "\"status\":{\"type\":\"string\",\"enum\":[\"accepted\",\"duplicate\",\"rejected\"]},"
      "\"error\":{\"type\":\"string\"}}}}}}";

static const char *const result_names[] = { "accepted", "duplicate", "other", "rejected", NULL };

static int32_t
routes_declare (struct ingest *in)
{
  const struct kg_route route = { .size = sizeof route,
                                  .method = "POST",
                                  .pattern = "/v1/events",
                                  .scope = "meter:write",
                                  .handler = take,
                                  .summary = "Take usage events, as CloudEvents",
                                  .body_max = (uint64_t)in->conf->body_max,
                                  .request_schema = event_schema,
                                  .response_schema = detail_schema,
                                  .parameters = detail_parameter,
                                  .statuses = "204 400 403 413 415 422 503" };
  int32_t r;
  in->route[0] = in->route[1] = route;
  in->route[1].pattern = "/api/v1/events";
  in->route[1].summary = "Take usage events, for OpenMeter's clients";
  r = in->mt->host->route (in->mt->self, &in->route[0]);
  return r < 0 ? r : in->mt->host->route (in->mt->self, &in->route[1]);
}

static int32_t
metric_declare (struct ingest *in)
{
  const struct kg_label label = { "result", result_names };
  const struct kg_metric_def def = { .size = sizeof def,
                                     .kind = KG_COUNTER,
                                     .name = "kgent_metering_ingested_total",
                                     .help = "Events that were sent here.",
                                     .labels = &label,
                                     .nlabels = 1 };
  return in->mt->metrics->define (in->mt->self, &def, &in->results);
}

/* Who is late beyond what is remembered could be counted twice. */
static int32_t
conf_check (const struct mt *mt, const struct ingest_conf *conf)
{
  if (conf->max_age_days < conf->dedup_days)
    return 0;
  mt->host->log (mt->self, KG_LOG_ERROR,
                 "metering-openmeter.ingest.max_age_days: %lld must be below dedup_days = %lld, for "
                 "an event that is sent again later than it is remembered would be counted twice; "
                 "write %lld", (long long)conf->max_age_days, (long long)conf->dedup_days,
                 (long long)conf->dedup_days - 1);
  return -EINVAL;
}

int32_t
ingest_open (struct mt *mt, const struct ingest_conf *conf, struct ingest **ret)
{
  struct ingest *in;
  int32_t r = conf_check (mt, conf);
  if (r < 0)
    return r;
  in = calloc (1, sizeof *in);
  if (!in)
    return -ENOMEM;
  in->mt = mt;
  in->conf = conf;
  in->hash = EVP_MD_fetch (NULL, "SHA256", NULL);
  r = in->hash ? metric_declare (in) : -ENOTSUP;
  if (r >= 0)
    r = routes_declare (in);
  if (r < 0) {
    ingest_close (in);
    return r;
  }
  *ret = in;
  return 0;
}

void
ingest_close (struct ingest *in)
{
  if (!in)
    return;
  EVP_MD_free (in->hash);
  free (in);
}
