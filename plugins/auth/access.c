/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* ACCESS: who is it?
 *
 * On a public route a good credential identifies and a bad one is ignored; its
 * failures count, so that such a route is no place to guess at. */
#include "plugins/auth/auth.h"
#include "plugins/auth/credential.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <string.h>
#include <time.h>

#define CREDENTIAL_MAX 256 /* bytes that are hashed; no key is longer */

int64_t
auth_mono_ns (void)
{
  struct timespec t;
  clock_gettime (CLOCK_MONOTONIC, &t);
  return (int64_t) t.tv_sec * TEXT_SECOND + t.tv_nsec;
}

int32_t
auth_deny (const struct auth *auth, kg_req *req, enum auth_reason reason, int32_t status,
           int64_t retry_s, const char *detail)
{
  static const char quota[] = "https://iana.org/assignments/http-problem-types#quota-exceeded";
  char text[24];
  struct kg_out out = { text, 0, sizeof text - 1 };
  auth->metrics->add (auth->denied, reason, 1);
  if (status == 401)
    auth->host->header (req, "WWW-Authenticate", "ApiKey realm=\"kgent\"");
  if (retry_s) {
    kg_out_int (&out, retry_s);
    text[out.len] = 0;
    auth->host->header (req, "Retry-After", text);
  }
  return auth->host->problem (req, status, status == 429 ? quota : NULL, "%s", detail);
}

/* A wrong credential: counted against the address. */
static int32_t
access_fail (struct auth *auth, kg_req *req, int64_t now_s, enum auth_reason reason)
{
  kg_str client = auth->host->get (req, KG_GET_CLIENT, NULL);
  if (guess_fail (auth->guess, client.ptr, client.len, now_s) == GUESS_MAX)
    auth->host->log (auth->self, KG_LOG_WARN,
                     "%.*s has failed to authenticate %d times within a minute; it has to wait",
                     (int) client.len, client.ptr, GUESS_MAX);
  if (auth->host->num (req, KG_NUM_ROUTE_FLAGS) & KG_PUBLIC)
    return KG_NEXT;
  return auth_deny (auth, req, reason, 401, 0,
                    reason == AUTH_FORMAT ? "Invalid API key format. Keys must start with 'kg_'"
                                          : "Invalid API key. Please check your credentials.");
}

/* The key that works with this credential now; NULL: none.  -ENOMEM in *ret_error. */
static const struct key *
key_find (const struct auth *auth, const kg_req *req, kg_str credential, int32_t *ret_error)
{
  size_t len = credential.len < CREDENTIAL_MAX ? credential.len : CREDENTIAL_MAX;
  uint8_t hash[KEY_HASH];
  const struct key *key;
  *ret_error = digest_key (auth, credential.ptr, len, hash);
  if (*ret_error < 0)
    return NULL;
  key = index_find (&auth->index, hash);
  if (!key || !key->active || len != credential.len)
    return NULL;
  return !key->expires_ns || key->expires_ns > auth->host->num (req, KG_NUM_TIME) ? key : NULL;
}

/* Identifies, and keeps what LIMIT needs. */
static int32_t
access_grant (struct auth *auth, kg_req *req, const struct key *key, int64_t mono_ns)
{
  struct pass *pass = auth->host->alloc (req, sizeof *pass);
  int32_t rc = pass ? auth->host->identify (req, &key->identity) : -ENOMEM;
  if (rc < 0)
    return rc;
  pass->cell = key->cell;
  pass->plan = key->plan;
  pass->at = limit_moment (mono_ns, auth->host->num (req, KG_NUM_TIME));
  pass->tokens = 0;
  pass->taken = pass->shown = 0;
  memcpy (pass->prefix, key->prefix, sizeof pass->prefix);
  *auth->host->slot (req, auth->self) = pass;
  return KG_NEXT;
}

/* There is one credential: is it good? */
static int32_t
access_check (struct auth *auth, kg_req *req, kg_str credential)
{
  kg_str client = auth->host->get (req, KG_GET_CLIENT, NULL);
  int64_t mono_ns = auth_mono_ns (), wait;
  const struct key *key;
  int32_t error;
  wait = guess_wait (auth->guess, client.ptr, client.len, mono_ns / TEXT_SECOND);
  if (wait && auth->host->num (req, KG_NUM_ROUTE_FLAGS) & KG_PUBLIC)
    return KG_NEXT;
  if (wait)
    return auth_deny (auth, req, AUTH_GUESSING, 429, wait,
                      "Too many failed authentication attempts. Try again later.");
  if (credential.len < 3 || memcmp (credential.ptr, "kg_", 3))
    return access_fail (auth, req, mono_ns / TEXT_SECOND, AUTH_FORMAT);
  key = key_find (auth, req, credential, &error);
  if (error < 0)
    return error;
  if (!key)
    return access_fail (auth, req, mono_ns / TEXT_SECOND, AUTH_INVALID);
  return access_grant (auth, req, key, mono_ns);
}

int32_t
access_hook (kg_req *req, void *data)
{
  struct auth *auth = data;
  const struct kg_host *host = auth->host;
  kg_str credential = { NULL, 0 };
  int32_t found;
  if (host->num (req, KG_NUM_LOCAL) == 1 || host->identity (req))
    return KG_NEXT;
  if (credential_in_query (host->get (req, KG_GET_QUERY, NULL)))
    return auth_deny (auth, req, AUTH_QUERY, 400, 0,
                      "API keys are not accepted in the query string. Use the X-API-Key header.");
  found = credential_get (host, req, &credential);
  if (found == CREDENTIAL_FOUND)
    return access_check (auth, req, credential);
  if (host->num (req, KG_NUM_ROUTE_FLAGS) & KG_PUBLIC)
    return KG_NEXT;
  if (found == CREDENTIAL_NONE)
    return auth_deny (auth, req, AUTH_MISSING, 401, 0, "API key required");
  return auth_deny (auth, req, AUTH_CONFLICT, 400, 0,
                    "Two different credentials in one request. Send one of them.");
}
