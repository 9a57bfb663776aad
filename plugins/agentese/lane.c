/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The lanes of nodes that change.  A lock covers the lanes of some keys, for a few steps at
 * a time: nothing is prepared, copied or written under it.  Looking takes none. */
#include "plugins/agentese/lane_parts.h"
#include "plugins/agentese/registry_entry.h"
#include "plugins/agentese/state.h"

#include <errno.h>
#include <stdlib.h>

#define STRIPES 64

/* A change in a queue. */
struct place {
  struct place *next, *before;
  struct ag *ag;
  struct stripe *stripe;
  struct ag_lane *lane; /* there while the place is in its queue, or has the turn */
  int32_t queued;
  _Atomic int32_t ends;     /* of two: what is told first that the request ended frees nothing */
  struct ag_change *change; /* alive only in `granted` */
  kg_ticket *ticket;
  int32_t (*ready) (struct ag_change *change);
};

struct ag_lanes {
  struct stripe stripe[STRIPES];
};

/* ---- Lanes -------------------------------------------------------------------- */

static struct stripe *
stripe_of (struct ag_lanes *lanes, kg_str key)
{
  return &lanes->stripe[ag_hash_text (0, key) % STRIPES];
}

static struct ag_lane *
lane_make (struct stripe *stripe, struct ag_call *c, kg_str key)
{
  size_t n = strlen (c->who->tenant);
  struct ag_lane *lane = calloc (1, sizeof *lane + key.len + n + 1);
  if (!lane)
    return NULL;
  lane->stripe = stripe;
  lane->ag = c->ag;
  lane->key_len = key.len;
  lane->tenant_len = n;
  memcpy (lane->key, key.ptr, key.len);
  memcpy (lane->key + key.len, c->who->tenant, n + 1);
  lane->chain = stripe->lanes;
  return stripe->lanes = lane;
}

static struct ag_lane *
lane_get (struct stripe *stripe, struct ag_call *c, kg_str key)
{
  struct ag_lane *lane = stripe->lanes;
  while (lane && (lane->key_len != key.len || memcmp (lane->key, key.ptr, key.len)))
    lane = lane->chain;
  return lane ? lane : lane_make (stripe, c, key);
}

/* ---- Turns --------------------------------------------------------------------- */

/* Whether the next turn may begin. */
static int32_t
is_open (const struct ag_lane *lane)
{
  return !lane->taken && (!lane->next || !lane->flight || !ag_batch_full (lane->next));
}

/* Takes the first of the queue out of it. */
static struct place *
place_next (struct ag_lane *lane)
{
  struct place *p = lane->first;
  if (!p || !is_open (lane))
    return NULL;
  lane->first = p->next;
  if (p->next)
    p->next->before = NULL;
  else
    lane->last = NULL;
  lane->taken = 1;
  p->queued = 0;
  return p;
}

struct place *
ag_lane_settle (struct ag_lane *lane)
{
  struct place *p = place_next (lane);
  struct ag_lane **at = &lane->stripe->lanes;
  if (lane->taken || lane->first || lane->flight || lane->next)
    return p;
  while (*at != lane)
    at = &(*at)->chain;
  *at = lane->chain;
  free (lane);
  return p;
}

static void
turn_begin (struct ag_lane *lane, struct ag_turn *turn)
{
  lane->taken = 1;
  *turn = (struct ag_turn){ lane, lane->flight, lane->next, lane->failures };
  if (turn->flight)
    turn->flight->users++;
  if (turn->next)
    turn->next->users++;
}

void
ag_turn_drop (struct ag_turn *turn, struct ag_batch **heap)
{
  turn->lane->taken = 0;
  ag_batch_drop (turn->flight, heap);
  ag_batch_drop (turn->next, heap);
  turn->flight = turn->next = NULL;
}

/* The request has ended, and the place's ticket is used up. */
static void
place_end (struct place *p)
{
  if (atomic_fetch_add (&p->ends, 1))
    free (p);
}

static int32_t
granted (kg_req *req, void *arg)
{
  struct place *p = arg;
  struct ag_change *ch = p->change;
  int32_t (*ready) (struct ag_change *change) = p->ready;
  (void)req;
  pthread_mutex_lock (&p->stripe->lock);
  turn_begin (p->lane, &ch->turn);
  pthread_mutex_unlock (&p->stripe->lock);
  free (p);
  return ready (ch);
}

static void granted_late (void *arg);

void
ag_place_grant (struct place *p)
{
  if (p)
    p->ag->host->resume (p->ticket, granted, p, granted_late);
}

/* Its request ended when it had just got its turn: the next one has it. */
static void
granted_late (void *arg)
{
  struct place *p = arg, *other;
  pthread_mutex_lock (&p->stripe->lock);
  p->lane->taken = 0;
  other = ag_lane_settle (p->lane);
  pthread_mutex_unlock (&p->stripe->lock);
  place_end (p);
  ag_place_grant (other);
}

static void
place_late (void *arg)
{
  place_end (arg);
}

/* The request of one that waits, or has just got its turn, has ended. */
static void
place_gone (void *arg)
{
  struct place *p = arg;
  int32_t queued;
  pthread_mutex_lock (&p->stripe->lock);
  queued = p->queued;
  if (queued) {
    *(p->before ? &p->before->next : &p->lane->first) = p->next;
    *(p->next ? &p->next->before : &p->lane->last) = p->before;
  }
  pthread_mutex_unlock (&p->stripe->lock);
  if (queued)
    p->ag->host->resume (p->ticket, granted, p, place_late);
  place_end (p);
}

static void
place_add (struct ag_lane *lane, struct place *p)
{
  p->lane = lane;
  p->queued = 1;
  p->before = lane->last;
  *(lane->last ? &lane->last->next : &lane->first) = p;
  lane->last = p;
}

/* Waits for a turn in the lane; the lock is held. */
static int32_t
place_take (struct ag_lane *lane, struct ag_change *ch, int32_t (*ready) (struct ag_change *))
{
  struct place *p = calloc (1, sizeof *p);
  if (!p)
    return -ENOMEM;
  *p = (struct place){ .ag = lane->ag, .stripe = lane->stripe, .change = ch, .ready = ready };
  p->ticket = lane->ag->host->suspend (ch->call->req, place_gone, p);
  if (!p->ticket) {
    free (p);
    return -ENOMEM;
  }
  place_add (lane, p);
  return KG_WAIT;
}

int32_t
ag_lane_enter (struct ag_change *ch, kg_str key, int32_t (*ready) (struct ag_change *change))
{
  struct stripe *stripe = stripe_of (ch->call->ag->lanes, key);
  struct ag_lane *lane;
  int32_t r = 1;
  pthread_mutex_lock (&stripe->lock);
  lane = lane_get (stripe, ch->call, key);
  if (!lane)
    r = -ENOMEM;
  else if (is_open (lane) && !lane->first)
    turn_begin (lane, &ch->turn);
  else
    r = place_take (lane, ch, ready);
  pthread_mutex_unlock (&stripe->lock);
  return r;
}

void
ag_lane_leave (struct ag_change *ch)
{
  struct ag_lane *lane = ch->turn.lane;
  struct stripe *stripe = lane->stripe;
  struct ag_batch *heap = NULL;
  struct place *p;
  pthread_mutex_lock (&stripe->lock);
  ag_turn_drop (&ch->turn, &heap);
  p = ag_lane_settle (lane);
  pthread_mutex_unlock (&stripe->lock);
  ag_batches_free (heap);
  ag_place_grant (p);
}

/* ---- Life ---------------------------------------------------------------------------- */

struct ag_lanes *
ag_lanes_new (void)
{
  struct ag_lanes *lanes = calloc (1, sizeof *lanes);
  uint32_t i;
  for (i = 0; lanes && i < STRIPES; i++)
    pthread_mutex_init (&lanes->stripe[i].lock, NULL);
  return lanes;
}

void
ag_lanes_free (struct ag_lanes *lanes)
{
  uint32_t i;
  for (i = 0; lanes && i < STRIPES; i++)
    pthread_mutex_destroy (&lanes->stripe[i].lock);
  free (lanes);
}
