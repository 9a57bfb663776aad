/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* metering-openmeter.so against the fake host: how usage travels. */

#include "tests/plugins/metering.h"

static const char *const exporting[]
    = { "url=http://127.0.0.1:9/", "api_key=secret", "batch_size=4", NULL };

static void
begin_exporting (void)
{
  fake = fake_new ();
  fake_services (fake);
  provide_budget ();
  open_with (exporting);
}

/* ---- Exporting ---------------------------------------------------------------- */

static void
turn (int64_t ms)
{
  fake_advance (fake, ms);
  fake_run_jobs (fake);
}

/* The server answers the request under way with this. */
static void
answer (int status)
{
  fake_http_reply (fake, status, NULL, "", -1);
  ck_assert_int_eq (fake_http_deliver (fake), 1);
  fake_run_jobs (fake);
}

/* How many events the newest request carries; 0: it is a probe. */
static int
carried (void)
{
  const struct fake_call *c = fake_http_call (fake, fake_http_count (fake) - 1);
  const char *p = c && !strcmp (c->method, "POST") ? c->body : "";
  int n = 0;
  while ((p = strstr (p, "{\"specversion\"")) && p++)
    n++;
  return n;
}

START_TEST (a_batch_of_cloudevents)
{
  const struct fake_call *c;
  char want[256];
  get ("/use?n=2");
  turn (2);
  ck_assert_int_eq (fake_http_count (fake), 1);
  c = fake_http_call (fake, 0);
  ck_assert_str_eq (c->url, "http://127.0.0.1:9/api/v1/events");
  ck_assert_str_eq (c->method, "POST");
  ck_assert_str_eq (fake_http_header (c, "Content-Type"), "application/cloudevents-batch+json");
  ck_assert_str_eq (fake_http_header (c, "Authorization"), "Bearer secret");
  snprintf (want, sizeof want,
            "[{\"specversion\":\"1.0\",\"id\":\"%s\",\"source\":\"kgents-api\",\"type\":"
            "\"agentese.invoke\",\"subject\":\"t\\\"1\",\"time\":\"20",
            fake_log_id (fake, "usage", 0));
  ck_assert_msg (!strncmp (c->body, want, strlen (want)), "%s", c->body);
  ck_assert_ptr_nonnull (strstr (c->body, "+00:00\",\"datacontenttype\":\"application/json\","
                                          "\"data\":{\"path\":\"a/b\",\"x\":1.50}},{"));
  snprintf (want, sizeof want, "\"id\":\"%s-1\"", fake_log_id (fake, "usage", 0));
  ck_assert_ptr_nonnull (strstr (c->body, want));
  answer (204);
  ck_assert_int_eq (fake_health (fake, "openmeter"), KG_HEALTH_OK);
  ck_assert_double_eq (fake_metric (fake, "kgents_openmeter_events_sent_total", NULL), 2);
  ck_assert_double_eq (fake_metric (fake, "kgents_openmeter_events_buffered", NULL), 0);
  turn (1100);
  ck_assert_int_eq (fake_http_count (fake), 1);
}
END_TEST

START_TEST (full_batches_go_at_once)
{
  turn (2);
  answer (200); /* the probe */
  use_times (9);
  fake_run_jobs (fake);
  ck_assert_int_eq (carried (), 4);
  answer (200);
  ck_assert_int_eq (carried (), 4);
  answer (202);
  ck_assert_int_eq (fake_http_count (fake), 3); /* one is left, for the interval */
  turn (1100);
  ck_assert_int_eq (carried (), 1);
}
END_TEST

/* Few records with many events are many, too. */
START_TEST (full_batches_of_few_records)
{
  turn (2);
  answer (200); /* the probe */
  get ("/use?n=9");
  turn (1100);
  ck_assert_int_eq (carried (), 4);
  answer (200);
  ck_assert_int_eq (carried (), 4);
  answer (200);
  ck_assert_int_eq (fake_http_count (fake), 3); /* one is left, for the interval */
  turn (1100);
  ck_assert_int_eq (carried (), 1);
}
END_TEST

START_TEST (a_restart_goes_on_behind_the_last_2xx)
{
  char *first;
  use_times (6);
  turn (2);
  answer (204);
  ck_assert_int_eq (carried (), 2);
  first = strdup (fake_http_call (fake, fake_http_count (fake) - 1)->body);
  fake_stop (fake); /* the second batch was not answered */
  fake_http_deliver (fake);
  fake_close (fake);
  open_with (exporting);
  turn (2);
  ck_assert_str_eq (fake_http_call (fake, fake_http_count (fake) - 1)->body, first);
  free (first);
}
END_TEST

static const int temporary[]
    = { 429,        500,         502,           503,           504,     302,      408,
        -ETIMEDOUT, -ECONNRESET, -ECONNREFUSED, -EHOSTUNREACH, -EPROTO, -EMSGSIZE };

START_TEST (the_same_ids_again)
{
  char *first;
  int i, before;
  use_times (3);
  turn (2);
  first = strdup (fake_http_call (fake, 0)->body);
  for (i = 0; i < 5; i++) {
    before = fake_http_count (fake);
    answer (temporary[_i]);
    ck_assert_int_eq (fake_http_count (fake), before); /* not at once */
    ck_assert_int_eq (fake_health (fake, "openmeter"), KG_HEALTH_DEGRADED);
    turn (10000);
    ck_assert_int_eq (fake_http_count (fake), before + 1);
    ck_assert_str_eq (fake_http_call (fake, before)->body, first);
  }
  answer (204);
  ck_assert_int_eq (fake_health (fake, "openmeter"), KG_HEALTH_OK);
  ck_assert_double_eq (fake_metric (fake, "kgents_openmeter_flush_errors_total", NULL), 5);
  free (first);
}
END_TEST

START_TEST (retry_after_is_honoured)
{
  use_times (1);
  turn (2);
  fake_http_reply (fake, 429, NULL, "", 120000);
  fake_http_deliver (fake);
  fake_run_jobs (fake);
  turn (110000);
  ck_assert_int_eq (fake_http_count (fake), 1);
  turn (11000);
  ck_assert_int_eq (fake_http_count (fake), 2);
  fake_http_reply (fake, 429, NULL, "", 1000000000); /* five minutes at most */
  fake_http_deliver (fake);
  fake_run_jobs (fake);
  turn (301000);
  ck_assert_int_eq (fake_http_count (fake), 3);
}
END_TEST

/* Records that say nothing but what something costs are passed over, and what the
 * others cost stays here. */
START_TEST (charges_are_not_sent)
{
  int i;
  charge_result = 1;
  for (i = 0; i < 11; i++)
    get (i == 5 ? "/use" : "/use?n=0");
  for (i = 0; i < 6; i++)
    turn (1100);
  ck_assert_int_eq (carried (), 1);
  ck_assert_ptr_null (
      strstr (fake_http_call (fake, fake_http_count (fake) - 1)->body, "charge"));
  answer (204);
  for (i = 0; i < 6; i++)
    turn (1100);
  ck_assert_double_eq (fake_metric (fake, "kgents_openmeter_events_buffered", NULL), 0);
  ck_assert_double_eq (fake_metric (fake, "kgents_openmeter_events_sent_total", NULL), 1);
  ck_assert_double_eq (fake_metric (fake, "kgent_metering_parked_total", NULL), 0);
  fake_stop (fake);
  fake_http_deliver (fake);
  fake_close (fake);
  open_with (exporting); /* the cursor is behind them: nothing is read again */
  turn (2);
  ck_assert_double_eq (fake_metric (fake, "kgents_openmeter_events_buffered", NULL), 0);
}
END_TEST

/* A server that cannot take one event: every batch with it is a 400. */
static void
serve_poison (const char *id)
{
  char needle[128];
  int i;
  snprintf (needle, sizeof needle, "\"id\":\"%s\"", id);
  for (i = 0; i < 100; i++) {
    const struct fake_call *c = fake_http_call (fake, fake_http_count (fake) - 1);
    if (!c || c->delivered)
      break;
    answer (c->body && strstr (c->body, needle) ? 400 : 204);
  }
}

START_TEST (a_poison_event_is_parked_alone)
{
  char id[128], want[512];
  use_times (3);
  get ("/use?n=3");
  use_times (3);
  snprintf (id, sizeof id, "%s-1", fake_log_id (fake, "usage", 3));
  turn (2);
  serve_poison (id);
  turn (1100);
  serve_poison (id);
  ck_assert_double_eq (fake_metric (fake, "kgents_openmeter_events_sent_total", NULL), 8);
  ck_assert_double_eq (fake_metric (fake, "kgent_metering_parked_total", NULL), 1);
  snprintf (want, sizeof want, "\"id\":\"%s\",\"event\":{\"specversion\":\"1.0\",\"id\":\"%s\"",
            id, id);
  ck_assert_ptr_nonnull (strstr (
      fake_store_get (fake, "metering.parked", "openmeter/00000000000000000004-00001"), want));
  ck_assert_double_eq (fake_metric (fake, "kgents_openmeter_events_buffered", NULL), 0);
  ck_assert_int_eq (fake_health (fake, "openmeter"), KG_HEALTH_OK);
}
END_TEST

START_TEST (what_was_parked_is_not_sent_again)
{
  char id[128];
  use_times (1);
  snprintf (id, sizeof id, "%s", fake_log_id (fake, "usage", 0));
  turn (2);
  serve_poison (id);
  fake_stop (fake);
  fake_http_deliver (fake);
  fake_close (fake);
  open_with (exporting);
  turn (2);
  ck_assert_int_eq (carried (), 0);
}
END_TEST

static kg_log *foreign;

static int32_t
stranger_open (const struct kg_host *h, kg_self *self, const void *conf, void **ret_data)
{
  const struct kg_store *store = NULL;
  (void)conf;
  *ret_data = NULL;
  h->need (self, KG_STORE, sizeof *store, 0, (const void **)&store);
  return store->log (self, "usage", 0, 400, &foreign);
}

static const struct kg_plugin stranger = {
  KG_ABI_TARGET,      sizeof stranger, sizeof (struct kg_opt),      0,
  .name = "stranger", .version = "1",  .summary = "writes garbage", .open = stranger_open
};

/* The log as operators see it. */
static const char *
list_all (void)
{
  static const char *const admin[] = { "admin", NULL };
  static const struct kg_identity who = {
    .size = sizeof who, .subject = "olga", .tenant = "ops", .key_id = "o", .scopes = admin
  };
  kg_req *req;
  fake_as (fake, &who, 1, 0);
  req = fake_request (fake, "GET", "/admin/v1/usage/events?limit=100", NULL, NULL);
  fake_run_jobs (fake);
  ck_assert_int_eq (fake_status (req), 200);
  return fake_body (req);
}

START_TEST (a_record_that_is_none_of_ours)
{
  static const char *const garbage[]
      = { "no json", "{}", "{\"tenant\":\"\",\"time\":1,\"events\":[]}",
          "{\"tenant\":\"t\",\"time\":1,\"events\":[{\"type\":1,\"data\":{}}]}",
          "{\"tenant\":\"t\",\"time\":1,\"events\":[{\"type\":\"a\",\"data\":{}}]} x" };
  const struct kg_store *store;
  int i;
  fake = fake_new ();
  fake_services (fake);
  ck_assert (!fake_open (fake, &stranger, NULL));
  open_with (exporting);
  store = fake_service (fake, KG_STORE);
  use_times (1);
  for (i = 0; i < 5; i++) {
    struct kg_op op = { .kind = KG_OP_APPEND, .log = foreign };
    op.value = (kg_str){ garbage[i], strlen (garbage[i]) };
    ck_assert_int_eq (store->write (fake_self (fake), &op, 1, sizeof op, NULL, NULL), 0);
  }
  fake_store_commit (fake);
  use_times (1);
  ck_assert_int_eq (fake_log_count (fake, "usage"), 7);
  turn (2);
  ck_assert_int_eq (carried (), 1); /* the good one goes without them */
  answer (204);
  fake_run_jobs (fake);
  ck_assert_int_eq (carried (), 1);
  answer (204);
  ck_assert_double_eq (fake_metric (fake, "kgent_metering_parked_total", NULL), 5);
  ck_assert_double_eq (fake_metric (fake, "kgents_openmeter_events_sent_total", NULL), 2);
  end ();
}
END_TEST

/* Records of events that others sent: whose, and under which source and id.  OpenMeter counts
 * one of those that are equal once source and id are joined by a hyphen. */
#define SENT(tenant, source, id)                                                                  \
  "{\"tenant\":\"" tenant "\",\"time\":1,\"events\":[{\"type\":\"a\",\"id\":\"" id                \
  "\",\"source\":\"" source "\",\"data\":{},\"ext\":{\"originsource\":\"mine\",\"cell\":\"7\"}}]}"

static const struct {
  const char *record, *source;
} sent[] = {
  { SENT ("acme", "/app", "1"), "kgents-api/acme#/app\",\"originsource\":\"/app\"," },
  { SENT ("ac-me", "/app", "1"), "kgents-api/ac-me#/app\"" },
  { SENT ("a\\u0063me2", "\\/app", "1"), "kgents-api/acme2#/app\",\"originsource\":\"\\/app\"" },
  { SENT ("a/b", "/app", "1"), "kgents-api/a%2Fb#/app\"" },
  { SENT ("a", "b#/app", "1"), "kgents-api/a#b%23/app\"" },
  { SENT ("a", "b%23/app", "1"), "kgents-api/a#b%2523/app\"" },
  { SENT ("a", "x-y", "z"), "kgents-api/a#x%2Dy\"" },
  { SENT ("a", "x", "y-z"), "kgents-api/a#x\"" },
  { SENT ("a-x", "y", "z"), "kgents-api/a-x#y\"" },
  { SENT ("a", "kgents", "api-host-1"), "kgents-api/a#kgents\"" },
  { SENT ("a", "\\u20ac", "1"), "kgents-api/a#%E2%82%AC\"" },
  { SENT ("a", "kgents-api", "evt_1"), "kgents-api\",\"type\"" }, /* of a plugin */
};

#define SENT_COUNT (int)(sizeof sent / sizeof sent[0])

/* What OpenMeter knows the event by that begins at p. */
static void
joined (const char *p, char out[256])
{
  const char *id = strstr (p, "\"id\":\"") + 6, *source = strstr (p, "\"source\":\"") + 10;
  snprintf (out, 256, "%.*s-%.*s", (int)strcspn (source, "\""), source, (int)strcspn (id, "\""),
            id);
}

START_TEST (sources_are_those_of_a_tenant)
{
  const char *body, *p;
  char all[SENT_COUNT][256], want[300];
  const struct kg_store *store;
  int i, k;
  fake = fake_new ();
  fake_services (fake);
  ck_assert (!fake_open (fake, &stranger, NULL));
  open_with (NULL);
  store = fake_service (fake, KG_STORE);
  for (i = 0; i < SENT_COUNT; i++) {
    struct kg_op op = { .kind = KG_OP_APPEND, .log = foreign };
    op.value = (kg_str){ sent[i].record, strlen (sent[i].record) };
    ck_assert_int_eq (store->write (fake_self (fake), &op, 1, sizeof op, NULL, NULL), 0);
  }
  fake_store_commit (fake);
  body = p = list_all ();
  for (i = 0; i < SENT_COUNT; i++, p++) {
    p = strstr (p, "{\"specversion\"");
    ck_assert_msg (p, "%s", body);
    snprintf (want, sizeof want, "\"source\":\"%s", sent[i].source);
    ck_assert_msg (!strncmp (strstr (p, "\"source\""), want, strlen (want)), "%s: %s", want, p);
    joined (p, all[i]);
    for (k = 0; k < i; k++)
      ck_assert_str_ne (all[k], all[i]);
  }
  ck_assert_ptr_null (strstr (body, "\"originsource\":\"mine\"")); /* the host's own attribute */
  ck_assert_ptr_nonnull (strstr (body, "\"cell\":\"7\""));
  end ();
}
END_TEST

START_TEST (parking_waits_for_the_disk)
{
  use_times (1);
  turn (2);
  fake_store_fail (fake, -ENOSPC, -1);
  answer (400);
  fake_run_jobs (fake);
  ck_assert_int_eq (fake_health (fake, "openmeter"), KG_HEALTH_DEGRADED);
  ck_assert_double_eq (fake_metric (fake, "kgents_openmeter_events_buffered", NULL), 1);
  fake_store_fail (fake, 0, 0);
  turn (1000);
  answer (204); /* it changed its mind: nothing was lost meanwhile */
  ck_assert_double_eq (fake_metric (fake, "kgents_openmeter_events_sent_total", NULL), 1);
}
END_TEST

START_TEST (not_everything_is_parked)
{
  int i;
  use_times (20);
  turn (2);
  for (i = 0; i < 200 && fake_health (fake, "openmeter") != KG_HEALTH_DOWN; i++)
    answer (400);
  ck_assert_double_eq (fake_metric (fake, "kgent_metering_parked_total", NULL), 10);
  ck_assert_double_eq (fake_metric (fake, "kgents_openmeter_events_buffered", NULL), 10);
}
END_TEST

static const int refusing[] = { 401, 403, 404 };

START_TEST (a_refused_key_stops_everything)
{
  use_times (6);
  turn (2);
  answer (refusing[_i]);
  ck_assert_int_eq (fake_health (fake, "openmeter"), KG_HEALTH_DOWN);
  turn (59000);
  ck_assert_int_eq (fake_http_count (fake), 1);
  turn (2000);
  ck_assert_int_eq (carried (), 1);
  answer (refusing[_i]);
  turn (61000);
  ck_assert_int_eq (carried (), 1);
  answer (204);
  ck_assert_int_eq (fake_health (fake, "openmeter"), KG_HEALTH_OK);
  turn (1100);
  answer (204);
  turn (1100);
  answer (204);
  ck_assert_double_eq (fake_metric (fake, "kgents_openmeter_events_sent_total", NULL), 6);
  ck_assert_double_eq (fake_metric (fake, "kgent_metering_parked_total", NULL), 0);
}
END_TEST

START_TEST (probing_when_idle)
{
  turn (2);
  ck_assert_str_eq (fake_http_call (fake, 0)->url, "http://127.0.0.1:9/api/v1/meters");
  ck_assert_int_eq (fake_health (fake, "openmeter"), KG_HEALTH_STARTING);
  answer (-ECONNREFUSED);
  ck_assert_int_eq (fake_health (fake, "openmeter"), KG_HEALTH_DEGRADED);
  turn (5000);
  answer (200);
  ck_assert_int_eq (fake_health (fake, "openmeter"), KG_HEALTH_OK);
  turn (5000);
  ck_assert_int_eq (fake_http_count (fake), 2);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("metering-export");
  TCase *x = tcase_create ("exporting"), *own = tcase_create ("configurations");
  SRunner *sr;
  int failed;
  tcase_add_checked_fixture (x, begin_exporting, end);
  tcase_add_test (x, a_batch_of_cloudevents);
  tcase_add_test (x, full_batches_go_at_once);
  tcase_add_test (x, full_batches_of_few_records);
  tcase_add_test (x, a_restart_goes_on_behind_the_last_2xx);
  tcase_add_loop_test (x, the_same_ids_again, 0, (int)(sizeof temporary / sizeof temporary[0]));
  tcase_add_test (x, charges_are_not_sent);
  tcase_add_test (x, retry_after_is_honoured);
  tcase_add_test (x, a_poison_event_is_parked_alone);
  tcase_add_test (x, what_was_parked_is_not_sent_again);
  tcase_add_test (x, parking_waits_for_the_disk);
  tcase_add_test (x, not_everything_is_parked);
  tcase_add_loop_test (x, a_refused_key_stops_everything, 0, 3);
  tcase_add_test (x, probing_when_idle);
  tcase_add_test (own, a_record_that_is_none_of_ours);
  tcase_add_test (own, sources_are_those_of_a_tenant);
  suite_add_tcase (s, x);
  suite_add_tcase (s, own);
  sr = srunner_create (s);
  srunner_set_tap (sr, "-");
  srunner_run_all (sr, CK_SILENT);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
