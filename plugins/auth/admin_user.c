/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Users: create, show, list, change.  They are never deleted, because audit records
 * name them: "active": false ends one. */
#include "plugins/auth/admin_key.h"
#include "plugins/auth/change.h"
#include "plugins/auth/form.h"
#include "plugins/auth/list.h"
#include "plugins/auth/schema.h"

#include <errno.h>
#include <string.h>

#define EMAIL_MAX 254 /* bytes (RFC 5321, section 4.5.3.1.3, without brackets) */

/* The bytes of an id: what may stand in a path. */
#define ID_BYTES                                                                             \
  "!$&'()*+,-.0123456789:;=@ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~"

/* ---- Showing ------------------------------------------------------------- */

static void
spec_show (struct kg_out *out, const struct user_spec *spec)
{
  kg_out_lit (out, "{");
  user_show (out, spec);
  kg_out_lit (out, "}");
}

static kg_str
spec_object (struct task *t, const struct user_spec *spec)
{
  struct kg_out out = task_out (t, USER_JSON);
  spec_show (&out, spec);
  return task_written (t, &out);
}

static int32_t
show_spec (const struct user_spec *spec, void *arg)
{
  struct task *t = arg;
  t->out = task_out (t, USER_JSON);
  spec_show (&t->out, spec);
  t->status = 200;
  return 0;
}

static void
spec_put (struct task *t, const struct user_spec *spec, uint64_t revision)
{
  struct kg_out out = task_out (t, USER_JSON);
  user_store (&out, spec);
  change_put (t, t->auth->users_bucket, spec->id, task_written (t, &out), revision, model_user);
}

/* ---- The form ------------------------------------------------------------ */

static void
role_read (struct task *t, enum role *ret)
{
  static const char *const names[] = { "owner", "admin", "member", "readonly", NULL };
  int32_t n = -1;
  form_choice (t, "role", names, 2, &n);
  if (n >= 0)
    *ret = role_find (names[n]);
}

/* No more than what keeps nonsense out: only a letter that arrives proves one. */
static void
email_read (struct task *t, const char **ret)
{
  const char *at;
  form_text (t, "email", EMAIL_MAX, "", ret);
  at = strchr (*ret, '@');
  if (**ret && (!at || at == *ret || !at[1] || strchr (at + 1, '@') || strchr (*ret, ' ')))
    form_fault (t, "email", "range", "Input should be an e-mail address, as ann@example.org");
}

static void
form_read (struct task *t, struct user_spec *spec)
{
  email_read (t, &spec->email);
  role_read (t, &spec->role);
  form_bool (t, "active", 1, &spec->active);
}

/* ---- POST /admin/v1/users ------------------------------------------------ */

static void
id_read (struct task *t, const char **ret)
{
  const char *id = NULL;
  form_id (t, "id", "", &id);
  if (id && id[strspn (id, ID_BYTES)])
    form_fault (t, "id", "range", "Input should be of letters, digits and !$&'()*+,-.:;=@_~");
  else if (id && *id)
    *ret = id;
}

static int32_t
user_create (struct task *t, const struct user_spec *spec)
{
  spec_put (t, spec, KG_REV_NEW);
  t->audit = (struct audit_entry){ .action = "user.create",
                                   .target = spec->id,
                                   .after = spec_object (t, spec) };
  t->location = task_text (t, "/admin/v1/users/%s", spec->id);
  show_spec (spec, t);
  t->status = 201;
  return CHANGE_GOES;
}

static int32_t
all_post_build (struct task *t)
{
  struct user_spec spec = { .tenant = AUTH_TENANT,
                            .email = "",
                            .role = ROLE_MEMBER,
                            .active = 1,
                            .created_ns = t->now_ns,
                            .updated_ns = t->now_ns };
  uint64_t revision;
  kg_str value;
  int32_t rc = *t->new_id ? 0 : key_id (t->new_id);
  if (rc < 0 || !form_object (t))
    return rc;
  spec.id = t->new_id;
  form_read (t, &spec);
  id_read (t, &spec.id);
  form_tenant (t, &spec.tenant);
  if (t->faults || t->error)
    return CHANGE_DONE;
  rc = change_get (t, t->auth->users_bucket, spec.id, &value, &revision);
  if (rc != -ENOENT)
    return rc < 0 ? rc : task_refuse (t, 409, "The id is taken") - TASK_REFUSED;
  return user_create (t, &spec);
}

static int32_t
all_post (kg_req *req, void *auth)
{
  return change_start (task_create (auth, req), req, all_post_build);
}

/* ---- One user ------------------------------------------------------------ */

/* Reads the user that the path names and calls fn with it. */
static int32_t
user_with (struct task *t, int32_t (*fn) (const struct user_spec *, void *))
{
  kg_str value;
  int32_t rc = change_get (t, t->auth->users_bucket, t->id, &value, &t->revision);
  if (rc == 0)
    rc = user_read (value, fn, t);
  return rc == -ENOENT ? task_refuse (t, 404, "User not found") : rc;
}

static void
one_get_run (struct task *t)
{
  int32_t rc = user_with (t, show_spec);
  if (rc < 0)
    t->error = rc;
}

static int32_t
one_get (kg_req *req, void *auth)
{
  return task_start (task_create (auth, req), req, one_get_run);
}

static int32_t
patch_spec (const struct user_spec *old, void *arg)
{
  struct task *t = arg;
  struct user_spec new = *old;
  int32_t rc;
  form_read (t, &new);
  form_fixed (t, "id", old->id);
  form_fixed (t, "tenant", old->tenant);
  if (t->faults || t->error)
    return t->error;
  rc = change_differ (t, spec_object (t, old), spec_object (t, &new));
  if (rc > 0) {
    new.updated_ns = t->now_ns;
    t->audit.action = "user.update";
    t->audit.target = t->id;
    spec_put (t, &new, t->revision);
  }
  return rc < 0 ? rc : show_spec (&new, t);
}

static int32_t
one_patch_build (struct task *t)
{
  int32_t rc = form_object (t) ? user_with (t, patch_spec) : 0;
  return rc < 0 ? rc : t->ops ? CHANGE_GOES : CHANGE_DONE;
}

static int32_t
one_patch (kg_req *req, void *auth)
{
  return change_start (task_create (auth, req), req, one_patch_build);
}

/* ---- List ---------------------------------------------------------------- */

struct user_list {
  struct task *task;
  struct kg_out *out;
};

static int32_t
list_spec (const struct user_spec *spec, void *arg)
{
  const struct user_list *l = arg;
  if (*l->task->tenant && strcmp (l->task->tenant, spec->tenant))
    return 0;
  spec_show (l->out, spec);
  return 1;
}

static int32_t
list_show (struct task *t, kg_str value, struct kg_out *out)
{
  struct user_list l = { t, out };
  return user_read (value, list_spec, &l);
}

static void
all_get_run (struct task *t)
{
  const struct list list = { .member = "users",
                             .bucket = t->auth->users_bucket,
                             .entry_max = USER_JSON,
                             .show = list_show };
  if (list_tenant (t) == 0)
    list_run (t, &list);
}

static int32_t
all_get (kg_req *req, void *auth)
{
  return list_start (task_create (auth, req), req, 0, all_get_run);
}

/* ---- Routes -------------------------------------------------------------- */

#define USER_INPUT                                                                           \
  "\"email\":" S_TEXT_NULL                                                                   \
  ",\"role\":{\"enum\":[\"owner\",\"admin\",\"member\",\"readonly\"]},\"active\":" S_BOOL
#define USER_SCHEMA                                                                          \
  "{\"type\":\"object\",\"properties\":{\"id\":" S_TEXT ",\"tenant\":" S_UUID "," USER_INPUT  \
  ",\"created_at\":" S_TIME ",\"updated_at\":" S_TIME "}}"

static const struct kg_route routes[] = {
  { .size = sizeof routes[0],
    .flags = KG_ADMIN | KG_JSON,
    .method = "POST",
    .pattern = "/admin/v1/users",
    .scope = "admin",
    .summary = "Create a user, whose role caps the scopes of its keys",
    .handler = all_post,
    .body_max = 16384,
    .request_schema = "{\"type\":\"object\",\"properties\":{\"id\":" S_TEXT ",\"tenant\":" S_TEXT
                      "," USER_INPUT "}}",
    .response_schema = USER_SCHEMA,
    .statuses = "201 409 422 503" },
  { .size = sizeof routes[0],
    .flags = KG_ADMIN,
    .method = "GET",
    .pattern = "/admin/v1/users",
    .scope = "admin",
    .summary = "List users in the order of their ids",
    .handler = all_get,
    .response_schema = S_LIST ("users", USER_SCHEMA),
    .parameters = "[" P_LIST "," P_TENANT "]",
    .statuses = "404 422" },
  { .size = sizeof routes[0],
    .flags = KG_ADMIN,
    .method = "GET",
    .pattern = "/admin/v1/users/{id}",
    .scope = "admin",
    .summary = "Show a user",
    .handler = one_get,
    .response_schema = USER_SCHEMA,
    .statuses = "404" },
  { .size = sizeof routes[0],
    .flags = KG_ADMIN | KG_JSON,
    .method = "PATCH",
    .pattern = "/admin/v1/users/{id}",
    .scope = "admin",
    .summary = "Change a user; members that are absent stay as they are",
    .handler = one_patch,
    .body_max = 16384,
    .request_schema = "{\"type\":\"object\",\"properties\":{" USER_INPUT "}}",
    .response_schema = USER_SCHEMA,
    .statuses = "404 409 422 503" },
};

int32_t
admin_user_open (struct auth *auth)
{
  return routes_add (auth, routes, sizeof routes / sizeof routes[0]);
}
