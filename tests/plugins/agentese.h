/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What the tests of agentese.so share: the fake host, callers, and a meter that
 * remembers. */
#ifndef TESTS_PLUGINS_AGENTESE_H
#define TESTS_PLUGINS_AGENTESE_H

#include "tests/fake/fake-services.h"

#include <kgent/budget.h>
#include <kgent/meter.h>

#include <check.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct kg_plugin kg_plugin_1;

static struct fake *fake;

/* ---- meter/1 that remembers ----------------------------------------------- */

static int noted;
static char note_type[64], note_data[512];

static inline int32_t
note (kg_req *req, const char *type, kg_str data)
{
  (void)req;
  noted++;
  snprintf (note_type, sizeof note_type, "%s", type);
  snprintf (note_data, sizeof note_data, "%.*s", (int)data.len, data.ptr);
  return 0;
}

static const struct kg_meter meter = { .size = sizeof meter, .note = note };

/* ---- budget/1 with one reservation of each kind -------------------------------- */

struct kg_reservation {
  uint32_t kind;
  int64_t reserved, settled; /* settled: -1: not */
};

static struct kg_reservation held[4]; /* by kind */
static int64_t budget_left[4];
static int32_t budget_error; /* of the next reservation, -EACCES */

static inline int32_t
budget_reserve (kg_req *req, uint32_t kind, int64_t n, kg_reservation **ret)
{
  (void)req;
  ck_assert (kind >= KG_BUDGET_TOKENS && kind <= KG_BUDGET_REQUESTS);
  if (budget_error)
    return budget_error;
  if (n > budget_left[kind])
    return -EDQUOT;
  held[kind] = (struct kg_reservation){ kind, n, -1 };
  *ret = &held[kind];
  return 0;
}

static inline int32_t
budget_settle (kg_req *req, kg_reservation *r, int64_t used)
{
  (void)req;
  if (used > r->reserved)
    return -ERANGE;
  ck_assert_int_eq (r->settled, -1);
  r->settled = used;
  return 0;
}

static inline void
budget_release (kg_req *req, kg_reservation *r)
{
  (void)req;
  r->reserved = 0;
}

static inline int32_t
budget_refuse (kg_req *req, uint32_t kind, int64_t n)
{
  return fake_host ()->problem (req, 402, NULL, "kind %u: %lld", kind, (long long)n);
}

static const struct kg_budget budget = { .size = sizeof budget,
                                         .reserve = budget_reserve,
                                         .settle = budget_settle,
                                         .release = budget_release,
                                         .refuse = budget_refuse };

/* ---- Callers ---------------------------------------------------------------- */

static const char *const all_scopes[] = { "read", "write", NULL };
static const char *const read_only[] = { "read", NULL };
static const char *const house_only[] = { "read", "write", "invoke:world.house.*", NULL };
static const char *const any[] = { "*", NULL };
static const char *const poet_first[] = { "poet", "developer", NULL };

static inline void
act_as (const char *tenant, const char *const *scopes, const char *const *archetypes)
{
  struct kg_identity who = { .size = sizeof who,
                             .subject = "user",
                             .tenant = tenant,
                             .key_id = "k1",
                             .tier = "PRO",
                             .scopes = scopes,
                             .archetypes = archetypes };
  fake_as (fake, &who, 0, 0);
}

/* A fake with agentese open, so that other plugins can be opened beside it. */
static inline void
begin_unstarted (const char *const *conf)
{
  fake = fake_new ();
  fake_services (fake);
  fake_provide (fake, KG_METER, &meter, sizeof meter);
  fake_provide (fake, KG_BUDGET, &budget, sizeof budget);
  memset (held, 0, sizeof held);
  budget_error = 0;
  ck_assert_msg (!fake_open (fake, &kg_plugin_1, conf), "%s", fake_error (fake));
  noted = 0;
}

static inline void
begin_with (const char *const *conf)
{
  begin_unstarted (conf);
  ck_assert_msg (!fake_start (fake), "%s", fake_error (fake));
  act_as ("t1", all_scopes, any);
}

static inline void
begin (void)
{
  begin_with (NULL);
}

static inline void
end (void)
{
  fake_free (fake);
}

/* Invokes with the body's members behind the path: ",\"kwargs\":{}". */
static inline kg_req *
invoke (const char *path, const char *more)
{
  char body[4096];
  snprintf (body, sizeof body, "{\"path\":\"%s\"%s}", path, more ? more : "");
  return fake_request (fake, "POST", "/v1/agentese/invoke", NULL, body);
}

static inline kg_req *
invoke_as (const char *path, const char *archetype, const char *kwargs)
{
  char more[2048];
  snprintf (more, sizeof more,
            ",\"observer\":{\"name\":\"ann\",\"archetype\":\"%s\"},\"kwargs\":%s", archetype,
            kwargs ? kwargs : "{}");
  return invoke (path, more);
}

#define HAS(req, path, want) ck_assert_pstr_eq (fake_json ((req), (path)), (want))

#endif
