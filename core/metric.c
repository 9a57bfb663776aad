/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Definitions of metrics: their check, and a copy in the shape that the hot path
 * and the exposition want. */

#include "core/registry.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double default_buckets[]
    = { 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10 };

static int
ends_in (const char *name, const char *suffix)
{
  size_t n = strlen (name), k = strlen (suffix);
  return n >= k && strcmp (name + n - k, suffix) == 0;
}

static int
name_valid (const char *name)
{
  const char *p = name;
  if (!name || !*name || strlen (name) > 200 || (*p >= '0' && *p <= '9'))
    return 0;
  for (; *p; p++)
    if (!(*p == '_' || (*p >= 'a' && *p <= 'z') || (*p >= '0' && *p <= '9')))
      return 0;
  return 1;
}

/* Suffixes that formats give a meaning to are for that meaning only. */
static int
metric_name_valid (const char *name, int32_t kind)
{
  static const char *const reserved[]
      = { "_total", "_bucket", "_sum", "_count", "_created", "_info" };
  size_t i;
  if (!name_valid (name))
    return 0;
  if (kind == KG_COUNTER)
    return ends_in (name, "_total") && strlen (name) > 6;
  for (i = 0; i < sizeof reserved / sizeof reserved[0]; i++)
    if (ends_in (name, reserved[i]) && !(kind == KG_GAUGE && i == 5))
      return 0;
  return 1;
}

static int
label_valid (const struct kg_label *label)
{
  const char *const *a, *const *b;
  if (!name_valid (label->name) || strncmp (label->name, "__", 2) == 0
      || strcmp (label->name, "le") == 0 || !label->values || !label->values[0])
    return 0;
  for (a = label->values; *a; a++)
    for (b = label->values; b < a; b++)
      if (strcmp (*a, *b) == 0)
        return 0;
  return 1;
}

static int
buckets_valid (const struct kg_metric_def *def)
{
  uint32_t i;
  if (!def->buckets)
    return def->nbuckets == 0;
  if (def->kind != KG_HISTOGRAM || !def->nbuckets || def->nbuckets > METRIC_BUCKETS_MAX)
    return 0;
  for (i = 0; i < def->nbuckets; i++)
    if (!isfinite (def->buckets[i]) || def->buckets[i] <= 0 || def->buckets[i] > 1e9
        || (i && def->buckets[i] <= def->buckets[i - 1]))
      return 0;
  return 1;
}

static int
def_valid (const struct kg_metric_def *def)
{
  uint32_t i, k;
  if (def->kind < KG_COUNTER || def->kind > KG_HISTOGRAM || !def->help || !*def->help
      || !metric_name_valid (def->name, def->kind) || def->nlabels > METRIC_LABELS_MAX
      || (def->nlabels && !def->labels) || !buckets_valid (def))
    return 0;
  for (i = 0; i < def->nlabels; i++) {
    if (!label_valid (def->labels + i))
      return 0;
    for (k = 0; k < i; k++)
      if (strcmp (def->labels[i].name, def->labels[k].name) == 0)
        return 0;
  }
  return 1;
}

/* `name="value"`; quotes, backslashes and line feeds escaped. */
static char *
label_pair (const char *name, const char *value)
{
  char *text = malloc (strlen (name) + 2 * strlen (value) + 4), *p = text;
  if (!text)
    return NULL;
  p = stpcpy (stpcpy (p, name), "=\"");
  for (; *value; value++) {
    if (*value == '"' || *value == '\\' || *value == '\n')
      *p++ = '\\';
    *p++ = *value == '\n' ? 'n' : *value;
  }
  strcpy (p, "\"");
  return text;
}

static int32_t
label_copy (struct metric_label *to, const struct kg_label *from)
{
  uint32_t n = 0;
  while (from->values[n])
    n++;
  to->pairs = calloc (n, sizeof *to->pairs);
  if (!to->pairs)
    return -ENOMEM;
  for (; to->count < n; to->count++)
    if (!(to->pairs[to->count] = label_pair (from->name, from->values[to->count])))
      return -ENOMEM;
  return 0;
}

/* The shortest decimal text of a bound, with a point, as OpenMetrics has it. */
static char *
bound_text (double bound)
{
  char text[40];
  int digits;
  for (digits = 1; digits <= 17; digits++) {
    snprintf (text, sizeof text, "%.*g", digits, bound);
    if (strtod (text, NULL) == bound && (bound < 1 || !strchr (text, 'e')))
      break;
  }
  if (!strpbrk (text, ".e"))
    strcat (text, ".0");
  return strdup (text);
}

static int32_t
buckets_copy (kg_metric *m, const struct kg_metric_def *def)
{
  const double *from = def->buckets ? def->buckets : default_buckets;
  uint32_t n
      = def->buckets ? def->nbuckets : sizeof default_buckets / sizeof default_buckets[0];
  if (def->kind != KG_HISTOGRAM)
    return 0;
  m->bounds = calloc (n, sizeof *m->bounds);
  m->bound_texts = calloc (n, sizeof *m->bound_texts);
  if (!m->bounds || !m->bound_texts)
    return -ENOMEM;
  for (; m->nbuckets < n; m->nbuckets++) {
    m->bounds[m->nbuckets] = (uint64_t) (from[m->nbuckets] * 1e9 + 0.5);
    if (!(m->bound_texts[m->nbuckets] = bound_text (from[m->nbuckets])))
      return -ENOMEM;
  }
  return 0;
}

/* Everything that a valid definition says, into a zeroed metric. */
static int32_t
metric_fill (kg_metric *m, const struct kg_metric_def *def, uint32_t series_max)
{
  uint64_t series = 1;
  uint32_t i;
  int32_t result = buckets_copy (m, def);
  m->kind = def->kind;
  m->name = strdup (def->name);
  m->help = strdup (def->help);
  if (!m->name || !m->help)
    return -ENOMEM;
  for (i = 0; i < def->nlabels && result == 0; i++) {
    m->nlabels = i + 1;
    result = label_copy (m->labels + i, def->labels + i);
    series *= m->labels[i].count ? m->labels[i].count : 1;
    if (series > series_max)
      return -E2BIG;
  }
  m->series = (uint32_t) series;
  m->stride = def->kind == KG_GAUGE ? 0 : def->kind == KG_COUNTER ? 1 : m->nbuckets + 2;
  m->hot = def->kind == KG_COUNTER ? m->series : 0;
  if (def->kind == KG_GAUGE && !(m->gauges = calloc (series, sizeof *m->gauges)))
    return -ENOMEM;
  return result;
}

int32_t
metric_create (const struct kg_metric_def *given, uint32_t series_max, kg_metric **ret)
{
  struct kg_metric_def def;
  kg_metric *m;
  int32_t result;
  if (!given || given->size < offsetof (struct kg_metric_def, labels))
    return -EINVAL;
  memset (&def, 0, sizeof def);
  memcpy (&def, given, given->size < sizeof def ? given->size : sizeof def);
  if (!def_valid (&def))
    return -EINVAL;
  m = calloc (1, sizeof *m);
  if (!m)
    return -ENOMEM;
  result = metric_fill (m, &def, series_max);
  if (result < 0)
    metric_destroy (m);
  else
    *ret = m;
  return result;
}

void
metric_destroy (kg_metric *m)
{
  uint32_t i, k;
  if (!m)
    return;
  for (i = 0; i < m->nlabels; i++) {
    for (k = 0; k < m->labels[i].count; k++)
      free (m->labels[i].pairs[k]);
    free (m->labels[i].pairs);
  }
  for (i = 0; i < m->nbuckets; i++)
    free (m->bound_texts[i]);
  free (m->bound_texts);
  free (m->bounds);
  free ((void *) m->gauges);
  free (m->name);
  free (m->help);
  free (m);
}

size_t
metric_family (const kg_metric *m)
{
  size_t n = strlen (m->name);
  return m->kind == KG_COUNTER ? n - 6 : n;
}
