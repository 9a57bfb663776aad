/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What fake-store.c and fake-store-write.c share; not for tests. */
#ifndef KGENT_FAKE_STORE_INTERNAL_H
#define KGENT_FAKE_STORE_INTERNAL_H

#include "fake-services-internal.h"

#include "core/util/region.h"

struct entry {
  struct entry *next; /* by key */
  struct kg_entry pub;
};

struct watch {
  struct watch *next;
  void (*fn) (const struct kg_entry *, void *);
  void *arg;
};

struct kg_bucket {
  struct kg_bucket *next;
  struct fake_store *store;
  const char *name;
  uint32_t flags; /* KG_BUCKET_COLD */
  int opened;     /* by a plugin that is open now */
  struct entry *entries;
  struct watch *watches;
};

struct record {
  struct record *next;
  struct kg_record pub;
};

/* An id that a write marked. */
struct mark {
  struct mark *next;
  kg_str id, value;
  int64_t expires_ns; /* 0: never */
};

struct notify {
  struct notify *next;
  void (*fn) (void *);
  void *arg;
};

struct kg_log {
  struct kg_log *next;
  struct fake_store *store;
  const char *name;
  struct record *first, **end;
  struct mark *marks;
  uint64_t newest;
  struct notify *notifies;
  int grown;
};

struct kg_cursor {
  struct kg_cursor *next;
  kg_log *log;
  const char *name;
  uint64_t position;
  int declared, forgotten;
};

/* A write, or a record of a waiting request, that is not committed. */
struct pending {
  struct pending *next;
  struct kg_op *ops;
  uint32_t nops;
  void (*done) (const struct kg_outcome *, void *);
  void *arg;
  kg_ticket *ticket;
  int error;
};

struct fake_region {
  struct fake_region *next;
  const char *name;
  int memory; /* a memory file; -1: it lies in the folder */
  struct region region;
};

struct fake_store {
  struct fake *fake;
  struct fake_pool pool; /* nothing is freed before the end */
  kg_bucket *buckets;
  kg_log *logs;
  kg_cursor *cursors;
  struct pending *first, **end;
  uint64_t revision, sequence;
  uint64_t scanned; /* entries and records */
  int fail, failures, hold;
  struct fake_region *regions;
  const char *regions_dir; /* NULL: memory files */
  uint64_t boot;           /* 0: the machine's */
  int full, dead;          /* fake_regions_full; after fake_crash */
};

int fake_name_ok (const char *name);

/* Where the entry with that key is, or would be. */
struct entry **fake_entry_at (kg_bucket *bucket, kg_str key);

/* The entry that hasn't expired, or NULL. */
struct entry *fake_entry_find (kg_bucket *bucket, kg_str key);

int fake_str_cmp (kg_str a, kg_str b);
kg_str fake_str_of (const char *text);
void fake_watches_tell (kg_bucket *bucket, const struct kg_entry *entry);

/* The mark that is remembered, or NULL. */
struct mark *fake_mark_find (kg_log *log, kg_str id);

/* fake-region.c */
int32_t fake_store_region (kg_self *self, const char *name, uint64_t bytes,
                           struct kg_region *ret);
int32_t fake_store_region_ensure (kg_self *self, const char *name, uint64_t offset,
                                  uint64_t bytes);
int32_t fake_store_region_held (kg_self *self, const char *name, uint32_t slot);
void fake_regions_close (struct fake_store *s, int for_ever);

/* fake-store-write.c */
void fake_put_apply (struct fake_store *s, const struct kg_op *op);
void fake_entry_remove (struct fake_store *s, kg_bucket *bucket, kg_str key);
int32_t fake_store_write (kg_self *self, const struct kg_op *ops, uint32_t nops,
                          uint32_t op_size,
                          void (*done) (const struct kg_outcome *outcome, void *arg),
                          void *arg);
int32_t fake_store_record (kg_log *log, kg_req *req, const void *data, size_t len,
                           kg_str *ret_id);

#endif
