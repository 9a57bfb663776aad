/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Compiling a schema: each keyword has its function. */
#include "plugins/agentese/schema_tree.h"

#include <json-c/json.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct reader {
  const char *why; /* what is wrong; NULL: nothing so far */
  int32_t error;   /* -EINVAL, -ENOMEM */
  uint32_t depth;
};

static struct ag_schema *schema_read (struct reader *k, json_object *o);

static void
blame (struct reader *k, const char *why)
{
  if (!k->error) {
    k->why = why;
    k->error = -EINVAL;
  }
}

/* Memory of zeroes, or NULL and the error. */
static void *
take (struct reader *k, size_t n, size_t size)
{
  void *p = calloc (n ? n : 1, size);
  if (!p)
    k->error = -ENOMEM;
  return p;
}

static char *
text_copy (struct reader *k, const char *text)
{
  char *p = strdup (text);
  if (!p)
    k->error = -ENOMEM;
  return p;
}

/* ---- Keywords ------------------------------------------------------------------- */

static uint32_t
type_named (const char *name)
{
  static const struct {
    const char *name;
    uint32_t bits;
  } types[] = { { "null", IS_NULL },     { "boolean", IS_BOOL },
                { "integer", IS_INT },   { "number", IS_INT | IS_NUMBER },
                { "string", IS_STRING }, { "array", IS_ARRAY },
                { "object", IS_OBJECT } };
  uint32_t i;
  for (i = 0; i < sizeof types / sizeof types[0]; i++)
    if (!strcmp (types[i].name, name))
      return types[i].bits;
  return 0;
}

static void
type_one (struct reader *k, json_object *o, struct ag_schema *s)
{
  uint32_t bits
      = json_object_is_type (o, json_type_string) ? type_named (json_object_get_string (o)) : 0;
  if (!bits)
    blame (k, "\"type\" is no type");
  s->types |= bits;
}

static void
key_type (struct reader *k, json_object *o, struct ag_schema *s)
{
  size_t i;
  if (!json_object_is_type (o, json_type_array)) {
    type_one (k, o, s);
    return;
  }
  for (i = 0; i < json_object_array_length (o); i++)
    type_one (k, json_object_array_get_idx (o, i), s);
  if (!s->types)
    blame (k, "\"type\" is an empty list");
}

static struct number
number_of (json_object *o)
{
  struct number n = { 0 };
  n.whole = json_object_is_type (o, json_type_int);
  n.d = json_object_get_double (o);
  n.i = json_object_get_int64 (o);
  return n;
}

static void
choice_read (struct reader *k, json_object *o, struct choice *c)
{
  switch (json_object_get_type (o)) {
  case json_type_null:
    c->kind = KG_JSON_NULL;
    break;
  case json_type_boolean:
    c->kind = json_object_get_boolean (o) ? KG_JSON_TRUE : KG_JSON_FALSE;
    break;
  case json_type_int:
  case json_type_double:
    c->kind = KG_JSON_DOUBLE;
    c->number = number_of (o);
    break;
  case json_type_string:
    c->kind = KG_JSON_STRING;
    c->text = text_copy (k, json_object_get_string (o));
    break;
  default:
    blame (k, "\"enum\" and \"const\" take texts, numbers, true, false and null");
  }
}

static void
key_enum (struct reader *k, json_object *o, struct ag_schema *s)
{
  size_t i, n;
  if (!json_object_is_type (o, json_type_array) || s->choices) {
    blame (k, "\"enum\" is no list, or stands beside \"const\"");
    return;
  }
  n = json_object_array_length (o);
  s->choices = take (k, n, sizeof *s->choices);
  for (i = 0; i < n && !k->error; i++)
    choice_read (k, json_object_array_get_idx (o, i), &s->choices[s->nchoices++]);
  if (!n)
    blame (k, "\"enum\" is an empty list");
}

static void
key_const (struct reader *k, json_object *o, struct ag_schema *s)
{
  if (s->choices) {
    blame (k, "\"const\" stands beside \"enum\"");
    return;
  }
  s->choices = take (k, 1, sizeof *s->choices);
  if (s->choices)
    choice_read (k, o, &s->choices[s->nchoices++]);
}

/* The property of that name, which is added when it is new; NULL after an error. */
static struct property *
property_get (struct reader *k, struct ag_schema *s, const char *name)
{
  struct property *p;
  uint32_t i;
  if (!s->properties)
    s->properties = take (k, AG_PROPERTIES_MAX, sizeof *p);
  if (k->error)
    return NULL;
  for (i = 0; i < s->nproperties; i++)
    if (!strcmp (s->properties[i].name, name))
      return &s->properties[i];
  if (s->nproperties == AG_PROPERTIES_MAX) {
    blame (k, "an object has over 64 properties");
    return NULL;
  }
  p = &s->properties[s->nproperties];
  p->name = text_copy (k, name);
  if (!p->name)
    return NULL;
  p->len = strlen (name);
  s->nproperties++;
  return p;
}

static void
key_properties (struct reader *k, json_object *o, struct ag_schema *s)
{
  struct json_object_iterator i, end;
  if (!json_object_is_type (o, json_type_object)) {
    blame (k, "\"properties\" is no object");
    return;
  }
  i = json_object_iter_begin (o);
  end = json_object_iter_end (o);
  for (; !k->error && !json_object_iter_equal (&i, &end); json_object_iter_next (&i)) {
    struct property *p = property_get (k, s, json_object_iter_peek_name (&i));
    if (p)
      p->schema = schema_read (k, json_object_iter_peek_value (&i));
  }
}

static void
key_required (struct reader *k, json_object *o, struct ag_schema *s)
{
  size_t i, n = json_object_is_type (o, json_type_array) ? json_object_array_length (o) : 0;
  if (!json_object_is_type (o, json_type_array))
    blame (k, "\"required\" is no list");
  for (i = 0; i < n && !k->error; i++) {
    json_object *name = json_object_array_get_idx (o, i);
    struct property *p = json_object_is_type (name, json_type_string)
                             ? property_get (k, s, json_object_get_string (name))
                             : NULL;
    if (p)
      p->required = 1;
    else
      blame (k, "\"required\" is no list of names");
  }
}

static void
key_additional (struct reader *k, json_object *o, struct ag_schema *s)
{
  s->additional = schema_read (k, o);
}

static void
key_items (struct reader *k, json_object *o, struct ag_schema *s)
{
  s->items = schema_read (k, o);
}

static void
key_pattern (struct reader *k, json_object *o, struct ag_schema *s)
{
  const char *why = NULL;
  int32_t r;
  if (!json_object_is_type (o, json_type_string)) {
    blame (k, "\"pattern\" is no text");
    return;
  }
  r = ag_pattern_compile ((kg_str){ json_object_get_string (o),
                                    (size_t)json_object_get_string_len (o) },
                          &s->pattern, &why);
  if (r == -ENOMEM)
    k->error = r;
  else if (r < 0)
    blame (k, why);
}

/* ---- Numbers ---------------------------------------------------------------------- */

static void
count_read (struct reader *k, json_object *o, uint32_t *ret)
{
  int64_t n = json_object_is_type (o, json_type_int) ? json_object_get_int64 (o) : -1;
  if (n < 0 || n > UINT32_MAX)
    blame (k, "a length or count is no whole number from 0 on");
  else
    *ret = (uint32_t)n;
}

static void
bound_read (struct reader *k, json_object *o, struct bound *ret, int32_t exclusive)
{
  if (!json_object_is_type (o, json_type_int) && !json_object_is_type (o, json_type_double))
    blame (k, "a minimum or maximum is no number");
  else if (ret->set)
    blame (k, "a bound is given twice, inclusive and exclusive");
  else
    *ret = (struct bound){ 1, exclusive, number_of (o) };
}

/* One of the keywords that are a number; 0 when the name is none. */
static int32_t
key_number (struct reader *k, const char *name, json_object *o, struct ag_schema *s)
{
  struct {
    const char *name;
    uint32_t *at;
  } counts[] = { { "minLength", &s->min_length },  { "maxLength", &s->max_length },
                 { "minItems", &s->min_items },    { "maxItems", &s->max_items },
                 { "minProperties", &s->min_members },
                 { "maxProperties", &s->max_members } };
  uint32_t i;
  for (i = 0; i < sizeof counts / sizeof counts[0]; i++)
    if (!strcmp (counts[i].name, name)) {
      count_read (k, o, counts[i].at);
      return 1;
    }
  if (!strcmp (name, "minimum") || !strcmp (name, "exclusiveMinimum"))
    bound_read (k, o, &s->low, *name == 'e');
  else if (!strcmp (name, "maximum") || !strcmp (name, "exclusiveMaximum"))
    bound_read (k, o, &s->high, *name == 'e');
  else
    return 0;
  return 1;
}

/* ---- The whole ----------------------------------------------------------------------- */

/* Keywords that only describe. */
static int32_t
describes (const char *name)
{
  static const char *const names[]
      = { "title",    "description", "default", "examples", "format",  "deprecated",
          "readOnly", "writeOnly",   "$schema", "$id",      "$comment" };
  uint32_t i;
  for (i = 0; i < sizeof names / sizeof names[0]; i++)
    if (!strcmp (names[i], name))
      return 1;
  return 0;
}

static void
keyword_read (struct reader *k, const char *name, json_object *o, struct ag_schema *s)
{
  static const struct {
    const char *name;
    void (*read) (struct reader *k, json_object *o, struct ag_schema *s);
  } keys[] = { { "type", key_type },
               { "enum", key_enum },
               { "const", key_const },
               { "properties", key_properties },
               { "required", key_required },
               { "additionalProperties", key_additional },
               { "items", key_items },
               { "pattern", key_pattern } };
  uint32_t i;
  for (i = 0; i < sizeof keys / sizeof keys[0]; i++)
    if (!strcmp (keys[i].name, name)) {
      keys[i].read (k, o, s);
      return;
    }
  if (!key_number (k, name, o, s) && !describes (name))
    blame (k, "a schema has a keyword that is not of the subset (see agentese(7))");
}

static void
members_read (struct reader *k, json_object *o, struct ag_schema *s)
{
  struct json_object_iterator i = json_object_iter_begin (o), end = json_object_iter_end (o);
  for (; !k->error && !json_object_iter_equal (&i, &end); json_object_iter_next (&i))
    keyword_read (k, json_object_iter_peek_name (&i), json_object_iter_peek_value (&i), s);
}

/* NULL for the schema that allows everything, and after an error. */
static struct ag_schema *
schema_read (struct reader *k, json_object *o)
{
  struct ag_schema *s;
  if (json_object_is_type (o, json_type_boolean) && json_object_get_boolean (o))
    return NULL;
  if (k->depth == AG_SCHEMA_DEPTH
      || (!json_object_is_type (o, json_type_object)
          && !json_object_is_type (o, json_type_boolean))) {
    blame (k, "a schema is no object, true or false, or lies too deep");
    return NULL;
  }
  s = take (k, 1, sizeof *s);
  if (!s)
    return NULL;
  s->max_length = s->max_items = s->max_members = UINT32_MAX;
  s->never = json_object_is_type (o, json_type_boolean);
  k->depth++;
  if (!s->never)
    members_read (k, o, s);
  k->depth--;
  return s;
}

/* The text as one strict JSON value; NULL with the error. */
static json_object *
json_read (struct reader *k, const char *text)
{
  json_tokener *tok = json_tokener_new ();
  json_object *o;
  if (!tok) {
    k->error = -ENOMEM;
    return NULL;
  }
  json_tokener_set_flags (tok, JSON_TOKENER_STRICT);
  o = json_tokener_parse_ex (tok, text, (int)strlen (text) + 1);
  if (!o || json_tokener_get_parse_end (tok) < strlen (text)) {
    blame (k, "a schema is no JSON object");
    json_object_put (o);
    o = NULL;
  }
  json_tokener_free (tok);
  return o;
}

int32_t
ag_schema_compile (const char *text, struct ag_schema **ret, const char **ret_why)
{
  struct reader k = { 0 };
  json_object *o = json_read (&k, text);
  struct ag_schema *s = k.error ? NULL : schema_read (&k, o);
  json_object_put (o);
  if (!k.error) {
    *ret = s;
    return 0;
  }
  ag_schema_free (s);
  *ret_why = k.why;
  return k.error;
}

/* Names each required member among the properties, which means the same, and without which
 * tools warn. */
static void
required_name (json_object *o)
{
  json_object *required, *properties;
  size_t i;
  if (!json_object_object_get_ex (o, "required", &required)
      || !json_object_is_type (required, json_type_array))
    return;
  if (!json_object_object_get_ex (o, "properties", &properties)) {
    properties = json_object_new_object ();
    json_object_object_add (o, "properties", properties);
  }
  for (i = 0; json_object_is_type (properties, json_type_object)
              && i < json_object_array_length (required);
       i++) {
    const char *name = json_object_get_string (json_object_array_get_idx (required, i));
    if (name && !json_object_object_get_ex (properties, name, NULL))
      json_object_object_add (properties, name, json_object_new_object ());
  }
}

static void
schema_complete (json_object *o)
{
  struct json_object_iterator i, end;
  json_object *inner;
  if (!json_object_is_type (o, json_type_object))
    return;
  required_name (o);
  if (json_object_object_get_ex (o, "items", &inner))
    schema_complete (inner);
  if (json_object_object_get_ex (o, "additionalProperties", &inner))
    schema_complete (inner);
  if (!json_object_object_get_ex (o, "properties", &inner)
      || !json_object_is_type (inner, json_type_object))
    return;
  i = json_object_iter_begin (inner);
  end = json_object_iter_end (inner);
  for (; !json_object_iter_equal (&i, &end); json_object_iter_next (&i))
    schema_complete (json_object_iter_peek_value (&i));
}

int32_t
ag_schema_text (const char *text, char **ret, const char **ret_why)
{
  struct reader k = { 0 };
  json_object *o = json_read (&k, text);
  const char *plain;
  if (o) {
    schema_complete (o);
    plain = json_object_to_json_string_ext (o, JSON_C_TO_STRING_PLAIN
                                                   | JSON_C_TO_STRING_NOSLASHESCAPE);
    *ret = plain ? text_copy (&k, plain) : NULL;
    k.error = *ret ? 0 : -ENOMEM;
  }
  json_object_put (o);
  *ret_why = k.why;
  return k.error;
}

void
ag_schema_free (struct ag_schema *s)
{
  uint32_t i;
  if (!s)
    return;
  for (i = 0; i < s->nchoices; i++)
    free (s->choices[i].text);
  for (i = 0; i < s->nproperties; i++) {
    free (s->properties[i].name);
    ag_schema_free (s->properties[i].schema);
  }
  ag_schema_free (s->additional);
  ag_schema_free (s->items);
  ag_pattern_free (s->pattern);
  free (s->choices);
  free (s->properties);
  free (s);
}
