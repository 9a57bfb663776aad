/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What the exporter tells the world: health, figures, gauges. */
#include "plugins/metering-openmeter/exporter.h"

#include <stdio.h>

static uint64_t
lag (const struct exporter *x)
{
  uint64_t newest = x->mt->store->newest (x->mt->usage);
  return newest > x->after ? newest - x->after : 0;
}

static void
facts (struct exporter *x)
{
  char text[512], at[MT_TIME_LEN + 1];
  int64_t last = atomic_load (&x->last_flush_ns);
  int n;
  mt_time (last, at);
  n = snprintf (text, sizeof text,
                "{\"configured\":true,\"running\":%s,\"events_sent\":%llu,"
                "\"events_failed\":%llu,\"events_buffered\":%llu,\"events_parked\":%llu,"
                "\"last_flush\":%s%s%s}",
                x->refused ? "false" : "true", (unsigned long long)atomic_load (&x->sent),
                (unsigned long long)atomic_load (&x->failed), (unsigned long long)lag (x),
                (unsigned long long)atomic_load (&x->parked), last ? "\"" : "",
                last ? at : "null", last ? "\"" : "");
  x->mt->health->facts (x->mt->openmeter, text, (size_t)n);
}

void
exporter_report (struct exporter *x)
{
  struct mt *mt = x->mt;
  uint32_t ttl = (uint32_t)(mt->conf->flush_interval * 30000) + 10000;
  if (x->refused)
    mt->health->set (mt->openmeter, KG_HEALTH_DOWN, ttl, "stopped: %s", x->reason);
  else if (x->attempt)
    mt->health->set (mt->openmeter, KG_HEALTH_DEGRADED, ttl, "retrying: %s", x->reason);
  else if (x->met)
    mt->health->set (mt->openmeter, KG_HEALTH_OK, ttl, "%s", "");
  else
    mt->health->set (mt->openmeter, KG_HEALTH_STARTING, ttl, "no answer yet");
  mt->metrics->set (mt->buffered, 0, (double)lag (x));
  facts (x);
}
