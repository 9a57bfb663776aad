/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* budget/1: what the caller may still spend this month.
 *
 * Provided by the plugin that knows the caller's allowance (auth).  A handler
 * says what the request used; it counts once the request has succeeded, and not
 * at all when it failed.  Windows are calendar months in UTC. */
#ifndef KGENT_BUDGET_H
#define KGENT_BUDGET_H

#include <kgent/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KG_BUDGET "budget/1"

#define KG_BUDGET_UNLIMITED ((int64_t) -1)

struct kg_budget {
  uint32_t size;
  uint32_t reserved;

  /* [worker] Adds `tokens` to what this request has used.  -EACCES for a caller
   * without a budget (nobody identified, or by another plugin).  Since 1.0. */
  int32_t (*spend) (kg_req *req, uint64_t tokens);

  /* [worker] Tokens left this month, what this request has used already taken
   * off, never below 0; KG_BUDGET_UNLIMITED; -EACCES as above (it is another
   * number).  Since 1.0. */
  int64_t (*left) (kg_req *req);
};

#ifdef __cplusplus
}
#endif

#endif
