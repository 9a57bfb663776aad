/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Reads a usage record: one pass over its text, strictly, without a tree.
 *
 * The text becomes a tape of tokens as <kgent/json.h> describes it, whose functions
 * walk it; the reader owns the tape and uses it again for the next record.
 *
 *   struct record_read r = { 0 };
 *   struct record_event e;
 *   if (!record_read (&r, record->data))
 *     while (record_next (&r, &e))
 *       ... kg_json_raw (&r.json, e.type), record_member (&r.json, e.data, "path") ...
 *   record_read_free (&r);
 *
 * Any number of readers on any threads; one of them is one thread's. */
#ifndef METERING_RECORD_READ_H
#define METERING_RECORD_READ_H

#ifndef KG_ABI_TARGET
#define KG_ABI_TARGET KG_ABI (1, 1)
#endif
#include <kgent/json.h>

#define RECORD_TEXT_MAX 1048576 /* bytes, a value of the store */
#define RECORD_DEPTH_MAX 32

/* A record taken apart.  Members are indices of tokens, 0 where there is none; what
 * isn't named here is for others. */
struct record_read {
  struct kg_json json;         /* the tape; its text is the caller's */
  struct kg_json_token *token; /* owned */
  uint32_t cap;                /* tokens that there is room for */
  uint32_t tenant;             /* STRING, not empty */
  uint32_t key, charge;        /* STRING, OBJECT */
  uint32_t events;             /* ARRAY */
  uint32_t at, k;              /* the next event and its number */
  int64_t time_ns;             /* since the epoch */
};

/* One event of a record. */
struct record_event {
  uint32_t k;           /* its place in the record, from 0 */
  uint32_t type;        /* STRING, not empty */
  uint32_t data;        /* OBJECT; of an event with an id any value, or 0 */
  uint32_t id, source;  /* STRING; 0: the host's own, named after the record */
  uint32_t subject;     /* STRING; 0: the record's tenant */
  uint32_t time;        /* STRING as it was sent; 0: the record's */
  uint32_t ext;         /* OBJECT, extension attributes */
  uint32_t corrects;    /* STRING, of ext: the event is a correction of that one */
  int64_t time_ns;      /* the event's own time, else the record's */
};

/* Reads a record: 0; -EBADMSG when it is no record, as a whole or in one of its
 * events; -ENOMEM.  `text` must stay while the reader is used. */
int32_t record_read (struct record_read *r, kg_str text);

/* The next event: 1, or 0 behind the last. */
int32_t record_next (struct record_read *r, struct record_event *ret);

void record_read_free (struct record_read *r);

/* Only the tape of any JSON text, with the same strictness. */
int32_t record_scan (struct record_read *r, kg_str text);

/* The value at a dotted path of members ("a.b.c"), or 0.  A member whose own name
 * is the rest of the path, dots included, comes first. */
uint32_t record_member (const struct kg_json *j, uint32_t object, kg_str path);

/* Whom the event is counted for: its subject, else the record's tenant. */
static inline uint32_t
record_subject (const struct record_read *r, const struct record_event *e)
{
  return e->subject ? e->subject : r->tenant;
}

/* A time of RFC 3339 in nanoseconds since the epoch, digits beyond those are cut:
 * 0, or -EINVAL for another text, or a time before 1970 or behind 2261. */
int32_t record_time (kg_str text, int64_t *ret_ns);

#endif
