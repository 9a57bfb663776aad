/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A plugin that adds a node, beside agentese.so; calls of it may wait. */
#ifndef TESTS_PLUGINS_AGENTESE_PLUG_H
#define TESTS_PLUGINS_AGENTESE_PLUG_H

#include "tests/plugins/agentese.h"
#include "tests/unit.h"

#include <kgent/nodes.h>

static const struct kg_nodes *nodes;
static kg_self *its_self;
static kg_ticket *ticket;
static const struct kg_node_call *waiting;

/* Adds what is to be there. */
static int32_t plug_start (void *data);

static inline int32_t
call_wait (const struct kg_node_call *call)
{
  waiting = call;
  ticket = fake_host ()->suspend (call->req, NULL, NULL);
  return KG_WAIT;
}

static inline int32_t
plug_open (const struct kg_host *host, kg_self *self, const void *conf, void **ret_data)
{
  (void)conf;
  (void)ret_data;
  its_self = self;
  return host->need (self, KG_NODES, sizeof *nodes, 0, (const void **)&nodes);
}

static const struct kg_plugin plug = { .abi = KG_ABI_CURRENT,
                                       .size = sizeof plug,
                                       .opt_size = sizeof (struct kg_opt),
                                       .name = "plug",
                                       .version = "1",
                                       .summary = "Adds a node.",
                                       .open = plug_open,
                                       .start = plug_start };

/* With a caller who may do and spend enough. */
static inline void
plug_begin (void)
{
  int i;
  begin_unstarted (NULL);
  ck_assert_msg (!fake_open (fake, &plug, NULL), "%s", fake_error (fake));
  ck_assert_msg (!fake_start (fake), "%s", fake_error (fake));
  for (i = 0; i < 4; i++)
    budget_left[i] = 1000;
  act_as ("t1", all_scopes, any);
}

#endif
