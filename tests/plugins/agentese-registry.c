/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Nodes of other plugins: how they are invoked, and which are refused. */

#include "tests/plugins/agentese-registry.h"

/* ---- Invoking it ------------------------------------------------------------------------ */

START_TEST (its_function_gets_the_call)
{
  kg_req *req = invoke ("self.plug.inner.echo[phase=QA]",
                        ",\"observer\":{\"name\":\"a\\\"b\",\"archetype\":\"poet\"},"
                        "\"kwargs\":{\"n\":3}");
  ck_assert_int_eq (fake_status (req), 200);
  HAS (req, "result.path", "self.plug.inner.echo[phase=QA]");
  HAS (req, "result.handle", "self.plug.inner");
  HAS (req, "result.aspect", "echo");
  HAS (req, "result.archetype", "poet");
  HAS (req, "result.observer", "a\"b");
  HAS (req, "result.kwargs.n", "3");
  HAS (req, "result.data", "mine");
  ck_assert_int_eq (noted, 1);
  HAS (invoke ("self.plug.inner.echo", NULL), "result.kwargs", "{}");
  HAS (invoke ("self.plug.inner.echo", NULL), "cached", "true");
}
END_TEST

START_TEST (arguments_are_checked)
{
  kg_req *req = invoke ("self.plug.inner.echo", ",\"kwargs\":{\"n\":10}");
  ck_assert_int_eq (fake_status (req), 422);
  HAS (req, "errors.0.loc", "[\"body\",\"kwargs\",\"n\"]");
  HAS (req, "errors.0.type", "range");
  HAS (req, "detail", "body.kwargs.n: Input should be less than or equal to 9");
  ck_assert_int_eq (noted, 0);
}
END_TEST

START_TEST (it_may_wait)
{
  kg_req *req = invoke ("self.plug.inner.later", NULL);
  ck_assert_int_eq (fake_status (req), 0);
  ck_assert_int_eq (held[KG_BUDGET_TOKENS].reserved, 10);
  ck_assert_int_eq (held[KG_BUDGET_MONEY].reserved, 5);
  ck_assert_int_eq (held[KG_BUDGET_REQUESTS].reserved, 2);
  fake_host ()->resume (ticket, later_goes_on, NULL, NULL);
  fake_run (fake);
  ck_assert_int_eq (fake_status (req), 200);
  HAS (req, "result", "late");
  HAS (req, "tokens_used", "9");
  ck_assert_int_eq (held[KG_BUDGET_TOKENS].settled, 9);
  ck_assert_int_eq (held[KG_BUDGET_MONEY].settled, 5);
  ck_assert_int_eq (held[KG_BUDGET_REQUESTS].settled, 2);
}
END_TEST

START_TEST (prices_of_the_configuration_come_first)
{
  end ();
  begin_unstarted ((const char *const[]){ "prices.0.path=self.plug.*", "prices.0.tokens=4", NULL });
  ck_assert_int_eq (fake_open (fake, &plug, NULL), 0);
  ck_assert_int_eq (fake_start (fake), 0);
  act_as ("t1", all_scopes, any);
  budget_left[KG_BUDGET_TOKENS] = 4;
  HAS (invoke ("self.plug.inner.echo", NULL), "tokens_used", "4");
  ck_assert_int_eq (held[KG_BUDGET_TOKENS].settled, 4);
  HAS (fake_request (fake, "GET", "/v1/agentese/paths?prefix=self.plug.inner.later", NULL, NULL),
       "paths.0.price",
       "{\"requests\":1,\"fixed\":4,\"per_token\":0,\"per_kb\":0,\"max\":4,\"money\":0}");
  budget_left[KG_BUDGET_TOKENS] = 3;
  ck_assert_int_eq (fake_status (invoke ("self.plug.inner.echo", NULL)), 402);
}
END_TEST

START_TEST (pieces_are_collected)
{
  kg_req *req = invoke ("self.plug.inner.pieces", NULL);
  ck_assert_int_eq (fake_status (req), 200);
  HAS (req, "result", "one \"two\"");
  req = invoke ("self.plug.inner.too_much", NULL);
  ck_assert_int_eq (last_chunk, -E2BIG);
  ck_assert_int_eq (fake_status (req), 502);
  HAS (req, "detail", "There is too much");
  ck_assert_double_eq (fake_metric (fake, "kgent_agentese_refusals_total", "upstream"), 1);
}
END_TEST

START_TEST (its_mistakes_are_its_own)
{
  ck_assert_int_eq (fake_status (invoke ("self.plug.inner.no_json", NULL)), 500);
  ck_assert_ptr_nonnull (
      strstr (fake_logged (fake), "node self.plug.inner.no_json answered what is no JSON"));
  ck_assert_int_eq (fake_status (invoke ("self.plug.inner.no_pieces", NULL)), 500);
  ck_assert_int_eq (last_chunk, -EINVAL);
  ck_assert_int_eq (fake_status (invoke ("self.plug.inner.fails", NULL)), 504);
  ck_assert_int_eq (noted, 0);
}
END_TEST

START_TEST (who_may)
{
  kg_req *req = invoke ("self.plug.inner.sing", NULL);
  ck_assert_int_eq (fake_status (req), 403);
  HAS (req, "available.3", "echo");
  ck_assert_int_eq (fake_status (invoke_as ("self.plug.inner.sing", "poet", NULL)), 200);
  act_as ("t1", read_only, any);
  ck_assert_int_eq (fake_status (invoke ("self.plug.inner.pieces", NULL)), 403);
  ck_assert_int_eq (fake_status (invoke ("self.plug.inner.echo", NULL)), 200);
  ck_assert_int_eq (fake_status (invoke ("self.plug.inner", NULL)), 400);
  ck_assert_int_eq (fake_status (invoke ("self.plug.inner.fly", NULL)), 403);
}
END_TEST

START_TEST (every_node_can_be_looked_at)
{
  kg_req *req = invoke ("self.plug.inner.manifest", NULL);
  HAS (req, "result.summary", "A node of the test.");
  HAS (req, "result.kind", "plugin");
  HAS (req, "result.owner", "plug");
  HAS (req, "result.aspects.3.aspect", "echo");
  HAS (req, "result.aspects.3.category", "PERCEPTION");
  HAS (invoke ("self.plug.inner.witness", NULL), "result.total", "0");
  HAS (invoke ("self.plug.inner.lineage", NULL), "result.lineage", "[\"self\",\"self.plug\"]");
  HAS (invoke ("self.plug.inner.affordances", NULL), "result",
       "[\"manifest\",\"witness\",\"affordances\",\"echo\",\"later\",\"pieces\",\"too_much\","
       "\"no_json\",\"no_pieces\",\"fails\"]");
}
END_TEST

START_TEST (it_is_counted_and_watched)
{
  static const char *const metric = "kgent_node_self_plug_inner_calls_total";
  ck_assert_int_eq (fake_health (fake, "node_self_plug_inner"), KG_HEALTH_OK);
  invoke ("self.plug.inner.echo", NULL);
  invoke ("self.plug.inner.echo", ",\"kwargs\":{\"n\":10}");
  ck_assert_double_eq (fake_metric (fake, metric, "ok,echo"), 1);
  ck_assert_double_eq (fake_metric (fake, metric, "refused,echo"), 1);
  ck_assert_int_eq (fake_health (fake, "node_self_plug_inner"), KG_HEALTH_OK);
  invoke ("self.plug.inner.fails", NULL);
  ck_assert_double_eq (fake_metric (fake, metric, "failed,fails"), 1);
  ck_assert_int_eq (fake_health (fake, "node_self_plug_inner"), KG_HEALTH_DEGRADED);
  ck_assert_str_eq (fake_health_detail (fake, "node_self_plug_inner"),
                    "the last call failed with 504");
  invoke ("self.plug.inner.echo", NULL);
  ck_assert_int_eq (fake_health (fake, "node_self_plug_inner"), KG_HEALTH_OK);
  ck_assert_str_eq (fake_health_detail (fake, "node_self_plug_inner"), "");
  invoke ("self.plug.inner.too_much", NULL);
  ck_assert_int_eq (fake_health (fake, "node_self_plug_inner"), KG_HEALTH_DEGRADED);
}
END_TEST

/* ---- Adding it ---------------------------------------------------------------------------- */

static const struct kg_node_aspect no_function[]
    = { { .name = "x", .category = KG_NODE_PERCEPTION } };
static const struct kg_node_aspect no_category[] = { { .name = "x", .run = echo, .category = 7 } };
static const struct kg_node_aspect no_name[]
    = { { .name = "X", .run = echo, .category = KG_NODE_PERCEPTION } };
static const struct kg_node_aspect no_schema[] = { { .name = "x",
                                                     .run = echo,
                                                     .category = KG_NODE_PERCEPTION,
                                                     .input = "{\"anyOf\":[]}" } };
static const struct kg_node_aspect no_max[] = {
  { .name = "x", .run = echo, .category = KG_NODE_PERCEPTION, .flags = KG_NODE_PER_TOKEN }
};
static const struct kg_node_aspect no_cost[]
    = { { .name = "x", .run = echo, .category = KG_NODE_PERCEPTION, .tokens = -1 } };
static const struct kg_node_aspect fine[]
    = { { .name = "x", .run = echo, .category = KG_NODE_PERCEPTION } };

static const struct {
  const char *context, *holon;
  const struct kg_node_aspect *aspect;
  const char *why;
  int32_t error;
} wrong[] = {
  { "earth", "x", fine, "no such context", -EINVAL },
  { "self", "X", fine, "no name of the path language", -EINVAL },
  { "self", "a..b", fine, "no name of the path language", -EINVAL },
  { "self", NULL, fine, "owner, holon or aspects are missing", -EINVAL },
  { "self", "memory", fine, "it is registered already", -EEXIST },
  { "self", "plug.inner", fine, "it is registered already", -EEXIST },
  { "self", "x", NULL, "owner, holon or aspects are missing", -EINVAL },
  { "self", "x", no_function, "it has no name or no function", -EINVAL },
  { "self", "x", no_category, "no such category or flag", -EINVAL },
  { "self", "x", no_name, "no name of the path language", -EINVAL },
  { "self", "x", no_schema, "a keyword that is not of the subset", -EINVAL },
  { "self", "x", no_max, "has no tokens_max", -EINVAL },
  { "self", "x", no_cost, "a cost is negative", -EINVAL },
};

static void
add_wrong (void)
{
  size_t i;
  for (i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    struct kg_node bad = node;
    bad.context = wrong[i].context;
    bad.holon = wrong[i].holon;
    bad.aspects = wrong[i].aspect;
    bad.naspects = 1;
    fake_log_clear (fake);
    ck_assert_msg (nodes->add (its_self, &bad) == wrong[i].error, "%s", wrong[i].why);
    ck_assert_msg (strstr (fake_logged (fake), wrong[i].why) != NULL, "%s", fake_logged (fake));
  }
}

START_TEST (wrong_nodes_are_refused)
{
  begin_plug_and (add_wrong);
  end ();
}
END_TEST

/* Many nodes, so that the table grows while it is used. */
static void
add_many (void)
{
  static char names[1000][16];
  struct kg_node many = node;
  int i;
  many.aspects = fine;
  many.naspects = 1;
  for (i = 0; i < 1000; i++) {
    snprintf (names[i], sizeof names[i], "many%d", i);
    many.holon = names[i];
    ck_assert_int_eq (nodes->add (its_self, &many), 0);
  }
}

START_TEST (many_nodes)
{
  char path[64];
  int i;
  begin_plug_and (add_many);
  for (i = 0; i < 1000; i++) {
    snprintf (path, sizeof path, "self.many%d.x", i);
    ck_assert_int_eq (fake_status (invoke (path, NULL)), 200);
  }
  ck_assert_int_eq (fake_status (invoke ("self.memory.affordances", NULL)), 200);
  end ();
}
END_TEST

/* An aspect of an older minor is shorter; a node of a newer one is longer. */
static void
add_other_minors (void)
{
  static struct kg_node_aspect one[2];
  struct {
    struct kg_node node;
    char more[64];
  } big = { .node = node };
  size_t size = offsetof (struct kg_node_aspect, data);
  memcpy (one, &(struct kg_node_aspect){ .name = "x", .run = echo, .category = 1 }, size);
  memcpy ((char *)one + size,
          &(struct kg_node_aspect){ .name = "y", .run = echo, .category = 1 }, size);
  big.node.size = sizeof big;
  big.node.holon = "minor";
  big.node.aspects = one;
  big.node.naspects = 2;
  big.node.aspect_size = (uint32_t)size;
  ck_assert_int_eq (nodes->add (its_self, &big.node), 0);
}

START_TEST (other_minors)
{
  begin_plug_and (add_other_minors);
  HAS (invoke ("self.minor.y", NULL), "result.data", "null");
  end ();
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("agentese-registry");
  TCase *t = tcase_create ("nodes"), *a = tcase_create ("archetypes");
  SRunner *sr;
  int failed;
  tcase_add_checked_fixture (t, begin_plug, end);
  tcase_add_test (t, its_function_gets_the_call);
  tcase_add_test (t, arguments_are_checked);
  tcase_add_test (t, it_may_wait);
  tcase_add_test (t, prices_of_the_configuration_come_first);
  tcase_add_test (t, pieces_are_collected);
  tcase_add_test (t, its_mistakes_are_its_own);
  tcase_add_test (t, who_may);
  tcase_add_test (t, it_is_counted_and_watched);
  tcase_add_test (t, every_node_can_be_looked_at);
  suite_add_tcase (s, t);
  tcase_add_test (a, many_nodes);
  tcase_add_test (a, other_minors);
  tcase_add_test (a, wrong_nodes_are_refused);
  suite_add_tcase (s, a);
  sr = srunner_create (s);
  srunner_set_tap (sr, "-");
  srunner_run_all (sr, CK_SILENT);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
