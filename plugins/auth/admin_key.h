/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What the files about keys, tenants and users share. */
#ifndef AUTH_ADMIN_KEY_H
#define AUTH_ADMIN_KEY_H

#include "plugins/auth/admin.h"

/* ---- form_key.c ---------------------------------------------------------- */

/* The members that can be changed later, too. */
void key_form (struct task *task, struct key_spec *spec);

/* Tenant and user of a new key, and whether the user's role allows its scopes. */
void key_form_owner (struct task *task, struct key_spec *spec);

/* What must stay as it is, and what depends on what it was. */
void key_form_change (struct task *task, const struct key_spec *old, struct key_spec *new);

/* `tenant`, an id or a slug, as the id; null: the default tenant. */
void form_tenant (struct task *task, const char **ret);

/* The id of the tenant with that id or slug: 0; -ENOENT; another -errno. */
int32_t tenant_named (struct task *task, const char *name, char ret_id[TEXT_UUID]);

/* ---- admin_key.c --------------------------------------------------------- */

/* {...}: what may be known of the key, for the audit log. */
kg_str key_object (struct task *task, const struct key_spec *spec);

/* The same and when it was last used, as answers have it. */
void key_answer (const struct auth *auth, struct kg_out *out, const struct key_spec *spec);

/* Reads the key that the path names and calls fn with it: what that returns;
 * TASK_REFUSED when there is none. */
int32_t key_with (struct task *task, int32_t (*fn) (const struct key_spec *, void *task));

/* Adds the writing of a key. */
void key_put (struct task *task, const struct key_spec *spec, uint64_t revision);

/* Adds the writing of the key that the path names when it differs from what it was. */
int32_t key_replace (struct task *task, const struct key_spec *old, const struct key_spec *new,
                     const char *action);

/* What a change's build returns for what key_with did. */
int32_t key_changed (struct task *task, int32_t rc);

/* ---- admin_rotate.c ------------------------------------------------------ */

/* Makes a new key of a spec that has all but id, secret and time; what a change's
 * build returns. */
int32_t key_create_build (struct task *task, struct key_spec *spec, const char *action);

/* POST /admin/v1/keys/{id}/rotate */
int32_t key_rotate (kg_req *req, void *auth);

/* ---- admin_last.c -------------------------------------------------------- */

/* [any, not a worker] 1 when an active key other than `except` can be used for the
 * operator's routes at `now_ns`, 0 when there is none, or -errno. */
int32_t admin_key_exists (struct auth *auth, const char *except, int64_t now_ns);

/* Refuses, with 409, that the last such key becomes `new`, unless the operator's
 * own socket or ?force=1 says so.  0, TASK_REFUSED or -errno. */
int32_t admin_key_leaves (struct task *task, const struct key_spec *old,
                          const struct key_spec *new);

#endif
