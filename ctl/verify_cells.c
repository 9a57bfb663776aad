/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Events into cells, as docs/design/0021-rollups.md and the meters' manual say. */

#include "ctl/verify_cells.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TEXT_MAX_BYTES 1024 /* of a text, beyond which its hash stands for it */
#define DIGEST 71
#define VALUE_END (AMOUNT_ONE * 10000000000 * 10000000000)     /* 10^20 */
#define SUM_END (AMOUNT_ONE * 10000000000000 * 10000000000000) /* 10^26 */
#define MINUTE_NS INT64_C (60000000000)

const char *const unit_name[UNITS] = { "minute", "hour", "day", "month" };

void
window_of (int unit, int64_t minute, int64_t *ret_start, int64_t *ret_next)
{
  static const int64_t length[] = { 1, 60, 1440 };
  time_t t = (time_t)minute * 60;
  struct tm tm;
  if (unit != MONTH) {
    *ret_start = minute - minute % length[unit];
    *ret_next = *ret_start + length[unit];
    return;
  }
  gmtime_r (&t, &tm);
  tm.tm_sec = tm.tm_min = tm.tm_hour = 0;
  tm.tm_mday = 1;
  *ret_start = timegm (&tm) / 60;
  tm.tm_mon++;
  *ret_next = timegm (&tm) / 60;
}

/* ---- Groups ------------------------------------------------------------------------------- */

static size_t
digest_write (struct piece text, char out[DIGEST + 1])
{
  memcpy (out, "sha256:", 7);
  verify_sha256 (text, DIGEST - 7, out + 7);
  return DIGEST;
}

static struct hash
text_add (struct hash h, const char *text, size_t n)
{
  return hash_add (hash_add (h, "t", 1), text, n);
}

/* A text, or what stands for it when it is long. */
static struct hash
bounded_add (struct hash h, struct piece text)
{
  char digest[DIGEST + 1];
  if (text.n > TEXT_MAX_BYTES)
    text = (struct piece){ digest, digest_write (text, digest) };
  return text_add (h, text.p, text.n);
}

static struct hash
string_add (struct hash h, struct piece string)
{
  char *buf = malloc (string.n + 1);
  if (!buf)
    abort ();
  h = bounded_add (h, (struct piece){ buf, doc_text (string, buf) });
  free (buf);
  return h;
}

/* A value as one of the group: a text, or nothing. */
static struct hash
value_add (struct hash h, struct piece value)
{
  if (!value.p || doc_kind (value) == 'n')
    return hash_add (h, "n", 1);
  return doc_kind (value) == '"' ? string_add (h, value) : bounded_add (h, value);
}

struct hash
group_of_event (const struct meter *m, struct piece subject, struct piece data)
{
  struct hash h = string_add ((struct hash){ 0, 4 }, subject);
  uint32_t i;
  for (i = 0; i < m->dimensions; i++)
    h = value_add (h, doc_path (data, piece_of (m->dimension[i])));
  if (m->aggregation == UNIQUE_COUNT)
    h = value_add (h, doc_path (data, piece_of (m->value)));
  return h;
}

int
group_of_row (struct piece subject, struct piece group, struct hash *ret)
{
  struct hash h = { 0, 4 };
  struct piece value;
  const char *at = NULL;
  char *buf = malloc (subject.n + group.n);
  if (!buf)
    abort ();
  h = text_add (h, buf, doc_text (subject, buf));
  while (doc_next (group, &at, NULL, &value))
    if (doc_kind (value) == '"')
      h = text_add (h, buf, doc_text (value, buf));
    else if (doc_kind (value) == 'n')
      h = hash_add (h, "n", 1);
    else
      break;
  free (buf);
  *ret = h;
  return !doc_next (group, &at, NULL, &value);
}

struct hash
cell_hash (uint32_t meter, int unit, int64_t start, struct hash group)
{
  struct {
    int64_t meter, unit, start;
  } of = { meter, unit, start };
  return hash_add (group, &of, sizeof of);
}

/* ---- Counting ------------------------------------------------------------------------------ */

/* What the event adds; 0: nothing. */
static int
addend_make (const struct meter *m, const struct event *e, struct cell *a)
{
  struct piece value = *m->value ? doc_path (e->data, piece_of (m->value)) : e->data, text = value;
  int none = !value.p || doc_kind (value) == 'n', r;
  amount n = 0;
  a->count = 1;
  if (e->correction && !doc_int (doc_member (e->data, "count"), &a->count))
    a->count = 0;
  if (m->aggregation == COUNT)
    return 1;
  if (m->aggregation == UNIQUE_COUNT)
    return !none;
  if (e->correction && m->aggregation >= MIN)
    return 0;
  if (none && !e->correction)
    return 0;
  if (doc_kind (value) == '"')
    text = (struct piece){ value.p + 1, value.n - 2 };
  r = none ? 0 : amount_read (text, &n);
  if (r || n >= VALUE_END || n <= -VALUE_END)
    return 0;
  if (m->aggregation <= AVG)
    a->sum = n;
  else
    a->min = a->max = a->latest = n;
  a->flags = m->aggregation == LATEST ? CELL_LATEST
             : m->aggregation >= MIN  ? CELL_EXTREMES
                                      : 0;
  a->at = e->time_ns;
  a->sequence = e->sequence;
  a->k = e->k;
  return 1;
}

static int
is_later (const struct cell *a, const struct cell *b)
{
  if (a->at != b->at)
    return a->at > b->at;
  return a->sequence != b->sequence ? a->sequence > b->sequence : a->k > b->k;
}

static void
cell_add (struct cell *c, const struct cell *a)
{
  amount sum = c->sum + a->sum;
  if (sum >= SUM_END || sum <= -SUM_END) {
    c->flags |= CELL_BEYOND;
    return;
  }
  c->count += a->count;
  c->sum = sum;
  if (a->flags & CELL_EXTREMES) {
    int first = !(c->flags & CELL_EXTREMES);
    c->min = first || a->min < c->min ? a->min : c->min;
    c->max = first || a->max > c->max ? a->max : c->max;
  }
  if (a->flags & CELL_LATEST && (!(c->flags & CELL_LATEST) || is_later (a, c))) {
    c->latest = a->latest;
    c->at = a->at;
    c->sequence = a->sequence;
    c->k = a->k;
  }
  c->flags |= a->flags;
}

static struct cell *
cell_get (struct verify *v, uint32_t meter, int unit, int64_t minute, struct hash group)
{
  struct verify_rollups *r = v->rollups;
  int64_t start, next;
  uint64_t *number;
  int is_new;
  window_of (unit, minute, &start, &next);
  number = map_put (&v->cells, cell_hash (meter, unit, start, group), r->cells, &is_new);
  if (!is_new)
    return &r->cell[*number];
  if (r->cells == r->cap) {
    r->cap = r->cap ? 2 * r->cap : 1024;
    r->cell = realloc (r->cell, r->cap * sizeof *r->cell);
    if (!r->cell)
      abort ();
  }
  r->cell[r->cells] = (struct cell){
    .meter = meter, .unit = (uint8_t)unit, .start = start, .next = next
  };
  return &r->cell[r->cells++];
}

void
cells_add (struct verify *v, uint32_t number, const struct event *e)
{
  const struct counted *c = &v->rollups->counted[number];
  struct cell a = { 0 };
  struct hash group;
  int unit;
  if (!addend_make (c->meter, e, &a))
    return;
  group = group_of_event (c->meter, e->subject, e->data);
  for (unit = 0; unit < UNITS; unit++)
    if (e->sequence <= c->position[unit]
        || (e->sequence == c->position[unit] + 1 && e->k < c->skip[unit]))
      cell_add (cell_get (v, number, unit, e->time_ns / MINUTE_NS, group), &a);
}
