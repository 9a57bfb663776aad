/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The laws of compositions, and their price. */

#include "tests/plugins/agentese-compose.h"

#include "plugins/agentese/law.h"

static uint64_t seed = 88172645463325252u;

static uint32_t
chance (uint32_t n)
{
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return (uint32_t)(seed % n);
}

/* A grouping of steps[from, to) by chance, with identities strewn in. */
static const struct ag_term *
grouped (struct ag_terms *t, const int32_t *steps, uint32_t from, uint32_t to)
{
  uint32_t cut;
  if (!chance (6) && t->n < AG_TERMS_MAX / 2)
    return chance (2) ? ag_term_then (t, ag_term_step (t, AG_ID), grouped (t, steps, from, to))
                      : ag_term_then (t, grouped (t, steps, from, to), ag_term_step (t, AG_ID));
  if (from == to)
    return ag_term_step (t, AG_ID);
  if (to - from == 1)
    return ag_term_step (t, steps[from]);
  cut = from + 1 + chance (to - from - 1);
  return ag_term_then (t, grouped (t, steps, from, cut), grouped (t, steps, cut, to));
}

START_TEST (groupings_are_equal)
{
  int round;
  for (round = 0; round < 20000; round++) {
    struct ag_terms a = { .n = 0 }, b = { .n = 0 };
    int32_t steps[AG_STEPS_MAX], other;
    uint32_t n = chance (AG_STEPS_MAX) + 1, i, locus = 99;
    const struct ag_term *one, *two;
    enum ag_law law;
    for (i = 0; i < n; i++)
      steps[i] = chance (5) ? (int32_t)i : AG_ID;
    ck_assert_int_eq (ag_laws_hold (steps, n, &law, &locus), 0);
    one = grouped (&a, steps, 0, n);
    two = grouped (&b, steps, 0, n);
    if (!one || !two)
      continue; /* no room for so many identities */
    ck_assert_int_eq (ag_term_differ (one, two), -1);
    i = chance (n);
    other = steps[i] == AG_ID ? 40 : steps[i] + 20;
    steps[i] = other;
    b.n = 0;
    if ((two = ag_term_left (&b, steps, n)))
      ck_assert_int_ne (ag_term_differ (one, two), -1);
  }
}
END_TEST

static const char *const pure_paths[] = { "self.f.add", "self.f.times", "self.f.less", "Id" };

START_TEST (pure_pipelines_keep_the_laws)
{
  int round;
  for (round = 0; round < 300; round++) {
    char pipeline[512] = "", input[64];
    uint32_t n = 1 + chance (8), i, k;
    int64_t want = chance (1000);
    kg_req *req;
    snprintf (input, sizeof input, ",\"initial_input\":%lld", (long long)want);
    for (i = 0; i < n; i++) {
      k = chance (4);
      snprintf (pipeline + strlen (pipeline), 64, "%s%s%s", i ? " >> " : "", pure_paths[k],
                k < 3 ? "[law_check]" : "");
      want = (k == 0 ? want + 3 : k == 1 ? want * 5 : k == 2 ? want - 2 : want) % 1000003;
    }
    req = compose (pipeline, input);
    ck_assert_msg (fake_status (req) == 200, "%s: %s", pipeline, fake_body (req));
    snprintf (input, sizeof input, "%lld", (long long)want);
    HAS (req, "result", input);
    if (strstr (pipeline, "law_check"))
      HAS (req, "laws_verified_by", "evaluation");
  }
}
END_TEST

START_TEST (both_groupings_run)
{
  kg_req *req = compose ("self.f.add >> self.f.times[law_check]", NULL);
  HAS (req, "laws_verified_by", "evaluation");
  ck_assert_int_eq (ran, 4);
  ck_assert_int_eq (noted, 4);
  ck_assert_ptr_null (fake_json (req, "pipeline_trace.2"));
  HAS (compose ("self.f.add@law_check=true", NULL), "laws_verified_by", "evaluation");
  req = compose ("self.f.shuffled[law_check] >> self.f.add", NULL);
  ck_assert_int_eq (fake_status (req), 200);
}
END_TEST

START_TEST (an_impure_step_is_found)
{
  int round;
  for (round = 0; round < 50; round++) {
    char pipeline[512] = "", at[8];
    uint32_t n = 2 + chance (6), guilty = chance (n), i;
    kg_req *req;
    for (i = 0; i < n; i++)
      snprintf (pipeline + strlen (pipeline), 64, "%s%s[law_check]", i ? " >> " : "",
                i == guilty ? "self.f.impure" : pure_paths[chance (3)]);
    ran = 0;
    req = compose (pipeline, NULL);
    ck_assert_int_eq (fake_status (req), 422);
    HAS (req, "law", "associativity");
    HAS (req, "locus", "self.f.impure[law_check]");
    snprintf (at, sizeof at, "%u", guilty);
    HAS (req, "failed_step", at);
    snprintf (at, sizeof at, "%u", n - 1);
    ck_assert_ptr_nonnull (fake_json (req, "pipeline_trace.0.span_id"));
  }
  HAS (compose ("self.f.impure[law_check]", NULL), "law", "right_identity");
  ck_assert_int_eq (held[KG_BUDGET_TOKENS].kind, 0);
  impure_after = 1 << 30;
  ck_assert_int_eq (fake_status (compose ("self.f.impure[law_check]", NULL)), 200);
}
END_TEST

START_TEST (effects_are_not_repeated)
{
  kg_req *req = compose ("self.f.add[law_check] >> self.f.make", NULL);
  ck_assert_int_eq (fake_status (req), 200);
  HAS (req, "laws_verified_by", "structure");
  ck_assert_int_eq (ran, 2);
}
END_TEST

START_TEST (two_passes_are_reserved)
{
  char many[512] = "self.f.add[law_check]", with_ids[512];
  kg_req *req = compose ("self.f.later[law_check]", NULL);
  int i;
  ck_assert_int_eq (held[KG_BUDGET_TOKENS].reserved, 20);
  for (i = 0; i < 2; i++) {
    fake_host ()->resume (ticket, later_goes_on, NULL, NULL);
    fake_run (fake);
  }
  ck_assert_int_eq (fake_status (req), 200);
  HAS (req, "tokens_used", "18");
  ck_assert_int_eq (held[KG_BUDGET_TOKENS].settled, 18);
  ck_assert_int_eq (held[KG_BUDGET_MONEY].settled, 10);
  for (i = 1; i < 8; i++)
    strcat (many, " >> self.f.add");
  ck_assert_int_eq (fake_status (compose (many, NULL)), 200);
  strcpy (with_ids, many);
  for (i = 0; i < 8; i++)
    strcat (with_ids, " >> Id");
  HAS (compose (with_ids, NULL), "laws_verified_by", "evaluation");
  strcat (many, " >> self.f.add");
  ck_assert_int_eq (fake_status (compose (many, NULL)), 422);
}
END_TEST

UNIT_MAIN_BETWEEN ("agentese-laws", begin_plug, end, groupings_are_equal,
                   pure_pipelines_keep_the_laws, both_groupings_run, an_impure_step_is_found,
                   effects_are_not_repeated, two_passes_are_reserved)
