/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What a request used: noted while it runs, made durable in COMMIT before its
 * 2xx leaves, forgotten when it failed. */
#include "plugins/metering-openmeter/metering.h"

#include <errno.h>
#include <string.h>

#define FIRST_SIZE 512 /* bytes; most requests note one small event */

/* The record of one request as it grows, in the request's memory. */
struct usage {
  struct kg_out out;
  uint32_t count;
  uint8_t type[MT_EVENTS_MAX + 1]; /* index of mt_types, for the metric */
};

/* The beginning of the record, up to its first event. */
static int32_t
usage_begin (struct mt *mt, kg_req *req, struct usage *u)
{
  const struct kg_identity *who = mt->host->identity (req);
  if (!who || !who->tenant || !who->tenant[0])
    return -EACCES;
  u->out.ptr = (char *)(u + 1);
  u->out.cap = FIRST_SIZE;
  kg_out_lit (&u->out, "{\"tenant\":");
  kg_out_text (&u->out, who->tenant);
  kg_out_lit (&u->out, ",\"time\":");
  kg_out_int (&u->out, mt->host->num (req, KG_NUM_TIME));
  kg_out_lit (&u->out, ",\"events\":[");
  return kg_out_ok (&u->out) ? 0 : -E2BIG;
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

/* Adds an event, whose type has that index; "]}" must still fit behind it. */
static int32_t
usage_add (struct mt *mt, kg_req *req, struct usage *u, const char *type, uint32_t index,
           kg_str data)
{
  size_t type_len = strlen (type), need = type_len + data.len + 32;
  int32_t r;
  if (u->out.len + need > MT_RECORD_MAX || u->count > MT_EVENTS_MAX)
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
  struct usage *u = *slot;
  int32_t r;
  if (!u) {
    u = mt->host->alloc (req, sizeof *u + FIRST_SIZE);
    if (!u)
      return -ENOMEM;
    memset (u, 0, sizeof *u);
    r = usage_begin (mt, req, u);
    if (r < 0)
      return r;
    *slot = u;
  }
  *ret = u;
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

const struct kg_meter mt_meter = { .size = sizeof (struct kg_meter), .note = meter_note };

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

/* Hands the record over. */
static int32_t
usage_record (struct mt *mt, kg_req *req, struct usage *u)
{
  uint32_t i;
  int32_t r;
  kg_out_raw (&u->out, "]}", 2);
  r = mt->store->record (mt->usage, req, u->out.ptr, u->out.len, NULL);
  note_failure (mt, r);
  if (r < 0) {
    mt->metrics->add (mt->unrecorded, 0, u->count);
    /* A request that was free goes on; one that is billed must not. */
    return mt->host->num (req, KG_NUM_ROUTE_FLAGS) & KG_BILLABLE ? r : KG_NEXT;
  }
  for (i = 0; i < u->count; i++)
    mt->metrics->add (mt->recorded, u->type[i], 1);
  return r;
}

int32_t
mt_commit (kg_req *req, void *data)
{
  struct mt *mt = data;
  void **slot = mt->host->slot (req, mt->self);
  struct usage *u = *slot;
  int64_t status;
  if (!u && !mt->conf->api_requests)
    return KG_NEXT;
  status = mt->host->num (req, KG_NUM_STATUS);
  if (u && (status < 200 || status > 299))
    *slot = u = NULL; /* it failed: nothing was used */
  if (mt->conf->api_requests) {
    int32_t r = request_note (mt, req);
    if (r < 0)
      return r;
    u = *slot;
  }
  return u && u->count ? usage_record (mt, req, u) : KG_NEXT;
}
