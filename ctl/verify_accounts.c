/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Accounts of entitlements: whether what grants were burnt by is what the log says.
 *
 * From where in the log an account counts is not noted; that was before its oldest grant
 * was made, or little later.  So what it has must be what the log says from one of the
 * records until then on. */

#include "ctl/verify_cells.h"

#include <stdlib.h>
#include <string.h>

#define BUCKET "usage.accounts"
#define NEAR_NS INT64_C (60000000000) /* from the making of a grant to its write */

static const char cure_account[]
    = "restore kgent.db from a copy; or void the grants, and grant what should be left";

struct account {
  char *key; /* malloc'ed "TENANT/FEATURE" */
  size_t tenant; /* bytes of it */
  const char *feature;
  const struct meter *meter; /* NULL: a budget's, or not known */
  int budget;    /* 1: tokens, 2: money */
  int64_t made_ns; /* of the oldest grant */
  amount used, total; /* as it says; of the log so far */
  struct map begins;  /* totals at which it may begin */
  size_t next;        /* of the same tenant: its number and 1; 0: none */
};

struct verify_accounts {
  struct account *item;
  size_t count, cap;
  struct map tenants; /* number and 1 of a tenant's newest account */
  int64_t position;
};

/* ---- Reading --------------------------------------------------------------------------------- */

static int
quantity (struct piece value, amount *ret)
{
  return doc_kind (value) == '"'
         && !amount_read ((struct piece){ value.p + 1, value.n - 2 }, ret);
}

static int
quantity_of (struct piece object, const char *name, amount *ret)
{
  return quantity (doc_member (object, name), ret);
}

/* Why a grant is none, or NULL. */
static const char *
grant_fault (struct account *a, struct piece grant)
{
  amount whole, rollover, balance;
  int64_t made;
  if (!quantity_of (grant, "amount", &whole) || !quantity_of (grant, "rollover", &rollover)
      || !quantity_of (grant, "balance", &balance)
      || !doc_int (doc_member (grant, "created"), &made))
    return "a grant has no amount, balance or time";
  if (balance < 0 || balance > whole + rollover)
    return "a grant has more left than was granted, or less than nothing";
  if (!a->made_ns || made < a->made_ns)
    a->made_ns = made;
  return NULL;
}

static const char *
points_fault (struct account *a, struct piece points)
{
  struct piece point, time, value;
  const char *at = NULL, *in;
  amount n;
  if (doc_kind (points) != '[')
    return "it has no sums";
  while (doc_next (points, &at, NULL, &point)) {
    in = NULL;
    if (doc_kind (point) != '[' || !doc_next (point, &in, NULL, &time)
        || !doc_next (point, &in, NULL, &value) || !quantity (value, &n))
      return "one of its sums is none";
    a->used += n;
  }
  return NULL;
}

static const char *
account_fault (struct account *a, struct piece value)
{
  struct piece grants, grant;
  amount used, consumed, overage, credit;
  const char *at = NULL, *fault = NULL;
  if (!doc_valid (value) || doc_kind (value) != '{'
      || doc_kind (grants = doc_member (value, "grants")) != '[')
    return "it is no account";
  if (!quantity_of (value, "usage", &used) || !quantity_of (value, "consumed", &consumed)
      || !quantity_of (value, "overage", &overage) || !quantity_of (value, "credit", &credit))
    return "one of its totals is none";
  if (used != consumed + overage - credit)
    return "what was used is not what was consumed and over, less the credit";
  a->used = used;
  while (!fault && doc_next (grants, &at, NULL, &grant))
    fault = grant_fault (a, grant);
  return fault ? fault : points_fault (a, doc_member (value, "points"));
}

/* The meter of that slug, if there is one and no other of that name. */
static const struct meter *
meter_of (const struct verify *v, const char *slug)
{
  const struct verify_rollups *r = v->rollups;
  const struct meter *found_one = NULL;
  size_t n = strlen (slug), i;
  for (i = 0; i < r->meters; i++)
    if (!strncmp (r->counted[i].meter->id, slug, n) && r->counted[i].meter->id[n] == '.') {
      if (found_one)
        return NULL;
      found_one = r->counted[i].meter;
    }
  for (i = 0; i < length_of (r->unknown); i++) {
    const char *id = json_object_get_string (json_object_array_get_idx (r->unknown, i));
    if (!strncmp (id, slug, n) && id[n] == '.')
      return NULL;
  }
  return found_one && found_one->aggregation <= COUNT ? found_one : NULL;
}

static struct hash
total_hash (amount total)
{
  return hash_add ((struct hash){ 0, 5 }, &total, sizeof total);
}

static void
account_add (struct verify *v, struct piece key, struct piece value)
{
  struct verify_accounts *all = v->accounts;
  const char *slash = memchr (key.p, '/', key.n), *fault;
  struct account a = { .tenant = slash ? (size_t)(slash - key.p) : 0 };
  const char *where = place (v, "bucket " BUCKET ", account %s", shown (key));
  uint64_t *first;
  int is_new;
  fault = a.tenant ? account_fault (&a, value) : "its key is none of an account";
  if (fault) {
    found (v, "account", cure_account, where, "%s", fault);
    return;
  }
  a.key = strndup (key.p, key.n);
  if (all->count == all->cap) {
    all->cap = all->cap ? 2 * all->cap : 64;
    all->item = realloc (all->item, all->cap * sizeof a);
  }
  if (!a.key || !all->item)
    abort ();
  a.feature = a.key + a.tenant + 1;
  a.budget = !strcmp (a.feature, "budget.tokens") ? 1 : !strcmp (a.feature, "budget.money") ? 2 : 0;
  a.meter = a.budget ? NULL : meter_of (v, a.feature);
  map_put (&a.begins, total_hash (0), 0, &is_new);
  first = map_put (&all->tenants, hash_add ((struct hash){ 0, 6 }, a.key, a.tenant), 0, &is_new);
  a.next = (size_t)*first;
  all->item[all->count++] = a;
  *first = all->count;
}

void
verify_accounts_before (struct verify *v)
{
  sqlite3_stmt *stmt = query (v, "SELECT key, value FROM entry JOIN bucket b ON b.id = bucket"
                                 " WHERE b.name = '" BUCKET "' AND value IS NOT NULL");
  v->accounts = calloc (1, sizeof *v->accounts);
  if (!v->accounts)
    abort ();
  while (query_row (v, stmt)) {
    struct piece key = query_piece (stmt, 0), value = query_piece (stmt, 1);
    if (key.n != 5 || memcmp (key.p, "state", 5))
      account_add (v, key, value);
    else if (!doc_valid (value) || !doc_int (doc_member (value, "position"), &v->accounts->position))
      found (v, "account", cure_account, "bucket " BUCKET ", key state", "it has no position");
  }
}

/* ---- The log ----------------------------------------------------------------------------------- */

/* An account may begin behind each record until its oldest grant was made. */
static void
use_add (struct account *a, int64_t time_ns, amount n)
{
  int is_new;
  a->total += n;
  if (time_ns <= a->made_ns + NEAR_NS)
    map_put (&a->begins, total_hash (a->total), 0, &is_new);
}

/* The first account of a tenant: its number and 1, or 0. */
static size_t
tenant_find (const struct verify_accounts *all, struct piece name)
{
  char buf[1024];
  uint64_t *first;
  if (name.n >= sizeof buf)
    return 0;
  first = map_get (&all->tenants, hash_add ((struct hash){ 0, 6 }, buf, doc_text (name, buf)));
  return first ? (size_t)*first : 0;
}

/* What an event is for a meter that sums or counts. */
static amount
event_quantity (const struct meter *m, struct piece event)
{
  struct piece data = doc_member (event, "data"), value = doc_path (data, piece_of (m->value));
  int correction = doc_member (doc_member (event, "ext"), "corrects").p != NULL;
  int64_t count = 1;
  amount n = 0;
  if (m->aggregation == COUNT) {
    if (correction && !doc_int (doc_member (data, "count"), &count))
      count = 0;
    return count * AMOUNT_ONE;
  }
  if (doc_kind (value) == '"')
    value = (struct piece){ value.p + 1, value.n - 2 };
  return value.p && !amount_read (value, &n) ? n : 0;
}

static void
charge_use (struct verify_accounts *all, const struct verify_record *r, struct piece tenant)
{
  struct piece charge = doc_member (r->data, "charge");
  size_t i = charge.p ? tenant_find (all, tenant) : 0;
  int64_t n;
  for (; i; i = all->item[i - 1].next) {
    struct account *a = &all->item[i - 1];
    if (a->budget && doc_int (doc_member (charge, a->budget == 1 ? "tokens" : "money"), &n))
      use_add (a, r->time_ns, n * AMOUNT_ONE);
  }
}

static void
event_use (struct verify_accounts *all, const struct verify_record *r, struct piece tenant,
           struct piece event)
{
  struct piece subject = doc_member (event, "subject"), type = doc_member (event, "type");
  size_t i = tenant_find (all, subject.p ? subject : tenant);
  for (; i; i = all->item[i - 1].next) {
    struct account *a = &all->item[i - 1];
    if (a->meter && doc_says (type, piece_of (a->meter->type)))
      use_add (a, r->time_ns, event_quantity (a->meter, event));
  }
}

void
verify_accounts_record (struct verify *v, const struct verify_record *r, struct piece tenant,
                        struct piece events)
{
  struct piece event;
  const char *at = NULL;
  if (!v->accounts->count || r->sequence > v->accounts->position)
    return;
  charge_use (v->accounts, r, tenant);
  while (doc_next (events, &at, NULL, &event))
    event_use (v->accounts, r, tenant, event);
}

/* ---- The end ------------------------------------------------------------------------------------ */

static void
account_check (struct verify *v, struct account *a)
{
  char used[AMOUNT_TEXT], total[AMOUNT_TEXT];
  if (!a->meter && !a->budget)
    remarked (v, "account %s: how its meter counts is not known, so it was not counted anew",
              a->key);
  else if (a->made_ns && !map_get (&a->begins, total_hash (a->total - a->used)))
    found (v, "account", cure_account, place (v, "bucket " BUCKET ", account %s", a->key),
           "it says that %s were used since its grants were made, of %s in the log, and that "
           "begins at no record",
           amount_text (a->used, used), amount_text (a->total, total));
}

void
verify_accounts (struct verify *v)
{
  struct verify_accounts *all = v->accounts;
  const struct verify_log *usage = NULL;
  size_t i;
  for (i = 0; i < v->logs; i++)
    if (!strcmp (v->log[i].name, "usage"))
      usage = &v->log[i];
  if (usage && all->position > usage->newest)
    found (v, "account", cure_account, "bucket " BUCKET ", key state",
           "accounts are at record %lld, and the newest is %lld", (long long)all->position,
           (long long)usage->newest);
  for (i = 0; usage && usage->first == 1 && i < all->count; i++)
    if (!number_of (v->by_check, "batch", 0) && !number_of (v->by_check, "gap", 0)
        && !number_of (v->by_check, "record", 0))
      account_check (v, &all->item[i]);
}

void
verify_accounts_free (struct verify *v)
{
  size_t i;
  for (i = 0; v->accounts && i < v->accounts->count; i++) {
    free (v->accounts->item[i].key);
    map_free (&v->accounts->item[i].begins);
  }
  if (v->accounts) {
    map_free (&v->accounts->tenants);
    free (v->accounts->item);
  }
  free (v->accounts);
  v->accounts = NULL;
}
