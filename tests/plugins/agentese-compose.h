/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A plugin of functions that can be composed, and how they are. */
#ifndef TESTS_PLUGINS_AGENTESE_COMPOSE_H
#define TESTS_PLUGINS_AGENTESE_COMPOSE_H

#include "tests/plugins/agentese-plug.h"

static int ran, impure_after;

static inline int64_t
input_of (const struct kg_node_call *call)
{
  return kg_json_int (call->json, kg_json_find (call->json, call->kwargs, "input"), 0);
}

static inline int32_t
say (const struct kg_node_call *call, int64_t n)
{
  char buf[32];
  struct kg_out o = { buf, 0, sizeof buf };
  kg_out_int (&o, n);
  return nodes->result (call, (kg_str){ buf, o.len });
}

/* data: "+3", "*5", "-2": pure functions. */
static inline int32_t
pure (const struct kg_node_call *call)
{
  const char *f = call->data;
  int64_t n = input_of (call), by = f[1] - '0';
  ran++;
  return say (call, (*f == '+' ? n + by : *f == '*' ? n * by : n - by) % 1000003);
}

static inline int32_t
impure (const struct kg_node_call *call)
{
  ran++;
  return say (call, input_of (call) + (ran > impure_after ? ran : 0));
}

/* The same value, with other members first each time. */
static inline int32_t
shuffled (const struct kg_node_call *call)
{
  kg_str a = { "{\"a\":1,\"b\":[1.0,\"\\u0041\"]}", 25 }, b = { "{\"b\":[1,\"A\"],\"a\":1}", 19 };
  a.len = strlen (a.ptr);
  b.len = strlen (b.ptr);
  return nodes->result (call, ran++ & 1 ? a : b);
}

static inline int32_t
later_goes_on (kg_req *req, void *arg)
{
  (void)req;
  (void)arg;
  nodes->used (waiting, 7);
  return say (waiting, input_of (waiting) + 1);
}

static inline int32_t
later (const struct kg_node_call *call)
{
  ran++;
  return call_wait (call);
}

static inline int32_t
broken (const struct kg_node_call *call)
{
  ran++;
  return nodes->refuse (call, 502, "It broke");
}

static inline int32_t
late (const struct kg_node_call *call)
{
  (void)call;
  return -ETIMEDOUT;
}

static inline int32_t
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
plug_start (void *data)
{
  (void)data;
  return nodes->add (its_self, &node);
}

static inline void
begin_plug (void)
{
  plug_begin ();
  ran = 0;
  impure_after = 0;
}

static inline kg_req *
compose_at (const char *target, const char *const *headers, const char *pipeline,
            const char *more)
{
  char body[8192];
  snprintf (body, sizeof body, "{\"pipeline\":\"%s\"%s}", pipeline, more ? more : "");
  return fake_request (fake, "POST", target, headers, body);
}

static inline kg_req *
compose (const char *pipeline, const char *more)
{
  return compose_at ("/v1/agentese/compose", NULL, pipeline, more);
}

#endif
