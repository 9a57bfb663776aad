/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The body of a change, member by member onto what was there before: the defaults of
 * what is created, the record of what is changed.  A member that is absent leaves
 * it alone, null takes it back to `none`, all faults are told at once, and what
 * nobody asks for is ignored. */
#ifndef AUTH_FORM_H
#define AUTH_FORM_H

#include "plugins/auth/admin.h"

/* Each reads one member of the body's object.  *ret stays as it is when the member
 * is absent or wrong; a wrong one is a fault of the task, whose memory new texts
 * are in. */

/* 1 when the body is an object; else a fault. */
int32_t form_object (struct task *t);

/* A fault when the member isn't there. */
void form_require (struct task *t, const char *name);

/* 1 when it is, with whatever value. */
int32_t form_has (const struct task *t, const char *name);

/* A text of 1 to `max` bytes without control characters; `none` NULL: not null. */
void form_text (struct task *t, const char *name, size_t max, const char *none, const char **ret);

/* An id: such a text of at most KEY_TEXT bytes, a UUID in its one form. */
void form_id (struct task *t, const char *name, const char *none, const char **ret);

/* One of `choices`, which end in NULL: its index. */
void form_choice (struct task *t, const char *name, const char *const *choices, int32_t none,
                  int32_t *ret);

/* The name of a tier; null: `none`, which is the first tier, or "" and then allowed. */
void form_tier (struct task *t, const char *none, const char **ret);

void form_number (struct task *t, const char *name, int64_t min, int64_t max, int64_t none,
                  int64_t *ret);

void form_bool (struct task *t, const char *name, int32_t none, int32_t *ret);

/* A time in the future; null: 0. */
void form_time (struct task *t, const char *name, int64_t *ret_ns);

/* An object, merged into the one that *ret is the text of, as compact JSON text of
 * at most `max` bytes; null: "{}". */
void form_merge (struct task *t, const char *name, size_t max, const char **ret);

/* `limits`: its members are taken over one by one, null takes one back; null
 * instead of the object takes all back. */
void form_limits (struct task *t, struct limits *ret);

/* A list of at most KEY_LIST texts, each of which `check` (which may put another
 * text in its place) finds good: NULL, or what it should be.  null: the `none`
 * alone, or nothing. */
typedef const char *form_check (struct task *t, const char **text);
void form_list (struct task *t, const char *name, form_check *check, const char *none,
                const char **ret);

/* A fault of a member of the body. */
void form_fault (struct task *t, const char *name, const char *type, const char *msg);

/* Whether the body has this member with a value other than `text`: what cannot be
 * changed may be said again.  A fault, then. */
void form_fixed (struct task *t, const char *name, const char *text);

#endif
