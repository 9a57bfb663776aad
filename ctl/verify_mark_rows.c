/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The tables of marks: rows of fresh ones, parts of runs, and rows of format 1.  A mark that
 * lies where nobody looks for it is as good as lost, so the part of each is checked, and that
 * the run's filter has it. */

#include "ctl/verify_store.h"

#include <inttypes.h>
#include <string.h>

#define HEAD 16 /* bytes of a mark in front of its key */
#define VALUE_MAX 64
#define PART_BITS 20
#define PARTS_MAX 65536
#define BLOCK 64 /* bytes of a filter's block */
#define BITS 7   /* of a mark in it */

static const char cure_row[]
    = "restore kgent.db from a copy; without one, events that these marks stood for would be "
      "taken once more if they were sent again";

/* A row of mark_run. */
struct run {
  int64_t id, parts, count, expires, crc;
  struct piece filter;
};

struct walk {
  struct verify *v;
  int tells;
  unsigned char key[16];
  void (*fn) (struct verify *, const struct verify_mark *);
  int64_t usage;       /* its log */
  const struct run *run; /* NULL: of none */
  int64_t part, count;
  char where[96];
};

static int
has_table (struct verify *v, const char *name)
{
  sqlite3_stmt *stmt = query (v, "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?");
  int r;
  sqlite3_bind_text (stmt, 1, name, -1, SQLITE_STATIC);
  r = query_row (v, stmt);
  if (r)
    sqlite3_finalize (stmt);
  return r;
}

/* Takes a mark off the bytes: 1; 0 at the end; -1: they are none. */
static int
take (struct piece *bytes, struct verify_mark *m)
{
  const char *p = bytes->p;
  size_t all;
  if (!bytes->n)
    return 0;
  if (bytes->n < HEAD)
    return -1;
  m->expires = (int64_t)verify_little (p, 8);
  m->log = (int64_t)verify_little (p + 8, 4);
  m->id = (struct piece){ p + HEAD, (size_t)verify_little (p + 12, 2) };
  m->value = (struct piece){ m->id.p + m->id.n, (size_t)verify_little (p + 14, 1) };
  all = HEAD + m->id.n + m->value.n;
  if (p[15] || !m->id.n || m->value.n > VALUE_MAX || all > bytes->n)
    return -1;
  *bytes = (struct piece){ p + all, bytes->n - all };
  return 1;
}

/* ---- Runs ------------------------------------------------------------------------------ */

/* As the description of the filter has it: a block by the lower half of the hash, in it a bit
 * for each 9 bits of the product. */
static int
filter_has (const struct run *run, uint64_t hash)
{
  uint64_t blocks = run->filter.n / BLOCK, x = (hash ^ hash >> 29) * 0x9e3779b97f4a7c15u;
  const char *block = run->filter.p + ((hash & 0xffffffffu) * blocks >> 32) * BLOCK;
  int i;
  for (i = 0; i < BITS; i++) {
    uint64_t bit = x >> 9 * i & 511;
    if (!(block[bit / 8] & 1 << bit % 8))
      return 0;
  }
  return 1;
}

static void
placed (struct walk *w, const struct verify_mark *m)
{
  uint64_t hash = verify_sip (w->key, m->id.p, m->id.n);
  int64_t part = (int64_t)((hash >> 32) * (uint64_t)w->run->parts >> 32);
  if (part != w->part)
    found (w->v, "mark", cure_row, w->where, "the mark %s is of part %lld: nobody finds it here",
           shown (m->id), (long long)part);
  if (!filter_has (w->run, hash))
    found (w->v, "mark", cure_row, w->where, "the filter of its run denies the mark %s",
           shown (m->id));
  if (!m->expires ? w->run->expires != INT64_MAX : m->expires > w->run->expires)
    found (w->v, "mark", cure_row, w->where, "the mark %s is over later than its run",
           shown (m->id));
}

static void
row_read (struct walk *w, int64_t crc, struct piece bytes)
{
  struct verify_mark m = { .where = w->where };
  int r = 1;
  if (verify_crc (0, bytes.p, bytes.n) != (uint32_t)crc) {
    if (w->tells)
      found (w->v, "mark", cure_row, w->where, "its checksum is wrong: its marks are forgotten");
    return;
  }
  while ((r = take (&bytes, &m)) == 1) {
    w->count++;
    if (w->tells && w->run)
      placed (w, &m);
    if (m.log == w->usage)
      w->fn (w->v, &m);
  }
  if (r < 0 && w->tells)
    found (w->v, "mark", cure_row, w->where, "its bytes are no marks");
}

static void
run_read (struct walk *w, const struct run *run)
{
  struct verify *v = w->v;
  sqlite3_stmt *stmt = query (v, "SELECT place, crc, data FROM mark_part WHERE place >> 20 = ?"
                                 " ORDER BY place");
  sqlite3_bind_int64 (stmt, 1, run->id);
  w->run = run;
  w->count = 0;
  while (query_row (v, stmt)) {
    int64_t row = sqlite3_column_int64 (stmt, 0);
    w->part = row & ((INT64_C (1) << PART_BITS) - 1);
    snprintf (w->where, sizeof w->where, "table mark_part, row %lld", (long long)row);
    row_read (w, sqlite3_column_int64 (stmt, 1), query_piece (stmt, 2));
  }
  w->run = NULL;
  /* One that is over loses its parts before its row. */
  if (w->tells && (run->expires > v->now_ns ? w->count != run->count : w->count > run->count))
    found (v, "mark", cure_row, place (v, "table mark_run, row %lld", (long long)run->id),
           "it says %lld marks, and its parts have %lld", (long long)run->count,
           (long long)w->count);
}

/* 0: it is not to be read. */
static int
run_check (struct verify *v, const struct run *run, int tells)
{
  const char *what = NULL;
  if (run->parts < 1 || run->parts > PARTS_MAX || run->parts & (run->parts - 1))
    what = "the number of its parts is no power of 2";
  else if (!run->filter.n || run->filter.n % BLOCK)
    what = "its filter is no number of blocks";
  if (what && tells)
    found (v, "mark", cure_row, place (v, "table mark_run, row %lld", (long long)run->id), "%s",
           what);
  if (!what && tells && verify_crc (0, run->filter.p, run->filter.n) != (uint32_t)run->crc)
    found (v, "mark", cure_row, place (v, "table mark_run, row %lld", (long long)run->id),
           "the checksum of its filter is wrong: every look-up reads the disk");
  return !what;
}

static void
runs_read (struct walk *w)
{
  sqlite3_stmt *stmt
      = query (w->v, "SELECT id, parts, count, expires_ns, crc, filter FROM mark_run");
  while (query_row (w->v, stmt)) {
    const struct run run = { sqlite3_column_int64 (stmt, 0), sqlite3_column_int64 (stmt, 1),
                             sqlite3_column_int64 (stmt, 2), sqlite3_column_int64 (stmt, 3),
                             sqlite3_column_int64 (stmt, 4), query_piece (stmt, 5) };
    if (run_check (w->v, &run, w->tells))
      run_read (w, &run);
  }
}

/* ---- Rows ------------------------------------------------------------------------------ */

static void
fresh_read (struct walk *w)
{
  sqlite3_stmt *stmt = query (w->v, "SELECT id, crc, data FROM mark_fresh ORDER BY id");
  while (query_row (w->v, stmt)) {
    snprintf (w->where, sizeof w->where, "table mark_fresh, row %lld",
              (long long)sqlite3_column_int64 (stmt, 0));
    row_read (w, sqlite3_column_int64 (stmt, 1), query_piece (stmt, 2));
  }
}

static void
old_read (struct walk *w)
{
  sqlite3_stmt *stmt = query (w->v, "SELECT id, value, expires_ns, log FROM mark");
  snprintf (w->where, sizeof w->where, "table mark");
  while (query_row (w->v, stmt)) {
    struct verify_mark m = { query_piece (stmt, 0), query_piece (stmt, 1),
                             sqlite3_column_int64 (stmt, 3), sqlite3_column_int64 (stmt, 2),
                             w->where };
    if (m.log == w->usage)
      w->fn (w->v, &m);
  }
}

/* The key of the hashes: 0 after a finding. */
static int
key_read (struct walk *w)
{
  sqlite3_stmt *stmt = query (w->v, "SELECT value FROM meta WHERE name = 'marks_key'");
  int good = 0;
  if (query_row (w->v, stmt)) {
    struct piece key = query_piece (stmt, 0);
    good = key.n == sizeof w->key;
    if (good)
      memcpy (w->key, key.p, sizeof w->key);
    sqlite3_finalize (stmt);
  }
  if (!good && w->tells)
    found (w->v, "mark", cure_copy, "table meta, marks_key",
           "it is no key of 16 bytes: no host starts with it");
  return good;
}

void
verify_mark_rows (struct verify *v, int tells,
                  void (*fn) (struct verify *, const struct verify_mark *))
{
  struct walk w = { .v = v, .tells = tells, .fn = fn, .usage = -1 };
  uint32_t l;
  for (l = 0; l < v->logs; l++)
    if (!strcmp (v->log[l].name, "usage"))
      w.usage = v->log[l].id;
  if (has_table (v, "mark_fresh") && key_read (&w)) {
    fresh_read (&w);
    runs_read (&w);
  }
  if (has_table (v, "mark"))
    old_read (&w);
}

/* The row that says which run is being written: "RUN PARTS NEXT COUNT". */
static void
made_check (struct verify *v)
{
  sqlite3_stmt *stmt = query (v, "SELECT value FROM meta WHERE name = 'marks_run'");
  while (query_row (v, stmt)) {
    struct piece text = query_piece (stmt, 0);
    int64_t n[4] = { 0 };
    char copy[96], rest;
    snprintf (copy, sizeof copy, "%.*s", (int)text.n, text.n ? text.p : "");
    if (sscanf (copy, "%" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 "%c", &n[0], &n[1], &n[2],
                &n[3], &rest) != 4
        || n[0] < 1 || n[1] < 1 || n[1] > PARTS_MAX || n[1] & (n[1] - 1) || n[2] < 0
        || n[2] > n[1] + 1)
      found (v, "mark", "start the host: it writes the run once more", "table meta, marks_run",
             "it says of no run how far it is written: %s", shown (text));
  }
}

/* Parts that no run has and none is going to have, and runs and rows of a time to come. */
void
verify_mark_runs (struct verify *v)
{
  sqlite3_stmt *stmt;
  if (!has_table (v, "mark_run"))
    return;
  made_check (v);
  stmt = query (v, "SELECT place FROM mark_part LEFT JOIN mark_run r ON r.id = place >> 20"
                   " WHERE (r.id IS NULL AND place >> 20 NOT IN"
                   " (SELECT CAST (value AS INTEGER) FROM meta WHERE name = 'marks_run'))"
                   " OR place & 1048575 >= r.parts LIMIT 20");
  while (query_row (v, stmt))
    found (v, "mark", cure_row,
           place (v, "table mark_part, row %lld", (long long)sqlite3_column_int64 (stmt, 0)),
           "no run has it: nobody looks into it");
  stmt = query (v, "SELECT r.id FROM mark_run r, meta m WHERE m.name = 'marks' AND r.id > m.value"
                   " UNION SELECT f.id FROM mark_fresh f, meta m"
                   " WHERE m.name = 'marks' AND f.id >> 32 > m.value"
                   " UNION SELECT CAST (n.value AS INTEGER) FROM meta n, meta m WHERE"
                   " n.name = 'marks_run' AND m.name = 'marks' AND CAST (n.value AS INTEGER) > m.value");
  while (query_row (v, stmt))
    found (v, "mark", cure_row,
           place (v, "tables of marks, row %lld", (long long)sqlite3_column_int64 (stmt, 0)),
           "it is newer than the row marks of table meta: another would get its number");
}
