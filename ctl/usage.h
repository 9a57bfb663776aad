/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Usage over time: the course of each row of a query as one line of small bars. */
#ifndef CTL_USAGE_H
#define CTL_USAGE_H

#include "ctl/ctl.h"

struct course;

/* Of a query from one time of RFC 3339 to another: in hours, days or months, so that they
 * fit into a line, and not beyond now. */
struct course *course_create (const char *from, const char *to);
void course_free (struct course *c);

/* "hour", "day" or "month". */
const char *course_unit (const struct course *c);

/* Takes the rows of the query with that window. */
void course_fill (struct course *c, json_object *data);

/* The bars of a row of the query without windows. */
const char *course_line (const struct course *c, json_object *row, char out[SHOW_MAX]);

/* What the row will say at the end, if it goes on as it did until now; "" where that
 * cannot be told: for an average, say, or within the first hour. */
const char *course_projection (const struct course *c, json_object *answer, json_object *row,
                               char out[SHOW_MAX]);

/* A number of JSON for people: 1,234,567.25; "" for none. */
const char *usage_number (json_object *value, char out[SHOW_MAX]);

#endif
