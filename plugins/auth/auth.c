/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* auth: who is calling, and may they, now?
 *
 * Options, services, and life; model.c has what is in force, access.c who it is. */
#include "plugins/auth/auth.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

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
  { .key = "requests_per_month", .type = KG_OPT_INT, .dflt = "0", TIER (limits.per_month),
    .max = NUMBERS_MAX, .help = "Requests per month from the tenant's anchor day; 0: unlimited." },
  { .key = "tokens_per_month", .type = KG_OPT_INT, .dflt = "0", TIER (limits.tokens),
    .max = NUMBERS_MAX, .help = "Tokens per month from the tenant's anchor day; 0: unlimited." },
  { .key = "spend_per_month", .type = KG_OPT_INT, .dflt = "0", TIER (limits.spend),
    .max = NUMBERS_MAX, .help = "Money per month, in minor units; 0: unlimited." },
  { .key = "concurrent", .type = KG_OPT_INT, .dflt = "0", TIER (limits.concurrent),
    .max = 1000000, .help = "Requests and streams in flight; 0: unlimited." },
  { .key = NULL },
};

#define ADDRESS(member) .offset = offsetof (struct address_conf, member)

static const struct kg_opt address_opts[] = {
  { .key = "requests_per_minute", .type = KG_OPT_INT, .dflt = "0", ADDRESS (per_minute),
    .max = 1000000000, .help = "Requests per minute, a token bucket; 0: unlimited." },
  { .key = "concurrent", .type = KG_OPT_INT, .dflt = "0", ADDRESS (concurrent), .max = 1000000,
    .help = "Requests and streams in flight; 0: unlimited." },
  { .key = NULL },
};

static const struct kg_opt opts[] = {
  { .key = "enforce", .type = KG_OPT_STRING, .dflt = "on", CONF (enforce), .choices = "on|shadow",
    .help = "Whether limits deny (on), or would-be denials are only counted (shadow)." },
  { .key = "shadow", .type = KG_OPT_STRINGS, .dflt = "", CONF (shadow),
    .help = "Policies that deny nothing, of minute, day, month, concurrent, tokens, money and "
            "address; "
            "would-be denials are only counted." },
  { .key = "upgrade_url", .type = KG_OPT_STRING, CONF (upgrade_url),
    .help = "Where there is more to have: a member of problems with status 402." },
  { .key = "cells", .type = KG_OPT_INT, .dflt = "1048576", CONF (cells), .min = 1024,
    .max = 16777216,
    .help = "Keys and tenants that may be counted within two months; another number begins "
            "all counts anew." },
  { .key = "address", .type = KG_OPT_GROUP, CONF (address), .sub = address_opts,
    .help = "Limits of a client's address, before anybody asks who it is." },
  { .key = "dev_keys", .type = KG_OPT_BOOL, .dflt = "false", CONF (dev_keys),
    .help = "The keys kg_dev_alice, kg_dev_bob and kg_dev_carol work; only with a loopback "
            "http.listen." },
  { .key = "jwt", .type = KG_OPT_GROUP, CONF (jwt), .sub = jwt_opts,
    .help = "Tokens of an identity provider; on when issuer is given." },
  { .key = "tiers", .type = KG_OPT_LIST, CONF (tiers), .sub_size = sizeof (struct tier),
    .sub = tier_opts,
    .help = "The tier table, instead of FREE, PRO, TEAMS and ENTERPRISE; the first is for keys "
            "whose tier is not listed." },
  { .key = NULL },
};

/* ---- Timer --------------------------------------------------------------- */

static void
tick (void *arg)
{
  struct auth *auth = arg;
  uint32_t left = guess_log_left (&auth->guess_log, auth_mono_ns () / TEXT_SECOND);
  int32_t error = usage_tend (auth);
  if (left)
    auth->host->log (auth->self, KG_LOG_WARN,
                     "further addresses failed to authenticate; lines left out: %u", left);
  index_sweep (&auth->index, auth_wall_ns ());
  model_gauge (auth);
  if (error < 0)
    auth->health->set (auth->component, KG_HEALTH_DEGRADED, 0, "no room for counters: %s",
                       error == -ENOBUFS ? "all are taken; raise auth.cells" : strerror (-error));
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
  NEED (KG_OFFER, offer, KG_NEED_OPTIONAL | KG_NEED_LATE);
#undef NEED
  rc = tenants_provide (a);
  if (rc == 0)
    rc = audit_provide (a);
  return rc == 0 ? h->provide (a->self, KG_BUDGET, &budget_service, sizeof budget_service) : rc;
}

static int32_t
open_metrics (struct auth *a)
{
  static const char *const reasons[AUTH_REASONS + 1]
      = { "missing", "conflict", "query", "guessing", "format", "invalid", "token",
          "tenant", "minute", "day", "tokens", "month", "concurrent", "money", "address", NULL };
  static const char *const policies[]
      = { "concurrent", "minute", "day", "month", "tokens", "money", "address", NULL };
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
  int32_t rc = model_open (a);
  if (rc == 0)
    rc = a->health->add (a->self, "auth", KG_HEALTH_READINESS | KG_HEALTH_ESSENTIAL, &a->component);
  return rc;
}

static int32_t
log_hook (kg_req *req, void *data)
{
  struct auth *a = data;
  struct pass *pass = pass_of (a, req);
  int32_t rc = quota_log (req, data);
  if (pass)
    access_end (a, pass);
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
                { KG_PHASE_LOG, log_hook } };
  int32_t rc = quota_show_open (a);
  if (rc == 0)
    rc = usage_open (a);
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
  budget_attach (NULL);
  tenants_attach (NULL);
  audit_attach (NULL);
  admin_close (a);
  jwt_close (a->jwt);
  usage_close (a);
  index_finish (&a->index);
  tenants_finish (&a->tenants);
  epochs_finish (&a->epochs);
  numbers_finish (&a->numbers);
  plans_finish (&a->plans);
  workers_finish (a);
  EVP_MD_free (a->sha256);
  OPENSSL_cleanse (a->recall_key, sizeof a->recall_key);
  free (a->guess);
  free (a->guess_prefix);
  free (a);
}

static const struct tier *
tiers_of (const struct auth *a, uint64_t *ret_count)
{
  *ret_count = a->conf->tiers.count;
  if (*ret_count)
    return a->conf->tiers.items;
  *ret_count = sizeof default_tiers / sizeof default_tiers[0];
  return default_tiers;
}

/* What is in force for callers with a token, who have no limits of their own. */
static int32_t
open_token_limits (struct auth *a)
{
  static const struct limits none;
  a->jwt_limits[0] = numbers_share (&a->numbers, &none);
  a->jwt_limits[1] = numbers_share (&a->numbers, &a->tenants.tiers.items->limits);
  return a->jwt_limits[0] && a->jwt_limits[1] ? 0 : -ENOMEM;
}

static int32_t
open_model (struct auth *a)
{
  uint64_t count;
  const struct tier *tiers = tiers_of (a, &count);
  int32_t rc;
  plans_init (&a->plans, tiers, count);
  epochs_init (&a->epochs);
  rc = numbers_init (&a->numbers);
  if (rc == 0)
    rc = tenants_init (&a->tenants, &a->plans.tiers, &a->numbers, &a->epochs);
  if (rc == 0)
    rc = index_init (&a->index, &a->tenants, &a->numbers, &a->epochs);
  return rc == 0 ? open_token_limits (a) : rc;
}

/* Which policies deny nothing. */
static int32_t
shadow_read (struct auth *a)
{
  const char *const *name;
  if (!strcmp (a->conf->enforce, "shadow"))
    a->shadow = ~0u;
  for (name = a->conf->shadow; *name; name++) {
    enum limit_policy p = 0;
    while (limit_names[p] && strcmp (limit_names[p], *name))
      p++;
    if (p == LIMIT_POLICIES && strcmp (*name, "address")) {
      a->host->log (a->self, KG_LOG_ERROR, "auth.shadow: there is no policy \"%s\"", *name);
      return -EINVAL;
    }
    a->shadow |= LIMIT_BIT (p);
  }
  return 0;
}

/* Memory, randomness and libcrypto, but no host. */
static int32_t
open_self (struct auth *a)
{
  uint64_t seed[2];
  int32_t rc = open_model (a);
  if (rc < 0)
    return rc;
  a->sha256 = EVP_MD_fetch (NULL, "SHA256", NULL);
  a->guess = calloc (1, sizeof *a->guess);
  a->guess_prefix = calloc (1, sizeof *a->guess_prefix);
  if (!a->sha256 || !a->guess || !a->guess_prefix)
    return -ENOMEM;
  if (RAND_bytes ((unsigned char *) seed, sizeof seed) != 1
      || RAND_bytes ((unsigned char *) a->recall_key, sizeof a->recall_key) != 1)
    return -EIO;
  guess_init (a->guess, seed[0]);
  guess_init (a->guess_prefix, seed[1]);
  return shadow_read (a);
}

/* What workers use begins cache lines of its own. */
static struct auth *
auth_create (const struct kg_host *host, kg_self *self, const void *conf)
{
  struct auth *a = aligned_alloc (_Alignof(struct auth), sizeof *a);
  if (!a)
    return NULL;
  memset (a, 0, sizeof *a);
  a->host = host;
  a->self = self;
  a->conf = conf;
  return a;
}

static int32_t
auth_open (const struct kg_host *host, kg_self *self, const void *conf, void **ret_data)
{
  struct auth *a = auth_create (host, self, conf);
  int32_t rc;
  if (!a)
    return -ENOMEM;
  rc = open_self (a);
  if (rc == 0)
    rc = open_services (a);
  if (rc == 0 && a->conf->dev_keys)
    rc = dev_check (a);
  if (rc == 0)
    rc = jwt_open (host, self, &a->conf->jwt, &a->jwt);
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
  budget_attach (a);
  tenants_attach (a);
  audit_attach (a);
  *ret_data = a;
  return 0;
}

static int32_t
auth_start (void *data)
{
  struct auth *a = data;
  int32_t rc = a->conf->dev_keys ? dev_load (a) : 0;
  index_run (&a->index);
  if (rc == 0)
    rc = usage_start (a);
  if (rc >= 0)
    rc = jwt_start (a->jwt);
  if (rc >= 0)
    rc = admin_start (a);
  if (rc >= 0)
    rc = a->jobs->timer (a->self, FLUSH_MS, FLUSH_MS, tick, a, &a->timer);
  if (rc < 0)
    return rc;
  a->health->set (a->component, KG_HEALTH_OK, 0, "%s", "");
  model_gauge (a);
  return 0;
}

static void
auth_stop (void *data)
{
  struct auth *a = data;
  a->jobs->cancel (a->timer);
  jwt_stop (a->jwt);
  usage_stop (a);
}

KG_PLUGIN (.name = "auth", .version = "1.0",
           .summary = "API keys, scopes, tiers and limits", .opts = opts,
           .conf_size = sizeof (struct auth_conf), .open = auth_open, .start = auth_start,
           .stop = auth_stop, .close = auth_close);
