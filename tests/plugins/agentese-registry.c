/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Nodes of other plugins, configured archetypes, and what is told about them all. */

#include "tests/plugins/agentese.h"

#include <kgent/nodes.h>

/* ---- A plugin with every kind of aspect ----------------------------------------------- */

static const struct kg_nodes *nodes;
static kg_self *its_self;
static kg_ticket *ticket;
static const struct kg_node_call *waiting;
static int32_t last_chunk;

static int32_t
echo (const struct kg_node_call *call)
{
  char buf[1024];
  struct kg_out o = { buf, 0, sizeof buf };
  kg_out_lit (&o, "{\"path\":");
  kg_out_str (&o, call->path);
  kg_out_lit (&o, ",\"handle\":");
  kg_out_str (&o, call->handle);
  kg_out_lit (&o, ",\"aspect\":");
  kg_out_str (&o, call->aspect);
  kg_out_lit (&o, ",\"archetype\":");
  kg_out_str (&o, call->archetype);
  kg_out_lit (&o, ",\"observer\":");
  kg_out_raw (&o, call->observer.ptr, call->observer.len);
  kg_out_lit (&o, ",\"kwargs\":");
  kg_out_raw (&o, kg_json_text (call->json, call->kwargs).ptr,
              kg_json_text (call->json, call->kwargs).len);
  kg_out_lit (&o, ",\"data\":");
  kg_out_text (&o, call->data);
  kg_out_lit (&o, "}");
  return nodes->result (call, (kg_str){ buf, o.len });
}

static int32_t
later_goes_on (kg_req *req, void *arg)
{
  (void)req;
  (void)arg;
  nodes->used (waiting, 7);
  return nodes->result (waiting, (kg_str){ "\"late\"", 6 });
}

static int32_t
later (const struct kg_node_call *call)
{
  waiting = call;
  ticket = fake_host ()->suspend (call->req, NULL, NULL);
  return KG_WAIT;
}

static int32_t
pieces (const struct kg_node_call *call)
{
  ck_assert_uint_eq (call->flags & KG_NODE_STREAMED, 0);
  nodes->chunk (call, (kg_str){ "one ", 4 });
  nodes->chunk (call, (kg_str){ "\"two\"", 5 });
  return nodes->result (call, (kg_str){ NULL, 0 });
}

static int32_t
too_much (const struct kg_node_call *call)
{
  static const char kilo[1024];
  int i;
  for (i = 0; i < 256; i++)
    ck_assert_int_eq (nodes->chunk (call, (kg_str){ kilo, sizeof kilo }), 0);
  last_chunk = nodes->chunk (call, (kg_str){ "x", 1 });
  return nodes->refuse (call, 502, "There is %s", "too much");
}

static int32_t
no_json (const struct kg_node_call *call)
{
  return nodes->result (call, (kg_str){ "{oops", 5 });
}

static int32_t
no_pieces (const struct kg_node_call *call)
{
  last_chunk = nodes->chunk (call, (kg_str){ "x", 1 });
  return nodes->result (call, (kg_str){ NULL, 0 });
}

static int32_t
fails (const struct kg_node_call *call)
{
  (void)call;
  return -ETIMEDOUT;
}

static const char *const poets[] = { "poet", NULL };

static const struct kg_node_aspect aspects[] = {
  { .name = "echo",
    .run = echo,
    .category = KG_NODE_PERCEPTION,
    .summary = "Says what it was told.",
    .input = "{\"type\":\"object\",\"properties\":{\"n\":{\"type\":\"integer\",\"maximum\":9}}}",
    .output = "{ \"type\" : \"object\" }",
    .data = "mine" },
  { .name = "later",
    .run = later,
    .category = KG_NODE_PERCEPTION,
    .flags = KG_NODE_PER_TOKEN,
    .tokens = 2,
    .tokens_max = 10,
    .money = 5,
    .requests = 3 },
  { .name = "pieces", .run = pieces, .category = KG_NODE_GENERATION, .flags = KG_NODE_STREAMS },
  { .name = "too_much", .run = too_much, .category = KG_NODE_PERCEPTION, .flags = KG_NODE_STREAMS },
  { .name = "no_json", .run = no_json, .category = KG_NODE_PERCEPTION },
  { .name = "no_pieces", .run = no_pieces, .category = KG_NODE_PERCEPTION },
  { .name = "fails", .run = fails, .category = KG_NODE_PERCEPTION },
  { .name = "sing", .run = echo, .category = KG_NODE_PERCEPTION, .archetypes = poets },
};

static const struct kg_node node = { .size = sizeof node,
                                     .aspect_size = sizeof aspects[0],
                                     .naspects = sizeof aspects / sizeof aspects[0],
                                     .owner = "plug",
                                     .context = "self",
                                     .holon = "plug.inner",
                                     .summary = "A node of the test.",
                                     .aspects = aspects };

static int32_t
plug_open (const struct kg_host *host, kg_self *self, const void *conf, void **ret_data)
{
  (void)conf;
  (void)ret_data;
  its_self = self;
  return host->need (self, KG_NODES, sizeof *nodes, 0, (const void **)&nodes);
}

static void (*more_in_start) (void);

static int32_t
plug_start (void *data)
{
  int32_t r = nodes->add (its_self, &node);
  (void)data;
  if (more_in_start)
    more_in_start ();
  return r;
}

static const struct kg_plugin plug = { .abi = KG_ABI_CURRENT,
                                       .size = sizeof plug,
                                       .opt_size = sizeof (struct kg_opt),
                                       .name = "plug",
                                       .version = "1",
                                       .summary = "Adds a node.",
                                       .open = plug_open,
                                       .start = plug_start };

static void
begin_plug_and (void (*more) (void))
{
  int i;
  more_in_start = more;
  begin_unstarted (NULL);
  ck_assert_msg (!fake_open (fake, &plug, NULL), "%s", fake_error (fake));
  ck_assert_msg (!fake_start (fake), "%s", fake_error (fake));
  for (i = 0; i < 4; i++)
    budget_left[i] = 1000;
  act_as ("t1", all_scopes, any);
}

static void
begin_plug (void)
{
  begin_plug_and (NULL);
}

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

/* ---- The list of paths ----------------------------------------------------------------------- */

static kg_req *
paths (const char *query)
{
  char target[256];
  snprintf (target, sizeof target, "/v1/agentese/paths%s%s", *query ? "?" : "", query);
  return fake_request (fake, "GET", target, NULL, NULL);
}

START_TEST (paths_are_told)
{
  kg_req *req = paths ("prefix=self.plug");
  ck_assert_int_eq (fake_status (req), 200);
  HAS (req, "paths.0.path", "self.plug.inner.affordances");
  HAS (req, "paths.1.path", "self.plug.inner.echo");
  HAS (req, "paths.1.category", "PERCEPTION");
  HAS (req, "paths.1.scope", "read");
  HAS (req, "paths.1.kind", "plugin");
  HAS (req, "paths.1.owner", "plug");
  HAS (req, "paths.1.summary", "Says what it was told.");
  HAS (req, "paths.1.streams", "false");
  HAS (req, "paths.1.price",
       "{\"requests\":1,\"fixed\":0,\"per_token\":0,\"per_kb\":0,\"max\":0,\"money\":0}");
  HAS (req, "paths.1.input.properties.n.maximum", "9");
  HAS (req, "paths.1.output", "{\"type\":\"object\"}");
  HAS (req, "paths.3.path", "self.plug.inner.later");
  HAS (req, "paths.3.price",
       "{\"requests\":3,\"fixed\":2,\"per_token\":1,\"per_kb\":0,\"max\":10,\"money\":5}");
  HAS (req, "paths.7.path", "self.plug.inner.pieces");
  HAS (req, "paths.7.scope", "write");
  HAS (req, "paths.7.streams", "true");
  HAS (req, "next", "null");
}
END_TEST

START_TEST (paths_are_those_of_the_caller)
{
  const char *body;
  act_as ("t1", read_only, NULL);
  body = fake_body (paths ("limit=1000"));
  ck_assert_ptr_nonnull (strstr (body, "\"self.plug.inner.echo\""));
  ck_assert_ptr_null (strstr (body, "\"self.plug.inner.pieces\"")); /* takes write */
  ck_assert_ptr_null (strstr (body, "\"self.plug.inner.sing\""));   /* for poets */
  ck_assert_ptr_null (strstr (body, "\"world.*.transform\""));
  ck_assert_ptr_nonnull (strstr (body, "\"world.*.relate\"")); /* without target */
  act_as ("t1", all_scopes, poet_first);
  body = fake_body (paths ("limit=1000"));
  ck_assert_ptr_nonnull (strstr (body, "\"self.plug.inner.sing\""));
  ck_assert_ptr_nonnull (strstr (body, "\"world.*.contemplate\""));
  ck_assert_ptr_nonnull (strstr (body, "\"world.*.build\""));
  ck_assert_ptr_null (strstr (body, "\"world.*.renovate\""));
  body = fake_body (paths ("limit=1000&archetype=poet"));
  ck_assert_ptr_null (strstr (body, "\"world.*.build\""));
  ck_assert_int_eq (fake_status (paths ("archetype=admin")), 403);
  act_as ("t1", house_only, NULL);
  body = fake_body (paths ("limit=1000"));
  ck_assert_ptr_null (strstr (body, "\"self."));
  ck_assert_ptr_nonnull (strstr (body, "\"world.*.transform\"")); /* of world.house */
}
END_TEST

START_TEST (paths_come_in_pages)
{
  kg_req *req = paths ("limit=1000"), *page;
  char query[128] = "limit=3", item[32], last[300] = "";
  const char *next, *path;
  int i, n = 0;
  do {
    page = paths (query);
    for (i = 0; i < 3; i++) {
      snprintf (item, sizeof item, "paths.%d.path", i);
      path = fake_json (page, item);
      if (!path)
        break;
      ck_assert_int_lt (strcmp (last, path), 0);
      snprintf (last, sizeof last, "%s", path);
      snprintf (item, sizeof item, "paths.%d.path", n++);
      HAS (req, item, path);
    }
    next = fake_json (page, "next");
    snprintf (query, sizeof query, "limit=3&after=%s", next);
  } while (strcmp (next, "null"));
  snprintf (item, sizeof item, "paths.%d.path", n);
  ck_assert_ptr_null (fake_json (req, item));
  ck_assert_int_gt (n, 40);
  HAS (paths ("prefix=world.house"), "paths", "[]");
  HAS (paths ("prefix=earth"), "paths", "[]");
}
END_TEST

static void
add_inside (void)
{
  struct kg_node inside = node;
  inside.context = "world";
  inside.holon = "house.lift";
  ck_assert_int_eq (nodes->add (its_self, &inside), 0);
}

START_TEST (paths_of_a_node_of_the_open_world)
{
  kg_req *req;
  begin_plug_and (add_inside);
  act_as ("t1", house_only, NULL);
  req = paths ("prefix=world.house.");
  HAS (req, "paths.0.path", "world.house.affordances");
  HAS (req, "paths.1.path", "world.house.build");
  ck_assert_ptr_nonnull (strstr (fake_body (req), "world.house.lift.witness\""));
  HAS (paths ("prefix=world.house.&after=world.house.deploy&limit=2"), "paths.1.path",
       "world.house.lift.echo");
  HAS (paths ("prefix=world.garden."), "paths", "[]"); /* not of this key */
  HAS (paths ("prefix=world.house.lift."), "paths.0.path", "world.house.lift.affordances");
  end ();
}
END_TEST

START_TEST (paths_of_a_closed_world)
{
  begin_with ((const char *const[]){ "open_world=false", NULL });
  ck_assert_ptr_null (strstr (fake_body (paths ("limit=1000")), "\"world.*"));
  HAS (paths ("prefix=world.house."), "paths", "[]");
  fake_store_put (fake, "agentese.nodes", "t1/world.house",
                  "{\"version\":1,\"created\":\"\",\"changed\":\"\",\"state\":{},"
                  "\"relations\":[]}");
  HAS (paths ("prefix=world.house."), "paths.0.path", "world.house.affordances");
  end ();
}
END_TEST

static const char *const bad_queries[]
    = { "limit=0", "limit=1001", "limit=x", "limit=", "limit=99999999999999999999", "prefix=A",
        "after=%22" };

START_TEST (paths_queries_are_checked)
{
  kg_req *req = paths (bad_queries[_i]);
  ck_assert_int_eq (fake_status (req), 422);
  ck_assert_ptr_nonnull (fake_json (req, "errors.0.loc.1"));
}
END_TEST

static void
add_another (void)
{
  struct kg_node more = node;
  more.holon = "another";
  ck_assert_int_eq (nodes->add (its_self, &more), 0);
}

START_TEST (paths_have_a_tag)
{
  kg_req *req = paths ("");
  char header[64];
  const char *const headers[] = { header, NULL };
  snprintf (header, sizeof header, "If-None-Match: %s", fake_header (req, "ETag"));
  ck_assert_str_eq (fake_header (paths (""), "ETag"), header + 15);
  ck_assert_int_eq (
      fake_status (fake_request (fake, "GET", "/v1/agentese/paths", headers, NULL)), 304);
  act_as ("t1", read_only, any);
  req = fake_request (fake, "GET", "/v1/agentese/paths", headers, NULL);
  ck_assert_int_eq (fake_status (req), 200);
  end ();
  begin_plug_and (add_another);
  req = fake_request (fake, "GET", "/v1/agentese/paths?prefix=self", headers, NULL);
  ck_assert_int_eq (fake_status (req), 200);
  ck_assert_ptr_nonnull (strstr (fake_body (req), "\"self.another.echo\""));
}
END_TEST

static int32_t
view_count (const struct kg_node_view *view, void *arg)
{
  int *n = arg;
  if (!strcmp (view->path, "self.plug.inner.later")) {
    ck_assert_str_eq (view->category, "PERCEPTION");
    ck_assert_str_eq (view->owner, "plug");
    ck_assert_int_eq (view->tokens, 2);
    ck_assert_uint_eq (view->flags, KG_NODE_PER_TOKEN);
    *n += 1000;
  }
  if (!strcmp (view->path, "world.*.define"))
    ck_assert_uint_eq (view->flags, KG_NODE_ANY);
  return ++*n == 5000;
}

START_TEST (others_are_told)
{
  int n = 0;
  uint64_t version = nodes->version (its_self);
  ck_assert_int_eq (nodes->walk (its_self, view_count, &n), 0);
  ck_assert_int_gt (n, 1040);
  end ();
  begin_plug_and (add_another);
  ck_assert_uint_ne (nodes->version (its_self), version);
}
END_TEST

/* ---- Archetypes of the configuration -------------------------------------------------------- */

static const char *const gardener[]
    = { "archetypes.0.name=gardener",  "archetypes.0.inherits=architect",
        "archetypes.0.world=water,prune", "archetypes.1.name=apprentice",
        "archetypes.1.inherits=gardener", "archetypes.1.world=watch",
        "archetypes.2.name=poet",      "archetypes.2.concept=rhyme",
        NULL };

START_TEST (archetypes_inherit)
{
  kg_req *req;
  begin_with (gardener);
  req = fake_request (fake, "GET", "/v1/agentese/affordances?path=world.a&archetype=apprentice",
                      NULL, NULL);
  HAS (req, "affordances",
       "[\"manifest\",\"witness\",\"affordances\",\"define\",\"relate\",\"transform\","
       "\"renovate\",\"measure\",\"blueprint\",\"demolish\",\"design\",\"water\",\"prune\","
       "\"watch\"]");
  HAS (invoke_as ("world.a.water", "apprentice", NULL), "result.status", "acknowledged");
  ck_assert_int_eq (fake_status (invoke_as ("world.a.watch", "gardener", NULL)), 403);
  HAS (invoke_as ("world.a.manifest", "gardener", NULL), "result.type", "blueprint");
  ck_assert_int_eq (
      fake_status (invoke_as ("world.a.define", "gardener", "{\"name\":\"b\"}")), 200);
  req = fake_request (fake, "GET", "/v1/agentese/affordances?path=world.purgatory&archetype="
                                   "gardener", NULL, NULL);
  HAS (req, "affordances.7", "void_expired");
  req = fake_request (fake, "GET", "/v1/agentese/affordances?path=concept.a&archetype=poet", NULL,
                      NULL);
  HAS (req, "affordances.5", "rhyme");
  end ();
}
END_TEST

static const struct {
  const char *const conf[5];
  const char *why;
} bad_archetypes[] = {
  { { "archetypes.0.name=A b", NULL }, "no name" },
  { { "archetypes.0.name=a", "archetypes.0.world=Fly", NULL }, "a verb is no name" },
  { { "archetypes.0.name=a", "archetypes.0.inherits=b", NULL }, "neither in the default table" },
  { { "archetypes.0.name=poet", "archetypes.0.inherits=admin", NULL }, "cannot inherit" },
  { { "archetypes.0.name=a", "archetypes.1.name=a", NULL }, "given twice" },
};

START_TEST (bad_archetypes_refuse_the_start)
{
  fake = fake_new ();
  fake_services (fake);
  ck_assert_int_lt (fake_open (fake, &kg_plugin_1, bad_archetypes[_i].conf), 0);
  ck_assert_msg (strstr (fake_logged (fake), bad_archetypes[_i].why) != NULL, "%s",
                 fake_logged (fake));
  end ();
}
END_TEST

/* A node's name leaves less room than an aspect's may take: such a path can't be invoked. */
START_TEST (paths_beyond_the_longest)
{
  static char body[16384], want[512];
  char handle[241] = "world", lines[4096] = "", texts[4096] = "";
  int i;
  for (i = 0; strlen (handle) < 190; i++)
    sprintf (handle + strlen (handle), ".%c%062d", 'a' + i, 0);
  for (i = 0; i < 32; i++) {
    sprintf (lines + strlen (lines), "  a%063d: A.\\n", i);
    sprintf (texts + strlen (texts), "## a%063d\\nx\\n", i);
  }
  sprintf (body,
           "{\"path\":\"%s.transform\",\"kwargs\":{\"changes\":{\"spec\":"
           "\"---\\naspects:\\n%s---\\n%s\"}}}",
           handle, lines, texts);
  begin ();
  ck_assert_msg (
      fake_status (fake_request (fake, "POST", "/v1/agentese/invoke", NULL, body)) == 200, "%s",
      fake_body (fake_request (fake, "POST", "/v1/agentese/invoke", NULL, body)));
  sprintf (want, "%s.affordances", handle);
  HAS (paths ("prefix=world.a0"), "paths.0.path", want);
  end ();
}
END_TEST

#define COUNT(table) ((int)(sizeof (table) / sizeof (table)[0]))

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
  tcase_add_test (t, paths_are_told);
  tcase_add_test (t, paths_are_those_of_the_caller);
  tcase_add_test (t, paths_come_in_pages);
  tcase_add_loop_test (t, paths_queries_are_checked, 0, COUNT (bad_queries));
  tcase_add_test (t, paths_have_a_tag);
  tcase_add_test (t, others_are_told);
  suite_add_tcase (s, t);
  tcase_add_test (a, archetypes_inherit);
  tcase_add_loop_test (a, bad_archetypes_refuse_the_start, 0, COUNT (bad_archetypes));
  tcase_add_test (a, paths_of_a_closed_world);
  tcase_add_test (a, many_nodes);
  tcase_add_test (a, other_minors);
  tcase_add_test (a, paths_of_a_node_of_the_open_world);
  tcase_add_test (a, paths_beyond_the_longest);
  tcase_add_test (a, wrong_nodes_are_refused);
  suite_add_tcase (s, a);
  sr = srunner_create (s);
  srunner_set_tap (sr, "-");
  srunner_run_all (sr, CK_SILENT);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
