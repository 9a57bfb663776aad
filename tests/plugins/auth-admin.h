/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* For tests of the operator's routes: a host with the auth plugin, and requests of
 * the operator. */
#ifndef TESTS_PLUGINS_AUTH_ADMIN_H
#define TESTS_PLUGINS_AUTH_ADMIN_H

#include "tests/fake/fake-services.h"
#include "tests/unit.h"

#include <kgent/routes.h>

#include <stdarg.h>
#include <stdio.h>

extern const struct kg_plugin kg_plugin_1;
static struct fake *fake;

static int32_t
view_host (kg_self *self, struct kg_host_view *ret)
{
  (void) self;
  ret->loopback = 1;
  return 0;
}

static int32_t
list_routes (kg_self *self, int32_t (*fn) (const char *, const struct kg_route *, void *), void *arg)
{
  static const struct kg_route one
      = { .size = sizeof one, .method = "GET", .pattern = "/v1/me", .scope = "read" };
  static const struct kg_route two = { .size = sizeof two,
                                       .method = "DELETE",
                                       .pattern = "/admin/v1/keys/{id}",
                                       .scope = "admin",
                                       .flags = KG_ADMIN };
  int32_t rc = fn ("auth", &one, arg);
  (void) self;
  return rc ? rc : fn ("auth", &two, arg);
}

static const struct kg_routes routes_service
    = { .size = sizeof routes_service, .host = view_host, .routes = list_routes };

static void
open_auth (void)
{
  ck_assert_msg (fake_open (fake, &kg_plugin_1, NULL) == 0, "%s", fake_error (fake));
  ck_assert_msg (fake_start (fake) == 0, "%s", fake_error (fake));
  fake_run_jobs (fake);
}

static void
setup (void)
{
  fake = fake_new ();
  fake_services (fake);
  fake_provide (fake, KG_ROUTES, &routes_service, sizeof routes_service);
  open_auth ();
}

/* The host's order: stop, the last jobs, the store's last writes, close. */
static void
teardown (void)
{
  fake_store_hold (fake, 0);
  fake_stop (fake);
  fake_run_jobs (fake);
  fake_store_commit (fake);
  fake_free (fake);
}

static inline void
restart (void)
{
  fake_stop (fake);
  fake_run_jobs (fake);
  fake_store_commit (fake);
  fake_close (fake);
  open_auth ();
}

/* A text in one of several places, for targets and bodies. */
__attribute__ ((format (printf, 1, 2))) static inline const char *
text (const char *fmt, ...)
{
  static char room[64][1024];
  static int at;
  va_list args;
  at = (at + 1) % 64;
  va_start (args, fmt);
  vsnprintf (room[at], sizeof room[at], fmt, args);
  va_end (args);
  return room[at];
}

/* Begins a request over the operator's socket; its jobs are still to run. */
static inline kg_req *
begin (const char *method, const char *target, const char *body)
{
  kg_req *req;
  fake_as (fake, NULL, 1, 1);
  req = fake_request (fake, method, target, NULL, body);
  fake_as (fake, NULL, 0, 0);
  return req;
}

static inline kg_req *
ask (const char *method, const char *target, const char *body)
{
  kg_req *req = begin (method, target, body);
  fake_run_jobs (fake);
  return req;
}

/* The same over the network, with a key. */
static inline kg_req *
ask_with (const char *secret, const char *method, const char *target, const char *body)
{
  const char *const headers[] = { text ("X-API-Key: %s", secret), NULL };
  kg_req *req;
  fake_as (fake, NULL, 1, 0);
  req = fake_request (fake, method, target, headers, body);
  fake_as (fake, NULL, 0, 0);
  fake_run_jobs (fake);
  return req;
}

static inline kg_req *
expect (kg_req *req, int status, const char *detail)
{
  ck_assert_msg (fake_status (req) == status, "%d, not %d: %s", fake_status (req), status,
                 fake_body (req));
  if (detail)
    ck_assert_str_eq (fake_json (req, "detail"), detail);
  return req;
}

static inline void
has (kg_req *req, const char *path, const char *value)
{
  const char *got = fake_json (req, path);
  ck_assert_msg (value ? got && !strcmp (got, value) : !got, "%s is %s, not %s: %s", path,
                 got ? got : "absent", value ? value : "absent", fake_body (req));
}

/* Begins a case with a fresh host, and ends it. */
#define CASE(name)                 \
  static void name##_case (void);  \
  START_TEST (name)                \
  {                                \
    setup ();                      \
    name##_case ();                \
    teardown ();                   \
  }                                \
  END_TEST                         \
  static void name##_case (void)

#endif
