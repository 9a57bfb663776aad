/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "plugins/billing-stripe/texts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int32_t
texts_add (struct texts *t, const char *text, size_t len)
{
  uint32_t cap = t->cap ? 2 * t->cap : 16;
  char *copy = strndup (text, len), **more;
  if (copy && t->count == t->cap) {
    more = realloc (t->text, cap * sizeof *more);
    if (!more) {
      free (copy);
      return -ENOMEM;
    }
    t->text = more;
    t->cap = cap;
  }
  if (!copy)
    return -ENOMEM;
  t->text[t->count++] = copy;
  return 0;
}

static int
text_order (const void *a, const void *b)
{
  return strcmp (*(char *const *) a, *(char *const *) b);
}

void
texts_sort (struct texts *t)
{
  uint32_t n = 0;
  if (t->count)
    qsort (t->text, t->count, sizeof *t->text, text_order);
  for (uint32_t i = 0; i < t->count; i++)
    if (n && !strcmp (t->text[n - 1], t->text[i]))
      free (t->text[i]);
    else
      t->text[n++] = t->text[i];
  t->count = n;
}

int32_t
texts_has (const struct texts *t, const char *text)
{
  return t->count && bsearch (&text, t->text, t->count, sizeof *t->text, text_order) != NULL;
}

void
texts_free (struct texts *t)
{
  for (uint32_t i = 0; i < t->count; i++)
    free (t->text[i]);
  free (t->text);
  *t = (struct texts){ 0 };
}
