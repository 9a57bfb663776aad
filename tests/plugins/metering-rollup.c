/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Meters, rollups and queries, one by one. */
#include "tests/plugins/metering-usage.h"

#include "plugins/metering-openmeter/calendar.h"
#include "plugins/metering-openmeter/decimal.h"
#include "plugins/metering-openmeter/fold.h"

#define AT INT64_C (1795887548000000000) /* 2026-11-28T17:39:08Z */
#define DAY_NS (INT64_C (86400) * 1000000000)

/* For ever, so that the tests' times don't age. */
#define KEEP "rollups.minutes=0", "rollups.hours=0", "rollups.days=0"
static const char *const keep[] = { KEEP, NULL };
static const char *const few[]
    = { KEEP, "meters.0.slug=n", "meters.0.type=c", "meters.0.aggregation=COUNT", "meters.0.group_by=a", NULL };

/* ---- Parts -------------------------------------------------------------------- */

static const char *
decimal_again (const char *text)
{
  static char out[DECIMAL_TEXT];
  decimal v;
  int32_t r = decimal_read ((kg_str){ text, strlen (text) }, &v);
  if (r < 0)
    return r == -ERANGE ? "range" : "invalid";
  decimal_write (v, out);
  return out;
}

START_TEST (decimals)
{
  static const char *const rows[][2] = { { "0", "0" },
                                         { "-0", "0" },
                                         { "12", "12" },
                                         { "-1.50", "-1.5" },
                                         { "0.1", "0.1" },
                                         { "1e3", "1000" },
                                         { "1.5E-2", "0.015" },
                                         { "120e-1", "12" },
                                         { "9223372036854775807", "9223372036854775807" },
                                         { "99999999999999999999", "99999999999999999999" },
                                         { "99999999999999999999999999.5", "99999999999999999999999999.5" },
                                         { "100000000000000000000000000", "range" },
                                         { "-1e26", "range" },
                                         { "1e400", "range" },
                                         { "0e999999999", "0" },
                                         { "1e-999999999", "0" },
                                         { "0.000000000001", "0.000000000001" },
                                         { "0.0000000000005", "0" },
                                         { "0.00000000000050001", "0.000000000001" },
                                         { "0.0000000000015", "0.000000000002" },
                                         { "-0.0000000000025", "-0.000000000002" },
                                         { "0.30000000000000004", "0.3" },
                                         { "0.9999999999999", "1" },
                                         { "01", "invalid" },
                                         { "1.", "invalid" },
                                         { ".5", "invalid" },
                                         { "1e", "invalid" },
                                         { "+1", "invalid" },
                                         { "", "invalid" },
                                         { "-", "invalid" },
                                         { "1 ", "invalid" } };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    ck_assert_msg (!strcmp (decimal_again (rows[i][0]), rows[i][1]), "%s is %s", rows[i][0],
                   decimal_again (rows[i][0]));
}
END_TEST

START_TEST (divisions)
{
  char out[DECIMAL_TEXT];
  decimal_write (decimal_divide (10 * DECIMAL_ONE, 3), out);
  ck_assert_str_eq (out, "3.333333333333");
  decimal_write (decimal_divide (-20 * DECIMAL_ONE, 3), out);
  ck_assert_str_eq (out, "-6.666666666667");
  ck_assert (decimal_divide (5, 2) == 2 && decimal_divide (7, 2) == 4 && decimal_divide (-5, 2) == -2);
}
END_TEST

START_TEST (overflow_is_refused)
{
  decimal half, sum;
  char out[DECIMAL_TEXT];
  ck_assert_int_eq (decimal_read ((kg_str){ "5e25", 4 }, &half), 0);
  sum = half;
  ck_assert_int_eq (decimal_add (&sum, half - 1), 0);
  ck_assert_int_eq (decimal_add (&sum, 1), -ERANGE);
  ck_assert_int_eq (decimal_add (&sum, half), -ERANGE);
  decimal_write (sum, out);
  ck_assert_str_eq (decimal_again (out), out);
  sum = -sum;
  ck_assert_int_eq (decimal_add (&sum, -1), -ERANGE);
}
END_TEST

/* Every minute of some years against the C library. */
START_TEST (calendar)
{
  for (int64_t m = 0; m < INT64_C (100) * 366 * DAY_MINUTES; m += 7919) {
    time_t t = m * 60;
    struct tm tm, up_tm;
    char mine[STAMP_LEN + 1], theirs[64];
    gmtime_r (&t, &tm);
    strftime (theirs, sizeof theirs, "%Y%m%d%H%M", &tm);
    unit_stamp (UNIT_MINUTE, m, mine);
    ck_assert_str_eq (mine, theirs);
    ck_assert_int_eq (unit_of_stamp (UNIT_MINUTE, mine, 12), m);
    t = unit_next (UNIT_MONTH, m) * 60;
    gmtime_r (&t, &up_tm);
    ck_assert (up_tm.tm_mday == 1 && !up_tm.tm_hour && !up_tm.tm_min);
    ck_assert_int_eq (up_tm.tm_mon, (tm.tm_mon + 1) % 12);
    ck_assert_int_eq (unit_of_stamp (UNIT_MONTH, mine, 6), unit_floor (UNIT_MONTH, m));
    ck_assert_int_eq (unit_of_stamp (UNIT_DAY, mine, 8), unit_floor (UNIT_DAY, m));
    ck_assert_int_eq (unit_of_stamp (UNIT_HOUR, mine, 10), unit_floor (UNIT_HOUR, m));
  }
  ck_assert_int_eq (unit_of_stamp (UNIT_DAY, "20261301", 8), -1);
  ck_assert_int_eq (unit_of_stamp (UNIT_DAY, "2026-1-1", 8), -1);
}
END_TEST

/* ---- Configuration -------------------------------------------------------------- */

static void
refused (const char *const *conf, const char *reason)
{
  fake = fake_new ();
  fake_services (fake);
  ck_assert_int_lt (fake_open (fake, &kg_plugin_1, conf), 0);
  ck_assert_msg (strstr (fake_logged (fake), reason) || strstr (fake_error (fake), reason),
                 "wanted %s, got %s and %s", reason, fake_logged (fake), fake_error (fake));
  fake_free (fake);
}

#define CONF(...) (const char *const[]){ __VA_ARGS__, NULL }

START_TEST (wrong_meters)
{
  refused (CONF ("meters.0.slug=Bad", "meters.0.type=t", "meters.0.value=v"), "is no slug");
  refused (CONF ("meters.0.slug=a", "meters.0.type=t"), "needs value");
  refused (CONF ("meters.0.slug=a", "meters.0.type=t", "meters.0.aggregation=COUNT", "meters.0.value=v"),
           "takes no value");
  refused (CONF ("meters.0.slug=a", "meters.0.type=t", "meters.0.aggregation=MEDIAN"), "choices");
  refused (CONF ("meters.0.slug=a", "meters.0.type=t", "meters.0.value=v", "meters.1.slug=a",
                 "meters.1.type=t", "meters.1.value=v"),
           "there twice");
  refused (CONF ("meters.0.slug=a", "meters.0.type=t", "meters.0.value=v",
                 "meters.0.group_by=a,b,c,d,e,f,g,h,i"),
           "more than 8");
  refused (CONF ("meters.0.slug=a", "meters.0.type=t", "meters.0.value=v", "meters.0.group_by=a,$.a"),
           "twice");
  refused (CONF ("meters.0.slug=a", "meters.0.type=t", "meters.0.value=v", "meters.0.group_by=subject"),
           "no name");
  refused (CONF ("meters.0.slug=a", "meters.0.type=t", "meters.0.value=$.a[0]"), "needs value");
  refused (CONF ("rollups.minutes=9", "rollups.hours=5"), "hours must be kept at least as long");
  refused (CONF ("rollups.hours=0"), "days must be kept");
}
END_TEST

START_TEST (list_of_meters)
{
  begin (NULL);
  as ("acme", 0);
  ck_assert_int_eq (ask ("/v1/meters"), 200);
  ck_assert_str_eq (value ("0.slug"), "requests");
  ck_assert_str_eq (value ("1.slug"), "tokens");
  ck_assert_str_eq (value ("1.aggregation"), "SUM");
  ck_assert_str_eq (value ("1.eventType"), "agentese.invoke");
  ck_assert_str_eq (value ("1.valueProperty"), "$.tokens_used");
  ck_assert_str_eq (value ("1.groupBy"), "{\"path\":\"$.path\",\"aspect\":\"$.aspect\"}");
  ck_assert_int_eq (ask ("/api/v1/meters"), 200);
  end ();
}
END_TEST

/* ---- Rolling up ------------------------------------------------------------------ */

static void
invoke (const char *tenant, int64_t at, const char *path, const char *tokens)
{
  append (tenant, at,
          "{\"type\":\"agentese.invoke\",\"data\":{\"path\":\"%s\",\"aspect\":\"m\",\"tokens_used\":%s}}",
          path, tokens);
}

#define NOVEMBER "from=2026-11-01T00:00:00Z&to=2026-12-01T00:00:00Z"

START_TEST (tail_and_rows_are_the_same)
{
  for (int rolled = 0; rolled < 2; rolled++) {
    begin (keep);
    as ("acme", 0);
    invoke ("\"acme\"", AT, "a", "5");
    invoke ("\"acme\"", AT + 60000000000, "b", "2.5");
    invoke ("\"other\"", AT, "a", "100");
    if (rolled)
      roll ();
    ck_assert_int_eq (fake_store_get (fake, "usage.meters", "state") != NULL, rolled);
    ck_assert_int_eq (ask ("/v1/usage?meter=tokens&" NOVEMBER), 200);
    ck_assert_str_eq (value ("data.0.value"), "7.5");
    ck_assert_str_eq (value ("data.0.windowStart"), "2026-11-01T00:00:00Z");
    ck_assert_str_eq (value ("data.0.windowEnd"), "2026-12-01T00:00:00Z");
    ck_assert_str_eq (value ("data.0.subject"), "acme");
    ck_assert_str_eq (value ("data.1"), "(none)");
    ck_assert_int_eq (ask ("/v1/usage?meter=tokens&windowSize=MINUTE&groupBy=path&" NOVEMBER), 200);
    ck_assert_str_eq (value ("data.0.value"), "5");
    ck_assert_str_eq (value ("data.0.windowStart"), "2026-11-28T17:39:00Z");
    ck_assert_str_eq (value ("data.0.groupBy.path"), "a");
    ck_assert_str_eq (value ("data.1.value"), "2.5");
    ck_assert_str_eq (value ("data.1.groupBy.path"), "b");
    end ();
  }
}
END_TEST

START_TEST (rows_say_what_they_are)
{
  begin (keep);
  invoke ("\"a/b\"", AT, "p", "5");
  invoke ("\"a/b\"", AT, "p", "-1.5");
  roll ();
  as (NULL, 1);
  ck_assert_int_eq (fake_metric (fake, "kgent_metering_rollup_records_total", NULL), 2);
  ck_assert_int_eq (fake_metric (fake, "kgent_metering_rollup_lag_records", NULL), 0);
  ck_assert_int_eq (ask ("/admin/v1/usage?meter=tokens&window=DAY&groupBy=subject,aspect&" NOVEMBER), 200);
  ck_assert_str_eq (value ("data.0"),
                    "{\"value\":3.5,\"windowStart\":\"2026-11-28T00:00:00Z\","
                    "\"windowEnd\":\"2026-11-29T00:00:00Z\",\"subject\":\"a/b\",\"groupBy\":{\"aspect\":\"m\"}}");
  end ();
}
END_TEST

START_TEST (all_meters_at_once)
{
  begin (keep);
  as ("acme", 0);
  invoke ("\"acme\"", AT, "p", "5");
  ck_assert_int_eq (ask ("/v1/usage?" NOVEMBER), 200);
  ck_assert_str_eq (value ("data.0.meter"), "requests");
  ck_assert_str_eq (value ("data.0.value"), "1");
  ck_assert_str_eq (value ("data.1.meter"), "tokens");
  ck_assert_str_eq (value ("data.1.value"), "5");
  ck_assert_str_eq (value ("data.2.value"), "0");
  ck_assert_int_eq (ask ("/v1/usage?groupBy=path"), 422);
  end ();
}
END_TEST

START_TEST (losses_are_counted)
{
  begin (keep);
  as ("acme", 0);
  invoke ("\"acme\"", AT, "p", "\"x\"");
  invoke ("\"acme\"", AT, "p", "null");
  invoke ("\"acme\"", AT, "p", "1e30");
  invoke ("\"acme\"", AT, "p", "\"7\"");
  append_text ("no record");
  roll ();
  ck_assert_int_eq (fake_metric (fake, "kgent_metering_unmeasured_total", "value"), 2);
  ck_assert_int_eq (fake_metric (fake, "kgent_metering_unmeasured_total", "range"), 1);
  ck_assert_int_eq (fake_metric (fake, "kgent_metering_unmeasured_total", "record"), 1);
  ck_assert_int_eq (ask ("/v1/usage?meter=tokens&" NOVEMBER), 200);
  ck_assert_str_eq (value ("data.0.value"), "7");
  end ();
}
END_TEST

/* What a row says can be read again, however much it is. */
START_TEST (large_sums)
{
  begin (keep);
  as ("acme", 0);
  for (int i = 0; i < 4; i++) {
    invoke ("\"acme\"", AT, "p", "99999999999999999999");
    roll ();
  }
  invoke ("\"acme\"", AT, "p", "1e20"); /* one too large for an event */
  roll ();
  ck_assert_int_eq (fake_metric (fake, "kgent_metering_unmeasured_total", "range"), 1);
  ck_assert_int_eq (ask ("/v1/usage?meter=tokens&" NOVEMBER), 200);
  ck_assert (strstr (said, "\"value\":399999999999999999996,"));
  ck_assert_int_eq (fake_metric (fake, "kgent_metering_rollup_lag_records", NULL), 0);
  end ();
}
END_TEST

/* Neither long texts nor far times stop the rollup. */
START_TEST (odd_events)
{
  static char text[1024 * 600];
  size_t n = (size_t)sprintf (text, "{\"tenant\":\"acme\",\"time\":5,\"events\":[{\"type\":\"session.create\","
                                    "\"id\":\"i\",\"source\":\"s\",\"time\":\"2261-01-01T00:00:00Z\","
                                    "\"data\":{\"agent_type\":\"");
  memset (text + n, 'x', 200000);
  n += 200000;
  n += (size_t)sprintf (text + n, "\"},\"subject\":\"");
  memset (text + n, 0x7f, 300000);
  sprintf (text + n + 300000, "\"}]}");
  begin (NULL);
  append_text (text);
  roll ();
  ck_assert_int_eq (fake_metric (fake, "kgent_metering_rollup_lag_records", NULL), 0);
  as (NULL, 1);
  ck_assert_int_eq (ask ("/admin/v1/usage?meter=sessions&groupBy=subject,agent_type&from=2260-12-01&to=2261-02-01"), 200);
  ck_assert_str_eq (value ("data.0.value"), "1");
  ck_assert (strstr (value ("data.0.subject"), "sha256:") && strlen (value ("data.0.subject")) == 71);
  ck_assert (strstr (value ("data.0.groupBy.agent_type"), "sha256:"));
  end ();
}
END_TEST

START_TEST (corrections)
{
  begin (keep);
  as ("acme", 0);
  invoke ("\"acme\"", AT, "p", "10");
  append ("\"acme\"", AT + DAY_NS,
          "{\"type\":\"agentese.invoke\",\"id\":\"c1\",\"source\":\"s\",\"time\":\"2026-11-28T17:39:09Z\","
          "\"data\":{\"path\":\"p\",\"aspect\":\"m\",\"tokens_used\":-4},\"ext\":{\"corrects\":\"x\"}},"
          "{\"type\":\"agentese.invoke\",\"id\":\"c2\",\"source\":\"s\",\"time\":\"2026-11-28T17:39:09Z\","
          "\"data\":{\"path\":\"p\",\"aspect\":\"m\",\"count\":-1},\"ext\":{\"corrects\":\"y\"}}");
  for (int rolled = 0; rolled < 2; rolled++) {
    ck_assert_int_eq (ask ("/v1/usage?windowSize=MINUTE&" NOVEMBER), 200);
    ck_assert_str_eq (value ("data.0.value"), "0");
    ck_assert_str_eq (value ("data.1.value"), "6");
    ck_assert_str_eq (value ("data.1.windowStart"), "2026-11-28T17:39:00Z");
    ck_assert_str_eq (value ("data.2"), "(none)");
    roll ();
  }
  end ();
}
END_TEST

START_TEST (another_subject)
{
  begin (keep);
  append ("\"acme\"", AT, "{\"type\":\"agentese.invoke\",\"id\":\"1\",\"source\":\"s\",\"subject\":\"else\","
                          "\"data\":{\"tokens_used\":3}}");
  roll ();
  as ("acme", 0);
  ck_assert_int_eq (ask ("/v1/usage?meter=tokens&" NOVEMBER), 200);
  ck_assert_str_eq (value ("data.0.value"), "0");
  as ("else", 0);
  ck_assert_int_eq (ask ("/v1/usage?meter=tokens&groupBy=path&" NOVEMBER), 200);
  ck_assert_str_eq (value ("data.0.value"), "3");
  ck_assert_str_eq (value ("data.0.groupBy"), "{\"path\":null}");
  end ();
}
END_TEST

/* ---- Who may see what ---------------------------------------------------------------- */

START_TEST (tenants_are_apart)
{
  begin (keep);
  invoke ("\"acme\"", AT, "p", "1");
  invoke ("\"acme2\"", AT, "p", "20");
  roll ();
  invoke ("\"acm\"", AT, "p", "300");
  as ("acme", 0);
  ck_assert_int_eq (ask ("/v1/usage?meter=tokens&groupBy=subject&" NOVEMBER), 200);
  ck_assert_str_eq (value ("data.0.value"), "1");
  ck_assert_str_eq (value ("data.1"), "(none)");
  ck_assert_int_eq (ask ("/v1/usage?meter=tokens&subject=acme2"), 403);
  ck_assert_int_eq (ask ("/v1/usage?meter=tokens&subject=acme&subject=acme2"), 403);
  ck_assert_int_eq (ask ("/api/v1/meters/tokens/query?subject=acme2"), 403);
  ck_assert_int_eq (ask ("/api/v1/meters/tokens/query?subject=acme"), 200);
  ck_assert_str_eq (value ("data.0.value"), "1");
  as (NULL, 1);
  ck_assert_int_eq (ask ("/admin/v1/usage?meter=tokens&" NOVEMBER), 200);
  ck_assert_str_eq (value ("data.0.value"), "321");
  ck_assert_str_eq (value ("data.0.subject"), "null");
  ck_assert_int_eq (ask ("/admin/v1/usage?meter=tokens&subject=acme&subject=acme2&" NOVEMBER), 200);
  ck_assert_str_eq (value ("data.0.value"), "21");
  ck_assert_int_eq (ask ("/admin/v1/usage?meter=tokens&groupBy=subject&" NOVEMBER), 200);
  ck_assert_str_eq (value ("data.0.subject"), "acm");
  ck_assert_str_eq (value ("data.2.subject"), "acme2");
  end ();
}
END_TEST

/* ---- Parameters ------------------------------------------------------------------------ */

static void
wrong (const char *query, const char *reason)
{
  char target[512];
  snprintf (target, sizeof target, "/v1/usage?%s", query);
  ck_assert_msg (ask (target) == 422, "%s is %d", query, fake_status (asked));
  ck_assert_msg (strstr (value ("detail"), reason), "%s: %s", query, value ("detail"));
}

START_TEST (wrong_parameters)
{
  begin (NULL);
  as ("acme", 0);
  wrong ("meter=none", "there is none");
  wrong ("from=yesterday", "RFC 3339");
  wrong ("from=2026-11-02&to=2026-11-02", "before");
  wrong ("from=2026-11-02&from=2026-11-02", "twice");
  wrong ("windowSize=WEEK", "MINUTE, HOUR");
  wrong ("meter=tokens&groupBy=model", "has no model");
  wrong ("meter=tokens&filterGroupBy[model]=x", "has no model");
  wrong ("what=1", "no parameter");
  wrong ("a=%zz", "decoded");
  wrong ("subject=", "empty");
  wrong ("windowTimeZone=Europe/Berlin", "UTC");
  wrong ("windowSize=MINUTE&from=2020-01-01&to=2020-06-01", "more than 100000 windows");
  wrong ("windowSize=HOUR&from=2020-01-01&to=2020-02-01", "hours are kept for 100 days");
  wrong ("from=2020-01-01T10:30:00Z&to=2020-02-01", "minutes are kept for 14 days");
  ck_assert_int_eq (ask ("/api/v1/meters/none/query"), 404);
  ck_assert_int_eq (ask ("/api/v1/meters/tokens/query?windowSize=MINUTE&clientId=x"), 200);
  ck_assert_int_eq (ask ("/v1/usage?from=2020-01-01&to=2020-02-01"), 200);
  ck_assert_int_eq (ask ("/v1/usage"), 200);
  ck_assert_int_eq (ask ("/v1/usage?windowSize=MINUTE"), 200); /* whatever day it is */
  end ();
}
END_TEST

START_TEST (filters_and_csv)
{
  begin (keep);
  as ("acme", 0);
  invoke ("\"acme\"", AT, "a,\\\"b", "1");
  invoke ("\"acme\"", AT, "c", "2");
  invoke ("\"acme\"", AT, "d", "4");
  roll ();
  ck_assert_int_eq (ask ("/v1/usage?meter=tokens&filterGroupBy%5Bpath%5D=c&filterGroupBy[path]=a,%22b&" NOVEMBER), 200);
  ck_assert_str_eq (value ("data.0.value"), "3");
  ck_assert_int_eq (ask ("/v1/usage?meter=tokens&filterGroupBy[path]=c&filterGroupBy[aspect]=x&" NOVEMBER), 200);
  ck_assert_str_eq (value ("data.0.value"), "0");
  ck_assert_int_eq (ask_as ("text/html, text/CSV;q=0.9", "/v1/usage?meter=tokens&groupBy=path&windowSize=MONTH&" NOVEMBER), 200);
  ck_assert_str_eq (said, "window_start,window_end,subject,path,value\r\n"
                          "2026-11-01T00:00:00Z,2026-12-01T00:00:00Z,acme,\"a,\"\"b\",1\r\n"
                          "2026-11-01T00:00:00Z,2026-12-01T00:00:00Z,acme,c,2\r\n"
                          "2026-11-01T00:00:00Z,2026-12-01T00:00:00Z,acme,d,4\r\n");
  ck_assert_str_eq (fake_header (asked, "Content-Type"), "text/csv; charset=utf-8");
  end ();
}
END_TEST

START_TEST (answers_are_bounded)
{
  begin (keep);
  as ("acme", 0);
  for (int i = 0; i < 101; i++) {
    static char events[65536];
    size_t n = 0;
    for (int k = 0; k < 100; k++)
      n += (size_t)sprintf (events + n, "%s{\"type\":\"session.create\",\"data\":{\"agent_type\":\"%d\"}}",
                            k ? "," : "", i * 100 + k);
    append ("\"acme\"", AT, "%s", events);
  }
  fake_store_fail (fake, -ENOSPC, -1); /* so many rows are slow in the fake */
  ck_assert_int_eq (ask ("/v1/usage?meter=sessions&groupBy=agent_type&" NOVEMBER), 422);
  ck_assert (strstr (value ("detail"), "10000 rows"));
  ck_assert_int_eq (ask ("/v1/usage?meter=sessions&" NOVEMBER), 200);
  ck_assert_str_eq (value ("data.0.value"), "10100");
  end ();
}
END_TEST

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
  ck_assert (strstr (fake_store_get (fake, "usage.meters", "state"), "\"hour\":[3,0],\"day\":[0,0]"));
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

UNIT_MAIN ("metering-rollup", decimals, divisions, overflow_is_refused, calendar, wrong_meters,
           list_of_meters, tail_and_rows_are_the_same, rows_say_what_they_are, all_meters_at_once,
           losses_are_counted, large_sums, odd_events, corrections, another_subject, tenants_are_apart, wrong_parameters,
           filters_and_csv, answers_are_bounded, new_meters_begin_at_the_beginning,
           a_record_in_parts, a_turn_in_parts, a_disk_that_fails, another_process_was_first, old_windows_go)
