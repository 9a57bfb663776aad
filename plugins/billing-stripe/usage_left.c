/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The export's cursor when no usage is configured any more: it may come back, so the log is
 * kept for it.  That is told at the start, until an operator has it forgotten; where it was
 * stays noted, since what is before that was counted, and must not be again. */
#include "plugins/billing-stripe/desk.h"
#include "plugins/billing-stripe/usage.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_MS 1000
#define EVERY_MS 5000

static int32_t
stray_look (const char *name, uint64_t position, void *arg)
{
  if (strcmp (name, USAGE_CURSOR))
    return 0;
  *(uint64_t *) arg = position + 1;
  return 1;
}

uint64_t
usage_left_find (struct usage *u)
{
  uint64_t found = 0;
  return u->billing->store->strays (u->log, stray_look, &found) >= 0 ? found : 0;
}

/* Until the store has answered, which it does not before all have started. */
static void
left_run (void *arg)
{
  struct usage *u = arg;
  struct billing *b = u->billing;
  uint64_t found = 0;
  if (u->left_told || b->store->strays (u->log, stray_look, &found) < 0)
    return;
  u->left_told = 1;
  if (found)
    b->host->log (b->self, KG_LOG_WARN,
                  "usage is not sent to Stripe any more, and all of the log behind record %llu is "
                  "kept for it: configure usage again, or: kgentctl billing usage forget",
                  (unsigned long long) (found - 1));
}

/* ---- Forgetting ------------------------------------------------------------ */

struct forgetting {
  char text[24]; /* where it was */
};

static void
forget_job (void *arg)
{
  struct desk *d = arg;
  struct billing *b = d->billing;
  struct forgetting *f = d->mine;
  int32_t rc = b->store->forget (b->usage->log, USAGE_CURSOR);
  if (rc < 0)
    d->error = rc;
  else {
    b->host->log (b->self, KG_LOG_WARN, "the cursor of usage for Stripe, at %s, was forgotten by %s",
                  f->text, d->by);
    desk_lit (d, "{\"forgotten\":true,\"position\":");
    desk_lit (d, f->text);
    desk_lit (d, "}");
  }
  desk_end (d);
}

/* On the committer's thread. */
static void
forget_noted (const struct kg_outcome *outcome, void *arg)
{
  struct desk *d = arg;
  int32_t rc = outcome->error;
  if (!rc)
    rc = d->billing->jobs->run (d->billing->self, forget_job, d);
  if (rc == 0)
    return;
  desk_refuse (d, 503, "Where it was could not be noted: %s", strerror (-rc));
  desk_end (d);
}

static void
forget_drop (struct desk *d)
{
  free (d->mine);
}

static int32_t
forget_run (struct desk *d)
{
  struct billing *b = d->billing;
  uint64_t found = usage_left_find (b->usage);
  struct kg_op op = { .kind = KG_OP_PUT, .bucket = b->usage->bucket, .revision = KG_REV_ANY,
                      .key = { USAGE_FROM, sizeof USAGE_FROM - 1 } };
  struct forgetting *f;
  int32_t rc;
  if (b->conf->usage.count)
    return desk_refuse (d, 409, "Usage is configured: take it out of the configuration first");
  if (!found)
    return desk_refuse (d, 404, "There is no cursor of usage that nobody needs");
  f = d->mine = calloc (1, sizeof *f);
  if (!f)
    return -ENOMEM;
  d->drop = forget_drop;
  op.value.ptr = f->text;
  op.value.len = (size_t) snprintf (f->text, sizeof f->text, "%llu",
                                    (unsigned long long) (found - 1));
  rc = b->store->write (b->self, &op, 1, sizeof op, forget_noted, d);
  return rc < 0 ? rc : 1;
}

int32_t
usage_forget (kg_req *req, void *b)
{
  return desk_start (b, req, forget_run);
}

/* ---- Life ------------------------------------------------------------------ */

int32_t
usage_left_start (struct billing *b)
{
  return b->jobs->timer (b->self, FIRST_MS, EVERY_MS, left_run, b->usage, &b->usage->left_timer);
}

void
usage_left_stop (struct billing *b)
{
  b->jobs->cancel (b->usage->left_timer);
  b->usage->left_timer = NULL;
}
