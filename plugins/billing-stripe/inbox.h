/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Events that cannot be processed. */
#ifndef BILLING_INBOX_H
#define BILLING_INBOX_H

#include "plugins/billing-stripe/engine.h"

/* Parks an event: {"id","sequence","tries","reason"} under its id in "billing.parked"; the
 * event itself stays where it is, in the log. */
void inbox_park (struct batch *batch, const struct kg_record *record, const char *why,
                 uint32_t tries);

#endif
