/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The plugin's descriptor, options and routes; the probes and /metrics. */

#include "plugins/health/health.h"

#include <openssl/crypto.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- Probes ---------------------------------------------------------------- */

/* Whether components are asked for, by somebody who may see them. */
static int
is_verbose (struct plugin *p, kg_req *req)
{
  return p->host->get (req, KG_GET_QUERY, NULL).len
         && p->host->get (req, KG_GET_QUERY, "verbose").ptr
         && p->host->num (req, KG_NUM_ADMIN) == 1;
}

/* The hot path of the whole plugin: no formatting, no allocation. */
static int32_t
probe_reply (struct plugin *p, kg_req *req, int fine, const char *bad, size_t bad_len)
{
  if (is_verbose (p, req))
    return status_verbose (p, req, fine ? 200 : 503);
  if (fine)
    p->host->reply (req, 200, TYPE_TEXT, "ok\n", 3);
  else
    p->host->reply (req, 503, TYPE_TEXT, bad, bad_len);
  return KG_DONE;
}

static int32_t
live_get (kg_req *req, void *data)
{
  struct plugin *p = data;
  return probe_reply (p, req, p->routes->live (p->self), "stalled\n", 8);
}

static int32_t
ready_get (kg_req *req, void *data)
{
  struct plugin *p = data;
  return probe_reply (p, req, p->routes->ready (p->self), "unready\n", 8);
}

/* ---- Metrics and documents -------------------------------------------------- */

static int32_t
metrics_get (kg_req *req, void *data)
{
  struct plugin *p = data;
  kg_str accept = p->host->get (req, KG_GET_HEADER, "Accept");
  int open = accept.len && memmem (accept.ptr, accept.len, "application/openmetrics-text", 28);
  char *text;
  size_t len;
  int32_t r = p->metrics->render (p->self, open, &text, &len);
  if (r < 0)
    return r;
  p->host->header (req, "Vary", "Accept");
  p->host->header (req, "Cache-Control", "no-store");
  p->host->reply (req, 200,
                  open ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                       : "text/plain; version=0.0.4; charset=utf-8",
                  text, len);
  free (text);
  return KG_DONE;
}

static int32_t
index_get (kg_req *req, void *data)
{
  struct plugin *p = data;
  return document_reply (p, req, &p->index, TYPE_JSON);
}

/* Makes both documents of the API; the lock is held, or nobody else is there yet. */
static int32_t
api_make (struct plugin *p)
{
  int32_t r;
  p->api_version = p->nodes ? p->nodes->version (p->self) : 0;
  r = openapi_make (p, 0, &p->api[0]);
  return r < 0 ? r : openapi_make (p, 1, &p->api[1]);
}

/* Plugins add nodes as they start, maybe after this one. */
static int32_t
api_refresh (struct plugin *p)
{
  return p->nodes && p->nodes->version (p->self) != p->api_version ? api_make (p) : 0;
}

static int32_t
api_get (kg_req *req, void *data)
{
  struct plugin *p = data;
  int admin = p->host->num (req, KG_NUM_ADMIN) == 1;
  int32_t r;
  pthread_mutex_lock (&p->api_lock);
  r = api_refresh (p);
  if (r >= 0)
    r = document_reply (p, req, &p->api[admin], TYPE_JSON);
  pthread_mutex_unlock (&p->api_lock);
  return r;
}

static int32_t
page_get (kg_req *req, void *data)
{
  struct plugin *p = data;
  p->host->header (req, "Content-Security-Policy", p->page_policy);
  p->host->header (req, "Referrer-Policy", "no-referrer");
  return document_reply (p, req, &p->page, TYPE_HTML);
}

/* ---- Routes ------------------------------------------------------------------ */

#define TEXT_SCHEMA(example)                                                                   \
  "{\"type\":\"string\",\"contentMediaType\":\"text/plain\",\"examples\":[\"" example "\"]}"
#define VERBOSE                                                                                \
  "[{\"name\":\"verbose\",\"in\":\"query\",\"allowEmptyValue\":true,"                          \
  "\"description\":\"Lists the components, on the admin listener only.\","                     \
  "\"schema\":{\"type\":\"string\"}}]"
#define INDEX_SCHEMA                                                                           \
  "{\"type\":\"object\",\"required\":[\"name\",\"version\",\"endpoints\"],"                    \
  "\"properties\":{\"name\":{\"type\":\"string\"},\"version\":{\"type\":\"string\"},"          \
  "\"description\":{\"type\":\"string\"},\"docs\":{\"type\":[\"string\",\"null\"]},"           \
  "\"health\":{\"type\":\"string\"},\"endpoints\":{\"type\":\"object\","                       \
  "\"additionalProperties\":{\"type\":\"object\","                                             \
  "\"additionalProperties\":{\"type\":\"string\"}}}}}"
#define HEALTH_SCHEMA                                                                          \
  "{\"type\":\"object\",\"required\":[\"status\",\"version\",\"has_llm\",\"components\"],"     \
  "\"properties\":{\"status\":{\"enum\":[\"ok\",\"degraded\",\"error\"]},"                     \
  "\"version\":{\"type\":\"string\"},\"has_llm\":{\"type\":\"boolean\"},"                      \
  "\"components\":{\"type\":\"object\",\"required\":"                                          \
  "[\"soul\",\"llm\",\"auth\",\"metering\"],\"properties\":{"                                  \
  "\"soul\":{\"type\":\"string\"},\"llm\":{\"type\":\"string\"},"                              \
  "\"auth\":{\"type\":\"string\"},\"metering\":{\"type\":\"string\"}},"                        \
  "\"additionalProperties\":{\"type\":\"string\"}}}}"
#define SAAS_SCHEMA                                                                            \
  "{\"type\":\"object\",\"required\":[\"status\",\"started\",\"openmeter\",\"nats\"],"         \
  "\"properties\":{\"status\":{\"enum\":[\"ok\",\"degraded\",\"not_started\"]},"               \
  "\"started\":{\"type\":\"boolean\"},"                                                        \
  "\"openmeter\":{\"type\":\"object\",\"required\":[\"configured\",\"status\"],"               \
  "\"properties\":{\"configured\":{\"type\":\"boolean\"},\"status\":{\"enum\":"                \
  "[\"disabled\",\"healthy\",\"unhealthy\",\"degraded\",\"not_started\"]},"                    \
  "\"error\":{\"type\":\"string\"},\"metrics\":{\"type\":\"object\"}}},"                       \
  "\"nats\":{\"type\":\"object\",\"required\":[\"configured\",\"status\"],"                    \
  "\"properties\":{\"configured\":{\"type\":\"boolean\"},\"status\":{\"enum\":"                \
  "[\"disabled\",\"not_started\",\"disconnected\",\"circuit_open\",\"healthy\","               \
  "\"unhealthy\"]},\"error\":{\"type\":\"string\"},"                                           \
  "\"mode\":{\"enum\":[\"jetstream\",\"fallback\"]}}}}}"

#define PROBE KG_PUBLIC | KG_QUIET

static const struct kg_route routes[] = {
  { .flags = KG_PUBLIC,
    .pattern = "/",
    .handler = index_get,
    .response_schema = INDEX_SCHEMA,
    .summary = "What this service is and where its parts are" },
  { .flags = PROBE,
    .pattern = "/health",
    .handler = status_get,
    .response_schema = HEALTH_SCHEMA,
    .summary = "Status of the service and its components" },
  { .flags = PROBE,
    .pattern = "/health/saas",
    .handler = status_saas,
    .response_schema = SAAS_SCHEMA,
    .summary = "Status of metering and messaging" },
  { .flags = PROBE,
    .pattern = "/livez",
    .handler = live_get,
    .parameters = VERBOSE,
    .response_schema = TEXT_SCHEMA ("ok"),
    .statuses = "503",
    .summary = "Whether the event loops turn" },
  { .flags = PROBE,
    .pattern = "/readyz",
    .handler = ready_get,
    .parameters = VERBOSE,
    .response_schema = TEXT_SCHEMA ("ok"),
    .statuses = "503",
    .summary = "Whether new requests are welcome" },
  { .flags = PROBE | KG_HIDDEN,
    .pattern = "/live",
    .handler = live_get,
    .summary = "The same as /livez" },
  { .flags = PROBE | KG_HIDDEN,
    .pattern = "/ready",
    .handler = ready_get,
    .summary = "The same as /readyz" },
};

static const struct kg_route docs_routes[] = {
  { .flags = KG_PUBLIC,
    .pattern = "/openapi.json",
    .handler = api_get,
    .statuses = "304",
    .response_schema = "{\"type\":\"object\"}",
    .summary = "This document: OpenAPI 3.1" },
  { .flags = KG_PUBLIC,
    .pattern = "/docs",
    .handler = page_get,
    .statuses = "304",
    .response_schema = "{\"type\":\"string\",\"contentMediaType\":\"text/html\"}",
    .summary = "The same as a page for people" },
};

static const struct kg_route metrics_route = {
  .flags = PROBE | KG_ADMIN,
  .pattern = "/metrics",
  .handler = metrics_get,
  .response_schema = TEXT_SCHEMA ("# EOF"),
  .summary = "Metrics for Prometheus: text 0.0.4, or OpenMetrics by Accept",
};

static int32_t
route_add (struct plugin *p, const struct kg_route *route)
{
  struct kg_route r = *route;
  r.size = sizeof r;
  r.method = "GET";
  return p->host->route (p->self, &r);
}

static int32_t
routes_add (struct plugin *p)
{
  struct kg_route metrics = metrics_route;
  size_t i;
  int32_t r = 0;
  for (i = 0; i < sizeof routes / sizeof routes[0] && r >= 0; i++)
    r = route_add (p, &routes[i]);
  for (i = 0; i < 2 && r >= 0 && p->conf->docs; i++)
    r = route_add (p, &docs_routes[i]);
  if (p->conf->public_metrics)
    metrics.flags &= ~KG_ADMIN;
  return r < 0 ? r : route_add (p, &metrics);
}

static int32_t
services_need (struct plugin *p)
{
  const struct kg_host *host = p->host;
  int32_t r = host->need (p->self, KG_HEALTH, sizeof *p->health, 0, (const void **)&p->health);
  if (r >= 0)
    r = host->need (p->self, KG_METRICS, sizeof *p->metrics, 0, (const void **)&p->metrics);
  if (r >= 0)
    r = host->need (p->self, KG_ROUTES, sizeof *p->routes, 0, (const void **)&p->routes);
  if (r >= 0)
    r = host->need (p->self, KG_NODES, sizeof *p->nodes, KG_NEED_OPTIONAL,
                    (const void **)&p->nodes);
  return r;
}

/* ---- Life -------------------------------------------------------------------- */

static void
health_close (void *data)
{
  struct plugin *p = data;
  document_finish (&p->index);
  document_finish (&p->api[0]);
  document_finish (&p->api[1]);
  document_finish (&p->page);
  pthread_mutex_destroy (&p->api_lock);
  free (p);
}

static int32_t
health_open (const struct kg_host *host, kg_self *self, const void *conf, void **ret_data)
{
  /* libcrypto makes its context once; where that failed, its functions crash. */
  struct plugin *p = OSSL_LIB_CTX_get0_global_default () ? calloc (1, sizeof *p) : NULL;
  int32_t r;
  if (!p)
    return -ENOMEM;
  p->host = host;
  p->self = self;
  p->conf = conf;
  pthread_mutex_init (&p->api_lock, NULL);
  r = services_need (p);
  if (r >= 0)
    r = routes_add (p);
  if (r < 0) {
    health_close (p);
    return r;
  }
  *ret_data = p;
  return 0;
}

/* All plugins are open, so the routes are complete: the documents are made. */
static int32_t
health_start (void *data)
{
  struct plugin *p = data;
  int32_t r = index_make (p);
  if (r >= 0 && p->conf->docs) {
    r = api_make (p);
    if (r >= 0)
      r = page_make (p);
  }
  return r;
}

#define OPT(member) .key = #member, .offset = offsetof (struct health_conf, member)

static const struct kg_opt options[] = {
  { OPT (title), .type = KG_OPT_STRING, .dflt = "kgents SaaS API",
    .help = "Name of the service in GET / and in the API document." },
  { OPT (description), .type = KG_OPT_STRING,
    .dflt = "Agents by path: authenticated, limited, metered, billed.",
    .help = "One sentence about the service, in the same places." },
  { OPT (server_url), .type = KG_OPT_STRING, .dflt = "/",
    .help = "Base URL of the public listener in the API document, as clients see it." },
  { OPT (public_metrics), .type = KG_OPT_BOOL, .dflt = "false",
    .help = "Serve /metrics on the public listener too, to anybody." },
  { OPT (docs), .type = KG_OPT_BOOL, .dflt = "true", .help = "Serve /openapi.json and /docs." },
  { .key = NULL },
};

KG_PLUGIN (.name = "health", .version = "1.0",
           .summary = "Probes, metrics and the API document", .opts = options,
           .conf_size = sizeof (struct health_conf), .open = health_open, .start = health_start,
           .close = health_close);
