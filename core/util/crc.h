/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* CRC32C (Castagnoli, RFC 3720), by the CPU's instruction where it has one. */
#ifndef UTIL_CRC_H
#define UTIL_CRC_H

#include <stddef.h>
#include <stdint.h>

/* The checksum of `n` more bytes; start with crc = 0. */
uint32_t crc32c (uint32_t crc, const void *p, size_t n);

/* The same by table, on any machine. */
uint32_t crc32c_table (uint32_t crc, const void *p, size_t n);

#endif
