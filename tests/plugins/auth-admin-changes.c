/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Changes by the operator's routes: a disk, others that are faster, a restart. */

#include "tests/plugins/auth-admin-ask.h"

/* ---- Changes ------------------------------------------------------------- */

CASE (disk_full)
{
  kg_req *req;
  const char *one = text (KEYS "/%s", fake_json (make (KEYS, "{\"name\":\"n\"}"), "id"));
  fake_store_fail (fake, -ENOSPC, 4);
  req = expect (ask ("POST", KEYS, "{\"name\":\"n\"}"), 503,
                "The change could not be stored: No space left on device");
  ck_assert_ptr_null (strstr (fake_body (req), "kg_"));
  expect (ask ("DELETE", one, NULL), 503, NULL);
  expect (ask ("PATCH", one, "{\"name\":\"m\"}"), 503, NULL);
  expect (ask ("POST", TENANTS, "{\"name\":\"m\"}"), 503, NULL);
  ck_assert_int_eq (audited (), 1);
  has (expect (ask ("GET", one, NULL), 200, NULL), "active", "true");
  fake_store_fail (fake, -EAGAIN, 1);
  expect (ask ("PATCH", one, "{\"name\":\"m\"}"), 503, NULL);
  expect (ask ("PATCH", one, "{\"name\":\"m\"}"), 200, NULL);
  ck_assert_int_eq (audited (), 2);
}

CASE (answer_waits_for_disk)
{
  kg_req *req;
  fake_store_hold (fake, 1);
  req = ask ("POST", KEYS, "{\"name\":\"n\"}");
  ck_assert_int_eq (fake_status (req), 0);
  fake_store_commit (fake);
  ck_assert_int_eq (fake_status (req), 0); /* and until it is in force */
  fake_run_jobs (fake);
  expect (req, 201, NULL);
  ck_assert (works (fake_json (req, "key")));
}

CASE (two_at_once)
{
  const char *one = text (KEYS "/%s", fake_json (make (KEYS, "{\"name\":\"n\"}"), "id"));
  kg_req *first = begin ("PATCH", one, "{\"name\":\"a\"}");
  kg_req *second = begin ("PATCH", one, "{\"limits\":{\"concurrent\":3}}"), *third;
  third = begin ("DELETE", one, NULL);
  fake_run_jobs (fake);
  has (expect (first, 200, NULL), "name", "a");
  has (expect (second, 200, NULL), "name", "a"); /* the second one saw the first */
  has (second, "limits", "{\"concurrent\":3}");
  expect (third, 204, NULL);
  ck_assert_int_eq (audited (), 4);
}

/* Another process has written a record meanwhile. */
static void
foreign_change (int seq)
{
  fake_store_put (fake, "auth.audit", "head", text ("{\"seq\":%d,\"hash\":\"%064d\"}", seq, seq));
}

CASE (others_are_faster)
{
  kg_req *req;
  make (KEYS, "{\"name\":\"n\"}");
  fake_store_hold (fake, 1);
  req = ask ("POST", KEYS, "{\"name\":\"n\"}");
  foreign_change (7);
  fake_store_commit (fake);
  ck_assert_int_eq (audited (), 1);
  ck_assert_int_eq (fake_status (req), 0);
  fake_run_jobs (fake);
  fake_store_commit (fake);
  fake_run_jobs (fake);
  expect (req, 201, NULL);
  ck_assert (works (fake_json (req, "key")));
  ck_assert_ptr_nonnull (strstr (fake_log_data (fake, "auth.audit", 1), "{\"seq\":8,"));
  ck_assert_ptr_nonnull (strstr (fake_log_data (fake, "auth.audit", 1),
                                 text ("\"prev\":\"%064d\"}", 7)));
}

CASE (others_are_always_faster)
{
  kg_req *req;
  fake_store_hold (fake, 1);
  req = ask ("POST", KEYS, "{\"name\":\"n\"}");
  for (int i = 1; i < 100 && !fake_status (req); i++) {
    foreign_change (i);
    fake_store_commit (fake);
    fake_run_jobs (fake);
  }
  expect (req, 409, "Others changed it at the same time. Try again.");
  ck_assert_int_eq (audited (), 0);
}

CASE (slug_race)
{
  kg_req *first, *second;
  first = begin ("POST", TENANTS, "{\"name\":\"a\",\"slug\":\"same\"}");
  second = begin ("POST", TENANTS, "{\"name\":\"b\",\"slug\":\"same\"}");
  fake_run_jobs (fake);
  expect (first, 201, NULL);
  expect (second, 409, "The slug 'same' is taken");
}

CASE (client_leaves)
{
  kg_req *req = begin ("POST", TENANTS, "{\"name\":\"a\"}"), *listing = begin ("GET", KEYS, NULL);
  kg_req *late = begin ("POST", TENANTS, "{\"name\":\"b\"}");
  fake_leave (req);
  fake_leave (listing);
  fake_expire (late);
  fake_run_jobs (fake);
  ck_assert_int_eq (fake_status (late), 504);
  expect (ask ("GET", TENANTS "/a", NULL), 200, NULL);
  expect (ask ("GET", TENANTS "/b", NULL), 200, NULL);
  ck_assert_int_eq (audited (), 2);
}

CASE (survives)
{
  kg_req *req = make (KEYS, "{\"name\":\"n\"}");
  const char *secret = fake_json (req, "key"), *one = text (KEYS "/%s", fake_json (req, "id"));
  make (TENANTS, "{\"name\":\"acme\"}");
  restart ();
  ck_assert (works (secret));
  expect (ask ("GET", TENANTS "/acme", NULL), 200, NULL);
  expect (ask ("DELETE", one, NULL), 204, NULL);
  restart ();
  ck_assert (!works (secret));
  ck_assert_int_eq (audited (), 3);
}

UNIT_MAIN ("auth-admin-changes", disk_full, answer_waits_for_disk, two_at_once, others_are_faster,
           others_are_always_faster, slug_race, client_leaves, survives)
