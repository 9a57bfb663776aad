/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* All sinks: the one of the options at the top, "openmeter", and those of the list. */
#include "plugins/metering-openmeter/sink.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

const struct kg_opt sink_options[] = {
  { .key = "name",
    .type = KG_OPT_STRING,
    .flags = KG_OPT_REQUIRED,
    .offset = offsetof (struct sink_conf, name),
    .help = "Name of the sink: lower-case letters, digits and underscores." },
  { .key = "kind",
    .type = KG_OPT_STRING,
    .flags = KG_OPT_REQUIRED,
    .choices = "openmeter|file|webhook",
    .offset = offsetof (struct sink_conf, kind),
    .help = "What it is." },
  { .key = "url",
    .dflt = "",
    .type = KG_OPT_STRING,
    .offset = offsetof (struct sink_conf, url),
    .help = "Base URL of an openmeter, the whole one of a webhook." },
  { .key = "api_key",
    .dflt = "",
    .type = KG_OPT_STRING,
    .flags = KG_OPT_SECRET,
    .offset = offsetof (struct sink_conf, api_key),
    .help = "Bearer token for an openmeter." },
  { .key = "canary",
    .dflt = "false",
    .type = KG_OPT_BOOL,
    .offset = offsetof (struct sink_conf, canary),
    .help = "Whether an openmeter is asked if equal events count once." },
  { .key = "secrets",
    .dflt = "",
    .type = KG_OPT_STRINGS,
    .flags = KG_OPT_SECRET,
    .offset = offsetof (struct sink_conf, secrets),
    .help = "What a webhook is signed with, each whsec_ and base64; the newest one first." },
  { .key = "dir",
    .dflt = "",
    .type = KG_OPT_STRING,
    .offset = offsetof (struct sink_conf, dir),
    .help = "Folder of files." },
  { .key = "max_bytes",
    .dflt = "134217728",
    .type = KG_OPT_INT,
    .min = 4096,
    .max = 1099511627776,
    .offset = offsetof (struct sink_conf, max_bytes),
    .help = "Bytes after which the next file is begun, as it is each day." },
  { .key = "batch_size",
    .dflt = "100",
    .type = KG_OPT_INT,
    .min = 1,
    .max = 1000,
    .offset = offsetof (struct sink_conf, batch_size),
    .help = "Events that it gets at once." },
  { .key = "flush_interval",
    .dflt = "1.0",
    .type = KG_OPT_NUMBER,
    .min = 0,
    .max = 60,
    .offset = offsetof (struct sink_conf, flush_interval),
    .help = "Seconds after which it gets fewer events, too." },
  { .key = "timeout",
    .dflt = "10.0",
    .type = KG_OPT_NUMBER,
    .min = 1,
    .max = 300,
    .offset = offsetof (struct sink_conf, timeout),
    .help = "Seconds that it has to answer a batch." },
  { .key = NULL }
};

static const struct sink_kind *const kinds[] = { &sink_openmeter, &sink_file, &sink_webhook };

static const struct sink_kind *
kind_find (const char *name)
{
  size_t i;
  for (i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
    if (!strcmp (kinds[i]->name, name))
      return kinds[i];
  return NULL;
}

struct sink *
sink_find (struct sinks *all, kg_str name)
{
  uint32_t i;
  for (i = 0; i < all->count; i++)
    if (strlen (all->names[i]) == name.len && !memcmp (all->names[i], name.ptr, name.len))
      return all->sink[i];
  return NULL;
}

/* ---- Declaring -------------------------------------------------------------------- */

int32_t
sink_refuse (const struct sink *s, const char *option, const char *fmt, ...)
{
  char text[SINK_URL_MAX];
  va_list ap;
  va_start (ap, fmt);
  vsnprintf (text, sizeof text, fmt, ap);
  va_end (ap);
  s->mt->host->log (s->mt->self, KG_LOG_ERROR, "metering-openmeter.%s%s: %s", s->place, option,
                    text);
  return -EINVAL;
}

static int32_t
name_check (const struct sink *s)
{
  const struct sinks *all = s->all;
  const char *name = s->conf.name;
  size_t n = strlen (name);
  uint32_t i;
  if (!n || n > SINK_NAME_MAX
      || strspn (name, "abcdefghijklmnopqrstuvwxyz0123456789_") != n)
    return sink_refuse (s, "name", "\"%.64s\" is no name; write up to %d lower-case letters, "
                        "digits and underscores", name, SINK_NAME_MAX);
  for (i = 0; i + 1 < all->count; i++)
    if (!strcmp (all->names[i], name))
      return sink_refuse (s, "name", "\"%s\" is there twice%s; write another", name,
                          all->sink[i]->place[0] ? "" : ", for it is that of url at the top");
  return 0;
}

/* What a sink has in the store and in the health; that of the options at the top has its
 * old names. */
static int32_t
names_declare (struct sink *s)
{
  const char *name = s->conf.name;
  char cursor[64], component[64];
  int32_t old = !strcmp (name, "openmeter"), r;
  snprintf (cursor, sizeof cursor, "%s%s", old ? "" : "sink.", name);
  snprintf (component, sizeof component, "%s%s", old ? "" : "sink_", name);
  r = s->mt->store->cursor (s->mt->self, s->mt->usage, cursor, &s->cursor);
  return r < 0 ? r : s->mt->health->add (s->mt->self, component, 0, &s->component);
}

/* At `place`: "", or "sinks[N]." */
static int32_t
sink_add (struct sinks *all, const struct sink_conf *conf, const char *place)
{
  struct sink *s = calloc (1, sizeof *s);
  int32_t r;
  if (!s)
    return -ENOMEM;
  snprintf (s->place, sizeof s->place, "%s", place);
  s->mt = all->mt;
  s->all = all;
  s->conf = *conf;
  s->kind = kind_find (conf->kind);
  s->index = all->count;
  s->fd = s->lock_fd = -1;
  s->stopped = 1;
  s->limit = (uint32_t)conf->batch_size;
  atomic_init (&s->refs, 1);
  if (getrandom (&s->seed, sizeof s->seed, 0) != sizeof s->seed)
    s->seed = 1;
  pthread_mutex_init (&s->lock, NULL);
  all->names[all->count] = s->conf.name;
  all->sink[all->count++] = s;
  r = name_check (s);
  if (!r)
    r = s->kind->check (s);
  return r < 0 ? r : names_declare (s);
}

/* The sink of the options at the top. */
static int32_t
first_add (struct sinks *all)
{
  const struct mt_conf *c = all->mt->conf;
  const struct sink_conf first = { .name = "openmeter",
                                   .kind = "openmeter",
                                   .url = c->url,
                                   .api_key = c->api_key,
                                   .canary = c->canary,
                                   .batch_size = c->batch_size,
                                   .flush_interval = c->flush_interval,
                                   .timeout = c->timeout };
  return sink_add (all, &first, "");
}

/* Tells of an OpenMeter that isn't there. */
static int32_t
absence_declare (struct sinks *all)
{
  static const char facts[] = "{\"configured\":false,\"running\":false}";
  const struct kg_health *h = all->mt->health;
  int32_t r;
  if (sink_find (all, (kg_str){ "openmeter", 9 }))
    return 0;
  r = h->add (all->mt->self, "openmeter", 0, &all->absent);
  if (r < 0)
    return r;
  h->set (all->absent, KG_HEALTH_ABSENT, 0, "%s", "");
  return h->facts (all->absent, facts, sizeof facts - 1);
}

/* Records were added to the log; on the committer's thread. */
static void
on_records (void *arg)
{
  struct mt *mt = arg;
  uint32_t i;
  for (i = 0; i < mt->sinks->count; i++) {
    struct sink *s = mt->sinks->sink[i];
    uint64_t n = mt->store->newest (mt->usage) - mt->store->position (s->cursor);
    pthread_mutex_lock (&s->lock);
    if (!s->stopped && s->timer && s->busy == SINK_IDLE && n >= (uint64_t)s->conf.batch_size)
      mt->jobs->kick (s->timer);
    pthread_mutex_unlock (&s->lock);
  }
}

/* An entry has come, gone or changed: those of that sink are counted again. */
static void
on_parked (const struct kg_entry *entry, void *arg)
{
  struct sinks *all = arg;
  const char *slash = memchr (entry->key.ptr, '/', entry->key.len);
  struct sink *s;
  if (!slash)
    return;
  s = sink_find (all, (kg_str){ entry->key.ptr, (size_t)(slash - entry->key.ptr) });
  if (s)
    atomic_store (&s->parked_changed, 1);
}

static int32_t
listed_add (struct sinks *all, uint64_t i, const struct sink_conf *conf)
{
  char place[SINK_PLACE];
  if (all->count == SINKS_MAX) {
    all->mt->host->log (all->mt->self, KG_LOG_ERROR,
                        "metering-openmeter.sinks[%llu]: it is one too many; %d are allowed, and "
                        "that of url at the top is one of them", (unsigned long long)i, SINKS_MAX);
    return -EINVAL;
  }
  snprintf (place, sizeof place, "sinks[%u].", (unsigned)i);
  return sink_add (all, conf, place);
}

static int32_t
sinks_add (struct sinks *all)
{
  const struct mt_conf *c = all->mt->conf;
  const struct sink_conf *conf = c->sinks.items;
  uint64_t i;
  int32_t r = 0;
  if (!c->enabled)
    return 0;
  if (c->url && c->url[0])
    r = first_add (all);
  for (i = 0; i < c->sinks.count && r >= 0; i++)
    r = listed_add (all, i, &conf[i]);
  return r;
}

int32_t
mt_sinks_open (struct mt *mt)
{
  struct sinks *all = calloc (1, sizeof *all);
  int32_t r;
  if (!all)
    return -ENOMEM;
  mt->sinks = all;
  all->mt = mt;
  pthread_mutex_init (&all->left_lock, NULL);
  if ((r = mt->store->bucket (mt->self, "metering.sinks", &all->tallies)) < 0
      || (r = mt->store->bucket2 (mt->self, "metering.parked", KG_BUCKET_COLD, &all->parked))
             < 0
      || (r = sinks_add (all)) < 0 || (r = absence_declare (all)) < 0
      || (r = sink_metrics_define (all)) < 0 || (r = sink_admin_open (mt)) < 0)
    return r;
  if (all->count && (r = mt->store->watch (all->parked, on_parked, all)) < 0)
    return r;
  return all->count ? mt->store->notify (mt->usage, on_records, mt) : 0;
}

/* ---- Life ------------------------------------------------------------------------- */

int32_t
mt_sinks_start (struct mt *mt)
{
  uint32_t i;
  int32_t r = sink_left_start (mt->sinks);
  for (i = 0; i < mt->sinks->count && r >= 0; i++)
    r = sink_start (mt->sinks->sink[i]);
  if (r < 0)
    mt_sinks_stop (mt);
  return r;
}

void
mt_sinks_stop (struct mt *mt)
{
  uint32_t i;
  sink_left_stop (mt->sinks);
  for (i = 0; i < mt->sinks->count; i++)
    sink_stop (mt->sinks->sink[i]);
}

void
mt_sinks_close (struct mt *mt)
{
  uint32_t i;
  if (!mt->sinks)
    return;
  for (i = 0; i < mt->sinks->count; i++)
    sink_unref (mt->sinks->sink[i]);
  pthread_mutex_destroy (&mt->sinks->left_lock);
  free (mt->sinks);
  mt->sinks = NULL;
}

int32_t
mt_sinks_position (struct mt *mt, uint64_t *ret)
{
  uint64_t least = UINT64_MAX;
  uint32_t i;
  for (i = 0; i < mt->sinks->count; i++) {
    uint64_t at = mt->store->position (mt->sinks->sink[i]->cursor);
    least = at < least ? at : least;
  }
  if (mt->sinks->count)
    *ret = least;
  return mt->sinks->count > 0;
}
