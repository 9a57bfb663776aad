/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Reads stored JSON values front to back, without a tree: a million keys are read
 * at start-up.
 *
 *   struct scan s;
 *   scan_begin (&s, json, buffer);
 *   while (scan_member (&s, &name))
 *     if (scan_is (name, "id"))
 *       id = scan_text (&s);
 *     else
 *       scan_skip (&s);
 *   if (scan_end (&s) < 0)
 *     ...
 *
 * The first thing that is malformed ends every loop, and scan_end tells. */
#ifndef AUTH_SCAN_H
#define AUTH_SCAN_H

#ifndef KG_ABI_TARGET
#define KG_ABI_TARGET KG_ABI (1, 1)
#endif
#include <kgent/plugin.h>

#include <string.h>

struct scan {
  const char *p, *end;
  char *text;      /* where the next decoded text goes */
  uint32_t inside; /* a bit for each open object or array; 1: something was in it */
  int32_t depth;
  int32_t error;
};

/* Enters the object that the text is; `buffer` has json.len + 1 bytes, and texts
 * are decoded into it. */
void scan_begin (struct scan *s, kg_str json, char *buffer);

/* The next member of the innermost object, with the raw text of its name; 0 at its
 * end.  Its value must be read, entered or skipped before the next call. */
int32_t scan_member (struct scan *s, kg_str *ret_name);

/* Enters a value that is an object or an array; 0 when it is not (nothing is read). */
int32_t scan_object (struct scan *s);
int32_t scan_array (struct scan *s);

/* Whether there is another element in the innermost array. */
int32_t scan_element (struct scan *s);

/* A string, decoded and NUL-terminated; NULL for null.  Malformed: anything else, or
 * a NUL inside. */
const char *scan_text (struct scan *s);

/* A whole number; malformed: anything else. */
int64_t scan_int (struct scan *s);

/* A boolean; malformed: anything else. */
int32_t scan_bool (struct scan *s);

/* Skips a value; returns its text. */
kg_str scan_skip (struct scan *s);

/* 0 when the whole text was read and nothing was malformed, else -EINVAL. */
int32_t scan_end (struct scan *s);

static inline int32_t
scan_is (kg_str name, const char *text)
{
  return name.len == strlen (text) && !memcmp (name.ptr, text, name.len);
}

#endif
