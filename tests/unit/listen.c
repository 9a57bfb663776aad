/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* listen.c and handover.c: sockets made, inherited, refused, and handed on. */
#include "tests/unit.h"

#include "core/handover.h"
#include "core/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[] = "/tmp/kgent-listen-XXXXXX";
static struct errors errors;
static struct settings settings;
static struct listens listens;

static void
setup (void)
{
  strcpy (dir, "/tmp/kgent-listen-XXXXXX");
  ck_assert_ptr_nonnull (mkdtemp (dir));
  errors_init (&errors);
  listens_init (&listens);
  settings.http.listen = "127.0.0.1:0";
  settings.admin.listen = "";
  settings.admin.socket = "admin.sock";
  settings.store.dir = dir;
}

static void
teardown (void)
{
  char command[96];
  listens_close (&listens);
  errors_finish (&errors);
  snprintf (command, sizeof command, "rm -rf %s", dir);
  ck_assert_int_eq (system (command), 0);
}

static const char *
socket_path (void)
{
  static char path[64];
  snprintf (path, sizeof path, "%s/admin.sock", dir);
  return path;
}

START_TEST (opens)
{
  struct stat st;
  char actual[LISTEN_ADDRESS_MAX];
  setup ();
  ck_assert_int_eq (listens_open (&listens, &settings, &errors), 0);
  ck_assert_int_ge (listens.list[LISTEN_HTTP].fd, 0);
  ck_assert_int_eq (listens.list[LISTEN_ADMIN].fd, -1);
  ck_assert_int_eq (stat (socket_path (), &st), 0);
  ck_assert_uint_eq (st.st_mode & 0777, 0600);
  listens_actual (&listens.list[LISTEN_HTTP], actual, sizeof actual);
  ck_assert_int_eq (strncmp (actual, "127.0.0.1:", 10), 0);
  ck_assert_str_ne (actual, "127.0.0.1:0");
  listens_close (&listens);
  ck_assert_int_lt (stat (socket_path (), &st), 0);
  teardown ();
}
END_TEST

START_TEST (keeps_what_did_not_change)
{
  int fd;
  setup ();
  ck_assert_int_eq (listens_open (&listens, &settings, &errors), 0);
  fd = listens.list[LISTEN_HTTP].fd;
  ck_assert_int_eq (listens_open (&listens, &settings, &errors), 0);
  ck_assert_int_eq (listens.list[LISTEN_HTTP].fd, fd);
  settings.http.listen = "127.0.0.2:0";
  settings.admin.listen = "127.0.0.1:0";
  ck_assert_int_eq (listens_open (&listens, &settings, &errors), 0);
  ck_assert_str_eq (listens.list[LISTEN_HTTP].address, "127.0.0.2:0");
  ck_assert_int_ge (listens.list[LISTEN_ADMIN].fd, 0);
  settings.admin.listen = "";
  ck_assert_int_eq (listens_open (&listens, &settings, &errors), 0);
  ck_assert_int_eq (listens.list[LISTEN_ADMIN].fd, -1);
  teardown ();
}
END_TEST

START_TEST (replaces_a_stale_file)
{
  setup ();
  ck_assert_int_eq (listens_open (&listens, &settings, &errors), 0);
  listens.list[LISTEN_LOCAL].ours = 0; /* as after a crash */
  listens_close (&listens);
  ck_assert_int_eq (access (socket_path (), F_OK), 0);
  ck_assert_int_eq (listens_open (&listens, &settings, &errors), 0);
  teardown ();
}
END_TEST

START_TEST (refuses_what_is_used)
{
  struct listens second;
  char actual[LISTEN_ADDRESS_MAX];
  setup ();
  listens_init (&second);
  ck_assert_int_eq (listens_open (&listens, &settings, &errors), 0);
  listens_actual (&listens.list[LISTEN_HTTP], actual, sizeof actual);
  settings.http.listen = actual;
  ck_assert_int_eq (listens_open (&second, &settings, &errors), -EADDRINUSE);
  ck_assert_uint_eq (errors.count, 2);
  ck_assert_ptr_nonnull (strstr (errors.text[0], ": in use by another process; stop it"));
  ck_assert_ptr_nonnull (
      strstr (errors.text[1], ": another kgentd runs with this state folder"));
  listens_close (&second);
  ck_assert_int_eq (access (socket_path (), F_OK), 0);
  teardown ();
}
END_TEST

START_TEST (removes_no_file_that_is_none_of_ours)
{
  FILE *f;
  setup ();
  f = fopen (socket_path (), "w");
  ck_assert_ptr_nonnull (f);
  fclose (f);
  ck_assert_int_eq (listens_open (&listens, &settings, &errors), -EEXIST);
  ck_assert_ptr_nonnull (strstr (errors.text[0], "exists and is no socket; remove it"));
  ck_assert_int_eq (access (socket_path (), F_OK), 0);
  teardown ();
}
END_TEST

static const struct row {
  const char *listen;
  int32_t error;
  const char *message;
} bad[] = {
  { "nonsense", -EINVAL,
    "http.listen: nonsense: write ADDRESS:PORT, [IPv6]:PORT or unix:/PATH; a port is 0 to "
    "65535" },
  { "192.0.2.1:80", -EADDRNOTAVAIL,
    "http.listen: 192.0.2.1:80: no interface has this address; 0.0.0.0 and [::] mean all" },
  { "unix:/nowhere/x", -ENOENT,
    "http.listen: unix:/nowhere/x: its folder doesn't exist; create it" },
};

START_TEST (refuses)
{
  size_t i;
  for (i = 0; i < sizeof bad / sizeof *bad; i++) {
    setup ();
    settings.http.listen = bad[i].listen;
    ck_assert_int_eq (listens_open (&listens, &settings, &errors), bad[i].error);
    ck_assert_str_eq (errors.text[0], bad[i].message);
    teardown ();
  }
}
END_TEST

/* ---- From one process to the next ------------------------------------------------ */

static int
same_socket (int a, int b)
{
  struct stat x, y;
  return !fstat (a, &x) && !fstat (b, &y) && x.st_ino == y.st_ino;
}

START_TEST (hands_sockets_on)
{
  struct listens got;
  struct message m;
  int pair[2];
  setup ();
  ck_assert_int_eq (socketpair (AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
  ck_assert_int_eq (listens_open (&listens, &settings, &errors), 0);
  ck_assert_int_eq (message_receive (pair[1], &m, &got), -EAGAIN);
  ck_assert_int_eq (message_send (pair[0], MESSAGE_ERROR, "why", NULL), 0);
  ck_assert_int_eq (message_send (pair[0], MESSAGE_OK, "", &listens), 0);
  ck_assert_int_eq (message_receive (pair[1], &m, &got), 1);
  ck_assert_int_eq (m.type, MESSAGE_ERROR);
  ck_assert_str_eq (m.text, "why");
  ck_assert_int_eq (message_receive (pair[1], &m, &got), 1);
  ck_assert_int_eq (m.type, MESSAGE_OK);
  ck_assert (same_socket (got.list[LISTEN_HTTP].fd, listens.list[LISTEN_HTTP].fd));
  ck_assert (same_socket (got.list[LISTEN_LOCAL].fd, listens.list[LISTEN_LOCAL].fd));
  ck_assert_int_eq (got.list[LISTEN_ADMIN].fd, -1);
  ck_assert_str_eq (got.list[LISTEN_HTTP].address, "127.0.0.1:0");
  ck_assert_int_eq (got.list[LISTEN_LOCAL].ours, 0);
  ck_assert_int_ne (fcntl (got.list[LISTEN_HTTP].fd, F_GETFD) & FD_CLOEXEC, 0);
  close (pair[0]);
  ck_assert_int_eq (message_receive (pair[1], &m, &got), 0);
  close (pair[1]);
  teardown ();
}
END_TEST

START_TEST (inherits_only_sense)
{
  struct listens got;
  char text[64];
  int channel = -1;
  listens_init (&got);
  unsetenv ("KGENT_HANDOVER");
  ck_assert_int_eq (handover_inherit (&got, &channel), 0);
  setenv ("KGENT_HANDOVER", "nonsense", 1);
  ck_assert_int_eq (handover_inherit (&got, &channel), -EINVAL);
  setenv ("KGENT_HANDOVER", "1 5\n", 1);
  if (getppid () != 1)
    ck_assert_int_eq (handover_inherit (&got, &channel), -ESRCH);
  snprintf (text, sizeof text, "%d 5\n9 6 0 x\n", (int) getppid ());
  setenv ("KGENT_HANDOVER", text, 1);
  ck_assert_int_eq (handover_inherit (&got, &channel), -EINVAL);
}
END_TEST

/* ---- The service manager's ---------------------------------------------------------- */

/* Offers descriptors 3 and 4, a listening socket and one that isn't. */
static int32_t
take (const char *pid, const char *count, const char *names)
{
  setenv ("LISTEN_PID", pid, 1);
  setenv ("LISTEN_FDS", count, 1);
  setenv ("LISTEN_FDNAMES", names, 1);
  return listens_take (&listens, &errors);
}

/* Which step fails, or 0.  In a process of its own, as libcheck uses the numbers
 * 3 and 4 itself. */
static int
take_steps (void)
{
  char self[16];
  int fd = socket (AF_INET, SOCK_STREAM, 0), plain = socket (AF_INET, SOCK_STREAM, 0);
  snprintf (self, sizeof self, "%d", (int) getpid ());
  if (listen (fd, 1) || dup2 (fd, 3) < 0 || dup2 (plain, 4) < 0)
    return 1;
  if (take ("1", "1", "") || listens.list[LISTEN_HTTP].fd != -1)
    return 2; /* meant for another process */
  if (take (self, "1", "") || listens.list[LISTEN_HTTP].fd != 3 || getenv ("LISTEN_FDS"))
    return 3;
  if (!listens.list[LISTEN_HTTP].manager || !(fcntl (3, F_GETFD) & FD_CLOEXEC))
    return 4;
  if (listens_open (&listens, &settings, &errors) || listens.list[LISTEN_HTTP].fd != 3)
    return 5; /* kept, whatever http.listen says */
  listens.list[LISTEN_HTTP].fd = -1;
  if (take (self, "2", "x:admin") != -EINVAL || errors.count != 1)
    return 6;
  return strcmp (errors.text[0],
                 "LISTEN_FDS: descriptor 4 is no listening stream socket; see the "
                 ".socket unit")
             ? 7
             : 0;
}

START_TEST (takes_what_is_offered)
{
  int status;
  pid_t child;
  setup ();
  child = fork ();
  if (!child)
    _exit (take_steps ());
  ck_assert_int_eq (waitpid (child, &status, 0), child);
  ck_assert (WIFEXITED (status));
  ck_assert_int_eq (WEXITSTATUS (status), 0);
  teardown ();
}
END_TEST

UNIT_MAIN ("listen", opens, keeps_what_did_not_change, replaces_a_stale_file,
           refuses_what_is_used, removes_no_file_that_is_none_of_ours, refuses,
           hands_sockets_on, inherits_only_sense, takes_what_is_offered)
