/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/self.h"

#include "core/reply.h"

#include <stdlib.h>

static struct serial *
serial_create (void)
{
  struct serial *s = calloc (1, sizeof *s);
  if (s && pthread_mutex_init (&s->lock, NULL)) {
    free (s);
    return NULL;
  }
  return s;
}

struct kg_self *
self_create (struct host *host, const char *name, uint32_t flags)
{
  struct kg_self *self = calloc (1, sizeof *self);
  if (!self)
    return NULL;
  self->serial = flags & KG_SERIAL ? serial_create () : NULL;
  if (flags & KG_SERIAL && !self->serial) {
    free (self);
    return NULL;
  }
  self->magic = SELF_MAGIC;
  self->index = host->nplugins++;
  self->flags = flags;
  self->name = name;
  self->host = host;
  return self;
}

void
self_destroy (struct kg_self *self)
{
  if (!self)
    return;
  if (self->serial)
    pthread_mutex_destroy (&self->serial->lock);
  free (self->serial);
  fields_destroy_all (self->fields);
  self->magic = 0;
  free (self);
}
