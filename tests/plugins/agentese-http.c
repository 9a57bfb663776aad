/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* agentese.so against the fake host: nodes of the configuration, and what agents answer. */

#include "tests/plugins/agentese-agents.h"

#include "plugins/agentese/remote_events.h"

/* ---- Calls ------------------------------------------------------------------------ */

START_TEST (a_call)
{
  kg_req *req = translate ();
  const struct fake_call *call = fake_http_call (fake, 0);
  char want[512];
  ck_assert_int_eq (fake_status (req), 0);
  ck_assert_str_eq (call->method, "POST");
  ck_assert_str_eq (call->url, "http://agents.example:9000/translator/translate");
  ck_assert_str_eq (fake_http_header (call, "Authorization"), "Bearer sesame");
  ck_assert_str_eq (fake_http_header (call, "Content-Type"), "application/json");
  ck_assert_str_eq (fake_http_header (call, "Accept"), "application/json");
  ck_assert_int_eq (strlen (fake_http_header (call, "traceparent")), 55);
  ck_assert_uint_eq (call->total_ms, 2000);
  ck_assert_uint_eq (call->tries, 1);
  ck_assert_uint_eq (call->flags, KG_HTTP_NO_BREAKER);
  snprintf (want, sizeof want,
            "{\"path\":\"world.translator.translate\",\"aspect\":\"translate\",\"observer\":"
            "{\"name\":\"ann\",\"archetype\":\"poet\"},\"kwargs\":{\"text\":\"bonjour\"},"
            "\"request_id\":\"%s\",\"tenant\":\"t1\"}",
            fake_http_header (call, "X-Request-ID"));
  ck_assert_str_eq (call->body, want);
  ck_assert_double_eq (fake_metric (fake, "kgent_agentese_agent_under_way", "world.translator"), 1);
  fake_http_reply (fake, 200, NULL, "{\"result\":\"good day\",\"tokens_used\":7}", -1);
  ck_assert_int_eq (fake_http_deliver (fake), 1);
  ck_assert_int_eq (fake_status (req), 200);
  HAS (req, "result", "good day");
  HAS (req, "tokens_used", "8");
  ck_assert_int_eq (held[KG_BUDGET_TOKENS].reserved, 100);
  ck_assert_int_eq (held[KG_BUDGET_TOKENS].settled, 8);
  ck_assert_double_eq (fake_metric (fake, "kgent_agentese_agent_calls_total", "world.translator,ok"),
                       1);
  ck_assert_double_eq (fake_metric (fake, "kgent_agentese_agent_under_way", "world.translator"), 0);
  ck_assert_int_eq (fake_health (fake, "agent_world_translator"), KG_HEALTH_OK);
}
END_TEST

START_TEST (arguments_are_checked_before)
{
  kg_req *req = ask ("world.translator.translate", "{}");
  ck_assert_int_eq (fake_status (req), 422);
  ck_assert_int_eq (fake_http_count (fake), 0);
  ck_assert_int_eq (fake_status (invoke_as ("world.translator.languages", "admin", NULL)), 403);
}
END_TEST

START_TEST (what_is_idempotent_is_retried)
{
  const struct fake_call *call;
  ask ("world.translator.languages[phase=PLAN]", "{}");
  call = fake_http_call (fake, 0);
  ck_assert_uint_eq (call->tries, 4);
  ck_assert_uint_eq (call->flags, KG_HTTP_NO_BREAKER | KG_HTTP_IDEMPOTENT);
  ck_assert_ptr_nonnull (strstr (call->body, ",\"phase\":\"PLAN\","));
}
END_TEST

START_TEST (a_value)
{
  kg_req *req = answered ("self.scribe.notes.write", "{\"page\":\"a/b c\"}", 200,
                          "Application/vnd.x+json; charset=utf-8", "[1,{\"result\":2}]");
  const struct fake_call *call = fake_http_call (fake, 0);
  ck_assert_str_eq (call->url, "https://scribe.example/v1/a%2Fb%20c?by=t1");
  ck_assert_str_eq (call->method, "PUT");
  ck_assert_uint_eq (call->flags, KG_HTTP_NO_BREAKER | KG_HTTP_PRIVATE_OK);
  HAS (req, "result.1.result", "2");
}
END_TEST

static const char *const bad_pages[]
    = { "{}", "{\"page\":\"\"}", "{\"page\":\"..\"}", "{\"page\":\".\"}", "{\"page\":[1]}",
        "{\"page\":null}", "{\"page\":{}}" };

START_TEST (arguments_cannot_leave_their_place)
{
  ck_assert_int_eq (fake_status (ask ("self.scribe.notes.write", bad_pages[_i])), 400);
  ck_assert_int_eq (fake_http_count (fake), 0);
}
END_TEST

START_TEST (numbers_in_a_url)
{
  ask ("self.scribe.notes.write", "{\"page\":-7}");
  ck_assert_str_eq (fake_http_call (fake, 0)->url, "https://scribe.example/v1/-7?by=t1");
}
END_TEST

START_TEST (an_llm_is_absent)
{
  kg_req *req = ask ("concept.oracle.ask", "{}");
  ck_assert_int_eq (fake_status (req), 503);
  ck_assert_ptr_nonnull (strstr (fake_json (req, "detail"), "LLM"));
  ck_assert_int_eq (fake_status (ask ("concept.oracle.manifest", "{}")), 200);
}
END_TEST

/* ---- Bad agents -------------------------------------------------------------------- */

static const struct {
  int reply;
  const char *type, *body;
  int status;
  const char *reason; /* of the failure, NULL: the agent is not to blame */
} bad[] = {
  { -ETIMEDOUT, NULL, NULL, 504, "timeout" },
  { -ECONNREFUSED, NULL, NULL, 502, "network" },
  { -ECONNRESET, NULL, NULL, 502, "network" },
  { -EHOSTUNREACH, NULL, NULL, 502, "network" },
  { -EPROTO, NULL, NULL, 502, "network" },
  { -EIO, NULL, NULL, 502, "network" },
  { -EMSGSIZE, NULL, NULL, 502, "too_big" },
  { -ECANCELED, NULL, NULL, 503, NULL },
  { 500, NULL, "{\"result\":\"x\",\"tokens_used\":1}", 502, "status" },
  { 503, NULL, "", 502, "status" },
  { 302, NULL, "{\"result\":\"x\",\"tokens_used\":1}", 502, "status" },
  { 401, "application/problem+json", "{\"detail\":\"no\"}", 502, "status" },
  { 400, NULL, "{\"detail\":\"no\"}", 502, "status" },
  { 400, "application/problem+json", "{\"detail\":7}", 502, "status" },
  { 400, "application/problem+json", "{\"detail\":\"no\"}", 400, NULL },
  { 404, "application/problem+json", "{\"detail\":\"no\"}", 404, NULL },
  { 409, "application/problem+json", "{\"detail\":\"no\"}", 409, NULL },
  { 422, "application/problem+json; charset=utf-8", "{\"detail\":\"no\"}", 422, NULL },
  { 429, NULL, "", 503, NULL },
  { 200, NULL, "", 502, "answer" },
  { 204, NULL, "", 502, "answer" },
  { 200, NULL, "{\"result\":\"x\",\"tokens_used\":1", 502, "answer" },
  { 200, NULL, "{\"result\":\"x\",\"result\":\"y\",\"tokens_used\":1}", 502, "answer" },
  { 200, NULL, "{\"result\":NaN,\"tokens_used\":1}", 502, "answer" },
  { 200, NULL, "\"x\"", 502, "answer" },
  { 200, NULL, "{\"answer\":\"x\",\"tokens_used\":1}", 502, "answer" },
  { 200, NULL, "{\"result\":\"x\"}", 502, "answer" },
  { 200, NULL, "{\"result\":\"x\",\"tokens_used\":-1}", 502, "answer" },
  { 200, NULL, "{\"result\":\"x\",\"tokens_used\":1.5}", 502, "answer" },
  { 200, NULL, "{\"result\":\"x\",\"tokens_used\":\"1\"}", 502, "answer" },
  { 200, NULL, "{\"result\":5,\"tokens_used\":1}", 502, "answer" },
  { 200, "text/html", "{\"result\":\"x\",\"tokens_used\":1}", 502, "answer" },
  { 200, "", "{\"result\":\"x\",\"tokens_used\":1}", 502, "answer" },
  { 200, "application/jsonp", "{\"result\":\"x\",\"tokens_used\":1}", 502, "answer" },
  { 200, "text/event-stream", "event: done\n\n", 502, "stream" },
};

START_TEST (bad_answers)
{
  kg_req *req = translate ();
  fake_http_reply (fake, bad[_i].reply, bad[_i].type, bad[_i].body, -1);
  fake_http_deliver (fake);
  ck_assert_int_eq (fake_status (req), bad[_i].status);
  ck_assert_str_eq (fake_header (req, "Content-Type"), "application/problem+json");
  ck_assert_ptr_nonnull (strstr (fake_json (req, "detail"), "'world.translator'"));
  ck_assert_ptr_null (strstr (fake_body (req), "agents.example"));
  ck_assert_int_eq (held[KG_BUDGET_TOKENS].settled, -1);
  ck_assert_int_eq (noted, 0);
  ck_assert_double_eq (fake_metric (fake, "kgent_agentese_agent_failures_total", NULL),
                       bad[_i].reason ? 1 : 0);
  ck_assert_double_eq (fake_metric (fake, "kgent_agentese_agent_calls_total", "world.translator,ok"),
                       0);
  if (bad[_i].reason)
    ck_assert_double_eq (
        fake_metric (fake, "kgent_agentese_agent_failures_total", bad[_i].reason), 1);
  ck_assert_int_eq (fake_health (fake, "agent_world_translator"),
                    bad[_i].reason ? KG_HEALTH_DEGRADED : KG_HEALTH_OK);
}
END_TEST

START_TEST (what_an_agent_says_is_shown_with_care)
{
  kg_req *req = translate ();
  fake_http_reply (fake, 422, "application/problem+json", "{\"detail\":\"not\\nin Klingon\"}", -1);
  fake_http_deliver (fake);
  ck_assert_ptr_nonnull (strstr (fake_json (req, "detail"), "refused: not?in Klingon"));
}
END_TEST

START_TEST (a_busy_agent)
{
  kg_req *req = translate ();
  fake_http_reply (fake, 429, NULL, "", 2500);
  fake_http_deliver (fake);
  ck_assert_int_eq (fake_status (req), 503);
  ck_assert_str_eq (fake_header (req, "Retry-After"), "3");
}
END_TEST

START_TEST (the_breaker_opens)
{
  kg_req *req;
  int i;
  for (i = 0; i < 5; i++)
    ck_assert_int_eq (
        fake_status (answered ("world.translator.translate", "{\"text\":\"x\"}", 500, NULL, "")),
        502);
  ck_assert_int_eq (fake_health (fake, "agent_world_translator"), KG_HEALTH_DOWN);
  ck_assert_double_eq (fake_metric (fake, "kgent_agentese_agent_open", "world.translator"), 1);
  ck_assert_ptr_nonnull (strstr (fake_logged (fake), "agent of world.translator: not called"));
  req = translate ();
  ck_assert_int_eq (fake_status (req), 503);
  ck_assert_str_eq (fake_header (req, "Retry-After"), "1");
  ck_assert_int_eq (fake_http_count (fake), 5);
  ck_assert_double_eq (
      fake_metric (fake, "kgent_agentese_agent_calls_total", "world.translator,unsent"), 1);
  ck_assert_int_eq (fake_status (answered ("self.scribe.notes.write", "{\"page\":1}", 200, NULL,
                                           "1")),
                    200); /* another node */
}
END_TEST

START_TEST (only_so_many_at_once)
{
  kg_req *req[7];
  int i;
  for (i = 0; i < 7; i++)
    req[i] = translate ();
  ck_assert_int_eq (fake_status (req[5]), 0);
  ck_assert_int_eq (fake_status (req[6]), 503);
  fake_http_reply (fake, 500, NULL, "", -1);
  fake_http_deliver (fake);
  ck_assert_int_eq (fake_status (req[0]), 502);
  ck_assert_int_eq (fake_status (translate ()), 0);
}
END_TEST

START_TEST (a_caller_that_leaves)
{
  kg_req *req = translate (), *late = translate ();
  fake_leave (req);
  ck_assert_int_eq (fake_http_call (fake, 0)->cancelled, 1);
  fake_expire (late);
  ck_assert_int_eq (fake_status (late), 504);
  fake_http_deliver (fake);
  ck_assert_double_eq (
      fake_metric (fake, "kgent_agentese_agent_calls_total", "world.translator,canceled"), 2);
  ck_assert_double_eq (fake_metric (fake, "kgent_agentese_agent_under_way", NULL), 0);
}
END_TEST

/* ---- Streams -------------------------------------------------------------------------- */

static const struct {
  const char *body;
  int status;
  const char *result;
} streams[] = {
  { "data: Hel\n\ndata: lo\n\nevent: done\ndata: {\"tokens_used\":4}\n\n", 200, "Hello" },
  { "\xEF\xBB\xBF"
    "data:a\r\ndata:b\r\n\r\nevent: done\r\n\r\n",
    200, "a\nb" },
  { "data: a\r\revent: done\r\r", 200, "a" },
  { ": hello\nid: 7\nevent: ping\ndata: x\n\nevent: message\ndata: y\n\nevent: done\n\nwhat", 200,
    "y" },
  { "event: done\ndata: {\"result\":{\"n\":1}}\n\n", 200, "{\"n\":1}" },
  { "data: a\n\n", 502, NULL },
  { "data: a\n\nevent: done\n", 502, NULL },
  { "data: a\n\nevent: done\ndata: [1]\n\n", 502, NULL },
  { "data: a\n\nevent: done\ndata: {\"tokens_used\":-4}\n\n", 502, NULL },
  { "data: a\n\nevent: error\ndata: out of ink\n\n", 502, NULL },
  { "data: \xFF\n\nevent: done\n\n", 502, NULL },
  { "data: \xC3\n\ndata: \xA9\n\nevent: done\n\n", 502, NULL },
};

START_TEST (streams_are_collected)
{
  kg_req *req = answered ("world.translator.speak", "{}", 200, "text/event-stream",
                          streams[_i].body);
  ck_assert_str_eq (fake_http_header (fake_http_call (fake, 0), "Accept"),
                    "application/json, text/event-stream;q=0.5");
  ck_assert_int_eq (fake_status (req), streams[_i].status);
  if (streams[_i].result)
    HAS (req, "result", streams[_i].result);
}
END_TEST

START_TEST (streams_of_another_type)
{
  ck_assert_int_eq (fake_status (answered ("world.translator.speak", "{}", 200, "text/plain",
                                           streams[0].body)),
                    502);
  ck_assert_int_eq (fake_status (answered ("world.translator.speak", "{}", 200, NULL,
                                           streams[0].body)),
                    502);
  ck_assert_int_eq (fake_status (answered ("world.translator.speak", "{}", 200,
                                           "text/event-stream", "{\"result\":1}")),
                    502);
  HAS (answered ("world.translator.speak", "{}", 200, NULL, "\n {\"result\":1}"), "result", "1");
  ck_assert_int_eq (fake_status (answered ("world.translator.speak", "{}", 500,
                                           "text/event-stream", streams[0].body)),
                    502);
}
END_TEST

START_TEST (events_in_any_pieces)
{
  const char *text = "data: Gr\xC3\xBC\xC3\x9F\r\ndata: dich\r\n\r\n: c\nevent: done\ndata: {}\n\n";
  size_t at, len = strlen (text);
  for (at = 0; at <= len; at++) {
    struct ag_events e = { 0 };
    ck_assert_int_eq (ag_events_feed (&e, text, at), 0);
    ck_assert_int_eq (ag_events_feed (&e, text + at, len - at), 0);
    ck_assert_int_eq (e.text.len, 11);
    ck_assert_mem_eq (e.text.ptr, "Gr\xC3\xBC\xC3\x9F\ndich", 11);
    ck_assert_int_eq (e.end, AG_EVENTS_DONE);
    ag_events_finish (&e);
  }
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("agentese-http");
  TCase *calls = tcase_create ("calls"), *rest = tcase_create ("rest");
  SRunner *runner;
  int failed;
  tcase_add_checked_fixture (calls, begin_agents, end_agents);
  tcase_add_test (calls, a_call);
  tcase_add_test (calls, arguments_are_checked_before);
  tcase_add_test (calls, what_is_idempotent_is_retried);
  tcase_add_test (calls, a_value);
  tcase_add_loop_test (calls, arguments_cannot_leave_their_place, 0,
                       sizeof bad_pages / sizeof bad_pages[0]);
  tcase_add_test (calls, numbers_in_a_url);
  tcase_add_test (calls, an_llm_is_absent);
  tcase_add_loop_test (calls, bad_answers, 0, sizeof bad / sizeof bad[0]);
  tcase_add_test (calls, what_an_agent_says_is_shown_with_care);
  tcase_add_test (calls, a_busy_agent);
  tcase_add_test (calls, the_breaker_opens);
  tcase_add_test (calls, only_so_many_at_once);
  tcase_add_test (calls, a_caller_that_leaves);
  tcase_add_loop_test (calls, streams_are_collected, 0, sizeof streams / sizeof streams[0]);
  tcase_add_test (calls, streams_of_another_type);
  tcase_add_test (rest, events_in_any_pieces);
  suite_add_tcase (suite, calls);
  suite_add_tcase (suite, rest);
  runner = srunner_create (suite);
  srunner_set_tap (runner, "-");
  srunner_run_all (runner, CK_SILENT);
  failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  return failed != 0;
}
