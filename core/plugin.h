/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The plugins: found, verified, loaded, and led through their life.
 *
 *   plugins_create    the core's own self is there
 *   plugins_load      files verified, code loaded, configurations filled
 *   plugins_open      `open` of each, in the order of the configuration; what
 *                     they need of each other is found
 *   plugins_start     `start` of each, providers before who needs them
 *   plugins_stop      `stop` in the reverse order
 *   plugins_close     `close` in the reverse order of opening
 *   plugins_destroy
 *
 * Each step that fails undoes its own part: what was open before a failed open
 * is closed, what was started before a failed start is stopped (and stays open
 * until plugins_close).  Whatever is refused goes to `errors`, one line each.
 * Code is never unloaded. */
#ifndef CORE_PLUGIN_H
#define CORE_PLUGIN_H

#include "core/conf.h"
#include "core/errors.h"
#include "core/host.h"

#include <stdio.h>

#define PLUGINS_LOAD_SECONDS  10 /* for loading and opening all, at boot */
#define PLUGINS_CHECK_SECONDS 5  /* the same under -t */

struct plugins;

/* Makes the core's own self, "core" with index 0, and sets host->plugins.
 * -ENOMEM. */
int32_t plugins_create (struct host *host);

/* Frees; after plugins_close.  Accepts NULL. */
void plugins_destroy (struct plugins *p);

/* The core's own self: it may register routes and provide services until
 * plugins_start. */
struct kg_self *plugins_core (struct plugins *p);

/* The folder where plugins are when nothing says otherwise: `plugins` beside the
 * program's file in a build tree, else that of the installation. */
const char *plugins_dir_default (char *buf, size_t size);

/* Loads what the configuration names, from host->settings.plugin_dir (NULL: the
 * default).  -EINVAL with the reasons in `errors`, -ENOMEM. */
int32_t plugins_load (struct plugins *p, struct conf *conf, struct errors *errors);

int32_t plugins_open (struct plugins *p, struct errors *errors);
int32_t plugins_start (struct plugins *p, struct errors *errors);
void plugins_stop (struct plugins *p);
void plugins_close (struct plugins *p);

/* Calls fn for each loaded plugin in the order of the configuration, until it
 * answers other than 0; returns that. */
int32_t plugins_walk (struct plugins *p, int32_t (*fn) (const struct kg_plugin *, void *arg),
                      void *arg);

/* Runs `check` in a child process, for -t: a plugin that crashes, loops or exits
 * while it is loaded or opened becomes an error.  `check` prints its errors
 * itself and returns an exit status.  Returns that, or 78 with `errors` saying
 * what the child died of. */
int plugins_guard (int (*check) (void *arg), void *arg, struct errors *errors);

/* For --dump-plugin: loads one plugin, opens it with its defaults, prints what it
 * is and declares, and closes it; `mdoc` 1: only its options, as mdoc(7).  `name`
 * is a name in the plugin folder, or a path.  The host must have everything that
 * plugins_open needs. */
int32_t plugin_dump (struct plugins *p, const char *name, int mdoc, FILE *out,
                     struct errors *errors);

/* The [open] functions of struct kg_host, for core/table.c. */
void host_log (kg_self *self, int32_t level, const char *fmt, ...) KG_PRINTF (3, 4);
int32_t host_route (kg_self *self, const struct kg_route *route);
int32_t host_hook (kg_self *self, int32_t phase, kg_fn *fn);
int32_t host_fields (kg_self *self, const char *const *names, const kg_fields **ret);
int32_t host_provide (kg_self *self, const char *service, const void *table, uint32_t size);
int32_t host_need (kg_self *self, const char *service, uint32_t size, uint32_t flags,
                   const void **slot);

#endif
