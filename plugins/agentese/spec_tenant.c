/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A tenant's spec as an entry of the registry, in the request's memory: the aspects of the
 * text, then what every node of the open world can do. */
#include "plugins/agentese/spec_tenant.h"

#include <string.h>

static const char *const base[]
    = { "manifest", "witness", "affordances", "constraints", "lineage", NULL };
static const char *const always[] = { "define", "relate", "transform", NULL };

#define SLOTS (AG_SPEC_ASPECTS + 8)

/* An entry under way. */
struct build {
  struct ag_call *c;
  const struct ag_entry *open; /* of all others of the context */
  struct ag_spec *spec;
  struct ag_holon holon;
  struct ag_aspect aspect[SLOTS + 2];
  struct ag_slot slot[SLOTS];
  uint32_t naspects, nslots;
};

/* ---- Checks ------------------------------------------------------------------------------------- */

static int32_t
unfit (struct ag_spec_error *err, uint32_t line, const char *shown, const char *what,
       const char *fix)
{
  *err = (struct ag_spec_error){ .line = line, .what = what, .fix = fix, .shown = ag_str (shown) };
  return -EINVAL;
}

int32_t
ag_spec_fits (const struct ag *ag, const struct ag_spec *spec, struct ag_spec_error *err)
{
  uint32_t i;
  for (i = 0; i < spec->nwhom; i++)
    if (strcmp (spec->whom[i], "any") != 0 && ag_archetype_find (ag, ag_str (spec->whom[i])) < 0)
      return unfit (err, spec->whom_line[i], spec->whom[i], "there is no such archetype",
                    "name one that there is, or any");
  for (i = 0; i < spec->naspects; i++) {
    const struct ag_spec_aspect *a = &spec->aspect[i];
    if (a->priced)
      return unfit (err, a->line, a->name, "prices are the operator's", "leave them out");
    if (a->input || a->output)
      return unfit (err, a->line, a->name, "schemas belong to files of the operator",
                    "leave them out; holes name the arguments");
  }
  return 0;
}

/* Whether the texts are JSON: 1 or 0; the line of one that is not. */
static int32_t
texts_good (struct ag_call *c, const struct ag_spec *spec, uint32_t *ret_line)
{
  kg_str text;
  uint32_t i;
  for (i = 0; ag_spec_json (spec, i, &text, ret_line); i++)
    if (!c->ag->host->parse (c->req, text))
      return 0;
  return 1;
}

/* Reads a text into the request's memory: 0; -EINVAL with *err; -ENOMEM. */
static int32_t
spec_read (struct ag_call *c, kg_str text, struct ag_spec **ret, struct ag_spec_error *err)
{
  size_t size = ag_spec_size (text.len);
  void *mem = text.len <= AG_SPEC_MAX ? c->ag->host->alloc (c->req, size) : NULL;
  uint32_t line;
  int32_t r;
  if (!mem && text.len <= AG_SPEC_MAX)
    return -ENOMEM;
  if ((r = ag_spec_read (text, mem, size, ret, err)) < 0
      || (r = ag_spec_fits (c->ag, *ret, err)) < 0)
    return r;
  return texts_good (c, *ret, &line)
             ? 0
             : unfit (err, line, "", "with defaults, or null, in its holes this is no JSON",
                      "mend the block ```json");
}

/* ---- The entry ------------------------------------------------------------------------------------ */

static uint64_t
offered_to (const struct ag *ag, const struct ag_spec_aspect *a)
{
  uint64_t mask = 0;
  int32_t i;
  uint32_t k;
  if (a->to_any)
    return ~0ull;
  for (i = 0; ag_archetype_name (ag, i); i++)
    for (k = 0; k < a->nwhom; k++)
      if (ag_archetype_is (ag, i, a->whom[k]))
        mask |= 2ull << i;
  return mask;
}

/* Takes over what the open world does. */
static void
slot_take (struct build *b, const char *name)
{
  const struct ag_slot *slot = ag_slot_find (b->open, ag_str (name));
  if (slot)
    b->slot[b->nslots++] = *slot;
}

static void
slots_own (struct build *b)
{
  const struct ag_aspect *a = b->aspect;
  uint32_t i;
  b->slot[b->nslots++] = (struct ag_slot){ .aspect = *a++, .offered = ~0ull };
  for (i = 1; base[i]; i++)
    slot_take (b, base[i]);
  for (i = 0; i < b->spec->naspects; i++, a++)
    b->slot[b->nslots++] = (struct ag_slot){ .aspect = *a,
                                             .offered = offered_to (b->c->ag, a->data),
                                             .input = a->input };
}

static void
slots_always (struct build *b)
{
  uint32_t i;
  for (i = 0; always[i]; i++) {
    if (ag_spec_aspect_find (b->spec, ag_str (always[i])))
      continue;
    slot_take (b, always[i]);
    b->aspect[b->naspects] = b->slot[b->nslots - 1].aspect;
    b->aspect[b->naspects++].archetypes = NULL;
  }
  b->aspect[b->naspects].name = NULL;
}

/* The entry of a spec; NULL without memory. */
static const struct ag_entry *
entry_build (struct ag_call *c, const struct ag_entry *open, kg_str rest, struct ag_spec *spec)
{
  struct build *b = c->ag->host->alloc (c->req, sizeof *b);
  char *name = c->ag->host->alloc (c->req, rest.len + 1);
  void *mem = c->ag->host->alloc (c->req, ag_entry_bytes (SLOTS));
  if (!b || !name || !mem)
    return NULL;
  memcpy (name, rest.ptr, rest.len);
  name[rest.len] = 0;
  b->c = c;
  b->open = open;
  b->spec = spec;
  b->nslots = 0;
  b->naspects = spec->naspects + 1;
  b->holon = (struct ag_holon){ .context = ag_entry_holon (open)->context,
                                .kind = AG_SPEC,
                                .rest = name,
                                .summary = spec->summary,
                                .aspects = b->aspect,
                                .flags = AG_OF_TENANT,
                                .data = spec };
  ag_spec_aspects (spec, b->aspect);
  slots_own (b);
  slots_always (b);
  return ag_entry_in (mem, &b->holon, b->slot, b->nslots);
}

/* ---- Finding ------------------------------------------------------------------------------------------ */

static int32_t
is_open (const struct ag_entry *entry)
{
  return entry && !ag_entry_holon (entry)->rest && ag_entry_holon (entry)->kind == AG_OPEN_WORLD;
}

int32_t
ag_entry_is_tenants (const struct ag_entry *entry)
{
  return (ag_entry_holon (entry)->flags & AG_OF_TENANT) != 0;
}

/* The text that a node's state holds; ptr NULL: none that is a spec. */
static int32_t
text_find (struct ag_call *c, kg_str handle, kg_str *ret)
{
  struct ag_node node;
  int32_t r = ag_node_get (c, handle, &node);
  uint32_t i = r ? 0 : kg_json_find (node.json, node.state, "spec");
  *ret = (kg_str){ NULL, 0 };
  if (!i || kg_json_kind (node.json, i) != KG_JSON_STRING)
    return r == -ENOENT ? 0 : r;
  *ret = kg_json_str (c->ag->host, c->req, node.json, i);
  if (!ret->ptr)
    return -ENOMEM;
  if (!ag_spec_begins (*ret))
    ret->ptr = NULL;
  return 0;
}

int32_t
ag_entry_of (struct ag_call *c, const struct ag_path *path, const struct ag_entry **ret)
{
  const struct ag_entry *entry = ag_entry_find (c->ag, path->ctx, path->rest);
  struct ag_spec_error err;
  struct ag_spec *spec;
  kg_str text;
  int32_t r;
  *ret = entry;
  if (!is_open (entry) || !ag_spec_maybe (c->ag, c->who->tenant, path->handle))
    return 0;
  r = text_find (c, path->handle, &text);
  if (r < 0 || !text.ptr)
    return r;
  r = spec_read (c, text, &spec, &err);
  if (r == -EINVAL) /* it is text like any other */
    return 0;
  if (!r && !(*ret = entry_build (c, entry, path->rest, spec)))
    r = -ENOMEM;
  return r;
}

/* ---- Making one ------------------------------------------------------------------------------------------- */

int32_t
ag_may_define (const struct ag_call *c)
{
  return c->can_define || ag_archetype_is (c->ag, c->archetype, "architect")
         || ag_archetype_is (c->ag, c->archetype, "developer")
         || ag_archetype_is (c->ag, c->archetype, "admin");
}

int32_t
ag_refuse_define (struct ag_call *c)
{
  static const char *const makers[] = { "architect", "developer", "admin", NULL };
  ag_member_list (c, "available", makers);
  return ag_refuse (c, AG_FORBIDDEN, 403,
                    "Defining takes an architect, developer or admin, or the capability 'define'");
}

static int32_t
refuse_text (struct ag_call *c, const struct ag_spec_error *err)
{
  static const struct ag_advice advice
      = { "A text that begins with a line --- is a spec, see agentese(7).",
          "mend the line, or leave the front matter out", NULL };
  char text[512];
  ag_spec_error_text (err, text, sizeof text);
  return ag_refuse_why (c, AG_BAD_ARGUMENT, 422, &advice, "spec:%u: %s", err->line, text);
}

int32_t
ag_spec_take_text (struct ag_call *c, kg_str handle, kg_str text, const struct ag_entry **ret)
{
  struct ag_spec_error err;
  struct ag_spec *spec;
  struct ag_error bad;
  struct ag_path path;
  const struct ag_entry *open;
  int32_t r;
  *ret = NULL;
  if (!text.ptr || !ag_spec_begins (text))
    return 0;
  if (!ag_may_define (c))
    return ag_refuse_define (c);
  if (ag_path_parse (handle, &path, &bad) < 0)
    return ag_malformed (c, &bad);
  ag_path_whole (&path);
  open = ag_entry_find (c->ag, path.ctx, path.rest);
  if (!is_open (open))
    return 0; /* the state of another kind of node, of which nobody asks for a spec */
  r = spec_read (c, text, &spec, &err);
  if (r)
    return r == -EINVAL ? refuse_text (c, &err) : r;
  *ret = entry_build (c, open, path.rest, spec);
  return *ret ? 0 : -ENOMEM;
}

int32_t
ag_spec_take_member (struct ag_call *c, kg_str handle, uint32_t object,
                     const struct ag_entry **ret)
{
  uint32_t i = kg_json_find (c->json, object, "spec");
  kg_str text;
  *ret = NULL;
  if (!i || kg_json_kind (c->json, i) != KG_JSON_STRING)
    return 0;
  text = kg_json_str (c->ag->host, c->req, c->json, i);
  return text.ptr ? ag_spec_take_text (c, handle, text, ret) : -ENOMEM;
}
