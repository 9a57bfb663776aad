/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Quotes of calls and compositions, and what callers say that they pay. */

#include "tests/plugins/agentese-compose.h"

static const char *const prefer[] = { "Prefer: respond-async, Quote; q=1", NULL };
static const char *const no_quote[] = { "Prefer: for=\"you, quote, me\", quoted", NULL };

static kg_req *
quote (const char *path)
{
  char body[512];
  snprintf (body, sizeof body, "{\"path\":\"%s\"}", path);
  return fake_request (fake, "POST", "/v1/agentese/invoke?quote=1", NULL, body);
}

START_TEST (quotes_invoke_nothing)
{
  kg_req *req = quote ("self.f.later");
  ck_assert_int_eq (fake_status (req), 200);
  HAS (req, "path", "self.f.later");
  HAS (req, "allowed", "true");
  HAS (req, "cost", "{\"requests\":3,\"tokens\":10,\"money\":5}");
  HAS (req, "refusal", "null");
  req = fake_request (fake, "POST", "/v1/agentese/invoke", prefer, "{\"path\":\"self.f.add\"}");
  HAS (req, "cost.tokens", "0");
  ck_assert_str_eq (fake_header (req, "Preference-Applied"), "quote");
  req = compose_at ("/v1/agentese/compose?quote=1", NULL, "self.f.make >> Id >> self.f.later",
                    NULL);
  HAS (req, "paths", "[\"self.f.make\",\"Id\",\"self.f.later\"]");
  HAS (req, "cost", "{\"requests\":3,\"tokens\":14,\"money\":5}");
  HAS (req, "allowed", "true");
  ck_assert_int_eq (ran, 0);
  ck_assert_int_eq (noted, 0);
  ck_assert_int_eq (held[KG_BUDGET_TOKENS].kind, 0);
  ck_assert_int_eq (fake_status (fake_request (fake, "POST", "/v1/agentese/invoke?quote=yes", NULL,
                                               "{\"path\":\"self.f.add\"}")),
                    400);
  HAS (fake_request (fake, "POST", "/v1/agentese/invoke", no_quote, "{\"path\":\"self.f.add\"}"),
       "result", "3");
  HAS (fake_request (fake, "POST", "/v1/agentese/invoke?quote=0", NULL,
                     "{\"path\":\"self.f.add\"}"),
       "result", "3");
}
END_TEST

START_TEST (quotes_tell_refusals)
{
  kg_req *req;
  act_as ("t1", read_only, any);
  req = quote ("self.f.make");
  ck_assert_int_eq (fake_status (req), 200);
  HAS (req, "allowed", "false");
  HAS (req, "refusal.status", "403");
  HAS (req, "cost.tokens", "4");
  HAS (quote ("self.f.strict"), "refusal.status", "422");
  ck_assert_int_eq (fake_status (quote ("self.f.fly")), 403);
  ck_assert_int_eq (fake_status (quote ("self..f")), 400);
  req = compose_at ("/v1/agentese/compose?quote=1", NULL, "self.f.make >> self.f.later", NULL);
  ck_assert_int_eq (fake_status (req), 200);
  HAS (req, "allowed", "false");
  HAS (req, "refusal.status", "403");
  HAS (req, "cost.tokens", "14");
  req = compose_at ("/v1/agentese/compose?quote=1", NULL, "self.f.make >> self.f.fly", NULL);
  ck_assert_int_eq (fake_status (req), 403);
  HAS (req, "failed_step", "1");
}
END_TEST

START_TEST (quotes_look_into_the_pool)
{
  kg_req *req;
  int i;
  HAS (quote ("self.f.add[entropy=1]"), "allowed", "true");
  for (i = 0; i < 99; i++)
    invoke ("void.entropy.sip", ",\"kwargs\":{\"amount\":1}");
  invoke ("void.entropy.sip", ",\"kwargs\":{\"amount\":0.5}");
  HAS (quote ("self.f.add[entropy=0.5]"), "allowed", "true");
  req = quote ("self.f.add[entropy=0.6]");
  HAS (req, "allowed", "false");
  HAS (req, "refusal.status", "402");
  req = compose_at ("/v1/agentese/compose?quote=1", NULL,
                    "self.f.add[entropy=0.3] >> self.f.add[entropy=0.3]", NULL);
  HAS (req, "refusal.status", "402");
  ck_assert_int_eq (ran, 0);
  ck_assert_int_eq (fake_status (invoke ("self.f.add[entropy=0.5]", NULL)), 200);
}
END_TEST

static kg_req *
within (const char *max, const char *target, const char *body)
{
  char field[64];
  const char *headers[] = { field, NULL };
  snprintf (field, sizeof field, "Kgent-Max-Cost: %s", max);
  return fake_request (fake, "POST", target, headers, body);
}

START_TEST (callers_say_what_they_pay)
{
  static const char make[] = "{\"path\":\"self.f.make\"}", later_[] = "{\"path\":\"self.f.later\"}";
  static const char invoke_[] = "/v1/agentese/invoke", compose_[] = "/v1/agentese/compose";
  kg_req *req = within ("3", invoke_, make);
  ck_assert_int_eq (fake_status (req), 402);
  HAS (req, "cost.tokens", "4");
  HAS (req, "detail", "It can cost 4 tokens, and Kgent-Max-Cost is 3");
  ck_assert_int_eq (fake_status (within ("4", invoke_, make)), 200);
  ck_assert_int_eq (fake_status (within ("0", invoke_, "{\"path\":\"self.f.add\"}")), 200);
  ck_assert_int_eq (fake_status (within ("9", invoke_, later_)), 402);
  ck_assert_int_eq (fake_status (within ("-1", invoke_, make)), 400);
  ck_assert_int_eq (fake_status (within ("", invoke_, make)), 400);
  ck_assert_int_eq (fake_status (within ("1e3", invoke_, make)), 400);
  ck_assert_int_eq (fake_status (within ("1000000000000000000", invoke_, make)), 400);
  ck_assert_int_eq (
      fake_status (within ("7", compose_, "{\"pipeline\":\"self.f.make >> self.f.make\"}")), 402);
  ck_assert_int_eq (
      fake_status (within ("8", compose_, "{\"pipeline\":\"self.f.make >> self.f.make\"}")), 200);
  req = within ("3", "/v1/agentese/invoke?quote=1", make);
  HAS (req, "refusal.status", "402");
  HAS (req, "cost.tokens", "4");
  req = within ("7", "/v1/agentese/compose?quote=1",
                "{\"pipeline\":\"self.f.make >> self.f.make\"}");
  HAS (req, "allowed", "false");
  HAS (req, "cost.tokens", "8");
}
END_TEST

UNIT_MAIN_BETWEEN ("agentese-quote", begin_plug, end, quotes_invoke_nothing,
                   quotes_tell_refusals, quotes_look_into_the_pool, callers_say_what_they_pay)
