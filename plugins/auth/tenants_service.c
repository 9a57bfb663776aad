/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* tenants/1: the tenants for other plugins.  A change of a tier goes through the lane of
 * changes like an operator's, without a request. */
#include "plugins/auth/change.h"

#include <kgent/tenants.h>

#include <errno.h>
#include <string.h>

#define ACTOR_MAX  64  /* bytes */
#define REASON_MAX 512

/* The service has no `data`: it works for the one open plugin. */
static struct auth *tenants_auth;

/* ---- Looking ------------------------------------------------------------- */

struct view {
  int32_t (*fn) (const struct kg_tenant *tenant, void *arg);
  void *arg;
};

static int32_t
view_spec (const struct tenant_spec *spec, void *arg)
{
  const struct view *view = arg;
  const struct kg_tenant tenant = { .size = sizeof tenant,
                                    .flags = spec->manual ? KG_TENANT_MANUAL : 0,
                                    .id = spec->id,
                                    .slug = spec->slug,
                                    .name = spec->name,
                                    .tier = spec->tier,
                                    .status = tenant_status_name (spec->status),
                                    .metadata = spec->metadata };
  return view->fn (&tenant, view->arg);
}

static int32_t
service_exists (kg_str id)
{
  const struct tenant *t;
  uint8_t bytes[16];
  if (!tenants_auth || text_uuid_read (id.ptr, id.len, bytes) < 0)
    return 0;
  t = tenant_find (&tenants_auth->tenants, bytes);
  return t && atomic_load (&t->status) != TENANT_UNKNOWN;
}

/* The id of the tenant that has this id or slug. */
static int32_t
id_find (kg_str tenant, char ret[TEXT_UUID])
{
  const struct tenant *t;
  if (text_uuid (tenant.ptr, tenant.len, ret) == 0)
    return 0;
  t = tenant.len ? tenant_of_slug (&tenants_auth->tenants, tenant) : NULL;
  if (!t)
    return -ENOENT;
  memcpy (ret, t->text, TEXT_UUID);
  return 0;
}

static int32_t
service_get (kg_str tenant, int32_t (*fn) (const struct kg_tenant *, void *), void *arg)
{
  struct view view = { fn, arg };
  struct kg_entry entry = { .size = sizeof entry };
  char id[TEXT_UUID];
  int32_t rc = tenants_auth ? id_find (tenant, id) : -ENOENT;
  if (rc == 0)
    rc = tenants_auth->store->get (tenants_auth->tenants_bucket, (kg_str){ id, strlen (id) },
                                   &entry);
  return rc == 0 ? tenant_read (entry.value, view_spec, &view) : rc;
}

static int32_t
walk_entry (const struct kg_entry *entry, void *arg)
{
  int32_t rc = tenant_read (entry->value, view_spec, arg);
  return rc == -EINVAL ? 0 : rc; /* malformed: it is in force nowhere either */
}

static int32_t
service_walk (int32_t (*fn) (const struct kg_tenant *, void *), void *arg)
{
  struct view view = { fn, arg };
  if (!tenants_auth)
    return 0;
  return tenants_auth->store->scan (tenants_auth->tenants_bucket, (kg_str){ "", 0 }, walk_entry,
                                    &view);
}

static const char *
service_tier (uint32_t i)
{
  const struct tiers *tiers = tenants_auth ? &tenants_auth->tenants.tiers : NULL;
  return tiers && i < tiers->count ? tiers->items[i].name : NULL;
}

/* ---- Changing ------------------------------------------------------------ */

/* A change of a tier on its way; in its task's memory. */
struct tier_change {
  const char *tier, *reason;
  void (*done) (int32_t error, void *arg);
  void *arg;
};

/* {"tier":"..."}, and the reason where there is one. */
static kg_str
tier_object (struct task *t, const char *tier, const char *reason)
{
  struct kg_out out = task_out (t, 6 * (TENANT_TEXT + REASON_MAX) + 64);
  kg_out_lit (&out, "{\"tier\":");
  kg_out_text (&out, tier);
  if (reason) {
    kg_out_lit (&out, ",\"reason\":");
    kg_out_text (&out, reason);
  }
  kg_out_lit (&out, "}");
  return task_written (t, &out);
}

static int32_t
tier_spec (const struct tenant_spec *old, void *arg)
{
  struct task *t = arg;
  const struct tier_change *c = t->mine;
  struct tenant_spec new = *old;
  struct kg_out out;
  if (!strcmp (old->tier, c->tier))
    return CHANGE_DONE;
  if (old->manual)
    return -EPERM;
  new.tier = c->tier;
  new.updated_ns = t->now_ns;
  t->audit = (struct audit_entry){ .action = "tenant.tier",
                                   .target = t->id,
                                   .before = tier_object (t, old->tier, NULL),
                                   .after = tier_object (t, c->tier, c->reason) };
  out = task_out (t, TENANT_JSON);
  tenant_store (&out, &new);
  change_put (t, t->auth->tenants_bucket, t->id, task_written (t, &out), t->revision, model_tenant);
  return CHANGE_GOES;
}

static int32_t
tier_build (struct task *t)
{
  kg_str value;
  int32_t rc = change_get (t, t->auth->tenants_bucket, t->id, &value, &t->revision);
  return rc < 0 ? rc : tenant_read (value, tier_spec, t);
}

static void
tier_end (struct task *t)
{
  const struct tier_change c = *(const struct tier_change *) t->mine;
  int32_t error = t->error < 0 ? t->error : t->failure;
  task_destroy (t);
  c.done (error, c.arg);
}

static const char *
text_copy (struct task *t, const char *text)
{
  return task_copy (t, (kg_str){ text, strlen (text) });
}

static int32_t
tier_fill (struct task *t, const struct kg_tier_change *change)
{
  struct tier_change *c = t->mine = task_alloc (t, sizeof *c);
  if (!c)
    return -ENOMEM;
  c->tier = text_copy (t, change->tier);
  c->reason = change->reason ? text_copy (t, change->reason) : NULL;
  t->actor = text_copy (t, change->actor);
  t->end = tier_end;
  t->apart = 1;
  return text_uuid (change->tenant, strlen (change->tenant), t->id) < 0 ? -EINVAL : t->error;
}

static int32_t
change_ok (const struct kg_tier_change *c)
{
  return c->size >= sizeof *c && c->tenant && c->tier && c->actor && strlen (c->actor) <= ACTOR_MAX
         && (!c->reason || strlen (c->reason) <= REASON_MAX);
}

static int32_t
service_set_tier (const struct kg_tier_change *change, void (*done) (int32_t error, void *arg),
                  void *arg)
{
  struct auth *auth = tenants_auth;
  struct task *t;
  int32_t rc;
  if (!auth || !change_ok (change) || !tier_find (&auth->tenants.tiers, change->tier))
    return -EINVAL;
  t = task_make (auth);
  if (!t)
    return -ENOMEM;
  rc = tier_fill (t, change);
  if (rc == 0) {
    ((struct tier_change *) t->mine)->done = done;
    ((struct tier_change *) t->mine)->arg = arg;
    rc = change_enter (t, tier_build);
  }
  if (rc < 0)
    task_destroy (t);
  return rc;
}

/* ---- Life ---------------------------------------------------------------- */

static const struct kg_tenants service = {
  .size = sizeof service,
  .exists = service_exists,
  .get = service_get,
  .walk = service_walk,
  .tier = service_tier,
  .set_tier = service_set_tier,
};

int32_t
tenants_provide (struct auth *auth)
{
  return auth->host->provide (auth->self, KG_TENANTS, &service, sizeof service);
}

void
tenants_attach (struct auth *auth)
{
  tenants_auth = auth;
}
