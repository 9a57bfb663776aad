/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The table of functions that plugins get: the public names, with their thread tags checked. */
#include "core/table.h"

#include "core/log.h"
#include "core/plugin.h"
#include "core/reply.h"
#include "core/request.h"
#include "core/stream.h"
#include "core/tags.h"
#include "core/ticket.h"

static kg_str
table_get (const kg_req *req, int32_t what, const char *key)
{
  TAG_WORKER (req, "get");
  return request_get (req, what, key);
}

static int32_t
table_field (const kg_req *req, uint32_t place, kg_str *ret_name, kg_str *ret_value)
{
  TAG_WORKER (req, "field");
  return request_field_at (req, place, ret_name, ret_value);
}

static int64_t
table_num (const kg_req *req, int32_t what)
{
  TAG_WORKER (req, "num");
  return request_num (req, what);
}

static const struct kg_json *
table_json (const kg_req *req)
{
  TAG_WORKER (req, "json");
  return request_json (req);
}

static const struct kg_json *
table_parse (kg_req *req, kg_str text)
{
  TAG_WORKER (req, "parse");
  return request_parse (req, text);
}

static void *
table_alloc (kg_req *req, size_t size)
{
  TAG_WORKER (req, "alloc");
  return request_alloc (req, size);
}

static void **
table_slot (kg_req *req, kg_self *self)
{
  TAG_WORKER (req, "slot");
  return request_slot (req, self);
}

static int32_t
table_header (kg_req *req, const char *name, const char *value)
{
  TAG_WORKER (req, "header");
  return reply_header (req, name, value);
}

static int32_t
table_headers (kg_req *req, const kg_fields *fields, const struct kg_value *values)
{
  TAG_WORKER (req, "headers");
  return fields_set (req, fields, values);
}

static int32_t
table_reply (kg_req *req, int32_t status, const char *type, const void *body, size_t len)
{
  TAG_WORKER (req, "reply");
  return reply_set (req, status, type, body, len);
}

static int32_t
table_member (kg_req *req, const char *name, kg_str json)
{
  TAG_WORKER (req, "member");
  return problem_member (req, name, json);
}

KG_PRINTF (4, 5)
static int32_t
table_problem (kg_req *req, int32_t status, const char *type, const char *detail, ...)
{
  va_list args;
  TAG_WORKER (req, "problem");
  va_start (args, detail);
  problem_vset (req, status, type, detail, args);
  va_end (args);
  return KG_DONE;
}

static int32_t
table_identify (kg_req *req, const struct kg_identity *identity)
{
  TAG_WORKER (req, "identify");
  return request_identify (req, identity);
}

static const struct kg_identity *
table_identity (const kg_req *req)
{
  TAG_WORKER (req, "identity");
  return request_identity (req);
}

static kg_ticket *
table_suspend (kg_req *req, void (*gone) (void *arg), void *arg)
{
  TAG_WORKER (req, "suspend");
  return ticket_suspend (req, gone, arg);
}

static kg_stream *
table_stream (kg_req *req, int32_t status, const char *type)
{
  TAG_WORKER (req, "stream");
  return stream_open (req, status, type);
}

static kg_stream *
table_stream2 (kg_req *req, const struct kg_stream_def *def)
{
  TAG_WORKER (req, "stream2");
  return stream_open2 (req, def);
}

const struct kg_host host_table = {
  .abi = KG_ABI_CURRENT,
  .size = sizeof (struct kg_host),
  .log = host_log,
  .route = host_route,
  .hook = host_hook,
  .provide = host_provide,
  .need = host_need,
  .get = table_get,
  .num = table_num,
  .json = table_json,
  .parse = table_parse,
  .alloc = table_alloc,
  .slot = table_slot,
  .header = table_header,
  .reply = table_reply,
  .member = table_member,
  .problem = table_problem,
  .identify = table_identify,
  .identity = table_identity,
  .suspend = table_suspend,
  .resume = ticket_resume,
  .stream = table_stream,
  .send = stream_send,
  .end = stream_end,
  .fields = host_fields,
  .headers = table_headers,
  .stream2 = table_stream2,
  .taken = stream_taken,
  .field = table_field,
};
