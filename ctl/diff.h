/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The difference of two objects, member by member. */
#ifndef CTL_DIFF_H
#define CTL_DIFF_H

#include <json-c/json.h>

#include <stddef.h>

/* What became of a member, {"member","from","to"}: a list of these, for each member of
 * `to` that isn't the same in `from`, and, with `all`, for those that only `from` has.
 * Members of inner objects are named like "limits.requests_per_day"; null and absent
 * are the same.  Freed by json_object_put. */
json_object *diff_make (json_object *from, json_object *to, int all);

/* "tier FREE -> PRO; name - -> Acme" into out; with `made`, "tier PRO; name Acme".  Cut
 * with "..." when it doesn't fit; returns out. */
const char *diff_text (json_object *diff, int made, char *out, size_t size);

/* Whether the values are the same; texts that are times are compared as such. */
int value_same (json_object *a, json_object *b);

#endif
