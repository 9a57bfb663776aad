/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Marks: ids of events that others sent, which the log remembers (0029-ingest.md): each
 * event has one that says what it said, and each has its event. */

#include "ctl/verify_store.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define SOURCE 12 /* bytes of a key for tenant and source; then one that tells what follows */
#define ID 40     /* bytes of an id as it is, else ID / 2 of its hash */
#define DIGEST 8

static const char cure_mark[]
    = "send the event again under another id: this one is refused until its mark is over";

static struct hash
key_hash (const void *key, size_t n)
{
  return hash_add ((struct hash){ 0, 7 }, key, n);
}

static void
mark_read (struct verify *v, const struct verify_mark *m)
{
  uint64_t digest;
  int is_new;
  if (m->id.n <= SOURCE + 1 || m->id.n > SOURCE + 1 + ID || m->value.n != DIGEST || m->expires < 0)
    found (v, "mark", cure_mark, place (v, "%s, id %s", m->where, shown (m->id)),
           "it is no mark of an event");
  else {
    memcpy (&digest, m->value.p, DIGEST);
    map_put (&v->marks, key_hash (m->id.p, m->id.n), digest, &is_new);
  }
}

void
verify_marks_before (struct verify *v)
{
  verify_mark_runs (v);
  verify_mark_rows (v, 1, mark_read);
}

static void
digest_add (EVP_MD_CTX *ctx, struct piece text)
{
  uint64_t n = text.n;
  if (!EVP_DigestUpdate (ctx, &n, sizeof n) || !EVP_DigestUpdate (ctx, text.p, text.n))
    abort ();
}

static void
digest_of (const struct piece of[3], unsigned char out[EVP_MAX_MD_SIZE])
{
  EVP_MD_CTX *ctx = EVP_MD_CTX_new ();
  int i;
  if (!ctx || !EVP_DigestInit_ex (ctx, EVP_sha256 (), NULL))
    abort ();
  for (i = 0; i < 3; i++)
    digest_add (ctx, of[i]);
  if (!EVP_DigestFinal_ex (ctx, out, NULL))
    abort ();
  EVP_MD_CTX_free (ctx);
}

static void
event_check (struct verify *v, const struct verify_record *r, struct piece event, struct hash h)
{
  unsigned char hash[EVP_MAX_MD_SIZE];
  const struct piece text[3] = { event, { "", 0 }, { "", 0 } };
  uint64_t *mark = map_get (&v->marks, h), digest;
  int is_new;
  map_put (&v->marked, h, (uint64_t)r->sequence, &is_new);
  digest_of (text, hash);
  memcpy (&digest, hash, sizeof digest);
  if (r->time_ns <= v->now_ns - REMEMBERED_NS)
    return; /* it may be forgotten, or another one that came since may have its id */
  if (!mark)
    found (v, "mark", "it cannot be made again; tell its sender not to send it again",
           place (v, "log usage, record %lld", (long long)r->sequence),
           "its event %s is not remembered: sent again, it would count twice",
           shown (doc_member (event, "id")));
  else if (*mark != digest)
    found (v, "mark", cure_batch, place (v, "log usage, record %lld", (long long)r->sequence),
           "its event %s is not what its mark says: one of the two was changed",
           shown (doc_member (event, "id")));
}

/* The key of an event's mark; `of` are tenant, source and id, decoded. */
static struct hash
event_key (const struct piece of[3])
{
  const struct piece whose[3] = { of[0], of[1], { "", 0 } }, id[3] = { of[2], { "", 0 }, { "", 0 } };
  unsigned char key[SOURCE + 1 + EVP_MAX_MD_SIZE], *rest = key + SOURCE + 1;
  size_t n = of[2].n;
  digest_of (whose, key);
  key[SOURCE] = n <= ID;
  if (n <= ID)
    memcpy (rest, of[2].p, n);
  else {
    digest_of (id, rest);
    n = ID / 2;
  }
  return key_hash (key, SOURCE + 1 + n);
}

void
verify_marks_event (struct verify *v, const struct verify_record *r, struct piece tenant,
                    struct piece event)
{
  struct piece of[3] = { tenant, doc_member (event, "source"), doc_member (event, "id") };
  char *buf[3];
  int i;
  for (i = 0; i < 3; i++) {
    buf[i] = malloc (of[i].n + 1);
    if (!buf[i])
      abort ();
    of[i] = (struct piece){ buf[i], doc_text (of[i], buf[i]) };
  }
  /* One that the record itself is named after, as Stripe's are, is known by that. */
  if (r->id.n != of[2].n || memcmp (r->id.p, of[2].p, of[2].n))
    event_check (v, r, event, event_key (of));
  for (i = 0; i < 3; i++)
    free (buf[i]);
}

static void
mark_found (struct verify *v, const struct verify_mark *m)
{
  char hex[2 * (SOURCE + 1 + ID) + 1];
  size_t k;
  if (m->id.n > SOURCE + 1 + ID || m->id.n <= SOURCE + 1
      || map_get (&v->marked, key_hash (m->id.p, m->id.n)))
    return;
  for (k = 0; k < m->id.n; k++)
    snprintf (hex + 2 * k, 3, "%02X", (unsigned char)m->id.p[k]);
  found (v, "mark", cure_mark, place (v, "%s, id %s", m->where, hex),
         "no record has its event: it was never counted, and is refused as known");
}

/* Where all of the log is there. */
void
verify_marks (struct verify *v)
{
  uint32_t l;
  for (l = 0; l < v->logs; l++)
    if (!strcmp (v->log[l].name, "usage") && v->log[l].first != 1)
      return;
  if (v->marks.count)
    verify_mark_rows (v, 0, mark_found);
}
