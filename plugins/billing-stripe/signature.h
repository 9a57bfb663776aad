/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The Stripe-Signature header: "t=1700000000,v1=<64 hex digits>[,v1=...]".
 *
 * Stricter than Stripe's own libraries: one t, at most SIGNATURE_MAX v1, digits
 * and lower-case hex only, no blanks.  Schemes other than t and v1 are skipped. */
#ifndef BILLING_SIGNATURE_H
#define BILLING_SIGNATURE_H

#include <stddef.h>
#include <stdint.h>

#define SIGNATURE_MAX    8
#define SIGNATURE_MAC    32   /* bytes of an HMAC-SHA-256 */
#define SIGNATURE_HEADER 4096 /* bytes of a header that is looked at */

struct signature {
  int64_t time;          /* seconds since the epoch, as signed */
  const char *time_text; /* in the header */
  size_t time_len;
  uint32_t count;        /* of v1 */
  uint8_t mac[SIGNATURE_MAX][SIGNATURE_MAC];
};

/* Reads a header; 0, or -EINVAL for a malformed one or one without t or v1. */
int32_t signature_parse (const char *header, size_t len, struct signature *ret);

/* Tries every secret on every v1, in time that does not depend on which match;
 * the secrets end in NULL, empty ones are skipped.  The place of the first that
 * matches, from 0; -EACCES: none does; -ENOMEM. */
int32_t signature_match (const struct signature *s, const char *const *secrets, const char *body,
                         size_t len);

/* Whether the time is at most `tolerance` seconds before or after `now`. */
int32_t signature_fresh (const struct signature *s, int64_t now, int64_t tolerance);

#endif
