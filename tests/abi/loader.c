/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Leads the plugins of a configuration through their whole life, without serving:
 * loader FILE [check | dump NAME]; `loader --debug` tells whether this is a debug
 * build.  Errors are printed as kgentd prints them. */
#include "core/blame.h"
#include "core/health.h"
#include "core/plugin.h"
#include "core/route.h"
#include "core/service.h"
#include "core/table.h"

#include <kgent/health.h>

#include <stdlib.h>
#include <string.h>

#ifdef KG_DEBUG
#define DEBUG_BUILD 1
#else
#define DEBUG_BUILD 0
#endif

struct loader {
  const char *file;
  const char *dump; /* a plugin's name, or NULL */
  struct host host;
  struct errors errors;
};

static int
made (struct host *host)
{
  host->table = &host_table;
  host->router = router_create ();
  host->health = health_create ();
  host->services = services_create ();
  return host->router && host->health && host->services && !plugins_create (host)
         && !services_provide (host->services, plugins_core (host->plugins), KG_HEALTH,
                               &health_service, sizeof health_service);
}

static int32_t
live (struct loader *l, struct conf *conf)
{
  struct plugins *p = l->host.plugins;
  int32_t e = conf_settings (conf, &l->host.settings, &l->errors);
  if (e >= 0)
    e = plugins_load (p, conf, &l->errors);
  if (e >= 0)
    e = plugins_open (p, &l->errors);
  if (e < 0)
    return e;
  e = plugins_start (p, &l->errors);
  plugins_stop (p);
  plugins_close (p);
  return e;
}

static int
run (void *arg)
{
  struct loader *l = arg;
  struct conf *conf = NULL;
  int32_t e;
  if (!made (&l->host))
    return 71;
  l->host.settings.plugin_dir = getenv ("PLUGIN_DIR");
  e = l->dump ? plugin_dump (l->host.plugins, l->dump, 0, stdout, &l->errors)
              : conf_load (l->file, NULL, 0, &conf, &l->errors);
  if (conf)
    e = live (l, conf);
  errors_print (&l->errors, stderr, "kgentd");
  if (e < 0 && !l->errors.count)
    fprintf (stderr, "kgentd: %s without a reason\n", strerror (-e));
  plugins_destroy (l->host.plugins);
  services_destroy (l->host.services);
  health_destroy (l->host.health);
  router_destroy (l->host.router);
  conf_destroy (conf);
  errors_finish (&l->errors);
  return e < 0 ? 78 : 0;
}

int
main (int argc, char **argv)
{
  struct loader l;
  struct errors errors;
  int status;
  if (argc == 2 && !strcmp (argv[1], "--debug"))
    return !DEBUG_BUILD;
  memset (&l, 0, sizeof l);
  l.file = argv[1];
  l.dump = argc > 3 && !strcmp (argv[2], "dump") ? argv[3] : NULL;
  errors_init (&l.errors);
  errors_init (&errors);
  if (argc < 3 || strcmp (argv[2], "check")) {
    blame_install ();
    return run (&l);
  }
  status = plugins_guard (run, &l, &errors);
  errors_print (&errors, stderr, "kgentd");
  errors_finish (&errors);
  return status;
}
