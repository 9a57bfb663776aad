/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The chunked transfer coding (RFC 9112, section 7.1), decoded strictly: CRLF only, sizes of at
 * most 8 hex digits, extensions and trailer fields of at most 1 KiB, which are dropped.  Pure. */
#ifndef CORE_CHUNKED_H
#define CORE_CHUNKED_H

#include <stddef.h>
#include <stdint.h>

struct chunked {
  uint32_t state;  /* private */
  uint32_t digits; /* of the size read so far */
  uint32_t extra;  /* bytes of extensions and trailers so far */
  uint64_t left;   /* bytes of the chunk's data still to come */
};

/* Starts a body: all members zero. */
void chunked_init (struct chunked *c);

/* Looks at `len` bytes.  Returns how many were framing or data, *ret_data and *ret_len are the first
 * run of data among them (to be taken before the next call); *ret_done is set at the end of the
 * body.  -EBADMSG for malformed framing. */
int64_t chunked_feed (struct chunked *c, const char *p, size_t len, const char **ret_data,
                      size_t *ret_len, int *ret_done);

#endif
