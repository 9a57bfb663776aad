/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What the files of the command "billing" share. */
#ifndef CTL_BILLING_H
#define CTL_BILLING_H

#include "ctl/object.h"

/* billing_simulate.c */
int billing_simulate (const struct args *a);
extern const struct option billing_simulate_options[];

#endif
