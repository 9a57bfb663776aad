/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "plugins/metering-openmeter/meters.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TYPE_MAX 255 /* bytes */
#define PATH_MAX_LEN 255

const char *const meter_aggregations[]
    = { "SUM", "COUNT", "UNIQUE_COUNT", "AVG", "MIN", "MAX", "LATEST", NULL };

const struct kg_opt meter_options[] = {
  { .key = "slug",
    .type = KG_OPT_STRING,
    .flags = KG_OPT_REQUIRED,
    .offset = offsetof (struct meter_conf, slug),
    .help = "Name of the meter: lower-case letters, digits and underscores." },
  { .key = "description",
    .dflt = "",
    .type = KG_OPT_STRING,
    .offset = offsetof (struct meter_conf, description),
    .help = "What it measures, for people." },
  { .key = "type",
    .type = KG_OPT_STRING,
    .flags = KG_OPT_REQUIRED,
    .offset = offsetof (struct meter_conf, type),
    .help = "Type of the events that it is made of." },
  { .key = "aggregation",
    .dflt = "SUM",
    .type = KG_OPT_STRING,
    .choices = "SUM|COUNT|UNIQUE_COUNT|AVG|MIN|MAX|LATEST",
    .offset = offsetof (struct meter_conf, aggregation),
    .help = "What is made of their values." },
  { .key = "value",
    .dflt = "",
    .type = KG_OPT_STRING,
    .offset = offsetof (struct meter_conf, value),
    .help = "Member of an event's data that is its value; all but COUNT need it." },
  { .key = "group_by",
    .dflt = "",
    .type = KG_OPT_STRINGS,
    .offset = offsetof (struct meter_conf, group_by),
    .help = "Members of data by which it can be told apart, at most 8." },
  { .key = NULL }
};

static const char *const by_path[] = { "path", "aspect", NULL };
static const char *const by_model[] = { "model", NULL };
static const char *const by_endpoint[] = { "endpoint", "method", "status_code", NULL };
static const char *const by_agent[] = { "agent_type", NULL };
static const char *const by_role[] = { "role", NULL };

/* What a host without a list of its own counts. */
static const struct meter_conf usual[] = {
  { "requests", "Invocations of agents.", "agentese.invoke", "COUNT", "", by_path },
  { "tokens", "Tokens of invocations.", "agentese.invoke", "SUM", "tokens_used", by_path },
  { "llm_tokens", "Tokens of language models.", "llm.tokens", "SUM", "tokens_total", by_model },
  { "api_requests", "Authenticated requests.", "api.request", "COUNT", "", by_endpoint },
  { "sessions", "Sessions that were begun.", "session.create", "COUNT", "", by_agent },
  { "messages", "Messages of sessions.", "session.message", "COUNT", "", by_role },
};

/* Writes why, of the meter that is read, and returns -EINVAL. */
static int32_t KG_PRINTF (3, 4)
refuse (const struct meters *all, char error[METER_ERROR_MAX], const char *fmt, ...)
{
  int n = snprintf (error, METER_ERROR_MAX, "metering-openmeter.meters[%u].", all->count);
  va_list ap;
  va_start (ap, fmt);
  vsnprintf (error + n, METER_ERROR_MAX - (size_t)n, fmt, ap);
  va_end (ap);
  return -EINVAL;
}

static int32_t
slug_ok (const char *slug)
{
  size_t n = strlen (slug);
  return n && n <= METER_SLUG_MAX
         && strspn (slug, "abcdefghijklmnopqrstuvwxyz0123456789_") == n;
}

/* A path in data; "$." before it is allowed, as in JSONPath. */
static kg_str
path_of (const char *text)
{
  if (!strncmp (text, "$.", 2))
    text += 2;
  return (kg_str){ text, strlen (text) };
}

static int32_t
path_ok (kg_str p)
{
  size_t i;
  for (i = 0; i < p.len; i++)
    if ((unsigned char)p.ptr[i] <= ' ' || strchr ("\"\\[]*?()'$,", p.ptr[i]))
      return 0;
  return p.len && p.len <= PATH_MAX_LEN && p.ptr[0] != '.' && p.ptr[p.len - 1] != '.';
}

static int32_t
dimensions_read (const struct meters *all, struct meter *m, const char *const *group_by,
                 char error[METER_ERROR_MAX])
{
  for (; group_by && *group_by; group_by++) {
    kg_str path = path_of (*group_by);
    if (m->dimensions == METER_DIMENSIONS_MAX)
      return refuse (all, error, "group_by: it has more than %d members; leave some out",
                     METER_DIMENSIONS_MAX);
    if (!path_ok (path) || (path.len == 7 && !memcmp (path.ptr, "subject", 7)))
      return refuse (all, error, "group_by: \"%.64s\" is no name of a member of data; write one, "
                     "such as path", *group_by);
    if (meter_dimension (m, path) >= 0)
      return refuse (all, error, "group_by: \"%.64s\" is there twice; remove one", *group_by);
    m->dimension[m->dimensions++] = path;
  }
  return 0;
}

/* All that decides what is counted, as a short hash. */
static int32_t
generation_make (struct meter *m)
{
  unsigned char hash[EVP_MAX_MD_SIZE];
  char text[(METER_DIMENSIONS_MAX + 1) * (PATH_MAX_LEN + 1) + TYPE_MAX + 32];
  int n = snprintf (text, sizeof text, "%s %d %.*s", m->type, (int)m->aggregation,
                    (int)m->value.len, m->value.ptr);
  uint32_t i;
  for (i = 0; i < m->dimensions; i++)
    n += snprintf (text + n, sizeof text - (size_t)n, " %.*s", (int)m->dimension[i].len,
                   m->dimension[i].ptr);
  if (!EVP_Digest (text, (size_t)n, hash, NULL, EVP_sha256 (), NULL))
    return -EIO;
  snprintf (m->id, sizeof m->id, "%s.%02x%02x%02x%02x", m->slug, hash[0], hash[1], hash[2],
            hash[3]);
  return 0;
}

static int32_t
meter_read (struct meters *all, const struct meter_conf *c, char error[METER_ERROR_MAX])
{
  struct meter *m = &all->meter[all->count];
  int32_t r;
  memset (m, 0, sizeof *m);
  if (!c->slug || !slug_ok (c->slug))
    return refuse (all, error, "slug: \"%.64s\" is no name; write up to %d lower-case letters, "
                   "digits and underscores", c->slug ? c->slug : "", METER_SLUG_MAX);
  if (meters_find (all, (kg_str){ c->slug, strlen (c->slug) }))
    return refuse (all, error, "slug: \"%s\" is there twice; write another", c->slug);
  m->slug = c->slug;
  m->description = c->description ? c->description : "";
  m->type = c->type ? c->type : "";
  if (!m->type[0] || strlen (m->type) > TYPE_MAX)
    return refuse (all, error, "type: it is no type of events; write one of up to %d characters, "
                   "such as agentese.invoke", TYPE_MAX);
  while (strcmp (meter_aggregations[m->aggregation], c->aggregation))
    m->aggregation++;
  m->value = path_of (c->value ? c->value : "");
  if (m->aggregation == METER_COUNT ? m->value.len > 0 : !path_ok (m->value))
    return m->aggregation == METER_COUNT
               ? refuse (all, error, "value: COUNT takes none; remove it, or write SUM")
               : refuse (all, error, "value: %s needs the name of a member of data, such as "
                         "tokens_used", c->aggregation);
  r = dimensions_read (all, m, c->group_by, error);
  if (r < 0)
    return r;
  all->count++;
  return generation_make (m);
}

int32_t
meters_read (struct meters *m, const struct kg_list *conf, char error[METER_ERROR_MAX])
{
  const struct meter_conf *c = conf->count ? conf->items : usual;
  uint64_t i, count = conf->count ? conf->count : sizeof usual / sizeof usual[0];
  int32_t r = 0;
  m->count = 0;
  if (count > METERS_MAX) {
    m->count = METERS_MAX;
    r = refuse (m, error, "slug: this is one too many; %d are allowed", METERS_MAX);
    m->count = 0;
    return r;
  }
  for (i = 0; i < count && r >= 0; i++)
    r = meter_read (m, c + i, error);
  return r;
}

static int32_t
says (const char *text, kg_str s)
{
  return strlen (text) == s.len && !memcmp (text, s.ptr, s.len);
}

const struct meter *
meters_find (const struct meters *m, kg_str name)
{
  uint32_t i;
  for (i = 0; i < m->count; i++)
    if (says (m->meter[i].slug, name) || says (m->meter[i].id, name))
      return &m->meter[i];
  return NULL;
}

int32_t
meter_dimension (const struct meter *m, kg_str name)
{
  uint32_t i;
  for (i = 0; i < m->dimensions; i++)
    if (m->dimension[i].len == name.len && !memcmp (m->dimension[i].ptr, name.ptr, name.len))
      return (int32_t)i;
  return -ENOENT;
}
