/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/timer.h"

#include <errno.h>
#include <stdlib.h>

static void
place (struct timer_heap *h, uint32_t at, kg_timer *t)
{
  h->items[at] = t;
  t->place = at;
}

static void
sift_up (struct timer_heap *h, uint32_t at, kg_timer *t)
{
  while (at && h->items[(at - 1) / 2]->deadline > t->deadline) {
    place (h, at, h->items[(at - 1) / 2]);
    at = (at - 1) / 2;
  }
  place (h, at, t);
}

static void
sift_down (struct timer_heap *h, uint32_t at, kg_timer *t)
{
  uint32_t child;
  while ((child = 2 * at + 1) < h->count) {
    if (child + 1 < h->count && h->items[child + 1]->deadline < h->items[child]->deadline)
      child++;
    if (h->items[child]->deadline >= t->deadline)
      break;
    place (h, at, h->items[child]);
    at = child;
  }
  place (h, at, t);
}

int32_t
timer_reserve (struct timer_heap *h, uint32_t count)
{
  uint32_t size = h->size ? h->size : 16;
  kg_timer **items;
  while (size < count)
    size *= 2;
  if (size == h->size)
    return 0;
  items = reallocarray (h->items, size, sizeof *items);
  if (!items)
    return -ENOMEM;
  h->items = items;
  h->size = size;
  return 0;
}

void
timer_add (struct timer_heap *h, kg_timer *t)
{
  sift_up (h, h->count++, t);
}

void
timer_remove (struct timer_heap *h, kg_timer *t)
{
  uint32_t at = t->place;
  kg_timer *last;
  if (at == TIMER_OUT)
    return;
  t->place = TIMER_OUT;
  last = h->items[--h->count];
  if (last == t)
    return;
  if (at && h->items[(at - 1) / 2]->deadline > last->deadline)
    sift_up (h, at, last);
  else
    sift_down (h, at, last);
}

kg_timer *
timer_first (const struct timer_heap *h)
{
  return h->count ? h->items[0] : NULL;
}

void
timer_finish (struct timer_heap *h)
{
  free (h->items);
  h->items = NULL;
  h->count = h->size = 0;
}
