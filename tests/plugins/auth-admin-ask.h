/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The operator's routes of the auth plugin, and what they record. */
#ifndef TESTS_PLUGINS_AUTH_ADMIN_ASK_H
#define TESTS_PLUGINS_AUTH_ADMIN_ASK_H

#include "tests/plugins/auth-admin.h"

#include <errno.h>
#include <time.h>

#define TENANTS "/admin/v1/tenants"
#define USERS   "/admin/v1/users"
#define KEYS    "/admin/v1/keys"
#define INIT    "/admin/v1/init"
#define DEFAULT "00000000-0000-0000-0000-000000000001"
#define NOBODY  "11111111-1111-4111-8111-111111111111"

/* A time of day, that many seconds from now. */
static inline const char *
time_in (int64_t seconds)
{
  time_t at = (time_t) (fake_now (fake) / 1000000000 + seconds);
  char buf[32];
  struct tm t;
  strftime (buf, sizeof buf, "%Y-%m-%dT%H:%M:%SZ", gmtime_r (&at, &t));
  return text ("%s", buf);
}

static inline int
audited (void)
{
  return fake_log_count (fake, "auth.audit");
}

/* Creates, and returns the answer. */
static inline kg_req *
make (const char *where, const char *body)
{
  return expect (ask ("POST", where, body), 201, NULL);
}

/* Whether a key works, on a route with scope admin. */
static inline int
works (const char *secret)
{
  int status = fake_status (ask_with (secret, "GET", KEYS "?limit=1", NULL));
  ck_assert (status == 200 || status == 401 || status == 403);
  return status != 401;
}

struct row {
  const char *body, *loc, *type;
};

static inline void
expect_faults (const char *method, const char *where, const struct row *rows, size_t count)
{
  int records = audited ();
  for (size_t i = 0; i < count; i++) {
    kg_req *req = ask (method, where, rows[i].body);
    expect (req, 422, NULL);
    has (req, "errors.0.loc", rows[i].loc);
    has (req, "errors.0.type", rows[i].type);
    has (req, "errors.1.loc", NULL);
  }
  ck_assert_int_eq (audited (), records);
}

#define FAULTS(method, where, rows) \
  expect_faults (method, where, rows, sizeof (rows) / sizeof (rows)[0])

#endif
