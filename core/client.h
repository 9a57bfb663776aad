/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Who is at the other end: addresses, and X-Forwarded-For behind trusted proxies. */
#ifndef CORE_CLIENT_H
#define CORE_CLIENT_H

#include "core/abi.h"

#include <sys/socket.h>

#define CLIENT_TEXT 46 /* of an address, with its NUL */

/* An address of either family as 16 bytes (IPv4 mapped into IPv6). */
struct client_addr {
  uint8_t ip[16];
};

/* A list of trusted networks. */
struct client_trust {
  struct client_net {
    struct client_addr net;
    uint32_t bits; /* of the 128 */
  } *nets;
  uint32_t count;
};

/* Parses "10.0.0.0/8", "::1", ...; -EINVAL with *ret_bad, or -ENOMEM. */
int32_t client_trust_parse (const char *const *cidrs, struct client_trust *ret,
                            const char **ret_bad);
void client_trust_finish (struct client_trust *trust);

/* The address of a peer; 0 when it has none (a unix socket). */
int client_from_sockaddr (const struct sockaddr *sa, struct client_addr *ret);

/* The text of an address; returns its length. */
size_t client_text (const struct client_addr *addr, char out[CLIENT_TEXT]);

/* The client's address: the peer's; or, when the peer is trusted, the right-most entry of
 * X-Forwarded-For that is not trusted itself.  Entries that are no plain address end the walk;
 * at most the last 16 are looked at. */
void client_resolve (const struct client_trust *trust, const struct client_addr *peer,
                     kg_str forwarded, struct client_addr *ret);

#endif
