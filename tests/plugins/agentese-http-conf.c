/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Breakers of agents, and configurations that are refused. */

#include "tests/plugins/agentese-agents.h"

#include "plugins/agentese/remote_breaker.h"

#define SECOND 1000000000ll

/* ---- The breaker ------------------------------------------------------------------------ */

START_TEST (a_breaker_heals)
{
  struct ag_breaker b = { 0 };
  int64_t now = 1000 * SECOND;
  int i;
  for (i = 0; i < 4; i++)
    ag_breaker_report (&b, AG_ADMITTED, AG_WENT_WRONG, now);
  ck_assert_int_eq (ag_breaker_admit (&b, now), AG_ADMITTED);
  ag_breaker_report (&b, AG_ADMITTED, AG_WENT_WRONG, now);
  ck_assert_int_eq (ag_breaker_admit (&b, now), AG_NOT_ADMITTED);
  ck_assert_int_eq (ag_breaker_admit (&b, now + SECOND), AG_PROBE);
  ck_assert_int_eq (ag_breaker_admit (&b, now + SECOND), AG_NOT_ADMITTED);
  ag_breaker_report (&b, AG_ADMITTED, AG_WENT_WELL, now); /* from before: says nothing */
  ag_breaker_report (&b, AG_PROBE, AG_WENT_WRONG, now + SECOND);
  ck_assert_int_eq (ag_breaker_admit (&b, now + 2 * SECOND), AG_NOT_ADMITTED);
  ck_assert_int_eq (ag_breaker_wait_s (&b, now + SECOND), 2);
  ck_assert_int_eq (ag_breaker_admit (&b, now + 3 * SECOND), AG_PROBE);
  ag_breaker_report (&b, AG_PROBE, AG_UNDECIDED, now + 3 * SECOND);
  ck_assert_int_eq (ag_breaker_admit (&b, now + 3 * SECOND), AG_PROBE);
  ag_breaker_report (&b, AG_PROBE, AG_WENT_WELL, now + 3 * SECOND);
  ck_assert_int_eq (ag_breaker_admit (&b, now + 3 * SECOND), AG_ADMITTED);
}
END_TEST

START_TEST (half_of_the_last_calls)
{
  struct ag_breaker b = { 0 };
  int i;
  for (i = 0; i < 20; i++)
    ag_breaker_report (&b, AG_ADMITTED, i % 2 ? AG_WENT_WRONG : AG_WENT_WELL, 0);
  ck_assert_int_eq (b.open, 0);
  ag_breaker_report (&b, AG_ADMITTED, AG_WENT_WRONG, 0); /* 11 of 20 */
  ck_assert_int_eq (b.open, 1);
}
END_TEST

/* ---- Configurations ------------------------------------------------------------------------ */

#define NODE "nodes.0.name=world.x", "nodes.0.aspects.0.name=go"
#define URL "nodes.0.url=http://x/"

static const struct {
  const char *conf[6];
  const char *says; /* NULL: it is good */
} confs[] = {
  { { NODE, URL }, NULL },
  { { NODE }, "nodes: world.x: url: it is missing" },
  { { NODE, URL, "nodes.0.kind=nats" }, "needs bus" },
  { { NODE, URL, "nodes.0.kind=spec" }, "kind \"spec\"" },
  { { NODE, URL, "nodes.0.kind=llm" }, "belong to the kind http" },
  { { NODE, "nodes.0.kind=llm" }, NULL },
  { { "nodes.0.name=world.x", URL }, "aspects: there are none" },
  { { "nodes.0.name=nowhere.x", "nodes.0.aspects.0.name=go", URL }, "no path" },
  { { "nodes.0.name=world.x[phase=PLAN]", "nodes.0.aspects.0.name=go", URL }, "no path" },
  { { NODE, "nodes.0.url=ftp://x/" }, "must begin with http" },
  { { NODE, "nodes.0.url=http://{tenant}.example/" }, "must be fixed" },
  { { NODE, "nodes.0.url=http://me@x/" }, "holds a user" },
  { { NODE, "nodes.0.url=http://x/{who}" }, "in braces stands" },
  { { NODE, "nodes.0.url=http://x/{kwargs.A}" }, "in braces stands" },
  { { NODE, "nodes.0.url=http://x/{aspect" }, "in braces stands" },
  { { NODE, "nodes.0.url=http://x/aspect}" }, "without its {" },
  { { NODE, "nodes.0.url=http://x/a b" }, "blanks" },
  { { NODE, URL, "nodes.0.timeout=0" }, "at least 0.01" },
  { { NODE, URL, "nodes.0.headers.0.name=A B", "nodes.0.headers.0.value=x" }, "headers: " },
  { { NODE, URL, "nodes.0.headers.0.name=host", "nodes.0.headers.0.value=x" }, "the host's own" },
  { { NODE, URL, "nodes.0.headers.0.name=A", "nodes.0.headers.0.value=x\ny" }, "control" },
  { { NODE, URL, "nodes.0.aspects.0.per_token=true" }, "needs tokens_max" },
  { { NODE, URL, "nodes.0.aspects.0.output={\"oneOf\":[]}" }, "nodes: world.x: go: " },
  { { NODE, URL, "nodes.0.aspects.0.input={\"oneOf\":[]}" }, "node world.x.go: " },
  { { "nodes.0.name=self.memory", "nodes.0.aspects.0.name=go", URL }, "registered already" },
};

START_TEST (configurations)
{
  const char *conf[8] = { NULL };
  int i, r;
  for (i = 0; i < 6; i++)
    conf[i] = confs[_i].conf[i];
  fake = fake_new ();
  fake_services (fake);
  fake_provide (fake, KG_BUDGET, &budget, sizeof budget);
  r = fake_open (fake, &kg_plugin_1, conf);
  ck_assert_int_eq (r < 0, confs[_i].says != NULL);
  if (confs[_i].says)
    ck_assert_msg (strstr (fake_logged (fake), confs[_i].says) != NULL, "%s", fake_logged (fake));
  fake_free (fake);
}
END_TEST

START_TEST (long_names_and_many_nodes)
{
  const char *conf[3 * 40 + 1];
  static char text[3 * 40][96];
  int i;
  for (i = 0; i < 40; i++) {
    snprintf (text[3 * i], 96, "nodes.%d.name=world.a_rather_long_name_of_a_node.n%d", i, i);
    snprintf (text[3 * i + 1], 96, "nodes.%d.url=http://x/", i);
    snprintf (text[3 * i + 2], 96, "nodes.%d.aspects.0.name=go", i);
  }
  for (i = 0; i < 120; i++)
    conf[i] = text[i];
  conf[120] = NULL;
  begin_with (conf);
  answered ("world.a_rather_long_name_of_a_node.n35.go", "{}", 200, NULL, "{\"result\":1}");
  ck_assert_double_eq (fake_metric (fake, "kgent_agentese_agent_calls_total", "others,ok"), 1);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("agentese-http-conf");
  TCase *rest = tcase_create ("rest");
  SRunner *runner;
  int failed;
  tcase_add_test (rest, a_breaker_heals);
  tcase_add_test (rest, half_of_the_last_calls);
  tcase_add_loop_test (rest, configurations, 0, sizeof confs / sizeof confs[0]);
  tcase_add_test (rest, long_names_and_many_nodes);
  suite_add_tcase (suite, rest);
  runner = srunner_create (suite);
  srunner_set_tap (runner, "-");
  srunner_run_all (runner, CK_SILENT);
  failed = srunner_ntests_failed (runner);
  srunner_free (runner);
  return failed != 0;
}
