/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What asks the memory and changes nothing. */
#include "plugins/agentese/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define SHOWN_MAX 100 /* keys in a manifest */

/* A look at the whole memory. */
struct look {
  struct ag_memory m;
  int64_t now, within;
  kg_str key;
  struct ag_kept kept;
};

static struct look *
look_new (struct ag_call *c, int32_t *ret_error)
{
  struct look *l = c->ag->host->alloc (c->req, sizeof *l);
  *ret_error = -ENOMEM;
  if (!l)
    return NULL;
  memset (l, 0, sizeof *l);
  l->now = ag_now (c);
  *ret_error = ag_memory_read (c, &l->m);
  return *ret_error < 0 ? NULL : l;
}

/* ---- manifest, sense ------------------------------------------------------------- */

static void
figure (struct kg_out *o, const char *name, int64_t v)
{
  kg_out_lit (o, ",\"");
  kg_out_lit (o, name);
  kg_out_lit (o, "\":");
  kg_out_int (o, v);
}

static void
tiers_write (const struct ag_memory *m, struct kg_out *o)
{
  int64_t n[AG_TIERS] = { 0 };
  uint32_t i;
  for (i = 0; i < m->n; i++)
    n[m->all[i].tier]++;
  kg_out_lit (o, ",\"tiers\":{");
  for (i = 0; i < AG_TIERS; i++) {
    kg_out_lit (o, i ? ",\"" : "\"");
    kg_out_lit (o, ag_tier_names[i]);
    kg_out_lit (o, "\":");
    kg_out_int (o, n[i]);
  }
  kg_out_lit (o, "}");
}

static void
checkpoints_write (const struct ag_memory *m, struct kg_out *o)
{
  uint32_t i;
  kg_out_lit (o, ",\"checkpoints\":[");
  for (i = 0; i < m->checkpoints; i++) {
    kg_out_lit (o, i ? ",{\"label\":" : "{\"label\":");
    kg_out_str (o, m->checkpoint[i].label);
    kg_out_lit (o, ",\"at\":");
    ag_out_time (o, m->checkpoint[i].at);
    figure (o, "engrams", m->checkpoint[i].engrams);
    figure (o, "bytes", m->checkpoint[i].bytes);
    kg_out_lit (o, "}");
  }
  kg_out_lit (o, "]");
}

static void
figures_write (const struct look *l, struct kg_out *o)
{
  int64_t cherished = 0, expired = 0;
  uint32_t i;
  for (i = 0; i < l->m.n; i++) {
    cherished += l->m.all[i].cherished;
    expired += ag_engram_expired (&l->m.all[i], l->now);
  }
  kg_out_lit (o, "\"engrams\":");
  kg_out_int (o, l->m.n);
  figure (o, "engrams_max", AG_ENGRAMS_MAX);
  figure (o, "bytes", ag_memory_bytes (&l->m));
  figure (o, "bytes_max", AG_MEMORY_BYTES);
  figure (o, "cherished", cherished);
  figure (o, "expired", expired);
  tiers_write (&l->m, o);
  checkpoints_write (&l->m, o);
}

static void
sense_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  (void)c;
  kg_out_lit (out, "{");
  figures_write (arg, out);
  kg_out_lit (out, "}");
}

int32_t
ag_memory_sense (struct ag_call *c)
{
  int32_t r;
  struct look *l = look_new (c, &r);
  return l ? ag_answer (c, sense_write, l) : r;
}

static void
manifest_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct look *l = arg;
  uint32_t i, n = 0;
  (void)c;
  kg_out_lit (out, "{\"summary\":\"Memory: ");
  kg_out_int (out, l->m.n);
  kg_out_lit (out, " kept\",");
  figures_write (l, out);
  kg_out_lit (out, ",\"keys\":[");
  for (i = l->m.n; i > 0 && n < SHOWN_MAX; i--, n++) {
    kg_out_lit (out, n ? "," : "");
    kg_out_str (out, l->m.all[i - 1].key);
  }
  kg_out_lit (out, "]}");
}

int32_t
ag_memory_manifest (struct ag_call *c)
{
  int32_t r;
  struct look *l = look_new (c, &r);
  return l ? ag_answer (c, manifest_write, l) : r;
}

/* ---- recall, retrieve, play -------------------------------------------------------- */

static void
kept_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct look *l = arg;
  (void)c;
  kg_out_lit (out, "{\"key\":");
  ag_out_text (out, l->key);
  kg_out_lit (out, ",\"data\":");
  kg_out_raw (out, l->key.ptr ? l->kept.data.ptr : "null", l->key.ptr ? l->kept.data.len : 4);
  kg_out_lit (out, ",\"at\":");
  ag_out_time (out, l->kept.at);
  kg_out_lit (out, ",\"expires_at\":");
  ag_out_time (out, l->kept.expires);
  kg_out_lit (out, "}");
}

static int32_t
recall_key (struct ag_call *c)
{
  struct look l = { .key = ag_arg_text (c, "key") };
  int32_t r = l.key.ptr ? ag_kept_read (c, l.key, &l.kept) : -ENOMEM;
  if (r == -ENOENT)
    return ag_no_engram (c, l.key);
  return r < 0 ? r : ag_answer (c, kept_write, &l);
}

/* One that was found. */
struct hit {
  const struct ag_engram *engram;
  kg_str data;
  uint32_t words;
};

struct hits {
  struct hit *all;
  uint32_t n, shown;
  kg_str query;
  struct ag_words words;
};

static int
better (const void *a, const void *b)
{
  const struct hit *x = a, *y = b;
  if (x->words != y->words)
    return x->words < y->words ? 1 : -1;
  return x->engram->at < y->engram->at ? 1 : x->engram->at > y->engram->at ? -1 : 0;
}

static void
hits_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct hits *h = arg;
  uint32_t i;
  (void)c;
  kg_out_lit (out, "{\"query\":");
  kg_out_str (out, h->query);
  kg_out_lit (out, ",\"results\":[");
  for (i = 0; i < h->n && i < h->shown; i++) {
    kg_out_lit (out, i ? ",{\"key\":" : "{\"key\":");
    kg_out_str (out, h->all[i].engram->key);
    kg_out_lit (out, ",\"score\":");
    ag_out_number (out, (double)h->all[i].words / h->words.distinct);
    kg_out_lit (out, ",\"data\":");
    kg_out_raw (out, h->all[i].data.ptr, h->all[i].data.len);
    kg_out_lit (out, "}");
  }
  kg_out_lit (out, "],\"total\":");
  kg_out_int (out, h->n);
  kg_out_lit (out, "}");
}

/* Looks for the words in all that is kept: at most AG_MEMORY_BYTES. */
static int32_t
search (struct ag_call *c, const struct look *l, struct hits *h)
{
  kg_str data;
  uint32_t i;
  int32_t r;
  for (i = 0; i < l->m.n; i++) {
    const struct ag_engram *e = &l->m.all[i];
    struct hit *hit = &h->all[h->n];
    r = ag_kept_peek (c, e, &data);
    if (r == -ENOENT)
      continue;
    if (r < 0)
      return r;
    *hit = (struct hit){ e, data, ag_words_found (&h->words, data) };
    if (hit->words < h->words.distinct) {
      uint32_t by_key = ag_words_found (&h->words, e->key);
      hit->words = by_key > hit->words ? by_key : hit->words;
    }
    h->n += hit->words > 0;
  }
  qsort (h->all, h->n, sizeof *h->all, better);
  return 0;
}

static int32_t
recall_query (struct ag_call *c)
{
  int32_t r;
  struct look *l = look_new (c, &r);
  struct hits *h = c->ag->host->alloc (c->req, sizeof *h);
  if (!l || !h)
    return l ? -ENOMEM : r;
  memset (h, 0, sizeof *h);
  h->shown = (uint32_t)ag_arg_int (c, "limit", 10);
  h->query = ag_arg_text (c, ag_arg_or_input (c, "query"));
  h->all = c->ag->host->alloc (c->req, (l->m.n + 1) * sizeof *h->all);
  if (!h->query.ptr || !h->all)
    return -ENOMEM;
  ag_words_add (&h->words, h->query);
  if (!h->words.distinct)
    return ag_refuse (c, AG_BAD_ARGUMENT, 400, "Argument 'query' has no word in it");
  r = search (c, l, h);
  return r < 0 ? r : ag_answer (c, hits_write, h);
}

int32_t
ag_memory_recall (struct ag_call *c)
{
  static const struct ag_advice advice
      = { "What is recalled is named by its key, or found by words.",
          "{\"key\":\"name\"}, or {\"query\":\"some words\"}", NULL };
  if (ag_kwarg (c, "key"))
    return recall_key (c);
  if (kg_json_kind (c->json, ag_kwarg (c, ag_arg_or_input (c, "query"))) == KG_JSON_STRING)
    return recall_query (c);
  return ag_refuse_why (c, AG_BAD_ARGUMENT, 400, &advice,
                        "Argument 'key' or 'query' is required");
}

/* Any one of those that are kept. */
int32_t
ag_memory_play (struct ag_call *c)
{
  int32_t r;
  struct look *l = look_new (c, &r);
  uint32_t i, n, chance;
  if (!l)
    return r;
  if (getrandom (&chance, sizeof chance, 0) != sizeof chance)
    return -EIO;
  r = -ENOENT;
  for (i = 0, n = l->m.n; i < n && r == -ENOENT; i++) {
    l->key = l->m.all[(chance + i) % n].key;
    r = ag_kept_read (c, l->key, &l->kept);
  }
  if (r == -ENOENT) {
    l->key = (kg_str){ NULL, 0 };
    l->kept = (struct ag_kept){ { NULL, 0 }, 0, 0 };
    r = 0;
  }
  return r < 0 ? r : ag_answer (c, kept_write, l);
}

/* ---- evaluate, expiring_soon ---------------------------------------------------------- */

static void
evaluate_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct look *l = arg;
  double sum = 0;
  uint32_t i, n = 0;
  (void)c;
  kg_out_lit (out, "{\"engrams\":[");
  for (i = 0; i < l->m.n; i++) {
    const struct ag_engram *e = &l->m.all[i];
    if (l->key.ptr && e != ag_engram_find (&l->m, l->key))
      continue;
    kg_out_lit (out, n++ ? ",{\"key\":" : "{\"key\":");
    kg_out_str (out, e->key);
    kg_out_lit (out, ",\"strength\":");
    ag_out_number (out, ag_engram_strength (e, l->now));
    kg_out_lit (out, ",\"tier\":");
    kg_out_text (out, ag_tier_names[e->tier]);
    kg_out_lit (out, ",\"cherished\":");
    ag_out_bool (out, e->cherished);
    figure (out, "uses", e->uses);
    figure (out, "bytes", e->bytes);
    kg_out_lit (out, "}");
    sum += ag_engram_strength (e, l->now);
  }
  kg_out_lit (out, "],\"mean\":");
  ag_out_number (out, n ? sum / n : 0);
  kg_out_lit (out, "}");
}

int32_t
ag_memory_evaluate (struct ag_call *c)
{
  int32_t r;
  struct look *l = look_new (c, &r);
  if (!l)
    return r;
  l->key = ag_arg_text (c, "key");
  if (ag_arg_lost (c, "key", l->key))
    return -ENOMEM;
  if (l->key.ptr && !ag_engram_find (&l->m, l->key))
    return ag_no_engram (c, l->key);
  return ag_answer (c, evaluate_write, l);
}

static void
expiring_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct look *l = arg;
  uint32_t i, n = 0;
  (void)c;
  kg_out_lit (out, "{\"within\":");
  kg_out_int (out, l->within);
  kg_out_lit (out, ",\"engrams\":[");
  for (i = 0; i < l->m.n; i++) {
    const struct ag_engram *e = &l->m.all[i];
    if (!e->expires || ag_engram_expired (e, l->now)
        || e->expires - l->now > l->within * 1000000000)
      continue;
    kg_out_lit (out, n++ ? ",{\"key\":" : "{\"key\":");
    kg_out_str (out, e->key);
    kg_out_lit (out, ",\"expires_at\":");
    ag_out_time (out, e->expires);
    figure (out, "seconds_left", (e->expires - l->now) / 1000000000);
    kg_out_lit (out, "}");
  }
  kg_out_lit (out, "],\"total\":");
  kg_out_int (out, n);
  kg_out_lit (out, "}");
}

int32_t
ag_memory_expiring (struct ag_call *c)
{
  int32_t r;
  struct look *l = look_new (c, &r);
  if (!l)
    return r;
  l->within = ag_arg_int (c, "within", 3600);
  return ag_answer (c, expiring_write, l);
}
