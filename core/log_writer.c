/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The thread sleeps in poll while nothing happens; under load it looks at the
 * rings every other millisecond, so that producers need no system call.
 *
 * The output may block for ever (a stopped terminal, a full pipe) and belongs to
 * other processes too, so that O_NONBLOCK must not be set on it.  Pipes and
 * terminals are therefore written in pieces that poll has promised room for,
 * sockets with MSG_DONTWAIT. */

#include "core/log_writer.h"
#include "core/log_ring.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define BATCH 65536u
#define PIECE 4096u /* a pipe that is writable takes a page */
#define TICK_NS 2000000l
#define STOP_NS (2 * CLOCK_SECOND)
#define RETRY_MS 200

/* Part of the logger, the core's only global. */
static struct {
  pthread_t thread;
  int fd, close_fd, wake_fd;
  int is_socket, is_file;
  _Atomic int sleeping, stopping;
  int64_t stop_at; /* monotonic; written before `stopping` */
  size_t (*notice) (char *out, uint64_t dropped);
  uint64_t told; /* dropped lines that a notice has told of */
  _Atomic uint64_t lost;
  size_t len; /* bytes in `batch` */
  char batch[BATCH];
} writer = { .wake_fd = -1 };

/* A clock that tests do not stop. */
static int64_t
now (void)
{
  struct timespec t;
  clock_gettime (CLOCK_MONOTONIC, &t);
  return (int64_t) t.tv_sec * CLOCK_SECOND + t.tv_nsec;
}

static ssize_t
output_write (const char *p, size_t len)
{
  if (writer.is_socket)
    return send (writer.fd, p, len, MSG_DONTWAIT | MSG_NOSIGNAL);
  return write (writer.fd, p, writer.is_file || len < PIECE ? len : PIECE);
}

static void
wake_clear (void)
{
  uint64_t count;
  if (read (writer.wake_fd, &count, sizeof count) < 0)
    return; /* EAGAIN: nobody woke us */
}

#define GIVE_UP -1

/* Waits until the output may take more (1), for RETRY_MS after an `error` (1), or
 * for the news that it is time to stop (0).  GIVE_UP when that time is over. */
static int
output_wait (int error)
{
  struct pollfd fds[2] = { { .fd = error ? -1 : writer.fd, .events = POLLOUT },
                           { .fd = writer.wake_fd, .events = POLLIN } };
  int stopping = atomic_load (&writer.stopping);
  int64_t left = stopping ? (writer.stop_at - now ()) / CLOCK_MS : -1;
  if (stopping && left <= 0)
    return GIVE_UP;
  if (error && (left < 0 || left > RETRY_MS))
    left = RETRY_MS;
  /* Once stopping, the eventfd stays readable: look at the output alone. */
  poll (fds, stopping ? 1 : 2, (int) left);
  if (fds[1].revents && !atomic_load (&writer.stopping))
    wake_clear (); /* a wake-up that came late */
  return error || fds[0].revents != 0;
}

static uint64_t
count_lines (const char *p, size_t len)
{
  uint64_t n = 0;
  while (len--)
    n += *p++ == '\n';
  return n;
}

/* Writes some of the batch; returns how much, or -errno. */
static ssize_t
batch_piece (size_t done)
{
  ssize_t n = output_write (writer.batch + done, writer.len - done);
  return n >= 0 ? n : errno == EINTR || errno == EAGAIN ? 0 : -errno;
}

static void
batch_write (void)
{
  size_t done = 0;
  ssize_t n = 0;
  int ready;
  while (done < writer.len) {
    ready = n < 0 || !writer.is_file ? output_wait (n < 0) : 1;
    if (ready == GIVE_UP) {
      atomic_fetch_add (&writer.lost, count_lines (writer.batch + done, writer.len - done));
      break;
    }
    if (ready)
      n = batch_piece (done);
    else if (n > 0)
      n = 0;
    if (n > 0)
      done += (size_t) n;
  }
  writer.len = 0;
}

static int
rings_drain (void)
{
  struct log_ring *r;
  size_t left, n, room;
  uint32_t i;
  int found = 0;
  for (i = 0; (r = log_ring_at (i)); i++)
    for (left = log_ring_pending (r); left; left -= n) {
      room = BATCH - writer.len;
      n = log_ring_take (r, writer.batch + writer.len, left < room ? left : room);
      writer.len += n;
      found = 1;
      if (writer.len == BATCH)
        batch_write ();
    }
  return found;
}

static void
notice_dropped (void)
{
  uint64_t dropped = log_ring_dropped ();
  if (dropped == writer.told)
    return;
  if (writer.len + 512 > BATCH)
    batch_write ();
  writer.len += writer.notice (writer.batch + writer.len, dropped - writer.told);
  writer.told = dropped;
}

static void
sleep_until_work (void)
{
  struct pollfd wake = { .fd = writer.wake_fd, .events = POLLIN };
  struct log_ring *r;
  uint32_t i;
  atomic_store (&writer.sleeping, 1);
  for (i = 0; (r = log_ring_at (i)); i++)
    if (log_ring_pending (r))
      break;
  if (!r && !atomic_load (&writer.stopping))
    poll (&wake, 1, -1);
  atomic_store (&writer.sleeping, 0);
  if (!atomic_load (&writer.stopping))
    wake_clear ();
}

static void *
writer_main (void *arg)
{
  const struct timespec tick = { 0, TICK_NS };
  (void) arg;
  for (;;) {
    int stopping = atomic_load (&writer.stopping);
    int found = rings_drain ();
    notice_dropped ();
    batch_write ();
    if (stopping && !found)
      return NULL;
    if (stopping)
      continue;
    if (found)
      nanosleep (&tick, NULL);
    else
      sleep_until_work ();
  }
}

static int32_t
thread_start (void)
{
  sigset_t all, old;
  int error;
  sigfillset (&all);
  pthread_sigmask (SIG_SETMASK, &all, &old);
  error = pthread_create (&writer.thread, NULL, writer_main, NULL);
  pthread_sigmask (SIG_SETMASK, &old, NULL);
  if (!error)
    pthread_setname_np (writer.thread, "kgent-log");
  return -error;
}

int32_t
log_writer_start (int fd, int close_fd, size_t (*notice) (char *, uint64_t))
{
  struct stat st;
  int32_t error;
  int wake = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake < 0)
    return -errno;
  memset (&st, 0, sizeof st);
  if (fstat (fd, &st) < 0) {
    close (wake);
    return -EBADF;
  }
  writer.fd = fd;
  writer.close_fd = close_fd;
  writer.wake_fd = wake;
  writer.is_socket = S_ISSOCK (st.st_mode);
  writer.is_file = S_ISREG (st.st_mode);
  writer.notice = notice;
  writer.told = log_ring_dropped ();
  atomic_store (&writer.stopping, 0);
  error = thread_start ();
  if (error) {
    close (wake);
    writer.wake_fd = -1;
  }
  return error;
}

void
log_writer_stop (void)
{
  uint64_t one = 1;
  writer.stop_at = now () + STOP_NS;
  atomic_store (&writer.stopping, 1);
  if (write (writer.wake_fd, &one, sizeof one) < 0)
    return; /* cannot happen: the counter is far from full */
  pthread_join (writer.thread, NULL);
  close (writer.wake_fd);
  writer.wake_fd = -1;
  if (writer.close_fd)
    close (writer.fd);
}

void
log_writer_wake (void)
{
  uint64_t one = 1;
  if (__builtin_expect (!atomic_load (&writer.sleeping), 1))
    return;
  if (atomic_exchange (&writer.sleeping, 0) && write (writer.wake_fd, &one, sizeof one) < 0)
    return; /* full: it is awake */
}

uint64_t
log_writer_lost (void)
{
  return atomic_load (&writer.lost);
}
