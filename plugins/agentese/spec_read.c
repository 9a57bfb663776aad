/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A spec as a whole: its sections, and what must be true of all of it. */
#include "plugins/agentese/spec.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const kg_str nothing = { NULL, 0 };

/* ---- The sections ------------------------------------------------------------------------------------------ */

static int32_t
is_fence (kg_str line)
{
  return line.len >= 3 && !memcmp (line.ptr, "```", 3);
}

/* The name behind "## "; what is none of an aspect is an error. */
static int32_t
heading_read (struct ag_spec_parse *p, kg_str line, struct ag_spec_text **ret)
{
  kg_str name = { line.ptr + 3, line.len - 3 };
  struct ag_spec_aspect *a;
  while (name.len && name.ptr[name.len - 1] == ' ')
    name.len--;
  a = ag_spec_aspect_find (p->spec, name);
  if (!a)
    return ag_spec_wrong (p, name, "no aspect has the name of this heading",
                          "name it in the front matter, or write ### for a heading of a text");
  if (a->text.line)
    return ag_spec_wrong (p, name, "the aspect has a text already", "leave one of them out");
  *ret = &a->text;
  (*ret)->line = p->line;
  return 0;
}

/* The lines up to the next heading, which is left in *ret_heading; nothing behind the last. */
static kg_str
section_read (struct ag_spec_parse *p, kg_str *ret_heading)
{
  const char *from = p->text.ptr + p->at;
  int32_t fenced = 0;
  kg_str line;
  *ret_heading = nothing;
  while (ag_spec_line (p, &line)) {
    fenced ^= is_fence (line);
    if (!fenced && line.len >= 3 && !memcmp (line.ptr, "## ", 3)) {
      *ret_heading = line;
      return (kg_str){ from, (size_t)(line.ptr - from) };
    }
  }
  return (kg_str){ from, (size_t)(p->text.ptr + p->text.len - from) };
}

static int32_t
sections_read (struct ag_spec_parse *p)
{
  struct ag_spec_text *text = &p->spec->about;
  kg_str heading, section;
  uint32_t line;
  int32_t r;
  text->line = p->line + 1;
  do {
    line = p->line + 1;
    section = section_read (p, &heading);
    if ((r = ag_spec_text_parse (p, section, line, text)) < 0)
      return r;
    if (heading.ptr && (r = heading_read (p, heading, &text)) < 0)
      return r;
  } while (heading.ptr);
  return 0;
}

/* ---- What must be true of the whole ------------------------------------------------------------------------ */

static int32_t
category_check (struct ag_spec_parse *p, struct ag_spec_aspect *a)
{
  int32_t note = a->does == AG_SPEC_NOTE;
  if (a->category < 0)
    a->category = note                          ? AG_MUTATION
                  : a->does == AG_SPEC_PROMPT ? AG_GENERATION
                                              : AG_PERCEPTION;
  if (note ? a->category != AG_MUTATION && a->category != AG_GENERATION
           : a->category == AG_MUTATION || a->category > AG_GENERATION)
    return ag_spec_wrong_at (p, a->line, ag_str (a->name),
                             "what it does is of another category",
                             "a note is MUTATION or GENERATION; a text and a prompt are "
                             "PERCEPTION, INTROSPECTION or GENERATION");
  return 0;
}

static int32_t
aspect_check (struct ag_spec_parse *p, struct ag_spec_aspect *a)
{
  if (a->does < 0)
    a->does = AG_SPEC_TEXT;
  if (a->does == AG_SPEC_NOTE && a->text.line)
    return ag_spec_wrong_at (p, a->text.line, ag_str (a->name), "a note has no text",
                             "leave the section out, or write does: text");
  if (a->does != AG_SPEC_NOTE && !a->text.json.ptr)
    return ag_spec_wrong_at (p, a->line, ag_str (a->name), "the aspect has no text",
                             "write a section ## with its name, or does: note below aspects");
  if (!a->nwhom && !a->to_any && p->spec->nwhom)
    return ag_spec_wrong_at (p, a->line, ag_str (a->name), "nobody is offered this aspect",
                             "name it for some archetype, or for any");
  if (!p->spec->nwhom)
    a->to_any = 1;
  return category_check (p, a);
}

/* What can be told without arguments and without state. */
static int32_t
about_check (struct ag_spec_parse *p)
{
  const struct ag_spec_text *t = &p->spec->about;
  uint32_t i;
  for (i = 0; i < t->nholes; i++)
    if (!t->hole[i].has_default && !ag_spec_is_given (t->hole[i].name))
      return ag_spec_wrong_at (p, t->hole[i].line, ag_str (t->hole[i].name),
                               "manifest must answer without arguments",
                               "give a default: {{name|nobody}}");
  return 0;
}

/* The names of the holes, as a schema that only describes. */
static int32_t
holes_tell (struct ag_spec_parse *p, struct ag_spec_aspect *a)
{
  struct kg_out o = { p->mem, 0, p->left };
  uint32_t i, k, n = 0;
  kg_out_lit (&o, "{\"type\":\"object\",\"properties\":{");
  for (i = 0; i < a->text.nholes; i++) {
    const char *name = a->text.hole[i].name;
    for (k = 0; k < i && strcmp (a->text.hole[k].name, name);)
      k++;
    if (k < i || ag_spec_is_given (name))
      continue;
    kg_out_lit (&o, n++ ? ",\"" : "\"");
    kg_out_lit (&o, name);
    kg_out_lit (&o, "\":{}");
  }
  kg_out_lit (&o, "}}");
  kg_out_raw (&o, "", 1);
  if (!kg_out_ok (&o))
    return -ENOMEM;
  if (n) {
    a->holes = p->mem;
    p->mem += o.len;
    p->left -= o.len;
  }
  return 0;
}

static int32_t
spec_check (struct ag_spec_parse *p)
{
  struct ag_spec_aspect *a = p->spec->aspect;
  uint32_t i;
  int32_t r = about_check (p);
  for (i = 0; i < p->spec->naspects && !r; i++)
    if (!(r = aspect_check (p, &a[i])))
      r = holes_tell (p, &a[i]);
  return r;
}

/* ---- Characters ---------------------------------------------------------------------------------- */

/* The length of the character at `s`, 0 for what is none (RFC 3629). */
static size_t
utf8_length (const unsigned char *s, size_t left)
{
  size_t n = *s < 0x80 ? 1 : *s < 0xc2 ? 0 : *s < 0xe0 ? 2 : *s < 0xf0 ? 3 : *s < 0xf5 ? 4 : 0, i;
  if (n > left)
    return 0;
  for (i = 1; i < n; i++)
    if ((s[i] & 0xc0) != 0x80)
      return 0;
  if ((*s == 0xe0 && s[1] < 0xa0) || (*s == 0xed && s[1] > 0x9f) || (*s == 0xf0 && s[1] < 0x90)
      || (*s == 0xf4 && s[1] > 0x8f))
    return 0;
  return n;
}

/* UTF-8 without control characters but line ends and tabs. */
static int32_t
characters_check (struct ag_spec_parse *p)
{
  const unsigned char *s = (const unsigned char *)p->text.ptr;
  size_t i, n;
  uint32_t line = 1;
  for (i = 0; i < p->text.len; i += n) {
    n = utf8_length (s + i, p->text.len - i);
    if (!n)
      return ag_spec_wrong_at (p, line, nothing, "a character is no UTF-8", "save it as UTF-8");
    if (s[i] == '\r')
      return ag_spec_wrong_at (p, line, nothing, "the line ends as in DOS",
                               "save it with line ends of Unix");
    if ((s[i] < ' ' && s[i] != '\n' && s[i] != '\t') || s[i] == 0x7f)
      return ag_spec_wrong_at (p, line, nothing, "there is a control character", "leave it out");
    line += s[i] == '\n';
  }
  return 0;
}

/* ---- The whole ------------------------------------------------------------------------------------- */

size_t
ag_spec_size (size_t len)
{
  /* Escapes double a text at most; a line of the front matter takes no more than it has; each
   * hole is told at most once, and twice copied; and something for alignment. */
  return sizeof (struct ag_spec) + 5 * len + AG_SPEC_ASPECTS * 64 + 1024;
}

int32_t
ag_spec_begins (kg_str text)
{
  return text.len >= 4 && !memcmp (text.ptr, "---\n", 4);
}

static uint64_t
mark_of (kg_str s)
{
  uint64_t h = 0xcbf29ce484222325u;
  size_t i;
  for (i = 0; i < s.len; i++)
    h = (h ^ (unsigned char)s.ptr[i]) * 0x100000001b3u;
  return h ^ h >> 29;
}

int32_t
ag_spec_read (kg_str text, void *mem, size_t size, struct ag_spec **ret,
              struct ag_spec_error *err)
{
  struct ag_spec_parse p = { .text = text, .mem = mem, .left = size, .err = err };
  kg_str line;
  int32_t r;
  memset (err, 0, sizeof *err);
  if (text.len > AG_SPEC_MAX)
    return ag_spec_wrong_at (&p, 1, nothing, "it has more than 32768 bytes", "make it shorter");
  if ((r = characters_check (&p)) < 0)
    return r;
  if (!ag_spec_line (&p, &line) || !ag_str_is (line, "---"))
    return ag_spec_wrong_at (&p, 1, nothing, "it does not begin with a front matter",
                             "begin with a line ---");
  p.spec = ag_spec_take (&p, sizeof *p.spec);
  if (!p.spec)
    return -ENOMEM;
  memset (p.spec, 0, offsetof (struct ag_spec, aspect));
  p.spec->mark = mark_of (text);
  if ((r = ag_spec_front (&p)) < 0 || (r = sections_read (&p)) < 0 || (r = spec_check (&p)) < 0)
    return r;
  *ret = p.spec;
  return 0;
}

int32_t
ag_spec_json (const struct ag_spec *spec, uint32_t i, kg_str *ret, uint32_t *ret_line)
{
  const struct ag_spec_text *t;
  if (i > spec->naspects)
    return 0;
  t = i ? &spec->aspect[i - 1].text : &spec->about;
  *ret = t->json.ptr ? t->json : ag_str ("null");
  *ret_line = t->line;
  return 1;
}

const char *
ag_spec_error_text (const struct ag_spec_error *err, char *out, size_t size)
{
  char shown[64];
  snprintf (out, size, "%s%s%s%s%s%s", err->shown.len ? "'" : "",
            err->shown.len ? ag_quote (shown, sizeof shown, err->shown) : "",
            err->shown.len ? "': " : "", err->what, err->fix ? "; " : "",
            err->fix ? err->fix : "");
  return out;
}
