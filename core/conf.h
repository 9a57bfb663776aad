/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The configuration: a file, the `conf.d` beside it, and the -o overrides.
 *
 * It consists of blocks: the core's (http, admin, store, log, drain) and one
 * per entry of `plugins`.  What a block may contain is told by an option table;
 * filling a block checks it, expands ${env:} and ${file:}, and fills the
 * owner's structure.  Everything that is filled points into the configuration
 * and lives until conf_destroy. */
#ifndef CORE_CONF_H
#define CORE_CONF_H

#include "core/abi.h"
#include "core/errors.h"
#include "core/settings.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct conf;

/* Reads FILE, merges DIR(FILE)/conf.d/ *.conf in name order, then the `n`
 * overrides, "BLOCK.KEY=VALUE".  All faults go to `errors`; -EINVAL if there
 * were any, -errno when the file cannot be read (also in `errors`). */
int32_t conf_load (const char *file, const char *const *overrides, uint32_t n,
                   struct conf **ret, struct errors *errors);

/* Accepts NULL. */
void conf_destroy (struct conf *c);

/* The entries of `plugins`, in the order of the files. */
uint32_t conf_nplugins (const struct conf *c);

/* `load` as it was written: "auth", or a path. */
const char *conf_plugin_load (const struct conf *c, uint32_t i);

/* The name of the block, by which -o and messages call it: `load` without
 * folder and ".so". */
const char *conf_plugin_name (const struct conf *c, uint32_t i);

/* Where its entry begins. */
struct conf_where conf_plugin_where (const struct conf *c, uint32_t i);

/* Where in it an option was written, by what a message about it begins with:
 * "NAME.plans[1].prices: ..."; where the entry begins for what is no option there. */
struct conf_where conf_plugin_option (const struct conf *c, uint32_t i, const char *message);

/* Fills `out`, which the caller zeroed and which must outlive the configuration's
 * last print, from the block of plugin `i` by a table whose entries are
 * `opt_size` bytes apart (struct kg_plugin.opt_size).  `opts` may be NULL: no
 * options.  0, or -EINVAL with the reasons in `errors`; -ENOMEM. */
int32_t conf_plugin_fill (struct conf *c, uint32_t i, const struct kg_opt *opts,
                          uint32_t opt_size, void *out, struct errors *errors);

/* Fills the core's own blocks; then no block is left that nobody knows. */
int32_t conf_settings (struct conf *c, struct settings *out, struct errors *errors);

/* Prints all blocks filled so far as a configuration file, secrets masked. */
void conf_print (const struct conf *c, FILE *out);

#endif
