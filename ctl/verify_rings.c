/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* rings/EPOCH.ring: whether what waits there is whole, and whether the log has what the
 * database says was taken.  A host that runs may write at the same time: what its tail
 * has passed may be anything. */

#include "ctl/verify_store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE 4096u
#define RINGS_MAX 1024u
#define RING_LEAST 131072u
#define DATA_MAX 16384u
#define HEAD 40u /* bytes of a record before its data */

#define LIVE 0x4556494cu
#define TAKEN 0x1b9c62d3u
#define VOIDED 0xa4637d38u
#define PAD 0xd2a18e07u

struct file_head {
  char magic[8];
  uint32_t format, crc;
  uint32_t epoch, count; /* the checksum is from here on */
  uint64_t size;
  uint32_t salt, zero;
  char replica[72];
};

/* A file in memory. */
struct file {
  const char *name;
  const char *map;
  uint64_t length;
  struct file_head head;
};

/* One ring of it. */
struct ring {
  const char *control, *data;
  uint64_t size, done; /* `done`: the highest number that the log has, by the database */
  uint32_t index, salt;
};

struct slot {
  uint32_t state, crc, size, log;
  uint64_t sequence;
  int64_t time_ns;
  uint32_t len, zero;
};

static uint64_t
control_get (const struct ring *r, size_t at)
{
  return __atomic_load_n ((const uint64_t *)(const void *)(r->control + at), __ATOMIC_ACQUIRE);
}

#define CONTROL_HEAD 0
#define CONTROL_TAIL 128

static const char *
ring_place (struct verify *v, const struct file *f, const struct ring *r)
{
  return place (v, "rings/%s, ring %u", f->name, r->index);
}

/* ---- Records ---------------------------------------------------------------------------------- */

/* Whether a whole record lies at the offset. */
static int
slot_read (const struct ring *r, uint64_t at, struct slot *s)
{
  uint64_t left = r->size - at;
  const char *p = r->data + at;
  if (left < HEAD)
    return 0;
  memcpy (s, p, sizeof *s);
  return s->len <= DATA_MAX && !s->zero && s->log && s->size == ((HEAD + s->len + 7) & ~7u)
         && s->size <= left && s->crc == verify_crc (r->salt, p + 8, HEAD - 8 + s->len);
}

/* A record that the database says was taken, or that waits. */
static void
slot_check (struct verify *v, const struct file *f, const struct ring *r, const struct slot *s)
{
  const struct verify_log *l = log_find (v, s->log);
  struct hash h = { s->log, 0 };
  char id[128];
  int n, there;
  if (s->sequence > r->done) {
    v->waiting += s->state != VOIDED;
    if (!l)
      found (v, "ring", cure_ring, ring_place (v, f, r), "record %" PRIu64 " is for a log %u, which doesn't exist",
             s->sequence, s->log);
    return;
  }
  if (!l || !l->first || s->time_ns < l->first_ns)
    return; /* old enough to be gone */
  n = snprintf (id, sizeof id, "%s-%08x-%02x-%012" PRIx64, f->head.replica, f->head.epoch, r->index,
                s->sequence);
  there = map_get (&v->ids, hash_add (h, id, (size_t)n)) != NULL;
  if (there && s->state == VOIDED)
    found (v, "ring", cure_report, ring_place (v, f, r),
           "record %s is void, for its request failed, and log %s has it", id, l->name);
  if (!there && s->state != VOIDED)
    found (v, "ring", cure_batch, ring_place (v, f, r),
           "record %s was taken, and log %s doesn't have it", id, l->name);
}

static void
ring_scan (struct verify *v, const struct file *f, const struct ring *r)
{
  struct slot s;
  uint64_t at = 0;
  while (at < r->size)
    if (slot_read (r, at, &s)) {
      slot_check (v, f, r, &s);
      at += s.size;
    } else
      at += 8;
}

/* Everything between tail and head is a record, or the pad at the end of a lap. */
static void
ring_walk (struct verify *v, const struct file *f, const struct ring *r)
{
  uint64_t head = control_get (r, CONTROL_HEAD), at = control_get (r, CONTROL_TAIL), broken = 0;
  struct slot s;
  uint32_t state;
  if (head < at || head - at > r->size || head % 8 || at % 8) {
    if (control_get (r, CONTROL_TAIL) <= head)
      found (v, "ring", cure_ring, ring_place (v, f, r),
             "its head is said to be at %" PRIu64 " and its tail at %" PRIu64, head, at);
    return;
  }
  while (at < head) {
    uint64_t offset = at & (r->size - 1);
    memcpy (&state, r->data + offset, sizeof state);
    if (state == PAD)
      at += r->size - offset;
    else if (slot_read (r, offset, &s))
      at += s.size;
    else if (control_get (r, CONTROL_TAIL) > at)
      at = control_get (r, CONTROL_TAIL);
    else {
      broken += 8;
      at += 8;
    }
  }
  if (broken)
    found (v, "ring", cure_ring, ring_place (v, f, r),
           "%" PRIu64 " bytes of what waits for the log are no whole record", broken);
}

/* ---- Files ------------------------------------------------------------------------------------ */

static int
head_good (const struct file *f, const struct file_head *h)
{
  return !memcmp (h->magic, "KGRING\r\n", 8) && h->format == 1
         && h->crc == verify_crc (0, (const char *)h + 16, sizeof *h - 16) && h->count
         && h->count <= RINGS_MAX && h->size >= RING_LEAST && !(h->size & (h->size - 1))
         && f->length == 2 * PAGE + h->count * (PAGE + h->size) && !h->replica[64];
}

/* Takes the head that is good; 0 when none is. */
static int
head_choose (struct verify *v, struct file *f)
{
  struct file_head first, second;
  int one, two;
  memcpy (&first, f->map, sizeof first);
  memcpy (&second, f->map + f->length - PAGE, sizeof second);
  one = head_good (f, &first);
  two = head_good (f, &second);
  f->head = one ? first : second;
  if (one != two)
    found (v, "ring", cure_ring, place (v, "rings/%s", f->name),
           "its %s head is damaged; the other one is used", one ? "second" : "first");
  if (!one && !two)
    found (v, "ring", cure_ring, place (v, "rings/%s", f->name),
           "both its heads are damaged, or its length is wrong: what waits in it cannot be read");
  return one || two;
}

static uint64_t
done_get (struct verify *v, uint32_t epoch, uint32_t ring)
{
  sqlite3_stmt *stmt = query (v, "SELECT sequence FROM ring WHERE epoch = ?1 AND ring = ?2");
  uint64_t r = 0;
  sqlite3_bind_int64 (stmt, 1, epoch);
  sqlite3_bind_int64 (stmt, 2, ring);
  if (query_row (v, stmt)) {
    r = (uint64_t)sqlite3_column_int64 (stmt, 0);
    sqlite3_finalize (stmt);
  }
  return r;
}

static void
file_rings (struct verify *v, struct file *f)
{
  uint32_t i;
  char name[32];
  snprintf (name, sizeof name, "%08x.ring", f->head.epoch);
  if (strcmp (name, f->name))
    found (v, "ring", "give it its name back", place (v, "rings/%s", f->name),
           "it is the file of process %u, %s", f->head.epoch, name);
  for (i = 0; i < f->head.count; i++) {
    const char *at = f->map + PAGE + i * (PAGE + f->head.size);
    struct ring r = { at, at + PAGE, f->head.size, done_get (v, f->head.epoch, i), i,
                      f->head.salt + i };
    ring_walk (v, f, &r);
    ring_scan (v, f, &r);
  }
}

static void
file_check (struct verify *v, const char *name)
{
  struct file f = { .name = name };
  char path[4096];
  struct stat st;
  void *map = MAP_FAILED;
  int fd;
  snprintf (path, sizeof path, "%s/rings/%s", v->dir, name);
  fd = open (path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 && errno == ENOENT)
    return; /* its process ended just now */
  if (fd >= 0 && !fstat (fd, &st) && st.st_size >= (off_t)(2 * PAGE + RING_LEAST))
    map = mmap (NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
  if (map == MAP_FAILED)
    found (v, "ring", cure_ring, place (v, "rings/%s", name), "%s",
           fd < 0 ? strerror (errno) : "it is too short to be one");
  else {
    f.map = map;
    f.length = (uint64_t)st.st_size;
    if (head_choose (v, &f))
      file_rings (v, &f);
    munmap (map, f.length);
  }
  if (fd >= 0)
    close (fd);
}

/* ---- The database's side ---------------------------------------------------------------------- */

/* How far a ring is by the database is at least what the log has of it. */
static void
rows_check (struct verify *v)
{
  sqlite3_stmt *stmt = query (v, "SELECT epoch, ring, sequence FROM ring");
  while (query_row (v, stmt)) {
    uint32_t epoch = (uint32_t)sqlite3_column_int64 (stmt, 0);
    uint32_t ring = (uint32_t)sqlite3_column_int64 (stmt, 1);
    int64_t sequence = sqlite3_column_int64 (stmt, 2);
    struct hash h = { epoch, 3 };
    uint64_t *newest = map_get (&v->ids, hash_add (h, &ring, sizeof ring));
    if (newest && (int64_t)*newest > sequence)
      found (v, "ring",
             "stop the host, and before it starts again set it right: sqlite3 kgent.db \"UPDATE "
             "ring SET sequence = N WHERE epoch = E AND ring = R\"",
             place (v, "table ring, epoch %u, ring %u", epoch, ring),
             "it says %lld, and the log has its record %llu: it would be taken twice",
             (long long)sequence, (unsigned long long)*newest);
  }
}

/* A process that took records leaves its file until they are all in the log, and gives up
 * its row before that: rows of rings alone were left by a kill in between. */
static void
files_missing (struct verify *v)
{
  sqlite3_stmt *stmt = query (v, "SELECT DISTINCT epoch FROM ring JOIN process USING (epoch)");
  while (query_row (v, stmt)) {
    int64_t epoch = sqlite3_column_int64 (stmt, 0);
    char path[4096];
    snprintf (path, sizeof path, "%s/rings/%08llx.ring", v->dir, (unsigned long long)epoch);
    if (!access (path, F_OK))
      continue;
    snprintf (path, sizeof path, "%s/rings/%08llx.ring.damaged", v->dir,
              (unsigned long long)epoch);
    if (!access (path, F_OK))
      continue; /* it is told of as that */
    found (v, "ring",
           "put the file back; or, if it is gone, with the host stopped: sqlite3 kgent.db \"DELETE "
           "FROM ring WHERE epoch = E; DELETE FROM process WHERE epoch = E\"",
           place (v, "rings/%08llx.ring", (unsigned long long)epoch),
           "it is missing: what waited in it is lost, unless its process has just ended");
  }
}

static void
name_check (struct verify *v, const char *name)
{
  if (name_ends (name, ".ring"))
    file_check (v, name);
  else if (name_ends (name, ".damaged"))
    found (v, "ring", "look at it by hand, then remove it", place (v, "rings/%s", name),
           "the host could not read it and put it aside: records in it are in no log");
}

void
verify_rings (struct verify *v)
{
  verify_folder (v, "rings", "ring", name_check);
  rows_check (v);
  files_missing (v);
}
