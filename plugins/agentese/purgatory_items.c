/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Items that wait for a human, as they are kept and as they are shown. */
#include "plugins/agentese/purgatory.h"

#include <errno.h>
#include <string.h>

const kg_str ag_items_handle = { "self.semaphore", 14 };

const char *const ag_item_statuses[AG_ITEM_STATUSES + 1]
    = { "pending", "continuing", "resolved", "rejected", "failed", "cancelled", "void", NULL };

/* ---- Reading ----------------------------------------------------------------------- */

static kg_str
json_of (const struct kg_json *j, uint32_t object, const char *name)
{
  uint32_t i = kg_json_find (j, object, name);
  return i ? kg_json_text (j, i) : (kg_str){ NULL, 0 };
}

static int64_t
int_of (const struct kg_json *j, uint32_t object, const char *name)
{
  return kg_json_int (j, kg_json_find (j, object, name), 0);
}

static int32_t
item_read (struct ag_call *c, const struct kg_json *j, uint32_t i, struct ag_item *it)
{
  const struct {
    const char *name;
    kg_str *text;
  } texts[] = { { "id", &it->id },           { "reason", &it->reason },
                { "target", &it->target },   { "subject", &it->subject },
                { "observer", &it->observer }, { "by", &it->by },
                { "note", &it->note } };
  uint32_t k;
  for (k = 0; k < sizeof texts / sizeof texts[0]; k++) {
    *texts[k].text = ag_json_member (c, j, i, texts[k].name);
    if (ag_member_lost (j, i, texts[k].name, *texts[k].text))
      return -ENOMEM;
  }
  it->arguments_json = json_of (j, i, "arguments");
  it->options_json = json_of (j, i, "options");
  it->answer_json = json_of (j, i, "answer");
  it->outcome_json = json_of (j, i, "outcome");
  it->at = int_of (j, i, "at");
  it->expires = int_of (j, i, "expires");
  it->ended = int_of (j, i, "ended");
  it->status = (int32_t)int_of (j, i, "status");
  return it->id.ptr && it->reason.ptr && it->status >= 0 && it->status < AG_ITEM_STATUSES
             ? 0
             : -EBADMSG;
}

int32_t
ag_items_of (struct ag_call *c, const struct ag_node *node, struct ag_items *ret)
{
  const struct kg_json *j = node->json;
  uint32_t list = j ? kg_json_find (j, node->state, "items") : 0, i, n = 1;
  int32_t r = 0;
  for (i = list ? kg_json_first (j, list) : 0; i; i = kg_json_next (j, list, i))
    n++;
  ret->n = 0;
  ret->now = ag_now (c);
  ret->all = c->ag->host->alloc (c->req, n * sizeof *ret->all);
  if (!ret->all)
    return -ENOMEM;
  memset (ret->all, 0, n * sizeof *ret->all);
  for (i = list ? kg_json_first (j, list) : 0; i && !r; i = kg_json_next (j, list, i))
    r = item_read (c, j, i, &ret->all[ret->n++]);
  return r;
}

int32_t
ag_items_read (struct ag_call *c, struct ag_items *ret)
{
  struct ag_node node;
  int32_t r = ag_node_get (c, ag_items_handle, &node);
  return r < 0 && r != -ENOENT ? r : ag_items_of (c, &node, ret);
}

/* ---- Keeping ------------------------------------------------------------------------- */

static void
text_member (struct kg_out *o, const char *name, kg_str s)
{
  if (!s.ptr)
    return;
  kg_out_lit (o, ",\"");
  kg_out_lit (o, name);
  kg_out_lit (o, "\":");
  kg_out_str (o, s);
}

static void
json_member (struct kg_out *o, const char *name, kg_str s)
{
  if (!s.ptr)
    return;
  kg_out_lit (o, ",\"");
  kg_out_lit (o, name);
  kg_out_lit (o, "\":");
  kg_out_raw (o, s.ptr, s.len);
}

static void
int_member (struct kg_out *o, const char *name, int64_t v)
{
  kg_out_lit (o, ",\"");
  kg_out_lit (o, name);
  kg_out_lit (o, "\":");
  kg_out_int (o, v);
}

static void
item_keep (struct kg_out *o, const struct ag_item *it)
{
  kg_out_lit (o, "{\"id\":");
  kg_out_str (o, it->id);
  text_member (o, "reason", it->reason);
  text_member (o, "target", it->target);
  text_member (o, "subject", it->subject);
  text_member (o, "observer", it->observer);
  text_member (o, "by", it->by);
  text_member (o, "note", it->note);
  json_member (o, "arguments", it->arguments_json);
  json_member (o, "options", it->options_json);
  json_member (o, "answer", it->answer_json);
  json_member (o, "outcome", it->outcome_json);
  int_member (o, "at", it->at);
  int_member (o, "expires", it->expires);
  int_member (o, "ended", it->ended);
  int_member (o, "status", it->status);
  kg_out_lit (o, "}");
}

static void
items_keep (struct kg_out *o, const struct ag_items *items)
{
  uint32_t i;
  o->len = 0;
  kg_out_lit (o, "{\"items\":[");
  for (i = 0; i < items->n; i++) {
    kg_out_lit (o, i ? "," : "");
    item_keep (o, &items->all[i]);
  }
  kg_out_lit (o, "]}");
}

/* Lets the oldest go that is over: 0 when there is none. */
static int32_t
oldest_drop (struct ag_items *items)
{
  uint32_t i;
  for (i = 0; i < items->n; i++)
    if (items->all[i].status > AG_CONTINUING) {
      memmove (&items->all[i], &items->all[i + 1],
               (items->n - i - 1) * sizeof items->all[0]);
      items->n--;
      return 1;
    }
  return 0;
}

int32_t
ag_items_text (struct ag_call *c, struct ag_items *items, kg_str *ret)
{
  char none[1];
  struct kg_out o = { none, 0, 0 };
  for (;;) {
    items_keep (&o, items); /* without room it only measures */
    if (items->n <= AG_ITEMS_MAX && (int64_t)o.len <= c->ag->conf->node_bytes_max)
      break;
    if (!oldest_drop (items))
      return ag_over_limit (c, "agentese.purgatory", AG_ITEMS_MAX,
                            "actions that wait, or of the bytes for them,");
  }
  if (ag_out_new (c, o.len, &o) < 0)
    return -ENOMEM;
  items_keep (&o, items);
  *ret = (kg_str){ o.ptr, o.len };
  return 0;
}

/* ---- Asking --------------------------------------------------------------------------- */

struct ag_item *
ag_item_find (const struct ag_items *items, kg_str id)
{
  uint32_t i;
  for (i = 0; i < items->n; i++)
    if (items->all[i].id.len == id.len && !memcmp (items->all[i].id.ptr, id.ptr, id.len))
      return &items->all[i];
  return NULL;
}

int32_t
ag_item_waits (const struct ag_item *item, int64_t now)
{
  return item->status == AG_PENDING && (!item->expires || item->expires > now);
}

static const char *
status_of (const struct ag_item *it, int64_t now)
{
  return it->status == AG_PENDING && !ag_item_waits (it, now) ? "expired"
                                                              : ag_item_statuses[it->status];
}

static void
time_member (struct kg_out *o, const char *name, int64_t ns)
{
  kg_out_lit (o, ",\"");
  kg_out_lit (o, name);
  kg_out_lit (o, "\":");
  ag_out_time (o, ns);
}

void
ag_item_write (const struct ag_item *it, int64_t now, int32_t whole, struct kg_out *o)
{
  kg_out_lit (o, "{\"id\":");
  kg_out_str (o, it->id);
  kg_out_lit (o, ",\"status\":");
  kg_out_text (o, status_of (it, now));
  text_member (o, "reason", it->reason);
  kg_out_lit (o, ",\"target\":");
  ag_out_text (o, it->target);
  text_member (o, "subject", it->subject);
  text_member (o, "observer", it->observer);
  time_member (o, "at", it->at);
  time_member (o, "expires_at", it->expires);
  if (it->ended)
    time_member (o, "ended_at", it->ended);
  text_member (o, "by", it->by);
  text_member (o, "note", it->note);
  json_member (o, "options", it->options_json);
  json_member (o, "answer", it->answer_json);
  if (whole) {
    json_member (o, "arguments", it->arguments_json);
    json_member (o, "outcome", it->outcome_json);
  }
  kg_out_lit (o, "}");
}

int32_t
ag_no_item (struct ag_call *c, const struct ag_items *items, kg_str id)
{
  const char *ids[9];
  struct ag_advice advice = { "Nothing of that id waits or waited lately.",
                              "world.purgatory.list names what waits", ids };
  char shown[96];
  uint32_t i, n = 0;
  for (i = 0; i < items->n && n < 8; i++)
    if (ag_item_waits (&items->all[i], items->now))
      ids[n++] = items->all[i].id.ptr;
  ids[n] = NULL;
  return ag_refuse_why (c, AG_NOT_FOUND, 404, &advice, "There is no action '%s'",
                        ag_quote (shown, sizeof shown, id));
}

int32_t
ag_item_over (struct ag_call *c, const struct ag_item *item, int64_t now)
{
  static const struct ag_advice advice
      = { "An action is decided once, and before its time is over.",
          "world.purgatory.inspect says how it ended", NULL };
  char shown[96];
  return ag_refuse_why (c, AG_CONFLICTING, 409, &advice, "Action '%s' waits no more: it is %s",
                        ag_quote (shown, sizeof shown, item->id), status_of (item, now));
}
