/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Rollups: what meters counted, by window, kept in the store.
 *
 * Bucket "usage.rollups" (cold): a row for each unit, meter, subject, window, group:
 *   key    UNIT/SLUG.GENERATION/SUBJECT/STAMP/HASH
 *   value  {"subject":"acme","group":["a/b","m"],"count":3,"sum":"12.5"}
 * with the members that the meter's aggregation needs: "sum"; "min", "max"; "latest",
 * "at", "sequence", "k".  Of UNIQUE_COUNT each value is a group of its own.
 *
 * Bucket "usage.meters" (cold), key "state": how far each meter's windows of each unit
 * are in the log, and how many events of the next record they have, too,
 *   {"tokens.0a1b2c3d":{"minute":[17,0],"hour":[17,0],"day":[12,0],"month":[12,0]},...}
 * and of one that is made anew "rebuild":{"step":"fill","from":29931459,"until":17}, too,
 * written together with the rows, on condition that nobody else did: so each event is
 * counted once, whoever dies or runs beside. */
#ifndef METERING_ROLLUP_H
#define METERING_ROLLUP_H

#include "plugins/metering-openmeter/fold.h"
#include "plugins/metering-openmeter/metering.h"

#include <pthread.h>

/* ---- rollup_row.c: rows of the store ------------------------------------------ */

#define ROW_SUBJECT_MAX 128 /* bytes of a key; a longer subject is named by its hash */

/* Writes "UNIT/SLUG.GENERATION/SUBJECT/" and `stamp` ("": all); returns its length. */
uint32_t row_prefix (enum unit unit, const struct meter *m, kg_str subject, const char *stamp,
                     char out[KG_KEY_MAX]);

/* The window of a key, a minute; -1 when it has none. */
int64_t row_start (kg_str key, enum unit unit);

/* The whole key of a cell. */
uint32_t row_key (const struct meter *m, const struct cell *c, char out[KG_KEY_MAX]);

/* Adds the row's text. */
void row_write (const struct meter *m, const struct cell *c, struct mt_text *t);

/* Reads a row: unit and meter are the caller's, texts lie in the value or in `text`,
 * which is for one row at a time.  0, or -EBADMSG. */
int32_t row_read (const struct kg_entry *e, struct record_read *read, struct mt_text *text,
                  struct cell *ret);

/* ---- rollup_state.c: how far the meters are ------------------------------------- */

struct rollup_at {
  uint64_t position; /* all records up to this one are counted ... */
  uint32_t skip;     /* ... and so many events of the next one */
};

/* A meter that is made anew, see rollup_rebuild.c. */
struct rollup_rebuild {
  enum { REBUILD_NONE, REBUILD_CLEAR, REBUILD_FILL } step;
  int64_t from;   /* minute: windows that began before stay */
  uint64_t until; /* up to this record, those have all */
};

struct rollup_state {
  uint64_t revision; /* KG_REV_NEW: not there yet */
  struct rollup_at at[METERS_MAX][UNITS];
  struct rollup_rebuild rebuild[METERS_MAX];
  struct mt_text others; /* members of meters that are not configured here */
};

/* Reads it from the store; not on a worker. */
int32_t rollup_state_load (struct rollup *r, struct rollup_state *ret);
void rollup_state_write (const struct rollup *r, const struct rollup_state *s,
                         struct mt_text *t);
void rollup_state_free (struct rollup_state *s);

static inline int32_t
rollup_at_cmp (const struct rollup_at *a, const struct rollup_at *b)
{
  if (a->position != b->position)
    return a->position < b->position ? -1 : 1;
  return (a->skip > b->skip) - (a->skip < b->skip);
}

/* ---- rollup_write.c: cells into the store --------------------------------------- */

/* Writes what cells of minutes are for these units (bit u of each meter), and the state:
 * 0, and `done` comes; or -errno, and it doesn't. */
int32_t rollup_write (struct rollup *r, const struct cells *minutes, const uint8_t *units,
                      const struct rollup_state *state,
                      void (*done) (const struct kg_outcome *outcome, void *arg));

/* Operations and the state in one write, whose outcome goes to `done`: as above. */
int32_t rollup_state_put (struct rollup *r, const struct kg_op *ops, uint32_t nops,
                          void (*done) (const struct kg_outcome *outcome, void *arg));

/* ---- rollup_turn.c: what to do next ----------------------------------------------- */

/* One reading of the log, whose cells are then written unit by unit. */
struct rollup_turn {
  uint8_t units[METERS_MAX]; /* bit u of each meter: what is still to be written */
  uint32_t cells[METERS_MAX]; /* how many there are of each meter */
  struct rollup_at from, to;
  int64_t floor[METERS_MAX]; /* windows that began before have these records already */
  uint64_t bound;            /* the last record that it may take */
  struct fold fold;
  int64_t began_ns;
  int64_t first_ns; /* when the first record that it took was recorded; 0: none */
};

/* Chooses and reads: 1, 0 when nothing is to be done, or -errno. */
int32_t rollup_turn_read (struct rollup *r, struct rollup_turn *t);

/* What is to be written next, in one write; 0 when there is nothing any more. */
int32_t rollup_turn_next (struct rollup_turn *t, uint8_t ret_units[METERS_MAX]);

/* ---- rollup_rebuild.c: meters anew ------------------------------------------------- */

#define REBUILD_REASON 160

/* What an operator is told of it. */
struct rebuild_report {
  int32_t known; /* one began, or went on, in this process */
  struct rollup_rebuild of;
  uint64_t position;
  char reason[REBUILD_REASON]; /* why windows before `of.from` stay as they are; "" */
};

/* The next step of it: 1 when a write is under way, 0 when there is none, or -errno. */
int32_t rollup_rebuild_step (struct rollup *r);

/* Ends it in the state if the meter is far enough. */
void rollup_rebuild_settle (struct rollup_state *s, uint32_t meter);

/* What was taken could not be written: it is asked for again. */
void rollup_rebuild_again (struct rollup *r);

/* ---- rollup_admin.c: its routes ------------------------------------------------------ */

/* [open] */
int32_t rollup_routes_open (struct rollup *r);

/* ---- rollup.c -------------------------------------------------------------------- */

struct rollup {
  struct mt *mt;
  struct meters meters;
  const struct rollup_conf *conf;
  kg_bucket *rows, *states;
  kg_cursor *cursor;
  kg_timer *timer;
  kg_metric *records, *lag_records, *lag_seconds, *lost, *queries;
  _Atomic int32_t reading; /* queries that want the rows to stay as they are */

  /* Only on the timer's thread. */
  struct rollup_state state; /* as written last, or as it will be */
  struct rollup_turn turn;
  int32_t loaded, under_way, turns, failing;
  int64_t next_ns; /* no turn before, so that others have the disk, too */
  int64_t put_off_ns; /* since when queries have put it off; 0: not */
  int32_t keep_known; /* how long rows were kept before was looked up ... */
  int32_t keep_due;   /* ... and is other than now: the next write says so */
  int32_t keep_grown; /* ... by the one with which the last meter begins anew */
  uint64_t taken;     /* meters whose rebuild the write that is busy begins */
  struct {
    enum unit unit;
    uint32_t len; /* of the key; 0: at the beginning */
    char key[KG_KEY_MAX];
  } removed; /* the last row that a rebuild removed: the next ones are behind it */
  int64_t unready_ns; /* when some were to be made anew, and none could begin */
  uint64_t least;     /* up to which record every meter has counted, on the disk */
  int64_t oldest_ns;  /* when the first one behind it was recorded; 0: not read yet */

  _Atomic int32_t stopped;

  pthread_mutex_t lock; /* of what follows */
  int32_t busy, arrived;
  uint64_t asked;     /* meters that are to be made anew ... */
  int64_t asked_from; /* ... from this minute on */
  struct rebuild_report report[METERS_MAX];
  struct kg_outcome outcome;         /* of the write that is busy, once it arrived */
  struct query *waiting, **last;     /* queries that wait for their turn */
  uint32_t waits, running;           /* how many do, and how many run */
  _Atomic int32_t refs; /* the plugin's, and a write's */
};

/* [open] Declares cursor, buckets, metrics and routes.  Refuses wrong meters, with the
 * reason in the log. */
int32_t rollup_open (struct mt *mt, const struct kg_list *meters,
                     const struct rollup_conf *conf, struct rollup **ret);
int32_t rollup_start (struct rollup *r);

/* Begins a write of these operations and the state: 0 or -errno. */
int32_t rollup_put (struct rollup *r, const struct kg_op *ops, uint32_t nops);

/* Nanoseconds since the epoch. */
int64_t rollup_now (void);
void rollup_stop (struct rollup *r);
void rollup_close (struct rollup *r);

/* ---- query.c ---------------------------------------------------------------------- */

/* [open] Declares the routes. */
int32_t query_open (struct rollup *r);

#endif
