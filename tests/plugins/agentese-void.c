/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The pool of the void: draws that race, that fail, and clauses that draw first. */
#include "agentese.h"

#define STATUS(want) HAS (invoke ("void.entropy.status", NULL), "result.remaining", want)

/* All of them read the same pool before any is written. */
START_TEST (draws_race)
{
  kg_req *req[8];
  int i;
  fake_store_hold (fake, 1);
  for (i = 0; i < 8; i++)
    req[i] = invoke ("void.entropy.sip", ",\"kwargs\":{\"amount\":0.3}");
  for (i = 0; i < 100 && fake_store_commit (fake); i++)
    ;
  for (i = 0; i < 8; i++)
    HAS (req[i], "result.amount", "0.3");
  fake_store_hold (fake, 0);
  STATUS ("97.6");
  HAS (invoke ("void.entropy.witness", NULL), "result.total", "8");
}
END_TEST

/* Whoever loses the race finds what the winner left. */
START_TEST (not_all_can_be_paid)
{
  kg_req *req[4];
  int i, paid = 0;
  fake_store_hold (fake, 1);
  for (i = 0; i < 4; i++)
    req[i] = invoke ("void.entropy.sip", ",\"kwargs\":{\"amount\":40}");
  for (i = 0; i < 100 && fake_store_commit (fake); i++)
    ;
  for (i = 0; i < 4; i++) {
    ck_assert (fake_status (req[i]) == 200 || fake_status (req[i]) == 402);
    paid += fake_status (req[i]) == 200;
  }
  ck_assert_int_eq (paid, 2);
  fake_store_hold (fake, 0);
  STATUS ("20.0");
}
END_TEST

START_TEST (the_disk_is_full)
{
  fake_store_fail (fake, -ENOSPC, 1);
  ck_assert_int_eq (fake_status (invoke ("void.entropy.sip", NULL)), 503);
  STATUS ("100.0");
}
END_TEST

START_TEST (a_clause_draws_first)
{
  kg_req *req;
  fake_store_hold (fake, 1);
  req = invoke ("world.a.build[entropy=0.25]", NULL);
  ck_assert_int_eq (fake_status (req), 0);
  fake_store_commit (fake);
  ck_assert_int_eq (fake_status (req), 0); /* drawn; now it builds */
  fake_store_commit (fake);
  ck_assert_int_eq (fake_status (req), 200);
  fake_store_hold (fake, 0);
  STATUS ("99.75");
  HAS (invoke ("void.entropy.witness", NULL), "result.history.0.path", "world.a.build");
  ck_assert_int_eq (fake_status (invoke ("world.a.transform[entropy=1.0]", NULL)), 400);
  STATUS ("98.75"); /* drawn is drawn */
}
END_TEST

START_TEST (a_clause_takes_write)
{
  kg_req *req;
  act_as ("t1", read_only, any);
  req = invoke ("world.a.manifest[entropy=0.25]", NULL);
  ck_assert_int_eq (fake_status (req), 403);
  HAS (req, "required_scope", "write");
  ck_assert_int_eq (fake_status (invoke ("world.a.manifest[entropy=0]", NULL)), 200);
  STATUS ("100.0");
}
END_TEST

/* Amounts as they are written, and what is left of a full pool. */
static const struct {
  const char *amount, *left;
} sips[] = {
  { "0.1", "99.9" },         { "1", "99.0" },  { "1e1", "90.0" },       { "100", "0.0" },
  { "0.000001", "99.999999" }, { "33.3333333", "66.666667" }, { "1e-9", "99.999999" },
};

START_TEST (amounts)
{
  char kwargs[128];
  snprintf (kwargs, sizeof kwargs, ",\"kwargs\":{\"amount\":%s}", sips[_i].amount);
  ck_assert_int_eq (fake_status (invoke ("void.entropy.sip", kwargs)), 200);
  STATUS (sips[_i].left);
}
END_TEST

static const char *const no_amounts[]
    = { "0", "-1", "-0.0", "1e400", "\"1\"", "null", "true", "[]", "{}", "1e10" };

START_TEST (no_amount)
{
  char kwargs[128];
  kg_req *req;
  snprintf (kwargs, sizeof kwargs, ",\"kwargs\":{\"amount\":%s}", no_amounts[_i]);
  req = invoke ("void.entropy.sip", kwargs);
  ck_assert_msg (fake_status (req) == 400, "%d", fake_status (req));
  STATUS ("100.0");
}
END_TEST

START_TEST (tenants_have_their_own)
{
  invoke ("void.entropy.sip", ",\"kwargs\":{\"amount\":60}");
  act_as ("t2", all_scopes, any);
  STATUS ("100.0");
  ck_assert_int_eq (fake_status (invoke ("void.entropy.sip", ",\"kwargs\":{\"amount\":60}")), 200);
  HAS (invoke ("void.entropy.witness", NULL), "result.total", "1");
}
END_TEST

static kg_req *
bypassing (const char *target, const char *token, const char *body)
{
  char field[64];
  const char *const headers[] = { field, NULL };
  snprintf (field, sizeof field, "Kgent-Bypass: %s", token);
  return fake_request (fake, "POST", target, headers, body);
}

#define INVOKE "/v1/agentese/invoke"
#define SIP(amount) "{\"path\":\"void.entropy.sip\",\"kwargs\":{\"amount\":" #amount "}}"

/* A token pays for one draw that the pool cannot cover. */
START_TEST (bypasses_are_used)
{
  static const char clause[] = "{\"path\":\"world.a.build[entropy=0.5]\"}";
  char token[2][33], shorter[33];
  kg_req *req = invoke ("void.capital.bypass", ",\"kwargs\":{\"check\":\"entropy\",\"cost\":0.1}");
  snprintf (token[0], 33, "%s", fake_json (req, "result.token"));
  req = invoke ("void.capital.bypass", ",\"kwargs\":{\"check\":\"review\"}");
  snprintf (token[1], 33, "%s", fake_json (req, "result.token"));
  ck_assert_int_eq (fake_status (bypassing (INVOKE, token[0], SIP (99.9))), 200);
  HAS (invoke ("void.entropy.status", NULL), "result.remaining", "0.1");
  ck_assert_int_eq (fake_status (bypassing (INVOKE, token[0], SIP (10.1))), 402);
  ck_assert_int_eq (fake_status (bypassing (INVOKE, token[1], SIP (0.5))), 402);
  snprintf (shorter, sizeof shorter, "%.31s", token[0]);
  req = bypassing (INVOKE, shorter, SIP (0.5));
  HAS (req, "why",
       "The token of Kgent-Bypass is used or over, is for another check, or cost less than a "
       "hundredth of what is drawn.");
  HAS (bypassing (INVOKE "?quote=1", token[1], clause), "allowed", "false");
  HAS (bypassing (INVOKE "?quote=1", token[0], clause), "allowed", "true");
  ck_assert_int_eq (fake_status (bypassing (INVOKE, token[0], clause)), 200);
  ck_assert_int_eq (fake_status (bypassing (INVOKE, token[0], clause)), 402);
  HAS (invoke ("void.entropy.witness", NULL), "result.history.0.bypass", "entropy");
  HAS (invoke ("void.entropy.status", NULL), "result.remaining", "0.1");
  HAS (invoke ("void.capital.balance", NULL), "result.bypasses.0.check", "review");
  ck_assert_ptr_null (fake_json (invoke ("void.capital.balance", NULL), "result.bypasses.1"));
  req = invoke ("void.capital.bypass", ",\"kwargs\":{\"check\":\"entropy\"}");
  snprintf (token[0], 33, "%s", fake_json (req, "result.token"));
  fake_advance (fake, 61000);
  ck_assert_int_eq (fake_status (bypassing (INVOKE, token[0], SIP (0.5))), 402);
  req = invoke ("void.capital.bypass", ",\"kwargs\":{\"check\":\"entropy\"}");
  snprintf (token[0], 33, "%s", fake_json (req, "result.token"));
  act_as ("t2", all_scopes, any);
  ck_assert_int_eq (fake_status (bypassing (INVOKE, token[0], SIP (100))), 200);
  ck_assert_int_eq (fake_status (bypassing (INVOKE, token[0], SIP (1))), 402);
}
END_TEST

START_TEST (bypasses_are_bounded)
{
  int i;
  for (i = 0; i < 32; i++)
    ck_assert_int_eq (fake_status (invoke ("void.capital.bypass",
                                           ",\"kwargs\":{\"check\":\"x\",\"cost\":0.001}")),
                      200);
  ck_assert_int_eq (
      fake_status (invoke ("void.capital.bypass", ",\"kwargs\":{\"check\":\"x\",\"cost\":0.001}")),
      507);
  fake_advance (fake, 61000);
  ck_assert_int_eq (
      fake_status (invoke ("void.capital.bypass", ",\"kwargs\":{\"check\":\"x\",\"cost\":0.001}")),
      200);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("agentese-void");
  TCase *t = tcase_create ("void");
  SRunner *sr;
  int failed;
  tcase_add_checked_fixture (t, begin, end);
  tcase_add_test (t, draws_race);
  tcase_add_test (t, not_all_can_be_paid);
  tcase_add_test (t, the_disk_is_full);
  tcase_add_test (t, a_clause_draws_first);
  tcase_add_test (t, a_clause_takes_write);
  tcase_add_loop_test (t, amounts, 0, sizeof sips / sizeof sips[0]);
  tcase_add_loop_test (t, no_amount, 0, sizeof no_amounts / sizeof no_amounts[0]);
  tcase_add_test (t, tenants_have_their_own);
  tcase_add_test (t, bypasses_are_used);
  tcase_add_test (t, bypasses_are_bounded);
  suite_add_tcase (s, t);
  sr = srunner_create (s);
  srunner_set_tap (sr, "-");
  srunner_run_all (sr, CK_SILENT);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
