/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The fake host: configuration, requests and what is recorded. */

#include "tests/plugins/fake-sample.h"

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
  suite_add_tcase (s, c);
  srunner_set_tap (r, "-");
  srunner_run_all (r, CK_SILENT);
  failed = srunner_ntests_failed (r);
  srunner_free (r);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
