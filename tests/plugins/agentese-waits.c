/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* self.* and world.purgatory: races, faults, prices, and what waits. */

#include "tests/plugins/agentese-self.h"

/* ---- Races and faults ---------------------------------------------------------------------- */

START_TEST (lost_races)
{
  kg_req *a, *b;
  begin ();
  fake_store_hold (fake, 1);
  a = keep ("a", 1);
  b = keep ("b", 1);
  ck_assert_int_eq (fake_status (a), 0);
  while (!fake_status (a) || !fake_status (b))
    ck_assert_int_gt (fake_store_commit (fake), 0);
  fake_store_hold (fake, 0);
  HAS (ask ("self.memory.sense", NULL), "result.engrams", "2");
  status_is (ask ("self.memory.recall", "{\"key\":\"a\"}"), 200);
  status_is (ask ("self.memory.recall", "{\"key\":\"b\"}"), 200);
  end ();
}
END_TEST

START_TEST (disk_full)
{
  begin ();
  fake_store_fail (fake, -ENOSPC, 1);
  status_is (keep ("a", 1), 503);
  status_is (ask ("self.memory.recall", "{\"key\":\"a\"}"), 404);
  HAS (ask ("self.memory.sense", NULL), "result.engrams", "0");
  end ();
}
END_TEST

/* Two resolve what waits; it is done by the one that is first on disk. */
START_TEST (resolved_once)
{
  kg_req *a, *b;
  char id[32];
  begin ();
  snprintf (id, sizeof id, "%s", wait_for ("world.house.transform", "{\"changes\":{\"a\":1}}"));
  fake_store_hold (fake, 1);
  a = resolve (id);
  b = resolve (id);
  while (!fake_status (a) || !fake_status (b))
    ck_assert_int_gt (fake_store_commit (fake), 0);
  fake_store_hold (fake, 0);
  status_is (a, 200);
  status_is (b, 409);
  HAS (a, "result.result.version", "1");
  HAS (ask ("world.house.witness", NULL), "result.total", "1");
  item_is (id, "resolved");
  end ();
}
END_TEST

/* It was marked and then the disk was full: it says that it was begun, and no more. */
START_TEST (begun_and_not_ended)
{
  kg_req *req;
  char id[32];
  begin ();
  snprintf (id, sizeof id, "%s", wait_for ("world.house.transform", "{\"changes\":{\"a\":1}}"));
  fake_store_hold (fake, 1);
  req = resolve (id);
  fake_store_commit (fake);
  fake_store_commit (fake);
  fake_store_fail (fake, -ENOSPC, 1);
  while (!fake_status (req))
    ck_assert_int_gt (fake_store_commit (fake), 0);
  fake_store_hold (fake, 0);
  status_is (req, 503);
  item_is (id, "continuing");
  status_is (resolve (id), 409);
  HAS (ask ("world.house.witness", NULL), "result.total", "1");
  end ();
}
END_TEST

/* ---- What waits --------------------------------------------------------------------------- */

START_TEST (waiting_is_bounded)
{
  char kwargs[64], id[32];
  int i;
  kg_req *req = NULL;
  begin ();
  snprintf (id, sizeof id, "%s", wait_for ("world.a.manifest", "{}"));
  for (i = 1; i < 300; i++) {
    req = ask ("self.semaphore.yield", "{\"reason\":\"May I?\"}");
    if (fake_status (req) != 200)
      break;
  }
  ck_assert_int_eq (i, 256);
  over (req, "agentese.purgatory");
  snprintf (kwargs, sizeof kwargs, "{\"id\":\"%s\"}", id);
  status_is (ask ("world.purgatory.cancel", kwargs), 200);
  status_is (ask ("self.semaphore.yield", "{\"reason\":\"May I?\"}"), 200);
  status_is (ask ("self.semaphore.status", kwargs), 404); /* it made room */
  end ();
}
END_TEST

/* The action is charged as if its resolver had invoked it. */
START_TEST (an_action_has_its_price)
{
  static const char *const prices[] = { "prices.0.path=world.house.*", "prices.0.tokens=10", NULL };
  static const char *const nine[] = { "Kgent-Max-Cost: 9", NULL };
  char id[32], body[128];
  begin_with (prices);
  budget_left[KG_BUDGET_TOKENS] = 9;
  snprintf (id, sizeof id, "%s", wait_for ("world.house.transform", "{\"changes\":{\"a\":1}}"));
  status_is (resolve (id), 402);
  item_is (id, "pending");
  HAS (ask ("world.house2.witness", NULL), "result.total", "0");
  budget_left[KG_BUDGET_TOKENS] = 10;
  snprintf (body, sizeof body, "{\"path\":\"world.purgatory.resolve\",\"kwargs\":{\"id\":\"%s\"}}", id);
  status_is (fake_request (fake, "POST", "/v1/agentese/invoke", nine, body), 402);
  item_is (id, "pending");
  status_is (resolve (id), 200);
  ck_assert_int_eq (held[KG_BUDGET_TOKENS].reserved, 10);
  ck_assert_int_eq (held[KG_BUDGET_TOKENS].settled, 10);
  end ();
}
END_TEST

/* An action needs the scopes of who resolves it. */
START_TEST (an_action_has_its_scope)
{
  static const char *const keeper[]
      = { "read", "write", "invoke:world.purgatory.*", "invoke:self.*", NULL };
  char id[32];
  kg_req *req;
  begin ();
  snprintf (id, sizeof id, "%s", wait_for ("world.house.transform", "{\"changes\":{\"a\":1}}"));
  act_as ("t1", keeper, any);
  req = resolve (id);
  status_is (req, 403);
  HAS (req, "required_scope", "invoke:world.house.transform");
  item_is (id, "pending");
  act_as ("t1", read_only, any);
  status_is (resolve (id), 403);
  end ();
}
END_TEST

/* A long result is not kept with the item, but answered. */
START_TEST (a_long_result)
{
  static char arguments[12000];
  char id[32], kwargs[64];
  kg_req *req;
  begin ();
  snprintf (arguments, sizeof arguments, "{\"changes\":{\"a\":\"%09000d\"}}", 1);
  status_is (ask ("world.house.transform", arguments), 200);
  status_is (ask ("world.house.transform", "{\"changes\":{\"measurements\":{\"m\":[1,2]}}}"), 200);
  snprintf (id, sizeof id, "%s", wait_for ("world.house.measure", "{\"metric\":\"a\"}"));
  req = fake_request (fake, "POST", "/v1/agentese/invoke", NULL, "{}");
  snprintf (arguments, sizeof arguments,
            "{\"path\":\"world.purgatory.resolve\",\"observer\":{\"archetype\":\"architect\"},"
            "\"kwargs\":{\"id\":\"%s\"}}",
            id);
  req = fake_request (fake, "POST", "/v1/agentese/invoke", NULL, arguments);
  status_is (req, 200);
  ck_assert_uint_gt (strlen (fake_json (req, "result.result.value")), 8999);
  snprintf (kwargs, sizeof kwargs, "{\"id\":\"%s\"}", id);
  req = ask ("world.purgatory.inspect", kwargs);
  ck_assert_ptr_nonnull (fake_json (req, "result.outcome.bytes"));
  end ();
}
END_TEST

START_TEST (capabilities_are_bounded)
{
  begin ();
  fill ("self.capabilities.acquire", "capability", 64);
  over (ask ("self.capabilities.acquire", "{\"capability\":\"c64\"}"), "agentese.capabilities");
  status_is (ask ("self.capabilities.release", "{\"capability\":\"c9\"}"), 200);
  status_is (ask ("self.capabilities.acquire", "{\"capability\":\"c64\"}"), 200);
  end ();
}
END_TEST

START_TEST (expectations_are_bounded)
{
  begin ();
  fill ("self.judgment.refine", "expect", 64);
  over (ask ("self.judgment.refine", "{\"expect\":\"e64\"}"), "agentese.expectations");
  status_is (ask ("self.judgment.refine", "{\"expect\":\"e64\",\"without\":\"e1\"}"), 200);
  end ();
}
END_TEST

UNIT_MAIN ("agentese-waits", lost_races, disk_full, resolved_once, begun_and_not_ended,
           waiting_is_bounded, an_action_has_its_price, an_action_has_its_scope, a_long_result,
           capabilities_are_bounded, expectations_are_bounded)
