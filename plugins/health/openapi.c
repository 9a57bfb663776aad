/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* /openapi.json, made once from the registered routes.  The public listener's
 * document leaves out what only the admin listener serves. */

#include "plugins/health/nodes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A document under construction. */
struct draft {
  struct plugin *plugin;
  int32_t admin;
  json_object *paths;
  struct references refs;
  const char *tags[64]; /* plugins with an operation */
  uint32_t ntags;
};

/* ---- Paths ------------------------------------------------------------------ */

static void
tag_note (struct draft *d, const char *plugin)
{
  uint32_t i = 0;
  while (i < d->ntags && strcmp (d->tags[i], plugin))
    i++;
  if (i == d->ntags && i < sizeof d->tags / sizeof d->tags[0])
    d->tags[d->ntags++] = plugin;
}

static int32_t
path_add (const char *plugin, const struct kg_route *route, void *arg)
{
  struct draft *d = arg;
  json_object *item;
  char method[16];
  size_t i, n = strlen (route->method);
  if (route->flags & KG_HIDDEN || (route->flags & KG_ADMIN && !d->admin)
      || n >= sizeof method)
    return 0;
  for (i = 0; i <= n; i++)
    method[i]
        = (char)(route->method[i] >= 'A' && route->method[i] <= 'Z' ? route->method[i] + 32
                                                                    : route->method[i]);
  if (!json_object_object_get_ex (d->paths, route->pattern, &item)) {
    item = json_object_new_object ();
    json_object_object_add (d->paths, route->pattern, item);
  }
  json_object_object_add (item, method, operation_make (d->plugin, plugin, route, &d->refs));
  tag_note (d, plugin);
  return 0;
}

/* The aspects that have a path of their own; not those of any node of a context. */
static int32_t
node_add (const struct kg_node_view *view, void *arg)
{
  struct draft *d = arg;
  struct node_route r;
  json_object *item, *op;
  if (view->flags & KG_NODE_ANY)
    return 0;
  if (node_route_make (view, &r) < 0)
    return -ENOMEM;
  path_add (view->owner, &r.route, d);
  if (json_object_object_get_ex (d->paths, r.pattern, &item)
      && json_object_object_get_ex (item, "post", &op))
    node_tell (op, view);
  node_route_free (&r);
  return 0;
}

/* ---- Components -------------------------------------------------------------- */

static const char problem_schema[]
    = "{\"type\":\"object\",\"description\":\"RFC 9457. Further members tell more.\","
      "\"required\":[\"type\",\"title\",\"status\",\"detail\",\"instance\"],\"properties\":{"
      "\"type\":{\"type\":\"string\",\"format\":\"uri-reference\"},"
      "\"title\":{\"type\":\"string\"},\"status\":{\"type\":\"integer\"},"
      "\"detail\":{\"type\":\"string\"},"
      "\"instance\":{\"type\":\"string\",\"description\":\"The request's id.\"},"
      "\"errors\":{\"type\":\"array\",\"description\":\"What is wrong with which value.\","
      "\"items\":{\"type\":\"object\",\"properties\":{"
      "\"loc\":{\"type\":\"array\",\"items\":{\"type\":[\"string\",\"integer\"]}},"
      "\"type\":{\"type\":\"string\"},\"msg\":{\"type\":\"string\"}}}}}}";

static const char security_schemes[]
    = "{\"ApiKey\":{\"type\":\"apiKey\",\"in\":\"header\",\"name\":\"X-API-Key\","
      "\"description\":\"A key, kg_...\"},"
      "\"Bearer\":{\"type\":\"http\",\"scheme\":\"bearer\","
      "\"description\":\"The same key as a bearer token.\"}}";

static json_object *
header_make (const char *description, const char *type)
{
  json_object *o = json_object_new_object ();
  text_add (o, "description", description);
  json_object_object_add (o, "schema", type_make (type));
  return o;
}

static json_object *
headers_make (const struct references *refs)
{
  json_object *o = json_object_new_object ();
  json_object_object_add (
      o, "RequestId",
      header_make ("The client's id of the request, or one made here.", "string"));
  if (refs->retry_after)
    json_object_object_add (o, "RetryAfter",
                            header_make ("Seconds until a new try makes sense.", "integer"));
  return o;
}

static json_object *
problem_make (const struct problem_kind *kind)
{
  json_object *o = json_object_new_object (), *headers = json_object_new_object ();
  json_object *content = json_object_new_object (), *media = json_object_new_object ();
  text_add (o, "description", kind->description);
  json_object_object_add (headers, "X-Request-ID", ref_make ("headers", "RequestId"));
  if (kind->status == 429 || kind->status == 503)
    json_object_object_add (headers, "Retry-After", ref_make ("headers", "RetryAfter"));
  json_object_object_add (o, "headers", headers);
  json_object_object_add (media, "schema", ref_make ("schemas", "Problem"));
  json_object_object_add (content, "application/problem+json", media);
  json_object_object_add (o, "content", content);
  return o;
}

/* A text of ours as JSON. */
static json_object *
parse (struct plugin *p, const char *text)
{
  json_object *o = json_tokener_parse (text);
  if (!o)
    p->incomplete = 1;
  return o;
}

static json_object *
components_make (struct plugin *p, const struct references *refs)
{
  json_object *o = json_object_new_object (), *schemas = json_object_new_object ();
  json_object *responses = json_object_new_object ();
  int i;
  json_object_object_add (o, "securitySchemes", parse (p, security_schemes));
  json_object_object_add (schemas, "Problem", parse (p, problem_schema));
  json_object_object_add (o, "schemas", schemas);
  for (i = 0; problems[i].status; i++)
    if (refs->problems >> i & 1)
      json_object_object_add (responses, problems[i].name, problem_make (&problems[i]));
  json_object_object_add (o, "responses", responses);
  json_object_object_add (o, "headers", headers_make (refs));
  return o;
}

/* ---- Head --------------------------------------------------------------------- */

static json_object *
info_make (struct plugin *p)
{
  struct kg_host_view host = { .size = sizeof host };
  json_object *o = json_object_new_object (), *license = json_object_new_object ();
  p->routes->host (p->self, &host);
  text_add (o, "title", p->conf->title);
  text_add (o, "version", "v1");
  text_add (o, "description", p->conf->description);
  text_add (license, "name", "Apache-2.0");
  text_add (license, "identifier", "Apache-2.0");
  json_object_object_add (o, "license", license);
  text_add (o, "x-kgent-version", host.version ? host.version : "");
  return o;
}

static json_object *
servers_make (struct plugin *p, int32_t admin)
{
  json_object *list = json_object_new_array (), *o = json_object_new_object ();
  text_add (o, "url", admin ? "/" : p->conf->server_url);
  text_add (o, "description", admin ? "The admin listener." : "The public listener.");
  json_object_array_add (list, o);
  return list;
}

struct tag_walk {
  struct draft *draft;
  json_object *list;
};

static int32_t
tag_add (const struct kg_plugin_view *view, void *arg)
{
  struct tag_walk *walk = arg;
  uint32_t i;
  for (i = 0; i < walk->draft->ntags; i++)
    if (!strcmp (walk->draft->tags[i], view->name)) {
      json_object *o = json_object_new_object ();
      text_add (o, "name", view->name);
      text_add (o, "description", *view->summary ? view->summary : view->name);
      json_object_array_add (walk->list, o);
      walk->draft->tags[i] = ""; /* done */
    }
  return 0;
}

/* The tags in the order of the configuration; those whose owner is no plugin
 * (the host itself) follow. */
static json_object *
tags_make (struct draft *d)
{
  struct tag_walk walk = { d, json_object_new_array () };
  uint32_t i;
  d->plugin->routes->plugins (d->plugin->self, tag_add, &walk);
  for (i = 0; i < d->ntags; i++)
    if (*d->tags[i]) {
      json_object *o = json_object_new_object ();
      text_add (o, "name", d->tags[i]);
      text_add (o, "description", "The host itself.");
      json_object_array_add (walk.list, o);
    }
  return walk.list;
}

int32_t
openapi_make (struct plugin *p, int32_t admin, struct document *ret)
{
  struct draft d = { .plugin = p, .admin = admin, .paths = json_object_new_object () };
  json_object *o = json_object_new_object ();
  const char *text;
  int32_t r;
  p->routes->routes (p->self, path_add, &d);
  if (p->nodes && p->nodes->walk (p->self, node_add, &d) < 0)
    p->incomplete = 1;
  text_add (o, "openapi", "3.1.0");
  json_object_object_add (o, "info", info_make (p));
  json_object_object_add (o, "servers", servers_make (p, admin));
  json_object_object_add (o, "tags", tags_make (&d));
  json_object_object_add (o, "paths", d.paths);
  json_object_object_add (o, "components", components_make (p, &d.refs));
  text = json_object_to_json_string_ext (o, JSON_C_TO_STRING_PLAIN
                                                | JSON_C_TO_STRING_NOSLASHESCAPE);
  r = document_set (ret, text ? strdup (text) : NULL, text ? strlen (text) : 0);
  json_object_put (o);
  return p->incomplete ? -ENOMEM : r;
}
