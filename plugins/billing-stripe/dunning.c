/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "plugins/billing-stripe/dunning.h"

const char *
dunning_name (enum dunning dunning)
{
  static const char *const names[DUNNINGS] = { "unknown", "open",    "trial",  "paid", "ending",
                                               "grace",   "overdue", "paused", "ended" };
  return names[dunning];
}

/* In good standing; but when it was canceled for a later time, no longer than
 * was paid for, whether or not Stripe's word of the end has come. */
static struct standing
good (const struct projection *p, enum dunning dunning, int64_t now)
{
  const struct sub_state *s = &p->state;
  int64_t end = s->cancel_at ? s->cancel_at : s->cancel_at_period_end ? s->period_end : 0;
  if (!end)
    return (struct standing){ dunning, 1, 0 };
  if (now >= end)
    return (struct standing){ DUNNING_ENDED, 0, 0 };
  return (struct standing){ DUNNING_ENDING, 1, end };
}

static struct standing
due (const struct projection *p, int64_t grace, int64_t now)
{
  int64_t end = projection_due_since (p) + grace;
  if (now < end)
    return (struct standing){ DUNNING_GRACE, 1, end };
  return (struct standing){ DUNNING_OVERDUE, 0, 0 };
}

struct standing
dunning_at (const struct projection *p, int64_t grace, int64_t now)
{
  switch (projection_status (p)) {
  case SUB_TRIALING:
    return good (p, DUNNING_TRIAL, now);
  case SUB_ACTIVE:
    return good (p, DUNNING_PAID, now);
  case SUB_PAST_DUE:
    return due (p, grace, now);
  case SUB_UNPAID:
    return (struct standing){ DUNNING_OVERDUE, 0, 0 };
  case SUB_PAUSED:
    return (struct standing){ DUNNING_PAUSED, 0, 0 };
  case SUB_INCOMPLETE:
    return (struct standing){ DUNNING_OPEN, 0, 0 };
  case SUB_CANCELED:
  case SUB_INCOMPLETE_EXPIRED:
    return (struct standing){ DUNNING_ENDED, 0, 0 };
  default:
    return (struct standing){ DUNNING_UNKNOWN, 0, 0 };
  }
}
