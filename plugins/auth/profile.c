/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "plugins/auth/profile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_FIRST 64         /* a power of two */
#define REMOVED     UINT32_MAX /* of a slot: probes go on behind it */

/* How `raw` begins; behind it: the nets, the tier, the scopes, the archetypes. */
struct head {
  struct tenant *tenant;
  const struct limits *limits[2];
  uint32_t ncidrs, nscopes, narchetypes, reserved;
};

/* ---- From a key to what is compared -------------------------------------- */

static uint32_t
list_count (const char *const *list)
{
  uint32_t n = 0;
  while (list[n])
    n++;
  return n;
}

/* Appends texts with their NULs. */
static void
list_add (struct kg_out *out, const char *const *list)
{
  for (; *list; list++)
    kg_out_raw (out, *list, strlen (*list) + 1);
}

static int32_t
cidrs_add (struct kg_out *out, const char *const *list)
{
  struct cidr cidr;
  for (; *list; list++) {
    if (cidr_parse (*list, strlen (*list), &cidr) < 0)
      return -EINVAL;
    kg_out_raw (out, (const char *) &cidr, sizeof cidr);
  }
  return 0;
}

/* The two limits that a key can have; 0 or -ENOMEM. */
static int32_t
limits_make (struct profiles *ps, const struct key_spec *spec, const struct limits *ret[2])
{
  static const struct limits none;
  const struct tier *first = ps->tiers->items, *tier = tier_find (ps->tiers, spec->tier);
  const struct limits *named = *spec->tier ? tier ? &tier->limits : &first->limits : NULL;
  struct limits with = limits_merge (&spec->limits, named ? named : &none);
  struct limits alone = limits_merge (&spec->limits, named ? named : &first->limits);
  ret[0] = numbers_share (ps->numbers, &with);
  ret[1] = numbers_share (ps->numbers, &alone);
  return ret[0] && ret[1] ? 0 : -ENOMEM;
}

/* Fills ps->raw and *ret_size; 0, -EINVAL, -ENOMEM. */
static int32_t
raw_make (struct profiles *ps, const struct key_spec *spec, uint32_t *ret_size)
{
  struct kg_out out = { ps->raw, 0, PROFILE_RAW };
  uint8_t id[16];
  struct head head;
  int32_t rc = text_uuid_read (spec->tenant, strlen (spec->tenant), id);
  memset (&head, 0, sizeof head);
  if (rc == 0)
    rc = limits_make (ps, spec, head.limits);
  if (rc < 0)
    return rc;
  head.tenant = tenant_get (ps->tenants, id);
  if (!head.tenant)
    return -ENOMEM;
  head.ncidrs = list_count (spec->cidrs);
  head.nscopes = list_count (spec->scopes);
  head.narchetypes = list_count (spec->archetypes);
  kg_out_raw (&out, (const char *) &head, sizeof head);
  rc = cidrs_add (&out, spec->cidrs);
  kg_out_raw (&out, spec->tier, strlen (spec->tier) + 1);
  list_add (&out, spec->scopes);
  list_add (&out, spec->archetypes);
  *ret_size = (uint32_t) out.len;
  return rc == 0 && !kg_out_ok (&out) ? -EINVAL : rc;
}

static uint64_t
raw_hash (const char *p, size_t len)
{
  uint64_t h = 14695981039346656037u, word;
  for (; len >= sizeof word; p += sizeof word, len -= sizeof word) {
    memcpy (&word, p, sizeof word);
    h = (h ^ word) * 0x9e3779b97f4a7c15u;
    h ^= h >> 29;
  }
  while (len--)
    h = (h ^ (uint8_t) *p++) * 1099511628211u;
  return h ^ h >> 32;
}

/* ---- The profile --------------------------------------------------------- */

/* The pointers of a list of `n` texts that begin at *text, which is moved behind them. */
static const char *const *
list_point (const char ***at, uint32_t n, const char **text)
{
  const char **list = *at;
  uint32_t i;
  for (i = 0; i < n; i++) {
    list[i] = *text;
    *text += strlen (*text) + 1;
  }
  list[n] = NULL;
  *at += n + 1;
  return list;
}

/* The scopes that a role leaves of them: the same list when it leaves all. */
static const char *const *
list_filter (const char ***at, const char *const *all, enum role role)
{
  const char **list = *at;
  uint32_t i, n = 0;
  for (i = 0; all[i]; i++)
    if (role_allows (role, all[i]))
      list[n++] = all[i];
  if (n == i)
    return all;
  list[n] = NULL;
  *at += n + 1;
  return list;
}

static void
profile_point (struct profile *p, const char **at)
{
  const struct head *head = (const struct head *) (const void *) p->raw;
  const char *text = p->raw + sizeof *head;
  int role;
  p->tenant = head->tenant;
  p->limits[0] = head->limits[0];
  p->limits[1] = head->limits[1];
  p->ncidrs = head->ncidrs;
  p->cidrs = (const struct cidr *) (const void *) text;
  text += p->ncidrs * sizeof *p->cidrs;
  p->tier = *text ? text : NULL;
  text += strlen (text) + 1;
  p->scopes[ROLE_ANY] = list_point (&at, head->nscopes, &text);
  p->archetypes = list_point (&at, head->narchetypes, &text);
  for (role = ROLE_ANY + 1; role < ROLES; role++)
    p->scopes[role] = list_filter (&at, p->scopes[ROLE_ANY], (enum role) role);
}

/* One block: the profile, the pointers of its lists, what it was made of. */
static struct profile *
profile_create (const struct profiles *ps, uint32_t size, uint64_t hash)
{
  const struct head *head = (const struct head *) (const void *) ps->raw;
  size_t pointers = 3 * ((size_t) head->nscopes + 1) + head->narchetypes + 1;
  struct profile *p = malloc (sizeof *p + pointers * sizeof (char *) + size);
  char *raw;
  if (!p)
    return NULL;
  memset (p, 0, sizeof *p);
  raw = (char *) (p + 1) + pointers * sizeof (char *);
  p->raw = memcpy (raw, ps->raw, size);
  p->size = size;
  p->hash = hash;
  p->refs = 1;
  profile_point (p, (const char **) (void *) (p + 1));
  return p;
}

/* ---- The table ----------------------------------------------------------- */

static struct profile *
live_at (const struct profiles *ps, uint32_t number)
{
  return atomic_load_explicit (&ps->chunk[number / PROFILE_CHUNK][number % PROFILE_CHUNK],
                               memory_order_relaxed);
}

/* Makes room for one more, and leaves removed ones behind. */
static int32_t
table_reserve (struct profiles *ps)
{
  uint64_t slots = SLOTS_FIRST, mask = ps->mask, i, place;
  uint32_t *old = ps->table, *table;
  if (old && (ps->filled + 1) * 2 <= mask + 1)
    return 0;
  while (slots < ((uint64_t) ps->live + 1) * 3)
    slots *= 2;
  table = calloc (slots, sizeof *table);
  if (!table)
    return -ENOMEM;
  for (i = 0; old && i <= mask; i++) {
    if (!old[i] || old[i] == REMOVED)
      continue;
    for (place = live_at (ps, old[i])->hash; table[place & (slots - 1)];)
      place++;
    table[place & (slots - 1)] = old[i];
  }
  free (old);
  ps->table = table;
  ps->mask = slots - 1;
  ps->filled = ps->live;
  return 0;
}

/* The slot of the profile that ps->raw makes, or the empty one where it would go. */
static uint32_t *
slot_find (const struct profiles *ps, uint32_t size, uint64_t hash)
{
  uint64_t i;
  for (i = hash;; i++) {
    uint32_t n = ps->table[i & ps->mask];
    const struct profile *p = n && n != REMOVED ? live_at (ps, n) : NULL;
    if (!n || (p && p->hash == hash && p->size == size && !memcmp (p->raw, ps->raw, size)))
      return &ps->table[i & ps->mask];
  }
}

static uint32_t *
slot_of (const struct profiles *ps, const struct profile *p)
{
  uint64_t i = p->hash;
  while (ps->table[i & ps->mask] != p->number)
    i++;
  return &ps->table[i & ps->mask];
}

/* ---- Numbers ------------------------------------------------------------- */

/* Room to give every number back. */
static int32_t
unused_reserve (struct profiles *ps)
{
  uint32_t room = ps->unused_room ? ps->unused_room * 2 : 64, *p;
  if (ps->count < ps->unused_room)
    return 0;
  p = realloc (ps->unused, room * sizeof *p);
  if (!p)
    return -ENOMEM;
  ps->unused = p;
  ps->unused_room = room;
  return 0;
}

/* A number, > 0; 0 without memory. */
static uint32_t
number_take (struct profiles *ps)
{
  uint32_t n = ps->count + 1;
  struct profile *_Atomic **chunk;
  if (ps->unused_count)
    return ps->unused[--ps->unused_count];
  if (n / PROFILE_CHUNK == PROFILE_CHUNKS || unused_reserve (ps) < 0)
    return 0;
  chunk = &ps->chunk[n / PROFILE_CHUNK];
  if (!*chunk && !(*chunk = calloc (PROFILE_CHUNK, sizeof **chunk)))
    return 0;
  return ps->count = n;
}

static uint32_t
profile_make (struct profiles *ps, uint32_t size, uint64_t hash)
{
  uint32_t n = number_take (ps);
  struct profile *p = n ? profile_create (ps, size, hash) : NULL;
  if (!p) {
    if (n)
      ps->unused[ps->unused_count++] = n;
    return 0;
  }
  p->number = n;
  atomic_store_explicit (&ps->chunk[n / PROFILE_CHUNK][n % PROFILE_CHUNK], p, memory_order_release);
  ps->live++;
  return n;
}

/* ---- Public functions ---------------------------------------------------- */

int32_t
profiles_init (struct profiles *ps, struct tenants *tenants, struct numbers *numbers)
{
  memset (ps, 0, sizeof *ps);
  ps->tenants = tenants;
  ps->numbers = numbers;
  ps->tiers = &tenants->tiers;
  ps->raw = malloc (PROFILE_RAW);
  return ps->raw ? table_reserve (ps) : -ENOMEM;
}

void
profiles_finish (struct profiles *ps)
{
  uint32_t i;
  for (i = 1; i <= ps->count; i++)
    free (live_at (ps, i));
  for (i = 0; i < PROFILE_CHUNKS && ps->chunk[i]; i++)
    free (ps->chunk[i]);
  free (ps->table);
  free (ps->unused);
  free (ps->raw);
  memset (ps, 0, sizeof *ps);
}

int32_t
profile_get (struct profiles *ps, const struct key_spec *spec, uint32_t *ret)
{
  uint32_t size = 0, *slot;
  uint64_t hash;
  int32_t rc = raw_make (ps, spec, &size);
  if (rc == 0)
    rc = table_reserve (ps);
  if (rc < 0)
    return rc;
  hash = raw_hash (ps->raw, size);
  slot = slot_find (ps, size, hash);
  if (*slot) {
    live_at (ps, *slot)->refs++;
    *ret = *slot;
    return 0;
  }
  *ret = *slot = profile_make (ps, size, hash);
  if (!*slot)
    return -ENOMEM;
  ps->filled++;
  return 0;
}

void
profile_drop (struct profiles *ps, uint32_t number)
{
  struct profile *p = live_at (ps, number);
  if (--p->refs)
    return;
  *slot_of (ps, p) = REMOVED;
  atomic_store_explicit (&ps->chunk[number / PROFILE_CHUNK][number % PROFILE_CHUNK], NULL,
                         memory_order_relaxed);
  ps->unused[ps->unused_count++] = number;
  ps->live--;
  free (p);
}
