/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Option tables (struct kg_opt of <kgent/plugin.h>) at work: a block of the
 * configuration is checked by its table and fills its owner's structure.
 *
 * An absent option takes its default.  A KG_OPT_STRING without default is NULL
 * when it is absent or empty: `${env:KEY:-}` of a variable that is not set is
 * the same as not writing the option. */
#ifndef CORE_SCHEMA_H
#define CORE_SCHEMA_H

#include "core/abi.h"
#include "core/errors.h"
#include "core/node.h"
#include "core/util/arena.h"

#define SCHEMA_DEPTH_MAX 8 /* nested tables */

struct schema {
  struct arena *arena; /* of all that is filled in */
  struct errors *errors;
  const char *block;   /* "http", for messages; "": the file itself */
  const char *skip;    /* a key of the block that is nobody's option, or NULL */
};

/* Entry `i` of a table whose entries are `opt_size` bytes apart, zero-filled
 * beyond them. */
struct kg_opt schema_opt (const struct kg_opt *opts, uint32_t opt_size, uint32_t i);

/* Entries of a table; 0 for NULL. */
uint32_t schema_count (const struct kg_opt *opts, uint32_t opt_size);

/* Fills `out` (zeroed by the caller) from `group`, which may be NULL: defaults
 * only.  0; -EINVAL with the reasons in s->errors; -ENOMEM. */
int32_t schema_fill (const struct schema *s, const struct node *group, const struct kg_opt *opts,
                     uint32_t opt_size, void *out);

/* Whether a table makes sense for a structure of `conf_size` bytes: types,
 * offsets, alignment, defaults within range.  For whoever loads foreign tables. */
int32_t schema_check (const struct schema *s, const struct kg_opt *opts, uint32_t opt_size,
                      uint32_t conf_size);

#endif
