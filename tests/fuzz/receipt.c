/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The reader of receipts on any text: what it takes is written back from its parts to
 * the byte, so no two texts stand for the same receipt. */
#include "plugins/metering-openmeter/receipt.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static size_t
part (char *to, size_t n, const char *name, int64_t value, int64_t min)
{
  if (value < min)
    return n;
  return n + (size_t)snprintf (to + n, 2 * MT_RECEIPT_MAX - n, "; %s=%" PRId64, name, value);
}

static size_t
write_back (const struct receipt_parts *p, char *to)
{
  size_t n = (size_t)snprintf (to, 2 * MT_RECEIPT_MAX, "id=\"%.*s\"", (int)p->id.len, p->id.ptr);
  n = part (to, n, "units", p->units, 0);
  n += (size_t)snprintf (to + n, 2 * MT_RECEIPT_MAX - n, "; unit=\"tokens\"");
  n = part (to, n, "money", p->money, 1);
  n = part (to, n, "requests", p->requests, 1);
  n = part (to, n, "left", p->left, 0);
  n = part (to, n, "seq", p->seq, 1);
  return n
         + (size_t)snprintf (to + n, 2 * MT_RECEIPT_MAX - n,
                             "; time=@%" PRId64 "; sig=\"%u.%.*s\"", p->time, p->version,
                             (int)p->signature.len, p->signature.ptr);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  struct receipt_parts parts;
  char back[2 * MT_RECEIPT_MAX];
  if (memchr (data, 0, size) || receipt_read ((kg_str){ (const char *)data, size }, &parts) < 0)
    return 0;
  if (write_back (&parts, back) != size || memcmp (back, data, size))
    abort ();
  if (parts.signed_len >= size || memcmp (data + parts.signed_len, "; sig=\"", 7))
    abort ();
  return 0;
}
