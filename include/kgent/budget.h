/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* budget/1: what the caller may still spend this month.
 *
 * Provided by the plugin that knows the caller's allowance (auth).  A handler
 * reserves what a request may cost before the work, settles what it did cost, and
 * releases the rest; it is charged once the request has succeeded, and not at all
 * when it failed.  Reservations count at once, for the caller and its tenant, and
 * never above a limit, whoever reserves at the same time; they end with their
 * request or with the process, however that ends.  Windows are calendar months in
 * UTC, from the tenant's anchor day on.
 *
 * The usage record is the truth.  The metering plugin asks `charged` in COMMIT and
 * writes the answer into the request's record in the log "usage":
 *   {"tenant":"...","key":"...","time":...,"charge":{...},"events":[...]}
 * "key" is kg_charge.key as a JSON string, "charge" is kg_charge.json as it is.
 * Budgets are rebuilt from these two and "tenant" when the host starts. */
#ifndef KGENT_BUDGET_H
#define KGENT_BUDGET_H

#include <kgent/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KG_BUDGET "budget/1"

#define KG_BUDGET_UNLIMITED ((int64_t) -1)

#if KG_ABI_TARGET >= KG_ABI (1, 1)
/* What can be reserved.  Since 1.1. */
#define KG_BUDGET_TOKENS   1
#define KG_BUDGET_MONEY    2 /* minor units, as cents                            */
#define KG_BUDGET_REQUESTS 3 /* beyond the request itself, as for a batch        */

/* A reservation; the request's, gone once it is settled or released.  Since 1.1. */
typedef struct kg_reservation kg_reservation;

/* What a request costs its tenant and key when it succeeds.  Since 1.1. */
struct kg_charge {
  uint32_t size; /* sizeof (struct kg_charge), set by the caller */
  uint32_t reserved;
  int64_t tokens, money, requests; /* settled, and spent                         */
  const char *key; /* the id of the caller's key                                 */
  kg_str json;     /* an object; at most 256 bytes; in the request's memory      */
};

/* A month of a tenant's budgets.  Since 1.1. */
struct kg_budget_month {
  uint32_t size;   /* sizeof (struct kg_budget_month), set by the caller           */
  uint32_t number; /* stands for it                                                */
  int64_t from_ns, to_ns; /* midnights in UTC, since the epoch; `to_ns` is the next one's */
};
#endif

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

#if KG_ABI_TARGET >= KG_ABI (1, 1)
  /* [worker] Reserves `n` units for this request, of the caller's and its tenant's
   * budget: 0 and *ret; -EDQUOT: they don't have as many left, and nothing was
   * reserved (answer with `refuse`); -EACCES for a caller without a budget, whose
   * use nobody counts; -EINVAL for an unknown kind or n < 0; -EALREADY after
   * `charged`; -ENOMEM.  Since 1.1. */
  int32_t (*reserve) (kg_req *req, uint32_t kind, int64_t n, kg_reservation **ret);

  /* [worker] The request used `used` of it; the rest is free again at once.  Until
   * `charged`.  -ERANGE for more than was reserved: nothing was settled; reserve
   * more first.  -EALREADY.  Since 1.1. */
  int32_t (*settle) (kg_req *req, kg_reservation *reservation, int64_t used);

  /* [worker] Gives it all back.  NULL is allowed.  What is neither settled nor
   * released by COMMIT is released.  Since 1.1. */
  void (*release) (kg_req *req, kg_reservation *reservation);

  /* [worker] What may still be reserved: the smaller of the caller's and its
   * tenant's; KG_BUDGET_UNLIMITED; -EACCES.  Since 1.1. */
  int64_t (*left2) (kg_req *req, uint32_t kind);

  /* [worker] Answers 402, with what is left and where to get more; returns KG_DONE,
   * so that a handler can say `return budget->refuse (...)`.  `n` is what the
   * request needs.  Since 1.1. */
  int32_t (*refuse) (kg_req *req, uint32_t kind, int64_t n);

  /* [worker] For the metering plugin, in COMMIT, once, of a request whose status is
   * 2xx: 1 and *ret: it must be written into the usage record, and the answer must
   * not leave unless it was; 0: there is nothing to charge; -EACCES; -ENOMEM.  From
   * here on reservations and charges of the request are fixed.  When the
   * record cannot be made, the hook answers so and the request is given back.
   * Since 1.1. */
  int32_t (*charged) (kg_req *req, struct kg_charge *ret);

  /* [any] The month that `time_ns` is in, of the tenant with this id: 0 and *ret;
   * -ENOENT: no such tenant has a record.  Since 1.1. */
  int32_t (*month) (kg_str tenant, int64_t time_ns, struct kg_budget_month *ret);

  /* [any, from start on] For who keeps grants: beyond what its tier or its own limit
   * allows, the tenant may use `total` tokens, or money, in the month of that number, and
   * `left` in any other one.  In force at once, in this process, until the next call or
   * close; a tenant without a limit stays without.  -ENOENT as above; -EINVAL for another
   * kind, or a negative number.  Since 1.1. */
  int32_t (*raise) (kg_str tenant, uint32_t kind, uint32_t month, int64_t total, int64_t left);
#endif
};

#ifdef __cplusplus
}
#endif

#endif
