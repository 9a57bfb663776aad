/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* time.schedule: defer and cancel.
 *
 * What is deferred is checked as if it were invoked now: a path that is none, is not
 * offered, or is beyond the key's scopes is refused at once.  Whether the key may still do
 * it is asked again when it is carried out. */
#include "plugins/agentese/schedule_run.h"
#include "plugins/agentese/when.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define SECOND ((int64_t)1000000000)

/* ---- A write, while the request waits ---------------------------------------------- */

struct write_wait {
  struct ag *ag;
  kg_ticket *ticket;
  struct ag_call *call; /* alive only in `then` */
  int32_t (*then) (struct ag_call *c, int32_t error, uint32_t op, void *arg);
  void *arg;
  int32_t error;
  uint32_t op;
};

static int32_t
write_then (kg_req *req, void *arg)
{
  struct write_wait w = *(struct write_wait *)arg;
  (void)req;
  free (arg);
  return w.then (w.call, w.error, w.op, w.arg);
}

static void
write_done (const struct kg_outcome *outcome, void *arg)
{
  struct write_wait *w = arg;
  w->error = outcome->error;
  w->op = outcome->op;
  w->ag->host->resume (w->ticket, write_then, w, free);
}

static int32_t
write_run (struct ag_call *c, const struct kg_op *ops, uint32_t nops,
           int32_t (*then) (struct ag_call *c, int32_t error, uint32_t op, void *arg), void *arg)
{
  struct write_wait *w = malloc (sizeof *w);
  int32_t r;
  if (!w)
    return -ENOMEM;
  *w = (struct write_wait){ .ag = c->ag, .call = c, .then = then, .arg = arg };
  w->ticket = c->ag->host->suspend (c->req, NULL, NULL);
  if (!w->ticket) {
    free (w);
    return -ENOMEM;
  }
  r = c->ag->store->write (c->ag->self, ops, nops, sizeof *ops, write_done, w);
  if (r < 0) {
    struct kg_outcome refused = { .size = sizeof refused, .error = r };
    write_done (&refused, w);
  }
  return KG_WAIT;
}

/* A write that failed for good. */
static int32_t
unwritten (struct ag_call *c, int32_t error)
{
  if (error == -ESTALE && c->deferred)
    return ag_refuse (c, AG_CONFLICTING, 409, "This deferred invocation is done already");
  return ag_refuse (c, AG_OVER_LIMIT, 503, "State could not be stored: %s", strerror (-error));
}

static int32_t
key_make (struct ag_call *c, kg_str id, kg_str *ret)
{
  struct kg_out o;
  if (ag_out_new (c, KG_KEY_MAX, &o) < 0)
    return -ENOMEM;
  kg_out_lit (&o, c->who->tenant);
  kg_out_lit (&o, "/");
  kg_out_raw (&o, id.ptr, id.len);
  *ret = (kg_str){ o.ptr, o.len };
  return kg_out_ok (&o) ? 0 : -E2BIG;
}

/* ---- One as JSON ---------------------------------------------------------------------- */

void
ag_deferral_show (const struct ag_deferral *d, struct kg_out *out)
{
  kg_out_lit (out, "{\"id\":");
  kg_out_str (out, d->id);
  kg_out_lit (out, ",\"target\":");
  kg_out_str (out, d->target);
  kg_out_lit (out, ",\"due\":");
  ag_out_time (out, d->due_ns);
  kg_out_lit (out, ",\"status\":");
  kg_out_text (out, ag_deferral_names[d->state == AG_EFFECTED ? AG_RUNNING : d->state]);
  kg_out_lit (out, ",\"created\":");
  ag_out_time (out, d->created_ns);
  kg_out_lit (out, ",\"ended\":");
  ag_out_time (out, d->ended_ns);
  kg_out_lit (out, ",\"attempts\":");
  kg_out_int (out, d->attempts);
  kg_out_lit (out, ",\"code\":");
  if (d->status)
    kg_out_int (out, d->status);
  else
    kg_out_lit (out, "null");
  kg_out_lit (out, ",\"answer\":");
  if (d->result.len)
    kg_out_raw (out, d->result.ptr, d->result.len);
  else
    kg_out_lit (out, "null");
  kg_out_lit (out, "}");
}

static void
one_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  (void)c;
  ag_deferral_show (arg, out);
}

/* ---- defer -------------------------------------------------------------------------- */

/* Whether the caller could invoke it now. */
static int32_t
target_check (struct ag_call *c, kg_str target)
{
  struct ag_call *t = c->ag->host->alloc (c->req, sizeof *t);
  char scope[AG_PATH_MAX + 8];
  int32_t r;
  if (!t)
    return -ENOMEM;
  *t = *c;
  t->deferred = NULL;
  t->kwargs = ag_kwarg (c, "kwargs");
  r = ag_find (t, target);
  if (!r && !ag_may_invoke (t->who, t->path.base, ag_has_effect (t), scope))
    r = ag_no_scope (t, scope);
  c->in_trace |= t->in_trace;
  return r;
}

static int32_t
due_arg (struct ag_call *c, int64_t *ret)
{
  uint32_t delay = ag_kwarg (c, "delay"), at = ag_kwarg (c, "at");
  if (!delay == !at)
    return ag_refuse (c, AG_BAD_ARGUMENT, 400,
                      "Either 'delay' (seconds) or 'at' (a time) is required");
  *ret = ag_now (c) + (int64_t)(ag_arg_number (c, "delay", 0) * 1e6) * 1000;
  return at ? ag_time_arg (c, "at", 0, ret) : 0;
}

/* The body that is to be sent. */
static int32_t
body_make (struct ag_call *c, struct ag_deferral *d)
{
  uint32_t kwargs = ag_kwarg (c, "kwargs");
  kg_str text = kwargs ? kg_json_text (c->json, kwargs) : ag_str ("{}");
  struct kg_out o;
  if (ag_out_new (c, 6 * (d->target.len + c->archetype_name.len) + c->observer.len + text.len + 128,
                  &o)
      < 0)
    return -ENOMEM;
  kg_out_lit (&o, "{\"path\":");
  kg_out_str (&o, d->target);
  kg_out_lit (&o, ",\"observer\":{\"name\":");
  kg_out_raw (&o, c->observer.ptr, c->observer.len);
  kg_out_lit (&o, ",\"archetype\":");
  kg_out_str (&o, c->archetype_name);
  kg_out_lit (&o, c->can_define ? ",\"capabilities\":[\"define\"]}" : "}");
  kg_out_lit (&o, ",\"kwargs\":");
  ag_compact (&o, text);
  kg_out_lit (&o, "}");
  d->body = (kg_str){ o.ptr, o.len };
  return kg_out_ok (&o) ? 0 : -ENOMEM;
}

static int32_t
words_make (struct ag_call *c, const char *const *list, kg_str *ret)
{
  size_t size = 1;
  struct kg_out o;
  uint32_t i;
  for (i = 0; list && list[i]; i++)
    size += strlen (list[i]) + 1;
  if (ag_out_new (c, size, &o) < 0)
    return -ENOMEM;
  for (i = 0; list && list[i]; i++) {
    kg_out_lit (&o, i ? " " : "");
    kg_out_lit (&o, list[i]);
  }
  *ret = (kg_str){ o.ptr, o.len };
  return 0;
}

static int32_t
id_make (struct ag_call *c, kg_str *ret)
{
  static const char hex[] = "0123456789abcdef";
  uint8_t bytes[AG_ID_LEN / 2];
  char *out = c->ag->host->alloc (c->req, AG_ID_LEN);
  uint32_t i;
  if (!out || getrandom (bytes, sizeof bytes, 0) != sizeof bytes)
    return -ENOMEM;
  for (i = 0; i < sizeof bytes; i++) {
    out[2 * i] = hex[bytes[i] >> 4];
    out[2 * i + 1] = hex[bytes[i] & 15];
  }
  *ret = (kg_str){ out, AG_ID_LEN };
  return 0;
}

/* Everything that is kept. */
static int32_t
deferral_make (struct ag_call *c, struct ag_deferral *d)
{
  const struct kg_identity *who = c->who;
  int32_t r;
  d->subject = ag_str (who->subject ? who->subject : "");
  d->key_id = ag_str (who->key_id ? who->key_id : "");
  d->tier = ag_str (who->tier ? who->tier : "");
  d->result = ag_str ("");
  d->created_ns = ag_now (c);
  if ((r = words_make (c, who->scopes, &d->scopes)) < 0
      || (r = words_make (c, who->archetypes, &d->archetypes)) < 0
      || (r = id_make (c, &d->id)) < 0)
    return r;
  return body_make (c, d);
}

static int32_t
deferred (struct ag_call *c, int32_t error, uint32_t op, void *arg)
{
  const struct ag_deferral *d = arg;
  (void)op;
  if (error)
    return unwritten (c, error);
  if (d->due_ns <= ag_now (c))
    ag_schedule_kick (c->ag);
  return ag_answer (c, one_write, arg);
}

static int32_t
defer_write (struct ag_call *c, struct ag_deferral *d, kg_str old)
{
  struct kg_op ops[3];
  struct kg_out o;
  uint32_t n = 1;
  int32_t r;
  memset (ops, 0, sizeof ops);
  ops[0].kind = KG_OP_PUT;
  ops[0].bucket = ag_schedule_bucket (c->ag);
  ops[0].revision = KG_REV_NEW;
  if ((r = key_make (c, d->id, &ops[0].key)) < 0
      || (r = ag_out_new (c, 512 + d->target.len + d->body.len + d->subject.len + d->key_id.len
                                 + d->tier.len + d->scopes.len + d->archetypes.len,
                          &o))
             < 0)
    return r;
  ag_deferral_write (d, &o);
  ops[0].value = (kg_str){ o.ptr, o.len };
  if (old.len) {
    ops[n] = ops[0];
    ops[n].kind = KG_OP_DELETE;
    ops[n].value = (kg_str){ NULL, 0 };
    ops[n].revision = KG_REV_ANY;
    if ((r = key_make (c, old, &ops[n++].key)) < 0)
      return r;
  }
  if (c->deferred && (r = ag_deferral_op (c, c->deferred, &ops[n++])) < 0)
    return r;
  return write_run (c, ops, n, deferred, d);
}

int32_t
ag_schedule_defer (struct ag_call *c)
{
  struct ag_deferral *d = c->ag->host->alloc (c->req, sizeof *d);
  char *old = c->ag->host->alloc (c->req, AG_ID_LEN + 1);
  int64_t max = c->ag->conf->schedule_max;
  int32_t r;
  if (!d || !old)
    return -ENOMEM;
  memset (d, 0, sizeof *d);
  d->target = ag_arg_text (c, "target");
  if (!d->target.ptr)
    return -ENOMEM;
  if ((r = due_arg (c, &d->due_ns)) || (r = target_check (c, d->target))
      || (r = deferral_make (c, d)))
    return r;
  if ((int64_t)d->body.len > c->ag->conf->node_bytes_max)
    return ag_over_limit (c, "agentese.node_bytes", c->ag->conf->node_bytes_max,
                          "bytes of a deferred invocation");
  if (ag_schedule_count (c->ag, c->who->tenant, old) < max)
    old[0] = 0;
  else if (!old[0])
    return ag_over_limit (c, "agentese.schedule", max, "deferred invocations of this tenant");
  return defer_write (c, d, ag_str (old));
}

/* ---- cancel --------------------------------------------------------------------------- */

static ag_run cancel_try;

static int32_t
cancelled (struct ag_call *c, int32_t error, uint32_t op, void *arg)
{
  if (error == -ESTALE && op == 0)
    return cancel_try (c);
  return error ? unwritten (c, error) : ag_answer (c, one_write, arg);
}

int32_t
ag_deferral_get (struct ag_call *c, kg_str id, kg_str *ret_key, struct ag_deferral *ret)
{
  struct kg_entry e = { .size = sizeof e };
  char *copy;
  int32_t r = key_make (c, id, ret_key);
  if (r < 0)
    return r == -E2BIG ? -ENOENT : r;
  if (c->ag->store->get (ag_schedule_bucket (c->ag), *ret_key, &e) < 0)
    return -ENOENT;
  copy = c->ag->host->alloc (c->req, e.value.len + 1);
  if (!copy)
    return -ENOMEM;
  memcpy (copy, e.value.ptr, e.value.len);
  r = ag_deferral_read (*ret_key, (kg_str){ copy, e.value.len }, ret);
  ret->revision = e.revision;
  return r;
}

static int32_t
cancel_write (struct ag_call *c, kg_str key, struct ag_deferral *d)
{
  struct kg_op ops[2];
  struct kg_out o;
  int32_t r;
  memset (ops, 0, sizeof ops);
  d->state = AG_CANCELLED;
  d->ended_ns = ag_now (c);
  if (ag_out_new (c, 512 + d->target.len + d->body.len + d->subject.len + d->key_id.len
                         + d->tier.len + d->scopes.len + d->archetypes.len + d->result.len,
                  &o)
      < 0)
    return -ENOMEM;
  ag_deferral_write (d, &o);
  ops[0] = (struct kg_op){ .kind = KG_OP_PUT,
                           .bucket = ag_schedule_bucket (c->ag),
                           .key = key,
                           .value = { o.ptr, o.len },
                           .revision = d->revision };
  if (c->deferred && (r = ag_deferral_op (c, c->deferred, &ops[1])) < 0)
    return r;
  return write_run (c, ops, c->deferred ? 2 : 1, cancelled, d);
}

static int32_t
cancel_try (struct ag_call *c)
{
  static const char *const related[] = { "time.schedule.list", NULL };
  static const struct ag_advice look = { NULL, "time.schedule.list shows what there is", related };
  static const struct ag_advice late
      = { "Only what has not begun can be cancelled.", NULL, related };
  struct ag_deferral *d = c->ag->host->alloc (c->req, sizeof *d);
  kg_str id = ag_arg_text (c, "id"), key;
  char shown[64];
  int32_t r;
  if (!d || !id.ptr)
    return -ENOMEM;
  ag_quote (shown, sizeof shown, id);
  r = memchr (id.ptr, '/', id.len) ? -ENOENT : ag_deferral_get (c, id, &key, d);
  if (r == -ENOENT)
    return ag_refuse_why (c, AG_NOT_FOUND, 404, &look, "No deferred invocation '%s'", shown);
  if (r < 0)
    return r;
  if (d->state != AG_PENDING)
    return ag_refuse_why (c, AG_CONFLICTING, 409, &late, "Deferred invocation '%s' is %s", shown,
                          ag_deferral_names[d->state == AG_EFFECTED ? AG_RUNNING : d->state]);
  return cancel_write (c, key, d);
}

int32_t
ag_schedule_cancel (struct ag_call *c)
{
  return cancel_try (c);
}
