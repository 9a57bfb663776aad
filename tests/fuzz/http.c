/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A request's way to the router: head, gate, target, chunks.  The input is one connection's
 * bytes.  Whatever its beginnings are taken for, the whole must be taken for the same, and what
 * passes must keep the promises that the rest of the host relies on. */
#include "core/chunked.h"
#include "core/gate.h"
#include "core/head.h"
#include "core/target.h"
#include "core/util/str.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static const struct head_limits limits = { 256, 256, 8 };

static void
must (int truth)
{
  if (!truth)
    abort ();
}

/* A copy that ends where the bytes end. */
static char *
exact (const void *data, size_t size)
{
  char *p = malloc (size + !size);
  if (size)
    memcpy (p, data, size);
  return p;
}

static int32_t
parse (const uint8_t *data, size_t size, struct head *h, char **ret_copy)
{
  const char *why = NULL;
  int32_t rc;
  *ret_copy = exact (data, size);
  rc = head_parse (*ret_copy, size, &limits, h, &why);
  must (rc <= (int32_t)size && (rc < 0) == (why != NULL));
  must (rc >= 0 || rc == -400 || rc == -414 || rc == -431 || rc == -505);
  return rc;
}

static void
inside (kg_str s, const char *p, size_t size)
{
  must (!s.ptr || (s.ptr >= p && s.ptr + s.len <= p + size));
}

static void
fields_check (const struct head *h, const char *p, size_t size)
{
  must (h->nfields <= limits.fields_max);
  for (uint32_t i = 0; i < h->nfields; i++) {
    kg_str v = h->fields[i].value;
    inside (h->fields[i].name, p, size);
    inside (v, p, size);
    must (head_is_token (h->fields[i].name));
    must (!memchr (v.ptr, 0, v.len) && !memchr (v.ptr, '\r', v.len)
          && !memchr (v.ptr, '\n', v.len));
  }
}

static void
target_check (const struct gate *g, const char *p, size_t size)
{
  const struct target *t = &g->target;
  char *out = malloc (t->path.len + t->query.len + 1);
  size_t n = target_decode (t->path, 0, out);
  must (n && n <= t->path.len && (*t->path.ptr == '/' || *t->path.ptr == '*'));
  must (!memchr (out, 0, n) && !memchr (out, '\n', n) && str_utf8_valid (out, n));
  must (!memmem (out, n, "/../", 4) && !memmem (out, n, "/./", 3));
  inside (t->query, p, size);
  inside (t->authority, p, size);
  if (t->query.ptr) {
    n = target_decode (t->query, 1, out);
    must (n <= t->query.len && !memchr (out, 0, n));
    inside (target_query (t->query, "a"), p, size);
  }
  free (out);
}

/* What passes is framed in one way, and only in one. */
static void
gate_pass (const struct head *h, const char *p, size_t size)
{
  struct gate_rules rules = { 1 };
  struct gate g;
  gate_check (h, &rules, &g);
  must ((g.status != 0) == (g.why != NULL));
  if (g.status)
    return;
  must (g.length <= INT64_MAX && (!g.chunked || !g.length));
  must (!(h->twice
          & (1u << FIELD_CONTENT_LENGTH | 1u << FIELD_TRANSFER_ENCODING | 1u << FIELD_HOST)));
  must (h->minor == 0 || h->seen & 1u << FIELD_HOST);
  must (g.method >= 0 && g.method < METHODS);
  target_check (&g, p, size);
}

/* The body of `data` in steps; the end of it, -1 when malformed, 0 for more.  *ret_sum is the
 * sum of its bytes. */
static int64_t
body (const uint8_t *data, size_t size, size_t step, uint64_t *ret_sum)
{
  struct chunked c;
  size_t at = 0;
  chunked_init (&c);
  *ret_sum = 0;
  while (at < size) {
    size_t n = size - at < step ? size - at : step, run;
    char *copy = exact (data + at, n);
    const char *p;
    int done;
    int64_t used = chunked_feed (&c, copy, n, &p, &run, &done);
    must (used <= (int64_t)n && used != 0);
    if (used > 0 && run)
      inside ((kg_str){ p, run }, copy, (size_t)used);
    for (size_t i = 0; used > 0 && i < run; i++)
      *ret_sum = *ret_sum * 31 + (unsigned char)p[i];
    free (copy);
    if (used < 0)
      return -1;
    at += (size_t)used;
    if (done)
      return (int64_t)at;
  }
  return 0;
}

static void
body_check (const uint8_t *data, size_t size)
{
  uint64_t whole_sum, sum;
  int64_t whole = body (data, size, size ? size : 1, &whole_sum);
  for (size_t step = 1; step < 8; step += 2) {
    must (body (data, size, step, &sum) == whole);
    must (whole < 0 || sum == whole_sum);
  }
}

/* Every beginning asks for more, or says what the whole says. */
static void
beginnings_check (const uint8_t *data, size_t size, int32_t whole)
{
  static struct head h;
  for (size_t n = size; n--;) {
    char *copy;
    int32_t rc = parse (data, n, &h, &copy);
    free (copy);
    must (rc == 0 || rc == whole || (rc < 0 && whole < 0));
    must (!(rc == 0 && whole > 0 && n >= (size_t)whole));
  }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  static struct head h;
  char *copy;
  int32_t rc;
  if (size > 2048)
    size = 2048;
  rc = parse (data, size, &h, &copy);
  if (rc > 0) {
    fields_check (&h, copy, (size_t)rc);
    gate_pass (&h, copy, (size_t)rc);
    body_check (data + rc, size - (size_t)rc);
  } else
    body_check (data, size);
  free (copy);
  beginnings_check (data, size, rc);
  return 0;
}
