/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The tokens of a request head (RFC 9112, sections 2 to 5), parsed strictly.
 *
 * Nothing lenient that the RFCs allow is done: a bare LF, a folded line, white space around a
 * field name, a control character or a NUL anywhere is a 400.  Pure: no I/O, no allocation; the
 * slices point into the caller's buffer. */
#ifndef CORE_HEAD_H
#define CORE_HEAD_H

#include "core/abi.h"

#define HEAD_FIELDS 128

/* Fields that the gate looks at, as bits and indices. */
enum { FIELD_OTHER, FIELD_HOST, FIELD_CONTENT_LENGTH, FIELD_TRANSFER_ENCODING, FIELD_CONNECTION,
       FIELD_EXPECT, FIELD_CONTENT_TYPE, FIELD_CONTENT_ENCODING, FIELD_AUTHORIZATION,
       FIELD_API_KEY, FIELD_STRIPE_SIGNATURE, FIELD_IDEMPOTENCY_KEY, FIELD_ORIGIN, FIELD_REQUEST_ID,
       FIELD_TRACEPARENT, FIELD_FORWARDED_FOR, FIELDS };

struct field {
  kg_str name, value; /* the value without the white space around it */
};

struct head_limits {
  uint32_t line_max, header_max, fields_max;
};

struct head {
  kg_str method, target;
  uint32_t minor;            /* HTTP/1.minor: 0 or 1 */
  uint32_t nfields;
  uint32_t seen;             /* bits 1 << FIELD_... */
  uint32_t twice;            /* the same, of those that came more than once */
  uint32_t under;            /* of those that came spelt with underscores */
  uint32_t padded;           /* of those with white space behind the value */
  uint16_t at[FIELDS];       /* index of the (first) field of that kind */
  struct field fields[HEAD_FIELDS];
};

/* Parses a head at the start of `p`.  > 0: it is complete, this many bytes; 0: more bytes are
 * needed; < 0: minus the HTTP status to answer, *why says it in a few words. */
int32_t head_parse (const char *p, size_t len, const struct head_limits *limits,
                    struct head *ret, const char **why);

/* The value of a known field, { NULL, 0 } without. */
static inline kg_str
head_value (const struct head *h, int kind)
{
  kg_str none = { NULL, 0 };
  return h->seen & 1u << kind ? h->fields[h->at[kind]].value : none;
}

/* Whether `s` is 1*tchar (RFC 9110, 5.6.2). */
int head_is_token (kg_str s);

#endif
