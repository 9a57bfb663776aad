/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* self.state: an object that the tenant's agents share, with checkpoints.
 *
 * State: {"current":{},"checkpoints":{LABEL:{"at","state":{}}}}. */
#include "plugins/agentese/self.h"

#include <errno.h>
#include <string.h>

#define CHECKPOINTS_MAX 16

struct saved {
  kg_str label, state; /* of the answer; state as JSON text */
  uint32_t count;
};

/* ---- inspect ---------------------------------------------------------------------- */

static void
labels_write (const struct ag_node *node, struct kg_out *out)
{
  const struct kg_json *j = node->json;
  uint32_t all = j ? kg_json_find (j, node->state, "checkpoints") : 0, i, n = 0;
  kg_out_lit (out, "[");
  for (i = all ? kg_json_first (j, all) : 0; i; i = kg_json_next (j, all, i + 1)) {
    kg_str label = kg_json_text (j, i);
    kg_out_lit (out, n++ ? ",{\"label\":" : "{\"label\":");
    kg_out_raw (out, label.ptr, label.len);
    kg_out_lit (out, ",\"at\":");
    ag_out_time (out, kg_json_int (j, kg_json_find (j, i + 1, "at"), 0));
    kg_out_lit (out, "}");
  }
  kg_out_lit (out, "]");
}

static void
inspect_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct ag_node *node = arg;
  uint32_t i = node->json ? kg_json_find (node->json, node->state, "current") : 0;
  kg_str text = i ? kg_json_text (node->json, i) : ag_str ("{}");
  (void)c;
  kg_out_lit (out, "{\"state\":");
  kg_out_raw (out, text.ptr, text.len);
  kg_out_lit (out, ",\"checkpoints\":");
  labels_write (node, out);
  kg_out_lit (out, ",\"version\":");
  kg_out_int (out, node->version);
  kg_out_lit (out, "}");
}

static int32_t
inspect (struct ag_call *c)
{
  struct ag_node node;
  int32_t r = ag_node_get (c, c->path.handle, &node);
  return r < 0 && r != -ENOENT ? r : ag_answer (c, inspect_write, &node);
}

/* ---- checkpoint, restore ------------------------------------------------------------- */

static void
point_write (struct kg_out *o, const struct ag_call *c, const struct saved *s)
{
  kg_out_lit (o, o->len > 1 ? "," : "");
  kg_out_str (o, s->label);
  kg_out_lit (o, ":{\"at\":");
  kg_out_int (o, ag_now (c));
  kg_out_lit (o, ",\"state\":");
  kg_out_raw (o, s->state.ptr, s->state.len);
  kg_out_lit (o, "}");
}

/* The checkpoints with this one. */
static int32_t
points_with (struct ag_call *c, const struct ag_node *old, struct saved *s, kg_str *ret)
{
  const struct kg_json *j = old->json;
  uint32_t all = j ? kg_json_find (j, old->state, "checkpoints") : 0, i;
  struct kg_out o;
  if (ag_out_new (c, old->bytes + s->state.len + 6 * s->label.len + 96, &o) < 0)
    return -ENOMEM;
  s->count = 1;
  kg_out_lit (&o, "{");
  for (i = all ? kg_json_first (j, all) : 0; i; i = kg_json_next (j, all, i + 1)) {
    if (kg_json_is (j, i, s->label.ptr))
      continue;
    kg_out_lit (&o, o.len > 1 ? "," : "");
    kg_out_raw (&o, kg_json_text (j, i).ptr, kg_json_text (j, i).len);
    kg_out_lit (&o, ":");
    kg_out_raw (&o, kg_json_text (j, i + 1).ptr, kg_json_text (j, i + 1).len);
    s->count++;
  }
  point_write (&o, c, s);
  kg_out_lit (&o, "}");
  *ret = (kg_str){ o.ptr, o.len };
  return s->count <= CHECKPOINTS_MAX
             ? 0
             : ag_over_limit (c, "agentese.checkpoints", CHECKPOINTS_MAX,
                              "checkpoints of this tenant's state");
}

static int32_t
checkpoint_prepare (struct ag_change *ch, const struct ag_node *old)
{
  struct ag_call *c = ch->call;
  struct saved *s = ch->extra;
  struct ag_member m[2] = { { "current", { NULL, 0 } }, { "checkpoints", { NULL, 0 } } };
  uint32_t i = old->json ? kg_json_find (old->json, old->state, "current") : 0;
  int32_t r;
  if (ag_kwarg (c, "state"))
    s->state = ag_arg_plain (c, "state");
  else
    s->state = i ? kg_json_text (old->json, i) : ag_str ("{}");
  if (!s->state.ptr)
    return -ENOMEM;
  m[0].value = s->state;
  if ((r = points_with (c, old, s, &m[1].value)))
    return r;
  ch->bump = 1;
  return ag_state_with (c, old, m, 2, &ch->state);
}

static void
checkpoint_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct ag_change *ch = arg;
  const struct saved *s = ch->extra;
  kg_out_lit (out, "{\"label\":");
  kg_out_str (out, s->label);
  kg_out_lit (out, ",\"at\":");
  ag_out_time (out, ag_now (c));
  kg_out_lit (out, ",\"checkpoints\":");
  kg_out_int (out, s->count);
  kg_out_lit (out, ",\"version\":");
  kg_out_int (out, ch->version);
  kg_out_lit (out, "}");
}

static int32_t
unknown (struct ag_call *c, const struct ag_node *old, const struct saved *s)
{
  const char *labels[CHECKPOINTS_MAX + 1];
  const struct kg_json *j = old->json;
  uint32_t all = j ? kg_json_find (j, old->state, "checkpoints") : 0, i, n = 0;
  struct ag_advice advice
      = { "Only what was checkpointed can be restored.", "self.state.checkpoint", labels };
  char shown[96];
  for (i = all ? kg_json_first (j, all) : 0; i && n < CHECKPOINTS_MAX;
       i = kg_json_next (j, all, i + 1))
    if ((labels[n] = kg_json_str (c->ag->host, c->req, j, i).ptr))
      n++;
  labels[n] = NULL;
  return ag_refuse_why (c, AG_NOT_FOUND, 404, &advice, "There is no checkpoint '%s'",
                        ag_quote (shown, sizeof shown, s->label));
}

static int32_t
restore_prepare (struct ag_change *ch, const struct ag_node *old)
{
  struct saved *s = ch->extra;
  struct ag_member m = { "current", { NULL, 0 } };
  uint32_t point = 0;
  if (old->json)
    point = kg_json_find (old->json, kg_json_find (old->json, old->state, "checkpoints"),
                          s->label.ptr);
  point = point ? kg_json_find (old->json, point, "state") : 0;
  if (!point)
    return unknown (ch->call, old, s);
  m.value = s->state = kg_json_text (old->json, point);
  ch->bump = 1;
  return ag_state_with (ch->call, old, &m, 1, &ch->state);
}

static void
restore_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct ag_change *ch = arg;
  const struct saved *s = ch->extra;
  (void)c;
  kg_out_lit (out, "{\"label\":");
  kg_out_str (out, s->label);
  kg_out_lit (out, ",\"restored\":true,\"state\":");
  kg_out_raw (out, s->state.ptr, s->state.len);
  kg_out_lit (out, ",\"version\":");
  kg_out_int (out, ch->version);
  kg_out_lit (out, "}");
}

static int32_t
change (struct ag_call *c, int32_t (*prepare) (struct ag_change *, const struct ag_node *),
        ag_result *result)
{
  struct ag_change *ch = ag_change_new (c);
  struct saved *s = c->ag->host->alloc (c->req, sizeof *s);
  if (!ch || !s)
    return -ENOMEM;
  memset (s, 0, sizeof *s);
  s->label = ag_arg_text (c, "label");
  if (!s->label.ptr)
    return -ENOMEM;
  ch->extra = s;
  ch->prepare = prepare;
  ch->result = result;
  return ag_change_run (ch);
}

static int32_t
checkpoint (struct ag_call *c)
{
  return change (c, checkpoint_prepare, checkpoint_write);
}

static int32_t
restore (struct ag_call *c)
{
  return change (c, restore_prepare, restore_write);
}

#define LABEL                                                                                   \
  "\"label\":{\"type\":\"string\",\"pattern\":\"^[A-Za-z0-9_][A-Za-z0-9_-]*$\",\"maxLength\":64}"

const struct ag_aspect ag_state_aspects[] = {
  { .name = "manifest",
    .category = AG_PERCEPTION,
    .run = inspect,
    .summary = "The state and its checkpoints." },
  { .name = "checkpoint",
    .category = AG_MUTATION,
    .run = checkpoint,
    .summary = "Keep the state, or a new one, under a label.",
    .input = "{\"type\":\"object\",\"required\":[\"label\"],\"properties\":{" LABEL
             ",\"state\":{\"type\":\"object\"}}}" },
  { .name = "restore",
    .category = AG_MUTATION,
    .run = restore,
    .summary = "Make the state what it was at a checkpoint.",
    .input = "{\"type\":\"object\",\"required\":[\"label\"],\"properties\":{" LABEL "}}" },
  { .name = "inspect",
    .category = AG_PERCEPTION,
    .run = inspect,
    .summary = "The state and its checkpoints." },
  { .name = NULL },
};
