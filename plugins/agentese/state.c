/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Reading what a tenant's nodes are, and merging changes into it. */
#include "plugins/agentese/state.h"

#include <errno.h>
#include <string.h>

/* The key TENANT/handle; { NULL, 0 } when it would be too long. */
static kg_str
key_make (const struct ag_call *c, kg_str handle, char buf[KG_KEY_MAX])
{
  size_t n = strlen (c->who->tenant);
  kg_str key = { buf, n + 1 + handle.len };
  if (key.len > KG_KEY_MAX)
    return (kg_str){ NULL, 0 };
  memcpy (buf, c->who->tenant, n);
  buf[n] = '/';
  memcpy (buf + n + 1, handle.ptr, handle.len);
  return key;
}

int32_t
ag_is_versioned (kg_str handle)
{
  return (handle.len > 6 && !memcmp (handle.ptr, "world.", 6))
         || (handle.len > 8 && !memcmp (handle.ptr, "concept.", 8));
}

kg_str
ag_version_key (const struct ag_call *c, kg_str handle, int64_t version, char buf[KG_KEY_MAX])
{
  struct kg_out o = { buf, 0, KG_KEY_MAX };
  kg_out_lit (&o, c->who->tenant);
  kg_out_lit (&o, "/");
  kg_out_raw (&o, handle.ptr, handle.len);
  kg_out_lit (&o, "@");
  kg_out_int (&o, version);
  return (kg_str){ buf, kg_out_ok (&o) ? o.len : 0 };
}

int32_t
ag_stored_get (const struct ag_call *c, kg_bucket *bucket, kg_str key, struct kg_entry *ret)
{
  int32_t r = c->turn ? ag_lane_get (c->turn, bucket, key, ret) : 0;
  return r ? (r < 0 ? r : 0) : c->ag->store->get (bucket, key, ret);
}

static int32_t
node_read (struct ag_call *c, kg_bucket *bucket, kg_str key, struct ag_node *ret)
{
  struct kg_entry e = { .size = sizeof e };
  uint32_t created, changed, since;
  if (ag_stored_get (c, bucket, key, &e) < 0)
    return -ENOENT;
  ret->json = c->ag->host->parse (c->req, e.value);
  if (!ret->json)
    return -EBADMSG;
  ret->state = kg_json_find (ret->json, 0, "state");
  ret->relations = kg_json_find (ret->json, 0, "relations");
  created = kg_json_find (ret->json, 0, "created");
  changed = kg_json_find (ret->json, 0, "changed");
  if (kg_json_kind (ret->json, ret->state) != KG_JSON_OBJECT || !created || !changed
      || kg_json_kind (ret->json, ret->relations) != KG_JSON_ARRAY)
    return -EBADMSG;
  ret->created = kg_json_text (ret->json, created);
  ret->changed = kg_json_text (ret->json, changed);
  since = kg_json_find (ret->json, 0, "since");
  ret->since = since ? kg_json_text (ret->json, since) : ret->changed;
  ret->version = kg_json_int (ret->json, kg_json_find (ret->json, 0, "version"), 0);
  ret->revision = e.revision;
  ret->bytes = key.len + e.value.len;
  return 0;
}

int32_t
ag_node_get (struct ag_call *c, kg_str handle, struct ag_node *ret)
{
  char buf[KG_KEY_MAX];
  kg_str key = key_make (c, handle, buf);
  memset (ret, 0, sizeof *ret);
  return key.ptr ? node_read (c, c->ag->nodes, key, ret) : -E2BIG;
}

int32_t
ag_version_get (struct ag_call *c, kg_str handle, int64_t version, struct ag_node *ret)
{
  char buf[KG_KEY_MAX];
  kg_str key = ag_version_key (c, handle, version, buf);
  memset (ret, 0, sizeof *ret);
  return key.len ? node_read (c, c->ag->versions, key, ret) : -E2BIG;
}

int32_t
ag_trace_get (struct ag_call *c, kg_str handle, struct ag_trace *ret)
{
  char buf[KG_KEY_MAX];
  struct kg_entry e = { .size = sizeof e };
  kg_str key = key_make (c, handle, buf);
  memset (ret, 0, sizeof *ret);
  if (!key.ptr)
    return -E2BIG;
  if (ag_stored_get (c, c->ag->trace, key, &e) < 0)
    return 0;
  ret->json = c->ag->host->parse (c->req, e.value);
  if (!ret->json)
    return -EBADMSG;
  ret->history = kg_json_find (ret->json, 0, "history");
  ret->total = kg_json_int (ret->json, kg_json_find (ret->json, 0, "total"), 0);
  ret->bytes = key.len + e.value.len;
  return kg_json_kind (ret->json, ret->history) == KG_JSON_ARRAY ? 0 : -EBADMSG;
}

int32_t
ag_out_new (struct ag_call *c, size_t size, struct kg_out *ret)
{
  ret->ptr = c->ag->host->alloc (c->req, size);
  ret->cap = ret->ptr ? size : 0;
  ret->len = 0;
  return ret->ptr ? 0 : -ENOMEM;
}

/* Member names in one spelling, so that they can be compared as they are. */
struct changes {
  kg_str key[AG_MEMBERS_MAX]; /* JSON text with quotes */
  uint32_t value[AG_MEMBERS_MAX];
  uint32_t used[AG_MEMBERS_MAX]; /* 1: a member of that name was there */
  uint32_t count;
};

static int32_t
changes_read (struct ag_call *c, uint32_t object, struct changes *ret)
{
  const struct kg_json *j = c->json;
  uint32_t i;
  ret->count = 0;
  for (i = kg_json_first (j, object); i; i = kg_json_next (j, object, i + 1)) {
    kg_str name = kg_json_str (c->ag->host, c->req, j, i);
    struct kg_out o;
    if (ret->count == AG_MEMBERS_MAX)
      return ag_refuse (c, AG_BAD_ARGUMENT, 400, "Argument 'changes' has over %d members",
                        AG_MEMBERS_MAX);
    if (!name.ptr || ag_out_new (c, 6 * name.len + 2, &o) < 0)
      return -ENOMEM;
    kg_out_str (&o, name);
    ret->key[ret->count] = (kg_str){ o.ptr, o.len };
    ret->used[ret->count] = 0;
    ret->value[ret->count++] = i + 1;
  }
  return 0;
}

static int32_t
changes_find (const struct changes *ch, kg_str key)
{
  uint32_t i;
  for (i = 0; i < ch->count; i++)
    if (ch->key[i].len == key.len && !memcmp (ch->key[i].ptr, key.ptr, key.len))
      return (int32_t)i;
  return -1;
}

static void
member_write (struct kg_out *o, uint32_t *count, kg_str key, kg_str value)
{
  if ((*count)++)
    kg_out_raw (o, ",", 1);
  kg_out_raw (o, key.ptr, key.len);
  kg_out_raw (o, ":", 1);
  ag_compact (o, value);
}

/* Writes the members that were there, each with its new value if it has one. */
static void
merge_old (const struct ag_node *old, const struct kg_json *j, struct changes *ch,
           struct kg_out *o, uint32_t *count)
{
  uint32_t i;
  for (i = kg_json_first (old->json, old->state); i;
       i = kg_json_next (old->json, old->state, i + 1)) {
    kg_str key = kg_json_text (old->json, i);
    int32_t k = changes_find (ch, key);
    if (k < 0) {
      member_write (o, count, key, kg_json_text (old->json, i + 1));
      continue;
    }
    ch->used[k] = 1;
    if (kg_json_kind (j, ch->value[k]) != KG_JSON_NULL)
      member_write (o, count, key, kg_json_text (j, ch->value[k]));
  }
}

static int32_t
merge (struct ag_call *c, const struct ag_node *old, struct changes *ch, struct kg_out *o)
{
  uint32_t i, count = 0;
  kg_out_lit (o, "{");
  if (old->json)
    merge_old (old, c->json, ch, o, &count);
  for (i = 0; i < ch->count; i++)
    if (!ch->used[i] && kg_json_kind (c->json, ch->value[i]) != KG_JSON_NULL)
      member_write (o, &count, ch->key[i], kg_json_text (c->json, ch->value[i]));
  kg_out_lit (o, "}");
  if (count > AG_MEMBERS_MAX)
    return ag_over_limit (c, "agentese.members", AG_MEMBERS_MAX, "members of a node's state");
  if ((int64_t)o->len > c->ag->conf->node_bytes_max)
    return ag_over_limit (c, "agentese.node_bytes", c->ag->conf->node_bytes_max,
                          "bytes of a node's state");
  return kg_out_ok (o) ? 0 : -ENOMEM;
}

int32_t
ag_state_merge (struct ag_call *c, const struct ag_node *old, uint32_t changes, kg_str *ret)
{
  struct changes *ch = c->ag->host->alloc (c->req, sizeof *ch);
  struct kg_out o;
  int32_t r;
  if (!ch)
    return -ENOMEM;
  r = changes_read (c, changes, ch);
  if (r)
    return r;
  /* Escaping can only shrink against 6 bytes per byte, see kg_out_str. */
  r = ag_out_new (c, old->bytes + 6 * (size_t)c->json->token[changes].len + 16, &o);
  if (r < 0)
    return r;
  r = merge (c, old, ch, &o);
  *ret = (kg_str){ o.ptr, o.len };
  return r;
}
