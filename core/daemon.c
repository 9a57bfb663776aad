/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/daemon.h"
#include "core/daemon_state.h"
#include "core/blame.h"
#include "core/log.h"
#include "core/notify.h"
#include "core/util/clock.h"
#include "core/worker.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define QUIET_POLL_MS 10 /* how often open connections are counted */

void
daemon_log (struct daemon *d, int32_t level, const char *fmt, ...)
{
  char text[1024];
  va_list ap;
  va_start (ap, fmt);
  vsnprintf (text, sizeof text, fmt, ap);
  va_end (ap);
  if (d->state == STATE_GONE && children_find (&d->children, CHILD_SERVING)) {
    char line[1100];
    snprintf (line, sizeof line, "%d%s", level, text);
    children_tell (&d->children, CHILD_SERVING, MESSAGE_LOG, line);
    return;
  }
  log_write (level, "core", "%s", text);
}

/* ---- Events --------------------------------------------------------------------------- */

static void
asked_to_end (struct daemon *d)
{
  if (d->channel < 0)
    children_terminate (&d->children);
  drain_asked (d);
}

static void
signals_take (struct daemon *d)
{
  struct signalfd_siginfo info;
  while (read (d->signal_fd, &info, sizeof info) == sizeof info) {
    switch (info.ssi_signo) {
    case SIGHUP:
      reload_asked (d);
      break;
    case SIGCHLD:
      reload_reap (d);
      break;
    default:
      d->signals++;
      asked_to_end (d);
    }
  }
}

static void
requests_take (struct daemon *d)
{
  uint64_t n;
  uint32_t what = d->boot.control ? control_take (d->boot.control) : 0;
  (void) !read (d->wake_fd, &n, sizeof n);
  if (what & CONTROL_RELOAD)
    reload_asked (d);
  if (!(what & CONTROL_DRAIN))
    return;
  if (d->channel >= 0) {
    message_send (d->channel, MESSAGE_DRAIN, "", NULL);
    return;
  }
  d->signals++;
  asked_to_end (d);
}

/* What the first process tells its successor. */
static void
order_handle (struct daemon *d, const struct message *m)
{
  switch (m->type) {
  case MESSAGE_QUIESCE:
    drain_quiet (d);
    return;
  case MESSAGE_TERMINATE:
    d->told++;
    drain_asked (d);
    return;
  case MESSAGE_ALIVE:
    if (d->state < STATE_GONE && workers_alive (d->boot.workers))
      message_send (d->channel, MESSAGE_ALIVE, "", NULL);
    return;
  case MESSAGE_LOG:
    log_write (m->text[0] - '0', "core", "%s", m->text + 1);
    return;
  default:
    return;
  }
}

static void
orders_take (struct daemon *d)
{
  struct message m;
  struct listens l;
  while (message_receive (d->channel, &m, &l) > 0)
    order_handle (d, &m);
}

/* The service manager hears from us as long as the loops turn. */
static void
watchdog_step (struct daemon *d, int64_t now_ns)
{
  if (!d->watchdog_ns || now_ns < d->watchdog_ns)
    return;
  d->watchdog_ns = now_ns + (int64_t) notify_watchdog_ms () * CLOCK_MS;
  if (d->handed_over)
    children_tell (&d->children, CHILD_SERVING, MESSAGE_ALIVE, "");
  else if (d->state < STATE_GONE && workers_alive (d->boot.workers))
    notify_send (d->notify_fd, "WATCHDOG=1");
}

/* ---- The loop --------------------------------------------------------------------------- */

static int
wait_ms (struct daemon *d, int64_t now_ns)
{
  int64_t next = INT64_MAX;
  if (d->state == STATE_QUIET)
    return QUIET_POLL_MS;
  if (d->state == STATE_GRACE)
    next = d->deadline_ns;
  if (d->watchdog_ns && d->watchdog_ns < next)
    next = d->watchdog_ns;
  if (children_find (&d->children, CHILD_STARTING) && now_ns + CLOCK_SECOND < next)
    next = now_ns + CLOCK_SECOND;
  if (next == INT64_MAX)
    return -1;
  return next <= now_ns ? 0 : (int) ((next - now_ns) / CLOCK_MS) + 1;
}

static int
is_over (const struct daemon *d)
{
  return d->state == STATE_GONE && !d->children.count;
}

static void
loop (struct daemon *d)
{
  struct pollfd fds[3 + CHILDREN_MAX] = { { d->signal_fd, POLLIN, 0 },
                                          { d->wake_fd, POLLIN, 0 },
                                          { d->channel, POLLIN, 0 } };
  while (!is_over (d)) {
    uint32_t n = children_poll (&d->children, fds + 3);
    if (poll (fds, 3 + n, wait_ms (d, clock_mono ())) < 0)
      continue;
    reload_listen (d, fds + 3, n); /* last words come before the end */
    if (fds[0].revents)
      signals_take (d);
    if (fds[1].revents)
      requests_take (d);
    if (fds[2].revents)
      orders_take (d);
    drain_step (d, clock_mono ());
    children_overdue (&d->children, clock_mono ());
    watchdog_step (d, clock_mono ());
  }
}

/* ---- Start --------------------------------------------------------------------------------
 */

static void
limits_raise (void)
{
  struct rlimit r;
  if (getrlimit (RLIMIT_NOFILE, &r) || r.rlim_cur == r.rlim_max)
    return;
  r.rlim_cur = r.rlim_max;
  setrlimit (RLIMIT_NOFILE, &r);
}

/* Where this program's file is: for a successor, which may be a newer one. */
static void
program_find (struct daemon *d)
{
  static const char deleted[] = " (deleted)";
  ssize_t n = readlink ("/proc/self/exe", d->program, sizeof d->program - 1);
  size_t len = n > 0 ? (size_t) n : 0, tail = sizeof deleted - 1;
  d->program[len] = 0;
  if (!len)
    snprintf (d->program, sizeof d->program, "%s", d->options->argv[0]);
  else if (len > tail && !strcmp (d->program + len - tail, deleted))
    d->program[len - tail] = 0;
}

static int32_t
descriptors_make (struct daemon *d)
{
  sigset_t set;
  sigemptyset (&set);
  sigaddset (&set, SIGTERM);
  sigaddset (&set, SIGINT);
  sigaddset (&set, SIGHUP);
  sigaddset (&set, SIGCHLD);
  signal (SIGPIPE, SIG_IGN);
  signal (SIGCHLD, SIG_DFL); /* ignored, it would hide how a successor ended */
  if (sigprocmask (SIG_BLOCK, &set, NULL) < 0)
    return -errno;
  d->signal_fd = signalfd (-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  if (d->signal_fd < 0)
    return -errno;
  d->wake_fd = eventfd (0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (d->wake_fd < 0)
    return -errno;
  d->notify_fd = notify_open ();
  if (d->notify_fd == -EMFILE || d->notify_fd == -ENFILE)
    return d->notify_fd;
  if (d->notify_fd < -1)
    fprintf (stderr, "kgentd: NOTIFY_SOCKET: %s; the service manager hears nothing\n",
             strerror (-d->notify_fd));
  return 0;
}

/* Takes over sockets, from the process before or the service manager. */
static int32_t
sockets_take (struct daemon *d)
{
  int32_t r = handover_inherit (&d->listens, &d->channel);
  if (r < 0) {
    fprintf (stderr, "kgentd: KGENT_HANDOVER: %s; it is set by a running kgentd only\n",
             r == -ESRCH ? "the process that set it is gone" : "not understood");
    return EXIT_OS;
  }
  if (r > 0)
    return 0;
  r = listens_take (&d->listens, &d->boot.errors);
  return r < 0 ? EXIT_OS : 0;
}

static void
failure_tell (struct daemon *d)
{
  const struct errors *e = &d->boot.errors;
  errors_print (e, stderr, "kgentd");
  if (d->channel >= 0 && e->count)
    message_send (d->channel, MESSAGE_ERROR, e->text[0] ? e->text[0] : "out of memory", NULL);
}

static void
success_tell (struct daemon *d)
{
  char admin[LISTEN_ADDRESS_MAX];
  uint32_t i, interval = notify_watchdog_ms ();
  listens_actual (&d->listens.list[LISTEN_ADMIN], admin, sizeof admin);
  log_write (KG_LOG_INFO, "core", "kgentd %s serves at %s%s%s", options_version (),
             d->boot.listen, *admin ? ", admin at " : "", admin);
  if (d->channel >= 0) {
    message_send (d->channel, MESSAGE_OK, "", &d->listens);
    for (i = 0; i < LISTENS; i++)
      d->listens.list[i].ours = 0; /* the first process removes their files */
    return;
  }
  notify_send (d->notify_fd, "READY=1\nSTATUS=Serving");
  if (interval)
    d->watchdog_ns = clock_mono () + (int64_t) interval * CLOCK_MS;
}

static int32_t
start (struct daemon *d)
{
  int32_t r = sockets_take (d);
  if (!r)
    r = boot_configure (&d->boot);
  if (!r)
    r = boot_serve (&d->boot, &d->listens);
  if (!r) {
    d->state = STATE_SERVING;
    success_tell (d);
    return 0;
  }
  failure_tell (d);
  boot_down (&d->boot);
  return r;
}

int32_t
daemon_run (const struct options *options)
{
  struct daemon d
      = { .options = options, .channel = -1, .signal_fd = -1, .wake_fd = -1, .notify_fd = -1 };
  int32_t r;
  umask (077);
  limits_raise ();
  blame_install ();
  listens_init (&d.listens);
  listens_init (&d.heir);
  program_find (&d);
  r = descriptors_make (&d);
  if (r < 0) {
    fprintf (stderr, "kgentd: cannot begin: %s; see the limits of this user (ulimit -a)\n",
             strerror (-r));
    return EXIT_OS;
  }
  boot_init (&d.boot, options, d.program, d.wake_fd);
  r = start (&d);
  if (!r) {
    loop (&d);
    r = d.status;
  }
  listens_close (&d.listens);
  listens_close (&d.heir);
  close (d.signal_fd);
  close (d.wake_fd);
  if (d.notify_fd >= 0)
    close (d.notify_fd);
  if (d.channel >= 0)
    close (d.channel);
  return r == BOOT_INTERRUPTED ? 0 : r;
}
