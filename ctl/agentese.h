/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* invoke, paths, affordances, trace: a client of the path language. */
#ifndef CTL_AGENTESE_H
#define CTL_AGENTESE_H

#include "ctl/client.h"

/* request.c: what `invoke` sends.  `ask` points into it. */
struct request {
  struct ask ask;
  struct path path;
  char *subject;         /* the path, "a >> b"; malloc'ed */
  char max_cost[24];
  char *idempotency_key; /* as a structured field (RFC 9651); malloc'ed */
  json_object *body;
};

/* 0, or the exit code after a message.  Always followed by request_finish. */
int request_make (const struct args *a, struct request *ret);
void request_finish (struct request *request);

/* stream.c: sends it, and shows the answer as it comes. */
int stream_run (const struct args *a, struct request *request);

/* invoke.c: notes what stands beside a result in an answer (tokens, a token to undo it), and
 * keeps its receipt, which may be "", in the file of --receipt. */
void answer_note (json_object *answer);
int receipt_keep (const struct args *a, const char *receipt);

/* price.c: what an item of the list of paths costs, in words. */
const char *price_text (json_object *price, char out[SHOW_MAX]);

/* listing.c: the list of what the key may invoke.  All items that begin with the prefix,
 * added to `items`; `archetype` may be NULL.  0, or the exit code after a message. */
int listing_read (const struct args *a, const char *prefix, const char *archetype,
                  json_object *items);

int invoke_run (const struct args *a);
int paths_run (const struct args *a);
int affordances_run (const struct args *a);
int trace_run (const struct args *a);

extern const struct option paths_options[], trace_options[];

#endif
