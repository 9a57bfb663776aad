/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* GET /webhooks/stripe/health, on the admin listener. */
#include "plugins/billing-stripe/billing.h"

#include <errno.h>
#include <string.h>

static int32_t
openmeter_seen (const struct kg_health_view *view, void *arg)
{
  int32_t *connected = arg;
  if (strcmp (view->name, "openmeter"))
    return 0;
  *connected = view->state == KG_HEALTH_OK;
  return 1;
}

static void
show_bool (struct kg_out *out, const char *name, int32_t value)
{
  kg_out_lit (out, name);
  kg_out_lit (out, value ? "true" : "false");
}

static void
show_count (struct kg_out *out, const char *name, int64_t value)
{
  kg_out_lit (out, name);
  kg_out_int (out, value);
}

/* stripe_sdk and billing_module: signatures are checked and events are kept, by
 * this plugin, or this would not be answered. */
static int32_t
status_get (kg_req *req, void *data)
{
  struct billing *b = data;
  char text[512];
  struct kg_out out = { text, 0, sizeof text };
  int32_t openmeter = 0;
  int64_t processed = 0;
  struct totals t;
  b->health->walk (b->self, openmeter_seen, &openmeter);
  inbox_totals (b, &t);
  for (uint32_t i = 0; i < EVENT_OTHER; i++)
    processed += t.type[i];
  show_bool (&out, "{\"stripe_sdk\":", 1);
  show_bool (&out, ",\"billing_module\":", 1);
  show_bool (&out, ",\"webhook_secret_configured\":", b->configured);
  show_bool (&out, ",\"openmeter_connected\":", openmeter);
  show_count (&out, ",\"bridge_metrics\":{\"events_processed\":", processed);
  show_count (&out, ",\"events_skipped\":", t.type[EVENT_OTHER]);
  show_count (&out, ",\"events_failed\":", t.failed);
  show_count (&out, ",\"idempotency_store_size\":", processed + t.type[EVENT_OTHER] + t.failed);
  kg_out_lit (&out, "}}");
  if (!kg_out_ok (&out))
    return -EMSGSIZE;
  b->host->reply (req, 200, "application/json", text, out.len);
  return KG_DONE;
}

int32_t
status_open (struct billing *b)
{
  static const struct kg_route route = {
    .size = sizeof route,
    .flags = KG_ADMIN | KG_PUBLIC | KG_QUIET,
    .method = "GET",
    .pattern = "/webhooks/stripe/health",
    .summary = "How the webhook and its inbox are",
    .handler = status_get,
    .response_schema
    = "{\"type\":\"object\",\"properties\":{\"stripe_sdk\":{\"type\":\"boolean\"},"
      "\"billing_module\":{\"type\":\"boolean\"},"
      "\"webhook_secret_configured\":{\"type\":\"boolean\"},"
      "\"openmeter_connected\":{\"type\":\"boolean\"},\"bridge_metrics\":{\"type\":\"object\"}}}",
  };
  return b->host->route (b->self, &route);
}
