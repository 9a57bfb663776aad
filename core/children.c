/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/children.h"
#include "core/util/clock.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct child *
children_find (struct children *c, int32_t state)
{
  uint32_t i;
  for (i = 0; i < CHILDREN_MAX; i++)
    if (c->list[i].pid && c->list[i].state == state)
      return &c->list[i];
  return NULL;
}

static struct child *
slot_find (struct children *c)
{
  uint32_t i;
  for (i = 0; i < CHILDREN_MAX; i++)
    if (!c->list[i].pid)
      return &c->list[i];
  return NULL;
}

int32_t
children_spawn (struct children *c, const char *program, char *const *argv,
                const struct listens *l)
{
  struct child *child = slot_find (c);
  int32_t r;
  if (!child || children_find (c, CHILD_STARTING))
    return -EBUSY;
  memset (child, 0, sizeof *child);
  r = handover_spawn (program, argv, l, &child->pid, &child->channel);
  if (r < 0) {
    child->pid = 0;
    return r;
  }
  child->state = CHILD_STARTING;
  child->deadline_ns = clock_mono () + CHILD_START_S * CLOCK_SECOND;
  c->count++;
  return 0;
}

void
children_tell (struct children *c, int32_t state, char type, const char *text)
{
  uint32_t i;
  for (i = 0; i < CHILDREN_MAX; i++)
    if (c->list[i].pid && c->list[i].channel >= 0 && (!state || c->list[i].state == state))
      message_send (c->list[i].channel, type, text, NULL);
}

void
children_terminate (struct children *c)
{
  struct child *starting = children_find (c, CHILD_STARTING);
  if (starting)
    kill (starting->pid, SIGTERM);
  children_tell (c, CHILD_SERVING, MESSAGE_TERMINATE, "");
  children_tell (c, CHILD_LEAVING, MESSAGE_TERMINATE, "");
}

uint32_t
children_poll (const struct children *c, struct pollfd fds[CHILDREN_MAX])
{
  uint32_t i, n = 0;
  for (i = 0; i < CHILDREN_MAX; i++)
    if (c->list[i].pid && c->list[i].channel >= 0)
      fds[n++] = (struct pollfd){ c->list[i].channel, POLLIN, 0 };
  return n;
}

struct child *
children_of_channel (struct children *c, int channel)
{
  uint32_t i;
  for (i = 0; i < CHILDREN_MAX; i++)
    if (c->list[i].pid && c->list[i].channel == channel)
      return &c->list[i];
  return NULL;
}

int32_t
children_reap (struct children *c, struct child *ret, int *ret_status)
{
  uint32_t i;
  int status;
  for (i = 0; i < CHILDREN_MAX; i++) {
    struct child *child = &c->list[i];
    if (!child->pid || waitpid (child->pid, &status, WNOHANG) != child->pid)
      continue;
    *ret = *child;
    *ret_status = WIFEXITED (status) ? WEXITSTATUS (status) : 128 + WTERMSIG (status);
    child->pid = 0;
    c->count--;
    return 1;
  }
  return 0;
}

void
children_overdue (struct children *c, int64_t now_ns)
{
  struct child *child = children_find (c, CHILD_STARTING);
  if (!child || now_ns < child->deadline_ns)
    return;
  snprintf (child->reason, sizeof child->reason, "it did not serve within %d s", CHILD_START_S);
  child->deadline_ns = INT64_MAX;
  kill (child->pid, SIGKILL);
}

void
child_status_text (int status, char *out, size_t size)
{
  if (status > 128)
    snprintf (out, size, "signal %d", status - 128);
  else
    snprintf (out, size, "exit status %d", status);
}
