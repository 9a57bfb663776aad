/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Adds usage records up in the background. */
#include "plugins/auth/charge.h"

#include "plugins/auth/auth.h"
#include "plugins/auth/scan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define KEY_AT    "at" /* {"sequence":n}: what is in the sums */
#define KEEP_MS   ((int64_t) 400 * LIMIT_DAY_S * 1000) /* of a month's sums */
#define CHARGE_MS 1000

int32_t
charge_at (struct charge *c)
{
  struct kg_entry entry = { .size = sizeof entry };
  char buffer[CHARGE_VALUE + 1];
  struct scan s;
  kg_str name;
  int32_t rc = c->auth->store->get (c->bucket, (kg_str){ KEY_AT, strlen (KEY_AT) }, &entry);
  c->at = c->revision = 0;
  if (rc == -ENOENT)
    return 0;
  if (rc < 0 || entry.value.len > CHARGE_VALUE)
    return rc < 0 ? rc : -EINVAL;
  c->revision = entry.revision;
  scan_begin (&s, entry.value, buffer);
  while (scan_member (&s, &name))
    if (scan_is (name, "sequence"))
      c->at = (uint64_t) scan_int (&s);
    else
      scan_skip (&s);
  return scan_end (&s);
}

int32_t
charge_record (const struct kg_record *record, void *arg)
{
  struct charge *c = arg;
  if (charge_add (&c->sums, record) == -E2BIG)
    return 1;
  c->next = record->sequence;
  return 0;
}

/* On the committer's thread.  What failed is read and tried again: at once when there
 * is more to read, else with the timer's next run. */
static void
written (const struct kg_outcome *outcome, void *arg)
{
  struct charge *c = arg;
  uint64_t next = c->next;
  atomic_store (&c->busy, 0);
  pthread_mutex_lock (&c->lock);
  if (!c->stopped && !outcome->error && c->auth->store->newest (c->log) > next)
    c->auth->jobs->kick (c->timer);
  pthread_mutex_unlock (&c->lock);
}

/* The texts that a write's operations point at. */
struct charge_text {
  char key[CHARGE_KEY], value[CHARGE_VALUE];
};

static int32_t
op_sum (struct charge *c, struct kg_op *op, struct charge_text *text, struct charge_sum *sum)
{
  struct kg_entry entry = { .size = sizeof entry };
  size_t len = charge_key_write (text->key, sum);
  int32_t rc;
  *op = (struct kg_op){ .kind = KG_OP_PUT, .bucket = c->bucket, .ttl_ms = KEEP_MS };
  op->key = (kg_str){ text->key, len };
  rc = c->auth->store->get (c->bucket, op->key, &entry);
  if (rc == 0)
    rc = charge_value_read (entry.value, sum);
  if (rc < 0 && rc != -ENOENT)
    return rc;
  op->revision = rc == -ENOENT ? KG_REV_NEW : entry.revision;
  op->value = (kg_str){ text->value, charge_value_write (text->value, sum) };
  return 0;
}

static void
op_at (struct charge *c, struct kg_op *op, struct charge_text *text)
{
  struct kg_out out = { text->value, 0, CHARGE_VALUE };
  kg_out_lit (&out, "{\"sequence\":");
  kg_out_int (&out, (int64_t) c->next);
  kg_out_lit (&out, "}");
  *op = (struct kg_op){ .kind = KG_OP_PUT, .bucket = c->bucket };
  op->key = (kg_str){ KEY_AT, strlen (KEY_AT) };
  op->value = (kg_str){ out.ptr, out.len };
  op->revision = c->revision ? c->revision : KG_REV_NEW;
}

/* Writes the sums, what is in them, and how far the log is done with, or nothing. */
static int32_t
sums_write (struct charge *c)
{
  uint32_t n = c->sums.count, i;
  struct kg_op *op = calloc (n + 2, sizeof *op);
  struct charge_text *text = calloc (n + 1, sizeof *text);
  int32_t rc = op && text ? 0 : -ENOMEM;
  for (i = 0; i < n && rc == 0; i++)
    rc = op_sum (c, &op[i], &text[i], &c->sums.sum[i]);
  if (rc == 0) {
    op_at (c, &op[n], &text[n]);
    op[n + 1] = (struct kg_op){ .kind = KG_OP_ACK, .cursor = c->cursor, .revision = c->next };
    atomic_store (&c->busy, 1);
    rc = c->auth->store->write (c->auth->self, op, n + 2, sizeof *op, written, c);
    if (rc < 0)
      atomic_store (&c->busy, 0);
  }
  free (op);
  free (text);
  return rc;
}

/* The timer.  Where the last write has got is asked anew each time: another process
 * may have gone on. */
static void
charge_run (void *arg)
{
  struct charge *c = arg;
  if (atomic_load (&c->busy) || charge_at (c) < 0)
    return;
  memset (&c->sums, 0, offsetof (struct charge_sums, sum));
  c->next = c->at;
  if (c->auth->store->read (c->log, c->at, CHARGE_READ, charge_record, c) > 0 && c->next > c->at)
    sums_write (c);
}

/* ---- Life ------------------------------------------------------------------ */

int32_t
charge_open (struct auth *auth)
{
  const struct kg_store *store = auth->store;
  struct charge *c = calloc (1, sizeof *c);
  int32_t rc;
  if (!c)
    return -ENOMEM;
  c->auth = auth;
  pthread_mutex_init (&c->lock, NULL);
  auth->charge = c;
  rc = store->bucket2 (auth->self, "auth.charges", KG_BUCKET_COLD, &c->bucket);
  if (rc == 0)
    rc = store->log (auth->self, "usage", 1, 1, &c->log);
  return rc == 0 ? store->cursor (auth->self, c->log, "auth.charges", &c->cursor) : rc;
}

int32_t
charge_start (struct auth *auth, int32_t alone)
{
  struct charge *c = auth->charge;
  uint32_t delay;
  int32_t rc = alone ? charge_rebuild (c) : 0;
  if (rc < 0) {
    auth->host->log (auth->self, KG_LOG_ERROR, "what was spent cannot be added up: %s",
                     rc == -ENOSPC ? "there are not enough cells" : strerror (-rc));
    return rc;
  }
  c->stopped = 0;
  /* A process that is killed again and again within its first second would leave ever more
   * to add up to the next one. */
  delay = alone && c->next - c->at >= CHARGE_READ ? 0 : CHARGE_MS;
  return auth->jobs->timer (auth->self, delay, CHARGE_MS, charge_run, c, &c->timer);
}

void
charge_stop (struct auth *auth)
{
  struct charge *c = auth->charge;
  pthread_mutex_lock (&c->lock);
  c->stopped = 1;
  pthread_mutex_unlock (&c->lock);
  auth->jobs->cancel (c->timer);
  c->timer = NULL;
}

void
charge_close (struct auth *auth)
{
  if (!auth->charge)
    return;
  pthread_mutex_destroy (&auth->charge->lock);
  free (auth->charge);
  auth->charge = NULL;
}
