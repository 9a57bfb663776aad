/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* agentese.so against the fake host: a composition as the path of an invocation. */

#include "tests/plugins/agentese.h"

#define CHANGE ",\"kwargs\":{\"changes\":{\"a\":1}}"

static kg_req *
quote (const char *path)
{
  char body[512];
  snprintf (body, sizeof body, "{\"path\":\"%s\"}", path);
  return fake_request (fake, "POST", "/v1/agentese/invoke?quote=1", NULL, body);
}

START_TEST (the_first_step_has_the_arguments)
{
  kg_req *req = invoke ("world.a.transform >> world.b.deploy", CHANGE);
  ck_assert_int_eq (fake_status (req), 200);
  HAS (req, "path", "world.a.transform >> world.b.deploy");
  HAS (req, "result.kwargs", "{\"input\":{\"transformed\":true,\"changes\":{\"a\":1},\"version\":1}}");
  HAS (req, "tokens_used", "0");
  HAS (req, "cached", "false");
  HAS (req, "pipeline_trace.0.path", "world.a.transform");
  HAS (req, "pipeline_trace.1.output_type", "object");
  HAS (req, "laws_verified", "[\"left_identity\",\"right_identity\",\"associativity\"]");
  HAS (req, "laws_verified_by", "structure");
  ck_assert_int_eq (noted, 2);
  HAS (invoke ("world.a.manifest >> world.b.manifest", NULL), "cached", "true");
  HAS (invoke ("Id >> world.a.transform", CHANGE), "result.version", "2");
  HAS (invoke ("world.a.transform >> Id", CHANGE), "result.version", "3");
}
END_TEST

START_TEST (laws_are_checked)
{
  kg_req *req = invoke ("world.a.manifest[law_check] >> world.b.affordances", NULL);
  HAS (req, "laws_verified_by", "evaluation");
  req = invoke ("world.a.manifest[law_check=true]", NULL);
  ck_assert_int_eq (fake_status (req), 200);
  HAS (req, "path", "world.a.manifest[law_check=true]");
  HAS (req, "result.type", "developer");
  HAS (req, "laws_verified_by", "evaluation");
  HAS (invoke ("world.a.manifest[law_check=false]", NULL), "result.type", "developer");
  req = invoke ("world.a.transform@law_check=true", CHANGE);
  HAS (req, "laws_verified_by", "structure");
  HAS (req, "result.version", "1");
}
END_TEST

START_TEST (a_step_that_fails)
{
  kg_req *req = invoke ("world.a.build >> world.a.transform >> world.a.manifest", NULL);
  ck_assert_int_eq (fake_status (req), 400);
  HAS (req, "failed_step", "1");
  HAS (req, "failed_path", "world.a.transform");
  HAS (req, "pipeline_trace.0.path", "world.a.build");
  ck_assert_int_eq (fake_status (invoke ("world.a.build >> world.a.fly", NULL)), 403);
  ck_assert_int_eq (fake_status (invoke ("world.a.build >> world", NULL)), 400);
  ck_assert_int_eq (fake_status (invoke ("world.a.build>>world.a.build", NULL)), 400);
  act_as ("t1", read_only, any);
  ck_assert_int_eq (fake_status (invoke ("world.a.manifest >> world.a.build", NULL)), 403);
}
END_TEST

START_TEST (at_most_sixteen)
{
  char path[400] = "world.a.manifest";
  int i;
  for (i = 1; i < 16; i++)
    strcat (path, " >> world.a.manifest");
  ck_assert_int_eq (fake_status (invoke (path, NULL)), 200);
  strcat (path, " >> world.a.manifest");
  HAS (invoke (path, NULL), "detail", "body.path: A pipeline has at most 16 steps");
}
END_TEST

START_TEST (what_it_would_cost)
{
  kg_req *req = quote ("world.a.build >> world.a.manifest");
  HAS (req, "path", "world.a.build >> world.a.manifest");
  HAS (req, "allowed", "true");
  HAS (quote ("world.a.build >> world.a.transform"), "allowed", "true");
  ck_assert_int_eq (fake_status (quote ("world.a.build >> world.a.fly")), 403);
  act_as ("t1", read_only, any);
  HAS (quote ("world.a.manifest >> world.a.build"), "refusal.status", "403");
  ck_assert_int_eq (noted, 0);
  HAS (invoke ("world.a.witness", NULL), "result.total", "0");
}
END_TEST

/* What each step changed can be taken back, the last first; also behind a failure. */
START_TEST (rollback_tokens)
{
  static const char *const paths[]
      = { "world.a.transform[rollback=true] >> world.b.define[rollback=true] >> world.c.manifest",
          "world.a.transform[rollback=true] >> world.b.define[rollback=true]"
          " >> world.c.transform" };
  kg_req *req = invoke (paths[_i], CHANGE);
  char more[128];
  ck_assert_int_eq (fake_status (req), 400); /* define has no name */
  req = invoke (paths[_i], ",\"kwargs\":{\"changes\":{\"a\":2},\"name\":\"x\"}");
  HAS (req, "pipeline_trace.0.rollback_token", "world.a@2");
  snprintf (more, sizeof more, ",\"kwargs\":{\"token\":\"%s\"}",
            fake_json (req, "pipeline_trace.0.rollback_token"));
  HAS (invoke ("time.past.restore", more), "result.restored", "true");
  HAS (invoke ("time.past.project", ",\"kwargs\":{\"target\":\"world.a\"}"), "result.state",
       "{\"a\":1}");
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("agentese-pipeline");
  TCase *t = tcase_create ("invoked");
  SRunner *sr;
  int failed;
  tcase_add_checked_fixture (t, begin, end);
  tcase_add_test (t, the_first_step_has_the_arguments);
  tcase_add_test (t, laws_are_checked);
  tcase_add_test (t, a_step_that_fails);
  tcase_add_test (t, at_most_sixteen);
  tcase_add_test (t, what_it_would_cost);
  tcase_add_loop_test (t, rollback_tokens, 0, 2);
  suite_add_tcase (s, t);
  sr = srunner_create (s);
  srunner_set_tap (sr, "-");
  srunner_run_all (sr, CK_SILENT);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
