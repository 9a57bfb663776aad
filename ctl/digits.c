/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* json-c keeps the text of what has a fraction or an exponent, and cuts off what is longer
 * than an integer of its own.  So such an integer gets an exponent before it is parsed,
 * which is taken from its text behind. */

#include "ctl/digits.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPONENT "e0"
#define SURE 18   /* digits that always fit into an int64 */
#define PLAIN 256 /* bytes of a number that is grouped */

/* ---- Parsing ----------------------------------------------------------------------- */

/* Bytes of the string that begins at p, with its quotes. */
static size_t
string_length (const char *p)
{
  size_t n = 1;
  while (p[n] && p[n] != '"')
    n += p[n] == '\\' && p[n + 1] ? 2 : 1;
  return n + (p[n] == '"');
}

static size_t
integer_length (const char *p)
{
  size_t sign = *p == '-';
  return sign + strspn (p + sign, "0123456789");
}

/* Whether the n bytes at p are a whole number that fits into no int64. */
static int
is_long (const char *p, size_t n)
{
  if (n <= SURE || (p[n] && strchr (".eE", p[n])))
    return 0;
  errno = 0;
  strtoll (p, NULL, 10);
  return errno == ERANGE;
}

/* malloc'ed; NULL without memory. */
static char *
exponents_add (const char *text)
{
  size_t len = strlen (text), n;
  char *all = malloc (len + len / SURE * strlen (EXPONENT) + 1), *to = all;
  for (; all && *text; text += n) {
    int longer = 0;
    if (*text == '"')
      n = string_length (text);
    else if (*text == '-' || isdigit ((unsigned char)*text)) {
      n = integer_length (text);
      longer = is_long (text, n);
      if (!longer)
        n += strspn (text + n, "0123456789.eE+-");
    } else
      n = 1;
    memcpy (to, text, n);
    to += n;
    if (longer)
      to = stpcpy (to, EXPONENT);
  }
  if (all)
    *to = 0;
  return all;
}

static void
exponent_remove (json_object *o)
{
  const char *text = json_object_get_string (o);
  size_t n = integer_length (text);
  char *digits;
  if (n <= SURE || strcmp (text + n, EXPONENT))
    return;
  digits = strndup (text, n);
  if (digits)
    json_object_set_serializer (o, json_object_userdata_to_json_string, digits,
                                json_object_free_userdata);
}

static void
exponents_remove (json_object *o)
{
  size_t i, n = json_object_is_type (o, json_type_array) ? json_object_array_length (o) : 0;
  for (i = 0; i < n; i++)
    exponents_remove (json_object_array_get_idx (o, i));
  if (json_object_is_type (o, json_type_object)) {
    json_object_object_foreach (o, name, value)
    {
      (void)name;
      exponents_remove (value);
    }
  } else if (json_object_is_type (o, json_type_double))
    exponent_remove (o);
}

json_object *
digits_parse (const char *text)
{
  char *copy = exponents_add (text);
  json_object *o = copy ? json_tokener_parse (copy) : NULL;
  exponents_remove (o);
  free (copy);
  return o;
}

/* ---- Printing ---------------------------------------------------------------------- */

const char *
digits_group (const char *text, char out[SHOW_MAX])
{
  size_t sign = *text == '-', whole = integer_length (text) - sign, i;
  const char *rest = text + sign + whole;
  char *to = out;
  size_t fraction = *rest == '.' ? 1 + strspn (rest + 1, "0123456789") : 0;
  if (!whole || rest[fraction] || strlen (text) > PLAIN) {
    snprintf (out, SHOW_MAX, "%s", text);
    return out;
  }
  if (sign)
    *to++ = *text++;
  for (i = 0; i < whole; i++) {
    if (i && (whole - i) % 3 == 0)
      *to++ = ',';
    *to++ = text[i];
  }
  strcpy (to, rest);
  return out;
}
