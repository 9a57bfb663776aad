/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A request's identity: copied from whoever found it out, or his own as long as the
 * request lasts. */
#include "core/request.h"

#include <errno.h>
#include <string.h>

static const char *
copy_text (struct arena *a, const char *s)
{
  return s ? arena_copy (a, s, strlen (s)) : NULL;
}

/* A NULL list stays NULL. */
static int
copy_list (struct arena *a, const char *const *from, const char *const **ret)
{
  const char **list;
  size_t n = 0;
  *ret = NULL;
  if (!from)
    return 1;
  while (from[n])
    n++;
  list = arena_alloc (a, (n + 1) * sizeof *list);
  if (!list)
    return 0;
  for (size_t i = 0; i < n; i++)
    if (!(list[i] = copy_text (a, from[i])))
      return 0;
  list[n] = NULL;
  *ret = list;
  return 1;
}

const struct kg_identity *
identity_copy (struct arena *a, const struct kg_identity *from)
{
  struct kg_identity in, *id = arena_alloc (a, sizeof *id);
  if (!id)
    return NULL;
  memset (&in, 0, sizeof in);
  memcpy (&in, from, from->size < sizeof in ? from->size : sizeof in);
  memset (id, 0, sizeof *id);
  id->size = sizeof *id;
  id->subject = copy_text (a, in.subject ? in.subject : "");
  id->tenant = copy_text (a, in.tenant ? in.tenant : "");
  id->key_id = copy_text (a, in.key_id ? in.key_id : "");
  id->tier = copy_text (a, in.tier);
  id->ended = in.ended; /* the plugin keeps it until LOG */
  if (!id->subject || !id->tenant || !id->key_id || (in.tier && !id->tier)
      || !copy_list (a, in.scopes, &id->scopes) || !copy_list (a, in.archetypes, &id->archetypes))
    return NULL;
  return id;
}

/* Whether the identity may be used where it lies. */
static int
identity_stays (const struct kg_identity *from)
{
  return from->size >= offsetof (struct kg_identity, flags) + sizeof from->flags
         && from->flags & KG_IDENTITY_STAYS;
}

int32_t
request_identify (kg_req *req, const struct kg_identity *from)
{
  const struct kg_identity *id = from;
  if (req->step != STEP_ACCESS)
    return -EPERM;
  if (identity_stays (from)) {
    if (!from->subject || !from->tenant || !from->key_id)
      return -EINVAL;
  } else if (from->size < IDENTITY_LEAST)
    return -EINVAL;
  else if (!(id = identity_copy (&req->arena, from)))
    return -ENOMEM;
  req->identity = id;
  return 0;
}

const struct kg_identity *
request_identity (const kg_req *req)
{
  return req->identity;
}

int
request_has_scope (const kg_req *req, const char *scope)
{
  const char *const *s = req->identity ? req->identity->scopes : NULL;
  for (; s && *s; s++)
    if (!strcmp (*s, scope))
      return 1;
  return 0;
}
