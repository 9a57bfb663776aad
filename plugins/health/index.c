/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* GET /: who answers here, and where its parts are.
 *
 * The map shows the well-known endpoints that are registered on this host, and
 * only those; a group whose plugin isn't loaded is an empty object, so that the
 * four groups can always be read.  Everything else is in /openapi.json. */

#include "plugins/health/health.h"

#include <json-c/json.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const struct {
  const char *group, *name, *pattern;
} endpoints[] = {
  { "soul", "governance", "/v1/soul/governance" },
  { "soul", "dialogue", "/v1/soul/dialogue" },
  { "agentese", "invoke", "/v1/agentese/invoke" },
  { "agentese", "resolve", "/v1/agentese/resolve" },
  { "agentese", "affordances", "/v1/agentese/affordances" },
  { "agentese", "compose", "/v1/agentese/compose" },
  { "agentese", "paths", "/v1/agentese/paths" },
  { "kgent", "sessions", "/v1/kgent/sessions" },
  { "kgent", "session", "/v1/kgent/sessions/{id}" },
  { "kgent", "messages", "/v1/kgent/sessions/{id}/messages" },
  { "webhooks", "stripe", "/webhooks/stripe" },
};

#define ENDPOINTS (sizeof endpoints / sizeof endpoints[0])

/* The end of a path segment. */
static const char *
segment_end (const char *p)
{
  return p + strcspn (p, "/");
}

/* Whether two patterns match the same paths; names of parameters don't count. */
static int
pattern_same (const char *a, const char *b)
{
  while (*a && *b) {
    if (*a == '{' && *b == '{') {
      a = segment_end (a);
      b = segment_end (b);
    } else if (*a++ != *b++)
      return 0;
  }
  return *a == *b;
}

/* Marks the well-known endpoints that a route is. */
static int32_t
endpoint_mark (const char *plugin, const struct kg_route *route, void *arg)
{
  const char **found = arg;
  size_t i;
  (void)plugin;
  for (i = 0; i < ENDPOINTS && !(route->flags & KG_ADMIN); i++)
    if (pattern_same (route->pattern, endpoints[i].pattern))
      found[i] = route->pattern;
  return 0;
}

static json_object *
endpoints_map (struct plugin *p)
{
  static const char *const groups[] = { "soul", "agentese", "kgent", "webhooks" };
  const char *found[ENDPOINTS] = { NULL };
  json_object *map = json_object_new_object ();
  size_t g, i;
  p->routes->routes (p->self, endpoint_mark, found);
  for (g = 0; g < sizeof groups / sizeof groups[0]; g++) {
    json_object *group = json_object_new_object ();
    for (i = 0; i < ENDPOINTS; i++)
      if (found[i] && !strcmp (endpoints[i].group, groups[g]))
        json_object_object_add (group, endpoints[i].name, json_object_new_string (found[i]));
    json_object_object_add (map, groups[g], group);
  }
  return map;
}

int32_t
index_make (struct plugin *p)
{
  json_object *o = json_object_new_object ();
  const char *text;
  int32_t r;
  json_object_object_add (o, "name", json_object_new_string (p->conf->title));
  json_object_object_add (o, "version", json_object_new_string ("v1"));
  json_object_object_add (o, "description", json_object_new_string (p->conf->description));
  json_object_object_add (o, "docs", p->conf->docs ? json_object_new_string ("/docs") : NULL);
  json_object_object_add (o, "health", json_object_new_string ("/health"));
  json_object_object_add (o, "endpoints", endpoints_map (p));
  text = json_object_to_json_string_ext (o, JSON_C_TO_STRING_PLAIN
                                                | JSON_C_TO_STRING_NOSLASHESCAPE);
  r = document_set (&p->index, text ? strdup (text) : NULL, text ? strlen (text) : 0);
  json_object_put (o);
  return r;
}
