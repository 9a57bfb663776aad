/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Hashes: SipHash-2-4 where a client chooses the input, FNV-1a elsewhere. */
#ifndef UTIL_HASH_H
#define UTIL_HASH_H

#include <stddef.h>
#include <stdint.h>

/* SipHash-2-4 (Aumasson and Bernstein, 2012), 64 bits. */
uint64_t hash_sip (const uint8_t key[16], const void *p, size_t n);

/* FNV-1a, 64 bits; not for input that an enemy chooses. */
uint64_t hash_fnv1a (const void *p, size_t n);

#endif
