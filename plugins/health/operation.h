/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* One operation of the API document, from one registered route. */
#ifndef HEALTH_OPERATION_H
#define HEALTH_OPERATION_H

#include "plugins/health/health.h"

#include <json-c/json.h>

/* What operations refer to: a bit per entry of a table of components. */
struct references {
  uint64_t problems; /* 1 << index in `problems` */
  int retry_after;   /* the header Retry-After */
};

/* The problem responses that routes can give. */
struct problem_kind {
  int status;
  const char *name; /* of the component: "BadRequest" */
  const char *description;
};
extern const struct problem_kind problems[];

/* Texts of a route that are not the JSON they should be are left out, and
 * logged once by `p`.  The object belongs to the caller. */
json_object *operation_make (struct plugin *p, const char *plugin, const struct kg_route *route,
                             struct references *refs);

/* Shorthands: a reference to a component; adding a text; a { "type": ... }. */
json_object *ref_make (const char *kind, const char *name);
void text_add (json_object *o, const char *key, const char *text);
json_object *type_make (const char *type);

#endif
