/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* concept.*: the lattice, refining, and what each archetype sees. */
#include "tests/plugins/agentese.h"
#include "tests/unit.h"

static kg_req *
define (const char *name, const char *more)
{
  char path[128], kwargs[1024];
  snprintf (path, sizeof path, "concept.%s.define", name);
  snprintf (kwargs, sizeof kwargs, "{\"definition\":\"It is %s. Really.\"%s}", name, more);
  return invoke_as (path, "developer", kwargs);
}

static void
refused (kg_req *req, int status, const char *part)
{
  ck_assert_msg (fake_status (req) == status, "%d: %s", (int)fake_status (req), fake_body (req));
  ck_assert_msg (strstr (fake_body (req), part) != NULL, "%s", fake_body (req));
}

START_TEST (test_define)
{
  kg_req *req;
  begin ();
  req = define ("love", ",\"extends\":[\"concept.entity\"],\"constraints\":[\"pure\"],"
                        "\"affordances\":[\"bloom\"]");
  HAS (req, "result",
       "{\"handle\":\"concept.love\",\"name\":\"love\",\"definition\":\"It is love. Really.\","
       "\"domain\":\"general\",\"extends\":[\"concept.entity\"],\"affordances\":[\"manifest\","
       "\"witness\",\"affordances\",\"define\",\"relate\",\"bloom\"],\"constraints\":[\"pure\"],"
       "\"depth\":2}");
  req = invoke_as ("concept.anything.define", "poet",
                   "{\"name\":\"hate\",\"extends\":\"love\",\"domain\":\"ethics\"}");
  HAS (req, "result.handle", "concept.hate");
  HAS (req, "result.domain", "ethics");
  HAS (req, "result.depth", "3");
  HAS (req, "result.affordances.5", "bloom");
  HAS (req, "result.constraints", "[\"pure\"]");
  HAS (invoke ("concept.hate.lineage", NULL), "result.lineage",
       "[\"concept\",\"concept.entity\",\"concept.love\"]");
  HAS (invoke ("concept.hate.constraints", NULL), "result.constraints", "[\"pure\"]");
  HAS (invoke ("concept.nothing.lineage", NULL), "result.version", "0");
  HAS (invoke ("concept.love.witness", NULL), "result.total", "1");
  HAS (invoke ("concept.love.witness", NULL), "result.history.0.aspect", "define");
  end ();
}
END_TEST

/* The union of what parents afford, the intersection of what binds them. */
START_TEST (test_two_parents)
{
  kg_req *req;
  begin ();
  define ("a", ",\"extends\":[\"process\"],\"constraints\":[\"pure\",\"sync\"],"
               "\"affordances\":[\"x\"]");
  define ("b", ",\"extends\":[\"property\"],\"constraints\":[\"pure\",\"mutable\"],"
               "\"affordances\":[\"y\",\"x\"]");
  req = define ("c", ",\"extends\":[\"concept.a\",\"concept.b\"]");
  HAS (req, "result.constraints", "[\"pure\"]");
  HAS (req, "result.affordances.5", "x");
  HAS (req, "result.affordances.6", "y");
  HAS (req, "result.depth", "3");
  end ();
}
END_TEST

START_TEST (test_lattice_rules)
{
  static const char *const both[][2] = { { "mutable", "immutable" },
                                         { "sync", "async" },
                                         { "pure", "impure" },
                                         { "deterministic", "stochastic" } };
  char more[256];
  kg_req *req;
  int i;
  begin ();
  req = define ("x", "");
  refused (req, 422, "Cannot create 'concept.x': concepts cannot exist ex nihilo");
  HAS (req, "law", "lineage");
  HAS (req, "related.0", "concept");
  ck_assert_ptr_nonnull (fake_json (req, "why"));
  ck_assert_ptr_nonnull (fake_json (req, "suggestion"));
  refused (define ("x", ",\"extends\":[\"concept.unknown\"]"), 422, "ex nihilo");
  refused (define ("x", ",\"extends\":[\"concept.x\"]"), 422, "ex nihilo");
  refused (define ("x", ",\"extends\":[\"entity\",\"concept.unknown\"]"), 422,
           "it extends what is not known: concept.unknown");
  refused (define ("x", ",\"extends\":[\"world.house\"]"), 400, "must name concepts");
  refused (define ("x", ",\"extends\":[7]"), 400, "errors");
  refused (define ("x", ",\"extends\":[\"entity\"],\"name\":\"X\""), 400, "errors");
  refused (define ("entity", ",\"extends\":[\"concept\"]"), 409, "is already defined");
  for (i = 0; i < 4; i++) {
    snprintf (more, sizeof more, ",\"extends\":[\"entity\"],\"constraints\":[\"%s\",\"%s\"]",
              both[i][0], both[i][1]);
    refused (define ("x", more), 422, "it would be bound to be both ");
    snprintf (more, sizeof more, ",\"extends\":[\"entity\"],\"constraints\":[\"%s\"]", both[i][0]);
    define (both[i][0], more);
    snprintf (more, sizeof more, ",\"extends\":[\"entity\"],\"constraints\":[\"%s\"]", both[i][1]);
    define (both[i][1], more);
    snprintf (more, sizeof more, ",\"extends\":[\"%s\",\"%s\"]", both[i][0], both[i][1]);
    refused (define ("x", more), 422, "it would be bound to be both ");
  }
  HAS (invoke ("concept.x.witness", NULL), "result.total", "0");
  end ();
}
END_TEST

START_TEST (test_cycles)
{
  begin ();
  ck_assert_int_eq (fake_status (define ("a", ",\"extends\":[\"entity\"]")), 200);
  ck_assert_int_eq (fake_status (define ("b", ",\"extends\":[\"a\"]")), 200);
  ck_assert_int_eq (fake_status (define ("c", ",\"extends\":[\"b\"]")), 200);
  refused (define ("a", ",\"extends\":[\"c\"]"), 422, "it would be its own ancestor");
  refused (define ("a", ",\"extends\":[\"a\"]"), 422, "it would be its own ancestor");
  refused (define ("a", ",\"extends\":[\"process\"]"), 409, "'concept.a' is already defined");
  HAS (invoke ("concept.a.lineage", NULL), "result.extends", "[\"concept.entity\"]");
  end ();
}
END_TEST

/* What time took back can't come back as its own descendant. */
START_TEST (test_cycle_through_the_past)
{
  kg_req *req;
  char more[128];
  begin ();
  req = invoke_as ("concept.a.define[rollback=true]", "poet", "{\"extends\":\"entity\"}");
  ck_assert_int_eq (fake_status (req), 200);
  snprintf (more, sizeof more, ",\"kwargs\":{\"token\":\"%s\"}", fake_json (req, "rollback_token"));
  ck_assert_int_eq (fake_status (define ("b", ",\"extends\":[\"a\"]")), 200);
  ck_assert_int_eq (fake_status (invoke ("time.past.restore", more)), 200);
  HAS (invoke ("concept.a.manifest", NULL), "result.metadata.depth", "null");
  refused (define ("a", ",\"extends\":[\"b\"]"), 422, "it would be its own ancestor");
  ck_assert_int_eq (fake_status (define ("a", ",\"extends\":[\"process\"]")), 200);
  end ();
}
END_TEST

START_TEST (test_depth)
{
  char name[32], more[128];
  int i;
  begin ();
  ck_assert_int_eq (fake_status (define ("d2", ",\"extends\":[\"entity\"]")), 200);
  for (i = 3; i <= 64; i++) {
    snprintf (name, sizeof name, "d%d", i);
    snprintf (more, sizeof more, ",\"extends\":[\"d%d\"]", i - 1);
    ck_assert_int_eq (fake_status (define (name, more)), 200);
  }
  refused (define ("deep", ",\"extends\":[\"d64\"]"), 507, "agentese.lattice");
  end ();
}
END_TEST

START_TEST (test_manifest)
{
  kg_req *req;
  begin ();
  HAS (invoke_as ("concept.love.manifest", "philosopher", NULL), "result",
       "{\"type\":\"philosophical\",\"concept\":\"love\",\"definition\":"
       "\"Nothing is said of love yet; define it.\",\"essence\":null,\"dialectic\":"
       "{\"thesis\":null,\"antithesis\":null,\"synthesis\":null},\"related_concepts\":[]}");
  HAS (invoke ("concept.love.manifest", NULL), "result",
       "{\"summary\":\"Concept: love\",\"content\":\"Nothing is said of love yet; define it.\","
       "\"metadata\":{\"domain\":\"general\",\"extends\":[],\"depth\":null}}");
  HAS (invoke ("concept.entity.manifest", NULL), "result",
       "{\"summary\":\"Concept: entity\",\"content\":\"What is.\",\"metadata\":{\"domain\":"
       "\"general\",\"extends\":[\"concept\"],\"depth\":1}}");
  define ("love", ",\"extends\":[\"entity\"],\"domain\":\"ethics\"");
  req = invoke_as ("concept.love.relate", "poet",
                   "{\"target\":\"concept.hate\",\"relation\":\"opposes\"}");
  ck_assert_int_eq (fake_status (req), 200);
  req = invoke_as ("concept.love.manifest", "philosopher", NULL);
  HAS (req, "result.essence", "It is love");
  HAS (req, "result.related_concepts", "[\"concept.hate\"]");
  HAS (invoke ("concept.love.manifest", NULL), "result.metadata.domain", "ethics");
  HAS (invoke ("concept.love.manifest", NULL), "result.metadata.depth", "2");
  HAS (invoke ("concept.love.relate", NULL), "result.0.relation", "opposes");
  end ();
}
END_TEST

START_TEST (test_refine)
{
  kg_req *req;
  begin ();
  define ("love", ",\"extends\":[\"entity\"]");
  req = invoke_as ("concept.love.refine", "philosopher", "{\"challenge\":\"It \\\"ends\\\".\"}");
  HAS (req, "result",
       "{\"concept\":\"love\",\"thesis\":\"It is love. Really.\",\"antithesis\":\"It "
       "\\\"ends\\\".\",\"synthesis\":\"It is love. Really; yet: It "
       "\\\"ends\\\"\",\"version\":2,\"source\":\"rules\"}");
  req = invoke_as ("concept.love.manifest", "philosopher", NULL);
  HAS (req, "result.definition", "It is love. Really; yet: It \"ends\"");
  HAS (req, "result.dialectic.antithesis", "It \"ends\".");
  HAS (invoke ("concept.love.manifest", NULL), "result.metadata.depth", "2");
  req = invoke_as ("concept.love.dialectic", "philosopher", NULL);
  HAS (req, "result.version", "3");
  HAS (req, "result.source", "rules");
  invoke_as ("concept.bare.define", "poet", "{\"extends\":\"entity\"}");
  HAS (invoke_as ("concept.bare.refine", "philosopher", "{\"challenge\":\"No.\"}"),
       "result.synthesis", "bare is what it is said to be; yet: No");
  req = invoke_as ("concept.void_.dialectic", "philosopher",
                   "{\"thesis\":\"All is one.\",\"antithesis\":\"All are many.\"}");
  HAS (req, "result.synthesis", "All is one; yet: All are many");
  refused (invoke_as ("concept.love.refine", "philosopher", NULL), 400, "challenge");
  refused (invoke_as ("concept.love.refine", "poet", "{\"challenge\":\"x\"}"), 403, "not available");
  end ();
}
END_TEST

/* However often it is refined, a definition stays bounded. */
START_TEST (test_refine_bounded)
{
  char kwargs[1400] = "{\"challenge\":\"";
  int i;
  begin ();
  for (i = 0; i < 1001; i++)
    strcat (kwargs, "x");
  strcat (kwargs, "\"}");
  ck_assert_int_eq (fake_status (invoke_as ("concept.a.refine", "philosopher", kwargs)), 400);
  kwargs[14] = 0;
  for (i = 0; i < 300; i++)
    strcat (kwargs, "\xc3\xa4");
  strcat (kwargs, "\"}");
  for (i = 0; i < 20; i++)
    ck_assert_int_eq (fake_status (invoke_as ("concept.a.refine", "philosopher", kwargs)), 200);
  ck_assert_uint_lt (strlen (fake_json (invoke ("concept.a.manifest", NULL), "result.content")),
                     4096);
  end ();
}
END_TEST

static const struct {
  const char *archetype, *verb;
} acknowledged[] = { { "philosopher", "synthesize" }, { "philosopher", "analyze" },
                     { "philosopher", "critique" },   { "scientist", "hypothesize" },
                     { "scientist", "validate" },     { "scientist", "classify" },
                     { "engineer", "implement" },     { "engineer", "decompose" },
                     { "engineer", "optimize" },      { "engineer", "validate" },
                     { "artist", "interpret" },       { "artist", "express" },
                     { "artist", "transform" },       { "artist", "inspire" },
                     { "teacher", "explain" },        { "teacher", "simplify" },
                     { "teacher", "exemplify" },      { "teacher", "assess" } };

START_TEST (test_acknowledged)
{
  char path[64];
  kg_req *req;
  uint32_t i;
  begin ();
  for (i = 0; i < sizeof acknowledged / sizeof acknowledged[0]; i++) {
    snprintf (path, sizeof path, "concept.tree.%s", acknowledged[i].verb);
    req = invoke_as (path, acknowledged[i].archetype, "{\"changes\":{\"domain\":\"botany\"}}");
    HAS (req, "result.status", "acknowledged");
    HAS (req, "result.aspect", acknowledged[i].verb);
    HAS (invoke ("concept.tree.manifest", NULL), "result.metadata.domain", "botany");
    HAS (invoke ("concept.tree.witness", NULL), "result.history.0.aspect", acknowledged[i].verb);
    refused (invoke_as (path, "economist", NULL), 403, "not available to economist");
  }
  end ();
}
END_TEST

START_TEST (test_read_only)
{
  static const char *const writes[] = { "define", "refine", "dialectic", "synthesize" };
  char path[64];
  uint32_t i;
  begin ();
  act_as ("t1", read_only, any);
  for (i = 0; i < 4; i++) {
    snprintf (path, sizeof path, "concept.love.%s", writes[i]);
    refused (invoke_as (path, "philosopher", "{\"challenge\":\"x\",\"extends\":[\"entity\"]}"), 403,
             "'write' scope");
  }
  refused (invoke_as ("concept.love.relate", "poet", "{\"target\":\"concept.x\"}"), 403, "write");
  ck_assert_int_eq (fake_status (invoke ("concept.love.manifest", NULL)), 200);
  HAS (invoke ("concept.love.witness", NULL), "result.total", "0");
  end ();
}
END_TEST

START_TEST (test_closed_world)
{
  static const char *const conf[] = { "open_world=false", NULL };
  begin_with (conf);
  refused (invoke ("concept.love.manifest", NULL), 404, "not found");
  HAS (invoke_as ("concept.entity.define", "poet", "{\"name\":\"love\",\"extends\":[\"entity\"]}"),
       "result.handle", "concept.love");
  ck_assert_int_eq (fake_status (invoke ("concept.love.manifest", NULL)), 200);
  act_as ("t2", all_scopes, any);
  refused (invoke ("concept.love.manifest", NULL), 404, "not found");
  refused (invoke_as ("concept.entity.define", "poet", "{\"name\":\"x\",\"extends\":[\"love\"]}"),
           422, "ex nihilo");
  end ();
}
END_TEST

UNIT_MAIN ("agentese-concept", test_define, test_two_parents, test_lattice_rules, test_cycles,
           test_cycle_through_the_past,
           test_depth, test_manifest, test_refine, test_refine_bounded, test_acknowledged,
           test_read_only, test_closed_world)
