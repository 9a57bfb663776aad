/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Compositions: one after the other, and what stops them. */

#include "tests/plugins/agentese-compose.h"

/* ---- One after the other -------------------------------------------------------------------- */

START_TEST (each_gets_what_the_one_before_said)
{
  kg_req *req = compose ("self.f.add >> self.f.times >> self.f.less", ",\"initial_input\":4");
  ck_assert_int_eq (fake_status (req), 200);
  HAS (req, "result", "33");
  HAS (req, "pipeline_trace.0.path", "self.f.add");
  HAS (req, "pipeline_trace.2.output_type", "number");
  ck_assert_uint_eq (strlen (fake_json (req, "pipeline_trace.1.span_id")), 16);
  ck_assert_pstr_ne (fake_json (req, "pipeline_trace.0.span_id"),
                     fake_json (req, "pipeline_trace.1.span_id"));
  ck_assert_ptr_null (fake_json (req, "pipeline_trace.3"));
  HAS (req, "laws_verified", "[\"left_identity\",\"right_identity\",\"associativity\"]");
  HAS (req, "laws_verified_by", "structure");
  HAS (req, "tokens_used", "0");
  ck_assert_int_eq (noted, 3);
  ck_assert_int_eq (ran, 3);
  req = fake_request (fake, "POST", "/v1/agentese/compose", NULL,
                      "{\"paths\":[\"self.f.add@span=mine\",\"Id\",\"self.f.times\"],"
                      "\"emit_law_check\":false}");
  HAS (req, "result", "15");
  HAS (req, "pipeline_trace.0.span_id", "mine");
  HAS (req, "pipeline_trace.1.path", "self.f.times");
  HAS (req, "laws_verified", "[]");
}
END_TEST

START_TEST (the_identity_alone)
{
  kg_req *req = compose ("Id", ",\"initial_input\":{\"a\":[1,\"x\"]}");
  ck_assert_int_eq (fake_status (req), 200);
  HAS (req, "result.a", "[1,\"x\"]");
  HAS (req, "pipeline_trace", "[]");
  HAS (compose ("Id >> Id", NULL), "result", "null");
  ck_assert_int_eq (noted, 0);
}
END_TEST

START_TEST (steps_of_the_open_world)
{
  kg_req *req = compose ("world.house.manifest >> world.house.deploy >> world.house.affordances",
                         NULL);
  ck_assert_int_eq (fake_status (req), 200);
  HAS (req, "pipeline_trace.0.output_type", "object");
  HAS (req, "pipeline_trace.2.output_type", "array");
  req = invoke ("world.house.witness", NULL);
  HAS (req, "result.total", "1");
}
END_TEST

START_TEST (steps_may_wait)
{
  kg_req *req = compose ("self.f.add >> self.f.later >> self.f.times", ",\"initial_input\":1");
  ck_assert_int_eq (fake_status (req), 0);
  ck_assert_int_eq (held[KG_BUDGET_TOKENS].reserved, 10);
  ck_assert_int_eq (held[KG_BUDGET_MONEY].reserved, 5);
  ck_assert_int_eq (held[KG_BUDGET_REQUESTS].reserved, 2);
  ck_assert_int_eq (ran, 2);
  fake_host ()->resume (ticket, later_goes_on, NULL, NULL);
  fake_run (fake);
  ck_assert_int_eq (fake_status (req), 200);
  HAS (req, "result", "25");
  HAS (req, "tokens_used", "9");
  ck_assert_int_eq (held[KG_BUDGET_TOKENS].settled, 9);
  ck_assert_int_eq (held[KG_BUDGET_MONEY].settled, 5);
  ck_assert_int_eq (held[KG_BUDGET_REQUESTS].settled, 2);
}
END_TEST

START_TEST (each_of_them)
{
  kg_req *req = compose ("self.f.later >> self.f.later >> self.f.later", NULL);
  int i;
  ck_assert_int_eq (held[KG_BUDGET_TOKENS].reserved, 30);
  for (i = 1; i <= 3; i++) {
    ck_assert_int_eq (fake_status (req), 0);
    ck_assert_int_eq (ran, i);
    fake_host ()->resume (ticket, later_goes_on, NULL, NULL);
    fake_run (fake);
  }
  HAS (req, "result", "3");
  ck_assert_int_eq (held[KG_BUDGET_TOKENS].settled, 27);
  ck_assert_int_eq (noted, 3);
}
END_TEST

/* ---- Failures --------------------------------------------------------------------------------- */

START_TEST (the_first_failure_stops_it)
{
  kg_req *req = compose ("self.f.add >> self.f.broken >> self.f.times", NULL);
  ck_assert_int_eq (fake_status (req), 502);
  HAS (req, "failed_step", "1");
  HAS (req, "failed_path", "self.f.broken");
  HAS (req, "detail", "Step 2 of 3 ('self.f.broken'): It broke");
  HAS (req, "pipeline_trace.0.path", "self.f.add");
  ck_assert_ptr_null (fake_json (req, "pipeline_trace.1"));
  ck_assert_int_eq (ran, 2);
  ck_assert_int_eq (noted, 1);
  ck_assert_int_eq (held[KG_BUDGET_TOKENS].reserved, 4);
  ck_assert_int_eq (held[KG_BUDGET_TOKENS].settled, -1);
  req = compose ("self.f.add >> self.f.late >> self.f.times", NULL);
  ck_assert_int_eq (fake_status (req), 504);
  HAS (req, "failed_path", "self.f.late");
  HAS (req, "pipeline_trace.0.path", "self.f.add");
}
END_TEST

static const struct {
  const char *pipeline, *step;
  int status;
} refused[] = {
  { "self.f.add >> self.f.fly", "1", 403 },
  { "self.f.add >> moon.f.add", "1", 404 },
  { "self.f.add >> self.f.add[", "1", 400 },
  { "self.f.add >> self.f", "1", 400 },
  { "self.f.add >>  self.f.add", "1", 400 },
  { "self.f.add >> ", "1", 400 },
  { "", "0", 400 },
  { "id", "0", 400 },
};

START_TEST (what_cannot_run_is_known_before)
{
  kg_req *req = compose (refused[_i].pipeline, NULL);
  ck_assert_int_eq (fake_status (req), refused[_i].status);
  HAS (req, "failed_step", refused[_i].step);
  HAS (req, "pipeline_trace", "[]");
  ck_assert_int_eq (ran, 0);
  ck_assert_int_eq (held[KG_BUDGET_TOKENS].kind, 0);
}
END_TEST

START_TEST (scopes_are_of_each_step)
{
  kg_req *req;
  act_as ("t1", read_only, any);
  req = compose ("self.f.add >> self.f.make", NULL);
  ck_assert_int_eq (fake_status (req), 403);
  HAS (req, "required_scope", "write");
  ck_assert_int_eq (ran, 0);
  ck_assert_int_eq (fake_status (compose ("self.f.add >> self.f.less", NULL)), 200);
}
END_TEST

START_TEST (inputs_are_checked)
{
  kg_req *req = compose ("world.house.manifest >> self.f.strict", NULL);
  ck_assert_int_eq (fake_status (req), 422);
  HAS (req, "failed_step", "1");
  HAS (req, "pipeline_trace.0.output_type", "object");
  ck_assert_int_eq (fake_status (compose ("self.f.strict", NULL)), 422);
  HAS (compose ("self.f.strict", ",\"initial_input\":1"), "result", "2");
  req = compose ("self.f.deep >> self.f.add", NULL);
  ck_assert_int_eq (fake_status (req), 422);
  HAS (req, "failed_step", "1");
  ck_assert_int_eq (fake_status (compose ("self.f.deep", NULL)), 200);
  req = compose ("self.f.add >> world.house.affordances[minimal_output]", NULL);
  ck_assert_int_eq (fake_status (req), 422);
  HAS (req, "law", "minimal_output");
}
END_TEST

static const char *const bodies[] = {
  "{}",
  "{\"paths\":[]}",
  "{\"paths\":{}}",
  "{\"paths\":[1]}",
  "{\"pipeline\":1}",
  "{\"pipeline\":\"Id\",\"paths\":[\"Id\"]}",
  "{\"pipeline\":\"Id\",\"emit_law_check\":1}",
  "{\"pipeline\":\"Id\",\"observer\":1}",
  "{\"pipeline\":\"Id\",\"observer\":{\"archetype\":1}}",
};

START_TEST (bodies_are_checked)
{
  kg_req *req = fake_request (fake, "POST", "/v1/agentese/compose", NULL, bodies[_i]);
  ck_assert_int_eq (fake_status (req), 422);
  ck_assert_ptr_nonnull (fake_json (req, "errors.0.msg"));
}
END_TEST

START_TEST (at_most_sixteen_steps)
{
  char many[512] = "Id";
  int i;
  for (i = 1; i < 16; i++)
    strcat (many, " >> self.f.add");
  HAS (compose (many, NULL), "result", "45");
  strcat (many, " >> Id");
  ck_assert_int_eq (fake_status (compose (many, NULL)), 422);
}
END_TEST

#define LEN(table) (int)(sizeof table / sizeof table[0])

int
main (void)
{
  TCase *tc = tcase_create ("compose");
  Suite *s = suite_create ("agentese-compose");
  SRunner *sr;
  int failed;
  tcase_add_checked_fixture (tc, begin_plug, end);
  tcase_set_timeout (tc, 60);
  tcase_add_test (tc, each_gets_what_the_one_before_said);
  tcase_add_test (tc, the_identity_alone);
  tcase_add_test (tc, steps_of_the_open_world);
  tcase_add_test (tc, steps_may_wait);
  tcase_add_test (tc, each_of_them);
  tcase_add_test (tc, the_first_failure_stops_it);
  tcase_add_loop_test (tc, what_cannot_run_is_known_before, 0, LEN (refused));
  tcase_add_test (tc, scopes_are_of_each_step);
  tcase_add_test (tc, inputs_are_checked);
  tcase_add_loop_test (tc, bodies_are_checked, 0, LEN (bodies));
  tcase_add_test (tc, at_most_sixteen_steps);
  suite_add_tcase (s, tc);
  sr = srunner_create (s);
  srunner_set_tap (sr, "-");
  srunner_run_all (sr, CK_SILENT);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
