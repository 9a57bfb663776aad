/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Checkpoints of the memory: all of it under a label, and back. */
#include "plugins/agentese/memory.h"

#include <errno.h>
#include <string.h>

#define ROW_SIZE 240 /* of a row without its data: key of 64 bytes, six numbers */

static kg_str
label_arg (struct ag_call *c)
{
  return ag_arg_text (c, "label");
}

/* ---- checkpoint --------------------------------------------------------------------- */

/* All that is kept, as the value of the checkpoint's node. */
static int32_t
point_text (struct ag_call *c, struct ag_deed *d, kg_str *ret)
{
  struct kg_out o;
  kg_str data;
  uint32_t i;
  int32_t r;
  if (ag_out_new (c, (size_t)ag_memory_bytes (&d->m) + d->m.n * (size_t)ROW_SIZE + 32, &o) < 0)
    return -ENOMEM;
  kg_out_lit (&o, "{\"engrams\":[");
  for (i = 0; i < d->m.n; i++) {
    r = ag_kept_peek (c, &d->m.all[i], &data);
    if (r == -ENOENT)
      continue;
    if (r < 0)
      return r;
    kg_out_lit (&o, d->count++ ? ",[" : "[");
    ag_engram_columns (&d->m.all[i], &o);
    kg_out_lit (&o, ",");
    kg_out_raw (&o, data.ptr, data.len);
    kg_out_lit (&o, "]");
  }
  kg_out_lit (&o, "]}");
  *ret = (kg_str){ o.ptr, o.len };
  return kg_out_ok (&o) ? 0 : -ENOMEM;
}

static int32_t
act_checkpoint (struct ag_call *c, struct ag_deed *d)
{
  kg_str label = label_arg (c), text;
  struct ag_checkpoint *p;
  int32_t r;
  if (!label.ptr)
    return -ENOMEM;
  p = ag_checkpoint_find (&d->m, label);
  if (!p && d->m.checkpoints == AG_CHECKPOINTS_MAX)
    return ag_over_limit (c, "agentese.checkpoints", AG_CHECKPOINTS_MAX,
                          "checkpoints of this tenant's memory");
  if ((r = point_text (c, d, &text)) < 0)
    return r;
  if (!p)
    p = &d->m.checkpoint[d->m.checkpoints++];
  *p = (struct ag_checkpoint){ label, d->now, d->count, ag_memory_bytes (&d->m) };
  return ag_deed_also (c, d, ag_checkpoint_handle (c, label), text);
}

static void
checkpoint_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct ag_deed *d = ag_deed_of (arg);
  kg_out_lit (out, "{\"label\":");
  ag_out_text (out, label_arg (c));
  kg_out_lit (out, ",\"engrams\":");
  kg_out_int (out, d->count);
  kg_out_lit (out, ",\"bytes\":");
  kg_out_int (out, ag_memory_bytes (&d->m));
  kg_out_lit (out, ",\"at\":");
  ag_out_time (out, d->now);
  kg_out_lit (out, "}");
}

int32_t
ag_memory_checkpoint (struct ag_call *c)
{
  return ag_deed_run (c, act_checkpoint, checkpoint_write);
}

/* ---- resume --------------------------------------------------------------------------- */

static int32_t
no_checkpoint (struct ag_call *c, const struct ag_deed *d, kg_str label)
{
  const char *labels[AG_CHECKPOINTS_MAX + 1];
  struct ag_advice advice = { "Only what was checkpointed can be resumed.",
                              "self.memory.checkpoint", labels };
  char shown[96];
  uint32_t i;
  for (i = 0; i < d->m.checkpoints; i++)
    labels[i] = d->m.checkpoint[i].label.ptr;
  labels[i] = NULL;
  return ag_refuse_why (c, AG_NOT_FOUND, 404, &advice, "There is no checkpoint '%s'",
                        ag_quote (shown, sizeof shown, label));
}

/* Makes room for what comes out of a checkpoint. */
static int32_t
room_make (struct ag_call *c, struct ag_deed *d, const struct kg_json *j, uint32_t list,
           struct ag_engram **ret)
{
  uint32_t i, n = 0;
  for (i = kg_json_first (j, list); i; i = kg_json_next (j, list, i))
    n++;
  d->room = n + d->m.n + 2;
  d->also = c->ag->host->alloc (c->req, d->room * sizeof *d->also);
  *ret = c->ag->host->alloc (c->req, (n + 1) * sizeof **ret);
  return d->also && *ret ? 0 : -ENOMEM;
}

/* Puts one row back. */
static int32_t
row_resume (struct ag_call *c, struct ag_deed *d, const struct kg_json *j, uint32_t row,
            struct ag_engram *e)
{
  struct ag_kept kept;
  uint32_t i, last = 0;
  kg_str text;
  int32_t r = ag_engram_read (c, j, row, e);
  for (i = kg_json_first (j, row); i; i = kg_json_next (j, row, i))
    last = i;
  if (r < 0 || !last)
    return r < 0 ? r : -EBADMSG;
  kept = (struct ag_kept){ kg_json_text (j, last), e->at, e->expires };
  text = ag_kept_text (c, &kept);
  return text.ptr ? ag_deed_also (c, d, ag_kept_handle (c, e->key), text) : -ENOMEM;
}

/* The index as it was; what was kept since goes. */
static int32_t
resume (struct ag_call *c, struct ag_deed *d, const struct kg_json *j, uint32_t list)
{
  struct ag_memory old = d->m;
  struct ag_engram *all;
  uint32_t i, n = 0;
  int32_t r = room_make (c, d, j, list, &all);
  for (i = kg_json_first (j, list); i && !r; i = kg_json_next (j, list, i))
    r = row_resume (c, d, j, i, &all[n++]);
  d->m.all = all;
  d->m.n = n;
  for (i = 0; i < old.n && !r; i++)
    if (!ag_engram_find (&d->m, old.all[i].key)) {
      r = ag_deed_also (c, d, ag_kept_handle (c, old.all[i].key), (kg_str){ NULL, 0 });
      d->count++;
    }
  return r;
}

static int32_t
act_resume (struct ag_call *c, struct ag_deed *d)
{
  kg_str label = label_arg (c), handle = { NULL, 0 };
  struct ag_node node;
  uint32_t list;
  int32_t r;
  if (label.ptr)
    handle = ag_checkpoint_handle (c, label);
  if (!handle.ptr)
    return -ENOMEM;
  if (!ag_checkpoint_find (&d->m, label))
    return no_checkpoint (c, d, label);
  if ((r = ag_node_get (c, handle, &node)) < 0)
    return r;
  list = kg_json_find (node.json, node.state, "engrams");
  return kg_json_kind (node.json, list) == KG_JSON_ARRAY ? resume (c, d, node.json, list)
                                                         : -EBADMSG;
}

static void
resume_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct ag_deed *d = ag_deed_of (arg);
  kg_out_lit (out, "{\"label\":");
  ag_out_text (out, label_arg (c));
  kg_out_lit (out, ",\"engrams\":");
  kg_out_int (out, d->m.n);
  kg_out_lit (out, ",\"dropped\":");
  kg_out_int (out, d->count);
  kg_out_lit (out, "}");
}

int32_t
ag_memory_resume (struct ag_call *c)
{
  return ag_deed_run (c, act_resume, resume_write);
}
