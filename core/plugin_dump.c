/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* --dump-plugin: what a plugin is and declares. */
#include "core/plugin_set.h"

#include "core/dump.h"
#include "core/route.h"
#include "core/schema.h"
#include "core/service.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const phases[] = { "", "ACCESS", "LIMIT", "", "COMMIT", "LOG" };

static const struct {
  uint32_t flag;
  const char *name;
} route_flags[]
    = { { KG_PUBLIC, "public" },    { KG_ADMIN, "admin" }, { KG_BILLABLE, "billable" },
        { KG_JSON, "json" },        { KG_QUIET, "quiet" }, { KG_STREAMS, "streams" },
        { KG_HIDDEN, "unlisted" } };

static void
head_print (const struct plugin *plugin, FILE *out)
{
  const struct kg_plugin *d = &plugin->desc;
  fprintf (out, "name: %s\nversion: %s\nabi: %u.%u\n", d->name, d->version, d->abi >> 16,
           d->abi & 0xffff);
  if (d->summary)
    fprintf (out, "summary: %s\n", d->summary);
  fprintf (out, "file: %s\n", plugin->path);
  if (d->flags & KG_SERIAL)
    fputs ("serial: one hook at a time\n", out);
  if (!d->opts)
    return;
  fputs ("options:\n", out);
  dump_table (out, d->opts, d->opt_size);
}

static void
route_print (const struct kg_route *r, FILE *out)
{
  fprintf (out, "  %s %s", r->method, r->pattern);
  for (size_t i = 0; i < sizeof route_flags / sizeof route_flags[0]; i++)
    if (r->flags & route_flags[i].flag)
      fprintf (out, " %s", route_flags[i].name);
  if (r->scope)
    fprintf (out, " scope=%s", r->scope);
  fprintf (out, "%s%s\n", r->summary ? ": " : "", r->summary ? r->summary : "");
}

static void
routes_print (const struct plugins *p, const struct kg_self *self, FILE *out)
{
  const struct router *router = p->host->router;
  const char *title = "routes:\n";
  for (uint32_t i = 0; router && i < route_count (router); i++) {
    const struct route *r = route_at (router, i);
    if (!r || r->self != self)
      continue;
    fputs (title, out);
    title = "";
    route_print (&r->pub, out);
  }
}

static void
hooks_print (const struct plugins *p, const struct kg_self *self, FILE *out)
{
  const char *title = "hooks:";
  for (int phase = KG_PHASE_ACCESS; phase <= KG_PHASE_LOG; phase++)
    for (uint32_t i = 0; i < p->host->nhooks[phase]; i++)
      if (p->host->hooks[phase][i].self == self) {
        fprintf (out, "%s %s", title, phases[phase]);
        title = "";
      }
  fputs (*title ? "" : "\n", out);
}

/* A list of services on one line. */
struct listing {
  FILE *out;
  const char *title;
};

static void
service_print (const char *service, uint32_t flags, void *arg)
{
  struct listing *l = arg;
  fprintf (l->out, "%s %s%s", l->title, service, flags & KG_NEED_OPTIONAL ? " (optional)" : "");
  l->title = ",";
}

static void
services_print (const struct plugins *p, const struct kg_self *self, FILE *out)
{
  for (int provided = 1; provided >= 0; provided--) {
    struct listing l = { out, provided ? "provides:" : "needs:" };
    services_walk (p->host->services, self, provided, service_print, &l);
    fputs (*l.title == ',' ? "\n" : "", out);
  }
}

/* Opens it with nothing but defaults; says so where that cannot be. */
static void
declared_print (struct plugins *p, struct plugin *plugin, FILE *out)
{
  struct errors mine;
  struct arena arena;
  struct schema s = { &arena, &mine, plugin->desc.name, "load" };
  errors_init (&mine);
  arena_init (&arena, NULL, 0);
  if (schema_fill (&s, NULL, plugin->desc.opts, plugin->desc.opt_size, plugin->conf) < 0
      || plugin_open (p, plugin, &mine) < 0)
    fprintf (out, "not opened: %s\n", mine.text[0] ? mine.text[0] : "out of memory");
  if (plugin->opened) {
    routes_print (p, plugin->self, out);
    hooks_print (p, plugin->self, out);
    services_print (p, plugin->self, out);
  }
  plugin_close (p, plugin);
  errors_finish (&mine);
  arena_finish (&arena);
}

int32_t
plugin_dump (struct plugins *p, const char *name, int mdoc, FILE *out, struct errors *errors)
{
  struct conf_where nowhere = { NULL, 0 };
  char buf[PLUGIN_PATH_MAX];
  const char *dir = p->host->settings.plugin_dir;
  int32_t e;
  if (p->n)
    return -EBUSY;
  if (!dir || !*dir)
    dir = plugins_dir_default (buf, sizeof buf);
  p->all = calloc (1, sizeof *p->all);
  if (!p->all)
    return -ENOMEM;
  blame_install ();
  blame_loading_begin (PLUGINS_LOAD_SECONDS);
  e = plugin_load (p, name, NULL, dir, 1, nowhere, p->all, errors);
  p->n = e >= 0;
  if (e >= 0 && mdoc)
    dump_mdoc (out, p->all->desc.opts, p->all->desc.opt_size);
  else if (e >= 0) {
    head_print (p->all, out);
    declared_print (p, p->all, out);
  }
  blame_loading_end ();
  return e;
}
