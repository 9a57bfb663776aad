/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Actions that wait for a human.  self.semaphore.yield makes one (purgatory_yield.c);
 * world.purgatory shows, resolves and cancels them (purgatory.c); one that has a target is
 * carried out when it is resolved, once, with the rights of who resolves it
 * (purgatory_resolve.c).
 *
 * All of a tenant's are the state of the node self.semaphore, {"items":[{...}]}, oldest
 * first.  Those that are over make room for new ones; those that wait never do. */
#ifndef AGENTESE_PURGATORY_H
#define AGENTESE_PURGATORY_H

#include "plugins/agentese/builtin.h"

#define AG_ITEMS_MAX 256
#define AG_OUTCOME_MAX 8192 /* bytes of a result that is kept with its item */

extern const kg_str ag_items_handle; /* "self.semaphore" */

enum ag_item_status {
  AG_PENDING,
  AG_CONTINUING, /* it was begun; whether it ended is not known */
  AG_RESOLVED,
  AG_REJECTED,
  AG_FAILED,
  AG_CANCELLED,
  AG_VOIDED,
  AG_ITEM_STATUSES
};

extern const char *const ag_item_statuses[]; /* ends in NULL */

/* One item; texts that end in _json are JSON texts or empty. */
struct ag_item {
  kg_str id, reason, target, subject, observer;
  kg_str arguments_json, options_json, answer_json, outcome_json;
  kg_str by, note; /* who ended it, and what they said */
  int64_t at, expires, ended;
  int32_t status;
};

struct ag_items {
  struct ag_item *all; /* room for one more than were read */
  uint32_t n;
  int64_t now;
};

/* ---- purgatory_items.c ------------------------------------------------------------ */

/* Reads those of a node: 0, -ENOMEM, -EBADMSG. */
int32_t ag_items_of (struct ag_call *c, const struct ag_node *node, struct ag_items *ret);

/* Those of the tenant. */
int32_t ag_items_read (struct ag_call *c, struct ag_items *ret);

/* The state that keeps them; the oldest that are over go if they must.  0; KG_DONE with a
 * 507; -ENOMEM. */
int32_t ag_items_text (struct ag_call *c, struct ag_items *items, kg_str *ret);

struct ag_item *ag_item_find (const struct ag_items *items, kg_str id);

/* Whether it still waits: pending, and its time is not over. */
int32_t ag_item_waits (const struct ag_item *item, int64_t now);

/* One item as callers see it; `whole`: with arguments and outcome. */
void ag_item_write (const struct ag_item *item, int64_t now, int32_t whole, struct kg_out *o);

/* 404 for an id; 409 for an item that does not wait any more. */
int32_t ag_no_item (struct ag_call *c, const struct ag_items *items, kg_str id);
int32_t ag_item_over (struct ag_call *c, const struct ag_item *item, int64_t now);

/* ---- purgatory.c, purgatory_yield.c, purgatory_resolve.c ---------------------------- */

/* A change of the items: `act` does it. */
struct ag_verdict {
  int32_t (*act) (struct ag_call *c, struct ag_verdict *v);
  struct ag_items items;
  struct ag_item *item; /* that of `id`, after `act` */
  kg_str id;
  uint32_t count;
  kg_str *ids; /* of those that were touched */
  void *extra;
};

/* Makes it durable; then `done`, or without one answers with `result`.  The change's
 * `extra` is the verdict. */
int32_t ag_verdict_run (struct ag_call *c, struct ag_verdict *v, ag_result *result,
                        int32_t (*done) (struct ag_change *change));
struct ag_verdict *ag_verdict_new (struct ag_call *c,
                                   int32_t (*act) (struct ag_call *c, struct ag_verdict *v));

/* The item of v->id, which must wait: 0, or KG_DONE with the refusal. */
int32_t ag_verdict_find (struct ag_call *c, struct ag_verdict *v);

/* Answers with the item of the verdict. */
ag_result ag_verdict_write;

ag_run ag_purgatory_list, ag_purgatory_inspect, ag_purgatory_resolve, ag_purgatory_witness;

#endif
