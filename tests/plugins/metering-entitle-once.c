/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Each event burns grants once, whatever is killed, fails or comes in between: SEED and ROUNDS
 * say which course it takes, and how long. */
#include "tests/plugins/metering-entitle.h"

#include <unistd.h>

static uint64_t seed;

static uint32_t
rnd (uint32_t n)
{
  seed = seed * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(seed >> 33) % n;
}

static int64_t foreign; /* what another process has counted for acme */

/* Another process changes an account while our turn is written. */
static void
foreigner (void)
{
  const char *old = fake_store_get (fake, "usage.accounts", "acme/units"), *at, *rest;
  char text[16384], state[64];
  at = strstr (old, "\"usage\":\"") + 9;
  rest = strchr (at, '"');
  snprintf (text, sizeof text, "%.*s%lld%s", (int)(at - old), old, atoll (at) + 7, rest);
  snprintf (state, sizeof state, "%s", fake_store_get (fake, "usage.accounts", "state"));
  fake_store_put (fake, "usage.accounts", "acme/units", text);
  fake_store_put (fake, "usage.accounts", "state", state);
  foreign += 7;
}

static void
trouble (void)
{
  switch (rnd (7)) {
  case 6:
    fake_store_hold (fake, 1);
    fake_advance (fake, 300);
    fake_run_jobs (fake);
    foreigner ();
    fake_store_hold (fake, 0);
    fake_store_commit (fake);
    fake_run_jobs (fake);
    break;
  case 0: /* killed while it writes */
    fake_store_hold (fake, 1);
    turn ();
    fall (conf);
    fake_store_hold (fake, 0);
    break;
  case 1: /* killed behind it */
    turn ();
    fall (conf);
    break;
  case 2:
    fake_store_fail (fake, -EIO, 1 + (int)rnd (3));
    turn ();
    fake_store_fail (fake, 0, 0);
    break;
  case 3: /* a grant while a turn is written */
    fake_store_hold (fake, 1);
    fake_advance (fake, 300);
    fake_run_jobs (fake);
    fake_as (fake, NULL, 1, 1);
    asked = fake_request (fake, "POST", ACME, NULL, "{\"feature\":\"calls\",\"amount\":1}");
    fake_store_hold (fake, 0);
    fake_store_commit (fake);
    fake_run_jobs (fake);
    break;
  default:
    turn ();
  }
}

START_TEST (each_event_once)
{
  const char *s = getenv ("SEED"), *r = getenv ("ROUNDS");
  int rounds = r ? atoi (r) : 60;
  int64_t sum[2] = { 0 };
  char text[32];
  seed = s ? strtoull (s, NULL, 10) : (uint64_t)time (NULL) ^ (uint64_t)getpid () << 32;
  printf ("# SEED=%llu\n", (unsigned long long)seed);
  fflush (stdout);
  open_all ();
  give ("{\"feature\":\"units\",\"amount\":1000000}");
  ck_assert_int_eq (send ("POST", "/admin/v1/tenants/b/grants",
                          "{\"feature\":\"units\",\"amount\":1000000}"), 201);
  while (rounds--) {
    for (uint32_t n = rnd (5); n; n--) {
      uint32_t who = rnd (2), k = rnd (100);
      snprintf (text, sizeof text, "%u", k);
      used (who ? "\"b\"" : "\"acme\"", text);
      sum[who] += k;
    }
    trouble ();
  }
  turn ();
  turn ();
  ck_assert_int_eq (atoll (strstr (fake_store_get (fake, "usage.accounts", "acme/units"),
                                   "\"usage\":\"") + 9), foreign);
  for (int who = 0; who < 2; who++) {
    as (who ? "b" : "acme", 0);
    ck_assert_int_eq (ask ("/v1/entitlements/units/value"), 200);
    snprintf (text, sizeof text, "%" PRId64, sum[who]);
    ck_assert_str_eq (value ("usage"), text);
    snprintf (text, sizeof text, "%" PRId64, 1000000 - sum[who]);
    ck_assert_str_eq (value ("balance"), text);
  }
  end ();
}
END_TEST

UNIT_MAIN ("metering-entitle-once", each_event_once)
