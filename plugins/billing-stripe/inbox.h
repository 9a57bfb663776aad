/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Events that cannot be processed. */
#ifndef BILLING_INBOX_H
#define BILLING_INBOX_H

#include "plugins/billing-stripe/engine.h"

#define INBOX_STEP 100    /* events in one step of the cursor */
#define INBOX_NOTE "evt/" /* in "billing.objects", with an event's id behind it: its sequence */

/* Parks an event: {"id","sequence","tries","reason"} under its id in "billing.parked"; the
 * event itself stays where it is, in the log. */
void inbox_park (struct batch *batch, const struct kg_record *record, const char *why,
                 uint32_t tries);

/* What a step needed was read, or not (0): then it is tried again.  On a thread of the
 * pool. */
void inbox_go_on (struct billing *b, int32_t ready);

#endif
