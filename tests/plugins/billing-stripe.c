/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The webhook, its inbox and what the cursor makes of it. */
#include "tests/fake/fake-services.h"

#include "plugins/billing-stripe/signature.h"

#include <check.h>
#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct kg_plugin kg_plugin_1;

#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define OLD       "whsec_old"
#define NEW       "whsec_new"

static struct fake *fake;

static void
serve (const char *const *conf)
{
  fake = fake_new ();
  fake_services (fake);
  ck_assert_msg (fake_open (fake, &kg_plugin_1, conf) == 0, "%s", fake_error (fake));
  ck_assert_msg (fake_start (fake) == 0, "%s", fake_error (fake));
}

static void
setup (void)
{
  serve (LIST ("webhook_secret=" OLD "," NEW));
}

static void
teardown (void)
{
  fake_stop (fake);
  fake_store_commit (fake);
  fake_free (fake);
}

/* ---- Deliveries ---------------------------------------------------------- */

static int64_t
now_s (void)
{
  return fake_now (fake) / 1000000000;
}

/* The v1 of a body as 64 digits. */
static void
sign (const char *secret, int64_t t, const char *body, char out[65])
{
  unsigned char mac[EVP_MAX_MD_SIZE];
  size_t size = strlen (body) + 32;
  char *text = malloc (size);
  int n = snprintf (text, size, "%lld.%s", (long long) t, body);
  HMAC (EVP_sha256 (), secret, (int) strlen (secret), (unsigned char *) text, (size_t) n, mac, NULL);
  for (int i = 0; i < 32; i++)
    snprintf (out + 2 * i, 3, "%02x", mac[i]);
  free (text);
}

static kg_req *
deliver (const char *signature, const char *body)
{
  char line[16384];
  snprintf (line, sizeof line, "Stripe-Signature: %s", signature);
  return fake_request (fake, "POST", "/webhooks/stripe", LIST (line), body);
}

static kg_req *
deliver_signed (const char *secret, int64_t t, const char *body)
{
  char v1[65], header[128];
  sign (secret, t, body, v1);
  snprintf (header, sizeof header, "t=%lld,v1=%s", (long long) t, v1);
  return deliver (header, body);
}

static const char *
event (const char *id, const char *type)
{
  static char text[4][512];
  static int next;
  char *out = text[next++ % 4];
  snprintf (out, 512,
            "{\"id\":\"%s\",\"object\":\"event\",\"type\":\"%s\",\"created\":1700000000,"
            "\"livemode\":false,\"data\":{\"object\":{\"id\":\"sub_1\",\"customer\":\"cus_1\","
            "\"status\":\"active\"}}}",
            id, type);
  return out;
}

static void
expect (kg_req *req, int status, const char *detail)
{
  ck_assert_msg (fake_status (req) == status, "%d, not %d: %s", fake_status (req), status,
                 fake_body (req));
  if (detail)
    ck_assert_str_eq (fake_json (req, "detail"), detail);
}

/* ---- The door ------------------------------------------------------------ */

START_TEST (received)
{
  kg_req *req = deliver_signed (OLD, now_s (), event ("evt_1", "invoice.paid"));
  expect (req, 200, NULL);
  ck_assert_str_eq (fake_json (req, "status"), "received");
  ck_assert_str_eq (fake_json (req, "event_id"), "evt_1");
  ck_assert_str_eq (fake_json (req, "event_type"), "invoice.paid");
  ck_assert_int_eq (fake_log_count (fake, "stripe.inbox"), 1);
  ck_assert_str_eq (fake_log_id (fake, "stripe.inbox", 0), "evt_1");
  ck_assert_str_eq (fake_log_data (fake, "stripe.inbox", 0), event ("evt_1", "invoice.paid"));
  ck_assert_double_eq (fake_metric (fake, "kgents_stripe_webhooks_received_total", "invoice.paid"), 1);
}
END_TEST

START_TEST (not_configured)
{
  serve (LIST ("webhook_secret="));
  expect (fake_request (fake, "POST", "/webhooks/stripe", NULL, "{}"), 503, NULL);
  ck_assert_int_eq (fake_health (fake, "billing"), KG_HEALTH_ABSENT);
  teardown ();
  serve (NULL);
  expect (deliver_signed ("", now_s (), event ("evt_1", "x")), 503, NULL);
  teardown ();
}
END_TEST

START_TEST (missing_header)
{
  expect (fake_request (fake, "POST", "/webhooks/stripe", NULL, "{}"), 400,
          "Missing Stripe-Signature header");
  expect (deliver ("", "{}"), 400, "Invalid signature");
}
END_TEST

/* Puts the time for T, the signature for V, the same in capitals for U. */
static void
fill (const char *pattern, int64_t t, const char *v1, char *out)
{
  for (; *pattern; pattern++) {
    if (*pattern == 'T')
      out += sprintf (out, "%lld", (long long) t);
    else if (*pattern == 'V')
      out += sprintf (out, "%s", v1);
    else if (*pattern == 'U')
      for (const char *p = v1; *p; p++)
        *out++ = *p >= 'a' ? (char) (*p - 32) : *p;
    else
      *out++ = *pattern;
  }
  *out = 0;
}

START_TEST (malformed_headers)
{
  static const char *const patterns[]
      = { "v1=V",    "t=T",      "t=T,t=T,v1=V", "t=T,v0=V",  "t=T v1=V",   "t=T, v1=V",
          "t=T,v1=Va", "t=T,v1=",  "t=T,v1=U",     "t=+T,v1=V", "t=-T,v1=V",  "t=9999999T,v1=V",
          "t=T,v1=V,", ",t=T,v1=V", "t=,v1=V",     "t=0x1,v1=V", "=x,t=T,v1=V", "nonsense" };
  const char *body = event ("evt_1", "invoice.paid");
  int64_t t = now_s ();
  char v1[65], header[12000];
  sign (OLD, t, body, v1);
  for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
    fill (patterns[i], t, v1, header);
    expect (deliver (header, body), 400, "Invalid signature");
  }
  memset (header, 'x', 10000);
  header[10000] = 0;
  expect (deliver (header, body), 400, "Invalid signature");
  ck_assert_int_eq (fake_log_count (fake, "stripe.inbox"), 0);
}
END_TEST

/* The answer is the same, but the operator reads which it was. */
START_TEST (stale_or_forged)
{
  const char *body = event ("evt_1", "invoice.paid");
  char v1[65], header[128];
  int64_t t = now_s () - 4000;
  sign (OLD, t, body, v1);
  snprintf (header, sizeof header, "t=%lld,v1=%s", (long long) t, v1);
  fake_log_clear (fake);
  expect (deliver (header, body), 400, "Invalid signature");
  ck_assert_ptr_nonnull (strstr (fake_logged (fake), "too far from this host's clock"));
  fake_advance (fake, 1100);
  header[strlen (header) - 1] ^= 1;
  fake_log_clear (fake);
  expect (deliver (header, body), 400, "Invalid signature");
  ck_assert_ptr_nonnull (strstr (fake_logged (fake), "none of the secrets"));
}
END_TEST

START_TEST (tolerance)
{
  const char *body = event ("evt_1", "invoice.paid");
  int64_t t = now_s ();
  expect (deliver_signed (OLD, t - 302, body), 400, "Invalid signature");
  expect (deliver_signed (OLD, t + 302, body), 400, "Invalid signature");
  expect (deliver_signed (OLD, t - 298, body), 200, NULL);
  expect (deliver_signed (OLD, t + 298, event ("evt_2", "invoice.paid")), 200, NULL);
}
END_TEST

START_TEST (several_v1)
{
  const char *body = event ("evt_1", "invoice.paid");
  int64_t t = now_s ();
  char v1[65], wrong[65], header[12000];
  int n;
  sign (OLD, t, body, v1);
  sign ("other", t, body, wrong);
  snprintf (header, sizeof header, "t=%lld,v1=%s,v1=%s,v0=x,v1=%s", (long long) t, wrong, v1, wrong);
  expect (deliver (header, body), 200, NULL);
  for (int count = 8; count <= 50; count += count == 8 ? 1 : 41) { /* the last is right */
    n = snprintf (header, sizeof header, "t=%lld", (long long) t);
    for (int i = 0; i < count; i++)
      n += snprintf (header + n, sizeof header - (size_t) n, ",v1=%s", i < count - 1 ? wrong : v1);
    expect (deliver (header, body), count == 8 ? 200 : 400, NULL);
  }
  snprintf (header, sizeof header, "t=%lld,v1=%s,v1=%s", (long long) t, wrong, wrong);
  expect (deliver (header, body), 400, "Invalid signature");
}
END_TEST

START_TEST (rollover)
{
  int64_t t = now_s ();
  expect (deliver_signed (OLD, t, event ("evt_1", "invoice.paid")), 200, NULL);
  expect (deliver_signed (NEW, t, event ("evt_2", "invoice.paid")), 200, NULL);
  expect (deliver_signed ("whsec_ol", t, event ("evt_3", "invoice.paid")), 400, "Invalid signature");
  expect (deliver_signed ("", t, event ("evt_3", "invoice.paid")), 400, "Invalid signature");
  ck_assert_double_eq (fake_metric (fake, "kgent_stripe_signatures_total", "0"), 1);
  ck_assert_double_eq (fake_metric (fake, "kgent_stripe_signatures_total", "1"), 1);
}
END_TEST

/* Who sends bad signatures is told to wait; a good one of the same address is taken. */
START_TEST (limited)
{
  int refused = 0, waits = 0;
  serve (LIST ("webhook_secret=" OLD, "bad_per_minute=5"));
  for (int i = 0; i < 30; i++) {
    kg_req *req = deliver_signed ("wrong", now_s (), event ("evt_1", "invoice.paid"));
    refused += fake_status (req) == 400;
    waits += fake_status (req) == 429 && fake_header (req, "Retry-After") != NULL;
  }
  ck_assert_int_eq (refused + waits, 30);
  ck_assert (refused == 5 || refused == 10); /* a minute may have passed */
  expect (deliver_signed (OLD, now_s (), event ("evt_1", "invoice.paid")), 200, NULL);
  fake_client (fake, "198.51.100.7");
  expect (deliver_signed ("wrong", now_s (), event ("evt_2", "invoice.paid")), 400, NULL);
  fake_advance (fake, 60000);
  fake_client (fake, NULL);
  expect (deliver_signed ("wrong", now_s (), event ("evt_2", "invoice.paid")), 400, NULL);
  teardown ();
}
END_TEST

START_TEST (altered_bodies)
{
  char body[512], v1[65], header[128];
  int64_t t = now_s ();
  snprintf (body, sizeof body, "%s", event ("evt_1", "invoice.paid"));
  sign (OLD, t, body, v1);
  snprintf (header, sizeof header, "t=%lld,v1=%s", (long long) t, v1);
  for (size_t i = 0; i < strlen (body); i++) {
    body[i] ^= 1;
    expect (deliver (header, body), 400, "Invalid signature");
    body[i] ^= 1;
  }
  expect (deliver (header, body), 200, NULL);
}
END_TEST

START_TEST (payloads)
{
  static const char *const bodies[]
      = { "",
          "x",
          "[]",
          "{}",
          "{\"id\":\"evt_1\",\"type\":\"a\",\"created\":1,\"data\":{}}",
          "{\"id\":\"evt_1\",\"type\":\"a\",\"created\":1,\"object\":{}}",
          "{\"id\":\"evt_1\",\"type\":\"a\",\"created\":1,\"data\":{\"object\":[]}}",
          "{\"id\":\"evt_1\",\"type\":\"a\",\"created\":\"1\",\"data\":{\"object\":{}}}",
          "{\"id\":\"evt_1\",\"type\":\"a\",\"data\":{\"object\":{}}}",
          "{\"id\":\"evt_1\",\"created\":1,\"data\":{\"object\":{}}}",
          "{\"type\":\"a\",\"created\":1,\"data\":{\"object\":{}}}",
          "{\"id\":\"\",\"type\":\"a\",\"created\":1,\"data\":{\"object\":{}}}",
          "{\"id\":7,\"type\":\"a\",\"created\":1,\"data\":{\"object\":{}}}",
          "{\"id\":\"evt_1\",\"id\":\"evt_2\",\"type\":\"a\",\"created\":1,\"data\":{\"object\":{}}}" };
  for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++)
    expect (deliver_signed (OLD, now_s (), bodies[i]), 400, "Invalid payload");
  ck_assert_double_eq (fake_metric (fake, "kgents_stripe_webhooks_errors_total", "payload"), 14);
  ck_assert_int_eq (fake_log_count (fake, "stripe.inbox"), 0);
}
END_TEST

START_TEST (livemode)
{
  kg_req *req;
  serve (LIST ("webhook_secret=" OLD, "livemode=live"));
  req = deliver_signed (OLD, now_s (), event ("evt_1", "invoice.paid"));
  expect (req, 400, "Invalid payload");
  ck_assert_str_eq (fake_json (req, "reason"), "this endpoint takes live events only");
  expect (deliver_signed (OLD, now_s (),
                          "{\"id\":\"evt_1\",\"type\":\"a\",\"created\":1,\"data\":{\"object\":{}}}"),
          400, "Invalid payload");
  expect (deliver_signed (OLD, now_s (),
                          "{\"id\":\"evt_1\",\"type\":\"a\",\"created\":1,\"livemode\":true,"
                          "\"data\":{\"object\":{}}}"),
          200, NULL);
  teardown ();
}
END_TEST

/* ---- The inbox ----------------------------------------------------------- */

START_TEST (duplicates)
{
  const char *body = event ("evt_1", "invoice.paid");
  kg_req *req;
  for (int i = 0; i < 50; i++)
    expect (req = deliver_signed (OLD, now_s (), body), 200, NULL);
  ck_assert_str_eq (fake_json (req, "status"), "duplicate");
  ck_assert_int_eq (fake_log_count (fake, "stripe.inbox"), 1);
  fake_advance (fake, 29ll * 86400 * 1000);
  expect (req = deliver_signed (OLD, now_s (), body), 200, NULL);
  ck_assert_str_eq (fake_json (req, "status"), "duplicate");
  fake_run_jobs (fake);
  ck_assert_double_eq (fake_metric (fake, "kgents_stripe_webhooks_received_total", NULL), 51);
  ck_assert_double_eq (fake_metric (fake, "kgent_stripe_webhooks_duplicate_total", NULL), 50);
  ck_assert_double_eq (fake_metric (fake, "kgents_stripe_webhooks_processed_total", NULL), 1);
}
END_TEST

START_TEST (concurrent_duplicates)
{
  const char *body = event ("evt_1", "invoice.paid");
  kg_req *reqs[50];
  int stored = 0;
  fake_store_hold (fake, 1);
  for (int i = 0; i < 50; i++)
    reqs[i] = deliver_signed (OLD, now_s (), body);
  ck_assert_int_eq (fake_status (reqs[0]), 0); /* not before it is on disk */
  fake_store_commit (fake);
  for (int i = 0; i < 50; i++) {
    expect (reqs[i], 200, NULL);
    stored += !strcmp (fake_json (reqs[i], "status"), "received");
  }
  ck_assert_int_eq (stored, 1);
  ck_assert_int_eq (fake_log_count (fake, "stripe.inbox"), 1);
}
END_TEST

START_TEST (disk_full)
{
  const char *body = event ("evt_1", "invoice.paid");
  static const int errors[] = { -ENOSPC, -EIO, -EROFS, -EAGAIN };
  kg_req *req;
  for (size_t i = 0; i < 4; i++) {
    fake_store_fail (fake, errors[i], 1);
    expect (deliver_signed (OLD, now_s (), body), 503, NULL);
  }
  ck_assert_int_eq (fake_log_count (fake, "stripe.inbox"), 0);
  ck_assert_double_eq (fake_metric (fake, "kgents_stripe_webhooks_errors_total", "store"), 4);
  expect (req = deliver_signed (OLD, now_s (), body), 200, NULL);
  ck_assert_str_eq (fake_json (req, "status"), "received");
  ck_assert_int_eq (fake_health (fake, "billing"), KG_HEALTH_OK);
}
END_TEST

START_TEST (disk_full_shows)
{
  fake_store_fail (fake, -ENOSPC, 1);
  expect (deliver_signed (OLD, now_s (), event ("evt_1", "x")), 503, NULL);
  ck_assert_int_eq (fake_health (fake, "billing"), KG_HEALTH_DOWN);
}
END_TEST

START_TEST (client_leaves)
{
  kg_req *req;
  fake_store_hold (fake, 1);
  req = deliver_signed (OLD, now_s (), event ("evt_1", "invoice.paid"));
  fake_leave (req);
  fake_store_commit (fake);
  ck_assert_int_eq (fake_log_count (fake, "stripe.inbox"), 1);
}
END_TEST

START_TEST (cursor)
{
  kg_req *req;
  expect (deliver_signed (OLD, now_s (), event ("evt_1", "customer.subscription.deleted")), 200, NULL);
  expect (deliver_signed (OLD, now_s (), event ("evt_2", "customer.subscription.created")), 200, NULL);
  expect (deliver_signed (OLD, now_s (), event ("evt_3", "charge.refunded")), 200, NULL);
  fake_run_jobs (fake);
  ck_assert_double_eq (fake_metric (fake, "kgents_stripe_webhooks_processed_total", "other"), 1);
  ck_assert_double_eq (fake_metric (fake, "kgents_stripe_webhooks_processed_total", NULL), 3);
  fake_as (fake, NULL, 1, 0);
  req = fake_request (fake, "GET", "/webhooks/stripe/health", NULL, NULL);
  expect (req, 200, NULL);
  ck_assert_str_eq (fake_json (req, "stripe_sdk"), "true");
  ck_assert_str_eq (fake_json (req, "webhook_secret_configured"), "true");
  ck_assert_str_eq (fake_json (req, "openmeter_connected"), "false");
  ck_assert_str_eq (fake_json (req, "bridge_metrics.events_processed"), "2");
  ck_assert_str_eq (fake_json (req, "bridge_metrics.events_skipped"), "1");
  ck_assert_str_eq (fake_json (req, "bridge_metrics.events_failed"), "0");
  ck_assert_str_eq (fake_json (req, "bridge_metrics.idempotency_store_size"), "3");
  fake_as (fake, NULL, 0, 0);
  expect (fake_request (fake, "GET", "/webhooks/stripe/health", NULL, NULL), 404, NULL);
}
END_TEST

/* Many events, writes that fail now and then, a restart: each counts once. */
START_TEST (cursor_counts_once)
{
  char id[32];
  for (int i = 0; i < 250; i++) {
    snprintf (id, sizeof id, "evt_%d", i);
    expect (deliver_signed (OLD, now_s (), event (id, "invoice.paid")), 200, NULL);
  }
  for (int i = 0; i < 6; i++) {
    fake_store_fail (fake, -EIO, i % 2);
    fake_advance (fake, 1100);
    fake_run_jobs (fake);
    if (i == 2) {
      fake_stop (fake);
      fake_store_commit (fake);
      ck_assert_int_eq (fake_start (fake), 0);
    }
  }
  ck_assert_ptr_nonnull (
      strstr (fake_store_get (fake, "billing.totals", "inbox"), "\"invoice.paid\":250,"));
  ck_assert_double_eq (fake_metric (fake, "kgents_stripe_webhooks_processed_total", NULL), 250);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("billing-stripe");
  TCase *tc = tcase_create ("served"), *own = tcase_create ("own");
  SRunner *sr;
  int failed;
  tcase_add_checked_fixture (tc, setup, teardown);
  tcase_add_test (tc, received);
  tcase_add_test (own, not_configured);
  tcase_add_test (tc, missing_header);
  tcase_add_test (tc, malformed_headers);
  tcase_add_test (tc, stale_or_forged);
  tcase_add_test (tc, tolerance);
  tcase_add_test (tc, several_v1);
  tcase_add_test (tc, rollover);
  tcase_add_test (tc, altered_bodies);
  tcase_add_test (tc, payloads);
  tcase_add_test (own, livemode);
  tcase_add_test (own, limited);
  tcase_add_test (tc, duplicates);
  tcase_add_test (tc, concurrent_duplicates);
  tcase_add_test (tc, disk_full);
  tcase_add_test (tc, disk_full_shows);
  tcase_add_test (tc, client_leaves);
  tcase_add_test (tc, cursor);
  tcase_add_test (tc, cursor_counts_once);
  suite_add_tcase (s, tc);
  suite_add_tcase (s, own);
  sr = srunner_create (s);
  srunner_set_tap (sr, "-");
  srunner_run_all (sr, CK_SILENT);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed != 0;
}
