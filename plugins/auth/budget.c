/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* budget/1: reserve -> settle -> release.
 *
 * A reservation is in the month's count of the key and of its tenant as soon as it is
 * made, and in what this process holds of them: so a dead process's reservations
 * are known, and taken back.  Counts go up before holds, and holds down before
 * counts: whoever dies in between leaves too much counted, never too little, until
 * counts are made anew from the usage records (charge.c). */
#include "plugins/auth/auth.h"
#include "plugins/auth/digits.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct kg_reservation {
  uint32_t kind; /* from 0 */
  int64_t n;
  kg_reservation *next;
};

/* The service has no `data`: it works for the one open plugin. */
static struct auth *budget_auth;

void
budget_attach (struct auth *auth)
{
  budget_auth = auth;
}

/* ---- Where a kind is counted ----------------------------------------------- */

static const enum limit_policy kind_policy[QUOTA_KINDS]
    = { LIMIT_TOKENS, LIMIT_MONEY, LIMIT_MONTH };

static struct window *
kind_window (struct cell *cell, uint32_t kind)
{
  return kind == 0 ? &cell->tokens : kind == 1 ? &cell->money : &cell->month;
}

static _Atomic uint64_t *
kind_hold (struct hold *hold, uint32_t kind)
{
  return kind == 0 ? &hold->tokens : kind == 1 ? &hold->money : &hold->requests;
}

/* What the subject may have in the month. */
static uint64_t
kind_max (const struct auth *auth, const struct subject *s, uint32_t kind, uint32_t month)
{
  int64_t limit = subject_limit (s, kind_policy[kind], month);
  return limit && !(auth->shadow & LIMIT_BIT (kind_policy[kind])) ? (uint64_t) limit : WINDOW_MAX;
}

static struct quota *
quota_of (kg_req *req)
{
  struct pass *pass = budget_auth ? pass_of (budget_auth, req) : NULL;
  return pass && quota_counts (&pass->quota) ? &pass->quota : NULL;
}

/* ---- Taking and giving back ------------------------------------------------ */

/* Of both or of none: 1 or 0.  The key's first, as limit_take does. */
static int32_t
units_take (const struct auth *auth, struct quota *q, uint32_t kind, uint64_t n)
{
  struct subject *key = &q->subject[LIMIT_KEY], *tenant = &q->subject[LIMIT_TENANT];
  uint32_t month = q->at.month;
  if (!window_take (kind_window (key->cell, kind), month, n, kind_max (auth, key, kind, month)))
    return 0;
  if (!window_take (kind_window (tenant->cell, kind), month, n,
                    kind_max (auth, tenant, kind, month))) {
    window_sub (kind_window (key->cell, kind), month, n);
    return 0;
  }
  word_add (kind_hold (key->hold, kind), month, n);
  word_add (kind_hold (tenant->hold, kind), month, n);
  return 1;
}

/* No longer in flight: counted, or nothing any more. */
static void
units_unhold (struct quota *q, uint32_t kind, uint64_t n)
{
  for (int i = 0; n && i < LIMIT_SUBJECTS; i++)
    word_sub (kind_hold (q->subject[i].hold, kind), q->at.month, n);
}

static void
units_uncount (struct quota *q, uint32_t kind, uint64_t n)
{
  for (int i = 0; n && i < LIMIT_SUBJECTS; i++)
    window_sub (kind_window (q->subject[i].cell, kind), q->at.month, n);
}

static void
units_return (struct quota *q, uint32_t kind, uint64_t n)
{
  units_unhold (q, kind, n);
  units_uncount (q, kind, n);
}

static uint32_t
kind_of (enum limit_policy policy)
{
  return policy == LIMIT_TOKENS ? 0 : policy == LIMIT_MONEY ? 1 : 2;
}

uint64_t
budget_counted (const struct subject *s, enum limit_policy policy, uint32_t month)
{
  return window_count (kind_window (s->cell, kind_of (policy)), month);
}

uint64_t
budget_spent (const struct auth *auth, const struct subject *s, enum limit_policy policy,
              uint32_t month)
{
  uint32_t kind = kind_of (policy);
  uint64_t used = window_count (kind_window (s->cell, kind), month), held = 0;
  ptrdiff_t number = s->cell - auth->cells.cell;
  if (!used)
    return 0;
  for (uint32_t i = 0; i < CELLS_SLOTS; i++) {
    uint64_t word = atomic_load (kind_hold (&auth->cells.column[i][number], kind));
    held += word_number (word) == month ? word_count (word) : 0;
  }
  return used > held ? used - held : 0;
}

/* Takes a reservation out of the request's list; 0 when it isn't there. */
static int32_t
open_remove (struct quota *q, kg_reservation *r)
{
  kg_reservation **at = &q->open;
  while (*at && *at != r)
    at = &(*at)->next;
  if (!*at)
    return 0;
  *at = r->next;
  return 1;
}

/* ---- The service ----------------------------------------------------------- */

/* Would it have been refused, were it enforced? */
static void
shadow_look (const struct auth *auth, const struct quota *q, uint32_t kind)
{
  enum limit_policy policy = kind_policy[kind];
  for (int i = 0; i < LIMIT_SUBJECTS; i++) {
    int64_t limit = subject_limit (&q->subject[i], policy, q->at.month);
    uint64_t used = window_count (kind_window (q->subject[i].cell, kind), q->at.month);
    if (limit && used > (uint64_t) limit) {
      auth->metrics->add (auth->shadowed, policy, 1);
      return;
    }
  }
}

static int32_t
budget_reserve (kg_req *req, uint32_t kind, int64_t n, kg_reservation **ret)
{
  struct quota *q = quota_of (req);
  kg_reservation *r;
  if (!q)
    return -EACCES;
  if (kind < KG_BUDGET_TOKENS || kind > KG_BUDGET_REQUESTS || n < 0)
    return -EINVAL;
  if (q->fixed)
    return -EALREADY;
  r = budget_auth->host->alloc (req, sizeof *r);
  if (!r)
    return -ENOMEM;
  *r = (kg_reservation){ kind - 1, n, q->open };
  if (!units_take (budget_auth, q, r->kind, (uint64_t) n))
    return -EDQUOT;
  if (budget_auth->shadow & LIMIT_BIT (kind_policy[r->kind]))
    shadow_look (budget_auth, q, r->kind);
  q->open = r;
  *ret = r;
  return 0;
}

static int32_t
budget_settle (kg_req *req, kg_reservation *r, int64_t used)
{
  struct quota *q = quota_of (req);
  if (!q)
    return -EACCES;
  if (q->fixed)
    return -EALREADY;
  if (used < 0 || used > r->n)
    return -ERANGE;
  if (!open_remove (q, r))
    return -EINVAL;
  units_return (q, r->kind, (uint64_t) (r->n - used));
  q->settled[r->kind] += (uint64_t) used;
  return 0;
}

static void
budget_release (kg_req *req, kg_reservation *r)
{
  struct quota *q = r ? quota_of (req) : NULL;
  if (q && open_remove (q, r))
    units_return (q, r->kind, (uint64_t) r->n);
}

static void
open_release (struct quota *q)
{
  kg_reservation *r = q->open;
  q->open = NULL;
  for (; r; r = r->next)
    units_return (q, r->kind, (uint64_t) r->n);
}

/* What a subject has left of its month; -1: it is not limited. */
static int64_t
subject_left (const struct quota *q, enum limit_of of, uint32_t kind)
{
  const struct subject *s = &q->subject[of];
  int64_t limit = subject_limit (s, kind_policy[kind], q->at.month), used;
  if (!limit)
    return KG_BUDGET_UNLIMITED;
  used = (int64_t) window_count (kind_window (s->cell, kind), q->at.month);
  return limit > used ? limit - used : 0;
}

/* Whose budget is the smaller one. */
static enum limit_of
poorer (const struct quota *q, uint32_t kind)
{
  int64_t key = subject_left (q, LIMIT_KEY, kind), tenant = subject_left (q, LIMIT_TENANT, kind);
  return key < 0 || (tenant >= 0 && tenant < key) ? LIMIT_TENANT : LIMIT_KEY;
}

static int64_t
budget_left2 (kg_req *req, uint32_t kind)
{
  const struct quota *q = quota_of (req);
  int64_t left;
  if (!q)
    return -EACCES;
  if (kind < KG_BUDGET_TOKENS || kind > KG_BUDGET_REQUESTS)
    return -EINVAL;
  left = subject_left (q, poorer (q, kind - 1), kind - 1);
  if (left == KG_BUDGET_UNLIMITED || kind != KG_BUDGET_TOKENS)
    return left;
  return (uint64_t) left > q->spent ? left - (int64_t) q->spent : 0;
}

static int64_t
budget_left (kg_req *req)
{
  return budget_left2 (req, KG_BUDGET_TOKENS);
}

static int32_t
budget_spend (kg_req *req, uint64_t tokens)
{
  struct quota *q = quota_of (req);
  if (!q)
    return -EACCES;
  if (tokens > WINDOW_MAX || (q->spent += tokens) > WINDOW_MAX)
    q->spent = WINDOW_MAX;
  return 0;
}

/* ---- 402 ------------------------------------------------------------------- */

static void
member_int (const struct auth *auth, kg_req *req, const char *name, int64_t value)
{
  char text[24];
  struct kg_out out = { text, 0, sizeof text };
  kg_out_int (&out, value);
  auth->host->member (req, name, (kg_str){ text, out.len });
}

static void
member_text (const struct auth *auth, kg_req *req, const char *name, const char *value)
{
  char text[1024];
  struct kg_out out = { text, 0, sizeof text };
  kg_out_text (&out, value);
  if (kg_out_ok (&out))
    auth->host->member (req, name, (kg_str){ text, out.len });
}

static int32_t
budget_refuse (kg_req *req, uint32_t kind, int64_t n)
{
  static const enum auth_reason reason[QUOTA_KINDS] = { AUTH_TOKENS, AUTH_MONEY, AUTH_MONTH };
  const struct auth *auth = budget_auth;
  struct quota *q = quota_of (req);
  char detail[224], text[40];
  enum limit_of of;
  if (!q || kind < KG_BUDGET_TOKENS || kind > KG_BUDGET_REQUESTS)
    return -EINVAL;
  of = poorer (q, kind - 1);
  quota_detail (q, of, kind_policy[kind - 1], detail, sizeof detail);
  snprintf (text, sizeof text, "[\"%s\"]", plan_name (of, kind_policy[kind - 1]));
  auth->host->member (req, "violated_policies", (kg_str){ text, strlen (text) });
  member_int (auth, req, "needed", n);
  member_int (auth, req, "left", budget_left2 (req, kind));
  if (auth->conf->upgrade_url)
    member_text (auth, req, "upgrade_url", auth->conf->upgrade_url);
  auth_offer (auth, req);
  window_add (&q->subject[LIMIT_KEY].cell->denied, q->at.day, 1);
  window_add (&q->subject[LIMIT_TENANT].cell->denied, q->at.day, 1);
  return auth_deny (auth, req, reason[kind - 1], 402, 0, detail);
}

/* ---- Grants ----------------------------------------------------------------- */

static struct tenant *
tenant_named (kg_str id)
{
  struct tenant *t;
  uint8_t bytes[16];
  if (!budget_auth || text_uuid_read (id.ptr, id.len, bytes) < 0)
    return NULL;
  t = tenant_find (&budget_auth->tenants, bytes);
  return t && atomic_load (&t->status) != TENANT_UNKNOWN ? t : NULL;
}

static int32_t
budget_month (kg_str tenant, int64_t time_ns, struct kg_budget_month *ret)
{
  const struct tenant *t = tenant_named (tenant);
  struct moment at, before;
  int64_t day_ns = LIMIT_DAY_S * TEXT_SECOND, from = time_ns - time_ns % day_ns;
  int32_t anchor;
  if (!t)
    return -ENOENT;
  if (ret->size < sizeof *ret || time_ns < 0)
    return -EINVAL;
  anchor = atomic_load (&t->anchor_day);
  at = limit_moment (0, from, anchor);
  for (; from > 0; from -= day_ns) {
    before = limit_moment (0, from - day_ns, anchor);
    if (before.month != at.month)
      break;
  }
  ret->number = at.month;
  ret->from_ns = from;
  ret->to_ns = (int64_t) at.month_end * day_ns;
  return 0;
}

static int32_t
budget_raise (kg_str tenant, uint32_t kind, uint32_t month, int64_t total, int64_t left)
{
  struct tenant *t = tenant_named (tenant);
  struct raise *r;
  if (!t)
    return -ENOENT;
  if ((kind != KG_BUDGET_TOKENS && kind != KG_BUDGET_MONEY) || total < 0 || left < 0)
    return -EINVAL;
  r = &t->raise[kind - KG_BUDGET_TOKENS];
  atomic_store (&r->left, (uint64_t) left < WINDOW_MAX ? (uint64_t) left : WINDOW_MAX);
  atomic_store (&r->total, word_make (month, (uint64_t) total));
  return 0;
}

/* ---- The end --------------------------------------------------------------- */

/* What is counted from here on is no more in flight: the usage record will tell of
 * it, whatever happens to this process. */
static void
charge_fix (struct quota *q)
{
  if (q->open)
    open_release (q);
  if (q->settled[0] | q->settled[1] | q->settled[2])
    for (uint32_t kind = 0; kind < QUOTA_KINDS; kind++)
      units_unhold (q, kind, q->settled[kind]);
  for (int i = 0; q->spent && i < LIMIT_SUBJECTS; i++)
    window_add (&q->subject[i].cell->tokens, q->at.month, q->spent);
  q->settled[0] += q->spent;
  q->spent = 0;
  q->fixed = 1;
  q->fixed_at = atomic_load_explicit (&budget_auth->seconds, memory_order_relaxed);
}

#define PUT(p, literal) (memcpy (p, literal, sizeof (literal) - 1), (p) + sizeof (literal) - 1)

/* {"month":24310,"tokens":12,"money":0,"requests":0} */
static int32_t
charge_write (kg_req *req, const struct pass *pass, struct kg_charge *ret)
{
  const struct quota *q = &pass->quota;
  char *text = budget_auth->host->alloc (req, CHARGE_JSON), *p = text;
  if (!text)
    return -ENOMEM;
  ret->key = pass->key_id;
  ret->tokens = (int64_t) (q->settled[0] + q->spent);
  ret->money = (int64_t) q->settled[1];
  ret->requests = (int64_t) q->settled[2];
  p = digits_put (PUT (p, "{\"month\":"), q->at.month);
  p = digits_put (PUT (p, ",\"tokens\":"), (uint64_t) ret->tokens);
  p = digits_put (PUT (p, ",\"money\":"), (uint64_t) ret->money);
  p = digits_put (PUT (p, ",\"requests\":"), (uint64_t) ret->requests);
  p = PUT (p, "}");
  ret->json = (kg_str){ text, (size_t) (p - text) };
  return 0;
}

static int32_t
budget_charged (kg_req *req, struct kg_charge *ret)
{
  struct pass *pass = budget_auth ? pass_of (budget_auth, req) : NULL;
  struct quota *q = pass ? &pass->quota : NULL;
  int32_t rc;
  if (!q || !quota_counts (q))
    return -EACCES;
  if (ret->size < sizeof *ret)
    return -EINVAL;
  rc = charge_write (req, pass, ret);
  if (rc < 0)
    return rc;
  if (!q->fixed)
    charge_fix (q);
  return ret->tokens || ret->money || ret->requests;
}

/* Without a usage record the region alone remembers what was spent. */
static void
charge_loose (struct quota *q)
{
  charge_fix (q);
  for (int i = 0; i < LIMIT_SUBJECTS; i++) {
    if (q->settled[0])
      window_add (&q->subject[i].cell->loose_tokens, q->at.month, q->settled[0]);
    if (q->settled[1])
      window_add (&q->subject[i].cell->loose_money, q->at.month, q->settled[1]);
  }
}

#define DOUBT_S 5

/* The request failed, long after its record was to be made: a disk that is stuck may yet
 * write it.  It counts until counts are made anew. */
static int32_t
in_doubt (const struct auth *auth, const struct quota *q)
{
  if (!q->fixed || atomic_load (&auth->seconds) - q->fixed_at < DOUBT_S)
    return 0;
  auth->host->log (auth->self, KG_LOG_WARN,
                   "the usage record of a request that failed may have been written: %llu tokens "
                   "and %llu minor units count until the next start",
                   (unsigned long long) q->settled[0], (unsigned long long) q->settled[1]);
  return 1;
}

void
budget_end (const struct auth *auth, struct quota *q, int32_t good)
{
  uint32_t kind;
  if (!q->open && !q->spent && !q->settled[0] && !q->settled[1] && !q->settled[2])
    return;
  if (!good && in_doubt (auth, q))
    return;
  if (!q->fixed && !good) {
    q->spent = 0;
    charge_fix (q);
  } else if (!q->fixed)
    charge_loose (q);
  for (kind = 0; !good && kind < QUOTA_KINDS; kind++)
    units_uncount (q, kind, q->settled[kind]);
  for (int i = 0; good && q->settled[0] && i < LIMIT_SUBJECTS; i++)
    window_add (&q->subject[i].cell->tokens_day, q->at.day, q->settled[0]);
}

const struct kg_budget budget_service = {
  .size = sizeof (struct kg_budget),
  .spend = budget_spend,
  .left = budget_left,
  .reserve = budget_reserve,
  .settle = budget_settle,
  .release = budget_release,
  .left2 = budget_left2,
  .refuse = budget_refuse,
  .charged = budget_charged,
  .month = budget_month,
  .raise = budget_raise,
};
