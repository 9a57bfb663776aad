/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The receipt of a request: written in COMMIT, behind the hook that records, once the
 * record is as durable as it is to be; and read again when somebody shows it. */
#include "plugins/metering-openmeter/receipt.h"
#include "plugins/metering-openmeter/put.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- Writing ------------------------------------------------------------------------ */

/* What is signed. */
static char *
charge_put (char *p, const struct mt_receipt *r)
{
  p = PUT (p, "id=\"");
  p = put_raw (p, r->id.ptr, r->id.len);
  p = put_int (PUT (p, "\"; units="), r->tokens);
  p = PUT (p, "; unit=\"tokens\"");
  if (r->money)
    p = put_int (PUT (p, "; money="), r->money);
  if (r->requests)
    p = put_int (PUT (p, "; requests="), r->requests);
  return p;
}

/* The whole text, in memory that is there already; its length, or 0. */
static size_t
receipt_put (struct mt *mt, kg_req *req, const struct mt_receipt *r)
{
  int64_t left = mt->budget && mt->budget->left2 ? mt->budget->left2 (req, KG_BUDGET_TOKENS) : -1;
  char *p = charge_put (r->room, r);
  size_t n;
  if (left >= 0)
    p = put_int (PUT (p, "; left="), left);
  if (r->seq)
    p = put_int (PUT (p, "; seq="), (int64_t)r->seq);
  p = put_int (PUT (p, "; time=@"), mt->host->num (req, KG_NUM_TIME) / 1000000000);
  n = (size_t)(p - r->room);
  p = PUT (p, "; sig=\"");
  n = seal_put (mt->receipts, mt->host->num (req, KG_NUM_WORKER), r->room, n, p);
  if (!n)
    return 0;
  p += n;
  *p++ = '"';
  return (size_t)(p - r->room);
}

int32_t
mt_receipt_due (struct mt *mt, kg_req *req, int32_t charged)
{
  return charged > 0 || mt->host->num (req, KG_NUM_ROUTE_FLAGS) & KG_BILLABLE;
}

uint64_t
mt_receipt_number (struct mt *mt, kg_req *req)
{
  return count_next (mt->receipts, mt->host->identity (req)->tenant);
}

int32_t
mt_receipt_hook (kg_req *req, void *data)
{
  struct mt *mt = data;
  struct mt_receipt *r = *mt->host->slot (req, mt->self);
  struct kg_value value;
  int64_t status;
  if (!r || !r->id.len)
    return KG_NEXT;
  status = mt->host->num (req, KG_NUM_STATUS);
  if (status < 200 || status > 299) /* its record didn't get onto the disk, and is none */
    return KG_NEXT;
  r->text = (kg_str){ r->room, receipt_put (mt, req, r) };
  value = (struct kg_value){ r->room, (int64_t)r->text.len };
  /* The charge is made: what is missing is missing, and not a reason to fail. */
  if (!r->text.len || mt->host->headers (req, mt->fields, &value) < 0)
    mt->metrics->add (mt->unsigned_, 0, 1);
  return KG_NEXT;
}

int32_t
mt_receipt_text (kg_req *req, kg_str *ret)
{
  struct mt *mt = mt_plugin;
  const struct mt_receipt *r = *mt->host->slot (req, mt->self);
  if (!r || !r->text.len)
    return -ENOENT;
  *ret = r->text;
  return 0;
}

/* ---- Reading ------------------------------------------------------------------------- */

static int
take (kg_str *s, const char *text)
{
  size_t n = strlen (text);
  if (s->len < n || memcmp (s->ptr, text, n))
    return 0;
  *s = (kg_str){ s->ptr + n, s->len - n };
  return 1;
}

/* As it is written: without needless zeros. */
static int
number (kg_str *s, int64_t *ret)
{
  size_t n = 0;
  int64_t v = 0;
  for (; n < s->len && n < 18 && s->ptr[n] >= '0' && s->ptr[n] <= '9'; n++)
    v = v * 10 + (s->ptr[n] - '0');
  if (!n || (n > 1 && s->ptr[0] == '0'))
    return 0;
  *s = (kg_str){ s->ptr + n, s->len - n };
  *ret = v;
  return 1;
}

/* A parameter that may be left out, as it is below `min`. */
static int
optional (kg_str *s, const char *name, int64_t min, int64_t *ret)
{
  return !take (s, name) || (number (s, ret) && *ret >= min);
}

static int
quoted (kg_str *s, kg_str *ret)
{
  size_t n = 0;
  while (n < s->len && s->ptr[n] != '"' && s->ptr[n] != '\\')
    n++;
  if (n == s->len || s->ptr[n] != '"' || !n)
    return 0;
  *ret = (kg_str){ s->ptr, n };
  *s = (kg_str){ s->ptr + n + 1, s->len - n - 1 };
  return 1;
}

/* "VERSION.HEX" */
static int
signature (kg_str s, struct receipt_parts *ret)
{
  int64_t version;
  if (!number (&s, &version) || version < 1 || version > UINT32_MAX || !take (&s, "."))
    return 0;
  ret->version = (uint32_t)version;
  ret->signature = s;
  return s.len > 0;
}

int32_t
receipt_read (kg_str text, struct receipt_parts *ret)
{
  struct receipt_parts r = { .left = -1 };
  kg_str s = text, sealed;
  if (text.len > MT_RECEIPT_MAX || !take (&s, "id=\"") || !quoted (&s, &r.id)
      || !take (&s, "; units=") || !number (&s, &r.units) || !take (&s, "; unit=\"tokens\"")
      || !optional (&s, "; money=", 1, &r.money) || !optional (&s, "; requests=", 1, &r.requests)
      || !optional (&s, "; left=", 0, &r.left) || !optional (&s, "; seq=", 1, &r.seq)
      || !take (&s, "; time=@") || !number (&s, &r.time))
    return -EINVAL;
  r.signed_len = (size_t)(s.ptr - text.ptr);
  if (!take (&s, "; sig=\"") || !quoted (&s, &sealed) || s.len || !signature (sealed, &r))
    return -EINVAL;
  *ret = r;
  return 0;
}

/* ---- Life ---------------------------------------------------------------------------- */

int32_t
mt_receipts_open (struct mt *mt)
{
  static const char *const names[] = { "Kgent-Receipt", NULL };
  int32_t e;
  if (!strcmp (mt->conf->receipts, "off"))
    return 0;
  mt->receipts = calloc (1, sizeof *mt->receipts);
  if (!mt->receipts)
    return -ENOMEM;
  mt->receipts->mt = mt;
  if ((e = mt->host->fields (mt->self, names, &mt->fields)) < 0 || (e = proof_open (mt)) < 0)
    return e;
  return mt->host->hook (mt->self, KG_PHASE_COMMIT, mt_receipt_hook);
}

int32_t
mt_receipts_start (struct mt *mt)
{
  int32_t e = mt->receipts ? count_start (mt->receipts) : 0;
  return e < 0 || !mt->receipts ? e : seal_start (mt->receipts);
}

void
mt_receipts_stop (struct mt *mt)
{
  if (mt->receipts)
    count_stop (mt->receipts);
}

void
mt_receipts_close (struct mt *mt)
{
  if (!mt->receipts)
    return;
  seal_close (mt->receipts);
  free (mt->receipts);
  mt->receipts = NULL;
}
