/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Cursors that sinks left behind which are no longer configured.  Such a sink may come back,
 * and then goes on where it was; so the log is kept for it, and grows.  That is told at the
 * start, in the metrics and in the status, until an operator has the cursor forgotten.  The
 * tally stays in any case: who comes back after that goes on as well, but what it had not got
 * may be deleted meanwhile. */
#include "plugins/metering-openmeter/sink.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_MS 1000
#define EVERY_MS 60000

/* ---- Looking ------------------------------------------------------------------------ */

static int32_t
stray_note (const char *name, uint64_t position, void *arg)
{
  struct sinks_left *left = arg;
  struct sink_left *l = &left->cursor[left->count];
  snprintf (l->name, sizeof l->name, "%s", name);
  l->position = position;
  return ++left->count == SINKS_MAX;
}

/* [not a worker] */
static int32_t
look (struct sinks *all, struct sinks_left *left)
{
  int32_t r;
  left->count = 0;
  r = all->mt->store->strays (all->mt->usage, stray_note, left);
  if (r < 0)
    return r; /* the store tells what ails it */
  pthread_mutex_lock (&all->left_lock);
  all->left = *left;
  pthread_mutex_unlock (&all->left_lock);
  all->mt->metrics->set (all->left_count, 0, left->count);
  return 0;
}

static void
on_look (void *arg)
{
  struct sinks *all = arg;
  struct sinks_left left;
  uint32_t i;
  if (look (all, &left) < 0 || all->left_told)
    return;
  all->left_told = 1; /* later ones are those of a process that takes over */
  for (i = 0; i < left.count; i++)
    all->mt->host->log (all->mt->self, KG_LOG_WARN,
                        "%s: this cursor's sink or plugin is not configured any more, and all "
                        "usage behind record %llu is kept for it: configure it again, or, for a "
                        "sink, kgentctl meter forget %s",
                        left.cursor[i].name, (unsigned long long)left.cursor[i].position,
                        left.cursor[i].name);
}

int32_t
sink_left_start (struct sinks *all)
{
  struct mt *mt = all->mt;
  return mt->jobs->timer (mt->self, FIRST_MS, EVERY_MS, on_look, all, &all->left_timer);
}

void
sink_left_stop (struct sinks *all)
{
  all->mt->jobs->cancel (all->left_timer);
  all->left_timer = NULL;
}

void
sink_left_write (struct sinks *all, uint64_t newest, struct kg_out *o)
{
  struct sinks_left left;
  uint32_t i;
  pthread_mutex_lock (&all->left_lock);
  left = all->left;
  pthread_mutex_unlock (&all->left_lock);
  kg_out_lit (o, ",\"left\":[");
  for (i = 0; i < left.count; i++) {
    uint64_t at = left.cursor[i].position;
    kg_out_lit (o, i ? ",{\"cursor\":" : "{\"cursor\":");
    kg_out_text (o, left.cursor[i].name);
    kg_out_lit (o, ",\"position\":");
    kg_out_int (o, (int64_t)at);
    kg_out_lit (o, ",\"lag_records\":");
    kg_out_int (o, newest > at ? (int64_t)(newest - at) : 0);
    kg_out_lit (o, "}");
  }
  kg_out_lit (o, "]");
}

/* ---- Forgetting --------------------------------------------------------------------- */

struct forgetting {
  struct mt *mt;
  kg_ticket *ticket;
  int32_t error;
  char name[SINK_CURSOR_MAX], by[64];
};

static int32_t
forget_answer (kg_req *req, void *arg)
{
  struct forgetting *f = arg;
  const struct kg_host *host = f->mt->host;
  int32_t r = f->error;
  free (f);
  if (r == -ENOENT)
    return host->problem (req, 404, NULL, "no sink that is gone has left such a cursor");
  if (r == -EEXIST)
    return host->problem (req, 409, NULL,
                          "its sink is configured: take it out of the configuration first");
  if (!r)
    r = host->reply (req, 204, NULL, NULL, 0);
  return r < 0 ? r : KG_DONE;
}

static void
forget_run (void *arg)
{
  struct forgetting *f = arg;
  struct mt *mt = f->mt;
  struct sinks_left left;
  f->error = mt->store->forget (mt->usage, f->name);
  if (!f->error) {
    mt->host->log (mt->self, KG_LOG_WARN, "cursor %s was forgotten by %s", f->name, f->by);
    look (mt->sinks, &left);
  }
  mt->host->resume (f->ticket, forget_answer, f, free);
}

/* Only sinks': another plugin would begin anew with everything when it comes back. */
static int32_t
is_sinks (kg_str name)
{
  return (name.len == 9 && !memcmp (name.ptr, "openmeter", 9))
         || (name.len > 5 && name.len < SINK_CURSOR_MAX && !memcmp (name.ptr, "sink.", 5));
}

int32_t
sink_left_forget (kg_req *req, void *data)
{
  struct mt *mt = data;
  kg_str name = mt->host->get (req, KG_GET_PARAM, "cursor");
  const struct kg_identity *who = mt->host->identity (req);
  struct forgetting *f;
  int32_t r;
  if (!is_sinks (name))
    return mt->host->problem (req, 404, NULL, "no sink that is gone has left such a cursor");
  f = calloc (1, sizeof *f);
  if (!f)
    return -ENOMEM;
  f->mt = mt;
  memcpy (f->name, name.ptr, name.len);
  snprintf (f->by, sizeof f->by, "%s", who && who->subject ? who->subject : "nobody");
  f->ticket = mt->host->suspend (req, NULL, NULL);
  if (!f->ticket) {
    free (f);
    return -ENOMEM;
  }
  r = mt->jobs->run (mt->self, forget_run, f); /* the job notes its own error */
  if (r < 0) {
    f->error = r;
    mt->host->resume (f->ticket, forget_answer, f, free);
  }
  return KG_WAIT;
}
