/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Limits of a client's address, before anybody asks who it is. */
#include "tests/plugins/auth-budget.h"

#include "plugins/auth/address.h"

#define SECOND 1000000000ll

static struct addresses table;
static struct address_slot *slot;
static int64_t wait_s;

static uint32_t
take (const struct address_conf *conf, uint64_t who, int64_t now)
{
  return address_take (&table, conf, who, now, &slot, &wait_s);
}

START_TEST (per_minute)
{
  const struct address_conf conf = { 6, 0 };
  memset ((void *) &table, 0, sizeof table);
  for (int i = 0; i < 6; i++)
    ck_assert_uint_eq (take (&conf, 0x1234500, SECOND), 0);
  ck_assert_uint_eq (take (&conf, 0x1234500, SECOND), LIMIT_BIT (LIMIT_MINUTE));
  ck_assert_int_eq (wait_s, 10);
  ck_assert_ptr_null (slot);
  ck_assert_uint_eq (take (&conf, 0x9876500, SECOND), 0);
  ck_assert_uint_eq (take (&conf, 0x1234500, 11 * SECOND), 0);
}
END_TEST

START_TEST (in_flight)
{
  const struct address_conf conf = { 0, 2 };
  struct address_slot *first;
  memset ((void *) &table, 0, sizeof table);
  ck_assert_uint_eq (take (&conf, 0x1234500, SECOND), 0);
  first = slot;
  ck_assert_uint_eq (take (&conf, 0x1234500, SECOND), 0);
  ck_assert_uint_eq (take (&conf, 0x1234500, SECOND), LIMIT_BIT (LIMIT_CONCURRENT));
  address_end (first);
  ck_assert_uint_eq (take (&conf, 0x1234500, SECOND), 0);
}
END_TEST

/* Far more addresses than there is room for. */
START_TEST (full)
{
  const struct address_conf conf = { 5, 1 };
  struct address_slot *busy[ADDRESS_WAYS];
  memset ((void *) &table, 0, sizeof table);
  for (uint64_t i = 0; i < ADDRESS_WAYS; i++) { /* of one set */
    ck_assert_uint_eq (take (&conf, i << 40 | 0x100, SECOND), 0);
    busy[i] = slot;
  }
  ck_assert_uint_eq (take (&conf, 9ull << 40 | 0x100, SECOND), 0);
  ck_assert_ptr_null (slot); /* let in uncounted */
  ck_assert_uint_eq (take (&conf, 2ull << 40 | 0x100, SECOND), LIMIT_BIT (LIMIT_CONCURRENT));
  address_end (busy[1]);
  ck_assert_uint_eq (take (&conf, 9ull << 40 | 0x100, SECOND), 0);
  ck_assert_ptr_eq (slot, busy[1]);
  for (uint64_t i = 0; i < 1000000; i++) {
    take (&conf, i * 0x9e3779b97f4a7c15u | 1, SECOND);
    address_end (slot);
  }
}
END_TEST

static int
get (const char *target)
{
  return fake_status (fake_request (fake, "GET", target, NULL, NULL));
}

START_TEST (requests)
{
  kg_req *req;
  begin (CONF ("address.requests_per_minute=3", "address.concurrent=2"));
  for (int i = 0; i < 2; i++)
    ck_assert_int_eq (get ("/public?s="), 200);
  ck_assert_int_eq (get ("/do?s="), 401); /* counts, too */
  req = fake_request (fake, "GET", "/public?s=", NULL, NULL);
  ck_assert_int_eq (fake_status (req), 429);
  ck_assert_str_eq (fake_json (req, "violated_policies"), "[\"address-minute\"]");
  ck_assert_str_eq (fake_json (req, "detail"),
                    "Rate limit exceeded. 3 requests per minute allowed for an address.");
  ck_assert_str_eq (fake_header (req, "Retry-After"), "20");
  ck_assert_double_eq (fake_metric (fake, "kgent_auth_denied_total", "address"), 1);
  fake_as (fake, NULL, 1, 1); /* the operator's socket is no address */
  ck_assert_int_eq (get ("/admin/v1/keys"), 0);
  fake_run_jobs (fake);
  fake_as (fake, NULL, 0, 0);
  end ();
}
END_TEST

START_TEST (requests_in_flight)
{
  begin (CONF ("address.concurrent=2"));
  ck_assert_int_eq (get ("/public?s=w"), 0);
  ck_assert_int_eq (get ("/public?s=w"), 0);
  ck_assert_int_eq (get ("/public?s="), 429);
  fake_resume (0);
  ck_assert_int_eq (get ("/public?s="), 200);
  ck_assert_int_eq (get ("/public?s=w"), 0);
  fake_resume (1);
  fake_resume (2);
  for (int i = 0; i < 5; i++)
    ck_assert_int_eq (get ("/public?s="), 200);
  end ();
}
END_TEST

START_TEST (shadow)
{
  begin (CONF ("address.concurrent=1", "shadow=address"));
  ck_assert_int_eq (get ("/public?s=w"), 0);
  ck_assert_int_eq (get ("/public?s="), 200);
  ck_assert_double_eq (fake_metric (fake, "kgent_auth_shadow_denials_total", "address"), 1);
  fake_resume (0);
  end ();
}
END_TEST

UNIT_MAIN ("auth-address", per_minute, in_flight, full, requests, requests_in_flight, shadow)
