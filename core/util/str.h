/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Text: nearness of words, UTF-8, escaping for logs. */
#ifndef UTIL_STR_H
#define UTIL_STR_H

#include <stddef.h>
#include <stdint.h>

/* Edits (insertion, deletion, replacement, swap of neighbours) between two
 * words; words over 63 bytes are as far apart as the longer one is long. */
size_t str_distance (const char *a, const char *b);

/* The word of the NULL-terminated list that is meant by a mistyped one, for
 * "did you mean"; NULL when none is near enough. */
const char *str_closest (const char *word, const char *const *words);

/* 1 when the bytes are UTF-8 (RFC 3629: no overlong forms, no surrogates, none
 * above U+10FFFF), else 0. */
int str_utf8_valid (const char *p, size_t len);

/* The bytes of the character that begins at p < end: 1 to 4, or 0 when no valid
 * one does. */
size_t str_utf8_len (const char *p, const char *end);

/* Copies text for one line of a log: the backslash, control characters (U+0080 to
 * U+009F and DEL too), bytes that are not UTF-8, and what breaks or turns a line
 * (U+2028 to U+202E, U+2066 to U+2069) become \\, \n, \r, \t, \xHH or \uHHHH.  Never writes more than `size` bytes with the NUL and
 * never cuts an escape or a character in two; returns the length without NUL. */
size_t str_escape_line (char *out, size_t size, const char *p, size_t len);

#endif
