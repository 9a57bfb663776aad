/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* health.so: the host's face: probes, metrics, the API document and its page. */
#ifndef HEALTH_HEALTH_H
#define HEALTH_HEALTH_H

#define KG_ABI_TARGET KG_ABI (1, 1)
#include <kgent/plugin.h>

#include <kgent/health.h>
#include <kgent/json.h>
#include <kgent/metrics.h>
#include <kgent/nodes.h>
#include <kgent/routes.h>

#include <pthread.h>

#define TYPE_JSON "application/json"
#define TYPE_TEXT "text/plain; charset=utf-8"
#define TYPE_HTML "text/html; charset=utf-8"

#define ETAG_MAX 40 /* bytes, with quotes and NUL */

struct health_conf {
  const char *title, *description, *server_url;
  int32_t public_metrics; /* /metrics on the public listener too */
  int32_t docs;           /* /docs and /openapi.json exist */
};

/* A document that is made in start; that of the API again when there are more nodes. */
struct document {
  char *text; /* malloc'ed */
  size_t len;
  char etag[ETAG_MAX];
};

struct plugin {
  const struct kg_host *host;
  kg_self *self;
  const struct health_conf *conf;
  const struct kg_health *health;
  const struct kg_metrics *metrics;
  const struct kg_routes *routes;
  const struct kg_nodes *nodes; /* NULL: nobody has any */
  int32_t incomplete; /* a document lacks something, for want of memory */
  struct document index;
  pthread_mutex_t api_lock;
  uint64_t api_version;   /* of the nodes in api; under the lock */
  struct document api[2]; /* openapi.json: [0] public listener, [1] admin listener; too */
  struct document page;   /* /docs */
  char page_policy[320];  /* its Content-Security-Policy */
};

/* document.c: takes `text` over and names it; 0, or -ENOMEM (for a NULL text too). */
int32_t document_set (struct document *d, char *text, size_t len);
void document_finish (struct document *d);

/* Answers the document, or 304 when the client has it (RFC 9110, 13.1.2). */
int32_t document_reply (struct plugin *p, kg_req *req, const struct document *d,
                        const char *type);

/* index.c: GET /, made from the registered routes. */
int32_t index_make (struct plugin *p);

/* openapi.c: the document for one listener. */
int32_t openapi_make (struct plugin *p, int32_t admin, struct document *ret);

/* page.c: GET /docs. */
int32_t page_make (struct plugin *p);

/* status.c: GET /health, /health/saas, and the components as lines of text. */
kg_fn status_get;
kg_fn status_saas;
int32_t status_verbose (struct plugin *p, kg_req *req, int32_t status);

#endif
