/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The list of where a browser may be sent: what is allowed leads, as a browser reads it
 * (WHATWG URL), to an entry's scheme, host and port, and to its path or below. */
#include "plugins/billing-stripe/redirect.h"
#include "tests/fuzz/billing-stub.h"

#include <ctype.h>
#include <stdio.h>
#include <strings.h>

#define TEXT (2 * REDIRECT_MAX)

struct seen {
  char origin[TEXT], path[TEXT]; /* "https://host:port", "/a/b" */
};

static size_t
separator (const char *p)
{
  if (*p == '/' || *p == '\\')
    return 1;
  /* servers are known to take these for what they stand for */
  return !strncasecmp (p, "%2f", 3) || !strncasecmp (p, "%5c", 3) ? 3 : 0;
}

/* The dots of a segment, or 0 when it has other characters, too. */
static size_t
dots (const char *p, const char *end)
{
  size_t n = 0;
  while (p < end && (*p == '.' || (end - p >= 3 && !strncasecmp (p, "%2e", 3)))) {
    p += *p == '.' ? 1 : 3;
    n++;
  }
  return p == end ? n : 0;
}

/* Takes "." and ".." away. */
static void
path_walk (const char *p, char *path)
{
  size_t n = 0;
  path[0] = 0;
  while (*p && *p != '?' && *p != '#') {
    const char *from = p + separator (p), *to = from;
    while (*to && *to != '?' && *to != '#' && !separator (to))
      to++;
    size_t d = dots (from, to);
    if (d == 2)
      while (n && path[--n] != '/')
        ;
    if (d != 1 && d != 2)
      n += (size_t) sprintf (path + n, "/%.*s", (int) (to - from), from);
    else if (!separator (to)) /* the last one leaves a slash */
      path[n++] = '/';
    path[n] = 0;
    p = to;
  }
  if (!n)
    strcpy (path, "/");
}

/* As a browser does: control characters at the ends and tabs anywhere don't count, a
 * backslash is a slash, whatever stands before an @ is no host, and the port that goes
 * without saying is none. */
static int
url_see (const char *url, struct seen *ret)
{
  char text[TEXT] = "", *p = text, *host, *at, *end;
  size_t n = 0;
  while (*url && (unsigned char) *url <= ' ')
    url++;
  for (; *url && n < TEXT - 1; url++)
    if (!strchr ("\t\r\n", *url))
      text[n++] = *url;
  while (n && (unsigned char) text[n - 1] <= ' ')
    text[--n] = 0;
  if (strncasecmp (p, "https:", 6) && strncasecmp (p, "http:", 5))
    return 0;
  p = strchr (p, ':') + 1;
  host = p + strspn (p, "/\\");
  end = host + strcspn (host, "/\\?#");
  while ((at = memchr (host, '@', (size_t) (end - host))))
    host = at + 1;
  snprintf (ret->origin, sizeof ret->origin, "%.*s//%.*s", (int) (p - text), text,
            (int) (end - host), host);
  for (char *c = ret->origin; *c; c++)
    *c = (char) tolower ((unsigned char) *c);
  path_walk (end, ret->path);
  return host < end;
}

static int
is_below (const struct seen *url, const struct seen *entry)
{
  size_t n = strlen (entry->path);
  if (strcmp (url->origin, entry->origin) || strncmp (url->path, entry->path, n))
    return 0;
  return !url->path[n] || url->path[n] == '/' || entry->path[n - 1] == '/';
}

/* Lines: the URL, and an entry of a list of more. */
int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  struct input in = { (const char *) data, (const char *) data + size };
  char *url = line_take (&in), *own = line_take (&in);
  const char *list[] = { "https://app.example.com/billing/", "https://app.example.com/shop",
                         "http://localhost:3000", "https://xn--bcher-kva.example", "", own, NULL };
  struct seen to, entry;
  int below = 0;
  if (!redirect_entry_ok (own))
    *own = 0;
  if (redirect_ok (list, url)) {
    must (url_see (url, &to));
    for (const char **l = list; *l && !below; l++)
      below = **l && url_see (*l, &entry) && is_below (&to, &entry);
    must (below);
  }
  free (url);
  free (own);
  return 0;
}
