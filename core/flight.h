/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Keys in flight: which Idempotency-Keys are being answered, by any process on the store.
 *
 * A table in memory that the processes share, so each of its words must make sense whoever
 * was killed in between, and none is a lock.  A key may lie in the places of one line only;
 * a place names its key and the process that has it. */
#ifndef CORE_FLIGHT_H
#define CORE_FLIGHT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#define FLIGHT_LINES  4096u /* a power of two */
#define FLIGHT_PLACES 8u    /* of a line */
#define FLIGHT_OWNERS 16u   /* processes at one time */

struct flight_place {
  _Atomic uint64_t word;  /* 60 bits of the key, 4 of its owner; 0: free */
  _Atomic uint64_t print; /* of its request; 0: not known (yet) */
};

#define FLIGHT_BYTES (FLIGHT_LINES * FLIGHT_PLACES * sizeof (struct flight_place))

struct flight {
  struct flight_place *place;
  uint32_t owner;                               /* this process */
  int32_t (*lives) (void *arg, uint32_t owner); /* whether a process does */
  void *arg;
  pthread_mutex_t lock; /* of this process's claims: no two of them for one key */
};

/* Takes FLIGHT_BYTES of shared memory over; what an earlier process of this number has left
 * there is free. */
void flight_init (struct flight *f, void *memory, uint32_t owner,
                  int32_t (*lives) (void *arg, uint32_t owner), void *arg);
void flight_finish (struct flight *f);

/* [any] Takes a place for a key, told by its hash: 0; -EALREADY when somebody has it,
 * -EEXIST when that is for a request of another print; -EAGAIN: no place is free. */
int32_t flight_claim (struct flight *f, uint64_t key, uint64_t print, struct flight_place **ret);

/* [any] Gives it back. */
void flight_release (struct flight_place *place);

#endif
