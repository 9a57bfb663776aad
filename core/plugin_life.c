/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The two pairs, open/close and start/stop, and the order of starting. */
#include "core/plugin_set.h"

#include "core/route.h"
#include "core/service.h"
#include "core/tags.h"

#include <errno.h>
#include <string.h>

/* ---- Open and close --------------------------------------------------------- */

static void
hooks_drop (struct host *host, const struct kg_self *self)
{
  for (int phase = 0; phase <= KG_PHASE_LOG; phase++) {
    uint32_t n = 0;
    for (uint32_t i = 0; i < host->nhooks[phase]; i++)
      if (host->hooks[phase][i].self != self)
        host->hooks[phase][n++] = host->hooks[phase][i];
    host->nhooks[phase] = n;
  }
}

/* Forgets what it declared. */
static void
declared_drop (struct plugins *p, const struct kg_self *self)
{
  if (p->host->router)
    route_drop (p->host->router, self);
  hooks_drop (p->host, self);
  services_drop (p->host->services, self);
}

static int32_t
open_call (struct plugins *p, struct plugin *plugin)
{
  struct kg_self *self = plugin->self;
  int32_t e;
  p->refused[0] = 0;
  p->fatal = 0;
  blame_loading (plugin->label);
  blame_set (self, "open", NULL);
  self->opening = 1;
  e = plugin->desc.open (p->host->table, self, plugin->conf, &self->data);
  self->opening = 0;
  blame_clear ();
  return e;
}

/* What its open did that no plugin may, or NULL. */
static const char *
open_fault (const struct plugins *p, const struct invariants *before)
{
  const char *changed = invariants_check (before, 1);
  return changed ? changed : p->fatal ? p->refused : NULL;
}

int32_t
plugin_open (struct plugins *p, struct plugin *plugin, struct errors *errors)
{
  struct invariants before;
  struct telling telling;
  const char *fault = NULL;
  uint32_t told;
  int32_t e;
  invariants_save (&before);
  plugin_tell_begin (&telling, p, plugin, 1);
  e = open_call (p, plugin);
  told = plugin_tell_end (&telling, e < 0 ? errors : NULL);
  plugin->opened = e >= 0;
  if (e >= 0 && !(fault = open_fault (p, &before)))
    return 0;
  if (e >= 0)
    errors_add (errors, plugin->where, "%s: open: %s", plugin->path, fault);
  else if (p->refused[0])
    errors_add (errors, plugin->where, "%s: open: %s", plugin->path, p->refused);
  else if (!told)
    errors_add (errors, plugin->where, "%s: open failed: %s", plugin->path, strerror (-e));
  plugin_close (p, plugin);
  declared_drop (p, plugin->self);
  return e < 0 ? e : -EINVAL;
}

void
plugin_close (struct plugins *p, struct plugin *plugin)
{
  (void)p;
  if (!plugin->opened)
    return;
  plugin->opened = 0;
  blame_set (plugin->self, "close", NULL);
  if (plugin->desc.close)
    plugin->desc.close (plugin->self->data);
  blame_clear ();
}

/* ---- The order of starting -------------------------------------------------- */

/* The way through the needs, to name a ring. */
struct visit {
  struct plugins *p;
  struct plugin *plugin;
  const struct visit *from;
  struct errors *errors;
  int32_t result;
};

static void
ring_report (const struct visit *last, const struct plugin *again)
{
  char ring[1024], step[64];
  const struct visit *v = last;
  snprintf (ring, sizeof ring, "%s", again->desc.name);
  for (;; v = v->from) { /* from the end to the front */
    size_t n = (size_t)snprintf (step, sizeof step, "%s -> ", v->plugin->desc.name);
    if (n + strlen (ring) >= sizeof ring)
      break;
    memmove (ring + n, ring, strlen (ring) + 1);
    memcpy (ring, step, n);
    if (v->plugin == again)
      break;
  }
  errors_add (last->errors, again->where,
              "%s: cannot start: plugins need each other in a ring, %s; move what one of them "
              "provides to a plugin of its own",
              again->path, ring);
}

static void visit_plugin (struct visit *v);

static void
visit_need (const char *service, uint32_t flags, void *arg)
{
  struct visit *v = arg;
  struct kg_self *self = services_provider (v->p->host->services, service);
  if (flags & KG_NEED_LATE)
    return;
  for (uint32_t i = 0; self && i < v->p->n && !v->result; i++) {
    struct visit next = { v->p, &v->p->all[i], v, v->errors, 0 };
    if (v->p->all[i].self != self || self == v->plugin->self)
      continue;
    visit_plugin (&next);
    v->result = next.result;
  }
}

/* Places a plugin behind all that it needs. */
static void
visit_plugin (struct visit *v)
{
  if (v->plugin->mark == 2)
    return;
  if (v->plugin->mark == 1) {
    ring_report (v->from, v->plugin);
    v->result = -EDEADLK;
    return;
  }
  v->plugin->mark = 1;
  services_walk (v->p->host->services, v->plugin->self, 0, visit_need, v);
  v->plugin->mark = 2;
  v->p->order[v->p->norder++] = v->plugin;
}

static int32_t
order_make (struct plugins *p, struct errors *errors)
{
  p->norder = 0;
  for (uint32_t i = 0; i < p->n; i++)
    p->all[i].mark = 0;
  for (uint32_t i = 0; i < p->n; i++) {
    struct visit v = { p, &p->all[i], NULL, errors, 0 };
    visit_plugin (&v);
    if (v.result < 0)
      return v.result;
  }
  return 0;
}

/* ---- All of them -------------------------------------------------------------- */

struct missing {
  struct plugins *p;
  struct errors *errors;
};

static void
missing_report (struct kg_self *self, const char *service, const char *other,
                const char *provider, void *arg)
{
  const struct missing *m = arg;
  const struct plugin *plugin = m->p->all;
  while (plugin->self != self)
    plugin++;
  if (other)
    errors_add (m->errors, plugin->where,
                "%s: it needs the service %s, but %s provides %s; load versions that agree",
                plugin->path, service, provider, other);
  else
    errors_add (m->errors, plugin->where,
                "%s: it needs the service %s, which nobody provides; load a plugin that does",
                plugin->path, service);
}

/* All are open: whether everybody has what it needs, and who starts when. */
static int32_t
needs_settle (struct plugins *p, struct errors *errors)
{
  struct missing m = { p, errors };
  if (services_resolve (p->host->services, missing_report, &m))
    return -ENOENT;
  return order_make (p, errors);
}

int32_t
plugins_open (struct plugins *p, struct errors *errors)
{
  int32_t e = 0;
  blame_loading_begin (PLUGINS_LOAD_SECONDS);
  for (uint32_t i = 0; i < p->n && e >= 0; i++)
    e = plugin_open (p, &p->all[i], errors);
  if (e >= 0)
    e = needs_settle (p, errors);
  blame_loading_end ();
  if (e < 0)
    plugins_close (p);
  return e < 0 ? e : 0;
}

void
plugins_close (struct plugins *p)
{
  for (uint32_t i = p->n; i-- > 0;)
    plugin_close (p, &p->all[i]);
}

/* ---- Start and stop --------------------------------------------------------- */

static int32_t
plugin_start (struct plugins *p, struct plugin *plugin, struct errors *errors)
{
  struct invariants before;
  struct telling telling;
  const char *fault;
  int32_t e = 0;
  invariants_save (&before);
  blame_set (plugin->self, "start", NULL);
  plugin_tell_begin (&telling, p, plugin, 0);
  if (plugin->desc.start)
    e = plugin->desc.start (plugin->self->data);
  plugin_tell_end (&telling, NULL);
  blame_clear ();
  plugin->started = e >= 0;
  if (e < 0) {
    errors_add (errors, plugin->where, "%s: start failed: %s", plugin->path, strerror (-e));
    return e;
  }
  fault = invariants_check (&before, 0);
  if (fault)
    errors_add (errors, plugin->where, "%s: start: %s", plugin->path, fault);
  return fault ? -EINVAL : 0;
}

int32_t
plugins_start (struct plugins *p, struct errors *errors)
{
  int32_t e = 0;
  p->core->opening = 0;
  p->host->starting = 1;
  for (uint32_t i = 0; e >= 0 && i < p->norder; i++)
    e = plugin_start (p, p->order[i], errors);
  p->host->starting = 0;
  if (e < 0)
    plugins_stop (p);
  return e < 0 ? e : 0;
}

void
plugins_stop (struct plugins *p)
{
  for (uint32_t i = p->norder; i-- > 0;) {
    struct plugin *plugin = p->order[i];
    if (!plugin->started)
      continue;
    plugin->started = 0;
    blame_set (plugin->self, "stop", NULL);
    if (plugin->desc.stop)
      plugin->desc.stop (plugin->self->data);
    blame_clear ();
    __atomic_store_n (&plugin->self->stopped, 1, __ATOMIC_RELAXED);
  }
}
