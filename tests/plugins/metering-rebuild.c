/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Meters made anew from the log: what a damaged row does, and what is there meanwhile. */

#include "tests/plugins/metering-rollup.h"

#define STAMP 20

static char row_key[512], row_value[2048];

/* Any row of the bucket whose key begins so, as it is. */
static int32_t
row_see (const struct kg_entry *e, void *arg)
{
  (void)arg;
  snprintf (row_key, sizeof row_key, "%.*s", (int)e->key.len, e->key.ptr);
  snprintf (row_value, sizeof row_value, "%.*s", (int)e->value.len, e->value.ptr);
  return 1;
}

static kg_bucket *rows_bucket;

static int
row_find (const char *prefix)
{
  *row_key = 0;
  if (!rows_bucket)
    return 0;
  return store->scan (rows_bucket, (kg_str){ prefix, strlen (prefix) }, row_see, NULL);
}

static int32_t
reader_open (const struct kg_host *h, kg_self *self, const void *conf, void **ret_data)
{
  (void)h;
  (void)conf;
  *ret_data = NULL;
  return store->bucket2 (self, "usage.rollups", KG_BUCKET_COLD, &rows_bucket);
}

static const struct kg_plugin reader = { KG_ABI_TARGET,    sizeof reader, sizeof (struct kg_opt), 0,
                                         .name = "reader", .version = "1", .summary = "reads",
                                         .open = reader_open };

static void
begin_read (const char *const *conf)
{
  fake = fake_new ();
  fake_services (fake);
  ck_assert_msg (!fake_open (fake, &kg_plugin_1, conf), "%s", fake_error (fake));
  ck_assert_msg (!fake_open (fake, &appender, NULL), "%s", fake_error (fake));
  ck_assert_msg (!fake_open (fake, &reader, NULL), "%s", fake_error (fake));
  ck_assert_msg (!fake_start (fake), "%s", fake_error (fake));
}

static int
rebuild (const char *body)
{
  static const char *const json[] = { "Content-Type: application/json", NULL };
  as (NULL, 1);
  asked = fake_request (fake, "POST", "/admin/v1/meter/rebuild", (const char **)(uintptr_t)json, body);
  said = fake_body (asked);
  return fake_status (asked);
}

/* Whether the meter is in that state. */
static int
is_state (const char *state)
{
  as (NULL, 1);
  ck_assert_int_eq (ask ("/admin/v1/meter/rebuild"), 200);
  return !strcmp (value ("meters.0.state"), state);
}

static void
rebuilt (void)
{
  for (int i = 0; i < 50 && !is_state ("done"); i++)
    roll ();
  ck_assert_msg (is_state ("done"), "%s", said);
}

static const char *
tokens (const char *more)
{
  char target[512];
  as ("acme", 0);
  snprintf (target, sizeof target, "/v1/usage?meter=tokens&%s", more);
  if (ask (target) != 200)
    return value ("detail");
  return value ("data.0.value");
}

#define HALF "from=2026-11-28T17:00:00Z&to=2026-11-28T17:40:00Z"

START_TEST (a_damaged_row)
{
  begin_read (keep);
  invoke ("\"acme\"", AT, "p", "7");
  roll ();
  ck_assert (row_find ("minute/tokens."));
  fake_store_put (fake, "usage.rollups", row_key, "{\"subject\":\"acme\",\"group\":[\"p\",\"m\"],\"count\":1,\"sum\":\"7\"");
  ck_assert_str_eq (tokens (NOVEMBER), "7"); /* of another row */
  ck_assert (strstr (tokens (HALF), "kgentctl meter rebuild tokens"));
  invoke ("\"acme\"", AT, "p", "1");
  roll ();
  ck_assert (strstr (fake_logged (fake), "kgentctl meter rebuild tokens"));
  ck_assert_int_eq (rebuild ("{\"meters\":[\"tokens\"]}"), 202);
  ck_assert (is_state ("waiting"));
  rebuilt ();
  ck_assert_str_eq (tokens (HALF), "8");
  ck_assert_str_eq (tokens (NOVEMBER), "8");
  roll ();
  roll ();
  ck_assert (row_find ("minute/tokens."));
  ck_assert_msg (strstr (row_value, "\"sum\":\"8\"") != NULL, "%s", row_value);
  ck_assert (!strstr (fake_store_get (fake, "usage.meters", "state"), "rebuild"));
  end ();
}
END_TEST

/* Rows that say something else, that are missing, and that the log knows nothing of. */
START_TEST (wrong_rows)
{
  char other[512];
  begin_read (keep);
  invoke ("\"acme\"", AT, "p", "7");
  invoke ("\"acme\"", AT - INT64_C (3600000000000), "p", "20");
  roll ();
  ck_assert (row_find ("hour/tokens."));
  fake_store_put (fake, "usage.rollups", row_key, "{\"subject\":\"acme\",\"group\":[\"p\",\"m\"],\"count\":1,\"sum\":\"700\"}");
  ck_assert (row_find ("month/tokens."));
  snprintf (other, sizeof other, "%s", row_key);
  memcpy (strstr (other, "202611"), "202612", 6);
  fake_store_put (fake, "usage.rollups", other, row_value);
  ck_assert_str_eq (tokens ("from=2026-12-01&to=2027-01-01"), "27");
  ck_assert_int_eq (rebuild ("{}"), 202);
  rebuilt ();
  ck_assert_str_eq (tokens (NOVEMBER), "27");
  ck_assert_str_eq (tokens ("from=2026-11-28T16:00:00Z&to=2026-11-28T18:00:00Z"), "27");
  ck_assert_str_eq (tokens ("from=2026-12-01&to=2027-01-01"), "0");
  end ();
}
END_TEST

/* A damaged row stops windows of minutes, while longer ones have counted. */
static void
stop_minutes (void)
{
  char state[4096], *at;
  begin_read (keep);
  invoke ("\"acme\"", AT, "p", "7");
  roll ();
  ck_assert (row_find ("minute/tokens."));
  fake_store_put (fake, "usage.rollups", row_key, "{\"subject\":\"acme\"");
  snprintf (state, sizeof state, "%s", fake_store_get (fake, "usage.meters", "state"));
  at = strstr (strstr (state, "\"tokens."), "\"minute\":[1,");
  ck_assert (at);
  at[10] = '0';
  fake_store_put (fake, "usage.meters", "state", state);
  invoke ("\"acme\"", AT, "p", "1");
}

START_TEST (uneven_windows)
{
  stop_minutes ();
  ck_assert_int_eq (rebuild ("{\"meters\":[\"tokens\"]}"), 202);
  rebuilt ();
  ck_assert_str_eq (tokens (HALF), "8");
  ck_assert_str_eq (tokens (NOVEMBER), "8");
  end ();
}
END_TEST

/* Where some are to stay, nothing can be said of all: it waits, and says so. */
START_TEST (uneven_windows_stay)
{
  stop_minutes ();
  ck_assert_int_eq (rebuild ("{\"meters\":[\"tokens\"],\"from\":\"2026-11-01T00:00:00Z\"}"), 202);
  for (int i = 0; i < 10; i++)
    roll ();
  ck_assert (is_state ("waiting"));
  ck_assert (strstr (fake_logged (fake), "without --from"));
  ck_assert_str_eq (tokens (NOVEMBER), "8");
  end ();
}
END_TEST

/* Windows before `from` stay, whatever they say, and what comes meanwhile counts. */
START_TEST (a_part_of_it)
{
  begin_read (keep);
  invoke ("\"acme\"", AT - 30 * INT64_C (86400000000000), "p", "1");
  invoke ("\"acme\"", AT, "p", "2");
  roll ();
  ck_assert (row_find ("day/tokens."));
  ck_assert (strstr (row_key, "20261029"));
  fake_store_put (fake, "usage.rollups", row_key, "{\"subject\":\"acme\",\"group\":[\"p\",\"m\"],\"count\":1,\"sum\":\"1000\"}");
  ck_assert_int_eq (rebuild ("{\"meters\":[\"tokens\"],\"from\":\"2026-11-10T00:00:00Z\"}"), 202);
  fake_store_hold (fake, 1);
  roll ();
  invoke ("\"acme\"", AT - 30 * INT64_C (86400000000000), "p", "100");
  invoke ("\"acme\"", AT, "p", "200");
  fake_store_hold (fake, 0);
  rebuilt ();
  ck_assert_str_eq (value ("meters.0.from"), "2026-11-10T00:00:00Z");
  roll ();
  roll ();
  ck_assert_str_eq (tokens ("from=2026-10-29&to=2026-10-30"), "1100");
  ck_assert_str_eq (tokens ("from=2026-11-28&to=2026-11-29"), "202");
  ck_assert_str_eq (tokens ("from=2026-11-28T17:39:00Z&to=2026-11-28T17:40:00Z"), "202");
  ck_assert_str_eq (tokens ("from=2026-10-01&to=2026-11-01"), "101"); /* began before, and is right */
  ck_assert_str_eq (tokens (NOVEMBER), "202");
  end ();
}
END_TEST

/* Asked for once more while it is under way, with another beginning. */
START_TEST (asked_again)
{
  static const char early[] = "{\"meters\":[\"tokens\"],\"from\":\"2026-11-01T00:00:00Z\"}",
                    late[] = "{\"meters\":[\"tokens\"],\"from\":\"2026-11-20T00:00:00Z\"}";
  begin_read (keep);
  invoke ("\"acme\"", AT - 30 * INT64_C (86400000000000), "p", "1");
  invoke ("\"acme\"", AT - 18 * INT64_C (86400000000000), "p", "10");
  invoke ("\"acme\"", AT, "p", "100");
  roll ();
  for (int i = 0; i < 12; i++) {
    ck_assert_int_eq (rebuild (i & 1 ? late : early), 202);
    fake_store_hold (fake, 1);
    for (int writes = 0; writes < i / 2; writes++) {
      roll ();
      fake_store_commit (fake);
    }
    ck_assert_int_eq (rebuild (i & 1 ? early : late), 202);
    fake_store_hold (fake, 0);
    rebuilt ();
    roll ();
    roll ();
    ck_assert_str_eq (tokens ("from=2026-10-29&to=2026-10-30"), "1");
    ck_assert_str_eq (tokens ("from=2026-11-10&to=2026-11-11"), "10");
    ck_assert_str_eq (tokens ("from=2026-11-28&to=2026-11-29"), "100");
    ck_assert_str_eq (tokens ("from=2026-10-01&to=2026-11-01"), "1");
    ck_assert_str_eq (tokens (NOVEMBER), "110");
  }
  end ();
}
END_TEST

/* More rows than one write removes, among others that stay. */
START_TEST (many_rows)
{
  begin_read (keep);
  for (int i = 0; i < 400; i++) {
    char tenant[16];
    snprintf (tenant, sizeof tenant, "\"t%d\"", i);
    invoke (tenant, AT - 30 * INT64_C (86400000000000), "p", "1");
    invoke (tenant, AT, "p", "2");
  }
  for (int i = 0; i < 20; i++)
    roll ();
  ck_assert_int_eq (rebuild ("{\"meters\":[\"tokens\"],\"from\":\"2026-11-10T00:00:00Z\"}"), 202);
  while (!is_state ("done")) /* it rests behind turns that took long */
    roll ();
  as (NULL, 1);
  ck_assert_int_eq (ask ("/admin/v1/usage?meter=tokens&from=2026-10-29&to=2026-10-30"), 200);
  ck_assert_str_eq (value ("data.0.value"), "400");
  ck_assert_int_eq (ask ("/admin/v1/usage?meter=tokens&" NOVEMBER), 200);
  ck_assert_str_eq (value ("data.0.value"), "800");
  end ();
}
END_TEST

/* Killed at any of its writes: it goes on; whoever asks gets the number or is refused. */
START_TEST (kills)
{
  begin_read (keep);
  for (int i = 0; i < 40; i++)
    invoke ("\"acme\"", AT - i * INT64_C (3600000000000), "p", "1");
  roll ();
  for (int writes = 0; writes < 12; writes++) {
    ck_assert_int_eq (rebuild ("{\"meters\":[\"tokens\"]}"), 202);
    fake_store_hold (fake, 1);
    for (int i = 0; i < writes; i++) {
      roll ();
      fake_store_commit (fake);
    }
    roll ();
    rows_bucket = NULL;
    fall (keep);
    fake_store_hold (fake, 0);
    invoke ("\"acme\"", AT, "p", "1");
    for (int i = 0; i < 20; i++) {
      char wanted[16];
      const char *is = tokens (NOVEMBER);
      snprintf (wanted, sizeof wanted, "%d", 41 + writes);
      ck_assert_msg (!strcmp (is, wanted) || strstr (is, "made anew"), "%s", is);
      roll ();
    }
    ck_assert_str_ne (tokens (NOVEMBER), "(none)");
    ck_assert (!strstr (fake_store_get (fake, "usage.meters", "state"), "rebuild"));
  }
  end ();
}
END_TEST

/* Windows that are to be kept for longer are there behind it. */
START_TEST (longer_windows)
{
  static const char *const longer[] = { "rollups.minutes=60", NULL };
  int64_t at = now_ns () - 30 * INT64_C (86400000000000);
  char day[STAMP + 1], query[128];
  time_t t = at / 1000000000;
  strftime (day, sizeof day, "%Y-%m-%dT%H:%M:00Z", gmtime (&t));
  snprintf (query, sizeof query, "windowSize=MINUTE&from=%s", day);
  begin_read (NULL); /* minutes: 14 days */
  invoke ("\"acme\"", at, "p", "3");
  roll ();
  ck_assert (strstr (tokens (query), "kept for 14 days"));
  rows_bucket = NULL;
  fall (longer);
  roll ();
  rebuilt ();
  roll ();
  ck_assert_str_eq (tokens (query), "3");
  fall (NULL); /* and shorter again: nothing is to be made but what is asked for */
  ck_assert_int_eq (rebuild ("{}"), 202);
  rebuilt ();
  invoke ("\"acme\"", at, "p", "3");
  roll ();
  ck_assert (!strstr (said = fake_store_get (fake, "usage.meters", "state"), "rebuild"));
  ck_assert_str_eq (fake_store_get (fake, "usage.meters", "keep"), "[14,100,800,0]");
  end ();
}
END_TEST

START_TEST (refusals)
{
  begin_read (keep);
  ck_assert_int_eq (rebuild ("{\"meters\":[\"none\"]}"), 422);
  ck_assert_int_eq (rebuild ("{\"meters\":\"tokens\"}"), 422);
  ck_assert_int_eq (rebuild ("{\"meters\":[]}"), 422);
  ck_assert_int_eq (rebuild ("{\"from\":\"yesterday\"}"), 422);
  ck_assert_int_eq (rebuild ("[]"), 422);
  as ("acme", 0);
  ck_assert_int_eq (ask ("/admin/v1/meter/rebuild"), 404);
  fake_store_fail (fake, -ENOSPC, -1);
  ck_assert_int_eq (rebuild ("{}"), 202);
  roll ();
  roll ();
  ck_assert (!is_state ("done"));
  fake_store_fail (fake, 0, 0);
  rebuilt ();
  end ();
}
END_TEST

UNIT_MAIN ("metering-rebuild", a_damaged_row, wrong_rows, uneven_windows, uneven_windows_stay,
           a_part_of_it, asked_again, many_rows, kills, longer_windows, refusals)
