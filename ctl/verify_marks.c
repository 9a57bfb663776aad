/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Marks: ids of events that others sent, which the log remembers (0029-ingest.md): each
 * event has one that says what it said, and each has its event. */

#include "ctl/verify_store.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define KEY 16
#define DIGEST 8
#define REMEMBERED_NS (30 * DAY_NS) /* at least */

static const char cure_mark[]
    = "with the host stopped: sqlite3 kgent.db \"DELETE FROM mark WHERE hex (id) = 'ID'\", then "
      "the event can be sent again";

static int
has_marks (struct verify *v)
{
  sqlite3_stmt *stmt = query (v, "SELECT 1 FROM sqlite_schema WHERE name = 'mark'");
  int r = query_row (v, stmt);
  if (r)
    sqlite3_finalize (stmt);
  return r;
}

static void
mark_read (struct verify *v, int64_t log, struct piece id, struct piece value, int64_t expires)
{
  uint64_t digest;
  struct hash h;
  int is_new;
  if (id.n != KEY || value.n != DIGEST || expires < 0)
    found (v, "mark", cure_mark, place (v, "table mark, log %lld, id %s", (long long)log, shown (id)),
           "it is no mark of an event");
  else {
    memcpy (&h, id.p, KEY);
    memcpy (&digest, value.p, DIGEST);
    map_put (&v->marks, h, digest, &is_new);
  }
}

void
verify_marks_before (struct verify *v)
{
  sqlite3_stmt *stmt;
  if (!has_marks (v))
    return;
  stmt = query (v, "SELECT log, id, value, expires_ns, EXISTS (SELECT 1 FROM log WHERE log.id ="
                   " mark.log AND name = 'usage') FROM mark");
  while (query_row (v, stmt))
    if (sqlite3_column_int (stmt, 4))
      mark_read (v, sqlite3_column_int64 (stmt, 0), query_piece (stmt, 1), query_piece (stmt, 2),
                 sqlite3_column_int64 (stmt, 3));
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
  struct piece text[3] = { event, { "", 0 }, { "", 0 } };
  uint64_t *mark = map_get (&v->marks, h), digest;
  int is_new;
  map_put (&v->marked, h, (uint64_t)r->sequence, &is_new);
  digest_of (text, hash);
  memcpy (&digest, hash, sizeof digest);
  if (!mark && r->time_ns > v->now_ns - REMEMBERED_NS)
    found (v, "mark", "it cannot be made again; tell its sender not to send it again",
           place (v, "log usage, record %lld", (long long)r->sequence),
           "its event %s is not remembered: sent again, it would count twice",
           shown (doc_member (event, "id")));
  else if (mark && *mark != digest)
    found (v, "mark", cure_batch, place (v, "log usage, record %lld", (long long)r->sequence),
           "its event %s is not what its mark says: one of the two was changed",
           shown (doc_member (event, "id")));
}

void
verify_marks_event (struct verify *v, const struct verify_record *r, struct piece tenant,
                    struct piece event)
{
  struct piece of[3] = { tenant, doc_member (event, "source"), doc_member (event, "id") };
  unsigned char hash[EVP_MAX_MD_SIZE];
  struct hash h;
  char *buf[3];
  int i;
  for (i = 0; i < 3; i++) {
    buf[i] = malloc (of[i].n + 1);
    if (!buf[i])
      abort ();
    of[i] = (struct piece){ buf[i], doc_text (of[i], buf[i]) };
  }
  digest_of (of, hash);
  memcpy (&h, hash, KEY);
  event_check (v, r, event, h);
  for (i = 0; i < 3; i++)
    free (buf[i]);
}

/* Where all of the log is there. */
void
verify_marks (struct verify *v)
{
  size_t i;
  uint32_t l;
  char hex[2 * KEY + 1];
  for (l = 0; l < v->logs; l++)
    if (!strcmp (v->log[l].name, "usage") && v->log[l].first != 1)
      return;
  for (i = 0; i < v->marks.slots; i++) {
    const struct map_slot *s = &v->marks.slot[i];
    int k;
    if ((!s->key.a && !s->key.b) || map_get (&v->marked, s->key))
      continue;
    for (k = 0; k < KEY; k++)
      snprintf (hex + 2 * k, 3, "%02X", ((const unsigned char *)&s->key)[k]);
    found (v, "mark", cure_mark, place (v, "table mark, id %s", hex),
           "no record has its event: it was never counted, and is refused as known");
  }
}
