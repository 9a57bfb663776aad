/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* GET /v1/agentese/paths: what this caller may invoke, and what it costs. */
#include "plugins/agentese/spec_tenant.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT_DEFAULT 100
#define LIMIT_MAX 1000
#define ITEM_SIZE 512 /* guess */
#define SPARE 65536   /* for what comes between two looks */

/* What was asked for. */
struct query {
  struct ag_call c;
  kg_str prefix, after;
  uint64_t archetypes; /* that the caller has, as in ag_slot */
  uint32_t limit;
  struct ag_spec_list *specs; /* of the tenant */
  const struct ag_entry *open; /* the prefix names a node that stands for itself: "world.house."
                                  of any world.*; or NULL */
};

/* The way through three sorted lists at once: what is registered, the aspects of
 * `open`, whose paths begin with the prefix, and the tenant's specs. */
struct cursor {
  const struct query *q;
  const struct ag_listing *l;
  uint32_t at, open_at;
  char text[2 * AG_PATH_MAX];
  kg_str path; /* of what was found; valid until the next step */
};

/* ---- Who may what --------------------------------------------------------------------- */

/* All archetypes that the identity may claim. */
static uint64_t
archetypes_of (const struct ag *ag, const struct kg_identity *who)
{
  const char *const *name = who->archetypes;
  uint64_t mask = 0;
  if (!name || !*name)
    return 2ull << ag_archetype_find (ag, ag_str ("developer"));
  for (; *name; name++) {
    if (!strcmp (*name, "*"))
      return ~0ull;
    mask |= 1ull << (ag_archetype_find (ag, ag_str (*name)) + 1);
  }
  return mask;
}

/* Whether some scope "invoke:" could cover a node of the context. */
static int32_t
scopes_touch (const struct kg_identity *who, kg_str context)
{
  uint32_t i;
  for (i = 0; who->scopes && who->scopes[i]; i++) {
    const char *pattern = who->scopes[i] + 7;
    if (!strncmp (who->scopes[i], "invoke:", 7) && !strncmp (pattern, context.ptr, context.len))
      return 1;
  }
  return 0;
}

static int32_t
may (const struct query *q, const struct ag_listed *it, kg_str path)
{
  const struct ag_holon *h = ag_entry_holon (it->entry);
  const struct kg_identity *who = q->c.who;
  int32_t writes = ag_category_writes (it->slot->aspect.category, h->kind);
  char missing[AG_PATH_MAX + 8];
  if (!(it->slot->offered & q->archetypes)
      || (h->kind == AG_OPEN_WORLD && it->entry != q->open && !q->c.ag->conf->open_world))
    return 0;
  if (path.len > AG_PATH_MAX || ag_may_invoke (who, path, writes, missing))
    return path.len <= AG_PATH_MAX;
  return !h->rest && it->entry != q->open && strcmp (missing, "write") != 0
         && scopes_touch (who, (kg_str){ path.ptr, strlen (ag_context_names[h->context]) + 1 })
         && ag_may_invoke_any (who, writes);
}

/* ---- Walking ------------------------------------------------------------------------------ */

static int32_t
begins (kg_str path, kg_str prefix)
{
  return prefix.len <= path.len && (!prefix.len || !memcmp (path.ptr, prefix.ptr, prefix.len));
}

/* Behind 0: a comes behind b. */
static int
order (kg_str a, kg_str b)
{
  size_t n = a.len < b.len ? a.len : b.len;
  int r = n ? memcmp (a.ptr, b.ptr, n) : 0;
  return r ? r : (a.len > b.len) - (a.len < b.len);
}

/* The next aspect of `open`, its path in `text`; NULL behind the last. */
static const struct ag_listed *
open_next (struct cursor *k, kg_str *ret_path)
{
  const struct query *q = k->q;
  for (; q->open && k->open_at < k->l->count; k->open_at++) {
    const struct ag_listed *it = &k->l->items[k->open_at];
    struct kg_out o = { k->text, 0, sizeof k->text };
    if (it->entry != q->open)
      continue;
    kg_out_raw (&o, q->prefix.ptr, q->prefix.len);
    kg_out_lit (&o, it->slot->aspect.name);
    *ret_path = (kg_str){ k->text, o.len };
    if (order (*ret_path, q->after) > 0)
      return it;
  }
  return NULL;
}

/* The next registered one; NULL behind the last. */
static const struct ag_listed *
own_next (struct cursor *k)
{
  while (k->at < k->l->count && !begins (k->l->items[k->at].path, k->q->prefix))
    k->at++;
  return k->at < k->l->count ? &k->l->items[k->at] : NULL;
}

/* The first of the three lists' next items, taken off; NULL behind the last. */
static const struct ag_listed *
first (struct cursor *k)
{
  kg_str open_path = { NULL, 0 };
  const struct ag_listed *own = own_next (k), *open = open_next (k, &open_path);
  const struct ag_listed *spec = ag_spec_list_peek (k->q->specs), *it;
  it = own && (!open || order (own->path, open_path) < 0) ? own : open;
  k->path = it == own && own ? own->path : open_path;
  if (spec && (!it || order (spec->path, k->path) < 0)) {
    k->path = spec->path;
    ag_spec_list_take (k->q->specs);
    return spec;
  }
  if (it)
    *(it == own ? &k->at : &k->open_at) += 1;
  return it;
}

/* The next item that the caller may see; NULL behind the last. */
static const struct ag_listed *
next (struct cursor *k)
{
  const struct ag_listed *it;
  do
    it = first (k);
  while (it && !may (k->q, it, k->path));
  return it;
}

/* ---- Writing ----------------------------------------------------------------------------- */

static void
price_write (const struct ag_cost *cost, struct kg_out *o)
{
  kg_out_lit (o, ",\"price\":{\"requests\":");
  kg_out_int (o, cost->requests > 1 ? cost->requests : 1);
  kg_out_lit (o, ",\"fixed\":");
  kg_out_int (o, cost->tokens);
  kg_out_lit (o, cost->per_token ? ",\"per_token\":1,\"per_kb\":" : ",\"per_token\":0,\"per_kb\":");
  kg_out_int (o, cost->tokens_per_kb);
  kg_out_lit (o, ",\"max\":");
  kg_out_int (o, ag_cost_tokens_max (cost));
  kg_out_lit (o, ",\"money\":");
  kg_out_int (o, cost->money);
  kg_out_lit (o, "}");
}

static void
json_write (struct kg_out *o, const char *name, const char *json)
{
  kg_out_lit (o, name);
  kg_out_lit (o, json ? json : "null");
}

static void
item_write (const struct query *q, const struct ag_listed *it, kg_str path, struct kg_out *o)
{
  const struct ag_holon *h = ag_entry_holon (it->entry);
  const struct ag_aspect *a = &it->slot->aspect;
  kg_out_lit (o, "{\"path\":");
  kg_out_str (o, path);
  kg_out_lit (o, ",\"category\":");
  kg_out_text (o, ag_category_names[a->category]);
  kg_out_lit (o, ag_category_writes (a->category, h->kind) ? ",\"scope\":\"write\""
                                                           : ",\"scope\":\"read\"");
  kg_out_lit (o, ",\"kind\":");
  kg_out_text (o, ag_kind_names[h->kind]);
  kg_out_lit (o, ",\"owner\":");
  kg_out_text (o, h->owner ? h->owner : "agentese");
  kg_out_lit (o, ",\"summary\":");
  kg_out_text (o, a->summary);
  kg_out_lit (o, a->flags & AG_STREAMS ? ",\"streams\":true" : ",\"streams\":false");
  price_write (ag_cost_of (q->c.ag, it->slot, path), o);
  json_write (o, ",\"input\":", it->slot->input);
  json_write (o, ",\"output\":", it->slot->output);
  kg_out_lit (o, "}");
}

/* The page that was asked for. */
static int32_t
page_write (struct query *q, const struct ag_listing *l, struct kg_out *o)
{
  struct cursor k = { .q = q, .l = l, .at = ag_listing_after (l, q->after) };
  const struct ag_listed *it;
  char last[AG_PATH_MAX + 1] = "";
  uint32_t n = 0;
  q->specs = ag_spec_list_new (&q->c, q->prefix, q->after);
  if (!q->specs)
    return -ENOMEM;
  kg_out_lit (o, "{\"paths\":[");
  while ((it = next (&k)) && n < q->limit) {
    kg_out_lit (o, n++ ? "," : "");
    item_write (q, it, k.path, o);
    memcpy (last, k.path.ptr, k.path.len);
    last[k.path.len] = 0;
  }
  kg_out_lit (o, "],\"next\":");
  kg_out_text (o, it ? last : NULL);
  kg_out_lit (o, "}");
  return 0;
}

/* ---- The query ------------------------------------------------------------------------------ */

static int32_t
bad_query (struct ag_call *c, const char *name, const char *type, const char *msg)
{
  char buf[256];
  struct kg_out o = { buf, 0, sizeof buf };
  kg_out_lit (&o, "[{\"loc\":[\"query\",");
  kg_out_text (&o, name);
  kg_out_lit (&o, "],\"type\":");
  kg_out_text (&o, type);
  kg_out_lit (&o, ",\"msg\":");
  kg_out_text (&o, msg);
  kg_out_lit (&o, "}]");
  c->ag->host->member (c->req, "errors", (kg_str){ buf, o.len });
  return ag_refuse (c, AG_BAD_ARGUMENT, 422, "query.%s: %s", name, msg);
}

/* A part of a path, perhaps with "*": what the grammar's names consist of. */
static int32_t
path_like (kg_str s)
{
  size_t i;
  for (i = 0; i < s.len; i++)
    if (!((s.ptr[i] >= 'a' && s.ptr[i] <= 'z') || (s.ptr[i] >= '0' && s.ptr[i] <= '9')
          || s.ptr[i] == '_' || s.ptr[i] == '.' || s.ptr[i] == '*'))
      return 0;
  return s.len <= AG_PATH_MAX;
}

static int32_t
limit_read (struct query *q)
{
  kg_str text = q->c.ag->host->get (q->c.req, KG_GET_QUERY, "limit");
  size_t i;
  q->limit = text.ptr ? 0 : LIMIT_DEFAULT;
  for (i = 0; i < text.len; i++) {
    if (text.ptr[i] < '0' || text.ptr[i] > '9')
      return bad_query (&q->c, "limit", "int_parsing", "Input should be a valid integer");
    q->limit = q->limit > LIMIT_MAX ? q->limit : q->limit * 10 + (uint32_t)(text.ptr[i] - '0');
  }
  if (!q->limit || q->limit > LIMIT_MAX)
    return bad_query (&q->c, "limit", "range", "Input should be from 1 to 1000");
  return 0;
}

/* `archetype` narrows to one of those that the caller may claim. */
static int32_t
archetype_read (struct query *q)
{
  struct ag_call *c = &q->c;
  char shown[64];
  c->archetype_name = c->ag->host->get (c->req, KG_GET_QUERY, "archetype");
  q->archetypes = archetypes_of (c->ag, c->who);
  if (!c->archetype_name.len)
    return 0;
  if (!ag_may_claim (c->who, c->archetype_name))
    return ag_refuse (c, AG_FORBIDDEN, 403, "API key may not claim archetype '%s'",
                      ag_quote (shown, sizeof shown, c->archetype_name));
  q->archetypes = 1ull << (ag_archetype_find (c->ag, c->archetype_name) + 1);
  return 0;
}

/* "world.house.": the node that is meant, unless it is registered, or is none. */
static int32_t
open_find (struct query *q)
{
  struct ag_call *c = &q->c;
  kg_str handle = { q->prefix.ptr, q->prefix.len ? q->prefix.len - 1 : 0 };
  struct ag_error error;
  struct ag_node node;
  int32_t r;
  if (!handle.len || q->prefix.ptr[handle.len] != '.' || handle.len > AG_HANDLE_MAX
      || ag_path_parse (handle, &c->path, &error) < 0)
    return 0;
  ag_path_whole (&c->path);
  if ((r = ag_entry_of (c, &c->path, &q->open)) < 0)
    return r;
  if (q->open && ag_entry_holon (q->open)->rest)
    q->open = NULL;
  if (!q->open || c->ag->conf->open_world || ag_entry_holon (q->open)->kind != AG_OPEN_WORLD)
    return 0;
  r = ag_node_get (c, c->path.handle, &node);
  if (r < 0)
    q->open = NULL;
  return r == -ENOENT ? 0 : r;
}

static int32_t
query_read (struct query *q)
{
  const struct kg_host *host = q->c.ag->host;
  int32_t r;
  q->prefix = host->get (q->c.req, KG_GET_QUERY, "prefix");
  q->after = host->get (q->c.req, KG_GET_QUERY, "after");
  if (!path_like (q->prefix))
    return bad_query (&q->c, "prefix", "string_type", "Input should be the beginning of a path");
  if (!path_like (q->after))
    return bad_query (&q->c, "after", "string_type", "Input should be a path of the list");
  if ((r = limit_read (q)) || (r = archetype_read (q)))
    return r;
  return open_find (q);
}

/* ---- The answer ------------------------------------------------------------------------------- */

/* A tag of the text: it differs when the text does, but for odds of 2^-64. */
static void
etag_make (const struct kg_out *o, char out[19])
{
  static const char hex[] = "0123456789abcdef";
  uint64_t h = 0xcbf29ce484222325u;
  size_t i;
  for (i = 0; i < o->len; i++)
    h = (h ^ (unsigned char)o->ptr[i]) * 0x100000001b3u;
  h ^= h >> 32;
  out[0] = out[17] = '"';
  for (i = 0; i < 16; i++)
    out[1 + i] = hex[h >> (60 - 4 * i) & 15];
  out[18] = 0;
}

int32_t
ag_reply_tagged (struct ag_call *c, const struct kg_out *o)
{
  const struct kg_host *host = c->ag->host;
  kg_str known = host->get (c->req, KG_GET_HEADER, "If-None-Match");
  char etag[19];
  int32_t r;
  if (!kg_out_ok (o))
    return -ENOMEM;
  etag_make (o, etag);
  host->header (c->req, "ETag", etag);
  host->header (c->req, "Cache-Control", "private, no-cache");
  if ((known.len == 1 && *known.ptr == '*')
      || (known.len >= 18 && memmem (known.ptr, known.len, etag, 18)))
    r = host->reply (c->req, 304, "application/json", "", 0);
  else
    r = host->reply (c->req, 200, "application/json", o->ptr, o->len);
  return r < 0 ? r : KG_DONE;
}

int32_t
ag_paths (kg_req *req, void *data)
{
  struct ag *ag = data;
  struct query q = { .c = { .ag = ag, .req = req, .who = ag->host->identity (req) } };
  const struct ag_listing *l;
  struct kg_out o;
  int32_t r;
  if (!q.c.who || !q.c.who->tenant || !q.c.who->tenant[0])
    return ag_refuse (&q.c, AG_FORBIDDEN, 403, "This identity has no tenant to act for");
  if ((r = query_read (&q)))
    return r;
  l = ag_listing_get (ag);
  if (!l || ag_out_new (&q.c, (size_t)q.limit * ITEM_SIZE, &o) < 0)
    return -ENOMEM;
  if ((r = page_write (&q, l, &o)) < 0)
    return r;
  if (!kg_out_ok (&o)) {
    if (ag_out_new (&q.c, o.len + SPARE, &o) < 0)
      return -ENOMEM;
    if ((r = page_write (&q, l, &o)) < 0)
      return r;
  }
  return ag_reply_tagged (&q.c, &o);
}
