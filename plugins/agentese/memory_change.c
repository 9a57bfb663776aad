/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What changes the memory: how a change is made, forgetting, and what is done with many
 * at once. */
#include "plugins/agentese/memory.h"

#include <errno.h>
#include <string.h>

/* ---- Deeds ---------------------------------------------------------------------- */

static int32_t
deed_prepare (struct ag_change *ch, const struct ag_node *old)
{
  struct ag_deed *d = ch->extra;
  struct ag_call *c = ch->call;
  int32_t r = ag_memory_of (c, old, &d->m);
  if (r < 0)
    return r;
  d->nalso = d->nkeys = 0;
  d->count = 0;
  d->room = d->m.n + 2;
  d->now = ag_now (c);
  d->also = c->ag->host->alloc (c->req, d->room * sizeof *d->also);
  d->keys = c->ag->host->alloc (c->req, d->room * sizeof *d->keys);
  if (!d->also || !d->keys)
    return -ENOMEM;
  if ((r = d->act (c, d)))
    return r;
  ch->state = ag_memory_text (c, &d->m);
  ch->also = d->also;
  ch->nalso = d->nalso;
  ch->bump = 1;
  return ch->state.ptr ? 0 : -ENOMEM;
}

int32_t
ag_deed_run (struct ag_call *c, int32_t (*act) (struct ag_call *c, struct ag_deed *d),
             ag_result *result)
{
  struct ag_change *ch = ag_change_new (c);
  struct ag_deed *d = c->ag->host->alloc (c->req, sizeof *d);
  if (!ch || !d)
    return -ENOMEM;
  memset (d, 0, sizeof *d);
  d->act = act;
  d->key = ag_arg_text (c, "key");
  if (ag_arg_lost (c, "key", d->key))
    return -ENOMEM;
  ch->extra = d;
  ch->prepare = deed_prepare;
  ch->result = result;
  return ag_change_run (ch);
}

int32_t
ag_deed_also (struct ag_call *c, struct ag_deed *d, kg_str handle, kg_str state)
{
  (void)c;
  if (!handle.ptr || d->nalso == d->room)
    return -ENOMEM;
  d->also[d->nalso++] = (struct ag_also){ handle, state };
  return 0;
}

int32_t
ag_deed_drop (struct ag_call *c, struct ag_deed *d, struct ag_engram *e)
{
  uint32_t at = (uint32_t)(e - d->m.all);
  int32_t r = ag_deed_also (c, d, ag_kept_handle (c, e->key), (kg_str){ NULL, 0 });
  if (r < 0)
    return r;
  d->keys[d->nkeys++] = e->key;
  memmove (e, e + 1, (d->m.n - at - 1) * sizeof *e);
  d->m.n--;
  return 0;
}

/* Drops all that `which` says of; d->keys has them then. */
static int32_t
drop_each (struct ag_call *c, struct ag_deed *d,
           int32_t (*which) (const struct ag_deed *d, const struct ag_engram *e))
{
  uint32_t i = 0;
  int32_t r = 0;
  while (i < d->m.n && !r)
    if (which (d, &d->m.all[i]))
      r = ag_deed_drop (c, d, &d->m.all[i]);
    else
      i++;
  return r;
}

void
ag_deed_keys (const struct ag_deed *d, struct kg_out *out)
{
  uint32_t i;
  kg_out_lit (out, "[");
  for (i = 0; i < d->nkeys; i++) {
    kg_out_lit (out, i ? "," : "");
    kg_out_str (out, d->keys[i]);
  }
  kg_out_lit (out, "]");
}

/* ---- forget, cherish, promote, demote --------------------------------------------------- */

static int32_t
act_forget (struct ag_call *c, struct ag_deed *d)
{
  struct ag_engram *e = ag_engram_find (&d->m, d->key);
  return e ? ag_deed_drop (c, d, e) : ag_no_engram (c, d->key);
}

static void
forget_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  (void)c;
  kg_out_lit (out, "{\"key\":");
  kg_out_str (out, ag_deed_of (arg)->key);
  kg_out_lit (out, ",\"forgotten\":true}");
}

int32_t
ag_memory_forget (struct ag_call *c)
{
  return ag_deed_run (c, act_forget, forget_write);
}

/* Changes one engram's row by `by` tiers. */
static int32_t
shift (struct ag_call *c, struct ag_deed *d, int32_t by)
{
  struct ag_engram *e = ag_engram_find (&d->m, d->key);
  if (!e || ag_engram_expired (e, d->now))
    return ag_no_engram (c, d->key);
  d->was = *e;
  e->tier += by;
  e->tier = e->tier < 0 ? 0 : e->tier >= AG_TIERS ? AG_TIERS - 1 : e->tier;
  d->is = *e;
  return 0;
}

static int32_t
act_promote (struct ag_call *c, struct ag_deed *d)
{
  return shift (c, d, 1);
}

static int32_t
act_demote (struct ag_call *c, struct ag_deed *d)
{
  return shift (c, d, -1);
}

static void
shift_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct ag_deed *d = ag_deed_of (arg);
  (void)c;
  kg_out_lit (out, "{\"key\":");
  kg_out_str (out, d->key);
  kg_out_lit (out, ",\"tier\":");
  kg_out_text (out, ag_tier_names[d->is.tier]);
  kg_out_lit (out, ",\"was\":");
  kg_out_text (out, ag_tier_names[d->was.tier]);
  kg_out_lit (out, "}");
}

int32_t
ag_memory_promote (struct ag_call *c)
{
  return ag_deed_run (c, act_promote, shift_write);
}

int32_t
ag_memory_demote (struct ag_call *c)
{
  return ag_deed_run (c, act_demote, shift_write);
}

static int32_t
act_cherish (struct ag_call *c, struct ag_deed *d)
{
  int32_t r = shift (c, d, 0);
  if (r)
    return r;
  ag_engram_find (&d->m, d->key)->cherished = d->is.cherished = ag_arg_true (c, "cherished", 1);
  return 0;
}

static void
cherish_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct ag_deed *d = ag_deed_of (arg);
  (void)c;
  kg_out_lit (out, "{\"key\":");
  kg_out_str (out, d->key);
  kg_out_lit (out, ",\"cherished\":");
  ag_out_bool (out, d->is.cherished);
  kg_out_lit (out, "}");
}

int32_t
ag_memory_cherish (struct ag_call *c)
{
  return ag_deed_run (c, act_cherish, cherish_write);
}

/* ---- reap, prune, consolidate --------------------------------------------------------------- */

static int32_t
is_expired (const struct ag_deed *d, const struct ag_engram *e)
{
  return ag_engram_expired (e, d->now);
}

static int32_t
act_reap (struct ag_call *c, struct ag_deed *d)
{
  return drop_each (c, d, is_expired);
}

/* How many went, which, and what is left; closes the object. */
static void
dropped_write (const struct ag_deed *d, struct kg_out *out)
{
  kg_out_int (out, d->nkeys);
  kg_out_lit (out, ",\"keys\":");
  ag_deed_keys (d, out);
  kg_out_lit (out, ",\"remaining\":");
  kg_out_int (out, d->m.n);
  kg_out_lit (out, "}");
}

static void
reap_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  (void)c;
  kg_out_lit (out, "{\"reaped\":");
  dropped_write (ag_deed_of (arg), out);
}

int32_t
ag_memory_reap (struct ag_call *c)
{
  return ag_deed_run (c, act_reap, reap_write);
}

static double
threshold (const struct ag_call *c)
{
  return ag_arg_number (c, "threshold", 0.1);
}

static int32_t
act_prune (struct ag_call *c, struct ag_deed *d)
{
  double least = threshold (c);
  uint32_t i = 0;
  int32_t r = 0;
  while (i < d->m.n && !r)
    if (!d->m.all[i].cherished && ag_engram_strength (&d->m.all[i], d->now) < least)
      r = ag_deed_drop (c, d, &d->m.all[i]);
    else
      i++;
  return r;
}

static void
prune_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  kg_out_lit (out, "{\"threshold\":");
  ag_out_number (out, threshold (c));
  kg_out_lit (out, ",\"pruned\":");
  dropped_write (ag_deed_of (arg), out);
}

int32_t
ag_memory_prune (struct ag_call *c)
{
  return ag_deed_run (c, act_prune, prune_write);
}

/* What has expired goes; what was reinforced goes up a tier, and must be reinforced again
 * for the next one. */
static int32_t
act_consolidate (struct ag_call *c, struct ag_deed *d)
{
  int32_t r = drop_each (c, d, is_expired);
  uint32_t i;
  d->count = d->nkeys;
  d->nkeys = 0;
  for (i = 0; i < d->m.n && !r; i++) {
    struct ag_engram *e = &d->m.all[i];
    if (e->uses < 1 || e->tier == AG_LONG)
      continue;
    e->tier++;
    e->uses--;
    d->keys[d->nkeys++] = e->key;
  }
  return r;
}

static void
consolidate_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct ag_deed *d = ag_deed_of (arg);
  (void)c;
  kg_out_lit (out, "{\"promoted\":");
  ag_deed_keys (d, out);
  kg_out_lit (out, ",\"expired\":");
  kg_out_int (out, d->count);
  kg_out_lit (out, ",\"engrams\":");
  kg_out_int (out, d->m.n);
  kg_out_lit (out, "}");
}

int32_t
ag_memory_consolidate (struct ag_call *c)
{
  return ag_deed_run (c, act_consolidate, consolidate_write);
}
