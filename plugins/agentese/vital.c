/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "plugins/agentese/vital.h"

#include <errno.h>
#include <string.h>

#define NAME_SIZE (AG_PATH_MAX + 64)
#define SERIES_MAX 200 /* of one metric, see <kgent/metrics.h> */

/* Before and behind the handle, whose points become "_". */
static void
name_make (const struct ag_holon *h, const char *before, const char *behind, char out[NAME_SIZE])
{
  struct kg_out o = { out, 0, NAME_SIZE - 1 };
  size_t i;
  kg_out_lit (&o, before);
  kg_out_lit (&o, ag_context_names[h->context]);
  kg_out_lit (&o, "_");
  kg_out_lit (&o, h->rest);
  kg_out_lit (&o, behind);
  out[o.len] = 0;
  for (i = 0; i < o.len; i++)
    if (out[i] == '.')
      out[i] = '_';
}

static int32_t
calls_define (struct ag *ag, const struct ag_holon *h, const struct ag_entry *e)
{
  static const char *const outcomes[AG_OUTCOMES + 1] = { "ok", "refused", "failed", NULL };
  const char *aspects[SERIES_MAX / AG_OUTCOMES + 1];
  const struct kg_label labels[] = { { "outcome", outcomes }, { "aspect", aspects } };
  struct kg_metric_def def = { .size = sizeof def,
                               .kind = KG_COUNTER,
                               .help = "Calls of the node, by outcome.",
                               .labels = labels,
                               .nlabels = 2 };
  char name[NAME_SIZE];
  const struct ag_slot *slot;
  uint32_t n;
  for (n = 0; (slot = ag_slot_at (e, n)) && n < SERIES_MAX / AG_OUTCOMES; n++)
    aspects[n] = slot->aspect.name;
  aspects[n] = NULL;
  if (slot)
    def.nlabels = 1; /* too many aspects to count each */
  h->vital->aspects = slot ? 0 : n;
  name_make (h, "kgent_node_", "_calls_total", name);
  def.name = name;
  return ag->metrics->define (ag->self, &def, &h->vital->calls);
}

void
ag_vital_open (struct ag *ag, const struct ag_holon *h)
{
  char name[NAME_SIZE];
  int32_t r = calls_define (ag, h, ag_entry_exact (ag, h->context, ag_str (h->rest)));
  if (r >= 0) {
    name_make (h, "node_", "", name);
    r = ag->health->add (ag->self, name, 0, &h->vital->component);
  }
  if (r >= 0)
    ag->health->set (h->vital->component, KG_HEALTH_OK, 0, "%s", "");
  else
    ag->host->log (ag->self, KG_LOG_WARN, "node %s.%s has no metric or component of its own: %s",
                   ag_context_names[h->context], h->rest, strerror (-r));
}

void
ag_vital_note (const struct ag_call *c, int32_t status)
{
  struct ag_vital *v = c->entry ? ag_entry_holon (c->entry)->vital : NULL;
  uint32_t outcome = status < 400 ? AG_OK : status < 500 ? AG_REFUSED : AG_FAILED;
  int32_t failing = outcome == AG_FAILED;
  if (!v || !c->slot)
    return;
  if (v->calls)
    c->ag->metrics->add (v->calls,
                         v->aspects ? outcome * v->aspects + ag_slot_number (c->entry, c->slot)
                                    : outcome,
                         1);
  if (outcome == AG_REFUSED || !v->component
      || atomic_load_explicit (&v->failing, memory_order_relaxed) == failing)
    return;
  atomic_store_explicit (&v->failing, failing, memory_order_relaxed);
  c->ag->health->set (v->component, failing ? KG_HEALTH_DEGRADED : KG_HEALTH_OK, 0,
                      failing ? "the last call failed with %d" : "%.0d", failing ? status : 0);
}
