/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Keys are in the buffers of requests, in the configuration, in what libraries have
 * freed: on the heap there is no telling where.  So all memory that no file backs is
 * taken out of the core file when the process crashes, and not before, as the rest of the
 * crashed thread's stack is what a backtrace needs. */

#include "core/scrub.h"
#include "core/maps.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FRAMES   32768 /* bytes of the stack that stay */
#define RED_ZONE 128   /* below the pointer, and in use (System V ABI, x86-64) */

extern char **environ;

static int disabled = 1;

/* What stays. */
static uintptr_t keep_from, keep_to;

static uintptr_t
page (uintptr_t at)
{
  return at & ~(uintptr_t) (sysconf (_SC_PAGESIZE) - 1);
}

static void
leave_out (uintptr_t from, uintptr_t to)
{
  if (from < to)
    madvise ((void *) from, to - from, MADV_DONTDUMP);
}

static uintptr_t
clamp (uintptr_t at, uintptr_t from, uintptr_t to)
{
  return at < from ? from : at > to ? to : at;
}

/* Anonymous memory is left out, but for what follows a file at once: the variables of a program
 * or library, the loader's list of them among these, without which no debugger finds any
 * frame. */
static void
mapping_scrub (const struct mapping *m)
{
  static uintptr_t file_end;
  if (m->is_file)
    file_end = m->to;
  else if (!strncmp (m->flags, "rw", 2) && (m->from != file_end || *m->name == '[')) {
    leave_out (m->from, clamp (keep_from, m->from, m->to));
    leave_out (clamp (keep_to, m->from, m->to), m->to);
  }
}

void
scrub (const void *stack)
{
  uintptr_t at = (uintptr_t) stack;
  if (disabled)
    return;
  keep_from = page (at - RED_ZONE);
  keep_to = page (at + FRAMES);
  if (environ && environ[0] && at < (uintptr_t) environ[0] && (uintptr_t) environ[0] < keep_to)
    keep_to = page ((uintptr_t) environ[0]); /* of the main thread */
  if (!stack)
    keep_from = keep_to = 0;
  maps_each (mapping_scrub);
}

void
scrub_init (void)
{
#if !defined __SANITIZE_ADDRESS__ && !defined __SANITIZE_THREAD__
  const char *wanted = getenv ("KGENT_CORE");
  disabled = wanted && !strcmp (wanted, "full");
#endif
}
