/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* ACCESS: who is it?
 *
 * On a public route a good credential identifies and a bad one is ignored; its
 * failures count, so that such a route is no place to guess at.
 *
 * Whatever is wrong with a credential, the same work is done: it is hashed (one block
 * of SHA-256, whatever its length), looked up, compared, and judged; where there is no
 * key, record 0 is, which never works. */
#include "plugins/auth/access.h"
#include "plugins/auth/credential.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define INVALID "Invalid API key. Please check your credentials."
#define FORMAT  "Invalid API key format. Keys must start with 'kg_'"
#define WAIT    "Too many failed authentication attempts. Try again later."

int64_t
auth_mono_ns (void)
{
  struct timespec t;
  clock_gettime (CLOCK_MONOTONIC, &t);
  return (int64_t) t.tv_sec * TEXT_SECOND + t.tv_nsec;
}

/* ---- Refusals ------------------------------------------------------------ */

int32_t
auth_deny (const struct auth *auth, kg_req *req, enum auth_reason reason, int32_t status,
           int64_t retry_s, const char *detail)
{
  static const char quota[] = "https://iana.org/assignments/http-problem-types#quota-exceeded";
  char text[24];
  struct kg_out out = { text, 0, sizeof text - 1 };
  auth->metrics->add (auth->denied, reason, 1);
  if (status == 401)
    auth->host->header (req, "WWW-Authenticate",
                        reason == AUTH_TOKEN ? JWT_CHALLENGE : "ApiKey realm=\"kgent\"");
  if (retry_s) {
    kg_out_int (&out, retry_s);
    text[out.len] = 0;
    auth->host->header (req, "Retry-After", text);
  }
  return auth->host->problem (req, status, status == 429 ? quota : NULL, "%s", detail);
}

/* Asked for only where it counts: the host has to make it first. */
static kg_str
visit_client (const struct visit *v)
{
  return v->auth->host->get (v->req, KG_GET_CLIENT, NULL);
}

static int32_t
visit_deny (const struct visit *v, enum auth_reason reason, int32_t status, int64_t retry_s,
            const char *detail)
{
  return v->is_public ? KG_NEXT : auth_deny (v->auth, v->req, reason, status, retry_s, detail);
}

/* Without a branch: a guesser must not see by the time which way it went. */
static int32_t
begins_kg (kg_str s)
{
  int differs = (s.ptr[0] ^ 'k') | (s.ptr[s.len > 1] ^ 'g') | (s.ptr[2 * (s.len > 2)] ^ '_');
  return (s.len > 2) & !differs;
}

/* At most one line per address and minute, and so many of all addresses.  Of the
 * credential no more is told than anybody may see of a key. */
static void
fail_log (const struct visit *v, kg_str client, const char *why, uint32_t before)
{
  static const char *const comma[] = { "", ", " };
  struct auth *auth = v->auth;
  size_t shown = v->credential.len < KEY_PREFIX ? v->credential.len : KEY_PREFIX;
  if (!guess_log_take (&auth->guess_log, v->mono_ns / TEXT_SECOND))
    return;
  shown *= (size_t) begins_kg (v->credential);
  auth->host->log (auth->self, KG_LOG_WARN,
                   "%.*s has failed to authenticate: %s%s%.*s; failures in the minute before: %u",
                   (int) client.len, client.ptr, why, comma[shown > 0], (int) shown,
                   v->credential.ptr, before);
}

/* A wrong credential: counts against the address and the prefix.  When the prefix is
 * being guessed at, whoever guesses waits. */
static int32_t
access_fail (const struct visit *v, enum auth_reason reason, const char *why, const char *detail)
{
  struct auth *auth = v->auth;
  int64_t now_s = v->mono_ns / TEXT_SECOND, wait;
  uint32_t before;
  kg_str client = visit_client (v);
  uint64_t who = guess_address (auth->guess, client.ptr, client.len);
  if (guess_fail (auth->guess, who, now_s, &before) == 1)
    fail_log (v, client, why, before);
  /* What is no key has no prefix to guess at; it is counted to take as long. */
  who = guess_bytes (auth->guess_prefix, v->credential.ptr,
                     v->credential.len < KEY_PREFIX ? v->credential.len : KEY_PREFIX);
  wait = guess_wait (auth->guess_prefix, who, now_s) * begins_kg (v->credential);
  guess_fail (auth->guess_prefix, who, now_s, NULL);
  if (wait)
    return visit_deny (v, AUTH_GUESSING, 429, wait, WAIT);
  return visit_deny (v, reason, 401, 0, detail);
}

/* ---- Who it is ----------------------------------------------------------- */

/* Fills what LIMIT and the host need, all but the key's own. */
static void
pass_tenant (struct pass *pass, struct auth *auth, struct tenant *tenant, const char *tier)
{
  const char *inherited = atomic_load_explicit (&tenant->tier, memory_order_relaxed);
  pass->tenant = tenant;
  pass->anchor_day = atomic_load_explicit (&tenant->anchor_day, memory_order_relaxed);
  pass->identity.size = sizeof pass->identity;
  pass->identity.flags = KG_IDENTITY_STAYS;
  pass->identity.tenant = tenant->text;
  pass->identity.tier = tier ? tier : *inherited ? inherited : auth->tenants.tiers.items->name;
  pass->identity.key_id = pass->key_id;
}

static int32_t
has_record (const struct tenant *tenant)
{
  return atomic_load_explicit (&tenant->status, memory_order_relaxed) != TENANT_UNKNOWN;
}

/* The host copies nothing: the key is pinned, and its profile and user with it. */
static void
pass_key (struct pass *pass, struct auth *auth, const struct found *found)
{
  struct key *key = key_at (&auth->index, found->number);
  const struct profile *profile = key_profile (&auth->index, key);
  pass_tenant (pass, auth, profile->tenant, profile->tier);
  pass->own = profile->limits[!has_record (profile->tenant)];
  pass->key = found->number;
  pass->identity.subject = key_user (&auth->index, key)->text;
  pass->identity.scopes = profile->scopes[found->role];
  pass->identity.archetypes = profile->archetypes;
  pass->identity.ended = (const int32_t *) &key->ended;
  memcpy (pass->key_id, found->id, sizeof pass->key_id);
  if (atomic_load_explicit (&key->ended, memory_order_relaxed) & ENDED_PAUSED)
    atomic_fetch_and (&key->ended, ~ENDED_PAUSED); /* it works again */
}

static struct pass *
pass_new (const struct visit *v, struct worker *w)
{
  struct pass *pass = pass_make (v->auth, v->req);
  if (pass)
    pass->worker = w;
  return pass;
}

/* RFC 9745 and RFC 8594: it was rotated away, and until when it works. */
static void
show_sunset (const struct visit *v, const struct key *key)
{
  char date[24] = "@", sunset[TEXT_HTTP];
  struct kg_out out = { date, 1, sizeof date - 1 };
  if (key->deprecated_s) {
    kg_out_int (&out, key->deprecated_s);
    date[out.len] = 0;
    v->auth->host->header (v->req, "Deprecation", date);
  }
  if (key->sunset_s) {
    text_http (key->sunset_s, sunset);
    v->auth->host->header (v->req, "Sunset", sunset);
  }
}

int32_t
access_grant_key (const struct visit *v, struct worker *w, const struct found *found)
{
  struct auth *auth = v->auth;
  struct key *key = key_at (&auth->index, found->number);
  struct pass *pass = pass_new (v, w);
  if (!pass) {
    index_unpin (&auth->index, found->number);
    return -ENOMEM;
  }
  pass_key (pass, auth, found);
  memcpy (pass->prefix, v->credential.ptr,
          v->credential.len < KEY_PREFIX ? v->credential.len : KEY_PREFIX);
  if (quota_enter (auth, v->req, pass, v->mono_ns, key->id, &key->cell) < 0)
    return -ENOMEM;
  if (key->deprecated_s | key->sunset_s)
    show_sunset (v, key);
  return auth->host->identify (v->req, &pass->identity);
}

/* ---- Keys ---------------------------------------------------------------- */

/* The long way: by SHA-256. */
static int32_t
key_search (const struct visit *v, struct worker *w, const struct recall_tag *tag,
            struct found *ret)
{
  struct auth *auth = v->auth;
  kg_str s = v->credential;
  size_t len = s.len < RECALL_TEXT ? s.len : RECALL_TEXT;
  uint8_t hash[KEY_HASH];
  int32_t rc = digest_key (auth, w, s.ptr, len, hash);
  if (rc < 0)
    return rc;
  ret->number = index_find (&auth->index, hash) * (uint32_t) ((len == s.len) & begins_kg (s));
  text_uuid_show (key_at (&auth->index, ret->number)->id, ret->id);
  if (ret->number)
    recall_keep (w->recall, &auth->index, tag, ret->number, ret->id);
  return 0;
}

/* [inside] Finds the key with this credential; 0 or -ENOMEM. */
static int32_t
key_find (const struct visit *v, struct worker *w, struct found *ret)
{
  kg_str s = v->credential;
  size_t len = s.len < RECALL_TEXT ? s.len : RECALL_TEXT;
  struct recall_tag tag = recall_tag (v->auth->recall_key, s.ptr, len);
  const struct recall_entry *e = recall_find (w->recall, &v->auth->index, &tag);
  if (!e || len != s.len)
    return key_search (v, w, &tag, ret);
  ret->number = e->number;
  memcpy (ret->id, e->id, sizeof e->id);
  ret->id[sizeof e->id] = 0;
  return 0;
}

/* Whether the key may be used from the client's address. */
static int32_t
address_ok (const struct visit *v, const struct profile *profile)
{
  uint8_t address[16];
  kg_str client;
  uint32_t i;
  if (!profile->ncidrs)
    return 1;
  client = visit_client (v);
  if (address_parse (client.ptr, client.len, address) < 0)
    return 0;
  for (i = 0; i < profile->ncidrs; i++)
    if (cidr_has (&profile->cidrs[i], address))
      return 1;
  return 0;
}

/* [inside] Whether the key works now. */
static enum verdict
key_judge (const struct visit *v, struct found *found)
{
  struct auth *auth = v->auth;
  enum verdict verdict = index_verdict (&auth->index, found->number,
                                        auth->host->num (v->req, KG_NUM_TIME), &found->role);
  if ((verdict == VERDICT_OK || verdict >= VERDICT_SUSPENDED)
      && !address_ok (v, key_profile (&auth->index, key_at (&auth->index, found->number))))
    return VERDICT_ADDRESS;
  return verdict;
}

/* Finds the key and pins it when it works; an enum verdict, or -ENOMEM. */
static int32_t
key_admit (const struct visit *v, struct worker *w, struct found *ret)
{
  struct auth *auth = v->auth;
  int32_t verdict;
  epoch_enter (&auth->epochs, w->number);
  verdict = key_find (v, w, ret);
  if (verdict == 0)
    verdict = (int32_t) key_judge (v, ret);
  if (verdict == VERDICT_OK)
    index_pin (&auth->index, ret->number);
  epoch_leave (&auth->epochs, w->number);
  return verdict;
}

static int32_t
access_key (const struct visit *v)
{
  static const enum auth_reason reason[] = { AUTH_FORMAT, AUTH_INVALID };
  static const char *const detail[] = { FORMAT, INVALID };
  const char *why[] = { "this is no API key", NULL };
  struct worker *w = worker_of (v->auth, v->req);
  struct found found;
  int32_t verdict = w ? key_admit (v, w, &found) : -ENOMEM, is_key;
  if (verdict < 0)
    return verdict;
  if (verdict == VERDICT_OK)
    return access_grant_key (v, w, &found);
  if (verdict >= VERDICT_SUSPENDED)
    return visit_deny (v, AUTH_TENANT_REFUSED, 403, 0, verdict_text ((enum verdict) verdict));
  why[1] = verdict_text ((enum verdict) verdict);
  is_key = begins_kg (v->credential);
  return access_fail (v, reason[is_key], why[is_key], detail[is_key]);
}

/* ---- Tokens -------------------------------------------------------------- */

/* [inside] The tenant that a token names, by id or slug: one that has a record, or where
 * keys go that name none; else NULL. */
static struct tenant *
token_tenant (struct auth *auth, const char *name)
{
  kg_str s = { name, strlen (name) };
  struct tenant *tenant;
  uint8_t id[16];
  if (text_uuid_read (s.ptr, s.len, id) < 0)
    return tenant_by_slug (&auth->tenants, s);
  tenant = tenant_find (&auth->tenants, id);
  return tenant && (has_record (tenant) || !strcmp (tenant->text, AUTH_TENANT)) ? tenant : NULL;
}

static int32_t
grant_token (const struct visit *v, struct worker *w, const struct jwt_claims *claims,
             struct tenant *tenant)
{
  struct auth *auth = v->auth;
  struct pass *pass = pass_new (v, w);
  if (!pass)
    return -ENOMEM;
  pass_tenant (pass, auth, tenant, NULL);
  pass->own = auth->jwt_limits[!has_record (tenant)];
  pass->identity.subject = claims->subject;
  pass->identity.scopes = claims->scopes;
  pass->identity.archetypes = claims->archetypes;
  pass->identity.ended = (const int32_t *) &tenant->ended;
  text_uuid_show (claims->id, pass->key_id);
  if (quota_enter (auth, v->req, pass, v->mono_ns, claims->id, NULL) < 0)
    return -ENOMEM;
  return auth->host->identify (v->req, &pass->identity);
}

int32_t
access_grant_token (const struct visit *v, struct worker *w, const struct jwt_claims *claims)
{
  struct auth *auth = v->auth;
  struct tenant *tenant;
  enum verdict verdict;
  epoch_enter (&auth->epochs, w->number);
  tenant = token_tenant (auth, claims->tenant);
  epoch_leave (&auth->epochs, w->number); /* tenants are for ever */
  if (!tenant)
    return visit_deny (v, AUTH_TENANT_REFUSED, 403, 0, "Tenant is unknown");
  verdict = tenant_verdict (tenant);
  if (verdict != VERDICT_OK)
    return visit_deny (v, AUTH_TENANT_REFUSED, 403, 0, verdict_text (verdict));
  return grant_token (v, w, claims, tenant);
}

static int32_t
access_token (const struct visit *v)
{
  struct auth *auth = v->auth;
  int64_t now_s = auth->host->num (v->req, KG_NUM_TIME) / TEXT_SECOND;
  struct worker *w = worker_of (auth, v->req);
  struct jwt_claims claims;
  int32_t rc = w ? jwt_check (auth->jwt, v->req, v->credential, now_s, &claims) : -ENOMEM;
  if (rc == -EACCES)
    return access_fail (v, AUTH_TOKEN, "a token is not accepted", JWT_DETAIL);
  if (rc == -EKEYREJECTED) /* an honest client's: no guess */
    return visit_deny (v, AUTH_TOKEN, 401, 0, JWT_DETAIL);
  if (rc < 0)
    return v->is_public ? KG_NEXT : rc;
  return access_grant_token (v, w, &claims);
}

/* ---- The hook ------------------------------------------------------------ */

/* Seconds that the client must wait, as it has failed too often. */
static int64_t
visit_wait (const struct visit *v)
{
  struct guess *guess = v->auth->guess;
  int64_t now_s = v->mono_ns / TEXT_SECOND;
  kg_str client;
  if (!guess_any (guess, now_s))
    return 0;
  client = visit_client (v);
  return guess_wait (guess, guess_address (guess, client.ptr, client.len), now_s);
}

/* There is one credential: is it good? */
static int32_t
access_check (struct visit *v)
{
  struct auth *auth = v->auth;
  int64_t wait;
  v->mono_ns = auth_mono_ns ();
  wait = visit_wait (v);
  if (wait)
    return visit_deny (v, AUTH_GUESSING, 429, wait, WAIT);
  return auth->jwt && jwt_looks (v->credential) ? access_token (v) : access_key (v);
}

int32_t
access_hook (kg_req *req, void *data)
{
  struct visit v = { .auth = data, .req = req };
  const struct kg_host *host = v.auth->host;
  int32_t found;
  if (host->num (req, KG_NUM_LOCAL) == 1)
    return KG_NEXT;
  if (host->identity (req))
    return host->num (req, KG_NUM_INNER) == 1 ? access_inner (v.auth, req) : KG_NEXT;
  if (credential_in_query (host->get (req, KG_GET_QUERY, NULL)))
    return auth_deny (v.auth, req, AUTH_QUERY, 400, 0,
                      "API keys are not accepted in the query string. Use the X-API-Key header.");
  v.is_public = (host->num (req, KG_NUM_ROUTE_FLAGS) & KG_PUBLIC) != 0;
  found = credential_get (host, req, &v.credential);
  if (found == CREDENTIAL_FOUND)
    return access_check (&v);
  if (found == CREDENTIAL_NONE)
    return visit_deny (&v, AUTH_MISSING, 401, 0, "API key required");
  return visit_deny (&v, AUTH_CONFLICT, 400, 0,
                     "Two different credentials in one request. Send one of them.");
}
