/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The number of a tenant's receipt: without gaps as long as every answer arrives.
 *
 * The numbers lie in a region, which outlives the process but not a crash of the
 * machine.  So they are put on the disk once a minute, and the place in the log up to which
 * they are right; after a crash what records behind it say is added. */
#include "plugins/metering-openmeter/receipt.h"
#include "plugins/metering-openmeter/record_read.h"

#include <errno.h>
#include <openssl/rand.h>
#include <string.h>
#include <sys/mman.h>

#define MAGIC 0x3274706365726b67ull /* "gkrecpt2"; changes with the layout */
#define PROBES 64u                  /* places where a tenant may lie */
#define REBUILD_READ 4096u          /* records at once */
#define SAVE_MS 60000u
#define VERSION_LEAST 100000000u /* of the first key, and below twice that */
#define BYTES (RECEIPT_PAGE + RECEIPT_TENANTS * sizeof (struct receipt_count))

_Static_assert (sizeof (struct receipt_head) <= RECEIPT_PAGE, "the head is one page");

/* Nobody knows the salt, so nobody can choose a name that falls on another's. */
static uint64_t
hash_of (uint64_t salt, kg_str tenant)
{
  uint64_t h = salt ^ tenant.len, w;
  const char *p = tenant.ptr;
  size_t n = tenant.len;
  for (; n > sizeof w; p += sizeof w, n -= sizeof w) {
    memcpy (&w, p, sizeof w);
    h = (h ^ w) * 0x9e3779b97f4a7c15ull;
    h ^= h >> 29;
  }
  w = 0;
  memcpy (&w, p, n);
  h = (h ^ w) * 0x9e3779b97f4a7c15ull;
  h ^= h >> 29;
  h *= 0xbf58476d1ce4e5b9ull;
  h ^= h >> 32;
  return h ? h : 1;
}

/* The tenant's place, taken now when it has none; NULL: all that it may have are taken. */
static struct receipt_count *
place_of (struct receipts *r, kg_str tenant)
{
  uint64_t hash = hash_of (r->head->salt, tenant);
  for (uint32_t i = 0; i < PROBES; i++) {
    struct receipt_count *c = &r->count[(hash + i) % RECEIPT_TENANTS];
    uint64_t there = atomic_load_explicit (&c->tenant, memory_order_relaxed);
    if (there == hash)
      return c;
    if (!there && (atomic_compare_exchange_strong (&c->tenant, &there, hash) || there == hash))
      return c;
  }
  return NULL;
}

uint64_t
count_next (struct receipts *r, const char *tenant)
{
  struct receipt_count *c = place_of (r, (kg_str){ tenant, strlen (tenant) });
  return c ? atomic_fetch_add_explicit (&c->n, 1, memory_order_relaxed) + 1 : 0;
}

/* ---- On the disk --------------------------------------------------------------------- */

/* A number is taken before its record is made: so those of all records in the log now are
 * in the region, and on the disk before it says so. */
static void
counts_save (void *arg)
{
  struct receipts *r = arg;
  uint64_t newest = r->mt->store->newest (r->mt->usage);
  if (newest == atomic_load (&r->head->saved) || msync (r->head, BYTES, MS_SYNC))
    return;
  atomic_store (&r->head->saved, newest);
  msync (r->head, RECEIPT_PAGE, MS_SYNC);
}

/* ---- Made anew ------------------------------------------------------------------- */

struct rebuild {
  struct receipts *r;
  struct record_read read;
  uint64_t after;
  char buf[MT_RECORD_MAX];
};

static void
number_keep (struct rebuild *b, int64_t seq)
{
  const struct kg_json *j = &b->read.json;
  kg_str tenant = kg_json_raw (j, b->read.tenant);
  struct receipt_count *c;
  if (j->token[b->read.tenant].escaped)
    tenant = (kg_str){ b->buf, kg_json_decode (j, b->read.tenant, b->buf) };
  c = place_of (b->r, tenant);
  if (c && atomic_load (&c->n) < (uint64_t)seq)
    atomic_store (&c->n, (uint64_t)seq);
}

static int32_t
record_count (const struct kg_record *record, void *arg)
{
  struct rebuild *b = arg;
  int64_t seq;
  b->after = record->sequence;
  if (record->data.len > sizeof b->buf || record_read (&b->read, record->data) < 0)
    return 0;
  seq = kg_json_int (&b->read.json, kg_json_find (&b->read.json, 0, "seq"), 0);
  if (seq > 0)
    number_keep (b, seq);
  return 0;
}

static int32_t
counts_rebuild (struct receipts *r)
{
  struct mt *mt = r->mt;
  struct rebuild b = { .r = r, .after = atomic_load (&r->head->saved) };
  int32_t n = 1;
  while (n > 0)
    n = mt->store->read (mt->usage, b.after, REBUILD_READ, record_count, &b);
  record_read_free (&b.read);
  return n;
}

/* Nobody else has the region. */
static int32_t
region_make (struct receipts *r)
{
  uint32_t first;
  memset (r->head, 0, BYTES);
  if (RAND_bytes ((unsigned char *)&r->head->salt, sizeof r->head->salt) != 1
      || RAND_bytes ((unsigned char *)&first, sizeof first) != 1)
    return -EIO;
  r->head->reserved = VERSION_LEAST + first % VERSION_LEAST;
  r->head->magic = MAGIC;
  return 0;
}

static int32_t
region_begin (struct receipts *r, const struct kg_region *region)
{
  int32_t e = 0;
  if (!(region->flags & KG_REGION_ALONE))
    return r->head->magic == MAGIC ? 0 : -EPROTO;
  if (region->flags & KG_REGION_NEW || r->head->magic != MAGIC)
    e = region_make (r);
  if (e < 0 || r->head->boot == region->boot)
    return e;
  e = counts_rebuild (r);
  if (e >= 0)
    r->head->boot = region->boot;
  return e;
}

int32_t
count_start (struct receipts *r)
{
  struct mt *mt = r->mt;
  struct kg_region region = { .size = sizeof region };
  int32_t e = mt->store->region (mt->self, RECEIPT_REGION, BYTES, &region);
  if (e >= 0)
    e = mt->store->region_ensure (mt->self, RECEIPT_REGION, 0, BYTES);
  if (e >= 0) {
    r->head = region.ptr;
    r->count = (struct receipt_count *)(void *)((char *)region.ptr + RECEIPT_PAGE);
    e = region_begin (r, &region);
  }
  if (e >= 0)
    e = mt->jobs->timer (mt->self, SAVE_MS, SAVE_MS, counts_save, r, &r->saver);
  if (e < 0)
    mt->host->log (mt->self, KG_LOG_ERROR, "the numbers and keys of receipts: %s",
                   e == -EPROTO ? "another process has them in another layout"
                                : strerror (-e));
  return e < 0 ? e : 0;
}

void
count_stop (struct receipts *r)
{
  if (!r->saver)
    return;
  r->mt->jobs->cancel (r->saver);
  r->saver = NULL;
  counts_save (r);
}
