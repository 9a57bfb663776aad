/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The canary: once a minute an event is sent twice, and the far side asked how often
 * it counts.  Where that is not once, equal ids are not told there, and what may have
 * arrived must not be sent again.
 *
 * All hosts send the same event in the same minute: so they don't confuse each other. */
#include "plugins/metering-openmeter/sink_openmeter.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define EVERY_MS 60000
#define ASK_MS 10000 /* between questions: the far side takes its time, too */
#define ASK_MAX 5

/* Steps: 0 wait for the minute, 1 sent once, 2 sent twice, from 3 on asked. */

static int32_t
elapsed (const struct sink *s, int64_t ms)
{
  double interval = s->conf.flush_interval * 1000;
  return atomic_load (&s->ticks) * (interval < 10 ? 10 : interval) >= (double)ms;
}

static int32_t
event_send (struct sink *s)
{
  char text[512], time[MT_TIME_LEN + 1];
  int n;
  mt_time (s->canary_minute * 60000000000, time);
  n = snprintf (text, sizeof text,
                "[{\"specversion\":\"1.0\",\"id\":\"canary-%lld\",\"source\":\"kgent-canary\","
                "\"type\":\"kgent.canary\",\"subject\":\"kgent-canary\",\"time\":\"%s\","
                "\"datacontenttype\":\"application/json\",\"data\":{}}]",
                (long long)s->canary_minute, time);
  return openmeter_request (s, "POST", "/api/v1/events", (kg_str){ text, (size_t)n },
                            SINK_CANARY);
}

static int32_t
question_send (struct sink *s)
{
  char path[256], from[MT_TIME_LEN + 1], to[MT_TIME_LEN + 1];
  mt_time (s->canary_minute * 60000000000, from);
  mt_time ((s->canary_minute + 1) * 60000000000, to);
  snprintf (path, sizeof path,
            "/api/v1/meters/kgent_canary/query?from=%.19sZ&to=%.19sZ&subject=kgent-canary", from,
            to);
  return openmeter_request (s, "GET", path, (kg_str){ NULL, 0 }, SINK_CANARY);
}

static void
begin (struct sink *s)
{
  struct timespec now;
  clock_gettime (CLOCK_REALTIME, &now);
  s->canary_minute = now.tv_sec / 60;
  atomic_store (&s->ticks, 1);
}

int32_t
canary_next (struct sink *s)
{
  int32_t r = -1;
  if (!s->conf.canary || s->kind != &sink_openmeter || !s->met)
    return 0;
  if (!s->canary && (!s->canary_minute || elapsed (s, EVERY_MS))) {
    begin (s);
    r = event_send (s);
  } else if (s->canary == 1) {
    r = event_send (s);
  } else if (s->canary >= 2 && elapsed (s, (s->canary - 1) * ASK_MS)) {
    r = question_send (s);
  }
  if (r < 0)
    return 0;
  s->canary++;
  return 1;
}

/* The largest value of the answer's rows; -1: there is none. */
static double
largest (const struct sink_reply *r)
{
  struct record_read read = { 0 };
  const struct kg_json *j = &read.json;
  double v, most = -1;
  uint32_t data, i, value;
  if (!r->body || record_scan (&read, (kg_str){ r->body, r->body_len }) < 0)
    goto end;
  data = kg_json_find (j, 0, "data");
  if (kg_json_kind (j, data) != KG_JSON_ARRAY)
    goto end;
  for (i = kg_json_first (j, data); i; i = kg_json_next (j, data, i)) {
    char text[32];
    kg_str s;
    value = kg_json_find (j, i, "value");
    if (!value || (s = kg_json_raw (j, value)).len >= sizeof text)
      continue;
    memcpy (text, s.ptr, s.len);
    text[s.len] = 0;
    if (sscanf (text, "%lf", &v) == 1 && v > most)
      most = v;
  }
end:
  record_read_free (&read);
  return most;
}

static void
verdict (struct sink *s, uint32_t dedupe)
{
  s->canary = 0;
  if (s->tally.dedupe == dedupe)
    return;
  s->tally.dedupe = dedupe;
  if (dedupe == DEDUPE_NO)
    s->mt->host->log (s->mt->self, KG_LOG_ERROR,
                      "%s: an event that was sent twice counts twice there: batches that may "
                      "have arrived are parked from now on",
                      s->conf.name);
  else
    s->mt->host->log (s->mt->self, KG_LOG_INFO, "%s: equal events count once there",
                      s->conf.name);
  sink_ack (s);
}

void
canary_settle (struct sink *s, const struct sink_reply *r)
{
  double v;
  if (r->error || r->status < 200 || r->status > 299) {
    s->canary = 0; /* the next minute is another chance */
    return;
  }
  if (s->canary < 3)
    return;
  v = largest (r);
  if (v >= 2)
    verdict (s, DEDUPE_NO);
  else if (v >= 1)
    verdict (s, DEDUPE_YES);
  else if (s->canary >= 2 + ASK_MAX)
    s->canary = 0;
}
