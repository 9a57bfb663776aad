/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Quantities: fixed-point numbers with 12 decimals, below 10^26; a sum is never a
 * float, so it doesn't depend on the order of what was added. */
#ifndef METERING_DECIMAL_H
#define METERING_DECIMAL_H

#ifndef KG_ABI_TARGET
#define KG_ABI_TARGET KG_ABI (1, 1)
#endif
#include <kgent/plugin.h>

__extension__ typedef __int128 decimal; /* in units of 10^-12 */

#define DECIMAL_PLACES 12
#define DECIMAL_ONE ((decimal)1000000000000)
#define DECIMAL_END (DECIMAL_ONE * 10000000000000 * 10000000000000) /* 10^26 */
#define DECIMAL_TEXT 48 /* bytes of any text, with its NUL */

/* Reads a JSON number; what is finer than 10^-12 is rounded, half to even.
 * -EINVAL for another text, -ERANGE from 10^26 on. */
int32_t decimal_read (kg_str text, decimal *ret);

/* The shortest text, NUL-terminated, which is a JSON number; returns its length. */
size_t decimal_write (decimal v, char out[DECIMAL_TEXT]);

/* Adds v: 0, or -ERANGE with *sum as it was. */
int32_t decimal_add (decimal *sum, decimal v);

/* v / n, rounded half to even; n > 0. */
decimal decimal_divide (decimal v, int64_t n);

#endif
