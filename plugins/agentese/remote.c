/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What is known of an agent: whether it may be called now, and what metrics and health
 * tell of it. */
#include "plugins/agentese/remote.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COMPONENT_MAX 31 /* bytes of a health component's name */

static const char *const outcome_names[]
    = { "ok", "refused", "failed", "timeout", "canceled", "unsent", NULL };
static const char *const fault_names[]
    = { "none", "network", "timeout", "status", "answer", "too_big", "stream", NULL };
static const char *const fault_texts[]
    = { "",
        "it cannot be reached",
        "it does not answer in time",
        "it answers with an error",
        "its answers are not what they must be",
        "its answers are too big",
        "its streams break off" };

int64_t
ag_mono_ns (void)
{
  struct timespec t;
  clock_gettime (CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---- Declaring --------------------------------------------------------------------- */

static int32_t
metric (struct ag *ag, int32_t kind, const char *name, const char *help,
        const struct kg_label *labels, uint32_t nlabels, kg_metric **ret)
{
  struct kg_metric_def def = { .size = sizeof def,
                               .kind = kind,
                               .name = name,
                               .help = help,
                               .labels = labels,
                               .nlabels = nlabels };
  return ag->metrics->define (ag->self, &def, ret);
}

static int32_t
metrics_declare (struct ag *ag)
{
  struct ag_remotes *all = ag->remotes;
  const struct kg_label by_outcome[]
      = { { "node", all->labels }, { "outcome", outcome_names } };
  const struct kg_label by_reason[] = { { "reason", fault_names + 1 } };
  int32_t r;
  if ((r = metric (ag, KG_COUNTER, "kgent_agentese_agent_calls_total",
                   "Calls of agents by what became of them.", by_outcome, 2, &all->calls))
          < 0
      || (r = metric (ag, KG_COUNTER, "kgent_agentese_agent_failures_total",
                      "Failed calls of agents by reason.", by_reason, 1, &all->faults))
             < 0
      || (r = metric (ag, KG_HISTOGRAM, "kgent_agentese_agent_seconds",
                      "Calls of agents, all their tries.", by_outcome, 1, &all->seconds))
             < 0
      || (r = metric (ag, KG_GAUGE, "kgent_agentese_agent_open",
                      "1 while the agent's breaker is open.", by_outcome, 1, &all->open_now))
             < 0)
    return r;
  return metric (ag, KG_GAUGE, "kgent_agentese_agent_under_way",
                 "Calls of agents that have no answer yet.", by_outcome, 1,
                 &all->under_way_now);
}

/* "agent_world_translator"; the end of a long one is its hash. */
static void
component_name (const char *node, char out[COMPONENT_MAX + 1])
{
  char whole[AG_PATH_MAX + 16];
  uint32_t hash = 2166136261u;
  const char *p;
  size_t i;
  int n = snprintf (whole, sizeof whole, "agent_%s", node);
  for (i = 0; whole[i]; i++)
    whole[i] = whole[i] == '.' ? '_' : whole[i];
  if (n <= COMPONENT_MAX) {
    memcpy (out, whole, (size_t)n + 1);
    return;
  }
  for (p = node; *p; p++)
    hash = (hash ^ (unsigned char)*p) * 16777619u;
  snprintf (out, COMPONENT_MAX + 1, "%.22s_%08x", whole, hash);
}

static int32_t
headers_make (struct ag_remote *n)
{
  const struct ag_header_conf *h = n->conf->headers.items;
  uint64_t i;
  n->headers = calloc (n->conf->headers.count + 1, sizeof *n->headers);
  if (!n->headers)
    return -ENOMEM;
  for (i = 0; i < n->conf->headers.count; i++) {
    size_t size = strlen (h[i].name) + strlen (h[i].value) + 3;
    char *line = malloc (size);
    if (!line)
      return -ENOMEM;
    snprintf (line, size, "%s: %s", h[i].name, h[i].value);
    n->headers[n->nheaders++] = line;
  }
  return 0;
}

static int32_t
node_declare (struct ag *ag, struct ag_remote *n)
{
  char name[COMPONENT_MAX + 1];
  int32_t r;
  component_name (n->conf->name, name);
  if ((r = headers_make (n)) < 0
      || (r = ag->health->add (ag->self, name, 0, &n->component)) < 0)
    return r;
  n->state = KG_HEALTH_OK;
  ag->health->set (n->component, KG_HEALTH_OK, 0, "%s", "");
  return 0;
}

int32_t
ag_remotes_declare (struct ag *ag)
{
  struct ag_remotes *all = ag->remotes;
  struct ag_remote *n;
  uint32_t i = 0;
  int32_t r = ag->host->need (ag->self, KG_HTTP, sizeof *all->http, 0,
                              (const void **)&all->http);
  if (r < 0)
    return r;
  for (n = all->first; n && r >= 0; n = n->next)
    if (n->holon.kind == AG_HTTP) {
      n->label = i < AG_LABELS ? i++ : AG_LABELS;
      all->labels[n->label] = n->label < AG_LABELS ? n->conf->name : "others";
      r = node_declare (ag, n);
    }
  return r < 0 ? r : metrics_declare (ag);
}

/* ---- Health -------------------------------------------------------------------------- */

/* Tells what changed; the lock is held. */
static void
health_tell (struct ag_remote *n, int32_t state, enum ag_fault_kind fault)
{
  const struct ag *ag = n->ag;
  char facts[96];
  int len = snprintf (facts, sizeof facts, "{\"calls\":%llu,\"failures\":%llu}",
                      (unsigned long long)n->calls, (unsigned long long)n->failures);
  ag->health->facts (n->component, facts, (size_t)len);
  if (n->state == state && n->state_fault == fault)
    return;
  n->state = state;
  n->state_fault = fault;
  ag->health->set (n->component, state, 0, "%s%s",
                   state == KG_HEALTH_DOWN ? "breaker open: " : "", fault_texts[fault]);
}

/* The lock is held; `was` is whether the breaker was open before. */
static void
breaker_tell (struct ag_remote *n, uint32_t was, enum ag_fault_kind fault, const char *message)
{
  struct ag_remotes *all = n->ag->remotes;
  int64_t open;
  if (n->breaker.open == was)
    return;
  open = atomic_fetch_add (&all->open[n->label], was ? -1 : 1) + (was ? -1 : 1);
  n->ag->metrics->set (all->open_now, n->label, (double)open);
  if (was)
    n->ag->host->log (n->ag->self, KG_LOG_INFO, "agent of %s: answers again", n->conf->name);
  else
    n->ag->host->log (n->ag->self, KG_LOG_WARN, "agent of %s: not called for a while: %s (%s)",
                      n->conf->name, fault_texts[fault], message ? message : "");
}

/* ---- Calls ----------------------------------------------------------------------------- */

static void
busy_add (struct ag_remote *n, int64_t by)
{
  struct ag_remotes *all = n->ag->remotes;
  int64_t now = atomic_fetch_add (&all->busy[n->label], by) + by;
  n->ag->metrics->set (all->under_way_now, n->label, (double)now);
}

/* Takes a place among the calls under way; 0 when there is none. */
static int32_t
place_take (struct ag_remote *n)
{
  struct ag_remotes *all = n->ag->remotes;
  if (atomic_fetch_add (&n->under_way, 1) >= n->conf->concurrent) {
    atomic_fetch_sub (&n->under_way, 1);
    return 0;
  }
  if (atomic_fetch_add (&all->under_way, 1) >= AG_UNDER_WAY_MAX) {
    atomic_fetch_sub (&all->under_way, 1);
    atomic_fetch_sub (&n->under_way, 1);
    return 0;
  }
  busy_add (n, 1);
  return 1;
}

static void
place_leave (struct ag_remote *n)
{
  atomic_fetch_sub (&n->ag->remotes->under_way, 1);
  atomic_fetch_sub (&n->under_way, 1);
  busy_add (n, -1);
}

static int32_t
unsent (struct ag_call *c, struct ag_remote *n, int64_t wait_s, const char *why)
{
  char text[24];
  c->ag->metrics->add (c->ag->remotes->calls, n->label * AG_OUTCOMES + AG_CALL_UNSENT, 1);
  snprintf (text, sizeof text, "%lld", (long long)wait_s);
  c->ag->host->header (c->req, "Retry-After", text);
  return ag_refuse (c, AG_UPSTREAM, 503, "The agent of '%s' is not called: %s", n->conf->name,
                    why);
}

int32_t
ag_remote_admit (struct ag_call *c, struct ag_remote *n, enum ag_admission *ret)
{
  int64_t now = ag_mono_ns (), wait_s;
  if (!place_take (n))
    return unsent (c, n, 1, "too many calls are under way");
  pthread_mutex_lock (&n->lock);
  *ret = ag_breaker_admit (&n->breaker, now);
  wait_s = ag_breaker_wait_s (&n->breaker, now);
  pthread_mutex_unlock (&n->lock);
  if (*ret != AG_NOT_ADMITTED)
    return 0;
  place_leave (n);
  return unsent (c, n, wait_s, "it failed too often (its breaker is open)");
}

static enum ag_verdict
verdict_of (enum ag_outcome outcome)
{
  return outcome == AG_CALL_OK || outcome == AG_CALL_REFUSED ? AG_WENT_WELL
         : outcome == AG_CALL_CANCELED || outcome == AG_CALL_UNSENT ? AG_UNDECIDED
                                                                    : AG_WENT_WRONG;
}

void
ag_remote_report (struct ag_remote *n, enum ag_admission admitted, enum ag_outcome outcome,
                  enum ag_fault_kind fault, int64_t elapsed_ns, const char *message)
{
  const struct kg_metrics *metrics = n->ag->metrics;
  struct ag_remotes *all = n->ag->remotes;
  enum ag_verdict verdict = verdict_of (outcome);
  uint32_t was;
  place_leave (n);
  metrics->add (all->calls, n->label * AG_OUTCOMES + outcome, 1);
  if (elapsed_ns >= 0)
    metrics->observe (all->seconds, n->label, (uint64_t)elapsed_ns);
  if (fault != AG_FAULT_NONE)
    metrics->add (all->faults, fault - 1u, 1);
  pthread_mutex_lock (&n->lock);
  was = n->breaker.open;
  n->calls++;
  n->failures += verdict == AG_WENT_WRONG;
  ag_breaker_report (&n->breaker, admitted, verdict, ag_mono_ns ());
  breaker_tell (n, was, fault, message);
  if (verdict == AG_WENT_WELL && !n->breaker.open)
    health_tell (n, KG_HEALTH_OK, AG_FAULT_NONE);
  else if (verdict == AG_WENT_WRONG)
    health_tell (n, n->breaker.open ? KG_HEALTH_DOWN : KG_HEALTH_DEGRADED, fault);
  pthread_mutex_unlock (&n->lock);
}
