/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Forms of any names and values: they are read back as they were written, and nothing but
 * plain characters is in them. */
#include "plugins/billing-stripe/form.h"
#include "tests/fuzz/billing-stub.h"

#include <stdio.h>

static int
digit (char c)
{
  must ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'));
  return c <= '9' ? c - '0' : c - 'A' + 10;
}

/* Reads up to one of `ends` or the end, and compares; where it stands then. */
static const char *
part_compare (const char *p, char end, const char *with)
{
  for (; *p && *p != end; with++) {
    unsigned char c = (unsigned char) *p++;
    if (c == '%') {
      c = (unsigned char) (digit (p[0]) << 4 | digit (p[1]));
      p += 2;
      must (!((c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z')));
    } else
      must (c > ' ' && c < 0x7f && !strchr ("&=+#?/[]", c));
    must (c == (unsigned char) *with);
  }
  must (!*with);
  return p;
}

#define PAIRS 64

/* Lines: a name, its value, ... */
int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  struct input in = { (const char *) data, (const char *) data + size };
  char *texts[2 * PAIRS];
  struct form f = { 0 };
  size_t n = 0;
  const char *p;
  for (; in.p < in.end && n < PAIRS; n++) {
    texts[2 * n] = line_take (&in);
    texts[2 * n + 1] = line_take (&in);
    form_add (&f, texts[2 * n], texts[2 * n + 1]);
  }
  must (!f.failed && (!n || (f.len < f.cap && strlen (f.ptr) == f.len)));
  p = n ? f.ptr : "";
  for (size_t i = 0; i < n; i++) {
    must (!i || *p++ == '&');
    p = part_compare (p, '=', texts[2 * i]);
    must (*p++ == '=');
    p = part_compare (p, '&', texts[2 * i + 1]);
    free (texts[2 * i]);
    free (texts[2 * i + 1]);
  }
  must (!*p);
  form_free (&f);
  return 0;
}
