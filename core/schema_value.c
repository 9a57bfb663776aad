/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/schema_value.h"
#include "core/expand.h"
#include "core/util/str.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN_MAX 60 /* bytes of a value in a message */

/* A value on its way: its option, where it was written, and its text if it is
 * text. */
struct value {
  const struct schema *s;
  const struct kg_opt *o;
  const struct node *n;
  const char *label;
  const char *text;   /* expanded; NULL: not text */
  const char *source; /* "environment variable X", or NULL */
  int32_t loose;      /* text may be a number or a boolean */
};

/* "label: " or "label: environment variable X: ", the value unless it is secret,
 * and what is wrong with it. */
static int32_t
refuse (const struct value *v, const char *what)
{
  const char *src = v->source ? v->source : "", *sep = v->source ? ": " : "";
  if (v->text && !(v->o->flags & KG_OPT_SECRET))
    errors_add (v->s->errors, v->n->where, "%s: %s%s\"%.*s\" %s", v->label, src, sep, SHOWN_MAX,
                v->text, what);
  else
    errors_add (v->s->errors, v->n->where, "%s: %s%sthe value %s", v->label, src, sep, what);
  return -EINVAL;
}

static int32_t
refuse_type (const struct value *v, const char *want)
{
  errors_add (v->s->errors, v->n->where, "%s: %s is written; write %s", v->label,
              node_type_name (v->n->type), want);
  return -EINVAL;
}

/* ---- Text ----------------------------------------------------------------- */

/* The choice that a text means, in any case: its place and length; NULL: none. */
static const char *
choice_find (const char *choices, const char *text, size_t len)
{
  const char *p = choices;
  while (p) {
    if (!strncasecmp (p, text, len) && (p[len] == '|' || !p[len]))
      return p;
    p = strchr (p, '|');
    p = p ? p + 1 : NULL;
  }
  return NULL;
}

static int32_t
choice_fill (const struct value *v, const char **out)
{
  size_t len = strlen (v->text);
  const char *choice = len ? choice_find (v->o->choices, v->text, len) : NULL;
  char what[256];
  if (!choice) {
    snprintf (what, sizeof what, "is none of %s", v->o->choices);
    return refuse (v, what);
  }
  *out = arena_copy (v->s->arena, choice, len);
  return *out ? 0 : -ENOMEM;
}

static int32_t
string_fill (const struct value *v, const char **out)
{
  if (!v->text)
    return refuse_type (v, "a string, in quotes");
  if (!*v->text && (v->o->flags & KG_OPT_REQUIRED))
    return refuse (v, "is empty; it has no default: set it");
  if (!*v->text && !v->o->dflt)
    return 0;
  if (v->o->choices)
    return choice_fill (v, out);
  *out = v->text;
  return 0;
}

/* ---- Numbers -------------------------------------------------------------- */

static int
is_bounded (const struct kg_opt *o)
{
  return o->min || o->max;
}

static int32_t
refuse_range (const struct value *v, const char *shown)
{
  errors_add (v->s->errors, v->n->where, "%s: %s%s%s is out of range; %lld to %lld is allowed",
              v->label, v->source ? v->source : "", v->source ? ": " : "", shown,
              (long long) v->o->min, (long long) v->o->max);
  return -EINVAL;
}

static int32_t
int_fill (const struct value *v, int64_t *out)
{
  char shown[32], *end;
  long long i;
  if (v->text && v->loose) {
    errno = 0;
    i = strtoll (v->text, &end, 10);
    if (errno || *end || end == v->text || strchr (" \t\n", *v->text))
      return refuse (v, "is not an integer");
  } else if (v->n->type == NODE_INT) {
    i = v->n->integer;
  } else {
    return refuse_type (v, "an integer");
  }
  snprintf (shown, sizeof shown, "%lld", i);
  if (is_bounded (v->o) && (i < v->o->min || i > v->o->max))
    return refuse_range (v, shown);
  *out = i;
  return 0;
}

static int32_t
number_fill (const struct value *v, double *out)
{
  char shown[32], *end;
  double d;
  if (v->text && v->loose) {
    d = strtod (v->text, &end);
    if (*end || end == v->text || !isfinite (d) || strpbrk (v->text, " \t\nxXnN"))
      return refuse (v, "is not a number");
  } else if (v->n->type == NODE_NUMBER) {
    d = v->n->number;
  } else if (v->n->type == NODE_INT) {
    d = (double) v->n->integer;
  } else {
    return refuse_type (v, "a number");
  }
  snprintf (shown, sizeof shown, "%g", d);
  if (is_bounded (v->o) && !(d >= (double) v->o->min && d <= (double) v->o->max))
    return refuse_range (v, shown);
  *out = d;
  return 0;
}

static int32_t
bool_fill (const struct value *v, int32_t *out)
{
  static const char *const words[] = { "false", "true", "0", "1", "no", "yes", "off", "on" };
  int32_t i;
  if (v->n->type == NODE_BOOL) {
    *out = v->n->flag;
    return 0;
  }
  if (!v->text || !v->loose)
    return refuse_type (v, "true or false, without quotes");
  for (i = 0; i < 8; i++) {
    if (!strcasecmp (v->text, words[i])) {
      *out = i & 1;
      return 0;
    }
  }
  return refuse (v, "is not a boolean; use true, 1, yes, on or false, 0, no, off");
}

/* ---- Lists of text --------------------------------------------------------- */

/* "a, b" as a list; empty parts vanish. */
static int32_t
strings_split (const struct value *v, const char *const **out)
{
  const char *p = v->text, *end;
  const char **list;
  size_t n = 0, len;
  for (len = 2; *p; p++)
    len += *p == ',';
  list = arena_alloc (v->s->arena, len * sizeof *list);
  if (!list)
    return -ENOMEM;
  for (p = v->text; *p; p = end + (*end == ',')) {
    p += strspn (p, " \t\n");
    end = p + strcspn (p, ",");
    for (len = (size_t) (end - p); len && strchr (" \t\n", p[len - 1]); len--)
      ;
    if (len && !(list[n++] = arena_copy (v->s->arena, p, len)))
      return -ENOMEM;
  }
  list[n] = NULL;
  *out = list;
  return 0;
}

/* ( "a", "b" ): each element is expanded. */
static int32_t
strings_fill (const struct value *v, const char *const **out)
{
  const struct node *i;
  struct expanded x;
  const char **list;
  size_t n = 0;
  int32_t r;
  if (v->text)
    return strings_split (v, out);
  if (v->n->type != NODE_LIST)
    return refuse_type (v, "( \"TEXT\", ... )");
  for (i = v->n->first; i; i = i->next)
    n++;
  list = arena_alloc (v->s->arena, (n + 1) * sizeof *list);
  if (!list)
    return -ENOMEM;
  for (n = 0, i = v->n->first; i; i = i->next) {
    if (i->type != NODE_STRING)
      return refuse_type (v, "only strings in this list");
    r = expand_text (v->s->arena, v->s->errors, i->where, v->label, i->text, &x);
    if (r < 0)
      return r;
    list[n++] = x.text;
  }
  list[n] = NULL;
  *out = list;
  return 0;
}

/* ---- Any ------------------------------------------------------------------- */

/* Nothing was written: what the owner sees then.  Everything else is zero. */
static void
value_absent (const struct kg_opt *o, void *out)
{
  static const char *const none[] = { NULL };
  if (o->type == KG_OPT_STRINGS)
    *(const char *const **) out = none;
}

static int32_t
value_dispatch (const struct value *v, void *out)
{
  switch (v->o->type) {
  case KG_OPT_STRING:
    return string_fill (v, out);
  case KG_OPT_INT:
    return int_fill (v, out);
  case KG_OPT_NUMBER:
    return number_fill (v, out);
  case KG_OPT_BOOL:
    return bool_fill (v, out);
  case KG_OPT_STRINGS:
    return strings_fill (v, out);
  default:
    errors_add (v->s->errors, v->n->where, "%s: its option table has an unknown type, %u",
                v->label, v->o->type);
    return -EINVAL;
  }
}

int32_t
value_fill (const struct schema *s, const struct kg_opt *o, const struct node *n,
            const char *label, void *out)
{
  struct value v = { s, o, n, label, NULL, NULL, 0 };
  struct expanded x;
  int32_t r;
  value_absent (o, out);
  if (!n)
    return 0;
  if (n->type == NODE_STRING) {
    r = expand_text (s->arena, s->errors, n->where, label, n->text, &x);
    if (r < 0)
      return r;
    v.text = x.text;
    v.source = x.source;
    v.loose = (int32_t) n->loose || strstr (n->text, "${");
    if (!str_utf8_valid (x.text, strlen (x.text)))
      return refuse (&v, "is not UTF-8");
  }
  return value_dispatch (&v, out);
}
