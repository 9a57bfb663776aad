/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What daemon.c (the loop), drain.c (the end of this process's service) and
 * reload.c (its successors) share. */
#ifndef CORE_DAEMON_STATE_H
#define CORE_DAEMON_STATE_H

#include "core/boot.h"
#include "core/children.h"

#include <limits.h>
#include <stdint.h>

/* What this process does itself. */
#define STATE_SERVING 1
#define STATE_GRACE   2 /* told to end: serves on until load balancers know */
#define STATE_QUIET   3 /* accepts nothing, finishes what is under way */
#define STATE_GONE    4 /* all is freed: a first process with successors, or the end */

struct daemon {
  const struct options *options;
  char program[PATH_MAX];
  int signal_fd;
  int wake_fd;              /* of the admin routes */
  int notify_fd;            /* to the service manager; negative: none */
  int channel;              /* to the first process; -1: this is it */
  struct boot boot;
  struct listens listens;   /* that this process serves */
  struct listens heir;      /* that the serving successor serves */
  struct children children;
  int32_t state;
  int32_t handed_over;      /* 1: a successor serves, or served */
  int32_t refused;          /* 1: our own sockets are shut */
  int64_t deadline_ns;      /* of STATE_GRACE and STATE_QUIET, monotonic */
  uint32_t signals, told;   /* how often it was asked to end, by signal and message */
  int32_t again;            /* a reload was asked for while one is under way */
  int32_t ending;           /* the serving successor is gone: nothing is started any more */
  int32_t status;           /* for exit() */
  int64_t watchdog_ns;      /* when the service manager is told next; 0: never */
};

/* One line to the log that is in use: this process's, or its successor's. */
void daemon_log (struct daemon *d, int32_t level, const char *fmt, ...)
    __attribute__ ((format (printf, 3, 4)));

/* ---- drain.c ---- */

/* Asked to end: the first time drains, the second ends at once. */
void drain_asked (struct daemon *d);

/* A successor serves: finishes without the grace. */
void drain_quiet (struct daemon *d);

/* Moves on from state to state as time goes by. */
void drain_step (struct daemon *d, int64_t now_ns);

/* ---- reload.c ---- */

/* Asked to reload: starts a successor, or asks the first process for one. */
void reload_asked (struct daemon *d);

/* Takes what successors say; for the first process. */
void reload_listen (struct daemon *d, const struct pollfd *fds, uint32_t n);

/* Takes ended successors off. */
void reload_reap (struct daemon *d);

#endif
