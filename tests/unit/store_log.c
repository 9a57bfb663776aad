/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The store: logs, from the record to whoever reads it. */

#include "store_case.h"

#include "core/util/clock.h"

START_TEST (an_id_is_appended_once)
{
  struct kg_outcome o;
  start ("power");
  o = test_append (&t, "evt_1", "x");
  ck_assert_int_eq (o.error, 0);
  ck_assert_uint_eq (o.revision, 1);
  ck_assert_int_eq (test_append (&t, "evt_1", "y").error, -EEXIST);
  ck_assert_int_eq (test_append (&t, "", "z").error, 0);
  ck_assert_int_eq (test_append (&t, "", "z").error, 0);
  ck_assert_int_eq (test_stop (&t), 0);
  start ("power");
  ck_assert_int_eq (test_append (&t, "evt_1", "y").error, -EEXIST);
  ck_assert_int_eq (test_count (t.webhooks), 3);
}
END_TEST

static void
outcome_note (const struct kg_outcome *outcome, void *arg)
{
  __atomic_store_n (&((struct kg_outcome *) arg)->error, outcome->error, __ATOMIC_RELEASE);
}

struct last {
  uint64_t sequence;
  char id[128], data[128];
  int n;
};

static int32_t
last_note (const struct kg_record *r, void *arg)
{
  struct last *l = arg;
  l->sequence = r->sequence;
  snprintf (l->id, sizeof l->id, "%.*s", (int) r->id.len, r->id.ptr);
  snprintf (l->data, sizeof l->data, "%.*s", (int) r->data.len, r->data.ptr);
  l->n++;
  return l->n == 3 ? 9 : 0;
}

START_TEST (records_have_the_id_that_was_told)
{
  const char *modes[] = { "power", "process" };
  char id[RING_ID_MAX];
  struct last last = { 0 };
  start (modes[_i]);
  ck_assert_int_eq (test_record (&t, 1, "hello", 5, id), 0);
  ck_assert (test_newest (&t, t.usage, 1));
  ck_assert_int_eq (store_service.read (t.usage, 0, 10, last_note, &last), 1);
  ck_assert_str_eq (last.id, id);
  ck_assert_str_eq (id, "r1-00000001-01-000000000001");
  ck_assert_str_eq (last.data, "hello");
}
END_TEST

/* Writes an entry and a record that was put aside, and waits for the outcome. */
static struct kg_outcome
put_with_record (const char *key, const char *data, char id[STORE_ID_MAX])
{
  struct kg_op ops[] = { { .kind = KG_OP_PUT, .bucket = t.keys, .key = test_str (key),
                           .value = test_str ("answer"), .revision = KG_REV_NEW },
                         { .kind = STORE_OP_RECORD, .log = t.usage, .value = test_str (data),
                           .ttl_ms = 1234567890123456789 } };
  struct kg_outcome o = { .error = 1 };
  ops[1].key = (kg_str){ id, store_record_id (t.store, id) };
  ck_assert_int_eq (store_write_own (t.store, ops, 2, outcome_note, &o), 0);
  while (__atomic_load_n (&o.error, __ATOMIC_ACQUIRE) > 0)
    usleep (1000);
  return o;
}

static int32_t
time_note (const struct kg_record *r, void *arg)
{
  *(int64_t *) arg = r->time_ns;
  return 0;
}

START_TEST (a_record_goes_along_with_a_write_or_not_at_all)
{
  const char *modes[] = { "power", "process" };
  char id[STORE_ID_MAX], second[STORE_ID_MAX];
  struct last last = { 0 };
  int64_t time_ns = 0;
  start (modes[_i]);
  ck_assert_int_eq (put_with_record ("k", "one", id).error, 0);
  ck_assert_str_eq (id, "r1-00000001-03-000000000001");
  ck_assert_int_eq (put_with_record ("k", "two", second).error, -EEXIST);
  ck_assert_str_ne (id, second);
  ck_assert_int_eq (test_record (&t, 1, "three", 5, NULL), 0);
  ck_assert (test_newest (&t, t.usage, 2));
  ck_assert_int_eq (test_count (t.usage), 2);
  ck_assert_int_eq (store_service.read (t.usage, 0, 1, last_note, &last), 1);
  ck_assert_str_eq (last.id, id);
  ck_assert_str_eq (last.data, "one");
  ck_assert_int_eq (store_service.read (t.usage, 0, 1, time_note, &time_ns), 1);
  ck_assert_int_eq (time_ns, 1234567890123456789);
  ck_assert_int_eq (test_stop (&t), 0);
  start (modes[_i]);
  ck_assert_int_eq (put_with_record ("k", "four", id).error, -EEXIST);
  ck_assert_int_eq (put_with_record ("l", "five", id).error, 0);
  ck_assert_str_eq (id, "r1-00000002-03-000000000002");
  ck_assert_int_eq (test_count (t.usage), 3);
}
END_TEST

START_TEST (records_of_plugins_go_by_record_only)
{
  struct kg_op op = { .kind = STORE_OP_RECORD, .key = { "x", 1 }, .value = { "y", 1 } };
  start ("power");
  op.log = t.usage;
  ck_assert_int_eq (test_write (&t, &op, 1).error, -EINVAL);
}
END_TEST

START_TEST (reading_in_portions)
{
  struct last last = { 0 };
  start ("process");
  for (int i = 0; i < 20; i++) {
    char data[16];
    snprintf (data, sizeof data, "e%d", i + 1);
    test_record (&t, i % 3, data, strlen (data), NULL);
  }
  ck_assert (test_newest (&t, t.usage, 20));
  ck_assert_int_eq (test_count (t.usage), 20);
  ck_assert_int_eq (store_service.read (t.usage, 5, 2, last_note, &last), 2);
  ck_assert_uint_eq (last.sequence, 7);
  ck_assert_int_eq (store_service.read (t.usage, 7, 10, last_note, &last), 1); /* fn said 9 */
  ck_assert_uint_eq (last.sequence, 8);
  ck_assert_int_eq (store_service.read (t.usage, 20, 10, last_note, &last), 0);
}
END_TEST

START_TEST (cursors_only_advance)
{
  struct kg_op ack = { .kind = KG_OP_ACK };
  start ("power");
  ack.cursor = t.cursor;
  for (int i = 0; i < 5; i++)
    test_record (&t, 0, "x", 1, NULL);
  ck_assert_uint_eq (store_service.position (t.cursor), 0);
  ack.revision = 3;
  ck_assert_int_eq (test_write (&t, &ack, 1).error, 0);
  ck_assert_uint_eq (store_service.position (t.cursor), 3);
  ack.revision = 2;
  ck_assert_int_eq (test_write (&t, &ack, 1).error, 0);
  ck_assert_uint_eq (store_service.position (t.cursor), 3);
  ack.revision = 900;
  ck_assert_int_eq (test_write (&t, &ack, 1).error, 0);
  ck_assert_uint_eq (store_service.position (t.cursor), 5);
  ck_assert_int_eq (test_stop (&t), 0);
  start ("power");
  ck_assert_uint_eq (store_service.position (t.cursor), 5);
}
END_TEST

struct stray {
  char name[64];
  uint64_t position;
};

static int32_t
stray_note (const char *name, uint64_t position, void *arg)
{
  struct stray *s = arg;
  snprintf (s->name, sizeof s->name, "%s", name);
  s->position = position;
  return 0;
}

/* What nobody declares any more is shown, and forgotten when somebody says so. */
START_TEST (cursors_of_nobody)
{
  struct kg_op ack = { .kind = KG_OP_ACK };
  struct stray stray = { "", 0 };
  ck_assert_int_eq (test_create (&t, dir, "power"), 0);
  ck_assert_int_eq (store_service.cursor (&t.core, t.usage, "old", &ack.cursor), 0);
  ck_assert_int_eq (store_service.strays (t.usage, stray_note, &stray), -EAGAIN);
  ck_assert_int_eq (store_start (t.store, 2, t.error), 0);
  for (int i = 0; i < 3; i++)
    test_record (&t, 0, "x", 1, NULL);
  ack.revision = 2;
  ck_assert_int_eq (test_write (&t, &ack, 1).error, 0);
  ck_assert_int_eq (store_service.strays (t.usage, stray_note, &stray), 0);
  ck_assert_int_eq (store_service.forget (t.usage, "old"), -EEXIST);
  ck_assert_int_eq (test_stop (&t), 0);
  start ("power");
  ck_assert_int_eq (store_service.strays (t.webhooks, stray_note, &stray), 0);
  ck_assert_int_eq (store_service.strays (t.usage, stray_note, &stray), 1);
  ck_assert_str_eq (stray.name, "old");
  ck_assert_uint_eq (stray.position, 2);
  ck_assert_int_eq (store_service.forget (t.webhooks, "old"), -ENOENT);
  ck_assert_int_eq (store_service.forget (t.usage, "old"), 0);
  ck_assert_int_eq (store_service.strays (t.usage, stray_note, &stray), 0);
  ck_assert_int_eq (store_service.forget (t.usage, "old"), -ENOENT);
  ck_assert_int_eq (test_append (&t, "a", "x").error, 0); /* the committer goes on */
}
END_TEST

static kg_cursor *
start_with (struct test_store *to, const char *name)
{
  kg_cursor *c = NULL;
  ck_assert_int_eq (test_create (to, dir, "power"), 0);
  ck_assert_int_eq (store_service.cursor (&to->core, to->usage, name, &c), 0);
  ck_assert_int_eq (store_start (to->store, 1, to->error), 0);
  return c;
}

/* A process goes on with a cursor that another one has forgotten: a new one is not moved. */
START_TEST (a_cursor_of_nobody_leaves_others_alone)
{
  struct kg_op ack = { .kind = KG_OP_ACK, .revision = 3 };
  struct test_store second;
  kg_cursor *made;
  start ("power");
  ck_assert_int_eq (test_stop (&t), 0);
  ack.cursor = start_with (&t, "old"); /* the newest row */
  for (int i = 0; i < 3; i++)
    ck_assert_int_eq (test_record (&t, 0, "x", 1, NULL), 0);
  ck_assert_int_eq (test_start (&second, dir, "power", 1), 0);
  ck_assert_int_eq (store_service.forget (second.usage, "old"), 0);
  ck_assert_int_eq (test_stop (&second), 0);
  start_with (&second, "new");
  ck_assert_int_eq (test_write (&t, &ack, 1).error, 0);
  ck_assert_uint_eq (store_service.position (ack.cursor), 3);
  ck_assert_int_eq (test_stop (&second), 0);
  made = start_with (&second, "new");
  ck_assert_uint_eq (store_service.position (made), 0);
  ck_assert_int_eq (test_stop (&second), 0);
}
END_TEST

static void
notify_note (void *arg)
{
  ++*(_Atomic int *) arg;
}

START_TEST (notifies_after_records)
{
  _Atomic int n = 0;
  ck_assert_int_eq (test_create (&t, dir, "power"), 0);
  ck_assert_int_eq (store_service.notify (t.usage, notify_note, &n), 0);
  ck_assert_int_eq (store_start (t.store, 1, t.error), 0);
  test_record (&t, 0, "x", 1, NULL);
  for (int i = 0; i < 1000 && !n; i++)
    sleep_ms (1);
  ck_assert_int_ge (n, 1);
}
END_TEST

START_TEST (large_records)
{
  char *data = calloc (1, RING_RECORD_MAX + 1);
  start ("process");
  ck_assert_int_eq (test_record (&t, 0, data, RING_RECORD_MAX + 1, NULL), -E2BIG);
  for (int i = 0; i < 100; i++) /* many times the ring */
    ck_assert_int_eq (test_record (&t, 0, data, RING_RECORD_MAX, NULL), 0);
  ck_assert (test_newest (&t, t.usage, 100));
  ck_assert_int_eq (test_count (t.usage), 100);
  free (data);
}
END_TEST


int
main (void)
{
  Suite *s = suite_create ("store_log");
  TCase *c = tcase_create ("store_log");
  SRunner *sr;
  int failed;
  tcase_add_checked_fixture (c, setup, teardown);
  tcase_set_timeout (c, 60);
  tcase_add_test (c, an_id_is_appended_once);
  tcase_add_loop_test (c, records_have_the_id_that_was_told, 0, 2);
  tcase_add_loop_test (c, a_record_goes_along_with_a_write_or_not_at_all, 0, 2);
  tcase_add_test (c, records_of_plugins_go_by_record_only);
  tcase_add_test (c, reading_in_portions);
  tcase_add_test (c, cursors_only_advance);
  tcase_add_test (c, cursors_of_nobody);
  tcase_add_test (c, a_cursor_of_nobody_leaves_others_alone);
  tcase_add_test (c, notifies_after_records);
  tcase_add_test (c, large_records);
  suite_add_tcase (s, c);
  sr = srunner_create (s);
  srunner_set_tap (sr, "-");
  srunner_run_all (sr, CK_SILENT);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
