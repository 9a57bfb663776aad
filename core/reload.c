/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Reload: a successor is started; when it serves, whoever served before
 * finishes; when it fails, nothing has changed. */
#include "core/daemon_state.h"
#include "core/log.h"
#include "core/notify.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void
successor_start (struct daemon *d)
{
  const struct listens *l = d->handed_over ? &d->heir : &d->listens;
  int32_t r;
  d->again = 0;
  notify_reloading (d->notify_fd);
  r = children_spawn (&d->children, d->program, d->options->argv, l);
  if (r >= 0)
    return;
  notify_send (d->notify_fd, "READY=1");
  daemon_log (d, KG_LOG_ERROR, "reload failed, nothing has changed: cannot start %s: %s",
              d->program, strerror (-r));
}

void
reload_asked (struct daemon *d)
{
  if (d->channel >= 0) {
    message_send (d->channel, MESSAGE_RELOAD, "", NULL);
    return;
  }
  if (d->signals || d->ending)
    return;
  if (children_find (&d->children, CHILD_STARTING))
    d->again = 1;
  else
    successor_start (d);
}

/* ---- What successors say ---------------------------------------------------------- */

/* Keeps the sockets that the successor serves, and removes the file of one whose
 * place has changed. */
static void
heir_adopt (struct daemon *d, const struct listens *l)
{
  struct listens *old = d->handed_over ? &d->heir : &d->listens;
  uint32_t i;
  for (i = 0; i < LISTENS; i++) {
    struct listening *s = &old->list[i];
    if (s->ours && !strncmp (s->address, "unix:", 5) && strcmp (s->address, l->list[i].address))
      unlink (s->address + 5);
    s->ours = 0;
  }
  listens_close (&d->heir);
  d->heir = *l;
  for (i = 0; i < LISTENS; i++)
    d->heir.list[i].ours = l->list[i].fd >= 0 && !l->list[i].manager;
}

static void
successor_serves (struct daemon *d, struct child *child, const struct listens *l)
{
  struct child *old = children_find (&d->children, CHILD_SERVING);
  heir_adopt (d, l);
  child->state = CHILD_SERVING;
  if (old) {
    message_send (old->channel, MESSAGE_QUIESCE, "", NULL);
    old->state = CHILD_LEAVING;
  }
  daemon_log (d, KG_LOG_INFO, "reloaded: process %d serves", (int) child->pid);
  if (d->state == STATE_SERVING || d->state == STATE_GRACE)
    drain_quiet (d);
  d->handed_over = 1;
  if (d->signals)
    message_send (child->channel, MESSAGE_TERMINATE, "", NULL);
  else
    notify_send (d->notify_fd, "READY=1\nSTATUS=Serving");
  if (d->again)
    successor_start (d);
}

static void
message_handle (struct daemon *d, struct child *child, const struct message *m,
                struct listens *l)
{
  switch (m->type) {
  case MESSAGE_OK:
    successor_serves (d, child, l);
    return;
  case MESSAGE_ERROR:
    snprintf (child->reason, sizeof child->reason, "%.*s", CHILD_REASON_MAX - 1, m->text);
    return;
  case MESSAGE_ALIVE:
    if (child->state == CHILD_SERVING)
      notify_send (d->notify_fd, "WATCHDOG=1");
    return;
  case MESSAGE_RELOAD:
    reload_asked (d);
    return;
  case MESSAGE_DRAIN:
    d->signals++;
    children_terminate (&d->children);
    drain_asked (d);
    return;
  default:
    return;
  }
}

void
reload_listen (struct daemon *d, const struct pollfd *fds, uint32_t n)
{
  struct message m;
  struct listens l;
  uint32_t i;
  for (i = 0; i < n; i++) {
    struct child *child = fds[i].revents ? children_of_channel (&d->children, fds[i].fd) : NULL;
    int32_t r = -1;
    while (child && (r = message_receive (child->channel, &m, &l)) > 0)
      message_handle (d, child, &m, &l);
    if (r == 0) {
      close (child->channel); /* its status comes with SIGCHLD */
      child->channel = -1;
    }
  }
}

/* ---- Ends --------------------------------------------------------------------------- */

static void
successor_failed (struct daemon *d, const struct child *child, int status)
{
  char text[32];
  if (d->signals)
    return; /* it was told to end */
  child_status_text (status, text, sizeof text);
  daemon_log (d, KG_LOG_ERROR, "reload failed, nothing has changed: %s%s(process %d: %s)",
              child->reason, *child->reason ? " " : "", (int) child->pid, text);
  notify_send (d->notify_fd, "READY=1\nSTATUS=Serving; the last reload failed");
  if (d->again && !d->ending)
    successor_start (d);
}

/* The process that served is gone: so is the service. */
static void
service_lost (struct daemon *d, const struct child *child, int status)
{
  char text[32];
  d->status = status;
  d->ending = 1;
  child_status_text (status, text, sizeof text);
  if (!d->signals)
    daemon_log (d, KG_LOG_ERROR, "the serving process %d ended by itself: %s", (int) child->pid,
                text);
  children_terminate (&d->children);
}

void
reload_reap (struct daemon *d)
{
  struct child child;
  char text[32];
  int status;
  while (children_reap (&d->children, &child, &status)) {
    if (child.channel >= 0)
      close (child.channel);
    if (child.state == CHILD_STARTING)
      successor_failed (d, &child, status);
    else if (child.state == CHILD_SERVING)
      service_lost (d, &child, status);
    else if (status) {
      child_status_text (status, text, sizeof text);
      daemon_log (d, KG_LOG_WARN, "process %d, which was draining, ended with %s",
                  (int) child.pid, text);
    }
  }
}
