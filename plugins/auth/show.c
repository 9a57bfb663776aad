/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The headers about limits, on each answer to an identified caller.
 *
 * Of a window in which both the key and its tenant are limited, they speak of the
 * one that has less left.  This is done for every request: it is most of what a limit
 * costs, so each word is written once. */
#include "plugins/auth/auth.h"
#include "plugins/auth/digits.h"

#include <string.h>

enum {
  SHOW_LIMIT,
  SHOW_REMAINING,
  SHOW_RESET,
  SHOW_POLICY,
  SHOW_STATE,
  SHOW_REQUESTS,
  SHOW_TOKENS_TODAY,
  SHOW_TOKENS,
  SHOW_FIELDS
};

static const char *const show_names[SHOW_FIELDS + 1]
    = { "X-RateLimit-Limit", "X-RateLimit-Remaining",      "X-RateLimit-Reset",
        "RateLimit-Policy",  "RateLimit",                  "X-RateLimit-Requests-Today",
        "X-Tokens-Today",    "X-Tokens-Month",             NULL };

/* ---- Texts ----------------------------------------------------------------- */

/* How a policy's state begins; copied as a whole. */
#define NAME_TEXT 32
struct name {
  char text[NAME_TEXT];
  size_t len;
};

#define NAME(text) { "\"" text "\";r=", sizeof ("\"" text "\";r=") - 1 }

static const struct name names[LIMIT_SUBJECTS][LIMIT_POLICIES] = {
  { NAME ("concurrent"), NAME ("minute"), NAME ("day"), NAME ("month") },
  { NAME ("tenant-concurrent"), NAME ("tenant-minute"), NAME ("tenant-day"),
    NAME ("tenant-month") },
};

#define STATE_MAX 256 /* bytes of the state of three policies, and slack */

/* Midnight in seconds since the epoch has ten digits, which are the same for a whole
 * day: five of them in each word, behind the day. */
#define MIDNIGHT_LEN 10
static void
midnight_put (char p[16], uint32_t day)
{
  static _Atomic uint64_t memo[2];
  uint64_t a = atomic_load_explicit (&memo[0], memory_order_relaxed),
           b = atomic_load_explicit (&memo[1], memory_order_relaxed);
  if (a >> WINDOW_BITS != day || b >> WINDOW_BITS != day) {
    char text[32];
    digits_put (text, (uint64_t) day * LIMIT_DAY_S);
    memcpy (&a, text, sizeof a);
    memcpy (&b, text + 5, sizeof b);
    a = (a & WINDOW_MAX) | (uint64_t) day << WINDOW_BITS;
    b = (b & WINDOW_MAX) | (uint64_t) day << WINDOW_BITS;
    atomic_store_explicit (&memo[0], a, memory_order_relaxed);
    atomic_store_explicit (&memo[1], b, memory_order_relaxed);
  }
  memcpy (p, &a, sizeof a);
  memcpy (p + 5, &b, sizeof b);
}

/* ---- What is left ---------------------------------------------------------- */

/* Of one window, for whom. */
struct left {
  enum limit_of of;
  int64_t left, reset_s;
};

/* Of two numbers, of which at least one is limited (not 0), the one with less left. */
static inline struct left
tighter (int64_t key_limit, int64_t key_left, int64_t tenant_limit, int64_t tenant_left)
{
  struct left l = { LIMIT_KEY, key_left, 0 };
  if (!key_limit || (tenant_limit && tenant_left < key_left))
    l = (struct left){ LIMIT_TENANT, tenant_left, 0 };
  l.left = l.left > 0 ? l.left : 0;
  return l;
}

static inline struct left
left_minute (const struct quota *q)
{
  const struct subject *s = q->subject;
  int64_t left[LIMIT_SUBJECTS] = { 0 }, reset_s[LIMIT_SUBJECTS] = { 0 };
  struct left l;
  for (int i = 0; i < LIMIT_SUBJECTS; i++)
    if (s[i].limits->per_minute)
      left[i] = bucket_left (s[i].cell->full_ns, s[i].limits->per_minute, q->at.mono_ns,
                             &reset_s[i]);
  l = tighter (s[LIMIT_KEY].limits->per_minute, left[LIMIT_KEY],
               s[LIMIT_TENANT].limits->per_minute, left[LIMIT_TENANT]);
  l.reset_s = reset_s[l.of];
  return l;
}

static inline struct left
left_day (const struct quota *q, int64_t key_used)
{
  const struct subject *s = q->subject;
  int64_t key = s[LIMIT_KEY].limits->per_day, tenant = s[LIMIT_TENANT].limits->per_day, used = 0;
  struct left l;
  if (tenant)
    used = (int64_t) window_count (&s[LIMIT_TENANT].cell->day, q->at.day);
  l = tighter (key, key - key_used, tenant, tenant - used);
  l.reset_s = (int64_t) (q->at.day + 1) * LIMIT_DAY_S - q->at.wall_s;
  return l;
}

static struct left
left_month (const struct quota *q)
{
  const struct subject *s = q->subject;
  int64_t key = s[LIMIT_KEY].limits->per_month, tenant = s[LIMIT_TENANT].limits->per_month;
  struct left l
      = tighter (key, key - (int64_t) window_count (&s[LIMIT_KEY].cell->month, q->at.month), tenant,
                 tenant - (int64_t) window_count (&s[LIMIT_TENANT].cell->month, q->at.month));
  l.reset_s = (int64_t) q->at.month_end * LIMIT_DAY_S - q->at.wall_s;
  return l;
}

/* ---- Headers --------------------------------------------------------------- */

/* draft-ietf-httpapi-ratelimit-headers-11: `"name";r=LEFT;t=RESET, `. */
static inline char *
state_put (char *p, enum limit_policy policy, const struct left *l)
{
  const struct name *name = &names[l->of][policy];
  memcpy (p, name->text, NAME_TEXT);
  p = digits_put (p + name->len, (uint64_t) l->left);
  memcpy (p, ";t=", 4);
  p = digits_put (p + 3, (uint64_t) l->reset_s);
  memcpy (p, ", ", 2);
  return p + 2;
}

/* The legacy fields speak of the day, or of the minute where days are free;
 * Reset is a time in seconds since the epoch. */
static void
show_legacy (const struct quota *q, const struct plan_number *limit, const struct left *l,
             struct kg_value value[SHOW_FIELDS])
{
  value[SHOW_LIMIT] = (struct kg_value){ limit[l->of].text, limit[l->of].len };
  value[SHOW_REMAINING] = (struct kg_value){ NULL, l->left };
  value[SHOW_RESET] = (struct kg_value){ NULL, q->at.wall_s + l->reset_s };
}

/* Where each policy stands; `text` has STATE_MAX bytes and 16 for midnight. */
static void
show_windows (const struct quota *q, int64_t day_used, char *text,
              struct kg_value value[SHOW_FIELDS])
{
  const struct plan *plan = q->plan;
  char *p = text;
  struct left l;
  value[SHOW_LIMIT] = value[SHOW_REMAINING] = value[SHOW_RESET] = (struct kg_value){ NULL, -1 };
  if (plan->shown & LIMIT_BIT (LIMIT_MINUTE)) {
    l = left_minute (q);
    p = state_put (p, LIMIT_MINUTE, &l);
    show_legacy (q, plan->minute, &l, value);
  }
  if (plan->shown & LIMIT_BIT (LIMIT_DAY)) {
    l = left_day (q, day_used);
    p = state_put (p, LIMIT_DAY, &l);
    show_legacy (q, plan->day, &l, value);
    midnight_put (text + STATE_MAX, q->at.day + 1);
    value[SHOW_RESET] = (struct kg_value){ text + STATE_MAX, MIDNIGHT_LEN };
  }
  if (plan->shown & LIMIT_BIT (LIMIT_MONTH)) {
    l = left_month (q);
    p = state_put (p, LIMIT_MONTH, &l);
  }
  value[SHOW_POLICY] = (struct kg_value){ plan->policy, plan->policy_len };
  value[SHOW_STATE] = (struct kg_value){ text, p - text - 2 };
}

void
quota_show (const struct auth *auth, kg_req *req, struct quota *q)
{
  const struct cell *cell = q->subject[LIMIT_KEY].cell;
  int64_t day_used = (int64_t) window_count (&cell->day, q->at.day);
  struct kg_value value[SHOW_FIELDS];
  char text[STATE_MAX + 16];
  q->shown = 1;
  if (q->plan->shown)
    show_windows (q, day_used, text, value);
  else
    for (int i = 0; i < SHOW_REQUESTS; i++)
      value[i] = (struct kg_value){ NULL, -1 };
  value[SHOW_REQUESTS] = (struct kg_value){ NULL, day_used };
  value[SHOW_TOKENS_TODAY]
      = (struct kg_value){ NULL, (int64_t) window_count (&cell->tokens_day, q->at.day) };
  value[SHOW_TOKENS]
      = (struct kg_value){ NULL, (int64_t) window_count (&cell->tokens, q->at.month) };
  auth->host->headers (req, auth->fields, value);
}

int32_t
quota_show_open (struct auth *auth)
{
  return auth->host->fields (auth->self, show_names, &auth->fields);
}
