/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* time.schedule.list: the tenant's deferrals, by their time. */
#include "plugins/agentese/builtin.h"
#include "plugins/agentese/schedule_run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct line {
  int64_t due_ns;
  char id[AG_ID_LEN];
};

struct lines {
  struct line *line;
  uint32_t n, max;
  int32_t state; /* that is looked for, or -1 */
  int64_t limit;
};

static void
line_add (struct lines *l, const struct ag_job *job)
{
  int32_t state = job->state == AG_EFFECTED ? AG_RUNNING : job->state;
  if (l->n == l->max || (l->state >= 0 && l->state != state) || job->key_len < AG_ID_LEN)
    return;
  l->line[l->n].due_ns = job->due_ns;
  memcpy (l->line[l->n++].id, job->key + job->key_len - AG_ID_LEN, AG_ID_LEN);
}

/* All of the tenant, also those that are on their way. */
static void
lines_collect (struct ag_schedule *s, const struct ag_turns *t, struct lines *l)
{
  const struct ag_job *job;
  uint32_t i;
  for (i = 0; i < s->index.cap; i++)
    for (job = s->index.table[i]; job; job = job->chain)
      if (job->turns == t)
        line_add (l, job);
}

static int
by_due (const void *a, const void *b)
{
  const struct line *x = a, *y = b;
  return x->due_ns != y->due_ns ? (x->due_ns > y->due_ns) - (x->due_ns < y->due_ns)
                                : memcmp (x->id, y->id, AG_ID_LEN);
}

/* What is answered: read before it is written, for it is written twice, and changes. */
struct listing {
  struct ag_deferral *item;
  uint32_t n, total;
};

static int32_t
listing_read (struct ag_call *c, const struct lines *l, struct listing *ret)
{
  uint32_t i, max = l->n < (uint32_t)l->limit ? l->n : (uint32_t)l->limit;
  kg_str key;
  int32_t r;
  *ret = (struct listing){ .total = l->n };
  ret->item = c->ag->host->alloc (c->req, (max + 1) * sizeof *ret->item);
  if (!ret->item)
    return -ENOMEM;
  for (i = 0; i < l->n && ret->n < max; i++) {
    r = ag_deferral_get (c, (kg_str){ l->line[i].id, AG_ID_LEN }, &key, &ret->item[ret->n]);
    if (r == -ENOMEM)
      return r;
    ret->n += r == 0; /* others went in between */
  }
  return 0;
}

static void
list_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct listing *listing = arg;
  uint32_t i;
  (void)c;
  kg_out_lit (out, "{\"scheduled\":[");
  for (i = 0; i < listing->n; i++) {
    kg_out_lit (out, i ? "," : "");
    ag_deferral_show (&listing->item[i], out);
  }
  kg_out_lit (out, "],\"total\":");
  kg_out_int (out, listing->total);
  kg_out_lit (out, "}");
}

int32_t
ag_schedule_list (struct ag_call *c)
{
  struct ag_schedule *s = c->ag->schedule;
  struct lines l = { .state = -1, .limit = ag_arg_int (c, "limit", 100) };
  struct listing listing;
  const struct ag_turns *t;
  uint32_t i = ag_kwarg (c, "status");
  int32_t state;
  for (state = 0; i && ag_deferral_names[state]; state++)
    if (kg_json_is (c->json, i, ag_deferral_names[state]))
      l.state = state;
  pthread_mutex_lock (&s->lock);
  t = ag_index_tenant (&s->index, ag_str (c->who->tenant));
  l.max = t ? t->kept : 0;
  l.line = l.max ? c->ag->host->alloc (c->req, l.max * sizeof *l.line) : NULL;
  if (l.line)
    lines_collect (s, t, &l);
  pthread_mutex_unlock (&s->lock);
  if (l.max && !l.line)
    return -ENOMEM;
  if (l.n)
    qsort (l.line, l.n, sizeof *l.line, by_due);
  state = listing_read (c, &l, &listing);
  return state < 0 ? state : ag_answer (c, list_write, &listing);
}
