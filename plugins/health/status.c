/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* /health and /health/saas: what the owners of components last said, in the
 * shapes that clients of the first kgent API read. */

#include "plugins/health/health.h"

#include <errno.h>
#include <string.h>

#define BODY_FIRST 2048u /* bytes of the first try at a body */

/* A component, copied into the request's memory. */
struct part {
  struct part *next;
  const char *name, *detail, *facts;
  uint32_t flags;
  int32_t state, stale;
  int64_t age_ms;
};

struct snapshot {
  struct plugin *plugin;
  kg_req *req;
  struct part *first, **last;
};

/* ---- Components ----------------------------------------------------------- */

static const char *
text_copy (struct snapshot *s, const char *text)
{
  size_t n = text ? strlen (text) + 1 : 0;
  char *p = text ? s->plugin->host->alloc (s->req, n) : NULL;
  return p ? memcpy (p, text, n) : NULL;
}

static int32_t
part_copy (const struct kg_health_view *view, void *arg)
{
  struct snapshot *s = arg;
  struct part *p = s->plugin->host->alloc (s->req, sizeof *p);
  if (!p)
    return -ENOMEM;
  memset (p, 0, sizeof *p);
  p->name = text_copy (s, view->name);
  p->detail = text_copy (s, view->detail);
  p->facts = text_copy (s, view->facts);
  if (!p->name || !p->detail || (view->facts && !p->facts))
    return -ENOMEM;
  p->flags = view->flags;
  p->state = view->state;
  p->stale = view->stale;
  p->age_ms = view->age_ms;
  *s->last = p;
  s->last = &p->next;
  return 0;
}

/* All components as of now; 0, or -ENOMEM. */
static int32_t
snapshot_take (struct snapshot *s, struct plugin *plugin, kg_req *req)
{
  *s = (struct snapshot){ .plugin = plugin, .req = req, .last = &s->first };
  return plugin->health->walk (plugin->self, part_copy, s);
}

static const struct part *
snapshot_find (const struct snapshot *s, const char *name)
{
  const struct part *p = s->first;
  while (p && strcmp (p->name, name))
    p = p->next;
  return p;
}

static int32_t
part_state (const struct part *p)
{
  return p ? p->state : KG_HEALTH_ABSENT;
}

/* "ok", "error: what", ... ready to be shown. */
static void
part_value (struct kg_out *o, const struct part *p, int quoted)
{
  static const char *const words[]
      = { "ok", "degraded", "error", "not_configured", "starting" };
  char text[512];
  struct kg_out t = { text, 0, sizeof text };
  int32_t state = part_state (p);
  kg_out_lit (&t, words[state]);
  if ((state == KG_HEALTH_DEGRADED || state == KG_HEALTH_DOWN) && *p->detail) {
    kg_out_lit (&t, ": ");
    kg_out_lit (&t, p->detail);
  }
  if (!kg_out_ok (&t)) /* a detail beyond all bounds: what fitted, the word */
    t.len = strlen (words[state]);
  if (quoted)
    kg_out_str (o, (kg_str){ text, t.len });
  else
    kg_out_raw (o, text, t.len);
}

/* ---- GET /health ---------------------------------------------------------- */

static const char *const leading[] = { "soul", "llm", "auth", "metering" };

#define LEADING (sizeof leading / sizeof leading[0])

static int
is_leading (const char *name)
{
  size_t i = 0;
  while (i < LEADING && strcmp (leading[i], name))
    i++;
  return i < LEADING;
}

/* The worst that counts: a component that is down makes the whole "error" only
 * when the host cannot do its job without it. */
static const char *
overall (const struct snapshot *s)
{
  const struct part *p;
  int degraded = part_state (snapshot_find (s, "llm")) == KG_HEALTH_ABSENT;
  for (p = s->first; p; p = p->next) {
    if (p->state == KG_HEALTH_DOWN && p->flags & KG_HEALTH_ESSENTIAL)
      return "error";
    degraded |= p->state != KG_HEALTH_OK && p->state != KG_HEALTH_ABSENT;
  }
  return degraded ? "degraded" : "ok";
}

static void
health_write (struct kg_out *o, const struct snapshot *s)
{
  const struct part *p;
  size_t i;
  kg_out_lit (o, "{\"status\":");
  kg_out_text (o, overall (s));
  kg_out_lit (o, ",\"version\":\"v1\",\"has_llm\":");
  kg_out_lit (o, part_state (snapshot_find (s, "llm")) == KG_HEALTH_ABSENT ? "false" : "true");
  kg_out_lit (o, ",\"components\":{");
  for (i = 0; i < LEADING; i++) {
    kg_out_lit (o, i ? "," : "");
    kg_out_text (o, leading[i]);
    kg_out_lit (o, ":");
    part_value (o, snapshot_find (s, leading[i]), 1);
  }
  for (p = s->first; p; p = p->next)
    if (!is_leading (p->name)) {
      kg_out_lit (o, ",");
      kg_out_text (o, p->name);
      kg_out_lit (o, ":");
      part_value (o, p, 1);
    }
  kg_out_lit (o, "}}");
}

/* ---- GET /health/saas ----------------------------------------------------- */

/* A member of a component's facts as JSON text, or `dflt`. */
static void
fact_write (struct kg_out *o, const struct kg_json *facts, const char *name, const char *dflt)
{
  uint32_t i = facts ? kg_json_find (facts, 0, name) : 0;
  kg_str text = i ? kg_json_text (facts, i) : (kg_str){ dflt, strlen (dflt) };
  kg_out_lit (o, ",");
  kg_out_text (o, name);
  kg_out_lit (o, ":");
  kg_out_raw (o, text.ptr, text.len);
}

static const struct kg_json *
facts_parse (const struct snapshot *s, const struct part *p)
{
  if (!p || !p->facts)
    return NULL;
  return s->plugin->host->parse (s->req, (kg_str){ p->facts, strlen (p->facts) });
}

/* The word for a state; the owner may be more exact by a fact "status". */
static const char *
saas_word (const struct part *p, const struct kg_json *facts, const char *const *exact)
{
  static const char *const words[]
      = { "healthy", "degraded", "unhealthy", "disabled", "not_started" };
  uint32_t i = facts ? kg_json_find (facts, 0, "status") : 0;
  int32_t state = part_state (p);
  for (; i && *exact && state != KG_HEALTH_OK && state != KG_HEALTH_ABSENT && !p->stale;
       exact++)
    if (kg_json_is (facts, i, *exact))
      return *exact;
  return words[state];
}

/* The members that both parts begin with; returns whether more must follow. */
static int
saas_head (struct kg_out *o, const struct part *p, const char *word)
{
  int configured = part_state (p) != KG_HEALTH_ABSENT;
  kg_out_lit (o, configured ? "{\"configured\":true" : "{\"configured\":false");
  kg_out_lit (o, ",\"status\":");
  kg_out_text (o, word);
  if (!strcmp (word, "unhealthy")) {
    kg_out_lit (o, ",\"error\":");
    kg_out_text (o, *p->detail ? p->detail : word);
  }
  return configured;
}

static const char *
openmeter_word (const struct part *p, const struct kg_json *facts)
{
  static const char *const exact[] = { "degraded", "not_started", NULL };
  return saas_word (p, facts, exact);
}

/* A bus that works with less is no word of this part: it is named exactly or
 * unhealthy. */
static const char *
nats_word (const struct part *p, const struct kg_json *facts)
{
  static const char *const exact[] = { "disconnected", "circuit_open", "not_started", NULL };
  const char *word = saas_word (p, facts, exact);
  return strcmp (word, "degraded") ? word : "unhealthy";
}

static void
openmeter_write (struct kg_out *o, const struct part *p, const struct kg_json *facts)
{
  int running = part_state (p) == KG_HEALTH_OK || part_state (p) == KG_HEALTH_DEGRADED;
  kg_out_lit (o, ",\"openmeter\":");
  if (saas_head (o, p, openmeter_word (p, facts))) {
    kg_out_lit (o, ",\"metrics\":{\"configured\":true");
    fact_write (o, facts, "running", running ? "true" : "false");
    fact_write (o, facts, "events_sent", "null");
    fact_write (o, facts, "events_failed", "null");
    fact_write (o, facts, "events_buffered", "null");
    fact_write (o, facts, "last_flush", "null");
    kg_out_lit (o, "}");
  }
  kg_out_lit (o, "}");
}

static void
nats_write (struct kg_out *o, const struct part *p, const struct kg_json *facts)
{
  kg_out_lit (o, ",\"nats\":");
  if (saas_head (o, p, nats_word (p, facts)))
    fact_write (o, facts, "mode", p->state == KG_HEALTH_OK ? "\"jetstream\"" : "\"fallback\"");
  kg_out_lit (o, "}");
}

static int
saas_fine (const char *word)
{
  return !strcmp (word, "healthy") || !strcmp (word, "disabled");
}

static void
saas_write (struct kg_out *o, const struct snapshot *s)
{
  const struct part *meter = snapshot_find (s, "openmeter"), *nats = snapshot_find (s, "nats");
  const struct kg_json *meter_facts = facts_parse (s, meter),
                       *nats_facts = facts_parse (s, nats);
  struct kg_host_view host = { .size = sizeof host };
  int fine = saas_fine (openmeter_word (meter, meter_facts))
             && saas_fine (nats_word (nats, nats_facts));
  s->plugin->routes->host (s->plugin->self, &host);
  kg_out_lit (o, "{\"status\":");
  kg_out_text (o, !host.started_ns ? "not_started" : fine ? "ok" : "degraded");
  kg_out_lit (o, host.started_ns ? ",\"started\":true" : ",\"started\":false");
  openmeter_write (o, meter, meter_facts);
  nats_write (o, nats, nats_facts);
  kg_out_lit (o, "}");
}

/* ---- Verbose probes -------------------------------------------------------- */

static void
lines_write (struct kg_out *o, const struct snapshot *s)
{
  const struct part *p;
  for (p = s->first; p; p = p->next) {
    kg_out_lit (o, p->flags & KG_HEALTH_READINESS ? "* " : "  ");
    kg_out_lit (o, p->name);
    kg_out_lit (o, " ");
    part_value (o, p, 0);
    if (p->age_ms >= 0) {
      kg_out_lit (o, " (");
      kg_out_int (o, p->age_ms);
      kg_out_lit (o, " ms ago)");
    }
    kg_out_lit (o, "\n");
  }
}

/* Writes a body into the request's memory, as large as it needs to be. */
static int32_t
body_reply (struct plugin *p, kg_req *req, int32_t status, const char *type,
            void (*write) (struct kg_out *, const struct snapshot *))
{
  struct snapshot s;
  struct kg_out o = { .cap = BODY_FIRST };
  if (snapshot_take (&s, p, req) < 0)
    return -ENOMEM;
  for (;;) {
    o.len = 0;
    o.ptr = p->host->alloc (req, o.cap);
    if (!o.ptr)
      return -ENOMEM;
    write (&o, &s);
    if (kg_out_ok (&o))
      break;
    o.cap = o.len;
  }
  p->host->header (req, "Cache-Control", "no-store");
  p->host->reply (req, status, type, o.ptr, o.len);
  return KG_DONE;
}

/* ---- Handlers -------------------------------------------------------------- */

int32_t
status_get (kg_req *req, void *data)
{
  return body_reply (data, req, 200, TYPE_JSON, health_write);
}

int32_t
status_saas (kg_req *req, void *data)
{
  return body_reply (data, req, 200, TYPE_JSON, saas_write);
}

int32_t
status_verbose (struct plugin *p, kg_req *req, int32_t status)
{
  return body_reply (p, req, status, TYPE_TEXT, lines_write);
}
