/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Tenants: whom usage is charged to, and who may be cut off.
 *
 * A tenant in memory lives as long as the plugin, from the first time that its
 * id is heard of, whether or not it has a record; so keys point at theirs, and a
 * change of the record is in force for all of them at once. */
#ifndef AUTH_TENANT_H
#define AUTH_TENANT_H

#include "plugins/auth/epoch.h"
#include "plugins/auth/numbers.h"
#include "plugins/auth/plan.h"
#include "plugins/auth/text.h"

#define TENANT_TEXT     128   /* bytes of a name or a slug */
#define TENANT_METADATA 4096  /* bytes of metadata, as JSON */
#define TENANT_JSON     16384 /* bytes that a stored tenant never exceeds */

enum tenant_status {
  TENANT_UNKNOWN, /* has no record: nothing is limited, nobody is refused */
  TENANT_ACTIVE,
  TENANT_PAST_DUE, /* is served; the grace is the payer's business */
  TENANT_SUSPENDED,
  TENANT_CANCELED,
};

/* "active", "past_due", ...; NULL for TENANT_UNKNOWN. */
const char *tenant_status_name (enum tenant_status status);

/* "billing" or "manual": who sets the tier. */
const char *tenant_source_name (int32_t manual);

/* TENANT_UNKNOWN for any other text. */
enum tenant_status tenant_status_find (const char *name);

/* ---- The record ---------------------------------------------------------- */

/* A tenant as it is stored.  The texts belong to whoever fills it. */
struct tenant_spec {
  const char *id;   /* a UUID */
  const char *name, *slug; /* slug "": none */
  const char *tier;             /* its limits where it has none of its own */
  const char *metadata;         /* a JSON object as text, "{}" */
  enum tenant_status status;
  int32_t anchor_day;           /* of the month, at which its months begin: 1..31 */
  int32_t manual;               /* 1: nobody but the operator sets the tier */
  struct limits limits;         /* -1: the tier's */
  int64_t created_ns, updated_ns; /* since the epoch */
};

/* Reads a stored value and calls fn with it; returns what fn does, or -EINVAL. */
int32_t tenant_read (kg_str json, int32_t (*fn) (const struct tenant_spec *spec, void *arg),
                     void *arg);

/* Writes the members that anybody may see, without braces. */
void tenant_show (struct kg_out *out, const struct tenant_spec *spec);

/* Writes the stored value. */
void tenant_store (struct kg_out *out, const struct tenant_spec *spec);

/* 1 for a slug: a lower-case letter, then letters, digits and "-", at most 63. */
int32_t tenant_slug_ok (const char *slug);

/* ---- In memory ----------------------------------------------------------- */

/* Members behind `number` may change at any time. */
struct tenant {
  uint8_t id[16];
  char text[TEXT_UUID]; /* the same */
  uint32_t number;      /* small, its own, > 0 */
  _Atomic int32_t status; /* enum tenant_status */
  _Atomic int32_t anchor_day;
  const char *_Atomic tier;            /* a text that lives as long; "" without a record */
  const struct limits *_Atomic limits; /* in force, 0: unlimited, of struct numbers; NULL
                                          without a record */
  _Atomic int32_t ended;     /* 1: suspended or canceled, for streams to look at */
  _Atomic uint32_t cell;     /* for whoever counts: of cells_number; 0: not asked for yet */
  _Atomic uint64_t revision; /* of the record; 0: none */
  struct raise raise[RAISES]; /* what grants add to its limits */
  const char *_Atomic slug;  /* "": none; of struct tenant_slug, for readers inside */
};

struct tenant_table;
struct tenant_text;

struct tenants {
  pthread_mutex_t lock; /* whoever changes something, and the members below */
  struct numbers *numbers;
  struct epochs *epochs;
  struct tiers tiers;
  struct tenant_table *_Atomic ids;   /* all */
  struct tenant_table *_Atomic slugs; /* those with a slug; stale ones too */
  struct tenant_table *old;           /* of ids, outgrown, which readers may still be at */
  struct tenant_text *texts;          /* names of tiers that are in no table */
  uint32_t count, slug_count;         /* tenants; those with a slug */
};

/* 0 or -ENOMEM; finish accepts what is zeroed. */
int32_t tenants_init (struct tenants *tenants, const struct tiers *tiers, struct numbers *numbers,
                      struct epochs *epochs);
void tenants_finish (struct tenants *tenants);

/* [any] The tenant with this id; NULL: never heard of.  Takes no lock. */
struct tenant *tenant_find (const struct tenants *tenants, const uint8_t id[16]);

/* [worker, inside] The tenant that has a record with this slug, or NULL. */
struct tenant *tenant_by_slug (const struct tenants *tenants, kg_str slug);

/* [any, not a worker] The same. */
struct tenant *tenant_of_slug (struct tenants *tenants, kg_str slug);

/* [any, not a worker] The tenant with this id, made when there is none; NULL without
 * memory. */
struct tenant *tenant_get (struct tenants *tenants, const uint8_t id[16]);

/* [any, not a worker] Puts a record in force, unless a newer one is; 0; -EINVAL for an
 * id that is no UUID; -ENOMEM. */
int32_t tenant_put (struct tenants *tenants, const struct tenant_spec *spec, uint64_t revision);

/* [any, not a worker] Forgets a record. */
void tenant_remove (struct tenants *tenants, const uint8_t id[16]);

#endif
