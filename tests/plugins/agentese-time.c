/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Deferred invocations at each point where a process can be killed, times as arguments,
 * and the trace between rings and store. */
#include "agentese.h"

#include "plugins/agentese/notes.h"
#include "plugins/agentese/when.h"

#include <unistd.h>

/* ---- The schedule ------------------------------------------------------------- */

/* Defers at once; its id. */
static const char *
defer (const char *target)
{
  char kwargs[256];
  kg_req *req;
  snprintf (kwargs, sizeof kwargs, ",\"kwargs\":{\"target\":\"%s\",\"delay\":0}", target);
  req = invoke ("time.schedule.defer", kwargs);
  ck_assert_msg (fake_status (req) == 200, "%s", fake_body (req));
  return fake_json (req, "result.id");
}

/* Whatever can be done without the disk, then one group of writes; how many. */
static int
step (void)
{
  fake_run_jobs (fake);
  return fake_store_commit (fake);
}

/* The next process, after a kill. */
static void
killed (void)
{
  fake_crash (fake);
  fake_store_commit (fake); /* its requests end in vain */
  fake_stop (fake);
  fake_close (fake);
  fake_store_hold (fake, 0);
  ck_assert_msg (!fake_open (fake, &kg_plugin_1, NULL) && !fake_start (fake), "%s",
                 fake_error (fake));
}

/* Until nothing happens any more. */
static void
settle (void)
{
  int i;
  for (i = 0; i < 20; i++) {
    fake_advance (fake, 250);
    fake_run_jobs (fake);
  }
}

/* Whoever was killed between the charge and the note of it does not charge again. */
START_TEST (it_is_charged_once)
{
  kg_str id, key;
  kg_req *req;
  defer ("world.a.manifest");
  settle ();
  ck_assert_int_eq (fake_inner_count (fake), 1);
  req = fake_inner (fake, 0);
  id = fake_host ()->get (req, KG_GET_HEADER, "Kgent-Deferral");
  key = fake_host ()->get (req, KG_GET_HEADER, "Idempotency-Key");
  ck_assert_uint_eq (key.len, 9 + 32);
  ck_assert_int_eq (strncmp (key.ptr, "deferral-", 9), 0);
  ck_assert_int_eq (strncmp (key.ptr + 9, id.ptr, id.len), 0);
}
END_TEST

#define LISTED(path, want) HAS (invoke ("time.schedule.list", NULL), "result.scheduled.0." path, want)

START_TEST (it_is_done)
{
  defer ("world.a.build");
  LISTED ("status", "pending");
  settle ();
  LISTED ("status", "done");
  LISTED ("code", "200");
  LISTED ("attempts", "1");
  LISTED ("answer.result.status", "acknowledged");
  HAS (invoke ("world.a.witness", NULL), "result.total", "1");
  ck_assert_double_eq (fake_metric (fake, "kgent_agentese_deferred_total", "done"), 1);
}
END_TEST

/* After the `n`th group of writes; whatever that was, the effect is there once. */
START_TEST (killed_after_a_write)
{
  int i;
  defer (_i % 2 ? "world.a.build" : "void.entropy.sip");
  fake_store_hold (fake, 1);
  for (i = 0; i < _i / 2; i++)
    step ();
  fake_run_jobs (fake);
  killed ();
  settle ();
  LISTED ("status", "done");
  LISTED ("code", "200");
  HAS (invoke (_i % 2 ? "world.a.witness" : "void.entropy.witness", NULL), "result.total", "1");
}
END_TEST

START_TEST (refused_for_now)
{
  defer ("world.a.build");
  fake_calls_fail (fake, -EAGAIN, 2);
  settle ();
  LISTED ("status", "done");
  HAS (invoke ("world.a.witness", NULL), "result.total", "1");
}
END_TEST

START_TEST (left_to_the_next_process)
{
  defer ("world.a.build");
  fake_calls_fail (fake, -ESHUTDOWN, -1);
  settle ();
  LISTED ("status", "pending");
  fake_stop (fake);
  fake_close (fake);
  fake_calls_fail (fake, 0, 0);
  ck_assert (!fake_open (fake, &kg_plugin_1, NULL) && !fake_start (fake));
  settle ();
  LISTED ("status", "done");
  HAS (invoke ("world.a.witness", NULL), "result.total", "1");
}
END_TEST

START_TEST (the_disk_is_full)
{
  kg_req *req;
  int i;
  defer ("world.a.build");
  fake_store_fail (fake, -ENOSPC, 3);
  for (i = 0; i < 1000; i++) { /* it is tried again after a second, by the system's clock */
    usleep (5000);
    settle ();
    if (!strcmp (fake_json (invoke ("time.schedule.list", NULL), "result.scheduled.0.status"),
                 "done"))
      break;
  }
  LISTED ("status", "done");
  HAS (invoke ("world.a.witness", NULL), "result.total", "1");
  fake_store_fail (fake, -ENOSPC, 1);
  req = invoke ("time.schedule.defer", ",\"kwargs\":{\"target\":\"world.a.build\",\"delay\":9}");
  ck_assert_int_eq (fake_status (req), 503);
}
END_TEST

/* A client cannot pass for a deferral. */
START_TEST (headers_of_clients)
{
  const char *const headers[] = { "Kgent-Deferral: 00000000000000000000000000000000", NULL };
  kg_req *req = fake_request (fake, "POST", "/v1/agentese/invoke", headers,
                              "{\"path\":\"world.a.build\"}");
  ck_assert_int_eq (fake_status (req), 200);
}
END_TEST

/* ---- Times ----------------------------------------------------------------------- */

static const struct {
  const char *text;
  int64_t seconds; /* -1: none */
} times[] = {
  { "1970-01-01T00:00:00Z", 0 },
  { "2000-02-29T12:00:00+00:00", 951825600 },
  { "2026-05-04T12:00:00.999999+02:00", 1777888800 },
  { "2026-05-04t12:00:00-00:30", 1777897800 },
  { "2026-02-29T12:00:00Z", -1 },
  { "2026-13-01T12:00:00Z", -1 },
  { "2026-05-04T24:00:00Z", -1 },
  { "2026-05-04T12:00:00", -1 },
  { "2026-05-04T12:00:00+2", -1 },
  { "2026-05-04T12:00:00Z ", -1 },
  { "2026-05-04", -1 },
  { "1969-12-31T23:59:59Z", -1 },
  { "", -1 },
};

START_TEST (times_are_parsed)
{
  kg_str text = { times[_i].text, strlen (times[_i].text) };
  int64_t ns = -1;
  int32_t r = ag_time_parse (text, &ns);
  ck_assert_int_eq (r, times[_i].seconds < 0 ? -EINVAL : 0);
  if (!r)
    ck_assert_int_eq (ns / 1000000000, times[_i].seconds);
}
END_TEST

/* ---- The trace --------------------------------------------------------------------- */

static kg_req *
query (const char *topic)
{
  char kwargs[256];
  kg_req *req;
  snprintf (kwargs, sizeof kwargs, ",\"kwargs\":{\"topic\":\"%s\"}", topic);
  req = invoke ("time.trace.query", kwargs);
  fake_run_jobs (fake);
  ck_assert_msg (fake_status (req) == 200, "%s", fake_body (req));
  return req;
}

START_TEST (a_trace_survives)
{
  int i;
  for (i = 0; i < 120; i++)
    invoke ("world.a.manifest", NULL);
  HAS (query ("world.a"), "result.total", "120");
  fake_advance (fake, 1000);
  fake_run_jobs (fake); /* written in chunks of 50 */
  for (i = 0; i < 7; i++)
    invoke ("world.a.manifest", NULL);
  HAS (query ("world.a"), "result.total", "127");
  fake_stop (fake);
  fake_close (fake);
  ck_assert (!fake_open (fake, &kg_plugin_1, NULL) && !fake_start (fake));
  HAS (query ("world.a"), "result.total", "127");
  invoke ("world.a.manifest", NULL);
  fake_advance (fake, 1000);
  fake_run_jobs (fake);
  killed ();
  HAS (query ("world.a"), "result.total", "128");
}
END_TEST

START_TEST (a_trace_is_bounded)
{
  static const char *const conf[] = { "trace_max=50", NULL };
  int i, k;
  begin_with (conf);
  for (i = 0; i < 10; i++) {
    for (k = 0; k < 30; k++)
      invoke ("world.a.manifest", NULL);
    fake_advance (fake, 1000);
    fake_run_jobs (fake);
  }
  HAS (query ("world.a"), "result.total", "50");
  fake_free (fake);
}
END_TEST

/* A store whose writes end when the test says so. */
static void (*write_done) (const struct kg_outcome *outcome, void *arg);

static int32_t
write_begins (kg_self *self, const struct kg_op *ops, uint32_t n, uint32_t op_size,
              void (*done) (const struct kg_outcome *outcome, void *arg), void *arg)
{
  (void)self;
  (void)ops;
  (void)n;
  (void)op_size;
  (void)arg;
  write_done = done;
  return 0;
}

static int32_t
scan_nothing (kg_bucket *bucket, kg_str prefix, int32_t (*fn) (const struct kg_entry *, void *),
              void *arg)
{
  (void)bucket;
  (void)prefix;
  (void)fn;
  (void)arg;
  return 0;
}

static void
story_grow (struct ag_story *s, int n)
{
  struct ag_note note = { .observer = ag_str ("\"\""),
                          .path = ag_str ("world.a.manifest"),
                          .span_id = ag_str ("00f067aa0ba902b7"),
                          .trace_id = ag_str ("4bf92f3577b34da6a3ce929d0e0e4736") };
  while (n--) {
    note.tokens++;
    ck_assert_int_eq (ag_story_add (s, &note), 0);
  }
}

/* Nor does it grow while a write is under way: what is in the write stays, and so does what
 * came last. */
START_TEST (a_trace_is_bounded_during_a_write)
{
  static const struct kg_store store
      = { .size = sizeof store, .write = write_begins, .scan = scan_nothing };
  static const struct ag_conf conf = { .trace_max = 50 };
  struct ag ag = { .conf = &conf, .store = &store };
  struct ag_story *s = calloc (1, sizeof *s);
  struct kg_outcome outcome = { .size = sizeof outcome, .revision = 1 };
  s->ag = &ag;
  story_grow (s, 40);
  ag_story_flush (s, NULL);
  story_grow (s, 20000);
  ck_assert_uint_lt (s->lines, 4000);
  ck_assert_uint_eq (ag_story_lines (&ag), 50);
  ck_assert_ptr_nonnull (memmem (s->text, s->written, "\"units\":40,", 11));
  ck_assert_ptr_nonnull (memmem (s->text + s->len - 256, 256, "\"units\":20000,", 14));
  write_done (&outcome, s);
  ag_story_flush (s, NULL);
  ck_assert_uint_lt (s->lines, 4000);
  ck_assert_uint_eq (s->number, 1);
  free (s->text);
  free (s);
}
END_TEST

/* Without a disk it goes on, and what was not written yet is written later. */
START_TEST (a_trace_without_a_disk)
{
  fake_store_fail (fake, -ENOSPC, -1);
  invoke ("world.a.manifest", NULL);
  fake_advance (fake, 1000);
  fake_run_jobs (fake);
  fake_store_fail (fake, 0, 0);
  invoke ("world.a.manifest", NULL);
  fake_advance (fake, 2000);
  fake_run_jobs (fake);
  killed ();
  HAS (query ("world.a"), "result.total", "2");
}
END_TEST

/* An answer that never came is in the trace, too. */
START_TEST (deadlines_are_traced)
{
  kg_req *req;
  fake_store_hold (fake, 1);
  req = invoke ("world.a.build", NULL);
  fake_expire (req);
  fake_store_commit (fake);
  fake_store_hold (fake, 0);
  req = query ("world.a.build");
  HAS (req, "result.total", "1");
  HAS (req, "result.traces.0.status", "504");
}
END_TEST

static void
cases_add (TCase *t)
{
  tcase_add_test (t, it_is_done);
  tcase_add_test (t, it_is_charged_once);
  tcase_add_loop_test (t, killed_after_a_write, 0, 16);
  tcase_add_test (t, refused_for_now);
  tcase_add_test (t, left_to_the_next_process);
  tcase_add_test (t, the_disk_is_full);
  tcase_add_test (t, headers_of_clients);
  tcase_add_test (t, a_trace_survives);
  tcase_add_test (t, a_trace_without_a_disk);
  tcase_add_test (t, deadlines_are_traced);
}

int
main (void)
{
  Suite *s = suite_create ("agentese-time");
  TCase *t = tcase_create ("time"), *own = tcase_create ("alone");
  SRunner *sr;
  int failed;
  tcase_add_checked_fixture (t, begin, end);
  cases_add (t);
  tcase_add_loop_test (own, times_are_parsed, 0, sizeof times / sizeof times[0]);
  tcase_add_test (own, a_trace_is_bounded);
  tcase_add_test (own, a_trace_is_bounded_during_a_write);
  suite_add_tcase (s, t);
  suite_add_tcase (s, own);
  sr = srunner_create (s);
  srunner_set_tap (sr, "-");
  srunner_run_all (sr, CK_SILENT);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
