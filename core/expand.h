/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Values from the environment and from files, inside a string:
 *
 *   ${env:NAME}           the variable; else the file that NAME_FILE names
 *   ${env:NAME:-default}  the default when both are unset or empty
 *   ${file:/path}         the file's text without its last line end
 *   $${                   a literal ${
 *
 * A file holds a secret: one that others may read or write, that is empty,
 * longer than 64 KiB, not a regular file, or that holds a NUL is refused. */
#ifndef CORE_EXPAND_H
#define CORE_EXPAND_H

#include "core/errors.h"
#include "core/util/arena.h"

#define EXPAND_FILE_MAX 65536 /* bytes */

struct expanded {
  const char *text;
  const char *source; /* "environment variable X" (the first one); NULL: nothing was expanded */
};

/* Expands `text`; memory is the arena's.  `label` is the option's name, for
 * messages.  0; -EINVAL with the reason in `errors`; -ENOMEM. */
int32_t expand_text (struct arena *a, struct errors *errors, struct conf_where where,
                     const char *label, const char *text, struct expanded *ret);

#endif
