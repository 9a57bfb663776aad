/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Bodies of events on any text: whatever is taken is a usage record that its reader
 * takes, with as many events, each of which says what was sent. */
#include "core/util/json.h"

#include "plugins/metering-openmeter/cloudevent.h"
#include "plugins/metering-openmeter/record_read.h"

#include <errno.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

#define NOW INT64_C (1795888372000000000)
#define DAY INT64_C (86400000000000)

static void
must (int truth)
{
  if (!truth)
    abort ();
}

/* The members of the record are those of the event. */
static void
event_check (const struct kg_json *j, const struct cloudevent *c, const struct record_read *r,
             const struct record_event *e, const struct cloudevent_rules *rules)
{
  kg_str a = kg_json_text (j, c->id), b = kg_json_text (&r->json, e->id);
  must (a.len == b.len && !memcmp (a.ptr, b.ptr, a.len));
  must (!e->data == !c->data && !e->corrects == !c->corrects && !e->time == !c->time);
  must (!e->time || (e->time_ns >= rules->oldest_ns && e->time_ns <= rules->newest_ns));
  must (rules->foreign || !e->subject);
}

static void
event_try (const struct kg_json *j, uint32_t i, const struct cloudevent_rules *rules)
{
  struct record_read r = { 0 };
  struct record_event e;
  struct cloudevent c;
  struct kg_out o = { NULL, 0, j->token[i].len + 256u };
  cloudevent_read (j, i, rules, &c);
  if (c.error)
    return;
  o.ptr = malloc (o.cap);
  kg_out_lit (&o, "{\"tenant\":\"acme\",\"time\":1795888372000000000,\"events\":[");
  cloudevent_write (j, &c, rules->tenant, &o);
  kg_out_lit (&o, "]}");
  must (kg_out_ok (&o));
  must (!record_read (&r, (kg_str){ o.ptr, o.len }));
  must (record_next (&r, &e));
  event_check (j, &c, &r, &e, rules);
  must (!record_next (&r, &e));
  record_read_free (&r);
  free (o.ptr);
}

static void
body_try (const struct kg_json *j, const struct cloudevent_rules *rules)
{
  uint32_t i;
  if (kg_json_kind (j, 0) != KG_JSON_ARRAY) {
    event_try (j, 0, rules);
    return;
  }
  for (i = kg_json_first (j, 0); i; i = kg_json_next (j, 0, i))
    event_try (j, i, rules);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  uint32_t max = json_tokens_bound (size);
  struct kg_json_token *tokens = malloc (max * sizeof *tokens);
  struct cloudevent_rules rules = { .tenant = "acme",
                                    .reserved = "kgents-api",
                                    .oldest_ns = NOW - 32 * DAY,
                                    .newest_ns = NOW + DAY };
  struct kg_json j;
  struct json_error error = { 0, "" };
  if (size <= RECORD_TEXT_MAX / 2
      && !json_scan ((const char *)data, size, tokens, max, &j, &error)) {
    body_try (&j, &rules);
    rules.foreign = rules.loose = 1;
    body_try (&j, &rules);
  }
  must (cloudevent_is_text ((kg_str){ (const char *)data, size }) >= 0);
  free (tokens);
  return 0;
}
