/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/marks.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FILTER_BITS 16u /* for each mark */
#define FILTER_SET 7u   /* bits of them */

/* As it lies in a row. */
struct head {
  uint64_t expires_ns;
  uint32_t log;
  uint16_t key_len;
  uint8_t value_len, zero;
};

/* In memory, in front of that. */
struct node {
  uint64_t hash;
  uint32_t next, len; /* as in `head`; bytes of the mark as in a row */
};

int32_t
mark_next (kg_str blob, size_t *at, struct mark *ret)
{
  struct head h;
  size_t left = blob.len - *at;
  if (!left)
    return 0;
  if (left < sizeof h)
    return -EBADMSG;
  memcpy (&h, blob.ptr + *at, sizeof h);
  ret->expires_ns = (int64_t) le64toh (h.expires_ns);
  ret->log = le32toh (h.log);
  ret->key.len = le16toh (h.key_len);
  ret->value.len = h.value_len;
  if (h.zero || !ret->key.len || ret->value.len > KG_MARK_MAX
     || left - sizeof h < ret->key.len + ret->value.len)
    return -EBADMSG;
  ret->key.ptr = blob.ptr + *at + sizeof h;
  ret->value.ptr = ret->key.ptr + ret->key.len;
  *at += sizeof h + ret->key.len + ret->value.len;
  return 1;
}

/* ---- Bytes ------------------------------------------------------------------------- */

/* Room for more, which is not counted yet. */
static char *
bytes_more (struct marks_bytes *b, size_t more)
{
  size_t cap = b->cap ? b->cap : 4096;
  char *ptr;
  if (b->len + more <= b->cap)
    return b->ptr + b->len;
  while (cap < b->len + more)
    cap *= 2;
  ptr = realloc (b->ptr, cap);
  if (!ptr)
    return NULL;
  b->ptr = ptr;
  b->cap = cap;
  return ptr + b->len;
}

static int32_t
bytes_add (struct marks_bytes *b, const void *p, size_t n)
{
  char *to = bytes_more (b, n);
  if (!to)
    return -ENOMEM;
  memcpy (to, p, n);
  b->len += n;
  return 0;
}

/* ---- Fresh ones -------------------------------------------------------------------- */

static uint32_t *
chain (const struct marks *m, uint64_t hash)
{
  return &m->head[marks_part (hash, MARKS_HEADS)];
}

static struct node *
node_at (const struct marks *m, size_t at)
{
  return (struct node *) (void *) (m->bytes.ptr + at);
}

/* The node behind a link, which is not 0. */
static struct node *
node_of (const struct marks *m, uint32_t link)
{
  return node_at (m, (size_t) (link - 1) * 8);
}

static size_t
node_size (size_t len)
{
  return (sizeof (struct node) + len + 7) & ~(size_t) 7;
}

static void
node_fill (char *to, const struct mark *mark)
{
  struct head h = { htole64 ((uint64_t) mark->expires_ns), htole32 (mark->log),
                    htole16 ((uint16_t) mark->key.len), (uint8_t) mark->value.len, 0 };
  memcpy (to, &h, sizeof h);
  memcpy (to + sizeof h, mark->key.ptr, mark->key.len);
  if (mark->value.len)
    memcpy (to + sizeof h + mark->key.len, mark->value.ptr, mark->value.len);
}

int32_t
marks_add (struct marks *m, uint64_t hash, const struct mark *mark)
{
  size_t len = sizeof (struct head) + mark->key.len + mark->value.len;
  int64_t expires = mark->expires_ns ? mark->expires_ns : MARKS_NEVER;
  struct node *n;
  if (!m->head && !(m->head = calloc (MARKS_HEADS, sizeof *m->head)))
    return -ENOMEM;
  n = (struct node *) (void *) bytes_more (&m->bytes, node_size (len));
  if (!n)
    return -ENOMEM;
  *n = (struct node){ hash, *chain (m, hash), (uint32_t) len };
  node_fill ((char *) (n + 1), mark);
  *chain (m, hash) = (uint32_t) (m->bytes.len / 8 + 1);
  m->bytes.len += node_size (len);
  m->count++;
  if (m->expires_ns < expires)
    m->expires_ns = expires;
  return 0;
}

static void
node_read (const struct node *n, struct mark *ret)
{
  size_t at = 0;
  mark_next ((kg_str){ (const char *) (n + 1), n->len }, &at, ret);
}

static int
mark_is (const struct mark *m, uint32_t log, kg_str key, int64_t now)
{
  return m->log == log && m->key.len == key.len && !memcmp (m->key.ptr, key.ptr, key.len)
         && mark_lives (m, now);
}

int
marks_find (const struct marks *m, uint64_t hash, uint32_t log, kg_str key, size_t end,
            int64_t now, struct mark *ret)
{
  uint32_t link = m->head ? *chain (m, hash) : 0;
  for (; link; link = node_of (m, link)->next) {
    const struct node *n = node_of (m, link);
    if (n->hash != hash || (size_t) (link - 1) * 8 >= end)
      continue;
    node_read (n, ret);
    if (mark_is (ret, log, key, now))
      return 1;
  }
  return 0;
}

void
marks_cut (struct marks *m, size_t len)
{
  for (size_t at = len; at < m->bytes.len; at += node_size (node_at (m, at)->len)) {
    uint32_t *head = chain (m, node_at (m, at)->hash);
    while (*head > len / 8)
      *head = node_of (m, *head)->next;
    m->count--;
  }
  if (len < m->bytes.len)
    m->bytes.len = len;
}

void
marks_clear (struct marks *m)
{
  if (m->head)
    memset (m->head, 0, MARKS_HEADS * sizeof *m->head);
  m->bytes.len = 0;
  m->count = 0;
  m->expires_ns = 0;
}

void
marks_finish (struct marks *m)
{
  free (m->head);
  free (m->bytes.ptr);
  memset (m, 0, sizeof *m);
}

int32_t
marks_pack (const struct marks *m, size_t from, struct marks_bytes *out)
{
  int32_t r = 0;
  out->len = 0;
  for (size_t at = from; !r && at < m->bytes.len; at += node_size (node_at (m, at)->len))
    r = bytes_add (out, node_at (m, at) + 1, node_at (m, at)->len);
  return r;
}

void
marks_each (const struct marks *m, void (*fn) (uint64_t, void *), void *arg)
{
  for (size_t at = 0; at < m->bytes.len; at += node_size (node_at (m, at)->len))
    fn (node_at (m, at)->hash, arg);
}

static int32_t
pack_chain (const struct marks *m, uint32_t link, int64_t now, struct marks_bytes *out,
            void (*fn) (uint64_t, void *), void *arg)
{
  int32_t count = 0, r = 0;
  for (; !r && link; link = node_of (m, link)->next) {
    const struct node *n = node_of (m, link);
    struct mark mark;
    node_read (n, &mark);
    if (!mark_lives (&mark, now))
      continue;
    r = bytes_add (out, n + 1, n->len);
    fn (n->hash, arg);
    count++;
  }
  return r < 0 ? r : count;
}

int32_t
marks_pack_part (const struct marks *m, uint32_t part, uint32_t parts, int64_t now,
                 struct marks_bytes *out, void (*fn) (uint64_t, void *), void *arg)
{
  uint32_t each = MARKS_HEADS / parts;
  int32_t count = 0, r = 0;
  out->len = 0;
  for (uint32_t i = part * each; r >= 0 && m->head && i < (part + 1) * each; i++) {
    r = pack_chain (m, m->head[i], now, out, fn, arg);
    count += r;
  }
  return r < 0 ? r : count;
}

/* ---- Filters ------------------------------------------------------------------------- */

static int32_t
filter_alloc (struct marks_filter *f, uint32_t blocks)
{
  f->blocks = blocks;
  f->bits = aligned_alloc (MARKS_BLOCK, (size_t) blocks * MARKS_BLOCK);
  return f->bits ? 0 : -ENOMEM;
}

int32_t
marks_filter_init (struct marks_filter *f, uint32_t count)
{
  uint64_t bits = (uint64_t) count * FILTER_BITS;
  if (filter_alloc (f, (uint32_t) (bits / (8 * MARKS_BLOCK)) + 1) < 0)
    return -ENOMEM;
  memset (f->bits, 0, (size_t) f->blocks * MARKS_BLOCK);
  return 0;
}

int32_t
marks_filter_read (struct marks_filter *f, kg_str bits)
{
  if (filter_alloc (f, (uint32_t) (bits.len / MARKS_BLOCK)) < 0)
    return -ENOMEM;
  memcpy (f->bits, bits.ptr, bits.len);
  return 0;
}

void
marks_filter_finish (struct marks_filter *f)
{
  free (f->bits);
  f->bits = NULL;
  f->blocks = 0;
}

/* 9 bits of this for each of its bits in the block. */
static uint64_t
filter_spread (uint64_t hash)
{
  return (hash ^ hash >> 29) * 0x9e3779b97f4a7c15u;
}

void
marks_filter_add (struct marks_filter *f, uint64_t hash)
{
  uint8_t *block = f->bits + (marks_filter_block (f, hash) - f->bits);
  uint64_t x = filter_spread (hash);
  for (uint32_t i = 0; i < FILTER_SET; i++, x >>= 9)
    block[x >> 3 & 63] |= (uint8_t) (1u << (x & 7));
}

int
marks_filter_has (const struct marks_filter *f, uint64_t hash)
{
  const uint8_t *block = marks_filter_block (f, hash);
  uint64_t x = filter_spread (hash);
  int has = 1;
  for (uint32_t i = 0; has && i < FILTER_SET; i++, x >>= 9)
    has = block[x >> 3 & 63] >> (x & 7) & 1;
  return has;
}
