/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* agentese.nodes/1: nodes of other plugins, turned into holons of the registry. */
#include "plugins/agentese/listing.h"
#include "plugins/agentese/vital.h"

#include <kgent/nodes.h>

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A plugin's node: its own copies, kept until close. */
struct ag_foreign {
  struct ag_foreign *next;
  struct ag_holon holon;
  struct ag_vital vital;
  struct kg_node_aspect *given; /* naspects */
  struct ag_aspect *aspects;    /* ends in a NULL name */
};

/* One call, as the plugin sees it, and as we do. */
struct call {
  struct kg_node_call pub; /* first */
  struct ag_call *call;
};

static struct ag *the_ag; /* the service's functions are not told whose they are */

/* ---- A call ----------------------------------------------------------------------- */

static struct ag_call *
call_of (const struct kg_node_call *call)
{
  return ((const struct call *)call)->call;
}

static int32_t
foreign_run (struct ag_call *c)
{
  static const struct kg_json_token braces = { KG_JSON_OBJECT, 0, 0, 2, 1 };
  static const struct kg_json none = { sizeof none, 1, "{}", &braces };
  const struct kg_node_aspect *a = c->slot->aspect.data;
  struct call *call = c->ag->host->alloc (c->req, sizeof *call);
  int32_t r;
  if (!call)
    return -ENOMEM;
  call->call = c;
  call->pub = (struct kg_node_call){ .size = sizeof call->pub,
                                     .flags = c->piece ? KG_NODE_STREAMED : 0,
                                     .req = c->req,
                                     .path = c->path.text,
                                     .handle = c->path.handle,
                                     .aspect = c->path.aspect,
                                     .archetype = c->archetype_name,
                                     .observer = c->observer,
                                     .json = c->kwargs ? c->json : &none,
                                     .kwargs = c->kwargs,
                                     .data = a->data };
  r = a->run (&call->pub);
  if (r < 0 && r != -EPIPE) /* its caller has left */
    ag_vital_note (c, r == -ETIMEDOUT ? 504 : r == -ENOMEM || r == -EAGAIN ? 503 : 500);
  return r;
}

static int32_t
service_result (const struct kg_node_call *call, kg_str json)
{
  struct ag_call *c = call_of (call);
  if (!json.ptr && c->slot->aspect.flags & AG_STREAMS)
    return ag_answer_pieces (c);
  if (!json.ptr || !c->ag->host->parse (c->req, json)) {
    c->ag->host->log (c->ag->self, KG_LOG_ERROR, "node %.*s answered what is no JSON",
                      (int)c->path.base.len, c->path.base.ptr);
    return -EINVAL;
  }
  return ag_answer_text (c, json);
}

static enum ag_refusal
refusal_of (int32_t status)
{
  return status == 402   ? AG_UNAFFORDABLE
         : status == 403 ? AG_FORBIDDEN
         : status == 404 ? AG_NOT_FOUND
         : status == 409 ? AG_CONFLICTING
         : status == 501 ? AG_NOT_BUILT
         : status >= 500 ? AG_UPSTREAM
                         : AG_BAD_ARGUMENT;
}

static int32_t
service_refuse (const struct kg_node_call *call, int32_t status, const char *fmt, ...)
{
  char text[512];
  va_list ap;
  if (status < 400 || status > 599)
    return -EINVAL;
  va_start (ap, fmt);
  vsnprintf (text, sizeof text, fmt, ap);
  va_end (ap);
  return ag_refuse (call_of (call), refusal_of (status), status, "%s", text);
}

static int32_t
service_chunk (const struct kg_node_call *call, kg_str text)
{
  return ag_chunk (call_of (call), text);
}

static void
service_used (const struct kg_node_call *call, int64_t tokens)
{
  ag_used (call_of (call), tokens);
}

/* ---- Adding a node ------------------------------------------------------------------ */

static void
foreign_free (struct ag_foreign *f)
{
  free (f->given);
  free (f->aspects);
  free (f);
}

static int32_t
refused (const struct kg_node *node, const char *aspect, const char *why)
{
  the_ag->host->log (the_ag->self, KG_LOG_ERROR, "node %s.%s%s%s of %s: %s",
                     node->context ? node->context : "?", node->holon ? node->holon : "?",
                     aspect ? "." : "", aspect ? aspect : "", node->owner ? node->owner : "?", why);
  return -EINVAL;
}

static int32_t
aspect_check (const struct kg_node *node, const struct kg_node_aspect *a)
{
  if (!a->name || !a->run)
    return refused (node, a->name, "it has no name or no function");
  if (a->category < KG_NODE_PERCEPTION || a->category > KG_NODE_COMPOSITION
      || a->flags & ~(KG_NODE_STREAMS | KG_NODE_PER_TOKEN))
    return refused (node, a->name, "no such category or flag");
  if (a->requests < 0 || a->tokens < 0 || a->tokens_per_kb < 0 || a->tokens_max < 0 || a->money < 0
      || a->requests > AG_COST_MAX || a->tokens > AG_COST_MAX || a->tokens_per_kb > AG_COST_MAX
      || a->tokens_max > AG_COST_MAX || a->money > AG_COST_MAX)
    return refused (node, a->name, "a cost is negative or over 1000000000");
  if (a->flags & KG_NODE_PER_TOKEN && !a->tokens_max)
    return refused (node, a->name, "it costs what it says, and has no tokens_max");
  return 0;
}

static void
aspect_make (const struct kg_node_aspect *from, struct ag_aspect *to)
{
  *to = (struct ag_aspect){
    .name = from->name,
    .category = from->category - KG_NODE_PERCEPTION,
    .flags = from->flags & KG_NODE_STREAMS ? AG_STREAMS : 0,
    .run = foreign_run,
    .summary = from->summary,
    .input = from->input,
    .output = from->output,
    .archetypes = from->archetypes,
    .cost = { .requests = from->requests,
              .tokens = from->tokens,
              .tokens_per_kb = from->tokens_per_kb,
              .tokens_max = from->tokens_max,
              .money = from->money,
              .per_token = (from->flags & KG_NODE_PER_TOKEN) != 0 },
    .data = (void *)from,
  };
}

/* Copies the aspects, whose structure may be of another minor. */
static int32_t
aspects_make (const struct kg_node *node, struct ag_foreign *f)
{
  uint32_t i;
  int32_t r;
  for (i = 0; i < node->naspects; i++) {
    memcpy (&f->given[i], (const char *)node->aspects + (size_t)i * node->aspect_size,
            node->aspect_size < sizeof f->given[i] ? node->aspect_size : sizeof f->given[i]);
    if ((r = aspect_check (node, &f->given[i])) < 0)
      return r;
    aspect_make (&f->given[i], &f->aspects[i]);
  }
  return 0;
}

static int32_t
context_of (const char *name)
{
  int32_t i;
  for (i = 0; name && i < AG_CONTEXTS; i++)
    if (!strcmp (name, ag_context_names[i]))
      return i;
  return -1;
}

static struct ag_foreign *
foreign_new (const struct kg_node *node)
{
  struct ag_foreign *f = calloc (1, sizeof *f);
  if (!f)
    return NULL;
  f->given = calloc (node->naspects, sizeof *f->given);
  f->aspects = calloc (node->naspects + 1u, sizeof *f->aspects);
  f->holon = (struct ag_holon){ .context = context_of (node->context),
                                .kind = AG_PLUGIN,
                                .rest = node->holon,
                                .summary = node->summary,
                                .aspects = f->aspects,
                                .owner = node->owner,
                                .vital = &f->vital };
  if (f->given && f->aspects)
    return f;
  foreign_free (f);
  return NULL;
}

static int32_t
is_priced (const struct ag_foreign *f)
{
  const struct ag_aspect *a;
  for (a = f->aspects; a->name; a++)
    if (!ag_cost_free (&a->cost))
      return 1;
  return 0;
}

/* It is registered: in the list, counted, and watched. */
static void
foreign_added (struct ag_foreign *f)
{
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  pthread_mutex_lock (&lock);
  f->next = the_ag->foreign;
  the_ag->foreign = f;
  pthread_mutex_unlock (&lock);
  ag_vital_open (the_ag, &f->holon);
  if (is_priced (f) && (!the_ag->budget || !the_ag->budget->reserve))
    the_ag->host->log (the_ag->self, KG_LOG_WARN,
                       "node %s.%s has a price, and nobody charges it (load auth)",
                       ag_context_names[f->holon.context], f->holon.rest);
}

static int32_t
service_add (kg_self *self, const struct kg_node *given)
{
  struct kg_node node = { 0 };
  struct ag_foreign *f;
  int32_t r;
  (void)self;
  memcpy (&node, given, given->size < sizeof node ? given->size : sizeof node);
  if (!node.owner || !node.holon || !node.aspects || !node.naspects
      || node.naspects > AG_VERBS_MAX || node.aspect_size < offsetof (struct kg_node_aspect, data))
    return refused (&node, NULL, "owner, holon or aspects are missing, or there are too many");
  f = foreign_new (&node);
  if (!f)
    return -ENOMEM;
  r = aspects_make (&node, f);
  if (r >= 0)
    r = ag_register (the_ag, &f->holon);
  if (r < 0) {
    foreign_free (f);
    return r;
  }
  foreign_added (f);
  return 0;
}

/* ---- Telling what there is ------------------------------------------------------------ */

static void
view_make (const struct ag *ag, const struct ag_listed *it, struct kg_node_view *ret)
{
  const struct ag_holon *h = ag_entry_holon (it->entry);
  const struct ag_aspect *a = &it->slot->aspect;
  const struct ag_cost *cost = ag_cost_of (ag, it->slot, it->path);
  *ret = (struct kg_node_view){
    .size = sizeof *ret,
    .flags = (a->flags & AG_STREAMS ? KG_NODE_STREAMS : 0)
             | (cost->per_token ? KG_NODE_PER_TOKEN : 0) | (h->rest ? 0 : KG_NODE_ANY),
    .path = it->path.ptr,
    .route = "/v1/agentese/invoke",
    .category = ag_category_names[a->category],
    .kind = ag_kind_names[h->kind],
    .owner = h->owner ? h->owner : "agentese",
    .summary = a->summary,
    .scope = ag_category_writes (a->category, h->kind) ? "write" : "read",
    .input = it->slot->input,
    .output = it->slot->output,
    .requests = cost->requests > 1 ? cost->requests : 1,
    .tokens = cost->tokens,
    .tokens_per_kb = cost->tokens_per_kb,
    .tokens_max = ag_cost_tokens_max (cost),
    .money = cost->money,
  };
}

static int32_t
service_walk (kg_self *self, int32_t (*fn) (const struct kg_node_view *view, void *arg), void *arg)
{
  const struct ag_listing *l = ag_listing_get (the_ag);
  struct kg_node_view view;
  uint32_t i;
  int32_t r = 0;
  (void)self;
  if (!l)
    return -ENOMEM;
  for (i = 0; i < l->count && !r; i++) {
    view_make (the_ag, &l->items[i], &view);
    r = fn (&view, arg);
  }
  return r;
}

static uint64_t
service_version (kg_self *self)
{
  (void)self;
  return ag_registry_version (the_ag);
}

int32_t
ag_nodes_open (struct ag *ag)
{
  static const struct kg_nodes nodes = { .size = sizeof nodes,
                                         .add = service_add,
                                         .result = service_result,
                                         .refuse = service_refuse,
                                         .chunk = service_chunk,
                                         .used = service_used,
                                         .walk = service_walk,
                                         .version = service_version };
  the_ag = ag;
  return ag->host->provide (ag->self, KG_NODES, &nodes, sizeof nodes);
}

void
ag_nodes_close (struct ag *ag)
{
  struct ag_foreign *f, *next;
  for (f = ag->foreign; f; f = next) {
    next = f->next;
    foreign_free (f);
  }
  ag->foreign = NULL;
}
