/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* self.vitals: how the host is, as far as a tenant is to know: counts and answers to
 * questions, but nothing of others and no text that an operator wrote. */
#include "plugins/agentese/common.h"
#include "plugins/agentese/self.h"

#include <kgent/routes.h>

#include <errno.h>
#include <string.h>

static const struct kg_routes *routes; /* of the host; NULL: it has none */

#define STATES (KG_HEALTH_STARTING + 1)

struct vitals {
  uint32_t components[STATES];
  uint32_t stale;
  int32_t store; /* state of the component */
  int32_t live, ready;
  struct kg_host_view host;
  int64_t now;
};

int32_t
ag_vitals_open (struct ag *ag)
{
  return ag->host->need (ag->self, KG_ROUTES, sizeof *routes, KG_NEED_OPTIONAL,
                         (const void **)&routes);
}

static int32_t
component (const struct kg_health_view *view, void *arg)
{
  struct vitals *v = arg;
  if (view->state >= 0 && view->state < STATES)
    v->components[view->state]++;
  v->stale += (uint32_t)view->stale;
  if (!strcmp (view->name, "store"))
    v->store = view->state;
  return 0;
}

static void
vitals_read (const struct ag_call *c, struct vitals *v)
{
  const struct ag *ag = c->ag;
  memset (v, 0, sizeof *v);
  v->host.size = sizeof v->host;
  v->now = ag_now (c);
  ag->health->walk (ag->self, component, v);
  routes->host (ag->self, &v->host);
  v->live = routes->live (ag->self);
  v->ready = routes->ready (ag->self);
}

static uint32_t
failing (const struct vitals *v)
{
  return v->components[KG_HEALTH_DOWN];
}

static int32_t
persists (const struct ag_call *c, const struct vitals *v)
{
  return v->store != KG_HEALTH_DOWN
         && !atomic_load_explicit (&c->ag->failing, memory_order_relaxed);
}

static void
components_write (const struct vitals *v, struct kg_out *out)
{
  static const char *const names[STATES]
      = { "ok", "degraded", "down", "not_configured", "starting" };
  uint32_t i;
  kg_out_lit (out, "\"components\":{");
  for (i = 0; i < STATES; i++) {
    kg_out_lit (out, i ? "," : "");
    kg_out_text (out, names[i]);
    kg_out_lit (out, ":");
    kg_out_int (out, v->components[i]);
  }
  kg_out_lit (out, "}");
}

static int64_t
uptime (const struct vitals *v)
{
  int64_t ns = v->host.started_ns ? v->now - v->host.started_ns : 0;
  return ns > 0 ? ns / 1000000000 : 0;
}

static int32_t
answer (struct ag_call *c, ag_result *result)
{
  struct vitals v;
  if (!routes)
    return ag_refuse (c, AG_UPSTREAM, 503, "This host does not say how it is");
  vitals_read (c, &v);
  return ag_answer (c, result, &v);
}

/* ---- triad -------------------------------------------------------------------------- */

#define NO_VECTORS "No plugin keeps vectors; self.memory.recall finds by words."

static void
coherent_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  (void)c;
  kg_out_lit (out, "{\"is_coherent\":");
  ag_out_bool (out, !failing (arg));
  kg_out_lit (out, ",");
  components_write (arg, out);
  kg_out_lit (out, "}");
}

static void
persist_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  kg_out_lit (out, "{\"can_persist\":");
  ag_out_bool (out, persists (c, arg));
  kg_out_lit (out, "}");
}

static void
recall_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct vitals *v = arg;
  (void)c;
  kg_out_lit (out, "{\"can_recall\":");
  ag_out_bool (out, v->live);
  kg_out_lit (out, "}");
}

static void
associate_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  (void)c;
  (void)arg;
  kg_out_lit (out, "{\"can_associate\":false,\"reason\":\"" NO_VECTORS "\"}");
}

static void
triad_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct vitals *v = arg;
  kg_out_lit (out, "{\"is_coherent\":");
  ag_out_bool (out, !failing (v));
  kg_out_lit (out, ",\"can_persist\":");
  ag_out_bool (out, persists (c, v));
  kg_out_lit (out, ",\"can_recall\":");
  ag_out_bool (out, v->live);
  kg_out_lit (out, ",\"can_associate\":false,\"host\":{\"name\":");
  kg_out_text (out, v->host.name);
  kg_out_lit (out, ",\"version\":");
  kg_out_text (out, v->host.version);
  kg_out_lit (out, ",\"uptime_seconds\":");
  kg_out_int (out, uptime (v));
  kg_out_lit (out, ",\"live\":");
  ag_out_bool (out, v->live);
  kg_out_lit (out, ",\"ready\":");
  ag_out_bool (out, v->ready);
  kg_out_lit (out, ",\"draining\":");
  ag_out_bool (out, v->host.draining);
  kg_out_lit (out, "},");
  components_write (v, out);
  kg_out_lit (out, "}");
}

static int32_t
triad (struct ag_call *c)
{
  return answer (c, triad_write);
}

static int32_t
is_coherent (struct ag_call *c)
{
  return answer (c, coherent_write);
}

static int32_t
can_persist (struct ag_call *c)
{
  return answer (c, persist_write);
}

static int32_t
can_recall (struct ag_call *c)
{
  return answer (c, recall_write);
}

static int32_t
can_associate (struct ag_call *c)
{
  return answer (c, associate_write);
}

/* ---- synapse, resonance ---------------------------------------------------------------- */

static void
gauge (struct kg_out *o, const char *name, int64_t v)
{
  kg_out_lit (o, "kgent_");
  kg_out_lit (o, name);
  kg_out_lit (o, " ");
  kg_out_int (o, v);
  kg_out_lit (o, "\n");
}

/* Figures of the host in the text format; the whole exposition is the operator's. */
static void
prometheus_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct vitals *v = arg;
  char buf[512];
  struct kg_out o = { buf, 0, sizeof buf };
  (void)c;
  gauge (&o, "live", v->live);
  gauge (&o, "ready", v->ready);
  gauge (&o, "uptime_seconds", uptime (v));
  gauge (&o, "components{state=\"ok\"}", v->components[KG_HEALTH_OK]);
  gauge (&o, "components{state=\"degraded\"}", v->components[KG_HEALTH_DEGRADED]);
  gauge (&o, "components{state=\"down\"}", v->components[KG_HEALTH_DOWN]);
  kg_out_lit (out, "{\"format\":\"prometheus\",\"text\":");
  kg_out_str (out, (kg_str){ buf, kg_out_ok (&o) ? o.len : 0 });
  kg_out_lit (out, "}");
}

static int32_t
prometheus (struct ag_call *c)
{
  return answer (c, prometheus_write);
}

static void
coherency_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct vitals *v = arg;
  uint32_t all = v->components[KG_HEALTH_OK] + v->components[KG_HEALTH_DEGRADED]
                 + v->components[KG_HEALTH_DOWN] + v->components[KG_HEALTH_STARTING];
  (void)c;
  kg_out_lit (out, "{\"coherency\":");
  ag_out_number (out, all ? (double)v->components[KG_HEALTH_OK] / all : 1);
  kg_out_lit (out, ",");
  components_write (v, out);
  kg_out_lit (out, "}");
}

static int32_t
coherency (struct ag_call *c)
{
  return answer (c, coherency_write);
}

/* ---- The tables -------------------------------------------------------------------------- */

#define BY_THEMSELVES "Breakers open and close by themselves, by what the agents answer"

const struct ag_aspect ag_triad_aspects[] = {
  { .name = "manifest",
    .category = AG_PERCEPTION,
    .run = triad,
    .summary = "How the host is." },
  { .name = "is_coherent",
    .category = AG_PERCEPTION,
    .run = is_coherent,
    .summary = "Whether no component of the host is down." },
  { .name = "can_persist",
    .category = AG_PERCEPTION,
    .run = can_persist,
    .summary = "Whether state can be written." },
  { .name = "can_recall",
    .category = AG_PERCEPTION,
    .run = can_recall,
    .summary = "Whether state can be read." },
  { .name = "can_associate",
    .category = AG_PERCEPTION,
    .run = can_associate,
    .summary = "Whether state can be found by likeness." },
  { .name = NULL },
};

const struct ag_aspect ag_synapse_aspects[] = {
  { .name = "manifest",
    .category = AG_PERCEPTION,
    .run = ag_common_manifest,
    .summary = "What this node is and offers." },
  { .name = "prometheus",
    .category = AG_PERCEPTION,
    .run = prometheus,
    .summary = "The host's figures as Prometheus reads them." },
  { .name = "reset",
    .category = AG_MUTATION,
    .reason = "Figures of the host only grow, or are what they are",
    .summary = "Set the figures back." },
  { .name = NULL },
};

const struct ag_aspect ag_resonance_aspects[] = {
  { .name = "manifest",
    .category = AG_PERCEPTION,
    .run = ag_common_manifest,
    .summary = "What this node is and offers." },
  { .name = "update",
    .category = AG_MUTATION,
    .reason = "Components say by themselves how they are",
    .summary = "Say how a component is." },
  { .name = "coherency",
    .category = AG_PERCEPTION,
    .run = coherency,
    .summary = "The share of the host's components that are well." },
  { .name = NULL },
};

const struct ag_aspect ag_circuit_aspects[] = {
  { .name = "manifest",
    .category = AG_PERCEPTION,
    .run = ag_common_manifest,
    .summary = "What this node is and offers." },
  { .name = "open",
    .category = AG_MUTATION,
    .reason = BY_THEMSELVES,
    .summary = "Open a breaker." },
  { .name = "close",
    .category = AG_MUTATION,
    .reason = BY_THEMSELVES,
    .summary = "Close a breaker." },
  { .name = "reset",
    .category = AG_MUTATION,
    .reason = BY_THEMSELVES,
    .summary = "Forget what a breaker has seen." },
  { .name = NULL },
};
