/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* POST /v1/agentese/invoke: from a checked body to the node. */
#include "plugins/agentese/schema.h"
#include "plugins/agentese/state.h"
#include "plugins/agentese/stream.h"

#include <errno.h>
#include <string.h>

#define BIT(m) (1u << (m))

static int32_t
check_scopes (struct ag_call *c)
{
  char needed[AG_PATH_MAX + 8];
  return ag_may_invoke (c->who, c->path.base, ag_has_effect (c), needed)
             ? 0
             : ag_no_scope (c, needed);
}

static int32_t
check_kwargs (struct ag_call *c)
{
  static const char *const reserved[] = { "path", "observer", "self", "aspect" };
  uint32_t i;
  if (!c->kwargs || !kg_json_first (c->json, c->kwargs))
    return 0;
  for (i = 0; i < 4; i++)
    if (ag_kwarg (c, reserved[i]))
      return ag_refuse (c, AG_BAD_ARGUMENT, 400, "Argument '%s' is reserved", reserved[i]);
  return 0;
}

/* The kwargs against the aspect's schema. */
static int32_t
check_schema (struct ag_call *c)
{
  static const struct kg_json_token braces = { KG_JSON_OBJECT, 0, 0, 2, 1 };
  static const struct kg_json none = { sizeof none, 1, "{}", &braces };
  static const struct ag_loc body = { NULL, { "body", 4 }, 0 };
  static const struct ag_loc kwargs = { &body, { "kwargs", 6 }, 0 };
  struct ag_findings f;
  int32_t kind;
  if (!c->slot->schema)
    return 0;
  ag_findings_init (&f);
  ag_schema_check (c->slot->schema, c->kwargs ? c->json : &none, c->kwargs, &kwargs, &f);
  if (!f.count)
    return 0;
  kind = ag_entry_holon (c->entry)->kind;
  return ag_findings_answer (c, &f, kind == AG_BUILT_IN || kind == AG_OPEN_WORLD ? 400 : 422);
}

/* What this release cannot do is said, never left out in silence. */
static int32_t
check_built (struct ag_call *c)
{
  const struct ag_aspect *a = &c->slot->aspect;
  uint32_t m = c->path.flags;
  if (c->path.clauses & BIT (AG_ENTROPY) && c->path.entropy > 0 && !c->ag->draw)
    return ag_not_built (c, "Drawing entropy needs a pool");
  if (m & BIT (AG_ROLLBACK) && !ag_undoable (c))
    return ag_not_built (c, "What this aspect changes cannot be undone");
  if (!a->run)
    return ag_not_built (c, a->reason ? a->reason : "This node has no behaviour");
  return 0;
}

/* What the request asks beside the call: that it costs at most so much. */
int32_t
ag_call_asked (struct ag_call *c)
{
  return ag_quote_within (c);
}

/* Everything is checked and reserved. */
static int32_t
run (struct ag_call *c)
{
  c->cached = ag_seen_mark (c->ag->seen, c->who->tenant, c->path.handle);
  if (c->slot->aspect.flags & AG_STREAMS
      && (ag_out_new (c, AG_PIECES_MAX, &c->pieces) < 0
          || (ag_stream_wanted (c) && ag_stream_begin (c) < 0)))
    return -ENOMEM;
  return c->slot->aspect.run (c);
}

int32_t
ag_call_find (struct ag_call *c, kg_str text)
{
  int32_t r = ag_find (c, text);
  if (r || (r = check_scopes (c)) || (r = check_built (c)))
    return r;
  ag_price_find (c);
  return 0;
}

int32_t
ag_call_run (struct ag_call *c, kg_str text)
{
  int32_t r;
  if (c->then)
    c->began_ns = c->ag->host->num (c->req, KG_NUM_ELAPSED);
  r = ag_find (c, text);
  if (!r && !c->then && c->path.flags & BIT (AG_LAW_CHECK))
    return ag_compose_invoke (c, text);
  if (r || (r = check_scopes (c)) || (r = check_kwargs (c)) || (r = check_schema (c))
      || (r = check_built (c))
      || (c->deferred && (r = ag_deferred_check (c))))
    return r;
  ag_price_find (c);
  if (c->quote)
    return ag_quote_answer (c);
  if (!c->then && ((r = ag_call_asked (c)) || (r = ag_price_reserve (c))))
    return r;
  if (c->path.clauses & BIT (AG_ENTROPY) && c->path.entropy > 0)
    return c->ag->draw (c, c->path.entropy, run);
  return run (c);
}

/* "a.b.c >> d.e.f"; most paths have none of these letters. */
static int32_t
is_composed (kg_str path)
{
  return memchr (path.ptr, '>', path.len) && memmem (path.ptr, path.len, " >> ", 4);
}

int32_t
ag_invoke (kg_req *req, void *data)
{
  struct ag *ag = data;
  struct ag_call *c = ag->host->alloc (req, sizeof *c);
  kg_str path;
  int32_t r;
  if (!c)
    return -ENOMEM;
  memset (c, 0, sizeof *c);
  c->ag = ag;
  c->req = req;
  c->who = ag->host->identity (req);
  c->json = ag->host->json (req);
  if (!c->who || !c->who->tenant || !c->who->tenant[0])
    return ag_refuse (c, AG_FORBIDDEN, 403, "This identity has no tenant to act for");
  if ((r = ag_quote_begin (c)))
    return r;
  if (!c->quote)
    ag_note_begin (c);
  if ((r = ag_observe (c, &path)) || (r = ag_deferred_find (c)))
    return r;
  return is_composed (path) ? ag_compose_invoke (c, path) : ag_call_run (c, path);
}
