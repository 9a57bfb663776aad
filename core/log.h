/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The log: the core's only global.
 *
 * Producers write complete lines into a ring of their own thread and never
 * block, lock or call the kernel (one eventfd write when the log was idle); one
 * thread writes them out in batches.  What does not fit is dropped and counted.
 * Before log_open and after log_close lines go to standard error directly.
 *
 * Each record is one line: text on a terminal, else a JSON object.  Values are
 * escaped, cut at LOG_VALUE_MAX bytes (messages: LOG_MESSAGE_MAX), and what looks
 * like a secret is replaced, whoever passes it. */
#ifndef CORE_LOG_H
#define CORE_LOG_H

#include "core/abi.h"
#include "core/settings.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_VALUE_MAX   256  /* bytes of a value, before it is escaped */
#define LOG_MESSAGE_MAX 1024 /* bytes of a message */

/* Where everything about one request comes together.  Absent strings are left
 * out. */
struct log_access {
  int64_t time_ns;     /* wall clock of the line; 0: read the clock */
  int64_t duration_ns;
  uint64_t bytes_in, bytes_out;
  int32_t status;
  int32_t error;       /* negative errno of the plugin below, or 0 */
  int32_t known; /* id, method and route are the core's own, or checked: see account.c */
  kg_str request_id, method, route, path, client, listener;
  kg_str subject, tenant, key_id;
  kg_str trace_id, span_id; /* 32 and 16 hexadecimal digits, made or checked by the core */
  kg_str user_agent;
  kg_str plugin;       /* who answered or failed, when it was not the route's owner */
};

/* Starts the log thread; opens the file for appending.  -EINVAL, -ENOMEM or what
 * open says, with a text in `error`. */
int32_t log_open (const struct log_settings *settings, char *error, size_t size);

/* Writes what is left (for at most 2 s, when the output is blocked), ends the
 * thread and closes the file.  Nothing happens when the log is not open. */
void log_close (void);

/* Whether a line of this level would be written. */
int log_enabled (int32_t level);

/* Whether log_access does anything. */
int log_access_enabled (void);

/* One line; `source` is a plugin's or core part's name.  Any thread. */
void log_write (int32_t level, const char *source, const char *fmt, ...) KG_PRINTF (3, 4);
void log_vwrite (int32_t level, const char *source, const char *fmt, va_list args)
    KG_PRINTF (3, 0);

/* One line of the access log.  Any thread. */
void log_access (const struct log_access *access);

/* How many lines were dropped since the process started. */
uint64_t log_dropped (void);

#endif
