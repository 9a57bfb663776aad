/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The registry: everything that can be invoked, in one table.
 *
 * A holon is what stands behind a handle ("self.memory"); its aspects are what can
 * be done with it, each with category, schemas, cost and the function that does it.
 * The rooms of agentese.so register constant tables in `open`; plugins, through
 * <kgent/nodes.h>, and configured nodes register theirs in the same way.  A holon
 * without a `rest` stands for every other handle of its context.
 *
 * Finding takes no lock: entries are never changed once they are in, and the table
 * is only ever replaced by a larger one. */
#ifndef AGENTESE_REGISTRY_H
#define AGENTESE_REGISTRY_H

#include "plugins/agentese/grammar.h"

struct ag;
struct ag_call;
struct ag_schema;
struct ag_vital;
struct ag_entry;
struct kg_out;

enum ag_category {
  AG_PERCEPTION,
  AG_INTROSPECTION, /* these two need the scope read, all others write as well */
  AG_MUTATION,
  AG_GENERATION,
  AG_ENTROPIC,
  AG_COMPOSITION, /* needs write when the call has an argument "target" */
  AG_CATEGORIES
};

/* What stands behind a holon. */
enum ag_kind { AG_BUILT_IN, AG_PLUGIN, AG_HTTP, AG_NATS, AG_LLM, AG_SPEC, AG_OPEN_WORLD, AG_KINDS };

extern const char *const ag_category_names[]; /* ends in NULL */

/* Whether invoking such an aspect needs the scope write, whatever the arguments.  What
 * an agent behind a URL composes nobody here can tell. */
static inline int32_t
ag_category_writes (int32_t category, int32_t kind)
{
  return category != AG_PERCEPTION && category != AG_INTROSPECTION
         && (category != AG_COMPOSITION || kind == AG_HTTP);
}

extern const char *const ag_kind_names[];     /* ends in NULL */

/* What a call costs; all zero: one request, as every call. */
struct ag_cost {
  int64_t requests;      /* 0 and 1: the request itself */
  int64_t tokens;        /* per call */
  int64_t tokens_per_kb; /* per begun KiB of the result */
  int64_t tokens_max;    /* per call; 0: see price.c */
  int64_t money;         /* minor units per call */
  int32_t per_token;     /* 1: and as many tokens as the aspect says it used; needs tokens_max */
  int32_t reserved;
};

/* Flags of an aspect. */
#define AG_STREAMS 0x01u  /* it can answer in pieces: ag_chunk */
#define AG_CHECKS 0x04u   /* checks the kwargs itself: the schema only describes them */
#define AG_UNLISTED 0x02u /* every archetype may invoke it, and no list shows it */

/* Runs the call: KG_DONE or KG_WAIT as ag_answer, a refusal of problem.c or what it
 * waits for returned, or a negative errno.  It may answer in a continuation. */
typedef int32_t ag_run (struct ag_call *c);

/* An aspect; lists end in a NULL name.  All text stays valid until close. */
struct ag_aspect {
  const char *name;
  int32_t category; /* enum ag_category */
  uint32_t flags;
  ag_run *run;         /* NULL: answered 501 with `reason` */
  const char *reason;  /* why nobody runs it; NULL: "This node has no behaviour" */
  const char *summary; /* one sentence for paths and OpenAPI, or NULL */
  const char *input;   /* JSON Schema of the kwargs (see schema.h), which are checked
                          before run: 422, of built-in nodes 400; NULL: any object */
  const char *output;  /* JSON Schema of the result, or NULL */
  const char *const *archetypes; /* to whom it is offered, and who inherits from them;
                                    NULL: to everybody; for holons without `offers` */
  struct ag_cost cost;
  void *data; /* the holon's own */
};

/* What a holon offers to one archetype behind the base: lists end in NULL verbs. */
struct ag_offer {
  const char *archetype; /* or one that inherits from it; NULL: to all others */
  const char *const *verbs;
};

#define AG_VERBS(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* Flags of a holon. */
#define AG_BY_ARCHETYPE 0x01u /* offers the archetype's own verbs, too */
#define AG_STANDS_IN 0x02u    /* until somebody registers the same handle */
#define AG_OF_TENANT 0x04u    /* of one tenant, and in no table: see spec_tenant.h */

struct ag_holon {
  int32_t context;                 /* enum ag_context */
  int32_t kind;                    /* enum ag_kind */
  const char *rest;                /* "memory", "vitals.triad"; NULL: all others */
  const char *summary;             /* one sentence, or NULL */
  const struct ag_aspect *aspects; /* in the order of the list; manifest, witness,
                                      affordances, constraints, lineage where they are
                                      more than the common ones */
  const struct ag_offer *offers;   /* NULL: all aspects but unlisted ones */
  const struct ag_aspect *other;   /* stands for an offered verb that has no aspect; its
                                      name is not looked at; NULL: answered 501 */
  const char *owner;               /* the plugin whose node it is; NULL: this one */
  struct ag_vital *vital;          /* how it does, see vital.h; NULL: nobody asks */
  uint32_t flags;
  uint32_t reserved;
  void *data; /* the owner's */
};

/* An aspect as it is found. */
struct ag_slot {
  struct ag_aspect aspect;
  uint64_t offered;               /* bit 0: to unknown archetypes; bit n + 1: to archetype n */
  const struct ag_schema *schema; /* of the kwargs; NULL: any, or the aspect checks */
  const char *input, *output;     /* the schemas as compact JSON text, or NULL */
};

/* ---- registry.c ------------------------------------------------------------ */

struct ag_registry *ag_registry_new (void);
void ag_registry_free (struct ag_registry *registry);

/* Adds a holon, which stays valid until close.  Any thread.  0; -EEXIST, -EINVAL
 * (a name, a schema), -E2BIG, each logged; -ENOMEM. */
int32_t ag_register (struct ag *ag, const struct ag_holon *holon);

/* Adds the holons of a table of `n`. */
int32_t ag_register_all (struct ag *ag, const struct ag_holon *holons, uint32_t n);

/* The entry of a handle: its own, else that of all others of the context; NULL for a
 * context that has none. */
const struct ag_entry *ag_entry_find (const struct ag *ag, int32_t ctx, kg_str rest);

/* Its own entry only, or NULL. */
const struct ag_entry *ag_entry_exact (const struct ag *ag, int32_t ctx, kg_str rest);

const struct ag_holon *ag_entry_holon (const struct ag_entry *entry);

/* All entries, in the order of registration; NULL at the end.  `entry` NULL: the first. */
const struct ag_entry *ag_entry_next (const struct ag *ag, const struct ag_entry *entry);

/* Aspects of an entry: by name, or NULL; by number from 0 on, or NULL. */
const struct ag_slot *ag_slot_find (const struct ag_entry *entry, kg_str aspect);
const struct ag_slot *ag_slot_at (const struct ag_entry *entry, uint32_t i);
uint32_t ag_slot_number (const struct ag_entry *entry, const struct ag_slot *slot);

/* An entry that is in no table, for a caller that has its slots: it lies in `mem`, of as
 * many bytes as it takes for so many slots. */
size_t ag_entry_bytes (uint32_t nslots);
const struct ag_entry *ag_entry_in (void *mem, const struct ag_holon *holon,
                                    struct ag_slot *slots, uint32_t nslots);

/* Whether an archetype may invoke it. */
static inline int32_t
ag_slot_offered (const struct ag_slot *slot, int32_t archetype)
{
  return (slot->offered >> (archetype + 1)) & 1;
}

/* Whether some holon has an aspect of that name. */
int32_t ag_is_verb (const struct ag *ag, kg_str name);

/* Changes with every registration. */
uint64_t ag_registry_version (const struct ag *ag);

/* ---- afford.c: archetypes and what they are offered ------------------------- */

#define AG_ARCHETYPES_MAX 63
#define AG_VERBS_MAX 256 /* of one holon */

/* The archetypes of the default table come first, in this order. */
enum ag_archetype {
  AG_ARCHITECT,
  AG_POET,
  AG_ECONOMIST,
  AG_INHABITANT,
  AG_SCIENTIST,
  AG_DEVELOPER,
  AG_ADMIN,
  AG_PHILOSOPHER,
  AG_ENGINEER,
  AG_ARTIST,
  AG_TEACHER,
  AG_ARCHETYPES
};

/* One archetype of the configuration. */
struct ag_archetype_conf {
  const char *name;     /* one of the table gets further verbs */
  const char *inherits; /* NULL: nothing */
  const char *const *world, *const *concept; /* further verbs */
};

struct ag_archetypes *ag_archetypes_new (struct ag *ag); /* NULL: logged, or no memory */
void ag_archetypes_free (struct ag_archetypes *archetypes);

/* Index of an archetype, or -1. */
int32_t ag_archetype_find (const struct ag *ag, kg_str name);

/* Its name; NULL behind the last. */
const char *ag_archetype_name (const struct ag *ag, int32_t archetype);

/* The archetype of the default table that it is or descends from, or -1. */
int32_t ag_archetype_base (const struct ag *ag, int32_t archetype);

/* Whether it is `name` or descends from it. */
int32_t ag_archetype_is (const struct ag *ag, int32_t archetype, const char *name);

/* The verbs that a holon lists to an archetype, in order and without duplicates;
 * NULL-ended, at most `max` - 1 of them, whose number is returned. */
uint32_t ag_verbs (const struct ag *ag, const struct ag_holon *holon, int32_t archetype,
                   const char **ret, uint32_t max);

/* Names of known archetypes that are offered the slot; NULL-ended. */
void ag_offered_to (const struct ag *ag, const struct ag_slot *slot, const char **ret,
                    uint32_t max);

#endif
