/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* GET /admin/v1/usage/events: the log as CloudEvents, page by page, as the
 * sinks get it.  Reading is a job: no request thread touches a disk. */
#include "plugins/metering-openmeter/metering.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT_MIN MT_EVENTS_MAX /* so that a whole record always fits */
#define LIMIT_MAX 1000
#define LIMIT_DFLT 100

struct listing {
  struct mt *mt;
  kg_ticket *ticket;
  uint64_t after, next;
  uint32_t limit;
  int32_t error;
  struct mt_text text;
};

static void
listing_free (void *arg)
{
  struct listing *l = arg;
  mt_text_free (&l->text);
  free (l);
}

static void
number (struct mt_text *t, const char *name, uint64_t v)
{
  char buf[24];
  struct kg_out o = { buf, 0, sizeof buf };
  kg_out_int (&o, (int64_t)v);
  mt_text_add (t, name, strlen (name));
  mt_text_add (t, buf, o.len);
}

/* The events of whole records only; the rest is the next page's. */
static uint32_t
whole_records (const struct mt_batch *b)
{
  uint32_t n = b->count;
  while (n && !b->event[n - 1].last)
    n--;
  return n;
}

static void
listing_write (struct listing *l, const struct mt_batch *b)
{
  uint32_t i, n = whole_records (b);
  uint64_t delivered;
  mt_text_add (&l->text, "{\"events\":[", 11);
  for (i = 0; i < n; i++) {
    if (i)
      mt_text_add (&l->text, ",", 1);
    mt_text_add (&l->text, b->text.ptr + b->event[i].at, b->event[i].len);
  }
  if (n < b->count)
    l->next = n ? b->event[n - 1].sequence : l->after;
  else
    l->next = b->seen > l->after ? b->seen : l->after;
  number (&l->text, "],\"next\":", l->next);
  number (&l->text, ",\"newest\":", l->mt->store->newest (l->mt->usage));
  if (mt_sinks_position (l->mt, &delivered))
    number (&l->text, ",\"delivered\":", delivered);
  mt_text_add (&l->text, "}", 1);
}

static int32_t
listing_answer (kg_req *req, void *arg)
{
  struct listing *l = arg;
  const struct kg_host *host = l->mt->host;
  int32_t r = l->error;
  if (!r)
    r = host->reply (req, 200, "application/json", l->text.ptr, l->text.len);
  listing_free (l);
  return r < 0 ? r : KG_DONE;
}

static void
listing_run (void *arg)
{
  struct listing *l = arg;
  struct mt_batch b = { 0 };
  int32_t r = mt_batch_read (l->mt, &b, l->after, 0, l->limit);
  if (r > 0 && !whole_records (&b)) /* the request's own event is one more than LIMIT_MIN */
    r = mt_batch_read (l->mt, &b, l->after, 0, MT_EVENTS_MAX + 1);
  if (r < 0)
    l->error = r;
  else
    listing_write (l, &b);
  if (l->text.failed)
    l->error = -ENOMEM;
  mt_batch_clear (&b);
  l->mt->host->resume (l->ticket, listing_answer, l, listing_free);
}

/* A query parameter that is a number, in *ret; -EINVAL when it is none. */
static int32_t
number_param (struct mt *mt, kg_req *req, const char *name, uint64_t max, uint64_t *ret)
{
  kg_str s = mt->host->get (req, KG_GET_QUERY, name);
  uint64_t v = 0;
  size_t i;
  if (!s.ptr)
    return 0;
  for (i = 0; i < s.len; i++) {
    if (s.ptr[i] < '0' || s.ptr[i] > '9' || v > max / 10)
      return -EINVAL;
    v = v * 10 + (uint64_t)(s.ptr[i] - '0');
  }
  if (!s.len || v > max)
    return -EINVAL;
  *ret = v;
  return 0;
}

int32_t
mt_list (kg_req *req, void *data)
{
  struct mt *mt = data;
  struct listing *l;
  uint64_t after = 0, limit = LIMIT_DFLT;
  int32_t r;
  if (number_param (mt, req, "after", INT64_MAX, &after) < 0
      || number_param (mt, req, "limit", LIMIT_MAX, &limit) < 0 || limit < LIMIT_MIN)
    return mt->host->problem (req, 422, NULL,
                              "after must be a number, and limit one from %d to %d", LIMIT_MIN,
                              LIMIT_MAX);
  l = calloc (1, sizeof *l);
  if (!l)
    return -ENOMEM;
  l->mt = mt;
  l->after = after;
  l->limit = (uint32_t)limit;
  l->ticket = mt->host->suspend (req, NULL, NULL);
  if (!l->ticket) {
    listing_free (l);
    return -ENOMEM;
  }
  r = mt->jobs->run (mt->self, listing_run, l);
  if (r < 0) {
    l->error = r;
    mt->host->resume (l->ticket, listing_answer, l, listing_free);
  }
  return KG_WAIT;
}
