/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/account.h"

#include "core/conn.h"
#include "core/log.h"
#include "core/metrics.h"
#include "core/util/clock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define STATUS_MAX 600

/* "other" is the last of each list. */
static const char *const statuses[]
    = { "200", "201", "202", "204", "304", "307", "400", "401", "402", "403", "404", "405",
        "408", "409", "411", "412", "413", "414", "415", "417", "422", "429", "431", "499",
        "500", "501", "502", "503", "504", "505", "507", "other", NULL };

#define NSTATUSES (sizeof statuses / sizeof *statuses - 1)

static const char *const methods[]
    = { "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "other", NULL };

#define NMETHODS (sizeof methods / sizeof *methods - 1)

struct pipeline {
  kg_metric *requests, *latency, *stuck;
  kg_metric *inner, *inner_latency; /* of requests without a connection */
  const char **endpoints; /* distinct patterns, then "unmatched", then NULL */
  uint32_t nendpoints;
  uint32_t *endpoint_of;  /* by the route's index */
  uint8_t status_index[STATUS_MAX];
};

static uint32_t
endpoint_index (struct pipeline *p, const char *pattern)
{
  uint32_t i = 0;
  while (i < p->nendpoints && strcmp (p->endpoints[i], pattern))
    i++;
  if (i == p->nendpoints)
    p->endpoints[p->nendpoints++] = pattern;
  return i;
}

static int
endpoints_make (struct pipeline *p, struct host *host)
{
  uint32_t n = route_count (host->router);
  p->endpoints = calloc (n + 2, sizeof *p->endpoints);
  p->endpoint_of = calloc (n + 1, sizeof *p->endpoint_of);
  if (!p->endpoints || !p->endpoint_of)
    return 0;
  for (uint32_t i = 0; i < n; i++)
    if (route_at (host->router, i))
      p->endpoint_of[i] = endpoint_index (p, route_at (host->router, i)->pub.pattern);
  p->endpoints[p->nendpoints++] = "unmatched";
  return 1;
}

static const double buckets[] = { 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                  0.05,   0.1,     0.25,   0.5,   1,      2.5,   5,    10 };

static int32_t
define_inner (struct host *host, struct pipeline *p)
{
  struct kg_label labels[] = { { "endpoint", p->endpoints }, { "status", statuses } };
  struct kg_metric_def inner
      = { sizeof inner, KG_COUNTER, "kgent_inner_requests_total",
          "Requests of plugins without a connection, by route template and status.", labels, NULL,
          2, 0 };
  struct kg_metric_def latency
      = { sizeof latency, KG_HISTOGRAM, "kgent_inner_request_latency_seconds",
          "Time from the beginning of a plugin's request to its answer.", labels, buckets, 1,
          sizeof buckets / sizeof *buckets };
  int32_t rc = metrics_define_wide (host->metrics, &inner, (uint32_t) (p->nendpoints * NSTATUSES),
                                    &p->inner);
  if (rc < 0)
    return rc;
  return metrics_define_wide (host->metrics, &latency, p->nendpoints, &p->inner_latency);
}

static int32_t
define (struct host *host, struct pipeline *p)
{
  struct kg_label labels[] = { { "method", methods }, { "endpoint", p->endpoints },
                               { "status", statuses } };
  struct kg_metric_def requests
      = { sizeof requests, KG_COUNTER, "kgents_api_requests_total",
          "Requests answered, by method, route template and status.", labels, NULL, 3, 0 };
  struct kg_metric_def latency
      = { sizeof latency, KG_HISTOGRAM, "kgents_api_request_latency_seconds",
          "Time from a request's head to its answer.", labels, buckets, 2,
          sizeof buckets / sizeof *buckets };
  struct kg_metric_def stuck
      = { .size = sizeof stuck, .kind = KG_GAUGE, .name = "kgent_stuck_handlers",
          .help = "Handlers that blocked beyond their deadline, each with a thread that is lost." };
  int32_t rc = metrics_define_wide (host->metrics, &requests,
                                    (uint32_t) (NMETHODS * p->nendpoints * NSTATUSES),
                                    &p->requests);
  if (rc >= 0)
    rc = metrics_define (host->metrics, &stuck, &p->stuck);
  if (rc >= 0)
    rc = metrics_define_wide (host->metrics, &latency, (uint32_t) (NMETHODS * p->nendpoints),
                              &p->latency);
  return rc < 0 ? rc : define_inner (host, p);
}

int32_t
account_create (struct host *host)
{
  struct pipeline *p = calloc (1, sizeof *p);
  if (!p)
    return -ENOMEM;
  host->pipeline = p;
  memset (p->status_index, NSTATUSES - 1, sizeof p->status_index);
  for (uint32_t i = 0; i + 1 < NSTATUSES; i++)
    p->status_index[atoi (statuses[i])] = (uint8_t) i;
  return endpoints_make (p, host) ? define (host, p) : -ENOMEM;
}

void
account_destroy (struct host *host)
{
  struct pipeline *p = host->pipeline;
  if (!p)
    return;
  free (p->endpoints);
  free (p->endpoint_of);
  free (p);
  host->pipeline = NULL;
}

static void
count (struct pipeline *p, int method, uint32_t endpoint, int32_t status, int64_t ns)
{
  uint32_t m = method >= 0 ? (uint32_t) method : (uint32_t) NMETHODS - 1;
  uint32_t series = m * p->nendpoints + endpoint;
  uint32_t s = p->status_index[status > 0 && status < STATUS_MAX ? status : 0];
  metrics_add (p->requests, series * (uint32_t) NSTATUSES + s, 1);
  metrics_observe (p->latency, series, ns > 0 ? (uint64_t) ns : 0);
}

static void
count_inner (struct pipeline *p, uint32_t endpoint, int32_t status, int64_t ns)
{
  uint32_t s = p->status_index[status > 0 && status < STATUS_MAX ? status : 0];
  metrics_add (p->inner, endpoint * (uint32_t) NSTATUSES + s, 1);
  metrics_observe (p->inner_latency, endpoint, ns > 0 ? (uint64_t) ns : 0);
}

static inline void
count_request (const struct kg_req *req, int32_t status, int64_t ns)
{
  struct pipeline *p = req->host->pipeline;
  const struct route *route = req->match.route;
  uint32_t endpoint = route ? p->endpoint_of[route->index] : p->nendpoints - 1;
  if (req->conn->inner)
    count_inner (p, endpoint, status, ns);
  else
    count (p, req->gate.method, endpoint, status, ns);
}

static kg_str
text (const char *s)
{
  kg_str r = { s, s ? strlen (s) : 0 };
  return r;
}

static void
write_line (const struct kg_req *req, int64_t ns)
{
  const struct route *route = req->match.route;
  struct log_access a;
  memset (&a, 0, sizeof a);
  a.time_ns = req->start_wall + ns;
  a.duration_ns = ns;
  a.bytes_in = req->body.len;
  a.bytes_out = req->sent;
  a.status = req->response.status;
  a.error = req->failed;
  /* An id that was made here, and a route: its pattern has letters and braces only, and its
   * method is one of ours. */
  a.known = route && !request_field (req, FIELD_REQUEST_ID).ptr && route->pattern.len < 256;
  a.request_id = (kg_str){ req->id, req->id_len };
  a.method = req->method_text;
  a.path = req->gate.target.path;
  a.client = conn_client (req->conn, req);
  if (req->conn->admin || req->conn->local || req->conn->inner)
    a.listener = text (req->conn->inner ? "inner" : req->conn->local ? "local" : "admin");
  if (route)
    a.route = route->pattern;
  if (req->traced) {
    a.trace_id = (kg_str){ req->trace_id, 32 };
    a.span_id = (kg_str){ req->span_id, 16 };
  }
  if (req->identity) {
    a.subject = text (req->identity->subject);
    a.tenant = text (req->identity->tenant);
    a.key_id = text (req->identity->key_id);
  }
  log_access (&a);
}

void
account_request (struct kg_req *req)
{
  const struct route *route = req->match.route;
  int64_t ns = clock_mono () - req->start_mono;
  count_request (req, req->response.status, ns);
  if (route && route->pub.flags & KG_QUIET && req->response.status < 400)
    return;
  if (log_access_enabled ())
    write_line (req, ns);
}

void
account_stuck (const struct kg_req *req, uint32_t stuck)
{
  count_request (req, 504, clock_mono () - req->start_mono);
  metrics_set (req->host->pipeline->stuck, 0, stuck);
}

void
account_refusal (struct host *host, int32_t status)
{
  count (host->pipeline, -1, host->pipeline->nendpoints - 1, status, 0);
}
