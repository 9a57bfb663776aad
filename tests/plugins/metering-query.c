/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Queries of rollups: who may see what, and parameters. */

#include "tests/plugins/metering-rollup.h"

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

static const struct {
  const char *accept;
  int32_t csv;
} types[] = {
  { "application/json", 0 },
  { "*/*", 0 },
  { "text/csv", 1 },
  { "Text/CSV; charset=utf-8", 1 },
  { "text/csv, application/json", 1 },
  { "text/csv;q=0.5, application/json", 0 },
  { "text/csv;q=0.5 , application/json ; q=0.499", 1 },
  { "application/json;q=0.2,text/csv;q=0.20", 1 },
  { "text/csv;q=0", 0 },
  { "text/csv;q=0, */*", 0 },
  { "text/csv;q=0.000, text/*", 0 },
  { "text/csv;q=0.1, */*;q=0.2", 0 },
  { "text/csv;q=0.2, */*;q=0.1", 1 },
  { "application/json;q=0, */*", 1 },
  { "application/json;q=0, text/csv;q=0", 0 },
  { "application/*;q=0.1, text/*;q=0.3", 1 },
  { "text/*, application/*", 0 },
  { "text/html", 0 },
  { "text/csvx, xtext/csv", 0 },
  { "application/x;a=\"text/csv, text/csv\"", 0 },
  { "text/csv;a=\"\\\";q=0\";q=0.9", 1 },
  { "text/csv;q=2", 1 },
  { ",, ;q=1, text/csv;;q=x,", 1 },
};

START_TEST (types_have_weights)
{
  begin (keep);
  as ("acme", 0);
  for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
    const char *want = types[i].csv ? "text/csv; charset=utf-8" : "application/json";
    ck_assert_int_eq (ask_as (types[i].accept, "/v1/usage?meter=tokens&" NOVEMBER), 200);
    ck_assert_msg (!strcmp (fake_header (asked, "Content-Type"), want), "%s", types[i].accept);
    ck_assert_str_eq (fake_header (asked, "Vary"), "Accept");
  }
  end ();
}
END_TEST

/* What a tenant wrote is no formula where an operator opens the table. */
START_TEST (formulas_are_texts)
{
  begin (keep);
  as ("acme", 0);
  invoke ("\"acme\"", AT, "=HYPERLINK(\\\"http://x\\\")", "1");
  invoke ("\"acme\"", AT, "-1+1", "1");
  invoke ("\"acme\"", AT, "a=b\\nc", "-5");
  ck_assert_int_eq (ask_as ("text/csv", "/v1/usage?meter=tokens&groupBy=path&" NOVEMBER), 200);
  ck_assert_str_eq (said, "window_start,window_end,subject,path,value\r\n"
                          "2026-11-01T00:00:00Z,2026-12-01T00:00:00Z,acme,'-1+1,1\r\n"
                          "2026-11-01T00:00:00Z,2026-12-01T00:00:00Z,acme,\"'=HYPERLINK(\"\"http://x\"\")\",1\r\n"
                          "2026-11-01T00:00:00Z,2026-12-01T00:00:00Z,acme,\"a=b\nc\",-5\r\n");
  end ();
}
END_TEST

/* OpenMeter's clients name meters by either. */
START_TEST (meters_by_id)
{
  static char target[256];
  begin (keep);
  as ("acme", 0);
  invoke ("\"acme\"", AT, "p", "3");
  ck_assert_int_eq (ask ("/api/v1/meters"), 200);
  snprintf (target, sizeof target, "/api/v1/meters/%s/query?" NOVEMBER, value ("1.id"));
  ck_assert_str_eq (value ("1.slug"), "tokens");
  ck_assert_int_eq (ask (target), 200);
  ck_assert_str_eq (value ("data.0.value"), "3");
  end ();
}
END_TEST

/* Many distinct values of one meter are no rows of the next one. */
START_TEST (values_are_no_rows)
{
  static const char *const two[]
      = { KEEP, "meters.0.slug=u", "meters.0.type=c", "meters.0.aggregation=UNIQUE_COUNT",
          "meters.0.value=a", "meters.1.slug=n", "meters.1.type=c", "meters.1.aggregation=COUNT", NULL };
  begin (two);
  as ("acme", 0);
  for (int i = 0; i < 101; i++) {
    static char events[65536];
    size_t n = 0;
    for (int k = 0; k < 100; k++)
      n += (size_t)sprintf (events + n, "%s{\"type\":\"c\",\"data\":{\"a\":%d}}", k ? "," : "", i * 100 + k);
    append ("\"acme\"", AT, "%s", events);
  }
  fake_store_fail (fake, -ENOSPC, -1);
  ck_assert_int_eq (ask ("/v1/usage?" NOVEMBER), 200);
  ck_assert_str_eq (value ("data.0.value"), "10100");
  ck_assert_str_eq (value ("data.1.value"), "10100");
  end ();
}
END_TEST

/* Years have a leap day or not, and windows end where the next ones begin. */
START_TEST (leap_days)
{
  static const struct {
    int64_t at; /* seconds: the last one of the day */
    const char *from, *to;
  } days[] = { { 1709251199, "2024-02-29", "2024-03-01" }, { 1740787199, "2025-02-28", "2025-03-01" },
               { 1735689599, "2024-12-31", "2025-01-01" }, { 951868799, "2000-02-29", "2000-03-01" } };
  begin (keep);
  as ("acme", 0);
  for (size_t i = 0; i < 4; i++) {
    invoke ("\"acme\"", days[i].at * 1000000000 + 999999999, "p", "1");
    invoke ("\"acme\"", (days[i].at + 1) * 1000000000, "p", "10");
  }
  for (int rolled = 0; rolled < 2; rolled++, roll ())
    for (size_t i = 0; i < 4; i++) {
      char target[256];
      snprintf (target, sizeof target, "/v1/usage?meter=tokens&windowSize=DAY&from=%s&to=%s", days[i].from, days[i].to);
      ck_assert_int_eq (ask (target), 200);
      ck_assert_str_eq (value ("data.0.value"), "1");
      ck_assert (!strncmp (value ("data.0.windowStart"), days[i].from, 10));
      ck_assert (!strncmp (value ("data.0.windowEnd"), days[i].to, 10));
      snprintf (target, sizeof target, "/v1/usage?meter=tokens&windowSize=MONTH&from=%s&to=%s", days[i].from, days[i].to);
      ck_assert_int_eq (ask (target), 200);
      ck_assert_str_eq (value ("data.0.value"), "1");
      ck_assert (!strncmp (value ("data.0.windowEnd"), days[i].to, 10));
      ck_assert_str_eq (value ("data.1"), "(none)");
    }
  end ();
}
END_TEST

/* Eight dimensions, told apart by all of them, in the order that was asked for. */
START_TEST (eight_dimensions)
{
  static const char *const eight[]
      = { KEEP, "meters.0.slug=n", "meters.0.type=c", "meters.0.aggregation=COUNT",
          "meters.0.group_by=a,b,c,d,e,f,g,x.h", NULL };
  begin (eight);
  as ("acme", 0);
  for (int i = 0; i < 256; i++)
    append ("\"acme\"", AT,
            "{\"type\":\"c\",\"data\":{\"a\":%d,\"b\":%d,\"c\":%d,\"d\":%d,\"e\":%d,\"f\":%d,\"g\":%d,\"x\":{\"h\":\"%d\"}}}",
            i & 1, i >> 1 & 1, i >> 2 & 1, i >> 3 & 1, i >> 4 & 1, i >> 5 & 1, i >> 6 & 1, i >> 7);
  for (int rolled = 0; rolled < 2; rolled++, roll ()) {
    ck_assert_int_eq (ask ("/v1/usage?meter=n&groupBy=x.h,g,f&groupBy=e,d,c,b,a&" NOVEMBER), 200);
    ck_assert_str_eq (value ("data.255.value"), "1");
    ck_assert_str_eq (value ("data.256"), "(none)");
    ck_assert_int_eq (ask ("/v1/usage?meter=n&groupBy=x.h&filterGroupBy[a]=1&filterGroupBy[g]=0&" NOVEMBER), 200);
    ck_assert_str_eq (value ("data.0.value"), "32");
    ck_assert_str_eq (value ("data.1.value"), "32");
    ck_assert_int_eq (ask ("/v1/usage?meter=n&groupBy=a,b,c,d,e,f,g,x.h,subject,a&" NOVEMBER), 422);
  }
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

UNIT_MAIN ("metering-query", tenants_are_apart, wrong_parameters, filters_and_csv,
           types_have_weights, formulas_are_texts, meters_by_id, leap_days, eight_dimensions, values_are_no_rows, answers_are_bounded)
