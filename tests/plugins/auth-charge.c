/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What was charged: sums of usage records, and counters that are made of them. */
#include "tests/plugins/auth-budget.h"

#include "plugins/auth/cells.h"
#include "plugins/auth/charge.h"

#include <unistd.h>

#define FREE_OF_LIMITS \
  "\"requests_per_minute\":0,\"requests_per_day\":0,\"concurrent\":0,"

/* ---- Records --------------------------------------------------------------- */

#define TENANT "00000000-0000-4000-8000-000000000001"
#define KEY    "00000000-0000-4000-8000-000000000002"

static struct charge_sums sums;

static int32_t
add (const char *text)
{
  struct kg_record record = { .size = sizeof record, .data = { text, strlen (text) } };
  return charge_add (&sums, &record);
}

START_TEST (records)
{
  static const char *const free_ones[] = {
    "{\"tenant\":\"" TENANT "\",\"time\":1,\"events\":[]}",
    "{\"tenant\":\"" TENANT "\",\"key\":\"" KEY "\",\"time\":1,\"events\":[]}",
    "{\"tenant\":\"acme\",\"key\":\"" KEY "\",\"charge\":{\"month\":5,\"tokens\":1}}",
    "{\"tenant\":\"" TENANT "\",\"key\":\"" KEY "\",\"charge\":{\"month\":5,\"tokens\":-1}}",
    "{\"tenant\":\"" TENANT "\",\"key\":\"" KEY "\",\"charge\":{\"month\":99999,\"tokens\":1}}",
    "{\"tenant\":\"" TENANT "\",\"key\":\"" KEY "\",\"charge\":[5]}",
    "{\"tenant\":\"" TENANT "\",\"key\":\"" KEY "\",\"charge\":{\"month\":5,\"tokens\":1",
    "{\"tenant\":\"00000000-0000-4000-8000-00000000000G\",\"key\":\"" KEY
    "\",\"charge\":{\"month\":5,\"tokens\":1}}",
    "junk", "",
  };
  memset (&sums, 0, sizeof sums);
  for (size_t i = 0; i < sizeof free_ones / sizeof *free_ones; i++)
    ck_assert_msg (add (free_ones[i]) == 0, "%s", free_ones[i]);
  ck_assert_uint_eq (sums.count, 0);
  for (int i = 0; i < 3; i++)
    ck_assert_int_eq (add ("{\"tenant\":\"" TENANT "\",\"key\":\"" KEY "\",\"time\":1,\"charge\":{"
                           "\"month\":24310,\"tokens\":7,\"money\":2,\"requests\":1,\"new\":{}},"
                           "\"events\":[{\"type\":\"x\",\"data\":{\"charge\":{}}}]}"),
                      1);
  ck_assert_uint_eq (sums.count, 2);
  ck_assert_int_eq (sums.sum[0].tokens, 21);
  ck_assert_int_eq (sums.sum[1].money, 6);
  ck_assert_uint_eq (sums.sum[0].kind, CELL_KEY);
  ck_assert_uint_eq (sums.sum[1].kind, CELL_TENANT);
  ck_assert_uint_eq (sums.sum[1].month, 24310);
}
END_TEST

/* As many subjects as fit into one write, and no sum half added. */
START_TEST (too_many)
{
  char text[256];
  int n = 0;
  memset (&sums, 0, sizeof sums);
  for (;; n++) {
    snprintf (text, sizeof text, "{\"tenant\":\"" TENANT "\",\"key\":\"00000000-0000-4000-8000-%012x"
              "\",\"charge\":{\"month\":5,\"tokens\":1}}", n);
    if (add (text) != 1)
      break;
  }
  ck_assert_int_eq (add (text), -E2BIG);
  ck_assert_int_eq (n, CHARGE_SUMS - 2);
  ck_assert_int_eq (sums.sum[1].tokens, n); /* the tenant's */
}
END_TEST

START_TEST (texts)
{
  char key[CHARGE_KEY], value[CHARGE_VALUE];
  struct charge_sum sum = { .kind = CELL_TENANT, .month = 24310, .tokens = 5, .money = 7 }, back;
  size_t n;
  text_uuid_read (TENANT, strlen (TENANT), sum.id);
  n = charge_key_write (key, &sum);
  ck_assert_int_eq (charge_key_read ((kg_str){ key, n }, &back), 0);
  n = charge_value_write (value, &sum);
  ck_assert_int_eq (charge_value_read ((kg_str){ value, n }, &back), 0);
  ck_assert_int_eq (charge_value_read ((kg_str){ value, n }, &back), 0);
  ck_assert_mem_eq (back.id, sum.id, 16);
  ck_assert_uint_eq (back.kind, sum.kind);
  ck_assert_uint_eq (back.month, sum.month);
  ck_assert_int_eq (back.tokens, 10);
  ck_assert_int_eq (back.money, 14);
  ck_assert_int_eq (charge_key_read ((kg_str){ "at", 2 }, &back), -EINVAL);
  ck_assert_int_eq (charge_key_read ((kg_str){ key, n - 30 }, &back), -EINVAL);
  ck_assert_int_eq (charge_value_read ((kg_str){ "{", 1 }, &back), -EINVAL);
}
END_TEST

/* ---- Adding up ------------------------------------------------------------- */

static const char *key, *key_id, *tenant;

static void
begin_with_key (void)
{
  begin (NULL);
  tenant = tenant_new (FREE_OF_LIMITS "\"tokens_per_month\":1000,\"spend_per_month\":1000");
  key = key_new (tenant, "", &key_id);
}

static uint32_t
month_now (void)
{
  time_t t = (time_t) (fake_now (fake) / 1000000000);
  struct tm tm;
  gmtime_r (&t, &tm);
  return (uint32_t) (tm.tm_year + 1900) * 12 + (uint32_t) tm.tm_mon;
}

static const char *
stored (char kind, const char *id)
{
  char name[CHARGE_KEY];
  snprintf (name, sizeof name, "%u.%c.%s", month_now (), kind, id);
  return fake_store_get (fake, "auth.charges", name);
}

static void
tick (void)
{
  fake_advance (fake, 1500);
  fake_run_jobs (fake);
}

START_TEST (adds_up)
{
  begin_with_key ();
  ck_assert_int_eq (run (key, "T60,s25,M5,s5"), 200);
  tick ();
  ck_assert_str_eq (stored ('k', key_id), "{\"tokens\":25,\"money\":5,\"requests\":0}");
  ck_assert_str_eq (stored ('t', tenant), "{\"tokens\":25,\"money\":5,\"requests\":0}");
  tick (); /* nothing new, nothing twice */
  ck_assert_int_eq (run (key, "T60,s1"), 200);
  ck_assert_int_eq (run (key, "T60,s2"), 200);
  tick ();
  ck_assert_str_eq (stored ('t', tenant), "{\"tokens\":28,\"money\":5,\"requests\":0}");
  end ();
}
END_TEST

START_TEST (waits_for_disk)
{
  begin_with_key ();
  ck_assert_int_eq (run (key, "T60,s25"), 200);
  fake_store_fail (fake, -ENOSPC, 1);
  tick ();
  ck_assert_ptr_null (stored ('t', tenant));
  tick ();
  ck_assert_str_eq (stored ('t', tenant), "{\"tokens\":25,\"money\":0,\"requests\":0}");
  end ();
}
END_TEST

/* While the write is on its way another process has written. */
START_TEST (another_was_first)
{
  char name[CHARGE_KEY];
  begin_with_key ();
  ck_assert_int_eq (run (key, "T60,s25"), 200);
  fake_store_hold (fake, 1);
  tick ();
  snprintf (name, sizeof name, "%u.t.%s", month_now (), tenant);
  fake_store_put (fake, "auth.charges", name, "{\"tokens\":25,\"money\":0,\"requests\":0}");
  snprintf (name, sizeof name, "%u.k.%s", month_now (), key_id);
  fake_store_put (fake, "auth.charges", name, "{\"tokens\":25,\"money\":0,\"requests\":0}");
  snprintf (name, sizeof name, "{\"sequence\":%llu}", (unsigned long long) store->newest (usage));
  fake_store_put (fake, "auth.charges", "at", name);
  fake_store_hold (fake, 0);
  fake_store_commit (fake);
  tick ();
  tick ();
  ck_assert_str_eq (stored ('t', tenant), "{\"tokens\":25,\"money\":0,\"requests\":0}");
  ck_assert_int_eq (run (key, "T60,s5"), 200);
  tick ();
  ck_assert_str_eq (stored ('t', tenant), "{\"tokens\":30,\"money\":0,\"requests\":0}");
  end ();
}
END_TEST

/* ---- Setting the counters -------------------------------------------------- */

/* The region is lost: all that is known are sums and records.  What is in the new one
 * is removed at once; it stays mapped. */
static void
lose_region (void)
{
  char dir[] = "/tmp/auth-charge-XXXXXX", name[64];
  ck_assert_ptr_nonnull (mkdtemp (dir));
  fake_stop (fake);
  fake_store_commit (fake);
  fake_close (fake);
  fake_regions_in (fake, dir);
  serve ();
  snprintf (name, sizeof name, "%s/%s.map", dir, CELLS_REGION);
  unlink (name);
  rmdir (dir);
}

START_TEST (made_anew)
{
  begin_with_key ();
  ck_assert_int_eq (run (key, "T60,s25,M6,s6"), 200);
  tick ();
  ck_assert_int_eq (run (key, "T60,s10"), 200); /* not added up yet */
  lose_region ();
  ck_assert_int_eq (left_of (key, TOKENS), 965);
  ck_assert_int_eq (left_last[MONEY], 994);
  tick ();
  lose_region ();
  ck_assert_int_eq (left_of (key, TOKENS), 965);
  ck_assert_int_eq (run (key, "T965,s965"), 200);
  lose_region ();
  ck_assert_int_eq (left_of (key, TOKENS), 0);
  end ();
}
END_TEST

/* A month that began in the last calendar month (but on that month's last day). */
START_TEST (anchored)
{
  kg_req *req;
  begin (NULL);
  req = create ("/admin/v1/tenants", "{\"name\":\"t\",\"tier\":\"ENTERPRISE\",\"anchor_day\":31,"
                                     "\"limits\":{" FREE_OF_LIMITS "\"tokens_per_month\":100}}");
  tenant = fake_json (req, "id");
  key = key_new (tenant, "", &key_id);
  ck_assert_int_eq (run (key, "T60,s25"), 200);
  tick ();
  ck_assert_int_eq (run (key, "T60,s10"), 200);
  lose_region ();
  ck_assert_int_eq (left_of (key, TOKENS), 65);
  end ();
}
END_TEST

/* Records of as many keys of the tenant, every second of one token. */
static void
charge_many (int many)
{
  char text[300];
  for (int i = 0; i < many; i++) {
    struct kg_op op = { .kind = KG_OP_APPEND, .log = usage };
    snprintf (text, sizeof text, "{\"tenant\":\"%s\",\"key\":\"00000000-0000-4000-8000-%012x\","
              "\"charge\":{\"month\":%u,\"tokens\":%d}}", tenant, i % 1200, month_now (), i % 2);
    op.value = (kg_str){ text, strlen (text) };
    ck_assert_int_eq (store->write (fake_self (fake), &op, 1, sizeof op, NULL, NULL), 0);
  }
  fake_store_commit (fake);
}

/* However short the lives are, the sums get on. */
START_TEST (much_is_added_up_at_once)
{
  begin_with_key ();
  ck_assert_int_eq (run (key, "T60,s1"), 200);
  charge_many (100);
  lose_region ();
  fake_run_jobs (fake);
  ck_assert_ptr_null (stored ('t', tenant));
  charge_many (CHARGE_READ);
  lose_region ();
  fake_run_jobs (fake);
  ck_assert_ptr_nonnull (stored ('t', tenant));
  end ();
}
END_TEST

/* More subjects than one write takes, some added up and some not. */
START_TEST (many_subjects)
{
  enum { MANY = 1200 };
  begin_with_key ();
  ck_assert_int_eq (run (key, "T60,s1"), 200);
  charge_many (MANY);
  lose_region ();
  ck_assert_int_eq (left_of (key, TOKENS), 1000 - 1 - MANY / 2);
  for (int i = 0; i < 10; i++)
    tick ();
  ck_assert_str_eq (stored ('t', tenant), "{\"tokens\":601,\"money\":0,\"requests\":0}");
  lose_region ();
  ck_assert_int_eq (left_of (key, TOKENS), 1000 - 1 - MANY / 2);
  end ();
}
END_TEST

START_TEST (last_month_is_over)
{
  begin_with_key ();
  ck_assert_int_eq (run (key, "T60,s25"), 200);
  tick ();
  fake_advance (fake, (int64_t) 62 * 86400 * 1000);
  ck_assert_int_eq (left_of (key, TOKENS), 1000);
  ck_assert_int_eq (run (key, "T60,s30"), 200);
  tick ();
  ck_assert_str_eq (stored ('t', tenant), "{\"tokens\":30,\"money\":0,\"requests\":0}");
  ck_assert_int_eq (left_of (key, TOKENS), 970);
  end ();
}
END_TEST

UNIT_MAIN ("auth-charge", records, too_many, texts, adds_up, waits_for_disk, another_was_first,
           made_anew, anchored, much_is_added_up_at_once, many_subjects, last_month_is_over)
