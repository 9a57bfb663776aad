/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What the files of the command "billing" share. */
#ifndef CTL_BILLING_H
#define CTL_BILLING_H

#include "ctl/object.h"

#define BILLING_USAGE "/admin/v1/billing/usage"

/* billing.c: the place of the verb among `verbs`, or -1 after a message. */
int billing_verb (const struct args *a, const char *command, const char *const *verbs,
                  const char *all);

/* billing_usage.c, billing_days.c */
int billing_usage (const struct args *a);
extern const struct option billing_usage_options[];
int billing_days (const struct args *a);

/* billing_reconcile.c: the exit code of an answer, after a message for what is none: EXIT_FAILED
 * where it was not the host who refused. */
int billing_asked (const struct args *a, const char *method, const char *path,
                   const struct answer *answer);

/* billing_simulate.c */
int billing_simulate (const struct args *a);
extern const struct option billing_simulate_options[];

#endif
