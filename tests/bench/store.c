/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What the store costs: `store [EVENTS]` prints a small table.  Under callgrind,
 * `--toggle-collect=store_record` tells the instructions of a record. */
#include "tests/unit/store_host.h"

#include "core/util/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BYTES 300
#define THREADS 64

static struct test_store t;
static char dir[64];

static double
since (int64_t begin)
{
  return (double) (clock_mono () - begin) / 1e9;
}

static double
cpu_seconds (clockid_t clock)
{
  struct timespec ts;
  clock_gettime (clock, &ts);
  return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}

static void
begin (const char *commit)
{
  struct store_settings settings = { "sqlite", dir, commit, "bench", 4 << 20, 0 };
  test_dir (dir);
  if (test_create (&t, dir, commit) < 0)
    abort ();
  store_destroy (t.store);
  if (store_create (&t.host, &t.core, &settings, &t.store, t.error) < 0
      || store_service.log (&t.core, "usage", 0, 0, &t.usage) < 0
      || store_service.bucket (&t.core, "keys", &t.keys) < 0
      || store_start (t.store, 2, t.error) < 0)
    abort ();
}

static void
end (void)
{
  test_stop (&t);
  test_dir_remove (dir);
}

/* One worker that records as fast as it can, in process mode. */
static void
bench_process (long n)
{
  char data[BYTES];
  struct kg_req *req = req_create (0);
  double cpu;
  int64_t start;
  memset (data, 'x', sizeof data);
  begin ("process");
  start = clock_mono ();
  cpu = cpu_seconds (CLOCK_PROCESS_CPUTIME_ID);
  for (long i = 0; i < n; i++) {
    int32_t r = store_service.record (t.usage, req, data, sizeof data, NULL);
    if (r == KG_WAIT)
      req_wait (req);
    while (req->nmemory)
      free (req->memory[--req->nmemory]);
  }
  test_newest (&t, t.usage, (uint64_t) n);
  printf ("process  1 thread     %8.0f events/s   %5.2f us CPU per event\n",
          (double) n / since (start),
          (cpu_seconds (CLOCK_PROCESS_CPUTIME_ID) - cpu) * 1e6 / (double) n);
  req_destroy (req);
  end ();
}

static _Atomic long left;
static double waits[THREADS];

static void *
power_main (void *arg)
{
  intptr_t me = (intptr_t) arg;
  char data[BYTES];
  memset (data, 'x', sizeof data);
  while (left-- > 0) {
    int64_t start = clock_mono ();
    if (test_record (&t, 2, data, sizeof data, NULL) < 0)
      abort ();
    if (since (start) > waits[me])
      waits[me] = since (start);
  }
  return NULL;
}

static void
bench_power (long n, int threads)
{
  pthread_t ids[THREADS];
  double worst = 0;
  int64_t start;
  begin ("power");
  left = n;
  start = clock_mono ();
  for (intptr_t i = 0; i < threads; i++)
    pthread_create (&ids[i], NULL, power_main, (void *) i);
  for (int i = 0; i < threads; i++) {
    pthread_join (ids[i], NULL);
    if (waits[i] > worst)
      worst = waits[i];
    waits[i] = 0;
  }
  printf ("power   %2d threads    %8.0f events/s   %5.1f events per commit   longest %.1f ms\n",
          threads, (double) n / since (start), (double) n / (double) t.store->groups,
          worst * 1e3);
  end ();
}

static void
bench_get (long n)
{
  int64_t start;
  long found = 0;
  begin ("process");
  for (int i = 0; i < 1000; i++) {
    char key[16];
    snprintf (key, sizeof key, "key-%d", i);
    test_put (&t, key, "value", KG_REV_ANY, 0);
  }
  store_quiescent (t.store, 0);
  start = clock_mono ();
  for (long i = 0; i < n; i++) {
    struct kg_entry e;
    char key[16] = "key-000";
    key[4] = (char) ('0' + i % 9 + 1), key[5] = (char) ('0' + i / 9 % 10);
    found += store_service.get (t.keys, (kg_str){ key, 7 }, &e) == 0;
  }
  printf ("get      1 worker     %8.0f ns          (%ld found)\n",
          since (start) / (double) n * 1e9, found);
  store_worker_idle (t.store, 0);
  end ();
}

int
main (int argc, char **argv)
{
  long n = argc > 1 ? atol (argv[1]) : 500000;
  bench_process (n);
  bench_power (n / 20, 1);
  bench_power (n / 4, THREADS);
  bench_get (n * 4);
  return 0;
}
