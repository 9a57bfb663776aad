/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The headers about limits, on each answer to an identified caller.
 *
 * Of a window in which both the key and its tenant are limited, they speak of the
 * one that has less left.  All numbers are formatted by hand, into one buffer: this
 * is done for every request. */
#include "plugins/auth/auth.h"

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

#define SHOW_MAX 512 /* bytes of all values: eight numbers, and the state of three policies */

/* What is left of a window, for whom. */
struct left {
  enum limit_of of;
  int64_t left, reset_s;
};

/* Text that grows in a buffer that is large enough. */
struct pen {
  char *p;
};

static void
pen_text (struct pen *pen, const char *text, size_t len)
{
  memcpy (pen->p, text, len);
  pen->p += len;
}

static kg_str
pen_number (struct pen *pen, int64_t value)
{
  static const char pairs[] = "0001020304050607080910111213141516171819"
                              "2021222324252627282930313233343536373839"
                              "4041424344454647484950515253545556575859"
                              "6061626364656667686970717273747576777879"
                              "8081828384858687888990919293949596979899";
  char digits[24], *end = digits + sizeof digits, *p = end;
  uint64_t u = value > 0 ? (uint64_t) value : 0;
  kg_str s = { pen->p, 0 };
  for (; u >= 10; u /= 100)
    memcpy (p -= 2, pairs + u % 100 * 2, 2);
  if (u || p == end)
    *--p = (char) ('0' + u);
  s.len = (size_t) (end - p);
  pen_text (pen, p, s.len);
  return s;
}

static int64_t
left_of (int64_t limit, int64_t used)
{
  return limit > used ? limit - used : 0;
}

/* The tighter of two, of which at least one is limited. */
static struct left
tighter (int64_t key_limit, int64_t key_left, int64_t tenant_limit, int64_t tenant_left)
{
  struct left l = { LIMIT_KEY, key_left, 0 };
  if (!key_limit || (tenant_limit && tenant_left < key_left))
    l = (struct left){ LIMIT_TENANT, tenant_left, 0 };
  return l;
}

/* `"name";r=LEFT;t=RESET`. */
static void
state_put (struct pen *pen, enum limit_policy policy, const struct left *l)
{
  const char *name = plan_name (l->of, policy);
  pen_text (pen, "\"", 1);
  pen_text (pen, name, strlen (name));
  pen_text (pen, "\";r=", 4);
  pen_number (pen, l->left);
  pen_text (pen, ";t=", 3);
  pen_number (pen, l->reset_s);
}

/* draft-ietf-httpapi-ratelimit-headers-11: where each policy stands. */
static kg_str
state_show (struct pen *pen, uint32_t shown, const struct left left[LIMIT_POLICIES])
{
  kg_str s = { pen->p, 0 };
  for (enum limit_policy p = LIMIT_MINUTE; p <= LIMIT_MONTH; p++) {
    if (!(shown & LIMIT_BIT (p)))
      continue;
    if (pen->p != s.ptr)
      pen_text (pen, ", ", 2);
    state_put (pen, p, &left[p]);
  }
  s.len = (size_t) (pen->p - s.ptr);
  return s;
}

static void
left_find (const struct quota *q, const struct standing st[LIMIT_SUBJECTS],
           struct left left[LIMIT_POLICIES])
{
  const struct limits *k = q->plan->of[LIMIT_KEY], *t = q->plan->of[LIMIT_TENANT];
  const struct standing *ks = &st[LIMIT_KEY], *ts = &st[LIMIT_TENANT];
  left[LIMIT_MINUTE] = tighter (k->per_minute, ks->minute_left, t->per_minute, ts->minute_left);
  left[LIMIT_MINUTE].reset_s = st[left[LIMIT_MINUTE].of].minute_reset_s;
  left[LIMIT_DAY] = tighter (k->per_day, left_of (k->per_day, ks->day_used), t->per_day,
                             left_of (t->per_day, ts->day_used));
  left[LIMIT_DAY].reset_s = LIMIT_DAY_S - q->at.wall_s % LIMIT_DAY_S;
  if (q->plan->shown & LIMIT_BIT (LIMIT_MONTH)) {
    left[LIMIT_MONTH] = tighter (k->per_month, left_of (k->per_month, ks->month_used),
                                 t->per_month, left_of (t->per_month, ts->month_used));
    left[LIMIT_MONTH].reset_s = (int64_t) q->at.month_end * LIMIT_DAY_S - q->at.wall_s;
  }
}

/* The legacy fields speak of the day, or of the minute where days are free;
 * Reset is a time in seconds since the epoch. */
static void
show_limits (struct pen *pen, const struct quota *q, const struct standing st[LIMIT_SUBJECTS],
             kg_str value[SHOW_FIELDS])
{
  const struct plan *plan = q->plan;
  struct left left[LIMIT_POLICIES];
  const struct plan_number *limit = plan->day;
  enum limit_policy p = plan->shown & LIMIT_BIT (LIMIT_DAY) ? LIMIT_DAY : LIMIT_MINUTE;
  left_find (q, st, left);
  if (plan->shown & (LIMIT_BIT (LIMIT_DAY) | LIMIT_BIT (LIMIT_MINUTE))) {
    limit = p == LIMIT_DAY ? &plan->day[left[p].of] : &plan->minute[left[p].of];
    value[SHOW_LIMIT] = (kg_str){ limit->text, limit->len };
    value[SHOW_REMAINING] = pen_number (pen, left[p].left);
    value[SHOW_RESET] = pen_number (pen, q->at.wall_s + left[p].reset_s);
  }
  value[SHOW_POLICY] = (kg_str){ plan->policy, plan->policy_len };
  value[SHOW_STATE] = state_show (pen, plan->shown, left);
}

void
quota_show (const struct auth *auth, kg_req *req, struct quota *q)
{
  kg_str value[SHOW_FIELDS] = { { NULL, 0 } };
  struct standing st[LIMIT_SUBJECTS];
  char text[SHOW_MAX];
  struct pen pen = { text };
  limit_look (&q->subject[LIMIT_KEY], &q->at, &st[LIMIT_KEY]);
  limit_look (&q->subject[LIMIT_TENANT], &q->at, &st[LIMIT_TENANT]);
  q->shown = 1;
  if (q->plan->shown)
    show_limits (&pen, q, st, value);
  value[SHOW_REQUESTS] = pen_number (&pen, st[LIMIT_KEY].day_used);
  value[SHOW_TOKENS_TODAY] = pen_number (&pen, st[LIMIT_KEY].tokens_today);
  value[SHOW_TOKENS] = pen_number (&pen, st[LIMIT_KEY].tokens);
  auth->host->headers (req, auth->fields, value);
}

int32_t
quota_show_open (struct auth *auth)
{
  return auth->host->fields (auth->self, show_names, &auth->fields);
}
