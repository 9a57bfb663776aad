/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What kind of network an address lies in: the guard against requests that a
 * stranger's URL aims at the inside. */
#ifndef CORE_ADDRESS_H
#define CORE_ADDRESS_H

#include <stdint.h>
#include <sys/socket.h>

#define ADDRESS_PUBLIC  0
#define ADDRESS_PRIVATE 1 /* private, shared (RFC 6598), unique local, loopback      */
#define ADDRESS_NEVER   2 /* link-local (cloud metadata lives there), multicast,
                             reserved, not IP at all                                 */

/* IPv4 inside IPv6 (mapped, NAT64, 6to4) counts as that IPv4 address. */
int32_t address_class (const struct sockaddr *sa);

/* The same of a numeric text; ADDRESS_NEVER for anything else. */
int32_t address_class_text (const char *ip);

#endif
