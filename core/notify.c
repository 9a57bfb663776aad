/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/notify.h"
#include "core/util/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* The address of $NOTIFY_SOCKET: a path, or '@' and an abstract name. */
static int32_t
notify_address (struct sockaddr_un *sa, socklen_t *ret_len)
{
  const char *path = getenv ("NOTIFY_SOCKET");
  size_t len = path ? strlen (path) : 0;
  if (!len)
    return 1;
  if (len >= sizeof sa->sun_path || (*path != '/' && *path != '@'))
    return -EINVAL;
  memset (sa, 0, sizeof *sa);
  sa->sun_family = AF_UNIX;
  memcpy (sa->sun_path, path, len);
  if (*path == '@')
    sa->sun_path[0] = 0;
  *ret_len = (socklen_t) (offsetof (struct sockaddr_un, sun_path) + len);
  return 0;
}

int
notify_open (void)
{
  struct sockaddr_un sa;
  socklen_t len = 0;
  int32_t r = notify_address (&sa, &len);
  int fd;
  if (r)
    return r > 0 ? -1 : r;
  fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return -errno;
  if (connect (fd, (struct sockaddr *) &sa, len) < 0) {
    r = -errno;
    close (fd);
    return r;
  }
  return fd;
}

int32_t
notify_send (int fd, const char *text)
{
  if (fd < 0)
    return 0;
  return send (fd, text, strlen (text), MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

int32_t
notify_reloading (int fd)
{
  char text[80];
  snprintf (text, sizeof text, "RELOADING=1\nMONOTONIC_USEC=%" PRId64 "\nSTATUS=Reloading",
            clock_mono () / 1000);
  return notify_send (fd, text);
}

uint32_t
notify_watchdog_ms (void)
{
  const char *usec = getenv ("WATCHDOG_USEC"), *pid = getenv ("WATCHDOG_PID");
  unsigned long long n = usec ? strtoull (usec, NULL, 10) : 0;
  if (pid && strtoll (pid, NULL, 10) != getpid ())
    return 0;
  if (n / 2000 > UINT32_MAX)
    return 0;
  return n && n < 2000 ? 1 : (uint32_t) (n / 2000);
}
