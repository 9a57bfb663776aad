/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "plugins/billing-stripe/due.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void
swap (struct due *d, uint32_t a, uint32_t b)
{
  struct due_item t = d->item[a];
  d->item[a] = d->item[b];
  d->item[b] = t;
}

static void
rise (struct due *d, uint32_t i)
{
  for (; i && d->item[i].at < d->item[(i - 1) / 2].at; i = (i - 1) / 2)
    swap (d, i, (i - 1) / 2);
}

static void
sink (struct due *d, uint32_t i)
{
  for (;;) {
    uint32_t least = i;
    for (uint32_t k = 2 * i + 1; k <= 2 * i + 2 && k < d->count; k++)
      if (d->item[k].at < d->item[least].at)
        least = k;
    if (least == i)
      return;
    swap (d, i, least);
    i = least;
  }
}

int32_t
due_add (struct due *d, int64_t at, const char *tenant)
{
  uint32_t cap = d->cap ? 2 * d->cap : 16;
  char *copy = strdup (tenant);
  struct due_item *more;
  if (copy && d->count == d->cap) {
    more = realloc (d->item, cap * sizeof *more);
    if (!more) {
      free (copy);
      return -ENOMEM;
    }
    d->item = more;
    d->cap = cap;
  }
  if (!copy)
    return -ENOMEM;
  d->item[d->count] = (struct due_item){ at, copy };
  rise (d, d->count++);
  return 0;
}

char *
due_take (struct due *d, int64_t now)
{
  char *tenant;
  if (!d->count || d->item[0].at > now)
    return NULL;
  tenant = d->item[0].tenant;
  d->item[0] = d->item[--d->count];
  sink (d, 0);
  return tenant;
}

void
due_free (struct due *d)
{
  while (d->count)
    free (d->item[--d->count].tenant);
  free (d->item);
  *d = (struct due){ 0 };
}
