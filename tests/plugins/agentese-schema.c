/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The subset of JSON Schema, and its patterns. */

#include "core/util/json.h"
#include "plugins/agentese/pattern.h"
#include "plugins/agentese/schema.h"

#include <check.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COUNT(table) ((int)(sizeof (table) / sizeof (table)[0]))

/* Checks a text and returns what `errors` would be, "" for nothing. */
static const char *
faults (const char *schema, const char *text)
{
  static struct ag_findings f;
  static const struct ag_loc body = { NULL, { "k", 1 }, 0 };
  struct ag_schema *s = NULL;
  struct kg_json_token *tokens = malloc (json_tokens_bound (strlen (text)) * sizeof *tokens);
  struct kg_json j;
  const char *why = "";
  ck_assert_msg (!ag_schema_compile (schema, &s, &why), "%s: %s", schema, why);
  ck_assert_msg (json_scan (text, strlen (text), tokens, json_tokens_bound (strlen (text)), &j, NULL) >= 0, "%s", text);
  ag_findings_init (&f);
  ag_schema_check (s, &j, 0, &body, &f);
  f.list_text[f.list.len] = 0;
  ag_schema_free (s);
  free (tokens);
  return f.list_text;
}

static const struct {
  const char *schema, *text;
  const char *loc, *type; /* of the first fault; NULL: there is none */
} values[] = {
  { "{}", "[1]", NULL, NULL },
  { "true", "1", NULL, NULL },
  { "false", "1", "\"k\"", "extra_forbidden" },
  { "{\"type\":\"string\"}", "\"x\"", NULL, NULL },
  { "{\"type\":\"string\"}", "1", "\"k\"", "string_type" },
  { "{\"type\":\"integer\"}", "1", NULL, NULL },
  { "{\"type\":\"integer\"}", "1.0", NULL, NULL },
  { "{\"type\":\"integer\"}", "1e2", NULL, NULL },
  { "{\"type\":\"integer\"}", "1.5", "\"k\"", "int_parsing" },
  { "{\"type\":\"integer\"}", "\"1\"", "\"k\"", "int_parsing" },
  { "{\"type\":\"number\"}", "1", NULL, NULL },
  { "{\"type\":\"number\"}", "1.5", NULL, NULL },
  { "{\"type\":\"number\"}", "null", "\"k\"", "float_type" },
  { "{\"type\":\"boolean\"}", "false", NULL, NULL },
  { "{\"type\":\"boolean\"}", "0", "\"k\"", "bool_type" },
  { "{\"type\":\"array\"}", "{}", "\"k\"", "list_type" },
  { "{\"type\":\"object\"}", "[]", "\"k\"", "dict_type" },
  { "{\"type\":\"null\"}", "false", "\"k\"", "none_required" },
  { "{\"type\":[\"string\",\"null\"]}", "null", NULL, NULL },
  { "{\"type\":[\"string\",\"null\"]}", "1", "\"k\"", "type" },
  { "{\"minimum\":2}", "2", NULL, NULL },
  { "{\"minimum\":2}", "1", "\"k\"", "range" },
  { "{\"minimum\":2}", "\"a\"", NULL, NULL }, /* says nothing about texts */
  { "{\"exclusiveMinimum\":0}", "0", "\"k\"", "range" },
  { "{\"exclusiveMinimum\":0}", "0.0001", NULL, NULL },
  { "{\"maximum\":1.5}", "1.5", NULL, NULL },
  { "{\"maximum\":1.5}", "1.6", "\"k\"", "range" },
  { "{\"exclusiveMaximum\":3}", "3", "\"k\"", "range" },
  { "{\"maximum\":9007199254740992}", "9007199254740993", "\"k\"", "range" }, /* exact */
  { "{\"minimum\":-9223372036854775808}", "-9223372036854775808", NULL, NULL },
  { "{\"minLength\":2}", "\"a\"", "\"k\"", "range" },
  { "{\"minLength\":2}", "\"\\u00e4\\ud83d\\ude00\"", NULL, NULL }, /* characters */
  { "{\"maxLength\":2}", "\"\xc3\xa4\xf0\x9f\x98\x80\"", NULL, NULL },
  { "{\"maxLength\":2}", "\"abc\"", "\"k\"", "range" },
  { "{\"maxLength\":0}", "\"\"", NULL, NULL },
  { "{\"enum\":[\"a\",1,null,true]}", "\"a\"", NULL, NULL },
  { "{\"enum\":[\"a\",1,null,true]}", "\"\\u0061\"", NULL, NULL },
  { "{\"enum\":[\"a\",1,null,true]}", "1.0", NULL, NULL },
  { "{\"enum\":[\"a\",1,null,true]}", "null", NULL, NULL },
  { "{\"enum\":[\"a\",1,null,true]}", "false", "\"k\"", "enum" },
  { "{\"enum\":[\"a\",1,null,true]}", "\"1\"", "\"k\"", "enum" },
  { "{\"const\":\"x\"}", "\"y\"", "\"k\"", "enum" },
  { "{\"required\":[\"a\"]}", "{\"b\":1}", "\"k\",\"a\"", "missing" },
  { "{\"required\":[\"a\"]}", "{\"\\u0061\":1}", NULL, NULL },
  { "{\"required\":[\"a\"]}", "[]", NULL, NULL },
  { "{\"properties\":{\"a\":{\"type\":\"string\"}}}", "{\"a\":1}", "\"k\",\"a\"", "string_type" },
  { "{\"properties\":{\"a\":{\"type\":\"string\"}}}", "{\"b\":1}", NULL, NULL },
  { "{\"properties\":{\"a\":{}},\"additionalProperties\":false}", "{\"a\":1}", NULL, NULL },
  { "{\"properties\":{\"a\":{}},\"additionalProperties\":false}", "{\"b\":1}", "\"k\",\"b\"",
    "extra_forbidden" },
  { "{\"additionalProperties\":{\"type\":\"integer\"}}", "{\"b\":\"1\"}", "\"k\",\"b\"",
    "int_parsing" },
  { "{\"minProperties\":1}", "{}", "\"k\"", "range" },
  { "{\"maxProperties\":1}", "{\"a\":1,\"b\":2}", "\"k\"", "range" },
  { "{\"items\":{\"type\":\"integer\"}}", "[1,2,\"x\"]", "\"k\",2", "int_parsing" },
  { "{\"minItems\":1}", "[]", "\"k\"", "range" },
  { "{\"maxItems\":1}", "[1,2]", "\"k\"", "range" },
  { "{\"properties\":{\"a\":{\"items\":{\"properties\":{\"b\":{\"maximum\":1}}}}}}",
    "{\"a\":[{},{\"b\":2}]}", "\"k\",\"a\",1,\"b\"", "range" },
  { "{\"pattern\":\"^[a-z]+$\"}", "\"abc\"", NULL, NULL },
  { "{\"pattern\":\"^[a-z]+$\"}", "\"ab1\"", "\"k\"", "string_pattern_mismatch" },
  { "{\"title\":\"t\",\"description\":\"d\",\"default\":1,\"examples\":[1],\"format\":\"uri\"}",
    "1", NULL, NULL },
};

START_TEST (values_are_checked)
{
  const char *got = faults (values[_i].schema, values[_i].text);
  char want[128];
  if (!values[_i].loc) {
    ck_assert_msg (!*got, "%s %s: %s", values[_i].schema, values[_i].text, got);
    return;
  }
  snprintf (want, sizeof want, "[{\"loc\":[%s],\"type\":\"%s\",\"msg\":", values[_i].loc,
            values[_i].type);
  ck_assert_msg (!strncmp (got, want, strlen (want)), "%s %s: %s", values[_i].schema,
                 values[_i].text, got);
}
END_TEST

START_TEST (all_faults_are_told)
{
  ck_assert_str_eq (
      faults ("{\"type\":\"object\",\"required\":[\"a\",\"b\"],\"properties\":{\"a\":{\"type\":"
              "\"integer\",\"minimum\":1,\"maximum\":5}}}",
              "{\"a\":9}"),
      "[{\"loc\":[\"k\",\"a\"],\"type\":\"range\",\"msg\":\"Input should be less than or equal "
      "to 5\"},{\"loc\":[\"k\",\"b\"],\"type\":\"missing\",\"msg\":\"Field required\"}");
}
END_TEST

START_TEST (faults_beyond_the_room_are_left_out)
{
  char text[8192] = "[1";
  const char *list;
  int i;
  for (i = 0; i < 2000; i++)
    strcat (text, ",1");
  strcat (text, "]");
  list = faults ("{\"items\":{\"type\":\"string\"}}", text);
  ck_assert_ptr_nonnull (strstr (list, "[\"k\",15]"));
  ck_assert_ptr_null (strstr (list, "[\"k\",16]"));
  ck_assert_int_eq (list[strlen (list) - 1], '}');
}
END_TEST

static const struct {
  const char *schema, *why;
} refused[] = {
  { "", "a schema is no JSON object" },
  { "{", "a schema is no JSON object" },
  { "{}{}", "a schema is no JSON object" },
  { "null", "a schema is no JSON object" },
  { "1", "a schema is no object" },
  { "[]", "a schema is no object" },
  { "{\"type\":\"text\"}", "\"type\" is no type" },
  { "{\"type\":[]}", "\"type\" is an empty list" },
  { "{\"type\":[1]}", "\"type\" is no type" },
  { "{\"oneOf\":[]}", "a schema has a keyword that is not of the subset" },
  { "{\"$ref\":\"#/x\"}", "a schema has a keyword that is not of the subset" },
  { "{\"uniqueItems\":true}", "a schema has a keyword that is not of the subset" },
  { "{\"properties\":{\"a\":{\"not\":{}}}}", "a schema has a keyword that is not of the subset" },
  { "{\"minimum\":\"1\"}", "a minimum or maximum is no number" },
  { "{\"minimum\":1,\"exclusiveMinimum\":2}", "a bound is given twice" },
  { "{\"maxLength\":-1}", "a length or count" },
  { "{\"maxLength\":1.5}", "a length or count" },
  { "{\"enum\":[]}", "\"enum\" is an empty list" },
  { "{\"enum\":{}}", "\"enum\" is no list" },
  { "{\"enum\":[[]]}", "\"enum\" and \"const\" take" },
  { "{\"required\":\"a\"}", "\"required\" is no list" },
  { "{\"required\":[1]}", "\"required\" is no list of names" },
  { "{\"properties\":[]}", "\"properties\" is no object" },
  { "{\"pattern\":1}", "\"pattern\" is no text" },
  { "{\"pattern\":\"(\"}", "a pattern has a \"(\" without \")\"" },
};

START_TEST (bad_schemas_are_refused)
{
  struct ag_schema *s = NULL;
  const char *why = NULL;
  ck_assert_int_eq (ag_schema_compile (refused[_i].schema, &s, &why), -EINVAL);
  ck_assert_ptr_null (s);
  ck_assert_msg (why && !strncmp (why, refused[_i].why, strlen (refused[_i].why)), "%s: %s",
                 refused[_i].schema, why ? why : "(null)");
}
END_TEST

START_TEST (schemas_that_are_too_deep)
{
  char text[2048] = "";
  struct ag_schema *s = NULL;
  const char *why = NULL;
  int i;
  for (i = 0; i < 20; i++)
    strcat (text, "{\"items\":");
  strcat (text, "{}");
  for (i = 0; i < 20; i++)
    strcat (text, "}");
  ck_assert_int_eq (ag_schema_compile (text, &s, &why), -EINVAL);
}
END_TEST

START_TEST (schemas_as_text)
{
  char *text = NULL;
  const char *why = NULL;
  ck_assert_int_eq (ag_schema_text (" { \"anyOf\" : [ { \"maximum\": 1.50 } ] } ", &text, &why), 0);
  ck_assert_str_eq (text, "{\"anyOf\":[{\"maximum\":1.50}]}");
  free (text);
  ck_assert_int_eq (ag_schema_text ("{\"a\":1} x", &text, &why), -EINVAL);
  ck_assert_int_eq (ag_schema_text ("{\"items\":{\"required\":[\"a\",\"b\"],\"properties\":"
                                    "{\"b\":{\"required\":[\"c\"]}}}}",
                                    &text, &why),
                    0);
  ck_assert_str_eq (text, "{\"items\":{\"required\":[\"a\",\"b\"],\"properties\":{\"b\":"
                          "{\"required\":[\"c\"],\"properties\":{\"c\":{}}},\"a\":{}}}}");
  free (text);
}
END_TEST

/* ---- Patterns ---------------------------------------------------------------------- */

static int32_t
matches (const char *pattern, const char *raw)
{
  struct ag_pattern *p = NULL;
  const char *why = NULL;
  int64_t steps = AG_PATTERN_STEPS;
  int32_t r;
  ck_assert_msg (!ag_pattern_compile ((kg_str){ pattern, strlen (pattern) }, &p, &why), "%s: %s",
                 pattern, why);
  r = ag_pattern_match (p, (kg_str){ raw, strlen (raw) }, &steps);
  ag_pattern_free (p);
  return r;
}

static const struct {
  const char *pattern, *raw; /* as in a JSON text */
  int32_t matches;
} patterns[] = {
  { "", "", 1 },
  { "", "x", 1 },
  { "a", "xay", 1 },
  { "^a", "xay", 0 },
  { "a$", "xa", 1 },
  { "a$", "ax", 0 },
  { "^$", "", 1 },
  { "^$", "x", 0 },
  { "a|b", "xb", 1 },
  { "^(a|bc|)$", "", 1 },
  { "^(a|bc|)$", "bc", 1 },
  { "^(a|bc|)$", "b", 0 },
  { "^a|b$", "cb", 1 },
  { "^(?:ab)+$", "abab", 1 },
  { "^(?:ab)+$", "aba", 0 },
  { "^a*$", "", 1 },
  { "^a*?$", "aaa", 1 },
  { "^a?b$", "b", 1 },
  { "^a?b$", "aab", 0 },
  { "^a{2}$", "aa", 1 },
  { "^a{2}$", "aaa", 0 },
  { "^a{2,}$", "aaaa", 1 },
  { "^a{2,}$", "a", 0 },
  { "^a{1,3}$", "aaa", 1 },
  { "^a{1,3}$", "aaaa", 0 },
  { "^a{0}$", "", 1 },
  { "^(a|b){2,3}c$", "abac", 1 },
  { "^(a|b){2,3}c$", "ac", 0 },
  { "^(a*)*$", "aaa", 1 },
  { "^()*$", "", 1 },
  { "^[a-c]x[^a-c]$", "bxd", 1 },
  { "^[a-c]x[^a-c]$", "bxc", 0 },
  { "^[-a]+$", "a-a", 1 },
  { "^[a-]+$", "-", 1 },
  { "^[\\]x]$", "]", 1 },
  { "^[]$", "x", 0 },
  { "^[^]$", "x", 1 },
  { "^\\d{4}-\\d\\d$", "2026-11", 1 },
  { "^\\d{4}-\\d\\d$", "2026-1x", 0 },
  { "^\\w+$", "a_Z9", 1 },
  { "^\\w+$", "a-b", 0 },
  { "^\\W$", "-", 1 },
  { "^\\W$", "\xc3\xa4", 1 },
  { "^[\\w.]+@[\\w.]+$", "ann.b@example.org", 1 },
  { "^\\s$", "\\t", 1 },
  { "^\\S+$", "a b", 0 },
  { "^.$", "\xf0\x9f\x98\x80", 1 },
  { "^.$", "\\ud83d\\ude00", 1 },
  { "^.$", "\\n", 0 },
  { "^\xc3\xa4$", "\\u00e4", 1 },
  { "^[\xc3\xa0-\xc3\xbf]$", "\xc3\xa4", 1 },
  { "^\\u0041\\x42$", "AB", 1 },
  { "^a\\.b\\\\$", "a.b\\\\", 1 },
  { "^\\/\\t$", "\\/\\t", 1 },
  { "^\"$", "\\\"", 1 },
};

START_TEST (patterns_match)
{
  ck_assert_msg (matches (patterns[_i].pattern, patterns[_i].raw) == patterns[_i].matches,
                 "%s %s", patterns[_i].pattern, patterns[_i].raw);
}
END_TEST

static const char *const bad_patterns[]
    = { "(",        ")",         "[a",      "a\\",   "*a",      "a{",      "a{2,1}", "a{x}",
        "(?=a)",    "(?<n>a)",   "\\1",     "\\b",   "[z-a]",   "[a-\\d]", "\\u12",  "a**",
        "a{300}",   "\\p{L}",    "(?!a)",   "\xff",  "(a{200}){2}", NULL };

START_TEST (patterns_that_are_none)
{
  int i;
  for (i = 0; bad_patterns[i]; i++) {
    struct ag_pattern *p = NULL;
    const char *why = NULL;
    ck_assert_msg (ag_pattern_compile ((kg_str){ bad_patterns[i], strlen (bad_patterns[i]) }, &p,
                                       &why)
                       == -EINVAL,
                   "%s", bad_patterns[i]);
    ck_assert_ptr_nonnull (why);
  }
}
END_TEST

/* What takes other engines 2^n steps: each character costs no more than the last. */
START_TEST (patterns_take_linear_time)
{
  char text[20001];
  int64_t steps[2], n;
  struct ag_pattern *p = NULL;
  const char *why = NULL;
  int i;
  memset (text, 'a', sizeof text);
  ck_assert_int_eq (ag_pattern_compile ((kg_str){ "^(a+)+(a|a)*b$", 14 }, &p, &why), 0);
  for (i = 0; i < 2; i++) {
    n = steps[i] = 1000000;
    ck_assert_int_eq (ag_pattern_match (p, (kg_str){ text, 10000u * (size_t)(i + 1) }, &steps[i]),
                      0);
    steps[i] = n - steps[i];
  }
  ck_assert_int_le (steps[1], 2 * steps[0] + 100);
  n = 1000;
  ck_assert_int_eq (ag_pattern_match (p, (kg_str){ text, sizeof text }, &n), -E2BIG);
  ag_pattern_free (p);
}
END_TEST

int
main (void)
{
  Suite *s = suite_create ("schema");
  TCase *t = tcase_create ("schema");
  SRunner *sr;
  int failed;
  tcase_add_loop_test (t, values_are_checked, 0, COUNT (values));
  tcase_add_test (t, all_faults_are_told);
  tcase_add_test (t, faults_beyond_the_room_are_left_out);
  tcase_add_loop_test (t, bad_schemas_are_refused, 0, COUNT (refused));
  tcase_add_test (t, schemas_that_are_too_deep);
  tcase_add_test (t, schemas_as_text);
  tcase_add_loop_test (t, patterns_match, 0, COUNT (patterns));
  tcase_add_test (t, patterns_that_are_none);
  tcase_add_test (t, patterns_take_linear_time);
  suite_add_tcase (s, t);
  sr = srunner_create (s);
  srunner_set_tap (sr, "-");
  srunner_run_all (sr, CK_SILENT);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
