/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* verify: a reader of the store that knows its format from its description alone, and
 * shares no code with who writes it: SQLite tables, batches, rings, regions and records
 * (docs/design/0003-store.md), kept answers (0019), rollups (0021).
 *
 * Everything is read in one snapshot of the database, while a host runs or without one,
 * and nothing is written. */
#ifndef CTL_VERIFY_STORE_H
#define CTL_VERIFY_STORE_H

#include "ctl/ctl.h"
#include "ctl/verify_doc.h"
#include "ctl/verify_map.h"

#include <sqlite3.h>

#define LOGS_MAX 64u
#define DAY_NS (INT64_C (86400) * 1000000000)
#define REMEMBERED_NS (30 * DAY_NS) /* how long ids are, at least */
#define SEQUENCE_BITS 48

/* A log, and what its batches said so far. */
struct verify_log {
  int64_t id, newest, dedup_days, keep_days;
  char name[72];
  int64_t first, last; /* records that were read: 0 without */
  int64_t first_ns;    /* when the first one was recorded */
  int64_t last_ns;
};

/* A sink's tally, and what is counted of it. */
struct verify_sink {
  char name[64];
  int64_t after, skip, confirmed, dropped; /* as it says */
  int64_t events, parked;                  /* of the log, and entries */
};

#define VERIFY_SINKS 64

/* A record as it lies in a batch. */
struct verify_record {
  struct verify_log *log;
  int64_t sequence, time_ns;
  struct piece id, data;
};

struct verify_rollups;
struct verify_accounts;

struct verify {
  const char *dir;
  sqlite3 *db;
  json_object *findings;  /* [{"check","place","what","cure"}] */
  json_object *by_check;  /* how many of each */
  json_object *notes;     /* texts: what could not be looked at, and is no damage */
  int64_t damaged;        /* findings, shown or not */
  int unread;             /* the store could not be read: a message was printed */
  int64_t now_ns;
  int64_t replica_epoch;  /* number of the newest process */
  struct verify_log log[LOGS_MAX];
  uint32_t logs;
  struct map ids;      /* records and events: of the id, the record's place */
  struct map marks, marked; /* what marks say, and those whose event was found */
  struct verify_sink sink[VERIFY_SINKS];
  uint32_t sinks;
  struct map numbers;  /* receipts: of tenant and number */
  json_object *tenants; /* the highest number of each, up to `saved` */
  int64_t saved;        /* the place in the log up to which the region of receipts is */
  struct map cells;     /* what rollups must say */
  struct verify_rollups *rollups;
  struct verify_accounts *accounts;
  int64_t batches, records, events, entries, answers, rows, waiting; /* that were checked */
  char audit_hash[65];  /* of the audit record before */
  int64_t audit_seq;
  char place[512];
};

/* ---- verify_find.c ---------------------------------------------------------------- */

/* Writes a place into v->place and returns it. */
const char *place (struct verify *v, const char *fmt, ...)
    __attribute__ ((format (printf, 2, 3)));

/* Notes damage: which check, how to cure it, where it is, and what. */
void found (struct verify *v, const char *check, const char *cure, const char *where,
            const char *fmt, ...) __attribute__ ((format (printf, 5, 6)));

/* Notes what is no damage and should be known. */
void remarked (struct verify *v, const char *fmt, ...) __attribute__ ((format (printf, 2, 3)));

/* Bytes as a text that can be shown; of the last call but three. */
const char *shown (struct piece text);

extern const char cure_copy[], cure_batch[], cure_rollup[], cure_ring[], cure_report[];
extern const char cure_lost[]; /* the key of its row, in hexadecimal digits, and '" follow */

/* ---- verify_db.c ------------------------------------------------------------------- */

/* A statement; NULL after a finding. */
sqlite3_stmt *query (struct verify *v, const char *sql);

/* 1: there is a row; 0: no more, the statement is finished.  What SQLite cannot read is
 * a finding. */
int query_row (struct verify *v, sqlite3_stmt *stmt);

/* A column as bytes. */
struct piece query_piece (sqlite3_stmt *stmt, int column);

/* The log with this id, or NULL. */
const struct verify_log *log_find (const struct verify *v, int64_t id);

/* Opens a snapshot; 0, or -1: there is none, and it was told or found why. */
int verify_open (struct verify *v);
void verify_close (struct verify *v);

void verify_meta (struct verify *v);
void verify_logs (struct verify *v);    /* fills v->log */
void verify_cursors (struct verify *v); /* after the batches */
void verify_dedup (struct verify *v);
void verify_entries (struct verify *v); /* after the batches */

/* ---- The others ---------------------------------------------------------------------- */

void verify_batches (struct verify *v);                                   /* verify_log.c */
/* Notes that a record has an id: 0, or the record that had it less than 30 days before.  Ids may
 * be forgotten after that, and taken again. */
uint64_t verify_id_note (struct verify *v, struct hash id, const struct verify_record *record);
void verify_usage (struct verify *v, const struct verify_record *record); /* verify_usage.c */
void verify_audit (struct verify *v, const struct verify_record *record); /* verify_usage.c */

void verify_answer (struct verify *v, struct piece key, struct piece value, int64_t changed_ns,
                    int64_t expires_ns); /* verify_kept.c */

/* verify_sinks.c, verify_marks.c: `before` the log is read, then for each record or event,
 * and at the end. */
void verify_sinks_before (struct verify *v);
void verify_sinks_count (struct verify *v, int64_t sequence, int64_t events);
void verify_parked (struct verify *v, struct piece key, struct piece value);
void verify_sinks (struct verify *v);
void verify_marks_before (struct verify *v);
void verify_marks_event (struct verify *v, const struct verify_record *record,
                         struct piece tenant, struct piece event);
void verify_marks (struct verify *v);

/* verify_mark_rows.c: the tables of marks (docs/design/0033-marks.md). */
struct verify_mark {
  struct piece id, value;
  int64_t log, expires;
  const char *where; /* its row */
};
void verify_mark_runs (struct verify *v);

/* Calls fn for each mark of the log usage; `tells`: what is wrong with rows is a finding. */
void verify_mark_rows (struct verify *v, int tells,
                       void (*fn) (struct verify *v, const struct verify_mark *mark));

/* verify_accounts.c: in the same way, behind rollups_open. */
void verify_accounts_before (struct verify *v);
void verify_accounts_record (struct verify *v, const struct verify_record *record,
                             struct piece tenant, struct piece events);
void verify_accounts (struct verify *v);
void verify_accounts_free (struct verify *v);

/* verify_files.c: each name in a folder of the store; one that cannot be read is a finding of
 * the check. */
void verify_folder (struct verify *v, const char *folder, const char *check,
                    void (*each) (struct verify *v, const char *name));
int name_ends (const char *name, const char *end);

/* verify_rings.c and verify_regions.c: the files beside the database. */
void verify_rings (struct verify *v);
void verify_regions_before (struct verify *v); /* before the log is read */
void verify_regions (struct verify *v);

/* verify_rollup.c.  `config` is a file of kgentd, or NULL. */
int rollups_open (struct verify *v, const char *config);
void rollups_fold (struct verify *v, const struct verify_record *record, struct piece tenant,
                   int64_t time_ns, struct piece events);
void rollups_row (struct verify *v, struct piece key, struct piece value, int64_t expires_ns);
void rollups_end (struct verify *v);
void rollups_close (struct verify *v);

/* verify_crc.c: CRC32C by the bit-reflected polynomial of RFC 3720. */
uint32_t verify_crc (uint32_t crc, const void *p, size_t n);

/* A number of up to 8 bytes, the least significant first. */
uint64_t verify_little (const void *p, size_t n);

/* SipHash-2-4 under a key of 16 bytes. */
uint64_t verify_sip (const unsigned char key[16], const void *p, size_t n);

/* The first hexadecimal digits of the text's SHA-256, 64 at most, and a NUL. */
void verify_sha256 (struct piece text, size_t digits, char *out);

#endif
