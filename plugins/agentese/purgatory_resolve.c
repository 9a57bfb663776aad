/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Deciding about an action that waits.  One with a target is carried out as a call of who
 * resolves it: their scopes, their archetype, their budget.  Whether they may and can pay is
 * found out before the item is touched; it is then marked as continuing on disk, so that it
 * runs once whoever else resolves it, and marked again with what came of it. */
#include "plugins/agentese/purgatory.h"

#include <errno.h>
#include <string.h>

struct resolution {
  struct ag_call *call;  /* of resolve */
  struct ag_call action; /* of the target */
  kg_str target, id, result, detail;
  int32_t status; /* of the refusal; 0: it ran */
  int32_t next;   /* enum ag_item_status that the item gets */
};

/* ---- What is marked ---------------------------------------------------------------------- */

static int32_t
act_decide (struct ag_call *c, struct ag_verdict *v)
{
  const struct resolution *res = v->extra;
  int32_t r = ag_verdict_find (c, v);
  if (r)
    return r;
  v->item->status = res->next;
  v->item->ended = v->items.now;
  v->item->by = ag_str (c->who->subject ? c->who->subject : "");
  v->item->note = ag_arg_text (c, "note");
  v->item->answer_json = ag_arg_plain (c, "answer");
  return ag_arg_lost (c, "note", v->item->note) || ag_arg_lost (c, "answer", v->item->answer_json)
             ? -ENOMEM
             : 0;
}

/* What is kept of a result: all of it, or how long it was. */
static kg_str
outcome_make (struct ag_call *c, const struct resolution *res)
{
  struct kg_out o;
  if (!res->status && res->result.len <= AG_OUTCOME_MAX)
    return res->result;
  if (ag_out_new (c, 6 * res->detail.len + 64, &o) < 0)
    return (kg_str){ NULL, 0 };
  if (!res->status) {
    kg_out_lit (&o, "{\"bytes\":");
    kg_out_int (&o, (int64_t)res->result.len);
    kg_out_lit (&o, "}");
    return (kg_str){ o.ptr, o.len };
  }
  kg_out_lit (&o, "{\"status\":");
  kg_out_int (&o, res->status);
  kg_out_lit (&o, ",\"detail\":");
  kg_out_str (&o, res->detail);
  kg_out_lit (&o, "}");
  return (kg_str){ o.ptr, o.len };
}

static int32_t
act_end (struct ag_call *c, struct ag_verdict *v)
{
  const struct resolution *res = v->extra;
  v->item = ag_item_find (&v->items, v->id);
  if (!v->item) /* others made room while it ran */
    return 0;
  v->item->status = res->status ? AG_FAILED : AG_RESOLVED;
  v->item->ended = v->items.now;
  v->item->outcome_json = outcome_make (c, res);
  return v->item->outcome_json.ptr ? 0 : -ENOMEM;
}

/* ---- After the action --------------------------------------------------------------------- */

static void
resolved_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct resolution *res = ((struct ag_verdict *)((struct ag_change *)arg)->extra)->extra;
  (void)c;
  kg_out_lit (out, "{\"id\":");
  kg_out_str (out, res->id);
  kg_out_lit (out, ",\"status\":\"resolved\",\"decision\":\"approve\",\"target\":");
  kg_out_str (out, res->target);
  kg_out_lit (out, ",\"result\":");
  kg_out_raw (out, res->result.ptr, res->result.len);
  kg_out_lit (out, "}");
}

/* The item says how it ended; now the caller is told. */
static int32_t
ended (struct ag_change *ch)
{
  struct resolution *res = ((struct ag_verdict *)ch->extra)->extra;
  struct ag_call *c = res->call;
  if (!res->status)
    return ag_answer (c, resolved_write, ch);
  if (c->failed)
    return c->failed (c, res->status, res->detail.ptr);
  return c->ag->host->problem (c->req, res->status, NULL, "%s", res->detail.ptr);
}

static int32_t
end_mark (struct resolution *res)
{
  struct ag_verdict *v = ag_verdict_new (res->call, act_end);
  if (!v)
    return -ENOMEM;
  v->extra = res;
  return ag_verdict_run (res->call, v, NULL, ended);
}

static int32_t
action_ran (struct ag_call *action, kg_str result)
{
  struct resolution *res = action->outer;
  int32_t r = ag_price_settle (action, result.len);
  if (r < 0)
    return r;
  res->result = result;
  return end_mark (res);
}

static int32_t
action_failed (struct ag_call *action, int32_t status, const char *detail)
{
  struct resolution *res = action->outer;
  size_t n = strlen (detail);
  char *copy = action->ag->host->alloc (action->req, n + 1);
  if (!copy)
    return -ENOMEM;
  memcpy (copy, detail, n + 1);
  res->status = status;
  res->detail = (kg_str){ copy, n };
  return end_mark (res);
}

/* It is marked; whoever else resolves it is refused from now on. */
static int32_t
proceed (struct ag_change *ch)
{
  struct resolution *res = ((struct ag_verdict *)ch->extra)->extra;
  res->action.then = action_ran;
  res->action.failed = action_failed;
  res->action.outer = res;
  return ag_call_run (&res->action, res->target);
}

/* ---- Before the action --------------------------------------------------------------------- */

/* The kwargs of the target, in a text of their own. */
static int32_t
arguments_parse (struct ag_call *c, kg_str arguments, struct ag_call *action)
{
  struct kg_out o;
  if (ag_out_new (c, arguments.len + 16, &o) < 0)
    return -ENOMEM;
  kg_out_lit (&o, "{\"kwargs\":");
  kg_out_raw (&o, arguments.ptr ? arguments.ptr : "{}", arguments.ptr ? arguments.len : 2);
  kg_out_lit (&o, "}");
  action->json = c->ag->host->parse (c->req, (kg_str){ o.ptr, o.len });
  action->kwargs = action->json ? kg_json_find (action->json, 0, "kwargs") : 0;
  return action->kwargs ? 0 : -EBADMSG;
}

/* Whether the caller may invoke the target and can pay for it.  0, or KG_DONE. */
static int32_t
action_check (struct ag_call *action, kg_str target)
{
  char needed[AG_PATH_MAX + 8];
  int32_t r = ag_find (action, target);
  if (r)
    return r;
  if (!ag_may_invoke (action->who, action->path.base, ag_has_effect (action), needed))
    return ag_no_scope (action, needed);
  ag_price_find (action);
  if ((r = ag_quote_within (action)))
    return r;
  return ag_price_reserve (action);
}

static int32_t
action_make (struct ag_call *c, struct resolution *res, const struct ag_item *it)
{
  struct ag_call *a = &res->action;
  int32_t r;
  *a = (struct ag_call){ .ag = c->ag,
                         .req = c->req,
                         .who = c->who,
                         .archetype = c->archetype,
                         .archetype_name = c->archetype_name,
                         .observer = c->observer,
                         .can_define = c->can_define,
                         .failed = c->failed,
                         .outer = c->outer };
  res->target = it->target;
  res->next = AG_CONTINUING;
  r = arguments_parse (c, it->arguments_json, a);
  return r < 0 ? r : action_check (a, it->target);
}

int32_t
ag_purgatory_resolve (struct ag_call *c)
{
  struct ag_verdict *v = ag_verdict_new (c, act_decide);
  struct resolution *res = c->ag->host->alloc (c->req, sizeof *res);
  uint32_t decision = ag_kwarg (c, "decision");
  int32_t r;
  if (!v || !res || !v->id.ptr)
    return -ENOMEM;
  memset (res, 0, sizeof *res);
  res->call = c;
  res->id = v->id;
  v->extra = res;
  if ((r = ag_items_read (c, &v->items)) < 0 || (r = ag_verdict_find (c, v)))
    return r;
  res->next = decision && kg_json_is (c->json, decision, "reject") ? AG_REJECTED : AG_RESOLVED;
  if (res->next == AG_RESOLVED && v->item->target.ptr) {
    if ((r = action_make (c, res, v->item)))
      return r;
    return ag_verdict_run (c, v, NULL, proceed);
  }
  return ag_verdict_run (c, v, ag_verdict_write, NULL);
}
