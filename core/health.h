/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* kg.health/1: what the owners of components last said about them.
 *
 * States are pushed from any thread and have a shelf life on the monotonic
 * clock.  Reading copies one component at a time out of a short lock, so a
 * probe is quick and never meets a plugin's code. */
#ifndef CORE_HEALTH_H
#define CORE_HEALTH_H

#include "core/abi.h"

#include <kgent/health.h>

#include <stdarg.h>

#define HEALTH_NAME_MAX 31    /* bytes of a component's name */
#define HEALTH_DETAIL_MAX 255 /* bytes; more is cut at a character's border */
#define HEALTH_FACTS_MAX 1024 /* bytes */

struct health;

/* The table that plugins get for KG_HEALTH; it finds the state by
 * self->host->health. */
extern const struct kg_health health_service;

/* NULL without memory. */
struct health *health_create (void);

/* Frees the components too; NULL is allowed. */
void health_destroy (struct health *h);

/* Adds a component in state STARTING: 0, -EINVAL for a bad name or flag,
 * -EEXIST, -ENOMEM.  The component belongs to h. */
int32_t health_add (struct health *h, const char *name, uint32_t flags, kg_component **ret);

/* [any] The functions of kg.health/1 for the core's own components. */
void health_set (kg_component *c, int32_t state, uint32_t ttl_ms, const char *detail, ...)
    KG_PRINTF (4, 5);
void health_vset (kg_component *c, int32_t state, uint32_t ttl_ms, const char *detail,
                  va_list args) KG_PRINTF (4, 0);
int32_t health_facts (kg_component *c, const char *json, size_t len);
int32_t health_walk (struct health *h, int32_t (*fn) (const struct kg_health_view *, void *arg),
                     void *arg);

/* [any] 1 when no component with KG_HEALTH_READINESS is down, stale or
 * starting. */
int32_t health_ready (struct health *h);

#endif
