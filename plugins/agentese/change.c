/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A change of state on its way to disk: prepared on the worker, written by the
 * store's committer while the request waits, answered on the worker again. */
#include "plugins/agentese/schedule.h"
#include "plugins/agentese/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define AG_DONE_ALREADY UINT32_MAX /* instead of the number of the operation that failed */
#define TRIES_MAX 1000 /* lost races before the caller is told to come back */

/* What outlives the request while the store works. */
struct waiter {
  struct ag *ag;
  kg_ticket *ticket;
  struct ag_change *change; /* alive only when `resumed` runs */
  int32_t error;
  uint32_t op;
  uint32_t nodes; /* reserved of the tenant's limits */
  uint32_t guard; /* as of the attempt */
  int64_t bytes;
  char tenant[];
};

/* The operations of one attempt, and what they take. */
struct attempt {
  struct kg_op *ops;
  uint32_t nops, nodes;
  uint32_t guard; /* the operation of a deferral; 0: there is none */
  int64_t bytes;
  char key[KG_KEY_MAX], child_key[KG_KEY_MAX], kept_key[KG_KEY_MAX], gone_key[KG_KEY_MAX];
};

#define OPS 7 /* of the node and its child, each with its history; versions; a deferral */

static kg_fn resumed;

static kg_str
handle_of (const struct ag_change *ch)
{
  return ch->handle.len ? ch->handle : ch->call->path.handle;
}

/* One line of history. */
static void
history_entry (const struct ag_change *ch, struct kg_out *o)
{
  const struct ag_call *c = ch->call;
  char at[AG_TIME_LEN + 1];
  ag_time (c->ag->host->num (c->req, KG_NUM_TIME), at);
  kg_out_lit (o, "{\"at\":");
  kg_out_text (o, at);
  kg_out_lit (o, ",\"aspect\":");
  kg_out_str (o, c->path.aspect);
  kg_out_lit (o, ",\"observer\":");
  kg_out_raw (o, c->observer.ptr, c->observer.len);
  kg_out_lit (o, ",\"version\":");
  kg_out_int (o, ch->version);
  if (ch->note.len)
    kg_out_raw (o, ch->note.ptr, ch->note.len);
  if (c->path.value[AG_PHASE].len) {
    kg_out_lit (o, ",\"phase\":");
    kg_out_str (o, c->path.value[AG_PHASE]);
  }
  if (c->path.value[AG_SPAN].len) {
    kg_out_lit (o, ",\"span\":");
    kg_out_str (o, c->path.value[AG_SPAN]);
  }
  kg_out_lit (o, "}");
}

/* The history with one line more, cut to what is kept. */
static int32_t
trace_make (struct ag_change *ch, const struct ag_trace *old, kg_str *ret)
{
  struct ag_call *c = ch->call;
  struct kg_out o;
  int64_t kept = 1;
  uint32_t i;
  int32_t r = ag_out_new (c, old->bytes + ch->note.len + 1024, &o);
  if (r < 0)
    return r;
  kg_out_lit (&o, "{\"total\":");
  kg_out_int (&o, old->total + 1);
  kg_out_lit (&o, ",\"history\":[");
  history_entry (ch, &o);
  i = old->json ? kg_json_first (old->json, old->history) : 0;
  for (; i && kept < c->ag->conf->history_max; i = kg_json_next (old->json, old->history, i)) {
    kg_str line = kg_json_text (old->json, i);
    kg_out_lit (&o, ",");
    kg_out_raw (&o, line.ptr, line.len);
    kept++;
  }
  kg_out_lit (&o, "]}");
  *ret = (kg_str){ o.ptr, o.len };
  return kg_out_ok (&o) ? 0 : -ENOMEM;
}

/* The value that is kept for a node. */
static int32_t
node_make (struct ag_change *ch, kg_str created, kg_str since, kg_str state, kg_str relations, kg_str *ret)
{
  struct ag_call *c = ch->call;
  struct kg_out o;
  char now[AG_TIME_LEN + 1];
  int32_t r = ag_out_new (c, state.len + relations.len + 256, &o);
  if (r < 0)
    return r;
  ag_time (c->ag->host->num (c->req, KG_NUM_TIME), now);
  kg_out_lit (&o, "{\"version\":");
  kg_out_int (&o, ch->version);
  kg_out_lit (&o, ",\"created\":");
  if (created.len)
    kg_out_raw (&o, created.ptr, created.len);
  else
    kg_out_text (&o, now);
  kg_out_lit (&o, ",\"changed\":");
  kg_out_text (&o, now);
  kg_out_lit (&o, ",\"since\":");
  if (since.len)
    kg_out_raw (&o, since.ptr, since.len);
  else
    kg_out_text (&o, now);
  kg_out_lit (&o, ",\"state\":");
  kg_out_raw (&o, state.ptr, state.len);
  kg_out_lit (&o, ",\"relations\":");
  kg_out_raw (&o, relations.ptr, relations.len);
  kg_out_lit (&o, "}");
  *ret = (kg_str){ o.ptr, o.len };
  return kg_out_ok (&o) ? 0 : -ENOMEM;
}

static kg_str
key_of (const struct ag_call *c, kg_str handle, char buf[KG_KEY_MAX])
{
  struct kg_out o = { buf, 0, KG_KEY_MAX };
  kg_out_lit (&o, c->who->tenant);
  kg_out_lit (&o, "/");
  kg_out_raw (&o, handle.ptr, handle.len);
  return (kg_str){ buf, kg_out_ok (&o) ? o.len : 0 };
}

static void
put (struct attempt *a, kg_bucket *bucket, kg_str key, kg_str value, uint64_t revision)
{
  struct kg_op *op = &a->ops[a->nops++];
  memset (op, 0, sizeof *op);
  op->kind = KG_OP_PUT;
  op->bucket = bucket;
  op->key = key;
  op->value = value;
  op->revision = revision;
  a->bytes += (int64_t)(key.len + value.len);
}

/* The operations that create the child: it begins with a history of its own. */
static int32_t
child_ops (struct ag_change *ch, struct attempt *a)
{
  struct ag *ag = ch->call->ag;
  struct ag_trace empty = { 0 };
  kg_str none = { NULL, 0 }, node, trace, key = key_of (ch->call, ch->child, a->child_key);
  int64_t version = ch->version;
  int32_t r;
  ch->version = 1;
  r = node_make (ch, none, none, ch->child_state, ag_str ("[]"), &node);
  if (!r)
    r = trace_make (ch, &empty, &trace);
  ch->version = version;
  if (r < 0 || !key.len)
    return r < 0 ? r : -E2BIG;
  put (a, ag->nodes, key, node, KG_REV_NEW);
  put (a, ag->trace, key, trace, KG_REV_ANY);
  a->nodes++;
  return 0;
}

/* Writes or deletes a further node. */
static int32_t
also_op (struct ag_change *ch, const struct ag_also *also, struct attempt *a)
{
  struct ag_call *c = ch->call;
  struct kg_entry old = { .size = sizeof old };
  kg_str none = { NULL, 0 }, value = none, key;
  char *buf = c->ag->host->alloc (c->req, KG_KEY_MAX);
  int32_t there, r;
  if (!buf)
    return -ENOMEM;
  key = key_of (c, also->handle, buf);
  if (!key.len)
    return -E2BIG;
  there = !c->ag->store->get (c->ag->nodes, key, &old);
  if (there)
    a->bytes -= (int64_t)(key.len + old.value.len);
  if (also->state.ptr && (r = node_make (ch, none, none, also->state, ag_str ("[]"), &value)) < 0)
    return r;
  if (!also->state.ptr && !there)
    return 0;
  put (a, c->ag->nodes, key, value, KG_REV_ANY);
  if (also->state.ptr) {
    a->nodes += !there;
    return 0;
  }
  a->ops[a->nops - 1].kind = KG_OP_DELETE;
  a->bytes -= (int64_t)key.len;
  return 0;
}

/* Keeps what the node was, for time.past, and lets the oldest version go. */
static int32_t
version_ops (struct ag_change *ch, const struct ag_node *old, struct attempt *a)
{
  struct ag *ag = ch->call->ag;
  int64_t gone = old->version - ag->conf->versions_max;
  struct kg_entry entry = { .size = sizeof entry };
  kg_str key;
  if (!ch->bump || !old->revision || !ag->conf->versions_max || !ag_is_versioned (handle_of (ch)))
    return 0;
  key = ag_version_key (ch->call, handle_of (ch), old->version, a->kept_key);
  if (!key.len)
    return -E2BIG;
  put (a, ag->versions, key, kg_json_text (old->json, 0), KG_REV_ANY);
  key = ag_version_key (ch->call, handle_of (ch), gone, a->gone_key);
  if (gone < 0 || ag->store->get (ag->versions, key, &entry) < 0)
    return 0;
  put (a, ag->versions, key, (kg_str){ NULL, 0 }, KG_REV_ANY);
  a->ops[a->nops - 1].kind = KG_OP_DELETE;
  a->bytes -= (int64_t)(2 * key.len + entry.value.len);
  return 0;
}

/* The call carries out a deferred invocation: that is done with the change, or neither is. */
static int32_t
deferral_op (struct ag_change *ch, struct attempt *a)
{
  const struct ag_deferral *d = ch->call->deferred;
  if (!d || ch->done)
    return 0;
  memset (&a->ops[a->nops], 0, sizeof a->ops[0]);
  a->guard = a->nops;
  return ag_deferral_op (ch->call, d, &a->ops[a->nops++]);
}

static int32_t
further_ops (struct ag_change *ch, const struct ag_node *old, struct attempt *a)
{
  uint32_t i;
  int32_t r = ch->child.len ? child_ops (ch, a) : 0;
  if (!r && !(r = version_ops (ch, old, a)))
    r = deferral_op (ch, a);
  for (i = 0; i < ch->nalso && !r; i++)
    r = also_op (ch, &ch->also[i], a);
  return r;
}

/* Reads what is there and makes the operations out of it. */
static int32_t
attempt_make (struct ag_change *ch, struct attempt *a)
{
  struct ag_call *c = ch->call;
  struct ag_node old;
  struct ag_trace past;
  kg_str node, trace, key = key_of (c, handle_of (ch), a->key);
  int32_t r = ag_node_get (c, handle_of (ch), &old);
  if (r == -ENOENT)
    r = 0;
  if (r < 0 || (r = ag_trace_get (c, handle_of (ch), &past)) < 0)
    return r;
  ch->state = old.json ? kg_json_text (old.json, old.state) : ag_str ("{}");
  ch->relations = old.json ? kg_json_text (old.json, old.relations) : ag_str ("[]");
  ch->bump = 0;
  r = ch->prepare (ch, &old);
  if (r)
    return r;
  ch->version = old.version + ch->bump;
  a->nops = a->guard = 0;
  a->ops = c->ag->host->alloc (c->req, (OPS + ch->nalso) * sizeof *a->ops);
  if (!a->ops)
    return -ENOMEM;
  a->nodes = old.revision ? 0 : 1;
  a->bytes = -(int64_t)(old.bytes + past.bytes);
  if ((r = node_make (ch, old.created, ch->bump ? (kg_str){ NULL, 0 } : old.since, ch->state,
                      ch->relations, &node)) < 0
      || (r = trace_make (ch, &past, &trace)) < 0)
    return r;
  put (a, c->ag->nodes, key, node, old.revision);
  put (a, c->ag->trace, key, trace, KG_REV_ANY);
  return further_ops (ch, &old, a);
}

static void
written (const struct kg_outcome *outcome, void *arg)
{
  struct waiter *w = arg;
  ag_quota_release (w->ag, w->tenant, w->nodes, w->bytes);
  w->error = outcome->error;
  w->op = outcome->op;
  w->ag->host->resume (w->ticket, resumed, w, free);
}

static int32_t
attempt_write (struct ag_change *ch, const struct attempt *a)
{
  struct ag_call *c = ch->call;
  size_t n = strlen (c->who->tenant) + 1;
  struct waiter *w = malloc (sizeof *w + n);
  int32_t r;
  if (!w)
    return -ENOMEM;
  *w = (struct waiter){ .ag = c->ag, .change = ch, .nodes = a->nodes, .bytes = a->bytes,
                         .guard = a->guard };
  memcpy (w->tenant, c->who->tenant, n);
  w->ticket = c->ag->host->suspend (c->req, NULL, NULL);
  if (!w->ticket) {
    ag_quota_release (c->ag, w->tenant, a->nodes, a->bytes);
    free (w);
    return -ENOMEM;
  }
  r = c->ag->store->write (c->ag->self, a->ops, a->nops, sizeof a->ops[0], written, w);
  if (r < 0) {
    struct kg_outcome refused = { .size = sizeof refused, .error = r };
    written (&refused, w);
  }
  return KG_WAIT;
}

/* Says once that state cannot be written, and once that it can again. */
static void
note_failure (struct ag *ag, int32_t error)
{
  int32_t failing = error != 0;
  if (atomic_exchange_explicit (&ag->failing, failing, memory_order_relaxed) == failing)
    return;
  if (failing)
    ag->health->set (ag->component, KG_HEALTH_DOWN, 0, "state cannot be written: %s",
                     strerror (-error));
  else
    ag->health->set (ag->component, KG_HEALTH_OK, 0, "%s", "");
  ag->host->log (ag->self, failing ? KG_LOG_ERROR : KG_LOG_INFO, "state %s written: %s",
                 failing ? "cannot be" : "is", failing ? strerror (-error) : "it recovered");
}

/* The write failed for good. */
static int32_t
fail (struct ag_change *ch, int32_t error, uint32_t op)
{
  char shown[AG_PATH_MAX + 1];
  if (op == AG_DONE_ALREADY)
    return ag_refuse (ch->call, AG_CONFLICTING, 409, "This deferred invocation is done already");
  if (error == -EEXIST && op >= 2)
    return ag_refuse (ch->call, AG_CONFLICTING, 409, "'%s' is already defined",
                      ag_quote (shown, sizeof shown, ch->child));
  if (error == -ESTALE || error == -EEXIST)
    return ag_refuse (ch->call, AG_CONFLICTING, 503, "Too many changes of this node at once");
  note_failure (ch->call->ag, error);
  return ag_refuse (ch->call, AG_OVER_LIMIT, 503, "State could not be stored: %s",
                    strerror (-error));
}

/* What time.past.restore takes to undo this change: the version that it made. */
static int32_t
undo_make (struct ag_change *ch)
{
  struct ag_call *c = ch->call;
  int64_t version = ch->child.len ? 1 : ch->version;
  kg_str handle = ch->child.len ? ch->child : handle_of (ch);
  struct kg_out o;
  if (!(c->path.flags & 1u << AG_ROLLBACK) || (!ch->bump && !ch->child.len))
    return 0;
  if (ag_out_new (c, handle.len + 24, &o) < 0)
    return -ENOMEM;
  kg_out_raw (&o, handle.ptr, handle.len);
  kg_out_lit (&o, "@");
  kg_out_int (&o, version);
  c->undo = (kg_str){ o.ptr, o.len };
  return 0;
}

static int32_t
resumed (kg_req *req, void *arg)
{
  struct waiter *w = arg;
  struct ag_change *ch = w->change;
  int32_t error = w->error;
  uint32_t op = w->op;
  (void)req;
  if (error == -ESTALE && w->guard && op == w->guard)
    op = AG_DONE_ALREADY;
  free (w);
  if ((error == -ESTALE || error == -EEXIST) && op < 2 && ++ch->tries < TRIES_MAX) {
    ch->call->ag->metrics->add (ch->call->ag->retries, 0, 1);
    return ag_change_run (ch);
  }
  if (error < 0)
    return fail (ch, error, op);
  note_failure (ch->call->ag, 0);
  if (!ch->done && (error = undo_make (ch)) < 0)
    return error;
  return ch->done ? ch->done (ch) : ag_answer (ch->call, ch->result, ch);
}

struct ag_change *
ag_change_new (struct ag_call *c)
{
  struct ag_change *ch = c->ag->host->alloc (c->req, sizeof *ch);
  if (ch) {
    memset (ch, 0, sizeof *ch);
    ch->call = c;
  }
  return ch;
}

int32_t
ag_change_run (struct ag_change *ch)
{
  const struct ag_conf *conf = ch->call->ag->conf;
  struct attempt a;
  int32_t r = attempt_make (ch, &a);
  if (r)
    return r;
  r = ag_quota_reserve (ch->call->ag, ch->call->who->tenant, a.nodes, a.bytes);
  if (r == 1)
    return ag_over_limit (ch->call, "agentese.nodes", conf->nodes_max, "nodes of this tenant");
  if (r == 2)
    return ag_over_limit (ch->call, "agentese.bytes", conf->bytes_max, "bytes of this tenant");
  return r < 0 ? r : attempt_write (ch, &a);
}
