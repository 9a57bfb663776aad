/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Calls of self.* and of what waits. */
#ifndef TESTS_PLUGINS_AGENTESE_SELF_H
#define TESTS_PLUGINS_AGENTESE_SELF_H

#include "tests/plugins/agentese.h"
#include "tests/unit.h"

static inline kg_req *
ask (const char *path, const char *kwargs)
{
  static char more[80000];
  static char body[81000];
  snprintf (more, sizeof more, ",\"kwargs\":%s", kwargs ? kwargs : "{}");
  snprintf (body, sizeof body, "{\"path\":\"%s\"%s}", path, more);
  return fake_request (fake, "POST", "/v1/agentese/invoke", NULL, body);
}

static inline void
status_is (kg_req *req, int status)
{
  ck_assert_msg (fake_status (req) == status, "%d: %s", (int)fake_status (req), fake_body (req));
}

static inline void
over (kg_req *req, const char *policy)
{
  status_is (req, 507);
  HAS (req, "violated_policies.0", policy);
}

/* Keeps `bytes` of data under a key. */
static inline kg_req *
keep (const char *key, int bytes)
{
  static char kwargs[70000];
  snprintf (kwargs, sizeof kwargs, "{\"key\":\"%s\",\"data\":\"%0*d\"}", key, bytes, 7);
  return ask ("self.memory.engram", kwargs);
}

/* An action that waits; its id. */
static inline const char *
wait_for (const char *target, const char *arguments)
{
  static char id[32];
  char kwargs[512];
  kg_req *req;
  snprintf (kwargs, sizeof kwargs, "{\"reason\":\"May I?\",\"target\":\"%s\",\"arguments\":%s}",
            target, arguments);
  req = ask ("self.semaphore.yield", kwargs);
  status_is (req, 200);
  snprintf (id, sizeof id, "%s", fake_json (req, "result.id"));
  return id;
}

static inline kg_req *
resolve (const char *id)
{
  char kwargs[64];
  snprintf (kwargs, sizeof kwargs, "{\"id\":\"%s\"}", id);
  return ask ("world.purgatory.resolve", kwargs);
}

static inline void
item_is (const char *id, const char *status)
{
  char kwargs[64];
  snprintf (kwargs, sizeof kwargs, "{\"id\":\"%s\"}", id);
  HAS (ask ("self.semaphore.status", kwargs), "result.status", status);
}

/* Asks with n values of a member, which are kept: "c0", "c1" and so on. */
static inline void
fill (const char *path, const char *member, int n)
{
  char kwargs[64];
  int i;
  for (i = 0; i < n; i++) {
    snprintf (kwargs, sizeof kwargs, "{\"%s\":\"%c%d\"}", member, *member, i);
    status_is (ask (path, kwargs), 200);
  }
}

#endif
