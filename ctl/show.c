/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Messages, JSON, and members of objects. */

#include "ctl/show.h"

#include "core/util/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE 8192 /* bytes of a message */

/* The text as one line that cannot drive the terminal: part of it may be a stranger's. */
static void
line_print (FILE *to, const char *prefix, const char *fmt, va_list args)
{
  char text[LINE], line[2 * LINE];
  int n = vsnprintf (text, sizeof text, fmt, args);
  n = n < (int)sizeof text ? n : (int)sizeof text - 1;
  str_escape_line (line, sizeof line, text, n > 0 ? (size_t)n : 0);
  fprintf (to, "%s%s\n", prefix, line);
}

void
complain (const char *fmt, ...)
{
  va_list args;
  va_start (args, fmt);
  line_print (stderr, "kgentctl: ", fmt, args);
  va_end (args);
}

void
complain_more (const char *fmt, ...)
{
  va_list args;
  va_start (args, fmt);
  line_print (stderr, "  ", fmt, args);
  va_end (args);
}

void
note (const char *fmt, ...)
{
  va_list args;
  va_start (args, fmt);
  line_print (stderr, "", fmt, args);
  va_end (args);
}

void
say (const char *fmt, ...)
{
  va_list args;
  va_start (args, fmt);
  line_print (stdout, "", fmt, args);
  va_end (args);
}

void
complain_part (const char *text)
{
  char line[2 * LINE];
  size_t n = strcspn (text, ":");
  str_escape_line (line, sizeof line, text, strlen (text));
  if (text[n])
    fprintf (stderr, "  %s%.*s:%s%s\n", tint_begin (stderr, TINT_BOLD), (int)n, line,
             tint_end (stderr, TINT_BOLD), line + n + 1);
  else
    fprintf (stderr, "  %s\n", line);
}

/* ---- Colours ------------------------------------------------------------------------ */

static int
coloured (FILE *to)
{
  const char *no = getenv ("NO_COLOR"), *term = getenv ("TERM");
  return isatty (fileno (to)) && !(no && *no) && term && *term && strcmp (term, "dumb") != 0;
}

const char *
tint_begin (FILE *to, enum tint tint)
{
  static const char *const codes[] = { "", "\x1b[1m", "\x1b[31m", "\x1b[33m" };
  return tint && coloured (to) ? codes[tint] : "";
}

const char *
tint_end (FILE *to, enum tint tint)
{
  return tint && coloured (to) ? "\x1b[0m" : "";
}

/* ---- JSON --------------------------------------------------------------------------- */

void
show_json (json_object *o)
{
  puts (json_object_to_json_string_ext (o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED
                                               | JSON_C_TO_STRING_NOSLASHESCAPE));
}

void
show_json_line (json_object *o)
{
  puts (json_object_to_json_string_ext (o, JSON_C_TO_STRING_PLAIN
                                               | JSON_C_TO_STRING_NOSLASHESCAPE));
  fflush (stdout);
}

json_object *
member_of (json_object *o, const char *name)
{
  json_object *value = NULL;
  if (json_object_is_type (o, json_type_object))
    json_object_object_get_ex (o, name, &value);
  return value;
}

const char *
text_of (json_object *o, const char *name)
{
  json_object *value = member_of (o, name);
  return value ? json_object_get_string (value) : "";
}

int64_t
number_of (json_object *o, const char *name, int64_t dflt)
{
  json_object *value = member_of (o, name);
  return value ? json_object_get_int64 (value) : dflt;
}

size_t
length_of (json_object *list)
{
  return json_object_is_type (list, json_type_array) ? json_object_array_length (list) : 0;
}
