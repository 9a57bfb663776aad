/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* One record of the log "usage", found by its id. */
#ifndef LEDGER_H
#define LEDGER_H

#include "plugins/metering-openmeter/metering.h"

#include <json-c/json.h>

/* Looks for it, first near the time of its request (seconds since the epoch) where that
 * is known (else -1), then, if it is to look so far, in the whole log: 0 and *ret; -ENOENT; -ETIMEDOUT after LEDGER_S; or another errno.
 * *ret is freed by json_object_put:
 *   {"id","sequence","time","tenant","key","units","money","requests","seq","events":[]}
 * with the types of the events, "key" and "seq" null where there is none.  Reads the
 * disk. */
int32_t ledger_find (struct mt *mt, kg_str id, int64_t time_s, int32_t whole,
                     struct json_object **ret);

#define LEDGER_S 40 /* seconds that a search may take */

#endif
