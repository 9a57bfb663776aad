/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The grammar of AGENTESE paths: context.holon.part.aspect[clause]@annotation.
 *
 * The parser allocates nothing: what it finds are slices of the text that was
 * given, and an error is a code with a position, from which problem.c makes
 * sentences. */
#ifndef AGENTESE_GRAMMAR_H
#define AGENTESE_GRAMMAR_H

#ifndef KG_ABI_TARGET
#define KG_ABI_TARGET KG_ABI (1, 0)
#endif
#include <kgent/plugin.h>

#define AG_PATH_MAX 256 /* bytes, clauses and annotations included */
#define AG_NAME_MAX 64  /* bytes of a context, holon, part or aspect */

enum ag_context { AG_WORLD, AG_SELF, AG_CONCEPT, AG_VOID, AG_TIME, AG_CONTEXTS };

enum ag_modifier {
  AG_PHASE,
  AG_ENTROPY,
  AG_LAW_CHECK,
  AG_ROLLBACK,
  AG_MINIMAL_OUTPUT,
  AG_SPAN,
  AG_DOT,
  AG_MODIFIERS
};

enum ag_fault {
  AG_FINE,
  AG_INCOMPLETE,      /* fewer than two names */
  AG_TOO_LONG,        /* the text is over AG_PATH_MAX */
  AG_NAME_LONG,       /* a name is over AG_NAME_MAX */
  AG_BAD_CONTEXT,     /* no name at all, as in "World.x" */
  AG_UNKNOWN_CONTEXT, /* a name, but none of the five */
  AG_BAD_HOLON,
  AG_BAD_ASPECT,
  AG_UNEXPECTED,   /* a character that belongs nowhere there */
  AG_UNCLOSED,     /* "[" without "]" */
  AG_EMPTY_CLAUSE, /* "[]" */
  AG_UNKNOWN_MODIFIER,
  AG_NO_VALUE,
  AG_BAD_PHASE,
  AG_BAD_ENTROPY,
  AG_BAD_BOOL,
  AG_BAD_VALUE, /* of span or dot */
  AG_CONFLICT   /* a modifier twice, with different values */
};

/* What is wrong, and where. */
struct ag_error {
  enum ag_fault fault;
  uint32_t at;         /* offset in the text */
  uint32_t annotation; /* 1: it is about an annotation, 0: about a clause */
  kg_str what;         /* the offending slice */
  kg_str modifier;     /* whose value is meant */
};

/* A path; every kg_str lies in `text`. */
struct ag_path {
  kg_str text;                /* as given */
  kg_str base;                /* without clauses and annotations */
  kg_str handle;              /* base without the aspect: names the node */
  kg_str context, aspect;     /* aspect: { NULL, 0 } when there are two names only */
  kg_str rest;                /* handle without "context." */
  int32_t ctx;                /* enum ag_context, -1: unknown */
  uint32_t names;             /* in base */
  uint32_t clauses;           /* 1 << modifier for each one given in brackets */
  uint32_t annotations;       /* the same, given with "@" */
  kg_str value[AG_MODIFIERS]; /* as given; empty for a clause without value */
  double entropy;
  uint32_t flags; /* 1 << modifier for each of law_check, rollback, minimal_output
                     that is true */
};

extern const char *const ag_context_names[AG_CONTEXTS + 1]; /* ends in NULL */
extern const char *const ag_phase_names[];                  /* ends in NULL */
extern const char *const ag_clause_names[];                 /* ends in NULL */
extern const char *const ag_annotation_names[];             /* ends in NULL */

/* Parses one path with at least two names; the last of three or more is the
 * aspect.  0, -EINVAL for a malformed one, -ENOENT for an unknown context. */
int32_t ag_path_parse (kg_str text, struct ag_path *ret, struct ag_error *ret_error);

/* Reads the path as one without aspect: the handle is the whole base. */
void ag_path_whole (struct ag_path *path);

/* Writes the normal form: base, clauses, annotations, each in the order of enum
 * ag_modifier; returns the length, at most `size`, or 0 when it does not fit. */
size_t ag_path_normal (const struct ag_path *path, char *out, size_t size);

/* Whether the text is one name of the grammar. */
int32_t ag_is_name (kg_str text);

/* Cuts the next step of "a >> b >> c" off *rest, whose ptr is NULL behind the last. */
kg_str ag_pipeline_next (kg_str *rest);

/* Splits "a >> b >> c" into at most `max` slices and parses each.  A step that
 * says "Id" has context -1 and an empty base.  Returns the number of steps, or
 * what ag_path_parse answered (the failed step's index is in *ret_step), or
 * -E2BIG for more than `max`. */
int32_t ag_pipeline_parse (kg_str text, struct ag_path *steps, uint32_t max, uint32_t *ret_step,
                           struct ag_error *ret_error);

static inline int32_t
ag_str_is (kg_str s, const char *text)
{
  size_t i;
  for (i = 0; i < s.len; i++)
    if (s.ptr[i] != text[i] || !text[i])
      return 0;
  return !text[s.len];
}

#endif
