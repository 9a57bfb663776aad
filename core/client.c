/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

static void
from_v4 (struct client_addr *a, const void *four)
{
  memcpy (a->ip, mapped, 12);
  memcpy (a->ip + 12, four, 4);
}

int
client_from_sockaddr (const struct sockaddr *sa, struct client_addr *ret)
{
  if (sa->sa_family == AF_INET)
    from_v4 (ret, &((const struct sockaddr_in *) (const void *) sa)->sin_addr);
  else if (sa->sa_family == AF_INET6)
    memcpy (ret->ip, &((const struct sockaddr_in6 *) (const void *) sa)->sin6_addr, 16);
  else
    return 0;
  return 1;
}

static char *
byte_put (char *out, unsigned v)
{
  if (v >= 100)
    *out++ = (char) ('0' + v / 100);
  if (v >= 10)
    *out++ = (char) ('0' + v / 10 % 10);
  *out++ = (char) ('0' + v % 10);
  return out;
}

/* By hand for IPv4: inet_ntop takes 1,700 instructions, and every request asks. */
size_t
client_text (const struct client_addr *a, char out[CLIENT_TEXT])
{
  char *p = out;
  if (memcmp (a->ip, mapped, 12)) {
    inet_ntop (AF_INET6, a->ip, out, CLIENT_TEXT);
    return strlen (out);
  }
  for (int i = 12; i < 16; i++) {
    p = byte_put (p, a->ip[i]);
    *p++ = '.';
  }
  *--p = 0;
  return (size_t) (p - out);
}

/* Parses an address; 4 or 6 for its family, 0 when it is none. */
static int
addr_parse (const char *text, struct client_addr *ret)
{
  struct in_addr four;
  if (inet_pton (AF_INET, text, &four) == 1) {
    from_v4 (ret, &four);
    return 4;
  }
  return inet_pton (AF_INET6, text, ret->ip) == 1 ? 6 : 0;
}

static int
net_parse (const char *text, struct client_net *ret)
{
  char buf[CLIENT_TEXT + 4];
  char *slash, *end;
  long bits;
  int family;
  if (strlen (text) >= sizeof buf)
    return 0;
  strcpy (buf, text);
  slash = strchr (buf, '/');
  if (slash)
    *slash++ = 0;
  family = addr_parse (buf, &ret->net);
  if (!family)
    return 0;
  bits = slash ? strtol (slash, &end, 10) : family == 4 ? 32 : 128;
  if (slash && (*end || end == slash || bits < 0 || bits > (family == 4 ? 32 : 128)))
    return 0;
  ret->bits = (uint32_t) bits + (family == 4 ? 96 : 0);
  return 1;
}

int32_t
client_trust_parse (const char *const *cidrs, struct client_trust *ret, const char **ret_bad)
{
  uint32_t n = 0;
  ret->nets = NULL;
  ret->count = 0;
  while (cidrs && cidrs[n])
    n++;
  if (!n)
    return 0;
  ret->nets = calloc (n, sizeof *ret->nets);
  if (!ret->nets)
    return -ENOMEM;
  for (; ret->count < n; ret->count++)
    if (!net_parse (cidrs[ret->count], &ret->nets[ret->count])) {
      *ret_bad = cidrs[ret->count];
      client_trust_finish (ret);
      return -EINVAL;
    }
  return 0;
}

void
client_trust_finish (struct client_trust *trust)
{
  free (trust->nets);
  trust->nets = NULL;
  trust->count = 0;
}

static int
in_net (const struct client_addr *a, const struct client_net *n)
{
  uint32_t bytes = n->bits / 8, rest = n->bits % 8;
  if (memcmp (a->ip, n->net.ip, bytes))
    return 0;
  return !rest || (a->ip[bytes] ^ n->net.ip[bytes]) >> (8 - rest) == 0;
}

static int
is_trusted (const struct client_trust *t, const struct client_addr *a)
{
  for (uint32_t i = 0; i < t->count; i++)
    if (in_net (a, &t->nets[i]))
      return 1;
  return 0;
}

/* The last entry of a list, cut off it; 0 when there is none that is an address. */
static int
last_entry (kg_str *list, struct client_addr *ret)
{
  char buf[CLIENT_TEXT];
  const char *p, *end = list->ptr + list->len;
  for (p = end; p > list->ptr && p[-1] != ',';)
    p--;
  list->len = p > list->ptr ? (size_t) (p - 1 - list->ptr) : 0;
  while (p < end && (*p == ' ' || *p == '\t'))
    p++;
  while (end > p && (end[-1] == ' ' || end[-1] == '\t'))
    end--;
  if (p == end || (size_t) (end - p) >= sizeof buf)
    return 0;
  memcpy (buf, p, (size_t) (end - p));
  buf[end - p] = 0;
  return addr_parse (buf, ret);
}

void
client_resolve (const struct client_trust *trust, const struct client_addr *peer,
                kg_str forwarded, struct client_addr *ret)
{
  struct client_addr a;
  *ret = *peer;
  for (int i = 0; i < 16 && forwarded.len && is_trusted (trust, ret); i++) {
    if (!last_entry (&forwarded, &a))
      return;
    *ret = a;
  }
}
