/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Runs a fuzz target once over each file of its corpus, as an ordinary test:
 * tests/fuzz/corpus/NAME, where NAME is the program's. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

/* The whole file; NULL when it cannot be read. */
static uint8_t *
file_read (const char *path, size_t *ret_size)
{
  FILE *f = fopen (path, "rb");
  long size = f && !fseek (f, 0, SEEK_END) ? ftell (f) : -1;
  uint8_t *data = size >= 0 ? malloc ((size_t)size + !size) : NULL;
  if (data) {
    rewind (f);
    *ret_size = fread (data, 1, (size_t)size, f);
  }
  if (f)
    fclose (f);
  return data;
}

static int
input_run (const char *folder, const char *name, int number)
{
  char path[1024];
  size_t size = 0;
  uint8_t *data;
  snprintf (path, sizeof path, "%s/%s", folder, name);
  data = file_read (path, &size);
  if (data)
    LLVMFuzzerTestOneInput (data, size);
  printf ("%s %d - %s\n", data ? "ok" : "not ok", number, name);
  fflush (stdout);
  free (data);
  return data ? 0 : 1;
}

static int
visible (const struct dirent *entry)
{
  return entry->d_name[0] != '.';
}

int
main (int argc, char **argv)
{
  const char *top = getenv ("top_srcdir"), *slash = argc ? strrchr (argv[0], '/') : NULL;
  char folder[768];
  struct dirent **names;
  int n, i, failed = 0;
  snprintf (folder, sizeof folder, "%s/tests/fuzz/corpus/%s", top ? top : ".",
            slash ? slash + 1 : argv[0]);
  n = scandir (folder, &names, visible, alphasort);
  if (n <= 0) {
    printf ("Bail out! no corpus in %s\n", folder);
    return EXIT_FAILURE;
  }
  printf ("1..%d\n", n);
  for (i = 0; i < n; i++) {
    failed += input_run (folder, names[i]->d_name, i + 1);
    free (names[i]);
  }
  free (names);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
