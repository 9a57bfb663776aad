/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Clauses and annotations behind the names of a path; used by grammar.c. */
#ifndef AGENTESE_MODIFIER_H
#define AGENTESE_MODIFIER_H

#include "plugins/agentese/grammar.h"

/* Fills *err with text[at..at+len) and returns the errno of the fault. */
int32_t ag_fail (struct ag_error *err, enum ag_fault fault, kg_str text, size_t at, size_t len);

/* Parses text[at..), which begins with "[" or "@". */
int32_t ag_modifiers_parse (kg_str text, size_t at, struct ag_path *p, struct ag_error *err);

#endif
