/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "plugins/billing-stripe/stored.h"

#include <errno.h>
#include <json-c/json.h>
#include <stddef.h>

/* ---- The members, by name -------------------------------------------------- */

struct field {
  const char *name;
  size_t offset;
  size_t size; /* of a text; 0: int64_t; 1: int32_t */
};

#define NUMBER(m) { #m, offsetof (struct sub_state, m), 0 }
#define TEXT(m)   { #m, offsetof (struct sub_state, m), sizeof ((struct sub_state *) 0)->m }

static const struct field state_fields[] = {
  TEXT (customer),        TEXT (tenant),        NUMBER (quantity),
  NUMBER (amount),        TEXT (currency),      NUMBER (trial_end),
  NUMBER (period_end),    NUMBER (canceled_at), NUMBER (ended_at),
  NUMBER (cancel_at),     { "cancel_at_period_end", offsetof (struct sub_state, cancel_at_period_end), 1 },
  { "more_items", offsetof (struct sub_state, more), 1 },
  { "none_bought", offsetof (struct sub_state, none), 1 },
  { NULL, 0, 0 },
};

#define ITEM(m) { #m, offsetof (struct sub_item, m), sizeof ((struct sub_item *) 0)->m }
static const struct field item_fields[]
    = { ITEM (price), ITEM (lookup_key), ITEM (product), ITEM (tier), { NULL, 0, 0 } };

#define WHOLE(n, m) { n, offsetof (struct projection, m), sizeof ((struct projection *) 0)->m }
static const struct field whole_fields[] = {
  WHOLE ("id", id),
  WHOLE ("checkout_customer", customer),
  WHOLE ("reference", reference),
  WHOLE ("reference_event", reference_event),
  { "reference_created", offsetof (struct projection, reference_created), 0 },
  { "due_before", offsetof (struct projection, due_before), 0 },
  { "started", offsetof (struct projection, started), 1 },
  { NULL, 0, 0 },
};

static const struct field event_fields[] = {
  { "event", offsetof (struct sub_event, id), sizeof ((struct sub_event *) 0)->id },
  { "created", offsetof (struct sub_event, created), 0 },
  { "first", offsetof (struct sub_event, first), 1 },
  { "read", offsetof (struct sub_event, read), 0 },
  { NULL, 0, 0 },
};

/* ---- Writing ------------------------------------------------------------- */

static void
fields_show (struct kg_out *out, const struct field *f, const void *of)
{
  for (const struct field *first = f; f->name; f++) {
    const char *at = (const char *) of + f->offset;
    int64_t n;
    int32_t flag;
    kg_out_lit (out, f == first ? "" : ",");
    kg_out_text (out, f->name);
    kg_out_lit (out, ":");
    if (f->size > 1)
      kg_out_text (out, at);
    else if (f->size) {
      memcpy (&flag, at, sizeof flag);
      kg_out_lit (out, flag ? "true" : "false");
    } else {
      memcpy (&n, at, sizeof n);
      kg_out_int (out, n);
    }
  }
}

static void
event_show (struct kg_out *out, const struct sub_event *e)
{
  kg_out_lit (out, "{");
  fields_show (out, event_fields, e);
  kg_out_lit (out, ",\"status\":");
  kg_out_text (out, sub_status_name (e->status));
  kg_out_lit (out, "}");
}

void
projection_show (struct kg_out *out, const struct projection *p)
{
  fields_show (out, whole_fields, p);
  kg_out_lit (out, ",\"status\":");
  kg_out_text (out, sub_status_name (projection_status (p)));
  kg_out_lit (out, ",\"due_since\":");
  kg_out_int (out, projection_due_since (p));
  kg_out_lit (out, ",\"ties\":");
  kg_out_int (out, projection_ties (p));
  kg_out_lit (out, ",");
  fields_show (out, state_fields, &p->state);
  kg_out_lit (out, ",\"items\":[");
  for (uint32_t i = 0; i < p->state.items; i++) {
    kg_out_lit (out, i ? ",{" : "{");
    fields_show (out, item_fields, &p->state.item[i]);
    kg_out_lit (out, "}");
  }
  kg_out_lit (out, "],\"history\":[");
  for (uint32_t i = 0; i < p->events; i++) {
    kg_out_lit (out, i ? "," : "");
    event_show (out, &p->history[i]);
  }
  kg_out_lit (out, "]");
}

void
projection_store (struct kg_out *out, const struct projection *p)
{
  kg_out_lit (out, "{\"v\":1,");
  projection_show (out, p);
  kg_out_lit (out, "}");
}

/* ---- Reading ------------------------------------------------------------- */

static json_object *
member (json_object *o, const char *name)
{
  json_object *v = NULL;
  return json_object_object_get_ex (o, name, &v) ? v : NULL;
}

static void
fields_load (json_object *o, const struct field *f, void *to)
{
  for (; f->name; f++) {
    json_object *v = member (o, f->name);
    char *at = (char *) to + f->offset;
    int64_t n = json_object_get_int64 (v);
    int32_t flag = json_object_get_boolean (v);
    if (f->size > 1)
      text_put (at, f->size, v ? json_object_get_string (v) : "");
    else if (f->size)
      memcpy (at, &flag, sizeof flag);
    else
      memcpy (at, &n, sizeof n);
  }
}

static json_object *
list_at (json_object *o, const char *name, size_t max, uint32_t *ret_count)
{
  json_object *list = member (o, name);
  size_t n = json_object_is_type (list, json_type_array) ? json_object_array_length (list) : 0;
  *ret_count = (uint32_t) (n < max ? n : max);
  return list;
}

static void
whole_load (json_object *o, struct projection *p)
{
  json_object *list;
  memset (p, 0, sizeof *p);
  fields_load (o, whole_fields, p);
  fields_load (o, state_fields, &p->state);
  list = list_at (o, "items", PROJECTION_ITEMS, &p->state.items);
  for (uint32_t i = 0; i < p->state.items; i++)
    fields_load (json_object_array_get_idx (list, i), item_fields, &p->state.item[i]);
  list = list_at (o, "history", PROJECTION_HISTORY, &p->events);
  for (uint32_t i = 0; i < p->events; i++) {
    json_object *e = json_object_array_get_idx (list, i), *status = member (e, "status");
    fields_load (e, event_fields, &p->history[i]);
    p->history[i].status = sub_status_find (status ? json_object_get_string (status) : "");
  }
}

int32_t
projection_load (kg_str text, struct projection *ret)
{
  json_tokener *tok = json_tokener_new ();
  json_object *o = tok ? json_tokener_parse_ex (tok, text.ptr, (int) text.len) : NULL;
  int32_t rc = !tok ? -ENOMEM : json_object_is_type (o, json_type_object) ? 0 : -EBADMSG;
  if (rc == 0)
    whole_load (o, ret);
  json_object_put (o);
  if (tok)
    json_tokener_free (tok);
  return rc;
}
