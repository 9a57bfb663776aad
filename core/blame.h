/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Whose code a thread runs: so that a crash names the plugin, the route and the
 * request on its way down.
 *
 * Plugins share our memory: nothing is repaired, only attributed.  Thread-local
 * state is the price, as a signal handler has no other way to learn it. */
#ifndef CORE_BLAME_H
#define CORE_BLAME_H

#include "core/host.h"

#include <signal.h>
#include <stddef.h>

/* What the thread does.  All of it stays the caller's; NULL: nothing. */
struct blame {
  const struct kg_self *self;
  const char *doing;   /* the route's pattern, "open", "start" ... */
  const char *request; /* the request's id */
};

extern _Thread_local volatile struct blame blame_now;

/* Around each call of a plugin's code: a few stores.  `doing` is the matched
 * route's pattern or the callback's name; `request` must be kg_req.id, as the
 * checks of tags.h compare its address. */
static inline void
blame_set (const struct kg_self *self, const char *doing, const char *request)
{
  blame_now.doing = doing;
  blame_now.request = request;
  blame_now.self = self;
}

static inline void
blame_clear (void)
{
  blame_now.self = NULL;
}

/* Installs the handler of the signals that dump core: it writes one line to standard
 * error, takes out of the core file what may hold secrets, and lets the signal take its
 * default way.  Keeps a sanitizer's own handler behind it.  The second time does
 * nothing. */
void blame_install (void);

/* Gives the calling thread a stack of its own for that handler, so that a plugin
 * that used its stack up is named, too. */
void blame_thread (void);

/* What a thread of ours blocks: everything but those signals.  A fault in a thread
 * that blocks its signal ends the process without a word. */
void blame_mask (sigset_t *ret);

/* [main] From here to loading_end, plugins are being loaded and opened: more
 * than `seconds`, a call of exit, or a crash end the process with status 78 and
 * a line that names the plugin. */
void blame_loading_begin (unsigned seconds);
void blame_loading_end (void);

/* [main] What is loaded now, for that line: "etc/kgentd.conf:31: /x/auth.so";
 * copied. */
void blame_loading (const char *what);

/* [main] Whether a file's own code (its constructors) runs now. */
void blame_loading_now (int running);

#endif
