/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A composition: its steps, what each of them said, and where it stands. */
#ifndef AGENTESE_COMPOSE_H
#define AGENTESE_COMPOSE_H

#include "plugins/agentese/law.h"

#define AG_PASSES 2                                  /* when laws are checked by evaluation */
#define AG_LAW_STEPS_MAX (AG_STEPS_MAX / AG_PASSES) /* so many steps then */

struct ag_step {
  struct ag_call *call; /* of the first pass */
  kg_str path;          /* as given */
  kg_str result;        /* JSON text, of the first pass */
  int64_t took_ns;
  char span_id[17]; /* of the pass that runs */
};

struct ag_composition {
  struct ag_call whole; /* the observer; refuses what is no step's; holds the reservations */
  struct ag_cost cost;  /* of all steps and passes at most */
  struct ag_step step[AG_STEPS_MAX];
  uint32_t n;                     /* steps */
  int32_t list[AG_STEPS_MAX];     /* what was given: numbers of steps, and AG_ID */
  uint32_t listed;                /* of them */
  uint32_t order[AG_STEPS_MAX];   /* of the pass that runs */
  kg_str input;                   /* JSON text; { NULL, 0 }: none */
  uint32_t kwargs;                /* of the first step, in the body; 0: none */
  kg_str invoked;                 /* the path that was invoked; { NULL, 0 }: it was composed */
  int32_t emit;                   /* the answer lists the laws */
  int32_t law_check;              /* a step asks to check them by evaluation, */
  int32_t evaluate;               /* and all of them only look */
  uint32_t passes, pass;          /* from 0 */
  uint32_t at;                    /* how many steps of the pass have answered */
  int32_t answered;               /* the step that was begun has */
  int32_t driving;                /* the loop over the steps is on the stack */
  kg_str refused;                 /* why, if its price is asked only and it would be; a text */
  int32_t refused_status, reserved;
  kg_str value;                   /* what the next step gets */
};

/* ---- compose_body.c ---------------------------------------------------------- */

/* Reads the body, and lists the steps.  0, KG_DONE with a refusal, -ENOMEM. */
int32_t ag_compose_read (struct ag_composition *m);

/* Lists the steps of "a >> b >> c"; `member` is where it stands, for a refusal. */
int32_t ag_compose_split (struct ag_composition *m, kg_str pipeline, const char *member);

/* ---- compose_answer.c -------------------------------------------------------- */

/* [{"path","span_id","duration_ms","output_type"}...] of the steps that have answered;
 * { NULL, 0 } without memory. */
kg_str ag_compose_trace (struct ag_composition *m);

/* What was given, for a quote: "path":"a >> b" or "paths":[...]. */
kg_str ag_compose_subject (struct ag_composition *m);

/* Answers with the last result, or what is quoted. */
int32_t ag_compose_answer (struct ag_composition *m);

/* Refuses, since `law` does not hold: 422. */
int32_t ag_compose_unlawful (struct ag_composition *m, enum ag_law law, uint32_t step);

#endif
