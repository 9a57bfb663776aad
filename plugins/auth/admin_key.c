/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Keys: create, show, list, change, rotate, revoke.  A secret is in the answer that
 * creates it, and nowhere else. */
#include "plugins/auth/admin_key.h"
#include "plugins/auth/change.h"
#include "plugins/auth/form.h"
#include "plugins/auth/list.h"
#include "plugins/auth/schema.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SHOW_MAX (KEY_JSON + 512)

/* ---- Showing ------------------------------------------------------------- */

kg_str
key_object (struct task *t, const struct key_spec *spec)
{
  struct kg_out out = task_out (t, KEY_JSON);
  kg_out_lit (&out, "{");
  key_show (&out, spec);
  kg_out_lit (&out, "}");
  return task_written (t, &out);
}

void
key_answer (const struct auth *auth, struct kg_out *out, const struct key_spec *spec)
{
  int64_t used_ns = usage_last_used (auth, (kg_str){ spec->id, strlen (spec->id) });
  char used[TEXT_TIME];
  if (used_ns)
    text_time (used_ns, used);
  kg_out_lit (out, "{");
  key_show (out, spec);
  kg_out_lit (out, ",\"last_used_at\":");
  kg_out_text (out, used_ns ? used : NULL);
  kg_out_lit (out, "}");
}

static int32_t
show_spec (const struct key_spec *spec, void *arg)
{
  struct task *t = arg;
  t->out = task_out (t, SHOW_MAX);
  key_answer (t->auth, &t->out, spec);
  t->status = 200;
  return 0;
}

void
key_put (struct task *t, const struct key_spec *spec, uint64_t revision)
{
  struct kg_out out = task_out (t, KEY_JSON);
  key_store (&out, spec);
  change_put (t, t->auth->keys_bucket, spec->id, task_written (t, &out), revision, model_key);
}

/* ---- POST /admin/v1/keys ------------------------------------------------- */

static int32_t
keys_post_build (struct task *t)
{
  struct key_spec spec = { .tenant = AUTH_TENANT,
                           .tier = "",
                           .scopes = { "read" },
                           .archetypes = { "developer" },
                           .limits = LIMITS_UNSET,
                           .active = 1 };
  if (!form_object (t))
    return CHANGE_DONE;
  form_require (t, "name");
  key_form (t, &spec);
  key_form_owner (t, &spec);
  if (t->faults)
    return CHANGE_DONE;
  return key_create_build (t, &spec, "key.create");
}

static int32_t
keys_post (kg_req *req, void *auth)
{
  return change_start (task_create (auth, req), req, keys_post_build);
}

/* ---- One key ------------------------------------------------------------- */

int32_t
key_with (struct task *t, int32_t (*fn) (const struct key_spec *, void *))
{
  kg_str value;
  int32_t rc = change_get (t, t->auth->keys_bucket, t->id, &value, &t->revision);
  if (rc == 0)
    rc = key_read (value, fn, t);
  return rc == -ENOENT ? task_refuse (t, 404, "Key not found") : rc;
}

static void
key_get_run (struct task *t)
{
  int32_t rc = key_with (t, show_spec);
  if (rc < 0)
    t->error = rc;
}

static int32_t
key_get (kg_req *req, void *auth)
{
  return task_start (task_create (auth, req), req, key_get_run);
}

int32_t
key_changed (struct task *t, int32_t rc)
{
  return rc == TASK_REFUSED ? CHANGE_DONE : rc < 0 ? rc : t->ops ? CHANGE_GOES : CHANGE_DONE;
}

int32_t
key_replace (struct task *t, const struct key_spec *old, const struct key_spec *new,
             const char *action)
{
  int32_t rc = change_differ (t, key_object (t, old), key_object (t, new));
  if (rc <= 0)
    return rc;
  t->audit.action = action;
  t->audit.target = t->id;
  key_put (t, new, t->revision);
  return 0;
}

static int32_t
patch_spec (const struct key_spec *old, void *arg)
{
  struct task *t = arg;
  struct key_spec new = *old;
  int32_t rc;
  if (!old->active)
    return task_refuse (t, 409, "The key is revoked");
  key_form (t, &new);
  key_form_change (t, old, &new);
  if (t->faults)
    return TASK_REFUSED;
  rc = admin_key_leaves (t, old, &new);
  if (rc == 0)
    rc = key_replace (t, old, &new, "key.update");
  return rc ? rc : show_spec (&new, t);
}

static int32_t
key_patch_build (struct task *t)
{
  return form_object (t) ? key_changed (t, key_with (t, patch_spec)) : CHANGE_DONE;
}

static int32_t
key_patch (kg_req *req, void *auth)
{
  struct task *t = task_create (auth, req);
  if (t)
    t->forced = task_flag (t, req, "force");
  return change_start (t, req, key_patch_build);
}

/* ---- Revoke -------------------------------------------------------------- */

static int32_t
revoke_spec (const struct key_spec *old, void *arg)
{
  struct task *t = arg;
  struct key_spec new = *old;
  int32_t rc;
  new.active = 0;
  rc = admin_key_leaves (t, old, &new);
  if (rc == 0)
    rc = key_replace (t, old, &new, "key.revoke");
  if (rc == 0)
    t->status = 204;
  return rc;
}

static int32_t
key_delete_build (struct task *t)
{
  return key_changed (t, key_with (t, revoke_spec));
}

static int32_t
key_delete (kg_req *req, void *auth)
{
  struct task *t = task_create (auth, req);
  if (t)
    t->forced = task_flag (t, req, "force");
  return change_start (t, req, key_delete_build);
}

/* ---- List ---------------------------------------------------------------- */

struct key_list {
  struct task *task;
  struct kg_out *out;
};

static int32_t
list_spec (const struct key_spec *spec, void *arg)
{
  const struct key_list *l = arg;
  if (*l->task->tenant && strcmp (l->task->tenant, spec->tenant))
    return 0;
  key_answer (l->task->auth, l->out, spec);
  return 1;
}

static int32_t
list_show (struct task *t, kg_str value, struct kg_out *out)
{
  struct key_list l = { t, out };
  return key_read (value, list_spec, &l);
}

static void
keys_get_run (struct task *t)
{
  const struct list list = { .member = "keys",
                             .bucket = t->auth->keys_bucket,
                             .entry_max = SHOW_MAX,
                             .show = list_show };
  if (list_tenant (t) == 0)
    list_run (t, &list);
}

static int32_t
keys_get (kg_req *req, void *auth)
{
  return list_start (task_create (auth, req), req, 1, keys_get_run);
}

/* ---- Routes -------------------------------------------------------------- */

#define KEY_INPUT                                                                            \
  "\"name\":" S_TEXT ",\"tier\":" S_TEXT_NULL ",\"scopes\":" S_TEXTS ",\"archetypes\":" S_TEXTS \
  ",\"cidrs\":" S_TEXTS ",\"limits\":" S_LIMITS ",\"expires_at\":" S_TIME_NULL
#define KEY_SHOWN                                                                            \
  "\"id\":" S_UUID ",\"prefix\":" S_TEXT ",\"tenant\":" S_UUID ",\"user\":" S_TEXT "," KEY_INPUT \
  ",\"created_at\":" S_TIME ",\"deprecated_at\":" S_TIME_NULL ",\"sunset_at\":" S_TIME_NULL   \
  ",\"replaces\":" S_UUID_NULL ",\"replaced_by\":" S_UUID_NULL ",\"active\":" S_BOOL
#define KEY_SCHEMA     "{\"type\":\"object\",\"properties\":{" KEY_SHOWN ",\"last_used_at\":" S_TIME_NULL "}}"
#define CREATED_SCHEMA "{\"type\":\"object\",\"properties\":{\"key\":" S_TEXT "," KEY_SHOWN "}}"

static const struct kg_route routes[] = {
  { .size = sizeof routes[0],
    .flags = KG_ADMIN | KG_JSON,
    .method = "POST",
    .pattern = "/admin/v1/keys",
    .scope = "admin",
    .summary = "Create a key; the answer shows its secret once",
    .handler = keys_post,
    .body_max = 65536,
    .request_schema = "{\"type\":\"object\",\"required\":[\"name\"],\"properties\":{"
                      "\"tenant\":" S_TEXT ",\"user\":" S_TEXT "," KEY_INPUT "}}",
    .response_schema = CREATED_SCHEMA,
    .statuses = "201 409 422 503" },
  { .size = sizeof routes[0],
    .flags = KG_ADMIN,
    .method = "GET",
    .pattern = "/admin/v1/keys",
    .scope = "admin",
    .summary = "List keys, without secrets, in the order of their ids",
    .handler = keys_get,
    .response_schema = S_LIST ("keys", KEY_SCHEMA),
    .parameters = "[" P_LIST "," P_TENANT "]",
    .statuses = "404 422" },
  { .size = sizeof routes[0],
    .flags = KG_ADMIN,
    .method = "GET",
    .pattern = "/admin/v1/keys/{id}",
    .scope = "admin",
    .summary = "Show a key, without its secret",
    .handler = key_get,
    .response_schema = KEY_SCHEMA,
    .statuses = "404" },
  { .size = sizeof routes[0],
    .flags = KG_ADMIN | KG_JSON,
    .method = "PATCH",
    .pattern = "/admin/v1/keys/{id}",
    .scope = "admin",
    .summary = "Change a key; members that are absent stay as they are",
    .handler = key_patch,
    .body_max = 65536,
    .request_schema = "{\"type\":\"object\",\"properties\":{" KEY_INPUT "}}",
    .response_schema = KEY_SCHEMA,
    .parameters = "[" P_FORCE "]",
    .statuses = "404 409 422 503" },
  { .size = sizeof routes[0],
    .flags = KG_ADMIN,
    .method = "DELETE",
    .pattern = "/admin/v1/keys/{id}",
    .scope = "admin",
    .summary = "Revoke a key at once",
    .handler = key_delete,
    .parameters = "[" P_FORCE "]",
    .statuses = "204 404 409 503" },
  { .size = sizeof routes[0],
    .flags = KG_ADMIN | KG_JSON,
    .method = "POST",
    .pattern = "/admin/v1/keys/{id}/rotate",
    .scope = "admin",
    .summary = "Create a key in place of another, which works for grace_s seconds more",
    .handler = key_rotate,
    .body_max = 4096,
    .request_schema = "{\"type\":\"object\",\"properties\":{\"grace_s\":{\"type\":\"integer\","
                      "\"minimum\":0,\"default\":86400},\"expires_at\":" S_TIME_NULL "}}",
    .response_schema = CREATED_SCHEMA,
    .statuses = "201 404 409 422 503" },
};

int32_t
admin_key_open (struct auth *auth)
{
  return routes_add (auth, routes, sizeof routes / sizeof routes[0]);
}
