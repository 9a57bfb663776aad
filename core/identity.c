/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A request's identity: copied from whoever found it out, or his own as long as the
 * request lasts. */
#include "core/request.h"

#include <errno.h>
#include <string.h>

static const char *
copy_text (struct kg_req *req, const char *s)
{
  return s ? arena_copy (&req->arena, s, strlen (s)) : NULL;
}

/* A NULL list stays NULL. */
static int
copy_list (struct kg_req *req, const char *const *from, const char *const **ret)
{
  const char **list;
  size_t n = 0;
  *ret = NULL;
  if (!from)
    return 1;
  while (from[n])
    n++;
  list = arena_alloc (&req->arena, (n + 1) * sizeof *list);
  if (!list)
    return 0;
  for (size_t i = 0; i < n; i++)
    if (!(list[i] = copy_text (req, from[i])))
      return 0;
  list[n] = NULL;
  *ret = list;
  return 1;
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
  struct kg_identity in, *id;
  if (req->step != STEP_ACCESS)
    return -EPERM;
  if (identity_stays (from)) {
    if (!from->subject || !from->tenant || !from->key_id)
      return -EINVAL;
    req->identity = from;
    return 0;
  }
  if (from->size < offsetof (struct kg_identity, tier))
    return -EINVAL;
  memset (&in, 0, sizeof in);
  memcpy (&in, from, from->size < sizeof in ? from->size : sizeof in);
  id = arena_alloc (&req->arena, sizeof *id);
  if (!id)
    return -ENOMEM;
  memset (id, 0, sizeof *id);
  id->size = sizeof *id;
  id->subject = copy_text (req, in.subject ? in.subject : "");
  id->tenant = copy_text (req, in.tenant ? in.tenant : "");
  id->key_id = copy_text (req, in.key_id ? in.key_id : "");
  id->tier = copy_text (req, in.tier);
  id->ended = in.ended; /* the plugin keeps it until LOG */
  if (!id->subject || !id->tenant || !id->key_id || (in.tier && !id->tier)
      || !copy_list (req, in.scopes, &id->scopes)
      || !copy_list (req, in.archetypes, &id->archetypes))
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
