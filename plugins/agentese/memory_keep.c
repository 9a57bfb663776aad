/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What is kept in the memory, under its key or under one made of the data. */
#include "plugins/agentese/memory.h"

#include <errno.h>
#include <string.h>

#define DEPOSIT_SECONDS 86400 /* how long a deposit stays, unless it is said */
#define KEY_MADE 19           /* "m_", 16 digits, NUL */

/* Puts the data under d->key; an engram that is there is reinforced. */
static int32_t
keep (struct ag_call *c, struct ag_deed *d, kg_str data, int32_t tier, int64_t expires)
{
  struct ag_engram *e = ag_engram_find (&d->m, d->key), new = { .key = d->key, .tier = tier };
  struct ag_kept kept = { data, d->now, expires };
  kg_str text = ag_kept_text (c, &kept);
  int32_t r;
  d->count = e ? 1 : 0;
  if (e) {
    new = *e;
    new.uses++;
    new.tier = new.tier > tier ? new.tier : tier;
    memmove (e, e + 1, (size_t)(&d->m.all[d->m.n] - (e + 1)) * sizeof *e);
    d->m.n--;
  }
  new.at = d->now;
  new.expires = expires;
  new.bytes = (int64_t)data.len;
  if (d->m.n >= AG_ENGRAMS_MAX)
    return ag_over_limit (c, "agentese.engrams", AG_ENGRAMS_MAX, "engrams of this tenant");
  d->m.all[d->m.n++] = new;
  d->is = new;
  if (ag_memory_bytes (&d->m) > AG_MEMORY_BYTES)
    return ag_over_limit (c, "agentese.memory", AG_MEMORY_BYTES, "bytes of this tenant's memory");
  if (!text.ptr)
    return -ENOMEM;
  r = ag_state_fits (c, text.len);
  return r ? r : ag_deed_also (c, d, ag_kept_handle (c, d->key), text);
}

static void
keep_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct ag_deed *d = ag_deed_of (arg);
  (void)c;
  kg_out_lit (out, "{\"key\":");
  kg_out_str (out, d->key);
  kg_out_lit (out, ",\"stored\":true,\"reinforced\":");
  ag_out_bool (out, d->count > 0);
  kg_out_lit (out, ",\"tier\":");
  kg_out_text (out, ag_tier_names[d->is.tier]);
  kg_out_lit (out, ",\"bytes\":");
  kg_out_int (out, d->is.bytes);
  kg_out_lit (out, ",\"expires_at\":");
  ag_out_time (out, d->is.expires);
  kg_out_lit (out, "}");
}

/* A key made of the data, so that the same is kept once. */
static int32_t
key_make (struct ag_call *c, struct ag_deed *d, kg_str data)
{
  static const char digits[] = "0123456789abcdef";
  char *buf = c->ag->host->alloc (c->req, KEY_MADE);
  uint64_t h = 0xcbf29ce484222325u;
  size_t i;
  if (!buf)
    return -ENOMEM;
  for (i = 0; i < data.len; i++)
    h = (h ^ (unsigned char)data.ptr[i]) * 0x100000001b3u;
  memcpy (buf, "m_", 2);
  for (i = 0; i < 16; i++, h <<= 4)
    buf[2 + i] = digits[h >> 60];
  buf[KEY_MADE - 1] = 0;
  d->key = (kg_str){ buf, KEY_MADE - 1 };
  return 0;
}

static int32_t
keep_as (struct ag_call *c, struct ag_deed *d, int32_t tier, double seconds)
{
  const char *name = ag_arg_or_input (c, "data");
  kg_str data = ag_arg_plain (c, name);
  int32_t r;
  if (!data.ptr)
    return ag_kwarg (c, name) ? -ENOMEM
                              : ag_refuse (c, AG_BAD_ARGUMENT, 400,
                                           "Argument 'data' is required");
  if (!d->key.ptr && (r = key_make (c, d, data)) < 0)
    return r;
  seconds = ag_arg_number (c, "ttl", seconds);
  return keep (c, d, data, tier, seconds > 0 ? d->now + (int64_t)(seconds * 1e9) : 0);
}

static int32_t
act_engram (struct ag_call *c, struct ag_deed *d)
{
  return keep_as (c, d, AG_SHORT, 0);
}

static int32_t
act_store (struct ag_call *c, struct ag_deed *d)
{
  return keep_as (c, d, AG_LONG, 0);
}

static int32_t
act_deposit (struct ag_call *c, struct ag_deed *d)
{
  return keep_as (c, d, AG_WORKING, DEPOSIT_SECONDS);
}

int32_t
ag_memory_engram (struct ag_call *c)
{
  return ag_deed_run (c, act_engram, keep_write);
}

int32_t
ag_memory_store (struct ag_call *c)
{
  return ag_deed_run (c, act_store, keep_write);
}

int32_t
ag_memory_deposit (struct ag_call *c)
{
  return ag_deed_run (c, act_deposit, keep_write);
}

/* Whether the query's words (or, without any, anything) are in an engram. */
static int32_t
is_meant (const struct ag_deed *d, const struct ag_engram *e, const struct ag_words *words,
          kg_str data)
{
  if (e->key.len == d->key.len && !memcmp (e->key.ptr, d->key.ptr, e->key.len))
    return 0; /* what is made is not made of itself */
  return !words->all || ag_words_found (words, data) > 0;
}

/* One engram of many: [{"key","data"}...], cherished. */
static int32_t
act_crystallize (struct ag_call *c, struct ag_deed *d)
{
  kg_str data, query = ag_arg_text (c, "query");
  struct ag_words words = { .distinct = 0 };
  struct kg_out o;
  uint32_t i;
  int32_t r;
  if (ag_arg_lost (c, "query", query))
    return -ENOMEM;
  ag_words_add (&words, query);
  if (ag_out_new (c, (size_t)ag_memory_bytes (&d->m) + d->m.n * 160u + 16, &o) < 0)
    return -ENOMEM;
  kg_out_lit (&o, "[");
  for (i = 0; i < d->m.n; i++) {
    r = ag_kept_peek (c, &d->m.all[i], &data);
    if (r < 0 && r != -ENOENT)
      return r;
    if (r < 0 || !is_meant (d, &d->m.all[i], &words, data))
      continue;
    kg_out_lit (&o, d->nkeys ? ",{\"key\":" : "{\"key\":");
    kg_out_str (&o, d->m.all[i].key);
    kg_out_lit (&o, ",\"data\":");
    kg_out_raw (&o, data.ptr, data.len);
    kg_out_lit (&o, "}");
    d->keys[d->nkeys++] = d->m.all[i].key;
  }
  kg_out_lit (&o, "]");
  if (!d->nkeys)
    return ag_refuse (c, AG_NOT_FOUND, 404, "Nothing is kept that could be crystallized");
  if ((r = keep (c, d, (kg_str){ o.ptr, o.len }, AG_LONG, 0)))
    return r;
  d->m.all[d->m.n - 1].cherished = 1;
  return 0;
}

static void
crystallize_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct ag_deed *d = ag_deed_of (arg);
  (void)c;
  kg_out_lit (out, "{\"key\":");
  kg_out_str (out, d->key);
  kg_out_lit (out, ",\"engrams\":");
  ag_deed_keys (d, out);
  kg_out_lit (out, ",\"bytes\":");
  kg_out_int (out, d->is.bytes);
  kg_out_lit (out, "}");
}

int32_t
ag_memory_crystallize (struct ag_call *c)
{
  return ag_deed_run (c, act_crystallize, crystallize_write);
}
