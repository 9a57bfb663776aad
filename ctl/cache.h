/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The list of paths of a host for a key, kept for a minute: completion asks at each press of
 * a key. */
#ifndef CTL_CACHE_H
#define CTL_CACHE_H

#include "ctl/agentese.h"

/* An array of items, perhaps empty, from the cache or the host; never NULL.  A host that
 * doesn't answer is not asked again for some seconds.  Tells of nothing. */
json_object *cache_listing (const struct args *a);

#endif
