/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/listen_address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A decimal port, or -1. */
static int
port_parse (const char *s)
{
  size_t len = strlen (s);
  long port;
  if (!len || len > 5 || strspn (s, "0123456789") != len)
    return -1;
  port = strtol (s, NULL, 10);
  return port > 65535 ? -1 : (int) port;
}

static const char *
unix_parse (const char *path, struct listen_address *a)
{
  size_t len = strlen (path);
  if (*path != '/')
    return "the path of a socket begins with /";
  if (len >= sizeof a->sa.un.sun_path)
    return "the path of a socket is at most 107 bytes long";
  a->sa.un.sun_family = AF_UNIX;
  memcpy (a->sa.un.sun_path, path, len + 1);
  a->len = (socklen_t) (offsetof (struct sockaddr_un, sun_path) + len + 1);
  return NULL;
}

static const char *
host_parse (const char *host, int port, struct listen_address *a)
{
  if (!strcmp (host, "localhost"))
    host = "127.0.0.1";
  if (inet_pton (AF_INET, host, &a->sa.in.sin_addr) == 1) {
    a->sa.in.sin_family = AF_INET;
    a->sa.in.sin_port = htons ((uint16_t) port);
    a->len = sizeof a->sa.in;
    return NULL;
  }
  return "not an IPv4 address in front of the port; names are not looked up, IPv6 is written "
         "[::1]:8000";
}

static const char *
host6_parse (const char *host, int port, struct listen_address *a)
{
  if (inet_pton (AF_INET6, host, &a->sa.in6.sin6_addr) != 1)
    return "not an IPv6 address between the brackets";
  a->sa.in6.sin6_family = AF_INET6;
  a->sa.in6.sin6_port = htons ((uint16_t) port);
  a->len = sizeof a->sa.in6;
  return NULL;
}

const char *
listen_address_parse (const char *text, struct listen_address *ret)
{
  char host[64];
  const char *colon = strrchr (text, ':');
  size_t len = colon ? (size_t) (colon - text) : 0;
  int port = colon ? port_parse (colon + 1) : -1;
  memset (ret, 0, sizeof *ret);
  if (!strncmp (text, "unix:", 5))
    return unix_parse (text + 5, ret);
  if (port < 0)
    return "write ADDRESS:PORT, [IPv6]:PORT or unix:/PATH; a port is 0 to 65535";
  if (len >= sizeof host)
    return "the address is too long";
  memcpy (host, text, len);
  host[len] = 0;
  if (*host != '[')
    return host_parse (host, port, ret);
  if (host[len - 1] != ']')
    return "']' is missing after the IPv6 address";
  host[len - 1] = 0;
  return host6_parse (host + 1, port, ret);
}

void
listen_address_format (const struct listen_address *a, char *out, size_t size)
{
  char host[INET6_ADDRSTRLEN] = "";
  switch (a->sa.any.sa_family) {
  case AF_INET:
    inet_ntop (AF_INET, &a->sa.in.sin_addr, host, sizeof host);
    snprintf (out, size, "%s:%u", host, ntohs (a->sa.in.sin_port));
    return;
  case AF_INET6:
    inet_ntop (AF_INET6, &a->sa.in6.sin6_addr, host, sizeof host);
    snprintf (out, size, "[%s]:%u", host, ntohs (a->sa.in6.sin6_port));
    return;
  case AF_UNIX:
    snprintf (out, size, "unix:%s", a->sa.un.sun_path);
    return;
  default:
    *out = 0;
  }
}
