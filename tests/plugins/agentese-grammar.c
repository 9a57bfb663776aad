/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The grammar of paths, row by row. */

#include "plugins/agentese/grammar.h"

#include <check.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define X64 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static kg_str
str (const char *text)
{
  return (kg_str){ text, strlen (text) };
}

/* ---- What the grammar accepts -------------------------------------------- */

static const struct {
  const char *text, *handle, *aspect, *normal; /* normal NULL: the text itself */
} good[] = {
  { "world.house.manifest", "world.house", "manifest", NULL },
  { "world.house", "world.house", "", NULL },
  { "self.vitals.triad.is_coherent", "self.vitals.triad", "is_coherent", NULL },
  { "concept.a1_.b2", "concept.a1_", "b2", NULL },
  { "void.entropy.sip", "void.entropy", "sip", NULL },
  { "time.trace.witness", "time.trace", "witness", NULL },
  { "world." X64 ".manifest", "world." X64, "manifest", NULL },
  { "world.a.b.c.d.e.f", "world.a.b.c.d.e", "f", NULL },
  { "world.house.manifest[phase=PLAN]", "world.house", "manifest", NULL },
  { "world.house.manifest[phase=CROSS-SYNERGIZE]", "world.house", "manifest", NULL },
  { "world.house.manifest[ phase = QA ]", "world.house", "manifest",
    "world.house.manifest[phase=QA]" },
  { "world.house.manifest[entropy=0.5]", "world.house", "manifest", NULL },
  { "world.house.manifest[entropy=1]", "world.house", "manifest", NULL },
  { "world.house.manifest[entropy=0.0]", "world.house", "manifest", NULL },
  { "world.house.manifest[law_check]", "world.house", "manifest", NULL },
  { "world.house.manifest[law_check=TRUE]", "world.house", "manifest", NULL },
  { "world.house.manifest[rollback=False]", "world.house", "manifest", NULL },
  { "world.house.manifest[minimal_output=true][entropy=0.1]", "world.house", "manifest",
    "world.house.manifest[entropy=0.1][minimal_output=true]" },
  { "world.house.manifest@span=abc-1", "world.house", "manifest", NULL },
  { "world.house.manifest@dot=x:y.z", "world.house", "manifest", NULL },
  { "world.house.manifest@span=s[phase=TEST]@law_check=true", "world.house", "manifest",
    "world.house.manifest[phase=TEST]@law_check=true@span=s" },
  { "world.house.manifest[phase=PLAN][phase=PLAN]", "world.house", "manifest",
    "world.house.manifest[phase=PLAN]" },
  { "world.house.manifest[law_check=true]@law_check=TRUE", "world.house", "manifest",
    "world.house.manifest[law_check=TRUE]@law_check=TRUE" },
  { "world.house.manifest@law_check=true[law_check]", "world.house", "manifest",
    "world.house.manifest[law_check]@law_check=true" },
  { "world.house[phase=PLAN]", "world.house", "", NULL },
};

START_TEST (grammar_accepts)
{
  const char *want = good[_i].normal ? good[_i].normal : good[_i].text;
  char normal[2 * AG_PATH_MAX];
  struct ag_error err;
  struct ag_path p;
  size_t n;
  ck_assert_msg (ag_path_parse (str (good[_i].text), &p, &err) == 0, "%s: fault %d at %u",
                 good[_i].text, (int)err.fault, err.at);
  ck_assert_msg (ag_str_is (p.handle, good[_i].handle), "%s", good[_i].text);
  ck_assert_msg (ag_str_is (p.aspect, good[_i].aspect), "%s", good[_i].text);
  n = ag_path_normal (&p, normal, sizeof normal);
  ck_assert_msg (n == strlen (want) && !memcmp (normal, want, n), "%s -> %.*s", good[_i].text,
                 (int)n, normal);
}
END_TEST

/* ---- What it refuses, and where it points -------------------------------- */

static const struct {
  const char *text;
  enum ag_fault fault;
  uint32_t at;
} bad[] = {
  { "", AG_INCOMPLETE, 0 },
  { "world", AG_INCOMPLETE, 0 },
  { "nowhere", AG_INCOMPLETE, 0 },
  { "[phase=PLAN]", AG_INCOMPLETE, 0 },
  { "@span=x", AG_INCOMPLETE, 0 },
  { "nowhere.house.manifest", AG_UNKNOWN_CONTEXT, 0 },
  { "World.house.manifest", AG_BAD_CONTEXT, 0 },
  { ".house.manifest", AG_BAD_CONTEXT, 0 },
  { "1world.house.manifest", AG_BAD_CONTEXT, 0 },
  { "world.House.manifest", AG_BAD_HOLON, 6 },
  { "world.1house.manifest", AG_BAD_HOLON, 6 },
  { "world._x.manifest", AG_BAD_HOLON, 6 },
  { "world..manifest", AG_BAD_HOLON, 6 },
  { "world.", AG_BAD_HOLON, 6 },
  { "world.my-house.manifest", AG_BAD_HOLON, 6 },
  { "world.house.Manifest", AG_BAD_ASPECT, 12 },
  { "world.house.", AG_BAD_ASPECT, 12 },
  { "world.house.2fly", AG_BAD_ASPECT, 12 },
  { "world." X64 "a.manifest", AG_NAME_LONG, 6 },
  { "world.house/manifest", AG_UNEXPECTED, 11 },
  { "world.house.mani%66est", AG_UNEXPECTED, 16 },
  { "world/../etc", AG_UNEXPECTED, 5 },
  { "world.house.manifest >> Id", AG_UNEXPECTED, 20 },
  { " world.house.manifest", AG_UNEXPECTED, 0 },
  { "world.house.*", AG_UNEXPECTED, 12 },
  { "world.h\xd0\xbeuse.manifest", AG_UNEXPECTED, 7 },
  { "world.house.manifest[phase=PLAN", AG_UNCLOSED, 20 },
  { "world.house.manifest[", AG_UNCLOSED, 20 },
  { "world.house.manifest[phase[entropy=1]]", AG_UNCLOSED, 20 },
  { "world.house.manifest]", AG_UNEXPECTED, 20 },
  { "world.house.manifest[phase=PLAN]]", AG_UNEXPECTED, 32 },
  { "world.house.manifest[phase=PLAN]x", AG_UNEXPECTED, 32 },
  { "world.house.manifest[]", AG_EMPTY_CLAUSE, 20 },
  { "world.house.manifest[ ]", AG_EMPTY_CLAUSE, 20 },
  { "world.house.manifest[phases=PLAN]", AG_UNKNOWN_MODIFIER, 21 },
  { "world.house.manifest[span=x]", AG_UNKNOWN_MODIFIER, 21 },
  { "world.house.manifest[=x]", AG_UNKNOWN_MODIFIER, 21 },
  { "world.house.manifest@entropy=0.1", AG_UNKNOWN_MODIFIER, 21 },
  { "world.house.manifest@", AG_UNKNOWN_MODIFIER, 21 },
  { "world.house.manifest@span", AG_NO_VALUE, 21 },
  { "world.house.manifest@span=", AG_NO_VALUE, 21 },
  { "world.house.manifest@law_check", AG_NO_VALUE, 21 },
  { "world.house.manifest[phase]", AG_NO_VALUE, 21 },
  { "world.house.manifest[phase=]", AG_NO_VALUE, 21 },
  { "world.house.manifest[entropy=]", AG_NO_VALUE, 21 },
  { "world.house.manifest[phase=plan]", AG_BAD_PHASE, 27 },
  { "world.house.manifest[phase=PLANS]", AG_BAD_PHASE, 27 },
  { "world.house.manifest@phase=Test", AG_BAD_PHASE, 27 },
  { "world.house.manifest[entropy=1.01]", AG_BAD_ENTROPY, 29 },
  { "world.house.manifest[entropy=-0.1]", AG_BAD_ENTROPY, 29 },
  { "world.house.manifest[entropy=nan]", AG_BAD_ENTROPY, 29 },
  { "world.house.manifest[entropy=1e-1]", AG_BAD_ENTROPY, 29 },
  { "world.house.manifest[entropy=.5]", AG_BAD_ENTROPY, 29 },
  { "world.house.manifest[entropy=0.]", AG_BAD_ENTROPY, 29 },
  { "world.house.manifest[entropy=0.1.1]", AG_BAD_ENTROPY, 29 },
  { "world.house.manifest[law_check=yes]", AG_BAD_BOOL, 31 },
  { "world.house.manifest@law_check=1", AG_BAD_BOOL, 31 },
  { "world.house.manifest@span=a b", AG_BAD_VALUE, 26 },
  { "world.house.manifest@span=a/b", AG_BAD_VALUE, 26 },
  { "world.house.manifest[phase=PLAN][phase=TEST]", AG_CONFLICT, 39 },
  { "world.house.manifest[phase=PLAN]@phase=TEST", AG_CONFLICT, 39 },
  { "world.house.manifest[law_check=true]@law_check=false", AG_CONFLICT, 47 },
};

START_TEST (grammar_refuses)
{
  struct ag_error err;
  struct ag_path p;
  int32_t r = ag_path_parse (str (bad[_i].text), &p, &err);
  ck_assert_int_eq (r, bad[_i].fault == AG_UNKNOWN_CONTEXT ? -ENOENT : -EINVAL);
  ck_assert_msg (err.fault == bad[_i].fault && err.at == bad[_i].at,
                 "%s: fault %d at %u, wanted %d at %u", bad[_i].text, (int)err.fault, err.at,
                 (int)bad[_i].fault, bad[_i].at);
}
END_TEST

START_TEST (length_is_bounded)
{
  char text[AG_PATH_MAX + 2];
  struct ag_error err;
  struct ag_path p;
  size_t i;
  for (i = 0; i < sizeof text; i++)
    text[i] = i % 50 == 5 && i < AG_PATH_MAX - 1 ? '.' : 'a';
  memcpy (text, "world.", 6);
  ck_assert_int_eq (ag_path_parse ((kg_str){ text, AG_PATH_MAX }, &p, &err), 0);
  ck_assert_int_eq (ag_path_parse ((kg_str){ text, AG_PATH_MAX + 1 }, &p, &err), -EINVAL);
  ck_assert_int_eq (err.fault, AG_TOO_LONG);
}
END_TEST

START_TEST (nul_is_foreign)
{
  struct ag_error err;
  struct ag_path p;
  ck_assert_int_eq (ag_path_parse ((kg_str){ "world.a\0b.c", 11 }, &p, &err), -EINVAL);
  ck_assert_int_eq (err.fault, AG_UNEXPECTED);
  ck_assert_int_eq (err.at, 7);
}
END_TEST

/* ---- Pipelines ------------------------------------------------------------ */

START_TEST (pipeline_splits)
{
  struct ag_path steps[4];
  struct ag_error err;
  uint32_t step = 9;
  int32_t n = ag_pipeline_parse (str ("Id >> world.a.manifest >> concept.b.refine[phase=QA]"),
                                 steps, 4, &step, &err);
  ck_assert_int_eq (n, 3);
  ck_assert_int_eq (steps[0].ctx, -1);
  ck_assert (ag_str_is (steps[1].handle, "world.a"));
  ck_assert (ag_str_is (steps[2].aspect, "refine"));
}
END_TEST

START_TEST (pipeline_points_at_the_step)
{
  struct ag_path steps[2];
  struct ag_error err;
  uint32_t step = 9;
  ck_assert_int_eq (ag_pipeline_parse (str ("world.a.b >> nope"), steps, 2, &step, &err),
                    -EINVAL);
  ck_assert_int_eq (step, 1);
  ck_assert_int_eq (ag_pipeline_parse (str ("world.a.b >> "), steps, 2, &step, &err), -EINVAL);
  ck_assert_int_eq (step, 1);
  ck_assert_int_eq (ag_pipeline_parse (str ("Id >> Id >> Id"), steps, 2, &step, &err), -E2BIG);
  ck_assert_int_eq (ag_pipeline_parse (str ("Id>>Id"), steps, 2, &step, &err), -EINVAL);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("agentese-grammar");
  TCase *t = tcase_create ("paths");
  SRunner *sr;
  int failed;
  tcase_add_loop_test (t, grammar_accepts, 0, (int)(sizeof good / sizeof good[0]));
  tcase_add_loop_test (t, grammar_refuses, 0, (int)(sizeof bad / sizeof bad[0]));
  tcase_add_test (t, length_is_bounded);
  tcase_add_test (t, nul_is_foreign);
  tcase_add_test (t, pipeline_splits);
  tcase_add_test (t, pipeline_points_at_the_step);
  suite_add_tcase (s, t);
  sr = srunner_create (s);
  srunner_set_tap (sr, "-");
  srunner_run_all (sr, CK_SILENT);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
