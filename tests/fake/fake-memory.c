/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The fake host's memory.  It has no failures: the test ends instead. */
#include "fake-internal.h"

#include "core/util/json.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fake_chunk {
  struct fake_chunk *next;
  max_align_t data[];
};

void
fake_die (const char *fmt, ...)
{
  va_list ap;
  va_start (ap, fmt);
  fputs ("kgent-fake: ", stderr);
  vfprintf (stderr, fmt, ap);
  fputc ('\n', stderr);
  va_end (ap);
  abort ();
}

void *
fake_pool_alloc (struct fake_pool *pool, size_t size)
{
  struct fake_chunk *c = calloc (1, sizeof *c + size);
  if (!c)
    fake_die ("out of memory");
  c->next = pool->first;
  pool->first = c;
  return c->data;
}

char *
fake_pool_copy (struct fake_pool *pool, const char *p, size_t len)
{
  char *copy = fake_pool_alloc (pool, len + 1);
  if (len)
    memcpy (copy, p, len);
  return copy;
}

char *
fake_pool_text (struct fake_pool *pool, const char *fmt, ...)
{
  va_list ap;
  int n;
  char *text;
  if (!fmt)
    fake_die ("a text without a format"); /* which sanitizers think possible */
  va_start (ap, fmt);
  n = vsnprintf (NULL, 0, fmt, ap);
  va_end (ap);
  text = fake_pool_alloc (pool, (size_t)n + 1);
  va_start (ap, fmt);
  vsnprintf (text, (size_t)n + 1, fmt, ap);
  va_end (ap);
  return text;
}

void
fake_pool_free (struct fake_pool *pool)
{
  while (pool->first) {
    struct fake_chunk *next = pool->first->next;
    free (pool->first);
    pool->first = next;
  }
}

void
fake_text_add (struct fake_text *t, const void *p, size_t len)
{
  char *grown = realloc (t->ptr, t->len + len + 1);
  if (!grown)
    fake_die ("out of memory");
  t->ptr = grown;
  if (len)
    memcpy (t->ptr + t->len, p, len);
  t->len += len;
  t->ptr[t->len] = 0;
}

const struct kg_json *
fake_scan (struct fake_pool *pool, const char *text, size_t len)
{
  uint32_t max = json_tokens_bound (len);
  struct kg_json_token *tokens = fake_pool_alloc (pool, max * sizeof *tokens + 1);
  struct kg_json *j = fake_pool_alloc (pool, sizeof *j);
  return text && !json_scan (text, len, tokens, max, j, NULL) ? j : NULL;
}
