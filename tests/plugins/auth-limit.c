/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The parts of the auth plugin that need no host: windows under threads and odd
 * clocks, the index under change, the limiter of guesses, texts. */
#include "plugins/auth/credential.h"
#include "plugins/auth/guess.h"
#include "plugins/auth/index.h"

#include <check.h>
#include <errno.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 64
#define SECOND  1000000000ll
#define DAY     (86400 * SECOND)
#define T0      (20000 * DAY) /* 2024-10-04 */

/* ---- Limits -------------------------------------------------------------- */

static struct cell cell;
static struct limits limits;
static pthread_barrier_t barrier;
static _Atomic int passed;

static void *
taker (void *arg)
{
  struct moment now = limit_moment (SECOND, T0);
  pthread_barrier_wait (&barrier);
  if (limit_take (&cell, &limits, &now) == LIMIT_OK)
    atomic_fetch_add (&passed, 1);
  return arg;
}

/* All threads at once, `rounds` times, with one request left each time. */
static void
race (int rounds, int64_t per_minute, int64_t per_day, int used)
{
  pthread_t t[THREADS];
  for (int r = 0; r < rounds; r++) {
    struct moment now = limit_moment (SECOND, T0);
    memset (&cell, 0, sizeof cell);
    limits = (struct limits){ .per_minute = per_minute, .per_day = per_day, .tokens = 0 };
    passed = 0;
    for (int i = 0; i < used; i++)
      ck_assert_int_eq (limit_take (&cell, &limits, &now), LIMIT_OK);
    pthread_barrier_init (&barrier, NULL, THREADS);
    for (int i = 0; i < THREADS; i++)
      ck_assert_int_eq (pthread_create (&t[i], NULL, taker, NULL), 0);
    for (int i = 0; i < THREADS; i++)
      pthread_join (t[i], NULL);
    pthread_barrier_destroy (&barrier);
    ck_assert_int_eq (passed, 1);
    ck_assert_uint_eq (limit_count (cell.day, now.day), (uint64_t) used + 1);
  }
}

START_TEST (one_of_64_passes)
{
  race (100, 0, 10, 9);
  race (100, 10, 0, 9);
  race (100, 10, 1000, 9);
}
END_TEST

#define TAKES 5000

static void *
greedy (void *arg)
{
  struct moment now = limit_moment (SECOND, T0);
  int mine = 0;
  pthread_barrier_wait (&barrier);
  for (int i = 0; i < TAKES; i++)
    mine += limit_take (&cell, &limits, &now) == LIMIT_OK;
  atomic_fetch_add (&passed, mine);
  return arg;
}

/* Far more takers than there is to take: not one too many passes, not one too
 * few. */
static void
storm (int64_t per_minute, int64_t per_day, int expected)
{
  pthread_t t[8];
  memset (&cell, 0, sizeof cell);
  limits = (struct limits){ .per_minute = per_minute, .per_day = per_day, .tokens = 0 };
  passed = 0;
  pthread_barrier_init (&barrier, NULL, 8);
  for (int i = 0; i < 8; i++)
    ck_assert_int_eq (pthread_create (&t[i], NULL, greedy, NULL), 0);
  for (int i = 0; i < 8; i++)
    pthread_join (t[i], NULL);
  pthread_barrier_destroy (&barrier);
  ck_assert_int_eq (passed, expected);
  ck_assert_uint_eq (limit_count (cell.day, T0 / DAY), (uint64_t) expected);
}

START_TEST (no_update_is_lost)
{
  for (int i = 0; i < 20; i++) {
    storm (0, 30000, 30000);
    storm (30000, 0, 30000);
    storm (30000, 40000, 30000);
  }
}
END_TEST

START_TEST (bucket)
{
  struct moment now;
  static const int64_t rates[] = { 1, 7, 60, 6000, 70001, 999999937 };
  for (size_t r = 0; r < sizeof rates / sizeof rates[0]; r++) {
    int64_t n = 0, most = rates[r] < 10000 ? rates[r] : 10000;
    memset (&cell, 0, sizeof cell);
    limits = (struct limits){ .per_minute = rates[r], .per_day = 0, .tokens = 0 };
    now = limit_moment (SECOND, T0);
    for (n = 0; n < most; n++)
      ck_assert_int_eq (limit_take (&cell, &limits, &now), LIMIT_OK);
    if (most == rates[r])
      ck_assert_int_eq (limit_take (&cell, &limits, &now), LIMIT_MINUTE);
  }
}
END_TEST

START_TEST (bucket_refills)
{
  struct moment now = limit_moment (SECOND, T0);
  struct standing s;
  memset (&cell, 0, sizeof cell);
  limits = (struct limits){ .per_minute = 6, .per_day = 0, .tokens = 0 };
  for (int i = 0; i < 6; i++)
    ck_assert_int_eq (limit_take (&cell, &limits, &now), LIMIT_OK);
  limit_look (&cell, &limits, &now, &s);
  ck_assert_int_eq (s.minute_left, 0);
  ck_assert_int_eq (s.minute_reset_s, 60);
  ck_assert_int_eq (limit_retry (&cell, &limits, &now, LIMIT_MINUTE), 10);
  now = limit_moment (11 * SECOND - 1, T0);
  ck_assert_int_eq (limit_take (&cell, &limits, &now), LIMIT_MINUTE);
  now = limit_moment (11 * SECOND, T0);
  ck_assert_int_eq (limit_take (&cell, &limits, &now), LIMIT_OK);
  ck_assert_int_eq (limit_take (&cell, &limits, &now), LIMIT_MINUTE);
  limit_refund (&cell, &limits, &now);
  ck_assert_int_eq (limit_take (&cell, &limits, &now), LIMIT_OK);
}
END_TEST

START_TEST (day_edges)
{
  struct moment last = limit_moment (SECOND, T0 + DAY - 1), first = limit_moment (SECOND, T0 + DAY);
  memset (&cell, 0, sizeof cell);
  limits = (struct limits){ .per_minute = 0, .per_day = 2, .tokens = 0 };
  ck_assert_uint_eq (last.day + 1, first.day);
  ck_assert_int_eq (limit_take (&cell, &limits, &last), LIMIT_OK);
  ck_assert_int_eq (limit_take (&cell, &limits, &last), LIMIT_OK);
  ck_assert_int_eq (limit_take (&cell, &limits, &last), LIMIT_DAY);
  ck_assert_int_eq (limit_retry (&cell, &limits, &last, LIMIT_DAY), 1);
  ck_assert_int_eq (limit_take (&cell, &limits, &first), LIMIT_OK);
  limit_refund (&cell, &limits, &last); /* of yesterday: not today's business */
  ck_assert_int_eq (limit_take (&cell, &limits, &first), LIMIT_OK);
  ck_assert_int_eq (limit_take (&cell, &limits, &first), LIMIT_DAY);
  /* the clock goes back over midnight: what was counted stays counted */
  ck_assert_int_eq (limit_take (&cell, &limits, &last), LIMIT_DAY);
  ck_assert_int_eq (limit_take (&cell, &limits, &first), LIMIT_DAY);
}
END_TEST

START_TEST (clock_was_wrong)
{
  struct moment wrong = limit_moment (SECOND, T0 + 3650 * DAY), now = limit_moment (SECOND, T0);
  memset (&cell, 0, sizeof cell);
  limits = (struct limits){ .per_minute = 0, .per_day = 1, .tokens = 0 };
  ck_assert_int_eq (limit_take (&cell, &limits, &wrong), LIMIT_OK);
  ck_assert_int_eq (limit_take (&cell, &limits, &wrong), LIMIT_DAY);
  ck_assert_int_eq (limit_take (&cell, &limits, &now), LIMIT_OK);
  ck_assert_int_eq (limit_take (&cell, &limits, &now), LIMIT_DAY);
}
END_TEST

START_TEST (months)
{
  static const struct {
    int64_t day;
    uint32_t month;
  } rows[] = { { 0, 1970 * 12 },          { 30, 1970 * 12 },        { 31, 1970 * 12 + 1 },
               { 11016, 2000 * 12 + 1 }, /* 29 February 2000 */
               { 11017, 2000 * 12 + 2 },  { 19782, 2024 * 12 + 1 }, /* 29 February 2024 */
               { 19783, 2024 * 12 + 2 },  { 20088, 2024 * 12 + 11 }, /* 31 December 2024 */
               { 20089, 2025 * 12 },      { 24855, 2038 * 12 } };
  struct moment m;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    m = limit_moment (0, rows[i].day * DAY + DAY - 1);
    ck_assert_uint_eq (m.day, (uint32_t) rows[i].day);
    ck_assert_uint_eq (m.month, rows[i].month);
  }
  m = limit_moment (0, 20088 * DAY + 86399 * SECOND);
  ck_assert_int_eq (limit_retry (&cell, &limits, &m, LIMIT_TOKENS), 1);
}
END_TEST

START_TEST (tokens)
{
  struct moment now = limit_moment (0, T0), later = limit_moment (0, T0 + DAY),
                next = limit_moment (0, T0 + 40 * DAY);
  struct standing s;
  memset (&cell, 0, sizeof cell);
  limits = (struct limits){ .per_minute = 0, .per_day = 0, .tokens = 50 };
  ck_assert_int_eq (limit_tokens (&cell, &limits, &now), LIMIT_OK);
  limit_spend (&cell, 49, &now);
  ck_assert_int_eq (limit_tokens (&cell, &limits, &now), LIMIT_OK);
  limit_spend (&cell, 1, &later);
  limit_look (&cell, &limits, &later, &s);
  ck_assert_int_eq (s.tokens_today, 1);
  ck_assert_int_eq (s.tokens_month, 50);
  ck_assert_int_eq (limit_tokens (&cell, &limits, &later), LIMIT_TOKENS);
  ck_assert_int_eq (limit_tokens (&cell, &limits, &next), LIMIT_OK);
  limit_spend (&cell, UINT64_MAX, &next); /* sticks at the top, never wraps */
  ck_assert_int_eq (limit_tokens (&cell, &limits, &next), LIMIT_TOKENS);
}
END_TEST

/* ---- Index --------------------------------------------------------------- */

static const struct tier tier_items[] = { { "FREE", { .per_minute = 60, .per_day = 100, .tokens = 10000 } } };
static struct plans plans;
static struct index idx;
static _Atomic int stop;

static struct key *
key_make (int n, uint64_t revision, int active)
{
  char id[16], secret[16];
  struct key_spec spec = { .id = id, .prefix = "kg_", .name = "n", .tenant = "t", .user = "u",
                           .tier = "FREE", .scopes = { "read" }, .limits = { -1, -1, -1 },
                           .active = active };
  struct key *k;
  snprintf (id, sizeof id, "id-%d", n);
  snprintf (secret, sizeof secret, "kg_%d", n);
  EVP_Digest (secret, strlen (secret), spec.hash, NULL, EVP_sha256 (), NULL);
  k = key_create (&spec, &plans, revision);
  ck_assert_ptr_nonnull (k);
  return k;
}

static const struct key *
key_get (int n)
{
  char secret[16];
  uint8_t hash[KEY_HASH];
  snprintf (secret, sizeof secret, "kg_%d", n);
  EVP_Digest (secret, strlen (secret), hash, NULL, EVP_sha256 (), NULL);
  return index_find (&idx, hash);
}

START_TEST (index_life)
{
  char id[16];
  plans_init (&plans, tier_items, 1);
  ck_assert_int_eq (index_init (&idx), 0);
  for (int i = 0; i < 1000; i++)
    ck_assert_int_eq (index_put (&idx, key_make (i, 1, 1)), 0);
  for (int i = 0; i < 1000; i += 2) {
    snprintf (id, sizeof id, "id-%d", i);
    ck_assert_int_eq (index_remove (&idx, id, strlen (id)), 0);
    ck_assert_int_eq (index_remove (&idx, id, strlen (id)), -ENOENT);
  }
  for (int i = 0; i < 1000; i++)
    ck_assert_int_eq (key_get (i) != NULL, i % 2);
  ck_assert_ptr_null (key_get (1000));
  ck_assert_uint_eq (idx.active, 500);
  ck_assert_int_eq (index_put (&idx, key_make (1, 3, 0)), 0);
  ck_assert_int_eq (key_get (1)->active, 0);
  ck_assert_int_eq (index_put (&idx, key_make (1, 2, 1)), 0); /* too old */
  ck_assert_int_eq (key_get (1)->active, 0);
  ck_assert_uint_eq (idx.active, 499);
  ck_assert_ptr_eq (key_get (1)->cell, index_cell (&idx, "id-1", 4));
  index_sweep (&idx);
  index_finish (&idx);
  plans_finish (&plans);
}
END_TEST

static void *
reader (void *arg)
{
  while (!stop)
    for (int i = 0; i < 50; i++) {
      const struct key *k = key_get (i);
      ck_assert_ptr_nonnull (k);
      ck_assert_int_eq (k->cell->id[0], 'i');
    }
  return arg;
}

START_TEST (index_under_change)
{
  pthread_t t[4];
  plans_init (&plans, tier_items, 1);
  ck_assert_int_eq (index_init (&idx), 0);
  for (int i = 0; i < 50; i++)
    ck_assert_int_eq (index_put (&idx, key_make (i, 1, 1)), 0);
  stop = 0;
  for (int i = 0; i < 4; i++)
    pthread_create (&t[i], NULL, reader, NULL);
  for (int i = 0; i < 5000; i++) { /* replaces, and grows the table */
    ck_assert_int_eq (index_put (&idx, key_make (i % 50, (uint64_t) i + 2, i % 3 > 0)), 0);
    ck_assert_int_eq (index_put (&idx, key_make (1000 + i, 1, 1)), 0);
    if (i % 512 == 0)
      index_sweep (&idx);
  }
  stop = 1;
  for (int i = 0; i < 4; i++)
    pthread_join (t[i], NULL);
  index_finish (&idx);
  plans_finish (&plans);
}
END_TEST

/* ---- Guesses ------------------------------------------------------------- */

static struct guess g;

static uint32_t
failed_at (const char *client, int64_t now_s)
{
  return guess_fail (&g, client, strlen (client), now_s);
}

static int64_t
wait_of (const char *client, int64_t now_s)
{
  return guess_wait (&g, client, strlen (client), now_s);
}

START_TEST (guess_window)
{
  memset (&g, 0, sizeof g);
  guess_init (&g, 12345);
  for (uint32_t i = 1; i <= GUESS_MAX; i++) {
    ck_assert_int_eq (wait_of ("192.0.2.7", 1000), 0);
    ck_assert_uint_eq (failed_at ("192.0.2.7", 1000), i);
  }
  ck_assert_int_eq (wait_of ("192.0.2.7", 1000), 60);
  ck_assert_int_eq (wait_of ("192.0.2.7", 1059), 1);
  ck_assert_int_eq (wait_of ("192.0.2.8", 1059), 0);
  ck_assert_int_eq (wait_of ("192.0.2.7", 1060), 0);
  ck_assert_uint_eq (failed_at ("192.0.2.7", 1060), 1);
}
END_TEST

START_TEST (guess_v6)
{
  memset (&g, 0, sizeof g);
  guess_init (&g, 99);
  failed_at ("2001:db8:1:2::1", 1000);
  ck_assert_uint_eq (failed_at ("2001:db8:1:2:ffff::9", 1000), 2);
  ck_assert_uint_eq (failed_at ("2001:db8:1:3::1", 1000), 1);
  ck_assert_uint_eq (failed_at ("::ffff:192.0.2.1", 1000), 1);
  ck_assert_uint_eq (failed_at ("::ffff:192.0.2.2", 1000), 1);
}
END_TEST

START_TEST (guess_flood)
{
  char client[32];
  memset (&g, 0, sizeof g);
  guess_init (&g, 7);
  for (int i = 0; i < GUESS_MAX; i++)
    failed_at ("198.51.100.1", 1000);
  for (int i = 0; i < 200000; i++) { /* far more than there are slots */
    snprintf (client, sizeof client, "10.%d.%d.%d", i >> 16, i >> 8 & 255, i & 255);
    failed_at (client, 1001);
  }
  ck_assert_int_gt (wait_of ("198.51.100.1", 1002), 0); /* the worst one is not forgotten */
}
END_TEST

/* ---- Texts --------------------------------------------------------------- */

START_TEST (times)
{
  static const struct {
    const char *text;
    int64_t ns; /* -1: refused */
  } rows[] = { { "1970-01-01T00:00:00Z", 0 },
               { "2024-02-29T23:59:59.5+00:00", 1709251199 * SECOND + 500000000 },
               { "2024-03-01T01:29:59+01:30", 1709251199 * SECOND },
               { "2024-02-29 23:59:59.123456789123Z", 1709251199 * SECOND + 123456789 },
               { "2023-02-29T00:00:00Z", -1 },
               { "1900-01-01T00:00:00Z", -1 },
               { "2024-13-01T00:00:00Z", -1 },
               { "2024-01-01T24:00:00Z", -1 },
               { "2024-01-01T00:00:00", -1 },
               { "2024-01-01T00:00:00Zx", -1 },
               { "2024-01-01T00:00:00.Z", -1 },
               { "2024-01-01", -1 },
               { "", -1 },
               { "9999-12-31T00:00:00Z", -1 } };
  char out[TEXT_TIME];
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    int64_t ns = -1;
    ck_assert_int_eq (text_time_parse (rows[i].text, strlen (rows[i].text), &ns),
                      rows[i].ns < 0 ? -EINVAL : 0);
    ck_assert_int_eq (ns, rows[i].ns);
  }
  text_time (1709251199 * SECOND + 123456789, out);
  ck_assert_str_eq (out, "2024-02-29T23:59:59.123456+00:00");
}
END_TEST

START_TEST (uuids)
{
  static const char *const good[]
      = { "01234567-89ab-cdef-0123-456789abcdef", "0123456789ABCDEF0123456789abcdef",
          "{01234567-89AB-CDEF-0123-456789ABCDEF}",
          "urn:uuid:01234567-89ab-cdef-0123-456789abcdef" };
  static const char *const bad[]
      = { "", "{}", "01234567-89ab-cdef-0123-456789abcde", "01234567-89ab-cdef-0123-456789abcdeg",
          "0123456-789ab-cdef-0123-456789abcdef", "urn:uuid:" };
  char out[TEXT_UUID];
  for (size_t i = 0; i < 4; i++) {
    ck_assert_int_eq (text_uuid (good[i], strlen (good[i]), out), 0);
    ck_assert_str_eq (out, good[0]);
  }
  for (size_t i = 0; i < 6; i++)
    ck_assert_int_eq (text_uuid (bad[i], strlen (bad[i]), out), -EINVAL);
}
END_TEST

START_TEST (base64url)
{
  uint8_t in[32];
  char out[44];
  memset (in, 0xff, sizeof in);
  text_base64url (in, out);
  ck_assert_str_eq (out, "__________________________________________8");
  memset (in, 0, sizeof in);
  text_base64url (in, out);
  ck_assert_str_eq (out, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("auth-limit");
  TCase *tc = tcase_create ("all");
  SRunner *sr;
  int failed;
  tcase_set_timeout (tc, 120);
  tcase_add_test (tc, one_of_64_passes);
  tcase_add_test (tc, no_update_is_lost);
  tcase_add_test (tc, bucket);
  tcase_add_test (tc, bucket_refills);
  tcase_add_test (tc, day_edges);
  tcase_add_test (tc, clock_was_wrong);
  tcase_add_test (tc, months);
  tcase_add_test (tc, tokens);
  tcase_add_test (tc, index_life);
  tcase_add_test (tc, index_under_change);
  tcase_add_test (tc, guess_window);
  tcase_add_test (tc, guess_v6);
  tcase_add_test (tc, guess_flood);
  tcase_add_test (tc, times);
  tcase_add_test (tc, uuids);
  tcase_add_test (tc, base64url);
  suite_add_tcase (s, tc);
  sr = srunner_create (s);
  srunner_set_tap (sr, "-");
  srunner_run_all (sr, CK_SILENT);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed != 0;
}
