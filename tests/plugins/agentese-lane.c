/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* agentese.so against the fake host: changes of one node that meet. */

#include "tests/plugins/agentese.h"

#define MANY 700 /* more than go into two batches */

static kg_req *
transform (const char *path, const char *changes)
{
  char more[256];
  snprintf (more, sizeof more, ",\"kwargs\":{\"changes\":{%s}}", changes);
  return invoke (path, more);
}

static const char *
node (const char *handle)
{
  char key[128];
  snprintf (key, sizeof key, "t1/%s", handle);
  return fake_store_get (fake, "agentese.nodes", key);
}

static const char *
history (const char *handle)
{
  char key[128];
  snprintf (key, sizeof key, "t1/%s", handle);
  return fake_store_get (fake, "agentese.trace", key);
}

static void
begin_held (void)
{
  begin ();
  fake_store_hold (fake, 1);
}

static void
commit_all (void)
{
  while (fake_store_commit (fake))
    ;
}

START_TEST (what_waits_is_one_write)
{
  kg_req *a = transform ("world.house.transform", "\"a\":1"), *b, *c;
  b = transform ("world.house.transform", "\"b\":2");
  c = transform ("world.house.transform", "\"a\":3");
  ck_assert_int_eq (fake_store_commit (fake), 1);
  ck_assert_int_eq (fake_status (a), 200);
  ck_assert_int_eq (fake_status (b), 0);
  ck_assert_int_eq (fake_store_commit (fake), 1);
  ck_assert_int_eq (fake_status (b), 200);
  ck_assert_int_eq (fake_status (c), 200);
  HAS (a, "result.version", "1");
  HAS (b, "result.version", "2");
  HAS (c, "result.version", "3");
  ck_assert_ptr_nonnull (strstr (node ("world.house"), "\"state\":{\"a\":3,\"b\":2}"));
  ck_assert_ptr_nonnull (strstr (history ("world.house"), "{\"total\":3,"));
  HAS (invoke ("time.past.project", ",\"kwargs\":{\"target\":\"world.house\",\"version\":2}"),
       "result.state", "{\"a\":1,\"b\":2}");
  ck_assert_double_eq (fake_metric (fake, "kgent_agentese_retries_total", NULL), 0);
}
END_TEST

START_TEST (the_node_is_written_last)
{
  kg_req *a = transform ("world.house.define", "\"a\":1");
  a = invoke ("world.house.define", ",\"kwargs\":{\"name\":\"door\"}");
  invoke ("world.house.define", ",\"kwargs\":{\"name\":\"roof\"}");
  invoke ("world.garden.build", NULL); /* another node: another write */
  ck_assert_int_eq (fake_store_commit (fake), 2);
  ck_assert_int_eq (fake_store_commit (fake), 1);
  ck_assert_int_eq (fake_status (a), 200);
  ck_assert_ptr_nonnull (node ("world.house.door"));
  ck_assert_ptr_nonnull (node ("world.house.roof"));
}
END_TEST

START_TEST (another_process_was_first)
{
  kg_req *a = transform ("world.house.transform", "\"a\":1"), *b;
  b = transform ("world.house.transform", "\"b\":2");
  fake_store_put (fake, "agentese.nodes", "t1/world.house",
                  "{\"version\":7,\"created\":\"x\",\"changed\":\"x\",\"since\":\"x\","
                  "\"state\":{\"c\":3},\"relations\":[]}");
  commit_all ();
  HAS (a, "result.version", "8");
  HAS (b, "result.version", "9");
  ck_assert_ptr_nonnull (strstr (node ("world.house"), "\"state\":{\"c\":3,\"a\":1,\"b\":2}"));
  ck_assert_double_eq (fake_metric (fake, "kgent_agentese_retries_total", NULL), 2);
}
END_TEST

/* One of a batch cannot be; the others of it are not told. */
START_TEST (who_causes_a_failure_has_it_alone)
{
  kg_req *a = transform ("world.house.transform", "\"a\":1"), *b, *c, *d;
  b = transform ("world.house.transform", "\"b\":2");
  c = invoke ("world.house.define", ",\"kwargs\":{\"name\":\"door\"}");
  d = transform ("world.house.transform", "\"d\":4");
  fake_store_put (fake, "agentese.nodes", "t1/world.house.door",
                  "{\"version\":1,\"created\":\"x\",\"changed\":\"x\",\"since\":\"x\","
                  "\"state\":{},\"relations\":[]}");
  commit_all ();
  ck_assert_int_eq (fake_status (a), 200);
  ck_assert_int_eq (fake_status (b), 200);
  ck_assert_int_eq (fake_status (c), 409);
  HAS (c, "detail", "'world.house.door' is already defined");
  ck_assert_int_eq (fake_status (d), 200);
  ck_assert_ptr_nonnull (strstr (node ("world.house"), "\"state\":{\"a\":1,\"b\":2,\"d\":4}"));
  ck_assert_ptr_nonnull (strstr (history ("world.house"), "{\"total\":3,"));
}
END_TEST

START_TEST (twice_the_same_child)
{
  kg_req *a = invoke ("world.house.define", ",\"kwargs\":{\"name\":\"door\"}"), *b;
  b = invoke ("world.house.define", ",\"kwargs\":{\"name\":\"door\"}");
  ck_assert_int_eq (fake_status (b), 409);
  commit_all ();
  ck_assert_int_eq (fake_status (a), 200);
}
END_TEST

START_TEST (a_full_disk)
{
  kg_req *a, *b, *c;
  fake_store_fail (fake, -ENOSPC, 1);
  a = transform ("world.house.transform", "\"a\":1");
  b = transform ("world.house.transform", "\"b\":2");
  c = transform ("world.house.transform", "\"c\":3");
  commit_all ();
  ck_assert_int_eq (fake_status (a), 503);
  ck_assert_int_eq (fake_status (b), 200);
  ck_assert_int_eq (fake_status (c), 200);
  ck_assert_ptr_nonnull (strstr (node ("world.house"), "\"state\":{\"b\":2,\"c\":3}"));
}
END_TEST

/* The store takes nothing at once: the one whose turn it is is told, and so is the next. */
START_TEST (a_store_that_takes_nothing)
{
  kg_req *a, *b;
  fake_store_fail (fake, -EAGAIN, 1);
  a = transform ("world.house.transform", "\"a\":1");
  ck_assert_int_eq (fake_status (a), 503);
  b = transform ("world.house.transform", "\"b\":2");
  commit_all ();
  ck_assert_int_eq (fake_status (b), 200);
}
END_TEST

START_TEST (more_than_a_batch)
{
  static kg_req *req[MANY];
  int i, n = 0, commits = 0;
  for (i = 0; i < MANY; i++)
    req[i] = transform ("world.house.transform", "\"a\":1");
  fake_leave (req[100]);      /* it is in a batch: what it wanted is done */
  fake_leave (req[MANY - 1]); /* these wait for their turn, and are not done */
  fake_expire (req[MANY - 100]);
  fake_leave (req[MANY - 101]);
  while (fake_store_commit (fake))
    commits++;
  for (i = 0; i < MANY; i++)
    n += fake_status (req[i]) == 200;
  ck_assert_int_eq (n, MANY - 4);
  ck_assert_int_le (commits, 5);
  ck_assert_ptr_nonnull (strstr (history ("world.house"), "{\"total\":697,"));
  ck_assert_int_eq (fake_status (transform ("world.house.transform", "\"a\":1")), 0);
  commit_all ();
  ck_assert_ptr_nonnull (strstr (node ("world.house"), "{\"version\":698,"));
}
END_TEST

START_TEST (what_time_took_back)
{
  kg_req *a, *b, *c;
  a = transform ("world.house.transform", "\"a\":1");
  b = invoke ("time.past.restore", ",\"kwargs\":{\"target\":\"world.house\",\"version\":0}");
  commit_all ();
  ck_assert_int_eq (fake_status (a), 200);
  HAS (b, "result.removed", "true");
  ck_assert_ptr_null (node ("world.house"));
  a = transform ("world.house.transform", "\"a\":1");
  b = invoke ("time.past.restore", ",\"kwargs\":{\"target\":\"world.house\",\"version\":0}");
  c = transform ("world.house.transform", "\"c\":3");
  fake_store_commit (fake);
  invoke ("time.past.restore", ",\"kwargs\":{\"target\":\"world.house\",\"version\":0}");
  commit_all ();
  ck_assert_int_eq (fake_status (a), 200);
  ck_assert_int_eq (fake_status (b), 200);
  HAS (c, "result.version", "1");
  ck_assert_ptr_null (node ("world.house"));
  ck_assert_ptr_nonnull (strstr (history ("world.house"), "{\"total\":6,"));
}
END_TEST

START_TEST (an_engram_that_is_not_there_yet)
{
  kg_req *a, *b, *c, *d;
  a = invoke ("self.memory.engram", ",\"kwargs\":{\"key\":\"a\",\"data\":1}");
  b = invoke ("self.memory.engram", ",\"kwargs\":{\"key\":\"b\",\"data\":2}");
  c = invoke ("self.memory.forget", ",\"kwargs\":{\"key\":\"b\"}");
  d = invoke ("self.memory.forget", ",\"kwargs\":{\"key\":\"b\"}");
  ck_assert_int_eq (fake_status (d), 404);
  commit_all ();
  ck_assert_int_eq (fake_status (a), 200);
  ck_assert_int_eq (fake_status (b), 200);
  ck_assert_int_eq (fake_status (c), 200);
  fake_store_hold (fake, 0);
  HAS (invoke ("self.memory.sense", NULL), "result.engrams", "1");
  HAS (invoke ("self.memory.recall", ",\"kwargs\":{\"key\":\"a\"}"), "result.data", "1");
}
END_TEST

static kg_req *
draw_with (const char *token)
{
  char field[64];
  const char *const headers[] = { field, NULL };
  snprintf (field, sizeof field, "Kgent-Bypass: %s", token);
  return fake_request (fake, "POST", "/v1/agentese/invoke", headers,
                       "{\"path\":\"world.a.manifest[entropy=0.5]\"}");
}

/* Both come before the first use of it is on the disk. */
START_TEST (a_token_for_two)
{
  kg_req *a, *b;
  char token[33];
  fake_store_hold (fake, 0);
  ck_assert_int_eq (fake_status (invoke ("void.entropy.sip", ",\"kwargs\":{\"amount\":100}")), 200);
  a = invoke ("void.capital.bypass", ",\"kwargs\":{\"check\":\"entropy\"}");
  snprintf (token, sizeof token, "%s", fake_json (a, "result.token"));
  fake_store_hold (fake, 1);
  a = draw_with (token);
  b = draw_with (token);
  ck_assert_int_eq (fake_status (b), 402);
  commit_all ();
  ck_assert_int_eq (fake_status (a), 200);
}
END_TEST

/* What was reserved of the limits is given back, and what is kept is counted. */
START_TEST (limits)
{
  static const char *const conf[] = { "nodes_max=2", NULL };
  kg_req *a, *b, *c;
  end ();
  begin_with (conf);
  fake_store_hold (fake, 1);
  a = invoke ("world.house.define", ",\"kwargs\":{\"name\":\"door\"}");
  b = transform ("world.house.transform", "\"b\":2");
  c = invoke ("world.house.define", ",\"kwargs\":{\"name\":\"roof\"}");
  ck_assert_int_eq (fake_status (c), 507);
  commit_all ();
  ck_assert_int_eq (fake_status (a), 200);
  ck_assert_int_eq (fake_status (b), 200);
  ck_assert_double_eq (fake_metric (fake, "kgent_agentese_nodes", NULL), 2);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("agentese-lane");
  TCase *t = tcase_create ("lane");
  SRunner *sr;
  int failed;
  tcase_add_checked_fixture (t, begin_held, end);
  tcase_add_test (t, what_waits_is_one_write);
  tcase_add_test (t, the_node_is_written_last);
  tcase_add_test (t, another_process_was_first);
  tcase_add_test (t, who_causes_a_failure_has_it_alone);
  tcase_add_test (t, twice_the_same_child);
  tcase_add_test (t, a_full_disk);
  tcase_add_test (t, a_store_that_takes_nothing);
  tcase_add_test (t, more_than_a_batch);
  tcase_add_test (t, what_time_took_back);
  tcase_add_test (t, an_engram_that_is_not_there_yet);
  tcase_add_test (t, a_token_for_two);
  tcase_add_test (t, limits);
  suite_add_tcase (s, t);
  sr = srunner_create (s);
  srunner_set_tap (sr, "-");
  srunner_run_all (sr, CK_SILENT);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
