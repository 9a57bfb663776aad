/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The time machine: what would come of events, and when.  It goes through them in the order
 * of time, with the same pure functions as the cursor and the tiers, and no store; and
 * once in the order that was given, which must end the same. */
#include "plugins/billing-stripe/desk.h"
#include "plugins/billing-stripe/stored.h"
#include "plugins/billing-stripe/stripe_api.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SUBS_MAX   256
#define EVENTS_MAX 4000 /* of some 20 KB each, when they are read */
#define DAY_S    INT64_C (86400)

/* One subscription in time. */
struct sim_sub {
  struct projection p, given; /* by time, and in the given order */
  struct standing standing;
};

/* A tier that a product or price was said to have. */
struct sim_tier {
  char id[STRIPE_ID], tier[PROJECTION_TIER];
};

struct sim {
  struct desk *desk;
  struct told *told; /* in the given order */
  struct told **by_time;
  size_t count;
  struct sim_sub *sub[SUBS_MAX];
  uint32_t subs;
  struct sim_tier *tier;
  uint32_t tiers;
  uint32_t rows;
  int64_t unused; /* events that are of no subscription, product or price */
};

/* ---- Subscriptions --------------------------------------------------------- */

static struct sim_sub *
sub_get (struct sim *s, const char *id)
{
  struct sim_sub *sub;
  for (uint32_t i = 0; i < s->subs; i++)
    if (!strcmp (s->sub[i]->p.id, id))
      return s->sub[i];
  sub = s->subs < SUBS_MAX ? calloc (1, sizeof *sub) : NULL;
  if (!sub) {
    s->desk->error = s->subs < SUBS_MAX ? -ENOMEM : -E2BIG;
    return NULL;
  }
  TEXT_PUT (sub->p.id, id);
  TEXT_PUT (sub->given.id, id);
  s->sub[s->subs++] = sub;
  return sub;
}

static int32_t
projection_take (struct projection *p, const struct told *t)
{
  if (t->kind == TOLD_CHECKOUT)
    return projection_refer (p, &t->event, t->state.customer, t->state.tenant);
  return projection_add (p, &t->event, &t->state);
}

static const char *
noted_find (const struct sim *s, const char *id)
{
  for (uint32_t i = s->tiers; i-- > 0;)
    if (!strcmp (s->tier[i].id, id) && *s->tier[i].tier)
      return s->tier[i].tier;
  return NULL;
}

/* The best tier of what it buys, or NULL. */
static const char *
sub_tier (const struct sim *s, const struct projection *p)
{
  const struct engine *e = s->desk->billing->engine;
  int32_t best = -1, rank;
  for (uint32_t i = 0; i < p->state.items; i++) {
    const struct sub_item *item = &p->state.item[i];
    const char *noted = noted_find (s, item->price), *tier;
    tier = plan_tier (s->desk->billing->conf, item, noted ? noted : noted_find (s, item->product));
    rank = tier ? tier_rank (&e->tiers, tier) : -1;
    best = rank > best ? rank : best;
  }
  return best >= 0 ? e->tiers.name[best] : NULL;
}

/* ---- Rows ------------------------------------------------------------------ */

/* The tier that it gives its tenant then, or null: it leaves that alone. */
static const char *
row_tier (const struct sim *s, const struct sim_sub *sub)
{
  const struct engine *e = s->desk->billing->engine;
  struct verdict v = VERDICT_NONE;
  const char *tier = sub_tier (s, &sub->p);
  int32_t rank;
  verdict_add (&v, &sub->p, &sub->standing, tier ? tier_rank (&e->tiers, tier) : -1);
  rank = verdict_rank (&v, e->ended_rank, -1);
  return rank >= 0 ? e->tiers.name[rank] : NULL;
}

static void
row_show (struct sim *s, const struct sim_sub *sub, int64_t at, const struct told *t)
{
  struct desk *d = s->desk;
  desk_lit (d, s->rows++ ? ",{\"time\":" : "{\"time\":");
  desk_time (d, at);
  desk_lit (d, ",\"event\":");
  desk_text (d, t ? t->event.id : NULL);
  desk_lit (d, ",\"type\":");
  desk_text (d, t ? t->type : NULL);
  desk_lit (d, ",\"subscription\":");
  desk_text (d, sub->p.id);
  desk_lit (d, ",\"status\":");
  desk_text (d, sub_status_name (projection_status (&sub->p)));
  desk_lit (d, ",\"standing\":");
  desk_text (d, dunning_name (sub->standing.dunning));
  desk_lit (d, sub->standing.served ? ",\"served\":true" : ",\"served\":false");
  desk_lit (d, ",\"tier\":");
  desk_text (d, row_tier (s, sub));
  desk_lit (d, ",\"until\":");
  desk_time (d, sub->standing.next);
  desk_lit (d, "}");
}

static void
sub_stand (const struct sim *s, struct sim_sub *sub, int64_t now)
{
  sub->standing = dunning_at (&sub->p, s->desk->billing->conf->grace_days * DAY_S, now);
}

/* What time alone changes until then, the earliest first. */
static void
time_pass (struct sim *s, int64_t until)
{
  for (;;) {
    struct sim_sub *first = NULL;
    int64_t at;
    for (uint32_t i = 0; i < s->subs; i++)
      if (s->sub[i]->standing.next && s->sub[i]->standing.next <= until
          && (!first || s->sub[i]->standing.next < first->standing.next))
        first = s->sub[i];
    if (!first)
      return;
    at = first->standing.next;
    sub_stand (s, first, at);
    row_show (s, first, at, NULL);
  }
}

/* ---- Events ---------------------------------------------------------------- */

/* By time; in a second by kind, and subscriptions as they count. */
static int
told_order (const void *a, const void *b)
{
  const struct told *x = *(struct told *const *) a, *y = *(struct told *const *) b;
  int32_t rc = (x->event.created > y->event.created) - (x->event.created < y->event.created);
  if (!rc)
    rc = (x->kind > y->kind) - (x->kind < y->kind);
  if (!rc && x->kind == TOLD_SUBSCRIPTION)
    rc = sub_event_order (&x->event, &y->event);
  return rc ? rc : strcmp (x->event.id, y->event.id);
}

static void
tier_note (struct sim *s, const struct told *t)
{
  struct sim_tier *more = realloc (s->tier, (s->tiers + 1) * sizeof *more);
  if (!more) {
    s->desk->error = -ENOMEM;
    return;
  }
  s->tier = more;
  TEXT_PUT (more[s->tiers].id, t->object);
  TEXT_PUT (more[s->tiers++].tier, t->tier);
}

static void
told_apply (struct sim *s, const struct told *t)
{
  struct sim_sub *sub = NULL;
  time_pass (s, t->event.created);
  if (t->kind == TOLD_PRODUCT)
    tier_note (s, t);
  if (t->kind == TOLD_SUBSCRIPTION || t->kind == TOLD_CHECKOUT)
    sub = sub_get (s, t->object);
  if (!sub)
    return;
  projection_take (&sub->p, t);
  sub_stand (s, sub, t->event.created);
  row_show (s, sub, t->event.created, t);
}

static int32_t
projections_equal (const struct projection *a, const struct projection *b)
{
  char *text = malloc (2 * STORED_MAX);
  struct kg_out x = { text, 0, STORED_MAX }, y = { text ? text + STORED_MAX : NULL, 0, STORED_MAX };
  int32_t rc = 0;
  if (!text)
    return 0;
  projection_store (&x, a);
  projection_store (&y, b);
  rc = x.len == y.len && kg_out_ok (&x) && !memcmp (x.ptr, y.ptr, x.len);
  free (text);
  return rc;
}

static int32_t
converged (struct sim *s)
{
  for (size_t i = 0; i < s->count; i++) {
    const struct told *t = &s->told[i];
    struct sim_sub *sub = NULL;
    if (t->kind == TOLD_SUBSCRIPTION || t->kind == TOLD_CHECKOUT)
      sub = sub_get (s, t->object);
    if (sub)
      projection_take (&sub->given, t);
  }
  for (uint32_t i = 0; i < s->subs; i++)
    if (!projections_equal (&s->sub[i]->p, &s->sub[i]->given))
      return 0;
  return 1;
}

/* ---- The request ----------------------------------------------------------- */

/* The one with the same id among those that were read, when it says something else: Stripe's
 * events have ids of their own, and the inbox would take only one of them. */
static const struct told *
other_find (const struct sim *s, const struct told *t)
{
  for (size_t i = 0; i < s->count; i++) {
    const struct told *o = &s->told[i];
    if (!strcmp (o->event.id, t->event.id))
      return memcmp (o, t, sizeof *o) ? o : NULL;
  }
  return NULL;
}

/* Whether something is shown of it, or follows from it. */
static int32_t
is_used (const struct told *t)
{
  return t->kind == TOLD_SUBSCRIPTION || t->kind == TOLD_CHECKOUT || t->kind == TOLD_PRODUCT;
}

/* Reads the events; shows those that are malformed. */
static void
events_read (struct sim *s, json_object *list)
{
  struct desk *d = s->desk;
  size_t n = json_object_array_length (list), bad = 0;
  s->told = calloc (n + 1, sizeof *s->told);
  s->by_time = calloc (n + 1, sizeof *s->by_time);
  if (!s->told || !s->by_time) {
    d->error = -ENOMEM;
    return;
  }
  desk_lit (d, "{\"malformed\":[");
  for (size_t i = 0; i < n; i++) {
    struct told *t = &s->told[s->count];
    const char *why = NULL;
    if (told_take (json_object_array_get_idx (list, i), t, &why) == 0 && other_find (s, t))
      why = "another event, which says something else, has its id";
    if (!why) {
      s->unused += !is_used (t);
      s->by_time[s->count++] = t;
      continue;
    }
    desk_lit (d, bad++ ? ",{\"index\":" : "{\"index\":");
    desk_int (d, (int64_t) i);
    desk_lit (d, ",\"reason\":");
    desk_text (d, why);
    desk_lit (d, "}");
  }
}

static void
sim_run (struct sim *s, json_object *list, int64_t until)
{
  struct desk *d = s->desk;
  events_read (s, list);
  if (d->error < 0)
    return;
  qsort (s->by_time, s->count, sizeof s->by_time[0], told_order);
  desk_lit (d, "],\"timeline\":[");
  for (size_t i = 0; i < s->count; i++)
    if (!i || strcmp (s->by_time[i]->event.id, s->by_time[i - 1]->event.id)) /* or it came twice */
      told_apply (s, s->by_time[i]);
  time_pass (s, until);
  desk_lit (d, "],\"unused\":");
  desk_int (d, s->unused);
  desk_lit (d, converged (s) ? ",\"converged\":true}" : ",\"converged\":false}");
}

static void
sim_finish (struct sim *s)
{
  for (uint32_t i = 0; i < s->subs; i++)
    free (s->sub[i]);
  free (s->told);
  free (s->by_time);
  free (s->tier);
}

int32_t
desk_simulate (struct desk *d)
{
  json_object *o = stripe_object (d->body, d->body_len);
  json_object *list = stripe_member (o, "events"), *until = stripe_member (o, "until");
  struct sim s = { .desk = d };
  if (!o)
    desk_refuse (d, 400, "The body is no JSON object, or not UTF-8");
  else if (!json_object_is_type (list, json_type_array)
      || (until && !json_object_is_type (until, json_type_int)))
    desk_refuse (d, 422, "The body should have events, a list, and until, a time or nothing");
  else if (json_object_array_length (list) > EVENTS_MAX)
    desk_refuse (d, 422, "There are more than %d events", EVENTS_MAX);
  else
    sim_run (&s, list, until ? json_object_get_int64 (until) : INT64_MAX);
  sim_finish (&s);
  json_object_put (o);
  if (d->error == -E2BIG) {
    d->error = 0;
    desk_refuse (d, 422, "There are more than %d subscriptions", SUBS_MAX);
  }
  return d->error;
}
