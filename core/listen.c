/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/listen.h"
#include "core/listen_address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_FD 3 /* sd_listen_fds(3) */

const char *const listen_names[LISTENS] = { "http", "admin", "local" };

/* How the configuration calls them. */
static const char *const option_names[LISTENS]
    = { "http.listen", "admin.listen", "admin.socket" };

static void
complain (struct errors *errors, uint32_t i, const char *address, const char *what)
{
  struct conf_where where = { NULL, 0 };
  errors_add (errors, where, "%s: %s: %s", option_names[i], address, what);
}

void
listens_init (struct listens *l)
{
  uint32_t i;
  memset (l, 0, sizeof *l);
  for (i = 0; i < LISTENS; i++)
    l->list[i].fd = -1;
}

/* ---- Of the service manager ------------------------------------------------- */

static int
socket_number (int fd, int option)
{
  int n = -1;
  socklen_t len = sizeof n;
  return getsockopt (fd, SOL_SOCKET, option, &n, &len) < 0 ? -1 : n;
}

static int
is_listening (int fd)
{
  return socket_number (fd, SO_TYPE) == SOCK_STREAM && socket_number (fd, SO_ACCEPTCONN) == 1;
}

/* The i-th of the colon-separated names. */
static int
name_is (const char *names, int i, const char *want)
{
  size_t len = strlen (want);
  while (names && i--) {
    names = strchr (names, ':');
    names = names ? names + 1 : NULL;
  }
  return names && !strncmp (names, want, len) && (names[len] == ':' || !names[len]);
}

/* Which of ours the i-th offered socket is; LISTENS: none. */
static uint32_t
socket_role (const struct listens *l, int fd, int i)
{
  const char *names = getenv ("LISTEN_FDNAMES");
  int domain = socket_number (fd, SO_DOMAIN);
  if (name_is (names, i, "http"))
    return LISTEN_HTTP;
  if (name_is (names, i, "admin"))
    return LISTEN_ADMIN;
  if (l->list[LISTEN_HTTP].fd < 0 && (domain == AF_INET || domain == AF_INET6))
    return LISTEN_HTTP;
  return LISTENS;
}

static void
socket_prepare (int fd)
{
  int flags = fcntl (fd, F_GETFL);
  fcntl (fd, F_SETFD, FD_CLOEXEC);
  if (flags >= 0)
    fcntl (fd, F_SETFL, flags | O_NONBLOCK);
}

int32_t
listens_take (struct listens *l, struct errors *errors)
{
  const char *pid = getenv ("LISTEN_PID"), *fds = getenv ("LISTEN_FDS");
  struct conf_where where = { "LISTEN_FDS", 0 };
  int n = pid && fds && strtoll (pid, NULL, 10) == getpid () ? atoi (fds) : 0, i;
  uint32_t role, before = errors->count;
  for (i = 0; i < n && i < 64; i++) {
    int fd = FIRST_FD + i;
    role = socket_role (l, fd, i);
    if (role == LISTENS || l->list[role].fd >= 0) {
      close (fd);
      continue;
    }
    if (!is_listening (fd)) {
      errors_add (errors, where,
                  "descriptor %d is no listening stream socket; see the .socket unit", fd);
      continue;
    }
    socket_prepare (fd);
    l->list[role].fd = fd;
    l->list[role].manager = 1;
    listens_actual (&l->list[role], l->list[role].address, sizeof l->list[role].address);
  }
  unsetenv ("LISTEN_PID");
  unsetenv ("LISTEN_FDS");
  unsetenv ("LISTEN_FDNAMES");
  return errors->count == before ? 0 : -EINVAL;
}

/* ---- Opening ------------------------------------------------------------------ */

/* Whether somebody answers at a socket file. */
static int
is_answered (const struct listen_address *a)
{
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), r;
  if (fd < 0)
    return 1;
  r = connect (fd, &a->sa.any, a->len);
  r = r == 0 || (errno != ECONNREFUSED && errno != ENOENT);
  close (fd);
  return r;
}

/* Removes the socket file of a process that is no more. */
static int32_t
stale_remove (const struct listen_address *a)
{
  struct stat st;
  if (lstat (a->sa.un.sun_path, &st) < 0)
    return errno == ENOENT ? 0 : -errno;
  if (!S_ISSOCK (st.st_mode))
    return -EEXIST;
  if (is_answered (a))
    return -EADDRINUSE;
  return unlink (a->sa.un.sun_path) < 0 && errno != ENOENT ? -errno : 0;
}

static void
options_set (int fd, const struct listen_address *a)
{
  int on = 1, off = 0;
  if (a->sa.any.sa_family == AF_UNIX)
    return;
  setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (a->sa.any.sa_family == AF_INET6)
    setsockopt (fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
}

/* A socket that listens at `a`, or -errno.  `mode`: of its file. */
static int
socket_open (const struct listen_address *a, mode_t mode)
{
  int fd, r = 0;
  mode_t mask;
  if (a->sa.any.sa_family == AF_UNIX && (r = stale_remove (a)) < 0)
    return r;
  fd = socket (a->sa.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0)
    return -errno;
  options_set (fd, a);
  mask = umask (0777 & ~mode);
  if (bind (fd, &a->sa.any, a->len) < 0 || listen (fd, SOMAXCONN) < 0) {
    r = -errno;
    close (fd);
  }
  umask (mask);
  return r < 0 ? r : fd;
}

/* What keeps a socket from being made, and the cure. */
static const char *
explain (uint32_t i, int32_t error)
{
  switch (error) {
  case -EADDRINUSE:
    return i == LISTEN_LOCAL ? "another kgentd runs with this state folder; stop it, or choose "
                               "another store.dir"
                             : "in use by another process; stop it (ss -ltnp shows it), or "
                               "choose another address";
  case -EADDRNOTAVAIL:
    return "no interface has this address; 0.0.0.0 and [::] mean all";
  case -EACCES:
  case -EPERM:
    return "not permitted; a port below 1024 needs CAP_NET_BIND_SERVICE, a socket file a "
           "folder "
           "that this user may write";
  case -EEXIST:
    return "exists and is no socket; remove it";
  case -ENOENT:
    return "its folder doesn't exist; create it";
  case -ENOTDIR:
    return "its folder is no folder";
  default:
    return strerror (-error);
  }
}

/* Makes the socket of `address`, unless it is there; "" means none. */
static int32_t
listening_open (struct listening *l, uint32_t i, const char *address, struct errors *errors)
{
  struct listen_address a;
  const char *fault;
  int fd;
  if (l->fd >= 0 && (l->manager || !strcmp (l->address, address)))
    return 0;
  if (l->fd >= 0)
    close (l->fd);
  l->fd = -1;
  if (!*address)
    return 0;
  fault = listen_address_parse (address, &a);
  if (fault) {
    complain (errors, i, address, fault);
    return -EINVAL;
  }
  fd = socket_open (&a, i == LISTEN_HTTP ? 0666 : 0600);
  if (fd < 0) {
    complain (errors, i, address, explain (i, fd));
    return fd;
  }
  l->fd = fd;
  l->ours = 1;
  snprintf (l->address, sizeof l->address, "%s", address);
  return 0;
}

int32_t
listens_open (struct listens *l, const struct settings *settings, struct errors *errors)
{
  char local[LISTEN_ADDRESS_MAX] = "";
  const char *want[LISTENS] = { settings->http.listen, settings->admin.listen, local };
  const char *slash = settings->store.dir[strlen (settings->store.dir) - 1] == '/' ? "" : "/";
  int32_t r = 0, e;
  uint32_t i;
  if (*settings->admin.socket
      && snprintf (local, sizeof local, "unix:%s%s%s", settings->store.dir, slash,
                   settings->admin.socket)
             >= (int) sizeof local) {
    complain (errors, LISTEN_LOCAL, settings->store.dir,
              "store.dir is too long for a socket in it (107 bytes); shorten it, or set "
              "admin.socket = \"\"");
    return -ENAMETOOLONG;
  }
  for (i = 0; i < LISTENS; i++) {
    e = listening_open (&l->list[i], i, want[i], errors);
    r = r ? r : e;
  }
  return r;
}

/* ---- Life ----------------------------------------------------------------------- */

void
listens_actual (const struct listening *l, char *out, size_t size)
{
  struct listen_address a = { .len = sizeof a.sa };
  *out = 0;
  if (l->fd >= 0 && !getsockname (l->fd, &a.sa.any, &a.len))
    listen_address_format (&a, out, size);
}

void
listens_refuse (const struct listens *l)
{
  uint32_t i;
  for (i = 0; i < LISTENS; i++)
    if (l->list[i].fd >= 0 && !l->list[i].manager)
      shutdown (l->list[i].fd, SHUT_RD);
}

void
listens_close (struct listens *l)
{
  uint32_t i;
  for (i = 0; i < LISTENS; i++) {
    struct listening *s = &l->list[i];
    if (s->fd < 0)
      continue;
    if (s->ours && !strncmp (s->address, "unix:", 5))
      unlink (s->address + 5);
    close (s->fd);
  }
  listens_init (l);
}
