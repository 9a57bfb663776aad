/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* tenants/1: who the tenants are, and which tier they have.
 *
 * Provided by the plugin that keeps the tenants (auth), for those who know what a
 * tenant pays for (billing-stripe).  A change goes the operator's way: it is written
 * together with its record in the audit log, and in force in this process before
 * `done` is called, in others within a second. */
#ifndef KGENT_TENANTS_H
#define KGENT_TENANTS_H

#include <kgent/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KG_TENANTS "tenants/1"

#if KG_ABI_TARGET >= KG_ABI (1, 1)

#define KG_TENANT_ID 37 /* bytes of a tenant's id as text, with its NUL.  Since 1.1. */

/* Flags of a tenant.  Since 1.1. */
#define KG_TENANT_MANUAL 0x01u /* its tier is set by hand only ("tier_source")    */

/* A tenant that has a record; valid during the call.  Since 1.1. */
struct kg_tenant {
  uint32_t size;
  uint32_t flags;
  const char *id;       /* a UUID, in lower case */
  const char *slug;     /* "": none */
  const char *name;
  const char *tier;     /* "FREE", "PRO", ... */
  const char *status;   /* "active", "past_due", "suspended", "canceled" */
  const char *metadata; /* a JSON object as text */
};

/* A change of a tenant's tier; copied before set_tier returns.  Since 1.1. */
struct kg_tier_change {
  uint32_t size; /* sizeof (struct kg_tier_change), set by the caller */
  uint32_t reserved;
  const char *tenant; /* id */
  const char *tier;
  const char *actor;  /* of the audit record: "billing-stripe" */
  const char *reason; /* the same: at most 512 bytes */
};

struct kg_tenants {
  uint32_t size;
  uint32_t reserved;

  /* [any] 1 while there is a tenant with this id, else 0.  Since 1.1. */
  int32_t (*exists) (kg_str id);

  /* [any, not a worker] Calls fn with the tenant that has this id or slug; returns
   * what fn does, or -ENOENT.  Since 1.1. */
  int32_t (*get) (kg_str tenant, int32_t (*fn) (const struct kg_tenant *tenant, void *arg),
                  void *arg);

  /* [any, not a worker] Calls fn for each tenant, in the order of ids, until it answers
   * other than 0; returns that.  Since 1.1. */
  int32_t (*walk) (int32_t (*fn) (const struct kg_tenant *tenant, void *arg), void *arg);

  /* [any, once its plugin is open] The name of row `i` of the table of tiers, from 0, in the
   * order of the configuration: the first one is the least; NULL beyond the last.
   * Valid until close.  Since 1.1. */
  const char *(*tier) (uint32_t i);

  /* [any] Sets the tier of a tenant, if it has another.  `done` is called once, on any
   * thread, and must not block; `error` is 0 when the tenant has the tier, durably and
   * in force here; -EPERM for one whose tier is set by hand; -ENOENT; -EINVAL: there is
   * no such tier; or what the disk said, and nothing was changed.  -EAGAIN when too
   * many changes wait, -EINVAL, -ENOMEM: nothing was taken, `done` is not called.
   * Since 1.1. */
  int32_t (*set_tier) (const struct kg_tier_change *change,
                       void (*done) (int32_t error, void *arg), void *arg);
};

#endif

#ifdef __cplusplus
}
#endif

#endif
