/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "ctl/verify_meters.h"

#include "ctl/ctl.h"

#include <libconfig.h>
#include <openssl/evp.h>

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[AGGREGATIONS]
    = { "SUM", "COUNT", "UNIQUE_COUNT", "AVG", "MIN", "MAX", "LATEST" };

static void
copy (char to[256], const char *text)
{
  snprintf (to, 256, "%s", strncmp (text, "$.", 2) ? text : text + 2);
}

/* Slug and generation: the first 4 bytes of the SHA-256 of all that decides what is
 * counted. */
static void
id_make (struct meter *m, const char *slug)
{
  char text[(METER_DIMENSIONS + 2) * 260];
  unsigned char hash[EVP_MAX_MD_SIZE];
  int n = snprintf (text, sizeof text, "%s %d %s", m->type, m->aggregation, m->value);
  uint32_t i;
  for (i = 0; i < m->dimensions; i++)
    n += snprintf (text + n, sizeof text - (size_t)n, " %s", m->dimension[i]);
  if (!EVP_Digest (text, (size_t)n, hash, NULL, EVP_sha256 (), NULL))
    abort ();
  snprintf (m->id, sizeof m->id, "%.63s.%02x%02x%02x%02x", slug, hash[0], hash[1], hash[2],
            hash[3]);
}

static void
meter_add (struct meters *all, const char *slug, struct meter *m)
{
  id_make (m, slug);
  if (all->count < METERS_KNOWN && !meters_get (all, piece_of (m->id)))
    all->meter[all->count++] = *m;
}

void
meters_usual (struct meters *all)
{
  static const struct {
    const char *slug, *type, *value, *by[4];
    int aggregation;
  } usual[] = {
    { "requests", "agentese.invoke", "", { "path", "aspect" }, COUNT },
    { "tokens", "agentese.invoke", "tokens_used", { "path", "aspect" }, SUM },
    { "llm_tokens", "llm.tokens", "tokens_total", { "model" }, SUM },
    { "api_requests", "api.request", "", { "endpoint", "method", "status_code" }, COUNT },
    { "sessions", "session.create", "", { "agent_type" }, COUNT },
    { "messages", "session.message", "", { "role" }, COUNT },
  };
  size_t i;
  for (i = 0; i < sizeof usual / sizeof usual[0]; i++) {
    struct meter m = { .aggregation = usual[i].aggregation };
    copy (m.type, usual[i].type);
    copy (m.value, usual[i].value);
    while (usual[i].by[m.dimensions]) {
      copy (m.dimension[m.dimensions], usual[i].by[m.dimensions]);
      m.dimensions++;
    }
    meter_add (all, usual[i].slug, &m);
  }
}

/* ---- The configuration ------------------------------------------------------------------- */

static const char *
string_get (const config_setting_t *s, const char *name, const char *dflt)
{
  config_setting_lookup_string (s, name, &dflt);
  return dflt;
}

static void
meter_read (struct meters *all, const config_setting_t *s)
{
  config_setting_t *by = config_setting_get_member (s, "group_by");
  const char *aggregation = string_get (s, "aggregation", "SUM");
  struct meter m = { 0 };
  int i;
  while (m.aggregation < AGGREGATIONS - 1 && strcmp (names[m.aggregation], aggregation))
    m.aggregation++;
  snprintf (m.type, sizeof m.type, "%s", string_get (s, "type", ""));
  copy (m.value, string_get (s, "value", ""));
  for (i = 0; by && i < config_setting_length (by) && i < METER_DIMENSIONS; i++) {
    const char *name = config_setting_get_string_elem (by, i);
    copy (m.dimension[m.dimensions++], name ? name : "");
  }
  meter_add (all, string_get (s, "slug", ""), &m);
}

static void
plugins_read (struct meters *all, const config_t *c)
{
  config_setting_t *plugins = config_lookup (c, "plugins");
  int i, k;
  for (i = 0; plugins && i < config_setting_length (plugins); i++) {
    config_setting_t *p = config_setting_get_elem (plugins, (unsigned)i);
    config_setting_t *meters = config_setting_get_member (p, "meters");
    if (!strcmp (string_get (p, "load", ""), "metering-openmeter"))
      for (k = 0; meters && k < config_setting_length (meters); k++)
        meter_read (all, config_setting_get_elem (meters, (unsigned)k));
  }
}

static int
file_read (struct meters *all, const char *file)
{
  config_t c;
  int r = 0;
  config_init (&c);
  if (config_read_file (&c, file))
    plugins_read (all, &c);
  else {
    r = EXIT_USAGE;
    if (config_error_type (&c) == CONFIG_ERR_FILE_IO)
      complain ("--config: %s: it cannot be read", file);
    else
      complain ("%s:%d: %s", config_error_file (&c) ? config_error_file (&c) : file,
                config_error_line (&c), config_error_text (&c));
  }
  config_destroy (&c);
  return r;
}

/* ---- conf.d ------------------------------------------------------------------------------ */

static int
is_conf (const struct dirent *d)
{
  size_t n = strlen (d->d_name);
  return d->d_name[0] != '.' && n > 5 && !strcmp (d->d_name + n - 5, ".conf");
}

/* Of the files beside it, which the host reads, too.  Where two of them say something else
 * of a meter, both are known: ids tell which one counted. */
int
meters_configured (struct meters *all, const char *file)
{
  const char *slash = strrchr (file, '/');
  int base = slash ? (int)(slash - file) + 1 : 0, n, i, r = file_read (all, file);
  struct dirent **list = NULL;
  char folder[4096], path[4096 + 264];
  if (r)
    return r;
  snprintf (folder, sizeof folder, "%.*sconf.d", base, file);
  n = scandir (folder, &list, is_conf, NULL);
  if (n < 0 && errno != ENOENT) {
    complain ("--config: %s: %s", folder, strerror (errno));
    return EXIT_USAGE;
  }
  for (i = 0; i < n; i++) {
    snprintf (path, sizeof path, "%s/%s", folder, list[i]->d_name);
    if (!r)
      r = file_read (all, path);
    free (list[i]);
  }
  free (list);
  return r;
}

const struct meter *
meters_get (const struct meters *m, struct piece id)
{
  uint32_t i;
  for (i = 0; i < m->count; i++)
    if (strlen (m->meter[i].id) == id.n && !memcmp (m->meter[i].id, id.p, id.n))
      return &m->meter[i];
  return NULL;
}
