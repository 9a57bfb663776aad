/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The fake host: its store, jobs and calls, and a restart. */

#include "tests/plugins/fake-sample.h"

static struct kg_http_reply got;

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
  Suite *s = suite_create ("fake-work");
  TCase *c = tcase_create ("fake-work");
  SRunner *r = srunner_create (s);
  int failed;
  tcase_add_checked_fixture (c, set_up, tear_down);
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
