/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "plugins/auth/numbers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS_FIRST 64 /* a power of two */

struct number_set {
  struct limits limits;
  struct number_set *next;
};

const struct number_name number_names[NUMBERS_COUNT] = {
  { "requests_per_minute", offsetof (struct limits, per_minute) },
  { "requests_per_day", offsetof (struct limits, per_day) },
  { "requests_per_month", offsetof (struct limits, per_month) },
  { "tokens_per_month", offsetof (struct limits, tokens) },
  { "spend_per_month", offsetof (struct limits, spend) },
  { "concurrent", offsetof (struct limits, concurrent) },
};

struct limits
limits_merge (const struct limits *own, const struct limits *other)
{
  struct limits l = *own, o = *other;
  size_t i;
  for (i = 0; i < NUMBERS_COUNT; i++)
    if (*number_at (&l, i) < 0)
      *number_at (&l, i) = *number_at (&o, i);
  return l;
}

void
limits_show (struct kg_out *out, const struct limits *limits)
{
  struct limits l = *limits;
  const char *before = "{\"";
  size_t i;
  for (i = 0; i < NUMBERS_COUNT; i++) {
    if (*number_at (&l, i) < 0)
      continue;
    kg_out_lit (out, before);
    kg_out_lit (out, number_names[i].name);
    kg_out_lit (out, "\":");
    kg_out_int (out, *number_at (&l, i));
    before = ",\"";
  }
  kg_out_lit (out, *before == '{' ? "{}" : "}");
}

/* ---- Sharing ------------------------------------------------------------- */

static size_t
limits_hash (const struct limits *limits)
{
  struct limits l = *limits;
  uint64_t h = 0;
  size_t i;
  for (i = 0; i < NUMBERS_COUNT; i++) {
    h = (h ^ (uint64_t) *number_at (&l, i)) * 0x9e3779b97f4a7c15u;
    h ^= h >> 32;
  }
  return (size_t) h;
}

int32_t
numbers_init (struct numbers *n)
{
  n->count = 0;
  n->mask = BUCKETS_FIRST - 1;
  n->bucket = calloc (BUCKETS_FIRST, sizeof *n->bucket);
  pthread_mutex_init (&n->lock, NULL);
  return n->bucket ? 0 : -ENOMEM;
}

void
numbers_finish (struct numbers *n)
{
  size_t i;
  if (!n->bucket)
    return;
  for (i = 0; i <= n->mask; i++)
    while (n->bucket[i]) {
      struct number_set *set = n->bucket[i];
      n->bucket[i] = set->next;
      free (set);
    }
  free (n->bucket);
  n->bucket = NULL;
  pthread_mutex_destroy (&n->lock);
}

/* Without memory the lists grow longer instead. */
static void
numbers_grow (struct numbers *n)
{
  size_t mask = n->mask * 2 + 1, i;
  struct number_set **bucket = n->count > n->mask ? calloc (mask + 1, sizeof *bucket) : NULL;
  if (!bucket)
    return;
  for (i = 0; i <= n->mask; i++)
    while (n->bucket[i]) {
      struct number_set *set = n->bucket[i], **to = &bucket[limits_hash (&set->limits) & mask];
      n->bucket[i] = set->next;
      set->next = *to;
      *to = set;
    }
  free (n->bucket);
  n->bucket = bucket;
  n->mask = mask;
}

static struct number_set *
set_find (struct numbers *n, const struct limits *limits)
{
  struct number_set **first = &n->bucket[limits_hash (limits) & n->mask], *set = *first;
  while (set && memcmp (&set->limits, limits, sizeof *limits))
    set = set->next;
  if (set || !(set = malloc (sizeof *set)))
    return set;
  set->limits = *limits;
  set->next = *first;
  *first = set;
  n->count++;
  numbers_grow (n);
  return set;
}

const struct limits *
numbers_share (struct numbers *n, const struct limits *limits)
{
  struct number_set *set;
  pthread_mutex_lock (&n->lock);
  set = set_find (n, limits);
  pthread_mutex_unlock (&n->lock);
  return set ? &set->limits : NULL;
}
