/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Tickets: the right to continue a suspended request, used exactly once.
 *
 * ARMED -> CLAIMED by whoever holds it, or ARMED -> ENDED by the worker (deadline, client gone):
 * one atomic exchange decides. */
#ifndef CORE_TICKET_H
#define CORE_TICKET_H

#include "core/request.h"

kg_ticket *ticket_suspend (kg_req *req, void (*gone) (void *arg), void *arg);
void ticket_resume (kg_ticket *ticket, kg_fn *then, void *arg, void (*drop) (void *arg));

/* [worker] Ends the ticket of a request.  1: done, `gone` was called; 0: it was resumed just
 * before, and its continuation is on the way. */
int ticket_end (kg_req *req);

/* Frees a worker's slots; no plugin's code runs any more. */
void tickets_finish (struct worker *w);

#endif
