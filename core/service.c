/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/service.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 64

struct provided {
  struct provided *next;
  struct kg_self *self;
  char *name;
  const void *table;
  uint32_t size;
};

struct need {
  struct need *next;
  struct kg_self *self;
  char *name;
  uint32_t size, flags;
  const void **slot;
  void *copy; /* zero-filled, larger than the provider's table; or NULL */
};

struct services {
  struct provided *provided, **provided_end;
  struct need *needs, **needs_end;
};

/* Bytes of the name in front of "/major"; 0 for a bad name. */
static size_t
name_stem (const char *name)
{
  size_t n, major;
  if (!name || strlen (name) > NAME_MAX_BYTES)
    return 0;
  n = strspn (name, "abcdefghijklmnopqrstuvwxyz0123456789_.-");
  if (!n || name[n] != '/' || name[n + 1] == '0')
    return 0;
  major = strspn (name + n + 1, "0123456789");
  return major && !name[n + 1 + major] ? n : 0;
}

static struct provided *
provided_find (const struct services *s, const char *name)
{
  struct provided *p = s->provided;
  while (p && strcmp (p->name, name))
    p = p->next;
  return p;
}

/* The same service of another major. */
static struct provided *
provided_other (const struct services *s, const char *name)
{
  size_t n = name_stem (name);
  struct provided *p = s->provided;
  while (p && (name_stem (p->name) != n || memcmp (p->name, name, n)))
    p = p->next;
  return p;
}

/* Fills the slot of a need; -ENOENT when nobody provides it. */
static int32_t
need_fill (const struct services *s, struct need *n)
{
  const struct provided *p = provided_find (s, n->name);
  if (!p)
    return -ENOENT;
  if (p->size < n->size && !n->copy) {
    n->copy = calloc (1, n->size);
    if (!n->copy)
      return -ENOMEM;
    memcpy (n->copy, p->table, p->size);
  }
  *n->slot = n->copy ? n->copy : p->table;
  return 0;
}

struct services *
services_create (void)
{
  struct services *s = calloc (1, sizeof *s);
  if (!s)
    return NULL;
  s->provided_end = &s->provided;
  s->needs_end = &s->needs;
  return s;
}

/* Removes the entries of one plugin, or all with NULL. */
static void
entries_drop (struct services *s, const struct kg_self *self)
{
  s->provided_end = &s->provided;
  while (*s->provided_end) {
    struct provided *p = *s->provided_end;
    if (self && p->self != self) {
      s->provided_end = &p->next;
      continue;
    }
    *s->provided_end = p->next;
    free (p->name);
    free (p);
  }
  s->needs_end = &s->needs;
  while (*s->needs_end) {
    struct need *n = *s->needs_end;
    if (self && n->self != self) {
      s->needs_end = &n->next;
      continue;
    }
    *s->needs_end = n->next;
    free (n->name);
    free (n->copy);
    free (n);
  }
}

void
services_drop (struct services *s, const struct kg_self *self)
{
  if (self)
    entries_drop (s, self);
}

void
services_destroy (struct services *s)
{
  if (s)
    entries_drop (s, NULL);
  free (s);
}

int32_t
services_provide (struct services *s, struct kg_self *self, const char *name, const void *table,
                  uint32_t size)
{
  struct provided *p;
  if (!name_stem (name) || !table || !size)
    return -EINVAL;
  if (provided_find (s, name))
    return -EEXIST;
  p = calloc (1, sizeof *p);
  if (!p || !(p->name = strdup (name))) {
    free (p);
    return -ENOMEM;
  }
  p->self = self;
  p->table = table;
  p->size = size;
  *s->provided_end = p;
  s->provided_end = &p->next;
  return 0;
}

int32_t
services_need (struct services *s, struct kg_self *self, const char *name, uint32_t size,
               uint32_t flags, const void **slot)
{
  struct need *n;
  if (!name_stem (name) || !size || !slot || flags & ~(KG_NEED_OPTIONAL | KG_NEED_LATE))
    return -EINVAL;
  n = calloc (1, sizeof *n);
  if (!n || !(n->name = strdup (name))) {
    free (n);
    return -ENOMEM;
  }
  n->self = self;
  n->size = size;
  n->flags = flags;
  n->slot = slot;
  *slot = NULL;
  *s->needs_end = n;
  s->needs_end = &n->next;
  return need_fill (s, n) == -ENOMEM ? -ENOMEM : 0;
}

uint32_t
services_resolve (struct services *s,
                  void (*missing) (struct kg_self *self, const char *service, const char *other,
                                   const char *provider, void *arg),
                  void *arg)
{
  uint32_t bad = 0;
  for (struct need *n = s->needs; n; n = n->next) {
    const struct provided *other;
    if (!need_fill (s, n) || n->flags & KG_NEED_OPTIONAL)
      continue;
    other = provided_other (s, n->name);
    missing (n->self, n->name, other ? other->name : NULL, other ? other->self->name : NULL,
             arg);
    bad++;
  }
  return bad;
}

struct kg_self *
services_provider (const struct services *s, const char *name)
{
  const struct provided *p = provided_find (s, name);
  return p ? p->self : NULL;
}

void
services_walk (const struct services *s, const struct kg_self *self, int provided,
               void (*fn) (const char *service, uint32_t flags, void *arg), void *arg)
{
  for (const struct provided *p = s->provided; provided && p; p = p->next)
    if (p->self == self)
      fn (p->name, 0, arg);
  for (const struct need *n = s->needs; !provided && n; n = n->next)
    if (n->self == self)
      fn (n->name, n->flags, arg);
}
