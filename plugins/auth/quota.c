/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* LIMIT: may it, now?  Takes from the windows of the key and its tenant before work
 * begins; LOG, which sees how the request ended, gives back. */
#include "plugins/auth/auth.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define USED_EVERY_S 60 /* so often is noted that a key was used */

/* ---- Entering ------------------------------------------------------------- */

static void
subject_enter (const struct auth *auth, struct subject *s, uint32_t number,
               const struct limits *limits)
{
  s->cell = number ? cell_at (&auth->cells, number) : NULL;
  s->hold = number ? hold_at (&auth->cells, number) : NULL;
  s->limits = limits;
  s->raise = NULL;
}

static void
subject_used (const struct subject *s, uint32_t now_s)
{
  uint32_t last = atomic_load_explicit (&s->cell->used_s, memory_order_relaxed);
  if (now_s - last >= USED_EVERY_S)
    atomic_store_explicit (&s->cell->used_s, now_s, memory_order_relaxed);
}

/* The number of a cell; asked for with the first request of a key. */
static uint32_t
number_of (struct auth *auth, const uint8_t id[16], uint32_t kind, _Atomic uint32_t *cached)
{
  uint32_t n = cached ? atomic_load_explicit (cached, memory_order_relaxed) : 0;
  if (!n && (n = cells_number (&auth->cells, id, kind)) && cached)
    atomic_store_explicit (cached, n, memory_order_relaxed);
  return n;
}

int32_t
quota_enter (struct auth *auth, const kg_req *req, struct pass *pass, int64_t mono_ns,
             const uint8_t key_id[16], _Atomic uint32_t *key_cell)
{
  struct tenant *tenant = pass->tenant;
  struct quota *q = &pass->quota;
  const struct limits *limits = atomic_load_explicit (&tenant->limits, memory_order_acquire);
  pass->key_cell = number_of (auth, key_id, CELL_KEY, key_cell);
  pass->tenant_cell = number_of (auth, tenant->id, CELL_TENANT, &tenant->cell);
  q->plan = plan_get (&auth->plans, pass->own, limits);
  if (!q->plan)
    return -ENOMEM;
  q->at = limit_moment (mono_ns, auth->host->num (req, KG_NUM_TIME), pass->anchor_day);
  subject_enter (auth, &q->subject[LIMIT_KEY], pass->key_cell, q->plan->of[LIMIT_KEY]);
  subject_enter (auth, &q->subject[LIMIT_TENANT], pass->tenant_cell, q->plan->of[LIMIT_TENANT]);
  q->subject[LIMIT_TENANT].raise = tenant->raise;
  if (!quota_counts (q))
    return 0;
  subject_used (&q->subject[LIMIT_KEY], (uint32_t) q->at.wall_s);
  subject_used (&q->subject[LIMIT_TENANT], (uint32_t) q->at.wall_s);
  return 0;
}

/* A subject that was never used has no cell yet. */
static void
subject_peek (const struct auth *auth, struct subject *s, const uint8_t id[16], uint32_t kind,
              const struct limits *limits)
{
  static struct cell unused;
  static struct hold no_hold;
  uint32_t number = cells_find (&auth->cells, id, kind);
  subject_enter (auth, s, number, limits);
  if (number)
    return;
  s->cell = &unused;
  s->hold = &no_hold;
}

int32_t
quota_peek (struct auth *auth, struct quota *q, const struct limits *own, struct tenant *tenant,
            const uint8_t key_id[16])
{
  const struct limits *limits = atomic_load (&tenant->limits);
  memset (q, 0, sizeof *q);
  q->plan = plan_get (&auth->plans, own, limits);
  if (!q->plan)
    return -ENOMEM;
  q->at = limit_moment (auth_mono_ns (), auth_wall_ns (), atomic_load (&tenant->anchor_day));
  subject_peek (auth, &q->subject[LIMIT_KEY], key_id, CELL_KEY, q->plan->of[LIMIT_KEY]);
  subject_peek (auth, &q->subject[LIMIT_TENANT], tenant->id, CELL_TENANT,
                q->plan->of[LIMIT_TENANT]);
  q->subject[LIMIT_TENANT].raise = tenant->raise;
  return 0;
}

/* ---- What is against it ---------------------------------------------------- */

/* Budgets that are spent.  What others have reserved may come back: that is for
 * `reserve` to say. */
static uint32_t
budgets_full (const struct auth *auth, const struct quota *q, const struct subject *s, uint32_t ask)
{
  uint32_t full = 0;
  for (enum limit_policy p = LIMIT_TOKENS; p < LIMIT_POLICIES; p++) {
    uint64_t limit = (uint64_t) subject_limit (s, p, q->at.month);
    if (ask & LIMIT_BIT (p) && limit && budget_counted (s, p, q->at.month) >= limit
        && budget_spent (auth, s, p, q->at.month) >= limit)
      full |= LIMIT_BIT (p);
  }
  return full;
}

struct policies
quota_full (const struct auth *auth, const struct quota *q, uint32_t ask)
{
  struct policies full = { { 0 } };
  for (int i = 0; i < LIMIT_SUBJECTS; i++) {
    if (ask & ~LIMIT_REQUESTS)
      full.of[i] = (uint8_t) budgets_full (auth, q, &q->subject[i], ask & ~LIMIT_REQUESTS);
    if (ask & LIMIT_REQUESTS)
      full.of[i] |= (uint8_t) limit_full (&q->subject[i], &q->at, ask & LIMIT_REQUESTS);
  }
  return full;
}

/* ---- Refusals ------------------------------------------------------------- */

/* `["day","tenant-minute"]`, and the one that holds longest. */
static kg_str
violations_show (const struct quota *q, const struct policies *full, char *text, size_t size,
                 enum limit_of *ret_of, enum limit_policy *ret_policy, int64_t *ret_retry_s)
{
  struct kg_out out = { text, 0, size };
  *ret_retry_s = 0;
  for (enum limit_of of = LIMIT_KEY; of < LIMIT_SUBJECTS; of++)
    for (enum limit_policy p = 0; p < LIMIT_POLICIES; p++) {
      int64_t retry;
      if (!(full->of[of] & LIMIT_BIT (p)))
        continue;
      kg_out_lit (&out, out.len ? ",\"" : "[\"");
      kg_out_lit (&out, plan_name (of, p));
      kg_out_lit (&out, "\"");
      retry = limit_retry (&q->subject[of], &q->at, p);
      if (retry <= *ret_retry_s)
        continue;
      *ret_retry_s = retry;
      *ret_of = of;
      *ret_policy = p;
    }
  kg_out_lit (&out, "]");
  return (kg_str){ text, out.len };
}

void
quota_detail (const struct quota *q, enum limit_of of, enum limit_policy policy, char *ret,
              size_t size)
{
  static const struct {
    const char *before, *after;
  } text[LIMIT_POLICIES] = {
    { "Too many requests at once. ", " allowed" },
    { "Rate limit exceeded. ", " requests per minute allowed" },
    { "Rate limit exceeded. ", " requests per day allowed" },
    { "Rate limit exceeded. ", " requests per month allowed" },
    { "Monthly token quota exceeded. ", " tokens per month allowed" },
    { "Monthly budget exceeded. ", " minor units per month allowed" },
  };
  const struct subject *s = &q->subject[of];
  char used[40] = "";
  struct standing st;
  limit_look (s, &q->at, &st);
  if (policy >= LIMIT_TOKENS)
    snprintf (used, sizeof used, ", %lld used", (long long) limit_used (s->limits, &st, policy));
  snprintf (ret, size, "%s%lld%s%s.", text[policy].before,
            (long long) subject_limit (s, policy, q->at.month), text[policy].after, used);
}

/* All that are against it now are told, and one that was when it was refused. */
static int32_t
refuse (const struct auth *auth, kg_req *req, struct quota *q, struct policies *full, uint32_t ask,
        uint32_t shadow)
{
  static const enum auth_reason reason[LIMIT_POLICIES] = { AUTH_CONCURRENT, AUTH_MINUTE, AUTH_DAY,
                                                           AUTH_MONTH, AUTH_TOKENS, AUTH_MONEY };
  const struct policies now = quota_full (auth, q, ask);
  enum limit_of of = LIMIT_KEY;
  enum limit_policy policy = LIMIT_MINUTE;
  char text[256], detail[160];
  int64_t retry_s;
  for (int i = 0; i < LIMIT_SUBJECTS; i++) {
    full->of[i] = (uint8_t) ((full->of[i] | now.of[i]) & ~shadow);
    window_add (&q->subject[i].cell->denied, q->at.day, 1);
  }
  auth->host->member (req, "violated_policies",
                      violations_show (q, full, text, sizeof text, &of, &policy, &retry_s));
  quota_detail (q, of, policy, detail, sizeof detail);
  if (policy >= LIMIT_DAY) /* the others pass by themselves */
    auth_offer (auth, req);
  return auth_deny (auth, req, reason[policy], 429, retry_s, detail);
}

static void
shadow_count (const struct auth *auth, const struct policies *full)
{
  for (enum limit_policy p = 0; p < LIMIT_POLICIES; p++)
    if ((full->of[LIMIT_KEY] | full->of[LIMIT_TENANT]) & auth->shadow & LIMIT_BIT (p))
      auth->metrics->add (auth->shadowed, p, 1);
}

/* ---- Taking --------------------------------------------------------------- */

uint32_t
quota_asks (int64_t route_flags)
{
  return route_flags & KG_BILLABLE ? LIMIT_REQUESTS | LIMIT_BIT (LIMIT_TOKENS) : LIMIT_REQUESTS;
}

uint32_t
quota_spares (const char *scope, size_t len)
{
  return len == 7 && !memcmp (scope, "billing", 7) ? LIMIT_BIT (LIMIT_DAY) | LIMIT_BIT (LIMIT_MONTH)
                                                   : 0;
}

/* Takes, or says what is against it.  Tokens are asked for first: they take nothing
 * here.  What is in `shadow` is counted all the same. */
static int32_t
take (const struct auth *auth, struct quota *q, uint32_t ask, uint32_t shadow,
      struct policies *ret_full)
{
  struct policies full = { { 0 } };
  if (ask & ~LIMIT_REQUESTS)
    full = quota_full (auth, q, ask & ~LIMIT_REQUESTS);
  *ret_full = full;
  if ((full.of[LIMIT_KEY] | full.of[LIMIT_TENANT]) & ~shadow)
    return 0;
  q->counted = (uint8_t) limit_take (q->subject, &q->at, shadow, &q->taken, ret_full);
  ret_full->of[LIMIT_KEY] |= full.of[LIMIT_KEY];
  ret_full->of[LIMIT_TENANT] |= full.of[LIMIT_TENANT];
  return q->counted;
}

/* ---- Hooks ---------------------------------------------------------------- */

static uint32_t
spares (const struct auth *auth, kg_req *req)
{
  kg_str scope = auth->host->get (req, KG_GET_SCOPE, NULL);
  return quota_spares (scope.ptr, scope.len);
}

int32_t
quota_limit (kg_req *req, void *data)
{
  struct auth *auth = data;
  struct pass *pass = pass_of (auth, req);
  int64_t flags = auth->host->num (req, KG_NUM_ROUTE_FLAGS);
  struct policies full;
  uint32_t ask, shadow = auth->shadow;
  int32_t taken;
  if (!pass || flags & KG_PUBLIC)
    return KG_NEXT;
  if (!quota_counts (&pass->quota))
    return -ENOSPC;
  ask = quota_asks (flags);
  taken = take (auth, &pass->quota, ask, shadow, &full);
  if (!taken && (shadow |= spares (auth, req)) != auth->shadow)
    taken = take (auth, &pass->quota, ask, shadow, &full);
  quota_show (auth, req, &pass->quota);
  if (!taken)
    return refuse (auth, req, &pass->quota, &full, ask, shadow);
  if (full.of[LIMIT_KEY] | full.of[LIMIT_TENANT])
    shadow_count (auth, &full);
  return KG_NEXT;
}

/* Answers that never came as far as LIMIT, as for a missing scope, have the
 * headers too. */
int32_t
quota_commit (kg_req *req, void *data)
{
  struct auth *auth = data;
  struct pass *pass = pass_of (auth, req);
  if (pass && !pass->quota.shown && quota_counts (&pass->quota)
      && !(auth->host->num (req, KG_NUM_ROUTE_FLAGS) & KG_PUBLIC))
    quota_show (auth, req, &pass->quota);
  return KG_NEXT;
}

/* The server's own failures are not charged, nor what another limit refused. */
static int32_t
status_refunds (int64_t status)
{
  return status >= 500 || status == 429 || status == 402 || status == 0;
}

int32_t
quota_log (kg_req *req, void *data)
{
  struct auth *auth = data;
  struct pass *pass = *auth->host->slot (req, auth->self);
  struct quota *q;
  int64_t status;
  if (!pass)
    return KG_NEXT;
  address_end (pass->address);
  q = &pass->quota;
  if (!pass->tenant || !quota_counts (q))
    return KG_NEXT;
  status = auth->host->num (req, KG_NUM_STATUS);
  budget_end (auth, q, status >= 200 && status <= 299);
  if (q->counted)
    limit_end (q->subject, &q->at, &q->taken, status_refunds (status));
  if (q->settled[0] | q->settled[1] || q->plan->shown & LIMIT_BIT (LIMIT_MONTH))
    notice_look (auth, pass);
  return KG_NEXT;
}
