/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* meter/1: record a quantity for the request's tenant.
 *
 * Provided by a metering plugin.  A handler says what was used; the metering
 * plugin makes it durable in COMMIT, before a 2xx leaves, and drops it when the
 * request failed. */
#ifndef KGENT_METER_H
#define KGENT_METER_H

#include <kgent/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KG_METER "meter/1"

struct kg_meter {
  uint32_t size;
  uint32_t reserved;

  /* [worker] Notes one usage event for this request: `type` as in CloudEvents
   * ("agentese.invoke"), `data` a JSON object; both are copied.  The tenant is
   * the request's identity.  -EACCES without an identity, -E2BIG for data over
   * 8 KiB or a 17th event, -ENOMEM.  Since 1.0. */
  int32_t (*note) (kg_req *req, const char *type, kg_str data);

#if KG_ABI_TARGET >= KG_ABI (1, 1)
  /* [worker] The receipt of this request, as the field Kgent-Receipt carries it: 0 and
   * *ret, in the request's memory; printable ASCII, at most 512 bytes, not
   * NUL-terminated.  It is there once the provider's COMMIT hooks are through, for
   * those who have sent the head before: the last event of a stream.  -ENOENT: there is
   * none (yet), for nothing was billed or recorded, or receipts are off.  Since 1.1. */
  int32_t (*receipt) (kg_req *req, kg_str *ret);
#endif
};

#ifdef __cplusplus
}
#endif

#endif
