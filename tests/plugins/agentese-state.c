/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* agentese.so against the fake host: what is kept, under which limits, and what
 * happens when it cannot be. */

#include "tests/plugins/agentese.h"

/* ---- Uses of specs ------------------------------------------------------------ */

/* More of them than one write takes, all busy all the time: none waits for ever. */
START_TEST (uses_of_many_specs)
{
  char text[256];
  int i, round;
  for (i = 0; i < 66; i++) {
    snprintf (text, sizeof text,
              ",\"kwargs\":{\"name\":\"n%d\",\"spec\":"
              "\"---\\naspects:\\n  a: A.\\n---\\n## a\\nx\\n\"}", i);
    ck_assert_int_eq (fake_status (invoke ("world.hall.define", text)), 200);
  }
  for (round = 0; round < 2; round++) {
    for (i = 0; i < 66; i++) {
      snprintf (text, sizeof text, "world.hall.n%d.a", i);
      ck_assert_int_eq (fake_status (invoke (text, NULL)), 200);
    }
    fake_advance (fake, 1000);
    fake_run_jobs (fake);
  }
  for (i = 0; i < 66; i++) {
    snprintf (text, sizeof text, "t1/world.hall.n%d", i);
    ck_assert_msg (fake_store_get (fake, "agentese.uses", text) != NULL, "%s", text);
  }
  fake_advance (fake, 1000); /* the rest, for which the end would wait */
  fake_run_jobs (fake);
}
END_TEST

/* ---- Durability --------------------------------------------------------------- */

START_TEST (an_answer_waits_for_the_disk)
{
  kg_req *req;
  fake_store_hold (fake, 1);
  req = invoke ("world.house.transform", ",\"kwargs\":{\"changes\":{\"a\":1}}");
  ck_assert_int_eq (fake_status (req), 0);
  fake_store_commit (fake);
  ck_assert_int_eq (fake_status (req), 200);
}
END_TEST

START_TEST (lost_races_are_run_again)
{
  kg_req *a, *b, *c;
  fake_store_hold (fake, 1);
  a = invoke ("world.house.transform", ",\"kwargs\":{\"changes\":{\"a\":1}}");
  b = invoke ("world.house.transform", ",\"kwargs\":{\"changes\":{\"b\":2}}");
  c = invoke ("world.house.transform", ",\"kwargs\":{\"changes\":{\"c\":3}}");
  while (!fake_status (a) || !fake_status (b) || !fake_status (c))
    ck_assert_int_gt (fake_store_commit (fake), 0);
  ck_assert_ptr_nonnull (
      strstr (fake_store_get (fake, "agentese.nodes", "t1/world.house"), "{\"version\":3,"));
  ck_assert_ptr_nonnull (strstr (fake_store_get (fake, "agentese.nodes", "t1/world.house"),
                                 "\"state\":{\"a\":1,\"b\":2,\"c\":3}"));
  ck_assert_ptr_nonnull (
      strstr (fake_store_get (fake, "agentese.trace", "t1/world.house"), "{\"total\":3,"));
}
END_TEST

START_TEST (disk_full)
{
  fake_store_fail (fake, -ENOSPC, 1);
  ck_assert_int_eq (
      fake_status (invoke ("world.house.transform", ",\"kwargs\":{\"changes\":{\"a\":1}}")),
      503);
  ck_assert_int_eq (fake_health (fake, "agentese"), KG_HEALTH_DOWN);
  ck_assert_int_eq (
      fake_status (invoke ("world.house.transform", ",\"kwargs\":{\"changes\":{\"a\":1}}")),
      200);
  ck_assert_int_eq (fake_health (fake, "agentese"), KG_HEALTH_OK);
}
END_TEST

START_TEST (a_client_that_leaves)
{
  kg_req *req;
  fake_store_hold (fake, 1);
  req = invoke ("world.house.transform", ",\"kwargs\":{\"changes\":{\"a\":1}}");
  fake_leave (req);
  req = invoke ("world.house.define", ",\"kwargs\":{\"name\":\"b\"}");
  fake_expire (req);
  while (fake_store_commit (fake) > 0) /* one behind the other */
    fake_run (fake);
  ck_assert_ptr_nonnull (fake_store_get (fake, "agentese.nodes", "t1/world.house.b"));
}
END_TEST

START_TEST (limits_of_a_tenant)
{
  static const char *const conf[] = { "nodes_max=2", "node_bytes_max=256", NULL };
  char more[600];
  kg_req *req;
  begin_with (conf);
  ck_assert_int_eq (fake_status (invoke ("world.a.build", NULL)), 200);
  ck_assert_int_eq (fake_status (invoke ("world.a.build", NULL)), 200);
  ck_assert_int_eq (fake_status (invoke ("world.b.build", NULL)), 200);
  req = invoke ("world.c.build", NULL);
  ck_assert_int_eq (fake_status (req), 507);
  HAS (req, "violated_policies.0", "agentese.nodes");
  ck_assert_int_eq (fake_status (invoke ("world.a.define", ",\"kwargs\":{\"name\":\"x\"}")),
                    507);
  snprintf (more, sizeof more, ",\"kwargs\":{\"changes\":{\"a\":\"%0300d\"}}", 0);
  req = invoke ("world.a.transform", more);
  ck_assert_int_eq (fake_status (req), 507);
  HAS (req, "violated_policies.0", "agentese.node_bytes");
  act_as ("t2", all_scopes, any);
  ck_assert_int_eq (fake_status (invoke ("world.c.build", NULL)), 200);
  ck_assert_double_eq (fake_metric (fake, "kgent_agentese_nodes", NULL), 3);
  fake_free (fake);
}
END_TEST

START_TEST (limits_survive_a_restart)
{
  static const char *const conf[] = { "nodes_max=1", NULL };
  begin_with (conf);
  ck_assert_int_eq (fake_status (invoke ("world.a.build", NULL)), 200);
  fake_stop (fake);
  fake_close (fake);
  ck_assert (!fake_open (fake, &kg_plugin_1, conf) && !fake_start (fake));
  ck_assert_int_eq (fake_status (invoke ("world.b.build", NULL)), 507);
  ck_assert_int_eq (fake_status (invoke ("world.a.build", NULL)), 200);
  fake_free (fake);
}
END_TEST

START_TEST (history_is_bounded)
{
  static const char *const conf[] = { "history_max=3", NULL };
  kg_req *req;
  int i;
  begin_with (conf);
  for (i = 0; i < 5; i++)
    invoke ("world.a.build", NULL);
  req = invoke ("world.a.witness", NULL);
  HAS (req, "result.total", "5");
  ck_assert_ptr_nonnull (fake_json (req, "result.history.2"));
  ck_assert_ptr_null (fake_json (req, "result.history.3"));
  fake_free (fake);
}
END_TEST

START_TEST (a_closed_world)
{
  static const char *const conf[] = { "open_world=false", NULL };
  kg_req *req;
  begin_with (conf);
  req = invoke ("world.house.manifest", NULL);
  ck_assert_int_eq (fake_status (req), 404);
  ck_assert_int_eq (
      strncmp (fake_json (req, "detail"), "Path not found: 'world.house' not found\n", 40), 0);
  HAS (invoke ("world.purgator.manifest", NULL), "similar_paths.0", "world.purgatory");
  req = fake_request (fake, "GET", "/v1/agentese/resolve?path=world.house", NULL, NULL);
  ck_assert_int_eq (fake_status (req), 404);
  fake_free (fake);
}
END_TEST

START_TEST (without_a_meter)
{
  fake = fake_new ();
  fake_services (fake);
  ck_assert (!fake_open (fake, &kg_plugin_1, NULL) && !fake_start (fake));
  ck_assert_ptr_nonnull (strstr (fake_logged (fake), "warn agentese: nobody meters"));
  act_as ("t1", all_scopes, any);
  ck_assert_int_eq (fake_status (invoke ("world.house.manifest", NULL)), 200);
  fake_free (fake);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("agentese-state");
  TCase *t = tcase_create ("durability"), *own = tcase_create ("configurations");
  SRunner *sr;
  int failed;
  tcase_add_checked_fixture (t, begin, end);
  tcase_add_test (t, an_answer_waits_for_the_disk);
  tcase_add_test (t, lost_races_are_run_again);
  tcase_add_test (t, disk_full);
  tcase_add_test (t, a_client_that_leaves);
  tcase_add_test (t, uses_of_many_specs);
  tcase_add_test (own, limits_of_a_tenant);
  tcase_add_test (own, limits_survive_a_restart);
  tcase_add_test (own, history_is_bounded);
  tcase_add_test (own, a_closed_world);
  tcase_add_test (own, without_a_meter);
  suite_add_tcase (s, t);
  suite_add_tcase (s, own);
  sr = srunner_create (s);
  srunner_set_tap (sr, "-");
  srunner_run_all (sr, CK_SILENT);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
