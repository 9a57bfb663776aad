/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Usage records, what they charge whom, and how sums of that are stored. */
#include "plugins/auth/auth.h"
#include "plugins/auth/charge.h"
#include "plugins/auth/scan.h"

#include <errno.h>
#include <string.h>

/* ---- Records --------------------------------------------------------------- */

struct charge_record {
  int32_t has_tenant, has_key, has_charge;
  uint8_t tenant[16], key[16];
  int64_t month, tokens, money, requests;
};

static void
read_numbers (struct scan *s, struct charge_record *r)
{
  kg_str name;
  if (!scan_object (s)) {
    scan_skip (s);
    return;
  }
  r->has_charge = 1;
  while (scan_member (s, &name))
    if (scan_is (name, "month"))
      r->month = scan_int (s);
    else if (scan_is (name, "tokens"))
      r->tokens = scan_int (s);
    else if (scan_is (name, "money"))
      r->money = scan_int (s);
    else if (scan_is (name, "requests"))
      r->requests = scan_int (s);
    else
      scan_skip (s);
}

/* The bytes of a UUID in its one form, as records have it: each record has two. */
static int32_t
read_id (struct scan *s, uint8_t ret[16])
{
  static const int8_t value[256] = {
    ['0'] = 1, ['1'] = 2, ['2'] = 3, ['3'] = 4,  ['4'] = 5,  ['5'] = 6,  ['6'] = 7,  ['7'] = 8,
    ['8'] = 9, ['9'] = 10, ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
  };
  static const uint8_t at[16] = { 1, 3, 5, 7, 10, 12, 15, 17, 20, 22, 25, 27, 29, 31, 33, 35 };
  kg_str raw = scan_skip (s); /* with its quotes */
  if (raw.len != TEXT_UUID + 1 || raw.ptr[9] != '-' || raw.ptr[14] != '-' || raw.ptr[19] != '-'
      || raw.ptr[24] != '-')
    return 0;
  for (size_t i = 0; i < 16; i++) {
    int high = value[(unsigned char) raw.ptr[at[i]]] - 1;
    int low = value[(unsigned char) raw.ptr[at[i] + 1]] - 1;
    if (high < 0 || low < 0)
      return 0;
    ret[i] = (uint8_t) (high << 4 | low);
  }
  return 1;
}

/* 1, or 0 when it charges nobody.  What lies behind the three members is the meter's
 * business: most of a record, which isn't looked at. */
static int32_t
record_parse (kg_str data, struct charge_record *r)
{
  char buffer[16385]; /* a record is not longer */
  struct scan s;
  kg_str name;
  memset (r, 0, sizeof *r);
  if (data.len >= sizeof buffer)
    return 0;
  scan_begin (&s, data, buffer);
  while (!(r->has_tenant & r->has_key & r->has_charge) && scan_member (&s, &name))
    if (scan_is (name, "tenant"))
      r->has_tenant = read_id (&s, r->tenant);
    else if (scan_is (name, "key"))
      r->has_key = read_id (&s, r->key);
    else if (scan_is (name, "charge"))
      read_numbers (&s, r);
    else
      scan_skip (&s);
  return r->has_tenant && r->has_key && r->has_charge && !s.error && r->month > 0
         && r->month <= UINT16_MAX && r->tokens >= 0 && r->money >= 0 && r->requests >= 0;
}

/* ---- Sums ------------------------------------------------------------------ */

static uint32_t
sum_hash (const uint8_t id[16], uint32_t kind, uint32_t month)
{
  uint64_t h;
  memcpy (&h, id, sizeof h);
  h = (h ^ id[15] ^ (uint64_t) kind << 32 ^ (uint64_t) month << 40) * 0x9e3779b97f4a7c15u;
  return (uint32_t) (h >> 40);
}

/* The sum of a subject and month, made when there is none; NULL: too many. */
static struct charge_sum *
sum_find (struct charge_sums *s, const uint8_t id[16], uint32_t kind, uint32_t month)
{
  uint32_t at = sum_hash (id, kind, month);
  struct charge_sum *sum;
  for (;; at++) {
    uint16_t *slot = &s->slot[at % CHARGE_SLOTS];
    if (!*slot) {
      if (s->count == CHARGE_SUMS)
        return NULL;
      *slot = (uint16_t) ++s->count;
      sum = &s->sum[s->count - 1];
      memset (sum, 0, sizeof *sum);
      memcpy (sum->id, id, sizeof sum->id);
      sum->kind = kind;
      sum->month = month;
      return sum;
    }
    sum = &s->sum[*slot - 1];
    if (sum->kind == kind && sum->month == month && !memcmp (sum->id, id, sizeof sum->id))
      return sum;
  }
}

static void
sum_add (struct charge_sum *sum, const struct charge_record *r)
{
  sum->tokens += r->tokens;
  sum->money += r->money;
  sum->requests += r->requests;
}

int32_t
charge_add (struct charge_sums *s, const struct kg_record *record)
{
  struct charge_record r;
  if (!record_parse (record->data, &r))
    return 0;
  if (s->count > CHARGE_SUMS - 2)
    return -E2BIG;
  sum_add (sum_find (s, r.key, CELL_KEY, (uint32_t) r.month), &r);
  sum_add (sum_find (s, r.tenant, CELL_TENANT, (uint32_t) r.month), &r);
  return 1;
}

/* ---- Stored sums ----------------------------------------------------------- */

/* "24310.k.<id>": so a month's are together. */
size_t
charge_key_write (char ret[CHARGE_KEY], const struct charge_sum *sum)
{
  struct kg_out out = { ret, 0, CHARGE_KEY };
  char id[TEXT_UUID];
  text_uuid_show (sum->id, id);
  kg_out_int (&out, sum->month);
  kg_out_lit (&out, sum->kind == CELL_KEY ? ".k." : ".t.");
  kg_out_lit (&out, id);
  return out.len;
}

int32_t
charge_key_read (kg_str key, struct charge_sum *ret)
{
  size_t i = 0;
  memset (ret, 0, sizeof *ret);
  for (; i < key.len && key.ptr[i] >= '0' && key.ptr[i] <= '9' && ret->month < UINT16_MAX; i++)
    ret->month = ret->month * 10 + (uint32_t) (key.ptr[i] - '0');
  if (key.len - i != 3 + TEXT_UUID - 1 || key.ptr[i] != '.' || key.ptr[i + 2] != '.')
    return -EINVAL;
  ret->kind = key.ptr[i + 1] == 'k' ? CELL_KEY : key.ptr[i + 1] == 't' ? CELL_TENANT : 0;
  return ret->kind ? text_uuid_read (key.ptr + i + 3, TEXT_UUID - 1, ret->id) : -EINVAL;
}

size_t
charge_value_write (char ret[CHARGE_VALUE], const struct charge_sum *sum)
{
  struct kg_out out = { ret, 0, CHARGE_VALUE };
  kg_out_lit (&out, "{\"tokens\":");
  kg_out_int (&out, sum->tokens);
  kg_out_lit (&out, ",\"money\":");
  kg_out_int (&out, sum->money);
  kg_out_lit (&out, ",\"requests\":");
  kg_out_int (&out, sum->requests);
  kg_out_lit (&out, "}");
  return out.len;
}

/* Adds what is stored; 0 or -EINVAL. */
int32_t
charge_value_read (kg_str value, struct charge_sum *sum)
{
  char buffer[CHARGE_VALUE + 1];
  struct charge_record r = { 0 };
  struct scan s;
  kg_str name;
  if (value.len > CHARGE_VALUE)
    return -EINVAL;
  scan_begin (&s, value, buffer);
  while (scan_member (&s, &name))
    if (scan_is (name, "tokens"))
      r.tokens = scan_int (&s);
    else if (scan_is (name, "money"))
      r.money = scan_int (&s);
    else if (scan_is (name, "requests"))
      r.requests = scan_int (&s);
    else
      scan_skip (&s);
  if (scan_end (&s) < 0)
    return -EINVAL;
  sum_add (sum, &r);
  return 0;
}
