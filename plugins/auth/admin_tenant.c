/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Tenants: create, show, list, change.  They are never deleted, because usage and
 * audit records name them: a status of "canceled" ends one. */
#include "plugins/auth/admin_key.h"
#include "plugins/auth/change.h"
#include "plugins/auth/form.h"
#include "plugins/auth/list.h"
#include "plugins/auth/schema.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SLUG_MAX 63

/* ---- Showing ------------------------------------------------------------- */

static void
spec_show (struct kg_out *out, const struct tenant_spec *spec)
{
  kg_out_lit (out, "{");
  tenant_show (out, spec);
  kg_out_lit (out, "}");
}

static kg_str
spec_object (struct task *t, const struct tenant_spec *spec)
{
  struct kg_out out = task_out (t, TENANT_JSON);
  spec_show (&out, spec);
  return task_written (t, &out);
}

static int32_t
show_spec (const struct tenant_spec *spec, void *arg)
{
  struct task *t = arg;
  t->out = task_out (t, TENANT_JSON);
  spec_show (&t->out, spec);
  t->status = 200;
  return 0;
}

static void
spec_put (struct task *t, const struct tenant_spec *spec, uint64_t revision)
{
  struct kg_out out = task_out (t, TENANT_JSON);
  tenant_store (&out, spec);
  change_put (t, t->auth->tenants_bucket, spec->id, task_written (t, &out), revision, model_tenant);
}

/* ---- The form ------------------------------------------------------------ */

static void
status_read (struct task *t, enum tenant_status *ret)
{
  static const char *const names[] = { "active", "past_due", "suspended", "canceled", NULL };
  int32_t n = -1;
  form_choice (t, "status", names, 0, &n);
  if (n >= 0)
    *ret = tenant_status_find (names[n]);
}

static void
source_read (struct task *t, int32_t *ret)
{
  const char *const names[] = { tenant_source_name (0), tenant_source_name (1), NULL };
  form_choice (t, "tier_source", names, 0, ret);
}

/* A slug must not look like an id: either may stand in a path. */
static void
slug_read (struct task *t, const char **ret)
{
  char id[TEXT_UUID];
  form_text (t, "slug", SLUG_MAX, "", ret);
  if (**ret && (!tenant_slug_ok (*ret) || text_uuid (*ret, strlen (*ret), id) == 0))
    form_fault (t, "slug", "range",
                "Input should be a lower-case letter, then letters, digits and -, and no UUID");
}

static void
form_read (struct task *t, struct tenant_spec *spec)
{
  int64_t day = spec->anchor_day;
  form_text (t, "name", TENANT_TEXT, NULL, &spec->name);
  slug_read (t, &spec->slug);
  form_tier (t, t->auth->tenants.tiers.items[0].name, &spec->tier);
  source_read (t, &spec->manual);
  status_read (t, &spec->status);
  form_number (t, "anchor_day", 1, 31, 1, &day);
  spec->anchor_day = (int32_t) day;
  form_merge (t, "metadata", TENANT_METADATA, &spec->metadata);
  form_limits (t, &spec->limits);
}

/* Whether another tenant has the slug. */
static int32_t
slug_taken (struct task *t, const struct tenant_spec *spec)
{
  struct tenant *other
      = *spec->slug ? tenant_of_slug (&t->auth->tenants, (kg_str){ spec->slug, strlen (spec->slug) })
                    : NULL;
  return other && strcmp (other->text, spec->id);
}

/* Makes a slug of a name, "Acme, Inc." becomes "acme-inc"; "" when nothing is left,
 * or another tenant has it. */
static const char *
slug_make (struct task *t, const struct tenant_spec *spec)
{
  struct tenant_spec trial = *spec;
  char *slug = task_alloc (t, SLUG_MAX + 1), id[TEXT_UUID];
  const char *s;
  size_t n = 0;
  if (!slug)
    return "";
  for (s = spec->name; *s && n < SLUG_MAX; s++)
    if (isalpha ((unsigned char) *s) || (n && isdigit ((unsigned char) *s)))
      slug[n++] = (char) tolower ((unsigned char) *s);
    else if (n && slug[n - 1] != '-')
      slug[n++] = '-';
  while (n && slug[n - 1] == '-')
    slug[--n] = 0;
  trial.slug = slug;
  return tenant_slug_ok (slug) && text_uuid (slug, n, id) < 0 && !slug_taken (t, &trial) ? slug : "";
}

/* ---- POST /admin/v1/tenants ---------------------------------------------- */

static void
id_read (struct task *t, const char **ret)
{
  const char *id = NULL;
  char uuid[TEXT_UUID];
  form_id (t, "id", "", &id);
  if (id && *id && text_uuid (id, strlen (id), uuid) < 0)
    form_fault (t, "id", "uuid_parsing", "Input should be a valid UUID");
  else if (id && *id)
    *ret = id;
}

static int32_t
tenant_create (struct task *t, const struct tenant_spec *spec)
{
  spec_put (t, spec, KG_REV_NEW);
  t->audit = (struct audit_entry){ .action = "tenant.create",
                                   .target = task_copy (t, (kg_str){ spec->id, strlen (spec->id) }),
                                   .after = spec_object (t, spec) };
  t->location = task_text (t, "/admin/v1/tenants/%s", spec->id);
  show_spec (spec, t);
  t->status = 201;
  return CHANGE_GOES;
}

static int32_t
all_post_build (struct task *t)
{
  struct tenant_spec spec = { .slug = "",
                              .tier = t->auth->tenants.tiers.items[0].name,
                              .metadata = "{}",
                              .status = TENANT_ACTIVE,
                              .anchor_day = 1,
                              .limits = LIMITS_UNSET,
                              .created_ns = t->now_ns,
                              .updated_ns = t->now_ns };
  uint64_t revision;
  kg_str value;
  int32_t rc = *t->new_id ? 0 : key_id (t->new_id);
  if (rc < 0 || !form_object (t))
    return rc;
  spec.id = t->new_id;
  form_require (t, "name");
  form_read (t, &spec);
  id_read (t, &spec.id);
  if (t->faults || t->error)
    return CHANGE_DONE;
  rc = change_get (t, t->auth->tenants_bucket, spec.id, &value, &revision);
  if (rc != -ENOENT)
    return rc < 0 ? rc : task_refuse (t, 409, "The id is taken") - TASK_REFUSED;
  if (slug_taken (t, &spec))
    return task_refuse (t, 409, "The slug '%s' is taken", spec.slug) - TASK_REFUSED;
  if (!form_has (t, "slug"))
    spec.slug = slug_make (t, &spec);
  return tenant_create (t, &spec);
}

static int32_t
all_post (kg_req *req, void *auth)
{
  return change_start (task_create (auth, req), req, all_post_build);
}

/* ---- One tenant ---------------------------------------------------------- */

/* Reads the tenant that the path names and calls fn with it. */
static int32_t
tenant_with (struct task *t, int32_t (*fn) (const struct tenant_spec *, void *))
{
  char id[TEXT_UUID];
  kg_str value;
  int32_t rc = tenant_named (t, t->id, id);
  if (rc == 0) {
    memcpy (t->id, id, sizeof id);
    rc = change_get (t, t->auth->tenants_bucket, id, &value, &t->revision);
  }
  if (rc == 0)
    rc = tenant_read (value, fn, t);
  return rc == -ENOENT ? task_refuse (t, 404, "Tenant not found") : rc;
}

static void
one_get_run (struct task *t)
{
  int32_t rc = tenant_with (t, show_spec);
  if (rc < 0)
    t->error = rc;
}

static int32_t
one_get (kg_req *req, void *auth)
{
  return task_start (task_create (auth, req), req, one_get_run);
}

static int32_t
patch_spec (const struct tenant_spec *old, void *arg)
{
  struct task *t = arg;
  struct tenant_spec new = *old;
  int32_t rc;
  form_read (t, &new);
  form_fixed (t, "id", old->id);
  if (t->faults || t->error)
    return t->error;
  if (slug_taken (t, &new))
    return task_refuse (t, 409, "The slug '%s' is taken", new.slug);
  rc = change_differ (t, spec_object (t, old), spec_object (t, &new));
  if (rc > 0) {
    new.updated_ns = t->now_ns;
    t->audit.action = "tenant.update";
    t->audit.target = t->id;
    spec_put (t, &new, t->revision);
  }
  return rc < 0 ? rc : show_spec (&new, t);
}

static int32_t
one_patch_build (struct task *t)
{
  int32_t rc = form_object (t) ? tenant_with (t, patch_spec) : 0;
  return rc < 0 ? rc : t->ops ? CHANGE_GOES : CHANGE_DONE;
}

static int32_t
one_patch (kg_req *req, void *auth)
{
  return change_start (task_create (auth, req), req, one_patch_build);
}

/* ---- List ---------------------------------------------------------------- */

static int32_t
list_spec (const struct tenant_spec *spec, void *out)
{
  spec_show (out, spec);
  return 1;
}

static int32_t
list_show (struct task *t, kg_str value, struct kg_out *out)
{
  (void) t;
  return tenant_read (value, list_spec, out);
}

static void
all_get_run (struct task *t)
{
  const struct list list = { .member = "tenants",
                             .bucket = t->auth->tenants_bucket,
                             .entry_max = TENANT_JSON,
                             .show = list_show };
  list_run (t, &list);
}

static int32_t
all_get (kg_req *req, void *auth)
{
  return list_start (task_create (auth, req), req, 1, all_get_run);
}

/* ---- Routes -------------------------------------------------------------- */

#define TENANT_INPUT                                                                         \
  "\"name\":" S_TEXT ",\"slug\":" S_TEXT_NULL ",\"tier\":" S_TEXT_NULL                        \
  ",\"tier_source\":{\"enum\":[\"billing\",\"manual\"]}"                                       \
  ",\"status\":{\"enum\":[\"active\",\"past_due\",\"suspended\",\"canceled\"]}"              \
  ",\"anchor_day\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":31},\"metadata\":" S_OBJECT \
  ",\"limits\":" S_LIMITS
#define TENANT_SCHEMA                                                                        \
  "{\"type\":\"object\",\"properties\":{\"id\":" S_UUID "," TENANT_INPUT ",\"created_at\":"    \
  S_TIME ",\"updated_at\":" S_TIME "}}"

static const struct kg_route routes[] = {
  { .size = sizeof routes[0],
    .flags = KG_ADMIN | KG_JSON,
    .method = "POST",
    .pattern = "/admin/v1/tenants",
    .scope = "admin",
    .summary = "Create a tenant",
    .handler = all_post,
    .body_max = 65536,
    .request_schema = "{\"type\":\"object\",\"required\":[\"name\"],\"properties\":{\"id\":" S_UUID
                      "," TENANT_INPUT "}}",
    .response_schema = TENANT_SCHEMA,
    .statuses = "201 409 422 503" },
  { .size = sizeof routes[0],
    .flags = KG_ADMIN,
    .method = "GET",
    .pattern = "/admin/v1/tenants",
    .scope = "admin",
    .summary = "List tenants in the order of their ids",
    .handler = all_get,
    .response_schema = S_LIST ("tenants", TENANT_SCHEMA),
    .parameters = "[" P_LIST "]",
    .statuses = "422" },
  { .size = sizeof routes[0],
    .flags = KG_ADMIN,
    .method = "GET",
    .pattern = "/admin/v1/tenants/{id}",
    .scope = "admin",
    .summary = "Show a tenant, by its id or slug",
    .handler = one_get,
    .response_schema = TENANT_SCHEMA,
    .statuses = "404" },
  { .size = sizeof routes[0],
    .flags = KG_ADMIN | KG_JSON,
    .method = "PATCH",
    .pattern = "/admin/v1/tenants/{id}",
    .scope = "admin",
    .summary = "Change a tenant; members that are absent stay as they are",
    .handler = one_patch,
    .body_max = 65536,
    .request_schema = "{\"type\":\"object\",\"properties\":{" TENANT_INPUT "}}",
    .response_schema = TENANT_SCHEMA,
    .statuses = "404 409 422 503" },
};

int32_t
admin_tenant_open (struct auth *auth)
{
  return routes_add (auth, routes, sizeof routes / sizeof routes[0]);
}
