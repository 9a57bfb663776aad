/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The documented subset of JSON Schema, compiled once, checked without malloc.
 *
 *   true, false; type (a name or several); enum and const (of texts, numbers, true,
 *   false, null); properties, required, additionalProperties, minProperties,
 *   maxProperties; items, minItems, maxItems; minLength, maxLength, pattern; minimum,
 *   maximum, exclusiveMinimum, exclusiveMaximum
 *
 * and what only describes: title, description, default, examples, format, deprecated,
 * readOnly, writeOnly, $schema, $id, $comment.  Any other keyword is refused: a check
 * that is not made must not look as if it were. */
#ifndef AGENTESE_SCHEMA_H
#define AGENTESE_SCHEMA_H

#include "plugins/agentese/findings.h"

#define AG_PROPERTIES_MAX 64 /* of one object */
#define AG_SCHEMA_DEPTH 16
#define AG_PATTERN_STEPS 4000000 /* of one check, see pattern.h */

/* 0; -EINVAL with the reason in *ret_why (a literal), -ENOMEM. */
int32_t ag_schema_compile (const char *text, struct ag_schema **ret, const char **ret_why);
/* The schema as one compact JSON text, malloc'ed, that can be put into a document; any
 * keywords.  0; -EINVAL with the reason, -ENOMEM. */
int32_t ag_schema_text (const char *text, char **ret, const char **ret_why);

void ag_schema_free (struct ag_schema *schema);

/* Checks a value and adds what is wrong with it. */
void ag_schema_check (const struct ag_schema *schema, const struct kg_json *j, uint32_t value,
                      const struct ag_loc *loc, struct ag_findings *f);

#endif
