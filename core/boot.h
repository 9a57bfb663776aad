/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A host's way up and down: each part after those that it needs, and strictly
 * back.  Where it fails, or a signal asks for the end, what is up comes down
 * again by boot_down. */
#ifndef CORE_BOOT_H
#define CORE_BOOT_H

#include "core/conf.h"
#include "core/control.h"
#include "core/errors.h"
#include "core/host.h"
#include "core/listen.h"
#include "core/options.h"

#include <limits.h>

#define BOOT_INTERRUPTED (-1) /* SIGTERM or SIGINT came while starting */

struct boot {
  const struct options *options;
  const char *program; /* this program's file, for a check */
  int wake_fd;         /* of struct control */
  struct errors errors; /* what went wrong */
  struct conf *conf;
  struct host *host;
  struct control *control;
  struct workers *workers;
  int32_t log, opened, store, jobs, fetch, started; /* 1: is up */
  char listen[LISTEN_ADDRESS_MAX]; /* where the public socket really listens */
  char dir[PATH_MAX];              /* store.dir, from the root on */
};

void boot_init (struct boot *b, const struct options *options, const char *program, int wake_fd);

/* Reads the configuration and opens the log.  0, or an exit code. */
int32_t boot_configure (struct boot *b);

/* Opens the sockets that `l` doesn't have yet, makes the host, starts all, and
 * serves.  0, an exit code, or BOOT_INTERRUPTED. */
int32_t boot_serve (struct boot *b, struct listens *l);

/* Whatever is up comes down; the connections that are left are ended.  The log
 * is closed.  What the store could not write stays for the next start: then
 * -errno. */
int32_t boot_down (struct boot *b);

/* -t, -T and --dump-plugin: an exit code; what is wrong is on standard error. */
int32_t boot_check (const struct options *options);
int32_t boot_dump (const struct options *options);

#endif
