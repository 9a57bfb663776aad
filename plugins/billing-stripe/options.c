/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Options that their table cannot judge: what makes no sense is refused, what seldom does is
 * warned of, all of it at once, each with the option's name in front and never a secret's text.
 * kgentd -t does this, too. */
#include "plugins/billing-stripe/options.h"
#include "plugins/billing-stripe/checkout.h"
#include "plugins/billing-stripe/plans.h"
#include "plugins/billing-stripe/redirect.h"
#include "plugins/billing-stripe/stripe_api.h"
#include "plugins/billing-stripe/usage.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SECRET_MIN  16 /* Stripe's have 38 characters */
#define SECRET_MAX  512
#define SECRETS     8  /* that have a series of their own */
#define KEY_MAX     480
#define VERSION_MAX 100
#define LOOKUP_MAX  200 /* characters of a lookup key, at Stripe */

struct options {
  const struct billing *billing;
  const struct billing_conf *conf;
  int32_t bad;             /* refusals */
  struct tier_names tiers; /* none: nobody knows them yet */
  char names[512];         /* the same as a text */
};

__attribute__ ((format (printf, 3, 4))) static void
tell (struct options *o, int32_t level, const char *fmt, ...)
{
  const struct billing *b = o->billing;
  char text[2048];
  va_list ap;
  va_start (ap, fmt);
  vsnprintf (text, sizeof text, fmt, ap);
  va_end (ap);
  b->host->log (b->self, level, "billing-stripe.%s", text);
  o->bad += level == KG_LOG_ERROR;
}

#define REFUSE(...) tell (o, KG_LOG_ERROR, __VA_ARGS__)
#define WARN(...)   tell (o, KG_LOG_WARN, __VA_ARGS__)

static int32_t
starts (const char *text, const char *with)
{
  return !strncmp (text, with, strlen (with));
}

/* No blanks, and nothing but ASCII that can be seen. */
static int32_t
is_plain (const char *text)
{
  for (; *text; text++)
    if (*text <= ' ' || *text >= 0x7f)
      return 0;
  return 1;
}

static int32_t
is_given (const char *text)
{
  return text && *text;
}

/* ---- Secrets ----------------------------------------------------------------- */

static void
secret_check (struct options *o, uint32_t i)
{
  const char *const *all = o->conf->secrets, *s = all[i];
  if (!is_plain (s))
    REFUSE ("webhook_secret[%u]: it has a blank, a line's end or a control character; write the "
            "signing secret alone, whsec_...", i);
  else if (strlen (s) > SECRET_MAX)
    REFUSE ("webhook_secret[%u]: it has over %d characters; write the signing secret alone, "
            "whsec_...", i, SECRET_MAX);
  else if (starts (s, "sk_") || starts (s, "rk_") || starts (s, "pk_"))
    REFUSE ("webhook_secret[%u]: this is a key of Stripe's API; write the signing secret of the "
            "webhook endpoint, whsec_...", i);
  else if (!starts (s, "whsec_") || strlen (s) < SECRET_MIN)
    WARN ("webhook_secret[%u]: it does not look like a signing secret of Stripe's, whsec_... with "
          "at least %d characters", i, SECRET_MIN);
  for (uint32_t k = 0; k < i; k++)
    if (!strcmp (all[k], s)) {
      WARN ("webhook_secret[%u]: it is there twice; remove one", i);
      break;
    }
}

static void
secrets_check (struct options *o)
{
  const struct billing_plan *plans = o->conf->plans.items;
  uint32_t given = 0, i;
  int32_t sold = 0;
  for (i = 0; o->conf->secrets[i]; i++)
    if (*o->conf->secrets[i]) {
      given++;
      secret_check (o, i);
    }
  if (given > SECRETS)
    WARN ("webhook_secret: there are %u, and each is tried for every delivery; remove those that "
          "Stripe uses no longer", given);
  for (i = 0; i < o->conf->plans.count; i++)
    sold |= plan_sold (&plans[i]);
  if (!given && sold)
    WARN ("webhook_secret: plans are sold, but without it no event of Stripe's is taken; write the "
          "signing secret of the webhook endpoint, whsec_...");
}

/* ---- Stripe's API ------------------------------------------------------------ */

static void
key_modes_check (struct options *o, const char *key)
{
  const char *mode = o->conf->livemode;
  int32_t live = starts (key, "sk_live_") || starts (key, "rk_live_");
  if (starts (key, "sk_live_"))
    WARN ("api_key is a secret key, which may do everything; use a restricted one, rk_live_...");
  if (live && !starts (o->conf->api_base, "https://"))
    REFUSE ("api_base: a live key travels over https:// only");
  if (!strcmp (mode, "any") && live)
    WARN ("livemode: \"any\" takes test events, too, and what was paid in test mode gives tiers; "
          "with a live key write livemode = \"live\"");
  else if (strcmp (mode, "any") && live != !strcmp (mode, "live"))
    WARN ("api_key is no key of livemode = \"%s\": what is sold will send events that are refused",
          mode);
}

static void
key_check (struct options *o)
{
  const char *key = o->conf->api_key;
  if (!is_given (key))
    return;
  if (!is_plain (key))
    REFUSE ("api_key: it has a blank, a line's end or a control character; write the key alone, "
            "rk_live_...");
  else if (strlen (key) > KEY_MAX)
    REFUSE ("api_key: it has over %d characters; write the key alone, rk_live_...", KEY_MAX);
  else if (starts (key, "pk_") || starts (key, "whsec_"))
    REFUSE ("api_key: this is a %s; write a restricted key, rk_live_...",
            *key == 'p' ? "publishable key, which may do nothing" : "signing secret of webhooks");
  else {
    if (!starts (key, "sk_") && !starts (key, "rk_"))
      WARN ("api_key: it does not look like a key of Stripe's, rk_live_... or rk_test_...");
    key_modes_check (o, key);
  }
}

/* A date, an 'n' being a digit, and what can be seen behind it. */
static int32_t
version_ok (const char *text)
{
  size_t n = 0;
  for (const char *p = "nnnn-nn-nn"; *p; p++, n++)
    if (*p == 'n' ? text[n] < '0' || text[n] > '9' : text[n] != *p)
      return 0;
  if (strlen (text) > VERSION_MAX)
    return 0;
  for (; text[n]; n++)
    if (text[n] < ' ' || text[n] >= 0x7f)
      return 0;
  return 1;
}

static void
api_check (struct options *o)
{
  const char *base = o->conf->api_base, *version = o->conf->api_version;
  if (!redirect_entry_ok (base) || strpbrk (base, "?#"))
    REFUSE ("api_base: \"%.200s\" is no URL to begin paths with; leave it out for "
            "https://api.stripe.com", base);
  if (!version_ok (version))
    REFUSE ("api_version: \"%.100s\" is no version of Stripe's API; they are like "
            "2024-12-18.acacia", version);
  key_check (o);
  if (o->conf->refetch && !is_given (o->conf->api_key))
    REFUSE ("refetch: it needs api_key; write one, or refetch = false");
}

/* ---- Plans ------------------------------------------------------------------- */

static void
tier_check (struct options *o, const char *option, const char *tier)
{
  if (o->tiers.count && tier_rank (&o->tiers, tier) < 0)
    REFUSE ("%s: auth.tiers has no \"%.100s\"; there are %s", option, tier, o->names);
}

/* One list of a plan, and what another one has of it. */
static const char *const *
plan_list (const struct billing_plan *plan, uint32_t which)
{
  return which == 0 ? plan->prices : which == 1 ? plan->lookup_keys : plan->products;
}

static const char *const list_names[] = { "prices", "lookup_keys", "products" };

/* The first place that has the text, up to this one: which plan. */
static uint64_t
owner_find (const struct options *o, uint32_t which, const char *text, const char *const *at)
{
  const struct billing_plan *plans = o->conf->plans.items;
  for (uint64_t i = 0;; i++)
    for (const char *const *p = plan_list (&plans[i], which); *p; p++)
      if (p == at || !strcmp (*p, text))
        return p == at ? UINT64_MAX : i;
}

static void
item_check (struct options *o, uint64_t plan, uint32_t which, uint32_t place)
{
  const struct billing_plan *plans = o->conf->plans.items;
  const char *const *at = plan_list (&plans[plan], which) + place;
  char option[64];
  uint64_t owner = owner_find (o, which, *at, at);
  snprintf (option, sizeof option, "plans[%llu].%s[%u]", (unsigned long long) plan,
            list_names[which], place);
  if (which == 1 ? strlen (*at) > LOOKUP_MAX : !stripe_id_ok (*at))
    REFUSE ("%s: \"%.200s\" is no %s; write it as Stripe shows it", option, *at,
            which == 0 ? "id of a price, price_..." : which == 1 ? "lookup key"
                                                                : "id of a product, prod_...");
  else if (which == 0 && starts (*at, "prod_"))
    REFUSE ("%s: \"%.200s\" is a product; write it into products", option, *at);
  else if (which == 2 && starts (*at, "price_"))
    REFUSE ("%s: \"%.200s\" is a price; write it into prices", option, *at);
  else if (owner == plan)
    WARN ("%s: \"%.200s\" is there twice; remove one", option, *at);
  else if (owner != UINT64_MAX)
    REFUSE ("%s: \"%.200s\" belongs to plans[%llu], tier %.100s, already; give it to one plan",
            option, *at, (unsigned long long) owner, plans[owner].tier);
}

static void
plan_check (struct options *o, uint64_t i)
{
  const struct billing_plan *plans = o->conf->plans.items;
  int32_t rank = tier_rank (&o->tiers, plans[i].tier), before;
  char option[64];
  snprintf (option, sizeof option, "plans[%llu].tier", (unsigned long long) i);
  tier_check (o, option, plans[i].tier);
  before = i ? tier_rank (&o->tiers, plans[i - 1].tier) : -1;
  if (rank >= 0 && rank < before)
    WARN ("%s: \"%.100s\" is less than \"%.100s\" in front of it; write the least plan first, in the "
          "order of auth.tiers", option, plans[i].tier, plans[i - 1].tier);
  for (uint32_t which = 0; which < 3; which++)
    for (uint32_t k = 0; plan_list (&plans[i], which)[k]; k++)
      if (*plan_list (&plans[i], which)[k])
        item_check (o, i, which, k);
}

/* The tiers of a plugin that was opened before; one that comes later is asked at the start. */
static void
tiers_know (struct options *o)
{
  const struct kg_tenants *tenants = o->billing->tenants;
  const char *name;
  while (tenants && o->tiers.count < TIERS_MAX && (name = tenants->tier (o->tiers.count)))
    o->tiers.name[o->tiers.count++] = name;
  tier_names_show (&o->tiers, o->names, sizeof o->names);
  if (!o->tiers.count && o->conf->plans.count)
    WARN ("plans: no plugin in front of this one has tiers, so whether theirs exist is seen at the "
          "start only; load auth before billing-stripe");
}

static void
plans_check (struct options *o)
{
  tiers_know (o);
  for (uint64_t i = 0; i < o->conf->plans.count; i++)
    plan_check (o, i);
  if (!*o->conf->ended_tier)
    REFUSE ("ended_tier: it is empty; write the tier of who pays no more, or leave it out for FREE");
  else
    tier_check (o, "ended_tier", o->conf->ended_tier);
}

/* ---- Addresses --------------------------------------------------------------- */

static void
address_check (struct options *o, const char *option, const char *url, const char *none)
{
  if (is_given (url) && (!redirect_entry_ok (url) || strpbrk (url, none)))
    REFUSE ("%s: \"%.200s\" is no URL for that; write https://HOST/PATH", option, url);
}

static void
addresses_check (struct options *o)
{
  for (uint32_t i = 0; o->conf->redirects[i]; i++) {
    const char *url = o->conf->redirects[i];
    char option[32];
    snprintf (option, sizeof option, "redirects[%u]", i);
    address_check (o, option, url, "");
    if (redirect_climbs (url))
      REFUSE ("%s: \"%.200s\" has a \"..\", which no address may have; write the path without", option,
              url);
  }
  address_check (o, "success_url", o->conf->success_url, "");
  address_check (o, "cancel_url", o->conf->cancel_url, "");
  address_check (o, "return_url", o->conf->return_url, "");
  address_check (o, "public_url", o->conf->public_url, "?#");
}

/* ---- Usage ------------------------------------------------------------------- */

/* Names, parted by single dots. */
static int32_t
path_ok (const char *path)
{
  size_t n = strlen (path);
  return !n || (is_plain (path) && *path != '.' && path[n - 1] != '.' && !strstr (path, ".."));
}

static void
meter_check (struct options *o, unsigned i)
{
  const struct usage_meter *all = o->conf->usage.items, *m = &all[i];
  if (!stripe_id_ok (m->meter) || strlen (m->meter) > USAGE_METER_MAX)
    REFUSE ("usage[%u].meter: \"%.200s\" is no event_name; write that of one of Stripe's meters", i,
            m->meter);
  if (!is_plain (m->type) || strlen (m->type) > EVENT_ID_MAX)
    REFUSE ("usage[%u].type: \"%.200s\" is no type of events; write one like agentese.invoke", i,
            m->type);
  if (!path_ok (m->value))
    REFUSE ("usage[%u].value: \"%.200s\" is no member; write one like tokens_used, or a.b", i, m->value);
  for (unsigned k = 0; k < i; k++)
    if (!strcmp (m->meter, all[k].meter) && !strcmp (m->type, all[k].type)
        && !strcmp (m->value, all[k].value))
      REFUSE ("usage[%u]: it is the same as usage[%u], and each event would count twice; remove one",
              i, k);
}

static void
usage_check (struct options *o)
{
  for (uint64_t i = 0; i < o->conf->usage.count; i++)
    meter_check (o, (unsigned) i);
  if (o->conf->usage.count && !is_given (o->conf->api_key))
    WARN ("usage: without api_key nothing is sent, and sums pile up; write one that may write meter "
          "events");
}

int32_t
options_check (struct billing *b)
{
  struct options o = { .billing = b, .conf = b->conf };
  secrets_check (&o);
  api_check (&o);
  plans_check (&o);
  addresses_check (&o);
  usage_check (&o);
  return o.bad ? -EINVAL : 0;
}
