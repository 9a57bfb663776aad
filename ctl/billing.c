/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* billing inbox, customers, subscriptions: what Stripe sent, and what came of it. */

#include "ctl/billing.h"

#include <string.h>

#define INBOX         "/admin/v1/billing/inbox"
#define CUSTOMERS     "/admin/v1/billing/customers"
#define SUBSCRIPTIONS "/admin/v1/billing/subscriptions"

static const struct option inbox_options[] = {
  { "parked", 0, KIND_FLAG, NULL, NULL, NULL, "list: only those that could not be processed" },
  { 0 },
};

static const struct option subscription_options[] = {
  { "tenant", 0, KIND_TEXT, "TENANT", NULL, NULL, "only those of this tenant, by id or slug" },
  { 0 },
};

int
billing_verb (const struct args *a, const char *command, const char *const *verbs, const char *all)
{
  int i;
  for (i = 0; verbs[i]; i++)
    if (!strcmp (verbs[i], a->rest.item[0]))
      return i;
  complain ("%s: '%s' is none of %s", command, a->rest.item[0], all);
  return -1;
}

/* ---- inbox ------------------------------------------------------------------------ */

static int
inbox_list (const struct args *a)
{
  static const struct column columns[] = {
    { "sequence", "sequence", FORM_PLAIN }, { "event", "id", FORM_PLAIN },
    { "type", "type", FORM_PLAIN },         { "created", "created", FORM_TIME },
    { "state", "state", FORM_PLAIN },       { "reason", "reason", FORM_PLAIN },
  };
  static const struct list all = { INBOX, "events", columns, 6, NULL },
                           parked = { INBOX "?state=parked", "events", columns, 6, NULL };
  if (a->rest.count == 1)
    return list_run (a, args_flag (a, "parked") ? &parked : &all, NULL);
  complain ("billing inbox list: too many arguments");
  return EXIT_USAGE;
}

static int
inbox_one (const struct args *a, const char *event, int replay)
{
  struct answer answer;
  struct path path;
  int r;
  path_start (&path, INBOX);
  r = path_id (&path, "event", event);
  if (r)
    return r;
  if (replay)
    path_add (&path, "/replay");
  if (!replay)
    return object_run (a, "GET", &path, NULL);
  r = call (a, "POST", path.text, NULL, &answer);
  if (!r && a->json)
    show_json (answer.json);
  else if (!r)
    say ("replayed %s", text_of (answer.json, "id"));
  answer_finish (&answer);
  return r;
}

static int
inbox_run (const struct args *a)
{
  static const char *const verbs[] = { "list", "show", "replay", NULL };
  int verb = billing_verb (a, "billing inbox", verbs, "list, show, replay");
  int worst = 0, r = 0;
  uint32_t i;
  if (verb <= 0)
    return verb ? EXIT_USAGE : inbox_list (a);
  if (a->rest.count < 2) {
    complain ("billing inbox %s: which? kgentctl billing inbox list shows them", verbs[verb]);
    return EXIT_USAGE;
  }
  for (i = 1; i < a->rest.count && r != EXIT_CONNECT; i++) {
    r = inbox_one (a, a->rest.item[i], verb == 2);
    worst = r > worst ? r : worst;
  }
  return worst;
}

/* ---- customers -------------------------------------------------------------------- */

static int
customers_list (const struct args *a)
{
  static const struct column columns[] = {
    { "customer", "customer", FORM_PLAIN },
    { "tenant", "tenant", FORM_PLAIN },
    { "by", "by", FORM_PLAIN },
    { "event", "event", FORM_PLAIN },
  };
  static const struct list list = { CUSTOMERS, "customers", columns, 4, NULL };
  return list_run (a, &list, NULL);
}

/* A tenant of "-" takes the operator's word back. */
static int
customers_map (const struct args *a)
{
  const char *tenant = a->rest.item[2];
  json_object *body = json_object_new_object ();
  struct path path;
  int r;
  path_start (&path, CUSTOMERS);
  json_object_object_add (body, "customer", json_object_new_string (a->rest.item[1]));
  json_object_object_add (body, "tenant",
                          strcmp (tenant, "-") ? json_object_new_string (tenant) : NULL);
  r = object_run (a, "POST", &path, body);
  json_object_put (body);
  return r;
}

static int
customers_run (const struct args *a)
{
  static const char *const verbs[] = { "list", "map", NULL };
  int verb = billing_verb (a, "billing customers", verbs, "list, map");
  if (verb < 0)
    return EXIT_USAGE;
  if (a->rest.count == (verb ? 3 : 1))
    return verb ? customers_map (a) : customers_list (a);
  complain ("billing customers %s", verb ? "map: a customer and its tenant are needed, or -"
                                         : "list: too many arguments");
  return EXIT_USAGE;
}

/* ---- subscriptions ---------------------------------------------------------------- */

static int
subscriptions_run (const struct args *a)
{
  static const struct column columns[] = {
    { "subscription", "id", FORM_PLAIN }, { "tenant", "tenant", FORM_PLAIN },
    { "customer", "customer", FORM_PLAIN }, { "status", "status", FORM_PLAIN },
    { "standing", "standing", FORM_PLAIN }, { "until", "until", FORM_TIME },
    { "tier", "tier", FORM_PLAIN },
  };
  static const struct list list = { SUBSCRIPTIONS, "subscriptions", columns, 7, NULL };
  return list_run (a, &list, "tenant");
}

const struct command billing_commands[] = {
  { "billing inbox", "list | show EVENT... | replay EVENT...", "what Stripe sent",
    "Lists Stripe's events, shows them whole, or processes them again: what came of one before\n"
    "does not come again.  An event is named by its id or its sequence.\n",
    { inbox_options }, 1, ANY_NUMBER, inbox_run },
  { "billing customers", "list | map CUSTOMER TENANT", "whose customers Stripe's customers are",
    "Lists them, or says whose one is: a tenant's id or slug, or - to take that back.\n",
    { NULL }, 1, 3, customers_run },
  { "billing list", "", "subscriptions, how they stand, and until when",
    "Lists them with their tenants and tiers.\n", { subscription_options }, 0, 0,
    subscriptions_run },
  { "billing usage", "status | list | retry [SUM...] | drop SUM... | forget",
    "sums of usage for Stripe, and what it refused",
    "Says how far usage is sent to Stripe; lists what it refused, has that sent again (all of\n"
    "it, when none is named), or gives it up.  forget ends it for good once billing-stripe.usage\n"
    "is no longer configured, for until then the log is kept for it.\n",
    { billing_usage_options }, 1, ANY_NUMBER, billing_usage },
  { "billing simulate", "FILE", "what would come of events, in time",
    "Shows how subscriptions would stand, and which tier they would give, after each of the\n"
    "events in the file and whenever time alone changes that.  The file has a list of events,\n"
    "a list as Stripe's API answers it, or an event on each line; - is standard input.  The\n"
    "exit code is 1 when an event is malformed, or the order in which they are matters.\n",
    { billing_simulate_options }, 1, 1, billing_simulate },
  { 0 },
};
