/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Rows of accounts: whatever is accepted is written as it was read, and burns without
 * giving more than there was. */
#include "plugins/metering-openmeter/entitlement.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

#define NOW INT64_C (1795900000000000000)

static void
must (int truth)
{
  if (!truth)
    abort ();
}

static void
again (const struct account *a)
{
  struct mt_text one = { 0 }, two = { 0 };
  struct record_read read = { 0 };
  struct account b;
  account_write (a, &one);
  must (!one.failed && account_read ((kg_str){ one.ptr, one.len }, &read, &b) >= 0);
  account_write (&b, &two);
  must (one.len == two.len && !memcmp (one.ptr, two.ptr, one.len));
  account_finish (&b);
  record_read_free (&read);
  mt_text_free (&one);
  mt_text_free (&two);
}

static void
burn (struct account *a)
{
  struct account_at before, after;
  account_at (a, NOW, &before);
  if (account_use (a, NOW, DECIMAL_ONE) < 0)
    return;
  account_at (a, NOW, &after);
  must (after.totals.consumed >= before.totals.consumed);
  account_settle (a, NOW + 1);
  account_at (a, NOW + 1, &after);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  struct record_read read = { 0 };
  struct account a;
  if (account_read ((kg_str){ (const char *)data, size }, &read, &a) >= 0) {
    again (&a);
    burn (&a);
    account_finish (&a);
  }
  record_read_free (&read);
  return 0;
}
