/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* agentese.so against the fake host: the three routes and the open world. */

#include "tests/plugins/agentese.h"

/* ---- Invocation ------------------------------------------------------------- */

START_TEST (developer_manifest)
{
  kg_req *req = invoke ("world.house.manifest", NULL);
  ck_assert_int_eq (fake_status (req), 200);
  ck_assert_str_eq (
      fake_body (req),
      "{\"path\":\"world.house.manifest\",\"result\":{\"type\":\"developer\","
      "\"entity\":\"house\",\"language\":\"\",\"dependencies\":[],\"structure\":{},"
      "\"build_status\":\"unknown\",\"test_coverage\":0.0,\"issues\":[]},"
      "\"tokens_used\":0,\"cached\":false}");
  ck_assert_int_eq (noted, 1);
  ck_assert_str_eq (note_type, "agentese.invoke");
  ck_assert_str_eq (note_data, "{\"path\":\"world.house.manifest\",\"aspect\":\"manifest\","
                               "\"tokens_used\":0}");
  req = invoke ("world.house.manifest[phase=PLAN]", NULL);
  HAS (req, "cached", "true");
  HAS (req, "path", "world.house.manifest[phase=PLAN]");
  act_as ("t2", all_scopes, any);
  HAS (invoke ("world.house.manifest", NULL), "cached", "false");
  ck_assert_double_eq (
      fake_metric (fake, "kgent_agentese_invocations_total", "world,PERCEPTION"), 3);
}
END_TEST

static const struct {
  const char *archetype, *member, *value;
} shapes[] = {
  { "architect", "result.structural_analysis.integrity", "1.0" },
  { "architect", "result.type", "blueprint" },
  { "poet", "result.mood", "contemplative" },
  { "economist", "result.market_value", "0.0" },
  { "scientist", "result.confidence", "0.5" },
  { "scientist", "result.entity", "house" },
  { "admin", "result.last_updated", "null" },
  { "admin", "result.health", "1.0" },
  { "inhabitant", "result.summary", "World_Entity: house" },
  { "wizard", "result.metadata.entity_type", "world_entity" },
};

START_TEST (manifest_by_archetype)
{
  kg_req *req = invoke_as ("world.house.manifest", shapes[_i].archetype, NULL);
  ck_assert_int_eq (fake_status (req), 200);
  HAS (req, shapes[_i].member, shapes[_i].value);
}
END_TEST

START_TEST (transform_changes_what_is_seen)
{
  kg_req *req = invoke ("world.house.transform",
                        ",\"kwargs\":{\"changes\":{ \"language\" : \"C\", \"value\": 3.5,"
                        " \"l\\u0061bel\": [1, 2] }}");
  ck_assert_int_eq (fake_status (req), 200);
  HAS (req, "result.transformed", "true");
  HAS (req, "result.version", "1");
  HAS (req, "result.changes.value", "3.5");
  HAS (invoke ("world.house.manifest", NULL), "result.language", "C");
  HAS (invoke_as ("world.house.manifest", "economist", NULL), "result.market_value", "3.5");
  req = invoke ("world.house.transform",
                ",\"kwargs\":{\"changes\":{\"language\":null,\"label\":\"x y\"}}");
  HAS (req, "result.version", "2");
  HAS (invoke ("world.house.manifest", NULL), "result.language", "");
  ck_assert_ptr_nonnull (strstr (fake_store_get (fake, "agentese.nodes", "t1/world.house"),
                                 "\"state\":{\"value\":3.5,\"label\":\"x y\"}"));
  act_as ("t2", all_scopes, any);
  HAS (invoke_as ("world.house.manifest", "economist", NULL), "result.market_value", "0.0");
}
END_TEST

START_TEST (witness_is_the_history)
{
  kg_req *req;
  int i;
  for (i = 0; i < 105; i++)
    invoke_as ("world.house.transform", "developer", "{\"changes\":{\"n\":1}}");
  invoke ("world.house.build[phase=QA]@span=s1", ",\"kwargs\":{\"target\":\"all\"}");
  req = invoke ("world.house.witness", NULL);
  HAS (req, "result.handle", "world.house");
  HAS (req, "result.total", "106");
  HAS (req, "result.history.0.aspect", "build");
  HAS (req, "result.history.0.observer", "api_user");
  HAS (req, "result.history.0.version", "105");
  HAS (req, "result.history.0.phase", "QA");
  HAS (req, "result.history.0.span", "s1");
  HAS (req, "result.history.1.observer", "ann");
  HAS (req, "result.history.1.version", "105");
  HAS (req, "result.history.2.version", "104");
  ck_assert_ptr_nonnull (fake_json (req, "result.history.99.version"));
  ck_assert_ptr_null (fake_json (req, "result.history.100.version"));
  req = invoke ("world.house.witness", ",\"kwargs\":{\"limit\":1}");
  ck_assert_ptr_null (fake_json (req, "result.history.1.version"));
  ck_assert_int_eq (fake_status (invoke ("world.house.witness", ",\"kwargs\":{\"limit\":0}")),
                    400);
  ck_assert_int_eq (fake_status (invoke ("world.house.witness", ",\"kwargs\":{\"limit\":101}")),
                    400);
  HAS (invoke ("world.garden.witness", NULL), "result.total", "0");
}
END_TEST

START_TEST (other_verbs_are_acknowledged)
{
  kg_req *req = invoke ("world.house.deploy", ",\"kwargs\":{\"to\" : \"moon\"}");
  ck_assert_str_eq (fake_body (req),
                    "{\"path\":\"world.house.deploy\",\"result\":{\"entity\":"
                    "\"house\",\"aspect\":\"deploy\",\"status\":\"acknowledged\","
                    "\"kwargs\":{\"to\":\"moon\"}},\"tokens_used\":0,"
                    "\"cached\":false}");
  invoke ("world.house.deploy", ",\"kwargs\":{\"changes\":{\"build_status\":\"up\"}}");
  HAS (invoke ("world.house.manifest", NULL), "result.build_status", "up");
  HAS (invoke_as ("world.house.measure", "scientist", "{\"metric\":\"build_status\"}"),
       "result.value", "up");
  HAS (invoke_as ("world.house.measure", "scientist", "{\"metric\":\"mass\"}"), "result.value",
       "unmeasured");
  ck_assert_int_eq (fake_status (invoke_as ("world.house.measure", "scientist", "{}")), 400);
  HAS (invoke ("world.house.room.lineage", NULL), "result.lineage.1", "world.house");
  HAS (invoke ("world.house.constraints", NULL), "result.constraints.history", "100");
}
END_TEST

START_TEST (relations)
{
  kg_req *req = invoke ("world.house.relate", ",\"kwargs\":{\"target\":\"world.garden\"}");
  HAS (req, "result.source", "world.house");
  HAS (req, "result.relation", "related_to");
  invoke ("world.house.relate",
          ",\"kwargs\":{\"target\":\"world.garden\",\"relation\":\"adjoins\"}");
  req = invoke ("world.house.relate", NULL);
  HAS (req, "result.0.relation", "adjoins");
  ck_assert_ptr_null (fake_json (req, "result.1"));
  req = invoke ("world.house.relate[minimal_output]", NULL);
  ck_assert_int_eq (fake_status (req), 422);
  HAS (req, "law", "minimal_output");
  ck_assert_int_eq (
      fake_status (invoke ("world.house.relate", ",\"kwargs\":{\"target\":\"../x\"}")), 400);
}
END_TEST

START_TEST (define_makes_a_child)
{
  kg_req *req = invoke ("world.house.define",
                        ",\"kwargs\":{\"name\":\"attic\",\"spec\":{\"language\":\"wood\"}}");
  ck_assert_int_eq (fake_status (req), 200);
  HAS (req, "result.handle", "world.house.attic");
  HAS (req, "result.affordances.0", "manifest");
  HAS (invoke ("world.house.attic.manifest", NULL), "result.language", "wood");
  HAS (invoke ("world.house.attic.witness", NULL), "result.history.0.version", "1");
  HAS (invoke ("world.house.witness", NULL), "result.history.0.aspect", "define");
  req = invoke ("world.house.define", ",\"kwargs\":{\"name\":\"attic\"}");
  ck_assert_int_eq (fake_status (req), 409);
  ck_assert_int_eq (fake_status (invoke_as ("world.house.define", "poet", "{\"name\":\"x\"}")),
                    403);
  req = invoke ("world.house.define", ",\"observer\":{\"archetype\":\"poet\",\"capabilities\":"
                                      "[\"define\"]},\"kwargs\":{\"name\":\"x\"}");
  ck_assert_int_eq (fake_status (req), 200);
  ck_assert_int_eq (
      fake_status (invoke ("world.house.define", ",\"kwargs\":{\"name\":\"A b\"}")), 400);
  ck_assert_int_eq (fake_status (invoke ("world.house.define", NULL)), 400);
}
END_TEST

/* ---- Refusals --------------------------------------------------------------- */

static const struct {
  const char *path, *detail; /* how the detail begins */
  int status;
} refusals[] = {
  { "", "Invalid path: Path '' incomplete\n\n    Why: ", 400 },
  { "world", "Invalid path: Path 'world' incomplete\n\n    Why: ", 400 },
  { "world.house", "Invalid path: Path must include aspect: 'world.house'\n", 400 },
  { "self.vitals.triad", "Invalid path: Path must include aspect: 'self.vitals.triad'\n", 400 },
  { "worlds.house.manifest", "Path not found: Unknown context: 'worlds'\n", 404 },
  { "world.house.fly", "Affordance not available: Aspect 'fly' not available to developer\n",
    403 },
  { "world.house.renovate", "Affordance not available: Aspect 'renovate' not", 403 },
  { "world.purgatory.transform", "Affordance not available: ", 403 },
  { "world.house.manifest[phase=PLAN", "Invalid path: Unclosed bracket at 20", 400 },
  { "world.house.manifest[colour=red]", "Invalid path: Unknown clause 'colour' at 21", 400 },
  { "world.house.manifest@span", "Invalid path: Annotation 'span' without value at 21", 400 },
  { "world.house.manifest[entropy=2]", "Invalid path: Entropy out of range: '2' at 29", 400 },
  { "world.House.manifest", "Invalid path: Invalid holon 'House' at 6", 400 },
  { "world.house.manifest>> Id", "Invalid path: Unexpected character '>' at 20", 400 },
  { "self.memory.recall", "Argument 'key' or 'query' is required\n\n    Why: ", 400 },
  { "self.memory.compress", "Not implemented: It takes a language model, ", 501 },
  { "void.capital.bypass", "body.kwargs.check: Field required", 400 },
  { "void.entropy.sip[rollback=true]", "Not implemented: ", 501 },
};

START_TEST (refusal_texts)
{
  kg_req *req = invoke (refusals[_i].path, NULL);
  const char *detail = fake_json (req, "detail");
  ck_assert_msg (fake_status (req) == refusals[_i].status, "%s: %d %s", refusals[_i].path,
                 fake_status (req), fake_body (req));
  ck_assert_msg (!strncmp (detail, refusals[_i].detail, strlen (refusals[_i].detail)), "%s: %s",
                 refusals[_i].path, detail);
  ck_assert_int_eq (noted, 0);
}
END_TEST

START_TEST (refusal_members)
{
  kg_req *req = invoke ("world.house.manfest", NULL);
  HAS (req, "available.0", "manifest");
  HAS (req, "suggestion", "world.house.manifest");
  HAS (req, "related.0", "manifest");
  ck_assert_ptr_nonnull (fake_json (req, "why"));
  ck_assert_ptr_nonnull (strstr (fake_json (req, "detail"),
                                 "\n\n    Try: world.house.manifest"
                                 "\n\n    Related: manifest, witness"));
  req = invoke ("worl.house.manifest", NULL);
  HAS (req, "similar_paths.0", "world.house.manifest");
}
END_TEST

static const struct {
  const char *body, *loc, *type;
  int status;
} bodies[] = {
  { "{}", "[\"body\",\"path\"]", "missing", 422 },
  { "{\"path\":1}", "[\"body\",\"path\"]", "string_type", 422 },
  { "{\"path\":null}", "[\"body\",\"path\"]", "string_type", 422 },
  { "{\"path\":\"world.a.manifest\",\"kwargs\":[]}", "[\"body\",\"kwargs\"]", "dict_type",
    422 },
  { "{\"path\":\"world.a.manifest\",\"observer\":\"x\"}", "[\"body\",\"observer\"]",
    "dict_type", 422 },
  { "{\"path\":\"world.a.manifest\",\"observer\":{\"name\":1}}",
    "[\"body\",\"observer\",\"name\"]", "string_type", 422 },
  { "{\"path\":\"world.a.manifest\",\"observer\":{\"archetype\":{}}}",
    "[\"body\",\"observer\",\"archetype\"]", "string_type", 422 },
  { "{\"path\":\"world.a.manifest\",\"observer\":{\"capabilities\":\"x\"}}",
    "[\"body\",\"observer\",\"capabilities\"]", "list_type", 422 },
  { "{\"path\":\"world.a.manifest\",\"observer\":{\"capabilities\":[1]}}",
    "[\"body\",\"observer\",\"capabilities\"]", "string_type", 422 },
  { "[]", "[\"body\"]", "dict_type", 422 },
  { "null", "[\"body\"]", "dict_type", 422 },
  { "12", "[\"body\"]", "dict_type", 422 },
};

START_TEST (body_is_checked)
{
  kg_req *req = fake_request (fake, "POST", "/v1/agentese/invoke", NULL, bodies[_i].body);
  ck_assert_int_eq (fake_status (req), bodies[_i].status);
  HAS (req, "errors.0.loc", bodies[_i].loc);
  HAS (req, "errors.0.type", bodies[_i].type);
}
END_TEST

START_TEST (reserved_arguments)
{
  static const char *const names[] = { "path", "observer", "self", "aspect" };
  char more[64];
  int i;
  for (i = 0; i < 4; i++) {
    snprintf (more, sizeof more, ",\"kwargs\":{\"%s\":1}", names[i]);
    ck_assert_int_eq (fake_status (invoke ("world.house.manifest", more)), 400);
  }
  ck_assert_int_eq (
      fake_status (invoke ("world.house.manifest", ",\"kwargs\":{\"s\\u0065lf\":1}")), 400);
}
END_TEST

/* ---- Who may ----------------------------------------------------------------- */

START_TEST (read_keys_change_nothing)
{
  static const char *const paths[]
      = { "world.house.transform", "world.house.define", "world.house.build" };
  kg_req *req;
  int i;
  act_as ("t1", read_only, any);
  for (i = 0; i < 3; i++) {
    req = invoke (paths[i], ",\"kwargs\":{\"name\":\"x\",\"changes\":{}}");
    ck_assert_int_eq (fake_status (req), 403);
    HAS (req, "detail", "API key requires 'write' scope");
    HAS (req, "required_scope", "write");
  }
  req = invoke ("world.house.relate", ",\"kwargs\":{\"target\":\"world.x\"}");
  ck_assert_int_eq (fake_status (req), 403);
  ck_assert_int_eq (fake_status (invoke ("world.house.relate", NULL)), 200);
  ck_assert_ptr_null (fake_store_get (fake, "agentese.nodes", "t1/world.house"));
}
END_TEST

START_TEST (claims_are_bound_to_the_key)
{
  kg_req *req;
  act_as ("t1", all_scopes, NULL);
  ck_assert_int_eq (fake_status (invoke_as ("world.house.manifest", "developer", NULL)), 200);
  req = invoke_as ("world.house.manifest", "admin", NULL);
  ck_assert_int_eq (fake_status (req), 403);
  HAS (req, "available.0", "developer");
  act_as ("t1", all_scopes, poet_first);
  HAS (invoke ("world.house.manifest", NULL), "result.type", "poetic");
  HAS (invoke_as ("world.house.manifest", "developer", NULL), "result.type", "developer");
  ck_assert_int_eq (fake_status (invoke_as ("world.house.manifest", "admin", NULL)), 403);
}
END_TEST

START_TEST (scopes_may_be_paths)
{
  kg_req *req;
  act_as ("t1", house_only, any);
  ck_assert_int_eq (fake_status (invoke ("world.house.manifest", NULL)), 200);
  ck_assert_int_eq (fake_status (invoke ("world.house.attic.manifest", NULL)), 200);
  req = invoke ("world.garden.manifest", NULL);
  ck_assert_int_eq (fake_status (req), 403);
  HAS (req, "required_scope", "invoke:world.garden.manifest");
  ck_assert_int_eq (fake_status (invoke ("world.houses.manifest", NULL)), 403);
}
END_TEST

START_TEST (somebody_without_tenant)
{
  act_as ("", all_scopes, any);
  ck_assert_int_eq (fake_status (invoke ("world.house.manifest", NULL)), 403);
}
END_TEST

/* ---- resolve and affordances --------------------------------------------------- */

static kg_req *
get (const char *target)
{
  return fake_request (fake, "GET", target, NULL, NULL);
}

START_TEST (resolve_names_the_node)
{
  kg_req *req = get ("/v1/agentese/resolve?path=world.house.manifest");
  ck_assert_str_eq (
      fake_body (req),
      "{\"path\":\"world.house.manifest\",\"handle\":\"world.house\",\"context\":"
      "\"world\",\"affordances\":[\"manifest\",\"witness\",\"affordances\",\"define\","
      "\"relate\",\"transform\",\"build\",\"deploy\",\"debug\",\"test\",\"refactor\"]}");
  HAS (get ("/v1/agentese/resolve?path=world.house"), "handle", "world.house");
  HAS (get ("/v1/agentese/resolve?path=world.house.kitchen"), "handle", "world.house.kitchen");
  HAS (get ("/v1/agentese/resolve?path=self.vitals.triad"), "affordances.3", "is_coherent");
  HAS (get ("/v1/agentese/resolve?path=self.vitals.triad.can_recall"), "handle",
       "self.vitals.triad");
  ck_assert_int_eq (fake_status (get ("/v1/agentese/resolve")), 422);
  ck_assert_int_eq (fake_status (get ("/v1/agentese/resolve?path=")), 400);
  ck_assert_int_eq (fake_status (get ("/v1/agentese/resolve?path=nope.x")), 404);
  ck_assert_int_eq (fake_status (get ("/v1/agentese/resolve?path=world%2Fx")), 400);
  HAS (invoke ("world.house.manifest", NULL), "cached", "true");
}
END_TEST

START_TEST (answers_have_tags)
{
  static const char *const targets[]
      = { "/v1/agentese/resolve?path=world.house", "/v1/agentese/affordances?path=world.house" };
  char header[64];
  const char *const headers[] = { header, NULL };
  int i;
  for (i = 0; i < 2; i++) {
    snprintf (header, sizeof header, "If-None-Match: %s", fake_header (get (targets[i]), "ETag"));
    ck_assert_int_eq (
        fake_status (fake_request (fake, "GET", targets[i], headers, NULL)), 304);
  }
  ck_assert_int_eq (fake_status (fake_request (fake, "GET", targets[0], headers, NULL)), 200);
}
END_TEST

static const struct {
  const char *query, *list;
} lists[] = {
  { "world.house&archetype=architect", "[\"manifest\",\"witness\",\"affordances\",\"define\","
                                       "\"relate\",\"transform\",\"renovate\","
                                       "\"measure\",\"blueprint\",\"demolish\",\"design\"]" },
  { "world.house&archetype=wizard", "[\"manifest\",\"witness\",\"affordances\",\"define\","
                                    "\"relate\",\"transform\"]" },
  { "world.purgatory&archetype=admin", "[\"manifest\",\"witness\",\"affordances\",\"list\","
                                       "\"resolve\",\"cancel\",\"inspect\",\"void_expired\"]" },
  { "world.purgatory&archetype=poet",
    "[\"manifest\",\"witness\",\"affordances\",\"list\",\"inspect\"]" },
  { "concept.love&archetype=artist", "[\"manifest\",\"witness\",\"affordances\",\"define\","
                                     "\"relate\",\"interpret\",\"express\",\"transform\","
                                     "\"inspire\"]" },
  { "self.capabilities", "[\"manifest\",\"witness\",\"affordances\",\"list\",\"acquire\","
                         "\"release\"]" },
  { "self.anything", "[\"manifest\",\"witness\",\"affordances\",\"inspect\"]" },
  { "void.entropy", "[\"manifest\",\"witness\",\"affordances\",\"sip\",\"pour\",\"sample\","
                    "\"status\"]" },
  { "void.anything", "[\"manifest\",\"witness\",\"affordances\",\"sip\",\"tithe\"]" },
  { "time.schedule",
    "[\"manifest\",\"witness\",\"affordances\",\"defer\",\"cancel\",\"list\"]" },
  { "time.anything", "[\"manifest\",\"witness\",\"affordances\"]" },
};

START_TEST (affordances_by_archetype)
{
  char target[256];
  kg_req *req;
  snprintf (target, sizeof target, "/v1/agentese/affordances?path=%s", lists[_i].query);
  req = get (target);
  ck_assert_int_eq (fake_status (req), 200);
  HAS (req, "affordances", lists[_i].list);
}
END_TEST

START_TEST (affordances_of_whom)
{
  HAS (get ("/v1/agentese/affordances?path=world.house"), "observer_archetype", "developer");
  HAS (get ("/v1/agentese/affordances?path=world.house&archetype=poet"), "observer_archetype",
       "poet");
  HAS (invoke ("void.entropy.affordances", NULL), "result.3", "sip");
}
END_TEST

START_TEST (answers_are_json_whatever_is_asked)
{
  kg_req *req = invoke ("world.house.manifest[\\tphase = QA ]", NULL);
  ck_assert_int_eq (fake_status (req), 200);
  HAS (req, "path", "world.house.manifest[\tphase = QA ]");
  ck_assert_int_eq (fake_status (get ("/v1/agentese/affordances?path=world.a&archetype=%ff")),
                    400);
  req = get ("/v1/agentese/affordances?path=world.a&archetype=%22%C3%A9");
  HAS (req, "observer_archetype", "\"\xc3\xa9");
  req = get ("/v1/agentese/resolve?path=world.%FF%22");
  ck_assert_int_eq (fake_status (req), 400);
  ck_assert_ptr_nonnull (fake_json (req, "detail"));
}
END_TEST

#define COUNT(table) ((int)(sizeof (table) / sizeof (table)[0]))

int
main (void)
{
  Suite *s = suite_create ("agentese");
  TCase *t = tcase_create ("open world");
  SRunner *sr;
  int failed;
  tcase_add_checked_fixture (t, begin, end);
  tcase_add_test (t, developer_manifest);
  tcase_add_loop_test (t, manifest_by_archetype, 0, COUNT (shapes));
  tcase_add_test (t, transform_changes_what_is_seen);
  tcase_add_test (t, witness_is_the_history);
  tcase_add_test (t, other_verbs_are_acknowledged);
  tcase_add_test (t, relations);
  tcase_add_test (t, define_makes_a_child);
  tcase_add_loop_test (t, refusal_texts, 0, COUNT (refusals));
  tcase_add_test (t, refusal_members);
  tcase_add_loop_test (t, body_is_checked, 0, COUNT (bodies));
  tcase_add_test (t, reserved_arguments);
  tcase_add_test (t, read_keys_change_nothing);
  tcase_add_test (t, claims_are_bound_to_the_key);
  tcase_add_test (t, scopes_may_be_paths);
  tcase_add_test (t, somebody_without_tenant);
  tcase_add_test (t, resolve_names_the_node);
  tcase_add_test (t, answers_have_tags);
  tcase_add_loop_test (t, affordances_by_archetype, 0, COUNT (lists));
  tcase_add_test (t, affordances_of_whom);
  tcase_add_test (t, answers_are_json_whatever_is_asked);
  suite_add_tcase (s, t);
  sr = srunner_create (s);
  srunner_set_tap (sr, "-");
  srunner_run_all (sr, CK_SILENT);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
