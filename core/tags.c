/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/tags.h"

#include <dirent.h>
#include <locale.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void
tags_abort (const struct kg_self *self, const char *function, const char *what)
{
  fprintf (stderr, "kgentd: %s called %s %s\n",
           self && self->magic == SELF_MAGIC ? self->name : "a plugin", function, what);
  abort ();
}

static unsigned
umask_read (void)
{
  mode_t m = umask (0);
  umask (m);
  return (unsigned)m;
}

/* How many threads the process has; 0 when /proc is not there. */
static unsigned
threads_count (void)
{
  DIR *d = opendir ("/proc/self/task");
  struct dirent *e;
  unsigned n = 0;
  if (!d)
    return 0;
  while ((e = readdir (d)))
    n += e->d_name[0] != '.';
  closedir (d);
  return n;
}

void
invariants_save (struct invariants *i)
{
  memset (i, 0, sizeof *i);
  snprintf (i->locale, sizeof i->locale, "%s", setlocale (LC_ALL, NULL));
  if (!getcwd (i->folder, sizeof i->folder))
    i->folder[0] = 0;
  i->mask = umask_read ();
  i->threads = threads_count ();
  sigaction (SIGPIPE, NULL, &i->pipe);
  pthread_sigmask (SIG_SETMASK, NULL, &i->blocked);
}

static int
masks_differ (const sigset_t *a, const sigset_t *b)
{
  for (int s = 1; s < NSIG; s++)
    if (sigismember (a, s) != sigismember (b, s))
      return 1;
  return 0;
}

const char *
invariants_check (const struct invariants *before, int threads)
{
  struct invariants now;
  invariants_save (&now);
  if (strcmp (now.locale, before->locale))
    return "it changed the locale";
  if (strcmp (now.folder, before->folder))
    return "it changed the working folder";
  if (now.mask != before->mask)
    return "it changed the umask";
  if (now.pipe.sa_handler != before->pipe.sa_handler)
    return "it changed what SIGPIPE does";
  if (masks_differ (&now.blocked, &before->blocked))
    return "it changed the mask of blocked signals";
  if (threads && now.threads > before->threads)
    return "it started a thread";
  return NULL;
}
