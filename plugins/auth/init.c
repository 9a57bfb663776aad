/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* POST /admin/v1/init: the first key of an operator.  There are no credentials to
 * begin with: whoever may write to the host's own socket may make it, once. */
#include "plugins/auth/admin_key.h"
#include "plugins/auth/change.h"
#include "plugins/auth/form.h"
#include "plugins/auth/schema.h"

#include <errno.h>

static int32_t
init_build (struct task *t)
{
  struct key_spec spec = { .name = "admin",
                           .user = "admin",
                           .tenant = AUTH_TENANT,
                           .tier = "",
                           .scopes = { "admin", "read", "write", "billing" },
                           .archetypes = { "developer" },
                           .limits = LIMITS_UNSET,
                           .active = 1 };
  int32_t rc = admin_key_exists (t->auth, "", t->now_ns);
  if (rc < 0)
    return rc;
  if (rc) {
    task_refuse (t, 409, "There is an active key with scope 'admin' already");
    return CHANGE_DONE;
  }
  /* An operator at work isn't stopped by the limits of the first tier. */
  spec.limits.per_minute = spec.limits.per_day = spec.limits.per_month = 0;
  spec.limits.concurrent = 0;
  return key_create_build (t, &spec, "init");
}

static int32_t
init_post (kg_req *req, void *data)
{
  struct auth *auth = data;
  if (auth->host->num (req, KG_NUM_LOCAL) != 1)
    return auth->host->problem (req, 403, NULL,
                                "The first key is made over the operator's socket only");
  return change_start (task_create (auth, req), req, init_build);
}

int32_t
init_open (struct auth *auth)
{
  static const struct kg_route route = {
    .size = sizeof route,
    .flags = KG_ADMIN | KG_JSON,
    .method = "POST",
    .pattern = "/admin/v1/init",
    .scope = "admin",
    .summary = "Create the first key with scope admin; over the operator's socket only",
    .handler = init_post,
    .body_max = 4096,
    .request_schema = S_OBJECT,
    .response_schema = "{\"type\":\"object\",\"properties\":{\"key\":" S_TEXT ",\"id\":" S_UUID "}}",
    .statuses = "201 403 409 503",
  };
  return routes_add (auth, &route, 1);
}
