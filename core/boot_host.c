/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/boot_host.h"
#include "core/account.h"
#include "core/catalog.h"
#include "core/fetch.h"
#include "core/health.h"
#include "core/idempotency.h"
#include "core/inner.h"
#include "core/jobs.h"
#include "core/metrics.h"
#include "core/plugin.h"
#include "core/route.h"
#include "core/service.h"
#include "core/store.h"
#include "core/table.h"

#include <errno.h>
#include <string.h>

static const struct conf_where nowhere = { NULL, 0 };

int32_t
boot_store_exit (int32_t error)
{
  switch (error) {
  case -ENOENT:
  case -EACCES:
  case -EPERM:
  case -ENOTDIR:
  case -EROFS:
  case -ENOSPC:
  case -EDQUOT:
    return EXIT_CREATE;
  case -EINVAL:
  case -EPROTONOSUPPORT:
    return EXIT_CONFIG;
  case -EBUSY:
    return EXIT_BUSY;
  default:
    return EXIT_OS;
  }
}

/* What needs nothing else. */
static int32_t
parts_make (struct host *h)
{
  h->table = &host_table;
  h->services = services_create ();
  h->router = router_create ();
  h->metrics = metrics_create ();
  h->health = health_create ();
  h->catalog = catalog_create (options_version ());
  if (!h->services || !h->router || !h->metrics || !h->health || !h->catalog)
    return -ENOMEM;
  return plugins_create (h);
}

/* The core's services, before any plugin asks for one. */
static int32_t
services_offer (struct host *h)
{
  static const struct {
    const char *name;
    const void *table;
    uint32_t size;
  } list[] = { { KG_HEALTH, &health_service, sizeof (struct kg_health) },
               { KG_METRICS, &metrics_service, sizeof (struct kg_metrics) },
               { KG_HTTP, &fetch_service, sizeof (struct kg_http) },
               { KG_JOBS, &jobs_service, sizeof (struct kg_jobs) },
               { KG_STORE, &store_service, sizeof (struct kg_store) },
               { KG_ROUTES, &catalog_service, sizeof (struct kg_routes) },
               { KG_CALLS, &inners_service, sizeof (struct kg_calls) } };
  struct kg_self *core = plugins_core (h->plugins);
  int32_t r = 0;
  size_t i;
  for (i = 0; !r && i < sizeof list / sizeof *list; i++)
    r = services_provide (h->services, core, list[i].name, list[i].table, list[i].size);
  return r;
}

int32_t
boot_host_make (struct boot *b)
{
  struct host *h = b->host;
  char error[STORE_ERROR_MAX] = "";
  int32_t r = parts_make (h);
  if (!r)
    r = jobs_create (h, 0, &h->jobs);
  if (!r)
    r = fetch_create (h, &h->fetch);
  if (!r)
    r = inners_create (&h->inners);
  if (!r)
    r = services_offer (h);
  if (!r)
    r = control_create (h, plugins_core (h->plugins), b->program, b->options->argv, b->wake_fd,
                        &b->control);
  if (r < 0) {
    errors_add (&b->errors, nowhere, "cannot make the host: %s", strerror (-r));
    return EXIT_OS;
  }
  r = store_create (h, plugins_core (h->plugins), &h->settings.store, &h->store, error);
  if (r < 0) {
    errors_add (&b->errors, nowhere, "%s", error);
    return boot_store_exit (r);
  }
  return 0;
}

int32_t
boot_plugins_open (struct boot *b)
{
  struct plugins *p = b->host->plugins;
  int32_t r = plugins_load (p, b->conf, &b->errors);
  if (r >= 0)
    r = plugins_open (p, &b->errors);
  if (r == -ENOMEM) {
    errors_add (&b->errors, nowhere, "plugins: %s", strerror (ENOMEM));
    return EXIT_OS;
  }
  if (r < 0)
    return EXIT_CONFIG;
  b->opened = 1;
  return 0;
}

void
boot_host_free (struct host *h)
{
  if (!h)
    return;
  store_destroy (h->store);
  idempotency_destroy (h);
  fetch_destroy (h->fetch);
  jobs_destroy (h->jobs);
  inners_destroy (h->inners);
  account_destroy (h);
  plugins_destroy (h->plugins);
  catalog_destroy (h->catalog);
  health_destroy (h->health);
  router_destroy (h->router);
  services_destroy (h->services);
  metrics_destroy (h->metrics);
}
