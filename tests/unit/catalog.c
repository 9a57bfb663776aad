/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The catalog alone: the router, the plugins and the workers that it asks are
 * the test's own. */

#include "core/catalog.h"
#include "core/health.h"
#include "core/host.h"
#include "core/plugin.h"
#include "core/route.h"
#include "core/util/clock.h"
#include "core/worker.h"

#include <check.h>

#include <errno.h>
#include <string.h>

static struct host host;
static kg_self self = { .magic = SELF_MAGIC, .name = "t", .host = &host };
static int32_t alive;

int32_t
workers_alive (const struct workers *w)
{
  ck_assert_ptr_eq (w, host.workers);
  return alive;
}

int32_t
route_walk (struct router *r, int32_t (*fn) (const char *, const struct kg_route *, void *),
            void *arg)
{
  static const struct kg_route route = { .size = sizeof route, .pattern = "/x" };
  ck_assert_ptr_eq (r, host.router);
  return fn ("owner", &route, arg);
}

int32_t
plugins_walk (struct plugins *p, int32_t (*fn) (const struct kg_plugin *, void *), void *arg)
{
  static const struct kg_plugin bare = { .abi = KG_ABI (1, 0), .name = "bare" };
  static const struct kg_plugin full
      = { .abi = KG_ABI (1, 0), .name = "full", .version = "2", .summary = "All of it" };
  int32_t r = fn (&bare, arg);
  ck_assert_ptr_eq (p, host.plugins);
  return r ? r : fn (&full, arg);
}

static void
setup (void)
{
  alive = 1;
  host.health = health_create ();
  host.catalog = catalog_create ("1.2.3");
  host.workers = (struct workers *)&host; /* only passed on */
  host.router = (struct router *)&self;
  ck_assert_ptr_nonnull (host.health);
  ck_assert_ptr_nonnull (host.catalog);
}

static void
teardown (void)
{
  catalog_destroy (host.catalog);
  health_destroy (host.health);
  clock_fake (0, 0);
}

START_TEST (live_is_about_loops_only)
{
  kg_component *c;
  health_add (host.health, "store", KG_HEALTH_READINESS, &c);
  catalog_drain (host.catalog);
  ck_assert_int_eq (catalog_service.live (&self), 1);
  alive = 0;
  ck_assert_int_eq (catalog_service.live (&self), 0);
  host.workers = NULL;
  alive = 1;
  ck_assert_int_eq (catalog_service.live (&self), 0);
}
END_TEST

START_TEST (ready_needs_all_three)
{
  kg_component *c;
  ck_assert_int_eq (catalog_service.ready (&self), 1);
  health_add (host.health, "store", KG_HEALTH_READINESS, &c);
  ck_assert_int_eq (catalog_service.ready (&self), 0);
  health_set (c, KG_HEALTH_OK, 0, NULL);
  ck_assert_int_eq (catalog_service.ready (&self), 1);
  alive = 0;
  ck_assert_int_eq (catalog_service.ready (&self), 0);
  alive = 1;
  catalog_drain (host.catalog);
  ck_assert_int_eq (catalog_service.ready (&self), 0);
}
END_TEST

START_TEST (host_tells_its_life)
{
  struct kg_host_view v = { .size = sizeof v };
  ck_assert_int_eq (catalog_service.host (&self, &v), 0);
  ck_assert_str_eq (v.version, "1.2.3");
  ck_assert_str_eq (v.name, "kgentd");
  ck_assert_int_eq (v.started_ns, 0);
  ck_assert_int_eq (v.draining, 0);
  clock_fake (5, 77);
  catalog_started (host.catalog);
  catalog_drain (host.catalog);
  ck_assert_int_eq (catalog_service.host (&self, &v), 0);
  ck_assert_int_eq (v.started_ns, 77);
  ck_assert_int_eq (v.draining, 1);
}
END_TEST

START_TEST (host_view_of_an_older_caller)
{
  struct kg_host_view v;
  memset (&v, 0xA5, sizeof v);
  v.size = offsetof (struct kg_host_view, started_ns);
  ck_assert_int_eq (catalog_service.host (&self, &v), 0);
  ck_assert_str_eq (v.version, "1.2.3");
  ck_assert_uint_eq (v.size, offsetof (struct kg_host_view, started_ns));
  ck_assert_int_ne (v.started_ns, 0); /* untouched */
  v.size = 0;
  ck_assert_int_eq (catalog_service.host (&self, &v), -EINVAL);
}
END_TEST

static int32_t
route_seen (const char *plugin, const struct kg_route *route, void *arg)
{
  (void)arg;
  ck_assert_str_eq (plugin, "owner");
  ck_assert_str_eq (route->pattern, "/x");
  return 9;
}

static int32_t
plugin_seen (const struct kg_plugin_view *v, void *arg)
{
  int *n = arg;
  ck_assert_uint_eq (v->size, sizeof *v);
  ck_assert_str_eq (v->name, *n ? "full" : "bare");
  ck_assert_str_eq (v->version, *n ? "2" : "");
  ck_assert_str_eq (v->summary, *n ? "All of it" : "");
  ++*n;
  return 0;
}

START_TEST (walks_reach_their_owners)
{
  int n = 0;
  ck_assert_int_eq (catalog_service.routes (&self, route_seen, NULL), 9);
  ck_assert_int_eq (catalog_service.plugins (&self, plugin_seen, &n), 0);
  ck_assert_int_eq (n, 2);
}
END_TEST

int
main (void)
{
  Suite *suite = suite_create ("catalog");
  TCase *t = tcase_create ("catalog");
  SRunner *sr = srunner_create (suite);
  int failed;
  tcase_add_checked_fixture (t, setup, teardown);
  tcase_add_test (t, live_is_about_loops_only);
  tcase_add_test (t, ready_needs_all_three);
  tcase_add_test (t, host_tells_its_life);
  tcase_add_test (t, host_view_of_an_older_caller);
  tcase_add_test (t, walks_reach_their_owners);
  suite_add_tcase (suite, t);
  srunner_set_tap (sr, "-");
  srunner_run_all (sr, CK_SILENT);
  failed = srunner_ntests_failed (sr);
  srunner_free (sr);
  return failed != 0;
}
