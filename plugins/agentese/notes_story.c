/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The end of a tenant's trace in memory, and how it gets into the store: in chunks, of
 * which the last is written again with each group until it is full.  A compare-and-set
 * guards it, because two processes may serve one tenant for a while. */
#include "plugins/agentese/notes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNKS 20
#define CHUNK_BYTES 262144 /* a chunk of so many is full */
#define OPS_MAX 64
#define LINES_WRITTEN_MIN 1600 /* a write has 31 chunks at most, of 50 lines or more */

uint32_t
ag_story_lines (const struct ag *ag)
{
  int64_t n = ag->conf->trace_max / CHUNKS;
  return (uint32_t)(n < 50 ? 50 : n > 1000 ? 1000 : n);
}

uint32_t
ag_story_chunks (const struct ag *ag)
{
  return (uint32_t)(ag->conf->trace_max / ag_story_lines (ag)) + 1;
}

/* ---- Lines -------------------------------------------------------------------------- */

static void
line_write (const struct ag_note *n, struct kg_out *o)
{
  char at[AG_TIME_LEN + 1], took[32];
  ag_time (n->at_ns, at);
  snprintf (took, sizeof took, "%lld.%03lld", (long long)(n->took_ns / 1000000),
            (long long)(n->took_ns / 1000 % 1000));
  kg_out_lit (o, "{\"at\":");
  kg_out_text (o, at);
  kg_out_lit (o, ",\"path\":");
  kg_out_str (o, n->path);
  kg_out_lit (o, ",\"observer\":");
  kg_out_raw (o, n->observer.ptr, n->observer.len);
  kg_out_lit (o, ",\"duration_ms\":");
  kg_out_lit (o, took);
  kg_out_lit (o, ",\"status\":");
  kg_out_int (o, n->status);
  kg_out_lit (o, ",\"units\":");
  kg_out_int (o, n->tokens);
  kg_out_lit (o, ",\"span_id\":");
  kg_out_str (o, n->span_id);
  kg_out_lit (o, ",\"trace_id\":");
  kg_out_str (o, n->trace_id);
  if (n->phase.len) {
    kg_out_lit (o, ",\"phase\":");
    kg_out_str (o, n->phase);
  }
  kg_out_lit (o, "}\n");
}

static int32_t
text_grow (struct ag_story *s, size_t need)
{
  size_t cap = s->cap ? s->cap : 1024;
  char *bigger;
  while (cap < s->len + need)
    cap *= 2;
  if (cap == s->cap)
    return 0;
  bigger = realloc (s->text, cap);
  if (!bigger)
    return -ENOMEM;
  s->text = bigger;
  s->cap = cap;
  return 0;
}

/* Behind the first `n` lines from an offset. */
static size_t
lines_end (const struct ag_story *s, size_t from, uint32_t n)
{
  while (n-- && from < s->len)
    from += (size_t)((char *)memchr (s->text + from, '\n', s->len - from) - (s->text + from)) + 1;
  return from;
}

static uint32_t
lines_count (const char *text, size_t len)
{
  const char *p = text, *end = text + len;
  uint32_t n = 0;
  while (p < end && (p = memchr (p, '\n', (size_t)(end - p)))) {
    p++;
    n++;
  }
  return n;
}

static int32_t
is_full (const struct ag_story *s, const char *text, size_t len)
{
  return len >= CHUNK_BYTES || lines_count (text, len) >= ag_story_lines (s->ag);
}

static void
text_drop (struct ag_story *s, size_t from, size_t to)
{
  s->lines -= lines_count (s->text + from, to - from);
  memmove (s->text + from, s->text + to, s->len - to);
  s->len -= to - from;
}

int32_t
ag_story_add (struct ag_story *s, const struct ag_note *note)
{
  size_t need = 512 + 2 * note->path.len + note->observer.len + 6 * note->span_id.len
                + note->trace_id.len + note->phase.len;
  struct kg_out o;
  if (text_grow (s, need) < 0)
    return -ENOMEM;
  o = (struct kg_out){ s->text + s->len, 0, need };
  line_write (note, &o);
  if (!kg_out_ok (&o))
    return -E2BIG;
  s->len += o.len;
  s->lines++;
  if (s->lines > 2 * s->ag->conf->trace_max && !atomic_load (&s->writing))
    text_drop (s, s->stored, lines_end (s, s->stored, s->lines / 2)); /* the disk takes nothing */
  else if (s->lines > 4 * s->ag->conf->trace_max + 2 * LINES_WRITTEN_MIN)
    text_drop (s, s->written, lines_end (s, s->written, (uint32_t)(2 * s->ag->conf->trace_max)));
  return 0;
}

/* ---- Writing -------------------------------------------------------------------------- */

static void
key_make (const struct ag_story *s, uint64_t number, char buf[KG_KEY_MAX], kg_str *ret)
{
  int n = snprintf (buf, KG_KEY_MAX, "%.*s/%012llu", (int)s->tenant_len, s->tenant,
                    (unsigned long long)number);
  *ret = (kg_str){ buf, n > 0 && n < KG_KEY_MAX ? (size_t)n : 0 };
}

struct last {
  uint64_t number, revision;
  char *text;
  size_t len;
};

static int32_t
last_note (const struct kg_entry *e, void *arg)
{
  struct last *last = arg;
  const char *slash = memrchr (e->key.ptr, '/', e->key.len);
  char *copy = malloc (e->value.len + 1);
  char digits[13] = "";
  if (!copy || !slash || e->key.ptr + e->key.len - slash != 13) {
    free (copy);
    return copy ? 0 : -ENOMEM;
  }
  memcpy (digits, slash + 1, 12);
  memcpy (copy, e->value.ptr, e->value.len);
  free (last->text);
  *last = (struct last){ strtoull (digits, NULL, 10), e->revision, copy, e->value.len };
  return 0;
}

/* Finds out where the trace goes on: in the last chunk, if it has room. */
static int32_t
place_find (struct ag_story *s, kg_bucket *bucket)
{
  struct last last = { 0, 0, NULL, 0 };
  char buf[KG_KEY_MAX];
  struct kg_out prefix = { buf, 0, sizeof buf };
  int32_t r;
  kg_out_raw (&prefix, s->tenant, s->tenant_len);
  kg_out_lit (&prefix, "/");
  if (!kg_out_ok (&prefix))
    return -E2BIG;
  r = s->ag->store->scan (bucket, (kg_str){ buf, prefix.len }, last_note, &last);
  if (r >= 0 && last.text && !is_full (s, last.text, last.len)
      && (r = text_grow (s, last.len)) >= 0) {
    memmove (s->text + last.len, s->text, s->len);
    memcpy (s->text, last.text, last.len);
    s->len += last.len;
    s->lines += lines_count (last.text, last.len);
    s->stored = last.len;
    s->number = last.number;
    s->revision = last.revision;
  } else if (r >= 0) {
    s->stored = 0;
    s->number = last.number + 1;
    s->revision = KG_REV_NEW;
  }
  free (last.text);
  return r;
}

static void
written (const struct kg_outcome *outcome, void *arg)
{
  struct ag_story *s = arg;
  s->error = outcome->error;
  s->new_revision = outcome->revision;
  atomic_store_explicit (&s->writing, 2, memory_order_release);
}

/* The write is over. */
static void
conclude (struct ag_story *s)
{
  int32_t error = s->error;
  atomic_store_explicit (&s->writing, 0, memory_order_relaxed);
  if (error == -ESTALE || error == -EEXIST) { /* another process goes on with this chunk */
    text_drop (s, 0, s->stored);
    s->stored = 0;
    s->number = 0;
    return;
  }
  if (error)
    return;
  s->number += s->chunks - 1;
  s->revision = s->new_revision;
  text_drop (s, 0, s->begun);
  s->stored = s->written - s->begun;
  if (!is_full (s, s->text, s->stored))
    return;
  text_drop (s, 0, s->stored);
  s->stored = 0;
  s->number++;
  s->revision = KG_REV_NEW;
}

/* A chunk, and in the place of a new one an old one that goes. */
static void
chunk_ops (struct ag_story *s, kg_bucket *bucket, size_t from, size_t to, struct kg_op *ops,
           uint32_t *nops, char (*keys)[KG_KEY_MAX])
{
  uint64_t number = s->number + s->chunks, kept = ag_story_chunks (s->ag);
  uint64_t expected = s->revision == KG_REV_ANY ? KG_REV_ANY : s->chunks ? KG_REV_NEW : s->revision;
  if (expected == KG_REV_NEW && number > kept) {
    ops[*nops] = (struct kg_op){ .kind = KG_OP_DELETE, .bucket = bucket, .revision = KG_REV_ANY };
    key_make (s, number - kept, keys[*nops], &ops[*nops].key);
    ++*nops;
  }
  ops[*nops] = (struct kg_op){ .kind = KG_OP_PUT,
                               .bucket = bucket,
                               .value = { s->text + from, to - from },
                               .revision = expected };
  key_make (s, number, keys[*nops], &ops[*nops].key);
  ++*nops;
  s->chunks++;
  s->begun = from;
}

static void
write_begin (struct ag_story *s, kg_bucket *bucket,
             void (*done) (const struct kg_outcome *outcome, void *arg))
{
  struct kg_op ops[OPS_MAX];
  char (*keys)[KG_KEY_MAX] = malloc (OPS_MAX * sizeof *keys);
  uint32_t nops = 0;
  size_t from = 0;
  if (!keys)
    return;
  s->chunks = 0;
  while (from < s->len && nops + 2 <= OPS_MAX) {
    uint32_t lines = ag_story_lines (s->ag);
    size_t to = lines_end (s, from, lines);
    while (to - from > 2 * CHUNK_BYTES && (lines /= 2))
      to = lines_end (s, from, lines);
    chunk_ops (s, bucket, from, to, ops, &nops, keys);
    from = to;
  }
  s->written = from;
  if (done)
    atomic_store_explicit (&s->writing, 1, memory_order_relaxed);
  if (s->ag->store->write (s->ag->self, ops, nops, sizeof ops[0], done, s) < 0 && done)
    atomic_store_explicit (&s->writing, 0, memory_order_relaxed);
  free (keys);
}

void
ag_story_flush (struct ag_story *s, kg_bucket *bucket)
{
  if (atomic_load_explicit (&s->writing, memory_order_acquire) == 1)
    return;
  if (atomic_load_explicit (&s->writing, memory_order_relaxed) == 2)
    conclude (s);
  if (s->len == s->stored || (!s->number && place_find (s, bucket) < 0))
    return;
  write_begin (s, bucket, written);
}

void
ag_story_end (struct ag_story *s, kg_bucket *bucket)
{
  int32_t under_way = atomic_load_explicit (&s->writing, memory_order_acquire) == 1;
  if (!under_way) {
    if (atomic_load_explicit (&s->writing, memory_order_relaxed) == 2)
      conclude (s);
    if (s->len == s->stored || (!s->number && place_find (s, bucket) < 0))
      return;
  } else if (s->len == s->written)
    return;
  if (under_way)
    s->revision = KG_REV_ANY; /* this write comes behind that one, and holds all of it */
  write_begin (s, bucket, NULL);
}
