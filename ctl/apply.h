/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* apply: a file says what tenants, users and keys there should be; the difference to
 * what there is becomes requests.
 *
 *   file.c   the file                 -> wishes
 *   state.c  the host's lists         -> what there is, found by name
 *   plan.c   wishes and what there is -> changes
 *   apply.c  shows the changes, and makes them */
#ifndef CTL_APPLY_H
#define CTL_APPLY_H

#include "ctl/ctl.h"

/* In the order in which they are made; they are removed the other way round. */
enum object { OBJECT_TENANT, OBJECT_USER, OBJECT_KEY };
#define OBJECTS 3

struct object_kind {
  const char *list;             /* in the file and in answers: "tenants" */
  const char *word;             /* "tenant" */
  const char *path;             /* of its routes */
  const char *name;             /* the member that a file's entry is found by */
  const char *removed;          /* what --prune does to it */
  const struct option *fixed;   /* members that only a new one can be given */
  const struct option *options; /* members that can be changed */
  int limits;                   /* whether it has the limits too */
};

extern const struct object_kind object_kinds[OBJECTS]; /* file.c */

/* ---- The file ----------------------------------------------------------------------- */

/* One entry; members are named and formed as in the API. */
struct wish {
  enum object object;
  int line;
  const char *file; /* where it stands, included files too */
  json_object *members;
};

struct wishes {
  struct wish *item;
  size_t count;
  int listed[OBJECTS]; /* the file has such a list, maybe an empty one */
  char **files;        /* names that `file` points to */
  size_t file_count;
};

/* 0, or EXIT_USAGE after messages with FILE:LINE.  "-" is standard input.  Always
 * followed by file_finish. */
int file_read (const char *path, struct wishes *ret);
void file_finish (struct wishes *w);

/* ---- What there is -------------------------------------------------------------------- */

struct state {
  json_object *lists[OBJECTS]; /* arrays; NULL: not asked for */
  json_object *found[OBJECTS]; /* by name: arrays of items */
  json_object *tenant_ids;     /* by slug and by id */
  json_object *tenant_slugs;   /* by id */
};

/* The lists that the wishes need; all of what can be pruned when `prune`. */
int state_fetch (const struct args *a, const struct wishes *w, int prune, struct state *ret);
void state_finish (struct state *s);

/* The id of a tenant by its id or slug; NULL (no text) is the default one.  NULL when
 * there is none. */
const char *state_tenant (const struct state *s, const char *text);

/* The items that have the name: for a key its tenant's id, a slash, and its name. */
json_object *state_find (const struct state *s, enum object object, const char *name);

/* Whether a key counts: it isn't revoked, nor rotated away. */
int key_counts (json_object *key);

/* ---- Changes ----------------------------------------------------------------------------- */

enum action { ACTION_MAKE, ACTION_CHANGE, ACTION_REMOVE };

struct change {
  enum action action;
  enum object object;
  const struct wish *wish; /* NULL: it is removed */
  char *label;             /* "acme", "acme/ci" */
  char *id;                /* of what is changed or removed; NULL: a new one */
  json_object *diff;       /* as diff_make has it */
  json_object *body;       /* of the request; NULL: it has none */
};

struct plan {
  struct change *item;
  size_t count;
  size_t same; /* wishes that are fulfilled */
};

/* 0, or EXIT_USAGE after messages with FILE:LINE.  Always followed by plan_finish. */
int plan_make (const struct wishes *w, const struct state *s, int prune, struct plan *ret);
void plan_finish (struct plan *p);

#endif
