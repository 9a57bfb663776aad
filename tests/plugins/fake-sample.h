/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A plugin that uses all of the fake host. */
#ifndef TESTS_PLUGINS_FAKE_SAMPLE_H
#define TESTS_PLUGINS_FAKE_SAMPLE_H

#include "tests/fake/fake-services.h"

#include <kgent/json.h>

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct tier {
  const char *name;
  int64_t rpm;
};

struct conf {
  const char *greeting;
  int64_t count;
  double wait;
  int32_t loud;
  const char *const *names;
  struct {
    const char *mode;
  } sub;
  struct kg_list tiers;
};

static const struct kg_host *host;
static const struct kg_metrics *metrics;
static const struct kg_jobs *jobs;
static const struct kg_http *http;
static const struct kg_store *store;
static const struct kg_health *health;
static const struct conf *conf;
static kg_self *me;
static kg_metric *hits;
static kg_component *component;
static kg_bucket *bucket;
static kg_log *usage;
static kg_timer *timer;
static int logs, commits, watched, gone, dropped, ticks, starts, stops, closes, notified;
static kg_ticket *held;
static kg_stream *stream;

static inline int32_t
access_hook (kg_req *req, void *data)
{
  struct kg_identity id = { .size = sizeof id, .subject = "bob", .tenant = "t" };
  const char *const scopes[] = { "read", NULL };
  kg_str key = host->get (req, KG_GET_HEADER, "x-api-key");
  ck_assert_ptr_eq (data, &host);
  id.scopes = scopes;
  *host->slot (req, me) = &id;
  if (!key.ptr || host->identity (req))
    return KG_NEXT;
  return key.len == 3 ? host->identify (req, &id)
                      : host->problem (req, 401, NULL, "bad %s", "key");
}

static inline int32_t
commit_hook (kg_req *req, void *data)
{
  (void)data;
  commits++;
  if (!(host->num (req, KG_NUM_ROUTE_FLAGS) & KG_BILLABLE)
      || host->num (req, KG_NUM_STATUS) > 299)
    return KG_NEXT;
  return store->record (usage, req, "{}", 2, NULL);
}

static inline int32_t
log_hook (kg_req *req, void *data)
{
  (void)req, (void)data;
  logs++;
  return KG_NEXT;
}

static inline int32_t
hello (kg_req *req, void *data)
{
  kg_str name = host->get (req, KG_GET_PARAM, "name"), x = host->get (req, KG_GET_QUERY, "x");
  char *out = host->alloc (req, 200);
  (void)data;
  metrics->add (hits, 1, 2);
  host->header (req, "X-Hello", "1");
  ck_assert_int_eq (host->header (req, "Date", "now"), -EINVAL);
  ck_assert_int_eq (host->header (req, "X-Bad", "a\r\nb"), -EINVAL);
  strcpy (out, conf->greeting);
  strcat (out, name.ptr);
  strcat (out, x.ptr ? x.ptr : "-");
  host->reply (req, 200, "text/plain", out, strlen (out));
  return KG_NEXT;
}

static inline int32_t
body (kg_req *req, void *data)
{
  const struct kg_json *j = host->json (req);
  kg_str three = { "3", 1 };
  (void)data;
  host->member (req, "needed", three);
  if (!kg_json_find (j, 0, "path"))
    return host->problem (req, 422, NULL, "no path");
  return host->reply (req, 200, "application/json", "{}", 2) < 0 ? -EIO : KG_DONE;
}

static inline int32_t
later (kg_req *req, void *arg)
{
  host->reply (req, 200, "text/plain", arg, strlen (arg));
  return KG_DONE;
}

static inline void
note_gone (void *arg)
{
  (void)arg;
  gone++;
}

static inline void
note_drop (void *arg)
{
  (void)arg;
  dropped++;
}

static inline int32_t
wait_route (kg_req *req, void *data)
{
  (void)data;
  held = host->suspend (req, note_gone, NULL);
  ck_assert_ptr_nonnull (held);
  ck_assert_ptr_null (host->suspend (req, NULL, NULL));
  return KG_WAIT;
}

static inline int32_t
stream_route (kg_req *req, void *data)
{
  (void)data;
  stream = host->stream (req, 200, "text/event-stream");
  ck_assert_int_eq (host->send (stream, "data: 1\n\n", 9), 0);
  return KG_DONE;
}

static inline int32_t
fail_route (kg_req *req, void *data)
{
  (void)req, (void)data;
  return -ENOSPC;
}

static inline void
tick (void *arg)
{
  (void)arg;
  ticks++;
}

static inline void
watch (const struct kg_entry *e, void *arg)
{
  (void)arg;
  watched += e->value.ptr ? 1 : 100;
}

static inline void
notify (void *arg)
{
  (void)arg;
  notified++;
}

static const struct kg_route routes[] = { { .size = sizeof (struct kg_route),
                                            .method = "GET",
                                            .pattern = "/hello/{name}",
                                            .scope = "read",
                                            .handler = hello },
                                          { .size = sizeof (struct kg_route),
                                            .flags = KG_JSON | KG_PUBLIC,
                                            .method = "POST",
                                            .pattern = "/body",
                                            .handler = body,
                                            .body_max = 20 },
                                          { .size = sizeof (struct kg_route),
                                            .flags = KG_PUBLIC,
                                            .method = "GET",
                                            .pattern = "/wait",
                                            .handler = wait_route },
                                          { .size = sizeof (struct kg_route),
                                            .flags = KG_PUBLIC | KG_STREAMS,
                                            .method = "GET",
                                            .pattern = "/stream",
                                            .handler = stream_route },
                                          { .size = sizeof (struct kg_route),
                                            .flags = KG_PUBLIC,
                                            .method = "GET",
                                            .pattern = "/fail",
                                            .handler = fail_route },
                                          { .size = sizeof (struct kg_route),
                                            .flags = KG_BILLABLE,
                                            .scope = "admin",
                                            .method = "GET",
                                            .pattern = "/paid/{name}",
                                            .handler = hello } };
static const char *const results[] = { "good", "bad", NULL };
static const struct kg_label label = { "result", results };
static const struct kg_metric_def def = { .size = sizeof def,
                                          .kind = KG_COUNTER,
                                          .name = "hits_total",
                                          .help = "Hits.",
                                          .labels = &label,
                                          .nlabels = 1 };

static inline int32_t
plugin_open (const struct kg_host *h, kg_self *self, const void *c, void **ret_data)
{
  host = h;
  conf = c;
  me = self;
  *ret_data = &host;
  for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++)
    ck_assert_int_eq (h->route (self, &routes[i]), 0);
  ck_assert_int_eq (h->route (self, &routes[0]), -EEXIST);
  h->hook (self, KG_PHASE_ACCESS, access_hook);
  h->hook (self, KG_PHASE_COMMIT, commit_hook);
  h->hook (self, KG_PHASE_LOG, log_hook);
  h->need (self, KG_METRICS, sizeof *metrics, 0, (const void **)&metrics);
  h->need (self, KG_JOBS, sizeof *jobs, 0, (const void **)&jobs);
  h->need (self, KG_HTTP, sizeof *http, 0, (const void **)&http);
  h->need (self, KG_STORE, sizeof *store, 0, (const void **)&store);
  h->need (self, KG_HEALTH, sizeof *health, 0, (const void **)&health);
  metrics->define (self, &def, &hits);
  health->add (self, "part", 0, &component);
  store->bucket (self, "things", &bucket);
  store->log (self, "usage", 30, 0, &usage);
  store->watch (bucket, watch, NULL);
  store->notify (usage, notify, NULL);
  return 0;
}

static inline int32_t
plugin_start (void *data)
{
  (void)data;
  starts++;
  health->set (component, KG_HEALTH_OK, 1000, "fine");
  return jobs->timer (me, 1000, 1000, tick, NULL, &timer);
}

static inline void
plugin_stop (void *data)
{
  (void)data;
  stops++;
  jobs->cancel (timer);
}

static inline void
plugin_close (void *data)
{
  (void)data;
  closes++;
}

static const struct kg_opt tier_opts[] = {
  { .key = "name",
    .type = KG_OPT_STRING,
    .flags = KG_OPT_REQUIRED,
    .offset = offsetof (struct tier, name) },
  { .key = "rpm", .type = KG_OPT_INT, .dflt = "60", .offset = offsetof (struct tier, rpm) },
  { .key = NULL },
};
static const struct kg_opt sub_opts[] = {
  { .key = "mode", .type = KG_OPT_STRING, .dflt = "a", .choices = "a|bc", .offset = 0 },
  { .key = NULL },
};
static const struct kg_opt opts[] = {
  { .key = "greeting",
    .type = KG_OPT_STRING,
    .dflt = "hi ",
    .offset = offsetof (struct conf, greeting) },
  { .key = "count",
    .type = KG_OPT_INT,
    .dflt = "7",
    .min = 1,
    .max = 9,
    .offset = offsetof (struct conf, count) },
  { .key = "wait",
    .type = KG_OPT_NUMBER,
    .dflt = "0.5",
    .offset = offsetof (struct conf, wait) },
  { .key = "loud",
    .type = KG_OPT_BOOL,
    .dflt = "false",
    .offset = offsetof (struct conf, loud) },
  { .key = "names",
    .type = KG_OPT_STRINGS,
    .dflt = "a, b",
    .offset = offsetof (struct conf, names) },
  { .key = "sub",
    .type = KG_OPT_GROUP,
    .sub = sub_opts,
    .offset = offsetof (struct conf, sub) },
  { .key = "tiers",
    .type = KG_OPT_LIST,
    .sub = tier_opts,
    .sub_size = sizeof (struct tier),
    .offset = offsetof (struct conf, tiers) },
  { .key = NULL },
};

KG_PLUGIN (.name = "sample", .version = "1", .summary = "All of it", .opts = opts,
           .conf_size = sizeof (struct conf), .open = plugin_open, .start = plugin_start,
           .stop = plugin_stop, .close = plugin_close);

static struct fake *fake;

static inline void
set_up (void)
{
  fake = fake_new ();
  fake_services (fake);
  fake_store_put (fake, "things", "k", "v");
  ck_assert_int_eq (fake_open (fake, &kg_plugin_1, NULL), 0);
  ck_assert_int_eq (fake_start (fake), 0);
}

static inline void
tear_down (void)
{
  fake_free (fake);
}

static const char *const good[] = { "X-API-Key: abc", NULL };

#endif
