/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* An entry of the registry is made once: the aspects that every node has, its own, and those
 * that an archetype adds; each with its schemas, and marked for whom it is offered to. */
#include "plugins/agentese/registry_entry.h"
#include "plugins/agentese/common.h"
#include "plugins/agentese/schema.h"
#include "plugins/agentese/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void
ag_entry_free (struct ag_entry *e)
{
  uint32_t i;
  if (!e)
    return;
  for (i = 0; i < e->nslots; i++) {
    ag_schema_free ((struct ag_schema *)e->slots[i].schema);
    free ((char *)e->slots[i].input);
    free ((char *)e->slots[i].output);
  }
  free (e->slots);
  free (e->index);
  free (e);
}

static uint32_t
index_size (uint32_t nslots)
{
  uint32_t size = 8;
  while (size < 2 * nslots)
    size *= 2;
  return size;
}

/* Fills the index, which is empty. */
static void
index_fill (struct ag_entry *e)
{
  uint32_t i, at;
  e->mask = index_size (e->nslots) - 1;
  for (i = 0; i < e->nslots; i++) {
    at = (uint32_t)ag_hash_text (0, ag_str (e->slots[i].aspect.name)) & e->mask;
    while (e->index[at])
      at = (at + 1) & e->mask;
    e->index[at] = (uint16_t)(i + 1);
  }
}

size_t
ag_entry_bytes (uint32_t nslots)
{
  return sizeof (struct ag_entry) + index_size (nslots) * sizeof (uint16_t);
}

const struct ag_entry *
ag_entry_in (void *mem, const struct ag_holon *holon, struct ag_slot *slots, uint32_t nslots)
{
  struct ag_entry *e = mem;
  memset (mem, 0, ag_entry_bytes (nslots));
  e->holon = holon;
  e->slots = slots;
  e->nslots = nslots;
  e->index = (uint16_t *)(e + 1);
  index_fill (e);
  return e;
}

/* Before there is an index. */
static struct ag_slot *
slot_search (struct ag_entry *e, const char *name)
{
  uint32_t i;
  for (i = 0; i < e->nslots; i++)
    if (!strcmp (e->slots[i].aspect.name, name))
      return &e->slots[i];
  return NULL;
}

int32_t
ag_entry_invalid (struct ag *ag, const struct ag_holon *holon, const char *what, const char *why)
{
  ag->host->log (ag->self, KG_LOG_ERROR, "node %s.%s%s%s: %s",
                 holon->context >= 0 && holon->context < AG_CONTEXTS
                     ? ag_context_names[holon->context]
                     : "?",
                 holon->rest ? holon->rest : "*", what ? "." : "", what ? what : "", why);
  return -EINVAL;
}

static int32_t
slot_schemas (struct ag *ag, const struct ag_holon *holon, struct ag_slot *slot)
{
  const struct ag_aspect *a = &slot->aspect;
  const char *why = "";
  int32_t r = 0;
  if (a->input && !(r = ag_schema_text (a->input, (char **)&slot->input, &why))
      && !(a->flags & AG_CHECKS))
    r = ag_schema_compile (a->input, (struct ag_schema **)&slot->schema, &why);
  if (!r && a->output)
    r = ag_schema_text (a->output, (char **)&slot->output, &why);
  return r == -EINVAL ? ag_entry_invalid (ag, holon, a->name, why) : r;
}

/* Adds an aspect, unless the name is there already. */
static int32_t
slot_add (struct ag *ag, struct ag_entry *e, const struct ag_aspect *a, const char *name)
{
  struct ag_slot *slot;
  if (slot_search (e, name))
    return 0;
  if (e->nslots == AG_VERBS_MAX)
    return ag_entry_invalid (ag, e->holon, NULL, "too many aspects");
  if (!ag_is_name (ag_str (name)) || a->category < 0 || a->category >= AG_CATEGORIES)
    return ag_entry_invalid (ag, e->holon, name, "no name of the path language, or no category");
  slot = &e->slots[e->nslots];
  memset (slot, 0, sizeof *slot);
  slot->aspect = *a;
  slot->aspect.name = name;
  e->nslots++;
  return slot_schemas (ag, e->holon, slot);
}

/* The aspects that every node has, its own ones first. */
static int32_t
slots_common (struct ag *ag, struct ag_entry *e)
{
  const struct ag_aspect *a, *own;
  int32_t r = 0;
  for (a = ag_common_aspects (e->holon->kind); a->name && !r; a++) {
    for (own = e->holon->aspects; own && own->name && strcmp (own->name, a->name);)
      own++;
    if (!own || !own->name)
      own = a;
    r = slot_add (ag, e, own, a->name);
  }
  return r;
}

/* The verbs that the holon lists to an archetype: aspects are made of those that
 * are none so far, and each is marked as offered. */
static int32_t
slots_offer (struct ag *ag, struct ag_entry *e, int32_t archetype)
{
  static const struct ag_aspect unbuilt = { .category = AG_MUTATION };
  const struct ag_aspect *other = e->holon->other ? e->holon->other : &unbuilt;
  const char *verbs[AG_VERBS_MAX + 1];
  uint32_t i, n = ag_verbs (ag, e->holon, archetype, verbs, AG_VERBS_MAX + 1);
  struct ag_slot *slot;
  int32_t r = 0;
  for (i = 0; i < n && !r; i++)
    if (!(r = slot_add (ag, e, other, verbs[i])) && (slot = slot_search (e, verbs[i])))
      slot->offered |= 1ull << (archetype + 1);
  return r;
}

static int32_t
slots_make (struct ag *ag, struct ag_entry *e)
{
  const struct ag_aspect *a;
  uint32_t i;
  int32_t archetype, r = slots_common (ag, e);
  for (a = e->holon->aspects; a && a->name && !r; a++)
    r = slot_add (ag, e, a, a->name);
  for (archetype = -1; !r && (archetype < 0 || ag_archetype_name (ag, archetype)); archetype++)
    r = slots_offer (ag, e, archetype);
  for (i = 0; i < e->nslots; i++)
    if (e->slots[i].aspect.flags & AG_UNLISTED)
      e->slots[i].offered = ~0ull;
  return r;
}

static int32_t
holon_check (struct ag *ag, const struct ag_holon *h)
{
  char buf[AG_PATH_MAX + 32];
  struct kg_out o = { buf, 0, sizeof buf };
  struct ag_path path;
  struct ag_error error;
  if (h->context < 0 || h->context >= AG_CONTEXTS || h->kind < 0 || h->kind >= AG_KINDS)
    return ag_entry_invalid (ag, h, NULL, "no such context or kind");
  if (!h->rest)
    return 0;
  kg_out_lit (&o, ag_context_names[h->context]);
  kg_out_lit (&o, ".");
  kg_out_lit (&o, h->rest);
  if (!kg_out_ok (&o) || ag_path_parse ((kg_str){ buf, o.len }, &path, &error) < 0
      || path.base.len != o.len || o.len > AG_HANDLE_MAX)
    return ag_entry_invalid (ag, h, NULL, "no name of the path language");
  return 0;
}

static int32_t
entry_fill (struct ag *ag, struct ag_entry *e)
{
  struct ag_slot *fitting;
  int32_t r;
  e->slots = calloc (AG_VERBS_MAX, sizeof *e->slots);
  if (!e->slots)
    return -ENOMEM;
  r = slots_make (ag, e);
  if (r < 0)
    return r;
  fitting = realloc (e->slots, e->nslots * sizeof *e->slots);
  e->slots = fitting ? fitting : e->slots;
  e->index = calloc (index_size (e->nslots), sizeof *e->index);
  if (!e->index)
    return -ENOMEM;
  index_fill (e);
  return 0;
}

/* NULL with the error. */
struct ag_entry *
ag_entry_make (struct ag *ag, const struct ag_holon *holon, int32_t *ret_error)
{
  struct ag_entry *e;
  *ret_error = holon_check (ag, holon);
  if (*ret_error < 0)
    return NULL;
  *ret_error = -ENOMEM;
  e = calloc (1, sizeof *e);
  if (!e)
    return NULL;
  e->holon = holon;
  e->hash = holon->rest ? ag_hash_text ((uint64_t)holon->context, ag_str (holon->rest)) : 0;
  *ret_error = entry_fill (ag, e);
  if (*ret_error >= 0)
    return e;
  ag_entry_free (e);
  return NULL;
}
