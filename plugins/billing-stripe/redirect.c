/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "plugins/billing-stripe/redirect.h"

#include <string.h>
#include <strings.h>

/* Where the path begins: behind "scheme://host:port"; NULL when it is no such URL.  No
 * user, and nothing that one reader takes for the host's end and another doesn't. */
static const char *
path_find (const char *url)
{
  size_t scheme = strncmp (url, "https://", 8) == 0 ? 8 : strncmp (url, "http://", 7) == 0 ? 7 : 0;
  size_t host = scheme ? strcspn (url + scheme, "/?#") : 0;
  if (!host || memchr (url + scheme, '@', host))
    return NULL;
  return url + scheme + host;
}

/* A dot, plain or encoded; its length or 0. */
static size_t
dot_len (const char *p)
{
  if (*p == '.')
    return 1;
  return strncasecmp (p, "%2e", 3) == 0 ? 3 : 0;
}

/* What parts segments, the same way: browsers take an encoded slash for none, but servers
 * are known to. */
static size_t
slash_len (const char *p)
{
  if (*p == '/')
    return 1;
  return strncasecmp (p, "%2f", 3) == 0 || strncasecmp (p, "%5c", 3) == 0 ? 3 : 0;
}

/* Whether a segment of the path is ".." in any spelling. */
static int32_t
climbs (const char *path)
{
  for (; *path && *path != '?' && *path != '#'; path++) {
    const char *p = path + slash_len (path);
    size_t one = p > path ? dot_len (p) : 0, two = one ? dot_len (p + one) : 0;
    p += one + two;
    if (two && (!*p || *p == '?' || *p == '#' || slash_len (p)))
      return 1;
  }
  return 0;
}

static int32_t
is_printable (const char *url)
{
  for (; *url; url++)
    if (*url <= ' ' || *url >= 0x7f || *url == '\\' || *url == '"' || *url == '<')
      return 0;
  return 1;
}

/* Whether it can be a host and its port; no pattern, above all. */
static int32_t
host_ok (const char *host, size_t len)
{
  static const char set[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]";
  return strspn (host, set) >= len && *host != ':';
}

int32_t
redirect_entry_ok (const char *entry)
{
  const char *path = strlen (entry) < REDIRECT_MAX && is_printable (entry) ? path_find (entry) : NULL;
  const char *host = path ? strstr (entry, "://") + 3 : NULL;
  return path && host_ok (host, (size_t) (path - host));
}

int32_t
redirect_climbs (const char *url)
{
  const char *path = path_find (url);
  return path && climbs (path);
}

int32_t
redirect_ok (const char *const *allowed, const char *url)
{
  const char *path = strlen (url) < REDIRECT_MAX && is_printable (url) ? path_find (url) : NULL;
  if (!path || climbs (path))
    return 0;
  for (; *allowed; allowed++) {
    size_t n = strlen (*allowed);
    if (!n || strncmp (url, *allowed, n))
      continue;
    if ((*allowed)[n - 1] == '/' || !url[n] || strchr ("/?#", url[n]))
      return 1;
  }
  return 0;
}
