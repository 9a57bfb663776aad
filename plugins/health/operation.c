/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What a route promises, in the words of OpenAPI 3.1.
 *
 * Statuses: the success is the first 2xx that the route names in `statuses`,
 * else 200, with `response_schema` as its body.  A schema's contentMediaType at
 * the root names a media type other than application/json.  The problems are
 * those that the host gives on behalf of every route with such flags, plus the
 * route's own. */

#include "plugins/health/operation.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct problem_kind problems[] = {
  { 400, "BadRequest", "The request is malformed." },
  { 401, "Unauthorized", "No credential, or one that isn't valid." },
  { 402, "PaymentRequired", "The budget doesn't cover the price." },
  { 403, "Forbidden", "The credential doesn't allow this." },
  { 404, "NotFound", "There is no such thing here." },
  { 406, "NotAcceptable", "None of the accepted media types can be given." },
  { 409, "Conflict", "It contradicts the present state, or the same request is in flight." },
  { 410, "Gone", "It is gone for good." },
  { 412, "PreconditionFailed", "A precondition of the request doesn't hold." },
  { 413, "ContentTooLarge", "The body is larger than this route takes." },
  { 415, "UnsupportedMediaType", "The body's media type is missing or not taken here." },
  { 422, "UnprocessableContent", "The body is well-formed, and its values are not valid." },
  { 429, "TooManyRequests", "A limit is reached; Retry-After says when to try again." },
  { 500, "InternalServerError", "The server failed." },
  { 501, "NotImplemented", "This server can't do it." },
  { 502, "BadGateway", "An upstream failed." },
  { 503, "ServiceUnavailable", "Not now: overload, a drain, or storage that refuses writes." },
  { 504, "GatewayTimeout", "It took too long." },
  { 0, NULL, NULL },
};

/* ---- Shorthands ----------------------------------------------------------- */

json_object *
ref_make (const char *kind, const char *name)
{
  char text[96];
  json_object *o = json_object_new_object ();
  snprintf (text, sizeof text, "#/components/%s/%s", kind, name);
  text_add (o, "$ref", text);
  return o;
}

void
text_add (json_object *o, const char *key, const char *text)
{
  json_object_object_add (o, key, json_object_new_string (text));
}

json_object *
type_make (const char *type)
{
  json_object *o = json_object_new_object ();
  text_add (o, "type", type);
  return o;
}

/* The text of a route as JSON; NULL without one, and for a malformed one.  The parser
 * gives no error for want of memory; neither does it for a mere null. */
static json_object *
parse (struct plugin *p, const char *plugin, const struct kg_route *route, const char *what,
       const char *text)
{
  enum json_tokener_error error = json_tokener_success;
  json_object *o = text ? json_tokener_parse_verbose (text, &error) : NULL;
  if (text && !o && error == json_tokener_success)
    p->incomplete = 1;
  else if (text && !o)
    p->host->log (p->self, KG_LOG_WARN,
                  "the %s of %s %s (%s) is not JSON: %s; it is missing from /openapi.json",
                  what, route->method, route->pattern, plugin, json_tokener_error_desc (error));
  return o;
}

/* Whether the list of statuses names this one. */
static int
status_named (const char *list, int status)
{
  char text[12];
  const char *at;
  snprintf (text, sizeof text, "%d", status);
  for (at = list ? strstr (list, text) : NULL; at; at = strstr (at + 1, text))
    if ((at == list || !isdigit ((unsigned char)at[-1])) && !isdigit ((unsigned char)at[3]))
      return 1;
  return 0;
}

static int
success_status (const struct kg_route *route)
{
  int status = 200;
  while (status < 300 && !status_named (route->statuses, status))
    status++;
  return status < 300 ? status : 200;
}

/* ---- Bodies ---------------------------------------------------------------- */

static const char *
media_of (json_object *schema)
{
  json_object *media;
  if (schema && json_object_object_get_ex (schema, "contentMediaType", &media))
    return json_object_get_string (media);
  return "application/json";
}

static void
media_add (json_object *content, const char *media, json_object *schema)
{
  json_object *o = json_object_new_object ();
  json_object_object_add (o, "schema", schema);
  json_object_object_add (content, media, o);
}

static void
request_add (json_object *op, struct plugin *p, const char *plugin,
             const struct kg_route *route)
{
  json_object *schema = parse (p, plugin, route, "request schema", route->request_schema);
  json_object *body, *content;
  if (!schema && !(route->flags & KG_JSON))
    return;
  body = json_object_new_object ();
  content = json_object_new_object ();
  media_add (content, media_of (schema), schema ? schema : json_object_new_object ());
  json_object_object_add (body, "required", json_object_new_boolean (1));
  json_object_object_add (body, "content", content);
  json_object_object_add (op, "requestBody", body);
}

/* ---- Responses -------------------------------------------------------------- */

static json_object *
success_make (const struct kg_route *route, json_object *schema, int status)
{
  json_object *o = json_object_new_object (), *content = json_object_new_object ();
  json_object *headers = json_object_new_object ();
  text_add (o, "description",
            status == 201   ? "Created."
            : status == 204 ? "Done."
                            : "Success.");
  json_object_object_add (headers, "X-Request-ID", ref_make ("headers", "RequestId"));
  json_object_object_add (o, "headers", headers);
  if (schema)
    media_add (content, media_of (schema), json_object_get (schema));
  if (route->flags & KG_STREAMS)
    media_add (content, "text/event-stream", type_make ("string"));
  if (json_object_object_length (content))
    json_object_object_add (o, "content", content);
  else
    json_object_put (content);
  return o;
}

/* Whether the host takes an Idempotency-Key with it. */
static int
takes_keys (const struct kg_route *route)
{
  return route->flags & KG_BILLABLE && !strcmp (route->method, "POST");
}

/* Whether the host, or the route, answers such a problem. */
static int
problem_possible (const struct kg_route *route, int status)
{
  uint32_t json = route->flags & KG_JSON, closed = !(route->flags & KG_PUBLIC);
  if (status_named (route->statuses, status))
    return 1;
  switch (status) {
  case 400:
  case 500:
    return 1;
  case 401:
  case 403:
  case 429:
    return closed;
  case 404:
    return strchr (route->pattern, '{') != NULL;
  case 413:
  case 415:
    return json != 0;
  case 409:
  case 422:
    return takes_keys (route);
  case 402:
  case 503:
    return (route->flags & KG_BILLABLE) != 0;
  default:
    return 0;
  }
}

/* A problem that a probe gives as a word of text. */
static json_object *
word_make (const struct problem_kind *kind, const char *media)
{
  json_object *o = json_object_new_object (), *content = json_object_new_object ();
  text_add (o, "description", kind->description);
  media_add (content, media, type_make ("string"));
  json_object_object_add (o, "content", content);
  return o;
}

static void
problems_add (json_object *responses, const struct kg_route *route, const char *media,
              struct references *refs)
{
  int word = !strcmp (media, "text/plain");
  int i;
  for (i = 0; problems[i].status; i++) {
    char key[12];
    if (!problem_possible (route, problems[i].status))
      continue;
    snprintf (key, sizeof key, "%d", problems[i].status);
    if (word && status_named (route->statuses, problems[i].status)) {
      json_object_object_add (responses, key, word_make (&problems[i], media));
      continue;
    }
    refs->problems |= 1ull << i;
    refs->retry_after |= problems[i].status == 429 || problems[i].status == 503;
    json_object_object_add (responses, key, ref_make ("responses", problems[i].name));
  }
}

static void
responses_add (json_object *op, struct plugin *p, const char *plugin,
               const struct kg_route *route, struct references *refs)
{
  json_object *schema = parse (p, plugin, route, "response schema", route->response_schema);
  json_object *responses = json_object_new_object (), *o;
  int status = success_status (route);
  char key[12];
  snprintf (key, sizeof key, "%d", status);
  json_object_object_add (responses, key, success_make (route, schema, status));
  if (status_named (route->statuses, 304)) {
    o = json_object_new_object ();
    text_add (o, "description", "The client has it already.");
    json_object_object_add (responses, "304", o);
  }
  problems_add (responses, route, media_of (schema), refs);
  json_object_object_add (op, "responses", responses);
  json_object_put (schema);
}

/* ---- Parameters ------------------------------------------------------------- */

/* Whether the list has a path parameter of this name. */
static int
parameter_listed (json_object *list, const char *name)
{
  size_t i, n = json_object_array_length (list);
  for (i = 0; i < n; i++) {
    json_object *item = json_object_array_get_idx (list, i), *value, *in;
    if (json_object_object_get_ex (item, "name", &value)
        && json_object_object_get_ex (item, "in", &in)
        && !strcmp (json_object_get_string (value), name)
        && !strcmp (json_object_get_string (in), "path"))
      return 1;
  }
  return 0;
}

static void
path_parameters_add (json_object *list, const char *pattern)
{
  const char *at = pattern;
  while ((at = strchr (at, '{'))) {
    char name[64];
    json_object *o;
    snprintf (name, sizeof name, "%.*s", (int)strcspn (at + 1, "}"), at + 1);
    at++;
    if (parameter_listed (list, name))
      continue;
    o = json_object_new_object ();
    text_add (o, "name", name);
    text_add (o, "in", "path");
    json_object_object_add (o, "required", json_object_new_boolean (1));
    json_object_object_add (o, "schema", type_make ("string"));
    json_object_array_add (list, o);
  }
}

static void
key_parameter_add (json_object *list, const struct kg_route *route)
{
  json_object *o;
  if (!takes_keys (route))
    return;
  o = json_object_new_object ();
  text_add (o, "name", "Idempotency-Key");
  text_add (o, "in", "header");
  text_add (o, "description",
            "Asked again with the same key and the same request within 24 hours, the host gives the "
            "same answer, and charges nothing.");
  json_object_object_add (o, "schema", type_make ("string"));
  json_object_array_add (list, o);
}

static void
parameters_add (json_object *op, struct plugin *p, const char *plugin,
                const struct kg_route *route)
{
  json_object *list = parse (p, plugin, route, "parameters", route->parameters);
  if (list && json_object_get_type (list) != json_type_array) {
    p->host->log (p->self, KG_LOG_WARN, "the parameters of %s %s (%s) are not a JSON array",
                  route->method, route->pattern, plugin);
    json_object_put (list);
    list = NULL;
  }
  if (!list)
    list = json_object_new_array ();
  path_parameters_add (list, route->pattern);
  key_parameter_add (list, route);
  if (json_object_array_length (list))
    json_object_object_add (op, "parameters", list);
  else
    json_object_put (list);
}

/* ---- The operation ---------------------------------------------------------- */

/* Adds one way of identifying the caller, with the scope that it must have. */
static void
security_add (json_object *list, const char *scheme, const char *scope)
{
  json_object *o = json_object_new_object (), *scopes = json_object_new_array ();
  if (scope)
    json_object_array_add (scopes, json_object_new_string (scope));
  json_object_object_add (o, scheme, scopes);
  json_object_array_add (list, o);
}

/* "GET", "/v1/things/{id}" -> "getV1ThingsId". */
static void
id_make (const struct kg_route *route, char *out, size_t size)
{
  const char *c;
  size_t n = 0;
  int upper = 0;
  for (c = route->method; *c && n + 2 < size; c++)
    out[n++] = (char)tolower ((unsigned char)*c);
  if (!strcmp (route->pattern, "/"))
    n += (size_t)snprintf (out + n, size - n, "Root");
  for (c = route->pattern; *c && n + 2 < size; c++) {
    if (isalnum ((unsigned char)*c))
      out[n++] = (char)(upper ? toupper ((unsigned char)*c) : *c);
    else if (*c == '-' || *c == '_' || *c == '.')
      out[n++] = '_';
    upper = !isalnum ((unsigned char)*c);
  }
  out[n] = 0;
}

json_object *
operation_make (struct plugin *p, const char *plugin, const struct kg_route *route,
                struct references *refs)
{
  json_object *op = json_object_new_object (), *tags = json_object_new_array ();
  json_object *security = json_object_new_array ();
  char id[160];
  id_make (route, id, sizeof id);
  text_add (op, "operationId", id);
  text_add (op, "summary", route->summary ? route->summary : route->pattern);
  json_object_array_add (tags, json_object_new_string (plugin));
  json_object_object_add (op, "tags", tags);
  if (!(route->flags & KG_PUBLIC)) {
    security_add (security, "ApiKey", route->scope);
    security_add (security, "Bearer", route->scope);
  }
  json_object_object_add (op, "security", security);
  parameters_add (op, p, plugin, route);
  request_add (op, p, plugin, route);
  responses_add (op, p, plugin, route, refs);
  if (route->flags & KG_ADMIN)
    text_add (op, "x-kgent-listener", "admin");
  return op;
}
