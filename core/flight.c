/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/flight.h"

#include <errno.h>
#include <stddef.h>

#define OWNER(word) ((uint32_t) ((word) & (FLIGHT_OWNERS - 1)))
#define KEY(word)   ((word) / FLIGHT_OWNERS)

#define TRIES 4 /* when another process was quicker */

/* A key as it stands in a word, without its owner; never 0. */
static uint64_t
key_bits (uint64_t key)
{
  return KEY (key) ? key & ~(uint64_t) (FLIGHT_OWNERS - 1) : FLIGHT_OWNERS;
}

void
flight_init (struct flight *f, void *memory, uint32_t owner,
             int32_t (*lives) (void *arg, uint32_t owner), void *arg)
{
  f->place = memory;
  f->owner = owner;
  f->lives = lives;
  f->arg = arg;
  pthread_mutex_init (&f->lock, NULL);
  for (uint32_t i = 0; i < FLIGHT_LINES * FLIGHT_PLACES; i++) {
    uint64_t word = atomic_load (&f->place[i].word);
    if (word && OWNER (word) == owner)
      flight_release (&f->place[i]);
  }
}

void
flight_finish (struct flight *f)
{
  pthread_mutex_destroy (&f->lock);
}

/* Whether somebody who lives has the place.  Other processes cost a system call. */
static int
is_held (const struct flight *f, uint64_t word)
{
  return word && (OWNER (word) == f->owner || f->lives (f->arg, OWNER (word)));
}

/* Another place of the line that has the key, or NULL. */
static struct flight_place *
line_find (const struct flight *f, struct flight_place *line, uint64_t bits,
           const struct flight_place *but)
{
  for (uint32_t i = 0; i < FLIGHT_PLACES; i++) {
    uint64_t word = atomic_load (&line[i].word);
    if (KEY (word) == KEY (bits) && &line[i] != but && is_held (f, word))
      return &line[i];
  }
  return NULL;
}

/* The first free place, else the first of a dead process; takes it, or NULL. */
static struct flight_place *
line_take (const struct flight *f, struct flight_place *line, uint64_t word)
{
  for (int dead = 0; dead < 2; dead++)
    for (uint32_t i = 0; i < FLIGHT_PLACES; i++) {
      uint64_t was = atomic_load (&line[i].word);
      if (was && (!dead || is_held (f, was)))
        continue;
      if (was) /* a dead one's print is nobody's */
        atomic_store (&line[i].print, 0);
      if (atomic_compare_exchange_strong (&line[i].word, &was, word))
        return &line[i];
    }
  return NULL;
}

/* A print of 0 is one that is just being written. */
static int32_t
refusal (const struct flight_place *there, uint64_t print)
{
  uint64_t theirs = atomic_load (&there->print);
  return theirs && theirs != print ? -EEXIST : -EALREADY;
}

/* The lock is held: only another process can be at it, too.  Both put their word first and look
 * then, so that at least one sees the other, and gives way. */
static int32_t
claim_locked (struct flight *f, uint64_t key, uint64_t print, struct flight_place **ret)
{
  uint64_t bits = key_bits (key);
  struct flight_place *line
      = &f->place[(bits >> 32 & (FLIGHT_LINES - 1)) * FLIGHT_PLACES];
  struct flight_place *mine = NULL, *there = line_find (f, line, bits, NULL);
  if (there)
    return refusal (there, print);
  for (int i = 0; !mine && i < TRIES; i++)
    mine = line_take (f, line, bits | f->owner);
  if (!mine)
    return -EAGAIN;
  atomic_store (&mine->print, print);
  there = line_find (f, line, bits, mine);
  if (there) {
    flight_release (mine);
    return refusal (there, print);
  }
  *ret = mine;
  return 0;
}

int32_t
flight_claim (struct flight *f, uint64_t key, uint64_t print, struct flight_place **ret)
{
  int32_t r;
  pthread_mutex_lock (&f->lock);
  r = claim_locked (f, key, print ? print : 1, ret);
  pthread_mutex_unlock (&f->lock);
  return r;
}

/* The print first: it must not be taken for the next one's. */
void
flight_release (struct flight_place *place)
{
  atomic_store (&place->print, 0);
  atomic_store (&place->word, 0);
}
