/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What an agent answers can be any JSON: lines of names and values, tables for lists of
 * objects, paragraphs for long texts, each below its name. */

#include "ctl/result.h"

#include "core/util/str.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define COLUMNS_MAX 12u /* of a table; what has more is shown as JSON */
#define LINE_MAX 160    /* bytes of a text beside its name; a longer one stands below */
#define LABEL_MAX 256   /* bytes of "outer.inner.name" */
#define DEPTH_MAX 6     /* of objects in objects; what is deeper is shown as JSON */

/* ---- Texts ------------------------------------------------------------------------ */

/* Bytes from `text` on that may go to a terminal as they are: to the end of the line. */
static size_t
line_length (const char *text, size_t len)
{
  const char *end = memchr (text, '\n', len);
  return end ? (size_t)(end - text) : len;
}

void
result_text (const char *text, size_t len)
{
  char line[4096];
  size_t n, part;
  if (!isatty (STDOUT_FILENO)) {
    fwrite (text, 1, len, stdout);
    return;
  }
  for (; len; text += n, len -= n) {
    if (*text == '\n' || *text == '\t') {
      putchar (*text);
      n = 1;
      continue;
    }
    n = line_length (text, len);
    part = strcspn (text, "\t\n");
    n = part < n ? part : n;
    n = n > sizeof line / 8 ? sizeof line / 8 : n;
    while (n < len && n > 1 && ((unsigned char)text[n] & 0xC0) == 0x80)
      n--; /* no character is cut in two */
    str_escape_line (line, sizeof line, text, n);
    fputs (line, stdout);
  }
}

static void
text_show (const char *text)
{
  size_t len = strlen (text);
  result_text (text, len);
  if (!len || text[len - 1] != '\n')
    putchar ('\n');
}

/* ---- Tables of objects ------------------------------------------------------------ */

/* Whether it is too long to stand beside its name or in a table. */
static int
is_long (json_object *value)
{
  const char *text;
  if (json_object_is_type (value, json_type_string)) {
    text = json_object_get_string (value);
    return strlen (text) > LINE_MAX || strchr (text, '\n') != NULL;
  }
  return (json_object_is_type (value, json_type_object)
          || json_object_is_type (value, json_type_array))
         && strlen (json_object_to_json_string_ext (value, JSON_C_TO_STRING_PLAIN)) > LINE_MAX;
}

static const char *
cell_text (json_object *value, char out[SHOW_MAX])
{
  if (json_object_is_type (value, json_type_array) && length_of (value)
      && !json_object_is_type (json_object_array_get_idx (value, 0), json_type_object)
      && !json_object_is_type (json_object_array_get_idx (value, 0), json_type_array))
    return human_value (value, out);
  if (json_object_is_type (value, json_type_array)) {
    snprintf (out, SHOW_MAX, "%s",
              length_of (value) ? json_object_to_json_string_ext (value, JSON_C_TO_STRING_PLAIN)
                                : "");
    return out;
  }
  return human_value (value, out);
}

/* The names of all members of a list's items, in the order of their appearance; 0 when they
 * are no objects, have too many members or too long texts for a table. */
static uint32_t
columns_find (json_object *list, const char *names[COLUMNS_MAX])
{
  size_t i, n = length_of (list);
  uint32_t count = 0, k;
  for (i = 0; i < n; i++) {
    json_object *item = json_object_array_get_idx (list, i);
    if (!json_object_is_type (item, json_type_object))
      return 0;
    json_object_object_foreach (item, name, value)
    {
      for (k = 0; k < count && strcmp (names[k], name); k++)
        ;
      if (is_long (value) || k == COLUMNS_MAX)
        return 0;
      names[k] = name;
      count = k == count ? count + 1 : count;
    }
  }
  return count;
}

static int
is_number (json_object *value)
{
  return json_object_is_type (value, json_type_int)
         || json_object_is_type (value, json_type_double);
}

static void
rows_show (json_object *list, const char *const *names, uint32_t count)
{
  struct grid *g = grid_create (count);
  size_t i, n = length_of (list);
  char text[SHOW_MAX];
  uint32_t k;
  for (k = 0; k < count; k++) {
    grid_add (g, names[k]);
    grid_tint (g, TINT_BOLD);
    if (is_number (member_of (json_object_array_get_idx (list, 0), names[k])))
      grid_right (g, k);
  }
  for (i = 0; i < n; i++)
    for (k = 0; k < count; k++)
      grid_add (g, cell_text (member_of (json_object_array_get_idx (list, i), names[k]), text));
  grid_finish (g);
}

static void
list_show (json_object *list)
{
  const char *names[COLUMNS_MAX];
  uint32_t count = columns_find (list, names);
  size_t i, n = length_of (list);
  char text[SHOW_MAX];
  if (count)
    rows_show (list, names, count);
  for (i = 0; !count && i < n; i++) {
    json_object *item = json_object_array_get_idx (list, i);
    if (json_object_is_type (item, json_type_string))
      text_show (json_object_get_string (item));
    else if (json_object_is_type (item, json_type_object)
             || json_object_is_type (item, json_type_array))
      show_json_line (item);
    else
      say ("%s", cell_text (item, text));
  }
}

/* ---- Objects ------------------------------------------------------------------------ */

/* Whether a member stands below the lines: long texts, lists of objects and of sentences. */
static int
stands_below (json_object *value)
{
  size_t i, n = length_of (value);
  for (i = 0; i < n; i++) {
    json_object *item = json_object_array_get_idx (value, i);
    if (json_object_is_type (item, json_type_object)
        || (json_object_is_type (item, json_type_string)
            && strchr (json_object_get_string (item), ' ')))
      return 1;
  }
  return is_long (value);
}

/* "outer.name" */
static const char *
label_make (const char *outer, const char *name, char out[LABEL_MAX])
{
  snprintf (out, LABEL_MAX, "%s%s%s", outer, *outer ? "." : "", name);
  return out;
}

/* An object whose members are shown as if they were its parent's. */
static int
is_open (json_object *value, int depth)
{
  return depth < DEPTH_MAX && json_object_is_type (value, json_type_object)
         && json_object_object_length (value);
}

static void
lines_add (struct grid *g, const char *outer, json_object *o, int depth)
{
  char label[LABEL_MAX], text[SHOW_MAX];
  json_object_object_foreach (o, name, value)
  {
    label_make (outer, name, label);
    if (is_open (value, depth))
      lines_add (g, label, value, depth + 1);
    else if (!stands_below (value)) {
      int empty = json_object_is_type (value, json_type_object)
                  && !json_object_object_length (value);
      grid_add (g, label);
      grid_tint (g, TINT_BOLD);
      grid_add (g, cell_text (empty ? NULL : value, text));
    }
  }
}

static void
below_show (const char *label, json_object *value, int first)
{
  printf ("%s", first ? "" : "\n");
  say ("%s:", label);
  if (json_object_is_type (value, json_type_string))
    text_show (json_object_get_string (value));
  else if (json_object_is_type (value, json_type_object))
    show_json_line (value);
  else
    list_show (value);
}

static void
belows_show (const char *outer, json_object *o, int *first, int depth)
{
  char label[LABEL_MAX];
  json_object_object_foreach (o, name, value)
  {
    label_make (outer, name, label);
    if (is_open (value, depth))
      belows_show (label, value, first, depth + 1);
    else if (stands_below (value)) {
      below_show (label, value, *first);
      *first = 0;
    }
  }
}

/* The first of what stands below has an empty line before it, unless there are no lines. */
static void
object_show (json_object *o)
{
  struct grid *g = grid_create (2);
  int first;
  lines_add (g, "", o, 0);
  first = !grid_rows (g);
  grid_finish (g);
  belows_show ("", o, &first, 0);
}

void
result_show (json_object *value)
{
  char text[SHOW_MAX];
  if (json_object_is_type (value, json_type_object) && json_object_object_length (value))
    object_show (value);
  else if (length_of (value))
    list_show (value);
  else if (json_object_is_type (value, json_type_string))
    text_show (json_object_get_string (value));
  else if (!value || json_object_is_type (value, json_type_object)
           || json_object_is_type (value, json_type_array))
    say ("%s", value ? json_object_to_json_string (value) : "null");
  else
    say ("%s", human_value (value, text));
}
