/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Specs that tenants make: a node of the open world whose state has, as its member "spec", a
 * text that begins with a front matter.  Whatever is done with state is done with them: they
 * are counted, kept in versions, undone and restored.  An invocation finds out by a filter
 * whether the node could be one, and reads the text where it lies. */
#ifndef AGENTESE_SPEC_TENANT_H
#define AGENTESE_SPEC_TENANT_H

#include "plugins/agentese/listing.h"
#include "plugins/agentese/spec.h"

#include <errno.h>

/* ---- spec_index.c: which nodes are specs ---------------------------------------------- */

/* In open, behind the bucket of nodes. */
int32_t ag_spec_index_open (struct ag *ag);
void ag_spec_index_close (struct ag *ag);

/* A watch of the bucket "agentese.nodes". */
void ag_spec_watch (const struct kg_entry *entry, void *arg);

/* Whether the node of the tenant could be a spec.  Any thread, no lock. */
int32_t ag_spec_maybe (const struct ag *ag, const char *tenant, kg_str handle);

struct ag_spec_path {
  uint32_t handle_len;
  char path[AG_PATH_MAX + 1];
};

/* The tenant's paths that begin with `prefix` and come behind `after`, at most `max`, in
 * their order. */
uint32_t ag_spec_paths (struct ag *ag, const char *tenant, kg_str prefix, kg_str after,
                        struct ag_spec_path *ret, uint32_t max);

/* ---- spec_tenant.c: such a node as an entry --------------------------------------------- */

/* Whether a tenant may have it: known archetypes, no prices, no schemas.  0 or -EINVAL. */
int32_t ag_spec_fits (const struct ag *ag, const struct ag_spec *spec,
                      struct ag_spec_error *err);

/* What stands behind a path for this caller: its tenant's spec, or the registry's entry,
 * which may be NULL.  0 or a negative errno. */
int32_t ag_entry_of (struct ag_call *c, const struct ag_path *path, const struct ag_entry **ret);

/* Whether it is the spec of a tenant. */
int32_t ag_entry_is_tenants (const struct ag_entry *entry);

/* Whether the observer may define. */
int32_t ag_may_define (const struct ag_call *c);
int32_t ag_refuse_define (struct ag_call *c);

/* Checks a text that is to be the spec of a node, and finds the entry that it will be: NULL
 * for a text that is no spec.  0; KG_DONE with the refusal; an errno. */
int32_t ag_spec_take_text (struct ag_call *c, kg_str handle, kg_str text,
                           const struct ag_entry **ret);

/* The same with the member "spec" of an object of the call's. */
int32_t ag_spec_take_member (struct ag_call *c, kg_str handle, uint32_t object,
                             const struct ag_entry **ret);

/* ---- spec_uses.c: how often, and how well ----------------------------------------------- */

#define AG_SPEC_PROMOTED_USES 100
#define AG_SPEC_PROMOTED_PERCENT 80

/* In open, behind the trace; the others as the plugin's. */
int32_t ag_spec_uses_open (struct ag *ag);
int32_t ag_spec_uses_start (struct ag *ag);
void ag_spec_uses_stop (struct ag *ag);
void ag_spec_uses_close (struct ag *ag);

/* The node with that key, TENANT/handle, is no spec any more. */
void ag_spec_uses_forget (struct ag *ag, kg_str key);

/* Writes members that tell of the uses of the call's node, each behind a comma. */
void ag_spec_uses_write (struct ag_call *c, const struct ag_spec *spec, struct kg_out *out);

/* ---- spec_list.c: a tenant's specs in lists of paths --------------------------------------- */

struct ag_spec_list;

/* NULL without memory. */
struct ag_spec_list *ag_spec_list_new (struct ag_call *c, kg_str prefix, kg_str after);

/* The next one that is there, NULL behind the last; the same until it is taken. */
const struct ag_listed *ag_spec_list_peek (struct ag_spec_list *list);
void ag_spec_list_take (struct ag_spec_list *list);

#endif
