/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* An answer as an event stream, for a caller who asked for one.
 *
 * accept.c reads what the caller asks; stream.c passes pieces on as they come, and says the
 * last word once the usage is durable; stream_marks.c knows how far a client that left had
 * come. */
#ifndef AGENTESE_STREAM_H
#define AGENTESE_STREAM_H

#include "plugins/agentese/agentese.h"

/* How much a caller likes an event stream, compared with JSON. */
enum ag_events_wanted { AG_NO_EVENTS, AG_AS_SOON, AG_RATHER };

/* Of a field Accept; { NULL, 0 } without. */
enum ag_events_wanted ag_accept (kg_str field);

/* Whether the call is answered by events: who likes both gets them from an aspect that
 * streams. */
int32_t ag_stream_wanted (const struct ag_call *c);

/* Begins the stream, before the aspect runs: pieces go there.  0, or -ENOMEM. */
int32_t ag_stream_begin (struct ag_call *c);

/* The call ran: its answer is `body`, a JSON object, with `result` in it; both stay.  What it
 * costs is settled when it is over.  KG_DONE. */
int32_t ag_stream_answer (struct ag_call *c, kg_str body, kg_str result);

/* The same of an aspect that doesn't stream, and of a composition, which cost what they cost:
 * one event, which says all.  KG_DONE, or a negative errno. */
int32_t ag_stream_once (struct ag_call *c, kg_str body, kg_str result);

/* ---- How far it has come ------------------------------------------------------------- */

/* A place in the stream: what had been said when it was `end` bytes long. */
struct ag_mark {
  uint64_t end;
  size_t text;     /* bytes of text */
  uint32_t chunks;
  int64_t tokens;  /* the call's tokens_used at that time */
};

/* The places that the client may not have reached yet, oldest first. */
struct ag_marks {
  struct ag_mark *list;
  uint32_t first, count, room;
  struct ag_mark reached; /* the last one that it has */
};

/* Sees to it that one more can be added: 0, or -ENOMEM. */
int32_t ag_marks_reserve (struct ag_marks *m);
void ag_marks_add (struct ag_marks *m, const struct ag_mark *mark);

/* The client has so many bytes. */
void ag_marks_reach (struct ag_marks *m, uint64_t taken);

void ag_marks_finish (struct ag_marks *m);

#endif
