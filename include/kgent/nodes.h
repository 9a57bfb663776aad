/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* agentese.nodes/1: nodes of the path language that live in other plugins.
 *
 * Provided by agentese.so.  A plugin adds a node, "world.weather", with its aspects:
 * for each a category, schemas, a cost, and the function that does it.  The node then
 * can be invoked, resolved, priced, limited, metered and streamed as every other, and
 * is in the list of paths, in the OpenAPI document, in metrics and in health.
 *
 *   static int32_t
 *   now (const struct kg_node_call *call)
 *   {
 *     return nodes->result (call, (kg_str){ "{\"sky\":\"clear\"}", 15 });
 *   }
 *
 * The caller's right to invoke it is checked before, and so are its arguments against
 * the schema.  Schemas are of the subset that agentese(7) lists; a node with another
 * one is refused. */
#ifndef KGENT_NODES_H
#define KGENT_NODES_H

#include <kgent/json.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KG_NODES "agentese.nodes/1"

#if KG_ABI_TARGET >= KG_ABI (1, 1)

/* What invoking an aspect does.  The first two need the scope "read", the others
 * "write" as well; COMPOSITION only when the call has an argument "target".
 * Since 1.1. */
#define KG_NODE_PERCEPTION    1
#define KG_NODE_INTROSPECTION 2
#define KG_NODE_MUTATION      3
#define KG_NODE_GENERATION    4
#define KG_NODE_ENTROPY       5
#define KG_NODE_COMPOSITION   6

/* Flags of an aspect.  Since 1.1. */
#define KG_NODE_STREAMS   0x01u /* it may answer in pieces, by `chunk`                 */
#define KG_NODE_PER_TOKEN 0x02u /* it costs what it says by `used`, too; then tokens_max
                                   must be given                                       */

/* Flags of a call.  Since 1.1. */
#define KG_NODE_STREAMED 0x01u /* the caller gets chunks as they come; without, they are
                                  collected                                            */

/* One call.  It is valid until the request has ended; all text lies in the request's
 * memory.  Since 1.1. */
struct kg_node_call {
  uint32_t size;
  uint32_t flags; /* KG_NODE_STREAMED */
  kg_req *req;    /* for the host's functions; who calls is host->identity (req)       */
  kg_str path;    /* as sent, with clauses: "world.weather.now[phase=PLAN]"            */
  kg_str handle;  /* "world.weather"                                                   */
  kg_str aspect;  /* "now"                                                             */
  kg_str archetype; /* of the observer; the caller may claim it                        */
  kg_str observer;  /* name of the observer, as JSON text with its quotes              */
  const struct kg_json *json; /* the arguments are an object in it, never NULL:
                                 kg_json_find (call->json, call->kwargs, "city")       */
  uint32_t kwargs;            /* their token */
  uint32_t reserved;
  void *data; /* the aspect's */
};

/* Does it, on the request's worker; must not block.  Ends with what `result` or
 * `refuse` returned; or with KG_WAIT after host->suspend, and then the continuation
 * ends that way; or with a negative errno, as a handler.  Runs concurrently on
 * different workers, whatever the plugin's flags.  Since 1.1. */
typedef int32_t kg_node_fn (const struct kg_node_call *call);

/* An aspect.  Since 1.1. */
struct kg_node_aspect {
  const char *name; /* [a-z][a-z0-9_]*, at most 64 bytes; "manifest" replaces the
                       description that every node has                                */
  kg_node_fn *run;
  int32_t category;    /* KG_NODE_PERCEPTION ... */
  uint32_t flags;      /* KG_NODE_STREAMS | ... */
  const char *summary; /* one sentence, or NULL                                       */
  const char *input;   /* JSON Schema of the arguments, or NULL: any object           */
  const char *output;  /* JSON Schema of the result, or NULL                          */
  const char *const *archetypes; /* to whom it is offered, and who inherits from them;
                                    ends in NULL; NULL: to everybody                  */
  int64_t requests;      /* what a call counts; 0 and 1: one                          */
  int64_t tokens;        /* per call                                                  */
  int64_t tokens_per_kb; /* per begun KiB of the result                               */
  int64_t tokens_max;    /* at most, reserved before `run`; 0: as the two say, for a
                            result of 64 KiB                                          */
  int64_t money;         /* minor units per call                                      */
  void *data;            /* the plugin's */
};

/* A node; it is copied, but not its texts, lists and data, which must stay valid until
 * close.  Since 1.1. */
struct kg_node {
  uint32_t size;        /* sizeof (struct kg_node) */
  uint32_t aspect_size; /* sizeof (struct kg_node_aspect) */
  uint32_t naspects;
  uint32_t reserved;
  const char *owner;   /* the plugin's name, which callers see                        */
  const char *context; /* "world", "self", "concept", "void", "time"                  */
  const char *holon;   /* "weather", "weather.alps"                                   */
  const char *summary; /* one sentence, or NULL                                       */
  const struct kg_node_aspect *aspects; /* in the order in which callers see them     */
};

/* Flags of a view.  Since 1.1. */
#define KG_NODE_ANY 0x100u /* "*" in the path stands for any holon of the context      */

/* An aspect, as those see it who describe what there is: an API document, a list of
 * tools.  Texts stay valid until close.  Since 1.1. */
struct kg_node_view {
  uint32_t size;
  uint32_t flags;       /* KG_NODE_STREAMS | KG_NODE_PER_TOKEN | KG_NODE_ANY           */
  const char *path;     /* "world.weather.now", "world.*.define"                       */
  const char *route;    /* where it is invoked, by POST: "/v1/agentese/invoke"         */
  const char *category; /* "PERCEPTION"                                                */
  const char *kind;     /* "builtin", "plugin", "http", ...                            */
  const char *owner;    /* "weather"                                                   */
  const char *summary;  /* or NULL                                                     */
  const char *scope;    /* "read" or "write"                                           */
  const char *input;    /* JSON Schema, compact and strict JSON, or NULL               */
  const char *output;
  int64_t requests, tokens, tokens_per_kb, tokens_max, money; /* what a call costs     */
};

struct kg_nodes {
  uint32_t size;
  uint32_t reserved;

  /* In the plugin's `start` only: metrics and health of the node are made there, too.
   * -EEXIST when somebody has it, -EINVAL for a bad name, schema or cost: each is logged
   * with its reason.  -ENOMEM.  A node stays until the host ends.  Since 1.1. */
  int32_t (*add) (kg_self *self, const struct kg_node *node);

  /* [worker] The call went well: `json` is its result, one strict JSON value; an absent
   * one after chunks: what they said, as one string.  Returns what the function must
   * return.  -EINVAL for what is no JSON.  Since 1.1. */
  int32_t (*result) (const struct kg_node_call *call, kg_str json);

  /* [worker] The call is refused, or failed: status 400 to 599, and a sentence for the
   * caller.  It costs nothing.  Members that host->member has added are part of the
   * answer.  Returns what the function must return.  Since 1.1. */
  int32_t (*refuse) (const struct kg_node_call *call, int32_t status, const char *fmt, ...)
      KG_PRINTF (3, 4);

  /* [any] A piece of the answer, as UTF-8 text of whole characters; for one call one
   * thread at a time, before `result`, and not once a ticket's `gone` has returned.
   * Copies; what a client is too slow for leaves with later pieces.  0; -EPIPE: the
   * client is gone (return it); -E2BIG: over 256 KiB in all; -EINVAL without
   * KG_NODE_STREAMS; -ENOMEM.  Since 1.1. */
  int32_t (*chunk) (const struct kg_node_call *call, kg_str text);

  /* [any] The call has used so many tokens until now, beside what its aspect costs
   * anyhow; as `chunk`; the last one counts.  A client that leaves a stream pays what was
   * told before the last piece that it got; where nothing was told, a token for each
   * piece.  Since 1.1. */
  void (*used) (const struct kg_node_call *call, int64_t tokens);

  /* [any] Calls fn for each aspect that can be invoked, whoever may do so, in the order
   * of paths, until it answers other than 0; returns that.  -ENOMEM.  Since 1.1. */
  int32_t (*walk) (kg_self *self, int32_t (*fn) (const struct kg_node_view *view, void *arg),
                   void *arg);

  /* [any] Another number whenever `walk` would tell something else.  Since 1.1. */
  uint64_t (*version) (kg_self *self);
};

#endif

#ifdef __cplusplus
}
#endif

#endif
