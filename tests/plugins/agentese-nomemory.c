/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* self.* in a host that is not well: a broken index, and no memory. */

#include "tests/plugins/agentese-self.h"

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

/* Each allocation of a call fails once. */
static void
thin_try (uint32_t i)
{
  static char want[8192];
  kg_req *req;
  int n;
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

/* Whichever allocation fails, the answer is a 503, or what it would have been. */
START_TEST (without_memory)
{
  static struct kg_plugin plugin;
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
  for (i = 0; i < sizeof thin_calls / sizeof thin_calls[0]; i++)
    thin_try (i);
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

UNIT_MAIN ("agentese-nomemory", a_broken_index, without_memory)
