/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What a client would rather have, header only (RFC 9110, section 12.5.1).
 *
 *   kg_str rest = host->get (req, KG_GET_HEADER, "Accept"), range;
 *   int32_t weight;
 *   while ((weight = kg_accept_next (&rest, &range)) >= 0)
 *     if (kg_part_is (range, "text/csv")) ...
 *
 * What is returned lies in the field's text.  Plugins for 1.0 may use it, too. */
#ifndef KGENT_ACCEPT_H
#define KGENT_ACCEPT_H

#include <kgent/plugin.h>

#include <errno.h>
#include <string.h>

/* [any] Takes what stands before the next `separator` (',' of a list, ';' of its
 * parameters) off a text that is not NULL, without the blanks around it; it may be
 * empty.  A separator in a quoted string is none; a string without an end takes all.
 * Since 1.1 (RFC 9110, sections 5.6.1 and 5.6.4). */
static inline kg_str
kg_part_next (kg_str *rest, char separator)
{
  kg_str part = *rest;
  size_t i;
  int32_t quoted = 0;
  for (i = 0; i < rest->len && (quoted || rest->ptr[i] != separator); i++)
    if (quoted && rest->ptr[i] == '\\')
      i += i + 1 < rest->len;
    else if (rest->ptr[i] == '"')
      quoted = !quoted;
  part.len = i;
  i += i < rest->len;
  rest->ptr += i;
  rest->len -= i;
  for (; part.len && (*part.ptr == ' ' || *part.ptr == '\t'); part.len--)
    part.ptr++;
  while (part.len && (part.ptr[part.len - 1] == ' ' || part.ptr[part.len - 1] == '\t'))
    part.len--;
  return part;
}

/* [any] Whether a part says `text`, which is in small letters, in letters of either
 * case.  Since 1.1 (RFC 9110, section 8.3.1). */
static inline int32_t
kg_part_is (kg_str part, const char *text)
{
  size_t i, n = strlen (text);
  if (part.len != n)
    return 0;
  for (i = 0; i < n; i++)
    if (part.ptr[i] != text[i]
        && (part.ptr[i] < 'A' || part.ptr[i] > 'Z' || part.ptr[i] + 32 != text[i]))
      return 0;
  return 1;
}

/* [any] The weight that a parameter "q=0.123" says, in thousandths, 0 to 1000; what is
 * no weight counts as 1.  Since 1.1 (RFC 9110, section 12.4.2). */
static inline int32_t
kg_accept_weight (kg_str p)
{
  int32_t n = 0, unit = 100;
  size_t i;
  if (p.len < 3 || p.len > 7 || p.ptr[2] != '0' || (p.len > 3 && p.ptr[3] != '.'))
    return 1000; /* as are all that begin with 1 */
  for (i = 4; i < p.len; i++, unit /= 10) {
    if (p.ptr[i] < '0' || p.ptr[i] > '9')
      return 1000;
    n += (p.ptr[i] - '0') * unit;
  }
  return n;
}

/* [any] Takes the next media range off a field Accept, without its parameters, and
 * returns its weight as above, or -ENOENT when there is none left.  Empty items are
 * passed over.  Since 1.1 (RFC 9110, sections 5.6.1.2 and 12.5.1). */
static inline int32_t
kg_accept_next (kg_str *rest, kg_str *ret_range)
{
  while (rest->len) {
    kg_str item = kg_part_next (rest, ','), range = kg_part_next (&item, ';');
    if (!range.len)
      continue;
    *ret_range = range;
    while (item.len) {
      kg_str p = kg_part_next (&item, ';');
      if (p.len > 1 && (*p.ptr == 'q' || *p.ptr == 'Q') && p.ptr[1] == '=')
        return kg_accept_weight (p);
    }
    return 1000;
  }
  return -ENOENT;
}

#endif
