/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The successors of the first process, which stays their parent so that the
 * process id that a supervisor knows is that of the service. */
#ifndef CORE_CHILDREN_H
#define CORE_CHILDREN_H

#include "core/handover.h"

#include <poll.h>
#include <stdint.h>
#include <sys/types.h>

#define CHILDREN_MAX     48  /* one serves, one starts, others still drain */
#define CHILD_START_S    120 /* until it must serve */
#define CHILD_REASON_MAX 512

/* States of a child. */
#define CHILD_STARTING 1
#define CHILD_SERVING  2
#define CHILD_LEAVING  3 /* another one serves */

struct child {
  pid_t pid; /* 0: no child */
  int channel;
  int32_t state;
  int64_t deadline_ns;           /* of CHILD_STARTING, monotonic */
  char reason[CHILD_REASON_MAX]; /* what it said about its failure */
};

struct children {
  struct child list[CHILDREN_MAX];
  uint32_t count;
};

/* Starts a successor.  -EBUSY when one starts already or too many are there. */
int32_t children_spawn (struct children *c, const char *program, char *const *argv,
                        const struct listens *l);

/* The one in a state, or NULL. */
struct child *children_find (struct children *c, int32_t state);

/* Sends a message to all in a state; 0: all. */
void children_tell (struct children *c, int32_t state, char type, const char *text);

/* SIGTERM has come: those that serve and leave are told, those that start are
 * signalled. */
void children_terminate (struct children *c);

/* Fills `fds` with their channels; returns how many.  No more than there are:
 * poll(2) refuses more entries than descriptors are allowed. */
uint32_t children_poll (const struct children *c, struct pollfd fds[CHILDREN_MAX]);

/* The one at the other end of a channel, or NULL. */
struct child *children_of_channel (struct children *c, int channel);

/* Takes one ended child off the list, with its last words and its status for
 * exit(); 0 when none has ended. */
int32_t children_reap (struct children *c, struct child *ret, int *ret_status);

/* Kills those that should have begun to serve by now. */
void children_overdue (struct children *c, int64_t now_ns);

/* "exit status 78" or "signal 11", of a status from children_reap. */
void child_status_text (int status, char *out, size_t size);

#endif
