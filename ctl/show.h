/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What the operator sees: messages, JSON, tables, and numbers, times and lists as
 * people read them. */
#ifndef CTL_SHOW_H
#define CTL_SHOW_H

#include <json-c/json.h>

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define SHOW_MAX 1024 /* bytes of a cell */

/* show.c.  A line each: a message on standard error, one that goes on with it, one beside
 * the result, there too, and one of the result.  What could drive the terminal is escaped. */
void complain (const char *fmt, ...) __attribute__ ((format (printf, 1, 2)));
void complain_more (const char *fmt, ...) __attribute__ ((format (printf, 1, 2)));
void note (const char *fmt, ...) __attribute__ ((format (printf, 1, 2)));
void say (const char *fmt, ...) __attribute__ ((format (printf, 1, 2)));
void show_json (json_object *o);
void show_json_line (json_object *o);

/* A part of a message that begins with its kind, "Why: ...". */
void complain_part (const char *text);

/* Colours, where a person reads: on a terminal, unless NO_COLOR is set (no-color.org) or
 * the terminal is dumb.  What ends one is "" when it has none. */
enum tint { TINT_NONE, TINT_BOLD, TINT_RED, TINT_YELLOW };
const char *tint_begin (FILE *to, enum tint tint);
const char *tint_end (FILE *to, enum tint tint);

/* The member as text: "" when it is absent or null. */
const char *text_of (json_object *o, const char *name);
int64_t number_of (json_object *o, const char *name, int64_t dflt);
json_object *member_of (json_object *o, const char *name); /* NULL: absent or null */
size_t length_of (json_object *list);                      /* 0: no array */

/* human.c: each writes into `out` and returns it. */
const char *human_count (int64_t n, char out[SHOW_MAX]);    /* 1,234,567 */
const char *human_span (int64_t seconds, char out[SHOW_MAX]); /* 4h 27m */
const char *human_time (const char *text, char out[SHOW_MAX]); /* to the second, in UTC */
const char *human_value (json_object *value, char out[SHOW_MAX]); /* of any JSON */
const char *human_member (const char *name, json_object *value, char out[SHOW_MAX]);

/* RFC 3339 in nanoseconds since the epoch; 0, or -1 when it is none. */
int time_parse (const char *text, int64_t *ret_ns);

/* grid.c: rows of equally many cells, printed with aligned columns.  Cells are
 * copied; what could drive the terminal is escaped, an empty one is "-". */
struct grid;
struct grid *grid_create (uint32_t columns);
void grid_right (struct grid *g, uint32_t column); /* numbers: aligned at the right */
void grid_add (struct grid *g, const char *cell);
void grid_tint (struct grid *g, enum tint tint); /* of the last cell */
size_t grid_rows (const struct grid *g); /* that aren't printed yet */
void grid_flush (struct grid *g); /* prints the rows so far; later ones keep the widths */
void grid_finish (struct grid *g); /* prints the rest, and frees it */
void grid_drop (struct grid *g);   /* frees it with what isn't printed: a head without rows */

/* table.c: objects as rows. */
enum form { FORM_PLAIN, FORM_COUNT, FORM_TIME, FORM_SPAN };
struct column {
  const char *head;
  const char *member;
  enum form form;
};

/* A member as that form's text. */
const char *form_text (json_object *o, const struct column *c, char out[SHOW_MAX]);
struct grid *table_create (const struct column *columns, uint32_t count); /* with its head */
void table_add (struct grid *g, const struct column *columns, uint32_t count, json_object *o);

/* One object, a line for each member; inner objects as "limits.requests_per_day". */
void record_print (json_object *o);

#endif
