/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Folders beside the database. */

#include "ctl/verify_store.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

int
name_ends (const char *name, const char *end)
{
  size_t n = strlen (name), m = strlen (end);
  return n > m && !strcmp (name + n - m, end);
}

void
verify_folder (struct verify *v, const char *folder, const char *check,
               void (*each) (struct verify *v, const char *name))
{
  char path[4096];
  struct dirent **list = NULL;
  int i, n;
  snprintf (path, sizeof path, "%s/%s", v->dir, folder);
  n = scandir (path, &list, NULL, alphasort);
  if (n < 0 && errno != ENOENT)
    found (v, check, "make it readable for this user", folder, "%s", strerror (errno));
  for (i = 0; i < n; i++) {
    each (v, list[i]->d_name);
    free (list[i]);
  }
  free (list);
}
