/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Lines of a front matter.  It is YAML, of which only so much is taken that every reader
 * of YAML reads the same: keys that are names, two blanks per level, at most three levels,
 * values on one line.  Whatever else YAML has is refused, not guessed. */
#include "plugins/agentese/spec.h"

#include <errno.h>
#include <string.h>

#define LEVELS 3

/* ---- Errors and memory --------------------------------------------------------------- */

int32_t
ag_spec_wrong_at (struct ag_spec_parse *p, uint32_t line, kg_str shown, const char *what,
                  const char *fix)
{
  *p->err = (struct ag_spec_error){ .line = line, .what = what, .fix = fix, .shown = shown };
  return -EINVAL;
}

int32_t
ag_spec_wrong (struct ag_spec_parse *p, kg_str shown, const char *what, const char *fix)
{
  return ag_spec_wrong_at (p, p->line, shown, what, fix);
}

void *
ag_spec_take (struct ag_spec_parse *p, size_t size)
{
  size_t skip = -(uintptr_t)p->mem & 7;
  char *ret = p->mem + skip;
  if (size > p->left || skip > p->left - size)
    return NULL;
  p->mem += skip + size;
  p->left -= skip + size;
  return ret;
}

const char *
ag_spec_copy (struct ag_spec_parse *p, kg_str s)
{
  char *ret = p->left > s.len ? p->mem : NULL;
  if (!ret)
    return NULL;
  if (s.len)
    memcpy (ret, s.ptr, s.len);
  ret[s.len] = 0;
  p->mem += s.len + 1;
  p->left -= s.len + 1;
  return ret;
}

/* ---- Lines ------------------------------------------------------------------------------ */

int32_t
ag_spec_line (struct ag_spec_parse *p, kg_str *ret)
{
  const char *from = p->text.ptr + p->at, *end;
  size_t left = p->text.len - p->at;
  if (!left)
    return 0;
  end = memchr (from, '\n', left);
  *ret = (kg_str){ from, end ? (size_t)(end - from) : left };
  p->at += ret->len + (end != NULL);
  p->line++;
  return 1;
}

static kg_str
trimmed (kg_str s)
{
  while (s.len && *s.ptr == ' ')
    s = (kg_str){ s.ptr + 1, s.len - 1 };
  while (s.len && s.ptr[s.len - 1] == ' ')
    s.len--;
  return s;
}

/* ---- Values ------------------------------------------------------------------------------- */

/* A text without quotes must be one to YAML, too. */
static int32_t
plain_check (struct ag_spec_parse *p, kg_str s)
{
  size_t i;
  if (strchr ("&*!|>%@`\"'#,[]{}?-", *s.ptr))
    return ag_spec_wrong (p, s, "a text cannot begin so", "put it into double quotes");
  for (i = 0; i < s.len; i++)
    if ((s.ptr[i] == ':' && (i + 1 == s.len || s.ptr[i + 1] == ' '))
        || (s.ptr[i] == '#' && s.ptr[i - 1] == ' '))
      return ag_spec_wrong (p, s, "a text with ': ' or ' #' means something else in YAML",
                            "put it into double quotes");
  return 0;
}

/* The character that an escape stands for; 0: there is no such escape. */
static char
escaped (char c)
{
  return c == 'n' ? '\n' : c == 't' ? '\t' : c == '"' || c == '\\' || c == '/' ? c : 0;
}

/* What lies between quotes, decoded: a place behind the closing one, 0 without one. */
static size_t
quoted_decode (kg_str s, char *out, size_t *ret_len)
{
  char quote = *s.ptr, c;
  size_t i, n = 0;
  for (i = 1; i < s.len; i++) {
    c = s.ptr[i];
    if (c == quote && (quote == '"' || i + 1 == s.len || s.ptr[i + 1] != quote))
      break;
    if (c == quote)
      i++;
    else if (c == '\\' && quote == '"' && (++i == s.len || !(c = escaped (s.ptr[i]))))
      return 0;
    out[n++] = c;
  }
  *ret_len = n;
  return i < s.len ? i + 1 : 0;
}

static int32_t
quoted_read (struct ag_spec_parse *p, kg_str s, kg_str *ret)
{
  char *out = p->mem;
  size_t end, n = 0;
  if (p->left < s.len + 1)
    return -ENOMEM;
  end = quoted_decode (s, out, &n);
  if (!end)
    return ag_spec_wrong (p, s, "the quote is not closed, or has an escape that there is not",
                          "one text on one line; escapes are \\n, \\t, \\\" and \\\\");
  if (end < s.len)
    return ag_spec_wrong (p, s, "something stands behind the quote",
                          "all of the text in one pair of quotes");
  out[n] = 0;
  p->mem += n + 1;
  p->left -= n + 1;
  *ret = (kg_str){ out, n };
  return 0;
}

static int32_t
value_read (struct ag_spec_parse *p, kg_str s, struct ag_front_line *ret)
{
  int32_t r = 0;
  ret->value = (kg_str){ "", 0 };
  ret->kind = AG_FRONT_NONE;
  if (!s.len)
    return 0;
  ret->kind = *s.ptr == '[' ? AG_FRONT_LIST : *s.ptr == '{' ? AG_FRONT_JSON : AG_FRONT_TEXT;
  if (*s.ptr == '"' || *s.ptr == '\'')
    return quoted_read (p, s, &ret->value);
  if (ret->kind == AG_FRONT_LIST) {
    if (s.len < 2 || s.ptr[s.len - 1] != ']')
      return ag_spec_wrong (p, s, "the list is not closed", "write [one, two] on one line");
    s = (kg_str){ s.ptr + 1, s.len - 2 };
  } else if (ret->kind == AG_FRONT_TEXT)
    r = plain_check (p, s);
  if (r < 0)
    return r;
  ret->value = (kg_str){ ag_spec_copy (p, s), s.len };
  return ret->value.ptr ? 0 : -ENOMEM;
}

/* ---- The front matter ------------------------------------------------------------------------ */

static int32_t
key_read (struct ag_spec_parse *p, kg_str line, struct ag_front_line *ret)
{
  const char *colon = memchr (line.ptr, ':', line.len);
  kg_str key = { line.ptr, colon ? (size_t)(colon - line.ptr) : line.len }, value;
  if (!colon || !ag_is_name (key))
    return ag_spec_wrong (p, key, colon ? "this is no key" : "this line has no key",
                          "write name: value, the name as [a-z][a-z0-9_]*");
  value = (kg_str){ colon + 1, line.len - key.len - 1 };
  if (value.len && *value.ptr != ' ')
    return ag_spec_wrong (p, key, "a blank is missing behind the colon", "write name: value");
  ret->key = ag_spec_copy (p, key);
  return ret->key ? value_read (p, trimmed (value), ret) : -ENOMEM;
}

int32_t
ag_front_next (struct ag_spec_parse *p, struct ag_front_line *ret)
{
  kg_str line;
  size_t indent;
  int32_t r;
  while (ag_spec_line (p, &line)) {
    if (ag_str_is (line, "---"))
      return 0;
    for (indent = 0; indent < line.len && line.ptr[indent] == ' ';)
      indent++;
    if (indent == line.len || line.ptr[indent] == '#')
      continue;
    if (indent % 2 || indent >= (size_t)2 * LEVELS || line.ptr[indent] == '\t')
      return ag_spec_wrong (p, (kg_str){ NULL, 0 }, "the line is not indented as it must be",
                            "two blanks per level, at most two levels below the first, no tabs");
    ret->level = (uint32_t)indent / 2;
    r = key_read (p, (kg_str){ line.ptr + indent, line.len - indent }, ret);
    return r < 0 ? r : 1;
  }
  return ag_spec_wrong (p, (kg_str){ NULL, 0 }, "the front matter does not end",
                        "write a line --- behind it");
}

int32_t
ag_front_name (struct ag_spec_parse *p, kg_str *list, const char **ret)
{
  const char *comma = list->len ? memchr (list->ptr, ',', list->len) : NULL;
  kg_str name = { list->ptr, comma ? (size_t)(comma - list->ptr) : list->len };
  if (!list->ptr)
    return 0;
  if (comma)
    *list = (kg_str){ comma + 1, list->len - name.len - 1 };
  else
    *list = (kg_str){ NULL, 0 };
  name = trimmed (name);
  if (!ag_is_name (name))
    return ag_spec_wrong (p, name, "this is no name", "write [one, two], of [a-z][a-z0-9_]*");
  *ret = ag_spec_copy (p, name);
  return *ret ? 1 : -ENOMEM;
}
