/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What the files of agentese.so share: the plugin, and one call of it. */
#ifndef AGENTESE_H
#define AGENTESE_H

#ifndef KG_ABI_TARGET
#define KG_ABI_TARGET KG_ABI (1, 1)
#endif
#include <kgent/budget.h>
#include <kgent/calls.h>
#include <kgent/health.h>
#include <kgent/jobs.h>
#include <kgent/json.h>
#include <kgent/meter.h>
#include <kgent/metrics.h>
#include <kgent/plugin.h>
#include <kgent/store.h>

#include "plugins/agentese/registry.h"

#include <stdatomic.h>

#define AG_COST_MAX 1000000000 /* tokens, minor units: sums of some stay far from 2^63 */

struct ag_deferral;
struct ag_foreign;
struct ag_lanes;
struct ag_notes;
struct ag_quota;
struct ag_schedule;
struct ag_seen;
struct ag_spec_file;
struct ag_spec_index;
struct ag_spec_uses;
struct ag_stream;
struct ag_turn;

/* What calls cost whose path is covered by `path`, whatever the aspect says. */
struct ag_price {
  const char *path; /* "world.house.manifest", "world.house.*", "*" */
  struct ag_cost cost;
};

/* The options. */
struct ag_conf {
  int32_t open_world, reserved;
  int64_t nodes_max;      /* per tenant */
  int64_t bytes_max;      /* per tenant, of nodes and their histories */
  int64_t node_bytes_max; /* state of one node */
  int64_t history_max;    /* entries kept per node */
  int64_t versions_max;   /* former versions kept per node */
  int64_t trace_max;      /* invocations kept per tenant */
  int64_t schedule_max;   /* deferred invocations kept per tenant */
  struct kg_list prices;  /* struct ag_price; the first that covers a path counts */
  struct kg_list archetypes; /* struct ag_archetype_conf */
  struct kg_list remotes;    /* struct ag_remote_conf */
  const char *spec_dir;      /* NULL: none */
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
  AG_UNAFFORDABLE,
  AG_UPSTREAM /* who stands behind the node failed */
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
  const struct kg_jobs *jobs;
  const struct kg_calls *calls;
  kg_bucket *nodes, *trace;
  kg_bucket *versions; /* of nodes, see state.h */
  kg_component *component;
  kg_metric *invocations, *refusals, *retries, *kept_nodes, *kept_bytes;
  struct ag_quota *quota;
  struct ag_lanes *lanes; /* of nodes that change, see lane.h */
  struct ag_seen *seen;
  struct ag_archetypes *archetypes;
  struct ag_registry *registry;
  struct ag_foreign *foreign; /* nodes of other plugins */
  struct ag_remotes *remotes; /* nodes of the configuration; NULL: none */
  struct ag_spec_file *specs;   /* of the folder */
  struct ag_spec_index *spec_index; /* of tenants' nodes */
  struct ag_spec_uses *spec_uses;   /* NULL: not open yet */
  struct ag_listing *_Atomic listing;
  struct ag_notes *notes;       /* of calls that ended, see notes.h */
  struct ag_schedule *schedule; /* see schedule.h */

  /* What a room adds to every call; NULL: nobody does. */
  /* Draws entropy from the caller's pool, then goes on with `next`: what that returned,
   * KG_WAIT, KG_DONE with a 402, or a negative errno. */
  int32_t (*draw) (struct ag_call *c, double amount, int32_t (*next) (struct ag_call *c));
  /* Notes a call that has ended, a refused one too, in the tenant's trace. */
  void (*noted) (struct ag_call *c, int32_t status, int64_t tokens);

  _Atomic int32_t failing; /* 1 while the last write of state failed */
};

/* One call, in the request's memory: an invocation, or a step of a composition. */
struct ag_call {
  struct ag *ag;
  kg_req *req;
  const struct kg_identity *who;
  const struct kg_json *json; /* in which the kwargs are: the body, or what a step got */
  uint32_t kwargs;            /* their token, 0 without */
  int32_t archetype;          /* index, -1: an unknown one */
  kg_str archetype_name;
  kg_str observer;    /* name, as JSON text with quotes */
  int32_t can_define; /* the observer has the capability "define" */
  int32_t cached;
  struct ag_path path;
  const struct ag_entry *entry; /* what the path names; both from ag_find on */
  const struct ag_slot *slot;
  int32_t category;               /* enum ag_category */
  const struct ag_cost *cost;     /* NULL: free of charge */
  int64_t tokens_used;            /* as the aspect says; for cost->per_token */
  int64_t began_ns;               /* since the request's arrival */
  kg_str span_id;                 /* in the trace; empty: the one of the request */
  kg_str undo;                    /* with which time.past.restore undoes what it changed */
  const struct ag_deferral *deferred; /* that it carries out, see schedule.h, or NULL */
  const struct ag_turn *turn;     /* while a change is prepared, see lane.h; else NULL */
  int32_t in_trace;               /* 1: it is noted there */
  kg_reservation *tokens, *money, *requests; /* NULL: nothing was reserved */

  /* Of a step: where its result goes instead of a response, which is then the JSON text
   * of the result, valid as long as the request; and where a refusal goes, which answers
   * it with host->problem once it has added its members.  Both return what a handler
   * does.  `outer` is the composition's. */
  int32_t (*then) (struct ag_call *c, kg_str result);
  int32_t (*failed) (struct ag_call *c, int32_t status, const char *detail);
  void *outer;
  int32_t quote;  /* 1: its price is asked only: nothing is run or charged */
  int32_t silent; /* 1: a refusal is in no trace, since it is no invocation */

  /* Of an aspect that streams: where a piece goes; NULL: it is collected, if `pieces` has
   * room (see ag_chunk). */
  int32_t (*piece) (struct ag_call *c, kg_str text);
  struct kg_out pieces;
  struct ag_stream *stream; /* the answer, see stream.h; NULL: it isn't one */
};

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
 * bytes, and before the secret part of a credential, with "..."; returns out. */
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

/* The same with what helps the caller; any of it may be NULL. */
struct ag_advice {
  const char *why, *suggestion;
  const char *const *related; /* ends in NULL */
};
int32_t ag_refuse_why (struct ag_call *c, enum ag_refusal reason, int32_t status,
                       const struct ag_advice *advice, const char *fmt, ...) KG_PRINTF (5, 6);

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

/* What a call of such a path costs: the first price that covers it, else what the aspect
 * says. */
const struct ag_cost *ag_cost_of (const struct ag *ag, const struct ag_slot *slot, kg_str base);

int32_t ag_cost_free (const struct ag_cost *cost);

/* Fills c->cost. */
void ag_price_find (struct ag_call *c);

/* The most tokens that one call can cost. */
int64_t ag_cost_tokens_max (const struct ag_cost *cost);

/* Reserves the most that the call can cost.  0, KG_DONE with a 402, or an errno. */
int32_t ag_price_reserve (struct ag_call *c);

/* Tokens of a call with a result of so many bytes. */
int64_t ag_price_tokens (const struct ag_call *c, size_t result_len);

/* The call ran: what it cost is charged when the answer leaves. */
int32_t ag_price_settle (struct ag_call *c, size_t result_len);

/* ---- quote.c: what a call would cost ---------------------------------------- */

/* Makes the call one whose price is asked only, if the request says so: "?quote=1" or
 * "Prefer: quote".  0, or KG_DONE with a refusal. */
int32_t ag_quote_begin (struct ag_call *c);

/* Answers what the call can cost at most, and that it is allowed if its budget covers that. */
int32_t ag_quote_answer (struct ag_call *c);

/* Whether the most that the call can cost is within the field Kgent-Max-Cost: 0, or KG_DONE
 * with a refusal. */
int32_t ag_quote_within (struct ag_call *c);

/* ---- quota.c: what each tenant keeps ------------------------------------ */

struct ag_quota *ag_quota_new (struct ag *ag);
void ag_quota_free (struct ag_quota *quota);

/* Watches of the buckets "agentese.nodes", "agentese.trace" and "agentese.versions". */
void ag_quota_version (const struct kg_entry *entry, void *arg);
void ag_quota_node (const struct kg_entry *entry, void *arg);
void ag_quota_trace (const struct kg_entry *entry, void *arg);

/* Reserves for `nodes` new nodes and `bytes` more.  0, 1: the nodes, 2: the
 * bytes are over the limit (nothing is reserved), -ENOMEM. */
int32_t ag_quota_reserve (struct ag *ag, const char *tenant, uint32_t nodes, int64_t bytes);
void ag_quota_release (struct ag *ag, const char *tenant, uint32_t nodes, int64_t bytes);

/* ---- find.c: what a path names -------------------------------------------- */

/* Parses the text and finds node and aspect, which must be offered to the observer.
 * 0, or KG_DONE with the refusal set. */
int32_t ag_find (struct ag_call *c, kg_str text);

/* Whether the node is there: all are in an open world.  0, KG_DONE with a 404, or a
 * negative errno. */
int32_t ag_exists (struct ag_call *c);

/* Whether this very call changes something. */
int32_t ag_has_effect (const struct ag_call *c);

/* Whether the identity's scopes let it invoke such a path: 1, or 0 and the scope that
 * is missing ("write", "invoke:world.house.manifest"). */
int32_t ag_may_invoke (const struct kg_identity *who, kg_str base, int32_t effect,
                       char ret_scope[AG_PATH_MAX + 8]);

/* The same for some path, whatever its name: whether "write" is there if it is needed. */
int32_t ag_may_invoke_any (const struct kg_identity *who, int32_t effect);

/* ---- invoke.c: a call from its path to its node ------------------------------ */

kg_fn ag_invoke;

/* Finds, checks, reserves and runs a call whose ag, req, who, json, kwargs and observer
 * are filled; a step also has `then` and `failed`, and reserves nothing.  KG_DONE,
 * KG_WAIT or a negative errno. */
int32_t ag_call_run (struct ag_call *c, kg_str text);

/* The same without arguments, and without running it: what can be known of a step before
 * those that come before it.  0 with its cost, KG_DONE, or a negative errno. */
int32_t ag_call_find (struct ag_call *c, kg_str text);

/* Invokes "a >> b", or a path whose laws are to be checked, as a composition (compose.c). */
int32_t ag_compose_invoke (struct ag_call *c, kg_str text);

/* What the request asks beside the call itself: 0, or KG_DONE with a refusal. */
int32_t ag_call_asked (struct ag_call *c);

/* The kwarg of that name, 0 without. */
static inline uint32_t
ag_kwarg (const struct ag_call *c, const char *name)
{
  return c->kwargs ? kg_json_find (c->json, c->kwargs, name) : 0;
}

/* ---- answer.c: the end of a call that ran -------------------------------------- */

/* Writes the result of an aspect; may run twice. */
typedef void ag_result (struct ag_call *c, void *arg, struct kg_out *out);

/* Answers 200 with the result (or hands it to `then`), and notes the usage. */
int32_t ag_answer (struct ag_call *c, ag_result *result, void *arg);

/* The same with a JSON text. */
int32_t ag_answer_text (struct ag_call *c, kg_str json);

/* The call ran, or a part of it with `status` 499: charges it, and notes it wherever calls
 * are noted.  0 or a negative errno. */
int32_t ag_settle (struct ag_call *c, size_t result_len, int32_t status);

#define AG_PIECES_MAX 262144 /* bytes of an answer in pieces */

/* A piece of an answer of an aspect with AG_STREAMS, as UTF-8 text; any thread, for one
 * call one at a time.  0, -EPIPE, -E2BIG, -EINVAL, -ENOMEM as nodes.chunk of
 * <kgent/nodes.h>. */
int32_t ag_chunk (struct ag_call *c, kg_str text);

/* How many tokens the call has used so far; as ag_chunk. */
void ag_used (struct ag_call *c, int64_t tokens);

/* Answers with the pieces that were collected, as one string. */
int32_t ag_answer_pieces (struct ag_call *c);

/* ---- nodes.c: nodes of other plugins ----------------------------------------------- */

/* Provides agentese.nodes/1, in open; frees what was added, in close. */
int32_t ag_nodes_open (struct ag *ag);
void ag_nodes_close (struct ag *ag);

/* ---- resolve.c, discover.c: the routes that invoke nothing ------------------------ */

kg_fn ag_resolve, ag_affordances, ag_paths;

/* ---- What time.c and its files add to others --------------------------------------- */

/* With the plugin's; `close` takes what `open` left, also in part. */
int32_t ag_time_start (struct ag *ag);
void ag_time_stop (struct ag *ag);
void ag_time_close (struct ag *ag);

/* Whether the clause `rollback` may stand on this call: what it changes, if anything, are
 * nodes of which versions are kept. */
int32_t ag_undoable (const struct ag_call *c);

/* Remembers the call until LOG, which notes one that ended in no other way. */
void ag_note_begin (struct ag_call *c);

/* Finds out whether an inner request carries out a deferred invocation.  0, KG_DONE with a
 * refusal, or a negative errno. */
int32_t ag_deferred_find (struct ag_call *c);

/* Whether this call may run that was begun once before and never ended: 0, or KG_DONE
 * with the refusal. */
int32_t ag_deferred_check (struct ag_call *c);

/* ---- The rooms: each registers its holons, in open ------------------------------- */

int32_t ag_compose_open (struct ag *ag);   /* compose.c: a route, no holon */
int32_t ag_world_open (struct ag *ag);     /* world.c */
int32_t ag_purgatory_open (struct ag *ag); /* purgatory.c */
int32_t ag_concept_open (struct ag *ag);   /* concept.c */
int32_t ag_self_open (struct ag *ag);      /* self.c */
int32_t ag_void_open (struct ag *ag);      /* void.c */
int32_t ag_time_open (struct ag *ag);      /* time.c */

#endif
