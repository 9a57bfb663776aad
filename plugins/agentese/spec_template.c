/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Texts with holes, {{name}} or {{name|default}}.  A text is compiled into JSON: a string, or,
 * for a section that is one block ```json, the value that it holds.  What fills a hole is
 * escaped in a string, and a JSON value by itself elsewhere; so whatever callers send, the
 * result is the JSON that was checked, with other values in it. */
#include "plugins/agentese/spec.h"

#include <errno.h>
#include <string.h>

static const kg_str nothing = { NULL, 0 };

/* A section under way. */
struct compile {
  struct ag_spec_parse *p;
  kg_str s;
  size_t at;
  uint32_t line;
  int32_t json, in_string;
  int32_t blank; /* of a JSON text: one was left out */
  int32_t holed; /* the string that was read last has a hole */
  struct kg_out o;
  struct ag_spec_text *text;
};

int32_t
ag_spec_is_given (const char *name)
{
  return !strcmp (name, "observer") || !strcmp (name, "self") || !strcmp (name, "aspect")
         || !strcmp (name, "path");
}

/* ---- Sections ------------------------------------------------------------------------------- */

static kg_str
lines_trimmed (kg_str s, uint32_t *line)
{
  while (s.len && strchr (" \t\n", *s.ptr)) {
    *line += *s.ptr == '\n';
    s = (kg_str){ s.ptr + 1, s.len - 1 };
  }
  while (s.len && strchr (" \t\n", s.ptr[s.len - 1]))
    s.len--;
  return s;
}

/* Takes the fences off a section that is one block of JSON. */
static int32_t
json_unwrap (kg_str *s, uint32_t *line)
{
  static const char fence[] = "```json\n";
  kg_str in;
  if (s->len < sizeof fence + 3 || memcmp (s->ptr, fence, sizeof fence - 1)
      || memcmp (s->ptr + s->len - 4, "\n```", 4))
    return 0;
  in = (kg_str){ s->ptr + sizeof fence - 1, s->len - (sizeof fence - 1) - 4 };
  if (memmem (in.ptr, in.len, "```", 3))
    return 0;
  *line += 1;
  *s = lines_trimmed (in, line);
  return 1;
}

/* ---- Holes ------------------------------------------------------------------------------------- */

static void
char_escaped (struct kg_out *o, unsigned char c)
{
  static const char hex[] = "0123456789abcdef";
  char u[6] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };
  if (c == '"' || c == '\\') {
    char esc[2] = { '\\', (char)c };
    kg_out_raw (o, esc, 2);
  } else if (c == '\n' || c == '\t')
    kg_out_raw (o, c == '\n' ? "\\n" : "\\t", 2);
  else if (c < ' ')
    kg_out_raw (o, u, 6);
  else
    kg_out_raw (o, (const char *)&c, 1);
}

static void
text_escaped (struct kg_out *o, kg_str s)
{
  size_t i;
  for (i = 0; i < s.len; i++)
    char_escaped (o, (unsigned char)s.ptr[i]);
}

static struct ag_spec_hole *
hole_new (struct compile *k, kg_str name)
{
  struct ag_spec_hole *h = &k->p->spec->hole[k->p->spec->nholes++];
  k->text->nholes++;
  *h = (struct ag_spec_hole){ .name = ag_spec_copy (k->p, name),
                              .from = (uint32_t)k->o.len,
                              .in_string = !k->json || k->in_string,
                              .line = k->line };
  return h->name ? h : NULL;
}

static kg_str
blanks_off (kg_str s)
{
  uint32_t line = 0;
  return lines_trimmed (s, &line);
}

/* {{name|default}} at the present place. */
static int32_t
hole_read (struct compile *k)
{
  const char *from = k->s.ptr + k->at + 2, *end, *bar;
  size_t left = k->s.len - k->at - 2;
  struct ag_spec_hole *h;
  kg_str all, name;
  end = memmem (from, left, "}}", 2);
  if (!end || memchr (from, '\n', (size_t)(end - from)))
    return ag_spec_wrong_at (k->p, k->line, nothing, "a hole {{ is not closed on its line",
                             "write {{name}}; and \\{{ for the two characters");
  all = (kg_str){ from, (size_t)(end - from) };
  bar = memchr (all.ptr, '|', all.len);
  name = blanks_off ((kg_str){ all.ptr, bar ? (size_t)(bar - all.ptr) : all.len });
  if (!ag_is_name (name))
    return ag_spec_wrong_at (k->p, k->line, name, "this is no name of an argument",
                             "write {{name}} or {{name|default}}, the name as [a-z][a-z0-9_]*");
  if (k->p->spec->nholes == AG_SPEC_HOLES)
    return ag_spec_wrong_at (k->p, k->line, name, "there are more than 128 holes",
                             "make two nodes of it");
  h = hole_new (k, name);
  if (!h)
    return -ENOMEM;
  h->has_default = bar != NULL;
  all = bar ? (kg_str){ bar + 1, (size_t)(end - bar - 1) } : nothing;
  if (h->in_string)
    text_escaped (&k->o, all);
  else if (bar)
    kg_out_raw (&k->o, all.ptr, all.len);
  else
    kg_out_lit (&k->o, "null");
  h->to = (uint32_t)k->o.len;
  k->holed = h->in_string;
  k->at += (size_t)(end - from) + 4;
  return 0;
}

/* ---- Compiling ------------------------------------------------------------------------------------ */

/* Of blanks outside strings one is left where two tokens would become one without. */
static void
blank_write (struct compile *k, char next)
{
  static const char marks[] = "{[,:}]\"";
  if (k->blank && k->o.len && !strchr (marks, k->o.ptr[k->o.len - 1]) && !strchr (marks, next))
    kg_out_raw (&k->o, " ", 1);
  k->blank = 0;
}

/* A character of a JSON text. */
static int32_t
json_char (struct compile *k, char c)
{
  if (k->in_string && c == '\\' && k->at < k->s.len) {
    kg_out_raw (&k->o, &k->s.ptr[k->at - 1], 2);
    k->at++;
    return 0;
  }
  if (!k->in_string && (c == ' ' || c == '\n' || c == '\t')) {
    k->blank = 1;
    return 0;
  }
  blank_write (k, c);
  if (!k->in_string && c == ':' && k->holed)
    return ag_spec_wrong_at (k->p, k->line, nothing, "the name of a member has a hole",
                             "holes can stand in values only");
  if (!k->in_string && (c == 'N' || c == 'I')) /* which some readers of JSON take */
    return ag_spec_wrong_at (k->p, k->line, nothing, "this is no JSON", "write null");
  if (!k->in_string)
    k->holed = 0;
  if (c == '"')
    k->in_string = !k->in_string;
  kg_out_raw (&k->o, &c, 1);
  return 0;
}

static int32_t
step (struct compile *k)
{
  const char *s = k->s.ptr + k->at;
  size_t left = k->s.len - k->at;
  if (left >= 3 && !memcmp (s, "\\{{", 3)) {
    kg_out_raw (&k->o, "{{", 2);
    k->at += 3;
    return 0;
  }
  if (left >= 2 && !memcmp (s, "{{", 2)) {
    blank_write (k, 'x');
    return hole_read (k);
  }
  k->at++;
  k->line += *s == '\n';
  if (k->json)
    return json_char (k, *s);
  char_escaped (&k->o, (unsigned char)*s);
  return 0;
}

static int32_t
compile (struct compile *k)
{
  int32_t r = 0;
  if (!k->json)
    kg_out_lit (&k->o, "\"");
  while (k->at < k->s.len && !r)
    r = step (k);
  if (!k->json)
    kg_out_lit (&k->o, "\"");
  if (!r && !kg_out_ok (&k->o))
    r = -ENOMEM;
  k->text->json = (kg_str){ k->o.ptr, k->o.len };
  return r;
}

int32_t
ag_spec_text_parse (struct ag_spec_parse *p, kg_str section, uint32_t line,
                    struct ag_spec_text *ret)
{
  struct compile k = { .p = p, .line = line, .text = ret };
  size_t size;
  k.s = lines_trimmed (section, &k.line);
  if (!k.s.len)
    return 0;
  k.json = json_unwrap (&k.s, &k.line);
  ret->line = k.line;
  ret->hole = p->spec->hole + p->spec->nholes;
  size = 2 * k.s.len + 2;
  k.o = (struct kg_out){ ag_spec_take (p, size), 0, size };
  return k.o.ptr ? compile (&k) : -ENOMEM;
}
