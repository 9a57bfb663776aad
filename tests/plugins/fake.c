/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The fake host itself, by a plugin that uses every phase and service. */
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
static struct kg_http_reply got;

static int32_t
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

static int32_t
commit_hook (kg_req *req, void *data)
{
  (void)data;
  commits++;
  if (!(host->num (req, KG_NUM_ROUTE_FLAGS) & KG_BILLABLE)
      || host->num (req, KG_NUM_STATUS) > 299)
    return KG_NEXT;
  return store->record (usage, req, "{}", 2, NULL);
}

static int32_t
log_hook (kg_req *req, void *data)
{
  (void)req, (void)data;
  logs++;
  return KG_NEXT;
}

static int32_t
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

static int32_t
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

static int32_t
later (kg_req *req, void *arg)
{
  host->reply (req, 200, "text/plain", arg, strlen (arg));
  return KG_DONE;
}

static void
note_gone (void *arg)
{
  (void)arg;
  gone++;
}

static void
note_drop (void *arg)
{
  (void)arg;
  dropped++;
}

static int32_t
wait_route (kg_req *req, void *data)
{
  (void)data;
  held = host->suspend (req, note_gone, NULL);
  ck_assert_ptr_nonnull (held);
  ck_assert_ptr_null (host->suspend (req, NULL, NULL));
  return KG_WAIT;
}

static int32_t
stream_route (kg_req *req, void *data)
{
  (void)data;
  stream = host->stream (req, 200, "text/event-stream");
  ck_assert_int_eq (host->send (stream, "data: 1\n\n", 9), 0);
  return KG_DONE;
}

static int32_t
fail_route (kg_req *req, void *data)
{
  (void)req, (void)data;
  return -ENOSPC;
}

static void
tick (void *arg)
{
  (void)arg;
  ticks++;
}

static void
watch (const struct kg_entry *e, void *arg)
{
  (void)arg;
  watched += e->value.ptr ? 1 : 100;
}

static void
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

static int32_t
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

static int32_t
plugin_start (void *data)
{
  (void)data;
  starts++;
  health->set (component, KG_HEALTH_OK, 1000, "fine");
  return jobs->timer (me, 1000, 1000, tick, NULL, &timer);
}

static void
plugin_stop (void *data)
{
  (void)data;
  stops++;
  jobs->cancel (timer);
}

static void
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

static void
set_up (void)
{
  fake = fake_new ();
  fake_services (fake);
  fake_store_put (fake, "things", "k", "v");
  ck_assert_int_eq (fake_open (fake, &kg_plugin_1, NULL), 0);
  ck_assert_int_eq (fake_start (fake), 0);
}

static void
tear_down (void)
{
  fake_free (fake);
}

static const char *const good[] = { "X-API-Key: abc", NULL };

START_TEST (conf_defaults)
{
  ck_assert_str_eq (conf->greeting, "hi ");
  ck_assert_int_eq (conf->count, 7);
  ck_assert_double_eq (conf->wait, 0.5);
  ck_assert_str_eq (conf->names[1], "b");
  ck_assert_ptr_null (conf->names[2]);
  ck_assert_str_eq (conf->sub.mode, "a");
  ck_assert_uint_eq (conf->tiers.count, 0);
  ck_assert_int_eq (watched, 1);
  ck_assert_int_eq (starts, 1);
}
END_TEST

START_TEST (conf_given)
{
  struct fake *f = fake_new ();
  const struct tier *t;
  fake_services (f);
  ck_assert_int_eq (
      fake_open (f, &kg_plugin_1,
                 (const char *const[]){ "sub.mode=bc", "tiers.0.name=FREE", "tiers.1.name=PRO",
                                        "tiers.1.rpm=9", "loud=true", NULL }),
      0);
  t = conf->tiers.items;
  ck_assert_uint_eq (conf->tiers.count, 2);
  ck_assert_int_eq (t[0].rpm, 60);
  ck_assert_str_eq (t[1].name, "PRO");
  ck_assert_int_eq (conf->loud, 1);
  ck_assert_str_eq (conf->sub.mode, "bc");
  fake_free (f);
  ck_assert_int_eq (closes, 1);
  ck_assert_int_eq (stops, 0);
}
END_TEST

static const struct {
  const char *text, *error;
} wrong[] = { { "count=10", "sample: count: not a whole number in range" },
              { "sub.mode=b", "sample: sub.mode: not one of the choices" },
              { "tiers.0.rpm=3", "sample: tiers.0.name: is required" },
              { "colour=red", "sample: colour=red: unknown key" } };

START_TEST (conf_wrong)
{
  struct fake *f = fake_new ();
  fake_services (f);
  ck_assert_int_eq (fake_open (f, &kg_plugin_1, (const char *const[]){ wrong[_i].text, NULL }),
                    -EINVAL);
  ck_assert_str_eq (fake_error (f), wrong[_i].error);
  fake_free (f);
}
END_TEST

START_TEST (closed_by_default)
{
  ck_assert_int_eq (fake_status (fake_request (fake, "GET", "/hello/al", NULL, NULL)), 401);
  ck_assert_int_eq (fake_status (fake_request (fake, "GET", "/paid/al", good, NULL)), 403);
  ck_assert_int_eq (fake_status (fake_request (fake, "GET", "/nothing", good, NULL)), 404);
  ck_assert_int_eq (fake_status (fake_request (fake, "PUT", "/body", good, NULL)), 405);
  ck_assert_int_eq (logs, 4);
  ck_assert_int_eq (commits, 2);
}
END_TEST

START_TEST (hello_works)
{
  kg_req *r = fake_request (fake, "GET", "/hello/a%6C?y=2&x=1+2", good, NULL);
  ck_assert_int_eq (fake_status (r), 200);
  ck_assert_str_eq (fake_body (r), "hi al1 2");
  ck_assert_str_eq (fake_header (r, "x-hello"), "1");
  ck_assert_str_eq (fake_identified (r)->subject, "bob");
  ck_assert_double_eq (fake_metric (fake, "hits_total", "bad"), 2);
  ck_assert_double_eq (fake_metric (fake, "hits_total", NULL), 2);
}
END_TEST

START_TEST (bodies)
{
  const char *const text[] = { "Content-Type: text/plain", NULL };
  kg_req *r = fake_request (fake, "POST", "/body", NULL, "{\"a\":1}");
  ck_assert_int_eq (fake_status (r), 422);
  ck_assert_str_eq (fake_json (r, "detail"), "no path");
  ck_assert_str_eq (fake_json (r, "needed"), "3");
  ck_assert_int_eq (fake_status (fake_request (fake, "POST", "/body", NULL, "{\"path\":1}")),
                    200);
  ck_assert_int_eq (fake_status (fake_request (fake, "POST", "/body", NULL, "{\"path\":")),
                    400);
  ck_assert_int_eq (fake_status (fake_request (fake, "POST", "/body", NULL,
                                               "{\"path\":1,\"a\":\"bcdefgh\"}")),
                    413);
  ck_assert_int_eq (fake_status (fake_request (fake, "POST", "/body", text, "{}")), 415);
  ck_assert_int_eq (fake_status (fake_request (fake, "GET", "/fail", NULL, NULL)), 503);
}
END_TEST

START_TEST (waiting)
{
  kg_req *r = fake_request (fake, "GET", "/wait", NULL, NULL);
  ck_assert_int_eq (fake_status (r), 0);
  host->resume (held, later, (void *)"late", NULL);
  ck_assert_int_eq (fake_status (r), 0);
  ck_assert_int_eq (fake_run (fake), 1);
  ck_assert_int_eq (fake_status (r), 200);
  r = fake_request (fake, "GET", "/wait", NULL, NULL);
  fake_expire (r);
  ck_assert_int_eq (fake_status (r), 504);
  ck_assert_int_eq (gone, 1);
  host->resume (held, later, (void *)"late", note_drop);
  ck_assert_int_eq (dropped, 1);
  ck_assert_int_eq (logs, 2);
}
END_TEST

START_TEST (streaming)
{
  kg_req *r = fake_request (fake, "GET", "/stream", NULL, NULL);
  ck_assert_int_eq (fake_status (r), 200);
  ck_assert_int_eq (fake_done (r), 0);
  fake_stream_max (fake, 4);
  ck_assert_int_eq (host->send (stream, "12345", 5), -EAGAIN);
  ck_assert_int_eq (host->send (stream, "1234", 4), 0);
  fake_leave (r);
  ck_assert_int_eq (host->send (stream, "1", 1), -EPIPE);
  host->end (stream);
  ck_assert_int_eq (commits, 0);
  fake_run (fake);
  ck_assert_int_eq (commits, 1);
  ck_assert_int_eq (fake_done (r), 1);
  ck_assert_str_eq (fake_body (r), "data: 1\n\n1234");
}
END_TEST

START_TEST (recording)
{
  kg_req *r;
  fake_as (fake, NULL, 0, 1);
  ck_assert_int_eq (fake_status (fake_request (fake, "GET", "/paid/al", NULL, NULL)), 200);
  ck_assert_int_eq (fake_log_count (fake, "usage"), 1);
  ck_assert_int_eq (notified, 1);
  fake_store_fail (fake, -ENOSPC, 1);
  ck_assert_int_eq (fake_status (fake_request (fake, "GET", "/paid/al", NULL, NULL)), 503);
  ck_assert_int_eq (fake_log_count (fake, "usage"), 1);
  fake_store_hold (fake, 1);
  r = fake_request (fake, "GET", "/paid/al", NULL, NULL);
  ck_assert_int_eq (fake_status (r), 0);
  ck_assert_int_eq (fake_store_commit (fake), 1);
  ck_assert_int_eq (fake_status (r), 200);
  ck_assert_str_eq (fake_log_data (fake, "usage", 1), "{}");
}
END_TEST

static void
outcome (const struct kg_outcome *out, void *arg)
{
  *(int *)arg = out->error ? out->error : 1;
}

static void
mark_note (uint32_t i, kg_str value, void *arg)
{
  *(int *)arg += (int)i * 100 + value.ptr[0];
}

START_TEST (marking)
{
  struct kg_op op = { .kind = KG_OP_MARK, .log = usage, .key = { "b", 1 }, .value = { "1", 1 } };
  const kg_str ids[] = { { "a", 1 }, { "b", 1 } };
  int result = 0, seen = 0;
  op.ttl_ms = 10;
  store->write (me, &op, 1, sizeof op, outcome, &result);
  fake_run (fake);
  ck_assert_int_eq (result, 1);
  ck_assert_int_eq (store->marks (usage, ids, 2, mark_note, &seen), 1);
  ck_assert_int_eq (seen, 100 + '1');
  store->write (me, &op, 1, sizeof op, outcome, &result);
  fake_run (fake);
  ck_assert_int_eq (result, -EEXIST);
  fake_advance (fake, 11);
  ck_assert_int_eq (store->marks (usage, ids, 2, mark_note, &seen), 0);
}
END_TEST

START_TEST (writing)
{
  struct kg_op ops[2]
      = { { .kind = KG_OP_PUT, .bucket = bucket, .key = { "n", 1 }, .value = { "1", 1 } },
          { .kind = KG_OP_APPEND, .log = usage, .key = { "id", 2 }, .value = { "x", 1 } } };
  struct kg_entry e;
  int result = 0;
  ck_assert_int_eq (store->write (me, ops, 2, sizeof ops[0], outcome, &result), 0);
  ck_assert_int_eq (result, 0);
  fake_run (fake);
  ck_assert_int_eq (result, 1);
  ck_assert_int_eq (store->get (bucket, ops[0].key, &e), 0);
  ops[0].revision = e.revision;
  store->write (me, ops, 2, sizeof ops[0], outcome, &result);
  fake_run (fake);
  ck_assert_int_eq (result, -EEXIST); /* the appended id; nothing else was done */
  ops[0].revision = e.revision + 7;
  ops[0].ttl_ms = 10;
  store->write (me, ops, 1, sizeof ops[0], outcome, &result);
  fake_run (fake);
  ck_assert_int_eq (result, -ESTALE);
  ops[0].revision = KG_REV_ANY;
  store->write (me, ops, 1, sizeof ops[0], outcome, &result);
  fake_run (fake);
  ck_assert_int_eq (watched, 3);
  fake_advance (fake, 11);
  ck_assert_int_eq (store->get (bucket, ops[0].key, &e), -ENOENT);
  fake_run (fake);
  ck_assert_int_eq (watched, 103);
}
END_TEST

START_TEST (jobs_run_by_hand)
{
  ck_assert_int_eq (fake_run_jobs (fake), 0);
  fake_advance (fake, 1001);
  ck_assert_int_eq (fake_run_jobs (fake), 1);
  ck_assert_int_eq (fake_run_jobs (fake), 0);
  jobs->kick (timer);
  jobs->run (me, tick, NULL);
  ck_assert_int_eq (fake_run_jobs (fake), 2);
  ck_assert_int_eq (ticks, 3);
  ck_assert_int_eq (fake_health (fake, "part"), KG_HEALTH_DOWN);
}
END_TEST

static void
done (const struct kg_http_reply *reply, void *arg)
{
  (void)arg;
  got = *reply;
}

START_TEST (http_scripted)
{
  const char *const headers[] = { "X-Key: secret", NULL };
  struct kg_http_request q = { .size = sizeof q,
                               .method = "POST",
                               .url = "http://x/y",
                               .headers = headers,
                               .body = { "abc", 3 },
                               .done = done };
  ck_assert_int_eq (http->send (me, &q, NULL), 0);
  ck_assert_int_eq (fake_http_deliver (fake), 0);
  fake_http_reply (fake, 429, NULL, "{}", 3000);
  fake_http_reply (fake, -ETIMEDOUT, NULL, NULL, -1);
  ck_assert_int_eq (fake_http_deliver (fake), 1);
  ck_assert_int_eq (got.status, 429);
  ck_assert_int_eq (got.retry_after_ms, 3000);
  http->send (me, &q, NULL);
  fake_http_deliver (fake);
  ck_assert_int_eq (got.error, -ETIMEDOUT);
  ck_assert_int_eq (fake_http_count (fake), 2);
  ck_assert_str_eq (fake_http_header (fake_http_call (fake, 1), "x-key"), "secret");
  ck_assert_str_eq (fake_http_call (fake, 0)->body, "abc");
}
END_TEST

START_TEST (restart)
{
  fake_stop (fake);
  fake_close (fake);
  ck_assert_int_eq (fake_open (fake, &kg_plugin_1, NULL), 0);
  ck_assert_int_eq (fake_start (fake), 0);
  ck_assert_int_eq (watched, 2);
  ck_assert_int_eq (starts, 2);
  ck_assert_int_eq (fake_status (fake_request (fake, "GET", "/hello/al", good, NULL)), 200);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("fake");
  TCase *c = tcase_create ("fake");
  SRunner *r = srunner_create (s);
  int failed;
  tcase_add_checked_fixture (c, set_up, tear_down);
  tcase_add_test (c, conf_defaults);
  tcase_add_test (c, conf_given);
  tcase_add_loop_test (c, conf_wrong, 0, sizeof wrong / sizeof wrong[0]);
  tcase_add_test (c, closed_by_default);
  tcase_add_test (c, hello_works);
  tcase_add_test (c, bodies);
  tcase_add_test (c, waiting);
  tcase_add_test (c, streaming);
  tcase_add_test (c, recording);
  tcase_add_test (c, writing);
  tcase_add_test (c, marking);
  tcase_add_test (c, jobs_run_by_hand);
  tcase_add_test (c, http_scripted);
  tcase_add_test (c, restart);
  suite_add_tcase (s, c);
  srunner_set_tap (r, "-");
  srunner_run_all (r, CK_SILENT);
  failed = srunner_ntests_failed (r);
  srunner_free (r);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
