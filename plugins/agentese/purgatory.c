/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* world.purgatory: actions that wait for a human, and how they are decided. */
#include "plugins/agentese/purgatory.h"
#include "plugins/agentese/common.h"

#include <errno.h>
#include <string.h>

/* ---- Verdicts ------------------------------------------------------------------------ */

struct ag_verdict *
ag_verdict_new (struct ag_call *c, int32_t (*act) (struct ag_call *c, struct ag_verdict *v))
{
  struct ag_verdict *v = c->ag->host->alloc (c->req, sizeof *v);
  if (!v)
    return NULL;
  memset (v, 0, sizeof *v);
  v->act = act;
  v->id = ag_arg_text (c, "id");
  return ag_arg_lost (c, "id", v->id) ? NULL : v;
}

static int32_t
verdict_prepare (struct ag_change *ch, const struct ag_node *old)
{
  struct ag_verdict *v = ch->extra;
  struct ag_call *c = ch->call;
  int32_t r = ag_items_of (c, old, &v->items);
  if (r < 0)
    return r;
  v->count = 0;
  v->ids = c->ag->host->alloc (c->req, (v->items.n + 1) * sizeof *v->ids);
  if (!v->ids)
    return -ENOMEM;
  if ((r = v->act (c, v)) || (r = ag_items_text (c, &v->items, &ch->state)))
    return r;
  v->item = v->id.ptr ? ag_item_find (&v->items, v->id) : NULL;
  ch->bump = 1;
  return 0;
}

int32_t
ag_verdict_run (struct ag_call *c, struct ag_verdict *v, ag_result *result,
                int32_t (*done) (struct ag_change *change))
{
  struct ag_change *ch = ag_change_new (c);
  if (!ch)
    return -ENOMEM;
  ch->handle = ag_items_handle;
  ch->extra = v;
  ch->prepare = verdict_prepare;
  ch->result = result;
  ch->done = done;
  return ag_change_run (ch);
}

int32_t
ag_verdict_find (struct ag_call *c, struct ag_verdict *v)
{
  v->item = ag_item_find (&v->items, v->id);
  if (!v->item)
    return ag_no_item (c, &v->items, v->id);
  return ag_item_waits (v->item, v->items.now) ? 0 : ag_item_over (c, v->item, v->items.now);
}

void
ag_verdict_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct ag_verdict *v = ((struct ag_change *)arg)->extra;
  (void)c;
  ag_item_write (v->item, v->items.now, 1, out);
}

/* ---- list, inspect ---------------------------------------------------------------------- */

/* What is asked for. */
struct asked {
  struct ag_items items;
  kg_str status; /* empty: all that wait */
  const struct ag_item *item;
};

static int32_t
is_asked (const struct asked *a, const struct ag_item *it)
{
  if (!a->status.ptr)
    return ag_item_waits (it, a->items.now);
  if (ag_str_is (a->status, "all"))
    return 1;
  if (ag_str_is (a->status, "expired"))
    return it->status == AG_PENDING && !ag_item_waits (it, a->items.now);
  return ag_str_is (a->status, ag_item_statuses[it->status])
         && (it->status != AG_PENDING || ag_item_waits (it, a->items.now));
}

static void
list_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct asked *a = arg;
  uint32_t i, n = 0, waiting = 0;
  (void)c;
  kg_out_lit (out, "{\"items\":[");
  for (i = 0; i < a->items.n; i++) {
    waiting += (uint32_t)ag_item_waits (&a->items.all[i], a->items.now);
    if (!is_asked (a, &a->items.all[i]))
      continue;
    kg_out_lit (out, n++ ? "," : "");
    ag_item_write (&a->items.all[i], a->items.now, 0, out);
  }
  kg_out_lit (out, "],\"total\":");
  kg_out_int (out, n);
  kg_out_lit (out, ",\"pending\":");
  kg_out_int (out, waiting);
  kg_out_lit (out, "}");
}

int32_t
ag_purgatory_list (struct ag_call *c)
{
  struct asked a = { .status = ag_arg_text (c, "status") };
  int32_t r = ag_arg_lost (c, "status", a.status) ? -ENOMEM : ag_items_read (c, &a.items);
  return r < 0 ? r : ag_answer (c, list_write, &a);
}

static void
inspect_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct asked *a = arg;
  (void)c;
  ag_item_write (a->item, a->items.now, 1, out);
}

int32_t
ag_purgatory_inspect (struct ag_call *c)
{
  struct asked a = { .item = NULL };
  kg_str id = ag_arg_text (c, "id");
  int32_t r = id.ptr ? ag_items_read (c, &a.items) : -ENOMEM;
  if (r < 0)
    return r;
  a.item = ag_item_find (&a.items, id);
  return a.item ? ag_answer (c, inspect_write, &a) : ag_no_item (c, &a.items, id);
}

/* The history of all items is that of the node that keeps them. */
int32_t
ag_purgatory_witness (struct ag_call *c)
{
  return ag_witness_of (c, ag_items_handle);
}

/* ---- cancel, void_expired ------------------------------------------------------------------ */

static int32_t
act_cancel (struct ag_call *c, struct ag_verdict *v)
{
  int32_t r = ag_verdict_find (c, v);
  if (r)
    return r;
  v->item->status = AG_CANCELLED;
  v->item->ended = v->items.now;
  v->item->by = ag_str (c->who->subject ? c->who->subject : "");
  v->item->note = ag_arg_text (c, "note");
  return ag_arg_lost (c, "note", v->item->note) ? -ENOMEM : 0;
}

static int32_t
cancel (struct ag_call *c)
{
  struct ag_verdict *v = ag_verdict_new (c, act_cancel);
  return v ? ag_verdict_run (c, v, ag_verdict_write, NULL) : -ENOMEM;
}

static int32_t
act_void (struct ag_call *c, struct ag_verdict *v)
{
  uint32_t i;
  (void)c;
  for (i = 0; i < v->items.n; i++) {
    struct ag_item *it = &v->items.all[i];
    if (it->status != AG_PENDING || ag_item_waits (it, v->items.now))
      continue;
    it->status = AG_VOIDED;
    it->ended = v->items.now;
    v->ids[v->count++] = it->id;
  }
  return 0;
}

static void
void_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct ag_verdict *v = ((struct ag_change *)arg)->extra;
  uint32_t i;
  (void)c;
  kg_out_lit (out, "{\"voided\":");
  kg_out_int (out, v->count);
  kg_out_lit (out, ",\"ids\":[");
  for (i = 0; i < v->count; i++) {
    kg_out_lit (out, i ? "," : "");
    kg_out_str (out, v->ids[i]);
  }
  kg_out_lit (out, "]}");
}

static int32_t
void_expired (struct ag_call *c)
{
  struct ag_verdict *v = ag_verdict_new (c, act_void);
  return v ? ag_verdict_run (c, v, void_write, NULL) : -ENOMEM;
}

/* ---- The table ------------------------------------------------------------------------------ */

#define ID "\"id\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":64}"
#define NOTE "\"note\":{\"type\":\"string\",\"maxLength\":500}"

static const struct ag_aspect aspects[] = {
  { .name = "manifest",
    .category = AG_PERCEPTION,
    .run = ag_purgatory_list,
    .summary = "Actions that wait for a human." },
  { .name = "witness",
    .category = AG_INTROSPECTION,
    .run = ag_purgatory_witness,
    .summary = "What became of actions that waited, newest first." },
  { .name = "list",
    .category = AG_PERCEPTION,
    .run = ag_purgatory_list,
    .summary = "Actions that wait, or have another status.",
    .input = "{\"type\":\"object\",\"properties\":{\"status\":{\"enum\":[\"all\",\"pending\","
             "\"expired\",\"continuing\",\"resolved\",\"rejected\",\"failed\",\"cancelled\","
             "\"void\"]}}}" },
  { .name = "resolve",
    .category = AG_MUTATION,
    .run = ag_purgatory_resolve,
    .summary = "Approve an action, which is then carried out, or reject it.",
    .input = "{\"type\":\"object\",\"required\":[\"id\"],\"properties\":{" ID "," NOTE
             ",\"decision\":{\"enum\":[\"approve\",\"reject\"],\"default\":\"approve\"},"
             "\"answer\":{}}}" },
  { .name = "cancel",
    .category = AG_MUTATION,
    .run = cancel,
    .summary = "Take back an action that waits.",
    .input = "{\"type\":\"object\",\"required\":[\"id\"],\"properties\":{" ID "," NOTE "}}" },
  { .name = "inspect",
    .category = AG_PERCEPTION,
    .run = ag_purgatory_inspect,
    .summary = "One action with its arguments and its outcome.",
    .input = "{\"type\":\"object\",\"required\":[\"id\"],\"properties\":{" ID "}}" },
  { .name = "void_expired",
    .category = AG_MUTATION,
    .run = void_expired,
    .summary = "Give up the actions whose time is over." },
  { .name = NULL },
};

#define KEEPERS_VERBS AG_VERBS ("list", "resolve", "cancel", "inspect", "void_expired")

static const struct ag_offer offers[] = { { "admin", KEEPERS_VERBS },
                                          { "developer", KEEPERS_VERBS },
                                          { "architect", KEEPERS_VERBS },
                                          { NULL, AG_VERBS ("list", "inspect") },
                                          { NULL, NULL } };

int32_t
ag_purgatory_open (struct ag *ag)
{
  static const struct ag_holon purgatory
      = { .context = AG_WORLD,
          .kind = AG_BUILT_IN,
          .rest = "purgatory",
          .summary = "Actions that wait for a human.",
          .aspects = aspects,
          .offers = offers };
  return ag_register (ag, &purgatory);
}
