/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The members of a key. */
#include "plugins/auth/admin_key.h"
#include "plugins/auth/change.h"
#include "plugins/auth/form.h"

#include <errno.h>
#include <string.h>

#define LOWER   "abcdefghijklmnopqrstuvwxyz"
#define LETTERS LOWER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS  "0123456789"

/* ---- Scopes, archetypes, nets -------------------------------------------- */

/* "*", "a.b", or "a.b.*": what the host of paths understands. */
static int32_t
pattern_ok (const char *s)
{
  size_t n;
  for (;; s += n + 1) {
    if (!strcmp (s, "*"))
      return 1;
    n = strspn (s, LETTERS DIGITS "_-");
    if (!n || (s[n] && s[n] != '.'))
      return 0;
    if (!s[n])
      return 1;
  }
}

static const char *
scope_check (struct task *t, const char **text)
{
  const char *s = *text, *rest = s + strspn (s, LOWER DIGITS "_-");
  (void) t;
  if (rest == s || !strchr (LOWER, *s) || (*rest && *rest != ':'))
    return "A scope is lower-case letters, digits, _ and -, then nothing, or : and what it is for";
  if (!*rest)
    return NULL;
  if (!strncmp (s, "invoke:", 7) ? pattern_ok (rest + 1)
                                 : rest[1] && !rest[1 + strspn (rest + 1, LETTERS DIGITS "_.*-")])
    return NULL;
  return "A pattern is names with dots between them, the last of which may be *";
}

static const char *
archetype_check (struct task *t, const char **text)
{
  const char *s = *text;
  (void) t;
  if (!strcmp (s, "*") || (strchr (LETTERS, *s) && !s[strspn (s, LETTERS DIGITS "_.-")]))
    return NULL;
  return "An archetype is a letter, then letters, digits, _ . and -; or * for any";
}

static const char *
cidr_check (struct task *t, const char **text)
{
  struct cidr cidr;
  (void) t;
  return cidr_parse (*text, strlen (*text), &cidr) == 0
             ? NULL
             : "A net is an address and the number of its bits, as 192.0.2.0/24, with no bit set "
               "behind them";
}

/* ---- Owner --------------------------------------------------------------- */

static int32_t
tenant_id_copy (const struct tenant_spec *spec, void *arg)
{
  memcpy (arg, spec->id, strnlen (spec->id, TEXT_UUID - 1));
  return 0;
}

/* The id of the tenant with that id or slug: 0, -ENOENT, or another -errno.  The
 * default tenant needs no record. */
int32_t
tenant_named (struct task *t, const char *name, char ret_id[TEXT_UUID])
{
  struct tenant *tenant;
  uint64_t revision;
  kg_str value;
  int32_t rc;
  memset (ret_id, 0, TEXT_UUID);
  if (text_uuid (name, strlen (name), ret_id) < 0) {
    tenant = tenant_of_slug (&t->auth->tenants, (kg_str){ name, strlen (name) });
    if (!tenant)
      return -ENOENT;
    memcpy (ret_id, tenant->text, TEXT_UUID);
    return 0;
  }
  if (!strcmp (ret_id, AUTH_TENANT))
    return 0;
  rc = change_get (t, t->auth->tenants_bucket, ret_id, &value, &revision);
  return rc == 0 ? tenant_read (value, tenant_id_copy, ret_id) : rc;
}

void
form_tenant (struct task *t, const char **ret)
{
  const char *name = NULL;
  char *id = task_alloc (t, TEXT_UUID);
  int32_t rc;
  form_text (t, "tenant", TENANT_TEXT, AUTH_TENANT, &name);
  if (!name || !id)
    return;
  rc = tenant_named (t, name, id);
  if (rc == 0)
    *ret = id;
  else if (rc == -ENOENT)
    form_fault (t, "tenant", "unknown", "Input should be the id or the slug of a tenant");
  else
    t->error = rc;
}

struct owner {
  struct task *t;
  const struct key_spec *key;
};

/* The key must be one that its user's role leaves all scopes to.  A name that happens
 * to be that of another tenant's user is a name. */
static int32_t
owner_check (const struct user_spec *user, void *arg)
{
  const struct owner *o = arg;
  const char *const *scope;
  if (strcmp (user->tenant, o->key->tenant)) {
    if (form_has (o->t, "user"))
      form_fault (o->t, "user", "unknown", "Input should be a user of the same tenant");
    return 0;
  }
  if (!user->active)
    form_fault (o->t, "user", "range", "Input should be an active user");
  for (scope = o->key->scopes; *scope; scope++)
    if (!role_allows (user->role, *scope))
      form_fault (o->t, "scopes", "role",
                  task_text (o->t, "The key of a user with the role %s cannot have '%s'",
                             role_name (user->role), *scope));
  return 0;
}

static void
user_check (struct task *t, const struct key_spec *key)
{
  struct owner owner = { t, key };
  uint64_t revision;
  kg_str value;
  int32_t rc = change_get (t, t->auth->users_bucket, key->user, &value, &revision);
  if (rc == 0)
    rc = user_read (value, owner_check, &owner);
  if (rc < 0 && rc != -ENOENT)
    t->error = rc;
}

/* ---- All of it ----------------------------------------------------------- */

void
key_form (struct task *t, struct key_spec *spec)
{
  form_text (t, "name", KEY_TEXT, NULL, &spec->name);
  form_tier (t, "", &spec->tier);
  form_list (t, "scopes", scope_check, "read", spec->scopes);
  form_list (t, "archetypes", archetype_check, "developer", spec->archetypes);
  form_list (t, "cidrs", cidr_check, NULL, spec->cidrs);
  form_limits (t, &spec->limits);
  form_time (t, "expires_at", &spec->expires_ns);
}

void
key_form_owner (struct task *t, struct key_spec *spec)
{
  spec->user = spec->name;
  form_tenant (t, &spec->tenant);
  form_id (t, "user", spec->name ? spec->name : "", &spec->user);
  if (!t->faults && !t->error)
    user_check (t, spec);
}

void
key_form_change (struct task *t, const struct key_spec *old, struct key_spec *new)
{
  form_fixed (t, "id", old->id);
  form_fixed (t, "tenant", old->tenant);
  form_fixed (t, "user", old->user);
  if (form_has (t, "scopes") && !t->faults)
    user_check (t, new);
  if (!new->sunset_ns || new->expires_ns == old->expires_ns)
    return;
  new->sunset_ns = new->expires_ns;
  if (!new->expires_ns)
    form_fault (t, "expires_at", "range", "A key that was rotated away has to end");
}
