/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The registry of services: named, versioned, sized tables of functions.
 *
 * A name is "name/major"; a table that grew stays the same service.  Who needs
 * more bytes than are provided gets a copy that is zero-filled beyond them. */
#ifndef CORE_SERVICE_H
#define CORE_SERVICE_H

#include "core/host.h"

struct services;

/* NULL without memory. */
struct services *services_create (void);

/* Accepts NULL. */
void services_destroy (struct services *s);

/* Offers a service; the table stays the provider's.  The core's own are offered
 * before any plugin is open.  -EINVAL for a bad name or no table, -EEXIST,
 * -ENOMEM. */
int32_t services_provide (struct services *s, struct kg_self *self, const char *name,
                          const void *table, uint32_t size);

/* Asks for a service; *slot is NULL until it is provided: at once for what is
 * there already.  -EINVAL, -ENOMEM. */
int32_t services_need (struct services *s, struct kg_self *self, const char *name,
                       uint32_t size, uint32_t flags, const void **slot);

/* Forgets what a plugin provided and needed: its open failed. */
void services_drop (struct services *s, const struct kg_self *self);

/* All plugins are open: fills the slots.  For each service that is missing and
 * not optional calls `missing`; `other` is a service of the same name and
 * another major, with its provider's name, or NULL.  Returns how many. */
uint32_t services_resolve (struct services *s,
                           void (*missing) (struct kg_self *self, const char *service,
                                            const char *other, const char *provider, void *arg),
                           void *arg);

/* Who provides a service, or NULL. */
struct kg_self *services_provider (const struct services *s, const char *name);

/* Calls fn for each service that a plugin needs (`provided` 0) or provides (1). */
void services_walk (const struct services *s, const struct kg_self *self, int provided,
                    void (*fn) (const char *service, uint32_t flags, void *arg), void *arg);

#endif
