/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Turns of rolling up: other meters, records in parts, and trouble. */

#include "tests/plugins/metering-rollup.h"

#include "plugins/metering-openmeter/fold.h"

#define DAY_NS (INT64_C (86400) * 1000000000)

static const char *const few[]
    = { KEEP, "meters.0.slug=n", "meters.0.type=c", "meters.0.aggregation=COUNT", "meters.0.group_by=a", NULL };

/* ---- Changes of meters ---------------------------------------------------------------------- */

START_TEST (new_meters_begin_at_the_beginning)
{
  static const char *const first[] = { KEEP, "meters.0.slug=n", "meters.0.type=session.create",
                                       "meters.0.aggregation=COUNT", NULL };
  static const char *const second[]
      = { KEEP, "meters.0.slug=n", "meters.0.type=session.create", "meters.0.aggregation=COUNT",
          "meters.1.slug=kinds", "meters.1.type=session.create", "meters.1.aggregation=UNIQUE_COUNT",
          "meters.1.value=agent_type", NULL };
  begin (first);
  for (int i = 0; i < 5; i++)
    append ("\"acme\"", AT, "{\"type\":\"session.create\",\"data\":{\"agent_type\":\"%d\"}}", i % 3);
  roll ();
  fake_stop (fake);
  fake_close (fake);
  up (second);
  append ("\"acme\"", AT, "{\"type\":\"session.create\",\"data\":{\"agent_type\":\"new\"}}");
  as ("acme", 0);
  for (int i = 0; i < 4; i++, roll ()) {
    ck_assert_int_eq (ask ("/v1/usage?" NOVEMBER), 200);
    ck_assert_str_eq (value ("data.0.value"), "6");
    ck_assert_str_eq (value ("data.1.value"), "4");
  }
  ck_assert_int_eq (fake_metric (fake, "kgent_metering_rollup_lag_records", NULL), 0);
  /* One that is gone is remembered, and goes on where it was. */
  fake_stop (fake);
  fake_close (fake);
  up (first);
  append ("\"acme\"", AT, "{\"type\":\"session.create\",\"data\":{\"agent_type\":\"newer\"}}");
  roll ();
  ck_assert (strstr (fake_store_get (fake, "usage.meters", "state"), "\"kinds."));
  fake_stop (fake);
  fake_close (fake);
  up (second);
  as ("acme", 0);
  roll ();
  ck_assert_int_eq (ask ("/v1/usage?" NOVEMBER), 200);
  ck_assert_str_eq (value ("data.0.value"), "7");
  ck_assert_str_eq (value ("data.1.value"), "5");
  end ();
}
END_TEST

/* A record may have more cells than a turn takes. */
START_TEST (a_record_in_parts)
{
  static const char text[]
      = "{\"tenant\":\"a\",\"time\":5,\"events\":[{\"type\":\"session.create\",\"data\":{\"agent_type\":1}},"
        "{\"type\":\"session.create\",\"data\":{\"agent_type\":2}},{\"type\":\"other\",\"data\":{}},"
        "{\"type\":\"session.create\",\"data\":{\"agent_type\":3}},"
        "{\"type\":\"session.create\",\"data\":{\"agent_type\":1}}]}";
  const struct kg_record record = { .sequence = 7, .data = { text, sizeof text - 1 } };
  struct kg_list none = { NULL, 0 };
  struct meters *meters = calloc (1, sizeof *meters);
  char error[METER_ERROR_MAX];
  struct fold f = { .meters = meters, .mask = ~UINT64_C (0), .cells_max = 2 };
  ck_assert_int_eq (meters_read (meters, &none, error), 0);
  ck_assert_int_eq (fold_record (&f, &record, 0), 2);
  ck_assert_uint_eq (f.cells.count, 2);
  cells_free (&f.cells);
  ck_assert_int_eq (fold_record (&f, &record, 2), 0);
  ck_assert_uint_eq (f.cells.count, 2);
  ck_assert (f.cells.first->count == 1 && f.cells.first->start == 0 && f.cells.first->subject.len == 1);
  fold_free (&f);
  free (meters);
}
END_TEST

/* A turn of many rows is several writes, between which queries see a part of them. */
START_TEST (a_turn_in_parts)
{
  static char events[65536];
  begin (few);
  for (int i = 0; i < 3; i++) {
    size_t n = 0;
    for (int k = 0; k < 250; k++)
      n += (size_t)sprintf (events + n, "%s{\"type\":\"c\",\"data\":{\"a\":%d}}", k ? "," : "", i * 250 + k);
    append ("\"acme\"", AT, "%s", events);
  }
  as ("acme", 0);
  fake_store_hold (fake, 1);
  roll ();
  fake_store_commit (fake);
  ck_assert (strstr (fake_store_get (fake, "usage.meters", "state"), "\"hour\":[0,0],\"day\":[3,0]"));
  fall (few);
  fake_store_hold (fake, 0);
  as ("acme", 0);
  for (int i = 0; i < 3; i++, roll ()) {
    ck_assert_int_eq (ask ("/v1/usage?meter=n&from=2026-10-31T23:59:00Z&to=2026-12-01T01:01:00Z"), 200);
    ck_assert_str_eq (value ("data.0.value"), "750");
    ck_assert_int_eq (ask ("/v1/usage?meter=n&windowSize=HOUR&" NOVEMBER), 200);
    ck_assert_str_eq (value ("data.0.value"), "750");
  }
  ck_assert (strstr (fake_store_get (fake, "usage.meters", "state"),
                     "{\"minute\":[3,0],\"hour\":[3,0],\"day\":[3,0],\"month\":[3,0]}"));
  end ();
}
END_TEST

/* ---- Trouble ----------------------------------------------------------------------------------- */

START_TEST (a_disk_that_fails)
{
  begin (keep);
  as ("acme", 0);
  invoke ("\"acme\"", AT, "p", "1");
  fake_store_fail (fake, -ENOSPC, -1);
  fake_log_clear (fake);
  roll ();
  roll ();
  ck_assert (strstr (fake_logged (fake), "usage is not rolled up"));
  ck_assert_int_eq (ask ("/v1/usage?meter=tokens&" NOVEMBER), 200);
  ck_assert_str_eq (value ("data.0.value"), "1");
  fake_store_fail (fake, 0, 0);
  roll ();
  roll ();
  ck_assert (strstr (fake_logged (fake), "rolled up again"));
  ck_assert_int_eq (ask ("/v1/usage?meter=tokens&" NOVEMBER), 200);
  ck_assert_str_eq (value ("data.0.value"), "1");
  end ();
}
END_TEST

/* Another process on the same store moved the state meanwhile. */
START_TEST (another_process_was_first)
{
  char *before;
  begin (keep);
  as ("acme", 0);
  invoke ("\"acme\"", AT, "p", "1");
  roll ();
  invoke ("\"acme\"", AT, "p", "2");
  fake_store_hold (fake, 1);
  roll (); /* the write waits */
  before = strdup (fake_store_get (fake, "usage.meters", "state"));
  fake_store_put (fake, "usage.meters", "state", before);
  fake_store_hold (fake, 0);
  fake_store_commit (fake); /* and is refused */
  roll ();
  roll ();
  ck_assert_int_eq (ask ("/v1/usage?meter=tokens&" NOVEMBER), 200);
  ck_assert_str_eq (value ("data.0.value"), "3");
  ck_assert_str_ne (fake_store_get (fake, "usage.meters", "state"), before);
  free (before);
  end ();
}
END_TEST

/* Who is everybody is told by months, which are never behind. */
START_TEST (everybody_in_the_middle_of_a_turn)
{
  static char events[65536];
  begin (few);
  as (NULL, 1);
  for (int i = 0; i < 3; i++) {
    size_t n = 0;
    for (int k = 0; k < 250; k++)
      n += (size_t)sprintf (events + n, "%s{\"type\":\"c\",\"data\":{\"a\":%d}}", k ? "," : "", i * 250 + k);
    append ("\"acme\"", AT, "%s", events);
  }
  for (int piece = 0; piece < 3; piece++) {
    fake_store_hold (fake, 1);
    if (!piece)
      roll ();
    fake_store_commit (fake);
    ck_assert_int_eq (ask ("/admin/v1/usage?meter=n&from=2026-11-28T17:39:00Z&to=2026-11-28T17:40:00Z"), 200);
    ck_assert_str_eq (value ("data.0.value"), "750");
    fake_store_hold (fake, 0);
    fake_run_jobs (fake);
  }
  end ();
}
END_TEST

/* Months, too: the first window that is asked for is one that is there. */
START_TEST (old_months_go)
{
  static const char *const little[] = { "rollups.minutes=1", "rollups.hours=2", "rollups.days=3", "rollups.months=4", NULL };
  begin (little);
  as ("acme", 0);
  invoke ("\"acme\"", now_ns (), "p", "1");
  roll ();
  ck_assert_int_eq (ask ("/api/v1/meters/tokens/query"), 200);
  ck_assert_str_eq (value ("data.0.value"), "1");
  ck_assert_int_eq (ask ("/v1/usage?meter=tokens&windowSize=MONTH"), 200);
  ck_assert_str_eq (value ("data.0.value"), "1");
  ck_assert_int_eq (ask ("/v1/usage?meter=tokens&windowSize=DAY"), 200);
  ck_assert_str_eq (value ("data.0.value"), "1");
  ck_assert_int_eq (ask ("/v1/usage?meter=tokens&from=2026-01-01"), 422);
  end ();
}
END_TEST

/* A text is the same however its characters were escaped, also a long one. */
START_TEST (long_texts_are_the_same)
{
  static char plain[8192], escaped[16384];
  static const char *const kinds[]
      = { KEEP, "meters.0.slug=u", "meters.0.type=agentese.invoke", "meters.0.aggregation=UNIQUE_COUNT",
          "meters.0.value=path", NULL };
  begin (kinds);
  as ("acme", 0);
  for (int length = 100; length < 1500; length += 350) { /* characters of two bytes */
    for (int i = 0; i < length; i++) {
      sprintf (plain + 2 * i, "\xc3\xb6");
      sprintf (escaped + 6 * i, "\\u00f6");
    }
    invoke ("\"acme\"", AT, plain, "1");
    invoke ("\"acme\"", AT, escaped, "1");
  }
  ck_assert_int_eq (ask ("/v1/usage?meter=u&" NOVEMBER), 200);
  ck_assert_str_eq (value ("data.0.value"), "4");
  end ();
}
END_TEST

START_TEST (old_windows_go)
{
  char target[256];
  int64_t late = now_ns () - 30 * DAY_NS;
  begin (NULL); /* minutes 14 days, hours 100 */
  as ("acme", 0);
  invoke ("\"acme\"", late, "p", "1");
  roll ();
  snprintf (target, sizeof target, "/v1/usage?meter=tokens&windowSize=MINUTE");
  ck_assert_int_eq (ask ("/api/v1/meters/tokens/query?windowSize=MINUTE"), 200);
  ck_assert_str_eq (value ("data.0"), "(none)");
  ck_assert_int_eq (ask ("/api/v1/meters/tokens/query?windowSize=HOUR"), 200);
  ck_assert_str_eq (value ("data.0.value"), "1");
  ck_assert_int_eq (ask ("/api/v1/meters/tokens/query"), 200);
  ck_assert_str_eq (value ("data.0.value"), "1");
  end ();
}
END_TEST

UNIT_MAIN ("metering-turns", new_meters_begin_at_the_beginning, a_record_in_parts,
           a_turn_in_parts, everybody_in_the_middle_of_a_turn, a_disk_that_fails,
           another_process_was_first, old_windows_go, old_months_go, long_texts_are_the_same)
