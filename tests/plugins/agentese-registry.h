/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A plugin with every kind of aspect, and the list of paths. */
#ifndef TESTS_PLUGINS_AGENTESE_REGISTRY_H
#define TESTS_PLUGINS_AGENTESE_REGISTRY_H

#include "tests/plugins/agentese-plug.h"

static int32_t last_chunk;

static inline int32_t
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

static inline int32_t
later_goes_on (kg_req *req, void *arg)
{
  (void)req;
  (void)arg;
  nodes->used (waiting, 7);
  return nodes->result (waiting, (kg_str){ "\"late\"", 6 });
}

static inline int32_t
pieces (const struct kg_node_call *call)
{
  ck_assert_uint_eq (call->flags & KG_NODE_STREAMED, 0);
  nodes->chunk (call, (kg_str){ "one ", 4 });
  nodes->chunk (call, (kg_str){ "\"two\"", 5 });
  return nodes->result (call, (kg_str){ NULL, 0 });
}

static inline int32_t
too_much (const struct kg_node_call *call)
{
  static const char kilo[1024];
  int i;
  for (i = 0; i < 256; i++)
    ck_assert_int_eq (nodes->chunk (call, (kg_str){ kilo, sizeof kilo }), 0);
  last_chunk = nodes->chunk (call, (kg_str){ "x", 1 });
  return nodes->refuse (call, 502, "There is %s", "too much");
}

static inline int32_t
no_json (const struct kg_node_call *call)
{
  return nodes->result (call, (kg_str){ "{oops", 5 });
}

static inline int32_t
no_pieces (const struct kg_node_call *call)
{
  last_chunk = nodes->chunk (call, (kg_str){ "x", 1 });
  return nodes->result (call, (kg_str){ NULL, 0 });
}

static inline int32_t
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
    .run = call_wait,
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

static inline void
begin_plug_and (void (*more) (void))
{
  more_in_start = more;
  plug_begin ();
}

static inline void
begin_plug (void)
{
  begin_plug_and (NULL);
}

static inline kg_req *
paths (const char *query)
{
  char target[256];
  snprintf (target, sizeof target, "/v1/agentese/paths%s%s", *query ? "?" : "", query);
  return fake_request (fake, "GET", target, NULL, NULL);
}

#endif
