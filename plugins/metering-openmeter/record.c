/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What a request used: noted while it runs, made durable in COMMIT before its
 * 2xx leaves, forgotten when it failed. */
#include "plugins/metering-openmeter/metering.h"

#include <errno.h>
#include <string.h>

#define FIRST_SIZE 512 /* bytes; most requests note one small event */

/* The events of one request as they grow, in the request's memory. */
struct usage {
  struct mt_receipt receipt; /* first: it is what receipt.c finds in the slot */
  struct kg_out out;
  uint32_t count;
  uint8_t type[MT_EVENTS_MAX + 1]; /* index of mt_types, for the metric */
};

/* The request's usage, made now. */
static int32_t
usage_new (struct mt *mt, kg_req *req, struct usage **ret)
{
  const struct kg_identity *who = mt->host->identity (req);
  struct usage *u;
  if (!who || !who->tenant || !who->tenant[0])
    return -EACCES;
  u = mt->host->alloc (req, sizeof *u + FIRST_SIZE + (mt->receipts ? MT_RECEIPT_MAX : 0));
  if (!u)
    return -ENOMEM;
  memset (u, 0, sizeof *u);
  u->receipt.room = (char *)(u + 1) + FIRST_SIZE;
  u->out.ptr = (char *)(u + 1);
  u->out.cap = FIRST_SIZE;
  *ret = u;
  return 0;
}

/* Makes room for `need` bytes more. */
static int32_t
usage_grow (struct mt *mt, kg_req *req, struct usage *u, size_t need)
{
  size_t cap = (u->out.len + need) * 2;
  char *more;
  if (u->out.len + need <= u->out.cap)
    return 0;
  more = mt->host->alloc (req, cap);
  if (!more)
    return -ENOMEM;
  memcpy (more, u->out.ptr, u->out.len);
  u->out.ptr = more;
  u->out.cap = cap;
  return 0;
}

/* Adds an event, whose type has that index. */
static int32_t
usage_add (struct mt *mt, kg_req *req, struct usage *u, const char *type, uint32_t index,
           kg_str data)
{
  size_t type_len = strlen (type), need = type_len + data.len + 32;
  int32_t r;
  if (u->out.len + need > MT_RECORD_MAX - MT_HEAD_MAX || u->count > MT_EVENTS_MAX)
    return -E2BIG;
  r = usage_grow (mt, req, u, need);
  if (r < 0)
    return r;
  kg_out_lit (&u->out, u->count ? ",{\"type\":\"" : "{\"type\":\"");
  kg_out_raw (&u->out, type, type_len);
  kg_out_lit (&u->out, "\",\"data\":");
  kg_out_raw (&u->out, data.ptr, data.len);
  kg_out_raw (&u->out, "}", 1);
  u->type[u->count++] = (uint8_t)index;
  return 0;
}

/* The request's usage, begun when it is not yet. */
static int32_t
usage_get (struct mt *mt, kg_req *req, struct usage **ret)
{
  void **slot = mt->host->slot (req, mt->self);
  int32_t r;
  if (!*slot) {
    struct usage *u;
    r = usage_new (mt, req, &u);
    if (r < 0)
      return r;
    *slot = u;
  }
  *ret = *slot;
  return 0;
}

/* Types are written as they are: dotted names of lower-case letters. */
static int32_t
type_ok (const char *type, uint32_t index)
{
  size_t i;
  if (mt_types[index + 1]) /* one of those that we know */
    return 1;
  for (i = 0; type[i]; i++)
    if (!((type[i] >= 'a' && type[i] <= 'z') || (i && (type[i] == '.' || type[i] == '_'))))
      return 0;
  return i && i <= MT_TYPE_MAX;
}

static int32_t
meter_note (kg_req *req, const char *type, kg_str data)
{
  struct mt *mt = mt_plugin;
  uint32_t index = mt_type_index (type);
  struct usage *u;
  int32_t r;
  if (!type_ok (type, index) || data.len < 2 || data.ptr[0] != '{'
      || data.ptr[data.len - 1] != '}')
    return -EINVAL;
  if (data.len > MT_DATA_MAX)
    return -E2BIG;
  r = usage_get (mt, req, &u);
  if (r < 0)
    return r;
  return u->count < MT_EVENTS_MAX ? usage_add (mt, req, u, type, index, data) : -E2BIG;
}

const struct kg_meter mt_meter = { .size = sizeof (struct kg_meter), .note = meter_note,
                                   .receipt = mt_receipt_text };

/* Says once that usage cannot be recorded, and once that it can again. */
static void
note_failure (struct mt *mt, int32_t error)
{
  int32_t failing = error < 0;
  if (atomic_load_explicit (&mt->failing, memory_order_relaxed) == failing
      || atomic_exchange (&mt->failing, failing) == failing)
    return;
  if (failing)
    mt->health->set (mt->recording, KG_HEALTH_DOWN, 0, "usage cannot be recorded: %s",
                     strerror (-error));
  else
    mt->health->set (mt->recording, KG_HEALTH_OK, 0, "%s", "");
  mt->host->log (mt->self, failing ? KG_LOG_ERROR : KG_LOG_INFO,
                 failing ? "usage cannot be recorded, billable requests are refused: %s"
                         : "usage is recorded again%s",
                 failing ? strerror (-error) : "");
}

/* Writes what every authenticated request is, if that is wanted. */
static int32_t
request_note (struct mt *mt, kg_req *req)
{
  char buf[1024];
  struct kg_out o = { buf, 0, sizeof buf };
  struct usage *u;
  int32_t r;
  kg_out_lit (&o, "{\"endpoint\":");
  kg_out_str (&o, mt->host->get (req, KG_GET_ROUTE, NULL));
  kg_out_lit (&o, ",\"method\":");
  kg_out_str (&o, mt->host->get (req, KG_GET_METHOD, NULL));
  kg_out_lit (&o, ",\"status_code\":");
  kg_out_int (&o, mt->host->num (req, KG_NUM_STATUS));
  kg_out_lit (&o, "}");
  if (!kg_out_ok (&o))
    return -E2BIG;
  r = usage_get (mt, req, &u);
  if (r == -EACCES)
    return 0; /* nobody to charge */
  return r < 0 ? r
               : usage_add (mt, req, u, "api.request", mt_type_index ("api.request"),
                            (kg_str){ buf, o.len });
}

/* The whole record: the head, what it costs, and the events, in one piece. */
static int32_t
record_write (struct mt *mt, kg_req *req, const struct usage *u, const struct kg_charge *charge,
              struct kg_out *o)
{
  o->len = 0;
  o->cap = MT_HEAD_MAX + u->out.len;
  o->ptr = mt->host->alloc (req, o->cap);
  if (!o->ptr)
    return -ENOMEM;
  kg_out_lit (o, "{\"tenant\":");
  kg_out_text (o, mt->host->identity (req)->tenant);
  if (charge) {
    kg_out_lit (o, ",\"key\":");
    kg_out_text (o, charge->key ? charge->key : "");
  }
  kg_out_lit (o, ",\"time\":");
  kg_out_int (o, mt->host->num (req, KG_NUM_TIME));
  if (u->receipt.seq) {
    kg_out_lit (o, ",\"seq\":");
    kg_out_int (o, (int64_t)u->receipt.seq);
  }
  if (charge) {
    kg_out_lit (o, ",\"charge\":");
    kg_out_raw (o, charge->json.ptr, charge->json.len);
  }
  kg_out_lit (o, ",\"events\":[");
  kg_out_raw (o, u->out.ptr, u->out.len);
  kg_out_lit (o, "]}");
  return kg_out_ok (o) ? 0 : -E2BIG;
}

/* What the receipt will say of it; the id comes with the record. */
static void
receipt_begin (struct mt *mt, kg_req *req, struct mt_receipt *r, const struct kg_charge *charge)
{
  r->seq = mt_receipt_number (mt, req);
  if (!charge)
    return;
  r->tokens = charge->tokens;
  r->money = charge->money;
  r->requests = charge->requests;
}

/* Hands the record over. */
static int32_t
usage_record (struct mt *mt, kg_req *req, struct usage *u, const struct kg_charge *charge)
{
  int32_t due = mt_receipt_due (mt, req, charge != NULL), r;
  struct kg_out o;
  uint32_t i;
  if (due)
    receipt_begin (mt, req, &u->receipt, charge);
  r = record_write (mt, req, u, charge, &o);
  if (r >= 0)
    r = mt->store->record (mt->usage, req, o.ptr, o.len, due ? &u->receipt.id : NULL);
  note_failure (mt, r);
  if (r < 0) {
    mt->metrics->add (mt->unrecorded, 0, u->count);
    /* A request that was free goes on; one that is billed, or charged, must not. */
    if (charge || mt->host->num (req, KG_NUM_ROUTE_FLAGS) & KG_BILLABLE)
      return r;
    return KG_NEXT;
  }
  for (i = 0; i < u->count; i++)
    mt->metrics->add (mt->recorded, u->type[i], 1);
  return r;
}

/* What the request costs its key and tenant; 0: nothing, or nobody charges. */
static int32_t
charge_get (struct mt *mt, kg_req *req, int64_t status, struct kg_charge *ret)
{
  int32_t r;
  if (status < 200 || status > 299 || !mt->budget || !mt->budget->charged)
    return 0;
  *ret = (struct kg_charge){ .size = sizeof *ret };
  r = mt->budget->charged (req, ret);
  return r == -EACCES ? 0 : r;
}

int32_t
mt_commit (kg_req *req, void *data)
{
  struct mt *mt = data;
  void **slot = mt->host->slot (req, mt->self);
  int64_t status = mt->host->num (req, KG_NUM_STATUS);
  struct kg_charge charge;
  struct usage *u;
  int32_t charged, r;
  if (status < 200 || status > 299)
    *slot = NULL; /* it failed: nothing was used */
  charged = charge_get (mt, req, status, &charge);
  if (charged >= 0 && mt->conf->api_requests && (r = request_note (mt, req)) < 0)
    charged = r;
  if (charged > 0 && (r = usage_get (mt, req, &u)) < 0)
    charged = r;
  if (charged < 0)
    return charged;
  u = *slot;
  return u && (u->count || charged) ? usage_record (mt, req, u, charged ? &charge : NULL)
                                    : KG_NEXT;
}
