/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Event streams of agents, passed on to a caller who takes pieces: the invoke route is
 * replaced by one whose caller takes them as the test wants. */

#include "tests/fake/fake-internal.h"
#include "tests/plugins/agentese.h"

#include "plugins/agentese/agentese.h"

static const char *const agents[]
    = { "nodes.0.name=world.bard",      "nodes.0.url=http://bard.example/{aspect}",
        "nodes.0.reply_max=4096",       "nodes.0.aspects.0.name=sing",
        "nodes.0.aspects.0.streams=true", NULL };

static char taken[4096];
static int pieces, answer; /* what the caller says to a piece, 0: it takes it */

static int32_t
take (struct ag_call *c, kg_str text)
{
  (void)c;
  if (answer)
    return answer;
  pieces++;
  strncat (taken, text.ptr, text.len);
  return 0;
}

static int32_t
invoke_streamed (kg_req *req, void *data)
{
  struct ag *ag = data;
  struct ag_call *c = ag->host->alloc (req, sizeof *c);
  kg_str path;
  int32_t r;
  *c = (struct ag_call){ .ag = ag,
                         .req = req,
                         .who = ag->host->identity (req),
                         .json = ag->host->json (req),
                         .piece = take };
  r = ag_observe (c, &path);
  return r ? r : ag_call_run (c, path);
}

static void
begin_streamed (void)
{
  uint32_t i;
  begin_with (agents);
  for (i = 0; i < fake->nroutes; i++)
    if (!strcmp (fake->routes[i].route.pattern, "/v1/agentese/invoke"))
      fake->routes[i].route.handler = invoke_streamed;
  taken[0] = 0;
  pieces = answer = 0;
}

static kg_req *
sing (const char *body)
{
  kg_req *req = invoke ("world.bard.sing", NULL);
  fake_http_reply (fake, 200, "text/event-stream", body, -1);
  fake_http_deliver (fake);
  return req;
}

static void
later (int64_t ms)
{
  fake_advance (fake, ms);
  fake_run_jobs (fake);
}

static const char song[] = "data: la\n\ndata: li\n\nevent: done\n\n";

START_TEST (pieces_are_passed_on)
{
  kg_req *req = sing (song);
  ck_assert_str_eq (taken, "lali");
  ck_assert_int_eq (fake_status (req), 200);
  ck_assert_str_eq (fake_http_header (fake_http_call (fake, 0), "Accept"),
                    "text/event-stream, application/json;q=0.5");
}
END_TEST

START_TEST (a_slow_caller_is_waited_for)
{
  kg_req *req;
  answer = -EAGAIN;
  req = sing (song);
  ck_assert_int_eq (fake_status (req), 0);
  later (20);
  ck_assert_int_eq (fake_status (req), 0);
  answer = 0;
  later (20);
  ck_assert_int_eq (fake_status (req), 200);
  ck_assert_str_eq (taken, "lali");
  ck_assert_int_eq (pieces, 1);
}
END_TEST

START_TEST (a_slow_caller_that_leaves)
{
  kg_req *req;
  answer = -EAGAIN;
  req = sing (song);
  fake_leave (req);
  answer = 0;
  later (20);
  ck_assert_str_eq (taken, "");
  ck_assert_double_eq (fake_metric (fake, "kgent_agentese_agent_under_way", NULL), 0);
  ck_assert_double_eq (
      fake_metric (fake, "kgent_agentese_agent_calls_total", "world.bard,canceled"), 1);
}
END_TEST

START_TEST (a_caller_that_left)
{
  answer = -EPIPE;
  sing (song);
  ck_assert_double_eq (
      fake_metric (fake, "kgent_agentese_agent_calls_total", "world.bard,canceled"), 1);
  ck_assert_double_eq (fake_metric (fake, "kgent_agentese_agent_failures_total", NULL), 0);
}
END_TEST

START_TEST (a_stream_that_dies_after_a_piece)
{
  kg_req *req = sing ("data: la\n\n");
  ck_assert_str_eq (taken, "la");
  ck_assert_int_eq (fake_status (req), 502);
  ck_assert_int_eq (noted, 0);
}
END_TEST

START_TEST (a_result_at_the_end)
{
  kg_req *req = sing ("data: la\n\nevent: done\ndata: {\"result\":[1]}\n\n");
  ck_assert_str_eq (taken, "la");
  HAS (req, "result", "[1]");
}
END_TEST

START_TEST (json_is_no_piece)
{
  kg_req *req = invoke ("world.bard.sing", NULL);
  fake_http_reply (fake, 200, NULL, "{\"result\":\"la\"}", -1);
  fake_http_deliver (fake);
  HAS (req, "result", "la");
  ck_assert_int_eq (pieces, 0);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("agentese-http-stream");
  TCase *t = tcase_create ("streams");
  SRunner *runner;
  int failed;
  tcase_add_checked_fixture (t, begin_streamed, end);
  tcase_add_test (t, pieces_are_passed_on);
  tcase_add_test (t, a_slow_caller_is_waited_for);
  tcase_add_test (t, a_slow_caller_that_leaves);
  tcase_add_test (t, a_caller_that_left);
  tcase_add_test (t, a_stream_that_dies_after_a_piece);
  tcase_add_test (t, a_result_at_the_end);
  tcase_add_test (t, json_is_no_piece);
  suite_add_tcase (suite, t);
  runner = srunner_create (suite);
  srunner_set_tap (runner, "-");
  srunner_run_all (runner, CK_SILENT);
  failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  return failed != 0;
}
