/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Would a request be let in, and why?  The checks are made in the order of a request,
 * all of them, and the first one against it is the verdict. */
#include "plugins/auth/explain.h"

#include "plugins/auth/auth.h"
#include "plugins/auth/standing.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define INVOKE "/v1/agentese/invoke"

struct explain {
  struct auth *auth;
  uint32_t key; /* its record, pinned */
  enum role role;
  kg_str path, method;
  int32_t is_agentese; /* 1: the path is one of AGENTESE */
  struct kg_route route; /* a copy; without pattern: there is none */
  struct kg_out checks;
  int32_t status; /* 200, or of the first check against it */
  char detail[256];
};

/* ---- Writing --------------------------------------------------------------- */

/* Begins a check, whose verdict is by `status`: 200, or what a request would get. */
__attribute__ ((format (printf, 4, 5))) static void
check (struct explain *e, const char *name, int32_t status, const char *fmt, ...)
{
  char text[sizeof e->detail];
  va_list args;
  va_start (args, fmt);
  vsnprintf (text, sizeof text, fmt, args);
  va_end (args);
  if (status != 200 && e->status == 200) {
    e->status = status;
    memcpy (e->detail, text, sizeof text);
  }
  kg_out_lit (&e->checks, e->checks.len ? ",{\"check\":" : "{\"check\":");
  kg_out_text (&e->checks, name);
  kg_out_lit (&e->checks, ",\"verdict\":");
  kg_out_text (&e->checks, status == 200 ? "allow" : "deny");
  kg_out_lit (&e->checks, ",\"detail\":");
  kg_out_text (&e->checks, text);
}

static void
check_end (struct explain *e)
{
  kg_out_lit (&e->checks, "}");
}

/* ---- The route ------------------------------------------------------------- */

struct search {
  kg_str path, method;
  const struct kg_route *best;
  uint64_t score;   /* of the best: literal segments, the first ones weigh most */
  int32_t has_path; /* 1: by another method */
};

/* The next segment of a path, behind its slash; 0 at the end. */
static int32_t
segment_next (kg_str *path, kg_str *ret)
{
  const char *slash;
  if (!path->len)
    return 0;
  path->ptr++;
  path->len--;
  slash = memchr (path->ptr, '/', path->len);
  *ret = (kg_str){ path->ptr, slash ? (size_t) (slash - path->ptr) : path->len };
  path->ptr += ret->len;
  path->len -= ret->len;
  return 1;
}

/* 0, or how well a pattern fits: a literal segment is better than a {name}. */
static uint64_t
pattern_fits (const char *pattern, kg_str path)
{
  kg_str p = { pattern, strlen (pattern) }, want, have;
  uint64_t score = 1;
  for (;;) {
    int32_t more = segment_next (&p, &want), other = segment_next (&path, &have);
    if (!more || !other)
      return more == other ? score : 0;
    score *= 2;
    if (want.len && *want.ptr == '{') {
      if (!have.len)
        return 0;
    } else if (want.len != have.len || memcmp (want.ptr, have.ptr, want.len))
      return 0;
    else
      score++;
  }
}

static int32_t
method_fits (const char *method, kg_str asked)
{
  if (asked.len == 4 && !memcmp (asked.ptr, "HEAD", 4) && !strcmp (method, "GET"))
    return 1;
  return asked.len == strlen (method) && !memcmp (asked.ptr, method, asked.len);
}

static int32_t
route_look (const char *plugin, const struct kg_route *route, void *arg)
{
  struct search *s = arg;
  uint64_t score = pattern_fits (route->pattern, s->path);
  (void) plugin;
  if (!score)
    return 0;
  if (!method_fits (route->method, s->method))
    s->has_path = 1;
  else if (score > s->score) {
    s->score = score;
    s->best = route;
  }
  return 0;
}

static void
explain_route (struct explain *e)
{
  struct search s = { .path = e->path, .method = e->method };
  const char *query = memchr (e->path.ptr, '?', e->path.len);
  if (query)
    s.path.len = (size_t) (query - e->path.ptr);
  if (e->is_agentese)
    s.path = (kg_str){ INVOKE, sizeof INVOKE - 1 };
  if (e->auth->routes)
    e->auth->routes->routes (e->auth->self, route_look, &s);
  if (s.best) {
    memcpy (&e->route, s.best,
            s.best->size < sizeof e->route ? s.best->size : sizeof e->route);
    check (e, "route", 200, "%s %s%s%s", s.best->method, s.best->pattern,
           s.best->flags & KG_ADMIN ? ", on the admin listener" : "",
           s.best->flags & KG_PUBLIC ? ", which is public" : "");
  } else
    check (e, "route", s.has_path ? 405 : 404, "%s",
           s.has_path ? "Method Not Allowed" : "Not Found");
  check_end (e);
}

/* ---- The key --------------------------------------------------------------- */

static const struct profile *
profile_of (const struct explain *e)
{
  return key_profile (&e->auth->index, key_at (&e->auth->index, e->key));
}

static void
explain_who (struct explain *e)
{
  enum verdict verdict = index_verdict (&e->auth->index, e->key, auth_wall_ns (), &e->role);
  const struct tenant *tenant = profile_of (e)->tenant;
  const char *status = tenant_status_name ((enum tenant_status) atomic_load (&tenant->status));
  int32_t of_tenant = verdict >= VERDICT_SUSPENDED;
  if (verdict == VERDICT_OK || of_tenant)
    check (e, "key", 200, "it works");
  else
    check (e, "key", 401, "%s", verdict_text (verdict));
  check_end (e);
  if (profile_of (e)->ncidrs) {
    check (e, "nets", 200, "works from the %u nets of its list only; ask a client's address of it",
           profile_of (e)->ncidrs);
    check_end (e);
  }
  check (e, "tenant", of_tenant ? 403 : 200, "%s",
         of_tenant ? verdict_text (verdict) : status ? status : "has no record");
  check_end (e);
}

/* ---- Scopes ---------------------------------------------------------------- */

static int32_t
scope_has (const struct explain *e, const char *scope)
{
  const char *const *s = profile_of (e)->scopes[e->role];
  for (; s && *s; s++)
    if (!strcmp (*s, scope))
      return 1;
  return 0;
}

static void
explain_scope (struct explain *e)
{
  const char *scope = e->route.scope;
  if (!scope)
    check (e, "scope", 200, "none is needed");
  else if (scope_has (e, scope))
    check (e, "scope", 200, "%s", scope);
  else
    check (e, "scope", 403, "API key requires '%s' scope", scope);
  check_end (e);
}

/* "world.house" of "world.house.manifest[...]". */
static kg_str
base_of (kg_str path)
{
  size_t n = 0;
  while (n < path.len && !strchr ("[@ ", path.ptr[n]))
    n++;
  for (path.len = n; n && path.ptr[n - 1] != '.';)
    n--;
  return (kg_str){ path.ptr, n ? n - 1 : path.len };
}

static int32_t
pattern_covers (const char *pattern, kg_str base)
{
  size_t n = strlen (pattern);
  if (!strcmp (pattern, "*"))
    return 1;
  if (n > 1 && !strcmp (pattern + n - 2, ".*"))
    return base.len >= n && !memcmp (base.ptr, pattern, n - 1);
  return base.len == n && !memcmp (base.ptr, pattern, n);
}

/* A key with "invoke:" scopes may invoke what one of them covers, a key without all. */
static void
explain_invoke (struct explain *e)
{
  const char *const *s = profile_of (e)->scopes[e->role];
  kg_str base = base_of (e->path);
  uint32_t patterns = 0, covers = 0;
  for (; s && *s; s++)
    if (!strncmp (*s, "invoke:", 7)) {
      patterns++;
      covers += (uint32_t) pattern_covers (*s + 7, base);
    }
  if (patterns && !covers)
    check (e, "invoke", 403, "API key requires 'invoke:%.*s' scope", (int) base.len, base.ptr);
  else
    check (e, "invoke", 200, "%s%s", patterns ? "a scope covers it" : "no scope narrows it",
           scope_has (e, "write") ? "" : "; aspects with effects need the scope write");
  check_end (e);
}

/* ---- Limits ---------------------------------------------------------------- */

int32_t
quota_peek_key (struct auth *auth, uint32_t number, struct quota *ret)
{
  const struct key *key = key_at (&auth->index, number);
  const struct profile *p = key_profile (&auth->index, key);
  int32_t unknown = atomic_load (&p->tenant->status) == TENANT_UNKNOWN;
  return quota_peek (auth, ret, p->limits[unknown], p->tenant, key->id);
}

static void
explain_policy (struct explain *e, const struct quota *q, enum limit_of of,
                const struct standing *st, enum limit_policy p, int32_t full)
{
  char detail[160] = "";
  const char *scope = e->route.scope ? e->route.scope : "";
  int32_t shadowed = full && e->auth->shadow & LIMIT_BIT (p);
  int32_t spared = full && quota_spares (scope, strlen (scope)) & LIMIT_BIT (p);
  if (full)
    quota_detail (q, of, p, detail, sizeof detail);
  else if (!limit_of (q->subject[of].limits, p))
    strcpy (detail, "not limited");
  else
    snprintf (detail, sizeof detail, "%lld of %lld used",
              (long long) limit_used (q->subject[of].limits, st, p),
              (long long) subject_limit (&q->subject[of], p, q->at.month));
  check (e, plan_name (of, p), full && !shadowed && !spared ? 429 : 200, "%s%s", detail,
         shadowed ? " In shadow: only counted."
                  : spared ? " But for routes where a tenant buys more." : "");
  kg_out_lit (&e->checks, ",");
  standing_show (&e->checks, q, of, st, p);
  check_end (e);
}

static int32_t
explain_limits (struct explain *e)
{
  uint32_t ask = quota_asks (e->route.flags);
  struct policies full;
  struct quota q;
  int32_t rc = quota_peek_key (e->auth, e->key, &q);
  if (rc < 0)
    return rc;
  full = quota_full (e->auth, &q, ask);
  for (enum limit_of of = LIMIT_KEY; of < LIMIT_SUBJECTS; of++) {
    struct standing st;
    limit_look (&q.subject[of], &q.at, &st);
    for (enum limit_policy p = 0; p < LIMIT_POLICIES; p++)
      if (standing_has (&q, of, p))
        explain_policy (e, &q, of, &st, p, full.of[of] >> p & 1);
  }
  return 0;
}

/* ---- All together ----------------------------------------------------------- */

static int32_t
explain_all (struct explain *e)
{
  explain_route (e);
  if (e->route.flags & KG_PUBLIC)
    return 0;
  explain_who (e);
  if (!e->route.pattern)
    return 0;
  explain_scope (e);
  if (e->is_agentese)
    explain_invoke (e);
  return explain_limits (e);
}

static int32_t
explain_write (const struct explain *e, struct kg_out *out)
{
  kg_out_lit (out, "{\"verdict\":");
  kg_out_text (out, e->status == 200 ? "allow" : "deny");
  kg_out_lit (out, ",\"status\":");
  kg_out_int (out, e->status);
  kg_out_lit (out, ",\"detail\":");
  kg_out_text (out, e->detail);
  kg_out_lit (out, ",\"checks\":[");
  kg_out_raw (out, e->checks.ptr, e->checks.len);
  kg_out_lit (out, "]}");
  return kg_out_ok (out) && kg_out_ok (&e->checks) ? 0 : -EMSGSIZE;
}

int32_t
explain_key (struct auth *auth, kg_str id, kg_str path, kg_str method, struct kg_out *out)
{
  char text[EXPLAIN_MAX - 512];
  struct explain e = { .auth = auth, .path = path, .method = method, .status = 200 };
  uint8_t bytes[16];
  int32_t rc;
  if (text_uuid_read (id.ptr, id.len, bytes) < 0)
    return -EINVAL;
  e.key = index_by_id (&auth->index, bytes);
  if (!e.key)
    return -ENOENT;
  e.is_agentese = !path.len || *path.ptr != '/';
  e.checks = (struct kg_out){ text, 0, sizeof text };
  if (!method.ptr)
    e.method = e.is_agentese ? (kg_str){ "POST", 4 } : (kg_str){ "GET", 3 };
  rc = explain_all (&e);
  index_unpin (&auth->index, e.key);
  return rc == 0 ? explain_write (&e, out) : rc;
}
