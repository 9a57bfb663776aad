/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "tests/unit.h"

#include "core/route.h"

#include <errno.h>

static struct kg_self one = { .magic = SELF_MAGIC, .name = "one" };
static struct kg_self two = { .magic = SELF_MAGIC, .name = "two" };
static struct router *router;
static char error[256];

static int32_t
nothing (kg_req *req, void *data)
{
  (void)req, (void)data;
  return KG_DONE;
}

static int32_t
add (struct kg_self *self, const char *method, const char *pattern, uint32_t flags)
{
  struct kg_route r = {
    .size = sizeof r, .flags = flags, .method = method, .pattern = pattern, .handler = nothing
  };
  error[0] = 0;
  return route_add (router, self, &r, error, sizeof error);
}

static void
make (void)
{
  router = router_create ();
  ck_assert_int_eq (add (&one, "GET", "/", 0), 0);
  ck_assert_int_eq (add (&one, "GET", "/a/b", 0), 0);
  ck_assert_int_eq (add (&one, "POST", "/a/b", 0), 0);
  ck_assert_int_eq (add (&one, "GET", "/a/{x}/c", 0), 0);
  ck_assert_int_eq (add (&two, "GET", "/a/{y}", 0), 0);
  ck_assert_int_eq (add (&two, "DELETE", "/{x}/{y}/{z}", 0), 0);
  ck_assert_int_eq (add (&two, "GET", "/admin/x", KG_ADMIN), 0);
}

/* The pattern that a path leads to, "405" or "404". */
static const char *
found (const char *method, const char *path, int32_t admin)
{
  static struct route_match m;
  memset (&m, 0, sizeof m);
  route_match (router, route_method (method, strlen (method)), (kg_str){ path, strlen (path) },
               admin, &m);
  for (uint32_t i = 0; m.route && i < m.route->nparams; i++)
    ck_assert (m.values[i].len && m.values[i].ptr >= path
               && m.values[i].ptr < path + strlen (path));
  return m.route ? m.route->pub.pattern : m.allowed ? "405" : "404";
}

START_TEST (matched)
{
  static const struct {
    const char *method, *path, *want;
    int32_t admin;
  } rows[] = {
    { "GET", "/", "/", 0 },
    { "HEAD", "/", "/", 0 },
    { "POST", "/", "405", 0 },
    { "GET", "/a/b", "/a/b", 0 },
    { "POST", "/a/b", "/a/b", 0 },
    { "PUT", "/a/b", "405", 0 },
    { "GET", "/a/b/c", "/a/{x}/c", 0 },
    { "GET", "/a/x", "/a/{y}", 0 },
    { "GET", "/a", "404", 0 },
    { "GET", "/a/", "404", 0 },
    { "GET", "/a/b/", "404", 0 },
    { "GET", "//a/b", "404", 0 },
    { "GET", "/a//c", "404", 0 },
    { "GET", "/A/b", "404", 0 },
    { "GET", "/a/{y}", "/a/{y}", 0 },
    { "DELETE", "/a/b/d", "/{x}/{y}/{z}", 0 },
    { "GET", "/a/b/d", "405", 0 },
    { "DELETE", "/a/b/c", "405", 0 },
    { "GET", "/admin/x", "404", 0 },
    { "GET", "/admin/x", "/admin/x", 1 },
    { "HEAD", "/admin/x", "/admin/x", 1 },
    { "GET", "/a/b/c/d", "404", 0 },
    { "OPTIONS", "/a/b", "405", 0 },
    { "GET", "/a/b%2fc", "/a/{y}", 0 },
  };
  make ();
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    const char *have = found (rows[i].method, rows[i].path, rows[i].admin);
    ck_assert_msg (!strcmp (have, rows[i].want), "%s %s: %s", rows[i].method, rows[i].path,
                   have);
  }
  router_destroy (router);
}
END_TEST

START_TEST (parameters)
{
  struct route_match m;
  kg_str path = { "/u/%41/w", 8 };
  make ();
  route_match (router, METHOD_DELETE, path, 0, &m);
  ck_assert_int_eq (m.route->nparams, 3);
  ck_assert_mem_eq (m.route->params[1].ptr, "y", m.route->params[1].len);
  ck_assert_int_eq (m.values[1].len, 3);
  ck_assert_mem_eq (m.values[1].ptr, "%41", 3);
  route_match (router, METHOD_PUT, (kg_str){ "/a/b", 4 }, 0, &m);
  ck_assert_int_eq (m.allowed, 1 << METHOD_GET | 1 << METHOD_HEAD | 1 << METHOD_POST);
  router_destroy (router);
}
END_TEST

START_TEST (refused)
{
  static const struct {
    const char *method, *pattern;
    int32_t rc;
    const char *why;
  } rows[] = {
    { "GET", "/a/b", -EEXIST, "GET /a/b is already a route of plugin one (/a/b)" },
    { "GET", "/a/{other}", -EEXIST,
      "GET /a/{other} is already a route of plugin two (/a/{y})" },
    { "GET", "a", -EINVAL, "must begin with '/'" },
    { "GET", "", -EINVAL, "must begin with '/'" },
    { "GET", "/a/", -EINVAL, "a segment is empty" },
    { "GET", "/a//b", -EINVAL, "a segment is empty" },
    { "GET", "/a b", -EINVAL, "a segment is text" },
    { "GET", "/x{y}", -EINVAL, "a segment is text" },
    { "GET", "/{}", -EINVAL, "a segment is text" },
    { "GET", "/%41", -EINVAL, "a segment is text" },
    { "GET", "/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}", -EINVAL, "over 8 parameters" },
    { "GET", "/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17", -EINVAL, "over 16 segments" },
    { "HEAD", "/h", -EINVAL, "method must be" },
    { "OPTIONS", "/h", -EINVAL, "method must be" },
    { "get", "/h", -EINVAL, "method must be" },
    { NULL, "/h", -EINVAL, "method must be" },
    { "GET", NULL, -EINVAL, "must begin with '/'" },
  };
  make ();
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    ck_assert_int_eq (add (&one, rows[i].method, rows[i].pattern, 0), rows[i].rc);
    ck_assert_msg (strstr (error, rows[i].why) != NULL, "%s", error);
  }
  ck_assert_int_eq (route_count (router), 7);
  router_destroy (router);
}
END_TEST

START_TEST (dropped)
{
  make ();
  route_drop (router, &two);
  ck_assert_str_eq (found ("GET", "/a/x", 0), "404");
  ck_assert_str_eq (found ("GET", "/a/b", 0), "/a/b");
  ck_assert_int_eq (add (&one, "GET", "/a/{other}", 0), 0);
  ck_assert_str_eq (found ("GET", "/a/x", 0), "/a/{other}");
  ck_assert_ptr_null (route_at (router, 4));
  router_destroy (router);
  router_destroy (NULL);
}
END_TEST

UNIT_MAIN ("route", matched, parameters, refused, dropped)
