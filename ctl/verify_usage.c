/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What records say: usage, and the chain of the audit log. */

#include "ctl/verify_store.h"

#include <string.h>

#define HEX 64
#define ID_MAX 4096

/* ---- Usage ----------------------------------------------------------------------------------- */

static const char *
record_place (struct verify *v, const struct verify_record *r)
{
  return place (v, "log %s, record %lld (%s)", r->log->name, (long long)r->sequence,
                shown (r->id));
}

static int
says_something (struct piece value)
{
  return doc_kind (value) == '"' && value.n > 2;
}

/* Why an event is none, or NULL. */
static const char *
event_fault (struct piece e)
{
  struct piece id = doc_member (e, "id"), source = doc_member (e, "source");
  struct piece data = doc_member (e, "data"), subject = doc_member (e, "subject");
  struct piece time = doc_member (e, "time"), ext = doc_member (e, "ext");
  int64_t ns;
  if (doc_kind (e) != '{' || !says_something (doc_member (e, "type")))
    return "an event has no type";
  if (id.p ? !says_something (id) || !says_something (source) : source.p != NULL)
    return "an event has an id without a source, or a source without an id";
  if (!id.p && doc_kind (data) != '{')
    return "an event has no data";
  if (subject.p && !says_something (subject))
    return "the subject of an event is none";
  if (ext.p && doc_kind (ext) != '{')
    return "the attributes of an event are none";
  if (time.p && (doc_kind (time) != '"'
                 || !doc_time ((struct piece){ time.p + 1, time.n - 2 }, &ns)))
    return "the time of an event is none";
  return NULL;
}

/* The charge's numbers are whole ones, which budgets are made of. */
static const char *
charge_fault (struct piece charge, struct piece key)
{
  struct piece value;
  const char *at = NULL;
  int64_t n;
  if (!charge.p)
    return NULL;
  if (doc_kind (charge) != '{' || doc_kind (key) != '"')
    return "what was charged is no object, or names no key";
  while (doc_next (charge, &at, NULL, &value))
    if (doc_kind (value) == '0' && !doc_int (value, &n))
      return "a number of what was charged is no integer";
  return NULL;
}

static const char *
record_fault (struct piece data, struct piece *tenant, struct piece *events, int64_t *time_ns)
{
  struct piece event, charge = doc_member (data, "charge");
  const char *at = NULL, *fault;
  int64_t n = 0;
  *tenant = doc_member (data, "tenant");
  *events = doc_member (data, "events");
  if (!says_something (*tenant))
    return "it names no tenant";
  if (!doc_int (doc_member (data, "time"), time_ns) || *time_ns < 0)
    return "it has no time";
  if (doc_kind (*events) != '[')
    return "it has no list of events";
  if ((fault = charge_fault (charge, doc_member (data, "key"))))
    return fault;
  for (; doc_next (*events, &at, NULL, &event); n++)
    if ((fault = event_fault (event)))
      return fault;
  return n || charge.p ? NULL : "it has no events and charges nothing";
}

/* Each id is there once: of events that were brought along, with tenant and source.  Returns
 * how many have none of their own. */
static int64_t
events_check (struct verify *v, const struct verify_record *r, struct piece tenant,
              struct piece events)
{
  struct piece event;
  const char *at = NULL;
  int64_t own = 0;
  while (doc_next (events, &at, NULL, &event)) {
    struct piece id = doc_member (event, "id"), source = doc_member (event, "source");
    struct hash h = { 0, 1 };
    char buf[ID_MAX];
    uint64_t other;
    v->events++;
    own += !id.p;
    if (!id.p || id.n > sizeof buf || source.n > sizeof buf || tenant.n > sizeof buf)
      continue; /* the record's */
    verify_marks_event (v, r, tenant, event);
    h = hash_add (h, buf, doc_text (tenant, buf));
    h = hash_add (h, buf, doc_text (source, buf));
    h = hash_add (h, buf, doc_text (id, buf));
    other = verify_id_note (v, h, r);
    if (other)
      found (v, "id", cure_report, record_place (v, r),
             "its event %s of %s is in record %llu, too: it was counted twice", shown (id),
             shown (source), (unsigned long long)other);
  }
  return own;
}

/* The tenant's numbers of receipts. */
static void
receipt_check (struct verify *v, const struct verify_record *r, struct piece tenant)
{
  struct piece seq = doc_member (r->data, "seq");
  struct hash h = { 0, 2 };
  char name[1024];
  uint64_t *other;
  int64_t number;
  int is_new;
  size_t n;
  if (!seq.p || tenant.n >= sizeof name)
    return;
  if (!doc_int (seq, &number) || number < 1) {
    found (v, "receipt", cure_batch, record_place (v, r), "the number of its receipt is %s",
           shown (seq));
    return;
  }
  n = doc_text (tenant, name);
  name[n] = 0;
  h = hash_add (hash_add (h, name, n), &number, sizeof number);
  other = map_put (&v->numbers, h, (uint64_t)r->sequence, &is_new);
  if (!is_new)
    found (v, "receipt", cure_report, record_place (v, r),
           "receipt %lld of tenant %s is that of record %llu, too", (long long)number, name,
           (unsigned long long)*other);
  if (r->sequence <= v->saved && number > number_of (v->tenants, name, 0))
    json_object_object_add (v->tenants, name, json_object_new_int64 (number));
}

void
verify_usage (struct verify *v, const struct verify_record *r)
{
  struct piece tenant, events;
  const char *fault = "it is no JSON";
  int64_t time_ns, before = v->events;
  if (doc_valid (r->data) && doc_kind (r->data) == '{')
    fault = record_fault (r->data, &tenant, &events, &time_ns);
  if (fault) {
    found (v, "record", cure_batch, record_place (v, r), "%s: it is counted nowhere", fault);
    verify_sinks_count (v, r->sequence, 1);
    return;
  }
  if (events_check (v, r, tenant, events) && !r->id.n)
    found (v, "record", cure_report, record_place (v, r), "it has no id");
  verify_sinks_count (v, r->sequence, v->events - before);
  receipt_check (v, r, tenant);
  rollups_fold (v, r, tenant, time_ns, events);
  verify_accounts_record (v, r, tenant, events);
}

/* ---- Audit ------------------------------------------------------------------------------------ */

void
verify_audit (struct verify *v, const struct verify_record *r)
{
  static const char cure[] = "restore kgent.db from a copy; kgentctl audit list shows what is there";
  struct piece prev;
  int64_t seq = 0;
  int known = v->audit_seq != 0;
  if (!doc_valid (r->data) || doc_kind (r->data) != '{'
      || !doc_int (doc_member (r->data, "seq"), &seq)) {
    found (v, "audit", cure, record_place (v, r), "it is no record of a change");
    return;
  }
  prev = doc_member (r->data, "prev");
  if (known && seq != v->audit_seq + 1)
    found (v, "audit", cure, record_place (v, r), "it has the number %lld behind %lld",
           (long long)seq, (long long)v->audit_seq);
  else if (known && !doc_says (prev, piece_of (v->audit_hash)))
    found (v, "audit", cure, record_place (v, r),
           "it does not follow the record before: one of the two was changed");
  v->audit_seq = seq;
  verify_sha256 (r->data, HEX, v->audit_hash);
}
