/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "ctl/diff.h"
#include "ctl/show.h"

#include <stdio.h>
#include <string.h>

#define NAME_MAX_LEN 160

/* To the microsecond, which is what the host keeps. */
static int
times_same (const char *a, const char *b)
{
  int64_t x, y;
  return !time_parse (a, &x) && !time_parse (b, &y) && x / 1000 == y / 1000;
}

/* An empty text or list is none. */
static int
nothing (json_object *value)
{
  return !value
         || (json_object_is_type (value, json_type_string)
             && !json_object_get_string_len (value))
         || (json_object_is_type (value, json_type_array) && !length_of (value));
}

int
value_same (json_object *a, json_object *b)
{
  if (nothing (a) || nothing (b))
    return nothing (a) && nothing (b);
  if (json_object_is_type (a, json_type_string) && json_object_is_type (b, json_type_string)
      && times_same (json_object_get_string (a), json_object_get_string (b)))
    return 1;
  return json_object_equal (a, b);
}

static void
diff_add (json_object *diff, const char *name, json_object *from, json_object *to)
{
  json_object *o = json_object_new_object ();
  json_object_object_add (o, "member", json_object_new_string (name));
  json_object_object_add (o, "from", json_object_get (from));
  json_object_object_add (o, "to", json_object_get (to));
  json_object_array_add (diff, o);
}

/* Adds what differs in `to`; or, with `gone`, what `to` doesn't have at all.  Objects
 * are two levels deep at most: what is deeper is a value. */
static void
differences (json_object *diff, const char *prefix, json_object *from, json_object *to,
             int gone)
{
  json_object *walk = gone ? from : to;
  char name[NAME_MAX_LEN];
  if (!json_object_is_type (walk, json_type_object))
    return;
  json_object_object_foreach (walk, key, value)
  {
    json_object *old = member_of (from, key), *new = member_of (to, key);
    snprintf (name, sizeof name, "%s%s%s", prefix, *prefix ? "." : "", key);
    if (json_object_is_type (value, json_type_object) && !*prefix)
      differences (diff, name, old, new, gone);
    else if (gone ? !new && !nothing (value) : !value_same (old, new))
      diff_add (diff, name, old, new);
  }
}

json_object *
diff_make (json_object *from, json_object *to, int all)
{
  json_object *diff = json_object_new_array ();
  differences (diff, "", from, to, 0);
  if (all)
    differences (diff, "", from, to, 1);
  return diff;
}

static const char *
shown (json_object *d, const char *side, char out[SHOW_MAX])
{
  human_member (text_of (d, "member"), member_of (d, side), out);
  return *out ? out : "-";
}

const char *
diff_text (json_object *diff, int made, char *out, size_t size)
{
  char from[SHOW_MAX], to[SHOW_MAX];
  size_t i, n = length_of (diff), len = 0;
  *out = 0;
  for (i = 0; i < n && len < size; i++) {
    json_object *d = json_object_array_get_idx (diff, i);
    len += (size_t)snprintf (out + len, size - len, "%s%s %s%s%s", i ? "; " : "",
                             text_of (d, "member"),
                             made ? "" : shown (d, "from", from),
                             made ? "" : " -> ", shown (d, "to", to));
  }
  if (len >= size && size > 4)
    strcpy (out + size - 4, "...");
  return out;
}
