/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What the files of the plugins' life share: plugin.c (loading), plugin_life.c,
 * plugin_host.c (their [open] functions), plugin_dump.c. */
#ifndef CORE_PLUGIN_SET_H
#define CORE_PLUGIN_SET_H

#include "core/plugin.h"
#include "core/plugin_file.h"
#include "core/self.h"

struct plugin {
  struct kg_plugin desc; /* a checked copy */
  struct kg_self *self;
  char *path;
  char *label;           /* "etc/kgentd.conf:31: /x/auth.so" */
  struct conf_where where;
  uint32_t entry;        /* its place in the configuration */
  void *conf;            /* filled by its options */
  int opened, started, mark; /* mark: of the ordering, 1 on the way, 2 placed */
};

struct plugins {
  struct host *host;
  const struct conf *source; /* NULL: nothing but defaults */
  struct kg_self *core;
  struct plugin *all;    /* in the order of the configuration */
  uint32_t n;
  struct plugin **order; /* of starting */
  uint32_t norder;
  char refused[PLUGIN_WHY_MAX]; /* the first [open] function that failed in this open */
  int fatal;                    /* even when the plugin doesn't mind */
};

/* What a plugin says while its open or start runs, on that thread. */
struct telling {
  const struct plugins *plugins;
  const struct plugin *plugin;
  struct errors errors; /* of open: logged once that was good, else why it failed */
  int hold;             /* 1: of open */
};

/* From here on warnings and errors of the plugin are told with file and line. */
void plugin_tell_begin (struct telling *t, const struct plugins *p, const struct plugin *plugin,
                        int hold);

/* Until here; what is held goes to `errors`, or into the log with NULL.  Returns how many there
 * were. */
uint32_t plugin_tell_end (struct telling *t, struct errors *errors);

/* Verifies, loads and checks one file into *ret, with a self; `name` NULL: of any
 * name.  -EINVAL with the reason in `errors`, -ENOMEM. */
int32_t plugin_load (struct plugins *p, const char *load, const char *name, const char *dir,
                     int anywhere, struct conf_where where, struct plugin *ret,
                     struct errors *errors);

/* Frees what plugin_load and the filling allocated. */
void plugin_finish (struct plugin *plugin);

/* Calls open.  On failure nothing of it remains. */
int32_t plugin_open (struct plugins *p, struct plugin *plugin, struct errors *errors);
void plugin_close (struct plugins *p, struct plugin *plugin);

#endif
