/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The regular expressions of JSON Schema's `pattern`, without backtracking: all
 * states are followed at once, so that the time is bounded by length times states.
 *
 * Literals, `.`, classes, \d \w \s and their opposites, \t \n \r \f \v \uXXXX,
 * groups, |, * + ? {m} {m,} {m,n}, and the anchors ^ and $; matches anywhere in the
 * text, as ECMA 262 does.  Characters are code points.  What cannot be matched this
 * way (back references, looking around, \b) is refused when it is compiled. */
#ifndef AGENTESE_PATTERN_H
#define AGENTESE_PATTERN_H

#ifndef KG_ABI_TARGET
#define KG_ABI_TARGET KG_ABI (1, 1)
#endif
#include <kgent/plugin.h>

#define AG_PATTERN_STATES 256

struct ag_pattern;

/* 0; -EINVAL with the reason in *ret_why, -ENOMEM. */
int32_t ag_pattern_compile (kg_str text, struct ag_pattern **ret, const char **ret_why);
void ag_pattern_free (struct ag_pattern *pattern);

/* Whether it matches a string as it stands in a JSON text, escapes and all.  *steps
 * is counted down; at 0 it gives up with -E2BIG. */
int32_t ag_pattern_match (const struct ag_pattern *pattern, kg_str raw, int64_t *steps);

/* The next character of a raw JSON string, which the host's scanner has accepted; moves
 * *p on. */
uint32_t ag_pattern_char (const char **p);

#endif
