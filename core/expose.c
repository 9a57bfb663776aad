/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The two formats differ in three places: in OpenMetrics a counter's family has no
 * _total, help escapes quotes, and the text ends in "# EOF". */

#include "core/expose.h"
#include "core/log.h"
#include "core/registry.h"
#include "core/util/clock.h"

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define KEEP_FACTOR 20
#define KEEP_MAX CLOCK_SECOND

/* A text that grows; `failed` once there was no memory. */
struct text {
  char *ptr;
  size_t len, size;
  int failed;
  int32_t format;
};

static char *
text_room (struct text *t, size_t n)
{
  size_t size = t->size ? t->size : 16384;
  char *p;
  if (t->failed)
    return NULL;
  if (t->len + n < t->size)
    return t->ptr + t->len;
  while (size <= t->len + n)
    size *= 2;
  p = realloc (t->ptr, size);
  if (!p) {
    t->failed = 1;
    return NULL;
  }
  t->ptr = p;
  t->size = size;
  return p + t->len;
}

static void
text_put (struct text *t, const char *s, size_t n)
{
  char *p = text_room (t, n);
  if (!p)
    return;
  memcpy (p, s, n);
  t->len += n;
}

static void
text_puts (struct text *t, const char *s)
{
  text_put (t, s, strlen (s));
}

static void text_printf (struct text *t, const char *fmt, ...) KG_PRINTF (2, 3);

static void
text_printf (struct text *t, const char *fmt, ...)
{
  char line[256];
  va_list args;
  int n;
  va_start (args, fmt);
  n = vsnprintf (line, sizeof line, fmt, args);
  va_end (args);
  text_put (t, line, (size_t) n < sizeof line ? (size_t) n : sizeof line - 1);
}

static void
text_number (struct text *t, uint64_t n)
{
  char digits[20], *p = digits + sizeof digits;
  do
    *--p = (char) ('0' + n % 10);
  while (n /= 10);
  text_put (t, p, (size_t) (digits + sizeof digits - p));
}

static void
text_double (struct text *t, double d)
{
  char s[40];
  int digits;
  if (!isfinite (d)) {
    text_puts (t, isnan (d) ? "NaN" : d > 0 ? "+Inf" : "-Inf");
    return;
  }
  for (digits = 15; digits <= 17; digits++) {
    snprintf (s, sizeof s, "%.*g", digits, d);
    if (strtod (s, NULL) == d)
      break;
  }
  text_puts (t, s);
}

static void
text_seconds (struct text *t, uint64_t ns)
{
  text_printf (t, "%llu.%09llu", (unsigned long long) (ns / 1000000000u),
               (unsigned long long) (ns % 1000000000u));
}

/* ---- Metrics --------------------------------------------------------------- */

/* "# HELP name help" and "# TYPE name type". */
static void
head_put (struct text *t, const char *name, size_t family, const char *type, const char *help)
{
  size_t n = t->format == EXPOSE_OPENMETRICS ? family : strlen (name);
  text_puts (t, "# HELP ");
  text_put (t, name, n);
  text_puts (t, " ");
  for (; *help; help++)
    if (*help == '\n')
      text_puts (t, "\\n");
    else {
      if (*help == '\\' || (*help == '"' && t->format == EXPOSE_OPENMETRICS))
        text_puts (t, "\\");
      text_put (t, help, 1);
    }
  text_puts (t, "\n# TYPE ");
  text_put (t, name, n);
  text_puts (t, " ");
  text_puts (t, type);
  text_puts (t, "\n");
}

/* The labels of a series without braces; the last label varies fastest. */
static void
labels_put (struct text *t, const kg_metric *m, uint32_t series)
{
  uint32_t rest = m->series, i;
  for (i = 0; i < m->nlabels; i++) {
    rest /= m->labels[i].count;
    if (i)
      text_put (t, ",", 1);
    text_puts (t, m->labels[i].pairs[series / rest]);
    series %= rest;
  }
}

/* "name{labels} ", ready for the value. */
static void
sample_put (struct text *t, const kg_metric *m, const char *suffix, uint32_t series)
{
  text_puts (t, m->name);
  text_puts (t, suffix);
  if (m->nlabels) {
    text_put (t, "{", 1);
    labels_put (t, m, series);
    text_put (t, "}", 1);
  }
  text_put (t, " ", 1);
}

static void
bucket_put (struct text *t, const kg_metric *m, uint32_t series, const char *le, uint64_t count)
{
  text_puts (t, m->name);
  text_puts (t, "_bucket{");
  labels_put (t, m, series);
  text_puts (t, m->nlabels ? ",le=\"" : "le=\"");
  text_puts (t, le);
  text_puts (t, "\"} ");
  text_number (t, count);
  text_put (t, "\n", 1);
}

static void
histogram_put (struct text *t, const kg_metric *m, uint32_t series)
{
  uint32_t cell = m->base + series * m->stride, i;
  uint64_t counts[METRIC_BUCKETS_MAX + 1], sum, total = 0;
  for (i = 0; i <= m->nbuckets; i++)
    total += counts[i] = registry_sum (m->registry, cell + i);
  sum = registry_sum (m->registry, cell + m->nbuckets + 1);
  if (m->wide && !total)
    return;
  for (i = 0, total = 0; i <= m->nbuckets; i++) {
    total += counts[i];
    bucket_put (t, m, series, i < m->nbuckets ? m->bound_texts[i] : "+Inf", total);
  }
  sample_put (t, m, "_sum", series);
  text_seconds (t, sum);
  text_put (t, "\n", 1);
  sample_put (t, m, "_count", series);
  text_number (t, total);
  text_put (t, "\n", 1);
}

static void
counter_put (struct text *t, const kg_metric *m, uint32_t series)
{
  uint64_t n = registry_sum (m->registry, m->base + series);
  if (m->wide && !n)
    return;
  sample_put (t, m, "", series);
  text_number (t, n);
  text_put (t, "\n", 1);
}

static void
gauge_put (struct text *t, const kg_metric *m, uint32_t series)
{
  uint64_t bits = atomic_load_explicit (m->gauges + series, memory_order_relaxed);
  double value;
  memcpy (&value, &bits, sizeof value);
  if (m->wide && value == 0)
    return;
  sample_put (t, m, "", series);
  text_double (t, value);
  text_put (t, "\n", 1);
}

static void
metric_put (struct text *t, const kg_metric *m)
{
  static const char *const types[] = { "", "counter", "gauge", "histogram" };
  uint32_t i;
  head_put (t, m->name, metric_family (m), types[m->kind], m->help);
  for (i = 0; i < m->series; i++)
    if (m->kind == KG_COUNTER)
      counter_put (t, m, i);
    else if (m->kind == KG_GAUGE)
      gauge_put (t, m, i);
    else
      histogram_put (t, m, i);
}

/* ---- The process -------------------------------------------------------------- */

static uint64_t
resident_bytes (void)
{
  unsigned long long pages = 0;
  FILE *f = fopen ("/proc/self/statm", "re");
  if (!f)
    return 0;
  if (fscanf (f, "%*u %llu", &pages) != 1)
    pages = 0;
  fclose (f);
  return pages * (uint64_t) sysconf (_SC_PAGESIZE);
}

/* Open descriptors, without the one that counts them. */
static uint64_t
open_fds (void)
{
  DIR *dir = opendir ("/proc/self/fd");
  const struct dirent *e;
  uint64_t n = 0;
  if (!dir)
    return 0;
  while ((e = readdir (dir)))
    n += e->d_name[0] != '.';
  closedir (dir);
  return n - 1;
}

static uint64_t
cpu_ns (void)
{
  struct timespec t;
  clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &t);
  return (uint64_t) t.tv_sec * 1000000000u + (uint64_t) t.tv_nsec;
}

static void
gauge_head (struct text *t, const char *name, const char *help)
{
  head_put (t, name, strlen (name), "gauge", help);
  text_puts (t, name);
}

static void
counter_head (struct text *t, const char *name, const char *help)
{
  head_put (t, name, strlen (name) - 6, "counter", help);
  text_puts (t, name);
}

static void
process_put (struct text *t, const struct metrics *r)
{
  counter_head (t, "process_cpu_seconds_total", "User and system time spent.");
  text_put (t, " ", 1);
  text_seconds (t, cpu_ns ());
  text_put (t, "\n", 1);
  gauge_head (t, "process_resident_memory_bytes", "Memory that is resident.");
  text_printf (t, " %llu\n", (unsigned long long) resident_bytes ());
  gauge_head (t, "process_open_fds", "Descriptors that are open.");
  text_printf (t, " %llu\n", (unsigned long long) open_fds ());
  gauge_head (t, "process_start_time_seconds", "When the process started, since the epoch.");
  text_put (t, " ", 1);
  text_seconds (t, (uint64_t) r->started_ns);
  text_put (t, "\n", 1);
  gauge_head (t, "kgent_build_info", "1, with what is running as labels.");
  text_printf (t, "{version=\"%s\",abi=\"%d.%d\"} 1\n", KG_VERSION, KG_ABI_CURRENT >> 16,
               KG_ABI_CURRENT & 0xffff);
  counter_head (t, "kgent_log_dropped_total",
                "Log lines dropped because the output was blocked or too slow.");
  text_printf (t, " %llu\n", (unsigned long long) log_dropped ());
}

/* ---- Public ------------------------------------------------------------------- */

/* A fresh text into the cache. */
static int32_t
render (struct metrics *r, int32_t format)
{
  struct expose_text *cache = r->cache + format;
  struct text t = { .format = format };
  int64_t start = clock_mono (), keep;
  const kg_metric *m;
  pthread_mutex_lock (&r->lock);
  for (m = r->first; m; m = m->next)
    metric_put (&t, m);
  pthread_mutex_unlock (&r->lock);
  process_put (&t, r);
  if (format == EXPOSE_OPENMETRICS)
    text_puts (&t, "# EOF\n");
  if (t.failed) {
    free (t.ptr);
    return -ENOMEM;
  }
  t.ptr[t.len] = 0;
  free (cache->text);
  cache->text = t.ptr;
  cache->len = t.len;
  keep = KEEP_FACTOR * (clock_mono () - start);
  cache->until = clock_mono () + (keep < KEEP_MAX ? keep : KEEP_MAX);
  return 0;
}

int32_t
expose_render (struct metrics *r, int32_t format, char **ret_text, size_t *ret_len)
{
  struct expose_text *cache;
  int32_t result = 0;
  char *copy = NULL;
  if (format != EXPOSE_TEXT && format != EXPOSE_OPENMETRICS)
    return -EINVAL;
  cache = r->cache + format;
  pthread_mutex_lock (&r->render_lock);
  if (!cache->text || clock_mono () >= cache->until)
    result = render (r, format);
  if (result == 0 && !(copy = malloc (cache->len + 1)))
    result = -ENOMEM;
  if (copy) {
    memcpy (copy, cache->text, cache->len + 1);
    *ret_len = cache->len;
    *ret_text = copy;
  }
  pthread_mutex_unlock (&r->render_lock);
  return result;
}
