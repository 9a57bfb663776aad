/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* health.so in the fake host, and routes that the test makes up. */
#ifndef TESTS_PLUGINS_HEALTH_HOST_H
#define TESTS_PLUGINS_HEALTH_HOST_H

#include "tests/fake/fake-services.h"
#include "tests/unit.h"

#include <kgent/routes.h>

#include <check.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct kg_plugin kg_plugin_1;

static struct fake *fake;
static const struct kg_health *health;

/* ---- kg.routes/1 as the test wants it ---------------------------------------- */

static int live, ready;
static struct kg_host_view view;
static const struct kg_route *table;
static size_t ntable;

static inline int32_t
walk_routes (kg_self *self, int32_t (*fn) (const char *, const struct kg_route *, void *),
             void *arg)
{
  int32_t r = 0;
  size_t i;
  (void)self;
  for (i = 0; i < ntable && !r; i++)
    r = fn (i ? "things" : "core", &table[i], arg);
  return r;
}

static inline int32_t
walk_plugins (kg_self *self, int32_t (*fn) (const struct kg_plugin_view *, void *), void *arg)
{
  static const struct kg_plugin_view things
      = { sizeof things, KG_ABI (1, 0), "things", "2", "Things for \"people\"" };
  (void)self;
  return fn (&things, arg);
}

static inline int32_t
get_host (kg_self *self, struct kg_host_view *ret)
{
  (void)self;
  *ret = view;
  return 0;
}

static inline int32_t
get_live (kg_self *self)
{
  (void)self;
  return live;
}

static inline int32_t
get_ready (kg_self *self)
{
  (void)self;
  return ready;
}

static const struct kg_routes routes = {
  .size = sizeof routes,
  .routes = walk_routes,
  .plugins = walk_plugins,
  .host = get_host,
  .live = get_live,
  .ready = get_ready,
};

static inline int32_t
nothing (kg_req *req, void *data)
{
  (void)req;
  (void)data;
  return KG_DONE;
}

static const struct kg_route sample[] = {
  { .size = sizeof (struct kg_route),
    .flags = KG_PUBLIC,
    .method = "GET",
    .pattern = "/odd",
    .handler = nothing,
    .summary = "Of the core",
    .response_schema = "{not json" },
  { .size = sizeof (struct kg_route),
    .flags = KG_JSON | KG_BILLABLE,
    .method = "POST",
    .pattern = "/v1/agentese/invoke",
    .scope = "read",
    .handler = nothing,
    .summary = "Invoke",
    .request_schema = "{\"type\":\"object\",\"properties\":{\"path\":{\"type\":\"string\"}}}",
    .response_schema = "{\"type\":\"object\"}",
    .statuses = "201 404 422" },
  { .size = sizeof (struct kg_route),
    .flags = 0,
    .method = "GET",
    .pattern = "/v1/kgent/sessions/{session}",
    .handler = nothing,
    .summary = "One session",
    .parameters = "[{\"name\":\"deep\",\"in\":\"query\",\"schema\":{\"type\":\"boolean\"}}]" },
  { .size = sizeof (struct kg_route),
    .flags = KG_ADMIN,
    .method = "DELETE",
    .pattern = "/admin/v1/keys/{id}",
    .scope = "admin",
    .handler = nothing,
    .statuses = "204" },
  { .size = sizeof (struct kg_route),
    .flags = KG_PUBLIC | KG_HIDDEN,
    .method = "GET",
    .pattern = "/hidden",
    .handler = nothing },
};

/* ---- Driving ------------------------------------------------------------------ */

static kg_component *parts[8];
static const char *const part_names[]
    = { "nats", "soul", "openmeter", "llm", "auth", "metering" };

static inline int32_t
parts_open (const struct kg_host *host, kg_self *self, const void *conf, void **ret)
{
  size_t i;
  (void)conf;
  (void)ret;
  host->need (self, KG_HEALTH, sizeof *health, 0, (const void **)&health);
  for (i = 0; i < sizeof part_names / sizeof part_names[0]; i++)
    health->add (self, part_names[i], i == 4 ? KG_HEALTH_ESSENTIAL : 0, &parts[i]);
  return 0;
}

static const struct kg_plugin parts_plugin = { .abi = KG_ABI (1, 0),
                                               .size = sizeof (struct kg_plugin),
                                               .opt_size = sizeof (struct kg_opt),
                                               .name = "parts",
                                               .version = "1",
                                               .summary = "components",
                                               .open = parts_open };

static inline void
set (const char *name, int32_t state, const char *detail)
{
  size_t i = 0;
  while (strcmp (part_names[i], name))
    i++;
  health->set (parts[i], state, 0, "%s", detail);
}

static inline void
facts (const char *name, const char *json)
{
  size_t i = 0;
  while (strcmp (part_names[i], name))
    i++;
  ck_assert_int_eq (health->facts (parts[i], json, strlen (json)), 0);
}

static inline void
start (const char *const *conf, int with_parts)
{
  fake = fake_new ();
  fake_services (fake);
  fake_provide (fake, KG_ROUTES, &routes, sizeof routes);
  if (with_parts)
    ck_assert_msg (fake_open (fake, &parts_plugin, NULL) == 0, "%s", fake_error (fake));
  ck_assert_msg (fake_open (fake, &kg_plugin_1, conf) == 0, "%s", fake_error (fake));
  ck_assert_msg (fake_start (fake) == 0, "%s", fake_error (fake));
}

static inline void
setup (void)
{
  live = ready = 1;
  table = sample;
  ntable = sizeof sample / sizeof sample[0];
  view = (struct kg_host_view){ .size = sizeof view,
                                .abi = KG_ABI (1, 0),
                                .name = "kgentd",
                                .version = "9.8.7",
                                .started_ns = 1 };
}

static inline void
teardown (void)
{
  fake_free (fake);
  fake = NULL;
}

static inline kg_req *
get (const char *target)
{
  return fake_request (fake, "GET", target, NULL, NULL);
}

#define BODY(target, text) ck_assert_str_eq (fake_body (get (target)), text)

#endif
