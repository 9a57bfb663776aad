/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A deferral as text: a line of numbers, then a line for each text, none of which can hold
 * the end of a line.  Not JSON, because threads read it that have no request to parse in. */
#include "plugins/agentese/builtin.h"
#include "plugins/agentese/schedule.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

const char *const ag_deferral_names[]
    = { "pending", "running", "effected", "done", "cancelled", NULL };

/* The next line of the value, without its end; { NULL, 0 } when there is none. */
static kg_str
line_next (kg_str value, size_t *at)
{
  kg_str line = { value.ptr + *at, 0 };
  const char *end = *at < value.len ? memchr (line.ptr, '\n', value.len - *at) : NULL;
  if (!end)
    return (kg_str){ NULL, 0 };
  line.len = (size_t)(end - line.ptr);
  *at += line.len + 1;
  return line;
}

static int32_t
numbers_read (kg_str line, struct ag_deferral *d)
{
  char buf[256];
  long long due, created, ended;
  unsigned long long instance;
  if (!line.ptr || line.len >= sizeof buf)
    return -EBADMSG;
  memcpy (buf, line.ptr, line.len);
  buf[line.len] = 0;
  if (sscanf (buf, "1 %d %d %lld %lld %lld %u %u %u %llx", &d->state, &d->status, &due, &created,
              &ended, &d->attempts, &d->orphaned, &d->slot, &instance)
          != 9
      || d->state < 0 || d->state >= AG_DEFERRAL_STATES)
    return -EBADMSG;
  d->due_ns = due;
  d->created_ns = created;
  d->ended_ns = ended;
  d->instance = instance;
  return 0;
}

int32_t
ag_deferral_read (kg_str key, kg_str value, struct ag_deferral *ret)
{
  kg_str *const texts[] = { &ret->target, &ret->body,   &ret->subject,    &ret->key_id,
                            &ret->tier,   &ret->scopes, &ret->archetypes, &ret->result };
  const char *slash = memrchr (key.ptr, '/', key.len);
  size_t at = 0;
  uint32_t i;
  memset (ret, 0, sizeof *ret);
  if (!slash || numbers_read (line_next (value, &at), ret) < 0)
    return -EBADMSG;
  ret->tenant = (kg_str){ key.ptr, (size_t)(slash - key.ptr) };
  ret->id = (kg_str){ slash + 1, key.len - ret->tenant.len - 1 };
  for (i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    *texts[i] = line_next (value, &at);
    if (!texts[i]->ptr)
      return -EBADMSG;
  }
  return 0;
}

static void
line_write (struct kg_out *out, kg_str text)
{
  size_t i, from = 0;
  for (i = 0; i < text.len; i++)
    if (text.ptr[i] == '\n') {
      kg_out_raw (out, text.ptr + from, i - from);
      kg_out_lit (out, " ");
      from = i + 1;
    }
  kg_out_raw (out, text.ptr + from, text.len - from);
  kg_out_lit (out, "\n");
}

void
ag_deferral_write (const struct ag_deferral *d, struct kg_out *out)
{
  char buf[256];
  snprintf (buf, sizeof buf, "1 %d %d %lld %lld %lld %u %u %u %llx\n", d->state, d->status,
            (long long)d->due_ns, (long long)d->created_ns, (long long)d->ended_ns, d->attempts,
            d->orphaned, d->slot, (unsigned long long)d->instance);
  kg_out_lit (out, buf);
  line_write (out, d->target);
  line_write (out, d->body);
  line_write (out, d->subject);
  line_write (out, d->key_id);
  line_write (out, d->tier);
  line_write (out, d->scopes);
  line_write (out, d->archetypes);
  line_write (out, d->result);
}

/* ---- The call that carries one out --------------------------------------------- */

static int32_t
key_make (struct ag_call *c, kg_str id, kg_str *ret)
{
  struct kg_out o;
  if (ag_out_new (c, strlen (c->who->tenant) + 1 + id.len, &o) < 0)
    return -ENOMEM;
  kg_out_lit (&o, c->who->tenant);
  kg_out_lit (&o, "/");
  kg_out_raw (&o, id.ptr, id.len);
  *ret = (kg_str){ o.ptr, o.len };
  return o.len <= KG_KEY_MAX ? 0 : -E2BIG;
}

int32_t
ag_deferral_op (struct ag_call *c, const struct ag_deferral *d, struct kg_op *ret)
{
  struct ag_deferral effected = *d;
  struct kg_out o;
  int32_t r = key_make (c, d->id, &ret->key);
  if (r < 0 || (r = ag_out_new (c, 512 + d->target.len + d->body.len + d->subject.len + d->key_id.len
                                + d->tier.len + d->scopes.len + d->archetypes.len + d->result.len, &o)) < 0)
    return r;
  effected.state = AG_EFFECTED;
  ag_deferral_write (&effected, &o);
  ret->kind = KG_OP_PUT;
  ret->bucket = ag_schedule_bucket (c->ag);
  ret->value = (kg_str){ o.ptr, o.len };
  ret->revision = d->revision;
  return kg_out_ok (&o) ? 0 : -ENOMEM;
}

int32_t
ag_deferred_find (struct ag_call *c)
{
  const struct kg_host *host = c->ag->host;
  struct kg_entry e = { .size = sizeof e };
  struct ag_deferral *d;
  kg_str id, key;
  char *copy;
  if (host->num (c->req, KG_NUM_INNER) != 1)
    return 0; /* a client may send what it likes */
  id = host->get (c->req, KG_GET_HEADER, AG_DEFERRED_HEADER);
  if (!id.ptr)
    return 0;
  d = host->alloc (c->req, sizeof *d);
  if (!d || key_make (c, id, &key) < 0)
    return -ENOMEM;
  if (c->ag->store->get (ag_schedule_bucket (c->ag), key, &e) < 0
      || !(copy = host->alloc (c->req, e.value.len)))
    return ag_refuse (c, AG_CONFLICTING, 409, "This deferred invocation is not there any more");
  memcpy (copy, e.value.ptr, e.value.len);
  if (ag_deferral_read (key, (kg_str){ copy, e.value.len }, d) < 0 || d->state != AG_RUNNING
      || d->instance != ag_schedule_instance (c->ag))
    return ag_refuse (c, AG_CONFLICTING, 409, "This deferred invocation is not to be run now");
  d->revision = e.revision;
  c->deferred = d;
  return 0;
}

int32_t
ag_deferred_check (struct ag_call *c)
{
  static const struct ag_advice advice
      = { "The process that ran it was killed, and what stands behind this node may have done it.",
          "look whether it was done, and defer it again if not", NULL };
  int32_t kind = ag_entry_holon (c->entry)->kind;
  if (!c->deferred->orphaned || !ag_has_effect (c) || kind == AG_BUILT_IN
      || kind == AG_OPEN_WORLD || kind == AG_SPEC)
    return 0; /* its effect lies in one transaction with the mark that it was done */
  return ag_refuse_why (c, AG_CONFLICTING, 409, &advice,
                        "This deferred invocation was interrupted");
}
