/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/breaker.h"
#include "core/util/clock.h"

#include <stdlib.h>
#include <string.h>

#define PAUSE_MIN (1 * CLOCK_SECOND)
#define PAUSE_MAX (30 * CLOCK_SECOND)

static void
breaker_open (struct breaker *b, int64_t now)
{
  b->state = BREAKER_OPEN;
  b->pause = b->pause ? 2 * b->pause : PAUSE_MIN;
  if (b->pause > PAUSE_MAX)
    b->pause = PAUSE_MAX;
  b->until = now + b->pause;
}

static void
breaker_close (struct breaker *b)
{
  memset (b, 0, sizeof *b);
}

int32_t
breaker_admit (struct breaker *b, int64_t now)
{
  if (b->state == BREAKER_CLOSED)
    return BREAKER_ADMITTED;
  if (b->state == BREAKER_HALF_OPEN || now < b->until)
    return BREAKER_REFUSED;
  b->state = BREAKER_HALF_OPEN;
  return BREAKER_PROBE;
}

static void
probe_report (struct breaker *b, int32_t outcome, int64_t now)
{
  if (outcome == BREAKER_WORKED)
    breaker_close (b);
  else if (outcome == BREAKER_FAILED)
    breaker_open (b, now);
  else
    b->state = BREAKER_OPEN; /* the next call is the probe */
}

void
breaker_report (struct breaker *b, int32_t admitted, int32_t outcome, int64_t now)
{
  if (admitted == BREAKER_PROBE) {
    probe_report (b, outcome, now);
    return;
  }
  if (b->state != BREAKER_CLOSED || outcome == BREAKER_UNDECIDED)
    return; /* calls from before it opened say nothing new */
  b->row = outcome == BREAKER_FAILED ? b->row + 1 : 0;
  b->outcomes = (b->outcomes << 1 | (outcome == BREAKER_FAILED)) & ((1u << BREAKER_LAST) - 1);
  if (b->noutcomes < BREAKER_LAST)
    b->noutcomes++;
  if (b->row >= BREAKER_ROW
      || (b->noutcomes == BREAKER_LAST
          && 2 * (uint32_t) __builtin_popcount (b->outcomes) > BREAKER_LAST))
    breaker_open (b, now);
}

/* ---- By origin ---------------------------------------------------------------- */

struct entry {
  struct breaker breaker; /* first: a breaker is its entry */
  struct entry *next;     /* the most recently used first */
  uint32_t users;
  char origin[];
};

struct breakers {
  struct entry *first;
  uint32_t count;
};

struct breakers *
breakers_create (void)
{
  return calloc (1, sizeof (struct breakers));
}

void
breakers_destroy (struct breakers *t)
{
  struct entry *e, *next;
  for (e = t ? t->first : NULL; e; e = next) {
    next = e->next;
    free (e);
  }
  free (t);
}

/* Takes the entry of an origin out of the list; NULL when there is none. */
static struct entry *
entry_take (struct breakers *t, const char *origin)
{
  struct entry **p = &t->first, *e;
  while (*p && strcmp ((*p)->origin, origin) != 0)
    p = &(*p)->next;
  e = *p;
  if (e)
    *p = e->next;
  return e;
}

/* Forgets the closed one that was not used for the longest time; 0 when none. */
static int
entry_evict (struct breakers *t)
{
  struct entry **p, **oldest = NULL, *e;
  for (p = &t->first; *p; p = &(*p)->next)
    if ((*p)->users == 0 && (*p)->breaker.state == BREAKER_CLOSED)
      oldest = p;
  if (!oldest)
    return 0;
  e = *oldest;
  *oldest = e->next;
  free (e);
  t->count--;
  return 1;
}

struct breaker *
breakers_use (struct breakers *t, const char *origin)
{
  struct entry *e = entry_take (t, origin);
  size_t n = strlen (origin) + 1;
  if (!e) {
    if (t->count >= BREAKER_MAX && !entry_evict (t))
      return NULL;
    e = calloc (1, sizeof *e + n);
    if (!e)
      return NULL;
    memcpy (e->origin, origin, n);
    t->count++;
  }
  e->next = t->first;
  t->first = e;
  e->users++;
  return &e->breaker;
}

void
breakers_release (struct breakers *t, struct breaker *b)
{
  (void) t;
  if (b)
    ((struct entry *) b)->users--;
}

uint32_t
breakers_open (const struct breakers *t)
{
  const struct entry *e;
  uint32_t n = 0;
  for (e = t->first; e; e = e->next)
    n += e->breaker.state != BREAKER_CLOSED;
  return n;
}
