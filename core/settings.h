/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The core's own options: the blocks http, admin, store, log and drain of the
 * configuration, filled from option tables exactly as a plugin's block is. */
#ifndef CORE_SETTINGS_H
#define CORE_SETTINGS_H

#include "core/abi.h"

#include <stdint.h>

struct http_settings {
  const char *listen;                  /* "127.0.0.1:8000", "[::1]:8000", "unix:/path" */
  int64_t threads;                     /* 0: one per core */
  const char *const *cors_origins;     /* exact origins; empty: no CORS headers */
  const char *const *trusted_proxies;  /* CIDRs whose X-Forwarded-For counts */
  int32_t allow_chunked;               /* 0: chunked request bodies get 411 */
  int64_t line_max, header_max;        /* bytes: request line, header block */
  int64_t headers_max;                 /* number of fields */
  int64_t body_max;                    /* bytes, where the route says nothing */
  int64_t body_rate;                   /* bytes/s, after 5 s */
  int64_t connections;                 /* at once, all workers together */
  int64_t pipeline_max;                /* requests on one connection, then close */
  int64_t stream_buffer;               /* bytes that a stream may hold back */
  double header_timeout, body_timeout, handler_timeout; /* s */
  double write_timeout, idle_timeout, stream_timeout;   /* s */
};

struct admin_settings {
  const char *listen;  /* "" : none */
  const char *socket;  /* file name inside store.dir of the operator's socket; "": none */
};

struct store_settings {
  const char *engine;   /* "sqlite" */
  const char *dir;
  const char *commit;   /* "power" | "process" */
  const char *replica;  /* prefix of ids; "": made once and kept in the store */
  int64_t ring_bytes;   /* of one worker's ring */
  int64_t fresh_marks;  /* that are kept in memory before they are written as a run */
};

struct log_settings {
  const char *level;   /* error, warn, info, debug */
  const char *format;  /* auto (text on a terminal, else json), text, json */
  const char *file;    /* "-": standard error */
  int32_t access;      /* one line per request */
};

struct drain_settings {
  double grace;   /* s between /readyz going red and the last accept */
  double timeout; /* s for what is in flight */
};

struct settings {
  struct http_settings http;
  struct admin_settings admin;
  struct store_settings store;
  struct log_settings log;
  struct drain_settings drain;
  const char *plugin_dir; /* where "load" names are looked up */
};

/* The option table of struct settings, core/settings.c. */
extern const struct kg_opt settings_opts[];

#endif
