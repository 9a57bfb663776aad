/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What the operator sees: messages, JSON, and tables with aligned columns. */

#include "ctl/ctl.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
complain (const char *fmt, ...)
{
  va_list args;
  va_start (args, fmt);
  fputs ("kgentctl: ", stderr);
  vfprintf (stderr, fmt, args);
  fputc ('\n', stderr);
  va_end (args);
}

void
show_json (json_object *o)
{
  puts (json_object_to_json_string_ext (o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED
                                               | JSON_C_TO_STRING_NOSLASHESCAPE));
}

const char *
text_of (json_object *o, const char *name)
{
  json_object *value = NULL;
  if (!json_object_object_get_ex (o, name, &value) || !value)
    return "";
  return json_object_get_string (value);
}

const char *
list_of (json_object *o, const char *name, char *out, size_t size)
{
  json_object *list = NULL;
  size_t i, n = 0, len = 0;
  *out = 0;
  json_object_object_get_ex (o, name, &list);
  if (list && json_object_is_type (list, json_type_array))
    n = json_object_array_length (list);
  for (i = 0; i < n && len < size; i++)
    len += (size_t)snprintf (out + len, size - len, "%s%s", i ? "," : "",
                             json_object_get_string (json_object_array_get_idx (list, i)));
  return out;
}

/* ---- Tables ----------------------------------------------------------------- */

struct grid {
  uint32_t columns;
  size_t count, cap;
  char **cells; /* row-major */
};

/* Columns that a terminal needs for UTF-8 text; wide characters count once. */
static size_t
width (const char *text)
{
  size_t n = 0;
  for (; *text; text++)
    n += ((unsigned char)*text & 0xC0) != 0x80;
  return n;
}

/* A copy that cannot drive the terminal. */
static char *
cell_copy (const char *text)
{
  char *copy = strdup (*text ? text : "-"), *p;
  for (p = copy; p && *p; p++)
    if ((unsigned char)*p < 0x20 || *p == 0x7F)
      *p = '?';
  return copy;
}

struct grid *
grid_create (uint32_t columns)
{
  struct grid *g = calloc (1, sizeof *g);
  if (!g)
    abort ();
  g->columns = columns;
  return g;
}

void
grid_add (struct grid *g, const char *cell)
{
  if (g->count == g->cap) {
    g->cap = g->cap ? g->cap * 2 : 64;
    g->cells = realloc (g->cells, g->cap * sizeof *g->cells);
  }
  if (!g->cells || !(g->cells[g->count++] = cell_copy (cell)))
    abort ();
}

static size_t
column_width (const struct grid *g, uint32_t column)
{
  size_t i, w, most = 0;
  for (i = column; i < g->count; i += g->columns) {
    w = width (g->cells[i]);
    most = w > most ? w : most;
  }
  return most;
}

void
grid_print (struct grid *g)
{
  size_t widths[16], i;
  uint32_t c;
  for (c = 0; c < g->columns; c++)
    widths[c] = column_width (g, c);
  for (i = 0; i < g->count; i++) {
    c = (uint32_t)(i % g->columns);
    fputs (g->cells[i], stdout);
    if (c + 1 < g->columns)
      printf ("%*s", (int)(widths[c] - width (g->cells[i]) + 2), "");
    else
      putchar ('\n');
    free (g->cells[i]);
  }
  free (g->cells);
  free (g);
}
