/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What the files of the auth plugin share. */
#ifndef AUTH_AUTH_H
#define AUTH_AUTH_H

#include "plugins/auth/address.h"
#include "plugins/auth/cells.h"
#include "plugins/auth/guess.h"
#include "plugins/auth/index.h"
#include "plugins/auth/jwt.h"
#include "plugins/auth/notice.h"
#include "plugins/auth/profile.h"
#include "plugins/auth/quota.h"
#include "plugins/auth/recall.h"
#include "plugins/auth/tenant.h"
#include "plugins/auth/user.h"

#include <kgent/budget.h>
#include <kgent/health.h>
#include <kgent/jobs.h>
#include <kgent/metrics.h>
#include <kgent/offer.h>
#include <kgent/routes.h>
#include <kgent/store.h>

#include <openssl/types.h>

#include <string.h>

#define AUTH_TENANT "00000000-0000-0000-0000-000000000001" /* where none is named */

struct auth_conf {
  const char *enforce; /* "on" | "shadow" */
  const char *const *shadow; /* policies */
  const char *upgrade_url;   /* or NULL */
  int64_t cells;
  struct address_conf address;
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
  AUTH_MONTH,
  AUTH_CONCURRENT,
  AUTH_MONEY,
  AUTH_ADDRESS,
  AUTH_REASONS
};

/* What a worker keeps for itself. */
struct worker {
  uint32_t number;
  EVP_MD_CTX *digest; /* NULL: it was not here yet */
  struct recall *recall;
  uint32_t pinned; /* of the last request that ended here, see access_end; 0: none */
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
  uint32_t shadow; /* policies that deny nothing: LIMIT_BIT ... */
  EVP_MD *sha256;
  uint64_t recall_key[2];
  struct worker worker[EPOCH_WORKERS];
  struct guess *guess, *guess_prefix; /* by address, by prefix */
  struct guess_log guess_log;
  struct jwt *jwt;                   /* NULL: off */
  const struct limits *jwt_limits[2]; /* of callers with a token: as a profile's */
  struct cells cells;
  _Atomic uint32_t seconds; /* since the start, as the timer counts them */
  struct charge *charge;
  struct notices *notices;
  struct addresses *addresses; /* NULL: not limited */
  struct admin *admin;     /* of the operator's routes */
  const kg_fields *fields; /* of headers about limits */

  const struct kg_store *store;
  const struct kg_jobs *jobs;
  const struct kg_health *health;
  const struct kg_metrics *metrics;
  const struct kg_routes *routes;
  const struct kg_offer *offer; /* or NULL */
  kg_bucket *keys_bucket; /* cold: read it in jobs only */
  kg_bucket *tenants_bucket, *users_bucket;
  kg_component *component;
  kg_metric *denied, *shadowed, *keys_gauge;
  kg_timer *timer;
};

/* What the plugin knows about a request.  ACCESS fills the first part, and zeroes the
 * second; the third is what the host was given as the caller's identity. */
struct pass {
  struct tenant *tenant;    /* maybe without a record; NULL: nobody is identified */
  const struct limits *own; /* in force for the key alone, 0: unlimited; of struct numbers */
  uint32_t key_cell, tenant_cell; /* of cells_number; 0: there was no room */
  int32_t anchor_day;       /* of the tenant */
  uint32_t key;             /* number of the key's record, pinned; 0: a token */
  struct worker *worker;    /* on which it runs */
  char prefix[KEY_PREFIX + 1]; /* of the key; "" of a token */
  struct address_slot *address; /* where the request is in flight, or NULL */
  struct quota quota; /* limits and budgets: of quota_enter */
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

/* The request's pass, or NULL while nobody is identified. */
static inline struct pass *
pass_of (const struct auth *auth, kg_req *req)
{
  struct pass *pass = *auth->host->slot (req, auth->self);
  return pass && pass->tenant ? pass : NULL;
}

/* One to be filled, zeroed; NULL without memory. */
static inline struct pass *
pass_make (const struct auth *auth, kg_req *req)
{
  void **slot = auth->host->slot (req, auth->self);
  if (!*slot && (*slot = auth->host->alloc (req, sizeof (struct pass))))
    memset (*slot, 0, offsetof (struct pass, key_id));
  return *slot;
}

int64_t auth_mono_ns (void);
int64_t auth_wall_ns (void);

/* access.c */
int32_t access_hook (kg_req *req, void *data);

/* In LOG.  Others' LOG may look at the identity after ours: so the record stays pinned
 * until the next request on this worker ends. */
static inline void
access_end (struct auth *auth, struct pass *pass)
{
  uint32_t last = pass->worker->pinned;
  pass->worker->pinned = pass->key;
  if (last)
    index_unpin (&auth->index, last);
}

/* Refuses: counts, sets Retry-After when it is not 0, and answers. */
int32_t auth_deny (const struct auth *auth, kg_req *req, enum auth_reason reason, int32_t status,
                   int64_t retry_s, const char *detail);

/* Adds to the refusal that comes next what the caller's tenant could buy, to go on. */
static inline void
auth_offer (const struct auth *auth, kg_req *req)
{
  const struct kg_identity *who = auth->offer ? auth->host->identity (req) : NULL;
  if (who)
    auth->offer->add (req, who->tenant, who->tier);
}

/* address.c: before access_hook, when addresses are limited. */
int32_t address_hook (kg_req *req, void *data);

/* digest.c: what this request's worker keeps, NULL without memory; and SHA-256 of a
 * credential, 0 or -ENOMEM. */
struct worker *worker_open (struct auth *auth, uint32_t number);
static inline struct worker *
worker_of (struct auth *auth, const kg_req *req)
{
  uint32_t n = (uint32_t) auth->host->num (req, KG_NUM_WORKER) % EPOCH_WORKERS;
  return auth->worker[n].digest ? &auth->worker[n] : worker_open (auth, n);
}

void workers_finish (struct auth *auth);
int32_t digest_key (const struct auth *auth, struct worker *worker, const char *p, size_t len,
                    uint8_t ret[KEY_HASH]);

/* quota.c: limits.  quota_enter ends ACCESS for a pass whose tenant, own and anchor_day
 * are there; the cells' numbers are cached where the two point.  0 or -ENOMEM. */
int32_t quota_enter (struct auth *auth, const kg_req *req, struct pass *pass, int64_t mono_ns,
                     const uint8_t key_id[16], _Atomic uint32_t *key_cell);
int32_t quota_limit (kg_req *req, void *data);
int32_t quota_commit (kg_req *req, void *data);
int32_t quota_log (kg_req *req, void *data);

/* The policies that a route with these flags asks; and which of them have no room for a
 * request now: taken from limit_full, and of budgets only what is spent. */
uint32_t quota_asks (int64_t route_flags);
/* Those that do not keep from a route of this scope: who has used up the requests of the
 * day or month can still buy more. */
uint32_t quota_spares (const char *scope, size_t len);
struct policies quota_full (const struct auth *auth, const struct quota *q, uint32_t ask);

/* What a request with these limits would meet now, taking nothing; subjects without a
 * cell have used nothing. */
int32_t quota_peek (struct auth *auth, struct quota *q, const struct limits *own,
                    struct tenant *tenant, const uint8_t key_id[16]);

/* What a refusal by this policy says. */
void quota_detail (const struct quota *q, enum limit_of of, enum limit_policy policy, char *ret,
                   size_t size);

/* show.c: headers about limits. */
int32_t quota_show_open (struct auth *auth);
void quota_show (const struct auth *auth, kg_req *req, struct quota *q);

/* budget.c.  The service has no `data`: it works for the one open plugin. */
#define CHARGE_JSON 128 /* bytes of kg_charge.json, at most */
extern const struct kg_budget budget_service;
void budget_attach (struct auth *auth);

/* The request has ended, in LOG: it is charged when it was good, else given back. */
void budget_end (const struct auth *auth, struct quota *q, int32_t good);

/* What is spent and reserved in a month, and what is spent alone. */
uint64_t budget_counted (const struct subject *s, enum limit_policy policy, uint32_t month);
uint64_t budget_spent (const struct auth *auth, const struct subject *s, enum limit_policy policy,
                       uint32_t month);

/* usage.c: the counters' life.  usage_start answers 0 or -errno (logged); usage_tend is
 * for a timer: 0, -ENOBUFS when all cells are taken, or what the disk said. */
int32_t usage_open (struct auth *auth);
void usage_close (struct auth *auth);
int32_t usage_start (struct auth *auth);
int32_t usage_tend (struct auth *auth);
void usage_stop (struct auth *auth);

/* When a key was last used, to the minute, since the epoch; 0: not lately. */
int64_t usage_last_used (const struct auth *auth, kg_str id);

/* admin.c, me.c: routes. */
int32_t admin_open (struct auth *auth);
int32_t admin_start (struct auth *auth);
void admin_close (struct auth *auth);
int32_t me_open (struct auth *auth);

/* tenants_service.c: tenants/1, which has no `data` either. */
int32_t tenants_provide (struct auth *auth);
void tenants_attach (struct auth *auth);

/* audit_service.c: audit/1, the same. */
int32_t audit_provide (struct auth *auth);
void audit_attach (struct auth *auth);

/* dev.c: 0, or -EACCES where strangers could use the keys (logged). */
int32_t dev_check (const struct auth *auth);
int32_t dev_load (struct auth *auth);

#endif
