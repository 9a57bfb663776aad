/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Batches, and the records in them. */

#include "ctl/verify_store.h"

#include <string.h>

#define FORMAT 1
#define RECORD_HEAD 16
#define ID_MAX 512
#define TAIL 25 /* bytes of "-EPOCH-RING-SEQUENCE" */
#define SEQUENCE_MASK ((INT64_C (1) << SEQUENCE_BITS) - 1)

/* A row of the table. */
struct batch_row {
  int64_t place, first, count, time_ns, format, crc;
  struct piece data;
};

static const char *
row_place (struct verify *v, const struct verify_log *l, const struct batch_row *b)
{
  return place (v, "log %s, batch %lld (records %lld to %lld)", l->name, (long long)b->place,
                (long long)b->first, (long long)(b->place & SEQUENCE_MASK));
}

/* ---- Records ------------------------------------------------------------------------------- */

/* Reads the record at *at and moves on: 0 when no whole one is there. */
static int
record_read (const struct batch_row *b, size_t *at, struct verify_record *r)
{
  const char *p = b->data.p + *at;
  size_t left = b->data.n - *at, bytes, id_bytes;
  if (left < RECORD_HEAD)
    return 0;
  bytes = verify_little (p, 4);
  id_bytes = verify_little (p + 4, 2);
  if (verify_little (p + 6, 2) || bytes + id_bytes > left - RECORD_HEAD)
    return 0;
  r->time_ns = (int64_t)verify_little (p + 8, 8);
  r->id = (struct piece){ p + RECORD_HEAD, id_bytes };
  r->data = (struct piece){ p + RECORD_HEAD + id_bytes, bytes };
  *at += RECORD_HEAD + id_bytes + bytes;
  return 1;
}

static struct hash
id_hash (const struct verify_log *l, struct piece id)
{
  struct hash h = { (uint64_t)l->id, 0 };
  return hash_add (h, id.p, id.n);
}

/* Of ids from rings, "REPLICA-EPOCH-RING-SEQUENCE" in hexadecimal digits, the highest number
 * of each ring. */
static void
ring_note (struct verify *v, struct piece id)
{
  const char *end = id.p + id.n;
  struct hash h = { 0, 3 };
  char text[32];
  unsigned epoch, ring;
  unsigned long long sequence;
  uint64_t *newest;
  int is_new;
  if (id.n < TAIL || end[-TAIL] != '-')
    return;
  memcpy (text, end - TAIL, TAIL);
  text[TAIL] = 0;
  if (sscanf (text, "-%8x-%2x-%12llx", &epoch, &ring, &sequence) != 3)
    return;
  h.a = epoch;
  newest = map_put (&v->ids, hash_add (h, &ring, sizeof ring), sequence, &is_new);
  if (sequence > *newest)
    *newest = sequence;
}

#define PLACE_BITS 48 /* of a record's number; its day is above */

uint64_t
verify_id_note (struct verify *v, struct hash id, const struct verify_record *r)
{
  uint64_t day = r->time_ns > 0 ? (uint64_t)(r->time_ns / DAY_NS) & 0xFFFF : 0, before;
  uint64_t now = day << PLACE_BITS | ((uint64_t)r->sequence & (UINT64_MAX >> (64 - PLACE_BITS)));
  int is_new;
  uint64_t *last = map_put (&v->ids, id, now, &is_new);
  if (is_new)
    return 0;
  before = *last;
  *last = now;
  return day >= (before >> PLACE_BITS) + REMEMBERED_NS / DAY_NS
             ? 0
             : before & (UINT64_MAX >> (64 - PLACE_BITS));
}

static void
record_check (struct verify *v, const struct verify_record *r)
{
  uint64_t other;
  v->records++;
  if (r->time_ns < 1 || r->time_ns > v->now_ns + DAY_NS)
    found (v, "record", cure_batch,
           place (v, "log %s, record %lld", r->log->name, (long long)r->sequence),
           "its time is %lld", (long long)r->time_ns);
  if (r->id.n) {
    other = verify_id_note (v, id_hash (r->log, r->id), r);
    if (other)
      found (v, "id", cure_report,
             place (v, "log %s, record %lld", r->log->name, (long long)r->sequence),
             "its id %s is that of record %llu, too: it would be charged twice", shown (r->id),
             (unsigned long long)other);
    ring_note (v, r->id);
  }
  if (!strcmp (r->log->name, "usage"))
    verify_usage (v, r);
  else if (!strcmp (r->log->name, "auth.audit"))
    verify_audit (v, r);
}

/* ---- A batch -------------------------------------------------------------------------------- */

/* Whether the blob is what the row says; a finding otherwise. */
static int
row_whole (struct verify *v, const struct verify_log *l, const struct batch_row *b)
{
  uint32_t crc = verify_crc (0, b->data.p, b->data.n);
  struct verify_record r;
  size_t at = 0;
  int64_t n = 0;
  if (b->format != FORMAT)
    found (v, "batch", cure_batch, row_place (v, l, b), "its format is %lld, not %d",
           (long long)b->format, FORMAT);
  else if (b->crc != (int64_t)crc)
    found (v, "batch", cure_batch, row_place (v, l, b),
           "the checksum of its bytes is %08x, not %08llx: they were changed", crc,
           (unsigned long long)b->crc);
  else {
    while (n < b->count && record_read (b, &at, &r))
      n++;
    if (n == b->count && at == b->data.n)
      return 1;
    found (v, "batch", cure_batch, row_place (v, l, b),
           "its bytes are not %lld records: %zu of %zu are %lld", (long long)b->count, at,
           b->data.n, (long long)n);
  }
  return 0;
}

/* Whether the row stands where it has to, behind the one before. */
static int
row_placed (struct verify *v, struct verify_log *l, const struct batch_row *b)
{
  int64_t last = b->place & SEQUENCE_MASK;
  if (b->first < 1 || b->count < 1 || b->first + b->count - 1 != last) {
    found (v, "batch", cure_batch, row_place (v, l, b),
           "it is said to have %lld records from %lld on, which is not its place",
           (long long)b->count, (long long)b->first);
    return 0;
  }
  if (l->last && b->first <= l->last) {
    found (v, "batch", cure_copy, row_place (v, l, b),
           "the batch before it ends with record %lld", (long long)l->last);
    return 0;
  }
  /* Old records go from the beginning on; between them only where clocks went back. */
  if (l->last && b->first != l->last + 1 && (!l->keep_days || l->last_ns <= b->time_ns))
    found (v, "gap", cure_batch,
           place (v, "log %s, records %lld to %lld", l->name, (long long)l->last + 1,
                  (long long)b->first - 1),
           "they are missing");
  if (!l->last && b->first > 1 && !l->keep_days)
    found (v, "gap", cure_batch, place (v, "log %s, records 1 to %lld", l->name,
                                        (long long)b->first - 1),
           "they are missing, and this log is kept for ever");
  return 1;
}

static void
row_records (struct verify *v, struct verify_log *l, const struct batch_row *b)
{
  struct verify_record r = { .log = l, .sequence = b->first - 1 };
  size_t at = 0;
  while (record_read (b, &at, &r)) {
    r.sequence++;
    if (r.id.n > ID_MAX)
      found (v, "record", cure_batch, row_place (v, l, b), "the id of record %lld has %zu bytes",
             (long long)r.sequence, r.id.n);
    if (!l->first) {
      l->first = r.sequence;
      l->first_ns = r.time_ns;
    }
    record_check (v, &r);
  }
  if (r.time_ns != b->time_ns)
    found (v, "batch", cure_batch, row_place (v, l, b),
           "its time is %lld, and its last record's %lld", (long long)b->time_ns,
           (long long)r.time_ns);
}

static void
row_check (struct verify *v, struct verify_log *l, const struct batch_row *b)
{
  int whole = row_whole (v, l, b);
  v->batches++;
  if (!row_placed (v, l, b))
    return;
  if (whole)
    row_records (v, l, b);
  l->first = l->first ? l->first : b->first;
  l->last = b->place & SEQUENCE_MASK;
  l->last_ns = b->time_ns;
}

/* ---- A log ---------------------------------------------------------------------------------- */

static void
end_check (struct verify *v, const struct verify_log *l)
{
  const char *where = place (v, "log %s", l->name);
  if (l->last > l->newest)
    found (v, "newest",
           "stop the host and set it right: sqlite3 kgent.db \"UPDATE log SET newest = N WHERE "
           "name = 'NAME'\" with the number of the last record",
           where, "its newest record is said to be %lld, and there is one %lld: it would be "
           "written over", (long long)l->newest, (long long)l->last);
  else if (l->last < l->newest && (l->last || !l->keep_days))
    found (v, "gap", cure_batch,
           place (v, "log %s, records %lld to %lld", l->name, (long long)l->last + 1,
                  (long long)l->newest),
           "they are missing at the end");
}

static void
log_check (struct verify *v, struct verify_log *l)
{
  sqlite3_stmt *stmt = query (v, "SELECT place, first, count, time_ns, format, crc, data"
                                 " FROM batch WHERE place > ?1 AND place <= ?2 ORDER BY place");
  int64_t base = (int64_t)((uint64_t)l->id << SEQUENCE_BITS);
  sqlite3_bind_int64 (stmt, 1, base);
  sqlite3_bind_int64 (stmt, 2, base | SEQUENCE_MASK);
  while (query_row (v, stmt)) {
    struct batch_row b = { sqlite3_column_int64 (stmt, 0), sqlite3_column_int64 (stmt, 1),
                           sqlite3_column_int64 (stmt, 2), sqlite3_column_int64 (stmt, 3),
                           sqlite3_column_int64 (stmt, 4), sqlite3_column_int64 (stmt, 5),
                           query_piece (stmt, 6) };
    row_check (v, l, &b);
  }
  end_check (v, l);
}

void
verify_batches (struct verify *v)
{
  sqlite3_stmt *stmt = query (v, "SELECT place FROM batch WHERE place >> 48 NOT IN"
                                 " (SELECT id FROM log)");
  uint32_t i;
  while (query_row (v, stmt)) {
    int64_t at = sqlite3_column_int64 (stmt, 0);
    found (v, "batch", cure_copy, place (v, "table batch, place %lld", (long long)at),
           "its log %lld doesn't exist", (long long)(at >> SEQUENCE_BITS));
  }
  for (i = 0; i < v->logs; i++)
    log_check (v, &v->log[i]);
}
