/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* self.* and world.purgatory: limits, races, prices, tenants, and a host that is not well. */
#include "tests/plugins/agentese.h"
#include "tests/unit.h"

#include <kgent/nodes.h>
#include <kgent/routes.h>

static kg_req *
ask (const char *path, const char *kwargs)
{
  static char more[80000];
  static char body[81000];
  snprintf (more, sizeof more, ",\"kwargs\":%s", kwargs ? kwargs : "{}");
  snprintf (body, sizeof body, "{\"path\":\"%s\"%s}", path, more);
  return fake_request (fake, "POST", "/v1/agentese/invoke", NULL, body);
}

static void
status_is (kg_req *req, int status)
{
  ck_assert_msg (fake_status (req) == status, "%d: %s", (int)fake_status (req), fake_body (req));
}

static void
over (kg_req *req, const char *policy)
{
  status_is (req, 507);
  HAS (req, "violated_policies.0", policy);
}

/* Keeps `bytes` of data under a key. */
static kg_req *
keep (const char *key, int bytes)
{
  static char kwargs[70000];
  snprintf (kwargs, sizeof kwargs, "{\"key\":\"%s\",\"data\":\"%0*d\"}", key, bytes, 7);
  return ask ("self.memory.engram", kwargs);
}

/* An action that waits; its id. */
static const char *
wait_for (const char *target, const char *arguments)
{
  static char id[32];
  char kwargs[512];
  kg_req *req;
  snprintf (kwargs, sizeof kwargs, "{\"reason\":\"May I?\",\"target\":\"%s\",\"arguments\":%s}",
            target, arguments);
  req = ask ("self.semaphore.yield", kwargs);
  status_is (req, 200);
  snprintf (id, sizeof id, "%s", fake_json (req, "result.id"));
  return id;
}

static kg_req *
resolve (const char *id)
{
  char kwargs[64];
  snprintf (kwargs, sizeof kwargs, "{\"id\":\"%s\"}", id);
  return ask ("world.purgatory.resolve", kwargs);
}

static void
item_is (const char *id, const char *status)
{
  char kwargs[64];
  snprintf (kwargs, sizeof kwargs, "{\"id\":\"%s\"}", id);
  HAS (ask ("self.semaphore.status", kwargs), "result.status", status);
}

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
  char kwargs[32];
  int i;
  begin ();
  for (i = 0; i < 16; i++) {
    snprintf (kwargs, sizeof kwargs, "{\"label\":\"l%d\"}", i);
    status_is (ask ("self.memory.checkpoint", kwargs), 200);
  }
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
  char kwargs[64];
  int i;
  begin ();
  for (i = 0; i < 64; i++) {
    snprintf (kwargs, sizeof kwargs, "{\"capability\":\"c%d\"}", i);
    status_is (ask ("self.capabilities.acquire", kwargs), 200);
  }
  over (ask ("self.capabilities.acquire", "{\"capability\":\"c64\"}"), "agentese.capabilities");
  status_is (ask ("self.capabilities.release", "{\"capability\":\"c9\"}"), 200);
  status_is (ask ("self.capabilities.acquire", "{\"capability\":\"c64\"}"), 200);
  end ();
}
END_TEST

START_TEST (expectations_are_bounded)
{
  char kwargs[64];
  int i;
  begin ();
  for (i = 0; i < 64; i++) {
    snprintf (kwargs, sizeof kwargs, "{\"expect\":\"e%d\"}", i);
    status_is (ask ("self.judgment.refine", kwargs), 200);
  }
  over (ask ("self.judgment.refine", "{\"expect\":\"e64\"}"), "agentese.expectations");
  status_is (ask ("self.judgment.refine", "{\"expect\":\"e64\",\"without\":\"e1\"}"), 200);
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

/* ---- What was kept by somebody else ----------------------------------------------------------- */

START_TEST (a_broken_index)
{
  begin ();
  status_is (keep ("a", 1), 200);
  fake_store_put (fake, "agentese.nodes", "t1/self.memory",
                  "{\"version\":1,\"created\":\"x\",\"changed\":\"x\",\"state\":{\"engrams\":[[7]]},"
                  "\"relations\":[]}");
  ck_assert_int_ge (fake_status (ask ("self.memory.sense", NULL)), 500);
  ck_assert_int_ge (fake_status (keep ("b", 1)), 500);
  status_is (ask ("self.memory.recall", "{\"key\":\"a\"}"), 200); /* it needs no index */
  end ();
}
END_TEST

/* ---- Without memory ------------------------------------------------------------------------------ */

static struct kg_host thin; /* the fake's, but for some allocation that fails */
static int thin_left;       /* until one does; 0: none */

static void *
thin_alloc (kg_req *req, size_t size)
{
  return thin_left && !--thin_left ? NULL : fake_host ()->alloc (req, size);
}

static const struct kg_json *
thin_parse (kg_req *req, kg_str text)
{
  return thin_left && !--thin_left ? NULL : fake_host ()->parse (req, text);
}

static int32_t
thin_open (const struct kg_host *host, kg_self *self, const void *conf, void **ret_data)
{
  thin = *host;
  thin.alloc = thin_alloc;
  thin.parse = thin_parse;
  return kg_plugin_1.open (&thin, self, conf, ret_data);
}

static const struct {
  const char *path, *archetype, *kwargs;
  int pure; /* answers the same whenever it is asked */
} thin_calls[] = {
  { "concept.a.define", "poet", "{\"name\":\"x\",\"extends\":[\"entity\"],\"domain\":\"d\"}", 0 },
  { "concept.a.refine", "philosopher", "{\"challenge\":\"No.\"}", 0 },
  { "concept.known.manifest", "philosopher", "{}", 1 },
  { "concept.known.lineage", "poet", "{}", 1 },
  { "self.memory.engram", "poet", "{\"key\":\"e\",\"data\":\"\\u00e4\",\"ttl\":100}", 0 },
  { "self.memory.store", "poet", "{\"data\":{\"a\":1}}", 0 },
  { "self.memory.recall", "poet", "{\"key\":\"kept\"}", 1 },
  { "self.memory.recall", "poet", "{\"query\":\"one two\"}", 1 },
  { "self.memory.recall", "poet", "{\"key\":\"none\"}", 1 },
  { "self.memory.checkpoint", "poet", "{\"label\":\"l\"}", 0 },
  { "self.memory.resume", "poet", "{\"label\":\"l\"}", 0 },
  { "self.memory.crystallize", "poet", "{\"key\":\"c\",\"query\":\"one\"}", 0 },
  { "self.memory.consolidate", "poet", "{}", 0 },
  { "self.capabilities.acquire", "poet", "{\"capability\":\"c\"}", 0 },
  { "self.capabilities.release", "poet", "{\"capability\":\"c\"}", 0 },
  { "self.state.checkpoint", "poet", "{\"label\":\"l\",\"state\":{\"a\":1}}", 0 },
  { "self.state.restore", "poet", "{\"label\":\"l\"}", 0 },
  { "self.identity.evolve", "poet", "{\"traits\":{\"a\":1}}", 0 },
  { "self.judgment.refine", "poet", "{\"expect\":\"one\"}", 0 },
  { "self.judgment.surprise", "poet", "{\"content\":\"one\"}", 1 },
  { "self.semaphore.yield", "poet",
    "{\"reason\":\"r\",\"target\":\"world.a.transform\",\"arguments\":{\"changes\":{}}}", 0 },
  { "self.semaphore.pending", "poet", "{}", 0 },
};

/* One call, whose allocation number `n` fails; 0: none does.  Whether it was reached. */
static int
thin_call (uint32_t i, int n, kg_req **ret)
{
  thin_left = n;
  *ret = invoke_as (thin_calls[i].path, thin_calls[i].archetype, thin_calls[i].kwargs);
  n = n && !thin_left;
  thin_left = 0;
  return n;
}

/* Whichever allocation fails, the answer is a 503, or what it would have been. */
START_TEST (without_memory)
{
  static struct kg_plugin plugin;
  static char want[8192];
  uint32_t i;
  int n;
  kg_req *req;
  begin ();
  end ();
  plugin = kg_plugin_1;
  plugin.open = thin_open;
  fake = fake_new ();
  fake_services (fake);
  ck_assert_msg (!fake_open (fake, &plugin, NULL), "%s", fake_error (fake));
  ck_assert_msg (!fake_start (fake), "%s", fake_error (fake));
  act_as ("t1", all_scopes, any);
  invoke_as ("concept.known.define", "poet", "{\"extends\":[\"entity\"],\"definition\":\"D.\"}");
  status_is (ask ("self.memory.engram", "{\"key\":\"kept\",\"data\":\"one\"}"), 200);
  status_is (ask ("self.memory.engram", "{\"key\":\"also\",\"data\":\"three\"}"), 200);
  for (i = 0; i < sizeof thin_calls / sizeof thin_calls[0]; i++) {
    if (thin_calls[i].pure) {
      thin_call (i, 0, &req);
      thin_call (i, 0, &req);
      snprintf (want, sizeof want, "%s", fake_json (req, fake_status (req) == 200 ? "result" : "detail"));
    }
    for (n = 1; thin_call (i, n, &req); n++) {
      int status = (int)fake_status (req);
      ck_assert_msg (status >= 500 || status == 200 || status == 404 || status == 409,
                     "%s, %d: %d %s", thin_calls[i].path, n, status, fake_body (req));
      if (thin_calls[i].pure && status < 500)
        ck_assert_pstr_eq (fake_json (req, status == 200 ? "result" : "detail"), want);
    }
    ck_assert_int_gt (n, 2);
  }
  HAS (ask ("self.memory.recall", "{\"key\":\"kept\"}"), "result.data", "one");
  req = ask ("world.purgatory.list", "{\"status\":\"all\"}");
  for (n = 0; n < 9; n++) {
    char at[40];
    snprintf (at, sizeof at, "result.items.%d.id", n);
    if (!fake_json (req, at))
      break;
    snprintf (at, sizeof at, "result.items.%d.target", n);
    HAS (req, at, "world.a.transform"); /* none has lost what it is for */
  }
  fake_free (fake);
}
END_TEST

UNIT_MAIN ("agentese-self", tenants_share_nothing, engrams_are_bounded, bytes_are_bounded,
           checkpoints_are_bounded, engrams_are_nodes, lost_races, disk_full, resolved_once,
           begun_and_not_ended, waiting_is_bounded, an_action_has_its_price,
           an_action_has_its_scope, a_long_result, capabilities_are_bounded,
           expectations_are_bounded, vitals_are_real, vitals_of_a_silent_host, a_soul,
           a_broken_index, without_memory)
