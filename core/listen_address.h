/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Addresses to listen at: "127.0.0.1:8000", "[::1]:8000", "unix:/path". */
#ifndef CORE_LISTEN_ADDRESS_H
#define CORE_LISTEN_ADDRESS_H

#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

struct listen_address {
  union {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    struct sockaddr_un un;
  } sa;
  socklen_t len;
};

/* NULL, or what is wrong with the text. */
const char *listen_address_parse (const char *text, struct listen_address *ret);

/* The text of an address; "" for one of another family. */
void listen_address_format (const struct listen_address *a, char *out, size_t size);

#endif
