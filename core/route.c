/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A node stands for one segment.  A literal child wins over the parameter child, and lookup goes
 * back to the parameter when the literal way leads nowhere, so `/a/b` and `/a/{x}/c` live
 * together.  Paths without parameters, which are most, are looked up as a whole before that.
 * Lookup allocates nothing and takes no lock: the trie is frozen before the workers start. */
#include "core/route.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEGMENT_MAX 64u
#define DEPTH_MAX   16u
#define BUCKETS     256u

struct node {
  char *text;           /* the literal segment; NULL for a parameter */
  size_t len;
  struct node *child;   /* first literal child */
  struct node *next;    /* next literal sibling */
  struct node *param;   /* the parameter child */
  struct node *same;    /* the next one of its bucket */
  char *path;           /* the whole path, where it has no parameters and a route; or NULL */
  size_t path_len;
  struct route *routes[METHODS];
};

struct router {
  struct node root;
  struct node *whole[BUCKETS]; /* nodes with a path, by its hash */
  struct route **routes; /* in the order of registration; NULL where dropped */
  uint32_t count, cap;
};

const char *const route_method_names[METHODS]
    = { "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS" };

int
route_method (const char *name, size_t len)
{
  for (int i = 0; i < METHODS; i++)
    if (strlen (route_method_names[i]) == len && !memcmp (route_method_names[i], name, len))
      return i;
  return -1;
}

/* The next segment of a path that begins with '/'; advances *path behind it. */
static kg_str
segment_next (kg_str *path)
{
  kg_str s = { path->ptr + 1, 0 };
  const char *end = path->ptr + path->len;
  const char *slash = memchr (s.ptr, '/', (size_t) (end - s.ptr));
  s.len = (size_t) ((slash ? slash : end) - s.ptr);
  path->ptr = s.ptr + s.len;
  path->len = (size_t) (end - path->ptr);
  return s;
}

static int
segment_is_param (kg_str s)
{
  return s.len > 2 && s.ptr[0] == '{' && s.ptr[s.len - 1] == '}';
}

/* By its first and its last eight bytes, and its length: the operator chooses the routes, so
 * nobody can make lists long. */
static uint32_t
path_hash (kg_str path)
{
  uint64_t first = 0, last = 0;
  if (path.len >= sizeof first) {
    memcpy (&first, path.ptr, sizeof first);
    memcpy (&last, path.ptr + path.len - sizeof last, sizeof last);
  }
  first = (first * 31 + last + path.len) * 0x9e3779b97f4a7c15u;
  return (uint32_t) (first >> 32) % BUCKETS;
}

/* ---- Registration ------------------------------------------------------- */

static const char *
segment_check (kg_str s)
{
  static const char ok[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
  if (!s.len || s.len > SEGMENT_MAX)
    return "a segment is empty or over 64 bytes";
  if (segment_is_param (s)) {
    s.ptr++;
    s.len -= 2;
  }
  for (size_t i = 0; i < s.len; i++)
    if (!memchr (ok, s.ptr[i], sizeof ok - 1) && s.ptr[i] != '_')
      return "a segment is text of [A-Za-z0-9._~-] or one whole {name}";
  return NULL;
}

/* Checks a pattern and notes its parameters; NULL when it is well-formed. */
static const char *
pattern_check (struct route *r)
{
  kg_str path = r->pattern;
  uint32_t depth = 0;
  if (!path.len || path.ptr[0] != '/')
    return "it must begin with '/'";
  if (path.len == 1)
    return NULL;
  while (path.len) {
    kg_str s = segment_next (&path);
    const char *why = segment_check (s);
    if (why)
      return why;
    if (++depth > DEPTH_MAX)
      return "over 16 segments";
    if (!segment_is_param (s))
      continue;
    if (r->nparams == ROUTE_PARAMS)
      return "over 8 parameters";
    r->params[r->nparams].ptr = s.ptr + 1;
    r->params[r->nparams++].len = s.len - 2;
  }
  return NULL;
}

static struct node *
node_child (struct node *n, kg_str s)
{
  struct node **at = &n->child, *c;
  if (segment_is_param (s))
    at = &n->param;
  else
    for (; *at; at = &(*at)->next)
      if ((*at)->len == s.len && !memcmp ((*at)->text, s.ptr, s.len))
        return *at;
  if (*at)
    return *at;
  c = calloc (1, sizeof *c);
  if (!c)
    return NULL;
  if (!segment_is_param (s)) {
    c->text = strndup (s.ptr, s.len);
    c->len = s.len;
    if (!c->text) {
      free (c);
      return NULL;
    }
  }
  return *at = c;
}

static struct node *
node_make (struct router *r, kg_str pattern)
{
  struct node *n = &r->root;
  if (pattern.len == 1)
    return n;
  while (pattern.len && n)
    n = node_child (n, segment_next (&pattern));
  return n;
}

/* Makes a node known by its whole path. */
static int32_t
node_name (struct router *r, struct node *n, kg_str path)
{
  struct node **bucket = &r->whole[path_hash (path)];
  if (n->path)
    return 0;
  n->path = strndup (path.ptr, path.len);
  if (!n->path)
    return -ENOMEM;
  n->path_len = path.len;
  n->same = *bucket;
  *bucket = n;
  return 0;
}

static int32_t
router_keep (struct router *r, struct route *route)
{
  if (r->count == r->cap) {
    uint32_t cap = r->cap ? 2 * r->cap : 64;
    struct route **p = realloc (r->routes, cap * sizeof *p);
    if (!p)
      return -ENOMEM;
    r->routes = p;
    r->cap = cap;
  }
  route->index = r->count;
  r->routes[r->count++] = route;
  return 0;
}

static struct route *
route_create (struct kg_self *self, const struct kg_route *pub)
{
  struct route *r = calloc (1, sizeof *r);
  if (!r)
    return NULL;
  memcpy (&r->pub, pub, pub->size < sizeof r->pub ? pub->size : sizeof r->pub);
  r->self = self;
  r->method = r->pub.method ? route_method (r->pub.method, strlen (r->pub.method)) : -1;
  r->pattern.ptr = r->pub.pattern;
  r->pattern.len = r->pub.pattern ? strlen (r->pub.pattern) : 0;
  return r;
}

static int32_t
route_insert (struct router *r, struct route *route, char *error, size_t size)
{
  struct node *n = node_make (r, route->pattern);
  if (!n)
    return -ENOMEM;
  if (n->routes[route->method]) {
    const struct route *old = n->routes[route->method];
    snprintf (error, size, "%s %s is already a route of plugin %s (%s)", route->pub.method,
              route->pub.pattern, old->self ? old->self->name : "?", old->pub.pattern);
    return -EEXIST;
  }
  if ((!route->nparams && node_name (r, n, route->pattern) < 0) || router_keep (r, route) < 0)
    return -ENOMEM;
  n->routes[route->method] = route;
  return 0;
}

int32_t
route_add (struct router *r, struct kg_self *self, const struct kg_route *pub, char *error,
           size_t size)
{
  struct route *route = route_create (self, pub);
  const char *why;
  int32_t rc = -EINVAL;
  if (!route)
    return -ENOMEM;
  why = pattern_check (route);
  if (why)
    snprintf (error, size, "pattern \"%s\": %s", pub->pattern ? pub->pattern : "", why);
  else if (route->method < 0 || route->method == METHOD_HEAD || route->method == METHOD_OPTIONS)
    snprintf (error, size, "%s: method must be GET, POST, PUT, PATCH or DELETE", pub->pattern);
  else if (!route->pub.handler)
    snprintf (error, size, "%s %s: no handler", pub->method, pub->pattern);
  else
    rc = route_insert (r, route, error, size);
  if (rc == -ENOMEM)
    snprintf (error, size, "%s: out of memory", pub->pattern);
  if (rc < 0)
    free (route);
  return rc < 0 ? rc : 0;
}

static void
node_drop (struct node *n, const struct kg_self *self)
{
  for (int i = 0; i < METHODS; i++)
    if (n->routes[i] && n->routes[i]->self == self)
      n->routes[i] = NULL;
  for (struct node *c = n->child; c; c = c->next)
    node_drop (c, self);
  if (n->param)
    node_drop (n->param, self);
}

void
route_drop (struct router *r, const struct kg_self *self)
{
  node_drop (&r->root, self);
  for (uint32_t i = 0; i < r->count; i++)
    if (r->routes[i] && r->routes[i]->self == self) {
      free (r->routes[i]);
      r->routes[i] = NULL;
    }
}

/* ---- Lookup ------------------------------------------------------------- */

static int
route_visible (const struct route *r, int32_t admin)
{
  return r && (admin || !(r->pub.flags & KG_ADMIN));
}

static uint32_t
node_methods (const struct node *n, int32_t admin)
{
  uint32_t bits = 0;
  for (int i = 0; i < METHODS; i++)
    if (route_visible (n->routes[i], admin))
      bits |= 1u << i;
  if (bits & 1u << METHOD_GET)
    bits |= 1u << METHOD_HEAD;
  return bits;
}

/* The node of a path that offers anything, values of parameters noted from `depth` on. */
static const struct node *
node_find (const struct node *n, kg_str path, int32_t admin, kg_str *values, uint32_t depth)
{
  const struct node *found;
  kg_str s;
  if (!path.len)
    return node_methods (n, admin) ? n : NULL;
  s = segment_next (&path);
  for (const struct node *c = n->child; c; c = c->next)
    if (c->len == s.len && !memcmp (c->text, s.ptr, s.len)) {
      found = node_find (c, path, admin, values, depth);
      if (found)
        return found;
      break;
    }
  if (!n->param || !s.len || depth == ROUTE_PARAMS)
    return NULL;
  values[depth] = s;
  return node_find (n->param, path, admin, values, depth + 1);
}

/* The same of a path without parameters. */
static const struct node *
node_whole (const struct router *r, kg_str path, int32_t admin)
{
  const struct node *n = r->whole[path_hash (path)];
  while (n && (n->path_len != path.len || memcmp (n->path, path.ptr, path.len)))
    n = n->same;
  return n && node_methods (n, admin) ? n : NULL;
}

void
route_match (const struct router *r, int method, kg_str path, int32_t admin,
             struct route_match *ret)
{
  const struct node *n;
  int m = method == METHOD_HEAD ? METHOD_GET : method;
  ret->route = NULL;
  ret->allowed = 0;
  n = node_whole (r, path, admin);
  if (path.len == 1)
    path.len = 0;
  if (!n && !(n = node_find (&r->root, path, admin, ret->values, 0)))
    return;
  ret->allowed = node_methods (n, admin);
  if (m >= 0 && route_visible (n->routes[m], admin))
    ret->route = n->routes[m];
}

/* ---- Life --------------------------------------------------------------- */

struct router *
router_create (void)
{
  return calloc (1, sizeof (struct router));
}

static void
node_finish (struct node *n)
{
  struct node *next;
  for (struct node *c = n->child; c; c = next) {
    next = c->next;
    node_finish (c);
    free (c);
  }
  if (n->param) {
    node_finish (n->param);
    free (n->param);
  }
  free (n->text);
  free (n->path);
}

void
router_destroy (struct router *r)
{
  if (!r)
    return;
  node_finish (&r->root);
  for (uint32_t i = 0; i < r->count; i++)
    free (r->routes[i]);
  free (r->routes);
  free (r);
}

uint32_t
route_count (const struct router *r)
{
  return r->count;
}

const struct route *
route_at (const struct router *r, uint32_t index)
{
  return index < r->count ? r->routes[index] : NULL;
}

int32_t
route_walk (struct router *r,
            int32_t (*fn) (const char *plugin, const struct kg_route *, void *), void *arg)
{
  int32_t rc = 0;
  for (uint32_t i = 0; i < r->count && !rc; i++)
    if (r->routes[i])
      rc = fn (r->routes[i]->self ? r->routes[i]->self->name : "", &r->routes[i]->pub, arg);
  return rc;
}
