/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Any JSON value as people read it. */
#ifndef CTL_RESULT_H
#define CTL_RESULT_H

#include "ctl/show.h"

/* A text as it is, with a line end behind it; an object as lines; a list as lines, or a
 * table when its items are objects.  NULL is "null". */
void result_show (json_object *value);

/* A text; what could drive a terminal is escaped when it goes to one. */
void result_text (const char *text, size_t len);

#endif
