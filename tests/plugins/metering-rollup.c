/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Meters and their rollups, one by one. */

#include "tests/plugins/metering-rollup.h"

#define DAY_NS (INT64_C (86400) * 1000000000)

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
  refused (CONF ("meters.0.slug=Bad", "meters.0.type=t", "meters.0.value=v"), "slug: \"Bad\" is no name");
  refused (CONF ("meters.0.slug=a", "meters.0.type=t"), "value: SUM needs");
  refused (CONF ("meters.0.slug=a", "meters.0.type=t", "meters.0.aggregation=COUNT", "meters.0.value=v"),
           "COUNT takes none");
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
           "is no name of a member");
  refused (CONF ("meters.0.slug=a", "meters.0.type=t", "meters.0.value=$.a[0]"), "value: SUM needs");
  refused (CONF ("rollups.minutes=9", "rollups.hours=5"), "rollups.hours: 5 is less than the 9 of minutes");
  refused (CONF ("rollups.hours=0"), "rollups.days: 800 is less than the 0 of hours");
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

UNIT_MAIN ("metering-rollup", wrong_meters, list_of_meters, tail_and_rows_are_the_same,
           rows_say_what_they_are, all_meters_at_once, losses_are_counted, large_sums, odd_events,
           corrections, another_subject)
