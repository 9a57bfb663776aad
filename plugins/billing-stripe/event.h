/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The envelope of a Stripe event. */
#ifndef BILLING_EVENT_H
#define BILLING_EVENT_H

#include "plugins/billing-stripe/billing.h"

struct event {
  kg_str id, type;  /* decoded, NUL-terminated, in the request's memory */
  int64_t created;  /* seconds since the epoch */
  int32_t livemode; /* 1, 0; -1: not said */
};

/* Reads a body; 0, or -EINVAL for what is not JSON or lacks id, type, created or
 * data.object. */
int32_t event_read (const struct kg_host *host, kg_req *req, kg_str body, struct event *ret);

#endif
