/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The index of a tenant's memory, and what it says of an engram. */
#include "plugins/agentese/memory.h"

#include <errno.h>
#include <string.h>

#define DAY (86400.0 * 1e9)
#define ROW_SIZE 128 /* of an index row without its key */

const char *const ag_tier_names[AG_TIERS + 1] = { "working", "short", "long", NULL };

/* ---- Reading ------------------------------------------------------------------- */

/* The next element of a row. */
static uint32_t
next (const struct kg_json *j, uint32_t row, uint32_t *at)
{
  uint32_t i = *at;
  *at = i ? kg_json_next (j, row, i) : 0;
  return i;
}

int32_t
ag_engram_read (struct ag_call *c, const struct kg_json *j, uint32_t row,
                struct ag_engram *e)
{
  uint32_t at = kg_json_first (j, row);
  e->key = kg_json_str (c->ag->host, c->req, j, next (j, row, &at));
  e->at = kg_json_int (j, next (j, row, &at), 0);
  e->expires = kg_json_int (j, next (j, row, &at), 0);
  e->tier = (int32_t)kg_json_int (j, next (j, row, &at), 0);
  e->cherished = (int32_t)kg_json_int (j, next (j, row, &at), 0);
  e->uses = kg_json_int (j, next (j, row, &at), 0);
  e->bytes = kg_json_int (j, next (j, row, &at), -1);
  if (!e->key.ptr)
    return -ENOMEM;
  return e->tier >= 0 && e->tier < AG_TIERS && e->bytes >= 0 ? 0 : -EBADMSG;
}

static int32_t
checkpoint_read (struct ag_call *c, const struct kg_json *j, uint32_t row,
                 struct ag_checkpoint *p)
{
  uint32_t at = kg_json_first (j, row);
  p->label = kg_json_str (c->ag->host, c->req, j, next (j, row, &at));
  p->at = kg_json_int (j, next (j, row, &at), 0);
  p->engrams = kg_json_int (j, next (j, row, &at), 0);
  p->bytes = kg_json_int (j, next (j, row, &at), 0);
  return p->label.ptr ? 0 : -ENOMEM;
}

static uint32_t
count (const struct kg_json *j, uint32_t list)
{
  uint32_t i, n = 0;
  for (i = list ? kg_json_first (j, list) : 0; i; i = kg_json_next (j, list, i))
    n++;
  return n;
}

int32_t
ag_memory_of (struct ag_call *c, const struct ag_node *node, struct ag_memory *ret)
{
  const struct kg_json *j = node->json;
  uint32_t list = j ? kg_json_find (j, node->state, "engrams") : 0, i;
  int32_t r = 0;
  memset (ret, 0, sizeof *ret);
  ret->all = c->ag->host->alloc (c->req, (count (j, list) + 1) * sizeof *ret->all);
  if (!ret->all)
    return -ENOMEM;
  for (i = list ? kg_json_first (j, list) : 0; i && !r; i = kg_json_next (j, list, i))
    r = ag_engram_read (c, j, i, &ret->all[ret->n++]);
  list = j ? kg_json_find (j, node->state, "checkpoints") : 0;
  for (i = list ? kg_json_first (j, list) : 0; i && !r && ret->checkpoints < AG_CHECKPOINTS_MAX;
       i = kg_json_next (j, list, i))
    r = checkpoint_read (c, j, i, &ret->checkpoint[ret->checkpoints++]);
  return r;
}

int32_t
ag_memory_read (struct ag_call *c, struct ag_memory *ret)
{
  struct ag_node node;
  int32_t r = ag_node_get (c, c->path.handle, &node);
  return r < 0 && r != -ENOENT ? r : ag_memory_of (c, &node, ret);
}

/* ---- Writing --------------------------------------------------------------------- */

static void
columns (struct kg_out *o, kg_str name, const int64_t *v, uint32_t n)
{
  uint32_t i;
  kg_out_str (o, name);
  for (i = 0; i < n; i++) {
    kg_out_lit (o, ",");
    kg_out_int (o, v[i]);
  }
}

void
ag_engram_columns (const struct ag_engram *e, struct kg_out *o)
{
  const int64_t v[] = { e->at, e->expires, e->tier, e->cherished, e->uses, e->bytes };
  columns (o, e->key, v, 6);
}

kg_str
ag_memory_text (struct ag_call *c, const struct ag_memory *m)
{
  size_t size = 64;
  struct kg_out o;
  uint32_t i;
  for (i = 0; i < m->n; i++)
    size += m->all[i].key.len + ROW_SIZE;
  for (i = 0; i < m->checkpoints; i++)
    size += m->checkpoint[i].label.len + ROW_SIZE;
  if (ag_out_new (c, size, &o) < 0)
    return (kg_str){ NULL, 0 };
  kg_out_lit (&o, "{\"engrams\":[");
  for (i = 0; i < m->n; i++) {
    kg_out_lit (&o, i ? ",[" : "[");
    ag_engram_columns (&m->all[i], &o);
    kg_out_lit (&o, "]");
  }
  kg_out_lit (&o, "],\"checkpoints\":[");
  for (i = 0; i < m->checkpoints; i++) {
    const struct ag_checkpoint *p = &m->checkpoint[i];
    const int64_t v[] = { p->at, p->engrams, p->bytes };
    kg_out_lit (&o, i ? ",[" : "[");
    columns (&o, p->label, v, 3);
    kg_out_lit (&o, "]");
  }
  kg_out_lit (&o, "]}");
  return kg_out_ok (&o) ? (kg_str){ o.ptr, o.len } : (kg_str){ NULL, 0 };
}

/* ---- Engrams ------------------------------------------------------------------------ */

struct ag_engram *
ag_engram_find (const struct ag_memory *m, kg_str key)
{
  uint32_t i;
  for (i = 0; i < m->n; i++)
    if (m->all[i].key.len == key.len && !memcmp (m->all[i].key.ptr, key.ptr, key.len))
      return &m->all[i];
  return NULL;
}

struct ag_checkpoint *
ag_checkpoint_find (struct ag_memory *m, kg_str label)
{
  uint32_t i;
  for (i = 0; i < m->checkpoints; i++)
    if (m->checkpoint[i].label.len == label.len
        && !memcmp (m->checkpoint[i].label.ptr, label.ptr, label.len))
      return &m->checkpoint[i];
  return NULL;
}

static kg_str
handle_make (struct ag_call *c, const char *before, kg_str name)
{
  struct kg_out o;
  if (ag_out_new (c, strlen (before) + name.len, &o) < 0)
    return (kg_str){ NULL, 0 };
  kg_out_lit (&o, before);
  kg_out_raw (&o, name.ptr, name.len);
  return (kg_str){ o.ptr, o.len };
}

kg_str
ag_kept_handle (struct ag_call *c, kg_str key)
{
  return handle_make (c, "self.memory.", key);
}

kg_str
ag_checkpoint_handle (struct ag_call *c, kg_str label)
{
  return handle_make (c, "self.memory_checkpoints.", label);
}

int32_t
ag_kept_read (struct ag_call *c, kg_str key, struct ag_kept *ret)
{
  kg_str handle = ag_kept_handle (c, key);
  struct ag_node node;
  uint32_t data;
  int32_t r;
  if (!handle.ptr)
    return -ENOMEM;
  if ((r = ag_node_get (c, handle, &node)) < 0)
    return r;
  data = kg_json_find (node.json, node.state, "data");
  if (!data)
    return -EBADMSG;
  ret->data = kg_json_text (node.json, data);
  ret->at = kg_json_int (node.json, kg_json_find (node.json, node.state, "at"), 0);
  ret->expires = kg_json_int (node.json, kg_json_find (node.json, node.state, "expires"), 0);
  return ret->expires && ret->expires <= ag_now (c) ? -ENOENT : 0;
}

/* What ag_kept_text and node_make wrote: nothing before the data can look like it. */
int32_t
ag_kept_peek (struct ag_call *c, const struct ag_engram *e, kg_str *ret)
{
  static const char before[] = ",\"data\":", behind[] = "},\"relations\":[]}";
  kg_str handle = ag_kept_handle (c, e->key), text;
  const char *at;
  if (!handle.ptr)
    return -ENOMEM;
  if (ag_engram_expired (e, ag_now (c)) || ag_node_text (c, handle, &text) < 0)
    return -ENOENT;
  at = memmem (text.ptr, text.len, before, sizeof before - 1);
  if (!at || text.len < sizeof before + sizeof behind)
    return -EBADMSG;
  at += sizeof before - 1;
  ret->ptr = at;
  ret->len = text.len - (size_t)(at - text.ptr) - (sizeof behind - 1);
  return 0;
}

kg_str
ag_kept_text (struct ag_call *c, const struct ag_kept *kept)
{
  struct kg_out o;
  if (ag_out_new (c, kept->data.len + 80, &o) < 0)
    return (kg_str){ NULL, 0 };
  kg_out_lit (&o, "{\"at\":");
  kg_out_int (&o, kept->at);
  kg_out_lit (&o, ",\"expires\":");
  kg_out_int (&o, kept->expires);
  kg_out_lit (&o, ",\"data\":");
  kg_out_raw (&o, kept->data.ptr, kept->data.len);
  kg_out_lit (&o, "}");
  return (kg_str){ o.ptr, o.len };
}

int32_t
ag_engram_expired (const struct ag_engram *e, int64_t now)
{
  return e->expires && e->expires <= now;
}

double
ag_engram_strength (const struct ag_engram *e, int64_t now)
{
  static const double days[AG_TIERS] = { 1, 7, 30 };
  double half = (double)(1 + e->uses) * days[e->tier];
  double age = (double)(now > e->at ? now - e->at : 0) / DAY;
  if (ag_engram_expired (e, now))
    return 0;
  return e->cherished ? 1 : half / (half + age);
}

int64_t
ag_memory_bytes (const struct ag_memory *m)
{
  int64_t n = 0;
  uint32_t i;
  for (i = 0; i < m->n; i++)
    n += m->all[i].bytes;
  return n;
}

int32_t
ag_no_engram (struct ag_call *c, kg_str key)
{
  struct ag_memory *m = c->ag->host->alloc (c->req, sizeof *m);
  const char *near[8];
  struct ag_advice advice = { "It was never kept, is forgotten, or has expired.",
                              "self.memory.manifest lists the keys", near };
  char shown[160];
  uint32_t i, n = 0, close = (uint32_t)key.len / 2 + 1;
  if (!m || ag_memory_read (c, m) < 0)
    return -ENOMEM;
  for (i = m->n; i > 0 && n < 7; i--)
    if (!ag_engram_expired (&m->all[i - 1], ag_now (c))
        && ag_distance (key, m->all[i - 1].key) < close)
      near[n++] = m->all[i - 1].key.ptr;
  near[n] = NULL;
  return ag_refuse_why (c, AG_NOT_FOUND, 404, &advice, "Nothing is kept under '%s'",
                        ag_quote (shown, sizeof shown, key));
}
