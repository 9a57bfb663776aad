/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/boot.h"
#include "core/boot_host.h"
#include "core/account.h"
#include "core/catalog.h"
#include "core/fetch.h"
#include "core/idempotency.h"
#include "core/inner.h"
#include "core/jobs.h"
#include "core/log.h"
#include "core/metrics.h"
#include "core/plugin.h"
#include "core/store.h"
#include "core/worker.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static const struct conf_where nowhere = { NULL, 0 };

void
boot_init (struct boot *b, const struct options *options, const char *program, int wake_fd)
{
  memset (b, 0, sizeof *b);
  b->options = options;
  b->program = program;
  b->wake_fd = wake_fd;
  errors_init (&b->errors);
}

/* Says that a part could not be had; an exit code. */
static int32_t
failed (struct boot *b, const char *part, int32_t error)
{
  errors_add (&b->errors, nowhere, "%s: %s", part, strerror (-error));
  return EXIT_OS;
}

/* SIGTERM and SIGINT are blocked while starting: one of them waits. */
static int
interrupted (void)
{
  sigset_t set;
  return !sigpending (&set) && (sigismember (&set, SIGTERM) || sigismember (&set, SIGINT));
}

/* ---- Configuration --------------------------------------------------------------- */

static int32_t
log_up (struct boot *b)
{
  char error[256] = "";
  int32_t r = log_open (&b->host->settings.log, error, sizeof error);
  if (r < 0) {
    errors_add (&b->errors, nowhere, "log.file: %s: %s", b->host->settings.log.file, error);
    return EXIT_CREATE;
  }
  b->log = 1;
  return 0;
}

/* A core dump would hold keys; whoever debugs wants one. */
static void
dumpable_set (const struct settings *settings)
{
#if !defined KG_DEBUG && !defined __SANITIZE_ADDRESS__ && !defined __SANITIZE_THREAD__
  if (strcmp (settings->log.level, "debug"))
    prctl (PR_SET_DUMPABLE, 0);
#else
  (void) settings;
#endif
}

/* Words of the LOG_LEVEL that other services know. */
static void
level_translate (struct log_settings *log)
{
  if (!strcmp (log->level, "warning"))
    log->level = "warn";
  else if (!strcmp (log->level, "critical"))
    log->level = "error";
}

/* A store.dir below the working folder is named from the root on, for sockets and messages. */
static int32_t
dir_complete (struct boot *b)
{
  struct store_settings *s = &b->host->settings.store;
  size_t len;
  if (*s->dir == '/')
    return 0;
  if (!getcwd (b->dir, sizeof b->dir))
    return failed (b, "store.dir: the working folder", -errno);
  len = strlen (b->dir);
  if ((size_t) snprintf (b->dir + len, sizeof b->dir - len, "/%s", s->dir) >= sizeof b->dir - len)
    return failed (b, "store.dir", -ENAMETOOLONG);
  s->dir = b->dir;
  return 0;
}

int32_t
boot_configure (struct boot *b)
{
  const struct options *o = b->options;
  int32_t r = conf_load (o->file, o->overrides, o->noverrides, &b->conf, &b->errors);
  if (r < 0)
    return r == -ENOMEM ? failed (b, "configuration", r) : EXIT_CONFIG;
  b->host = calloc (1, sizeof *b->host);
  if (!b->host)
    return failed (b, "host", -ENOMEM);
  r = conf_settings (b->conf, &b->host->settings, &b->errors);
  if (r < 0)
    return r == -ENOMEM ? failed (b, "configuration", r) : EXIT_CONFIG;
  level_translate (&b->host->settings.log);
  r = dir_complete (b);
  if (r)
    return r;
  if (o->plugin_dir)
    b->host->settings.plugin_dir = o->plugin_dir;
  if (o->mode != OPTIONS_RUN)
    return 0;
  dumpable_set (&b->host->settings);
  return log_up (b);
}

/* ---- Up ---------------------------------------------------------------------------- */

static int32_t
listens_up (struct boot *b, struct listens *l)
{
  struct settings *s = &b->host->settings;
  int32_t r = listens_open (l, s, &b->errors);
  listens_actual (&l->list[LISTEN_HTTP], b->listen, sizeof b->listen);
  if (*b->listen)
    s->http.listen = b->listen; /* plugins ask whether it is a loopback address */
  switch (r) {
  case 0:
    return 0;
  case -EADDRINUSE:
    return EXIT_BUSY;
  case -EINVAL:
    return EXIT_CONFIG;
  case -EACCES:
  case -EPERM:
  case -ENOENT:
  case -ENOTDIR:
  case -EEXIST:
    return EXIT_CREATE;
  default:
    return EXIT_OS;
  }
}

static int32_t
store_up (struct boot *b)
{
  char error[STORE_ERROR_MAX] = "";
  int32_t r = store_start (b->host->store, workers_wanted (&b->host->settings), error);
  if (r < 0) {
    errors_add (&b->errors, nowhere, "%s", error);
    return boot_store_exit (r);
  }
  b->store = 1;
  r = idempotency_start (b->host);
  return r < 0 ? failed (b, "idempotency", r) : 0;
}

static int32_t
threads_up (struct boot *b)
{
  int32_t r = jobs_start (b->host->jobs);
  if (r < 0)
    return failed (b, "jobs", r);
  b->jobs = 1;
  r = fetch_start (b->host->fetch);
  if (r < 0)
    return failed (b, "HTTP client", r);
  b->fetch = 1;
  return 0;
}

static int32_t
plugins_up (struct boot *b)
{
  int32_t r = plugins_start (b->host->plugins, &b->errors);
  store_started (b->host->store, r >= 0);
  if (r < 0)
    return r == -ENOMEM ? failed (b, "plugins", r) : EXIT_SOFTWARE;
  b->started = 1;
  metrics_freeze (b->host->metrics);
  return 0;
}

static int32_t
workers_up (struct boot *b, const struct listens *l)
{
  struct listener list[LISTENS];
  uint32_t i, n = 0;
  int32_t r;
  for (i = 0; i < LISTENS; i++)
    if (l->list[i].fd >= 0)
      list[n++] = (struct listener){ l->list[i].fd, i != LISTEN_HTTP, i == LISTEN_LOCAL };
  catalog_started (b->host->catalog); /* before: an answer may leave at once */
  r = workers_create (b->host, list, n, &b->workers);
  if (r < 0)
    return failed (b, "workers", r);
  inners_serve (b->host->inners, b->workers);
  return 0;
}

/* Everything declares; the sockets are there before, as plugins ask about them. */
static int32_t
declare_up (struct boot *b, struct listens *l)
{
  int32_t r = boot_host_make (b);
  if (!r)
    r = listens_up (b, l);
  if (!r)
    r = boot_plugins_open (b);
  if (r)
    return r;
  r = account_create (b->host);
  if (r < 0)
    return failed (b, "metrics", r);
  r = idempotency_create (b->host);
  return r < 0 ? failed (b, "idempotency", r) : 0;
}

int32_t
boot_serve (struct boot *b, struct listens *l)
{
  int32_t r = declare_up (b, l);
  if (!r && interrupted ())
    return BOOT_INTERRUPTED;
  if (!r)
    r = store_up (b);
  if (!r)
    r = threads_up (b);
  if (!r && interrupted ())
    return BOOT_INTERRUPTED;
  if (!r)
    r = plugins_up (b);
  if (!r)
    r = workers_up (b, l);
  return r;
}

/* ---- Down -------------------------------------------------------------------------- */

static int32_t
stop_all (struct boot *b)
{
  struct host *h = b->host;
  int32_t r = 0;
  if (h->inners)
    inners_close (h->inners);
  if (b->workers)
    workers_stop (b->workers);
  if (h->inners)
    inners_stop (h->inners);
  if (b->started)
    plugins_stop (h->plugins);
  if (b->fetch)
    fetch_stop (h->fetch);
  if (b->jobs)
    jobs_stop (h->jobs);
  if (b->store)
    r = store_stop (h->store);
  if (r < 0)
    log_write (KG_LOG_ERROR, "core",
               "the store could not write everything: %s; the next start does", strerror (-r));
  return r;
}

static void
free_all (struct boot *b)
{
  if (b->host) {
    if (b->opened)
      plugins_close (b->host->plugins);
    workers_destroy (b->workers);
    control_destroy (b->control);
    boot_host_free (b->host);
    free (b->host);
  }
  conf_destroy (b->conf);
}

int32_t
boot_down (struct boot *b)
{
  int32_t r = b->host ? stop_all (b) : 0;
  /* A handler that was given up may return at any moment, and needs what it knows. */
  if (!b->workers || !workers_stuck (b->workers))
    free_all (b);
  if (b->log)
    log_close ();
  errors_finish (&b->errors);
  boot_init (b, b->options, b->program, b->wake_fd);
  return r;
}
