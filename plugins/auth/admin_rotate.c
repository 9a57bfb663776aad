/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* New secrets: of new keys, and of keys that take the place of others.  A secret is
 * in the answer that creates it, and nowhere else. */
#include "plugins/auth/admin_key.h"
#include "plugins/auth/change.h"
#include "plugins/auth/form.h"

#include <errno.h>
#include <string.h>

#define CREATED_MAX (KEY_JSON + 512)
#define GRACE_DFLT  86400 /* seconds */
#define GRACE_MAX   (366 * 86400)

/* Gives the key an id and a secret of its own; the same at every attempt. */
static int32_t
secret_give (struct task *t, struct key_spec *spec)
{
  int32_t rc = 0;
  if (!*t->secret)
    rc = key_secret (t->secret, t->hash);
  if (rc == 0 && !*t->new_id)
    rc = key_id (t->new_id);
  memcpy (spec->hash, t->hash, sizeof spec->hash);
  spec->id = t->new_id;
  spec->prefix = task_text (t, "%.*s", KEY_PREFIX, t->secret);
  spec->created_ns = t->now_ns;
  return rc < 0 ? rc : t->error;
}

/* 201, with the secret. */
static void
created_answer (struct task *t, const struct key_spec *spec)
{
  t->out = task_out (t, CREATED_MAX);
  kg_out_lit (&t->out, "{\"key\":");
  kg_out_text (&t->out, t->secret);
  kg_out_lit (&t->out, ",");
  key_show (&t->out, spec);
  kg_out_lit (&t->out, "}");
  t->location = task_text (t, "/admin/v1/keys/%s", spec->id);
  t->status = 201;
}

int32_t
key_create_build (struct task *t, struct key_spec *spec, const char *action)
{
  int32_t rc = secret_give (t, spec);
  if (rc < 0)
    return rc;
  key_put (t, spec, KG_REV_NEW);
  t->audit.action = action;
  t->audit.target = t->new_id;
  t->audit.after = key_object (t, spec);
  created_answer (t, spec);
  return CHANGE_GOES;
}

/* ---- Rotate -------------------------------------------------------------- */

/* The old one works for that many seconds more, if it would at all. */
static void
rotate_away (struct task *t, struct key_spec *old, int64_t grace_s)
{
  int64_t end = t->now_ns + grace_s * TEXT_SECOND;
  if (old->expires_ns && old->expires_ns < end)
    end = old->expires_ns;
  old->deprecated_ns = t->now_ns;
  old->sunset_ns = old->expires_ns = end;
  old->replaced_by = t->new_id;
  old->active = grace_s > 0;
}

static int32_t
rotate_refused (struct task *t, const struct key_spec *old)
{
  if (!old->active)
    return task_refuse (t, 409, "The key is revoked");
  if (old->replaced_by)
    return task_refuse (t, 409, "The key was already rotated, to %s", old->replaced_by);
  if (old->expires_ns && old->expires_ns <= t->now_ns)
    return task_refuse (t, 409, "The key has expired");
  return 0;
}

static int32_t
rotate_spec (const struct key_spec *old, void *arg)
{
  struct task *t = arg;
  struct key_spec new = *old, away = *old;
  int64_t grace_s = GRACE_DFLT;
  int32_t rc = rotate_refused (t, old);
  if (rc)
    return rc;
  form_number (t, "grace_s", 0, GRACE_MAX, GRACE_DFLT, &grace_s);
  form_time (t, "expires_at", &new.expires_ns);
  if (t->faults)
    return TASK_REFUSED;
  new.replaces = old->id;
  rc = secret_give (t, &new);
  if (rc < 0)
    return rc;
  rotate_away (t, &away, grace_s);
  rc = key_replace (t, old, &away, "key.rotate");
  if (rc == 0) {
    key_put (t, &new, KG_REV_NEW);
    created_answer (t, &new);
  }
  return rc;
}

static int32_t
key_rotate_build (struct task *t)
{
  return form_object (t) ? key_changed (t, key_with (t, rotate_spec)) : CHANGE_DONE;
}

int32_t
key_rotate (kg_req *req, void *auth)
{
  return change_start (task_create (auth, req), req, key_rotate_build);
}
