/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Where a browser may be sent after checkout and portal. */
#ifndef BILLING_REDIRECT_H
#define BILLING_REDIRECT_H

#include <stdint.h>

#define REDIRECT_MAX 2048 /* bytes of a URL */

/* Whether a URL begins as one of the list does, which ends in NULL: the same scheme,
 * host and port, and a path below. */
int32_t redirect_ok (const char *const *allowed, const char *url);

/* Whether a segment of its path is "..", in any spelling. */
int32_t redirect_climbs (const char *url);

/* Whether an entry of the list is one: http or https, and a whole host. */
int32_t redirect_entry_ok (const char *entry);

#endif
