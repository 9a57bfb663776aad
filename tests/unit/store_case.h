/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A store of its own for each case. */
#ifndef TESTS_UNIT_STORE_CASE_H
#define TESTS_UNIT_STORE_CASE_H

#include "store_host.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static char dir[64];
static struct test_store t;

static inline void
setup (void)
{
  test_dir (dir);
}

static inline void
teardown (void)
{
  if (t.store)
    ck_assert_int_eq (test_stop (&t), 0);
  test_dir_remove (dir);
}

static inline void
start (const char *commit)
{
  ck_assert_msg (test_start (&t, dir, commit, 2) == 0, "%s", t.error);
}

static inline void
sleep_ms (long ms)
{
  struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };
  nanosleep (&ts, NULL);
}

#endif
