/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Webhooks, and wrong kinds, of metering-openmeter.so against the fake host. */

#include "tests/plugins/metering.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

static void
turn (int64_t ms)
{
  fake_advance (fake, ms);
  fake_run_jobs (fake);
}

/* ---- Webhooks ------------------------------------------------------------------ */

#define OLD "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"
#define NEW "YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXo0NTY3ODk="

static const char *const hooks[] = { "sinks.0.name=hook",
                                     "sinks.0.kind=webhook",
                                     "sinks.0.url=http://127.0.0.1:7/in?x=1",
                                     "sinks.0.secrets=whsec_" NEW ",whsec_" OLD,
                                     "sinks.0.batch_size=4",
                                     NULL };

static void
begin_hooks (void)
{
  begin_with (hooks);
}

static void
answer (int status)
{
  fake_http_reply (fake, status, NULL, "", -1);
  ck_assert_int_eq (fake_http_deliver (fake), 1);
  fake_run_jobs (fake);
}

/* Whether the signatures have the one that this secret makes. */
static int
signed_by (const struct fake_call *c, const char *secret)
{
  unsigned char key[64], mac[32];
  char text[8192], want[64] = "v1,";
  unsigned int len = sizeof mac;
  int n = EVP_DecodeBlock (key, (const unsigned char *)secret, (int)strlen (secret));
  n -= (int)(strlen (secret) - strcspn (secret, "="));
  snprintf (text, sizeof text, "%s.%s.%s", fake_http_header (c, "webhook-id"),
            fake_http_header (c, "webhook-timestamp"), c->body);
  HMAC (EVP_sha256 (), key, n, (unsigned char *)text, strlen (text), mac, &len);
  EVP_EncodeBlock ((unsigned char *)want + 3, mac, 32);
  return strstr (fake_http_header (c, "webhook-signature"), want) != NULL;
}

START_TEST (a_batch_is_signed)
{
  const struct fake_call *c;
  use_times (3);
  turn (2);
  c = fake_http_call (fake, 0);
  ck_assert_str_eq (c->method, "POST");
  ck_assert_str_eq (c->url, "http://127.0.0.1:7/in?x=1");
  ck_assert_str_eq (fake_http_header (c, "Content-Type"), "application/cloudevents-batch+json");
  ck_assert_str_eq (fake_http_header (c, "webhook-id"), "msg_hook_1-0_3");
  ck_assert (signed_by (c, NEW));
  ck_assert (signed_by (c, OLD));
  ck_assert (!signed_by (c, "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY4"));
  answer (200);
  ck_assert_int_eq (fake_health (fake, "sink_hook"), KG_HEALTH_OK);
}
END_TEST

/* The batch that goes once more is the same, with the same id, whatever came meanwhile. */
START_TEST (the_same_batch_again)
{
  const struct fake_call *c;
  use_times (3);
  turn (2);
  use_times (1);
  answer (503);
  turn (1000);
  c = fake_http_call (fake, 1);
  ck_assert_str_eq (fake_http_header (c, "webhook-id"), "msg_hook_1-0_3");
  ck_assert_str_eq (c->body, fake_http_call (fake, 0)->body);
  answer (204);
  turn (1100);
  ck_assert_str_eq (fake_http_header (fake_http_call (fake, 2), "webhook-id"), "msg_hook_4-0_1");
}
END_TEST

START_TEST (who_is_gone_is_left_alone)
{
  use_times (1);
  turn (2);
  answer (410);
  ck_assert_int_eq (fake_health (fake, "sink_hook"), KG_HEALTH_DOWN);
  turn (59000);
  ck_assert_int_eq (fake_http_count (fake), 1);
}
END_TEST

static const struct {
  const char *conf[5], *why;
} wrong[] = {
  { { "sinks.0.name=a", "sinks.0.kind=webhook", "sinks.0.url=http://a", NULL },
    "secrets: a webhook needs one" },
  { { "sinks.0.name=a", "sinks.0.kind=webhook", "sinks.0.url=http://a", "sinks.0.secrets=x", NULL },
    "number 1 is none; write 1 to 4" },
  { { "sinks.0.name=a", "sinks.0.kind=webhook", "sinks.0.url=http://a",
      "sinks.0.secrets=whsec_c2hvcnQ=", NULL },
    "number 1 is none; write 1 to 4" },
  { { "sinks.0.name=a", "sinks.0.kind=webhook", "sinks.0.secrets=whsec_" OLD, NULL },
    "is no http or https URL" },
  { { "sinks.0.name=a", "sinks.0.kind=file", NULL }, "is no absolute path" },
  { { "sinks.0.name=a", "sinks.0.kind=file", "sinks.0.dir=usage", NULL }, "is no absolute path" },
};

START_TEST (wrong_kinds)
{
  fake = fake_new ();
  fake_services (fake);
  ck_assert (fake_open (fake, &kg_plugin_1, wrong[_i].conf));
  ck_assert_msg (strstr (fake_logged (fake), wrong[_i].why), "%s", fake_logged (fake));
  fake_free (fake);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("metering-kinds");
  TCase *h = tcase_create ("webhooks"), *own = tcase_create ("configurations");
  SRunner *sr;
  int failed;
  tcase_add_checked_fixture (h, begin_hooks, end);
  tcase_add_test (h, a_batch_is_signed);
  tcase_add_test (h, the_same_batch_again);
  tcase_add_test (h, who_is_gone_is_left_alone);
  tcase_add_loop_test (own, wrong_kinds, 0, (int)(sizeof wrong / sizeof wrong[0]));
  suite_add_tcase (s, h);
  suite_add_tcase (s, own);
  sr = srunner_create (s);
  srunner_set_tap (sr, "-");
  srunner_run_all (sr, CK_SILENT);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
