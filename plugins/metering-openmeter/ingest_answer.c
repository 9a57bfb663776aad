/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What the sender is told. */
#include "plugins/metering-openmeter/ingest.h"

#include <errno.h>
#include <stdlib.h>

#define EVENT_LINE_MAX (CLOUDEVENT_TEXT_MAX + 256) /* bytes of one event in an answer */

static const char *const words[] = { "accepted", "duplicate", "duplicate", "rejected" };

/* Members of one event, behind its brace. */
static void
event_tell (const struct ingesting *g, const struct ingest_event *e, struct kg_out *o)
{
  const struct kg_json *j = g->json;
  kg_str id = { "null", 4 };
  if (e->id && j->token[e->id].len <= CLOUDEVENT_TEXT_MAX)
    id = kg_json_text (j, e->id);
  kg_out_lit (o, "\"id\":");
  kg_out_raw (o, id.ptr, id.len);
  kg_out_lit (o, ",\"status\":");
  kg_out_text (o, words[e->status]);
  if (e->error || e->status == INGEST_OTHER) {
    kg_out_lit (o, ",\"error\":");
    kg_out_text (o, e->error ? e->error : "another event with this source and id was accepted");
  }
  kg_out_raw (o, "}", 1);
}

static uint32_t
events_with (const struct ingesting *g, const char *word)
{
  uint32_t i, n = 0;
  for (i = 0; i < g->count; i++)
    n += !strcmp (words[g->event[i].status], word);
  return n;
}

static void
number_tell (struct kg_out *o, const char *name, uint32_t n)
{
  kg_out_lit (o, name);
  kg_out_int (o, n);
}

static void
detail_write (const struct ingesting *g, struct kg_out *o)
{
  uint32_t i;
  number_tell (o, "{\"accepted\":", events_with (g, "accepted"));
  number_tell (o, ",\"duplicates\":", events_with (g, "duplicate"));
  number_tell (o, ",\"rejected\":", events_with (g, "rejected"));
  kg_out_lit (o, ",\"results\":[");
  for (i = 0; i < g->count; i++) {
    kg_out_lit (o, i ? ",{" : "{");
    event_tell (g, &g->event[i], o);
  }
  kg_out_lit (o, "]}");
}

int32_t
ingest_answer (struct ingesting *g, kg_req *req)
{
  const struct kg_host *h = g->ingest->mt->host;
  struct kg_out o = { NULL, 0, 256 + (size_t)g->count * EVENT_LINE_MAX };
  int32_t r;
  if (!g->detail) {
    r = h->reply (req, 204, NULL, NULL, 0);
    return r < 0 ? r : KG_DONE;
  }
  o.ptr = malloc (o.cap);
  if (!o.ptr)
    return -ENOMEM;
  detail_write (g, &o);
  r = h->reply (req, 200, "application/json", o.ptr, o.len);
  free (o.ptr);
  return r < 0 ? r : KG_DONE;
}

static void
errors_write (const struct ingesting *g, struct kg_out *o)
{
  uint32_t i, n = 0;
  kg_out_raw (o, "[", 1);
  for (i = 0; i < g->count && n < INGEST_ERRORS_MAX; i++) {
    if (g->event[i].status != INGEST_REJECTED)
      continue;
    kg_out_lit (o, n++ ? ",{\"index\":" : "{\"index\":");
    kg_out_int (o, i);
    kg_out_raw (o, ",", 1);
    event_tell (g, &g->event[i], o);
  }
  kg_out_raw (o, "]", 1);
}

/* 403 when nothing is wrong with them but whose they are, 400 when one is no JSON. */
static int32_t
status_of (const struct ingesting *g)
{
  int32_t status = 403;
  uint32_t i;
  for (i = 0; i < g->count && status != 400; i++)
    if (g->event[i].status == INGEST_REJECTED && !g->event[i].forbidden)
      status = g->event[i].malformed ? 400 : 422;
  return status;
}

int32_t
ingest_refuse (struct ingesting *g, kg_req *req)
{
  const struct kg_host *h = g->ingest->mt->host;
  uint32_t bad = events_with (g, "rejected");
  uint32_t told = bad < INGEST_ERRORS_MAX ? bad : INGEST_ERRORS_MAX;
  struct kg_out o = { NULL, 0, 16 + (size_t)told * EVENT_LINE_MAX };
  int32_t r;
  o.ptr = malloc (o.cap);
  if (!o.ptr)
    return -ENOMEM;
  errors_write (g, &o);
  r = h->member (req, "errors", (kg_str){ o.ptr, o.len });
  free (o.ptr);
  if (r < 0)
    return r;
  return h->problem (req, status_of (g), NULL,
                     "%u of %u events cannot be taken, and none was; the member errors tells "
                     "which, and with ?detail=1 the others are taken",
                     bad, g->count);
}
