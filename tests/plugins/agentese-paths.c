/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What is told about all nodes, and configured archetypes. */

#include "tests/plugins/agentese-registry.h"

/* ---- The list of paths ----------------------------------------------------------------------- */

START_TEST (paths_are_told)
{
  kg_req *req = paths ("prefix=self.plug");
  ck_assert_int_eq (fake_status (req), 200);
  HAS (req, "paths.0.path", "self.plug.inner.affordances");
  HAS (req, "paths.1.path", "self.plug.inner.echo");
  HAS (req, "paths.1.category", "PERCEPTION");
  HAS (req, "paths.1.scope", "read");
  HAS (req, "paths.1.kind", "plugin");
  HAS (req, "paths.1.owner", "plug");
  HAS (req, "paths.1.summary", "Says what it was told.");
  HAS (req, "paths.1.streams", "false");
  HAS (req, "paths.1.price",
       "{\"requests\":1,\"fixed\":0,\"per_token\":0,\"per_kb\":0,\"max\":0,\"money\":0}");
  HAS (req, "paths.1.input.properties.n.maximum", "9");
  HAS (req, "paths.1.output", "{\"type\":\"object\"}");
  HAS (req, "paths.3.path", "self.plug.inner.later");
  HAS (req, "paths.3.price",
       "{\"requests\":3,\"fixed\":2,\"per_token\":1,\"per_kb\":0,\"max\":10,\"money\":5}");
  HAS (req, "paths.7.path", "self.plug.inner.pieces");
  HAS (req, "paths.7.scope", "write");
  HAS (req, "paths.7.streams", "true");
  HAS (req, "next", "null");
}
END_TEST

START_TEST (paths_are_those_of_the_caller)
{
  const char *body;
  act_as ("t1", read_only, NULL);
  body = fake_body (paths ("limit=1000"));
  ck_assert_ptr_nonnull (strstr (body, "\"self.plug.inner.echo\""));
  ck_assert_ptr_null (strstr (body, "\"self.plug.inner.pieces\"")); /* takes write */
  ck_assert_ptr_null (strstr (body, "\"self.plug.inner.sing\""));   /* for poets */
  ck_assert_ptr_null (strstr (body, "\"world.*.transform\""));
  ck_assert_ptr_nonnull (strstr (body, "\"world.*.relate\"")); /* without target */
  act_as ("t1", all_scopes, poet_first);
  body = fake_body (paths ("limit=1000"));
  ck_assert_ptr_nonnull (strstr (body, "\"self.plug.inner.sing\""));
  ck_assert_ptr_nonnull (strstr (body, "\"world.*.contemplate\""));
  ck_assert_ptr_nonnull (strstr (body, "\"world.*.build\""));
  ck_assert_ptr_null (strstr (body, "\"world.*.renovate\""));
  body = fake_body (paths ("limit=1000&archetype=poet"));
  ck_assert_ptr_null (strstr (body, "\"world.*.build\""));
  ck_assert_int_eq (fake_status (paths ("archetype=admin")), 403);
  act_as ("t1", house_only, NULL);
  body = fake_body (paths ("limit=1000"));
  ck_assert_ptr_null (strstr (body, "\"self."));
  ck_assert_ptr_nonnull (strstr (body, "\"world.*.transform\"")); /* of world.house */
}
END_TEST

START_TEST (paths_come_in_pages)
{
  kg_req *req = paths ("limit=1000"), *page;
  char query[128] = "limit=3", item[32], last[300] = "";
  const char *next, *path;
  int i, n = 0;
  do {
    page = paths (query);
    for (i = 0; i < 3; i++) {
      snprintf (item, sizeof item, "paths.%d.path", i);
      path = fake_json (page, item);
      if (!path)
        break;
      ck_assert_int_lt (strcmp (last, path), 0);
      snprintf (last, sizeof last, "%s", path);
      snprintf (item, sizeof item, "paths.%d.path", n++);
      HAS (req, item, path);
    }
    next = fake_json (page, "next");
    snprintf (query, sizeof query, "limit=3&after=%s", next);
  } while (strcmp (next, "null"));
  snprintf (item, sizeof item, "paths.%d.path", n);
  ck_assert_ptr_null (fake_json (req, item));
  ck_assert_int_gt (n, 40);
  HAS (paths ("prefix=world.house"), "paths", "[]");
  HAS (paths ("prefix=earth"), "paths", "[]");
}
END_TEST

static void
add_inside (void)
{
  struct kg_node inside = node;
  inside.context = "world";
  inside.holon = "house.lift";
  ck_assert_int_eq (nodes->add (its_self, &inside), 0);
}

START_TEST (paths_of_a_node_of_the_open_world)
{
  kg_req *req;
  begin_plug_and (add_inside);
  act_as ("t1", house_only, NULL);
  req = paths ("prefix=world.house.");
  HAS (req, "paths.0.path", "world.house.affordances");
  HAS (req, "paths.1.path", "world.house.build");
  ck_assert_ptr_nonnull (strstr (fake_body (req), "world.house.lift.witness\""));
  HAS (paths ("prefix=world.house.&after=world.house.deploy&limit=2"), "paths.1.path",
       "world.house.lift.echo");
  HAS (paths ("prefix=world.garden."), "paths", "[]"); /* not of this key */
  HAS (paths ("prefix=world.house.lift."), "paths.0.path", "world.house.lift.affordances");
  end ();
}
END_TEST

START_TEST (paths_of_a_closed_world)
{
  begin_with ((const char *const[]){ "open_world=false", NULL });
  ck_assert_ptr_null (strstr (fake_body (paths ("limit=1000")), "\"world.*"));
  HAS (paths ("prefix=world.house."), "paths", "[]");
  fake_store_put (fake, "agentese.nodes", "t1/world.house",
                  "{\"version\":1,\"created\":\"\",\"changed\":\"\",\"state\":{},"
                  "\"relations\":[]}");
  HAS (paths ("prefix=world.house."), "paths.0.path", "world.house.affordances");
  end ();
}
END_TEST

static const char *const bad_queries[]
    = { "limit=0", "limit=1001", "limit=x", "limit=", "limit=99999999999999999999", "prefix=A",
        "after=%22" };

START_TEST (paths_queries_are_checked)
{
  kg_req *req = paths (bad_queries[_i]);
  ck_assert_int_eq (fake_status (req), 422);
  ck_assert_ptr_nonnull (fake_json (req, "errors.0.loc.1"));
}
END_TEST

static void
add_another (void)
{
  struct kg_node more = node;
  more.holon = "another";
  ck_assert_int_eq (nodes->add (its_self, &more), 0);
}

START_TEST (paths_have_a_tag)
{
  kg_req *req = paths ("");
  char header[64];
  const char *const headers[] = { header, NULL };
  snprintf (header, sizeof header, "If-None-Match: %s", fake_header (req, "ETag"));
  ck_assert_str_eq (fake_header (paths (""), "ETag"), header + 15);
  ck_assert_int_eq (
      fake_status (fake_request (fake, "GET", "/v1/agentese/paths", headers, NULL)), 304);
  act_as ("t1", read_only, any);
  req = fake_request (fake, "GET", "/v1/agentese/paths", headers, NULL);
  ck_assert_int_eq (fake_status (req), 200);
  end ();
  begin_plug_and (add_another);
  req = fake_request (fake, "GET", "/v1/agentese/paths?prefix=self", headers, NULL);
  ck_assert_int_eq (fake_status (req), 200);
  ck_assert_ptr_nonnull (strstr (fake_body (req), "\"self.another.echo\""));
}
END_TEST

static int32_t
view_count (const struct kg_node_view *view, void *arg)
{
  int *n = arg;
  if (!strcmp (view->path, "self.plug.inner.later")) {
    ck_assert_str_eq (view->category, "PERCEPTION");
    ck_assert_str_eq (view->owner, "plug");
    ck_assert_int_eq (view->tokens, 2);
    ck_assert_uint_eq (view->flags, KG_NODE_PER_TOKEN);
    *n += 1000;
  }
  if (!strcmp (view->path, "world.*.define"))
    ck_assert_uint_eq (view->flags, KG_NODE_ANY);
  return ++*n == 5000;
}

START_TEST (others_are_told)
{
  int n = 0;
  uint64_t version = nodes->version (its_self);
  ck_assert_int_eq (nodes->walk (its_self, view_count, &n), 0);
  ck_assert_int_gt (n, 1040);
  end ();
  begin_plug_and (add_another);
  ck_assert_uint_ne (nodes->version (its_self), version);
}
END_TEST

/* ---- Archetypes of the configuration -------------------------------------------------------- */

static const char *const gardener[]
    = { "archetypes.0.name=gardener",  "archetypes.0.inherits=architect",
        "archetypes.0.world=water,prune", "archetypes.1.name=apprentice",
        "archetypes.1.inherits=gardener", "archetypes.1.world=watch",
        "archetypes.2.name=poet",      "archetypes.2.concept=rhyme",
        NULL };

START_TEST (archetypes_inherit)
{
  kg_req *req;
  begin_with (gardener);
  req = fake_request (fake, "GET", "/v1/agentese/affordances?path=world.a&archetype=apprentice",
                      NULL, NULL);
  HAS (req, "affordances",
       "[\"manifest\",\"witness\",\"affordances\",\"define\",\"relate\",\"transform\","
       "\"renovate\",\"measure\",\"blueprint\",\"demolish\",\"design\",\"water\",\"prune\","
       "\"watch\"]");
  HAS (invoke_as ("world.a.water", "apprentice", NULL), "result.status", "acknowledged");
  ck_assert_int_eq (fake_status (invoke_as ("world.a.watch", "gardener", NULL)), 403);
  HAS (invoke_as ("world.a.manifest", "gardener", NULL), "result.type", "blueprint");
  ck_assert_int_eq (
      fake_status (invoke_as ("world.a.define", "gardener", "{\"name\":\"b\"}")), 200);
  req = fake_request (fake, "GET", "/v1/agentese/affordances?path=world.purgatory&archetype="
                                   "gardener", NULL, NULL);
  HAS (req, "affordances.7", "void_expired");
  req = fake_request (fake, "GET", "/v1/agentese/affordances?path=concept.a&archetype=poet", NULL,
                      NULL);
  HAS (req, "affordances.5", "rhyme");
  end ();
}
END_TEST

static const struct {
  const char *const conf[5];
  const char *why;
} bad_archetypes[] = {
  { { "archetypes.0.name=A b", NULL }, "no name" },
  { { "archetypes.0.name=a", "archetypes.0.world=Fly", NULL }, "a verb is no name" },
  { { "archetypes.0.name=a", "archetypes.0.inherits=b", NULL }, "neither in the default table" },
  { { "archetypes.0.name=poet", "archetypes.0.inherits=admin", NULL }, "cannot inherit" },
  { { "archetypes.0.name=a", "archetypes.1.name=a", NULL }, "given twice" },
};

START_TEST (bad_archetypes_refuse_the_start)
{
  fake = fake_new ();
  fake_services (fake);
  ck_assert_int_lt (fake_open (fake, &kg_plugin_1, bad_archetypes[_i].conf), 0);
  ck_assert_msg (strstr (fake_logged (fake), bad_archetypes[_i].why) != NULL, "%s",
                 fake_logged (fake));
  end ();
}
END_TEST

/* A node's name leaves less room than an aspect's may take: such a path can't be invoked. */
START_TEST (paths_beyond_the_longest)
{
  static char body[16384], want[512];
  char handle[241] = "world", lines[4096] = "", texts[4096] = "";
  int i;
  for (i = 0; strlen (handle) < 190; i++)
    sprintf (handle + strlen (handle), ".%c%062d", 'a' + i, 0);
  for (i = 0; i < 32; i++) {
    sprintf (lines + strlen (lines), "  a%063d: A.\\n", i);
    sprintf (texts + strlen (texts), "## a%063d\\nx\\n", i);
  }
  sprintf (body,
           "{\"path\":\"%s.transform\",\"kwargs\":{\"changes\":{\"spec\":"
           "\"---\\naspects:\\n%s---\\n%s\"}}}",
           handle, lines, texts);
  begin ();
  ck_assert_msg (
      fake_status (fake_request (fake, "POST", "/v1/agentese/invoke", NULL, body)) == 200, "%s",
      fake_body (fake_request (fake, "POST", "/v1/agentese/invoke", NULL, body)));
  sprintf (want, "%s.affordances", handle);
  HAS (paths ("prefix=world.a0"), "paths.0.path", want);
  end ();
}
END_TEST

#define COUNT(table) ((int)(sizeof (table) / sizeof (table)[0]))

int
main (void)
{
  Suite *s = suite_create ("agentese-paths");
  TCase *t = tcase_create ("nodes"), *a = tcase_create ("archetypes");
  SRunner *sr;
  int failed;
  tcase_add_checked_fixture (t, begin_plug, end);
  tcase_add_test (t, paths_are_told);
  tcase_add_test (t, paths_are_those_of_the_caller);
  tcase_add_test (t, paths_come_in_pages);
  tcase_add_loop_test (t, paths_queries_are_checked, 0, COUNT (bad_queries));
  tcase_add_test (t, paths_have_a_tag);
  tcase_add_test (t, others_are_told);
  suite_add_tcase (s, t);
  tcase_add_test (a, archetypes_inherit);
  tcase_add_loop_test (a, bad_archetypes_refuse_the_start, 0, COUNT (bad_archetypes));
  tcase_add_test (a, paths_of_a_closed_world);
  tcase_add_test (a, paths_of_a_node_of_the_open_world);
  tcase_add_test (a, paths_beyond_the_longest);
  suite_add_tcase (s, a);
  sr = srunner_create (s);
  srunner_set_tap (sr, "-");
  srunner_run_all (sr, CK_SILENT);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
