/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A change of state on its way to disk: prepared on the worker in the turn of its node,
 * written by the store's committer while the request waits, answered on the worker again. */
#include "plugins/agentese/change.h"

#include <errno.h>
#include <string.h>

#define TRIES_MAX 1000 /* lost races before the caller is told to come back */

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

int32_t
ag_change_exists (struct ag_change *ch)
{
  char shown[AG_PATH_MAX + 1];
  return ag_refuse (ch->call, AG_CONFLICTING, 409, "'%s' is already defined",
                    ag_quote (shown, sizeof shown, ch->child));
}

/* The write failed for good. */
static int32_t
fail (struct ag_change *ch, int32_t error, uint32_t op)
{
  if (error == -ESTALE && op == ch->guard && op != AG_OP_NODE)
    return ag_refuse (ch->call, AG_CONFLICTING, 409, "This deferred invocation is done already");
  if (error == -EEXIST && op != AG_OP_NODE)
    return ag_change_exists (ch);
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
  kg_str handle = ch->child.len ? ch->child : ag_change_handle (ch);
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
written (struct ag_change *ch, int32_t error, uint32_t op)
{
  if ((error == -ESTALE || error == -EEXIST) && op == AG_OP_NODE && ++ch->tries < TRIES_MAX) {
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

/* Prepares it, and reserves of the tenant's limits what it takes. */
static int32_t
make (struct ag_change *ch, struct ag_making *m)
{
  struct ag_call *c = ch->call;
  const struct ag_conf *conf = c->ag->conf;
  int32_t r;
  c->turn = &ch->turn;
  r = ag_change_make (ch, m);
  c->turn = NULL;
  if (r)
    return r;
  r = ag_quota_reserve (c->ag, c->who->tenant, m->is.nodes, m->is.bytes);
  if (r == 1)
    return ag_over_limit (c, "agentese.nodes", conf->nodes_max, "nodes of this tenant");
  if (r == 2)
    return ag_over_limit (c, "agentese.bytes", conf->bytes_max, "bytes of this tenant");
  return r;
}

/* The change has its turn. */
static int32_t
ready (struct ag_change *ch)
{
  struct ag_making m;
  int32_t r = make (ch, &m);
  if (r) {
    ag_lane_leave (ch);
    return r;
  }
  ch->guard = m.guard;
  return ag_lane_put (ch, &m.is, written);
}

int32_t
ag_change_run (struct ag_change *ch)
{
  char buf[KG_KEY_MAX];
  kg_str key = ag_change_key (ch, buf);
  int32_t r = key.len ? ag_lane_enter (ch, key, ready) : -E2BIG;
  return r == 1 ? ready (ch) : r;
}
