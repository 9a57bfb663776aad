/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "tests/unit.h"

#include "core/client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

static struct client_addr
addr_of (const char *text)
{
  struct sockaddr_in6 six = { .sin6_family = AF_INET6 };
  struct sockaddr_in four = { .sin_family = AF_INET };
  struct client_addr a;
  if (inet_pton (AF_INET, text, &four.sin_addr) == 1)
    ck_assert_int_eq (client_from_sockaddr ((struct sockaddr *) &four, &a), 1);
  else {
    ck_assert_int_eq (inet_pton (AF_INET6, text, &six.sin6_addr), 1);
    ck_assert_int_eq (client_from_sockaddr ((struct sockaddr *) &six, &a), 1);
  }
  return a;
}

START_TEST (texts)
{
  static const char *const all[] = { "0.0.0.0", "127.0.0.1", "10.20.30.40", "255.255.255.255",
                                     "1.9.10.99", "100.199.200.249", "::1", "2001:db8::42",
                                     "fe80::1:2:3:4" };
  char out[CLIENT_TEXT];
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    struct client_addr a = addr_of (all[i]);
    ck_assert_uint_eq (client_text (&a, out), strlen (all[i]));
    ck_assert_str_eq (out, all[i]);
  }
}
END_TEST

START_TEST (every_byte)
{
  char out[CLIENT_TEXT], want[CLIENT_TEXT];
  for (int i = 0; i < 256; i++) {
    struct client_addr a;
    snprintf (want, sizeof want, "%d.0.%d.7", i, 255 - i);
    a = addr_of (want);
    client_text (&a, out);
    ck_assert_str_eq (out, want);
  }
}
END_TEST

/* Who is at the other end, behind proxies in 10/8 and at ::1. */
static const char *
resolved (const char *peer, const char *forwarded)
{
  static const char *const trusted[] = { "10.0.0.0/8", "::1", NULL };
  static char out[CLIENT_TEXT];
  struct client_trust trust;
  struct client_addr from = addr_of (peer), to;
  const char *bad;
  kg_str list = { forwarded, forwarded ? strlen (forwarded) : 0 };
  ck_assert_int_eq (client_trust_parse (trusted, &trust, &bad), 0);
  client_resolve (&trust, &from, list, &to);
  client_trust_finish (&trust);
  client_text (&to, out);
  return out;
}

START_TEST (forwarded)
{
  ck_assert_str_eq (resolved ("192.0.2.1", NULL), "192.0.2.1");
  ck_assert_str_eq (resolved ("192.0.2.1", "198.51.100.7"), "192.0.2.1");
  ck_assert_str_eq (resolved ("10.1.2.3", "198.51.100.7"), "198.51.100.7");
  ck_assert_str_eq (resolved ("::1", "203.0.113.9, 198.51.100.7, 10.9.9.9"), "198.51.100.7");
  ck_assert_str_eq (resolved ("10.1.2.3", "nonsense"), "10.1.2.3");
}
END_TEST

UNIT_MAIN ("client", texts, every_byte, forwarded)
