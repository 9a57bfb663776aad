/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Option tables and filled structures as text. */
#ifndef CORE_DUMP_H
#define CORE_DUMP_H

#include "core/abi.h"

#include <stdio.h>

/* The values of a filled structure as members of a configuration group, each
 * line indented by 2 * `indent`; secrets are masked, absent ones are comments. */
void dump_values (FILE *out, uint32_t indent, const struct kg_opt *opts, uint32_t opt_size,
                  const void *base);

/* A string in quotes that reads back as itself. */
void dump_string (FILE *out, const char *text);

/* The table, one option a paragraph: name, type, default, range, help.  For
 * --dump-plugin. */
void dump_table (FILE *out, const struct kg_opt *opts, uint32_t opt_size);

/* The same in mdoc(7), the items of a list; for manual pages. */
void dump_mdoc (FILE *out, const struct kg_opt *opts, uint32_t opt_size);

#endif
