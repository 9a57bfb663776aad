/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "plugins/auth/recall.h"

#include <stdlib.h>
#include <string.h>

#define WORDS (RECALL_TEXT / 8 + 1) /* of a message, its length included */

/* ---- SipHash-2-4, 128 bits (Aumasson and Bernstein) ----------------------- */

struct sip {
  uint64_t a, b, c, d;
};

static inline uint64_t
rotate (uint64_t v, int bits)
{
  return v << bits | v >> (64 - bits);
}

static inline void
sip_round (struct sip *s)
{
  s->a += s->b;
  s->b = rotate (s->b, 13) ^ s->a;
  s->a = rotate (s->a, 32);
  s->c += s->d;
  s->d = rotate (s->d, 16) ^ s->c;
  s->a += s->d;
  s->d = rotate (s->d, 21) ^ s->a;
  s->c += s->b;
  s->b = rotate (s->b, 17) ^ s->c;
  s->c = rotate (s->c, 32);
}

static inline uint64_t
sip_finish (struct sip *s)
{
  int i;
  for (i = 0; i < 4; i++)
    sip_round (s);
  return s->a ^ s->b ^ s->c ^ s->d;
}

struct recall_tag
recall_tag (const uint64_t key[2], const char *p, size_t len)
{
  struct sip s = { key[0] ^ 0x736f6d6570736575u, key[1] ^ 0x646f72616e646f6du ^ 0xee,
                   key[0] ^ 0x6c7967656e657261u, key[1] ^ 0x7465646279746573u };
  uint64_t message[WORDS] = { 0 };
  struct recall_tag tag;
  size_t i;
  memcpy (message, p, len);
  message[WORDS - 1] |= (uint64_t) len << 56;
  for (i = 0; i < WORDS; i++) {
    s.d ^= message[i];
    sip_round (&s);
    sip_round (&s);
    s.a ^= message[i];
  }
  s.c ^= 0xee;
  tag.word[0] = sip_finish (&s);
  s.b ^= 0xdd;
  tag.word[1] = sip_finish (&s);
  return tag;
}

/* ---- The table ----------------------------------------------------------- */

static int32_t
tag_equal (const struct recall_tag *a, const struct recall_tag *b)
{
  return ((a->word[0] ^ b->word[0]) | (a->word[1] ^ b->word[1])) == 0;
}

static uint64_t
key_place (const struct index *index, uint32_t number)
{
  uint64_t place;
  memcpy (&place, key_at (index, number)->hash, sizeof place);
  return place;
}

struct recall *
recall_create (void)
{
  struct recall *recall = aligned_alloc (_Alignof(struct recall), sizeof *recall);
  if (recall)
    memset (recall, 0, sizeof *recall);
  return recall;
}

void
recall_destroy (struct recall *recall)
{
  free (recall);
}

const struct recall_entry *
recall_find (const struct recall *recall, const struct index *index, const struct recall_tag *tag)
{
  const struct recall_entry *e = recall ? recall->entry[tag->word[0] % RECALL_SETS] : NULL, *end;
  for (end = e + RECALL_WAYS; e && e < end; e++)
    if (e->number && tag_equal (&e->tag, tag))
      /* the record may be another key's by now */
      return index_current (index, e->number) && key_place (index, e->number) == e->place ? e
                                                                                           : NULL;
  return NULL;
}

void
recall_keep (struct recall *recall, const struct index *index, const struct recall_tag *tag,
             uint32_t number, const char id[TEXT_UUID])
{
  struct recall_entry *e = recall ? recall->entry[tag->word[0] % RECALL_SETS] : NULL;
  if (!e)
    return;
  if (!tag_equal (&e->tag, tag))
    e[1] = e[0];
  e->tag = *tag;
  e->number = number;
  e->place = key_place (index, number);
  memcpy (e->id, id, sizeof e->id);
}
