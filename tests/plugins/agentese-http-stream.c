/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Answers as event streams: those of an agent, passed on as they come, and those of what
 * doesn't stream; what a client that leaves pays, and who is asked for a stream. */
#include "tests/plugins/agentese.h"

#include "plugins/agentese/stream.h"

#define P "nodes.0.aspects."
static const char *const agents[]
    = { "nodes.0.name=world.bard",    "nodes.0.url=http://bard.example/{aspect}",
        "nodes.0.reply_max=400000",   P "0.name=sing",
        P "0.streams=true",           P "0.per_token=true",
        P "0.tokens_max=100",         NULL };
static const char done[] = "event: done\ndata: {\"tokens_used\":9}\n\n";

static void
begin_agents (void)
{
  begin_with (agents);
  budget_left[KG_BUDGET_TOKENS] = 1000;
}

/* What was canceled has still to come back. */
static void
end_agents (void)
{
  fake_http_deliver (fake);
  end ();
}

static kg_req *
ask (const char *path, const char *more)
{
  static const char *const headers[] = { "Accept: text/event-stream", NULL };
  char body[512];
  snprintf (body, sizeof body, "{\"path\":\"%s\"%s}", path, more ? more : "");
  return fake_request (fake, "POST", "/v1/agentese/invoke", headers, body);
}

/* The agent's answer is over; with an error when its connection broke. */
static void
over (int status)
{
  fake_http_reply (fake, status, "text/event-stream", "", -1);
  fake_http_deliver (fake);
}

#define HAS_TEXT(req, text) ck_assert_msg (strstr (fake_body (req), (text)), "%s", fake_body (req))
#define HAS_NO(req, text) ck_assert_msg (!strstr (fake_body (req), (text)), "%s", fake_body (req))

START_TEST (pieces_are_passed_on)
{
  kg_req *req = ask ("world.bard.sing", NULL);
  ck_assert_int_eq (fake_status (req), 0);
  fake_http_piece (fake, "data: la\n\ndata: l\"i\n\n");
  ck_assert_str_eq (fake_body (req), "id: 1\nevent: chunk\ndata: {\"text\":\"la\",\"index\":0}\n\n"
                                     "id: 2\nevent: chunk\ndata: {\"text\":\"l\\\"i\",\"index\":1}\n\n");
  ck_assert_int_eq (fake_done (req), 0);
  fake_http_piece (fake, done);
  over (200);
  HAS_TEXT (req, "id: 3\nevent: complete\ndata: {\"path\":\"world.bard.sing\",\"result\":\"lal\\\"i\","
                 "\"tokens_used\":9,\"cached\":false,\"text\":\"lal\\\"i\",\"chunks\":2}\n\n");
  ck_assert_int_eq (fake_done (req), 1);
  ck_assert_int_eq (noted, 1);
  ck_assert_int_eq (held[KG_BUDGET_TOKENS].settled, 9);
  ck_assert_str_eq (fake_http_header (fake_http_call (fake, 0), "Accept"),
                    "text/event-stream, application/json;q=0.5");
}
END_TEST

/* The last word leaves behind the usage. */
START_TEST (what_is_settled_when_it_ends)
{
  kg_req *req = ask ("world.bard.sing", NULL);
  fake_http_piece (fake, "data: la\n\n");
  ck_assert_int_eq (held[KG_BUDGET_TOKENS].settled, -1);
  ck_assert_int_eq (noted, 0);
  fake_http_piece (fake, done);
  HAS_NO (req, "complete");
  over (200);
  HAS_TEXT (req, "complete");
}
END_TEST

START_TEST (a_slow_caller_is_waited_for)
{
  kg_req *req = ask ("world.bard.sing", NULL);
  char text[64];
  int i;
  fake_stream_max (fake, 60); /* a chunk in each turn */
  for (i = 0; i < 4; i++) {
    snprintf (text, sizeof text, "data: la%d\n\n%s", i, i == 3 ? done : "");
    fake_http_piece (fake, text);
  }
  fake_http_piece (fake, done);
  over (200);
  ck_assert_int_eq (fake_done (req), 1);
  HAS_TEXT (req, "\"text\":\"la0la1la2la3\",\"chunks\":");
  ck_assert_int_eq (held[KG_BUDGET_TOKENS].settled, 9);
}
END_TEST

/* Too much for one turn: what waited comes in one. */
START_TEST (what_waits_comes_together)
{
  kg_req *req = ask ("world.bard.sing", NULL);
  fake_stream_max (fake, 60);
  fake_http_piece (fake, "data: a\n\ndata: b\n\ndata: c\n\ndata: d\n\n");
  HAS_TEXT (req, "{\"text\":\"a\",\"index\":0}");
  HAS_TEXT (req, "{\"text\":\"bcd\",\"index\":1}");
  fake_http_piece (fake, done);
  over (200);
  HAS_TEXT (req, "\"text\":\"abcd\",\"chunks\":2");
}
END_TEST

/* Leaves after the first of three chunks, none of which is more than that on its way. */
START_TEST (who_leaves_pays_what_he_got)
{
  kg_req *req = ask ("world.bard.sing", NULL);
  size_t one;
  fake_http_piece (fake, "data: la\n\n");
  one = fake_body_len (req);
  fake_take (req, one + (size_t)_i);
  fake_http_piece (fake, "data: li\n\ndata: lo\n\n");
  fake_leave (req);
  ck_assert_int_eq (fake_done (req), 1);
  ck_assert_int_eq (noted, 1);
  ck_assert_int_eq (held[KG_BUDGET_TOKENS].settled, 1);
  ck_assert_ptr_nonnull (strstr (note_data, "\"tokens_used\":1"));
  HAS_NO (req, "complete");
  HAS_NO (req, "error");
  over (200); /* nobody waits for it */
  ck_assert_double_eq (
      fake_metric (fake, "kgent_agentese_agent_calls_total", "world.bard,canceled"), 1);
  ck_assert_double_eq (fake_metric (fake, "kgent_agentese_agent_under_way", NULL), 0);
}
END_TEST

START_TEST (or_what_the_agent_told)
{
  kg_req *req = ask ("world.bard.sing", NULL);
  size_t two;
  fake_http_piece (fake, "event: usage\ndata: 20\n\ndata: la\n\n");
  fake_http_piece (fake, "event: usage\ndata: 31\n\ndata: li\n\n");
  two = fake_body_len (req);
  fake_take (req, two);
  fake_http_piece (fake, "event: usage\ndata: 42\n\ndata: lo\n\n");
  fake_leave (req);
  ck_assert_int_eq (held[KG_BUDGET_TOKENS].settled, 31);
}
END_TEST

START_TEST (who_got_nothing_pays_nothing)
{
  kg_req *req = ask ("world.bard.sing", NULL);
  fake_take (req, 5);
  fake_http_piece (fake, "data: la\n\n");
  fake_leave (req);
  ck_assert_int_eq (fake_status (req), 499);
  ck_assert_int_eq (noted, 0);
  ck_assert_int_eq (held[KG_BUDGET_TOKENS].settled, -1);
  req = ask ("world.bard.sing", NULL);
  fake_leave (req);
  ck_assert_int_eq (fake_status (req), 499);
  ck_assert_int_eq (noted, 0);
}
END_TEST

/* The answer is there, and waits for a slow reader who leaves. */
START_TEST (who_leaves_at_the_end)
{
  kg_req *req = ask ("world.bard.sing", NULL);
  size_t one;
  fake_http_piece (fake, "data: la\n\n");
  one = fake_body_len (req);
  fake_take (req, one);
  fake_http_piece (fake, "data: li\n\n");
  fake_http_piece (fake, done);
  fake_leave (req);
  over (200);
  ck_assert_int_eq (held[KG_BUDGET_TOKENS].settled, 1);
}
END_TEST

START_TEST (a_stream_that_dies_after_a_piece)
{
  kg_req *req = ask ("world.bard.sing", NULL);
  fake_http_piece (fake, "data: la\n\n");
  over (200);
  ck_assert_int_eq (fake_status (req), 502);
  HAS_TEXT (req, "id: 2\nevent: error\ndata: {\"error\":\"The agent of 'world.bard' failed: its stream "
                 "broke off before its end\",\"type\":\"upstream\",\"status\":502,\"problem\":{");
  ck_assert_int_eq (noted, 0);
  ck_assert_int_eq (held[KG_BUDGET_TOKENS].settled, -1);
}
END_TEST

static const struct {
  const char *stream, *says;
} bad[] = { { "event: error\ndata: ink\n\n", "it says: ink" },
            { "event: done\n\n", "does not say tokens_used" },
            { "event: usage\ndata: 1x\n\n", "no number" },
            { "event: usage\n\n", "no number" },
            { "event: usage\ndata: 12345678901\n\n", "no number" },
            { "data: \xff\n\n", "no UTF-8" } };

START_TEST (an_error_ends_it)
{
  kg_req *req = ask ("world.bard.sing", NULL);
  fake_http_piece (fake, "data: la\n\n");
  fake_http_piece (fake, bad[_i].stream);
  over (200);
  HAS_TEXT (req, "event: error\n");
  HAS_TEXT (req, bad[_i].says);
  ck_assert_int_eq (noted, 0);
}
END_TEST

START_TEST (before_a_piece_a_problem_is_a_plain_one)
{
  kg_req *req = ask ("world.bard.sing", NULL);
  over (-ECONNRESET);
  ck_assert_int_eq (fake_status (req), 502);
  ck_assert_str_eq (fake_header (req, "Content-Type"), "application/problem+json");
  ck_assert_int_eq (fake_status (ask ("world.bard.fly", NULL)), 403);
}
END_TEST

START_TEST (a_long_piece_is_cut)
{
  kg_req *req = ask ("world.bard.sing", NULL);
  static char text[60000];
  int i, n = sprintf (text, "data: ");
  for (i = 0; i < 10000; i++)
    n += sprintf (text + n, "\xe4\xb8\x96");
  strcpy (text + n, "\n\n");
  fake_http_piece (fake, text);
  fake_http_piece (fake, done);
  over (200);
  HAS_TEXT (req, "\"index\":1}");
  HAS_TEXT (req, "\"chunks\":2}");
  HAS_NO (req, "\\ufffd");
}
END_TEST

START_TEST (a_result_at_the_end)
{
  kg_req *req = ask ("world.bard.sing", NULL);
  fake_http_piece (fake, "data: la\n\n");
  fake_http_piece (fake, "event: done\ndata: {\"tokens_used\":1,\"result\":[1]}\n\n");
  over (200);
  HAS_TEXT (req, "\"result\":[1],");
  HAS_TEXT (req, "\"text\":\"la\",\"chunks\":1}");
}
END_TEST

START_TEST (json_is_one_event)
{
  kg_req *req = ask ("world.bard.sing", NULL);
  fake_http_reply (fake, 200, NULL, "{\"result\":{\n\"a\": 1},\"tokens_used\":2}", -1);
  fake_http_deliver (fake);
  HAS_TEXT (req, "id: 1\nevent: complete\ndata: {");
  HAS_TEXT (req, "\"result\":{ \"a\": 1},\"tokens_used\":2,");
  HAS_TEXT (req, "\"text\":\"{ \\\"a\\\": 1}\",\"chunks\":0}\n\n");
  req = ask ("self.memory.manifest", NULL);
  ck_assert_int_eq (fake_status (req), 200);
  ck_assert_str_eq (fake_header (req, "Content-Type"), "text/event-stream");
  HAS_TEXT (req, "id: 1\nevent: complete\ndata: {\"path\":\"self.memory.manifest\",");
}
END_TEST

START_TEST (others_get_it_collected)
{
  kg_req *req = invoke ("world.bard.sing", NULL);
  fake_http_piece (fake, "event: usage\ndata: 4\n\ndata: la\n\ndata: li\n\nevent: done\n\n");
  over (200);
  HAS (req, "result", "lali");
  HAS (req, "tokens_used", "4");
}
END_TEST

static const struct {
  const char *accept;
  enum ag_events_wanted wanted;
} fields[] = { { "text/event-stream", AG_RATHER },
               { "text/event-stream;q=0", AG_NO_EVENTS },
               { "text/event-stream; q=0.001", AG_RATHER },
               { "*/*", AG_NO_EVENTS },
               { "text/*", AG_NO_EVENTS },
               { "text/event-stream, application/json", AG_AS_SOON },
               { " application/json ,\ttext/event-stream ", AG_AS_SOON },
               { "text/event-stream, */*", AG_AS_SOON },
               { "text/event-stream, application/*;q=0.5, */*", AG_RATHER },
               { "text/event-stream;q=0.5, application/json;q=0.51", AG_NO_EVENTS },
               { "text/event-stream;v=1;Q=0.5, application/json;q=0.499", AG_RATHER },
               { "text/event-streaming", AG_NO_EVENTS },
               { ",,;q=1,;,", AG_NO_EVENTS },
               { "text/event-stream;q=", AG_RATHER },
               { "text/event-stream;q=7", AG_RATHER },
               { "text/event-stream;q=0x0", AG_RATHER },
               { "a/b;c=\"d, text/event-stream, e\"", AG_NO_EVENTS },
               { "", AG_NO_EVENTS } };

START_TEST (who_asks_for_a_stream)
{
  ck_assert_int_eq (ag_accept ((kg_str){ fields[_i].accept, strlen (fields[_i].accept) }),
                    fields[_i].wanted);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("agentese-http-stream");
  TCase *t = tcase_create ("streams");
  SRunner *runner;
  int failed;
  tcase_add_checked_fixture (t, begin_agents, end_agents);
  tcase_add_test (t, pieces_are_passed_on);
  tcase_add_test (t, what_is_settled_when_it_ends);
  tcase_add_test (t, a_slow_caller_is_waited_for);
  tcase_add_test (t, what_waits_comes_together);
  tcase_add_loop_test (t, who_leaves_pays_what_he_got, 0, 10);
  tcase_add_test (t, or_what_the_agent_told);
  tcase_add_test (t, who_got_nothing_pays_nothing);
  tcase_add_test (t, who_leaves_at_the_end);
  tcase_add_test (t, a_stream_that_dies_after_a_piece);
  tcase_add_loop_test (t, an_error_ends_it, 0, sizeof bad / sizeof bad[0]);
  tcase_add_test (t, before_a_piece_a_problem_is_a_plain_one);
  tcase_add_test (t, a_long_piece_is_cut);
  tcase_add_test (t, a_result_at_the_end);
  tcase_add_test (t, json_is_one_event);
  tcase_add_test (t, others_get_it_collected);
  tcase_add_loop_test (t, who_asks_for_a_stream, 0, sizeof fields / sizeof fields[0]);
  suite_add_tcase (suite, t);
  runner = srunner_create (suite);
  srunner_set_tap (runner, "-");
  srunner_run_all (runner, CK_SILENT);
  failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  return failed != 0;
}
