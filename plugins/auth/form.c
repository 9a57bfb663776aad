/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "plugins/auth/form.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>

/* ---- Faults and members -------------------------------------------------- */

static void
fault_in (struct task *t, const char *object, const char *member, const char *type,
          const char *msg)
{
  struct fault f
      = { .in = "body", .object = object, .member = member, .type = type, .msg = msg };
  if (msg)
    task_fault (t, &f);
}

void
form_fault (struct task *t, const char *name, const char *type, const char *msg)
{
  fault_in (t, NULL, name, type, msg);
}

/* The body's member; 0 when it is absent. */
static uint32_t
member (const struct task *t, const char *name)
{
  return kg_json_find (&t->json, 0, name);
}

static int32_t
is_null (const struct task *t, uint32_t i)
{
  return kg_json_kind (&t->json, i) == KG_JSON_NULL;
}

int32_t
form_object (struct task *t)
{
  if (kg_json_kind (&t->json, 0) == KG_JSON_OBJECT)
    return 1;
  form_fault (t, "", "dict_type", "Input should be a valid dictionary");
  return 0;
}

int32_t
form_has (const struct task *t, const char *name)
{
  return member (t, name) != 0;
}

void
form_require (struct task *t, const char *name)
{
  if (!form_has (t, name))
    form_fault (t, name, "missing", "Field required");
}

/* ---- Texts --------------------------------------------------------------- */

/* What would forge lines in a log or on a terminal. */
static int32_t
has_control (const char *s)
{
  for (; *s; s++)
    if ((unsigned char) *s < 0x20 || *s == 0x7f)
      return 1;
  return 0;
}

/* The string at `i` in the task's memory, or NULL with a fault. */
static const char *
text_at (struct task *t, uint32_t i, const char *name, size_t max)
{
  char *s;
  size_t len;
  if (kg_json_kind (&t->json, i) != KG_JSON_STRING) {
    form_fault (t, name, "string_type", "Input should be a valid string");
    return NULL;
  }
  s = task_alloc (t, (size_t) t->json.token[i].len + 1);
  if (!s)
    return NULL;
  len = kg_json_decode (&t->json, i, s);
  if (!len || len > max)
    form_fault (t, name, "range", task_text (t, "Input should have 1 to %zu bytes", max));
  else if (has_control (s))
    form_fault (t, name, "range", "Input should have no control characters");
  else
    return s;
  return NULL;
}

void
form_text (struct task *t, const char *name, size_t max, const char *none, const char **ret)
{
  uint32_t i = member (t, name);
  const char *s = none;
  if (!i)
    return;
  if (!is_null (t, i))
    s = text_at (t, i, name, max);
  else if (!none)
    form_fault (t, name, "missing", "Field required");
  if (s)
    *ret = s;
}

void
form_id (struct task *t, const char *name, const char *none, const char **ret)
{
  const char *s = NULL;
  char *uuid;
  form_text (t, name, KEY_TEXT, none, &s);
  if (!s)
    return;
  if (s == none) {
    *ret = none;
    return;
  }
  uuid = task_alloc (t, TEXT_UUID);
  if (uuid)
    *ret = text_uuid (s, strlen (s), uuid) == 0 ? uuid : s;
}

void
form_fixed (struct task *t, const char *name, const char *text)
{
  uint32_t i = member (t, name);
  const char *s = text;
  if (!i)
    return;
  if (kg_json_kind (&t->json, i) == KG_JSON_STRING)
    form_id (t, name, text, &s);
  else
    s = "";
  if (strcmp (s, text))
    form_fault (t, name, "frozen", "Input should be what it is: this cannot be changed");
}

/* ---- One of several ------------------------------------------------------ */

static const char *
choices_text (struct task *t, const char *const *choices)
{
  struct kg_out out = task_out (t, 1024);
  size_t i;
  kg_out_lit (&out, "Input should be");
  for (i = 0; choices[i] && out.len + strlen (choices[i]) + 8 < out.cap; i++) {
    kg_out_lit (&out, i ? ", '" : " '");
    kg_out_lit (&out, choices[i]);
    kg_out_lit (&out, "'");
  }
  return out.ptr;
}

static int32_t
choice_find (struct task *t, uint32_t i, const char *const *choices)
{
  int32_t n;
  for (n = 0; choices[n]; n++)
    if (kg_json_is (&t->json, i, choices[n]))
      return n;
  return -ENOENT;
}

void
form_choice (struct task *t, const char *name, const char *const *choices, int32_t none,
             int32_t *ret)
{
  uint32_t i = member (t, name);
  int32_t n;
  if (!i)
    return;
  n = is_null (t, i) ? none : choice_find (t, i, choices);
  if (n >= 0)
    *ret = n;
  else if (kg_json_kind (&t->json, i) != KG_JSON_STRING && !is_null (t, i))
    form_fault (t, name, "string_type", "Input should be a valid string");
  else
    form_fault (t, name, "enum", choices_text (t, choices));
}

void
form_tier (struct task *t, const char *none, const char **ret)
{
  const struct tiers *tiers = &t->auth->tenants.tiers;
  const char **names = task_alloc (t, (tiers->count + 2) * sizeof *names);
  int32_t n = -1;
  uint64_t k;
  if (!names)
    return;
  for (k = 0; k < tiers->count; k++)
    names[k] = tiers->items[k].name;
  names[k] = *none ? NULL : none;
  form_choice (t, "tier", names, *none ? 0 : (int32_t) k, &n);
  if (n >= 0)
    *ret = names[n];
}

/* ---- Numbers ------------------------------------------------------------- */

static void
number_at_token (struct task *t, uint32_t i, const struct fault *place, int64_t min, int64_t max,
                 int64_t *ret)
{
  int64_t n = kg_json_int (&t->json, i, 0);
  if (kg_json_kind (&t->json, i) != KG_JSON_INT)
    fault_in (t, place->object, place->member, "int_parsing",
              "Input should be a valid integer");
  else if (n < min || n > max)
    fault_in (t, place->object, place->member, "range",
              task_text (t, "Input should be between %lld and %lld", (long long) min,
                         (long long) max));
  else
    *ret = n;
}

void
form_number (struct task *t, const char *name, int64_t min, int64_t max, int64_t none,
             int64_t *ret)
{
  uint32_t i = member (t, name);
  if (i && is_null (t, i))
    *ret = none;
  else if (i)
    number_at_token (t, i, &(struct fault){ .member = name }, min, max, ret);
}

void
form_bool (struct task *t, const char *name, int32_t none, int32_t *ret)
{
  uint32_t i = member (t, name);
  int32_t kind = kg_json_kind (&t->json, i);
  if (!i)
    return;
  if (kind == KG_JSON_NULL)
    *ret = none;
  else if (kind == KG_JSON_TRUE || kind == KG_JSON_FALSE)
    *ret = kind == KG_JSON_TRUE;
  else
    form_fault (t, name, "bool_type", "Input should be a valid boolean");
}

void
form_limits (struct task *t, struct limits *ret)
{
  uint32_t object = member (t, "limits"), i;
  size_t k;
  if (!object)
    return;
  if (is_null (t, object)) {
    *ret = LIMITS_UNSET;
    return;
  }
  if (kg_json_kind (&t->json, object) != KG_JSON_OBJECT) {
    form_fault (t, "limits", "dict_type", "Input should be a valid dictionary");
    return;
  }
  for (k = 0; k < NUMBERS_COUNT; k++) {
    struct fault place = { .object = "limits", .member = number_names[k].name };
    i = kg_json_find (&t->json, object, number_names[k].name);
    if (i && is_null (t, i))
      *number_at (ret, k) = -1;
    else if (i)
      number_at_token (t, i, &place, 0, NUMBERS_MAX, number_at (ret, k));
  }
}

/* ---- Times, objects, lists ----------------------------------------------- */

void
form_time (struct task *t, const char *name, int64_t *ret_ns)
{
  uint32_t i = member (t, name);
  const char *s = i && !is_null (t, i) ? text_at (t, i, name, 64) : NULL;
  int64_t ns;
  if (i && is_null (t, i))
    *ret_ns = 0;
  if (!s)
    return;
  if (text_time_parse (s, strlen (s), &ns) < 0)
    form_fault (t, name, "datetime_parsing", "Input should be an RFC 3339 time");
  else if (ns <= t->now_ns)
    form_fault (t, name, "range", "Input should be in the future");
  else
    *ret_ns = ns;
}

/* What the patch says onto what is there (RFC 7396, section 2); -ENOMEM. */
static int32_t
object_merge (json_object *into, json_object *patch)
{
  int32_t rc = 0;
  json_object_object_foreach (patch, name, value)
  {
    json_object *there = NULL;
    if (!value) {
      json_object_object_del (into, name);
      continue;
    }
    if (!json_object_is_type (value, json_type_object)) {
      if (json_object_object_add (into, name, json_object_get (value)) < 0)
        return -ENOMEM;
      continue;
    }
    if (!json_object_object_get_ex (into, name, &there)
        || !json_object_is_type (there, json_type_object)) {
      there = json_object_new_object ();
      if (!there || json_object_object_add (into, name, there) < 0)
        return -ENOMEM;
    }
    rc = object_merge (there, value);
    if (rc < 0)
      return rc;
  }
  return 0;
}

static json_object *
object_parse (const char *text, size_t len)
{
  json_tokener *tok = json_tokener_new ();
  json_object *o = tok ? json_tokener_parse_ex (tok, text, (int) len) : NULL;
  if (tok)
    json_tokener_free (tok);
  return o;
}

/* The text of `old` with the member at `i` merged into it; NULL without memory. */
static const char *
merged_text (struct task *t, uint32_t i, const char *old)
{
  kg_str patch = kg_json_text (&t->json, i);
  json_object *into = object_parse (old, strlen (old)), *from = object_parse (patch.ptr, patch.len);
  const char *s = NULL;
  if (into && from && object_merge (into, from) == 0)
    s = json_object_to_json_string_ext (into, JSON_C_TO_STRING_PLAIN
                                                  | JSON_C_TO_STRING_NOSLASHESCAPE);
  s = s ? task_copy (t, (kg_str){ s, strlen (s) }) : NULL;
  if (!s)
    t->error = -ENOMEM;
  json_object_put (into);
  json_object_put (from);
  return s;
}

void
form_merge (struct task *t, const char *name, size_t max, const char **ret)
{
  uint32_t i = member (t, name);
  const char *s;
  if (!i)
    return;
  if (is_null (t, i)) {
    *ret = "{}";
    return;
  }
  if (kg_json_kind (&t->json, i) != KG_JSON_OBJECT) {
    form_fault (t, name, "dict_type", "Input should be a valid dictionary");
    return;
  }
  s = merged_text (t, i, *ret);
  if (s && strlen (s) > max)
    form_fault (t, name, "range", task_text (t, "It should have at most %zu bytes", max));
  else if (s)
    *ret = s;
}

/* The elements of a list; stops at the first fault. */
static void
elements_read (struct task *t, const char *name, uint32_t list, form_check *check,
               const char *ret[KEY_LIST + 1])
{
  uint32_t n = 0, faults = t->faults, i = kg_json_first (&t->json, list);
  for (; i && t->faults == faults; i = kg_json_next (&t->json, list, i)) {
    const char *text = n < KEY_LIST ? text_at (t, i, name, KEY_TEXT) : NULL;
    const char *why = text ? check (t, &text) : NULL;
    if (n == KEY_LIST)
      form_fault (t, name, "range", "Input should have at most 32 elements");
    else if (why)
      form_fault (t, name, "range", why);
    else if (text)
      ret[n++] = text;
  }
}

void
form_list (struct task *t, const char *name, form_check *check, const char *none,
           const char **ret)
{
  uint32_t list = member (t, name), faults = t->faults;
  const char *texts[KEY_LIST + 1] = { NULL };
  if (!list)
    return;
  if (is_null (t, list))
    texts[0] = none;
  else if (kg_json_kind (&t->json, list) == KG_JSON_ARRAY)
    elements_read (t, name, list, check, texts);
  else
    form_fault (t, name, "list_type", "Input should be a valid list");
  if (t->faults == faults)
    memcpy (ret, texts, sizeof texts);
}
