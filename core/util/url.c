/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/util/url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Length of the host at p: a name, an IPv4 address, or IPv6 in brackets. */
static size_t
host_span (const char *p)
{
  size_t n;
  if (*p == '[') {
    n = strspn (p + 1, "0123456789abcdefABCDEF:.");
    return n && p[n + 1] == ']' ? n + 2 : 0;
  }
  n = strspn (p, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-._");
  return n <= 253 ? n : 0;
}

int
url_origin (const char *url, char out[URL_ORIGIN_MAX])
{
  const char *p;
  unsigned long port;
  char *end;
  size_t n, i;
  int tls = url && strncmp (url, "https://", 8) == 0;
  if (!url || strlen (url) > URL_MAX || (!tls && strncmp (url, "http://", 7) != 0))
    return 0;
  for (p = url; *p; p++)
    if (*p <= ' ' || *p >= 0x7f || *p == '#' || *p == '\\' || *p == '"')
      return 0;
  p = url + 7 + tls;
  n = host_span (p);
  port = tls ? 443 : 80;
  end = (char *) p + n;
  if (*end == ':' && end[1] >= '0' && end[1] <= '9')
    port = strtoul (end + 1, &end, 10);
  if (!n || port < 1 || port > 65535 || (*end && *end != '/' && *end != '?'))
    return 0;
  n = (size_t) snprintf (out, URL_ORIGIN_MAX, "http%s://%.*s:%lu", tls ? "s" : "", (int) n, p, port);
  for (i = 0; i < n; i++)
    if (out[i] >= 'A' && out[i] <= 'Z')
      out[i] = (char) (out[i] + 'a' - 'A');
  return 1;
}
