/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Specs: nodes that are described in a text, Markdown with a front matter, instead of a
 * program.  The text lies in a file of the folder `spec_dir`, for all tenants, or in the
 * member "spec" of a node's state, for the tenant whose node it is.
 *
 *   spec_front.c     lines of the front matter, a small subset of YAML
 *   spec_parse.c     what it says
 *   spec_read.c      the whole text
 *   spec_template.c  texts with {{holes}}
 *   spec.c           what a node of that kind does
 *   spec_files.c     the folder
 *   spec_index.c     which nodes of which tenant are specs
 *   spec_tenant.c    a tenant's spec as an entry
 *   spec_uses.c      how often they were used, and how well
 *
 * A text is parsed into memory that the caller gives, and nothing is freed: at start of the
 * plugin's, in a call of the request's. */
#ifndef AGENTESE_SPEC_H
#define AGENTESE_SPEC_H

#include "plugins/agentese/agentese.h"
#include "plugins/agentese/state.h"

#define AG_SPEC_MAX 32768     /* bytes of a text */
#define AG_SPEC_ASPECTS 32    /* of one spec */
#define AG_SPEC_WHOM 16       /* archetypes that one spec names */
#define AG_SPEC_HOLES 128     /* in all texts of one spec */
#define AG_SPEC_RESULT 262144 /* bytes of what a text becomes */

/* What is wrong with a text. */
struct ag_spec_error {
  uint32_t line;    /* from 1 on */
  const char *what; /* a sentence without point */
  const char *fix;  /* the same; NULL: nothing to say */
  kg_str shown;     /* of the text, or empty */
};

/* What an aspect does. */
enum ag_spec_does {
  AG_SPEC_TEXT,   /* answers with its text */
  AG_SPEC_PROMPT, /* asks a language model with it */
  AG_SPEC_NOTE    /* notes that it was invoked, and applies changes */
};

/* A place in a text that a value takes. */
struct ag_spec_hole {
  const char *name;
  uint32_t from, to;   /* where in the text the default lies, as JSON */
  int32_t has_default; /* 0: what lies there is a placeholder */
  int32_t in_string;   /* 0: a JSON value stands there by itself */
  uint32_t line;
};

/* A text, compiled: `json` is valid JSON with defaults in the holes. */
struct ag_spec_text {
  kg_str json; /* ptr NULL: there is none */
  struct ag_spec_hole *hole; /* of the spec's */
  uint32_t nholes;
  uint32_t line;
};

struct ag_spec_aspect {
  const char *name;
  uint32_t line; /* that names it first */
  int32_t does, category;
  const char *summary, *input, *output; /* NULL: not said */
  const char *holes;                    /* a schema that names its holes; NULL: there are none */
  struct ag_cost cost;
  uint32_t said;  /* bits of what the front matter said of it */
  int32_t priced; /* some cost is said */
  struct ag_spec_text text;
  const char *whom[AG_SPEC_WHOM + 1]; /* to whom it is offered; ends in NULL */
  uint32_t nwhom;
  int32_t to_any; /* offered to everybody */
};

struct ag_spec {
  const char *summary;       /* NULL: not said */
  struct ag_spec_text about; /* what manifest shows */
  const char *whom[AG_SPEC_WHOM];
  uint32_t whom_line[AG_SPEC_WHOM];
  uint32_t nwhom, naspects, nholes;
  uint64_t mark; /* a hash of the text: whether it is still the same */
  struct ag_spec_aspect aspect[AG_SPEC_ASPECTS];
  struct ag_spec_hole hole[AG_SPEC_HOLES];
};

/* ---- The front matter --------------------------------------------------------------- */

/* A text under way, and the memory that is left. */
struct ag_spec_parse {
  kg_str text;
  size_t at; /* of the next line */
  uint32_t line;
  char *mem;
  size_t left;
  struct ag_spec *spec;
  struct ag_spec_error *err;
};

enum ag_front_kind { AG_FRONT_NONE, AG_FRONT_TEXT, AG_FRONT_LIST, AG_FRONT_JSON };

/* A line `key: value`, indented by two blanks per level. */
struct ag_front_line {
  uint32_t level;
  const char *key;
  int32_t kind;
  kg_str value; /* a text without its quotes; a list without brackets; JSON; ends in NUL */
};

/* The next line of the text without its end: 1, or 0 behind the last. */
int32_t ag_spec_line (struct ag_spec_parse *p, kg_str *ret);

/* The next line of the front matter: 1; 0 behind its end; -EINVAL. */
int32_t ag_front_next (struct ag_spec_parse *p, struct ag_front_line *ret);

/* Cuts the next name off a list: 1; 0 at its end; -EINVAL. */
int32_t ag_front_name (struct ag_spec_parse *p, kg_str *list, const char **ret);

/* Says what is wrong, here or in another line; -EINVAL. */
int32_t ag_spec_wrong (struct ag_spec_parse *p, kg_str shown, const char *what, const char *fix);
int32_t ag_spec_wrong_at (struct ag_spec_parse *p, uint32_t line, kg_str shown, const char *what,
                          const char *fix);

/* Memory, aligned; NULL when none is left. */
void *ag_spec_take (struct ag_spec_parse *p, size_t size);
const char *ag_spec_copy (struct ag_spec_parse *p, kg_str s);

/* ---- Texts ------------------------------------------------------------------------------ */

/* Compiles a section whose first line is `line`.  0, -EINVAL, -ENOMEM. */
int32_t ag_spec_text_parse (struct ag_spec_parse *p, kg_str section, uint32_t line,
                            struct ag_spec_text *ret);

/* Whether a name stands for something that every call has. */
int32_t ag_spec_is_given (const char *name);

/* ---- spec_parse.c ------------------------------------------------------------------------------ */

/* Reads the front matter, up to its end.  0, -EINVAL, -ENOMEM. */
int32_t ag_spec_front (struct ag_spec_parse *p);

struct ag_spec_aspect *ag_spec_aspect_find (struct ag_spec *spec, kg_str name);

/* ---- A text as a whole --------------------------------------------------------------------- */

/* How much memory a text of that length takes at most. */
size_t ag_spec_size (size_t len);

/* Parses a text into `mem`, of ag_spec_size bytes, which it points into.  Whether what the
 * texts are is JSON is left to the caller: those of ag_spec_json.  0; -EINVAL with *err;
 * -ENOMEM. */
int32_t ag_spec_read (kg_str text, void *mem, size_t size, struct ag_spec **ret,
                      struct ag_spec_error *err);

/* Whether it begins as a spec does. */
int32_t ag_spec_begins (kg_str text);

/* The JSON texts to be checked, from 0 on; the line of each; 0 behind the last. */
int32_t ag_spec_json (const struct ag_spec *spec, uint32_t i, kg_str *ret, uint32_t *ret_line);

/* Makes the aspects of a spec, with room for naspects + 2 at least. */
void ag_spec_aspects (struct ag_spec *spec, struct ag_aspect *ret);

/* A sentence that tells an error; returns out. */
const char *ag_spec_error_text (const struct ag_spec_error *err, char *out, size_t size);

/* ---- spec_files.c ------------------------------------------------------------------------- */

/* Reads the folder and registers a holon for each file; frees them, in close. */
int32_t ag_specs_open (struct ag *ag);
void ag_specs_close (struct ag *ag);

#endif
