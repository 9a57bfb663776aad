/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/errors.h"

#include <stdlib.h>
#include <string.h>

void
errors_init (struct errors *e)
{
  memset (e, 0, sizeof *e);
}

void
errors_finish (struct errors *e)
{
  uint32_t i;
  for (i = 0; i < ERRORS_MAX; i++)
    free (e->text[i]);
  errors_init (e);
}

/* "file:line: " in front of the message; NULL without memory. */
__attribute__ ((format (printf, 2, 0))) static char *
message_format (struct conf_where where, const char *fmt, va_list ap)
{
  char *text = NULL;
  size_t size = 0;
  FILE *f = open_memstream (&text, &size);
  if (!f)
    return NULL;
  if (where.file && where.line)
    fprintf (f, "%s:%u: ", where.file, where.line);
  else if (where.file)
    fprintf (f, "%s: ", where.file);
  vfprintf (f, fmt, ap);
  if (fclose (f)) {
    free (text);
    return NULL;
  }
  return text;
}

/* Messages are lines: what an operator's file holds must not forge others. */
static void
message_flatten (char *s)
{
  for (; *s; s++)
    if ((unsigned char) *s < 0x20 || *s == 0x7f)
      *s = ' ';
}

void
errors_vadd (struct errors *e, struct conf_where where, const char *fmt, va_list ap)
{
  uint32_t i, n = e->count < ERRORS_MAX ? e->count : ERRORS_MAX;
  char *text = message_format (where, fmt, ap);
  if (text)
    message_flatten (text);
  for (i = 0; text && i < n; i++) {
    if (e->text[i] && !strcmp (e->text[i], text)) {
      free (text);
      return;
    }
  }
  if (n < ERRORS_MAX)
    e->text[n] = text;
  else
    free (text);
  e->count++;
}

void
errors_add (struct errors *e, struct conf_where where, const char *fmt, ...)
{
  va_list ap;
  va_start (ap, fmt);
  errors_vadd (e, where, fmt, ap);
  va_end (ap);
}

void
errors_print (const struct errors *e, FILE *out, const char *program)
{
  uint32_t i, n = e->count < ERRORS_MAX ? e->count : ERRORS_MAX;
  for (i = 0; i < n; i++)
    fprintf (out, "%s: %s\n", program, e->text[i] ? e->text[i] : "out of memory");
  if (e->count > n)
    fprintf (out, "%s: and %u more errors\n", program, e->count - n);
}
