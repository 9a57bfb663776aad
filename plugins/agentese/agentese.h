/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What the files of agentese.so share: the plugin, and one call of it. */
#ifndef AGENTESE_H
#define AGENTESE_H

#define KG_ABI_TARGET KG_ABI (1, 1)
#include <kgent/budget.h>
#include <kgent/health.h>
#include <kgent/json.h>
#include <kgent/meter.h>
#include <kgent/metrics.h>
#include <kgent/plugin.h>
#include <kgent/store.h>

#include "plugins/agentese/grammar.h"

#include <stdatomic.h>

struct ag_quota;
struct ag_seen;

/* What calls cost whose path is covered by `path`. */
struct ag_price {
  const char *path;              /* "world.house.manifest", "world.house.*", "*" */
  int64_t tokens, tokens_per_kb; /* per call; per begun KiB of the result */
  int64_t tokens_max;            /* per call; 0: see price.c */
  int64_t money;                 /* minor units per call */
};

/* The options. */
struct ag_conf {
  int32_t open_world, reserved;
  int64_t nodes_max;      /* per tenant */
  int64_t bytes_max;      /* per tenant, of nodes and their histories */
  int64_t node_bytes_max; /* state of one node */
  int64_t history_max;    /* entries kept per node */
  struct kg_list prices;  /* struct ag_price; the first that covers a path counts */
};

/* Why an invocation was refused; the label of a metric, in this order. */
enum ag_refusal {
  AG_MALFORMED,
  AG_NOT_FOUND,
  AG_NOT_AFFORDED,
  AG_FORBIDDEN,
  AG_BAD_ARGUMENT,
  AG_NOT_BUILT,
  AG_OVER_LIMIT,
  AG_CONFLICTING,
  AG_LAW,
  AG_UNAFFORDABLE
};

enum ag_category {
  AG_PERCEPTION,
  AG_INTROSPECTION,
  AG_MUTATION,
  AG_GENERATION,
  AG_ENTROPIC,
  AG_COMPOSITION,
  AG_CATEGORIES
};

struct ag {
  const struct kg_host *host;
  kg_self *self;
  const struct ag_conf *conf;
  const struct kg_store *store;
  const struct kg_health *health;
  const struct kg_metrics *metrics;
  const struct kg_meter *meter;   /* NULL: nobody meters */
  const struct kg_budget *budget; /* NULL: nobody charges */
  kg_bucket *nodes, *trace;
  kg_component *component;
  kg_metric *invocations, *refusals, *retries, *kept_nodes, *kept_bytes;
  struct ag_quota *quota;
  struct ag_seen *seen;
  _Atomic int32_t failing; /* 1 while the last write of state failed */
};

/* One call, in the request's memory. */
struct ag_call {
  struct ag *ag;
  kg_req *req;
  const struct kg_identity *who;
  const struct kg_json *json; /* the body */
  uint32_t kwargs;            /* its token, 0 without */
  int32_t archetype;          /* index of the table, -1: none of it */
  kg_str archetype_name;
  kg_str observer;    /* name, as JSON text with quotes */
  int32_t can_define; /* the observer has the capability "define" */
  int32_t cached;
  int32_t category;              /* enum ag_category */
  const struct ag_price *price;  /* NULL: free of charge */
  kg_reservation *tokens, *money; /* NULL: nothing was reserved */
  struct ag_path path;
};

/* ---- afford.c: archetypes and what they are offered --------------------- */

/* Index of a built-in archetype, or -1. */
int32_t ag_archetype_find (kg_str name);

/* The verbs that a node offers to an archetype: up to three lists, in order,
 * each ended by NULL; unused ones are empty. */
void ag_afford (const struct ag_path *path, int32_t archetype, const char *const *ret_lists[3]);

/* Whether the path's aspect is offered, or may be invoked on every node. */
int32_t ag_affords (const struct ag_path *path, int32_t archetype);

/* Whether some node or archetype knows this verb. */
int32_t ag_is_verb (kg_str name);

/* Whether "context.rest" is a node of the tables, as self.vitals.triad. */
int32_t ag_is_builtin (int32_t ctx, kg_str rest);

/* The holons of a context's table; NULL-ended, at most `max` - 1 of them. */
void ag_builtins (int32_t ctx, const char **ret, uint32_t max);

/* Names of built-in archetypes that are offered the aspect; NULL-ended. */
void ag_offered_to (const struct ag_path *path, const char **ret, uint32_t max);

int32_t ag_category_of (const struct ag_path *path);

extern const char *const ag_archetype_names[]; /* ends in NULL */
extern const char *const ag_category_names[];  /* ends in NULL */

/* ---- text.c: small things with text ------------------------------------- */

#define AG_TIME_LEN 32 /* of RFC 3339 with microseconds and +00:00 */

void ag_time (int64_t wall_ns, char out[AG_TIME_LEN + 1]);

/* Appends JSON text without the blanks between its tokens. */
void ag_compact (struct kg_out *out, kg_str json);

/* Whether "world.house.*", an exact path or "*" covers a path without clauses. */
int32_t ag_pattern_covers (const char *pattern, kg_str base);

/* Edit distance of two names, at most 64 bytes each looked at. */
uint32_t ag_distance (kg_str a, kg_str b);

/* Copies what is printable ASCII of `text`, the rest as "?", cut to `size` - 1
 * bytes with "..."; returns out. */
const char *ag_quote (char *out, size_t size, kg_str text);

kg_str ag_str (const char *text);

/* ---- problem.c: every refusal ------------------------------------------- */

/* All of them answer a problem and return KG_DONE. */
int32_t ag_malformed (struct ag_call *c, const struct ag_error *err);
int32_t ag_without_aspect (struct ag_call *c);
int32_t ag_not_found (struct ag_call *c);
int32_t ag_not_afforded (struct ag_call *c);
int32_t ag_not_built (struct ag_call *c, const char *reason);
int32_t ag_no_scope (struct ag_call *c, const char *scope);
int32_t ag_over_limit (struct ag_call *c, const char *policy, int64_t limit, const char *what);
int32_t ag_refuse (struct ag_call *c, enum ag_refusal why, int32_t status, const char *fmt, ...)
    KG_PRINTF (4, 5);

/* Adds a member that is a list of texts, or one text. */
void ag_member_list (struct ag_call *c, const char *name, const char *const *list);
void ag_member_text (struct ag_call *c, const char *name, const char *text);

/* ---- observe.c: the body and the observer ------------------------------- */

/* Checks the body and fills the call.  0, or KG_DONE with the answer set. */
int32_t ag_observe (struct ag_call *c, kg_str *ret_path);

/* The archetype that the caller takes without saying one. */
kg_str ag_default_archetype (const struct kg_identity *who);

/* Whether the identity may claim it. */
int32_t ag_may_claim (const struct kg_identity *who, kg_str archetype);

/* ---- seen.c: which nodes were resolved before --------------------------- */

struct ag_seen *ag_seen_new (void);
void ag_seen_free (struct ag_seen *seen);

/* Notes the node of a tenant; 1 when it was there already. */
int32_t ag_seen_mark (struct ag_seen *seen, const char *tenant, kg_str handle);

/* ---- price.c: what a call costs ------------------------------------------ */

/* Patterns of the configuration: 0, or -EINVAL, logged.  When all plugins are open: 0,
 * or -ENOTSUP, logged, for prices that nobody could charge. */
int32_t ag_prices_check (const struct ag *ag);
int32_t ag_prices_start (const struct ag *ag);

/* Reserves the most that the call can cost.  0, KG_DONE with a 402, or an errno. */
int32_t ag_price_reserve (struct ag_call *c);

/* Tokens of a call with a result of so many bytes. */
int64_t ag_price_tokens (const struct ag_call *c, size_t result_len);

/* The call ran: what it cost is charged when the answer leaves. */
int32_t ag_price_settle (struct ag_call *c, size_t result_len);

/* ---- quota.c: what each tenant keeps ------------------------------------ */

struct ag_quota *ag_quota_new (struct ag *ag);
void ag_quota_free (struct ag_quota *quota);

/* Watches of the buckets "agentese.nodes" and "agentese.trace". */
void ag_quota_node (const struct kg_entry *entry, void *arg);
void ag_quota_trace (const struct kg_entry *entry, void *arg);

/* Reserves for `nodes` new nodes and `bytes` more.  0, 1: the nodes, 2: the
 * bytes are over the limit (nothing is reserved), -ENOMEM. */
int32_t ag_quota_reserve (struct ag *ag, const char *tenant, uint32_t nodes, int64_t bytes);
void ag_quota_release (struct ag *ag, const char *tenant, uint32_t nodes, int64_t bytes);

/* ---- invoke.c, resolve.c: the routes ------------------------------------ */

kg_fn ag_invoke, ag_resolve, ag_affordances;

/* Writes the result of an aspect; may run twice. */
typedef void ag_result (struct ag_call *c, void *arg, struct kg_out *out);

/* Answers 200 with the result and notes the usage. */
int32_t ag_answer (struct ag_call *c, ag_result *result, void *arg);

/* The kwarg of that name, 0 without. */
static inline uint32_t
ag_kwarg (const struct ag_call *c, const char *name)
{
  return c->kwargs ? kg_json_find (c->json, c->kwargs, name) : 0;
}

/* ---- world.c: the open world -------------------------------------------- */

int32_t ag_world (struct ag_call *c);

/* The offered verbs, as an array. */
void ag_write_verbs (const struct ag_path *path, int32_t archetype, struct kg_out *out);

#endif
