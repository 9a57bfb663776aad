/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* billing usage: sums of usage for Stripe, and what it refused of them. */

#include "ctl/billing.h"
#include "ctl/object.h"

#include <string.h>

#define PARTS BILLING_USAGE "/parts"

const struct option billing_usage_options[] = {
  { "waiting", 0, KIND_FLAG, NULL, NULL, NULL, "list: what Stripe does not have yet" },
  { "open", 0, KIND_FLAG, NULL, NULL, NULL, "list: what is still counted" },
  { 0 },
};

/* ---- status ----------------------------------------------------------------------- */

/* 1 when an operator has to do something. */
static int
status_show (json_object *o)
{
  if (!length_of (member_of (o, "meters")))
    say ("usage is not configured, and not sent to Stripe");
  else
    record_print (o);
  if (number_of (o, "kept", 0))
    complain ("%lld records of the log are kept for usage that is not configured any more: "
              "kgentctl billing usage forget",
              (long long)number_of (o, "kept", 0));
  if (number_of (o, "parked", 0))
    complain ("%lld sums are parked: kgentctl billing usage list",
              (long long)number_of (o, "parked", 0));
  return number_of (o, "kept", 0) || number_of (o, "parked", 0);
}

static int
usage_status (const struct args *a)
{
  struct answer answer;
  int r = call (a, "GET", BILLING_USAGE, NULL, &answer);
  if (!r && a->json)
    show_json (answer.json);
  else if (!r && status_show (answer.json))
    r = EXIT_REFUSED;
  answer_finish (&answer);
  return r;
}

/* ---- list ------------------------------------------------------------------------- */

static int
usage_list (const struct args *a)
{
  static const struct column columns[] = {
    { "sum", "name", FORM_PLAIN },          { "meter", "meter", FORM_PLAIN },
    { "tenant", "tenant", FORM_PLAIN },     { "minute", "minute", FORM_TIME },
    { "value", "value", FORM_PLAIN },       { "customer", "customer", FORM_PLAIN },
    { "error", "error", FORM_PLAIN },
  };
  static const struct list parked = { PARTS, "parts", columns, 7, NULL },
                           waiting = { PARTS "?state=waiting", "parts", columns, 7, NULL },
                           open = { PARTS "?state=open", "parts", columns, 7, NULL };
  if (args_flag (a, "waiting") && args_flag (a, "open")) {
    complain ("billing usage list: --open or --waiting, not both");
    return EXIT_USAGE;
  }
  return list_run (
      a, args_flag (a, "waiting") ? &waiting : args_flag (a, "open") ? &open : &parked, NULL);
}

/* ---- retry, drop, forget ----------------------------------------------------------- */

static int
part_change (const struct args *a, const char *name, const char *method, const char *did)
{
  struct answer answer;
  struct path path;
  int r;
  path_start (&path, PARTS);
  r = path_id (&path, "sum", name);
  if (r)
    return r;
  r = call (a, method, path.text, NULL, &answer);
  if (!r && a->json)
    show_json (answer.json);
  else if (!r)
    say ("%s %s", did, name);
  answer_finish (&answer);
  return r;
}

/* All, some hundreds at a time. */
static int
retry_all (const struct args *a)
{
  json_object *o;
  int64_t n = 0;
  int r, more;
  do {
    struct answer answer;
    r = call (a, "POST", PARTS, NULL, &answer);
    more = !r && json_object_get_boolean (member_of (answer.json, "more"));
    n += number_of (answer.json, "retried", 0);
    answer_finish (&answer);
  } while (more);
  if (r)
    return r;
  o = json_object_new_object ();
  json_object_object_add (o, "retried", json_object_new_int64 (n));
  if (a->json)
    show_json (o);
  else
    say ("%lld sums are sent again", (long long)n);
  json_object_put (o);
  return 0;
}

static int
usage_forget (const struct args *a)
{
  struct answer answer;
  int r = call (a, "DELETE", BILLING_USAGE "/cursor", NULL, &answer);
  if (!r && a->json)
    show_json (answer.json);
  else if (!r)
    say ("the log is no longer kept for usage at Stripe, which had come to record %lld",
         (long long)number_of (answer.json, "position", 0));
  answer_finish (&answer);
  return r;
}

int
billing_usage (const struct args *a)
{
  static const char *const verbs[] = { "status", "list", "forget", "retry", "drop", NULL };
  int verb = billing_verb (a, "billing usage", verbs, "status, list, forget, retry, drop");
  int worst = 0, r = 0;
  if (verb < 0)
    return EXIT_USAGE;
  if ((verb < 3 && a->rest.count > 1) || (verb == 4 && a->rest.count < 2)) {
    complain ("billing usage %s: %s", verbs[verb],
              verb < 3 ? "too many arguments" : "which? kgentctl billing usage list shows them");
    return EXIT_USAGE;
  }
  if (verb < 3)
    return verb == 0 ? usage_status (a) : verb == 1 ? usage_list (a) : usage_forget (a);
  if (verb == 3 && a->rest.count == 1)
    return retry_all (a);
  for (uint32_t i = 1; i < a->rest.count && r != EXIT_CONNECT; i++) {
    r = verb == 3 ? part_change (a, a->rest.item[i], "POST", "sent again:")
                  : part_change (a, a->rest.item[i], "DELETE", "dropped");
    worst = r > worst ? r : worst;
  }
  return worst;
}
