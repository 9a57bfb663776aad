/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/log.h"
#include "core/log_ring.h"
#include "core/log_text.h"
#include "core/log_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The logger, the core's only global; its rings and its writer belong to it. */
static struct {
  _Atomic int open;
  _Atomic int32_t level;
  _Atomic int access;
  _Atomic int json;
  int atfork; /* whether the child's handler is registered */
} logger = { .level = KG_LOG_INFO };

static const char *const levels[] = { "error", "warn", "info", "debug" };

/* Appends a literal. */
#define LITERAL(p, text) (memcpy (p, text, sizeof (text) - 1), (p) + sizeof (text) - 1)

static char *
put_level (char *p, int32_t level)
{
  const char *name = levels[level - KG_LOG_ERROR];
  size_t n = strlen (name);
  memcpy (p, name, n);
  return p + n;
}

/* `,"name":"value"`, or nothing for an absent value. */
#define MEMBER(p, name, value)                                                                 \
  do                                                                                           \
    if ((value).ptr) {                                                                         \
      p = LITERAL (p, ",\"" name "\":\"");                                                     \
      p = log_text_put (p, (value).ptr, (value).len, LOG_VALUE_MAX, 0);                        \
      *p++ = '"';                                                                              \
    }                                                                                          \
  while (0)

/* The same for what the core made or checked itself, and needs no look. */
#define MEMBER_KNOWN(p, name, value)                                                           \
  do                                                                                           \
    if ((value).ptr) {                                                                         \
      p = LITERAL (p, ",\"" name "\":\"");                                                     \
      memcpy (p, (value).ptr, (value).len);                                                    \
      p += (value).len;                                                                        \
      *p++ = '"';                                                                              \
    }                                                                                          \
  while (0)

/* The same for the core's own hexadecimal ids. */
#define MEMBER_HEX(p, name, value, size)                                                       \
  do                                                                                           \
    if ((value).len == (size)) {                                                               \
      p = LITERAL (p, ",\"" name "\":\"");                                                     \
      memcpy (p, (value).ptr, size);                                                           \
      p += (size);                                                                             \
      *p++ = '"';                                                                              \
    }                                                                                          \
  while (0)

/* ---- Messages ------------------------------------------------------------- */

static char *
message_json (char *p, struct log_stamp *stamp, int32_t level, const char *source, kg_str msg)
{
  p = LITERAL (p, "{\"ts\":\"");
  p = log_text_stamp (p, stamp, clock_wall ());
  p = LITERAL (p, "\",\"level\":\"");
  p = put_level (p, level);
  p = LITERAL (p, "\",\"source\":\"");
  p = log_text_put (p, source, strlen (source), LOG_VALUE_MAX, 0);
  p = LITERAL (p, "\",\"msg\":\"");
  p = log_text_put (p, msg.ptr, msg.len, LOG_MESSAGE_MAX, 0);
  return LITERAL (p, "\"}\n");
}

static char *
put_padded (char *p, const char *end_of_field, char *start)
{
  size_t n = (size_t) (end_of_field - start);
  while ((size_t) (p - start) < n)
    *p++ = ' ';
  *p++ = ' ';
  return p;
}

/* "18:41:07.123 info  auth         message" */
static char *
message_text (char *p, struct log_stamp *stamp, int32_t level, const char *source, kg_str msg)
{
  char time[LOG_STAMP_LEN], *start;
  log_text_stamp (time, stamp, clock_wall ());
  memcpy (p, time + 11, 12);
  p[12] = ' ';
  start = p + 13;
  p = put_padded (put_level (start, level), start + 5, start);
  start = p;
  p = log_text_put (p, source, strlen (source), LOG_VALUE_MAX, 1);
  p = put_padded (p, start + 12, start);
  p = log_text_put (p, msg.ptr, msg.len, LOG_MESSAGE_MAX, 1);
  *p++ = '\n';
  return p;
}

static char *
message_put (char *p, struct log_stamp *stamp, int32_t level, const char *source, kg_str msg,
             int json)
{
  return json ? message_json (p, stamp, level, source, msg)
              : message_text (p, stamp, level, source, msg);
}

/* Nobody drains the rings: straight to standard error. */
static void
write_directly (int32_t level, const char *source, kg_str msg)
{
  char line[LOG_TEXT_ROOM (LOG_MESSAGE_MAX) + LOG_TEXT_ROOM (LOG_VALUE_MAX) + 128], *end;
  struct log_stamp stamp = { .second = -1 };
  end = message_put (line, &stamp, level, source, msg, atomic_load (&logger.json));
  if (write (STDERR_FILENO, line, (size_t) (end - line)) < 0)
    return; /* nobody left to tell */
}

static void
write_message (int32_t level, const char *source, kg_str msg)
{
  struct log_ring *r;
  char *end;
  if (!atomic_load_explicit (&logger.open, memory_order_acquire)) {
    write_directly (level, source, msg);
    return;
  }
  r = log_ring_begin ();
  if (!r)
    return;
  end = message_put (r->stage, &r->stamp, level, source, msg,
                     atomic_load_explicit (&logger.json, memory_order_relaxed));
  log_ring_end (r, (size_t) (end - r->stage));
}

static size_t
notice_put (char *out, uint64_t dropped)
{
  struct log_stamp stamp = { .second = -1 };
  char text[128];
  int n = snprintf (text, sizeof text,
                    "%llu log lines were dropped: the output was blocked or too slow",
                    (unsigned long long) dropped);
  kg_str msg = { text, (size_t) n };
  return (
      size_t) (message_put (out, &stamp, KG_LOG_WARN, "log", msg, atomic_load (&logger.json))
               - out);
}

/* ---- Access ---------------------------------------------------------------- */

static char *
access_numbers (char *p, const struct log_access *a)
{
  p = LITERAL (p, ",\"status\":");
  p = log_text_number (p, (uint64_t) a->status);
  p = LITERAL (p, ",\"duration_ms\":");
  p = log_text_ms (p, a->duration_ns);
  p = LITERAL (p, ",\"bytes_in\":");
  p = log_text_number (p, a->bytes_in);
  p = LITERAL (p, ",\"bytes_out\":");
  p = log_text_number (p, a->bytes_out);
  if (a->error) {
    p = LITERAL (p, ",\"errno\":");
    p = log_text_number (p, (uint64_t) - (int64_t) a->error);
  }
  return p;
}

static char *
access_json (char *p, struct log_stamp *stamp, const struct log_access *a, int64_t time)
{
  p = LITERAL (p, "{\"ts\":\"");
  p = log_text_stamp (p, stamp, time);
  if (a->status < 500)
    p = LITERAL (p, "\",\"level\":\"info\",\"source\":\"access\",\"msg\":\"request\"");
  else
    p = LITERAL (p, "\",\"level\":\"warn\",\"source\":\"access\",\"msg\":\"request\"");
  if (a->known) {
    MEMBER_KNOWN (p, "request_id", a->request_id);
    MEMBER_KNOWN (p, "method", a->method);
    MEMBER_KNOWN (p, "route", a->route);
  } else {
    MEMBER (p, "request_id", a->request_id);
    MEMBER (p, "method", a->method);
    MEMBER (p, "route", a->route);
  }
  MEMBER (p, "path", a->path);
  p = access_numbers (p, a);
  MEMBER (p, "subject", a->subject);
  MEMBER (p, "tenant", a->tenant);
  MEMBER (p, "key_id", a->key_id);
  MEMBER (p, "client", a->client);
  MEMBER (p, "listener", a->listener);
  MEMBER_HEX (p, "trace_id", a->trace_id, 32);
  MEMBER_HEX (p, "span_id", a->span_id, 16);
  MEMBER (p, "user_agent", a->user_agent);
  MEMBER (p, "plugin", a->plugin);
  return LITERAL (p, "}\n");
}

static char *
put_word (char *p, const char *before, kg_str value)
{
  if (!value.ptr || !value.len)
    return p;
  memcpy (p, before, strlen (before));
  p += strlen (before);
  return log_text_put (p, value.ptr, value.len, LOG_VALUE_MAX, 1);
}

/* "18:41:07.123 200 GET /v1/x 0.412 ms 123 B 127.0.0.1 tenant/subject id" */
static char *
access_text (char *p, struct log_stamp *stamp, const struct log_access *a, int64_t time)
{
  char full[LOG_STAMP_LEN];
  log_text_stamp (full, stamp, time);
  memcpy (p, full + 11, 12);
  p[12] = ' ';
  p = log_text_number (p + 13, (uint64_t) a->status);
  p = put_word (p, " ", a->method);
  p = put_word (p, " ", a->path);
  *p++ = ' ';
  p = log_text_ms (p, a->duration_ns);
  p = LITERAL (p, " ms ");
  p = log_text_number (p, a->bytes_out);
  p = LITERAL (p, " B");
  p = put_word (p, " ", a->client);
  p = put_word (p, " ", a->tenant);
  p = put_word (p, "/", a->subject);
  p = put_word (p, " ", a->request_id);
  p = put_word (p, " by ", a->plugin);
  *p++ = '\n';
  return p;
}

/* ---- Life ------------------------------------------------------------------- */

/* A forked child has no log thread. */
static void
child_detach (void)
{
  atomic_store (&logger.open, 0);
}

static int32_t
level_parse (const char *text)
{
  int32_t i;
  for (i = 0; i < 4; i++)
    if (text && strcmp (text, levels[i]) == 0)
      return KG_LOG_ERROR + i;
  return -EINVAL;
}

static int32_t
format_parse (const char *text, int fd)
{
  if (text && strcmp (text, "json") == 0)
    return 1;
  if (text && strcmp (text, "text") == 0)
    return 0;
  return text && strcmp (text, "auto") == 0 ? !isatty (fd) : -EINVAL;
}

/* The log's file, or standard error. */
static int
output_open (const char *file)
{
  int fd;
  if (!file || strcmp (file, "-") == 0)
    return STDERR_FILENO;
  /* A FIFO without a reader is an error rather than a start that hangs. */
  fd = open (file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0640);
  if (fd < 0)
    return -errno;
  fcntl (fd, F_SETFL, O_APPEND);
  return fd;
}

static int32_t
open_fail (int32_t code, char *error, size_t size, const char *what, const char *value,
           const char *cure)
{
  snprintf (error, size, "%s \"%s\": %s", what, value ? value : "", cure);
  return code;
}

int32_t
log_open (const struct log_settings *settings, char *error, size_t size)
{
  int32_t level = level_parse (settings->level), json, result;
  int fd;
  if (atomic_load (&logger.open))
    return open_fail (-EBUSY, error, size, "log", "", "already open");
  if (level < 0)
    return open_fail (level, error, size, "log.level", settings->level,
                      "one of error, warn, info, debug");
  if (format_parse (settings->format, STDERR_FILENO) < 0)
    return open_fail (-EINVAL, error, size, "log.format", settings->format,
                      "one of auto, text, json");
  fd = output_open (settings->file);
  if (fd < 0)
    return open_fail (fd, error, size, "log.file", settings->file, strerror (-fd));
  json = format_parse (settings->format, fd);
  atomic_store (&logger.json, json);
  result = log_writer_start (fd, fd != STDERR_FILENO, notice_put);
  if (result < 0) {
    if (fd != STDERR_FILENO)
      close (fd);
    return open_fail (result, error, size, "log thread", "", strerror (-result));
  }
  if (!logger.atfork)
    logger.atfork = pthread_atfork (NULL, NULL, child_detach) == 0;
  atomic_store (&logger.level, level);
  atomic_store (&logger.access, settings->access != 0);
  atomic_store_explicit (&logger.open, 1, memory_order_release);
  return 0;
}

void
log_close (void)
{
  if (!atomic_exchange (&logger.open, 0))
    return;
  log_writer_stop ();
}

int
log_enabled (int32_t level)
{
  return level <= atomic_load_explicit (&logger.level, memory_order_relaxed);
}

int
log_access_enabled (void)
{
  return atomic_load_explicit (&logger.access, memory_order_relaxed)
         && atomic_load_explicit (&logger.open, memory_order_acquire);
}

void
log_vwrite (int32_t level, const char *source, const char *fmt, va_list args)
{
  char text[LOG_MESSAGE_MAX + 512];
  kg_str msg = { text, 0 };
  int n;
  if (level < KG_LOG_ERROR)
    level = KG_LOG_ERROR;
  if (level > KG_LOG_DEBUG)
    level = KG_LOG_DEBUG;
  if (!log_enabled (level))
    return;
  n = vsnprintf (text, sizeof text, fmt, args);
  if (n < 0)
    n = snprintf (text, sizeof text, "(a message that could not be formatted)");
  msg.len = (size_t) n < sizeof text ? (size_t) n : sizeof text - 1;
  write_message (level, source ? source : "core", msg);
}

void
log_write (int32_t level, const char *source, const char *fmt, ...)
{
  va_list args;
  va_start (args, fmt);
  log_vwrite (level, source, fmt, args);
  va_end (args);
}

void
log_access (const struct log_access *a)
{
  struct log_ring *r;
  int64_t time = a->time_ns;
  char *end;
  if (!log_access_enabled () || !log_enabled (a->status < 500 ? KG_LOG_INFO : KG_LOG_WARN))
    return;
  r = log_ring_begin ();
  if (!r)
    return;
  if (!time)
    time = clock_wall ();
  if (atomic_load_explicit (&logger.json, memory_order_relaxed))
    end = access_json (r->stage, &r->stamp, a, time);
  else
    end = access_text (r->stage, &r->stamp, a, time);
  log_ring_end (r, (size_t) (end - r->stage));
}

uint64_t
log_dropped (void)
{
  return log_ring_dropped () + log_writer_lost ();
}
