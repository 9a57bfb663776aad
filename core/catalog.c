/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/catalog.h"

#include "core/health.h"
#include "core/host.h"
#include "core/plugin.h"
#include "core/route.h"
#include "core/util/clock.h"
#include "core/worker.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct catalog {
  const char *version;
  _Atomic int64_t started_ns; /* wall clock; 0 until the host serves */
  atomic_int draining;
};

/* ---- The service --------------------------------------------------------- */

static int32_t
service_routes (kg_self *self, int32_t (*fn) (const char *, const struct kg_route *, void *),
                void *arg)
{
  return route_walk (self->host->router, fn, arg);
}

/* A walk over plugins on its way to a kg_plugin_view. */
struct plugin_walk {
  int32_t (*fn) (const struct kg_plugin_view *, void *);
  void *arg;
};

static int32_t
plugin_view (const struct kg_plugin *plugin, void *arg)
{
  const struct plugin_walk *walk = arg;
  struct kg_plugin_view view = {
    .size = sizeof view,
    .abi = plugin->abi,
    .name = plugin->name,
    .version = plugin->version ? plugin->version : "",
    .summary = plugin->summary ? plugin->summary : "",
  };
  return walk->fn (&view, walk->arg);
}

static int32_t
service_plugins (kg_self *self, int32_t (*fn) (const struct kg_plugin_view *, void *),
                 void *arg)
{
  struct plugin_walk walk = { fn, arg };
  return plugins_walk (self->host->plugins, plugin_view, &walk);
}

/* Whether only this machine can reach the public listener. */
static int32_t
listen_loopback (const char *listen)
{
  return listen
         && (!strncmp (listen, "127.", 4) || !strncmp (listen, "[::1]", 5)
             || !strncmp (listen, "localhost:", 10) || !strncmp (listen, "unix:", 5));
}

static int32_t
service_host (kg_self *self, struct kg_host_view *ret)
{
  struct catalog *c = self->host->catalog;
  struct kg_host_view view = {
    .size = ret->size,
    .abi = KG_ABI_CURRENT,
    .name = "kgentd",
    .version = c->version,
    .started_ns = atomic_load (&c->started_ns),
    .draining = catalog_draining (c),
    .loopback = listen_loopback (self->host->settings.http.listen),
  };
  if (!ret->size)
    return -EINVAL;
  memcpy (ret, &view, ret->size < sizeof view ? ret->size : sizeof view);
  return 0;
}

static int32_t
service_live (kg_self *self)
{
  return catalog_live (self->host);
}

static int32_t
service_ready (kg_self *self)
{
  return catalog_ready (self->host);
}

const struct kg_routes catalog_service = {
  .size = sizeof (struct kg_routes),
  .routes = service_routes,
  .plugins = service_plugins,
  .host = service_host,
  .live = service_live,
  .ready = service_ready,
};

/* ---- Public functions ---------------------------------------------------- */

struct catalog *
catalog_create (const char *version)
{
  struct catalog *c = calloc (1, sizeof *c);
  if (c)
    c->version = version;
  return c;
}

void
catalog_destroy (struct catalog *c)
{
  free (c);
}

void
catalog_started (struct catalog *c)
{
  atomic_store (&c->started_ns, clock_wall ());
}

void
catalog_drain (struct catalog *c)
{
  atomic_store (&c->draining, 1);
}

int32_t
catalog_draining (const struct catalog *c)
{
  return atomic_load_explicit (&c->draining, memory_order_relaxed);
}

int32_t
catalog_live (const struct host *host)
{
  return host->workers && workers_alive (host->workers);
}

int32_t
catalog_ready (const struct host *host)
{
  return !catalog_draining (host->catalog) && catalog_live (host)
         && health_ready (host->health);
}
