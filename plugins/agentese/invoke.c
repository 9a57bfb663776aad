/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* POST /v1/agentese/invoke: from a checked body to the node, and the answer. */
#include "plugins/agentese/state.h"

#include <errno.h>
#include <string.h>

#define ANSWER_SIZE 1024 /* first guess; a bigger one is written twice */
#define BIT(m) (1u << (m))

void
ag_write_verbs (const struct ag_path *path, int32_t archetype, struct kg_out *out)
{
  const char *const *lists[3];
  const char *sep = "[\"";
  uint32_t i;
  ag_afford (path, archetype, lists);
  for (i = 0; i < 3; i++)
    for (; *lists[i]; lists[i]++, sep = "\",\"") {
      kg_out_lit (out, sep);
      kg_out_lit (out, *lists[i]);
    }
  kg_out_lit (out, "\"]");
}

static void
affordances_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  (void)arg;
  ag_write_verbs (&c->path, c->archetype, out);
}

/* ---- The answer ---------------------------------------------------------- */

/* Names, which the grammar accepted, need no escaping. */
static void
quoted (struct kg_out *o, kg_str text)
{
  kg_out_raw (o, "\"", 1);
  kg_out_raw (o, text.ptr, text.len);
  kg_out_raw (o, "\"", 1);
}

/* Writes the whole body; the result, as it lies in there. */
static kg_str
answer_write (struct ag_call *c, ag_result *result, void *arg, struct kg_out *o)
{
  size_t at, len;
  kg_out_lit (o, "{\"path\":");
  kg_out_str (o, c->path.text); /* a clause may hold a tab */
  kg_out_lit (o, ",\"result\":");
  at = o->len;
  result (c, arg, o);
  len = o->len - at;
  kg_out_lit (o, ",\"tokens_used\":");
  kg_out_int (o, ag_price_tokens (c, len));
  kg_out_lit (o, c->cached ? ",\"cached\":true}" : ",\"cached\":false}");
  return (kg_str){ o->ptr + at, len };
}

static int32_t
usage_note (struct ag_call *c, size_t result_len)
{
  char buf[2 * AG_PATH_MAX + 96];
  struct kg_out o = { buf, 0, sizeof buf };
  if (!c->ag->meter)
    return 0;
  kg_out_lit (&o, "{\"path\":");
  quoted (&o, c->path.base);
  kg_out_lit (&o, ",\"aspect\":");
  quoted (&o, c->path.aspect);
  kg_out_lit (&o, ",\"tokens_used\":");
  kg_out_int (&o, ag_price_tokens (c, result_len));
  kg_out_lit (&o, "}");
  return c->ag->meter->note (c->req, "agentese.invoke", (kg_str){ buf, o.len });
}

int32_t
ag_answer (struct ag_call *c, ag_result *result, void *arg)
{
  const struct kg_host *host = c->ag->host;
  struct kg_out o;
  kg_str text;
  int32_t r = ag_out_new (c, ANSWER_SIZE, &o);
  if (r < 0)
    return r;
  text = answer_write (c, result, arg, &o);
  if (!kg_out_ok (&o)) {
    if ((r = ag_out_new (c, o.len, &o)) < 0)
      return r;
    text = answer_write (c, result, arg, &o);
  }
  if (c->path.flags & BIT (AG_MINIMAL_OUTPUT) && *text.ptr == '[') {
    ag_member_text (c, "law", "minimal_output");
    return ag_refuse (c, AG_LAW, 422, "Law 'minimal_output' violated: the result is an array");
  }
  if ((r = ag_price_settle (c, text.len)) < 0 || (r = usage_note (c, text.len)) < 0)
    return r;
  c->ag->metrics->add (c->ag->invocations,
                       (uint32_t)(c->path.ctx * AG_CATEGORIES + c->category), 1);
  r = host->reply (c->req, 200, "application/json", o.ptr, o.len);
  return r < 0 ? r : KG_DONE;
}

/* ---- The checks ---------------------------------------------------------- */

static int32_t
has_scope (const struct kg_identity *who, const char *scope)
{
  uint32_t i;
  for (i = 0; who->scopes && who->scopes[i]; i++)
    if (!strcmp (who->scopes[i], scope))
      return 1;
  return 0;
}

/* A key with "invoke:" scopes may invoke what one of them covers, and nothing
 * else; a key without may invoke everything. */
static int32_t
scopes_cover (const struct ag_call *c)
{
  uint32_t i, patterns = 0;
  for (i = 0; c->who->scopes && c->who->scopes[i]; i++) {
    if (strncmp (c->who->scopes[i], "invoke:", 7))
      continue;
    if (ag_pattern_covers (c->who->scopes[i] + 7, c->path.base))
      return 1;
    patterns++;
  }
  return !patterns;
}

/* Whether this very call changes something. */
static int32_t
has_effect (const struct ag_call *c)
{
  if (c->category == AG_PERCEPTION || c->category == AG_INTROSPECTION)
    return 0;
  return c->category != AG_COMPOSITION || ag_kwarg (c, "target");
}

static int32_t
check_scopes (struct ag_call *c)
{
  char needed[AG_PATH_MAX + 8] = "invoke:";
  if (!scopes_cover (c)) {
    memcpy (needed + 7, c->path.base.ptr, c->path.base.len);
    needed[7 + c->path.base.len] = 0;
    return ag_no_scope (c, needed);
  }
  return has_effect (c) && !has_scope (c->who, "write") ? ag_no_scope (c, "write") : 0;
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

/* What this release cannot do is said, never left out in silence. */
static int32_t
check_built (struct ag_call *c)
{
  uint32_t m = c->path.flags;
  if (c->path.clauses & BIT (AG_ENTROPY) && c->path.entropy > 0)
    return ag_not_built (c, "Drawing entropy needs a pool");
  if (m & BIT (AG_LAW_CHECK))
    return ag_not_built (c, "Laws are not checked on an invocation");
  if (m & BIT (AG_ROLLBACK))
    return ag_not_built (c, "A mutation cannot be undone");
  if (ag_str_is (c->path.aspect, "affordances"))
    return 0;
  if (c->path.ctx != AG_WORLD || ag_is_builtin (AG_WORLD, c->path.rest))
    return ag_not_built (c, "This node has no behaviour");
  return 0;
}

/* The same for what the request asks of the answer: a quote that invokes, or a key that lets a
 * call be charged twice, would cost the caller money. */
static int32_t
check_asked (struct ag_call *c)
{
  const struct kg_host *host = c->ag->host;
  kg_str query = host->get (c->req, KG_GET_QUERY, NULL);
  kg_str prefer = host->get (c->req, KG_GET_HEADER, "Prefer");
  if ((query.len && host->get (c->req, KG_GET_QUERY, "quote").ptr) || ag_str_is (prefer, "quote"))
    return ag_not_built (c, "Quotes are not given");
  if (host->get (c->req, KG_GET_HEADER, "Kgent-Max-Cost").ptr)
    return ag_not_built (c, "Kgent-Max-Cost is not kept");
  if (host->get (c->req, KG_GET_HEADER, "Idempotency-Key").ptr)
    return ag_not_built (c, "Idempotency-Key is not kept");
  return 0;
}

/* Whether the node is there: in an open world every one is. */
static int32_t
check_exists (struct ag_call *c)
{
  struct ag_node node;
  int32_t r;
  if (c->ag->conf->open_world || (c->path.ctx != AG_WORLD && c->path.ctx != AG_CONCEPT)
      || ag_is_builtin (c->path.ctx, c->path.rest))
    return 0;
  r = ag_node_get (c, c->path.handle, &node);
  return r == -ENOENT ? ag_not_found (c) : r;
}

static int32_t
check_path (struct ag_call *c, kg_str text)
{
  struct ag_error err;
  int32_t r;
  if (ag_path_parse (text, &c->path, &err) < 0)
    return ag_malformed (c, &err);
  if (!c->path.aspect.len)
    return ag_without_aspect (c);
  if (c->path.ctx == AG_SELF && !ag_affords (&c->path, c->archetype)) {
    struct ag_path whole = c->path;
    ag_path_whole (&whole);
    if (ag_is_builtin (AG_SELF, whole.rest)) /* self.vitals.triad */
      return ag_without_aspect (c);
  }
  r = check_exists (c);
  if (r)
    return r;
  return ag_affords (&c->path, c->archetype) ? 0 : ag_not_afforded (c);
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
  c->ag = ag;
  c->req = req;
  c->who = ag->host->identity (req);
  c->json = ag->host->json (req);
  c->can_define = 0;
  if (!c->who || !c->who->tenant || !c->who->tenant[0])
    return ag_refuse (c, AG_FORBIDDEN, 403, "This identity has no tenant to act for");
  if ((r = ag_observe (c, &path)) || (r = check_path (c, path)))
    return r;
  c->category = ag_category_of (&c->path);
  if ((r = check_scopes (c)) || (r = check_kwargs (c)) || (r = check_built (c))
      || (r = check_asked (c)) || (r = ag_price_reserve (c)))
    return r;
  c->cached = ag_seen_mark (ag->seen, c->who->tenant, c->path.handle);
  if (ag_str_is (c->path.aspect, "affordances"))
    return ag_answer (c, affordances_write, NULL);
  return ag_world (c);
}
