/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* metering-openmeter.so: usage made durable before a 2xx leaves (record.c), and
 * sent to OpenMeter and other sinks afterwards (sink.c). */
#include "plugins/metering-openmeter/metering.h"

#include "plugins/metering-openmeter/ingest.h"
#include "plugins/metering-openmeter/entitlement.h"
#include "plugins/metering-openmeter/meters.h"
#include "plugins/metering-openmeter/rollup.h"
#include "plugins/metering-openmeter/sink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct mt *mt_plugin;

#define KEEP(name, days, unit)                                                                 \
  {                                                                                            \
    .key = name, .dflt = days, .type = KG_OPT_INT, .min = 0, .max = 36500,                     \
    .offset = sizeof (int64_t) * (unit),                                                       \
    .help = "Days that rollups of " name " stay; 0: for ever."                                 \
  }

static const struct kg_opt rollup_options[]
    = { KEEP ("minutes", "14", UNIT_MINUTE), KEEP ("hours", "100", UNIT_HOUR),
        KEEP ("days", "800", UNIT_DAY), KEEP ("months", "0", UNIT_MONTH), { .key = NULL } };

static const struct kg_opt options[] = {
  { .key = "url",
    .dflt = "",
    .type = KG_OPT_STRING,
    .offset = offsetof (struct mt_conf, url),
    .help
    = "Base URL of the server that takes /api/v1/events; empty: usage is only kept here." },
  { .key = "api_key",
    .dflt = "",
    .type = KG_OPT_STRING,
    .flags = KG_OPT_SECRET,
    .offset = offsetof (struct mt_conf, api_key),
    .help = "Bearer token for that server." },
  { .key = "enabled",
    .dflt = "true",
    .type = KG_OPT_BOOL,
    .offset = offsetof (struct mt_conf, enabled),
    .help = "Whether events are sent at all; they are recorded in any case." },
  { .key = "source",
    .dflt = "kgents-api",
    .type = KG_OPT_STRING,
    .offset = offsetof (struct mt_conf, source),
    .help = "CloudEvents source of the host's own events, and the beginning of that of others." },
  { .key = "batch_size",
    .dflt = "100",
    .type = KG_OPT_INT,
    .min = 1,
    .max = 1000,
    .offset = offsetof (struct mt_conf, batch_size),
    .help = "Events that are sent at once." },
  { .key = "flush_interval",
    .dflt = "1.0",
    .type = KG_OPT_NUMBER,
    .min = 0,
    .max = 60,
    .offset = offsetof (struct mt_conf, flush_interval),
    .help = "Seconds after which fewer events are sent too." },
  { .key = "timeout",
    .dflt = "10.0",
    .type = KG_OPT_NUMBER,
    .min = 1,
    .max = 300,
    .offset = offsetof (struct mt_conf, timeout),
    .help = "Seconds that the server has to answer a batch." },
  { .key = "keep_days",
    .dflt = "400",
    .type = KG_OPT_INT,
    .min = 0,
    .max = 36500,
    .offset = offsetof (struct mt_conf, keep_days),
    .help = "Days that records stay once they were sent; 0: for ever." },
  { .key = "api_requests",
    .dflt = "false",
    .type = KG_OPT_BOOL,
    .offset = offsetof (struct mt_conf, api_requests),
    .help = "Whether every authenticated request is an api.request event as well." },
  { .key = "canary",
    .dflt = "false",
    .type = KG_OPT_BOOL,
    .offset = offsetof (struct mt_conf, canary),
    .help = "Whether that server is asked if equal events count once." },
  { .key = "sinks",
    .type = KG_OPT_LIST,
    .offset = offsetof (struct mt_conf, sinks),
    .sub_size = sizeof (struct sink_conf),
    .sub = sink_options,
    .help = "Where else events go." },
  { .key = "meters",
    .type = KG_OPT_LIST,
    .offset = offsetof (struct mt_conf, meters),
    .sub_size = sizeof (struct meter_conf),
    .sub = meter_options,
    .help = "What is measured; without it the usual meters." },
  { .key = "rollups",
    .type = KG_OPT_GROUP,
    .offset = offsetof (struct mt_conf, rollups),
    .sub = rollup_options,
    .help = "How long what was measured is kept, by window." },
  { .key = "ingest",
    .type = KG_OPT_GROUP,
    .offset = offsetof (struct mt_conf, ingest),
    .sub = ingest_options,
    .help = "Events that others send." },
  { .key = "receipts",
    .dflt = "mac",
    .type = KG_OPT_STRING,
    .choices = "mac|ed25519|off",
    .offset = offsetof (struct mt_conf, receipts),
    .help = "What billable answers' Kgent-Receipt is signed with; off: they have none." },
  { .key = NULL }
};

const char *const mt_types[] = { "agentese.invoke",
                                 "api.request",
                                 "llm.tokens",
                                 "session.create",
                                 "session.message",
                                 "subscription.started",
                                 "subscription.updated",
                                 "subscription.ended",
                                 "payment.success",
                                 "payment.failed",
                                 "other",
                                 NULL };

static const char events_parameters[]
    = "[{\"name\":\"after\",\"in\":\"query\",\"required\":false,"
      "\"description\":\"Sequence behind which to begin: the last page's next.\","
      "\"schema\":{\"type\":\"integer\",\"minimum\":0,\"default\":0}},"
      "{\"name\":\"limit\",\"in\":\"query\",\"required\":false,"
      "\"schema\":{\"type\":\"integer\",\"minimum\":16,\"maximum\":1000,\"default\":100}}]";

static const char events_answer[]
    = "{\"type\":\"object\",\"required\":[\"events\",\"next\",\"newest\"],\"properties\":{"
      "\"events\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}},"
      "\"next\":{\"type\":\"integer\"},\"newest\":{\"type\":\"integer\"},"
      "\"delivered\":{\"type\":\"integer\"}}}";

static const struct kg_route events_route = { .size = sizeof events_route,
                                              .flags = KG_ADMIN,
                                              .method = "GET",
                                              .pattern = "/admin/v1/usage/events",
                                              .scope = "admin",
                                              .handler = mt_list,
                                              .summary = "List recorded usage as CloudEvents",
                                              .parameters = events_parameters,
                                              .response_schema = events_answer,
                                              .statuses = "422" };

static int32_t
needs (struct mt *mt)
{
  const struct kg_host *h = mt->host;
  int32_t r;
  if ((r = h->need (mt->self, KG_STORE, sizeof *mt->store, 0, (const void **)&mt->store)) < 0
      || (r = h->need (mt->self, KG_HEALTH, sizeof *mt->health, 0, (const void **)&mt->health))
             < 0
      || (r
          = h->need (mt->self, KG_METRICS, sizeof *mt->metrics, 0, (const void **)&mt->metrics))
             < 0
      || (r = h->need (mt->self, KG_JOBS, sizeof *mt->jobs, 0, (const void **)&mt->jobs)) < 0
      || (r = h->need (mt->self, KG_BUDGET, sizeof *mt->budget, KG_NEED_OPTIONAL,
                       (const void **)&mt->budget))
             < 0)
    return r;
  return h->need (mt->self, KG_HTTP, sizeof *mt->http, 0, (const void **)&mt->http);
}

static int32_t
metric (struct mt *mt, int32_t kind, const char *name, const char *help, int32_t by_type,
        kg_metric **ret)
{
  const struct kg_label types = { "event_type", mt_types };
  struct kg_metric_def def = { .size = sizeof def,
                               .kind = kind,
                               .name = name,
                               .help = help,
                               .labels = &types,
                               .nlabels = by_type ? 1 : 0 };
  return mt->metrics->define (mt->self, &def, ret);
}

static int32_t
metrics_define (struct mt *mt)
{
  static const struct {
    const char *name, *help;
    int32_t kind, by_type;
    size_t offset;
  } all[] = {
    { "kgent_metering_events_total", "Usage events recorded.", KG_COUNTER, 1,
      offsetof (struct mt, recorded) },
    { "kgent_metering_refused_total", "Usage events that could not be recorded.", KG_COUNTER, 0,
      offsetof (struct mt, unrecorded) },
    { "kgent_metering_receipts_missing_total", "Answers whose receipt could not be made.",
      KG_COUNTER, 0, offsetof (struct mt, unsigned_) },
  };
  uint32_t i;
  int32_t r = 0;
  for (i = 0; i < sizeof all / sizeof all[0] && r >= 0; i++)
    r = metric (mt, all[i].kind, all[i].name, all[i].help, all[i].by_type,
                (kg_metric **)((char *)mt + all[i].offset));
  return r;
}

static int32_t
declare (struct mt *mt)
{
  const struct kg_host *h = mt->host;
  int32_t r;
  if ((r = needs (mt)) < 0
      || (r = mt->store->log (mt->self, "usage", 0, (uint32_t)mt->conf->keep_days, &mt->usage)) < 0
      || (r = metrics_define (mt)) < 0
      || (r = mt->health->add (mt->self, "metering", KG_HEALTH_ESSENTIAL, &mt->recording)) < 0
      || (r = mt_sinks_open (mt)) < 0
      || (r = h->provide (mt->self, KG_METER, &mt_meter, sizeof mt_meter)) < 0
      || (r = h->route (mt->self, &events_route)) < 0
      || (r = rollup_open (mt, &mt->conf->meters, &mt->conf->rollups, &mt->rollup)) < 0
      || (r = entitlements_open (mt, &mt->rollup->meters, &mt->entitlements)) < 0
      || (r = ingest_open (mt, &mt->conf->ingest, &mt->ingest)) < 0)
    return r;
  r = h->hook (mt->self, KG_PHASE_COMMIT, mt_commit);
  return r < 0 ? r : mt_receipts_open (mt);
}

static void
metering_close (void *data)
{
  struct mt *mt = data;
  mt_sinks_close (mt);
  entitlements_close (mt->entitlements);
  rollup_close (mt->rollup);
  ingest_close (mt->ingest);
  mt_receipts_close (mt);
  free (mt);
  mt_plugin = NULL;
}

#define SOURCE_MAX 256

/* What could never work is refused now, not at the first event. */
static int32_t
conf_check (struct mt *mt)
{
  static const char uri[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                            "-._~:/?@!$&'()*+,;=%";
  const char *source = mt->conf->source;
  if (source && source[0] && !source[strspn (source, uri)] && strlen (source) <= SOURCE_MAX)
    return 0;
  mt->host->log (mt->self, KG_LOG_ERROR,
                 "metering-openmeter.source: \"%.64s\" is no URI of up to %d characters that # can "
                 "stand behind; write kgents-api", source ? source : "", SOURCE_MAX);
  return -EINVAL;
}

static int32_t
metering_open (const struct kg_host *host, kg_self *self, const void *conf, void **ret_data)
{
  struct mt *mt = calloc (1, sizeof *mt);
  int32_t r;
  if (!mt)
    return -ENOMEM;
  mt->host = host;
  mt->self = self;
  mt->conf = conf;
  mt_plugin = mt;
  r = conf_check (mt);
  if (!r)
    r = declare (mt);
  if (r < 0) {
    metering_close (mt);
    return r;
  }
  *ret_data = mt;
  return 0;
}

static int32_t
metering_start (void *data)
{
  struct mt *mt = data;
  int32_t r = mt_receipts_start (mt);
  if (r < 0 || (r = rollup_start (mt->rollup)) < 0)
    return r;
  mt->health->set (mt->recording, KG_HEALTH_OK, 0, "%s", "");
  if ((r = mt_sinks_start (mt)) < 0) {
    rollup_stop (mt->rollup);
    return r;
  }
  if ((r = entitlements_start (mt->entitlements)) < 0) {
    rollup_stop (mt->rollup);
    mt_sinks_stop (mt);
  }
  return r;
}

static void
metering_stop (void *data)
{
  struct mt *mt = data;
  entitlements_stop (mt->entitlements);
  rollup_stop (mt->rollup);
  mt_sinks_stop (mt);
  mt_receipts_stop (mt);
}

KG_PLUGIN (.name = "metering-openmeter", .version = "1.0",
           .summary = "Record usage durably and send it to OpenMeter.", .opts = options,
           .conf_size = sizeof (struct mt_conf), .open = metering_open, .start = metering_start,
           .stop = metering_stop, .close = metering_close);
