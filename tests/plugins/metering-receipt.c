/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Receipts of metering-openmeter.so against the fake host: who gets one, what it says,
 * that no character of it can be changed, and that numbers outlive the process. */

#include "plugins/metering-openmeter/receipt.h"
#include "tests/plugins/metering.h"

#include <openssl/evp.h>

static kg_req *
ask (const char *target)
{
  return fake_request (fake, "GET", target, NULL, NULL);
}

static const char *
receipt_of (kg_req *req)
{
  return fake_header (req, "Kgent-Receipt");
}

static kg_str
text_of (const char *text)
{
  return (kg_str){ text, strlen (text) };
}

/* The parts of a receipt that must be one. */
static struct receipt_parts
parts_of (const char *text)
{
  struct receipt_parts parts;
  ck_assert_ptr_nonnull (text);
  ck_assert_msg (!receipt_read (text_of (text), &parts), "%s", text);
  return parts;
}

static int64_t
seq_of (const char *target)
{
  return parts_of (receipt_of (ask (target))).seq;
}

/* Whether it is one, and signed by this host. */
static int
good (kg_str text)
{
  struct receipt_parts parts;
  return !receipt_read (text, &parts) && seal_check (mt_plugin->receipts, text, &parts) == 1;
}

static void
begin (void)
{
  begin_with (NULL);
}

static void
begin_charging (void)
{
  fake = fake_new ();
  fake_services (fake);
  provide_budget ();
  open_with (NULL);
  charge_result = 1;
}

/* What libcrypto makes of it. */
static void
mac_of (const uint8_t key[16], const char *text, size_t len, uint8_t ret[16])
{
  EVP_MAC *mac = EVP_MAC_fetch (NULL, "SIPHASH", NULL);
  EVP_MAC_CTX *ctx = EVP_MAC_CTX_new (mac);
  size_t n = 0;
  ck_assert_int_eq (EVP_MAC_init (ctx, key, 16, NULL), 1);
  ck_assert_int_eq (EVP_MAC_update (ctx, (const unsigned char *)text, len), 1);
  ck_assert_int_eq (EVP_MAC_final (ctx, ret, &n, 16), 1);
  ck_assert_uint_eq (n, 16);
  EVP_MAC_CTX_free (ctx);
  EVP_MAC_free (mac);
}

START_TEST (the_signature_is_siphash)
{
  struct receipts *r = mt_plugin->receipts;
  uint32_t newest = atomic_load (&r->head->newest);
  const struct seal_key *k = &r->head->key[newest % RECEIPT_KEYS];
  char text[256], want[SEAL_TEXT + 1], made[SEAL_TEXT + 1];
  for (size_t len = 0; len < sizeof text; len++) {
    uint8_t mac[16];
    int at = snprintf (want, sizeof want, "%u.", newest);
    text[len] = (char)(len * 37 + 200);
    mac_of (k->secret, text, len, mac);
    for (int i = 0; i < 16; i++)
      at += snprintf (want + at, sizeof want - (size_t)at, "%02x", mac[i]);
    made[seal_put (r, 0, text, len, made)] = 0;
    ck_assert_str_eq (made, want);
  }
}
END_TEST

/* ---- Who gets one ---------------------------------------------------------------- */

START_TEST (what_a_receipt_says)
{
  kg_req *req = ask ("/use");
  struct receipt_parts parts = parts_of (receipt_of (req));
  ck_assert_int_eq (fake_status (req), 200);
  ck_assert (parts.id.len == strlen (fake_log_id (fake, "usage", 0))
             && !memcmp (parts.id.ptr, fake_log_id (fake, "usage", 0), parts.id.len));
  ck_assert_int_eq (parts.units, 7);
  ck_assert_int_eq (parts.money, 0);
  ck_assert_int_eq (parts.left, 93);
  ck_assert_int_eq (parts.seq, 1);
  ck_assert_int_eq (parts.time, fake_now (fake) / 1000000000);
  ck_assert_ptr_null (strstr (receipt_of (req), "money"));
  ck_assert (good (text_of (receipt_of (req))));
  ck_assert_ptr_nonnull (strstr (fake_log_data (fake, "usage", 0), ",\"seq\":1,\"charge\""));
}
END_TEST

START_TEST (money_is_there_when_there_is_some)
{
  charge_money = 250;
  charge_left = KG_BUDGET_UNLIMITED;
  {
    const char *text = receipt_of (ask ("/use"));
    ck_assert_int_eq (parts_of (text).money, 250);
    ck_assert_ptr_null (strstr (text, "left"));
    ck_assert (good (text_of (text)));
  }
}
END_TEST

START_TEST (who_gets_none)
{
  ck_assert_ptr_null (receipt_of (ask ("/use?status=404")));
  ck_assert_ptr_null (receipt_of (ask ("/use?n=0"))); /* nothing used, nothing recorded */
  ck_assert_ptr_null (receipt_of (ask ("/cheap")));   /* recorded, and nobody's bill */
  ck_assert_ptr_nonnull (receipt_of (ask ("/use")));
  ck_assert_ptr_null (strstr (fake_log_data (fake, "usage", 0), "seq"));
}
END_TEST

START_TEST (charged_on_whatever_route)
{
  ck_assert_int_eq (parts_of (receipt_of (ask ("/cheap?n=0"))).units, 7);
}
END_TEST

START_TEST (not_before_it_is_durable)
{
  kg_req *req;
  fake_store_hold (fake, 1);
  req = ask ("/use");
  ck_assert_int_eq (fake_done (req), 0);
  ck_assert_ptr_null (receipt_of (req));
  fake_store_commit (fake);
  ck_assert_int_eq (fake_status (req), 200);
  ck_assert (good (text_of (receipt_of (req))));
  req = ask ("/use");
  fake_store_fail (fake, -ENOSPC, 1);
  fake_store_commit (fake);
  ck_assert_int_eq (fake_status (req), 503);
  ck_assert_ptr_null (receipt_of (req));
}
END_TEST

START_TEST (the_text_for_a_stream)
{
  kg_req *req = ask ("/use");
  kg_str text = { NULL, 0 };
  ck_assert_int_eq (meter->receipt (req, &text), 0);
  ck_assert_int_eq (text.len, strlen (receipt_of (req)));
  ck_assert (!memcmp (text.ptr, receipt_of (req), text.len));
  ck_assert_int_eq (meter->receipt (ask ("/use?n=0"), &text), -ENOENT);
}
END_TEST

START_TEST (off)
{
  static const char *const conf[] = { "receipts=off", NULL };
  kg_str text;
  kg_req *req;
  begin_with (conf);
  req = ask ("/use");
  ck_assert_int_eq (fake_status (req), 200);
  ck_assert_ptr_null (receipt_of (req));
  ck_assert_int_eq (meter->receipt (req, &text), -ENOENT);
  ck_assert_ptr_null (strstr (fake_log_data (fake, "usage", 0), "seq"));
  end ();
}
END_TEST

/* ---- Nothing can be changed --------------------------------------------------------- */

/* Every byte replaced by every other printable one, and every one left out. */
static void
changed_everywhere (const char *text)
{
  char copy[MT_RECEIPT_MAX];
  size_t n = strlen (text), i;
  ck_assert (good (text_of (text)));
  for (i = 0; i < n; i++) {
    char c;
    memcpy (copy, text, n);
    for (c = ' '; c < 0x7f; c++) {
      copy[i] = c;
      ck_assert_msg (c == text[i] || !good ((kg_str){ copy, n }), "%.*s", (int)n, copy);
    }
    memcpy (copy + i, text + i + 1, n - i - 1);
    ck_assert_msg (!good ((kg_str){ copy, n - 1 }), "%.*s", (int)n - 1, copy);
  }
  ck_assert (!good ((kg_str){ text, n - 1 }));
}

START_TEST (no_byte_can_be_changed)
{
  changed_everywhere (receipt_of (ask ("/use")));
}
END_TEST

START_TEST (ed25519_is_checked_by_anybody)
{
  static const char *const conf[] = { "receipts=ed25519", NULL };
  struct receipt_parts parts;
  uint8_t public[32], signature[64];
  const char *text;
  EVP_PKEY *pkey;
  EVP_MD_CTX *ctx = EVP_MD_CTX_new ();
  begin_with (conf);
  text = receipt_of (ask ("/use"));
  parts = parts_of (text);
  changed_everywhere (text);
  ck_assert_int_eq (parts.signature.len, 128);
  for (int i = 0; i < 64; i++)
    ck_assert_int_eq (sscanf (parts.signature.ptr + 2 * i, "%2hhx", &signature[i]), 1);
  ck_assert_int_eq (seal_public (mt_plugin->receipts, parts.version, public), 0);
  pkey = EVP_PKEY_new_raw_public_key (EVP_PKEY_ED25519, NULL, public, 32);
  ck_assert_int_eq (EVP_DigestVerifyInit (ctx, NULL, NULL, NULL, pkey), 1);
  ck_assert_int_eq (EVP_DigestVerify (ctx, signature, 64, (const unsigned char *)text,
                                      parts.signed_len),
                    1);
  EVP_PKEY_free (pkey);
  EVP_MD_CTX_free (ctx);
  end ();
}
END_TEST

START_TEST (keys_are_rotated_and_remembered)
{
  char old[MT_RECEIPT_MAX];
  struct receipt_parts parts;
  uint32_t first;
  snprintf (old, sizeof old, "%s", receipt_of (ask ("/use")));
  first = parts_of (old).version;
  ck_assert (seal_known (mt_plugin->receipts, first));
  ck_assert (!seal_known (mt_plugin->receipts, first - 1));
  for (uint32_t i = 1; i < RECEIPT_KEYS; i++)
    ck_assert_int_eq (seal_rotate (mt_plugin->receipts), first + i);
  ck_assert (good (text_of (old)));
  ck_assert_int_eq (parts_of (receipt_of (ask ("/use"))).version, first + RECEIPT_KEYS - 1);
  seal_rotate (mt_plugin->receipts);
  parts = parts_of (old);
  ck_assert_int_eq (seal_check (mt_plugin->receipts, text_of (old), &parts), -ENOENT);
  ck_assert (!seal_known (mt_plugin->receipts, first));
  ck_assert_int_eq (seal_public (mt_plugin->receipts, first, (uint8_t[32]){ 0 }), -ENOENT);
}
END_TEST

START_TEST (another_hosts_receipt)
{
  char theirs[MT_RECEIPT_MAX];
  begin ();
  snprintf (theirs, sizeof theirs, "%s", receipt_of (ask ("/use")));
  end ();
  begin ();
  ck_assert (good (text_of (receipt_of (ask ("/use")))));
  ck_assert (!good (text_of (theirs)));
  end ();
}
END_TEST

/* ---- Numbers -------------------------------------------------------------------------- */

static void
next_process (int killed)
{
  if (killed)
    fake_crash (fake);
  fake_stop (fake);
  fake_close (fake);
  open_with (NULL);
}

START_TEST (numbers_are_a_tenants)
{
  struct kg_identity other = tenant;
  other.tenant = "another";
  ck_assert_int_eq (seq_of ("/use"), 1);
  ck_assert_int_eq (seq_of ("/use"), 2);
  fake_as (fake, &other, 0, 0);
  ck_assert_int_eq (seq_of ("/use"), 1);
  fake_as (fake, &tenant, 0, 0);
  ck_assert_int_eq (seq_of ("/use"), 3);
}
END_TEST

START_TEST (numbers_outlive_the_process)
{
  char first[MT_RECEIPT_MAX];
  snprintf (first, sizeof first, "%s", receipt_of (ask ("/use")));
  next_process (0);
  ck_assert_int_eq (seq_of ("/use"), 2);
  next_process (1);
  ck_assert_int_eq (seq_of ("/use"), 3);
  ck_assert (good (text_of (first)));
}
END_TEST

/* The region's pages may be old ones: the records know. */
static void
counts_set (uint64_t n)
{
  for (uint32_t i = 0; i < RECEIPT_TENANTS; i++)
    if (mt_plugin->receipts->count[i].n)
      mt_plugin->receipts->count[i].n = n;
}

START_TEST (numbers_outlive_the_machine)
{
  use_times (3);
  counts_set (1);
  fake_reboot (fake, 4711);
  next_process (1);
  ck_assert_int_eq (seq_of ("/use"), 4);
  next_process (1);
  ck_assert_int_eq (seq_of ("/use"), 5);
}
END_TEST

/* What is saved is on the disk, and the records before it aren't read again. */
START_TEST (numbers_are_saved_once_a_minute)
{
  use_times (3);
  ck_assert_uint_eq (mt_plugin->receipts->head->saved, 0);
  fake_advance (fake, 60000);
  fake_run_jobs (fake);
  ck_assert_uint_eq (mt_plugin->receipts->head->saved, 3);
  counts_set (10); /* no record says so */
  fake_reboot (fake, 4711);
  next_process (1);
  ck_assert_int_eq (seq_of ("/use"), 11);
  ck_assert_uint_eq (mt_plugin->receipts->head->saved, 3);
  counts_set (2);
  fake_reboot (fake, 4712);
  next_process (1);
  ck_assert_int_eq (seq_of ("/use"), 12); /* the one behind it does */
  next_process (0);
  ck_assert_uint_eq (mt_plugin->receipts->head->saved, 5);
}
END_TEST

START_TEST (more_tenants_than_there_is_room_for)
{
  char name[32];
  uint32_t i, counted = 0;
  for (i = 0; i < 2 * RECEIPT_TENANTS; i++) {
    snprintf (name, sizeof name, "tenant-%u", i);
    counted += count_next (mt_plugin->receipts, name) == 1;
  }
  ck_assert_uint_gt (counted, RECEIPT_TENANTS / 2);
  ck_assert_uint_le (counted, RECEIPT_TENANTS);
  for (i = 0; i < 100; i++) { /* the first ones have theirs, and nobody else's */
    snprintf (name, sizeof name, "tenant-%u", i);
    ck_assert_uint_eq (count_next (mt_plugin->receipts, name), 2);
  }
  use_times (1); /* without a number, and good all the same */
  ck_assert (good (text_of (receipt_of (ask ("/use")))));
}
END_TEST

START_TEST (a_full_disk_is_told_at_the_start)
{
  fake = fake_new ();
  fake_services (fake);
  fake_regions_full (fake, 1);
  ck_assert_int_eq (fake_open (fake, &kg_plugin_1, NULL), 0);
  ck_assert_int_eq (fake_start (fake), -ENOSPC);
  ck_assert_ptr_nonnull (strstr (fake_logged (fake), "the numbers and keys of receipts: "));
  fake_free (fake);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("metering-receipt");
  TCase *charged = tcase_create ("charged"), *free_ = tcase_create ("not charged");
  TCase *own = tcase_create ("configurations");
  SRunner *sr;
  int failed;
  tcase_add_checked_fixture (charged, begin_charging, end);
  tcase_add_test (charged, what_a_receipt_says);
  tcase_add_test (charged, money_is_there_when_there_is_some);
  tcase_add_test (charged, charged_on_whatever_route);
  tcase_add_test (charged, no_byte_can_be_changed);
  tcase_add_checked_fixture (free_, begin, end);
  tcase_add_test (free_, the_signature_is_siphash);
  tcase_add_test (free_, who_gets_none);
  tcase_add_test (free_, not_before_it_is_durable);
  tcase_add_test (free_, the_text_for_a_stream);
  tcase_add_test (free_, keys_are_rotated_and_remembered);
  tcase_add_test (free_, numbers_are_a_tenants);
  tcase_add_test (free_, numbers_outlive_the_process);
  tcase_add_test (free_, numbers_outlive_the_machine);
  tcase_add_test (free_, numbers_are_saved_once_a_minute);
  tcase_add_test (free_, more_tenants_than_there_is_room_for);
  tcase_add_test (own, off);
  tcase_add_test (own, ed25519_is_checked_by_anybody);
  tcase_add_test (own, another_hosts_receipt);
  tcase_add_test (own, a_full_disk_is_told_at_the_start);
  suite_add_tcase (s, charged);
  suite_add_tcase (s, free_);
  suite_add_tcase (s, own);
  sr = srunner_create (s);
  srunner_set_tap (sr, "-");
  srunner_run_all (sr, CK_SILENT);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
