/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* billing-stripe: takes Stripe's events, and never loses one. */
#include "plugins/billing-stripe/desk.h"
#include "plugins/billing-stripe/offer.h"
#include "plugins/billing-stripe/options.h"
#include "plugins/billing-stripe/prices.h"
#include "plugins/billing-stripe/reconcile.h"
#include "plugins/billing-stripe/refetch.h"
#include "plugins/billing-stripe/usage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CONF(member) .offset = offsetof (struct billing_conf, member)

static const struct kg_opt plan_opts[] = {
  { .key = "tier", .type = KG_OPT_STRING, .flags = KG_OPT_REQUIRED,
    .offset = offsetof (struct billing_plan, tier), .help = "The tier, as auth.tiers names it." },
  { .key = "prices", .type = KG_OPT_STRINGS, .dflt = "",
    .offset = offsetof (struct billing_plan, prices),
    .help = "Ids of its prices, price_...; the first is what a checkout of the plan sells." },
  { .key = "lookup_keys", .type = KG_OPT_STRINGS, .dflt = "",
    .offset = offsetof (struct billing_plan, lookup_keys),
    .help = "Lookup keys of its prices; the first is sold when there are no prices." },
  { .key = "products", .type = KG_OPT_STRINGS, .dflt = "",
    .offset = offsetof (struct billing_plan, products),
    .help = "Ids of its products, prod_...: all their prices are the plan's." },
  { .key = NULL },
};

static const struct kg_opt usage_opts[] = {
  { .key = "meter", .type = KG_OPT_STRING, .flags = KG_OPT_REQUIRED,
    .offset = offsetof (struct usage_meter, meter), .help = "event_name of Stripe's meter." },
  { .key = "type", .type = KG_OPT_STRING, .flags = KG_OPT_REQUIRED,
    .offset = offsetof (struct usage_meter, type), .help = "Type of the events that count." },
  { .key = "value", .type = KG_OPT_STRING, .dflt = "", .offset = offsetof (struct usage_meter, value),
    .help = "Member of their data, a.b, that is summed up; without it each event is one." },
  { .key = NULL },
};

static const struct kg_opt opts[] = {
  { .key = "webhook_secret", .type = KG_OPT_STRINGS, .flags = KG_OPT_SECRET, CONF (secrets),
    .help = "The signing secret of the webhook endpoint, whsec_...; several while one is being "
            "replaced." },
  { .key = "tolerance", .type = KG_OPT_NUMBER, .dflt = "300", CONF (tolerance),
    .min = 1, .max = 86400,
    .help = "How far, in seconds, the time of a signature may be from now, before and after." },
  { .key = "livemode", .type = KG_OPT_STRING, .dflt = "any", CONF (livemode),
    .choices = "any|live|test", .help = "Which events are taken: live ones, test ones, or any." },
  { .key = "api_base", .type = KG_OPT_STRING, .dflt = "https://api.stripe.com", CONF (api_base),
    .help = "Where Stripe's API is." },
  { .key = "api_key", .type = KG_OPT_STRING, .flags = KG_OPT_SECRET, CONF (api_key),
    .help = "The key of Stripe's API, best a restricted one, rk_...; without it nothing is asked of "
            "Stripe." },
  { .key = "api_version", .type = KG_OPT_STRING, .dflt = "2024-12-18.acacia", CONF (api_version),
    .help = "The version of Stripe's API that all requests name." },
  { .key = "plans", .type = KG_OPT_LIST, CONF (plans), .sub_size = sizeof (struct billing_plan),
    .sub = plan_opts, .help = "What is sold, the least plan first." },
  { .key = "ended_tier", .type = KG_OPT_STRING, .dflt = "FREE", CONF (ended_tier),
    .help = "The tier of a tenant whose subscriptions are all over." },
  { .key = "grace_days", .type = KG_OPT_INT, .dflt = "7", CONF (grace_days), .min = 0, .max = 365,
    .help = "For how many days a tenant keeps its tier while a payment is due." },
  { .key = "tries", .type = KG_OPT_INT, .dflt = "5", CONF (tries), .min = 1, .max = 1000,
    .help = "How often it is tried to process an event before it is parked." },
  { .key = "bad_per_minute", .type = KG_OPT_INT, .dflt = "300", CONF (bad_per_minute), .min = 0,
    .max = 1000000,
    .help = "How many deliveries of an address may have a bad signature, before it is told to "
            "wait; those with a good one are taken all the same; 0: any number." },
  { .key = "redirects", .type = KG_OPT_STRINGS, .dflt = "", CONF (redirects),
    .help = "Where checkout and portal may lead back to: beginnings of URLs, "
            "https://app.example.com/billing/." },
  { .key = "success_url", .type = KG_OPT_STRING, CONF (success_url),
    .help = "Where a checkout leads that was paid, when the request doesn't say." },
  { .key = "cancel_url", .type = KG_OPT_STRING, CONF (cancel_url),
    .help = "Where a checkout leads that was left, when the request doesn't say." },
  { .key = "return_url", .type = KG_OPT_STRING, CONF (return_url),
    .help = "Where the portal leads back to, when the request doesn't say." },
  { .key = "public_url", .type = KG_OPT_STRING, CONF (public_url),
    .help = "Where clients reach this host, https://api.example.com: links of refusals begin so; "
            "without it they are relative." },
  { .key = "link_ttl", .type = KG_OPT_NUMBER, .dflt = "3600", CONF (link_ttl), .min = 60,
    .max = 604800, .help = "How long, in seconds, the links of a refusal lead to Stripe." },
  { .key = "refetch", .type = KG_OPT_BOOL, .dflt = "false", CONF (refetch),
    .help = "Read a subscription from Stripe after each of its events, instead of trusting their "
            "order; api_key is needed." },
  { .key = "refetch_wait", .type = KG_OPT_INT, .dflt = "60", CONF (refetch_wait), .min = 0,
    .max = 604800,
    .help = "For how many seconds events wait for a Stripe that does not answer, before they are "
            "taken in their order." },
  { .key = "usage", .type = KG_OPT_LIST, CONF (usage), .sub_size = sizeof (struct usage_meter),
    .sub = usage_opts, .help = "What is sent to meters of Stripe's." },
  { .key = NULL },
};

void
billing_health (struct billing *b, int32_t error)
{
  if (error)
    b->health->set (b->component, KG_HEALTH_DOWN, 0, "events cannot be stored: %s",
                    strerror (-error));
  else if (!b->configured)
    b->health->set (b->component, KG_HEALTH_ABSENT, 0, "%s", "");
  else
    b->health->set (b->component, KG_HEALTH_OK, 0, "%s", "");
}

static int32_t
open_services (struct billing *b)
{
  const struct kg_host *h = b->host;
  int32_t rc;
#define NEED(name, slot)                                                                  \
  if ((rc = h->need (b->self, name, sizeof *b->slot, 0, (const void **) &b->slot)) < 0)    \
  return rc
  NEED (KG_STORE, store);
  NEED (KG_JOBS, jobs);
  NEED (KG_HTTP, http);
  NEED (KG_HEALTH, health);
  NEED (KG_METRICS, metrics);
#undef NEED
  return h->need (b->self, KG_TENANTS, sizeof *b->tenants, KG_NEED_OPTIONAL,
                  (const void **) &b->tenants);
}

static int32_t
metric_define (struct billing *b, const char *name, const char *help, const char *label,
               const char *const *values, kg_metric **ret)
{
  const struct kg_label labels = { label, values };
  const struct kg_metric_def def = { .size = sizeof def, .kind = KG_COUNTER, .name = name,
                                     .help = help, .labels = &labels, .nlabels = 1 };
  return b->metrics->define (b->self, &def, ret);
}

static int32_t
open_metrics (struct billing *b)
{
  static const char *const errors[BILLING_ERRORS + 1]
      = { "not_configured", "missing_header", "signature", "payload", "livemode", "store",
          "process", "limited", NULL };
  int32_t rc = metric_define (b, "kgents_stripe_webhooks_received_total",
                              "Authentic events that were confirmed, repeated ones too",
                              "event_type", event_types, &b->received);
  if (rc == 0)
    rc = metric_define (b, "kgent_stripe_webhooks_duplicate_total",
                        "Authentic events that had been stored before", "event_type", event_types,
                        &b->duplicates);
  if (rc == 0)
    rc = metric_define (b, "kgents_stripe_webhooks_processed_total",
                        "Events that the inbox's cursor has passed; other: without effect",
                        "event_type", event_types, &b->processed);
  if (rc == 0)
    rc = metric_define (b, "kgents_stripe_webhooks_errors_total",
                        "Deliveries refused, and stored records that were no event", "error_type",
                        errors, &b->errors);
  return rc;
}

static void
billing_close (void *data)
{
  struct billing *b = data;
  usage_close (b);
  offer_close (b);
  engine_close (b);
  refetch_close (b);
  webhook_close (b);
  pthread_mutex_destroy (&b->lock);
  free (b);
}

static int32_t
open_health (struct billing *b)
{
  return b->health->add (b->self, "billing", 0, &b->component);
}

static int32_t
open_parts (struct billing *b)
{
  static int32_t (*const parts[]) (struct billing *b)
      = { open_services, options_check, open_metrics,   open_health,  inbox_open,
          engine_open,   routes_open,   webhook_open,   status_open,  stripe_open,
          checkout_open, offer_open,    usage_open,     reconcile_open, refetch_open };
  int32_t rc = 0;
  for (size_t i = 0; i < sizeof parts / sizeof parts[0] && rc == 0; i++)
    rc = parts[i](b);
  return rc;
}

static int32_t
billing_open (const struct kg_host *host, kg_self *self, const void *conf, void **ret_data)
{
  struct billing *b = calloc (1, sizeof *b);
  int32_t rc;
  if (!b)
    return -ENOMEM;
  b->host = host;
  b->self = self;
  b->conf = conf;
  pthread_mutex_init (&b->lock, NULL);
  for (const char *const *s = b->conf->secrets; *s; s++)
    b->configured |= **s != 0;
  rc = open_parts (b);
  if (rc < 0) {
    billing_close (b);
    return rc;
  }
  *ret_data = b;
  return 0;
}

static int32_t
billing_start (void *data)
{
  struct billing *b = data;
  int32_t rc;
  billing_health (b, 0);
  stripe_start (b);
  if ((rc = prices_start (b)) < 0)
    return rc;
  if ((rc = engine_start (b)) == 0 && (rc = inbox_start (b)) < 0)
    engine_stop (b);
  if (rc == 0 && (rc = usage_start (b)) < 0) {
    inbox_stop (b);
    engine_stop (b);
  }
  if (rc < 0)
    prices_stop (b);
  return rc;
}

static void
billing_stop (void *data)
{
  struct billing *b = data;
  atomic_store (&b->stopped, 1);
  usage_stop (b);
  prices_stop (b);
  inbox_stop (b);
  engine_stop (b);
}

KG_PLUGIN (.name = "billing-stripe", .version = "1.0", .summary = "From Stripe's events to tiers and ledger, each once",
           .opts = opts, .conf_size = sizeof (struct billing_conf), .open = billing_open,
           .start = billing_start, .stop = billing_stop, .close = billing_close);
