/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The strict JSON scanner (RFC 8259) that fills the tape of <kgent/json.h>.
 *
 * Refused beyond RFC 8259, so that no two readers can disagree about a text:
 * duplicate keys (compared decoded), NUL (escaped too), lone surrogates, a byte
 * order mark, numbers outside int64 and finite double or with more than 40
 * digits, more than 32 levels, more than 10,000 values. */
#ifndef UTIL_JSON_H
#define UTIL_JSON_H

#include "core/abi.h"

#include <kgent/json.h>

#include <stddef.h>
#include <stdint.h>

#define JSON_DEPTH_MAX  32
#define JSON_VALUES_MAX 10000 /* keys don't count */
#define JSON_DIGITS_MAX 40

/* Where and why a text was refused. */
struct json_error {
  size_t offset;      /* byte in the text */
  const char *reason; /* static text: "duplicate key", "nesting too deep", ... */
};

/* The most tokens that a text of `len` bytes can need: how many to allocate. */
uint32_t json_tokens_bound (size_t len);

/* Scans a whole text: one value of any kind with white space around it.  Fills
 * `tokens` and *ret_json, which points at both `text` and `tokens` and is valid
 * as long as they are.  Returns 0; -EBADMSG when the text is malformed; -E2BIG
 * for more than 32 levels, 10,000 values or `max_tokens` tokens.  On failure
 * *ret_error says where and why (it may be NULL) and *ret_json is untouched. */
int32_t json_scan (const char *text, size_t len, struct kg_json_token *tokens,
                   uint32_t max_tokens, struct kg_json *ret_json, struct json_error *ret_error);

#endif
