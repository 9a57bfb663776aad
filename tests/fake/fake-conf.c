/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A plugin's configuration from "key=value" texts, by its own option table. */
#include "fake-internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct filler {
  kg_self *self;
  const char *const *texts;
  int ntexts;
  char *used; /* one mark per text */
};

static int
refuse (struct filler *f, const char *prefix, const char *key, const char *what)
{
  snprintf (f->self->fake->error, sizeof f->self->fake->error, "%s: %s%s: %s", f->self->name,
            prefix, key, what);
  return -EINVAL;
}

static const struct kg_opt *
opt_at (struct filler *f, const struct kg_opt *table, int i)
{
  return (const struct kg_opt *)((const char *)table + (size_t)i * f->self->plugin.opt_size);
}

/* The text of prefix + key, or NULL. */
static const char *
text_find (struct filler *f, const char *prefix, const char *key)
{
  size_t np = strlen (prefix), nk = strlen (key);
  for (int i = 0; i < f->ntexts; i++) {
    const char *t = f->texts[i];
    if (strncmp (t, prefix, np) || strncmp (t + np, key, nk) || t[np + nk] != '=')
      continue;
    f->used[i] = 1;
    return t + np + nk + 1;
  }
  return NULL;
}

static int
prefix_exists (struct filler *f, const char *prefix)
{
  for (int i = 0; i < f->ntexts; i++)
    if (!strncmp (f->texts[i], prefix, strlen (prefix)))
      return 1;
  return 0;
}

/* "a, b" as a list; commas inside a value cannot be written. */
static const char *const *
strings_parse (struct filler *f, const char *text)
{
  size_t n = 0, room = strlen (text) / 2 + 2;
  const char **list = fake_pool_alloc (&f->self->pool, room * sizeof *list);
  while (*text) {
    size_t len = strcspn (text, ",");
    list[n++] = fake_pool_copy (&f->self->pool, text, len);
    text += len;
    while (*text == ',' || *text == ' ')
      text++;
  }
  return list;
}

/* Whether the text is one of "a|b|c". */
static int
choice_ok (const char *choices, const char *text)
{
  size_t n = strlen (text);
  for (const char *c = choices; c; c = strchr (c, '|') ? strchr (c, '|') + 1 : NULL)
    if (!strncmp (c, text, n) && (c[n] == '|' || !c[n]))
      return 1;
  return 0;
}

static int
number_ok (const struct kg_opt *o, double v)
{
  return (!o->min && !o->max) || (v >= (double)o->min && v <= (double)o->max);
}

static int
value_set (struct filler *f, const struct kg_opt *o, const char *prefix, const char *text,
           char *at)
{
  char *end = (char *)"";
  if (o->type == KG_OPT_STRING) {
    if (o->choices && text && !choice_ok (o->choices, text))
      return refuse (f, prefix, o->key, "not one of the choices");
    *(const char **)(void *)at
        = text ? fake_pool_copy (&f->self->pool, text, strlen (text)) : NULL;
  } else if (o->type == KG_OPT_STRINGS)
    *(const char *const **)(void *)at = strings_parse (f, text ? text : "");
  else if (!text)
    return 0;
  else if (o->type == KG_OPT_INT) {
    int64_t v = strtoll (text, &end, 0);
    if (end == text || *end || !number_ok (o, (double)v))
      return refuse (f, prefix, o->key, "not a whole number in range");
    *(int64_t *)(void *)at = v;
  } else if (o->type == KG_OPT_NUMBER) {
    double v = strtod (text, &end);
    if (end == text || *end || !number_ok (o, v))
      return refuse (f, prefix, o->key, "not a number in range");
    *(double *)(void *)at = v;
  } else if (o->type == KG_OPT_BOOL) {
    if (strcmp (text, "true") && strcmp (text, "false"))
      return refuse (f, prefix, o->key, "neither true nor false");
    *(int32_t *)(void *)at = *text == 't';
  }
  return 0;
}

static int table_fill (struct filler *f, const struct kg_opt *table, const char *prefix,
                       char *at);

static int
list_fill (struct filler *f, const struct kg_opt *o, const char *prefix, char *at)
{
  struct kg_list list = { NULL, 0 };
  char *items;
  while (prefix_exists (
      f, fake_pool_text (&f->self->pool, "%s%s.%d.", prefix, o->key, (int)list.count)))
    list.count++;
  list.items = items = fake_pool_alloc (&f->self->pool, list.count * o->sub_size + 1);
  for (uint64_t i = 0; i < list.count; i++) {
    const char *sub = fake_pool_text (&f->self->pool, "%s%s.%d.", prefix, o->key, (int)i);
    int e = table_fill (f, o->sub, sub, items + i * o->sub_size);
    if (e < 0)
      return e;
  }
  memcpy (at, &list, sizeof list);
  return 0;
}

static int
table_fill (struct filler *f, const struct kg_opt *table, const char *prefix, char *at)
{
  for (int i = 0; table && opt_at (f, table, i)->key; i++) {
    const struct kg_opt *o = opt_at (f, table, i);
    const char *text;
    int e;
    if (o->type == KG_OPT_GROUP)
      e = table_fill (f, o->sub, fake_pool_text (&f->self->pool, "%s%s.", prefix, o->key),
                      at + o->offset);
    else if (o->type == KG_OPT_LIST)
      e = list_fill (f, o, prefix, at + o->offset);
    else if (!(text = text_find (f, prefix, o->key)) && o->flags & KG_OPT_REQUIRED)
      e = refuse (f, prefix, o->key, "is required");
    else
      e = value_set (f, o, prefix, text ? text : o->dflt, at + o->offset);
    if (e < 0)
      return e;
  }
  return 0;
}

int
fake_conf_fill (kg_self *self, const char *const *texts)
{
  struct filler f = { self, texts, 0, NULL };
  int e;
  while (texts && texts[f.ntexts])
    f.ntexts++;
  f.used = fake_pool_alloc (&self->pool, (size_t)f.ntexts + 1);
  self->conf = fake_pool_alloc (&self->pool, self->plugin.conf_size + 1u);
  e = table_fill (&f, self->plugin.opts, "", self->conf);
  for (int i = 0; !e && i < f.ntexts; i++)
    if (!f.used[i])
      e = refuse (&f, "", texts[i], "unknown key");
  return e;
}
