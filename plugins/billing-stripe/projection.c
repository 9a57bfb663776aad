/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The newest events of a set are the same in whatever order the set was seen: so the
 * history depends on the set alone, and the state is that of the history's first. */
#include "plugins/billing-stripe/projection.h"

static const char *const names[SUB_STATUSES]
    = { "unknown", "incomplete", "trialing",           "active",  "past_due",
        "unpaid",  "paused",     "incomplete_expired", "canceled" };

const char *
sub_status_name (enum sub_status status)
{
  return names[status];
}

enum sub_status
sub_status_find (const char *name)
{
  enum sub_status status = SUB_STATUSES - 1;
  while (status > SUB_UNKNOWN && strcmp (names[status], name))
    status--;
  return status;
}

static int32_t
is_end (const struct sub_event *e)
{
  return e->status >= SUB_INCOMPLETE_EXPIRED;
}

static int32_t
is_due (enum sub_status status)
{
  return status == SUB_PAST_DUE || status == SUB_UNPAID;
}

static int32_t
numbers_order (int64_t a, int64_t b)
{
  return (a > b) - (a < b);
}

static int64_t
event_time (const struct sub_event *e)
{
  return e->read > e->created ? e->read : e->created;
}

int32_t
sub_event_order (const struct sub_event *a, const struct sub_event *b)
{
  int32_t rc = numbers_order (is_end (a), is_end (b));
  if (!rc)
    rc = numbers_order (event_time (a), event_time (b));
  if (!rc)
    rc = numbers_order (a->read != 0, b->read != 0);
  if (!rc)
    rc = numbers_order (!a->first, !b->first);
  if (!rc)
    rc = numbers_order (a->status, b->status);
  return rc ? rc : strcmp (a->id, b->id);
}

/* Where in the history the event belongs; -1: it is there, or too old. */
static int32_t
history_place (const struct projection *p, const struct sub_event *event)
{
  uint32_t i = 0;
  for (uint32_t k = 0; k < p->events; k++)
    if (!strcmp (p->history[k].id, event->id))
      return -1;
  if (event->read && p->events && is_end (&p->history[0]) <= is_end (event))
    return 0;
  while (i < p->events && sub_event_order (&p->history[i], event) > 0)
    i++;
  return i < PROJECTION_HISTORY ? (int32_t) i : -1;
}

/* The oldest event leaves the history: who changes something every hour while a payment is
 * due gets no more days of grace. */
static void
history_lose (struct projection *p)
{
  const struct sub_event *lost = &p->history[PROJECTION_HISTORY - 1];
  if (p->events < PROJECTION_HISTORY)
    p->events++;
  else if (!is_due (lost->status))
    p->due_before = 0;
  else if (!p->due_before || lost->created < p->due_before)
    p->due_before = lost->created;
}

int32_t
projection_add (struct projection *p, const struct sub_event *event, const struct sub_state *state)
{
  struct sub_event added = *event;
  int32_t at;
  uint32_t tail;
  if (added.read) {
    added.read = p->events ? event_time (&p->history[0]) : 0;
    added.read = added.read > added.created ? added.read : added.created;
  }
  at = history_place (p, &added);
  if (at < 0)
    return 0;
  history_lose (p);
  tail = p->events - 1 - (uint32_t) at;
  memmove (&p->history[at + 1], &p->history[at], tail * sizeof p->history[0]);
  p->history[at] = added;
  if (at == 0)
    p->state = *state;
  return at == 0;
}

/* What a checkout of one subscription says is the same in all its events; should it not
 * be, the newest counts. */
int32_t
projection_refer (struct projection *p, const struct sub_event *event, const char *customer,
                  const char *tenant)
{
  int32_t rc = numbers_order (event->created, p->reference_created);
  if (!rc)
    rc = strcmp (event->id, p->reference_event);
  if (rc <= 0 && *p->reference_event)
    return 0;
  p->reference_created = event->created;
  TEXT_PUT (p->reference_event, event->id);
  TEXT_PUT (p->customer, customer);
  TEXT_PUT (p->reference, tenant);
  return 1;
}

enum sub_status
projection_status (const struct projection *p)
{
  return p->events ? p->history[0].status : SUB_UNKNOWN;
}

const char *
projection_customer (const struct projection *p)
{
  return *p->state.customer ? p->state.customer : p->customer;
}

const char *
projection_tenant (const struct projection *p)
{
  return *p->state.tenant ? p->state.tenant : p->reference;
}

int64_t
projection_due_since (const struct projection *p)
{
  int64_t since = 0;
  uint32_t i;
  for (i = 0; i < p->events && is_due (p->history[i].status); i++)
    if (!i || p->history[i].created < since)
      since = p->history[i].created;
  if (i == PROJECTION_HISTORY && p->due_before && p->due_before < since)
    since = p->due_before;
  return since;
}

/* A creation and what followed it in the same second are no tie: their order is known. */
uint32_t
projection_ties (const struct projection *p)
{
  const struct sub_event *h = p->history;
  uint32_t n = 1;
  if (p->events && h[0].read)
    return 0;
  while (n < p->events && h[n].created == h[0].created && h[n].first == h[0].first
         && is_end (&h[n]) == is_end (&h[0]))
    n++;
  return n > 1 ? n : 0;
}
