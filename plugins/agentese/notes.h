/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The trace of a tenant: each invocation that ended, however it did.
 *
 * A worker only copies what there is to say into a ring of its own; once a second, or when
 * somebody asks, the rings are emptied into a text per tenant, and what is new is written to
 * the store in one group.  What a killed process had not written yet, about a second, is
 * lost, as is what comes faster than a ring is emptied; the latter is counted.
 *
 * Bucket "agentese.calls" (cold), key TENANT/number: chunks of lines, each an invocation as
 * JSON, oldest first.  Only the last chunk is ever written again. */
#ifndef AGENTESE_NOTES_H
#define AGENTESE_NOTES_H

#include "plugins/agentese/agentese.h"

int32_t ag_notes_open (struct ag *ag);
int32_t ag_notes_start (struct ag *ag);
void ag_notes_stop (struct ag *ag);
void ag_notes_close (struct ag *ag);

/* Collects the tenant's trace: `then` gets a JSON array, newest first, of objects
 *   {"at","path","observer","duration_ms","status","units","span_id","trace_id","phase"}
 * on the worker again.  KG_WAIT or a negative errno. */
int32_t ag_notes_load (struct ag_call *c,
                       int32_t (*then) (struct ag_call *c, const struct kg_json *trace, void *arg),
                       void *arg);

/* ---- notes_ring.c: from the workers ------------------------------------------------- */

struct ag_note {
  int64_t at_ns, took_ns, tokens;
  int32_t status;
  uint32_t reserved;
  kg_str tenant, path, observer, span_id, trace_id, phase; /* observer: JSON text */
};

struct ag_rings;

struct ag_rings *ag_rings_new (void);
void ag_rings_free (struct ag_rings *rings);

/* Copies a note into the worker's ring; 0, or -ENOBUFS, which is counted. */
int32_t ag_rings_put (struct ag_rings *rings, uint32_t worker, const struct ag_note *note);

/* Hands all notes to fn; one thread at a time. */
void ag_rings_drain (struct ag_rings *rings, void (*fn) (const struct ag_note *note, void *arg),
                     void *arg);

/* How many had no room since the last time. */
uint64_t ag_rings_lost (struct ag_rings *rings);

/* ---- notes_story.c: per tenant -------------------------------------------------------- */

/* What of a tenant's trace is in memory: its last chunk, and what isn't written yet. */
struct ag_story {
  struct ag_story *next;
  struct ag *ag;
  char *text;        /* lines, each with its end */
  size_t len, cap;
  uint32_t lines;
  size_t stored;     /* bytes of it that are in the store, in the chunk `number` */
  uint64_t number;   /* of the chunk that the text begins; 0: not known yet */
  uint64_t revision; /* of that chunk; KG_REV_NEW: it is not there yet */
  int64_t used_ns;   /* monotonic */

  /* A write under way: the committer says what came of it. */
  _Atomic int32_t writing; /* 1: under way; 2: over */
  int32_t error;
  uint64_t new_revision;
  size_t written; /* bytes of the text that it covers */
  uint32_t chunks; /* that it covers whole or in part */
  size_t begun;    /* where the last of them begins */
  uint32_t tenant_len;
  char tenant[];
};

/* Adds a line; beyond trace_max the oldest that aren't stored go.  0 or -ENOMEM. */
int32_t ag_story_add (struct ag_story *story, const struct ag_note *note);

/* Takes note of a write that is over, and begins the next one if there is something new. */
void ag_story_flush (struct ag_story *story, kg_bucket *bucket);

/* Writes what is new for the last time; nobody waits for what comes of it. */
void ag_story_end (struct ag_story *story, kg_bucket *bucket);

/* Lines of a chunk, and chunks of a tenant. */
uint32_t ag_story_lines (const struct ag *ag);
uint32_t ag_story_chunks (const struct ag *ag);

#endif
