/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What an agent says in an event stream (the HTML standard, section 9.2).
 *
 * An event without a name, or named "message", is a piece of the answer: its data is
 * text.  The data of "usage" is how many tokens were used so far.  "done" ends the answer, its data a JSON object {"tokens_used","result"} whose
 * members may be absent; "error" ends it, too, its data a sentence.  Other events are
 * skipped.  Not thread-safe. */
#ifndef AGENTESE_REMOTE_EVENTS_H
#define AGENTESE_REMOTE_EVENTS_H

#include <stddef.h>
#include <stdint.h>

/* Bytes that grow. */
struct ag_bytes {
  char *ptr;
  size_t len, cap;
};

/* 0, or -ENOMEM. */
int32_t ag_bytes_add (struct ag_bytes *b, const void *data, size_t len);

enum ag_events_end { AG_EVENTS_OPEN, AG_EVENTS_DONE, AG_EVENTS_ERROR };

struct ag_events {
  struct ag_bytes in;   /* as received; parsed up to `at` */
  struct ag_bytes data; /* of the event under way */
  struct ag_bytes text; /* of all pieces so far: whole characters of UTF-8 */
  struct ag_bytes last; /* data of the event that ended it */
  size_t at, seen;      /* there is no line end before `seen` */
  uint32_t started;     /* 1: a line was seen; before the first one may be a byte order mark */
  uint32_t has_data;    /* 1: the event under way has a data field */
  uint32_t tokens_said; /* 1: an event told: */
  int64_t tokens;
  enum ag_events_end end;

  /* NULL, or where each piece goes, too, as it comes; what it answers but 0 ends the
   * feeding, which answers the same. */
  int32_t (*piece) (const char *text, size_t len, void *arg);
  void *arg;

  char name[16]; /* of the event under way; a longer one is cut: nobody knows it */
};

/* Takes what arrived.  0; -EBADMSG for text that is no UTF-8 or holds a NUL, -ERANGE for a
 * usage that is no number; -ENOMEM. */
int32_t ag_events_feed (struct ag_events *e, const void *data, size_t len);

/* The stream has ended: a CR that came last was a line end.  As ag_events_feed. */
int32_t ag_events_close (struct ag_events *e);

void ag_events_finish (struct ag_events *e);

#endif
