/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* kg.health/1 and kg.metrics/1 for the fake host, and the whole set. */
#include "fake-services-internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static struct fake_state *
state_of (const kg_self *self)
{
  return fake_state_of (self->fake);
}

/* ---- kg.health/1 -------------------------------------------------------- */

struct kg_component {
  struct kg_component *next;
  struct fake *fake;
  const char *name;
  uint32_t flags, ttl_ms;
  int32_t state;
  int64_t set_ns;
  char detail[512], facts[1025];
};

static int32_t
health_add (kg_self *self, const char *name, uint32_t flags, kg_component **ret)
{
  struct fake_state *s = state_of (self);
  kg_component *c;
  if (!self->opening && !self->fake->starting)
    fake_die ("kg.health/1 add: %s called it outside of open", self->name);
  if (!name || strspn (name, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen (name))
    return -EINVAL;
  for (c = s->components; c; c = c->next)
    if (!strcmp (c->name, name))
      return -EEXIST;
  c = fake_pool_alloc (&s->pool, sizeof *c);
  c->fake = s->fake;
  c->name = fake_pool_text (&s->pool, "%s", name);
  c->flags = flags;
  c->state = KG_HEALTH_STARTING;
  *s->components_end = c;
  s->components_end = &c->next;
  *ret = c;
  return 0;
}

static void
health_set (kg_component *c, int32_t state, uint32_t ttl_ms, const char *detail, ...)
{
  va_list ap;
  va_start (ap, detail);
  vsnprintf (c->detail, sizeof c->detail, detail, ap);
  va_end (ap);
  c->state = state;
  c->ttl_ms = ttl_ms;
  c->set_ns = fake_now (c->fake);
}

static int32_t
health_facts (kg_component *c, const char *json, size_t len)
{
  if (len >= sizeof c->facts)
    return -E2BIG;
  memcpy (c->facts, json, len);
  c->facts[len] = 0;
  return 0;
}

static struct kg_health_view
health_view (const kg_component *c)
{
  struct kg_health_view v = { .size = sizeof v, .flags = c->flags, .name = c->name };
  v.age_ms = c->set_ns ? (fake_now (c->fake) - c->set_ns) / 1000000 : -1;
  v.stale = c->ttl_ms && v.age_ms > c->ttl_ms;
  v.state = v.stale ? KG_HEALTH_DOWN : c->state;
  v.detail = v.stale ? "stale" : c->detail;
  v.facts = *c->facts ? c->facts : NULL;
  return v;
}

static int32_t
health_walk (kg_self *self, int32_t (*fn) (const struct kg_health_view *, void *arg), void *arg)
{
  int32_t r = 0;
  for (kg_component *c = state_of (self)->components; c && !r; c = c->next) {
    struct kg_health_view v = health_view (c);
    r = fn (&v, arg);
  }
  return r;
}

static const struct kg_health health_service
    = { sizeof health_service, 0, health_add, health_set, health_facts, health_walk };

static kg_component *
component_find (struct fake *fake, const char *name)
{
  kg_component *c = fake_state_of (fake)->components;
  while (c && strcmp (c->name, name))
    c = c->next;
  return c;
}

int
fake_health (struct fake *fake, const char *component)
{
  kg_component *c = component_find (fake, component);
  return c ? health_view (c).state : -1;
}

const char *
fake_health_detail (struct fake *fake, const char *component)
{
  kg_component *c = component_find (fake, component);
  return c ? health_view (c).detail : NULL;
}

/* ---- kg.metrics/1 ------------------------------------------------------- */

struct kg_metric {
  struct kg_metric *next;
  const char *name;
  int32_t kind;
  uint32_t nseries;
  const char **labels; /* "a,b" of each series */
  double *values;
};

static const char **
series_names (struct fake_pool *pool, const struct kg_metric_def *def, uint32_t n)
{
  const char **names = fake_pool_alloc (pool, n * sizeof *names);
  for (uint32_t i = 0; i < n; i++) {
    uint32_t rest = i;
    names[i] = "";
    for (uint32_t l = def->nlabels; l-- > 0;) {
      uint32_t count = 0;
      while (def->labels[l].values[count])
        count++;
      names[i] = fake_pool_text (pool, "%s%s%s", def->labels[l].values[rest % count],
                                 *names[i] ? "," : "", names[i]);
      rest /= count;
    }
  }
  return names;
}

static int32_t
metrics_define (kg_self *self, const struct kg_metric_def *def, kg_metric **ret)
{
  struct fake_state *s = state_of (self);
  kg_metric *m;
  uint32_t n = 1;
  if (!self->opening && !self->fake->starting)
    fake_die ("kg.metrics/1 define: %s called it outside of open", self->name);
  for (m = s->metrics; m; m = m->next)
    if (!strcmp (m->name, def->name))
      return -EEXIST;
  for (uint32_t l = 0; l < def->nlabels; l++) {
    uint32_t count = 0;
    while (def->labels[l].values[count])
      count++;
    n *= count;
  }
  if (n > 200 || def->nlabels > 4)
    return -E2BIG;
  if (!n || def->kind < KG_COUNTER || def->kind > KG_HISTOGRAM)
    return -EINVAL;
  m = fake_pool_alloc (&s->pool, sizeof *m);
  m->name = fake_pool_text (&s->pool, "%s", def->name);
  m->kind = def->kind;
  m->nseries = n;
  m->labels = series_names (&s->pool, def, n);
  m->values = fake_pool_alloc (&s->pool, n * sizeof *m->values);
  m->next = s->metrics;
  *ret = s->metrics = m;
  return 0;
}

static double *
series_at (kg_metric *m, int32_t kind, uint32_t index)
{
  if (index >= m->nseries || m->kind != kind)
    fake_die ("%s: no series %u, or another kind of metric", m->name, index);
  return &m->values[index];
}

static void
metrics_add (kg_metric *m, uint32_t index, uint64_t n)
{
  *series_at (m, KG_COUNTER, index) += (double)n;
}

static void
metrics_set (kg_metric *m, uint32_t index, double value)
{
  *series_at (m, KG_GAUGE, index) = value;
}

static void
metrics_observe (kg_metric *m, uint32_t index, uint64_t ns)
{
  (void)ns;
  *series_at (m, KG_HISTOGRAM, index) += 1;
}

static int32_t
metrics_render (kg_self *self, int32_t openmetrics, char **ret_text, size_t *ret_len)
{
  struct fake_text t = { NULL, 0 };
  char line[512];
  for (kg_metric *m = state_of (self)->metrics; m; m = m->next)
    for (uint32_t i = 0; i < m->nseries; i++) {
      int n = snprintf (line, sizeof line, "%s{series=\"%s\"} %g\n", m->name, m->labels[i],
                        m->values[i]);
      fake_text_add (&t, line, (size_t)n);
    }
  fake_text_add (&t, "# EOF\n", openmetrics ? 6 : 0);
  *ret_text = t.ptr;
  *ret_len = t.len;
  return 0;
}

static const struct kg_metrics metrics_service
    = { sizeof metrics_service, 0, metrics_define, metrics_add, metrics_set, metrics_observe,
        metrics_render };

double
fake_metric (struct fake *fake, const char *name, const char *labels)
{
  double sum = 0;
  kg_metric *m = fake_state_of (fake)->metrics;
  while (m && strcmp (m->name, name))
    m = m->next;
  if (!m)
    return -1;
  for (uint32_t i = 0; i < m->nseries; i++)
    if (!labels || !strcmp (labels, m->labels[i]))
      sum += m->values[i];
  return sum;
}

/* ---- All of them -------------------------------------------------------- */

static int
state_turn (void *state)
{
  int n = fake_store_turn (((struct fake_state *)state)->store, 0);
  return n + fake_calls_turn (state);
}

static void
state_replay (void *state)
{
  struct fake_state *s = state;
  s->serving = 0;
  fake_store_replay (s->store);
}

static void
state_started (void *state, int good)
{
  struct fake_state *s = state;
  fake_regions_settle (s->store, good);
  s->serving = good;
}

static void
state_stop (void *state)
{
  fake_calls_end (state);
}

/* Components and metrics are defined anew after a restart. */
static void
state_forget (void *state)
{
  struct fake_state *s = state;
  fake_store_forget (s->store);
  s->metrics = NULL;
  s->components = NULL;
  s->components_end = &s->components;
  s->timers = NULL;
}

static void
state_release (void *state)
{
  struct fake_state *s = state;
  fake_store_free (s->store);
  fake_pool_free (&s->pool);
  free (s);
}

void
fake_services (struct fake *fake)
{
  struct fake_state *s = calloc (1, sizeof *s);
  if (!s)
    fake_die ("out of memory");
  s->fake = fake;
  s->store = fake_store_new (fake);
  s->components_end = &s->components;
  s->calls_end = &s->calls;
  s->script_end = &s->script;
  s->inners_end = &s->inners;
  fake_attach (fake, s, state_release);
  fake->turn = state_turn;
  fake->before_start = state_replay;
  fake->after_start = state_started;
  fake->before_stop = state_stop;
  fake->after_close = state_forget;
  fake_provide (fake, KG_HEALTH, &health_service, sizeof health_service);
  fake_provide (fake, KG_METRICS, &metrics_service, sizeof metrics_service);
  fake_provide (fake, KG_JOBS, &fake_jobs_service, sizeof fake_jobs_service);
  fake_provide (fake, KG_HTTP, &fake_http_service, sizeof fake_http_service);
  fake_provide (fake, KG_STORE, &fake_store_service, sizeof fake_store_service);
  fake_provide (fake, KG_CALLS, &fake_calls_service, sizeof fake_calls_service);
}
