/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* meter: where usage goes, and whether it arrived. */
#ifndef CTL_METER_H
#define CTL_METER_H

#include "ctl/ctl.h"

#define METER_STATUS "/admin/v1/meter/status"
#define METER_PARKED "/admin/v1/meter/parked"
#define METER_CURSORS "/admin/v1/meter/cursors"

#define METER_REBUILD "/admin/v1/meter/rebuild"

/* meter_rebuild.c */
extern const struct option rebuild_options[];
int meter_rebuild (const struct args *a);

/* meter_reconcile.c */
extern const struct option reconcile_options[];
int meter_reconcile (const struct args *a);

#endif
