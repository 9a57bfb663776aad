/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/spawn.h"
#include "core/util/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Whether a variable is between the service manager and this process only. */
static int
is_private (const char *variable)
{
  static const char *const names[]
      = { "KGENT_HANDOVER=", "NOTIFY_SOCKET=", "WATCHDOG_USEC=", "WATCHDOG_PID=",
          "LISTEN_PID=",     "LISTEN_FDS=",    "LISTEN_FDNAMES=" };
  size_t i;
  for (i = 0; i < sizeof names / sizeof *names; i++)
    if (!strncmp (variable, names[i], strlen (names[i])))
      return 1;
  return 0;
}

static char **
environment_make (const char *variable)
{
  size_t n = 0, k = 0;
  char **list;
  while (environ[n])
    n++;
  list = calloc (n + 2, sizeof *list);
  for (n = 0; list && environ[n]; n++)
    if (!is_private (environ[n]))
      list[k++] = environ[n];
  if (list && variable)
    list[k] = (char *) (uintptr_t) variable;
  return list;
}

int32_t
spawn_program (const char *program, char *const *argv, const char *variable, const int *keep,
               uint32_t nkeep, int output, pid_t *ret)
{
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attr;
  sigset_t none, all;
  char **env = environment_make (variable);
  uint32_t i;
  int e;
  if (!env)
    return -ENOMEM;
  sigemptyset (&none);
  sigfillset (&all);
  posix_spawn_file_actions_init (&actions);
  posix_spawnattr_init (&attr);
  e = posix_spawnattr_setflags (&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  e = e ? e : posix_spawnattr_setsigmask (&attr, &none);
  e = e ? e : posix_spawnattr_setsigdefault (&attr, &all);
  for (i = 0; i < nkeep; i++) /* onto itself: clears close-on-exec */
    e = e ? e : posix_spawn_file_actions_adddup2 (&actions, keep[i], keep[i]);
  for (i = 1; output >= 0 && i < 3; i++)
    e = e ? e : posix_spawn_file_actions_adddup2 (&actions, output, (int) i);
  e = e ? e : posix_spawn (ret, program, &actions, &attr, argv, env);
  posix_spawn_file_actions_destroy (&actions);
  posix_spawnattr_destroy (&attr);
  free (env);
  return -e;
}

/* ---- kgentd -t ------------------------------------------------------------------ */

/* Reads until the other side ends, time is over (-ETIMEDOUT), keeping what fits. */
static int32_t
output_read (int fd, char *out, size_t size)
{
  int64_t end = clock_mono () + SPAWN_CHECK_S * CLOCK_SECOND, left;
  char spill[512];
  size_t len = 0;
  ssize_t n = 1;
  while (n > 0 || (n < 0 && errno == EINTR)) {
    struct pollfd p = { fd, POLLIN, 0 };
    int full = len + 1 >= size;
    left = end - clock_mono ();
    if (left <= 0 || !poll (&p, 1, (int) (left / CLOCK_MS) + 1))
      return -ETIMEDOUT;
    n = read (fd, full ? spill : out + len, full ? sizeof spill : size - 1 - len);
    if (n > 0 && !full)
      len += (size_t) n;
    out[len] = 0;
  }
  return n < 0 ? -errno : 0;
}

/* argv with "-t" behind the name; the caller frees it. */
static char **
check_argv (char *const *argv)
{
  size_t n = 0;
  char **list;
  while (argv[n])
    n++;
  list = calloc (n + 2, sizeof *list);
  if (!list)
    return NULL;
  list[0] = argv[0];
  list[1] = (char *) (uintptr_t) "-t";
  memcpy (list + 2, argv + 1, n * sizeof *list);
  return list;
}

static int32_t
status_wait (pid_t pid)
{
  int status;
  while (waitpid (pid, &status, 0) < 0)
    if (errno != EINTR)
      return -errno;
  return WIFEXITED (status) ? WEXITSTATUS (status) : 128 + WTERMSIG (status);
}

int32_t
spawn_check (const char *program, char *const *argv, char *out, size_t size)
{
  char **list = check_argv (argv);
  int fds[2];
  pid_t pid;
  int32_t r, status;
  *out = 0;
  if (!list || pipe2 (fds, O_CLOEXEC) < 0) {
    r = list ? -errno : -ENOMEM;
    free (list);
    return r;
  }
  r = spawn_program (program, list, NULL, NULL, 0, fds[1], &pid);
  free (list);
  close (fds[1]);
  if (!r) {
    r = output_read (fds[0], out, size);
    if (r < 0)
      kill (pid, SIGKILL);
    status = status_wait (pid);
    r = r < 0 ? r : status;
  }
  close (fds[0]);
  return r;
}
