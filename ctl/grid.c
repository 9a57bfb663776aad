/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Text with aligned columns. */

#include "ctl/show.h"

#include "core/util/str.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 16u

struct grid {
  uint32_t columns;
  size_t count, cap;
  char **cells;                /* row-major; those that aren't printed yet */
  enum tint *tints;            /* of them */
  size_t widths[COLUMNS_MAX];  /* of everything so far */
  int right[COLUMNS_MAX];
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
  char out[SHOW_MAX];
  if (!*text)
    return strdup ("-");
  str_escape_line (out, sizeof out, text, strlen (text));
  return strdup (out);
}

struct grid *
grid_create (uint32_t columns)
{
  struct grid *g = calloc (1, sizeof *g);
  assert (columns && columns <= COLUMNS_MAX);
  if (!g)
    abort ();
  g->columns = columns;
  return g;
}

void
grid_right (struct grid *g, uint32_t column)
{
  g->right[column] = 1;
}

void
grid_add (struct grid *g, const char *cell)
{
  uint32_t column = (uint32_t)(g->count % g->columns);
  size_t w;
  if (g->count == g->cap) {
    g->cap = g->cap ? g->cap * 2 : 64;
    g->cells = realloc (g->cells, g->cap * sizeof *g->cells);
    g->tints = realloc (g->tints, g->cap * sizeof *g->tints);
  }
  if (!g->cells || !g->tints || !(g->cells[g->count] = cell_copy (cell)))
    abort ();
  g->tints[g->count] = TINT_NONE;
  w = width (g->cells[g->count++]);
  g->widths[column] = w > g->widths[column] ? w : g->widths[column];
}

void
grid_tint (struct grid *g, enum tint tint)
{
  g->tints[g->count - 1] = tint;
}

static void
cell_print (const struct grid *g, size_t i)
{
  uint32_t column = (uint32_t)(i % g->columns);
  const char *cell = g->cells[i], *on = tint_begin (stdout, g->tints[i]);
  const char *off = tint_end (stdout, g->tints[i]);
  int gap = (int)(g->widths[column] - width (cell));
  int last = column + 1 == g->columns;
  if (g->right[column])
    printf ("%*s%s%s%s%s", gap, "", on, cell, off, last ? "\n" : "  ");
  else if (last)
    printf ("%s%s%s\n", on, cell, off);
  else
    printf ("%s%s%s%*s", on, cell, off, gap + 2, "");
}

size_t
grid_rows (const struct grid *g)
{
  return g->count / g->columns;
}

void
grid_flush (struct grid *g)
{
  size_t i;
  for (i = 0; i < g->count; i++) {
    cell_print (g, i);
    free (g->cells[i]);
  }
  g->count = 0;
}

void
grid_finish (struct grid *g)
{
  grid_flush (g);
  grid_drop (g);
}

void
grid_drop (struct grid *g)
{
  size_t i;
  for (i = 0; i < g->count; i++)
    free (g->cells[i]);
  free (g->cells);
  free (g->tints);
  free (g);
}
