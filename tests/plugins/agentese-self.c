/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* self.*: tenants, limits of the memory, vitals and a soul. */

#include "tests/plugins/agentese-self.h"

#include <kgent/nodes.h>
#include <kgent/routes.h>

/* ---- Tenants --------------------------------------------------------------------- */

START_TEST (tenants_share_nothing)
{
  char id[32];
  begin ();
  status_is (keep ("k", 3), 200);
  status_is (ask ("self.memory.checkpoint", "{\"label\":\"l\"}"), 200);
  status_is (ask ("self.state.checkpoint", "{\"label\":\"l\",\"state\":{\"a\":1}}"), 200);
  status_is (ask ("self.capabilities.acquire", "{\"capability\":\"c\"}"), 200);
  status_is (ask ("self.identity.evolve", "{\"traits\":{\"a\":1}}"), 200);
  status_is (ask ("self.judgment.refine", "{\"expect\":\"x\"}"), 200);
  snprintf (id, sizeof id, "%s", wait_for ("world.a.manifest", "{}"));
  act_as ("t2", all_scopes, any);
  status_is (ask ("self.memory.recall", "{\"key\":\"k\"}"), 404);
  status_is (ask ("self.memory.forget", "{\"key\":\"k\"}"), 404);
  status_is (ask ("self.memory.resume", "{\"label\":\"l\"}"), 404);
  HAS (ask ("self.memory.sense", NULL), "result.engrams", "0");
  HAS (ask ("self.state.inspect", NULL), "result.state", "{}");
  HAS (ask ("self.capabilities.list", NULL), "result.total", "0");
  status_is (ask ("self.capabilities.acquire", "{\"capability\":\"c\"}"), 200);
  HAS (ask ("self.identity.reflect", NULL), "result.traits", "{}");
  HAS (ask ("self.judgment.expectations", NULL), "result.total", "0");
  HAS (ask ("world.purgatory.list", "{\"status\":\"all\"}"), "result.total", "0");
  status_is (resolve (id), 404);
  HAS (ask ("self.memory.k.inspect", NULL), "result.state", "null");
  act_as ("t1", all_scopes, any);
  item_is (id, "pending");
  end ();
}
END_TEST

/* ---- Limits of the memory ------------------------------------------------------------- */

START_TEST (engrams_are_bounded)
{
  char key[16];
  int i;
  begin ();
  for (i = 0; i < 1000; i++) {
    snprintf (key, sizeof key, "k%d", i);
    status_is (keep (key, 1), 200);
  }
  over (keep ("k1000", 1), "agentese.engrams");
  status_is (keep ("k5", 2), 200); /* one that is there */
  status_is (ask ("self.memory.forget", "{\"key\":\"k7\"}"), 200);
  status_is (keep ("k1000", 1), 200);
  end ();
}
END_TEST

/* All of a full memory fits into a checkpoint. */
START_TEST (bytes_are_bounded)
{
  static const char *const conf[] = { "node_bytes_max=66000", NULL };
  char key[16];
  int i;
  begin_with (conf);
  over (keep ("k0", 66500), "agentese.node_bytes");
  for (i = 0; i < 12; i++) {
    snprintf (key, sizeof key, "k%d", i);
    status_is (keep (key, 65500), 200);
  }
  over (keep ("k12", 65500), "agentese.memory");
  HAS (ask ("self.memory.checkpoint", "{\"label\":\"full\"}"), "result.engrams", "12");
  status_is (ask ("self.memory.prune", "{\"threshold\":1}"), 200);
  status_is (ask ("self.memory.forget", "{\"key\":\"k3\"}"), 404);
  HAS (ask ("self.memory.resume", "{\"label\":\"full\"}"), "result.engrams", "12");
  status_is (ask ("self.memory.recall", "{\"key\":\"k3\"}"), 200);
  HAS (ask ("self.memory.recall", "{\"query\":\"nothing\"}"), "result.total", "0");
  end ();
}
END_TEST

START_TEST (checkpoints_are_bounded)
{
  begin ();
  fill ("self.memory.checkpoint", "label", 16);
  over (ask ("self.memory.checkpoint", "{\"label\":\"l16\"}"), "agentese.checkpoints");
  status_is (ask ("self.memory.checkpoint", "{\"label\":\"l3\"}"), 200);
  end ();
}
END_TEST

/* Engrams are nodes of the tenant, and given back. */
START_TEST (engrams_are_nodes)
{
  static const char *const conf[] = { "nodes_max=3", NULL };
  begin_with (conf);
  status_is (keep ("a", 1), 200);
  status_is (keep ("b", 1), 200);
  over (keep ("c", 1), "agentese.nodes");
  status_is (ask ("self.memory.forget", "{\"key\":\"a\"}"), 200);
  ck_assert_double_eq (fake_metric (fake, "kgent_agentese_nodes", NULL), 2);
  status_is (keep ("c", 1), 200);
  ck_assert_ptr_null (fake_store_get (fake, "agentese.nodes", "t1/self.memory.a"));
  end ();
}
END_TEST

/* ---- Vitals ---------------------------------------------------------------------------------- */

static int32_t is_live, is_ready;

static int32_t
host_view (kg_self *self, struct kg_host_view *ret)
{
  (void)self;
  ret->name = "fake";
  ret->version = "0";
  return 0;
}

static int32_t
live (kg_self *self)
{
  (void)self;
  return is_live;
}

static int32_t
ready (kg_self *self)
{
  (void)self;
  return is_ready;
}

static const struct kg_routes routes
    = { .size = sizeof routes, .host = host_view, .live = live, .ready = ready };

/* What the host is, as it is. */
START_TEST (vitals_are_real)
{
  fake = fake_new ();
  fake_services (fake);
  fake_provide (fake, KG_METER, &meter, sizeof meter);
  fake_provide (fake, KG_ROUTES, &routes, sizeof routes);
  ck_assert_msg (!fake_open (fake, &kg_plugin_1, NULL), "%s", fake_error (fake));
  ck_assert_msg (!fake_start (fake), "%s", fake_error (fake));
  act_as ("t1", all_scopes, any);
  is_live = is_ready = 1;
  HAS (ask ("self.vitals.manifest", NULL), "result.host.ready", "true");
  HAS (ask ("self.vitals.can_recall", NULL), "result.can_recall", "true");
  is_live = is_ready = 0;
  HAS (ask ("self.vitals.triad.manifest", NULL), "result.host.ready", "false");
  HAS (ask ("self.vitals.can_recall", NULL), "result.can_recall", "false");
  HAS (ask ("self.vitals.can_persist", NULL), "result.can_persist", "true");
  HAS (ask ("self.vitals.is_coherent", NULL), "result.is_coherent", "true");
  fake_store_fail (fake, -ENOSPC, 1);
  status_is (keep ("a", 1), 503);
  HAS (ask ("self.vitals.can_persist", NULL), "result.can_persist", "false");
  HAS (ask ("self.vitals.is_coherent", NULL), "result.is_coherent", "false");
  status_is (keep ("a", 1), 200);
  HAS (ask ("self.vitals.can_persist", NULL), "result.can_persist", "true");
  fake_free (fake);
}
END_TEST

START_TEST (vitals_of_a_silent_host)
{
  begin ();
  status_is (ask ("self.vitals.is_coherent", NULL), 503);
  status_is (ask ("self.vitals.synapse.prometheus", NULL), 503);
  end ();
}
END_TEST

/* ---- A soul ------------------------------------------------------------------------------------ */

static const struct kg_nodes *nodes;
static kg_self *soul_self;

static int32_t
advise (const struct kg_node_call *call)
{
  return nodes->result (call, (kg_str){ "\"Rest.\"", 7 });
}

static int32_t
soul_open (const struct kg_host *host, kg_self *self, const void *conf, void **ret_data)
{
  (void)conf;
  (void)ret_data;
  soul_self = self;
  return host->need (self, KG_NODES, sizeof *nodes, 0, (const void **)&nodes);
}

static int32_t
soul_start (void *data)
{
  static const struct kg_node_aspect aspects[]
      = { { .name = "advise", .run = advise, .category = KG_NODE_GENERATION } };
  static const struct kg_node soul = { .size = sizeof soul,
                                       .aspect_size = sizeof aspects[0],
                                       .naspects = 1,
                                       .owner = "soul",
                                       .context = "self",
                                       .holon = "soul",
                                       .summary = "A persona.",
                                       .aspects = aspects };
  (void)data;
  return nodes->add (soul_self, &soul) || nodes->add (soul_self, &soul) != -EEXIST;
}

static const struct kg_plugin soul_plugin = { .abi = KG_ABI_CURRENT,
                                              .size = sizeof soul_plugin,
                                              .opt_size = sizeof (struct kg_opt),
                                              .name = "soul",
                                              .version = "1",
                                              .open = soul_open,
                                              .start = soul_start };

/* The built-in one stands in until a plugin has one. */
START_TEST (a_soul)
{
  kg_req *req;
  begin ();
  status_is (ask ("self.soul.advise", NULL), 503);
  end ();
  begin_unstarted (NULL);
  ck_assert_msg (!fake_open (fake, &soul_plugin, NULL), "%s", fake_error (fake));
  ck_assert_msg (!fake_start (fake), "%s", fake_error (fake));
  act_as ("t1", all_scopes, any);
  HAS (ask ("self.soul.advise", NULL), "result", "Rest.");
  HAS (ask ("self.soul.manifest", NULL), "result.owner", "soul");
  status_is (ask ("self.soul.explore", NULL), 403);
  req = fake_request (fake, "GET", "/v1/agentese/paths?prefix=self.soul.a", NULL, NULL);
  HAS (req, "paths.0.path", "self.soul.advise");
  HAS (req, "paths.0.owner", "soul");
  ck_assert_ptr_null (fake_json (req, "paths.2"));
  end ();
}
END_TEST

UNIT_MAIN ("agentese-self", tenants_share_nothing, engrams_are_bounded, bytes_are_bounded,
           checkpoints_are_bounded, engrams_are_nodes, vitals_are_real, vitals_of_a_silent_host,
           a_soul)
