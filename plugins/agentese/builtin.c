/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What the built-in rooms share. */
#include "plugins/agentese/builtin.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Arguments --------------------------------------------------------------- */

kg_str
ag_arg_text (struct ag_call *c, const char *name)
{
  return kg_json_str (c->ag->host, c->req, c->json, ag_kwarg (c, name));
}

int64_t
ag_arg_int (const struct ag_call *c, const char *name, int64_t dflt)
{
  uint32_t i = ag_kwarg (c, name);
  return i ? kg_json_int (c->json, i, dflt) : dflt;
}

double
ag_arg_number (const struct ag_call *c, const char *name, double dflt)
{
  uint32_t i = ag_kwarg (c, name);
  return i ? ag_json_number (c->json, i, dflt) : dflt;
}

int32_t
ag_arg_true (const struct ag_call *c, const char *name, int32_t dflt)
{
  uint32_t i = ag_kwarg (c, name);
  return i ? kg_json_kind (c->json, i) == KG_JSON_TRUE : dflt;
}

kg_str
ag_arg_json (struct ag_call *c, const char *name)
{
  uint32_t i = ag_kwarg (c, name);
  kg_str text;
  struct kg_out o;
  if (!i)
    return (kg_str){ NULL, 0 };
  text = kg_json_text (c->json, i);
  if (ag_out_new (c, text.len, &o) < 0)
    return (kg_str){ NULL, 0 };
  ag_compact (&o, text);
  return (kg_str){ o.ptr, o.len };
}

kg_str
ag_observer_name (struct ag_call *c)
{
  const struct kg_json *j = c->ag->host->parse (c->req, c->observer);
  return j ? kg_json_str (c->ag->host, c->req, j, 0) : (kg_str){ NULL, 0 };
}

/* ---- Members ----------------------------------------------------------------- */

double
ag_json_number (const struct kg_json *j, uint32_t i, double dflt)
{
  int32_t kind = kg_json_kind (j, i);
  char buf[64];
  kg_str text;
  if (kind == KG_JSON_INT)
    return (double)kg_json_int (j, i, 0);
  if (kind != KG_JSON_DOUBLE)
    return dflt;
  text = kg_json_raw (j, i);
  if (text.len >= sizeof buf)
    return dflt;
  memcpy (buf, text.ptr, text.len);
  buf[text.len] = 0;
  return strtod (buf, NULL);
}

kg_str
ag_json_member (struct ag_call *c, const struct kg_json *j, uint32_t object, const char *name)
{
  uint32_t i = kg_json_find (j, object, name);
  return i ? kg_json_str (c->ag->host, c->req, j, i) : (kg_str){ NULL, 0 };
}

int32_t
ag_state_fits (struct ag_call *c, size_t bytes)
{
  int64_t max = c->ag->conf->node_bytes_max;
  return (int64_t)bytes <= max
             ? 0
             : ag_over_limit (c, "agentese.node_bytes", max, "bytes of a node's state");
}

static int32_t
is_replaced (const struct kg_json *j, uint32_t key, const struct ag_member *m, uint32_t n)
{
  uint32_t i;
  for (i = 0; i < n; i++)
    if (kg_json_is (j, key, m[i].name))
      return 1;
  return 0;
}

static void
member_out (struct kg_out *o, kg_str key, kg_str value)
{
  kg_out_lit (o, o->len > 1 ? "," : "");
  kg_out_raw (o, key.ptr, key.len);
  kg_out_lit (o, ":");
  kg_out_raw (o, value.ptr, value.len);
}

int32_t
ag_state_with (struct ag_call *c, const struct ag_node *old, const struct ag_member *m, uint32_t n,
               kg_str *ret)
{
  const struct kg_json *j = old->json;
  size_t size = old->bytes + 16;
  struct kg_out o;
  uint32_t i;
  for (i = 0; i < n; i++)
    size += strlen (m[i].name) + m[i].value.len + 4;
  if (ag_out_new (c, size, &o) < 0)
    return -ENOMEM;
  kg_out_lit (&o, "{");
  for (i = j ? kg_json_first (j, old->state) : 0; i; i = kg_json_next (j, old->state, i + 1))
    if (!is_replaced (j, i, m, n))
      member_out (&o, kg_json_text (j, i), kg_json_text (j, i + 1));
  for (i = 0; i < n; i++)
    if (m[i].value.ptr) {
      kg_out_lit (&o, o.len > 1 ? ",\"" : "\"");
      kg_out_lit (&o, m[i].name);
      kg_out_lit (&o, "\":");
      kg_out_raw (&o, m[i].value.ptr, m[i].value.len);
    }
  kg_out_lit (&o, "}");
  *ret = (kg_str){ o.ptr, o.len };
  return ag_state_fits (c, o.len);
}

int32_t
ag_node_text (struct ag_call *c, kg_str handle, kg_str *ret)
{
  char buf[KG_KEY_MAX];
  struct kg_entry e = { .size = sizeof e };
  struct kg_out o = { buf, 0, sizeof buf };
  kg_out_lit (&o, c->who->tenant);
  kg_out_lit (&o, "/");
  kg_out_raw (&o, handle.ptr, handle.len);
  if (!kg_out_ok (&o) || ag_stored_get (c, c->ag->nodes, (kg_str){ buf, o.len }, &e) < 0)
    return -ENOENT;
  *ret = e.value;
  return 0;
}

/* ---- Writing ------------------------------------------------------------------- */

void
ag_out_number (struct kg_out *o, double v)
{
  char buf[64];
  int n = snprintf (buf, sizeof buf, "%.4f", v);
  while (n > 2 && buf[n - 1] == '0' && buf[n - 2] != '.')
    n--;
  kg_out_raw (o, buf, n > 0 && (size_t)n < sizeof buf ? (size_t)n : 0);
}

void
ag_out_bool (struct kg_out *o, int32_t v)
{
  kg_out_lit (o, v ? "true" : "false");
}

void
ag_out_time (struct kg_out *o, int64_t wall_ns)
{
  char at[AG_TIME_LEN + 1];
  if (!wall_ns) {
    kg_out_lit (o, "null");
    return;
  }
  ag_time (wall_ns, at);
  kg_out_text (o, at);
}

void
ag_out_text (struct kg_out *o, kg_str s)
{
  if (s.ptr)
    kg_out_str (o, s);
  else
    kg_out_lit (o, "null");
}

kg_str
ag_json_quoted (struct ag_call *c, kg_str s)
{
  struct kg_out o;
  if (ag_out_new (c, 6 * s.len + 2, &o) < 0)
    return (kg_str){ NULL, 0 };
  kg_out_str (&o, s);
  return (kg_str){ o.ptr, o.len };
}

int64_t
ag_now (const struct ag_call *c)
{
  return c->ag->host->num (c->req, KG_NUM_TIME);
}

static int32_t
string_plain (struct ag_call *c, const struct kg_json *j, uint32_t i, struct kg_out *o)
{
  kg_str s = kg_json_str (c->ag->host, c->req, j, i);
  if (!s.ptr)
    return -ENOMEM;
  kg_out_str (o, s);
  return 0;
}

int32_t
ag_out_plain (struct ag_call *c, const struct kg_json *j, uint32_t i, struct kg_out *o)
{
  int32_t kind = kg_json_kind (j, i), object = kind == KG_JSON_OBJECT, r = 0;
  uint32_t at, n = 0;
  if (kind == KG_JSON_STRING && j->token[i].escaped)
    return string_plain (c, j, i, o);
  if (!object && kind != KG_JSON_ARRAY) {
    kg_out_raw (o, kg_json_text (j, i).ptr, kg_json_text (j, i).len);
    return 0;
  }
  kg_out_lit (o, object ? "{" : "[");
  for (at = kg_json_first (j, i); at && !r; at = kg_json_next (j, i, at + (uint32_t)object)) {
    kg_out_lit (o, n++ ? "," : "");
    if (object) {
      r = string_plain (c, j, at, o);
      kg_out_lit (o, ":");
    }
    if (!r)
      r = ag_out_plain (c, j, at + (uint32_t)object, o);
  }
  kg_out_lit (o, object ? "}" : "]");
  return r;
}

kg_str
ag_arg_plain (struct ag_call *c, const char *name)
{
  uint32_t i = ag_kwarg (c, name);
  struct kg_out o;
  kg_str text;
  size_t k, size;
  if (!i)
    return (kg_str){ NULL, 0 };
  text = kg_json_text (c->json, i);
  /* Of all characters only DEL can need more bytes than it has. */
  for (k = 0, size = text.len; k < text.len; k++)
    size += text.ptr[k] == 0x7f ? 5 : 0;
  if (ag_out_new (c, size, &o) < 0 || ag_out_plain (c, c->json, i, &o) < 0 || !kg_out_ok (&o))
    return (kg_str){ NULL, 0 };
  return (kg_str){ o.ptr, o.len };
}

/* ---- Words --------------------------------------------------------------------- */

static int32_t
in_word (unsigned char ch)
{
  return ch >= 0x80 || isalnum (ch);
}

static int32_t
has_word (const struct ag_words *w, uint64_t hash)
{
  uint32_t i;
  for (i = 0; i < w->distinct; i++)
    if (w->hash[i] == hash)
      return 1;
  return 0;
}

/* The end of a word that begins at `i`, and its hash. */
static size_t
word_end (kg_str text, size_t i, uint64_t *ret_hash)
{
  uint64_t h = 0xcbf29ce484222325u;
  for (; i < text.len && in_word ((unsigned char)text.ptr[i]); i++)
    h = (h ^ (uint64_t)tolower ((unsigned char)text.ptr[i])) * 0x100000001b3u;
  *ret_hash = h;
  return i;
}

void
ag_words_add (struct ag_words *w, kg_str text)
{
  size_t i = 0;
  uint64_t h;
  while (i < text.len) {
    if (!in_word ((unsigned char)text.ptr[i])) {
      i++;
      continue;
    }
    i = word_end (text, i, &h);
    w->all++;
    if (w->distinct < AG_WORDS_MAX && !has_word (w, h))
      w->hash[w->distinct++] = h;
  }
}

uint32_t
ag_words_common (const struct ag_words *w, const struct ag_words *of)
{
  uint32_t i, n = 0;
  for (i = 0; i < w->distinct; i++)
    n += (uint32_t)has_word (of, w->hash[i]);
  return n;
}

uint32_t
ag_words_found (const struct ag_words *w, kg_str json)
{
  uint8_t seen[AG_WORDS_MAX] = { 0 };
  uint32_t k, n = 0;
  uint64_t h;
  size_t i = 0;
  while (i < json.len) {
    if (json.ptr[i] == '\\') {
      i += i + 1 < json.len && json.ptr[i + 1] == 'u' ? 6 : 2;
      continue;
    }
    if (!in_word ((unsigned char)json.ptr[i])) {
      i++;
      continue;
    }
    i = word_end (json, i, &h);
    for (k = 0; k < w->distinct; k++)
      if (w->hash[k] == h && !seen[k]) {
        seen[k] = 1;
        n++;
      }
  }
  return n;
}
