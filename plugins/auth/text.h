/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Small texts: times, UUIDs, hexadecimal and base64url. */
#ifndef AUTH_TEXT_H
#define AUTH_TEXT_H

#include <stddef.h>
#include <stdint.h>

#define TEXT_SECOND  1000000000ll /* nanoseconds */
#define TEXT_TIME    33           /* bytes of text_time's output */
#define TEXT_UUID    37           /* bytes of a UUID as text, with its NUL */

/* RFC 3339 with microseconds and "+00:00", NUL-terminated; `ns` since the epoch. */
void text_time (int64_t ns, char out[TEXT_TIME]);

/* Reads RFC 3339, any offset, up to 9 decimals; 0 or -EINVAL. */
int32_t text_time_parse (const char *s, size_t len, int64_t *ret_ns);

/* Reads a UUID in any of its forms (upper case, braces, no hyphens, urn:uuid:)
 * and writes the lower-case one with hyphens; 0 or -EINVAL. */
int32_t text_uuid (const char *s, size_t len, char out[TEXT_UUID]);

/* The 16 bytes of a UUID in any of its forms; 0 or -EINVAL. */
int32_t text_uuid_read (const char *s, size_t len, uint8_t out[16]);

/* The lower-case form with hyphens. */
void text_uuid_show (const uint8_t id[16], char out[TEXT_UUID]);

/* Makes a random UUID (version 4) of 16 random bytes. */
void text_uuid_make (const uint8_t random[16], char out[TEXT_UUID]);

/* Lower-case hexadecimal; `out` has 2 * len + 1 bytes. */
void text_hex (const uint8_t *p, size_t len, char *out);

/* RFC 1123, as HTTP has it: "Sun, 06 Nov 1994 08:49:37 GMT". */
#define TEXT_HTTP 32
void text_http (int64_t seconds, char out[TEXT_HTTP]);

/* Reads exactly 2 * len lower-case hexadecimal digits; 0 or -EINVAL. */
int32_t text_hex_parse (const char *s, size_t len, uint8_t *out);

/* URL-safe base64 of 32 bytes without padding: 43 characters and a NUL. */
void text_base64url (const uint8_t in[32], char out[44]);

#endif
