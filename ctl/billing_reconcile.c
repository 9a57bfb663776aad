/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* billing reconcile. */

#include "ctl/billing.h"

#include <stdio.h>

#define RECONCILE "/admin/v1/billing/reconcile"

static const struct option reconcile_options[] = {
  { "fix", 0, KIND_FLAG, NULL, NULL, NULL, "take over what Stripe says, and set tiers" },
  { "usage", 0, KIND_FLAG, NULL, NULL, NULL, "compare what was used, by day, instead" },
  { "from", 0, KIND_TEXT, "TIME", NULL, NULL, "usage: RFC 3339, or a date [yesterday]" },
  { "to", 0, KIND_TEXT, "TIME", NULL, NULL, "usage: not included; whole days are compared [now]" },
  { "openmeter", 0, KIND_TEXT, "URL", NULL, NULL,
    "usage: where OpenMeter is; its key comes from $OPENMETER_API_KEY" },
  { 0 },
};

static void
differences_print (json_object *answer, int fix)
{
  static const struct column columns[] = {
    { "what", "what", FORM_PLAIN },     { "subscription", "subscription", FORM_PLAIN },
    { "tenant", "tenant", FORM_PLAIN }, { "Stripe", "stripe", FORM_PLAIN },
    { "kgent", "kgent", FORM_PLAIN },
  };
  json_object *list = member_of (answer, "differences");
  size_t n = length_of (list);
  if (n) {
    struct grid *g = table_create (columns, 5);
    for (size_t i = 0; i < n; i++)
      table_add (g, columns, 5, json_object_array_get_idx (list, i));
    grid_finish (g);
  }
  printf ("%lld subscriptions compared, %zu differences",
          (long long) json_object_get_int64 (member_of (answer, "checked")), n);
  if (fix)
    printf (", %lld taken over", (long long) json_object_get_int64 (member_of (answer, "fixed")));
  printf ("\n");
}

/* Whether the options belong together. */
static int
options_fit (const struct args *a)
{
  static const char *const usage[] = { "from", "to", "openmeter" };
  if (args_flag (a, "usage") && args_flag (a, "fix")) {
    complain ("billing reconcile: --fix is for subscriptions; usage is sent by itself, or parked");
    return 0;
  }
  for (size_t i = 0; i < sizeof usage / sizeof usage[0]; i++)
    if (args_text (a, usage[i]) && !args_flag (a, "usage")) {
      complain ("billing reconcile: --%s is for --usage", usage[i]);
      return 0;
    }
  return 1;
}

int
billing_asked (const struct args *a, const char *method, const char *path,
               const struct answer *answer)
{
  if (answer->status >= 200 && answer->status < 300)
    return EXIT_OK;
  call_refused (a, method, path, answer);
  return answer->status >= 500 && answer->status != 501 ? EXIT_FAILED : EXIT_REFUSED;
}

static int
billing_reconcile (const struct args *a)
{
  json_object *body;
  struct answer answer = { 0 };
  int fix = args_flag (a, "fix"), r;
  if (!options_fit (a))
    return EXIT_USAGE;
  if (args_flag (a, "usage"))
    return billing_days (a);
  body = json_object_new_object ();
  json_object_object_add (body, "fix", json_object_new_boolean (fix));
  r = call_try (a, "POST", RECONCILE, body, &answer);
  if (!r)
    r = billing_asked (a, "POST", RECONCILE, &answer);
  if (!r && a->json)
    show_json (answer.json);
  else if (!r)
    differences_print (answer.json, fix);
  if (!r && !fix && length_of (member_of (answer.json, "differences")))
    r = EXIT_REFUSED;
  answer_finish (&answer);
  json_object_put (body);
  return r;
}

const struct command billing_reconcile_commands[] = {
  { "billing reconcile", "", "compare subscriptions and tiers, or usage, with Stripe",
    "Lists Stripe's subscriptions and says where they differ from what this host knows, and\n"
    "which tenants have another tier than they should.  With --usage: what the ledger, Stripe\n"
    "and, where it is named, OpenMeter have of each day, meter and tenant, and what one lacks.\n"
    "Exit code 1 when something differs, 5 when Stripe could not be asked.\n",
    { reconcile_options }, 0, 0, billing_reconcile },
  { 0 },
};
