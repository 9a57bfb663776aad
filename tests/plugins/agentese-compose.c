/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Compositions, their laws and their price; and quotes of single calls. */

#include "tests/plugins/agentese.h"

#include "plugins/agentese/law.h"

#include <kgent/nodes.h>

/* ---- A plugin of functions that can be composed ------------------------------------------ */

static const struct kg_nodes *nodes;
static kg_self *its_self;
static kg_ticket *ticket;
static const struct kg_node_call *waiting;
static int ran, impure_after;

static int64_t
input_of (const struct kg_node_call *call)
{
  return kg_json_int (call->json, kg_json_find (call->json, call->kwargs, "input"), 0);
}

static int32_t
say (const struct kg_node_call *call, int64_t n)
{
  char buf[32];
  struct kg_out o = { buf, 0, sizeof buf };
  kg_out_int (&o, n);
  return nodes->result (call, (kg_str){ buf, o.len });
}

/* data: "+3", "*5", "-2": pure functions. */
static int32_t
pure (const struct kg_node_call *call)
{
  const char *f = call->data;
  int64_t n = input_of (call), by = f[1] - '0';
  ran++;
  return say (call, (*f == '+' ? n + by : *f == '*' ? n * by : n - by) % 1000003);
}

static int32_t
impure (const struct kg_node_call *call)
{
  ran++;
  return say (call, input_of (call) + (ran > impure_after ? ran : 0));
}

/* The same value, with other members first each time. */
static int32_t
shuffled (const struct kg_node_call *call)
{
  kg_str a = { "{\"a\":1,\"b\":[1.0,\"\\u0041\"]}", 25 }, b = { "{\"b\":[1,\"A\"],\"a\":1}", 19 };
  a.len = strlen (a.ptr);
  b.len = strlen (b.ptr);
  return nodes->result (call, ran++ & 1 ? a : b);
}

static int32_t
later_goes_on (kg_req *req, void *arg)
{
  (void)req;
  (void)arg;
  nodes->used (waiting, 7);
  return say (waiting, input_of (waiting) + 1);
}

static int32_t
later (const struct kg_node_call *call)
{
  ran++;
  waiting = call;
  ticket = fake_host ()->suspend (call->req, NULL, NULL);
  return KG_WAIT;
}

static int32_t
broken (const struct kg_node_call *call)
{
  ran++;
  return nodes->refuse (call, 502, "It broke");
}

static int32_t
late (const struct kg_node_call *call)
{
  (void)call;
  return -ETIMEDOUT;
}

static int32_t
deep (const struct kg_node_call *call)
{
  static const char text[] = "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]";
  return nodes->result (call, (kg_str){ text, sizeof text - 1 });
}

static const struct kg_node_aspect aspects[] = {
  { .name = "add", .run = pure, .category = KG_NODE_PERCEPTION, .data = "+3" },
  { .name = "times", .run = pure, .category = KG_NODE_PERCEPTION, .data = "*5" },
  { .name = "less", .run = pure, .category = KG_NODE_INTROSPECTION, .data = "-2" },
  { .name = "impure", .run = impure, .category = KG_NODE_PERCEPTION },
  { .name = "shuffled", .run = shuffled, .category = KG_NODE_PERCEPTION },
  { .name = "later",
    .run = later,
    .category = KG_NODE_PERCEPTION,
    .flags = KG_NODE_PER_TOKEN,
    .tokens = 2,
    .tokens_max = 10,
    .money = 5,
    .requests = 3 },
  { .name = "broken", .run = broken, .category = KG_NODE_PERCEPTION, .tokens = 4 },
  { .name = "late", .run = late, .category = KG_NODE_PERCEPTION },
  { .name = "deep", .run = deep, .category = KG_NODE_PERCEPTION },
  { .name = "make", .run = pure, .category = KG_NODE_GENERATION, .data = "+1", .tokens = 4 },
  { .name = "strict",
    .run = pure,
    .category = KG_NODE_PERCEPTION,
    .data = "+1",
    .tokens = 6,
    .input = "{\"type\":\"object\",\"required\":[\"input\"],"
             "\"properties\":{\"input\":{\"type\":\"integer\"}}}" },
};

static const struct kg_node node = { .size = sizeof node,
                                     .aspect_size = sizeof aspects[0],
                                     .naspects = sizeof aspects / sizeof aspects[0],
                                     .owner = "plug",
                                     .context = "self",
                                     .holon = "f",
                                     .aspects = aspects };

static int32_t
plug_open (const struct kg_host *host, kg_self *self, const void *conf, void **ret_data)
{
  (void)conf;
  (void)ret_data;
  its_self = self;
  return host->need (self, KG_NODES, sizeof *nodes, 0, (const void **)&nodes);
}

static int32_t
plug_start (void *data)
{
  (void)data;
  return nodes->add (its_self, &node);
}

static const struct kg_plugin plug = { .abi = KG_ABI_CURRENT,
                                       .size = sizeof plug,
                                       .opt_size = sizeof (struct kg_opt),
                                       .name = "plug",
                                       .version = "1",
                                       .summary = "Functions.",
                                       .open = plug_open,
                                       .start = plug_start };

static void
begin_plug (void)
{
  int i;
  begin_unstarted (NULL);
  ck_assert_msg (!fake_open (fake, &plug, NULL), "%s", fake_error (fake));
  ck_assert_msg (!fake_start (fake), "%s", fake_error (fake));
  for (i = 0; i < 4; i++)
    budget_left[i] = 1000;
  ran = 0;
  impure_after = 0;
  act_as ("t1", all_scopes, any);
}

static kg_req *
compose_at (const char *target, const char *const *headers, const char *pipeline,
            const char *more)
{
  char body[8192];
  snprintf (body, sizeof body, "{\"pipeline\":\"%s\"%s}", pipeline, more ? more : "");
  return fake_request (fake, "POST", target, headers, body);
}

static kg_req *
compose (const char *pipeline, const char *more)
{
  return compose_at ("/v1/agentese/compose", NULL, pipeline, more);
}

/* ---- One after the other -------------------------------------------------------------------- */

START_TEST (each_gets_what_the_one_before_said)
{
  kg_req *req = compose ("self.f.add >> self.f.times >> self.f.less", ",\"initial_input\":4");
  ck_assert_int_eq (fake_status (req), 200);
  HAS (req, "result", "33");
  HAS (req, "pipeline_trace.0.path", "self.f.add");
  HAS (req, "pipeline_trace.2.output_type", "number");
  ck_assert_uint_eq (strlen (fake_json (req, "pipeline_trace.1.span_id")), 16);
  ck_assert_pstr_ne (fake_json (req, "pipeline_trace.0.span_id"),
                     fake_json (req, "pipeline_trace.1.span_id"));
  ck_assert_ptr_null (fake_json (req, "pipeline_trace.3"));
  HAS (req, "laws_verified", "[\"left_identity\",\"right_identity\",\"associativity\"]");
  HAS (req, "laws_verified_by", "structure");
  HAS (req, "tokens_used", "0");
  ck_assert_int_eq (noted, 3);
  ck_assert_int_eq (ran, 3);
  req = fake_request (fake, "POST", "/v1/agentese/compose", NULL,
                      "{\"paths\":[\"self.f.add@span=mine\",\"Id\",\"self.f.times\"],"
                      "\"emit_law_check\":false}");
  HAS (req, "result", "15");
  HAS (req, "pipeline_trace.0.span_id", "mine");
  HAS (req, "pipeline_trace.1.path", "self.f.times");
  HAS (req, "laws_verified", "[]");
}
END_TEST

START_TEST (the_identity_alone)
{
  kg_req *req = compose ("Id", ",\"initial_input\":{\"a\":[1,\"x\"]}");
  ck_assert_int_eq (fake_status (req), 200);
  HAS (req, "result.a", "[1,\"x\"]");
  HAS (req, "pipeline_trace", "[]");
  HAS (compose ("Id >> Id", NULL), "result", "null");
  ck_assert_int_eq (noted, 0);
}
END_TEST

START_TEST (steps_of_the_open_world)
{
  kg_req *req = compose ("world.house.manifest >> world.house.deploy >> world.house.affordances",
                         NULL);
  ck_assert_int_eq (fake_status (req), 200);
  HAS (req, "pipeline_trace.0.output_type", "object");
  HAS (req, "pipeline_trace.2.output_type", "array");
  req = invoke ("world.house.witness", NULL);
  HAS (req, "result.total", "1");
}
END_TEST

START_TEST (steps_may_wait)
{
  kg_req *req = compose ("self.f.add >> self.f.later >> self.f.times", ",\"initial_input\":1");
  ck_assert_int_eq (fake_status (req), 0);
  ck_assert_int_eq (held[KG_BUDGET_TOKENS].reserved, 10);
  ck_assert_int_eq (held[KG_BUDGET_MONEY].reserved, 5);
  ck_assert_int_eq (held[KG_BUDGET_REQUESTS].reserved, 2);
  ck_assert_int_eq (ran, 2);
  fake_host ()->resume (ticket, later_goes_on, NULL, NULL);
  fake_run (fake);
  ck_assert_int_eq (fake_status (req), 200);
  HAS (req, "result", "25");
  HAS (req, "tokens_used", "9");
  ck_assert_int_eq (held[KG_BUDGET_TOKENS].settled, 9);
  ck_assert_int_eq (held[KG_BUDGET_MONEY].settled, 5);
  ck_assert_int_eq (held[KG_BUDGET_REQUESTS].settled, 2);
}
END_TEST

START_TEST (each_of_them)
{
  kg_req *req = compose ("self.f.later >> self.f.later >> self.f.later", NULL);
  int i;
  ck_assert_int_eq (held[KG_BUDGET_TOKENS].reserved, 30);
  for (i = 1; i <= 3; i++) {
    ck_assert_int_eq (fake_status (req), 0);
    ck_assert_int_eq (ran, i);
    fake_host ()->resume (ticket, later_goes_on, NULL, NULL);
    fake_run (fake);
  }
  HAS (req, "result", "3");
  ck_assert_int_eq (held[KG_BUDGET_TOKENS].settled, 27);
  ck_assert_int_eq (noted, 3);
}
END_TEST

/* ---- Failures --------------------------------------------------------------------------------- */

START_TEST (the_first_failure_stops_it)
{
  kg_req *req = compose ("self.f.add >> self.f.broken >> self.f.times", NULL);
  ck_assert_int_eq (fake_status (req), 502);
  HAS (req, "failed_step", "1");
  HAS (req, "failed_path", "self.f.broken");
  HAS (req, "detail", "Step 2 of 3 ('self.f.broken'): It broke");
  HAS (req, "pipeline_trace.0.path", "self.f.add");
  ck_assert_ptr_null (fake_json (req, "pipeline_trace.1"));
  ck_assert_int_eq (ran, 2);
  ck_assert_int_eq (noted, 1);
  ck_assert_int_eq (held[KG_BUDGET_TOKENS].reserved, 4);
  ck_assert_int_eq (held[KG_BUDGET_TOKENS].settled, -1);
  req = compose ("self.f.add >> self.f.late >> self.f.times", NULL);
  ck_assert_int_eq (fake_status (req), 504);
  HAS (req, "failed_path", "self.f.late");
  HAS (req, "pipeline_trace.0.path", "self.f.add");
}
END_TEST

static const struct {
  const char *pipeline, *step;
  int status;
} refused[] = {
  { "self.f.add >> self.f.fly", "1", 403 },
  { "self.f.add >> moon.f.add", "1", 404 },
  { "self.f.add >> self.f.add[", "1", 400 },
  { "self.f.add >> self.f", "1", 400 },
  { "self.f.add >>  self.f.add", "1", 400 },
  { "self.f.add >> ", "1", 400 },
  { "", "0", 400 },
  { "id", "0", 400 },
};

START_TEST (what_cannot_run_is_known_before)
{
  kg_req *req = compose (refused[_i].pipeline, NULL);
  ck_assert_int_eq (fake_status (req), refused[_i].status);
  HAS (req, "failed_step", refused[_i].step);
  HAS (req, "pipeline_trace", "[]");
  ck_assert_int_eq (ran, 0);
  ck_assert_int_eq (held[KG_BUDGET_TOKENS].kind, 0);
}
END_TEST

START_TEST (scopes_are_of_each_step)
{
  kg_req *req;
  act_as ("t1", read_only, any);
  req = compose ("self.f.add >> self.f.make", NULL);
  ck_assert_int_eq (fake_status (req), 403);
  HAS (req, "required_scope", "write");
  ck_assert_int_eq (ran, 0);
  ck_assert_int_eq (fake_status (compose ("self.f.add >> self.f.less", NULL)), 200);
}
END_TEST

START_TEST (inputs_are_checked)
{
  kg_req *req = compose ("world.house.manifest >> self.f.strict", NULL);
  ck_assert_int_eq (fake_status (req), 422);
  HAS (req, "failed_step", "1");
  HAS (req, "pipeline_trace.0.output_type", "object");
  ck_assert_int_eq (fake_status (compose ("self.f.strict", NULL)), 422);
  HAS (compose ("self.f.strict", ",\"initial_input\":1"), "result", "2");
  req = compose ("self.f.deep >> self.f.add", NULL);
  ck_assert_int_eq (fake_status (req), 422);
  HAS (req, "failed_step", "1");
  ck_assert_int_eq (fake_status (compose ("self.f.deep", NULL)), 200);
  req = compose ("self.f.add >> world.house.affordances[minimal_output]", NULL);
  ck_assert_int_eq (fake_status (req), 422);
  HAS (req, "law", "minimal_output");
}
END_TEST

static const char *const bodies[] = {
  "{}",
  "{\"paths\":[]}",
  "{\"paths\":{}}",
  "{\"paths\":[1]}",
  "{\"pipeline\":1}",
  "{\"pipeline\":\"Id\",\"paths\":[\"Id\"]}",
  "{\"pipeline\":\"Id\",\"emit_law_check\":1}",
  "{\"pipeline\":\"Id\",\"observer\":1}",
  "{\"pipeline\":\"Id\",\"observer\":{\"archetype\":1}}",
};

START_TEST (bodies_are_checked)
{
  kg_req *req = fake_request (fake, "POST", "/v1/agentese/compose", NULL, bodies[_i]);
  ck_assert_int_eq (fake_status (req), 422);
  ck_assert_ptr_nonnull (fake_json (req, "errors.0.msg"));
}
END_TEST

START_TEST (at_most_sixteen_steps)
{
  char many[512] = "Id";
  int i;
  for (i = 1; i < 16; i++)
    strcat (many, " >> self.f.add");
  HAS (compose (many, NULL), "result", "45");
  strcat (many, " >> Id");
  ck_assert_int_eq (fake_status (compose (many, NULL)), 422);
}
END_TEST

/* ---- Laws ---------------------------------------------------------------------------------------- */

static uint64_t seed = 88172645463325252u;

static uint32_t
chance (uint32_t n)
{
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return (uint32_t)(seed % n);
}

/* A grouping of steps[from, to) by chance, with identities strewn in. */
static const struct ag_term *
grouped (struct ag_terms *t, const int32_t *steps, uint32_t from, uint32_t to)
{
  uint32_t cut;
  if (!chance (6) && t->n < AG_TERMS_MAX / 2)
    return chance (2) ? ag_term_then (t, ag_term_step (t, AG_ID), grouped (t, steps, from, to))
                      : ag_term_then (t, grouped (t, steps, from, to), ag_term_step (t, AG_ID));
  if (from == to)
    return ag_term_step (t, AG_ID);
  if (to - from == 1)
    return ag_term_step (t, steps[from]);
  cut = from + 1 + chance (to - from - 1);
  return ag_term_then (t, grouped (t, steps, from, cut), grouped (t, steps, cut, to));
}

START_TEST (groupings_are_equal)
{
  int round;
  for (round = 0; round < 20000; round++) {
    struct ag_terms a = { .n = 0 }, b = { .n = 0 };
    int32_t steps[AG_STEPS_MAX], other;
    uint32_t n = chance (AG_STEPS_MAX) + 1, i, locus = 99;
    const struct ag_term *one, *two;
    enum ag_law law;
    for (i = 0; i < n; i++)
      steps[i] = chance (5) ? (int32_t)i : AG_ID;
    ck_assert_int_eq (ag_laws_hold (steps, n, &law, &locus), 0);
    one = grouped (&a, steps, 0, n);
    two = grouped (&b, steps, 0, n);
    if (!one || !two)
      continue; /* no room for so many identities */
    ck_assert_int_eq (ag_term_differ (one, two), -1);
    i = chance (n);
    other = steps[i] == AG_ID ? 40 : steps[i] + 20;
    steps[i] = other;
    b.n = 0;
    if ((two = ag_term_left (&b, steps, n)))
      ck_assert_int_ne (ag_term_differ (one, two), -1);
  }
}
END_TEST

static const char *const pure_paths[] = { "self.f.add", "self.f.times", "self.f.less", "Id" };

START_TEST (pure_pipelines_keep_the_laws)
{
  int round;
  for (round = 0; round < 300; round++) {
    char pipeline[512] = "", input[64];
    uint32_t n = 1 + chance (8), i, k;
    int64_t want = chance (1000);
    kg_req *req;
    snprintf (input, sizeof input, ",\"initial_input\":%lld", (long long)want);
    for (i = 0; i < n; i++) {
      k = chance (4);
      snprintf (pipeline + strlen (pipeline), 64, "%s%s%s", i ? " >> " : "", pure_paths[k],
                k < 3 ? "[law_check]" : "");
      want = (k == 0 ? want + 3 : k == 1 ? want * 5 : k == 2 ? want - 2 : want) % 1000003;
    }
    req = compose (pipeline, input);
    ck_assert_msg (fake_status (req) == 200, "%s: %s", pipeline, fake_body (req));
    snprintf (input, sizeof input, "%lld", (long long)want);
    HAS (req, "result", input);
    if (strstr (pipeline, "law_check"))
      HAS (req, "laws_verified_by", "evaluation");
  }
}
END_TEST

START_TEST (both_groupings_run)
{
  kg_req *req = compose ("self.f.add >> self.f.times[law_check]", NULL);
  HAS (req, "laws_verified_by", "evaluation");
  ck_assert_int_eq (ran, 4);
  ck_assert_int_eq (noted, 4);
  ck_assert_ptr_null (fake_json (req, "pipeline_trace.2"));
  HAS (compose ("self.f.add@law_check=true", NULL), "laws_verified_by", "evaluation");
  req = compose ("self.f.shuffled[law_check] >> self.f.add", NULL);
  ck_assert_int_eq (fake_status (req), 200);
}
END_TEST

START_TEST (an_impure_step_is_found)
{
  int round;
  for (round = 0; round < 50; round++) {
    char pipeline[512] = "", at[8];
    uint32_t n = 2 + chance (6), guilty = chance (n), i;
    kg_req *req;
    for (i = 0; i < n; i++)
      snprintf (pipeline + strlen (pipeline), 64, "%s%s[law_check]", i ? " >> " : "",
                i == guilty ? "self.f.impure" : pure_paths[chance (3)]);
    ran = 0;
    req = compose (pipeline, NULL);
    ck_assert_int_eq (fake_status (req), 422);
    HAS (req, "law", "associativity");
    HAS (req, "locus", "self.f.impure[law_check]");
    snprintf (at, sizeof at, "%u", guilty);
    HAS (req, "failed_step", at);
    snprintf (at, sizeof at, "%u", n - 1);
    ck_assert_ptr_nonnull (fake_json (req, "pipeline_trace.0.span_id"));
  }
  HAS (compose ("self.f.impure[law_check]", NULL), "law", "right_identity");
  ck_assert_int_eq (held[KG_BUDGET_TOKENS].kind, 0);
  impure_after = 1 << 30;
  ck_assert_int_eq (fake_status (compose ("self.f.impure[law_check]", NULL)), 200);
}
END_TEST

START_TEST (effects_are_not_repeated)
{
  kg_req *req = compose ("self.f.add[law_check] >> self.f.make", NULL);
  ck_assert_int_eq (fake_status (req), 200);
  HAS (req, "laws_verified_by", "structure");
  ck_assert_int_eq (ran, 2);
}
END_TEST

START_TEST (two_passes_are_reserved)
{
  char many[512] = "self.f.add[law_check]", with_ids[512];
  kg_req *req = compose ("self.f.later[law_check]", NULL);
  int i;
  ck_assert_int_eq (held[KG_BUDGET_TOKENS].reserved, 20);
  for (i = 0; i < 2; i++) {
    fake_host ()->resume (ticket, later_goes_on, NULL, NULL);
    fake_run (fake);
  }
  ck_assert_int_eq (fake_status (req), 200);
  HAS (req, "tokens_used", "18");
  ck_assert_int_eq (held[KG_BUDGET_TOKENS].settled, 18);
  ck_assert_int_eq (held[KG_BUDGET_MONEY].settled, 10);
  for (i = 1; i < 8; i++)
    strcat (many, " >> self.f.add");
  ck_assert_int_eq (fake_status (compose (many, NULL)), 200);
  strcpy (with_ids, many);
  for (i = 0; i < 8; i++)
    strcat (with_ids, " >> Id");
  HAS (compose (with_ids, NULL), "laws_verified_by", "evaluation");
  strcat (many, " >> self.f.add");
  ck_assert_int_eq (fake_status (compose (many, NULL)), 422);
}
END_TEST

/* ---- Quotes ---------------------------------------------------------------------------------------- */

static const char *const prefer[] = { "Prefer: respond-async, Quote; q=1", NULL };

static kg_req *
quote (const char *path)
{
  char body[512];
  snprintf (body, sizeof body, "{\"path\":\"%s\"}", path);
  return fake_request (fake, "POST", "/v1/agentese/invoke?quote=1", NULL, body);
}

START_TEST (quotes_invoke_nothing)
{
  kg_req *req = quote ("self.f.later");
  ck_assert_int_eq (fake_status (req), 200);
  HAS (req, "path", "self.f.later");
  HAS (req, "allowed", "true");
  HAS (req, "cost", "{\"requests\":3,\"tokens\":10,\"money\":5}");
  HAS (req, "refusal", "null");
  req = fake_request (fake, "POST", "/v1/agentese/invoke", prefer, "{\"path\":\"self.f.add\"}");
  HAS (req, "cost.tokens", "0");
  ck_assert_str_eq (fake_header (req, "Preference-Applied"), "quote");
  req = compose_at ("/v1/agentese/compose?quote=1", NULL, "self.f.make >> Id >> self.f.later",
                    NULL);
  HAS (req, "paths", "[\"self.f.make\",\"Id\",\"self.f.later\"]");
  HAS (req, "cost", "{\"requests\":3,\"tokens\":14,\"money\":5}");
  HAS (req, "allowed", "true");
  ck_assert_int_eq (ran, 0);
  ck_assert_int_eq (noted, 0);
  ck_assert_int_eq (held[KG_BUDGET_TOKENS].kind, 0);
  ck_assert_int_eq (fake_status (fake_request (fake, "POST", "/v1/agentese/invoke?quote=yes", NULL,
                                               "{\"path\":\"self.f.add\"}")),
                    400);
  HAS (fake_request (fake, "POST", "/v1/agentese/invoke?quote=0", NULL,
                     "{\"path\":\"self.f.add\"}"),
       "result", "3");
}
END_TEST

START_TEST (quotes_tell_refusals)
{
  kg_req *req;
  act_as ("t1", read_only, any);
  req = quote ("self.f.make");
  ck_assert_int_eq (fake_status (req), 200);
  HAS (req, "allowed", "false");
  HAS (req, "refusal.status", "403");
  HAS (req, "cost.tokens", "4");
  HAS (quote ("self.f.strict"), "refusal.status", "422");
  ck_assert_int_eq (fake_status (quote ("self.f.fly")), 403);
  ck_assert_int_eq (fake_status (quote ("self..f")), 400);
  req = compose_at ("/v1/agentese/compose?quote=1", NULL, "self.f.make >> self.f.later", NULL);
  ck_assert_int_eq (fake_status (req), 200);
  HAS (req, "allowed", "false");
  HAS (req, "refusal.status", "403");
  HAS (req, "cost.tokens", "14");
  req = compose_at ("/v1/agentese/compose?quote=1", NULL, "self.f.make >> self.f.fly", NULL);
  ck_assert_int_eq (fake_status (req), 403);
  HAS (req, "failed_step", "1");
}
END_TEST

START_TEST (quotes_look_into_the_pool)
{
  kg_req *req;
  int i;
  HAS (quote ("self.f.add[entropy=1]"), "allowed", "true");
  for (i = 0; i < 99; i++)
    invoke ("void.entropy.sip", ",\"kwargs\":{\"amount\":1}");
  invoke ("void.entropy.sip", ",\"kwargs\":{\"amount\":0.5}");
  HAS (quote ("self.f.add[entropy=0.5]"), "allowed", "true");
  req = quote ("self.f.add[entropy=0.6]");
  HAS (req, "allowed", "false");
  HAS (req, "refusal.status", "402");
  req = compose_at ("/v1/agentese/compose?quote=1", NULL,
                    "self.f.add[entropy=0.3] >> self.f.add[entropy=0.3]", NULL);
  HAS (req, "refusal.status", "402");
  ck_assert_int_eq (ran, 0);
  ck_assert_int_eq (fake_status (invoke ("self.f.add[entropy=0.5]", NULL)), 200);
}
END_TEST

static kg_req *
within (const char *max, const char *target, const char *body)
{
  char field[64];
  const char *headers[] = { field, NULL };
  snprintf (field, sizeof field, "Kgent-Max-Cost: %s", max);
  return fake_request (fake, "POST", target, headers, body);
}

START_TEST (callers_say_what_they_pay)
{
  static const char make[] = "{\"path\":\"self.f.make\"}", later_[] = "{\"path\":\"self.f.later\"}";
  static const char invoke_[] = "/v1/agentese/invoke", compose_[] = "/v1/agentese/compose";
  kg_req *req = within ("3", invoke_, make);
  ck_assert_int_eq (fake_status (req), 402);
  HAS (req, "cost.tokens", "4");
  HAS (req, "detail", "It can cost 4 tokens, and Kgent-Max-Cost is 3");
  ck_assert_int_eq (fake_status (within ("4", invoke_, make)), 200);
  ck_assert_int_eq (fake_status (within ("0", invoke_, "{\"path\":\"self.f.add\"}")), 200);
  ck_assert_int_eq (fake_status (within ("9", invoke_, later_)), 402);
  ck_assert_int_eq (fake_status (within ("-1", invoke_, make)), 400);
  ck_assert_int_eq (fake_status (within ("", invoke_, make)), 400);
  ck_assert_int_eq (fake_status (within ("1e3", invoke_, make)), 400);
  ck_assert_int_eq (fake_status (within ("1000000000000000000", invoke_, make)), 400);
  ck_assert_int_eq (
      fake_status (within ("7", compose_, "{\"pipeline\":\"self.f.make >> self.f.make\"}")), 402);
  ck_assert_int_eq (
      fake_status (within ("8", compose_, "{\"pipeline\":\"self.f.make >> self.f.make\"}")), 200);
  req = within ("3", "/v1/agentese/invoke?quote=1", make);
  HAS (req, "refusal.status", "402");
  HAS (req, "cost.tokens", "4");
  req = within ("7", "/v1/agentese/compose?quote=1",
                "{\"pipeline\":\"self.f.make >> self.f.make\"}");
  HAS (req, "allowed", "false");
  HAS (req, "cost.tokens", "8");
}
END_TEST

#define LEN(table) (int)(sizeof table / sizeof table[0])

int
main (void)
{
  TCase *tc = tcase_create ("compose");
  Suite *s = suite_create ("agentese-compose");
  SRunner *sr;
  int failed;
  tcase_add_checked_fixture (tc, begin_plug, end);
  tcase_set_timeout (tc, 60);
  tcase_add_test (tc, each_gets_what_the_one_before_said);
  tcase_add_test (tc, the_identity_alone);
  tcase_add_test (tc, steps_of_the_open_world);
  tcase_add_test (tc, steps_may_wait);
  tcase_add_test (tc, each_of_them);
  tcase_add_test (tc, the_first_failure_stops_it);
  tcase_add_loop_test (tc, what_cannot_run_is_known_before, 0, LEN (refused));
  tcase_add_test (tc, scopes_are_of_each_step);
  tcase_add_test (tc, inputs_are_checked);
  tcase_add_loop_test (tc, bodies_are_checked, 0, LEN (bodies));
  tcase_add_test (tc, at_most_sixteen_steps);
  tcase_add_test (tc, groupings_are_equal);
  tcase_add_test (tc, pure_pipelines_keep_the_laws);
  tcase_add_test (tc, both_groupings_run);
  tcase_add_test (tc, an_impure_step_is_found);
  tcase_add_test (tc, effects_are_not_repeated);
  tcase_add_test (tc, two_passes_are_reserved);
  tcase_add_test (tc, quotes_invoke_nothing);
  tcase_add_test (tc, quotes_tell_refusals);
  tcase_add_test (tc, quotes_look_into_the_pool);
  tcase_add_test (tc, callers_say_what_they_pay);
  suite_add_tcase (s, tc);
  sr = srunner_create (s);
  srunner_set_tap (sr, "-");
  srunner_run_all (sr, CK_SILENT);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
