/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* kg.routes/1: the host's description of itself, and its two verdicts. */
#ifndef CORE_CATALOG_H
#define CORE_CATALOG_H

#include "core/abi.h"

#include <kgent/routes.h>

struct catalog;
struct host;

/* The table that plugins get for KG_ROUTES; it works on self->host. */
extern const struct kg_routes catalog_service;

/* The version must outlive the catalog.  NULL without memory. */
struct catalog *catalog_create (const char *version);
void catalog_destroy (struct catalog *c);

/* [main] The host serves from now on. */
void catalog_started (struct catalog *c);

/* [any, signal-safe] The host drains from now on: `ready` is 0. */
void catalog_drain (struct catalog *c);

/* [any] */
int32_t catalog_draining (const struct catalog *c);
int32_t catalog_live (const struct host *host);
int32_t catalog_ready (const struct host *host);

#endif
