/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What marks of ids at random cost, and how that grows with their number:
 * `marks [MILLIONS] [power|process] [FOLDER, which is kept
 * [MILLIONS that are in it]]` writes them in batches of 100, 16 at a time, and prints a
 * line for each million; then it starts the store again, and looks ids up.  FRESH=n is the
 * setting store.fresh_marks. */
#include "tests/unit/store_host.h"

#include "core/util/clock.h"

#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BATCH 100
#define AT_ONCE 16
#define KEY 49 /* bytes: as of a UUID behind a source */

static struct test_store t;
static char dir[64];
static sem_t room;

static uint64_t
mix (uint64_t x)
{
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
  x = (x ^ x >> 27) * 0x94d049bb133111ebu;
  return x ^ x >> 31;
}

static void
key_of (uint64_t i, char key[KEY + 1])
{
  snprintf (key, KEY + 1, "source-in-12b%016llx-%016llx--x", (unsigned long long) mix (i),
            (unsigned long long) mix (~i));
}

static void
written (const struct kg_outcome *o, void *arg)
{
  (void) arg;
  if (o->error)
    abort ();
  sem_post (&room);
}

static void
batch_write (uint64_t first)
{
  struct kg_op ops[BATCH];
  char key[BATCH][KEY + 1];
  for (int i = 0; i < BATCH; i++) {
    key_of (first + (uint64_t) i, key[i]);
    ops[i] = (struct kg_op){ .kind = KG_OP_MARK, .log = t.webhooks, .key = { key[i], KEY },
                             .value = { "12345678", 8 } };
  }
  sem_wait (&room);
  if (store_service.write (&t.core, ops, BATCH, sizeof *ops, written, NULL) < 0)
    abort ();
}

static double
cpu (void)
{
  struct timespec ts;
  clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &ts);
  return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}

static double
disk_mib (void)
{
  char path[128];
  struct stat st = { 0 };
  snprintf (path, sizeof path, "%s/kgent.db", dir);
  stat (path, &st);
  return (double) st.st_size / 1048576;
}

/* Of this process. */
static double
memory_mib (void)
{
  long pages = 0;
  FILE *f = fopen ("/proc/self/statm", "r");
  if (!f || fscanf (f, "%*d %ld", &pages) != 1)
    abort ();
  fclose (f);
  return (double) pages * 4096 / 1048576;
}

static void
million (uint64_t first)
{
  int64_t start = clock_mono ();
  double before = cpu ();
  for (uint64_t i = 0; i < 1000000; i += BATCH)
    batch_write (first + i);
  for (int i = 0; i < AT_ONCE; i++)
    sem_wait (&room);
  for (int i = 0; i < AT_ONCE; i++)
    sem_post (&room);
  printf ("%4llu million: %7.0f marks/s, %5.2f us of a processor for each; %6.0f MiB on the "
          "disk, %5.0f MiB of memory\n",
          (unsigned long long) (first / 1000000 + 1),
          1e6 / ((double) (clock_mono () - start) / 1e9), cpu () - before, disk_mib (),
          memory_mib ());
  fflush (stdout);
}

static void
seen (uint32_t i, kg_str value, void *arg)
{
  (void) i;
  (void) value;
  (void) arg;
}

/* Batches of which all, or none, are known. */
static void
look (uint64_t from, uint64_t step, const char *what)
{
  char key[BATCH][KEY + 1];
  kg_str ids[BATCH];
  double before = cpu ();
  int32_t n = 0;
  for (int k = 0; k < 100; k++) {
    for (int i = 0; i < BATCH; i++) {
      key_of (from + (uint64_t) (k * BATCH + i) * step, key[i]);
      ids[i] = (kg_str){ key[i], KEY };
    }
    n += store_service.marks (t.webhooks, ids, BATCH, seen, NULL);
  }
  printf ("looking up %s: %.1f us of a processor for each, %d of 10000 found\n", what,
          (cpu () - before) * 1e6 / 10000, n);
}

int
main (int argc, char **argv)
{
  uint64_t millions = argc > 1 ? strtoull (argv[1], NULL, 10) : 10;
  const char *commit = argc > 2 ? argv[2] : "power";
  int64_t start;
  if (argc > 3)
    snprintf (dir, sizeof dir, "%s", argv[3]);
  else
    test_dir (dir);
  if (getenv ("FRESH"))
    test_fresh_marks = atol (getenv ("FRESH"));
  sem_init (&room, 0, AT_ONCE);
  if (test_start (&t, dir, commit, 1) < 0)
    abort ();
  for (uint64_t i = argc > 4 ? strtoull (argv[4], NULL, 10) : 0; i < millions; i++)
    million (i * 1000000);
  test_stop (&t);
  start = clock_mono ();
  if (test_start (&t, dir, commit, 1) < 0)
    abort ();
  printf ("start: %.0f ms\n", (double) (clock_mono () - start) / 1e6);
  look (0, millions * 100, "those that are known");
  look (UINT64_C (1) << 40, 1, "those that are not");
  test_stop (&t);
  if (argc <= 3)
    test_dir_remove (dir);
  return 0;
}
