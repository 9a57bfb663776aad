/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What is wrong with a body: the member `errors` of a 422, and its summary. */
#ifndef AGENTESE_FINDINGS_H
#define AGENTESE_FINDINGS_H

#include "plugins/agentese/agentese.h"

#define AG_FINDINGS_MAX 16 /* that are listed; the first ones */

/* Where a value is: a chain from the inside out. */
struct ag_loc {
  const struct ag_loc *outer; /* NULL: the outermost */
  kg_str name;                /* of a member, as JSON text without quotes; { NULL, 0 }: an element */
  uint32_t index;             /* of an element */
};

struct ag_findings {
  struct kg_out list, summary;
  char list_text[4096], summary_text[512];
  uint32_t count; /* all of them, listed or not */
};

void ag_findings_init (struct ag_findings *f);

/* Adds a fault; `msg` is plain text. */
void ag_found (struct ag_findings *f, const struct ag_loc *loc, const char *type, const char *msg);

/* The observer of a body that is an object: what is wrong with it; and when nothing is, takes it.
 * 0, KG_DONE with a refusal, or -ENOMEM. */
void ag_observer_check (struct ag_call *c, struct ag_findings *f);
int32_t ag_observer_take (struct ag_call *c);

/* Refuses the call with all that was found. */
int32_t ag_findings_answer (struct ag_call *c, struct ag_findings *f, int32_t status);

#endif
