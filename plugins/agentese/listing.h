/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Everything that can be invoked, sorted by path; made anew after a registration. */
#ifndef AGENTESE_LISTING_H
#define AGENTESE_LISTING_H

#include "plugins/agentese/agentese.h"

/* An aspect that somebody runs.  In the path of an entry for all others of a context
 * "*" stands for the holon. */
struct ag_listed {
  const struct ag_entry *entry;
  const struct ag_slot *slot;
  kg_str path; /* ends in NUL */
};

struct ag_listing {
  struct ag_listing *older; /* kept until close: somebody may read it */
  uint64_t version;
  uint32_t count;
  struct ag_listed *items;
  char *texts;
};

/* The listing as of now; NULL without memory.  Any thread. */
const struct ag_listing *ag_listing_get (struct ag *ag);
void ag_listing_close (struct ag *ag);

/* Where the items begin whose paths come behind `after`. */
uint32_t ag_listing_after (const struct ag_listing *l, kg_str after);

/* discover.c: answers 200 with a JSON text and its entity tag, or 304 when the client has
 * it (RFC 9110, 13.1.2). */
int32_t ag_reply_tagged (struct ag_call *c, const struct kg_out *o);

#endif
