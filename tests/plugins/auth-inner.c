/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Requests from inside: charged and limited as those of the key that they name, with
 * the rights that it has now. */
#include "tests/plugins/auth-budget.h"

static const char *tenant, *id, *secret;
static int told;
static int32_t error, status;
static char body[1024];

static void
done (const struct kg_inner_reply *reply, void *arg)
{
  (void) arg;
  told++;
  error = reply->error;
  status = reply->status;
  snprintf (body, sizeof body, "%.*s", (int) reply->body.len, reply->body.ptr);
}

static void
ask_as (const char *of, const char *key_id, const char *target)
{
  static const char *const scopes[] = { "read", "write", "admin", NULL };
  const struct kg_calls *calls = fake_service (fake, KG_CALLS);
  const struct kg_identity who = { .size = sizeof who, .subject = "ann", .tenant = of,
                                   .key_id = key_id, .scopes = scopes };
  const struct kg_inner r = { .size = sizeof r, .method = "GET", .target = target,
                              .identity = &who };
  ck_assert_int_eq (calls->call (fake_self (fake), &r, done, NULL), 0);
}

/* Begins what was asked, and searches for its key. */
static void
turn (void)
{
  fake_run (fake);
  fake_run_jobs (fake);
}

/* The status of an inner request. */
static int
inner_as (const char *of, const char *key_id, const char *target)
{
  int before = told;
  ask_as (of, key_id, target);
  turn ();
  ck_assert_int_eq (told, before + 1);
  ck_assert_int_eq (error, 0);
  return status;
}

static int
inner (const char *target)
{
  return inner_as (tenant, id, target);
}

static void
begin_with (const char *tenant_limits, const char *key_limits)
{
  begin (NULL);
  tenant = tenant_new (tenant_limits);
  secret = key_new (tenant, key_limits, &id);
}

static void
operate (const char *method, const char *target, const char *text)
{
  kg_req *req;
  fake_as (fake, NULL, 1, 1);
  req = fake_request (fake, method, target, NULL, text);
  fake_as (fake, NULL, 0, 0);
  fake_run_jobs (fake);
  ck_assert_msg (fake_status (req) / 100 == 2, "%s", fake_body (req));
}

static void
key_change (const char *text)
{
  char target[128];
  snprintf (target, sizeof target, "/admin/v1/keys/%s", id);
  operate (text ? "PATCH" : "DELETE", target, text);
}

/* ---- Cases ------------------------------------------------------------------ */

START_TEST (they_are_charged)
{
  begin_with ("\"tokens_per_month\":100", "\"tokens_per_month\":50");
  ck_assert_int_eq (inner ("/billable?s=T10,s7"), 200);
  ck_assert_int_eq (charged, 1);
  ck_assert_str_eq (charge.key, id);
  ck_assert_int_eq (charge.tokens, 7);
  ck_assert_int_eq (left_of (secret, TOKENS), 43);
  ck_assert_int_eq (inner ("/billable?s=T44"), 402);
  ck_assert_int_eq (inner ("/billable?s=T40,s40,q500"), 500); /* given back */
  ck_assert_int_eq (left_of (secret, TOKENS), 43);
  restart (1);
  ck_assert_int_eq (left_of (secret, TOKENS), 43);
  end ();
}
END_TEST

START_TEST (they_are_limited)
{
  begin_with ("\"requests_per_day\":4", "\"requests_per_day\":2");
  ck_assert_int_eq (inner ("/do?s="), 200);
  ck_assert_int_eq (run (secret, ""), 200);
  ck_assert_int_eq (inner ("/do?s="), 429);
  ck_assert_ptr_nonnull (strstr (body, "\"violated_policies\":[\"day\"]"));
  ck_assert_int_eq (run (secret, ""), 429);
  ck_assert_double_eq (fake_metric (fake, "kgent_auth_denied_total", "day"), 2);
  end ();
}
END_TEST

START_TEST (they_count_while_in_flight)
{
  begin_with ("", "\"concurrent\":1");
  ask_as (tenant, id, "/do?s=w");
  turn ();
  ck_assert_int_eq (nwaiting, 1);
  ck_assert_int_eq (inner ("/do?s="), 429);
  fake_resume (0);
  ck_assert_int_eq (inner ("/do?s="), 200);
  end ();
}
END_TEST

START_TEST (a_key_does_what_it_may_now)
{
  const struct kg_identity *who;
  begin_with ("", "");
  ck_assert_int_eq (inner ("/do?s="), 200);
  who = fake_identified (fake_inner (fake, 0));
  ck_assert_str_eq (who->tenant, tenant);
  ck_assert_str_eq (who->key_id, id);
  ck_assert_str_eq (who->scopes[0], "read"); /* the key's, not what was asked with */
  key_change ("{\"scopes\":[\"billing\"]}");
  ck_assert_int_eq (inner ("/do?s="), 403);
  key_change (NULL);
  ck_assert_int_eq (inner ("/do?s="), 401);
  ck_assert_ptr_nonnull (strstr (body, "doesn't work any more"));
  ck_assert_int_eq (inner ("/public?s="), 401);
  end ();
}
END_TEST

START_TEST (a_tenant_that_is_suspended)
{
  char target[128];
  begin_with ("", "");
  snprintf (target, sizeof target, "/admin/v1/tenants/%s", tenant);
  operate ("PATCH", target, "{\"status\":\"suspended\"}");
  ck_assert_int_eq (inner ("/do?s="), 403);
  ck_assert_ptr_nonnull (strstr (body, "Tenant is suspended"));
  end ();
}
END_TEST

START_TEST (nobodys_key)
{
  begin_with ("", "");
  ck_assert_int_eq (inner_as (tenant, "01234567-89ab-4cde-8f01-23456789abcd", "/do?s="), 401);
  ck_assert_int_eq (inner_as (tenant, "scheduler", "/do?s="), 401);
  ck_assert_int_eq (inner_as (tenant, "", "/do?s="), 401);
  ck_assert_int_eq (inner_as (tenant_new (""), id, "/do?s="), 401); /* another's tenant */
  ck_assert_int_eq (inner_as ("", "", "/do?s="), 200);              /* the host's own work */
  ck_assert_int_eq (rc_last, 0);
  ck_assert_int_eq (inner_as ("", "", "/do?s=T1"), 200);
  ck_assert_int_eq (rc_last, -EACCES); /* which nobody counts */
  end ();
}
END_TEST

START_TEST (addresses_are_not_theirs)
{
  begin (CONF ("address.requests_per_minute=1"));
  tenant = tenant_new ("");
  secret = key_new (tenant, "", &id);
  for (int i = 0; i < 5; i++)
    ck_assert_int_eq (inner ("/do?s="), 200);
  ck_assert_int_eq (run (secret, ""), 200);
  ck_assert_int_eq (run (secret, ""), 429);
  end ();
}
END_TEST

START_TEST (the_host_ends_meanwhile)
{
  int before = told;
  begin_with ("", "");
  ask_as (tenant, id, "/do?s=");
  fake_run (fake);
  fake_stop (fake);
  ck_assert_int_eq (told, before + 1);
  ck_assert_int_eq (error, -ESHUTDOWN);
  fake_run_jobs (fake); /* the search ends, too */
  end ();
}
END_TEST

UNIT_MAIN ("auth-inner", they_are_charged, they_are_limited, they_count_while_in_flight,
           a_key_does_what_it_may_now, a_tenant_that_is_suspended, nobodys_key,
           addresses_are_not_theirs, the_host_ends_meanwhile)
