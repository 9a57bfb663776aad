/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Quiescent-state reclamation: one writer takes objects out of a structure that
 * many threads read without locks, and frees each once every reader has said
 * that it holds nothing of before.
 *
 * A reader is a slot.  It is idle (holds nothing, is not waited for) or online;
 * online it must say so again and again (epoch_quiescent), or nothing is ever
 * freed. */
#ifndef UTIL_EPOCH_H
#define UTIL_EPOCH_H

#include <stdatomic.h>
#include <stdint.h>

/* First member of everything that is retired; such objects come from malloc. */
struct epoch_item {
  struct epoch_item *next;
  uint64_t tag;
};

struct epoch_slot {
  _Alignas(64) _Atomic uint64_t seen; /* 0: idle */
};

struct epoch {
  _Alignas(64) _Atomic uint64_t now;
  struct epoch_slot *slots;
  uint32_t nslots;
  struct epoch_item *first, **last; /* retired, oldest first; the writer's */
};

/* 0 or -ENOMEM; all readers are idle at first. */
int epoch_init (struct epoch *e, uint32_t nslots);

/* Frees what is retired; no reader may be left. */
void epoch_finish (struct epoch *e);

/* The reader of this slot holds nothing from before, and is online. */
void epoch_quiescent (struct epoch *e, uint32_t slot);

/* The reader of this slot holds nothing, and will call epoch_quiescent before it
 * reads again. */
void epoch_idle (struct epoch *e, uint32_t slot);

/* The writer has unlinked this object; it will be freed. */
void epoch_retire (struct epoch *e, struct epoch_item *item);

/* Whether anything waits to be freed.  Writer only. */
int epoch_pending (const struct epoch *e);

/* Frees what no reader can hold; returns how many objects.  Writer only. */
uint32_t epoch_reclaim (struct epoch *e);

#endif
