/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* JSON as pieces of its own text, so that numbers and values stay what was written; and
 * what can be made of a piece. */
#ifndef CTL_VERIFY_DOC_H
#define CTL_VERIFY_DOC_H

#include <stddef.h>
#include <stdint.h>

struct piece {
  const char *p; /* NULL: there is none */
  size_t n;
};

static inline struct piece
piece_of (const char *text)
{
  struct piece r = { text, __builtin_strlen (text) };
  return r;
}

/* Whether the text is one value of RFC 8259, at most 64 levels deep. */
int doc_valid (struct piece text);

/* Goes through an object or array of a valid text: 1 and the next member or element,
 * whose name is a string with its quotes; 0 behind the last.  *at starts as NULL. */
int doc_next (struct piece of, const char **at, struct piece *name, struct piece *value);

/* The value of the object's first member with that name. */
struct piece doc_member (struct piece object, const char *name);

/* The value at a dotted path; a member whose name is the rest of the path comes first. */
struct piece doc_path (struct piece object, struct piece path);

/* '{', '[', '"', '0' (a number), 't', 'f', 'n'; 0: there is none. */
char doc_kind (struct piece value);

/* Decodes a string into `out`, which has room for value.n bytes; returns the length. */
size_t doc_text (struct piece value, char *out);

/* Whether the value is a string that says this. */
int doc_says (struct piece value, struct piece text);

/* An integer: 1; 0 for what is none, or has no room in 64 bits. */
int doc_int (struct piece value, int64_t *ret);

/* Fixed-point numbers in units of 10^-12. */
__extension__ typedef __int128 amount;

#define AMOUNT_ONE ((amount)1000000000000)

/* Reads a JSON number, rounded half to even: 0; 1: beyond 10^26; -1: it is none. */
int amount_read (struct piece text, amount *ret);

#define AMOUNT_TEXT 48
const char *amount_text (amount v, char out[AMOUNT_TEXT]);

/* RFC 3339 in nanoseconds since the epoch: 1, or 0. */
int doc_time (struct piece text, int64_t *ret_ns);

#endif
