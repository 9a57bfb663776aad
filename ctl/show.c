/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Messages, JSON, and members of objects. */

#include "ctl/show.h"

#include <stdarg.h>
#include <stdio.h>

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
