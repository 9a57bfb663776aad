/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The reader of usage records. */
#include "plugins/metering-openmeter/record_read.h"

#include "tests/unit.h"

#include <errno.h>
#include <stdio.h>

#define STR(s) ((kg_str){ s, sizeof (s) - 1 })

static struct record_read r;

static int32_t
reads (const char *text)
{
  return record_read (&r, (kg_str){ text, strlen (text) });
}

/* A record with this text as its events. */
static int32_t
events (const char *text)
{
  static char buf[4096];
  snprintf (buf, sizeof buf, "{\"tenant\":\"acme\",\"time\":5,\"events\":[%s]}", text);
  return reads (buf);
}

static int
says (uint32_t i, const char *text)
{
  kg_str s = kg_json_raw (&r.json, i);
  return i && s.len == strlen (text) && !memcmp (s.ptr, text, s.len);
}

START_TEST (own_events)
{
  struct record_event e;
  ck_assert_int_eq (reads ("{\"tenant\":\"acme\",\"key\":\"0a\",\"time\":123,\"other\":[{}],"
                           "\"charge\":{\"tokens\":7},\"events\":["
                           "{\"type\":\"a.b\",\"data\":{\"x\":1}},"
                           "{\"data\":{},\"new\":null,\"type\":\"c\"}]}"),
                    0);
  ck_assert (says (r.tenant, "acme") && says (r.key, "0a") && says (r.charge, "{\"tokens\":7}"));
  ck_assert_int_eq (record_next (&r, &e), 1);
  ck_assert (says (e.type, "a.b") && says (e.data, "{\"x\":1}") && says (record_subject (&r, &e), "acme"));
  ck_assert (e.k == 0 && !e.id && !e.source && !e.time && !e.corrects && e.time_ns == 123);
  ck_assert_int_eq (record_next (&r, &e), 1);
  ck_assert (e.k == 1 && says (e.type, "c"));
  ck_assert_int_eq (record_next (&r, &e), 0);
  ck_assert_int_eq (record_next (&r, &e), 0);
}
END_TEST

START_TEST (ingested_events)
{
  struct record_event e;
  ck_assert_int_eq (events ("{\"type\":\"t\",\"data\":[1],\"id\":\"i\",\"source\":\"s\",\"subject\":\"b\","
                            "\"time\":\"1970-01-01T00:00:01.5Z\",\"ext\":{\"corrects\":\"h\"}},"
                            "{\"type\":\"t\",\"id\":\"i\",\"source\":\"s\"}"),
                    0);
  ck_assert_int_eq (record_next (&r, &e), 1);
  ck_assert (says (e.id, "i") && says (e.source, "s") && says (record_subject (&r, &e), "b"));
  ck_assert (says (e.corrects, "h") && e.time_ns == 1500000000);
  ck_assert_int_eq (record_next (&r, &e), 1);
  ck_assert (!e.data && e.time_ns == 5 && !e.corrects);
}
END_TEST

START_TEST (no_records)
{
  static const char *const bad[]
      = { "", "x", "[]", "{}", "{\"tenant\":\"a\",\"time\":1}", "{\"tenant\":\"a\",\"events\":[]}",
          "{\"tenant\":\"a\",\"time\":1,\"events\":[]}", "{\"tenant\":\"\",\"time\":1,\"charge\":{},\"events\":[]}",
          "{\"tenant\":\"a\",\"time\":-1,\"charge\":{},\"events\":[]}",
          "{\"tenant\":\"a\",\"time\":1.0,\"charge\":{},\"events\":[]}",
          "{\"tenant\":\"a\",\"tenant\":\"b\",\"time\":1,\"charge\":{},\"events\":[]}",
          "{\"tenant\":\"a\",\"time\":1,\"charge\":{},\"events\":[]} x",
          "{\"tenant\":\"a\",\"time\":1,\"charge\":{},\"events\":[]",
          "{\"tenant\":\"a\\u0000\",\"time\":1,\"charge\":{},\"events\":[]}" };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    ck_assert_msg (reads (bad[i]) == -EBADMSG, "%s", bad[i]);
  ck_assert_int_eq (reads ("{\"tenant\":\"a\",\"time\":1,\"charge\":{},\"events\":[]}"), 0);
}
END_TEST

START_TEST (no_events)
{
  static const char *const bad[]
      = { "1", "{}", "{\"type\":\"t\"}", "{\"type\":\"\",\"data\":{}}", "{\"type\":\"t\",\"data\":1}",
          "{\"type\":\"t\",\"data\":{},\"id\":\"i\"}", "{\"type\":\"t\",\"data\":{},\"source\":\"i\"}",
          "{\"type\":\"t\",\"data\":{},\"subject\":\"\"}", "{\"type\":\"t\",\"data\":{},\"time\":\"now\"}",
          "{\"type\":\"t\",\"data\":{},\"ext\":1}", "{\"type\":\"t\",\"data\":{},\"ext\":{\"corrects\":1}}",
          "{\"type\":\"t\",\"data\":{}},{\"type\":\"t\"}" };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    ck_assert_msg (events (bad[i]) == -EBADMSG, "%s", bad[i]);
}
END_TEST

START_TEST (dotted_members)
{
  struct record_event e;
  const struct kg_json *j = &r.json;
  ck_assert_int_eq (events ("{\"type\":\"t\",\"data\":{\"a\":{\"b\":{\"c\":1},\"x.y\":2},\"a.b\":3,"
                            "\"\\u0064\":4}}"),
                    0);
  ck_assert_int_eq (record_next (&r, &e), 1);
  ck_assert (says (record_member (j, e.data, STR ("a.b")), "3"));
  ck_assert (says (record_member (j, e.data, STR ("a.b.c")), "1"));
  ck_assert (says (record_member (j, e.data, STR ("a.x.y")), "2"));
  ck_assert (says (record_member (j, e.data, STR ("d")), "4"));
  ck_assert_uint_eq (record_member (j, e.data, STR ("a.c")), 0);
  ck_assert_uint_eq (record_member (j, e.data, STR ("a.b.c.d")), 0);
  ck_assert_uint_eq (record_member (j, e.data, STR ("")), 0);
  ck_assert_uint_eq (record_member (j, e.data, STR (".")), 0);
}
END_TEST

START_TEST (times)
{
  static const struct {
    const char *text;
    int64_t ns;
  } good[] = { { "1970-01-01T00:00:00Z", 0 },
               { "2026-11-28T17:39:08Z", INT64_C (1795887548000000000) },
               { "2024-02-29t12:00:00z", INT64_C (1709208000000000000) },
               { "2026-11-28 18:39:08+01:00", INT64_C (1795887548000000000) },
               { "2026-11-28T17:09:08.123456789999-00:30", INT64_C (1795887548123456789) },
               { "2016-12-31T23:59:60Z", INT64_C (1483228799000000000) } };
  static const char *const bad[]
      = { "", "2026-11-28", "2026-11-28T17:39Z", "2026-11-28T17:39:08", "2026-02-29T00:00:00Z",
          "2026-13-01T00:00:00Z", "2026-11-28T24:00:00Z", "2026-11-28T17:39:08.Z", "1969-12-31T23:59:59Z",
          "2300-01-01T00:00:00Z", "2026-11-28T17:39:08Zx", "2026-11-28T17:39:08+1:00", "+026-11-28T17:39:08Z" };
  int64_t ns;
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    ck_assert_int_eq (record_time ((kg_str){ good[i].text, strlen (good[i].text) }, &ns), 0);
    ck_assert_msg (ns == good[i].ns, "%s is %lld", good[i].text, (long long)ns);
  }
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    ck_assert_msg (record_time ((kg_str){ bad[i], strlen (bad[i]) }, &ns) == -EINVAL, "%s", bad[i]);
}
END_TEST

START_TEST (many_tokens)
{
  static char text[RECORD_TEXT_MAX + 8];
  size_t n = 0;
  text[n++] = '[';
  while (n < RECORD_TEXT_MAX - 4) {
    text[n++] = '1';
    text[n++] = ',';
  }
  text[n++] = '1';
  text[n++] = ']';
  ck_assert_int_eq (record_scan (&r, (kg_str){ text, n }), 0);
  ck_assert_uint_eq (r.json.count, (n + 1) / 2);
  ck_assert_int_eq (record_scan (&r, (kg_str){ text, sizeof text }), -EBADMSG);
  record_read_free (&r);
  record_read_free (&r);
}
END_TEST

UNIT_MAIN ("metering-read", own_events, ingested_events, no_records, no_events, dotted_members, times,
           many_tokens)
