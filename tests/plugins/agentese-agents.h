/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Nodes of the configuration, and agents that answer. */
#ifndef TESTS_PLUGINS_AGENTESE_AGENTS_H
#define TESTS_PLUGINS_AGENTESE_AGENTS_H

#include "tests/plugins/agentese.h"

static const char *const agents[] = {
  "nodes.0.name=world.translator",
  "nodes.0.url=http://agents.example:9000/{holon}/{aspect}",
  "nodes.0.summary=Translates.",
  "nodes.0.headers.0.name=Authorization",
  "nodes.0.headers.0.value=Bearer sesame",
  "nodes.0.timeout=2",
  "nodes.0.tries=4",
  "nodes.0.concurrent=6",
  "nodes.0.aspects.0.name=translate",
  "nodes.0.aspects.0.input={\"type\":\"object\",\"required\":[\"text\"],\"properties\":"
  "{\"text\":{\"type\":\"string\"}}}",
  "nodes.0.aspects.0.output={\"type\":\"string\"}",
  "nodes.0.aspects.0.per_token=true",
  "nodes.0.aspects.0.tokens=1",
  "nodes.0.aspects.0.tokens_max=100",
  "nodes.0.aspects.1.name=languages",
  "nodes.0.aspects.1.category=PERCEPTION",
  "nodes.0.aspects.1.idempotent=true",
  "nodes.0.aspects.1.archetypes=poet",
  "nodes.0.aspects.2.name=speak",
  "nodes.0.aspects.2.streams=true",
  "nodes.1.name=self.scribe.notes",
  "nodes.1.url=https://scribe.example/v1/{kwargs.page}?by={tenant}",
  "nodes.1.answer=value",
  "nodes.1.private=true",
  "nodes.1.method=PUT",
  "nodes.1.aspects.0.name=write",
  "nodes.2.name=concept.oracle",
  "nodes.2.kind=llm",
  "nodes.2.aspects.0.name=ask",
  NULL
};

static inline void
begin_agents (void)
{
  begin_with (agents);
  budget_left[KG_BUDGET_TOKENS] = 1000;
}

/* The host ends the calls under way before it closes plugins. */
static inline void
end_agents (void)
{
  int i;
  for (i = 0; i < fake_http_count (fake); i++)
    fake_http_reply (fake, -ECANCELED, NULL, NULL, -1);
  fake_http_deliver (fake);
  end ();
}

static inline kg_req *
ask (const char *path, const char *kwargs)
{
  return invoke_as (path, "poet", kwargs);
}

static inline kg_req *
translate (void)
{
  return ask ("world.translator.translate", "{\"text\":\"bonjour\"}");
}

/* Asks, and the agent answers. */
static inline kg_req *
answered (const char *path, const char *kwargs, int status, const char *type, const char *body)
{
  kg_req *req = ask (path, kwargs);
  ck_assert_int_eq (fake_status (req), 0);
  fake_http_reply (fake, status, type, body, -1);
  fake_http_deliver (fake);
  return req;
}

#endif
