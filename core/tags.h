/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The rules of <kgent/plugin.h> about who may call what when, at the head of
 * each host function; and what a plugin must leave as it was.
 *
 * Builds with --enable-debug abort with the function's name.  Others refuse what
 * they can see: [open] functions outside of open with -EPERM, all others after
 * stop with -ESHUTDOWN. */
#ifndef CORE_TAGS_H
#define CORE_TAGS_H

#include "core/blame.h"
#include "core/host.h"

#include <errno.h>
#include <signal.h>

/* Ends the process: "kgentd: NAME called FUNCTION WHAT". */
_Noreturn void tags_abort (const struct kg_self *self, const char *function, const char *what);

#ifdef KG_DEBUG
#define TAG_SELF(self, function)                                                                \
  do {                                                                                          \
    if (!(self) || (self)->magic != SELF_MAGIC)                                                 \
      tags_abort (NULL, function, "with something that is not its kg_self");                    \
  } while (0)
#define TAG_REFUSE(self, function, what, error) tags_abort (self, function, what)
#else
#define TAG_SELF(self, function) ((void)0)
#define TAG_REFUSE(self, function, what, error) return error
#endif

/* [open]: the calling function returns -EPERM elsewhere. */
#define TAG_OPEN(caller, function)                                                              \
  do {                                                                                          \
    TAG_SELF (caller, function);                                                                \
    if (!(caller)->opening || ((caller)->index && blame_now.self != (caller)))                  \
      TAG_REFUSE (caller, function, "outside of its open", -EPERM);                             \
  } while (0)

/* [open], and while plugins start, of whomever: only then nobody reads yet what is
 * declared. */
#define TAG_DECLARE(caller, function)                                                           \
  do {                                                                                          \
    TAG_SELF (caller, function);                                                                \
    if (!(caller)->host->starting)                                                              \
      TAG_OPEN (caller, function);                                                              \
  } while (0)

/* [any]: the calling function returns -ESHUTDOWN after stop. */
#define TAG_ANY(caller, function)                                                               \
  do {                                                                                          \
    TAG_SELF (caller, function);                                                                \
    if (__atomic_load_n (&(caller)->stopped, __ATOMIC_RELAXED))                                 \
      return -ESHUTDOWN;                                                                        \
  } while (0)

/* [worker]: debug builds abort unless this thread runs a hook of this very
 * request.  Needs core/request.h. */
#ifdef KG_DEBUG
#define TAG_WORKER(req, function)                                                               \
  do {                                                                                          \
    if (!(req) || (req)->magic != REQUEST_MAGIC)                                                \
      tags_abort ((const struct kg_self *)blame_now.self, function, "with something that is "   \
                                                                    "not a live request");      \
    if (!blame_now.self || blame_now.request != (req)->id)                                      \
      tags_abort ((const struct kg_self *)blame_now.self, function, "on a thread that does "    \
                                                                    "not run a hook of it");    \
  } while (0)
#else
#define TAG_WORKER(req, function) ((void)0)
#endif

/* What belongs to the whole process, and no plugin may change. */
struct invariants {
  char locale[128], folder[1024];
  unsigned mask; /* umask */
  unsigned threads;
  struct sigaction pipe;
  sigset_t blocked;
};

void invariants_save (struct invariants *i);

/* What differs from `before`, "it changed the locale", or NULL.  `threads` 1: a
 * new thread counts, too. */
const char *invariants_check (const struct invariants *before, int threads);

#endif
