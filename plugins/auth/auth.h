/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What the files of the auth plugin share. */
#ifndef AUTH_AUTH_H
#define AUTH_AUTH_H

#include "plugins/auth/guess.h"
#include "plugins/auth/index.h"
#include "plugins/auth/profile.h"
#include "plugins/auth/tenant.h"
#include "plugins/auth/user.h"

#include <kgent/budget.h>
#include <kgent/health.h>
#include <kgent/jobs.h>
#include <kgent/metrics.h>
#include <kgent/routes.h>
#include <kgent/store.h>

#include <openssl/types.h>

#define AUTH_TENANT "00000000-0000-0000-0000-000000000001" /* where none is named */

struct auth_conf {
  const char *enforce; /* "on" | "shadow" */
  int32_t dev_keys;
  struct kg_list tiers; /* of struct tier */
};

/* Why a request was refused: the label of kgent_auth_denied_total. */
enum auth_reason {
  AUTH_MISSING,
  AUTH_CONFLICT,
  AUTH_QUERY,
  AUTH_GUESSING,
  AUTH_FORMAT,
  AUTH_INVALID,
  AUTH_MINUTE,
  AUTH_DAY,
  AUTH_TOKENS,
  AUTH_REASONS
};

struct auth {
  const struct kg_host *host;
  kg_self *self;
  const struct auth_conf *conf;
  struct plans plans;
  struct numbers numbers;
  struct tenants tenants;
  int32_t shadow;
  EVP_MD *sha256;
  struct index index;
  struct guess *guess;
  struct cell *_Atomic changed; /* cells whose counters must be written */
  _Atomic int32_t write_error;  /* of the last write of counters */

  const struct kg_store *store;
  const struct kg_jobs *jobs;
  const struct kg_health *health;
  const struct kg_metrics *metrics;
  const struct kg_routes *routes;
  kg_bucket *keys_bucket, *usage_bucket;
  kg_component *component;
  kg_metric *denied, *shadowed, *keys_gauge;
  kg_timer *timer;
};

/* What the plugin knows about a request: copied from the key's record, which
 * may be replaced while the request lasts.  Access fills the first part. */
struct pass {
  struct tenant *tenant;    /* always there, maybe without a record */
  const struct limits *own; /* in force for the key alone, 0: unlimited; of struct numbers */
  uint32_t key_cell, tenant_cell; /* of cells_number; 0: there was no room */
  int32_t anchor_day;       /* of the tenant */
  /* limits and budgets */
  struct cell *cell;
  const struct plan *plan;
  struct moment at;  /* when it was admitted */
  uint64_t tokens;   /* used by this request so far */
  int32_t taken;     /* 1: limit_take succeeded and must be settled */
  int32_t shown;     /* 1: the headers are set */
  char prefix[KEY_PREFIX + 1];
};

/* Puts a stored value in force, or takes what the id named out of it when
 * value.ptr is NULL; what is older than what is in force is dropped.  For the
 * watches, and for whoever has just written it.  0; -EINVAL: it is malformed, and
 * what was in force still is; -ENOMEM.  [any, not a worker] */
int32_t model_key (struct auth *auth, kg_str id, kg_str value, uint64_t revision);
int32_t model_tenant (struct auth *auth, kg_str id, kg_str value, uint64_t revision);
int32_t model_user (struct auth *auth, kg_str id, kg_str value, uint64_t revision);

/* The request's pass, or NULL. */
static inline struct pass *
pass_of (const struct auth *auth, kg_req *req)
{
  return *auth->host->slot (req, auth->self);
}

int64_t auth_mono_ns (void);

/* access.c */
int32_t access_hook (kg_req *req, void *data);

/* digest.c: SHA-256 of a credential; 0 or -ENOMEM. */
int32_t digest_key (const struct auth *auth, const char *p, size_t len, uint8_t ret[KEY_HASH]);

/* quota.c */
int32_t quota_limit (kg_req *req, void *data);
int32_t quota_commit (kg_req *req, void *data);
int32_t quota_log (kg_req *req, void *data);
extern const struct kg_budget quota_budget;

/* The budget service has no `data`: it works for the one open plugin. */
void quota_attach (const struct auth *auth);

/* Refuses: counts, sets Retry-After when it is not 0, and answers. */
int32_t auth_deny (const struct auth *auth, kg_req *req, enum auth_reason reason, int32_t status,
                   int64_t retry_s, const char *detail);

/* usage.c: counters in the store. */
void usage_mark (struct auth *auth, struct cell *cell);
int32_t usage_restore (struct auth *auth);
void usage_flush (struct auth *auth);
int64_t usage_last_used (const struct auth *auth, kg_str id);

/* admin.c, list.c, me.c: routes. */
int32_t admin_open (struct auth *auth);
int32_t list_open (struct auth *auth);
int32_t me_open (struct auth *auth);

/* dev.c: 0, or -EACCES where strangers could use the keys (logged). */
int32_t dev_check (const struct auth *auth);
int32_t dev_load (struct auth *auth);

#endif
