/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "plugins/auth/jwt_claims.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TIME_MAX 253402300799 /* the last second of the year 9999 */
#define NUMBER_MAX 40         /* characters of a number that the scanner lets pass */

/* A list of texts as it grows. */
struct list {
  const char *item[JWT_LIST + 1];
  uint32_t count;
};

/* ---- Values -------------------------------------------------------------- */

/* Whether a text can name a subject, a tenant and so on: not empty, not long, and
 * nothing that would spoil a log. */
static int32_t
text_good (kg_str s)
{
  size_t i;
  if (!s.ptr || !s.len || s.len >= JWT_TEXT)
    return 0;
  for (i = 0; i < s.len; i++)
    if ((unsigned char) s.ptr[i] < 0x20 || s.ptr[i] == 0x7f)
      return 0;
  return 1;
}

/* A claim that is such a text.  0; -EACCES when it is absent or none; -ENOMEM. */
static int32_t
claim_text (const struct jwt_reading *r, const char *name, const char **ret)
{
  uint32_t i = kg_json_find (r->json, 0, name);
  kg_str s;
  if (kg_json_kind (r->json, i) != KG_JSON_STRING || !i)
    return -EACCES;
  s = kg_json_str (r->host, r->req, r->json, i);
  if (!s.ptr)
    return -ENOMEM;
  if (!text_good (s))
    return -EACCES;
  *ret = s.ptr;
  return 0;
}

/* A NumericDate (RFC 7519, section 2), rounded down; -1 when it is none. */
static int64_t
claim_time (const struct jwt_reading *r, const char *name)
{
  uint32_t i = kg_json_find (r->json, 0, name);
  char text[NUMBER_MAX + 1];
  double d = -1;
  kg_str s;
  if (i && kg_json_kind (r->json, i) == KG_JSON_INT)
    d = (double) kg_json_int (r->json, i, -1);
  if (i && kg_json_kind (r->json, i) == KG_JSON_DOUBLE) {
    s = kg_json_raw (r->json, i);
    if (s.len > NUMBER_MAX)
      return -1;
    memcpy (text, s.ptr, s.len);
    text[s.len] = 0;
    d = strtod (text, NULL);
  }
  return d >= 0 && d <= TIME_MAX ? (int64_t) d : -1;
}

/* ---- Whom it is for, and when -------------------------------------------- */

/* `aud` is a text or a list of texts (RFC 7519, section 4.1.3). */
static int32_t
audience_good (const struct jwt_reading *r)
{
  const struct kg_json *j = r->json;
  uint32_t aud = kg_json_find (j, 0, "aud"), i;
  int32_t found = 0;
  if (!aud || kg_json_kind (j, aud) != KG_JSON_ARRAY)
    return aud && kg_json_is (j, aud, r->conf->audience);
  for (i = kg_json_first (j, aud); i; i = kg_json_next (j, aud, i)) {
    if (kg_json_kind (j, i) != KG_JSON_STRING)
      return 0;
    found |= kg_json_is (j, i, r->conf->audience);
  }
  return found;
}

static int32_t
check_times (const struct jwt_reading *r, struct jwt_claims *ret, enum jwt_reason *ret_reason)
{
  int64_t expires = claim_time (r, "exp"), from = claim_time (r, "nbf");
  *ret_reason = JWT_CLAIMS;
  if (expires < 0 || from < 0)
    return -EACCES;
  *ret_reason = JWT_EXPIRED;
  if (r->now_s >= expires + r->conf->leeway)
    return -EACCES;
  *ret_reason = JWT_EARLY;
  if (r->now_s < from - r->conf->leeway)
    return -EACCES;
  ret->expires_s = expires;
  return 0;
}

static int32_t
check_parties (const struct jwt_reading *r, enum jwt_reason *ret_reason)
{
  uint32_t iss = kg_json_find (r->json, 0, "iss");
  *ret_reason = JWT_ISSUER;
  if (!iss || !kg_json_is (r->json, iss, r->conf->issuer))
    return -EACCES;
  *ret_reason = JWT_AUDIENCE;
  return audience_good (r) ? 0 : -EACCES;
}

/* ---- Lists --------------------------------------------------------------- */

static int32_t
list_has (const char *const *list, kg_str s)
{
  for (; *list; list++)
    if (strlen (*list) == s.len && !memcmp (*list, s.ptr, s.len))
      return 1;
  return 0;
}

/* Adds a copy; -EACCES: too many or too long. */
static int32_t
list_add (const struct jwt_reading *r, struct list *list, kg_str s)
{
  char *copy;
  if (list->count == JWT_LIST || !text_good (s))
    return -EACCES;
  copy = r->host->alloc (r->req, s.len + 1);
  if (!copy)
    return -ENOMEM;
  memcpy (copy, s.ptr, s.len);
  copy[s.len] = 0;
  list->item[list->count++] = copy;
  return 0;
}

static int32_t
list_keep (const struct jwt_reading *r, struct list *list, const char *const **ret)
{
  const char **kept = r->host->alloc (r->req, (list->count + 1) * sizeof *kept);
  if (!kept)
    return -ENOMEM;
  list->item[list->count] = NULL;
  memcpy (kept, list->item, (list->count + 1) * sizeof *kept);
  *ret = kept;
  return 0;
}

/* A scope counts when it is in `scopes`.  One that begins with "invoke:" only
 * narrows what the others allow: to drop it would widen the token, so it stays. */
static int32_t
scope_add (const struct jwt_reading *r, struct list *list, kg_str s)
{
  if ((s.len >= 7 && !memcmp (s.ptr, "invoke:", 7)) || list_has (r->conf->scopes, s))
    return list_add (r, list, s);
  return 0;
}

/* "read write" (RFC 8693, section 4.2). */
static int32_t
scope_words (const struct jwt_reading *r, struct list *list, kg_str s)
{
  const char *p = s.ptr, *end = s.ptr + s.len;
  int32_t rc = 0;
  while (p < end && rc == 0) {
    const char *space = memchr (p, ' ', (size_t) (end - p));
    const char *stop = space ? space : end;
    rc = scope_add (r, list, (kg_str){ p, (size_t) (stop - p) });
    p = stop + 1;
  }
  return rc;
}

/* Calls `add` for each text of a list, or `words` with the claim if it is one text.
 * 1: the claim is absent; 0; -EACCES: it is neither; -ENOMEM. */
static int32_t
claim_list (const struct jwt_reading *r, const char *name, struct list *list,
            int32_t (*words) (const struct jwt_reading *, struct list *, kg_str),
            int32_t (*add) (const struct jwt_reading *, struct list *, kg_str))
{
  const struct kg_json *j = r->json;
  uint32_t claim = kg_json_find (j, 0, name), i;
  int32_t rc = 0;
  kg_str s;
  if (!claim)
    return 1;
  if (kg_json_kind (j, claim) == KG_JSON_STRING) {
    s = kg_json_str (r->host, r->req, j, claim);
    return s.ptr ? words (r, list, s) : -ENOMEM;
  }
  if (kg_json_kind (j, claim) != KG_JSON_ARRAY)
    return -EACCES;
  for (i = kg_json_first (j, claim); i && rc == 0; i = kg_json_next (j, claim, i)) {
    if (kg_json_kind (j, i) != KG_JSON_STRING)
      return -EACCES;
    s = kg_json_str (r->host, r->req, j, i);
    rc = s.ptr ? add (r, list, s) : -ENOMEM;
  }
  return rc;
}

static int32_t
read_scopes (const struct jwt_reading *r, struct jwt_claims *ret)
{
  struct list list = { .count = 0 };
  int32_t rc = claim_list (r, r->conf->scope_claim, &list, scope_words, scope_add);
  return rc < 0 ? rc : list_keep (r, &list, &ret->scopes);
}

static int32_t
archetype_add (const struct jwt_reading *r, struct list *list, kg_str s)
{
  if (list_has (r->conf->archetypes, s)
      || (list_has (r->conf->archetypes, (kg_str){ "*", 1 }) && text_good (s)))
    return list_add (r, list, s);
  return 0;
}

/* A token that names none of the configured ones gets the first, an empty list
 * meaning what the host's default is; "*" is a bound for what tokens name, no gift. */
static int32_t
read_archetypes (const struct jwt_reading *r, struct jwt_claims *ret)
{
  const char *first = r->conf->archetypes[0];
  struct list list = { .count = 0 };
  int32_t rc = claim_list (r, r->conf->archetypes_claim, &list, archetype_add, archetype_add);
  if (rc >= 0 && !list.count && first && strcmp (first, "*"))
    rc = list_add (r, &list, (kg_str){ first, strlen (first) });
  return rc < 0 ? rc : list_keep (r, &list, &ret->archetypes);
}

/* ---- All of it ----------------------------------------------------------- */

static int32_t
read_tenant (const struct jwt_reading *r, struct jwt_claims *ret)
{
  if (kg_json_find (r->json, 0, r->conf->tenant_claim))
    return claim_text (r, r->conf->tenant_claim, &ret->tenant);
  if (!r->conf->tenant || !r->conf->tenant[0])
    return -EACCES;
  ret->tenant = r->conf->tenant;
  return 0;
}

int32_t
jwt_claims_read (const struct jwt_reading *r, struct jwt_claims *ret, enum jwt_reason *ret_reason)
{
  int32_t rc = kg_json_kind (r->json, 0) == KG_JSON_OBJECT ? 0 : -EACCES;
  *ret_reason = JWT_CLAIMS;
  if (rc == 0)
    rc = check_parties (r, ret_reason);
  if (rc == 0)
    rc = check_times (r, ret, ret_reason);
  if (rc < 0)
    return rc;
  *ret_reason = JWT_CLAIMS;
  rc = claim_text (r, "sub", &ret->subject);
  if (rc == 0)
    rc = read_scopes (r, ret);
  if (rc == 0)
    rc = read_archetypes (r, ret);
  if (rc < 0)
    return rc;
  *ret_reason = JWT_TENANT;
  return read_tenant (r, ret);
}
