/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* GET /v1/agentese/resolve and /v1/agentese/affordances: what a path names, and
 * what it offers.  Neither invokes anything. */
#include "plugins/agentese/common.h"
#include "plugins/agentese/spec_tenant.h"

#include <errno.h>

/* The query parameter is required: 422 says so. */
static int32_t
path_missing (struct ag_call *c)
{
  static const char errors[]
      = "[{\"loc\":[\"query\",\"path\"],\"type\":\"missing\",\"msg\":\"Field required\"}]";
  c->ag->host->member (c->req, "errors", (kg_str){ errors, sizeof errors - 1 });
  return ag_refuse (c, AG_BAD_ARGUMENT, 422, "query.path: Field required");
}

/* Reads the path; the last name of three or more is its aspect only when some
 * node knows such a verb: world.house.kitchen is a node. */
static int32_t
path_read (struct ag_call *c)
{
  struct ag_error err;
  int32_t r;
  kg_str text = c->ag->host->get (c->req, KG_GET_QUERY, "path");
  if (!text.ptr)
    return path_missing (c);
  if (ag_path_parse (text, &c->path, &err) < 0)
    return ag_malformed (c, &err);
  if ((r = ag_entry_of (c, &c->path, &c->entry)) < 0)
    return r;
  if (ag_is_verb (c->ag, c->path.aspect)
      || (c->path.aspect.len && c->entry && ag_slot_find (c->entry, c->path.aspect)))
    return 0;
  ag_path_whole (&c->path);
  return ag_entry_of (c, &c->path, &c->entry);
}

/* Fills the call, up to the node. */
static int32_t
call_begin (struct ag_call *c, struct ag *ag, kg_req *req)
{
  int32_t r;
  *c = (struct ag_call){ .ag = ag, .req = req, .who = ag->host->identity (req) };
  if (!c->who || !c->who->tenant || !c->who->tenant[0])
    return ag_refuse (c, AG_FORBIDDEN, 403, "This identity has no tenant to act for");
  c->archetype_name = ag_default_archetype (c->who);
  r = path_read (c);
  if (!r)
    r = ag_exists (c);
  if (r)
    return r;
  c->cached = ag_seen_mark (ag->seen, c->who->tenant, c->path.handle);
  return 0;
}

static void
member (struct kg_out *o, const char *name, kg_str value)
{
  kg_out_lit (o, name);
  kg_out_str (o, value);
}

int32_t
ag_resolve (kg_req *req, void *data)
{
  struct ag_call c;
  struct kg_out o;
  int32_t r = call_begin (&c, data, req);
  if (r)
    return r;
  if (ag_out_new (&c, 4096, &o) < 0)
    return -ENOMEM;
  member (&o, "{\"path\":", c.path.text);
  member (&o, ",\"handle\":", c.path.handle);
  member (&o, ",\"context\":", c.path.context);
  kg_out_lit (&o, ",\"affordances\":");
  ag_write_verbs (c.ag, ag_entry_holon (c.entry), ag_archetype_find (c.ag, c.archetype_name), &o);
  kg_out_lit (&o, "}");
  return ag_reply_tagged (&c, &o);
}

/* Takes the archetype from the query, which need not be UTF-8. */
static int32_t
archetype_read (struct ag_call *c)
{
  kg_str wanted = c->ag->host->get (c->req, KG_GET_QUERY, "archetype");
  char buf[6 * AG_NAME_MAX + 2];
  struct kg_out o = { buf, 0, sizeof buf };
  if (!wanted.len)
    return 0;
  kg_out_str (&o, wanted);
  if (wanted.len > AG_NAME_MAX || !kg_out_ok (&o)
      || !c->ag->host->parse (c->req, (kg_str){ buf, o.len }))
    return ag_refuse (c, AG_BAD_ARGUMENT, 400, "query.archetype: UTF-8 of at most %d bytes",
                      AG_NAME_MAX);
  c->archetype_name = wanted;
  return 0;
}

int32_t
ag_affordances (kg_req *req, void *data)
{
  struct ag_call c;
  struct kg_out o;
  int32_t r = call_begin (&c, data, req);
  if (r || (r = archetype_read (&c)))
    return r;
  if (ag_out_new (&c, 4096, &o) < 0)
    return -ENOMEM;
  member (&o, "{\"path\":", c.path.text);
  kg_out_lit (&o, ",\"affordances\":");
  ag_write_verbs (c.ag, ag_entry_holon (c.entry), ag_archetype_find (c.ag, c.archetype_name), &o);
  member (&o, ",\"observer_archetype\":", c.archetype_name);
  kg_out_lit (&o, "}");
  return ag_reply_tagged (&c, &o);
}
