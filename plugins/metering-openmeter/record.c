/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What a request used: noted while it runs, made durable in COMMIT before its
 * 2xx leaves, forgotten when it failed. */
#include "plugins/metering-openmeter/metering.h"
#include "plugins/metering-openmeter/put.h"

#include <errno.h>
#include <string.h>

#define FIRST_SIZE 512 /* bytes; most requests note one small event */
#define EVENT_MORE 24  /* bytes of an event beyond its type and data, at least */
#define HEAD_MORE 128  /* bytes of a head beyond its two texts and the charge, at least */

/* The events of one request as they grow, in the request's memory.  In front of them is
 * room for the record's head, which is known only at the end. */
struct usage {
  struct mt_receipt receipt; /* first: it is what receipt.c finds in the slot */
  char *events;              /* behind MT_HEAD_MAX bytes of room */
  size_t len, cap;
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
  u = mt->host->alloc (req, sizeof *u + MT_HEAD_MAX + FIRST_SIZE
                                + (mt->receipts ? MT_RECEIPT_MAX : 0));
  if (!u)
    return -ENOMEM;
  memset (u, 0, offsetof (struct usage, type));
  u->events = (char *)(u + 1) + MT_HEAD_MAX;
  u->cap = FIRST_SIZE;
  u->receipt.room = u->events + FIRST_SIZE;
  *ret = u;
  return 0;
}

/* Makes room for `need` bytes more. */
static int32_t
usage_grow (struct mt *mt, kg_req *req, struct usage *u, size_t need)
{
  size_t cap = (u->len + need) * 2;
  char *more = mt->host->alloc (req, MT_HEAD_MAX + cap);
  if (!more)
    return -ENOMEM;
  u->events = memcpy (more + MT_HEAD_MAX, u->events, u->len);
  u->cap = cap;
  return 0;
}

/* The request's usage, begun when it is not yet. */
static inline int32_t
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

/* Adds an event, whose type has that index, to fewer than `max`. */
static int32_t
usage_add (kg_req *req, const char *type, uint32_t index, kg_str data, uint32_t max)
{
  struct mt *mt = mt_plugin;
  size_t type_len = strlen (type), need = type_len + data.len + EVENT_MORE;
  struct usage *u;
  char *p;
  int32_t r = usage_get (mt, req, &u);
  if (r < 0)
    return r;
  if (u->len + need > MT_RECORD_MAX - MT_HEAD_MAX || u->count >= max)
    return -E2BIG;
  if (u->len + need > u->cap && (r = usage_grow (mt, req, u, need)) < 0)
    return r;
  p = u->events + u->len;
  if (u->count)
    *p++ = ',';
  p = put_raw (PUT (p, "{\"type\":\""), type, type_len);
  p = put_raw (PUT (p, "\",\"data\":"), data.ptr, data.len);
  *p++ = '}';
  u->len = (size_t)(p - u->events);
  u->type[u->count++] = (uint8_t)index;
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
  uint32_t index = mt_type_index (type);
  if (!type_ok (type, index) || data.len < 2 || data.ptr[0] != '{'
      || data.ptr[data.len - 1] != '}')
    return -EINVAL;
  if (data.len > MT_DATA_MAX)
    return -E2BIG;
  return usage_add (req, type, index, data, MT_EVENTS_MAX);
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
  r = usage_add (req, "api.request", mt_type_index ("api.request"), (kg_str){ buf, o.len },
                 MT_EVENTS_MAX + 1);
  return r == -EACCES ? 0 : r; /* nobody to charge */
}

/* All that stands before the events, into MT_HEAD_MAX bytes; its length, or 0 when it does
 * not fit. */
static size_t
head_write (struct mt *mt, kg_req *req, const struct usage *u, const struct kg_charge *charge,
            char *to)
{
  size_t charge_len = charge ? charge->json.len : 0;
  const char *end = to + MT_HEAD_MAX - HEAD_MORE - charge_len;
  char *p = PUT (to, "{\"tenant\":");
  if (charge_len > MT_HEAD_MAX / 2 || !(p = put_text (p, end, mt->host->identity (req)->tenant)))
    return 0;
  if (charge && !(p = put_text (PUT (p, ",\"key\":"), end, charge->key ? charge->key : "")))
    return 0;
  p = put_int (PUT (p, ",\"time\":"), mt->host->num (req, KG_NUM_TIME));
  if (u->receipt.seq)
    p = put_int (PUT (p, ",\"seq\":"), (int64_t)u->receipt.seq);
  if (charge)
    p = put_raw (PUT (p, ",\"charge\":"), charge->json.ptr, charge_len);
  return (size_t)(PUT (p, ",\"events\":[") - to);
}

/* The whole record, in one piece: the events follow the head. */
static int32_t
record_write (struct mt *mt, kg_req *req, const struct usage *u, const struct kg_charge *charge,
              kg_str *ret)
{
  char *record = u->events - MT_HEAD_MAX;
  size_t n = head_write (mt, req, u, charge, record);
  if (!n)
    return -E2BIG;
  memmove (record + n, u->events, u->len);
  n += u->len;
  n = (size_t)(PUT (record + n, "]}") - record);
  *ret = (kg_str){ record, n };
  return 0;
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
  int32_t due = mt->receipts && mt_receipt_due (mt, req, charge != NULL), r;
  kg_str record;
  uint32_t i;
  if (due)
    receipt_begin (mt, req, &u->receipt, charge);
  r = record_write (mt, req, u, charge, &record);
  if (r >= 0)
    r = mt->store->record (mt->usage, req, record.ptr, record.len,
                           due ? &u->receipt.id : NULL);
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
  if (charged > 0 && !*slot && (r = usage_get (mt, req, &u)) < 0)
    charged = r;
  if (charged < 0)
    return charged;
  u = *slot;
  return u && (u->count || charged) ? usage_record (mt, req, u, charged ? &charge : NULL)
                                    : KG_NEXT;
}
