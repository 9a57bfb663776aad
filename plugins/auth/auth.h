/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What the files of the auth plugin share. */
#ifndef AUTH_AUTH_H
#define AUTH_AUTH_H

#include "plugins/auth/cellmap.h"
#include "plugins/auth/guess.h"
#include "plugins/auth/index.h"
#include "plugins/auth/jwt.h"
#include "plugins/auth/profile.h"
#include "plugins/auth/recall.h"
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
  struct jwt_conf jwt;
};

/* Why a request was refused: the label of kgent_auth_denied_total. */
enum auth_reason {
  AUTH_MISSING,
  AUTH_CONFLICT,
  AUTH_QUERY,
  AUTH_GUESSING,
  AUTH_FORMAT,
  AUTH_INVALID,
  AUTH_TOKEN,
  AUTH_TENANT_REFUSED,
  AUTH_MINUTE,
  AUTH_DAY,
  AUTH_TOKENS,
  AUTH_REASONS
};

/* What a worker keeps for itself. */
struct worker {
  uint32_t number;
  EVP_MD_CTX *digest; /* NULL: it was not here yet */
  struct recall *recall;
};

struct auth {
  const struct kg_host *host;
  kg_self *self;
  const struct auth_conf *conf;
  struct plans plans;
  struct numbers numbers;
  struct tenants tenants;
  struct epochs epochs;
  struct index index;
  int32_t shadow;
  EVP_MD *sha256;
  uint64_t recall_key[2];
  struct worker worker[EPOCH_WORKERS];
  struct guess *guess, *guess_prefix; /* by address, by prefix */
  struct guess_log guess_log;
  struct jwt *jwt;                   /* NULL: off */
  const struct limits *jwt_limits[2]; /* of callers with a token: as a profile's */
  struct cellmap cellmap;
  struct cell *_Atomic changed; /* cells whose counters must be written */
  _Atomic int32_t write_error;  /* of the last write of counters */

  const struct kg_store *store;
  const struct kg_jobs *jobs;
  const struct kg_health *health;
  const struct kg_metrics *metrics;
  const struct kg_routes *routes;
  kg_bucket *keys_bucket; /* cold: read it in jobs only */
  kg_bucket *tenants_bucket, *users_bucket, *usage_bucket;
  kg_component *component;
  kg_metric *denied, *shadowed, *keys_gauge;
  kg_timer *timer;
};

/* What the plugin knows about a request.  ACCESS fills the first part, and zeroes the
 * second; the third is what the host was given as the caller's identity. */
struct pass {
  struct tenant *tenant;    /* always there, maybe without a record */
  const struct limits *own; /* in force for the key alone, 0: unlimited; of struct numbers */
  uint32_t key_cell, tenant_cell; /* of cells_number; 0: there was no room */
  int32_t anchor_day;       /* of the tenant */
  uint32_t key;             /* number of the key's record, pinned until LOG; 0: a token */
  struct moment at;         /* when it was admitted */
  char prefix[KEY_PREFIX + 1]; /* of the key; "" of a token */
  /* limits and budgets */
  struct cell *cell;
  const struct plan *plan;
  uint64_t tokens;   /* used by this request so far */
  int32_t taken;     /* 1: limit_take succeeded and must be settled */
  int32_t shown;     /* 1: the headers are set */
  /* identity */
  struct kg_identity identity;
  char key_id[TEXT_UUID];
};

/* Puts a stored value in force, or takes what the id named out of it when
 * value.ptr is NULL; what is older than what is in force is dropped.  For the
 * watches, and for whoever has just written it.  0; -EINVAL: it is malformed, and
 * what was in force still is; -ENOMEM.  [any, not a worker] */
int32_t model_key (struct auth *auth, kg_str id, kg_str value, uint64_t revision);
int32_t model_tenant (struct auth *auth, kg_str id, kg_str value, uint64_t revision);
int32_t model_user (struct auth *auth, kg_str id, kg_str value, uint64_t revision);

/* Opens the buckets and watches them. */
int32_t model_open (struct auth *auth);

/* The number of keys that are not revoked, as a metric. */
void model_gauge (const struct auth *auth);

/* The request's pass, or NULL. */
static inline struct pass *
pass_of (const struct auth *auth, kg_req *req)
{
  return *auth->host->slot (req, auth->self);
}

int64_t auth_mono_ns (void);

/* access.c */
int32_t access_hook (kg_req *req, void *data);

/* In LOG: the request needs its key no more. */
static inline void
access_end (struct auth *auth, struct pass *pass)
{
  if (pass->key)
    index_unpin (&auth->index, pass->key);
}

/* Refuses: counts, sets Retry-After when it is not 0, and answers. */
int32_t auth_deny (const struct auth *auth, kg_req *req, enum auth_reason reason, int32_t status,
                   int64_t retry_s, const char *detail);

/* digest.c: what this request's worker keeps, NULL without memory; and SHA-256 of a
 * credential, 0 or -ENOMEM. */
struct worker *worker_of (struct auth *auth, const kg_req *req);
void workers_finish (struct auth *auth);
int32_t digest_key (const struct auth *auth, struct worker *worker, const char *p, size_t len,
                    uint8_t ret[KEY_HASH]);

/* quota.c */
int32_t quota_limit (kg_req *req, void *data);
int32_t quota_commit (kg_req *req, void *data);
int32_t quota_log (kg_req *req, void *data);
extern const struct kg_budget quota_budget;

/* The budget service has no `data`: it works for the one open plugin. */
void quota_attach (const struct auth *auth);

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
