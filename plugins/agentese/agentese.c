/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* agentese.so: the path language over HTTP.  This file declares; what happens
 * is in invoke.c and resolve.c. */
#include "plugins/agentese/lane.h"
#include "plugins/agentese/quote.h"
#include "plugins/agentese/remote.h"
#include "plugins/agentese/spec_tenant.h"

#include <errno.h>
#include <stdlib.h>

static const struct kg_opt price_options[]
    = { { .key = "path",
          .type = KG_OPT_STRING,
          .flags = KG_OPT_REQUIRED,
          .offset = offsetof (struct ag_price, path),
          .help = "Which calls: world.house.manifest, world.house.*, or * for all." },
        { .key = "tokens",
          .dflt = "0",
          .type = KG_OPT_INT,
          .min = 0,
          .max = AG_COST_MAX,
          .offset = offsetof (struct ag_price, cost.tokens),
          .help = "Tokens per call." },
        { .key = "tokens_per_kb",
          .dflt = "0",
          .type = KG_OPT_INT,
          .min = 0,
          .max = AG_COST_MAX,
          .offset = offsetof (struct ag_price, cost.tokens_per_kb),
          .help = "Tokens per begun KiB of the result." },
        { .key = "tokens_max",
          .dflt = "0",
          .type = KG_OPT_INT,
          .min = 0,
          .max = AG_COST_MAX,
          .offset = offsetof (struct ag_price, cost.tokens_max),
          .help = "Tokens that a call costs at most, reserved before it runs; "
                  "0: tokens, and tokens_per_kb for 64 KiB." },
        { .key = "money",
          .dflt = "0",
          .type = KG_OPT_INT,
          .min = 0,
          .max = AG_COST_MAX,
          .offset = offsetof (struct ag_price, cost.money),
          .help = "Minor units of money, as cents, per call." },
        { .key = NULL } };

static const struct kg_opt archetype_options[]
    = { { .key = "name",
          .type = KG_OPT_STRING,
          .flags = KG_OPT_REQUIRED,
          .offset = offsetof (struct ag_archetype_conf, name),
          .help = "Its name; one of the default table gets further verbs." },
        { .key = "inherits",
          .type = KG_OPT_STRING,
          .offset = offsetof (struct ag_archetype_conf, inherits),
          .help = "An archetype of the default table, or one named before: whatever is "
                  "offered to it is offered to this one." },
        { .key = "world",
          .type = KG_OPT_STRINGS,
          .offset = offsetof (struct ag_archetype_conf, world),
          .help = "Further verbs that any world.* node offers it." },
        { .key = "concept",
          .type = KG_OPT_STRINGS,
          .offset = offsetof (struct ag_archetype_conf, concept),
          .help = "Further verbs that any concept.* node offers it." },
        { .key = NULL } };

static const struct kg_opt options[]
    = { { .key = "open_world",
          .dflt = "true",
          .type = KG_OPT_BOOL,
          .offset = offsetof (struct ag_conf, open_world),
          .help = "Whether any world.* and concept.* node exists, defined or not." },
        { .key = "nodes_max",
          .dflt = "10000",
          .type = KG_OPT_INT,
          .min = 1,
          .max = 10000000,
          .offset = offsetof (struct ag_conf, nodes_max),
          .help = "Nodes with state that one tenant may keep." },
        { .key = "bytes_max",
          .dflt = "67108864",
          .type = KG_OPT_INT,
          .min = 65536,
          .max = 1099511627776,
          .offset = offsetof (struct ag_conf, bytes_max),
          .help = "Bytes of nodes and their histories that one tenant may keep." },
        { .key = "node_bytes_max",
          .dflt = "65536",
          .type = KG_OPT_INT,
          .min = 256,
          .max = 524288,
          .offset = offsetof (struct ag_conf, node_bytes_max),
          .help = "Bytes of state of one node." },
        { .key = "history_max",
          .dflt = "100",
          .type = KG_OPT_INT,
          .min = 1,
          .max = 1000,
          .offset = offsetof (struct ag_conf, history_max),
          .help = "Changes of a node that its witness remembers." },
        { .key = "versions_max",
          .dflt = "20",
          .type = KG_OPT_INT,
          .min = 0,
          .max = 1000,
          .offset = offsetof (struct ag_conf, versions_max),
          .help = "Former versions of a node that time.past can see and restore." },
        { .key = "trace_max",
          .dflt = "1000",
          .type = KG_OPT_INT,
          .min = 50,
          .max = 100000,
          .offset = offsetof (struct ag_conf, trace_max),
          .help = "Invocations of a tenant that time.trace remembers." },
        { .key = "schedule_max",
          .dflt = "10000",
          .type = KG_OPT_INT,
          .min = 1,
          .max = 1000000,
          .offset = offsetof (struct ag_conf, schedule_max),
          .help = "Deferred invocations that one tenant may keep." },
        { .key = "prices",
          .type = KG_OPT_LIST,
          .offset = offsetof (struct ag_conf, prices),
          .sub = price_options,
          .sub_size = sizeof (struct ag_price),
          .help = "What calls cost; the first whose path covers a call counts, and a call "
                  "that none covers costs what its aspect says." },
        { .key = "archetypes",
          .type = KG_OPT_LIST,
          .offset = offsetof (struct ag_conf, archetypes),
          .sub = archetype_options,
          .sub_size = sizeof (struct ag_archetype_conf),
          .help = "Further archetypes, and further verbs of those that there are." },
        { .key = "nodes",
          .type = KG_OPT_LIST,
          .offset = offsetof (struct ag_conf, remotes),
          .sub = ag_remote_options,
          .sub_size = sizeof (struct ag_remote_conf),
          .help = "Agents behind a URL." },
        { .key = "spec_dir",
          .type = KG_OPT_STRING,
          .offset = offsetof (struct ag_conf, spec_dir),
          .help = "A folder of nodes that are described in Markdown: CONTEXT/HOLON.md." },
        { .key = NULL } };

static const char invoke_schema[]
    = "{\"type\":\"object\",\"required\":[\"path\"],\"properties\":{"
      "\"path\":{\"type\":\"string\",\"maxLength\":4156,"
      "\"examples\":[\"world.house.manifest\",\"world.house.manifest >> self.judgment.critique\"],"
      "\"description\":\"a >> b >> c is a composition: the arguments are the first step's.\"}"
      ","
      "\"observer\":{\"type\":\"object\",\"properties\":{"
      "\"name\":{\"type\":\"string\",\"maxLength\":128,\"default\":\"api_user\"},"
      "\"archetype\":{\"type\":\"string\",\"default\":\"developer\"},"
      "\"capabilities\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}}}},"
      "\"kwargs\":{\"type\":\"object\",\"default\":{}}}}";

static const char invoke_answer[]
    = "{\"type\":\"object\",\"required\":[\"path\",\"result\",\"tokens_used\",\"cached\"],"
      "\"properties\":{\"path\":{\"type\":\"string\"},\"result\":{},"
      "\"tokens_used\":{\"type\":\"integer\"},\"cached\":{\"type\":\"boolean\"},"
      "\"rollback_token\":{\"type\":[\"string\",\"null\"]},"
      "\"pipeline_trace\":{\"type\":\"array\",\"items\":{\"type\":\"object\"},"
      "\"description\":\"The steps of a composition, as POST /v1/agentese/compose tells them.\"},"
      "\"laws_verified\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
      "\"laws_verified_by\":{\"type\":\"string\",\"enum\":[\"structure\",\"evaluation\"]}}}";

static const char resolve_answer[]
    = "{\"type\":\"object\",\"required\":[\"path\",\"handle\",\"context\",\"affordances\"],"
      "\"properties\":{\"path\":{\"type\":\"string\"},\"handle\":{\"type\":\"string\"},"
      "\"context\":{\"type\":\"string\"},"
      "\"affordances\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}}}}";

static const char affordances_answer[]
    = "{\"type\":\"object\",\"required\":[\"path\",\"affordances\",\"observer_archetype\"],"
      "\"properties\":{\"path\":{\"type\":\"string\"},"
      "\"affordances\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
      "\"observer_archetype\":{\"type\":\"string\"}}}";

static const char path_parameter[]
    = "[{\"name\":\"path\",\"in\":\"query\",\"required\":true,"
      "\"description\":\"A path, with or without the aspect.\","
      "\"schema\":{\"type\":\"string\",\"maxLength\":256},\"example\":\"world.house\"}]";

static const char archetype_parameters[]
    = "[{\"name\":\"path\",\"in\":\"query\",\"required\":true,"
      "\"description\":\"A path, with or without the aspect.\","
      "\"schema\":{\"type\":\"string\",\"maxLength\":256},\"example\":\"world.house\"},"
      "{\"name\":\"archetype\",\"in\":\"query\",\"required\":false,"
      "\"description\":\"Whose affordances; the key's own default without.\","
      "\"schema\":{\"type\":\"string\",\"maxLength\":64},\"example\":\"architect\"}]";

static const char paths_answer[]
    = "{\"type\":\"object\",\"required\":[\"paths\",\"next\"],\"properties\":{"
      "\"paths\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{"
      "\"path\":{\"type\":\"string\"},\"category\":{\"type\":\"string\"},"
      "\"scope\":{\"type\":\"string\"},\"kind\":{\"type\":\"string\"},"
      "\"owner\":{\"type\":\"string\"},\"summary\":{\"type\":[\"string\",\"null\"]},"
      "\"streams\":{\"type\":\"boolean\"},"
      "\"price\":{\"type\":\"object\",\"properties\":{\"requests\":{\"type\":\"integer\"},"
      "\"fixed\":{\"type\":\"integer\"},\"per_token\":{\"type\":\"integer\"},"
      "\"per_kb\":{\"type\":\"integer\"},\"max\":{\"type\":\"integer\"},"
      "\"money\":{\"type\":\"integer\"}}},"
      "\"input\":{\"type\":[\"object\",\"boolean\",\"null\"]},"
      "\"output\":{\"type\":[\"object\",\"boolean\",\"null\"]}}}},"
      "\"next\":{\"type\":[\"string\",\"null\"]}}}";

static const char paths_parameters[]
    = "[{\"name\":\"prefix\",\"in\":\"query\",\"required\":false,"
      "\"description\":\"How the paths begin.\","
      "\"schema\":{\"type\":\"string\",\"maxLength\":256},\"example\":\"world.\"},"
      "{\"name\":\"archetype\",\"in\":\"query\",\"required\":false,"
      "\"description\":\"One of those that the key may claim; all of them without.\","
      "\"schema\":{\"type\":\"string\",\"maxLength\":64}},"
      "{\"name\":\"limit\",\"in\":\"query\",\"required\":false,"
      "\"schema\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":1000,\"default\":100}},"
      "{\"name\":\"after\",\"in\":\"query\",\"required\":false,"
      "\"description\":\"The member next of the page before.\","
      "\"schema\":{\"type\":\"string\",\"maxLength\":256}}]";

static const struct kg_route routes[] = {
  { .size = sizeof (struct kg_route),
    .flags = KG_JSON | KG_BILLABLE | KG_STREAMS,
    .method = "POST",
    .pattern = "/v1/agentese/invoke",
    .scope = "read",
    .handler = ag_invoke,
    .summary = "Invoke an aspect of a node by its path",
    .request_schema = invoke_schema,
    .response_schema = invoke_answer,
    .parameters = ag_quote_parameters,
    .statuses = "400 402 403 404 409 422 501 502 503 504 507" },
  { .size = sizeof (struct kg_route),
    .method = "GET",
    .pattern = "/v1/agentese/resolve",
    .scope = "read",
    .handler = ag_resolve,
    .summary = "Resolve a path to its node",
    .response_schema = resolve_answer,
    .parameters = path_parameter,
    .statuses = "400 404 422" },
  { .size = sizeof (struct kg_route),
    .method = "GET",
    .pattern = "/v1/agentese/affordances",
    .scope = "read",
    .handler = ag_affordances,
    .summary = "List what a node offers an archetype",
    .response_schema = affordances_answer,
    .parameters = archetype_parameters,
    .statuses = "400 404 422" },
  { .size = sizeof (struct kg_route),
    .method = "GET",
    .pattern = "/v1/agentese/paths",
    .scope = "read",
    .handler = ag_paths,
    .summary = "List what the caller may invoke, and what it costs",
    .response_schema = paths_answer,
    .parameters = paths_parameters,
    .statuses = "304 403 422" },
};

static const char *const refusal_names[]
    = { "malformed", "not_found",  "not_afforded", "forbidden", "bad_argument",
        "not_built", "over_limit", "conflict",     "law",       "unaffordable", "upstream", NULL };

/* Services that the host always has. */
static int32_t
needs (struct ag *ag)
{
  const struct kg_host *h = ag->host;
  int32_t r;
  if ((r = h->need (ag->self, KG_STORE, sizeof *ag->store, 0, (const void **)&ag->store)) < 0
      || (r = h->need (ag->self, KG_HEALTH, sizeof *ag->health, 0, (const void **)&ag->health))
             < 0
      || (r
          = h->need (ag->self, KG_METRICS, sizeof *ag->metrics, 0, (const void **)&ag->metrics))
             < 0)
    return r;
  if ((r = h->need (ag->self, KG_BUDGET, sizeof *ag->budget,
                    ag->conf->prices.count ? 0 : KG_NEED_OPTIONAL, (const void **)&ag->budget))
      < 0)
    return r;
  return h->need (ag->self, KG_METER, sizeof *ag->meter, KG_NEED_OPTIONAL,
                  (const void **)&ag->meter);
}

static int32_t
metric (struct ag *ag, int32_t kind, const char *name, const char *help,
        const struct kg_label *labels, uint32_t nlabels, kg_metric **ret)
{
  struct kg_metric_def def = { .size = sizeof def,
                               .kind = kind,
                               .name = name,
                               .help = help,
                               .labels = labels,
                               .nlabels = nlabels };
  return ag->metrics->define (ag->self, &def, ret);
}

static int32_t
metrics_define (struct ag *ag)
{
  const struct kg_label by_node[]
      = { { "context", ag_context_names }, { "category", ag_category_names } };
  const struct kg_label by_reason[] = { { "reason", refusal_names } };
  int32_t r;
  if ((r = metric (ag, KG_COUNTER, "kgent_agentese_invocations_total", "Invocations that ran.",
                   by_node, 2, &ag->invocations))
          < 0
      || (r = metric (ag, KG_COUNTER, "kgent_agentese_refusals_total",
                      "Refused calls, by reason.", by_reason, 1, &ag->refusals))
             < 0
      || (r
          = metric (ag, KG_COUNTER, "kgent_agentese_retries_total",
                    "Changes that lost a race and were prepared again.", NULL, 0, &ag->retries))
             < 0
      || (r = metric (ag, KG_GAUGE, "kgent_agentese_nodes", "Nodes with state, of all tenants.",
                      NULL, 0, &ag->kept_nodes))
             < 0)
    return r;
  return metric (ag, KG_GAUGE, "kgent_agentese_bytes",
                 "Bytes of nodes and their histories, of all tenants.", NULL, 0,
                 &ag->kept_bytes);
}

static int32_t
state_declare (struct ag *ag)
{
  int32_t r;
  if ((r = ag->store->bucket (ag->self, "agentese.nodes", &ag->nodes)) < 0
      || (r = ag->store->bucket (ag->self, "agentese.trace", &ag->trace)) < 0
      || (r = ag->store->watch (ag->nodes, ag_quota_node, ag)) < 0)
    return r;
  if ((r = ag->store->bucket (ag->self, "agentese.versions", &ag->versions)) < 0
      || (r = ag->store->watch (ag->versions, ag_quota_version, ag)) < 0)
    return r;
  if ((r = ag_spec_index_open (ag)) < 0)
    return r;
  return ag->store->watch (ag->trace, ag_quota_trace, ag);
}

static void
agentese_close (void *data)
{
  struct ag *ag = data;
  ag_time_close (ag);
  ag_listing_close (ag);
  ag_registry_free (ag->registry);
  ag_nodes_close (ag);
  ag_remotes_close (ag);
  ag_specs_close (ag);
  ag_spec_index_close (ag);
  ag_spec_uses_close (ag);
  ag_archetypes_free (ag->archetypes);
  ag_lanes_free (ag->lanes);
  ag_quota_free (ag->quota);
  ag_seen_free (ag->seen);
  free (ag);
}

static int32_t
declare (struct ag *ag)
{
  uint32_t i;
  int32_t r;
  if ((r = ag_prices_check (ag)) < 0 || (r = needs (ag)) < 0 || (r = metrics_define (ag)) < 0
      || (r = state_declare (ag)) < 0
      || (r = ag->health->add (ag->self, "agentese", 0, &ag->component)) < 0)
    return r;
  for (i = 0; i < sizeof routes / sizeof routes[0]; i++)
    if ((r = ag->host->route (ag->self, &routes[i])) < 0)
      return r;
  return 0;
}

static int32_t
rooms_open (struct ag *ag)
{
  static int32_t (*const rooms[]) (struct ag *ag)
      = { ag_world_open, ag_purgatory_open, ag_concept_open,
          ag_self_open,  ag_void_open,      ag_time_open,    ag_nodes_open,
          ag_remotes_open, ag_compose_open, ag_specs_open, ag_spec_uses_open };
  uint32_t i;
  int32_t r = ag_archetypes_new (ag) ? 0 : -EINVAL;
  for (i = 0; i < sizeof rooms / sizeof rooms[0] && !r; i++)
    r = rooms[i](ag);
  return r;
}

static int32_t
agentese_open (const struct kg_host *host, kg_self *self, const void *conf, void **ret_data)
{
  struct ag *ag = calloc (1, sizeof *ag);
  int32_t r = -ENOMEM;
  if (!ag)
    return r;
  ag->host = host;
  ag->self = self;
  ag->conf = conf;
  ag->quota = ag_quota_new (ag);
  ag->lanes = ag_lanes_new ();
  ag->seen = ag_seen_new ();
  ag->registry = ag_registry_new ();
  if (ag->quota && ag->lanes && ag->seen && ag->registry && !(r = declare (ag))
      && !(r = rooms_open (ag))) {
    *ret_data = ag;
    return 0;
  }
  agentese_close (ag);
  return r;
}

static int32_t
agentese_start (void *data)
{
  struct ag *ag = data;
  int32_t r = ag_prices_start (ag);
  if (r < 0)
    return r;
  if (!ag->meter)
    ag->host->log (ag->self, KG_LOG_WARN,
                   "nobody meters: invocations are not recorded "
                   "(load a metering plugin to record them)");
  ag->health->set (ag->component, KG_HEALTH_OK, 0, "%s", "");
  r = ag_time_start (ag);
  return r < 0 ? r : ag_spec_uses_start (ag);
}

static void
agentese_stop (void *data)
{
  ag_spec_uses_stop (data);
  ag_time_stop (data);
}

KG_PLUGIN (.name = "agentese", .version = "1.0", .summary = "Invoke agents by AGENTESE paths.",
           .opts = options, .conf_size = sizeof (struct ag_conf), .open = agentese_open,
           .start = agentese_start, .stop = agentese_stop, .close = agentese_close);
