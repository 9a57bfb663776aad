/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What a change of state writes: the node, its history, and what goes along with it. */
#include "plugins/agentese/change.h"
#include "plugins/agentese/schedule.h"

#include <errno.h>
#include <string.h>

#define OPS 7 /* of the node and its child, each with its history; versions; a deferral */

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
put (struct ag_making *m, kg_bucket *bucket, kg_str key, kg_str value, uint64_t revision)
{
  struct kg_op *op = &m->is.ops[m->is.nops++];
  memset (op, 0, sizeof *op);
  op->kind = KG_OP_PUT;
  op->bucket = bucket;
  op->key = key;
  op->value = value;
  op->revision = revision;
  m->is.bytes += (int64_t)(key.len + value.len);
}

/* Makes a deletion of the last operation. */
static void
delete (struct ag_making *m)
{
  struct kg_op *op = &m->is.ops[m->is.nops - 1];
  m->is.bytes -= (int64_t)(op->key.len + op->value.len);
  op->kind = KG_OP_DELETE;
  op->value = (kg_str){ NULL, 0 };
}

/* The operations that create the child: it begins with a history of its own. */
static int32_t
child_ops (struct ag_change *ch, struct ag_making *m)
{
  struct ag *ag = ch->call->ag;
  struct ag_trace empty = { 0 };
  kg_str none = { NULL, 0 }, node, trace, key = key_of (ch->call, ch->child, m->child_key);
  struct kg_entry there = { .size = sizeof there };
  int64_t version = ch->version;
  int32_t r;
  if (key.len && !ag_stored_get (ch->call, ag->nodes, key, &there))
    return ag_change_exists (ch);
  ch->version = 1;
  r = node_make (ch, none, none, ch->child_state, ag_str ("[]"), &node);
  if (!r)
    r = trace_make (ch, &empty, &trace);
  ch->version = version;
  if (r < 0 || !key.len)
    return r < 0 ? r : -E2BIG;
  put (m, ag->nodes, key, node, KG_REV_NEW);
  put (m, ag->trace, key, trace, KG_REV_ANY);
  m->is.nodes++;
  return 0;
}

/* Writes or deletes a further node. */
static int32_t
also_op (struct ag_change *ch, const struct ag_also *also, struct ag_making *m)
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
  there = !ag_stored_get (c, c->ag->nodes, key, &old);
  if (there)
    m->is.bytes -= (int64_t)(key.len + old.value.len);
  if (also->state.ptr && (r = node_make (ch, none, none, also->state, ag_str ("[]"), &value)) < 0)
    return r;
  if (!also->state.ptr && !there)
    return 0;
  put (m, c->ag->nodes, key, value, KG_REV_ANY);
  if (also->state.ptr) {
    m->is.nodes += !there;
    return 0;
  }
  delete (m);
  return 0;
}

/* Keeps what the node was, for time.past, and lets the oldest version go. */
static int32_t
version_ops (struct ag_change *ch, const struct ag_node *old, struct ag_making *m)
{
  struct ag *ag = ch->call->ag;
  int64_t gone = old->version - ag->conf->versions_max;
  struct kg_entry entry = { .size = sizeof entry };
  kg_str key;
  if (!ch->bump || !old->revision || !ag->conf->versions_max
      || !ag_is_versioned (ag_change_handle (ch)))
    return 0;
  key = ag_version_key (ch->call, ag_change_handle (ch), old->version, m->kept_key);
  if (!key.len)
    return -E2BIG;
  put (m, ag->versions, key, kg_json_text (old->json, 0), KG_REV_ANY);
  key = ag_version_key (ch->call, ag_change_handle (ch), gone, m->gone_key);
  if (gone < 0 || ag_stored_get (ch->call, ag->versions, key, &entry) < 0)
    return 0;
  put (m, ag->versions, key, entry.value, KG_REV_ANY);
  delete (m);
  m->is.bytes -= (int64_t)(key.len + entry.value.len);
  return 0;
}

/* The call carries out a deferred invocation: that is done with the change, or neither is. */
static int32_t
deferral_op (struct ag_change *ch, struct ag_making *m)
{
  const struct ag_deferral *d = ch->call->deferred;
  if (!d || ch->done)
    return 0;
  memset (&m->is.ops[m->is.nops], 0, sizeof m->is.ops[0]);
  m->guard = m->is.nops;
  return ag_deferral_op (ch->call, d, &m->is.ops[m->is.nops++]);
}

static int32_t
further_ops (struct ag_change *ch, const struct ag_node *old, struct ag_making *m)
{
  uint32_t i;
  int32_t r = ch->child.len ? child_ops (ch, m) : 0;
  if (!r && !(r = version_ops (ch, old, m)))
    r = deferral_op (ch, m);
  for (i = 0; i < ch->nalso && !r; i++)
    r = also_op (ch, &ch->also[i], m);
  return r;
}

kg_str
ag_change_handle (const struct ag_change *ch)
{
  return ch->handle.len ? ch->handle : ch->call->path.handle;
}

kg_str
ag_change_key (const struct ag_change *ch, char buf[KG_KEY_MAX])
{
  return key_of (ch->call, ag_change_handle (ch), buf);
}

int32_t
ag_change_make (struct ag_change *ch, struct ag_making *m)
{
  struct ag_call *c = ch->call;
  struct ag_node old;
  struct ag_trace past;
  kg_str node, trace, key = ag_change_key (ch, m->key);
  int32_t r = ag_node_get (c, ag_change_handle (ch), &old);
  if (r == -ENOENT)
    r = 0;
  if (r < 0 || (r = ag_trace_get (c, ag_change_handle (ch), &past)) < 0)
    return r;
  ch->state = old.json ? kg_json_text (old.json, old.state) : ag_str ("{}");
  ch->relations = old.json ? kg_json_text (old.json, old.relations) : ag_str ("[]");
  ch->bump = ch->gone = 0;
  r = ch->prepare (ch, &old);
  if (r)
    return r;
  ch->version = old.version + ch->bump;
  m->is.nops = 0;
  m->guard = AG_OP_NODE;
  m->is.revision = old.revision;
  m->is.ops = c->ag->host->alloc (c->req, (OPS + ch->nalso) * sizeof *m->is.ops);
  if (!m->is.ops)
    return -ENOMEM;
  m->is.nodes = old.revision ? 0 : 1;
  m->is.bytes = -(int64_t)(old.bytes + past.bytes);
  if ((r = node_make (ch, old.created, ch->bump ? (kg_str){ NULL, 0 } : old.since, ch->state,
                      ch->relations, &node)) < 0
      || (r = trace_make (ch, &past, &trace)) < 0)
    return r;
  if ((r = further_ops (ch, &old, m)))
    return r;
  put (m, c->ag->trace, key, trace, KG_REV_ANY);
  put (m, c->ag->nodes, key, node, old.revision);
  if (ch->gone)
    delete (m);
  return 0;
}
