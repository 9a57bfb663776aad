/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Which tenants to look at when: a heap, the earliest first.  A tenant may be in it more
 * than once; to look once too often changes nothing. */
#ifndef BILLING_DUE_H
#define BILLING_DUE_H

#include <stdint.h>

struct due_item {
  int64_t at;   /* seconds since the epoch */
  char *tenant; /* owned */
};

/* All zero is an empty one. */
struct due {
  struct due_item *item;
  uint32_t count, cap;
};

/* 0 or -ENOMEM. */
int32_t due_add (struct due *d, int64_t at, const char *tenant);

/* Takes one whose time has come: the caller frees it; NULL: there is none. */
char *due_take (struct due *d, int64_t now);

void due_free (struct due *d);

#endif
