/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/handover.h"
#include "core/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define VARIABLE "KGENT_HANDOVER"

/* ---- Messages ------------------------------------------------------------------ */

/* One line per socket, "index fd manager address\n", and the descriptors. */
static uint32_t
listens_write (const struct listens *l, char *out, size_t size, int fds[LISTENS])
{
  uint32_t i, n = 0;
  size_t len = strlen (out);
  for (i = 0; l && i < LISTENS && len < size; i++) {
    const struct listening *s = &l->list[i];
    if (s->fd < 0)
      continue;
    fds[n++] = s->fd;
    len += (size_t) snprintf (out + len, size - len, "%u %d %d %s\n", i, s->fd, s->manager,
                              s->address);
  }
  return n;
}

/* Reads such lines.  `fds` replaces the numbers when it is given.  -EINVAL. */
static int32_t
listens_read (const char *text, const int *fds, uint32_t nfds, struct listens *l)
{
  const char *end;
  uint32_t i, n = 0;
  int fd, manager, at;
  for (; *text; text = end + 1) {
    end = strchr (text, '\n');
    if (!end || sscanf (text, "%u %d %d %n", &i, &fd, &manager, &at) != 3 || i >= LISTENS
        || text + at > end || (size_t) (end - text - at) >= sizeof l->list[i].address
        || (fds && n >= nfds))
      return -EINVAL;
    l->list[i].fd = fds ? fds[n++] : fd;
    l->list[i].manager = manager;
    l->list[i].ours = 0;
    memcpy (l->list[i].address, text + at, (size_t) (end - text - at));
    l->list[i].address[end - text - at] = 0;
    fcntl (l->list[i].fd, F_SETFD, FD_CLOEXEC);
  }
  return 0;
}

union control {
  struct cmsghdr align;
  char room[CMSG_SPACE (sizeof (int) * LISTENS)];
};

static void
control_write (struct msghdr *h, union control *control, const int *fds, uint32_t n)
{
  struct cmsghdr *c;
  if (!n)
    return;
  memset (control, 0, sizeof *control);
  h->msg_control = control->room;
  h->msg_controllen = CMSG_SPACE (sizeof (int) * n);
  c = CMSG_FIRSTHDR (h);
  c->cmsg_level = SOL_SOCKET;
  c->cmsg_type = SCM_RIGHTS;
  c->cmsg_len = CMSG_LEN (sizeof (int) * n);
  memcpy (CMSG_DATA (c), fds, sizeof (int) * n);
}

static uint32_t
control_read (struct msghdr *h, int fds[LISTENS])
{
  struct cmsghdr *c = CMSG_FIRSTHDR (h);
  uint32_t n;
  if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
    return 0;
  n = (uint32_t) ((c->cmsg_len - CMSG_LEN (0)) / sizeof (int));
  memcpy (fds, CMSG_DATA (c), sizeof (int) * n);
  return n;
}

int32_t
message_send (int channel, char type, const char *text, const struct listens *l)
{
  struct message m = { .type = type };
  struct iovec iov = { &m, 0 };
  struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };
  union control control;
  int fds[LISTENS];
  uint32_t n;
  snprintf (m.text, sizeof m.text, "%s", text);
  n = listens_write (l, m.text, sizeof m.text, fds);
  iov.iov_len = 1 + strlen (m.text);
  control_write (&h, &control, fds, n);
  return sendmsg (channel, &h, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

int32_t
message_receive (int channel, struct message *ret, struct listens *l)
{
  struct iovec iov = { ret, sizeof *ret - 1 };
  union control control;
  struct msghdr h = { .msg_iov = &iov,
                      .msg_iovlen = 1,
                      .msg_control = control.room,
                      .msg_controllen = sizeof control.room };
  int fds[LISTENS] = { -1, -1, -1 };
  uint32_t n;
  ssize_t len;
  do
    len = recvmsg (channel, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  while (len < 0 && errno == EINTR);
  if (len < 0)
    return errno == EAGAIN ? -EAGAIN : 0;
  if (!len)
    return 0;
  ret->text[len - 1] = 0;
  n = control_read (&h, fds);
  listens_init (l);
  if (ret->type == MESSAGE_OK && !listens_read (ret->text, fds, n, l))
    return 1;
  listens_init (l);
  while (n)
    close (fds[--n]);
  return ret->type == MESSAGE_OK ? 0 : 1;
}

/* ---- Starting ---------------------------------------------------------------------- */

int32_t
handover_spawn (const char *program, char *const *argv, const struct listens *l, pid_t *ret_pid,
                int *ret_channel)
{
  char variable[MESSAGE_MAX];
  int pair[2], fds[LISTENS + 1];
  uint32_t n;
  int32_t r;
  if (socketpair (AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
    return -errno;
  snprintf (variable, sizeof variable, VARIABLE "=%d %d\n", (int) getpid (), pair[1]);
  n = listens_write (l, variable, sizeof variable, fds);
  fds[n++] = pair[1];
  r = spawn_program (program, argv, variable, fds, n, -1, ret_pid);
  close (pair[1]);
  if (r < 0)
    close (pair[0]);
  else
    *ret_channel = pair[0];
  return r;
}

int32_t
handover_inherit (struct listens *l, int *ret_channel)
{
  const char *text = getenv (VARIABLE), *lines = text ? strchr (text, '\n') : NULL;
  int pid, channel;
  int32_t r;
  if (!text)
    return 0;
  if (!lines || sscanf (text, "%d %d", &pid, &channel) != 2)
    return -EINVAL;
  prctl (PR_SET_PDEATHSIG, SIGKILL);
  if (getppid () != pid) /* it ended before the line above */
    return -ESRCH;
  r = listens_read (lines + 1, NULL, 0, l);
  fcntl (channel, F_SETFD, FD_CLOEXEC);
  unsetenv (VARIABLE);
  *ret_channel = channel;
  return r < 0 ? r : 1;
}
