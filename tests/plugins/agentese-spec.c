/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Specs as texts: what they become, and what happens when there is too little memory. */
#include "plugins/agentese/spec.h"
#include "tests/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char lamp[] = "---\n"
                           "# a comment\n"
                           "summary: \"A \\\"lamp\\\".\"\n"
                           "archetypes:\n"
                           "  any: [shine, tell]\n"
                           "  poet: [dream, shine]\n"
                           "aspects:\n"
                           "  shine: 'It''s on.'\n"
                           "  tell:\n"
                           "    category: INTROSPECTION\n"
                           "    tokens: 3\n"
                           "    input: {\"type\":\"object\"}\n"
                           "  dream:\n"
                           "    does: note\n"
                           "---\n"
                           "\n# A \"lamp\"\n\n\\{{ {{colour| red }}\t{{self}}\n\n"
                           "## shine\n{{a}}{{b|}}\n"
                           "```\n## no heading\n```\n"
                           "## tell\n\n```json\n{ \"x\" : [ {{x}} , {{y|1}} ],\n"
                           "  \"{ }\": \"a {{z|q\"}} \\\"\" }\n```\n";

static char mem[262144];

static struct ag_spec *
read_text (const char *text)
{
  struct ag_spec *spec = NULL;
  struct ag_spec_error err;
  int32_t r = ag_spec_read (ag_str (text), mem, ag_spec_size (strlen (text)), &spec, &err);
  ck_assert_msg (!r, "%d: %u: %s", r, err.line, err.what);
  return spec;
}

static void
json_is (const struct ag_spec_text *t, const char *want)
{
  ck_assert_msg (ag_str_is (t->json, want), "%.*s", (int)t->json.len, t->json.ptr);
}

START_TEST (becomes)
{
  struct ag_spec *spec = read_text (lamp);
  struct ag_spec_aspect *a = spec->aspect;
  ck_assert_str_eq (spec->summary, "A \"lamp\".");
  ck_assert_uint_eq (spec->naspects, 3);
  json_is (&spec->about, "\"# A \\\"lamp\\\"\\n\\n{{  red \\t\"");
  ck_assert_str_eq (a[0].name, "shine");
  ck_assert_str_eq (a[0].summary, "It's on.");
  ck_assert_str_eq (a[0].holes, "{\"type\":\"object\",\"properties\":{\"a\":{},\"b\":{}}}");
  ck_assert (a[0].to_any && a[0].nwhom == 1 && a[0].category == AG_PERCEPTION);
  json_is (&a[0].text, "\"\\n```\\n## no heading\\n```\"");
  ck_assert_int_eq (a[1].category, AG_INTROSPECTION);
  ck_assert (a[1].priced && a[1].cost.tokens == 3);
  json_is (&a[1].text, "{\"x\":[null,1],\"{ }\":\"a q\\\" \\\"\"}");
  ck_assert_uint_eq (a[1].text.hole[0].in_string, 0);
  ck_assert_uint_eq (a[1].text.hole[2].in_string, 1);
  ck_assert_str_eq (a[2].name, "dream");
  ck_assert (!a[2].to_any && !strcmp (a[2].whom[0], "poet") && !a[2].whom[1]);
  ck_assert_int_eq (a[2].category, AG_MUTATION);
}
END_TEST

/* Each size is one block of the heap, so that a checker sees one byte too much. */
START_TEST (too_little_memory)
{
  size_t len = sizeof lamp - 1, enough = ag_spec_size (len), size;
  struct ag_spec_error err;
  struct ag_spec *spec;
  int32_t r, before = -ENOMEM;
  for (size = 1; size <= enough; size += 7) {
    char *block = malloc (size);
    ck_assert_ptr_nonnull (block);
    r = ag_spec_read ((kg_str){ lamp, len }, block, size, &spec, &err);
    ck_assert_msg (r == -ENOMEM || (!r && size > enough / 2), "%zu: %d", size, r);
    ck_assert (r == 0 || before == -ENOMEM);
    before = r;
    free (block);
  }
  ck_assert_int_eq (before, 0);
}
END_TEST

/* Texts that only look as if they had holes take no memory of those that have some. */
START_TEST (escaped_holes)
{
  static char text[AG_SPEC_MAX + 1];
  struct ag_spec *spec;
  uint32_t i, k;
  strcpy (text, "---\naspects:\n");
  for (i = 0; i < AG_SPEC_ASPECTS; i++)
    sprintf (text + strlen (text), "  a%u: A.\n", i);
  strcat (text, "---\n");
  for (i = 0; i < AG_SPEC_ASPECTS; i++) {
    sprintf (text + strlen (text), "## a%u\n{{x}}{{y}}{{z}}{{w}}", i);
    for (k = 0; k < 128; k++)
      strcat (text, "\\{{");
    strcat (text, "\n");
  }
  spec = read_text (text);
  ck_assert_uint_eq (spec->nholes, AG_SPEC_HOLES);
  for (i = 0; i < AG_SPEC_ASPECTS; i++)
    ck_assert_str_eq (spec->aspect[i].text.hole[3].name, "w");
}
END_TEST

START_TEST (too_many_holes)
{
  static char text[AG_SPEC_MAX + 1] = "---\naspects:\n  a: A.\n---\n{{x|}}\n## a\n";
  struct ag_spec_error err;
  struct ag_spec *spec;
  uint32_t i;
  for (i = 0; i < AG_SPEC_HOLES; i++)
    strcat (text, "{{x}}");
  ck_assert_int_eq (
      ag_spec_read (ag_str (text), mem, ag_spec_size (strlen (text)), &spec, &err), -EINVAL);
  ck_assert_str_eq (err.what, "there are more than 128 holes");
}
END_TEST

START_TEST (marks)
{
  uint64_t one = read_text (lamp)->mark;
  ck_assert_uint_eq (read_text (lamp)->mark, one);
  ck_assert_uint_ne (read_text ("---\nsummary: x\n---\n")->mark, one);
}
END_TEST

START_TEST (tells)
{
  struct ag_spec_error err = { .line = 3, .what = "wrong", .shown = ag_str ("a\x01") };
  char text[64];
  ck_assert_str_eq (ag_spec_error_text (&err, text, sizeof text), "'a?': wrong");
  err.fix = "mend it";
  err.shown.len = 0;
  ck_assert_str_eq (ag_spec_error_text (&err, text, sizeof text), "wrong; mend it");
}
END_TEST

UNIT_MAIN ("agentese-spec", becomes, too_little_memory, escaped_holes, too_many_holes,
           marks, tells)
