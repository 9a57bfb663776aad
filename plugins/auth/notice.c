/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Whoever reaches a threshold first sets its bit in the cell, among all processes, and
 * leaves a note for the timer, which writes the record.  The record's id says what it
 * tells of: so when a process dies in between, and bits are forgotten, the next one
 * tells, but never twice. */
#include "plugins/auth/auth.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOTES    256
#define LEVELS   3
#define KINDS    3
#define ID_MAX   96
#define TEXT_MAX 512

static const uint32_t percents[LEVELS] = { 50, 80, 100 };
static const enum limit_policy policies[KINDS] = { LIMIT_TOKENS, LIMIT_MONEY, LIMIT_MONTH };

/* What was reached. */
struct note {
  _Atomic int32_t state; /* 0: free, 1: being filled or written, 2: to be told */
  uint32_t kind, level;  /* of the tables above */
  enum limit_of of;
  uint8_t key[16], tenant[16];
  uint32_t month, month_end;
  int64_t limit, used, time_ns;
  struct auth *auth; /* while it is written */
};

struct notices {
  kg_log *log;
  kg_metric *told;
  _Atomic int32_t waiting; /* notes that were left */
  struct note note[NOTES];
};

/* ---- On workers ------------------------------------------------------------ */

static struct note *
note_take (struct notices *n)
{
  for (int i = 0; i < NOTES; i++) {
    int32_t free_one = 0;
    if (atomic_compare_exchange_strong (&n->note[i].state, &free_one, 1))
      return &n->note[i];
  }
  return NULL;
}

/* Sets a bit of the month; 1 when it wasn't. */
static int32_t
bit_set (struct cell *cell, uint32_t month, uint32_t bit)
{
  uint64_t old = atomic_load (&cell->noticed), now;
  do {
    now = word_number (old) == month ? old : word_make (month, 0);
    if (now & bit)
      return 0;
  } while (!atomic_compare_exchange_weak (&cell->noticed, &old, now | bit));
  return 1;
}

static void
note_leave (struct auth *auth, const struct pass *pass, enum limit_of of, uint32_t kind,
            uint32_t level, int64_t limit, int64_t used)
{
  const struct quota *q = &pass->quota;
  struct note *n = note_take (auth->notices);
  if (!n) /* the next one who spends will see it, too */
    return;
  if (!bit_set (q->subject[of].cell, q->at.month, 1u << (kind * LEVELS + level))) {
    atomic_store (&n->state, 0);
    return;
  }
  n->of = of;
  n->kind = kind;
  n->level = level;
  memcpy (n->key, q->subject[LIMIT_KEY].cell->id, sizeof n->key);
  memcpy (n->tenant, q->subject[LIMIT_TENANT].cell->id, sizeof n->tenant);
  n->month = q->at.month;
  n->month_end = q->at.month_end;
  n->limit = limit;
  n->used = used;
  n->time_ns = q->at.wall_s * TEXT_SECOND;
  atomic_store (&n->state, 2);
  atomic_store (&auth->notices->waiting, 1);
}

static void
subject_look (struct auth *auth, const struct pass *pass, enum limit_of of, uint32_t kind)
{
  const struct subject *s = &pass->quota.subject[of];
  uint32_t month = pass->quota.at.month;
  int64_t limit = subject_limit (s, policies[kind], month), used;
  uint64_t told = atomic_load_explicit (&s->cell->noticed, memory_order_relaxed);
  used = (int64_t) budget_spent (auth, s, policies[kind], month);
  for (uint32_t level = 0; level < LEVELS; level++)
    if ((uint64_t) used * 100 >= (uint64_t) limit * percents[level]
        && (word_number (told) != month || !(told >> (kind * LEVELS + level) & 1)))
      note_leave (auth, pass, of, kind, level, limit, used);
}

/* Whether the first threshold may be reached: reservations count, too, which is quickly
 * seen. */
static inline int32_t
is_near (int64_t limit, const struct window *w, uint32_t month)
{
  return limit && window_count (w, month) * 100 >= (uint64_t) limit * percents[0];
}

void
notice_look (struct auth *auth, const struct pass *pass)
{
  const struct quota *q = &pass->quota;
  for (enum limit_of of = LIMIT_KEY; of < LIMIT_SUBJECTS; of++) {
    const struct subject *s = &q->subject[of];
    const struct cell *c = q->subject[of].cell;
    if (q->settled[0] && is_near (subject_limit (s, LIMIT_TOKENS, q->at.month), &c->tokens, q->at.month))
      subject_look (auth, pass, of, 0);
    if (q->settled[1] && is_near (subject_limit (s, LIMIT_MONEY, q->at.month), &c->money, q->at.month))
      subject_look (auth, pass, of, 1);
    if (is_near (s->limits->per_month, &c->month, q->at.month))
      subject_look (auth, pass, of, 2);
  }
}

/* ---- On the timer's thread ------------------------------------------------- */

static const char *
unit_of (const struct note *n)
{
  return n->kind == 0 ? "tokens" : n->kind == 1 ? "minor units" : "requests";
}

static void
note_log (const struct note *n)
{
  char id[TEXT_UUID];
  text_uuid_show (n->of == LIMIT_KEY ? n->key : n->tenant, id);
  n->auth->host->log (n->auth->self, percents[n->level] < 100 ? KG_LOG_INFO : KG_LOG_WARN,
                      "%s %s has used %u %% of the month's %s: %lld of %lld",
                      n->of == LIMIT_KEY ? "key" : "tenant", id, percents[n->level], unit_of (n),
                      (long long) n->used, (long long) n->limit);
}

/* On the committer's thread. */
static void
written (const struct kg_outcome *outcome, void *arg)
{
  struct note *n = arg;
  struct notices *all = n->auth->notices;
  if (!outcome->error) {
    note_log (n);
    n->auth->metrics->add (all->told, n->kind * LEVELS + n->level, 1);
  }
  if (!outcome->error || outcome->error == -EEXIST) { /* or another process has told */
    atomic_store (&n->state, 0);
    return;
  }
  atomic_store (&n->state, 2);
  atomic_store (&all->waiting, 1);
}

/* One for each subject, month, kind and level. */
static size_t
id_write (char ret[ID_MAX], const struct note *n)
{
  char id[TEXT_UUID];
  text_uuid_show (n->of == LIMIT_KEY ? n->key : n->tenant, id);
  return (size_t) snprintf (ret, ID_MAX, "%s.%s.%u.%s.%u", n->of == LIMIT_KEY ? "key" : "tenant",
                            id, n->month, limit_names[policies[n->kind]], percents[n->level]);
}

static size_t
text_write (char ret[TEXT_MAX], const struct note *n)
{
  struct kg_out out = { ret, 0, TEXT_MAX };
  char text[TEXT_TIME], id[TEXT_UUID];
  text_time (n->time_ns, text);
  kg_out_lit (&out, "{\"time\":");
  kg_out_text (&out, text);
  text_uuid_show (n->tenant, id);
  kg_out_lit (&out, ",\"tenant\":");
  kg_out_text (&out, id);
  text_uuid_show (n->key, id);
  kg_out_lit (&out, ",\"key\":");
  kg_out_text (&out, n->of == LIMIT_KEY ? id : NULL);
  kg_out_lit (&out, ",\"policy\":");
  kg_out_text (&out, limit_names[policies[n->kind]]);
  kg_out_lit (&out, ",\"percent\":");
  kg_out_int (&out, percents[n->level]);
  kg_out_lit (&out, ",\"limit\":");
  kg_out_int (&out, n->limit);
  kg_out_lit (&out, ",\"used\":");
  kg_out_int (&out, n->used);
  text_time ((int64_t) n->month_end * LIMIT_DAY_S * TEXT_SECOND, text);
  kg_out_lit (&out, ",\"reset_at\":");
  kg_out_text (&out, text);
  kg_out_lit (&out, "}");
  return out.len;
}

static void
note_write (struct auth *auth, struct note *n)
{
  char id[ID_MAX], text[TEXT_MAX];
  struct kg_op op = { .kind = KG_OP_APPEND, .log = auth->notices->log };
  const struct kg_outcome failed = { .size = sizeof failed, .error = -EAGAIN };
  n->auth = auth;
  op.key = (kg_str){ id, id_write (id, n) };
  op.value = (kg_str){ text, text_write (text, n) };
  if (auth->store->write (auth->self, &op, 1, sizeof op, written, n) < 0)
    written (&failed, n);
}

void
notice_tell (struct auth *auth)
{
  struct notices *all = auth->notices;
  if (!atomic_exchange (&all->waiting, 0))
    return;
  for (int i = 0; i < NOTES; i++) {
    int32_t ready = 2;
    if (atomic_compare_exchange_strong (&all->note[i].state, &ready, 1))
      note_write (auth, &all->note[i]);
  }
}

/* ---- Life ------------------------------------------------------------------ */

int32_t
notice_open (struct auth *auth)
{
  static const char *const levels[] = { "50", "80", "100", NULL };
  static const char *const kinds[] = { "tokens", "money", "month", NULL };
  const struct kg_label labels[] = { { "policy", kinds }, { "percent", levels } };
  const struct kg_metric_def told
      = { .size = sizeof told, .kind = KG_COUNTER, .name = "kgent_auth_notices_total",
          .help = "Budgets of keys and tenants that reached a part of what a month allows",
          .labels = labels, .nlabels = 2 };
  int32_t rc;
  auth->notices = calloc (1, sizeof *auth->notices);
  if (!auth->notices)
    return -ENOMEM;
  rc = auth->metrics->define (auth->self, &told, &auth->notices->told);
  return rc == 0 ? auth->store->log (auth->self, "auth.notices", 100, 400, &auth->notices->log)
                 : rc;
}

void
notice_close (struct auth *auth)
{
  free (auth->notices);
  auth->notices = NULL;
}
