/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The reader of usage records on any text: what the host's scanner takes, it takes,
 * with the same tape; it takes nothing else but what differs by design; and whatever
 * it reads as a record holds what it promises. */
#include "core/util/json.h"

#include "plugins/metering-openmeter/record_read.h"

#include <errno.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
must (int truth)
{
  if (!truth)
    abort ();
}

static void
same_tape (const struct kg_json *a, const struct kg_json *b)
{
  uint32_t i;
  must (a->count == b->count);
  for (i = 0; i < a->count; i++)
    must (!memcmp (a->token + i, b->token + i, sizeof *a->token));
}

/* What only the host refuses. */
static int
by_design (const char *reason)
{
  return !strcmp (reason, "duplicate key") || !strcmp (reason, "number too long")
         || !strcmp (reason, "number out of range") || !strcmp (reason, "too many values");
}

static void
compare (struct record_read *r, const char *text, size_t size)
{
  uint32_t max = json_tokens_bound (size);
  struct kg_json_token *tokens = malloc (max * sizeof *tokens);
  struct kg_json theirs;
  struct json_error error = { 0, "" };
  int32_t mine = record_scan (r, (kg_str){ text, size });
  int32_t host = json_scan (text, size, tokens, max, &theirs, &error);
  must (!mine || mine == -EBADMSG);
  if (!host && size <= RECORD_TEXT_MAX) {
    must (!mine);
    same_tape (&r->json, &theirs);
  }
  if (host && !mine)
    must (by_design (error.reason));
  free (tokens);
}

static void
event_check (const struct record_read *r, const struct record_event *e)
{
  const struct kg_json *j = &r->json;
  must (kg_json_kind (j, e->type) == KG_JSON_STRING && j->token[e->type].len);
  must (kg_json_kind (j, record_subject (r, e)) == KG_JSON_STRING);
  must (!e->id == !e->source && e->time_ns >= 0);
  must (e->id || kg_json_kind (j, e->data) == KG_JSON_OBJECT);
  if (e->corrects)
    must (e->ext && kg_json_kind (j, e->corrects) == KG_JSON_STRING);
  if (e->data)
    must (record_member (j, e->data, (kg_str){ "a.b.c", 5 }) < j->count);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  static struct record_read r; /* kept, as its users do */
  struct record_event e;
  char *text = malloc (size ? size : 1); /* without a byte to spare */
  uint32_t k = 0;
  int64_t ns;
  memcpy (text, data, size);
  compare (&r, text, size);
  if (!record_read (&r, (kg_str){ text, size })) {
    for (; record_next (&r, &e); k++) {
      must (e.k == k);
      event_check (&r, &e);
    }
    must (k || r.charge);
  }
  if (!record_time ((kg_str){ text, size }, &ns))
    must (ns >= 0);
  free (text);
  return 0;
}
