/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* An aspect of a node as a route, so that the API document tells about it as about
 * every other: the path is a constant of the body, the arguments and the result have
 * the aspect's schemas.  The fragment makes the key unique; clients do not send it. */

#include "plugins/health/nodes.h"

#include <stdlib.h>
#include <string.h>

/* All the texts, up to NULL, in one that is malloc'ed; NULL without memory. */
static char *
join (const char *const *texts)
{
  struct kg_out o = { NULL, 0, 0 };
  uint32_t i;
  for (i = 0; texts[i]; i++)
    kg_out_lit (&o, texts[i]);
  o.cap = o.len;
  o.ptr = malloc (o.len + 1);
  for (i = 0, o.len = 0; o.ptr && texts[i]; i++)
    kg_out_lit (&o, texts[i]);
  if (o.ptr)
    o.ptr[o.len] = 0;
  return o.ptr;
}

#define JOIN(...) join ((const char *const[]){ __VA_ARGS__, NULL })

int32_t
node_route_make (const struct kg_node_view *view, struct node_route *ret)
{
  memset (ret, 0, sizeof *ret);
  ret->pattern = JOIN (view->route, "#", view->path);
  ret->request = JOIN ("{\"type\":\"object\",\"required\":[\"path\"],\"properties\":{"
                       "\"path\":{\"const\":\"",
                       view->path, "\"},\"observer\":{\"type\":\"object\"},\"kwargs\":",
                       view->input ? view->input : "{\"type\":\"object\"}", "}}");
  ret->response = JOIN ("{\"type\":\"object\",\"required\":[\"path\",\"result\","
                        "\"tokens_used\",\"cached\"],\"properties\":{\"path\":{\"type\":"
                        "\"string\"},\"result\":",
                        view->output ? view->output : "{}",
                        ",\"tokens_used\":{\"type\":\"integer\"},"
                        "\"cached\":{\"type\":\"boolean\"}}}");
  ret->route = (struct kg_route){
    .size = sizeof ret->route,
    .flags = KG_JSON | KG_BILLABLE | (view->flags & KG_NODE_STREAMS ? KG_STREAMS : 0),
    .method = "POST",
    .pattern = ret->pattern,
    .scope = view->scope,
    .summary = view->summary ? view->summary : view->path,
    .request_schema = ret->request,
    .response_schema = ret->response,
    .statuses = "402 422 503"
  };
  if (ret->pattern && ret->request && ret->response)
    return 0;
  node_route_free (ret);
  return -1;
}

void
node_route_free (struct node_route *r)
{
  free (r->pattern);
  free (r->request);
  free (r->response);
}

static void
number_add (json_object *o, const char *key, int64_t n)
{
  json_object_object_add (o, key, json_object_new_int64 (n));
}

void
node_tell (json_object *op, const struct kg_node_view *view)
{
  json_object *o = json_object_new_object ();
  number_add (o, "requests", view->requests);
  number_add (o, "fixed", view->tokens);
  number_add (o, "per_token", (view->flags & KG_NODE_PER_TOKEN) != 0);
  number_add (o, "per_kb", view->tokens_per_kb);
  number_add (o, "max", view->tokens_max);
  number_add (o, "money", view->money);
  json_object_object_add (op, "x-kgent-price", o);
  text_add (op, "x-kgent-path", view->path);
  text_add (op, "x-kgent-category", view->category);
  text_add (op, "x-kgent-kind", view->kind);
}
