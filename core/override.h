/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* How configurations are laid over each other: the list of plugins, and the -o
 * options. */
#ifndef CORE_OVERRIDE_H
#define CORE_OVERRIDE_H

#include "core/errors.h"
#include "core/node.h"
#include "core/util/arena.h"

#define PLUGIN_NAME_MAX 32 /* bytes */

/* The name of the plugin that `load` means, "auth" for "/x/auth.so", into the
 * arena; NULL when it isn't [a-z0-9-]{1,32}, or without memory. */
const char *plugin_name (struct arena *a, const char *load);

/* Lays the entries of `from`, the `plugins` of one file, over those of `into`:
 * entries of the same name merge, others are appended.  -EINVAL with the reasons
 * in `errors`, -ENOMEM. */
int32_t plugins_merge (struct arena *a, struct node *into, const struct node *from,
                       struct errors *errors);

/* Sets what "BLOCK.KEY=VALUE" says, in `root` or in an entry of `plugins`.
 * `blocks`: the core's, ends in NULL.  -EINVAL, -ENOMEM. */
int32_t override_set (struct arena *a, struct node *root, struct node *plugins,
                      const char *const *blocks, const char *text, struct errors *errors);

#endif
