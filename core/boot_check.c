/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What kgentd does instead of serving: -t, -T, --dump-plugin.  Plugins are
 * loaded in a process of their own, so that a broken one is an error like any
 * other. */
#include "core/boot.h"
#include "core/boot_host.h"
#include "core/dump.h"
#include "core/plugin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* In the child: everything that declares. */
static int
check_run (void *arg)
{
  struct boot *b = arg;
  int32_t r = boot_host_make (b);
  if (!r)
    r = boot_plugins_open (b);
  if (!r && b->options->mode == OPTIONS_PRINT)
    conf_print (b->conf, stdout);
  errors_print (&b->errors, stderr, "kgentd");
  boot_down (b);
  return r;
}

int32_t
boot_check (const struct options *options)
{
  struct boot b;
  int32_t r;
  boot_init (&b, options, "", -1);
  r = boot_configure (&b);
  if (!r)
    r = plugins_guard (check_run, &b, &b.errors);
  if (!r && options->mode == OPTIONS_CHECK)
    printf ("kgentd: %s: the configuration is good\n", options->file);
  errors_print (&b.errors, stderr, "kgentd");
  boot_down (&b);
  return r;
}

/* ---- --dump-plugin ------------------------------------------------------------------ */

/* A host with nothing but defaults, on a folder of its own that stays empty. */
static int32_t
defaults_make (struct boot *b, const char *dir)
{
  b->host = calloc (1, sizeof *b->host);
  if (!b->host)
    return EXIT_OS;
  b->host->settings.store = (struct store_settings){ "sqlite", dir, "power", "", 4 << 20, 0 };
  b->host->settings.http.listen = "127.0.0.1:8000";
  b->host->settings.plugin_dir = b->options->plugin_dir;
  return boot_host_make (b);
}

int32_t
boot_dump (const struct options *options)
{
  char dir[] = "/tmp/kgentd-dump-XXXXXX";
  struct boot b;
  int32_t r;
  if (!strcmp (options->dump, "core")) {
    (options->mdoc ? dump_mdoc : dump_table) (stdout, settings_opts, sizeof *settings_opts);
    return 0;
  }
  if (!mkdtemp (dir)) {
    perror ("kgentd: /tmp");
    return EXIT_CREATE;
  }
  boot_init (&b, options, "", -1);
  r = defaults_make (&b, dir);
  if (!r && plugin_dump (b.host->plugins, options->dump, options->mdoc, stdout, &b.errors) < 0)
    r = EXIT_CONFIG;
  errors_print (&b.errors, stderr, "kgentd");
  boot_down (&b);
  rmdir (dir);
  return r;
}
