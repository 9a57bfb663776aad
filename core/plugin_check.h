/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A plugin's descriptor: whether this host can read it, and a copy that it can
 * trust. */
#ifndef CORE_PLUGIN_CHECK_H
#define CORE_PLUGIN_CHECK_H

#include "core/conf.h"
#include "core/plugin_file.h"

/* Checks what the symbol points at, `room` bytes of the object (0: unknown), and
 * fills *ret_copy, zero-filled beyond what the plugin's ABI has.  0; or -EINVAL,
 * and what is wrong and how to cure it in `why`. */
int32_t plugin_check (const struct kg_plugin *descriptor, size_t room,
                      struct kg_plugin *ret_copy, char why[PLUGIN_WHY_MAX]);

/* Checks the name by which it was loaded, and the option table; the reasons go to
 * `errors`, at `where`, each beginning with `path`. */
int32_t plugin_check_table (const struct kg_plugin *plugin, const char *name, const char *path,
                            struct conf_where where, struct errors *errors);

#endif
