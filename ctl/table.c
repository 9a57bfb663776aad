/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Objects of the host as rows of a table, and one as lines. */

#include "ctl/show.h"

#include <stdio.h>
#include <string.h>

const char *
form_text (json_object *o, const struct column *c, char out[SHOW_MAX])
{
  json_object *value = member_of (o, c->member);
  *out = 0;
  if (!value)
    return out;
  switch (c->form) {
  case FORM_COUNT:
    return human_count (json_object_get_int64 (value), out);
  case FORM_SPAN:
    return human_span (json_object_get_int64 (value), out);
  case FORM_TIME:
    return human_time (json_object_get_string (value), out);
  default:
    return human_value (value, out);
  }
}

struct grid *
table_create (const struct column *columns, uint32_t count)
{
  struct grid *g = grid_create (count);
  uint32_t i;
  for (i = 0; i < count; i++) {
    grid_add (g, columns[i].head);
    grid_tint (g, TINT_BOLD);
    if (columns[i].form == FORM_COUNT)
      grid_right (g, i);
  }
  return g;
}

void
table_add (struct grid *g, const struct column *columns, uint32_t count, json_object *o)
{
  char text[SHOW_MAX];
  uint32_t i;
  for (i = 0; i < count; i++)
    grid_add (g, form_text (o, &columns[i], text));
}

static void
line_add (struct grid *g, const char *name, json_object *value)
{
  char text[SHOW_MAX];
  grid_add (g, name);
  grid_tint (g, TINT_BOLD);
  grid_add (g, human_member (name, value, text));
}

void
record_print (json_object *o)
{
  struct grid *g = grid_create (2);
  char name[128];
  json_object_object_foreach (o, key, value)
  {
    if (!json_object_is_type (value, json_type_object)) {
      line_add (g, key, value);
      continue;
    }
    json_object_object_foreach (value, inner, inner_value)
    {
      snprintf (name, sizeof name, "%s.%s", key, inner);
      line_add (g, name, inner_value);
    }
  }
  grid_finish (g);
}
