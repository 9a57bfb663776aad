/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What the files of agentese.so share: the plugin, and one call of it. */
#ifndef AGENTESE_H
#define AGENTESE_H

#ifndef KG_ABI_TARGET
#define KG_ABI_TARGET KG_ABI (1, 1)
#endif
#include <kgent/budget.h>
#include <kgent/calls.h>
#include <kgent/health.h>
#include <kgent/jobs.h>
#include <kgent/json.h>
#include <kgent/meter.h>
#include <kgent/metrics.h>
#include <kgent/plugin.h>
#include <kgent/store.h>

#include "plugins/agentese/registry.h"

#include <stdatomic.h>

#define AG_COST_MAX 1000000000 /* tokens, minor units: sums of some stay far from 2^63 */

struct ag_deferral;
struct ag_foreign;
struct ag_lanes;
struct ag_notes;
struct ag_quota;
struct ag_schedule;
struct ag_seen;
struct ag_turn;
