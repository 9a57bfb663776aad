/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Usage on its way to Stripe: which minute and how much an event is, parts and their
 * identifiers, what Stripe refuses for ever and what it does not. */
#include "tests/fuzz/usage-stub.h"
#include "tests/unit.h"

#include <errno.h>
#include <stdio.h>

#define T0  INT64_C (1795860000) /* 2026-11-28T10:00:00Z, a whole minute */
#define MIN (T0 / 60)
#define DAY INT64_C (86400)

static const struct usage_meter meters[]
    = { { "calls", "request", "" }, { "tokens", "request", "usage.tokens" } };
static struct billing_conf conf;
static struct billing billing;
static struct usage usage;
static char sent[64][512]; /* forms */
static uint32_t sends;

static int32_t
form_keep (kg_self *self, const struct kg_http_request *r, kg_call **ret_call)
{
  snprintf (sent[sends++ % 64], sizeof sent[0], "%.*s", (int) r->body.len, r->body.ptr);
  return stub_send (self, r, ret_call);
}

static int32_t health; /* of the export's component, whatever the API's is */

static void
health_keep (kg_component *c, int32_t state, uint32_t ttl_ms, const char *detail, ...)
{
  (void) ttl_ms, (void) detail;
  health = c ? state : health;
}

static void
begin (void)
{
  static const struct kg_health healths = { .size = sizeof healths, .set = health_keep };
  static const struct kg_http http = { .size = sizeof http, .send = form_keep };
  conf = (struct billing_conf){ .usage = { meters, 2 } };
  billing = stub_billing (&conf);
  stub_usage (&billing, &usage);
  billing.http = &http;
  billing.health = &healths;
  usage.component = (kg_component *) &health;
  health = KG_HEALTH_OK;
  used = records = sends = 0;
  position = revisions = 0;
  at_once = 500;
  memset (outcomes, 0, sizeof outcomes);
  stub_answers = (struct input){ "", "" };
}

/* A record of one event: its members besides the type, as JSON. */
static void
record_add (const char *tenant, const char *members)
{
  static char text[RECORDS][512];
  char *t = text[records];
  snprintf (t, sizeof text[0], "{\"tenant\":\"%s\",\"events\":[{\"type\":\"request\"%s}]}", tenant,
            members);
  record[records] = (struct kg_record){ .size = sizeof record[0], .sequence = records + 1,
                                          .time_ns = T0 * 1000000000, .data = { t, strlen (t) } };
  records++;
}

static void
tally (void)
{
  int32_t full = 0;
  while (usage_tally (&usage, &full) > 0)
    ;
  ck_assert_uint_eq (position, records);
}

static void
answer (const char *lines)
{
  stub_answers = (struct input){ lines, lines + strlen (lines) };
  usage.wait_until = 0;
  memset (usage.held, 0, sizeof usage.held);
  usage_send (&usage, T0 + 3600);
}

static const char *
value_of (const char *key)
{
  const struct entry *e = entry_find ((kg_str){ key, strlen (key) });
  return e->revision ? e->value : "none";
}

#define OPEN(tenant, meter, minute) value_of (open_key (tenant, meter, minute))

static const char *
open_key (const char *tenant, const char *meter, int64_t minute)
{
  static char key[USAGE_KEY];
  snprintf (key, sizeof key, "open/%s/%s/%lld", meter, tenant, (long long) minute);
  return key;
}

/* ---- Minutes ----------------------------------------------------------------------- */

/* All that may stand in the ledger: RFC 3339 with its small letters, its blank, fractions,
 * offsets and leap seconds. */
START_TEST (times)
{
  static const struct {
    const char *text;
    int64_t minute;
  } at[] = { { "2026-11-28T10:00:00Z", 0 },           { "2026-11-28t10:00:59z", 0 },
             { "2026-11-28 10:01:00Z", 1 },           { "2026-11-28T10:00:00.999999999Z", 0 },
             { "2026-11-28T12:02:00+02:00", 2 },      { "2026-11-28T09:58:30.5-00:05", 3 },
             { "2026-11-29T09:44:00+23:59", -15 },    { "2026-11-28T10:00:60Z", 0 },
             { "2026-11-27T10:00:00Z", -24 * 60 },    { "2026-11-28T10:00:00-00:00", 0 } };
  for (size_t i = 0; i < sizeof at / sizeof at[0]; i++) {
    char members[128];
    begin ();
    snprintf (members, sizeof members, ",\"time\":\"%s\"", at[i].text);
    record_add ("acme", members);
    tally ();
    ck_assert_msg (!strcmp (OPEN ("acme", "calls", MIN + at[i].minute), "1"), "%s", at[i].text);
  }
  begin ();
  record_add ("acme", ""); /* the record's */
  tally ();
  ck_assert_str_eq (OPEN ("acme", "calls", MIN), "1");
}
END_TEST

/* ---- Sums -------------------------------------------------------------------------- */

START_TEST (sums)
{
  begin ();
  record_add ("acme", ",\"data\":{\"usage\":{\"tokens\":5}}");
  record_add ("acme", ",\"data\":{\"usage\":{\"tokens\":9007199254740993}}");
  record_add ("acme", ",\"data\":{\"usage\":{}}");
  record_add ("acme", ",\"subject\":\"other\",\"data\":{\"usage\":{\"tokens\":3}}");
  record_add ("acme", ",\"subject\":\"a/b\",\"data\":{\"usage\":{\"tokens\":3}}");
  record_add ("acme", ",\"data\":{\"usage\":{\"tokens\":1.5}}");
  record_add ("acme", ",\"data\":{\"usage\":{\"tokens\":\"5\"}}");
  tally ();
  ck_assert_str_eq (OPEN ("acme", "tokens", MIN), "9007199254740998");
  ck_assert_str_eq (OPEN ("acme", "calls", MIN), "5");
  ck_assert_str_eq (OPEN ("other", "tokens", MIN), "3");
  ck_assert_str_eq (OPEN ("other", "calls", MIN), "1");
  ck_assert_uint_eq (table_count (""), 4);
  ck_assert_int_eq (outcomes[USAGE_NOT_INTEGER], 2);
}
END_TEST

/* A correction takes from both; what is too much for 64 bits changes nothing. */
START_TEST (corrections)
{
  begin ();
  record_add ("acme", ",\"data\":{\"usage\":{\"tokens\":9223372036854775800}}");
  record_add ("acme", ",\"data\":{\"usage\":{\"tokens\":100}}");
  tally ();
  ck_assert_str_eq (OPEN ("acme", "tokens", MIN), "9223372036854775800");
  ck_assert_int_eq (outcomes[USAGE_NOT_INTEGER], 1);
  record_add ("acme", ",\"ext\":{\"corrects\":\"1\"},\"data\":{\"count\":-1,\"usage\":{\"tokens\":-800}}");
  tally ();
  ck_assert_str_eq (OPEN ("acme", "tokens", MIN), "9223372036854775000");
  ck_assert_str_eq (OPEN ("acme", "calls", MIN), "1");
}
END_TEST

static int fails; /* writes yet to fail */

static int32_t
write_fail (kg_self *self, const struct kg_op *ops, uint32_t nops, uint32_t op_size,
            void (*done) (const struct kg_outcome *outcome, void *arg), void *arg)
{
  const struct kg_outcome full = { .size = sizeof full, .error = -ENOSPC };
  if (!fails)
    return table_write (self, ops, nops, op_size, done, arg);
  if (--fails % 2)
    return -EAGAIN;
  done (&full, arg);
  return 0;
}

/* A cursor that had been forgotten goes back to where it was before anything is counted, however
 * often that can't be written: what is before it was counted. */
START_TEST (begins_again)
{
  struct kg_store store;
  int32_t full = 0;
  begin ();
  store = *billing.store;
  store.write = write_fail;
  billing.store = &store;
  *entry_find ((kg_str){ "from", 4 }) = (struct entry){ "from", "2", ++revisions };
  for (int i = 0; i < 3; i++)
    record_add ("acme", "");
  for (fails = 4; fails;)
    usage_tally (&usage, &full);
  ck_assert_uint_eq (position, 0);
  tally ();
  ck_assert_str_eq (OPEN ("acme", "calls", MIN), "1");
}
END_TEST

/* ---- Parts ------------------------------------------------------------------------- */

static uint32_t
closed (int64_t now)
{
  usage.close_at = 0;
  while (usage_close_minutes (&usage, now) > 0)
    usage.close_at = 0;
  return table_count ("out/");
}

/* No sooner than the minute is over; and what comes later is another part, with an identifier
 * of its own. */
START_TEST (late)
{
  begin ();
  record_add ("acme", "");
  tally ();
  ck_assert_uint_eq (closed (T0 + 64), 0);
  ck_assert_uint_eq (closed (T0 + 65), 1);
  answer ("a{}\n");
  ck_assert_uint_eq (table_count ("out/"), 0);
  record_add ("acme", "");
  record_add ("acme", "");
  tally ();
  ck_assert_uint_eq (closed (T0 + 65), 1);
  answer ("a{}\n");
  ck_assert_uint_eq (sends, 2);
  ck_assert_ptr_nonnull (strstr (sent[0], "event_name=calls&identifier=kgent-"));
  ck_assert_ptr_nonnull (strstr (sent[0], "&timestamp=1795860000&payload%5Bstripe_customer_id%5D="
                                          "cus_1&payload%5Bvalue%5D=1"));
  ck_assert_ptr_nonnull (strstr (sent[1], "&payload%5Bvalue%5D=2"));
  ck_assert_int_ne (memcmp (sent[0], sent[1], strcspn (sent[0] + 17, "&") + 17), 0);
  ck_assert_int_eq (outcomes[USAGE_SENT], 2);
  ck_assert_str_eq (value_of ("part/calls/acme/29931000"), "2");
}
END_TEST

/* Without a customer a sum waits for a while. */
START_TEST (no_customer)
{
  begin ();
  record_add ("x1", "");
  tally ();
  ck_assert_uint_eq (closed (T0 + 65), 0);
  ck_assert_uint_eq (table_count ("open/"), 1);
  ck_assert_uint_eq (closed (T0 + 65 + 300), 0);
  ck_assert_uint_eq (table_count (""), 0);
  ck_assert_int_eq (outcomes[USAGE_NO_CUSTOMER], 1);
}
END_TEST

static int32_t
scan_fail (kg_bucket *bucket, kg_str prefix,
           int32_t (*fn) (const struct kg_entry *entry, void *arg), void *arg)
{
  return bucket == parts ? table_scan (bucket, prefix, fn, arg) : -EIO;
}

/* Whether it has a customer cannot be read: that is no reason to give a sum up. */
START_TEST (customers_unread)
{
  struct kg_store store;
  begin ();
  store = *billing.store;
  store.scan = scan_fail;
  billing.store = &store;
  record_add ("x1", "");
  record_add ("acme", "");
  tally ();
  ck_assert_uint_eq (closed (T0 + 65 + 300), 1); /* the other one's */
  usage.close_at = 0;
  ck_assert_int_eq (usage_close_minutes (&usage, T0 + 65 + 300), -EIO);
  ck_assert_uint_eq (table_count ("open/"), 1);
  ck_assert_int_eq (outcomes[USAGE_NO_CUSTOMER], 0);
}
END_TEST

/* ---- Answers ----------------------------------------------------------------------- */

/* Parts for so many tenants. */
static void
parts_make (int n)
{
  char tenant[16];
  begin ();
  for (int i = 0; i < n; i++) {
    snprintf (tenant, sizeof tenant, "t-%d", i);
    record_add (tenant, "");
  }
  tally ();
  ck_assert_uint_eq (closed (T0 + 3600), (uint32_t) n);
}

/* What failed is sent again under the same identifier and with the same value. */
START_TEST (again)
{
  static const char *const answers[] = { "k{}\n", "j{}\n", "n\n", "o\n", "e{}\n", "g{}\n", "i{}\n", "p\n",
                                         "d{\"error\":{\"code\":\"parameter_invalid\"}}\n", "d\n" };
  parts_make (1);
  for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++) {
    answer (answers[i]);
    ck_assert_msg (table_count ("out/") == 1, "%s", answers[i]);
    ck_assert_str_eq (sent[i], sent[0]);
  }
  answer ("d{\"error\":{\"code\":\"duplicate_meter_event\"}}\n");
  ck_assert_uint_eq (table_count ("out/"), 0);
  ck_assert_int_eq (outcomes[USAGE_DUPLICATE], 1);
  ck_assert_int_eq (outcomes[USAGE_SENT] + outcomes[USAGE_PARKED], 0);
}
END_TEST

/* Beyond Stripe's 35 days, and whatever else it never takes, is put aside with its reason. */
START_TEST (parked)
{
  static const char *const codes[] = { "timestamp_too_far_in_past", "timestamp_in_future",
                                       "meter_event_customer_not_found", "resource_missing" };
  char line[256];
  parts_make (4);
  for (size_t i = 0; i < 4; i++) {
    snprintf (line, sizeof line, "d{\"error\":{\"code\":\"%s\",\"message\":\"It is \\\"%s\\\"\"}}\n",
              codes[i], codes[i]);
    answer (line);
    ck_assert_uint_eq (table_count ("out/"), 3 - i);
    ck_assert_uint_eq (table_count ("parked/"), i + 1);
  }
  ck_assert_int_eq (outcomes[USAGE_PARKED], 4);
  for (uint32_t i = 0; i < used; i++)
    if (table[i].revision && !strncmp (table[i].key, "parked/", 7))
      ck_assert_ptr_nonnull (strstr (table[i].value, "{\"customer\":\"cus_1\",\"value\":1,\"retries\":0,\"error\":"
                                                     "\"It is \\\""));
}
END_TEST

/* One that is refused holds up no other; and Retry-After holds for all. */
START_TEST (waits)
{
  parts_make (3);
  answer ("d{\"error\":{\"code\":\"x\"}}\na{}\na{}\n");
  ck_assert_uint_eq (table_count ("out/"), 1);
  ck_assert_uint_eq (sends, 3);
  usage_send (&usage, usage_now ());
  ck_assert_uint_eq (sends, 3); /* held */
  ck_assert_int_eq (health, KG_HEALTH_DEGRADED);
  answer ("a{}\n");
  ck_assert_int_eq (health, KG_HEALTH_OK);
  parts_make (2);
  answer ("j{}\na{}\n");
  ck_assert_uint_eq (table_count ("out/"), 1);
  ck_assert_int_ge (usage.wait_until, usage_now () + 1);
  ck_assert_int_le (usage.wait_until, usage_now () + 2);
}
END_TEST

UNIT_MAIN ("billing-usage", times, sums, corrections, begins_again, late,
           no_customer, customers_unread, again, parked, waits)
