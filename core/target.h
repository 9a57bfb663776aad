/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Request targets (RFC 9112, section 3.2; RFC 3986): checks and decoding.  Pure. */
#ifndef CORE_TARGET_H
#define CORE_TARGET_H

#include "core/abi.h"

/* A target, split. */
struct target {
  kg_str authority; /* of the absolute form, else { NULL, 0 } */
  kg_str path;      /* raw, begins with '/'; "*" of the asterisk form */
  kg_str query;     /* raw, without '?'; { NULL, 0 } without */
};

/* Splits and checks a target of printable ASCII.  NULL when it is fine, else what is wrong: a
 * fragment, a bad escape, an encoded NUL, control character or '/', a dot segment, text that does
 * not decode to UTF-8. */
const char *target_parse (kg_str raw, struct target *ret);

/* Whether `s` is a valid Host value: a name or address, and a port. */
int target_authority_ok (kg_str s);

/* Decodes %XX, and '+' as a blank when `plus`; `out` has room for s.len bytes.  Returns the
 * decoded length. */
size_t target_decode (kg_str s, int plus, char *out);

/* The raw value of the first query parameter called `key` (compared decoded); { NULL, 0 } without. */
kg_str target_query (kg_str query, const char *key);

#endif
