/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The pool of a tenant: entropy, which calls draw, and capital, which grants exceptions.
 *
 * It is kept as the node void.pool, whose history is what void.*.witness shows, and is
 * counted in millionths, so that any number of draws at once adds up exactly. */
#ifndef AGENTESE_VOID_H
#define AGENTESE_VOID_H

#include "plugins/agentese/builtin.h"

#define AG_MICRO 1000000
#define AG_ENTROPY_MAX (100 * (int64_t)AG_MICRO)
#define AG_CAPITAL_START (AG_MICRO / 2)
#define AG_CAPITAL_MAX AG_MICRO
#define AG_BYPASSES_MAX 32 /* tokens that hold at one time */
#define AG_BYPASS_SECONDS 60

/* All numbers are millionths. */
struct ag_pool {
  int64_t entropy, capital; /* that there is */
  int64_t drawn, returned;  /* entropy, since the beginning */
  kg_str bypasses;          /* JSON array of {"token","check","cost","until"} */
  kg_str woken;             /* JSON text of a time, or null */
};

/* The pool of the caller's tenant, a full one if it was never touched.  0, -ENOMEM, -EBADMSG. */
int32_t ag_pool_get (struct ag_call *c, struct ag_pool *ret);

/* One use of the pool, in the request's memory. */
struct ag_offering {
  struct ag_call *call;
  int64_t entropy, capital; /* taken; a negative one is given, as much as there is room for */

  /* What else is to be done to the pool, or NULL; runs again after a lost race.  0, or
   * KG_DONE when it refused. */
  int32_t (*step) (struct ag_offering *o, struct ag_pool *pool);
  ag_result *result;                     /* the answer; `arg` is the change, see state.h */
  int32_t (*next) (struct ag_call *c);   /* goes on instead of answering, or NULL */
  struct ag_pool after;
  int64_t gained; /* entropy that was given and had room */
  int32_t bypassed; /* 1: a token paid for the entropy */
  double seed;    /* 0..1, from the system's generator */
  uint64_t dice;  /* the same, as a number */
  kg_str text;    /* the aspect's own */
  kg_str token;
};

struct ag_offering *ag_offering_new (struct ag_call *c);

/* Takes and gives, durably, then answers.  KG_WAIT, KG_DONE or a negative errno. */
int32_t ag_offering_run (struct ag_offering *o);

/* What a change of ag_offering_run is about. */
const struct ag_offering *ag_offering_of (const void *change);

/* An argument in millionths, at least one. */
int64_t ag_micro_arg (const struct ag_call *c, const char *name, int64_t dflt);

/* Millionths as a number with one decimal at least. */
void ag_out_micro (struct kg_out *out, int64_t v);

/* As a member: ,"name":v; the comma is left out behind "{". */
void ag_out_micro_member (struct kg_out *out, const char *name, int64_t v);
void ag_out_seed (struct kg_out *out, double seed);

/* Draws for the clause `entropy`: ag->draw. */
int32_t ag_pool_draw (struct ag_call *c, double amount, int32_t (*next) (struct ag_call *c));

ag_run ag_void_witness; /* the pool's history */

/* void_capital.c */

/* Whether the request's Kgent-Bypass names a token that pays for so much entropy: its number
 * in the list from 1 on, else 0; -ENOMEM. */
int32_t ag_bypass_find (struct ag_call *c, const struct ag_pool *pool, int64_t entropy);

/* Takes that token out of the pool. */
int32_t ag_bypass_take (struct ag_call *c, struct ag_pool *pool, int32_t number);

ag_run ag_capital_balance, ag_capital_history, ag_capital_tithe, ag_capital_bypass;

/* void_chance.c: what is found, imagined and dreamt */
ag_run ag_serendipity_sip, ag_serendipity_inspire, ag_serendipity_tangent;
ag_run ag_pataphysics_solve, ag_pataphysics_melt, ag_pataphysics_verify, ag_pataphysics_imagine;
ag_run ag_metabolism_oblique, ag_metabolism_dream;

/* void_idle.c: what the host finds in the tenant's history */
ag_run ag_hypnagogia_status, ag_hypnagogia_wake, ag_hypnagogia_report, ag_hypnagogia_patterns;

#endif
