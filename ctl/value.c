/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The values of options. */

#include "ctl/ctl.h"

#include "core/util/clock.h"
#include "core/util/str.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_MAX 9007199254740991 /* what any JSON reader can hold */
#define SPAN_MAX (100 * 366 * 86400ll) /* seconds */
#define CHOICES_MAX 16u

static int
number_read (const char *text, int64_t *ret)
{
  char *end;
  errno = 0;
  *ret = strtoll (text, &end, 10);
  return errno || !isdigit ((unsigned char)*text) || *end || *ret > NUMBER_MAX ? -1 : 0;
}

/* "30d", "12h", "15m", "90s" and "0": seconds; -1 when it is none of these. */
static int64_t
span_read (const char *text)
{
  char *end;
  int64_t n, unit;
  errno = 0;
  n = strtoll (text, &end, 10);
  unit = *end == 'd' ? 86400 : *end == 'h' ? 3600 : *end == 'm' ? 60 : *end == 's' ? 1 : 0;
  if (!strcmp (text, "0"))
    return 0;
  if (errno || !isdigit ((unsigned char)*text) || !unit || end[1] || n > SPAN_MAX / unit)
    return -1;
  return n * unit;
}

static json_object *
time_value (const char *text)
{
  char time[CLOCK_RFC3339_LEN + 1];
  int64_t span = span_read (text), ns;
  if (span <= 0)
    return time_parse (text, &ns) ? NULL : json_object_new_string (text);
  clock_rfc3339 (clock_wall () + span * CLOCK_SECOND, time);
  return json_object_new_string (time);
}

static json_object *
object_value (const char *text)
{
  json_tokener *tokener = json_tokener_new ();
  json_object *o;
  json_tokener_set_flags (tokener, JSON_TOKENER_STRICT);
  o = json_tokener_parse_ex (tokener, text, (int)strlen (text) + 1);
  json_tokener_free (tokener);
  if (o && !json_object_is_type (o, json_type_object)) {
    json_object_put (o);
    o = NULL;
  }
  return o;
}

static json_object *
words_value (const char *text, json_object *joined)
{
  json_object *list = joined ? json_object_get (joined) : json_object_new_array ();
  size_t n;
  for (; *text; text += n + (text[n] == ',')) {
    n = strcspn (text, ",");
    if (n)
      json_object_array_add (list, json_object_new_string_len (text, (int)n));
  }
  return list;
}

static int
choice_read (const struct option *o, const char *label, const char *text)
{
  const char *words[CHOICES_MAX + 1], *near;
  char copy[256], *word, *save = NULL;
  uint32_t n = 0;
  snprintf (copy, sizeof copy, "%s", o->choices);
  for (word = strtok_r (copy, " ", &save); word && n < CHOICES_MAX;
       word = strtok_r (NULL, " ", &save)) {
    if (!strcmp (word, text))
      return 0;
    words[n++] = word;
  }
  words[n] = NULL;
  near = str_closest (text, words);
  complain ("%s: '%s' is none of: %s%s%s%s", label, text, o->choices,
            near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
  return EXIT_USAGE;
}

static int
wrong (const char *label, const char *text, const char *wanted)
{
  complain ("%s: '%s' is not %s", label, text, wanted);
  return EXIT_USAGE;
}

static int
numbers_read (const struct option *o, const char *label, const char *text, json_object **ret)
{
  int64_t n = 0;
  if (o->kind == KIND_SPAN) {
    n = span_read (text);
    if (n < 0)
      return wrong (label, text, "a duration: 30d, 12h, 15m, 90s or 0");
  } else if (o->kind == KIND_LIMIT && !strcmp (text, "inherit"))
    return 0; /* null */
  else if (o->kind == KIND_LIMIT && !strcmp (text, "unlimited"))
    n = 0;
  else if (number_read (text, &n))
    return wrong (label, text,
                  o->kind == KIND_LIMIT
                      ? "a number from 0 to 9007199254740991, 'unlimited' or 'inherit'"
                      : "a number from 0 to 9007199254740991");
  *ret = json_object_new_int64 (n);
  return 0;
}

static int
others_read (const struct option *o, const char *label, const char *text, json_object **ret)
{
  if ((o->kind == KIND_TIME && !strcmp (text, "never")) || (o->kind == KIND_TEXT && !*text))
    return 0; /* null */
  if (o->kind == KIND_TIME) {
    *ret = time_value (text);
    return *ret ? 0
                : wrong (label, text,
                         "a time: 2030-01-01T00:00:00Z, 30d, 12h or 15m from now, or 'never'");
  }
  if (o->kind == KIND_OBJECT) {
    *ret = object_value (text);
    return *ret ? 0 : wrong (label, text, "a JSON object: '{\"name\":\"value\"}'");
  }
  if (o->kind == KIND_SWITCH && strcmp (text, "yes") && strcmp (text, "no"))
    return wrong (label, text, "yes or no");
  *ret = o->kind == KIND_SWITCH ? json_object_new_boolean (!strcmp (text, "yes"))
                                : json_object_new_string (text);
  return 0;
}

int
value_read (const struct option *o, const char *label, const char *text, json_object **value)
{
  json_object *made = NULL;
  int r = 0;
  if (text && !str_utf8_valid (text, strlen (text)))
    return wrong (label, "...", "text in UTF-8");
  switch (o->kind) {
  case KIND_FLAG:
    made = json_object_new_boolean (1);
    break;
  case KIND_WORDS:
    made = words_value (text, *value);
    break;
  case KIND_NUMBER:
  case KIND_LIMIT:
  case KIND_SPAN:
    r = numbers_read (o, label, text, &made);
    break;
  case KIND_CHOICE:
    r = choice_read (o, label, text);
    made = r ? NULL : json_object_new_string (text);
    break;
  default:
    r = others_read (o, label, text, &made);
  }
  if (r)
    return r;
  json_object_put (*value);
  *value = made;
  return 0;
}
