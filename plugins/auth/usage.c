/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The counters of keys, kept in the bucket "auth.usage".
 *
 * Requests count in memory and put their cell into a list; a timer writes what
 * changed once a second, and start-up reads it back.  A crash forgets the counts
 * of the last second or so, never more than what was not yet committed. */
#include "plugins/auth/auth.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BATCH_CELLS 64
#define VALUE_MAX   256
#define KEEP_MS     ((int64_t) 62 * LIMIT_DAY_S * 1000) /* two months */

/* Cells that one write saves. */
struct batch {
  struct auth *auth;
  uint32_t count;
  struct cell *cells[BATCH_CELLS];
};

void
usage_mark (struct auth *auth, struct cell *cell)
{
  struct cell *head;
  if (atomic_load (&cell->dirty) || atomic_exchange (&cell->dirty, 1))
    return;
  head = atomic_load (&auth->changed);
  do
    cell->next = head;
  while (!atomic_compare_exchange_weak (&auth->changed, &head, cell));
}

/* ---- Writing ------------------------------------------------------------- */

static int64_t
wall_ns (void)
{
  struct timespec t;
  clock_gettime (CLOCK_REALTIME, &t);
  return (int64_t) t.tv_sec * TEXT_SECOND + t.tv_nsec;
}

static void
show_window (struct kg_out *out, const char *name, const char *count, uint64_t word)
{
  kg_out_lit (out, name);
  kg_out_int (out, (int64_t) (word >> 40));
  kg_out_lit (out, count);
  kg_out_int (out, (int64_t) limit_count (word, (uint32_t) (word >> 40)));
}

/* {"day":n,"requests":n, ...}: each count with the window it was counted in. */
static void
cell_show (struct kg_out *out, struct cell *cell, const char *now)
{
  show_window (out, "{\"day\":", ",\"requests\":", atomic_load (&cell->day));
  show_window (out, ",\"token_day\":", ",\"tokens\":", atomic_load (&cell->tokens_day));
  show_window (out, ",\"token_month\":", ",\"month_tokens\":", atomic_load (&cell->tokens_month));
  kg_out_lit (out, ",\"last_used_at\":");
  kg_out_text (out, now);
  kg_out_lit (out, "}");
}

/* On the committer's thread.  What could not be written is tried again. */
static void
batch_done (const struct kg_outcome *outcome, void *arg)
{
  struct batch *batch = arg;
  uint32_t i;
  for (i = 0; outcome->error && i < batch->count; i++)
    usage_mark (batch->auth, batch->cells[i]);
  atomic_store (&batch->auth->write_error, outcome->error);
  free (batch);
}

static int32_t
batch_write (struct batch *batch)
{
  struct kg_op ops[BATCH_CELLS];
  char text[BATCH_CELLS][VALUE_MAX], now[TEXT_TIME];
  const struct auth *auth = batch->auth;
  uint32_t i;
  text_time (wall_ns (), now);
  memset (ops, 0, sizeof ops);
  for (i = 0; i < batch->count; i++) {
    struct cell *cell = batch->cells[i];
    struct kg_out out = { text[i], 0, VALUE_MAX };
    atomic_store (&cell->dirty, 0); /* before reading: later changes mark it again */
    cell_show (&out, cell, now);
    ops[i].kind = KG_OP_PUT;
    ops[i].bucket = auth->usage_bucket;
    ops[i].key = (kg_str){ cell->id, strlen (cell->id) };
    ops[i].value = (kg_str){ out.ptr, out.len };
    ops[i].revision = KG_REV_ANY;
    ops[i].ttl_ms = KEEP_MS;
  }
  return auth->store->write (auth->self, ops, batch->count, sizeof ops[0], batch_done, batch);
}

/* Takes up to a batch of cells off *list and writes them; 0 or -errno. */
static int32_t
batch_send (struct auth *auth, struct cell **list)
{
  struct batch *batch = calloc (1, sizeof *batch);
  struct kg_outcome failed = { .size = sizeof failed, .error = -ENOMEM };
  int32_t rc;
  if (!batch)
    return -ENOMEM;
  batch->auth = auth;
  for (; *list && batch->count < BATCH_CELLS; *list = (*list)->next)
    batch->cells[batch->count++] = *list;
  rc = batch_write (batch);
  if (rc < 0) {
    failed.error = rc;
    batch_done (&failed, batch);
  }
  return rc;
}

void
usage_flush (struct auth *auth)
{
  struct cell *list = atomic_exchange (&auth->changed, NULL);
  while (list && batch_send (auth, &list) == 0)
    ;
  while (list) { /* no memory, or too much waits: next time */
    struct cell *next = list->next;
    atomic_store (&list->dirty, 0);
    usage_mark (auth, list);
    list = next;
  }
}

/* ---- Reading back -------------------------------------------------------- */

static uint64_t
window_read (json_object *o, const char *number, const char *count)
{
  json_object *n, *c;
  if (!json_object_object_get_ex (o, number, &n) || !json_object_object_get_ex (o, count, &c))
    return 0;
  return limit_word ((uint32_t) json_object_get_int64 (n), (uint64_t) json_object_get_int64 (c));
}

static json_object *
value_parse (kg_str value)
{
  json_tokener *tok = value.len < 4096 ? json_tokener_new () : NULL;
  json_object *o = tok ? json_tokener_parse_ex (tok, value.ptr, (int) value.len) : NULL;
  if (tok)
    json_tokener_free (tok);
  return o;
}

static int32_t
restore_entry (const struct kg_entry *entry, void *arg)
{
  struct auth *auth = arg;
  char id[TEXT_UUID];
  uint32_t number = text_uuid (entry->key.ptr, entry->key.len, id) == 0
                        ? cellmap_number (&auth->cellmap, id)
                        : 0;
  struct cell *cell = number ? cellmap_at (&auth->cellmap, number) : NULL;
  json_object *o = cell ? value_parse (entry->value) : NULL;
  if (!o)
    return 0;
  atomic_store (&cell->day, window_read (o, "day", "requests"));
  atomic_store (&cell->tokens_day, window_read (o, "token_day", "tokens"));
  atomic_store (&cell->tokens_month, window_read (o, "token_month", "month_tokens"));
  json_object_put (o);
  return 0;
}

int32_t
usage_restore (struct auth *auth)
{
  kg_str all = { "", 0 };
  return auth->store->scan (auth->usage_bucket, all, restore_entry, auth);
}

int64_t
usage_last_used (const struct auth *auth, kg_str id)
{
  struct kg_entry entry = { .size = sizeof entry };
  json_object *o, *v;
  const char *text;
  int64_t ns = 0;
  if (auth->store->get (auth->usage_bucket, id, &entry) < 0)
    return 0;
  o = value_parse (entry.value);
  text = json_object_object_get_ex (o, "last_used_at", &v) ? json_object_get_string (v) : NULL;
  if (text && text_time_parse (text, strlen (text), &ns) < 0)
    ns = 0;
  json_object_put (o);
  return ns;
}
