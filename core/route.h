/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The routes: a trie over path segments. */
#ifndef CORE_ROUTE_H
#define CORE_ROUTE_H

#include "core/host.h"

#define ROUTE_PARAMS 8

/* Methods, as indices and bits. */
enum { METHOD_GET, METHOD_HEAD, METHOD_POST, METHOD_PUT, METHOD_PATCH, METHOD_DELETE,
       METHOD_OPTIONS, METHODS };

/* The index of a method's name, or -1. */
int route_method (const char *name, size_t len);

extern const char *const route_method_names[METHODS];

/* A registered route. */
struct route {
  struct kg_route pub;   /* a copy, zero-filled beyond the plugin's size */
  kg_str pattern;        /* = pub.pattern */
  struct kg_self *self;
  uint32_t index;        /* in the order of registration, from 0 */
  int method;
  uint32_t nparams;
  kg_str params[ROUTE_PARAMS]; /* names, slices of the pattern */
};

/* What a lookup found. */
struct route_match {
  const struct route *route;   /* NULL: no such path, or not with this method */
  uint32_t allowed;            /* bits 1 << METHOD_...: what the path offers */
  kg_str values[ROUTE_PARAMS]; /* raw segments, not decoded */
};

struct router *router_create (void);
void router_destroy (struct router *r);

/* Adds a route; `error` gets the reason of a refusal.  -EINVAL, -EEXIST, -ENOMEM. */
int32_t route_add (struct router *r, struct kg_self *self, const struct kg_route *route,
                   char *error, size_t size);

/* Removes all routes of a plugin (its open failed). */
void route_drop (struct router *r, const struct kg_self *self);

/* Looks a raw path up; HEAD finds GET.  `admin` 0 hides KG_ADMIN routes. */
void route_match (const struct router *r, int method, kg_str path, int32_t admin,
                  struct route_match *ret);

uint32_t route_count (const struct router *r);
const struct route *route_at (const struct router *r, uint32_t index);

/* Calls fn for each route until it answers other than 0; returns that. */
int32_t route_walk (struct router *r,
                    int32_t (*fn) (const char *plugin, const struct kg_route *, void *),
                    void *arg);

#endif
