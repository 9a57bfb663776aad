/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Grants are added and ended by operators, with a record in the audit log. */
#include "plugins/metering-openmeter/entitlement.h"

#include <errno.h>
#include <stdio.h>

/* The account that the change is about: a copy, or a new one; under the lock. */
static int32_t
account_take (struct grant_change *c, int64_t now, struct account *ret)
{
  struct entitlements *e = c->e;
  kg_str tenant = { c->tenant, strlen (c->tenant) };
  const struct holder *holder = holder_find (&e->table, tenant);
  const struct holding *h = holder ? holder->first : NULL;
  uint32_t i;
  if (!c->ends) {
    h = holding_find (&e->table, tenant, (kg_str){ c->feature, strlen (c->feature) });
    if (h)
      return account_copy (&h->account, ret);
    account_init (ret, now);
    return 0;
  }
  for (; h; h = h->next)
    for (i = 0; i < h->account.grants; i++)
      if (!strcmp (h->account.grant[i].id, c->grant.id)) {
        memcpy (c->feature, h->feature, sizeof c->feature);
        c->grant = h->account.grant[i];
        return account_copy (&h->account, ret);
      }
  return -ENOENT;
}

/* Times are known only now: none may be where the account has summed up already. */
static int32_t
account_change (struct grant_change *c, int64_t now, struct account *a)
{
  struct grant g = c->grant;
  int64_t cut = account_cut (a, now);
  int32_t r;
  if (c->ends) {
    grant_show (&c->grant, c->feature, c->grant.amount, &c->before);
    r = account_void (a, g.id, cut);
    c->grant.voided_ns = cut;
  } else {
    g.created_ns = now;
    g.effective_ns = g.effective_ns > cut ? g.effective_ns : cut;
    if (g.expires_ns && g.expires_ns <= g.effective_ns)
      return -ERANGE;
    c->grant = g;
    r = account_grant (a, &g);
  }
  grant_show (&c->grant, c->feature, c->ends ? 0 : g.amount, &c->after);
  return r;
}

/* The operations; the state's is on condition that nobody was faster. */
static int32_t
ops_fill (struct grant_change *c, const struct account *a, uint64_t position, uint64_t revision)
{
  kg_bucket *bucket = c->e->bucket;
  int k = snprintf (c->key, sizeof c->key, "%s/%s", c->tenant, c->feature);
  int s = snprintf (c->state, sizeof c->state, "{\"position\":%llu}",
                    (unsigned long long)position);
  account_write (a, &c->value);
  c->op[0] = (struct kg_op){ .kind = KG_OP_PUT, .bucket = bucket, .revision = KG_REV_ANY,
                             .key = { c->key, (size_t)k },
                             .value = { c->value.ptr, c->value.len } };
  c->op[1] = (struct kg_op){ .kind = KG_OP_PUT, .bucket = bucket, .revision = revision,
                             .key = { "state", 5 }, .value = { c->state, (size_t)s } };
  return c->value.failed || c->after.failed || c->before.failed ? -ENOMEM : 1;
}

static void
change_reset (struct grant_change *c)
{
  mt_text_free (&c->value);
  mt_text_free (&c->before);
  mt_text_free (&c->after);
}

static int32_t
change_build (struct kg_audit_change *ret, void *arg)
{
  struct grant_change *c = arg;
  struct entitlements *e = c->e;
  int64_t now = entitlements_now ();
  uint64_t position, revision;
  struct account a = { 0 };
  int32_t r;
  change_reset (c);
  pthread_mutex_lock (&e->lock);
  revision = e->table.revision;
  position = e->table.position;
  if (e->seen_revision == revision && e->seen > position)
    position = e->seen; /* a new account begins where it is made */
  r = account_take (c, now, &a);
  pthread_mutex_unlock (&e->lock);
  if (revision == KG_REV_NEW)
    position = e->mt->store->newest (e->mt->usage);
  if (r >= 0)
    r = account_change (c, now, &a);
  if (r >= 0)
    r = ops_fill (c, &a, position, revision);
  account_finish (&a);
  ret->ops = c->op;
  ret->nops = 2;
  ret->op_size = sizeof c->op[0];
  ret->action = c->ends ? "grant.void" : "grant.create";
  ret->target = c->grant.id;
  ret->before = (kg_str){ c->before.ptr, c->before.len };
  ret->after = (kg_str){ c->after.ptr, c->after.len };
  return r;
}

int32_t
grant_change_begin (struct grant_change *c, const char *actor, const char *key,
                    void (*done) (int32_t error, void *arg))
{
  return c->e->audit->change (actor, key, change_build, done, c);
}

void
grant_change_free (struct grant_change *c)
{
  change_reset (c);
}
