/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Requests from inside (kg.calls/1): whoever asks was here before, maybe days ago.
 *
 * The identity says which key it was; what that key may do is as of now.  So one that
 * was revoked since does nothing more, and a request is counted and charged as any
 * other of its key.  Keys are found by id under a lock that a worker does not take. */
#include "plugins/auth/access.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define GONE "The key of this request doesn't work any more."

/* A search, in memory of its own: the request may end before. */
struct search {
  struct auth *auth;
  kg_ticket *ticket;
  uint8_t id[16];
  uint32_t number; /* pinned; 0: there is none */
  int32_t error;
};

static int32_t
deny (const struct visit *v, enum verdict verdict)
{
  if (verdict >= VERDICT_SUSPENDED)
    return auth_deny (v->auth, v->req, AUTH_TENANT_REFUSED, 403, 0, verdict_text (verdict));
  return auth_deny (v->auth, v->req, AUTH_INVALID, 401, 0, GONE);
}

static int32_t
inner_key (const struct visit *v, struct worker *w, const struct kg_identity *who, uint32_t number)
{
  struct index *index = &v->auth->index;
  const struct key *key = key_at (index, number);
  struct found found = { .number = number };
  enum verdict verdict
      = index_verdict (index, number, v->auth->host->num (v->req, KG_NUM_TIME), &found.role);
  if (strcmp (who->tenant, key_profile (index, key)->tenant->text))
    verdict = VERDICT_REVOKED;
  if (verdict != VERDICT_OK) {
    index_unpin (index, number);
    return deny (v, verdict);
  }
  text_uuid_show (key->id, found.id);
  return access_grant_key (v, w, &found);
}

/* No key has this id: a caller with a token, or nobody. */
static int32_t
inner_token (const struct visit *v, struct worker *w, const struct kg_identity *who,
             const uint8_t id[16])
{
  struct jwt_claims claims = { .subject = who->subject, .tenant = who->tenant,
                               .scopes = who->scopes, .archetypes = who->archetypes };
  int32_t rc = v->auth->jwt ? jwt_identify (v->auth->jwt, v->req, &claims) : 0;
  if (rc < 0)
    return rc;
  if (!v->auth->jwt || memcmp (claims.id, id, JWT_ID))
    return deny (v, VERDICT_REVOKED);
  return access_grant_token (v, w, &claims);
}

/* The search has ended. */
static int32_t
inner_then (kg_req *req, void *arg)
{
  struct search s = *(struct search *) arg;
  struct visit v = { .auth = s.auth, .req = req, .credential = { "", 0 },
                     .mono_ns = auth_mono_ns () };
  const struct kg_identity *who = s.auth->host->identity (req);
  struct worker *w = worker_of (s.auth, req);
  free (arg);
  if (s.error == 0 && w)
    return s.number ? inner_key (&v, w, who, s.number) : inner_token (&v, w, who, s.id);
  if (s.number)
    index_unpin (&s.auth->index, s.number);
  return s.error ? s.error : -ENOMEM;
}

static void
search_drop (void *arg)
{
  struct search *s = arg;
  if (s->number)
    index_unpin (&s->auth->index, s->number);
  free (s);
}

static void
search_run (void *arg)
{
  struct search *s = arg;
  s->number = index_by_id (&s->auth->index, s->id);
  s->auth->host->resume (s->ticket, inner_then, s, search_drop);
}

int32_t
access_inner (struct auth *auth, kg_req *req)
{
  const struct kg_identity *who = auth->host->identity (req);
  const struct visit v = { .auth = auth, .req = req };
  struct search *s;
  uint8_t id[16];
  int32_t rc;
  if (!*who->tenant) /* nobody's: the host's own work, which nobody counts */
    return KG_NEXT;
  if (text_uuid_read (who->key_id, strlen (who->key_id), id) < 0)
    return deny (&v, VERDICT_REVOKED);
  s = calloc (1, sizeof *s);
  if (!s)
    return -ENOMEM;
  s->auth = auth;
  memcpy (s->id, id, sizeof id);
  s->ticket = auth->host->suspend (req, NULL, NULL);
  if (!s->ticket) {
    free (s);
    return -ENOMEM;
  }
  rc = auth->jobs->run (auth->self, search_run, s);
  if (rc < 0) { /* else it is the job's by now */
    s->error = rc;
    auth->host->resume (s->ticket, inner_then, s, search_drop);
  }
  return KG_WAIT;
}
