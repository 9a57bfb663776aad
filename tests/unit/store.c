/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The store: its life, and buckets. */

#include "store_case.h"

#include "core/util/clock.h"

#include <fcntl.h>
#include <sys/stat.h>

/* ---- Life ------------------------------------------------------------------------- */

START_TEST (create_says_what_is_wrong_with_the_folder)
{
  ck_assert_int_eq (test_create (&t, "/nonexistent/kgent", "power"), -ENOENT);
  ck_assert_ptr_nonnull (strstr (t.error, "store.dir \"/nonexistent/kgent\": No such file or "
                                          "directory; create it with: install -d -m 0700 -o "));
  ck_assert_int_eq (test_create (&t, "/dev/null", "power"), -ENOTDIR);
  ck_assert_int_eq (test_create (&t, dir, "sometimes"), -EINVAL);
  ck_assert_ptr_nonnull (strstr (t.error, "store.commit"));
}
END_TEST

START_TEST (create_writes_nothing)
{
  ck_assert_int_eq (test_create (&t, dir, "power"), 0);
  store_destroy (t.store);
  t.store = NULL;
  ck_assert_int_eq (rmdir (dir), 0); /* it is empty */
}
END_TEST

START_TEST (a_newer_format_is_refused_untouched)
{
  char path[128], before[4096] = "SQLite format 3", after[4096];
  FILE *f;
  before[68] = 'k', before[69] = 'g', before[70] = 'e', before[71] = 'n';
  before[63] = STORE_FORMAT + 1;
  snprintf (path, sizeof path, "%s/kgent.db", dir);
  f = fopen (path, "w");
  fwrite (before, sizeof before, 1, f);
  fclose (f);
  ck_assert_int_eq (test_create (&t, dir, "power"), -EPROTONOSUPPORT);
  ck_assert_ptr_nonnull (strstr (t.error, "store format 3, this one knows up to 2"));
  f = fopen (path, "r");
  ck_assert_uint_eq (fread (after, 1, sizeof after, f), sizeof after);
  fclose (f);
  ck_assert_mem_eq (before, after, sizeof after);
}
END_TEST

START_TEST (a_foreign_file_is_refused)
{
  char path[128];
  FILE *f;
  snprintf (path, sizeof path, "%s/kgent.db", dir);
  f = fopen (path, "w");
  for (int i = 0; i < 50; i++)
    fputs ("hello", f);
  fclose (f);
  ck_assert_int_eq (test_create (&t, dir, "power"), -EBADMSG);
}
END_TEST

START_TEST (a_clean_stop_leaves_no_rings)
{
  char path[128];
  start ("process");
  ck_assert_int_eq (test_record (&t, 0, "x", 1, NULL), 0);
  ck_assert_int_eq (test_stop (&t), 0);
  snprintf (path, sizeof path, "%s/rings", dir);
  ck_assert_int_eq (rmdir (path), 0);
  start ("process");
  ck_assert_int_eq (test_count (t.usage), 1);
}
END_TEST

/* ---- Buckets ------------------------------------------------------------------------ */

START_TEST (put_get_delete)
{
  struct kg_outcome o;
  start ("power");
  ck_assert_ptr_null (test_get (&t, "a"));
  o = test_put (&t, "a", "1", KG_REV_ANY, 0);
  ck_assert_int_eq (o.error, 0);
  ck_assert_uint_gt (o.revision, 0);
  ck_assert_str_eq (test_get (&t, "a"), "1");
  ck_assert_int_eq (test_put (&t, "a", "", KG_REV_ANY, 0).error, 0);
  ck_assert_str_eq (test_get (&t, "a"), "");
  ck_assert_int_eq (test_put (&t, "a", NULL, KG_REV_ANY, 0).error, 0);
  ck_assert_ptr_null (test_get (&t, "a"));
  ck_assert_int_eq (test_put (&t, "a", NULL, KG_REV_ANY, 0).error, 0);
}
END_TEST

START_TEST (expected_revisions)
{
  struct kg_outcome o;
  start ("power");
  o = test_put (&t, "a", "1", KG_REV_NEW, 0);
  ck_assert_int_eq (o.error, 0);
  ck_assert_int_eq (test_put (&t, "a", "2", KG_REV_NEW, 0).error, -EEXIST);
  ck_assert_int_eq (test_put (&t, "a", "2", o.revision + 7, 0).error, -ESTALE);
  ck_assert_int_eq (test_put (&t, "a", NULL, o.revision + 7, 0).error, -ESTALE);
  ck_assert_int_eq (test_put (&t, "b", "2", o.revision, 0).error, -ESTALE);
  ck_assert_str_eq (test_get (&t, "a"), "1");
  ck_assert_int_eq (test_put (&t, "a", "2", o.revision, 0).error, 0);
  ck_assert_int_eq (test_put (&t, "a", "3", o.revision, 0).error, -ESTALE);
  ck_assert_int_eq (test_put (&t, "a", NULL, KG_REV_ANY, 0).error, 0);
  ck_assert_int_eq (test_put (&t, "a", "4", KG_REV_NEW, 0).error, 0);
}
END_TEST

START_TEST (a_write_is_all_or_nothing)
{
  struct kg_op ops[4] = {
    { .kind = KG_OP_PUT, .bucket = t.keys, .key = { "a", 1 }, .value = { "1", 1 } },
    { .kind = KG_OP_APPEND, .key = { "id1", 3 }, .value = { "one", 3 } },
    { .kind = KG_OP_PUT, .key = { "b", 1 }, .value = { "2", 1 } },
    { .kind = KG_OP_APPEND, .key = { "id2", 3 }, .value = { "two", 3 } },
  };
  struct kg_outcome o;
  start ("power");
  ops[0].bucket = t.keys, ops[2].bucket = t.other;
  ops[1].log = ops[3].log = t.webhooks;
  ck_assert_int_eq (test_append (&t, "id2", "before").error, 0);
  o = test_write (&t, ops, 4);
  ck_assert_int_eq (o.error, -EEXIST);
  ck_assert_uint_eq (o.op, 3);
  ck_assert_ptr_null (test_get (&t, "a"));
  ck_assert_int_eq (test_count (t.webhooks), 1);
  ops[3].key = (kg_str){ "id3", 3 };
  o = test_write (&t, ops, 4);
  ck_assert_int_eq (o.error, 0);
  ck_assert_uint_eq (o.revision, 3); /* the sequence of the last append */
  ck_assert_str_eq (test_get (&t, "a"), "1");
  ck_assert_int_eq (test_count (t.webhooks), 3);
}
END_TEST

START_TEST (time_to_live)
{
  start ("power");
  ck_assert_int_eq (test_put (&t, "a", "1", KG_REV_ANY, 300).error, 0);
  ck_assert_str_eq (test_get (&t, "a"), "1");
  ck_assert_int_eq (test_put (&t, "a", "2", KG_REV_NEW, 300).error, -EEXIST);
  sleep_ms (320);
  ck_assert_ptr_null (test_get (&t, "a"));
  ck_assert_int_eq (test_put (&t, "a", "2", KG_REV_NEW, 300).error, 0);
}
END_TEST

static int32_t
scan_note (const struct kg_entry *e, void *arg)
{
  char *out = arg;
  snprintf (out + strlen (out), 64, "%.*s=%.*s ", (int) e->key.len, e->key.ptr,
            (int) e->value.len, e->value.ptr);
  return strlen (out) > 20 ? 7 : 0;
}

START_TEST (scan_in_order_of_keys)
{
  char out[256] = "";
  start ("power");
  test_put (&t, "b/2", "x", KG_REV_ANY, 0);
  test_put (&t, "b/1", "y", KG_REV_ANY, 0);
  test_put (&t, "a/1", "z", KG_REV_ANY, 0);
  test_put (&t, "c/1", "w", KG_REV_ANY, 0);
  test_put (&t, "b/3", "gone", KG_REV_ANY, 0);
  test_put (&t, "b/3", NULL, KG_REV_ANY, 0);
  ck_assert_int_eq (store_service.scan (t.keys, test_str ("b/"), scan_note, out), 0);
  ck_assert_str_eq (out, "b/1=y b/2=x ");
  *out = 0;
  ck_assert_int_eq (store_service.scan (t.keys, (kg_str){ NULL, 0 }, scan_note, out), 7);
  ck_assert_str_eq (out, "a/1=z b/1=y b/2=x c/1=w ");
}
END_TEST

static int32_t
after_note (const struct kg_entry *e, void *arg)
{
  char *out = arg;
  snprintf (out + strlen (out), 64, "%.*s ", (int) e->value.len, e->value.ptr);
  return strlen (out) > 60 ? 7 : 0;
}

/* What lies behind a key, of those that begin with the prefix. */
static const char *
behind (kg_str prefix, const char *after)
{
  static char out[256];
  *out = 0;
  ck_assert_int_eq (store_service.scan_after (t.keys, prefix, test_str (after), after_note, out), 0);
  return out;
}

static void
behind_all (void)
{
  kg_str a = test_str ("a\xff");
  test_put (&t, "a", "a", KG_REV_ANY, 0);
  test_put (&t, "a\xff", "prefix", KG_REV_ANY, 0);
  test_put (&t, "a\xff\x01", "1", KG_REV_ANY, 0);
  test_put (&t, "a\xff\x01x", "1x", KG_REV_ANY, 0);
  test_put (&t, "a\xff\x02", "gone", KG_REV_ANY, 0);
  test_put (&t, "a\xff\x02", NULL, KG_REV_ANY, 0);
  test_put (&t, "a\xff\xff", "ff", KG_REV_ANY, 0);
  test_put (&t, "a\xff\xff\xff", "ffff", KG_REV_ANY, 0);
  test_put (&t, "b", "b", KG_REV_ANY, 0);
  test_put (&t, "\xff\xff", "last", KG_REV_ANY, 0);
  ck_assert_str_eq (behind (a, ""), "prefix 1 1x ff ffff ");
  ck_assert_str_eq (behind (a, "a"), "prefix 1 1x ff ffff ");
  ck_assert_str_eq (behind (a, "a\xfe\xff"), "prefix 1 1x ff ffff ");
  ck_assert_str_eq (behind (a, "a\xff"), "1 1x ff ffff ");
  ck_assert_str_eq (behind (a, "a\xff\x01"), "1x ff ffff "); /* there */
  ck_assert_str_eq (behind (a, "a\xff\x02"), "ff ffff ");    /* not there any more */
  ck_assert_str_eq (behind (a, "a\xff\x03"), "ff ffff ");    /* never was */
  ck_assert_str_eq (behind (a, "a\xff\xff"), "ffff ");
  ck_assert_str_eq (behind (a, "a\xff\xff\xff"), "");
  ck_assert_str_eq (behind (a, "a\xff\xff\xff\xff"), "");
  ck_assert_str_eq (behind (a, "b"), "");
  ck_assert_str_eq (behind (a, "\xff"), "");
  ck_assert_str_eq (behind (test_str ("\xff"), "a"), "last ");
  ck_assert_str_eq (behind (test_str ("\xff\xff"), "\xff\xff"), "");
  ck_assert_str_eq (behind (test_str (""), "a\xff\xff"), "ffff b last ");
  ck_assert_str_eq (behind ((kg_str){ NULL, 0 }, "b"), "last ");
  ck_assert_str_eq (behind (test_str ("c"), ""), "");
}

START_TEST (scan_behind_a_key)
{
  start ("power");
  ck_assert_str_eq (behind (test_str (""), ""), "");
  ck_assert_str_eq (behind (test_str ("a"), "b"), "");
  behind_all ();
}
END_TEST

START_TEST (scan_behind_a_key_of_a_cold_bucket)
{
  ck_assert_int_eq (test_create (&t, dir, "power"), 0);
  ck_assert_int_eq (store_service.bucket2 (&t.core, "cold", KG_BUCKET_COLD, &t.keys), 0);
  ck_assert_int_eq (store_start (t.store, 1, t.error), 0);
  behind_all ();
}
END_TEST

/* Each page of many costs the same, wherever it lies. */
START_TEST (scan_behind_a_key_begins_there)
{
  static struct kg_op ops[5000];
  static char keys[5000][8];
  int64_t first, last;
  start ("power");
  for (int i = 0; i < 5000; i++) {
    snprintf (keys[i], sizeof keys[i], "k%05d", i);
    ops[i] = (struct kg_op){ .kind = KG_OP_PUT, .bucket = t.keys, .key = test_str (keys[i]) };
    ops[i].value = test_str ("v");
  }
  ck_assert_int_eq (test_write (&t, ops, 5000).error, 0);
  behind (test_str ("k"), "k04990"); /* once, for what is made at the first one */
  first = clock_mono ();
  for (int i = 0; i < 200; i++)
    ck_assert_uint_eq (strlen (behind (test_str ("j"), "")), 0);
  last = clock_mono ();
  first = last - first;
  for (int i = 0; i < 200; i++)
    ck_assert_str_eq (behind (test_str ("k"), "k04994"), "v v v v v ");
  last = clock_mono () - last;
  ck_assert_msg (last < 10 * first, "%lld ns, and nothing at all costs %lld ns", (long long) last,
                 (long long) first);
}
END_TEST

START_TEST (entries_survive_a_restart)
{
  uint64_t revision;
  start ("power");
  for (int i = 0; i < 500; i++) {
    char key[16];
    snprintf (key, sizeof key, "k%d", i % 100);
    revision = test_put (&t, key, key, KG_REV_ANY, 0).revision;
  }
  test_put (&t, "k7", NULL, KG_REV_ANY, 0);
  ck_assert_int_eq (test_stop (&t), 0);
  start ("power");
  ck_assert_str_eq (test_get (&t, "k99"), "k99");
  ck_assert_ptr_null (test_get (&t, "k7"));
  ck_assert_uint_gt (test_put (&t, "new", "x", KG_REV_NEW, 0).revision, revision);
}
END_TEST

struct seen {
  _Atomic int puts, deletes;
  char last[64];
};

static void
watch_note (const struct kg_entry *e, void *arg)
{
  struct seen *s = arg;
  snprintf (s->last, sizeof s->last, "%.*s", (int) e->key.len, e->key.ptr);
  if (e->value.ptr)
    s->puts++;
  else
    s->deletes++;
}

START_TEST (watches_see_start_changes_and_expiry)
{
  struct seen seen = { 0 };
  start ("power");
  test_put (&t, "a", "1", KG_REV_ANY, 0);
  test_put (&t, "b", "1", KG_REV_ANY, 0);
  ck_assert_int_eq (test_stop (&t), 0);
  ck_assert_int_eq (test_create (&t, dir, "power"), 0);
  ck_assert_int_eq (store_service.watch (t.keys, watch_note, &seen), 0);
  ck_assert_int_eq (store_start (t.store, 1, t.error), 0);
  ck_assert_int_eq (seen.puts, 2);
  test_put (&t, "c", "1", KG_REV_ANY, 0);
  test_put (&t, "a", NULL, KG_REV_ANY, 0);
  ck_assert_int_eq (seen.puts, 3);
  ck_assert_int_eq (seen.deletes, 1);
  test_put (&t, "d", "1", KG_REV_ANY, 100);
  for (int i = 0; i < 300 && seen.deletes < 2; i++)
    sleep_ms (10);
  ck_assert_int_eq (seen.deletes, 2);
  ck_assert_str_eq (seen.last, "d");
}
END_TEST

/* An entry of a bucket that nobody here has declared ends, too. */
START_TEST (time_to_live_of_others)
{
  kg_bucket *b;
  struct kg_op op = { .kind = KG_OP_PUT, .key = { "a", 1 }, .value = { "1", 1 }, .ttl_ms = 1 };
  ck_assert_int_eq (test_create (&t, dir, "power"), 0);
  ck_assert_int_eq (store_service.bucket (&t.core, "elsewhere", &b), 0);
  ck_assert_int_eq (store_start (t.store, 1, t.error), 0);
  op.bucket = b;
  ck_assert_int_eq (test_write (&t, &op, 1).error, 0);
  ck_assert_int_eq (test_stop (&t), 0);
  start ("power");
  sleep_ms (1500); /* a round of housekeeping */
  ck_assert_uint_eq (test_put (&t, "b", "1", KG_REV_ANY, 0).revision, 3); /* 2: the deletion */
}
END_TEST

START_TEST (bad_operations_are_refused)
{
  struct kg_op op = { .kind = KG_OP_PUT, .key = { "a", 1 } };
  start ("power");
  ck_assert_int_eq (test_write (&t, &op, 1).error, -EINVAL); /* no bucket */
  op.bucket = t.keys;
  op.key.len = 0;
  ck_assert_int_eq (test_write (&t, &op, 1).error, -EINVAL);
  op.key = (kg_str){ "a", 1 };
  op.value.len = KG_VALUE_MAX + 1;
  ck_assert_int_eq (test_write (&t, &op, 1).error, -EINVAL);
  op.kind = 9;
  ck_assert_int_eq (test_write (&t, &op, 1).error, -EINVAL);
  ck_assert_int_eq (test_write (&t, &op, 0).error, -EINVAL);
}
END_TEST

START_TEST (declarations_end_with_the_start)
{
  kg_bucket *b;
  start ("power");
  ck_assert_int_eq (store_service.bucket (&t.core, "late", &b), -EPERM);
  ck_assert_int_eq (store_service.watch (t.keys, watch_note, NULL), -EPERM);
  ck_assert_int_eq (test_stop (&t), 0);
  ck_assert_int_eq (test_create (&t, dir, "power"), 0);
  ck_assert_int_eq (store_service.bucket (&t.core, "Bad Name", &b), -EINVAL);
  ck_assert_int_eq (store_service.bucket (&t.core, "", &b), -EINVAL);
  ck_assert_int_eq (store_service.bucket (&t.core, "keys", &b), 0);
  ck_assert_ptr_eq (b, t.keys);
  store_destroy (t.store);
  t.store = NULL;
}
END_TEST

/* Many writers increment one counter, each with the revision that it saw: no
 * increment is lost. */
#define CAS_THREADS 8
#define CAS_EACH 50

static void *
cas_main (void *arg)
{
  (void) arg;
  for (int done = 0; done < CAS_EACH;) {
    struct kg_entry e;
    char value[16];
    struct kg_op op = { .kind = KG_OP_PUT, .bucket = t.keys, .key = { "n", 1 } };
    if (store_service.get (t.keys, test_str ("n"), &e) < 0)
      return (void *) 1;
    snprintf (value, sizeof value, "%d", atoi (e.value.ptr) + 1);
    op.value = test_str (value);
    op.revision = e.revision;
    done += test_write (&t, &op, 1).error == 0;
  }
  return NULL;
}

START_TEST (compare_and_set_loses_nothing)
{
  pthread_t threads[CAS_THREADS];
  void *failed;
  char expected[16];
  start ("process");
  test_put (&t, "n", "0", KG_REV_NEW, 0);
  for (int i = 0; i < CAS_THREADS; i++)
    pthread_create (&threads[i], NULL, cas_main, NULL);
  for (int i = 0; i < CAS_THREADS; i++) {
    pthread_join (threads[i], &failed);
    ck_assert_ptr_null (failed);
  }
  snprintf (expected, sizeof expected, "%d", CAS_THREADS * CAS_EACH);
  ck_assert_str_eq (test_get (&t, "n"), expected);
}
END_TEST


int
main (void)
{
  Suite *s = suite_create ("store");
  TCase *c = tcase_create ("store");
  SRunner *sr;
  int failed;
  tcase_add_checked_fixture (c, setup, teardown);
  tcase_set_timeout (c, 60);
  tcase_add_test (c, create_says_what_is_wrong_with_the_folder);
  tcase_add_test (c, create_writes_nothing);
  tcase_add_test (c, a_newer_format_is_refused_untouched);
  tcase_add_test (c, a_foreign_file_is_refused);
  tcase_add_test (c, a_clean_stop_leaves_no_rings);
  tcase_add_test (c, put_get_delete);
  tcase_add_test (c, expected_revisions);
  tcase_add_test (c, a_write_is_all_or_nothing);
  tcase_add_test (c, time_to_live);
  tcase_add_test (c, scan_in_order_of_keys);
  tcase_add_test (c, scan_behind_a_key);
  tcase_add_test (c, scan_behind_a_key_of_a_cold_bucket);
  tcase_add_test (c, scan_behind_a_key_begins_there);
  tcase_add_test (c, entries_survive_a_restart);
  tcase_add_test (c, watches_see_start_changes_and_expiry);
  tcase_add_test (c, time_to_live_of_others);
  tcase_add_test (c, bad_operations_are_refused);
  tcase_add_test (c, declarations_end_with_the_start);
  tcase_add_test (c, compare_and_set_loses_nothing);
  suite_add_tcase (s, c);
  sr = srunner_create (s);
  srunner_set_tap (sr, "-");
  srunner_run_all (sr, CK_SILENT);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
