/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What a call costs.
 *
 * The most that it can cost is reserved once the call is known to be allowed, and
 * before anything is done or kept; what it did cost is settled with the answer.  A
 * call that was refused, or failed, settles nothing, so COMMIT releases all. */
#include "plugins/agentese/agentese.h"

#include <errno.h>
#include <string.h>

#define RESULT_KB 64 /* of the largest result, where no maximum is configured */

/* Whether it is "*", a path, or a path or context with ".*" behind it. */
static int32_t
pattern_good (const char *pattern)
{
  kg_str text = ag_str (pattern);
  struct ag_path path;
  struct ag_error error;
  uint32_t i;
  if (text.len > 2 && !strcmp (pattern + text.len - 2, ".*")) {
    text.len -= 2;
    for (i = 0; ag_context_names[i]; i++)
      if (ag_str_is (text, ag_context_names[i]))
        return 1;
  }
  return ag_str_is (text, "*")
         || (ag_path_parse (text, &path, &error) >= 0 && path.base.len == text.len);
}

int32_t
ag_prices_check (const struct ag *ag)
{
  const struct ag_price *price = ag->conf->prices.items;
  uint64_t i;
  for (i = 0; i < ag->conf->prices.count; i++)
    if (!pattern_good (price[i].path)) {
      ag->host->log (ag->self, KG_LOG_ERROR,
                     "prices: \"%s\" is no path; write world.house.manifest, world.house.* or *",
                     price[i].path);
      return -EINVAL;
    }
  return 0;
}

const struct ag_cost *
ag_cost_of (const struct ag *ag, const struct ag_slot *slot, kg_str base)
{
  const struct ag_price *price = ag->conf->prices.items;
  uint64_t i;
  for (i = 0; i < ag->conf->prices.count; i++)
    if (ag_pattern_covers (price[i].path, base))
      return &price[i].cost;
  return &slot->aspect.cost;
}

int32_t
ag_cost_free (const struct ag_cost *cost)
{
  return cost->requests <= 1 && !cost->tokens && !cost->tokens_per_kb && !cost->money
         && !cost->per_token;
}

int32_t
ag_prices_start (const struct ag *ag)
{
  const struct ag_entry *e = NULL;
  const struct ag_slot *slot;
  int32_t priced = ag->conf->prices.count > 0;
  uint32_t i;
  while (!priced && (e = ag_entry_next (ag, e)))
    for (i = 0; (slot = ag_slot_at (e, i)); i++)
      priced |= !ag_cost_free (&slot->aspect.cost);
  if (!priced || (ag->budget && ag->budget->reserve))
    return 0;
  ag->host->log (ag->self, KG_LOG_ERROR, "there are prices, and %s",
                 ag->budget ? "who provides budget/1 speaks 1.0, which reserves nothing"
                            : "nobody provides budget/1 (load auth)");
  return -ENOTSUP;
}

void
ag_price_find (struct ag_call *c)
{
  const struct ag_cost *cost = ag_cost_of (c->ag, c->slot, c->path.base);
  c->cost = ag_cost_free (cost) ? NULL : cost;
}

int64_t
ag_cost_tokens_max (const struct ag_cost *cost)
{
  return cost->tokens_max ? cost->tokens_max : cost->tokens + cost->tokens_per_kb * RESULT_KB;
}

/* 0; KG_DONE with a 402; or a negative errno.  A caller without a budget is served:
 * nobody counts what it uses. */
static int32_t
reserve (struct ag_call *c, uint32_t kind, int64_t n, kg_reservation **ret)
{
  const struct kg_budget *budget = c->ag->budget;
  int32_t r = n ? budget->reserve (c->req, kind, n, ret) : 0;
  if (r == -EDQUOT) {
    c->ag->metrics->add (c->ag->refusals, AG_UNAFFORDABLE, 1);
    return budget->refuse (c->req, kind, n);
  }
  return r == -EACCES ? 0 : r;
}

int32_t
ag_price_reserve (struct ag_call *c)
{
  const struct ag_cost *cost = c->cost;
  int32_t r;
  if (!cost || !c->ag->budget || !c->ag->budget->reserve)
    return 0;
  if ((r = reserve (c, KG_BUDGET_TOKENS, ag_cost_tokens_max (cost), &c->tokens))
      || (r = reserve (c, KG_BUDGET_MONEY, cost->money, &c->money)))
    return r;
  return reserve (c, KG_BUDGET_REQUESTS, cost->requests > 1 ? cost->requests - 1 : 0,
                  &c->requests);
}

int64_t
ag_price_tokens (const struct ag_call *c, size_t result_len)
{
  const struct ag_cost *cost = c->cost;
  int64_t n, max;
  if (!cost)
    return 0;
  max = ag_cost_tokens_max (cost);
  n = cost->tokens + cost->tokens_per_kb * (int64_t)((result_len + 1023) / 1024);
  if (cost->per_token)
    n += c->tokens_used;
  return n < max ? n : max;
}

int32_t
ag_price_settle (struct ag_call *c, size_t result_len)
{
  const struct kg_budget *budget = c->ag->budget;
  int32_t r = 0;
  if (c->tokens)
    r = budget->settle (c->req, c->tokens, ag_price_tokens (c, result_len));
  if (r >= 0 && c->money)
    r = budget->settle (c->req, c->money, c->cost->money);
  if (r >= 0 && c->requests)
    r = budget->settle (c->req, c->requests, c->cost->requests - 1);
  return r;
}
