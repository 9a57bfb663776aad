/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The time machine on any body: it answers or refuses, its answer is JSON, and in which order
 * the events are never matters. */
#include "plugins/billing-stripe/desk.h"
#include "tests/fuzz/billing-stub.h"

#undef KG_ABI_TARGET /* core has its own */
#include "core/util/json.h"

static const char *const none[] = { NULL };
static const char *const prices[] = { "price_pro", NULL };

/* Whether each id is that of one event, however often it is there: of two that have the same
 * one the first to come counts. */
static int
are_events (const struct desk *d)
{
  json_tokener *tok = json_tokener_new ();
  json_object *o = json_tokener_parse_ex (tok, d->body, (int) d->body_len);
  json_object *list = stripe_member (o, "events");
  size_t n = json_object_array_length (list);
  int good = 1;
  for (size_t i = 0; i < n; i++)
    for (size_t k = 0; k < i && good; k++) {
      json_object *a = json_object_array_get_idx (list, i), *b = json_object_array_get_idx (list, k);
      const char *id = stripe_text (a, "id"), *other = stripe_text (b, "id");
      good = !id || !other || strcmp (id, other) || json_object_equal (a, b);
    }
  json_object_put (o);
  json_tokener_free (tok);
  return good;
}

static void
answer_check (const struct desk *d)
{
  uint32_t max = json_tokens_bound (d->len);
  struct kg_json_token *tokens = malloc (max * sizeof *tokens);
  struct kg_json j;
  int32_t rc;
  must (tokens != NULL);
  rc = json_scan (d->text, d->len, tokens, max, &j, NULL);
  must (!rc || rc == -E2BIG); /* many rows */
  must (rc || kg_json_kind (&j, kg_json_find (&j, 0, "converged")) == KG_JSON_TRUE
        || !are_events (d));
  must (rc || kg_json_kind (&j, kg_json_find (&j, 0, "timeline")) == KG_JSON_ARRAY);
  free (tokens);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  static const struct billing_plan plan = { "PRO", prices, none, none };
  struct billing_conf conf = { .plans = { &plan, 1 }, .ended_tier = "FREE", .grace_days = 7 };
  static struct engine engine = { .tiers = { { "FREE", "PRO", "TEAMS" }, 3 } };
  struct billing b = stub_billing (&conf);
  struct desk d = { .billing = &b, .body = (char *) (uintptr_t) data, .body_len = size };
  b.engine = &engine;
  if (!size)
    return 0;
  must (desk_simulate (&d) == 0);
  must (d.status == 0 || d.status == 400 || d.status == 422);
  if (!d.status)
    answer_check (&d);
  free (d.text);
  return 0;
}
