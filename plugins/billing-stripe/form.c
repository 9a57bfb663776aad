/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "plugins/billing-stripe/form.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Room for `more` bytes and a NUL. */
static int32_t
form_grow (struct form *f, size_t more)
{
  size_t cap = f->cap ? f->cap : 256;
  char *p;
  while (cap < f->len + more + 1)
    cap *= 2;
  if (f->failed || cap == f->cap)
    return !f->failed;
  p = realloc (f->ptr, cap);
  f->failed = !p;
  if (!p)
    return 0;
  f->ptr = p;
  f->cap = cap;
  return 1;
}

static int32_t
is_plain (unsigned char c)
{
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-'
         || c == '.' || c == '_' || c == '~';
}

static void
form_encode (struct form *f, const char *text)
{
  static const char hex[] = "0123456789ABCDEF";
  for (; *text; text++) {
    unsigned char c = (unsigned char) *text;
    if (is_plain (c)) {
      f->ptr[f->len++] = (char) c;
      continue;
    }
    f->ptr[f->len++] = '%';
    f->ptr[f->len++] = hex[c >> 4];
    f->ptr[f->len++] = hex[c & 15];
  }
}

void
form_add (struct form *f, const char *name, const char *value)
{
  if (!value || !form_grow (f, 3 * (strlen (name) + strlen (value)) + 2))
    return;
  if (f->len)
    f->ptr[f->len++] = '&';
  form_encode (f, name);
  f->ptr[f->len++] = '=';
  form_encode (f, value);
  f->ptr[f->len] = 0;
}

void
form_add_int (struct form *f, const char *name, int64_t value)
{
  char text[24];
  snprintf (text, sizeof text, "%lld", (long long) value);
  form_add (f, name, text);
}

void
form_free (struct form *f)
{
  free (f->ptr);
  *f = (struct form){ 0 };
}
