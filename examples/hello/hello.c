/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A whole plugin: one option, one route, one counter. */
#define KG_ABI_TARGET KG_ABI (1, 0)
#include <kgent/metrics.h>
#include <kgent/plugin.h>

#include <errno.h>
#include <stdio.h>

static const struct kg_host *host;
static const struct kg_metrics *metrics;
static const struct conf { const char *greeting; } *conf;
static kg_metric *greeted;

static int32_t
hello (kg_req *req, void *data)
{
  kg_str name = host->get (req, KG_GET_PARAM, "name");
  char *text = host->alloc (req, 512);
  int n;
  (void) data;
  if (!text)
    return -ENOMEM;
  n = snprintf (text, 512, "%.200s, %.*s!\n", conf->greeting, (int) name.len, name.ptr);
  if (n < 0 || n >= 512)
    return host->problem (req, 400, NULL, "The name is too long");
  metrics->add (greeted, 0, 1);
  host->reply (req, 200, "text/plain; charset=utf-8", text, (size_t) n);
  return KG_DONE;
}

static int32_t
hello_open (const struct kg_host *h, kg_self *self, const void *c, void **ret_data)
{
  static const struct kg_route route = { .size = sizeof route, .flags = KG_PUBLIC, .method = "GET",
    .pattern = "/v1/hello/{name}", .summary = "Greets", .handler = hello };
  static const struct kg_metric_def def = { .size = sizeof def, .kind = KG_COUNTER,
    .name = "hello_greetings_total", .help = "Greetings given." };
  int32_t e = h->need (self, KG_METRICS, sizeof *metrics, 0, (const void **) &metrics);
  (void) ret_data;
  host = h;
  conf = c;
  if (e < 0 || (e = metrics->define (self, &def, &greeted)) < 0)
    return e;
  return h->route (self, &route);
}

static const struct kg_opt opts[] = {
  { .key = "greeting", .dflt = "Hello", .help = "How to begin.", .type = KG_OPT_STRING },
  { .key = NULL },
};

KG_PLUGIN (.name = "hello", .version = "1.0", .summary = "Greets whoever is named in the path",
           .opts = opts, .conf_size = sizeof *conf, .open = hello_open);
