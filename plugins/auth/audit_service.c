/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* audit/1: other plugins' changes in the lane of ours. */
#include "plugins/auth/change.h"

#include <kgent/audit.h>

#include <errno.h>
#include <string.h>

#define TEXT_MAX 255 /* bytes of an actor, a key, an action, a target */

_Static_assert (KG_AUDIT_OPS <= TASK_OPS, "a task has room for them");

/* The service has no `data`: it works for the one open plugin. */
static struct auth *audit_auth;

/* Whose change it is; in its task's memory. */
struct other {
  int32_t (*build) (struct kg_audit_change *ret, void *arg);
  void (*done) (int32_t error, void *arg);
  void *arg;
};

static int32_t
text_ok (const char *text)
{
  return text && *text && strlen (text) <= TEXT_MAX;
}

static const char *
text_copy (struct task *t, const char *text)
{
  return task_copy (t, (kg_str){ text, strlen (text) });
}

/* Takes what was built over. */
static int32_t
change_take (struct task *t, const struct kg_audit_change *c)
{
  const char *op = (const char *) c->ops;
  uint32_t i;
  if (!c->nops || c->nops > KG_AUDIT_OPS || c->op_size < sizeof (struct kg_op)
      || !text_ok (c->action) || !text_ok (c->target))
    return -EINVAL;
  for (i = 0; i < c->nops; i++, op += c->op_size)
    t->op[t->ops++] = *(const struct kg_op *) (const void *) op;
  t->audit = (struct audit_entry){ .action = text_copy (t, c->action),
                                   .target = text_copy (t, c->target),
                                   .before = c->before,
                                   .after = c->after };
  return t->error < 0 ? t->error : CHANGE_GOES;
}

static int32_t
other_build (struct task *t)
{
  const struct other *o = t->mine;
  struct kg_audit_change c = { .size = sizeof c };
  int32_t rc = o->build (&c, o->arg);
  return rc > 0 ? change_take (t, &c) : rc;
}

static void
other_end (struct task *t)
{
  const struct other o = *(const struct other *) t->mine;
  int32_t error = t->error < 0 ? t->error : t->failure;
  task_destroy (t);
  o.done (error, o.arg);
}

static int32_t
other_fill (struct task *t, const char *actor, const char *key)
{
  t->mine = task_alloc (t, sizeof (struct other));
  t->actor = text_copy (t, actor);
  t->key = key ? text_copy (t, key) : NULL;
  t->end = other_end;
  return t->error;
}

static int32_t
service_change (const char *actor, const char *key,
                int32_t (*build) (struct kg_audit_change *ret, void *arg),
                void (*done) (int32_t error, void *arg), void *arg)
{
  struct task *t;
  int32_t rc;
  if (!audit_auth || !text_ok (actor) || (key && !text_ok (key)))
    return -EINVAL;
  t = task_make (audit_auth);
  if (!t)
    return -ENOMEM;
  rc = other_fill (t, actor, key);
  if (rc == 0) {
    *(struct other *) t->mine = (struct other){ build, done, arg };
    rc = change_enter (t, other_build);
  }
  if (rc < 0)
    task_destroy (t);
  return rc;
}

static const struct kg_audit service = {
  .size = sizeof service,
  .change = service_change,
};

int32_t
audit_provide (struct auth *auth)
{
  return auth->host->provide (auth->self, KG_AUDIT, &service, sizeof service);
}

void
audit_attach (struct auth *auth)
{
  audit_auth = auth;
}
