/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* auth: who is calling, and may they, now?
 *
 * Keys lie hashed in the bucket "auth.keys"; the store's watch keeps the index in
 * memory fresh, so that requests never wait for anything. */
#include "plugins/auth/auth.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLUSH_MS 1000

static const struct tier default_tiers[] = {
  { "FREE", { .per_minute = 60, .per_day = 100, .tokens = 10000, .concurrent = 4 } },
  { "PRO", { .per_minute = 600, .per_day = 1000, .tokens = 100000, .concurrent = 16 } },
  { "TEAMS", { .per_minute = 3000, .per_day = 100000, .tokens = 500000, .concurrent = 64 } },
  { "ENTERPRISE", { .per_minute = 6000, .per_day = 10000, .concurrent = 256 } },
};

#define TIER(member) .offset = offsetof (struct tier, member)
#define CONF(member) .offset = offsetof (struct auth_conf, member)

static const struct kg_opt tier_opts[] = {
  { .key = "name", .type = KG_OPT_STRING, .flags = KG_OPT_REQUIRED, TIER (name),
    .help = "What keys call it, as FREE." },
  { .key = "requests_per_minute", .type = KG_OPT_INT, .dflt = "0", TIER (limits.per_minute),
    .max = 1000000000, .help = "Requests per minute, a token bucket; 0: unlimited." },
  { .key = "requests_per_day", .type = KG_OPT_INT, .dflt = "0", TIER (limits.per_day), .max = 1000000000,
    .help = "Requests per day in UTC; 0: unlimited." },
  { .key = "tokens_per_month", .type = KG_OPT_INT, .dflt = "0", TIER (limits.tokens), .max = 1000000000000,
    .help = "Tokens per calendar month in UTC; 0: unlimited." },
  { .key = NULL },
};

static const struct kg_opt opts[] = {
  { .key = "enforce", .type = KG_OPT_STRING, .dflt = "on", CONF (enforce), .choices = "on|shadow",
    .help = "Whether limits deny (on), or would-be denials are only counted (shadow)." },
  { .key = "dev_keys", .type = KG_OPT_BOOL, .dflt = "false", CONF (dev_keys),
    .help = "The keys kg_dev_alice, kg_dev_bob and kg_dev_carol work; only with a loopback "
            "http.listen." },
  { .key = "tiers", .type = KG_OPT_LIST, CONF (tiers), .sub_size = sizeof (struct tier),
    .sub = tier_opts,
    .help = "The tier table, instead of FREE, PRO, TEAMS and ENTERPRISE; the first is for keys "
            "whose tier is not listed." },
  { .key = NULL },
};

/* ---- The store's keys ---------------------------------------------------- */

static void
keys_gauge (const struct auth *auth)
{
  auth->metrics->set (auth->keys_gauge, 0, (double) atomic_load (&auth->index.active));
}

static void
keys_changed (const struct kg_entry *entry, void *arg)
{
  struct auth *auth = arg;
  struct key *key = NULL;
  int32_t rc = 0;
  if (!entry->value.ptr)
    index_remove (&auth->index, entry->key.ptr, entry->key.len);
  else
    rc = key_load (entry->value, &auth->plans, entry->revision, &key);
  if (key && (rc = index_put (&auth->index, key)) < 0)
    key_destroy (key);
  if (rc < 0)
    auth->host->log (auth->self, KG_LOG_ERROR,
                     "auth.keys: key %.*s is not in force: %s", (int) entry->key.len,
                     entry->key.ptr, rc == -EINVAL ? "its value is malformed" : strerror (-rc));
  keys_gauge (auth);
}

/* ---- Timer --------------------------------------------------------------- */

static void
tick (void *arg)
{
  struct auth *auth = arg;
  int32_t error;
  usage_flush (auth);
  index_sweep (&auth->index);
  keys_gauge (auth);
  error = atomic_load (&auth->write_error);
  if (error)
    auth->health->set (auth->component, KG_HEALTH_DEGRADED, 0, "counters are not stored: %s",
                       strerror (-error));
  else
    auth->health->set (auth->component, KG_HEALTH_OK, 0, "%s", "");
}

/* ---- Life ---------------------------------------------------------------- */

static int32_t
open_services (struct auth *a)
{
  const struct kg_host *h = a->host;
  int32_t rc;
#define NEED(name, slot, flags)                                                              \
  if ((rc = h->need (a->self, name, sizeof *a->slot, flags, (const void **) &a->slot)) < 0)   \
  return rc
  NEED (KG_STORE, store, 0);
  NEED (KG_JOBS, jobs, 0);
  NEED (KG_HEALTH, health, 0);
  NEED (KG_METRICS, metrics, 0);
  NEED (KG_ROUTES, routes, KG_NEED_OPTIONAL);
#undef NEED
  return h->provide (a->self, KG_BUDGET, &quota_budget, sizeof quota_budget);
}

static int32_t
open_metrics (struct auth *a)
{
  static const char *const reasons[AUTH_REASONS + 1]
      = { "missing", "conflict", "query", "guessing", "format", "invalid", "minute", "day",
          "tokens", NULL };
  static const char *const policies[LIMIT_KINDS] = { "minute", "day", "tokens", NULL };
  const struct kg_label reason = { "reason", reasons }, policy = { "policy", policies };
  const struct kg_metric_def denied
      = { .size = sizeof denied, .kind = KG_COUNTER, .name = "kgent_auth_denied_total",
          .help = "Requests refused, by reason", .labels = &reason, .nlabels = 1 };
  const struct kg_metric_def shadowed
      = { .size = sizeof shadowed, .kind = KG_COUNTER, .name = "kgent_auth_shadow_denials_total",
          .help = "Requests that limits would have refused were they enforced",
          .labels = &policy, .nlabels = 1 };
  const struct kg_metric_def keys = { .size = sizeof keys, .kind = KG_GAUGE,
                                      .name = "kgent_auth_keys", .help = "Keys that work" };
  int32_t rc = a->metrics->define (a->self, &denied, &a->denied);
  if (rc == 0)
    rc = a->metrics->define (a->self, &shadowed, &a->shadowed);
  return rc == 0 ? a->metrics->define (a->self, &keys, &a->keys_gauge) : rc;
}

static int32_t
open_state (struct auth *a)
{
  int32_t rc = a->store->bucket (a->self, "auth.keys", &a->keys_bucket);
  if (rc == 0)
    rc = a->store->bucket (a->self, "auth.usage", &a->usage_bucket);
  if (rc == 0)
    rc = a->store->watch (a->keys_bucket, keys_changed, a);
  if (rc == 0)
    rc = a->health->add (a->self, "auth", KG_HEALTH_READINESS | KG_HEALTH_ESSENTIAL, &a->component);
  return rc;
}

static int32_t
open_hooks (struct auth *a)
{
  static const struct {
    int32_t phase;
    kg_fn *fn;
  } hooks[] = { { KG_PHASE_ACCESS, access_hook },
                { KG_PHASE_LIMIT, quota_limit },
                { KG_PHASE_COMMIT, quota_commit },
                { KG_PHASE_LOG, quota_log } };
  int32_t rc = 0;
  for (size_t i = 0; i < sizeof hooks / sizeof hooks[0] && rc == 0; i++)
    rc = a->host->hook (a->self, hooks[i].phase, hooks[i].fn);
  if (rc == 0)
    rc = admin_open (a);
  return rc == 0 ? me_open (a) : rc;
}

static void
auth_close (void *data)
{
  struct auth *a = data;
  quota_attach (NULL);
  index_finish (&a->index);
  plans_finish (&a->plans);
  EVP_MD_free (a->sha256);
  free (a->guess);
  free (a);
}

/* What needs memory and libcrypto, but no host. */
static int32_t
open_self (struct auth *a)
{
  uint64_t seed;
  if (a->conf->tiers.count)
    plans_init (&a->plans, a->conf->tiers.items, a->conf->tiers.count);
  else
    plans_init (&a->plans, default_tiers, sizeof default_tiers / sizeof default_tiers[0]);
  a->sha256 = EVP_MD_fetch (NULL, "SHA256", NULL);
  a->guess = calloc (1, sizeof *a->guess);
  if (index_init (&a->index) < 0 || !a->sha256 || !a->guess)
    return -ENOMEM;
  if (RAND_bytes ((unsigned char *) &seed, sizeof seed) != 1)
    return -EIO;
  guess_init (a->guess, seed);
  a->shadow = !strcmp (a->conf->enforce, "shadow");
  return 0;
}

static int32_t
auth_open (const struct kg_host *host, kg_self *self, const void *conf, void **ret_data)
{
  struct auth *a = calloc (1, sizeof *a);
  int32_t rc;
  if (!a)
    return -ENOMEM;
  a->host = host;
  a->self = self;
  a->conf = conf;
  rc = open_self (a);
  if (rc == 0)
    rc = open_services (a);
  if (rc == 0 && a->conf->dev_keys)
    rc = dev_check (a);
  if (rc == 0)
    rc = open_metrics (a);
  if (rc == 0)
    rc = open_state (a);
  if (rc == 0)
    rc = open_hooks (a);
  if (rc < 0) {
    auth_close (a);
    return rc;
  }
  quota_attach (a);
  *ret_data = a;
  return 0;
}

static int32_t
auth_start (void *data)
{
  struct auth *a = data;
  int32_t rc = a->conf->dev_keys ? dev_load (a) : 0;
  if (rc == 0)
    rc = usage_restore (a);
  if (rc >= 0)
    rc = a->jobs->timer (a->self, FLUSH_MS, FLUSH_MS, tick, a, &a->timer);
  if (rc < 0)
    return rc;
  a->health->set (a->component, KG_HEALTH_OK, 0, "%s", "");
  keys_gauge (a);
  return 0;
}

static void
auth_stop (void *data)
{
  struct auth *a = data;
  a->jobs->cancel (a->timer);
  usage_flush (a);
}

KG_PLUGIN (.name = "auth", .version = "1.0",
           .summary = "API keys, scopes, tiers and limits", .opts = opts,
           .conf_size = sizeof (struct auth_conf), .open = auth_open, .start = auth_start,
           .stop = auth_stop, .close = auth_close);
