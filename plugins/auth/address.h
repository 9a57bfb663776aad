/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Limits of a client address, before anybody asks who it is: requests per minute, and
 * in flight.
 *
 * A table of fixed size, of this process alone, without locks.  When it is full the
 * address that was idle longest makes room; while all of its neighbours have requests
 * in flight, a new one is let in uncounted. */
#ifndef AUTH_ADDRESS_H
#define AUTH_ADDRESS_H

#include "plugins/auth/limit.h"

#define ADDRESS_SETS 16384
#define ADDRESS_WAYS 4

struct address_conf {
  int64_t per_minute, concurrent; /* 0: unlimited */
};

struct address_slot {
  _Atomic uint64_t who; /* keyed hash of the address; 0: free */
  _Atomic uint64_t full_ns;
  _Atomic uint32_t concurrent;
};

/* Zeroed at first. */
struct addresses {
  struct address_slot slot[ADDRESS_SETS][ADDRESS_WAYS];
};

/* Takes one request of an address: 0, and *ret to be given back when it ends (NULL: it
 * was not counted); LIMIT_BIT (LIMIT_MINUTE or LIMIT_CONCURRENT) when it has none left,
 * and *ret_wait_s until it may try again. */
uint32_t address_take (struct addresses *a, const struct address_conf *conf, uint64_t who,
                       int64_t now_ns, struct address_slot **ret, int64_t *ret_wait_s);

/* Accepts NULL. */
void address_end (struct address_slot *slot);

#endif
