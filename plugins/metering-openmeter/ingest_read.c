/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* From the tape of a body to the record that is written. */
#include "plugins/metering-openmeter/ingest.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <time.h>

#define SECOND INT64_C (1000000000)
#define DAY (86400 * SECOND)

/* Events of a batch under way. */
struct batch_read {
  struct ingest *in;
  const struct kg_json *json;
  struct cloudevent_rules rules;
  struct ingesting *g;
  EVP_MD_CTX *hash;
  uint32_t *slot; /* by key: number of an event, from 1; 0: free */
  uint32_t mask;
};

/* ---- Hashes --------------------------------------------------------------------------- */

/* With its length in front, so that no two lists of texts are the same bytes. */
static int32_t
hash_add (EVP_MD_CTX *ctx, kg_str s)
{
  uint64_t len = s.len;
  return EVP_DigestUpdate (ctx, &len, sizeof len) && EVP_DigestUpdate (ctx, s.ptr, s.len);
}

int32_t
ingest_hash (EVP_MD_CTX *ctx, const EVP_MD *md, kg_str a, kg_str b, kg_str c,
             unsigned char *out, size_t len)
{
  unsigned char whole[EVP_MAX_MD_SIZE];
  if (!EVP_DigestInit_ex (ctx, md, NULL) || !hash_add (ctx, a) || !hash_add (ctx, b)
      || !hash_add (ctx, c) || !EVP_DigestFinal_ex (ctx, whole, NULL))
    return -EIO;
  memcpy (out, whole, len);
  return 0;
}

/* The text of a string however it was escaped. */
static kg_str
text_of (const struct kg_json *j, uint32_t i, char buf[CLOUDEVENT_TEXT_MAX])
{
  if (!j->token[i].escaped)
    return kg_json_raw (j, i);
  return (kg_str){ buf, kg_json_decode (j, i, buf) };
}

/* The mark's key: the id itself, behind whose and of which source it is.  Most senders
 * number their events, or have the time in front, and marks that follow each other lie
 * on the same page of the store; those of hashes would lie on one each. */
static int32_t
key_make (const struct batch_read *b, const struct cloudevent *c, struct ingest_event *e)
{
  char source_buf[CLOUDEVENT_TEXT_MAX], id_buf[CLOUDEVENT_TEXT_MAX];
  const kg_str nothing = { "", 0 }, tenant = { b->rules.tenant, strlen (b->rules.tenant) };
  kg_str source = text_of (b->json, c->source, source_buf);
  kg_str id = text_of (b->json, c->id, id_buf);
  unsigned char *rest = e->key + INGEST_SOURCE_LEN + 1;
  int32_t r = ingest_hash (b->hash, b->in->hash, tenant, source, nothing, e->key,
                           INGEST_SOURCE_LEN);
  e->key[INGEST_SOURCE_LEN] = id.len <= INGEST_ID_MAX;
  if (r >= 0 && id.len > INGEST_ID_MAX) {
    r = ingest_hash (b->hash, b->in->hash, id, nothing, nothing, rest, INGEST_ID_MAX / 2);
    id.len = INGEST_ID_MAX / 2;
  } else
    memcpy (rest, id.ptr, id.len);
  e->key_len = (uint8_t)(INGEST_SOURCE_LEN + 1 + id.len);
  return r;
}

static int32_t
event_hash (const struct batch_read *b, const struct cloudevent *c, kg_str text,
            struct ingest_event *e)
{
  const kg_str nothing = { "", 0 };
  int32_t r = key_make (b, c, e);
  return r < 0 ? r
               : ingest_hash (b->hash, b->in->hash, text, nothing, nothing, e->digest,
                              sizeof e->digest);
}

/* ---- Events ---------------------------------------------------------------------------- */

/* Whether an event of the batch was the same; else notes this one. */
static struct ingest_event *
batch_find (struct batch_read *b, struct ingest_event *e)
{
  uint32_t at = 2166136261u, i, *slot;
  struct ingest_event *other;
  for (i = 0; i < e->key_len; i++)
    at = (at ^ e->key[i]) * 16777619u;
  for (at ^= at >> 15;; at++) {
    slot = &b->slot[at & b->mask];
    if (!*slot)
      break;
    other = &b->g->event[*slot - 1];
    if (other->key_len == e->key_len && !memcmp (other->key, e->key, e->key_len))
      return other;
  }
  *slot = (uint32_t)(e - b->g->event) + 1;
  return NULL;
}

static uint32_t
type_index (const struct kg_json *j, uint32_t type)
{
  uint32_t i = 0;
  while (mt_types[i + 1] && !kg_json_is (j, type, mt_types[i]))
    i++;
  return i;
}

/* Writes a good event, unless it was in the batch before. */
static int32_t
event_take (struct batch_read *b, const struct cloudevent *c, struct ingest_event *e)
{
  struct kg_out *o = &b->g->record;
  const struct ingest_event *same;
  size_t before = o->len;
  int32_t r;
  if (b->g->fresh)
    kg_out_raw (o, ",", 1);
  e->at = (uint32_t)o->len;
  cloudevent_write (b->json, c, b->rules.tenant, o);
  if (!kg_out_ok (o))
    return -E2BIG;
  e->len = (uint32_t)o->len - e->at;
  r = event_hash (b, c, (kg_str){ o->ptr + e->at, e->len }, e);
  if (r < 0)
    return r;
  e->type = (uint8_t)type_index (b->json, c->type);
  same = batch_find (b, e);
  if (same) {
    e->status
        = memcmp (same->digest, e->digest, sizeof e->digest) ? INGEST_OTHER : INGEST_DUPLICATE;
    o->len = before;
    e->len = 0;
  } else
    b->g->fresh++;
  return 0;
}

static int32_t
event_read (struct batch_read *b, uint32_t i, struct ingest_event *e)
{
  struct cloudevent c;
  cloudevent_read (b->json, i, &b->rules, &c);
  if (c.failed)
    return -ENOMEM;
  e->id = c.id && b->json->token[c.id].kind == KG_JSON_STRING ? c.id : 0;
  if (!c.error)
    return event_take (b, &c, e);
  e->status = INGEST_REJECTED;
  e->error = c.error;
  e->forbidden = (uint8_t)c.forbidden;
  e->malformed = (uint8_t)c.malformed;
  return 0;
}

static int32_t
events_read (struct batch_read *b)
{
  const struct kg_json *j = b->json;
  struct ingest_event *e = b->g->event;
  uint32_t i;
  int32_t r = 0;
  if (kg_json_kind (j, 0) == KG_JSON_OBJECT)
    return event_read (b, 0, e);
  for (i = kg_json_first (j, 0); i && r >= 0; i = kg_json_next (j, 0, i))
    r = event_read (b, i, e++);
  return r;
}

/* ---- The record -------------------------------------------------------------------------- */

static uint32_t
events_count (const struct kg_json *j)
{
  uint32_t i, n = 0;
  if (kg_json_kind (j, 0) == KG_JSON_OBJECT)
    return 1;
  for (i = kg_json_first (j, 0); i; i = kg_json_next (j, 0, i))
    n++;
  return n;
}

static void
head_write (struct ingest *in, kg_req *req, struct ingesting *g)
{
  const struct kg_host *h = in->mt->host;
  const struct kg_identity *who = h->identity (req);
  struct kg_out *o = &g->record;
  kg_out_lit (o, "{\"tenant\":");
  kg_out_text (o, who->tenant);
  kg_out_lit (o, ",\"key\":");
  kg_out_text (o, who->key_id ? who->key_id : "");
  kg_out_lit (o, ",\"time\":");
  kg_out_int (o, h->num (req, KG_NUM_TIME));
  kg_out_lit (o, ",\"events\":[");
  g->head = o->len;
}

static struct ingesting *
ingesting_new (struct ingest *in, const struct kg_json *j, uint32_t count)
{
  struct ingesting *g = calloc (1, sizeof *g + count * sizeof *g->event);
  size_t cap = MT_HEAD_MAX + j->token[0].len + (size_t)count * INGEST_OVERHEAD;
  if (!g)
    return NULL;
  g->ingest = in;
  g->count = count;
  g->op = calloc (count + 1, sizeof *g->op);
  g->record.cap = cap < KG_VALUE_MAX ? cap : KG_VALUE_MAX;
  g->record.ptr = malloc (g->record.cap);
  if (g->op && g->record.ptr)
    return g;
  ingest_free (g);
  return NULL;
}

void
ingest_free (void *ingesting)
{
  struct ingesting *g = ingesting;
  if (!g)
    return;
  record_read_free (&g->read);
  free (g->op);
  free (g->record.ptr);
  free (g);
}

void
ingest_compact (struct ingesting *g)
{
  size_t to = g->head;
  uint32_t i;
  g->fresh = 0;
  for (i = 0; i < g->count; i++) {
    struct ingest_event *e = &g->event[i];
    if (e->status != INGEST_ACCEPTED)
      continue;
    if (g->fresh++)
      g->record.ptr[to++] = ',';
    memmove (g->record.ptr + to, g->record.ptr + e->at, e->len);
    e->at = (uint32_t)to;
    to += e->len;
  }
  g->record.len = to;
  kg_out_raw (&g->record, "]}", 2);
}

/* ---- A batch ------------------------------------------------------------------------------ */

/* Whether the key may say whose usage it is. */
static int32_t
is_foreign (const struct kg_identity *who)
{
  const char *const *s = who->scopes;
  for (; s && *s; s++)
    if (!strcmp (*s, "meter:any"))
      return 1;
  return 0;
}

static void
rules_make (struct ingest *in, kg_req *req, int32_t loose, struct cloudevent_rules *ret)
{
  const struct kg_host *h = in->mt->host;
  int64_t now = h->num (req, KG_NUM_TIME);
  *ret = (struct cloudevent_rules){ .tenant = h->identity (req)->tenant,
                                    .reserved = in->mt->conf->source,
                                    .foreign = is_foreign (h->identity (req)),
                                    .loose = loose,
                                    .oldest_ns = now - in->conf->max_age_days * DAY,
                                    .newest_ns = now + in->conf->future * SECOND };
}

static int32_t
batch_begin (struct batch_read *b, uint32_t count)
{
  uint32_t slots = 4;
  while (slots < 2 * count)
    slots *= 2;
  b->mask = slots - 1;
  b->slot = calloc (slots, sizeof *b->slot);
  b->hash = EVP_MD_CTX_new ();
  b->g = ingesting_new (b->in, b->json, count);
  return b->slot && b->hash && b->g ? 0 : -ENOMEM;
}

int32_t
ingest_read (struct ingest *in, kg_req *req, struct record_read *read, int32_t loose,
             struct ingesting **ret)
{
  struct batch_read b = { .in = in, .json = &read->json };
  uint32_t count = events_count (b.json);
  int32_t r = count > in->conf->batch_max ? -E2BIG : batch_begin (&b, count);
  if (r >= 0) {
    rules_make (in, req, loose, &b.rules);
    head_write (in, req, b.g);
    r = events_read (&b);
  }
  if (r >= 0) {
    kg_out_raw (&b.g->record, "]}", 2);
    r = kg_out_ok (&b.g->record) ? 0 : -E2BIG;
  }
  free (b.slot);
  EVP_MD_CTX_free (b.hash);
  if (r < 0) {
    ingest_free (b.g);
    record_read_free (read);
    return r;
  }
  b.g->read = *read;
  b.g->json = &b.g->read.json;
  *ret = b.g;
  return 0;
}
