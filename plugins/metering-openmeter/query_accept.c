/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Whether a caller would rather have CSV than JSON (RFC 9110, section 12.5.1). */
#include "plugins/metering-openmeter/query.h"

#include <string.h>
#include <strings.h>

#define UNSAID (-1)

/* How much a type is wanted, in thousandths, and by how exact a range that was said. */
struct wish {
  int32_t weight, exactness;
};

static kg_str
trim (kg_str s)
{
  while (s.len && (*s.ptr == ' ' || *s.ptr == '\t'))
    s = (kg_str){ s.ptr + 1, s.len - 1 };
  while (s.len && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
    s.len--;
  return s;
}

/* What is in front of the next separator; one between quotes is none. */
static kg_str
part_next (kg_str *rest, char separator)
{
  size_t i;
  int32_t quoted = 0;
  kg_str part;
  for (i = 0; i < rest->len && (quoted || rest->ptr[i] != separator); i++)
    if (quoted && rest->ptr[i] == '\\' && i + 1 < rest->len)
      i++;
    else if (rest->ptr[i] == '"')
      quoted = !quoted;
  part = (kg_str){ rest->ptr, i };
  i += i < rest->len;
  *rest = (kg_str){ rest->ptr + i, rest->len - i };
  return trim (part);
}

static int32_t
is (kg_str s, const char *text)
{
  return s.len == strlen (text) && !strncasecmp (s.ptr, text, s.len);
}

/* A weight (section 12.4.2); what is none counts as 1. */
static int32_t
weight_read (kg_str s)
{
  int32_t n, unit = 100;
  size_t i;
  if (!s.len || (*s.ptr != '0' && *s.ptr != '1') || (s.len > 1 && s.ptr[1] != '.') || s.len > 5)
    return 1000;
  n = (*s.ptr - '0') * 1000;
  for (i = 2; i < s.len; i++, unit /= 10) {
    if (s.ptr[i] < '0' || s.ptr[i] > '9')
      return 1000;
    n += (s.ptr[i] - '0') * unit;
  }
  return n < 1000 ? n : 1000;
}

static int32_t
weight_of (kg_str parameters)
{
  while (parameters.len) {
    kg_str p = part_next (&parameters, ';');
    if (p.len > 1 && (*p.ptr == 'q' || *p.ptr == 'Q') && p.ptr[1] == '=')
      return weight_read ((kg_str){ p.ptr + 2, p.len - 2 });
  }
  return 1000;
}

static void
wish_note (struct wish *w, int32_t weight, int32_t exactness)
{
  if (exactness > w->exactness || (exactness == w->exactness && weight > w->weight))
    *w = (struct wish){ weight, exactness };
}

int32_t
query_wants_csv (kg_str accept)
{
  struct wish csv = { 0, UNSAID }, json = { 0, UNSAID };
  while (accept.len) {
    kg_str item = part_next (&accept, ','), range = part_next (&item, ';');
    int32_t weight = weight_of (item);
    if (is (range, "text/csv") || is (range, "text/*"))
      wish_note (&csv, weight, is (range, "text/csv") ? 2 : 1);
    else if (is (range, "application/json") || is (range, "application/*"))
      wish_note (&json, weight, is (range, "application/json") ? 2 : 1);
    else if (is (range, "*/*")) {
      wish_note (&csv, weight, 0);
      wish_note (&json, weight, 0);
    }
  }
  /* Who names CSV has a reason, the others take what there is. */
  return csv.weight > json.weight
         || (csv.weight && csv.weight == json.weight && csv.exactness == 2);
}
