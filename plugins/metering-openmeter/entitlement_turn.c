/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A turn: what is new in the log is burnt in copies of accounts, which are written together
 * with the place up to which it was. */
#include "plugins/metering-openmeter/entitlement.h"

#include "plugins/metering-openmeter/fold.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define RECORDS_MAX 50000 /* of one turn */
#define TOUCHED_MAX 200   /* accounts of one turn, but for those of its last record */
#define SEEN_MAX 10000    /* records without a use for anybody before that is written */

struct turn {
  struct entitlements *e;
  uint64_t from, to, revision;
  int64_t now_ns;
  struct holding **touched;
  uint32_t count, cap;
  struct record_read read;
  char tenant[6 * TENANT_MAX]; /* a character of it may be escaped as 6 */
  uint64_t lost;
  int32_t error;
};

/* ---- Burning ------------------------------------------------------------------------ */

/* The copy that this turn burns. */
static struct account *
work_of (struct turn *t, struct holding *h)
{
  struct holding **more;
  if (h->work)
    return h->work;
  if (t->count == t->cap) {
    more = reallocarray (t->touched, t->cap ? 2 * t->cap : 64, sizeof *more);
    if (!more)
      return NULL;
    t->touched = more;
    t->cap = t->cap ? 2 * t->cap : 64;
  }
  h->work = malloc (sizeof *h->work);
  if (!h->work || account_copy (&h->account, h->work) < 0) {
    free (h->work);
    h->work = NULL;
    return NULL;
  }
  account_settle (h->work, t->now_ns);
  t->touched[t->count++] = h;
  return h->work;
}

static void
burn (struct turn *t, struct holding *h, int64_t time_ns, decimal quantity)
{
  struct account *a = quantity ? work_of (t, h) : NULL;
  int32_t r = a ? account_use (a, time_ns, quantity) : quantity ? -ENOMEM : 0;
  if (r == -ERANGE)
    t->lost++;
  else if (r < 0)
    t->error = r;
}

/* A name that can be an account's. */
static struct holder *
holder_of (struct turn *t, uint32_t i)
{
  const struct kg_json *j = &t->read.json;
  kg_str name = kg_json_raw (j, i);
  if (name.len > sizeof t->tenant)
    return NULL;
  if (j->token[i].escaped)
    name = (kg_str){ t->tenant, kg_json_decode (j, i, t->tenant) };
  return holder_find (&t->e->table, name);
}

static void
charge_burn (struct turn *t, const struct holder *holder)
{
  static const char *const member[FEATURE_BUDGETS] = { "tokens", "money" };
  const struct kg_json *j = &t->read.json;
  struct holding *h;
  for (h = holder ? holder->first : NULL; h && t->read.charge; h = h->next)
    if (h->number < FEATURE_BUDGETS)
      burn (t, h, t->read.time_ns,
            kg_json_int (j, kg_json_find (j, t->read.charge, member[h->number]), 0) * DECIMAL_ONE);
}

static void
event_burn (struct turn *t, const struct holder *holder, const struct record_event *e)
{
  const struct meters *m = t->e->meters;
  struct holding *h;
  decimal quantity;
  int32_t r;
  for (h = holder ? holder->first : NULL; h; h = h->next) {
    const struct meter *meter;
    if (h->number < FEATURE_BUDGETS || h->number == FEATURE_NONE)
      continue;
    meter = &m->meter[h->number - FEATURE_BUDGETS];
    if (!kg_json_is (&t->read.json, e->type, meter->type))
      continue;
    r = fold_quantity (&t->read, e, meter, &quantity);
    if (r < 0)
      t->lost++;
    else
      burn (t, h, e->time_ns, quantity);
  }
}

static void
record_burn (struct turn *t, kg_str text)
{
  struct record_event e;
  int32_t r = record_read (&t->read, text);
  const struct holder *holder;
  if (r == -ENOMEM)
    t->error = r;
  if (r < 0)
    return; /* what is no record is nobody's */
  pthread_mutex_lock (&t->e->lock);
  holder = holder_of (t, t->read.tenant);
  charge_burn (t, holder);
  while (record_next (&t->read, &e))
    event_burn (t, e.subject ? holder_of (t, e.subject) : holder, &e);
  pthread_mutex_unlock (&t->e->lock);
}

static int32_t
on_record (const struct kg_record *record, void *arg)
{
  struct turn *t = arg;
  record_burn (t, record->data);
  if (t->error < 0)
    return 1;
  t->to = record->sequence;
  return t->count >= TOUCHED_MAX;
}

/* ---- Writing --------------------------------------------------------------------------- */

/* Texts move while they grow, so operations have offsets at first. */
static size_t
op_fill (struct kg_op *op, struct mt_text *text, const char *tenant, const char *feature)
{
  size_t at = text->len;
  mt_text_add (text, tenant, strlen (tenant));
  if (feature) {
    mt_text_add (text, "/", 1);
    mt_text_add (text, feature, strlen (feature));
  }
  op->key.len = text->len - at;
  return at;
}

static void
state_fill (struct turn *t, struct kg_op *op, struct mt_text *text, char state[32])
{
  int n = snprintf (state, 32, "{\"position\":%llu}", (unsigned long long)t->to);
  (void)text;
  op[0] = (struct kg_op){ .kind = KG_OP_PUT, .bucket = t->e->bucket, .key = { "state", 5 },
                          .value = { state, (size_t)n }, .revision = t->revision };
  op[1] = (struct kg_op){ .kind = KG_OP_ACK, .cursor = t->e->cursor, .revision = t->to };
}

static int32_t
ops_make (struct turn *t, struct kg_op *op, size_t *at, struct mt_text *text)
{
  const char *p;
  uint32_t i;
  for (i = 0; i < t->count; i++) {
    size_t key = op_fill (&op[i], text, t->touched[i]->holder->tenant, t->touched[i]->feature);
    op[i].kind = KG_OP_PUT;
    op[i].bucket = t->e->bucket;
    op[i].revision = KG_REV_ANY; /* as long as the state is the same */
    account_write (t->touched[i]->work, text);
    op[i].value.len = text->len - key - op[i].key.len;
    at[i] = key;
  }
  for (i = 0; i < t->count; i++) {
    p = text->ptr + at[i];
    op[i].key.ptr = p;
    op[i].value.ptr = p + op[i].key.len;
  }
  return text->failed ? -ENOMEM : 0;
}

static int32_t
turn_write (struct turn *t, void (*done) (const struct kg_outcome *, void *))
{
  const struct mt *mt = t->e->mt;
  struct kg_op *op = calloc (t->count + 2, sizeof *op);
  size_t *at = calloc (t->count + 1, sizeof *at);
  struct mt_text text = { 0 };
  char state[32];
  int32_t r = op && at ? ops_make (t, op, at, &text) : -ENOMEM;
  if (r >= 0) {
    state_fill (t, op + t->count, &text, state);
    r = mt->store->write (mt->self, op, t->count + 2, sizeof *op, done, t->e);
  }
  mt_text_free (&text);
  free (op);
  free (at);
  return r < 0 ? r : 1;
}

/* ---- The turn ----------------------------------------------------------------------------- */

static void
turn_free (struct turn *t)
{
  uint32_t i;
  for (i = 0; i < t->count; i++) {
    account_finish (t->touched[i]->work);
    free (t->touched[i]->work);
    t->touched[i]->work = NULL;
  }
  free (t->touched);
  record_read_free (&t->read);
}

/* Nobody has an account: the log isn't held back, and whoever gets one begins at its
 * end. */
static int32_t
cursor_move (struct entitlements *e, uint64_t to)
{
  const struct mt *mt = e->mt;
  const struct kg_op ack = { .kind = KG_OP_ACK, .cursor = e->cursor, .revision = to };
  if (to - mt->store->position (e->cursor) < SEEN_MAX || to < mt->store->position (e->cursor))
    return 0;
  return mt->store->write (mt->self, &ack, 1, sizeof ack, NULL, NULL);
}

static int32_t
turn_read (struct turn *t)
{
  const struct mt *mt = t->e->mt;
  uint64_t newest = mt->store->newest (mt->usage);
  int32_t n;
  t->to = t->from;
  if (newest <= t->from)
    return 0;
  n = mt->store->read (mt->usage, t->from, RECORDS_MAX, on_record, t);
  if (n >= 0 && n < RECORDS_MAX && t->count < TOUCHED_MAX && t->to < newest && !t->error)
    t->to = newest; /* what is missing was too old, or damaged */
  return n < 0 ? n : t->error;
}

int32_t
entitlement_turn (struct entitlements *e,
                  void (*done) (const struct kg_outcome *outcome, void *arg))
{
  const struct mt *mt = e->mt;
  struct turn t = { .e = e, .now_ns = entitlements_now () };
  uint64_t position;
  uint32_t accounts;
  int32_t r;
  pthread_mutex_lock (&e->lock);
  position = e->table.position;
  t.revision = e->table.revision;
  accounts = e->table.holdings;
  pthread_mutex_unlock (&e->lock);
  if (!accounts || !t.revision)
    return cursor_move (e, mt->store->newest (mt->usage));
  t.from = e->seen_revision == t.revision && e->seen > position ? e->seen : position;
  r = turn_read (&t);
  mt->metrics->set (e->lag, 0, (double)(mt->store->newest (mt->usage) - t.to));
  mt->metrics->add (e->lost, 0, t.lost);
  if (r >= 0 && (t.count || t.to - position > SEEN_MAX))
    r = turn_write (&t, done);
  else if (r >= 0) {
    pthread_mutex_lock (&e->lock);
    e->seen = t.to;
    e->seen_revision = t.revision;
    pthread_mutex_unlock (&e->lock);
  }
  turn_free (&t);
  return r;
}
