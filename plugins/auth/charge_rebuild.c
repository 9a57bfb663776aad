/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Sets what is spent in the counters from the sums and the records behind them. */
#include "plugins/auth/auth.h"
#include "plugins/auth/charge.h"

#include <errno.h>
#include <string.h>

static struct cell *
cell_of (struct auth *auth, const struct charge_sum *sum)
{
  uint32_t number = cells_number (&auth->cells, sum->id, sum->kind);
  if (!number && cells_tend (&auth->cells) == 0)
    number = cells_number (&auth->cells, sum->id, sum->kind);
  return number ? cell_at (&auth->cells, number) : NULL;
}

static int32_t
sum_count (struct auth *auth, const struct charge_sum *sum)
{
  struct cell *cell = cell_of (auth, sum);
  if (!cell)
    return -ENOSPC;
  window_add (&cell->tokens, sum->month, (uint64_t) sum->tokens);
  window_add (&cell->money, sum->month, (uint64_t) sum->money);
  return 0;
}

static int32_t
entry_count (const struct kg_entry *entry, void *arg)
{
  struct charge_sum sum;
  if (charge_key_read (entry->key, &sum) < 0 || charge_value_read (entry->value, &sum) < 0)
    return 0;
  return sum_count (arg, &sum);
}

static void
window_clear (struct window *w)
{
  atomic_store (&w->word[0], 0);
  atomic_store (&w->word[1], 0);
}

/* What no record tells of is known from the region alone. */
static void
window_copy (struct window *w, const struct window *from)
{
  for (int i = 0; i < 2; i++) {
    uint64_t word = atomic_load (&from->word[i]);
    if (word_count (word))
      window_add (w, word_number (word), word_count (word));
  }
}

static void
cells_clear (struct auth *auth)
{
  for (uint32_t i = 1; i <= cells_count (&auth->cells); i++) {
    struct cell *cell = cell_at (&auth->cells, i);
    window_clear (&cell->tokens);
    window_clear (&cell->money);
    window_copy (&cell->tokens, &cell->loose_tokens);
    window_copy (&cell->money, &cell->loose_money);
  }
}

/* The sums of a month, of all subjects. */
static int32_t
month_count (struct charge *c, uint32_t month)
{
  char text[16];
  struct kg_out out = { text, 0, sizeof text };
  kg_out_int (&out, month);
  kg_out_lit (&out, ".");
  return c->auth->store->scan (c->bucket, (kg_str){ text, out.len }, entry_count, c->auth);
}

/* The records that are in no sum yet. */
static int32_t
tail_count (struct charge *c)
{
  int32_t n = 1, rc = 0;
  c->next = c->at;
  while (n > 0 && rc == 0) {
    memset (&c->sums, 0, offsetof (struct charge_sums, sum));
    n = c->auth->store->read (c->log, c->next, CHARGE_READ, charge_record, c);
    for (uint32_t i = 0; i < c->sums.count && rc == 0; i++)
      rc = sum_count (c->auth, &c->sums.sum[i]);
  }
  return n < 0 ? n : rc;
}

/* A window that anybody is in has begun in this month or in the one before. */
int32_t
charge_rebuild (struct charge *c)
{
  uint32_t month = limit_moment (0, auth_wall_ns (), 1).month;
  int32_t rc = charge_at (c);
  if (rc == 0) {
    cells_clear (c->auth);
    rc = month_count (c, month - 1);
  }
  if (rc == 0)
    rc = month_count (c, month);
  return rc == 0 ? tail_count (c) : rc;
}
