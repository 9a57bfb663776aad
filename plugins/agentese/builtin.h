/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What the built-in rooms share: arguments, texts, numbers and lists of words, all in
 * the request's memory. */
#ifndef AGENTESE_BUILTIN_H
#define AGENTESE_BUILTIN_H

#include "plugins/agentese/state.h"

/* ---- Arguments, whose types the aspect's schema has checked ---------------- */

/* The decoded text, NUL-terminated; { NULL, 0 } without the argument or memory. */
kg_str ag_arg_text (struct ag_call *c, const char *name);

/* The name under which an argument was given: its own, or "input", as a composition hands
 * on what the step before answered. */
static inline const char *
ag_arg_or_input (const struct ag_call *c, const char *name)
{
  return ag_kwarg (c, name) ? name : "input";
}

/* Whether the argument is there and there was no memory for it. */
static inline int32_t
ag_arg_lost (const struct ag_call *c, const char *name, kg_str text)
{
  return !text.ptr && ag_kwarg (c, name);
}

int64_t ag_arg_int (const struct ag_call *c, const char *name, int64_t dflt);
double ag_arg_number (const struct ag_call *c, const char *name, double dflt);
int32_t ag_arg_true (const struct ag_call *c, const char *name, int32_t dflt);

/* The argument as JSON text without blanks; { NULL, 0 } as above. */
kg_str ag_arg_json (struct ag_call *c, const char *name);

/* The observer's name, decoded; { NULL, 0 } without memory. */
kg_str ag_observer_name (struct ag_call *c);

/* ---- Members of a JSON object ---------------------------------------------- */

/* The number of a token; `dflt` for what is none. */
double ag_json_number (const struct kg_json *j, uint32_t i, double dflt);

/* A member's text, decoded; { NULL, 0 } for what is no string. */
kg_str ag_json_member (struct ag_call *c, const struct kg_json *j, uint32_t object,
                       const char *name);

/* Whether it is there, and no string or without memory. */
static inline int32_t
ag_member_lost (const struct kg_json *j, uint32_t object, const char *name, kg_str text)
{
  return !text.ptr && kg_json_find (j, object, name);
}

/* A member that a state is to have; { NULL, 0 }: no longer has. */
struct ag_member {
  const char *name;
  kg_str value; /* JSON text */
};

/* A node's state with `n` members replaced.  0 with *ret; KG_DONE with a 507; -ENOMEM. */
int32_t ag_state_with (struct ag_call *c, const struct ag_node *old, const struct ag_member *m,
                       uint32_t n, kg_str *ret);

/* 0, or KG_DONE with a 507 for a state that is too big. */
int32_t ag_state_fits (struct ag_call *c, size_t bytes);

/* The node's value as it is kept, until the hook returns.  0, -ENOENT. */
int32_t ag_node_text (struct ag_call *c, kg_str handle, kg_str *ret);

/* ---- Writing ------------------------------------------------------------------ */

/* A JSON number with at most four decimals. */
void ag_out_number (struct kg_out *o, double v);

void ag_out_bool (struct kg_out *o, int32_t v);

/* A time as text; null for 0. */
void ag_out_time (struct kg_out *o, int64_t wall_ns);

/* A string in quotes; null for { NULL, 0 }. */
void ag_out_text (struct kg_out *o, kg_str s);

/* A text as JSON string in the request's memory; { NULL, 0 } without memory. */
kg_str ag_json_quoted (struct ag_call *c, kg_str s);

/* When the request arrived, nanoseconds since the epoch. */
int64_t ag_now (const struct ag_call *c);

/* A value as JSON text without blanks and with no more escapes than it needs. */
int32_t ag_out_plain (struct ag_call *c, const struct kg_json *j, uint32_t i, struct kg_out *o);

/* The argument in that form, in the request's memory; { NULL, 0 } as above. */
kg_str ag_arg_plain (struct ag_call *c, const char *name);

/* ---- Words: distinct ones of a text, in lower case ------------------------------ */

#define AG_WORDS_MAX 512 /* distinct ones that are looked at */

struct ag_words {
  uint64_t hash[AG_WORDS_MAX];
  uint32_t distinct, all;
};

/* Adds the words of a text: letters, digits, and all that is not ASCII. */
void ag_words_add (struct ag_words *w, kg_str text);

/* How many distinct words of `w` are in `of`, too. */
uint32_t ag_words_common (const struct ag_words *w, const struct ag_words *of);

/* How many distinct words of `w` occur in a JSON text. */
uint32_t ag_words_found (const struct ag_words *w, kg_str json);

#endif
