/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "plugins/billing-stripe/event.h"

#include <errno.h>
#include <string.h>

const char *const event_types[EVENT_TYPES + 1] = {
  "checkout.session.completed",
  "customer.subscription.created",
  "customer.subscription.updated",
  "customer.subscription.deleted",
  "invoice.paid",
  "invoice.payment_failed",
  "other",
  NULL,
};

uint32_t
event_type_find (const char *type, size_t len)
{
  uint32_t i;
  for (i = 0; i < EVENT_OTHER; i++)
    if (strlen (event_types[i]) == len && !memcmp (event_types[i], type, len))
      break;
  return i;
}

/* 1, 0; -1 for what is absent or no boolean. */
static int32_t
live_get (const struct kg_json *j, uint32_t i)
{
  int32_t kind = i ? (int32_t) kg_json_kind (j, i) : KG_JSON_NONE;
  return kind == KG_JSON_TRUE ? 1 : kind == KG_JSON_FALSE ? 0 : -1;
}

/* A string of 1 to EVENT_ID_MAX bytes, decoded; { NULL, 0 } for anything else. */
static kg_str
text_get (const struct kg_host *host, kg_req *req, const struct kg_json *j, const char *name)
{
  kg_str s = kg_json_str (host, req, j, kg_json_find (j, 0, name)), none = { NULL, 0 };
  return s.len && s.len <= EVENT_ID_MAX ? s : none;
}

int32_t
event_read (const struct kg_host *host, kg_req *req, kg_str body, struct event *ret)
{
  const struct kg_json *j = host->parse (req, body);
  uint32_t data, object; /* 0: absent; token 0 itself is the whole text */
  if (!j || kg_json_kind (j, 0) != KG_JSON_OBJECT)
    return -EINVAL;
  data = kg_json_find (j, 0, "data");
  object = data ? kg_json_find (j, data, "object") : 0;
  ret->id = text_get (host, req, j, "id");
  ret->type = text_get (host, req, j, "type");
  ret->created = kg_json_int (j, kg_json_find (j, 0, "created"), -1);
  ret->livemode = live_get (j, kg_json_find (j, 0, "livemode"));
  if (!object || kg_json_kind (j, object) != KG_JSON_OBJECT)
    return -EINVAL;
  return ret->id.ptr && ret->type.ptr && ret->created >= 0 ? 0 : -EINVAL;
}
