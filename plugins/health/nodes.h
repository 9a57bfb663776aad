/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Aspects of nodes in the API document. */
#ifndef HEALTH_NODES_H
#define HEALTH_NODES_H

#include "plugins/health/operation.h"

#include <kgent/nodes.h>

/* An aspect as a route, with the texts that it points to. */
struct node_route {
  struct kg_route route;
  char *pattern, *request, *response;
};

/* 0, or -1 without memory. */
int32_t node_route_make (const struct kg_node_view *view, struct node_route *ret);
void node_route_free (struct node_route *route);

/* Adds what only nodes have to the operation: the price, the category. */
void node_tell (json_object *op, const struct kg_node_view *view);

#endif
