/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* kgentctl: the operator's client of the admin API, by default over the host's
 * own socket in the state folder. */
#ifndef CTL_CTL_H
#define CTL_CTL_H

#include <json-c/json.h>

#include <stdint.h>

/* Exit codes; documented in kgentctl(1). */
#define EXIT_OK 0
#define EXIT_REFUSED 1 /* the host answered, and not with success */
#define EXIT_USAGE 2
#define EXIT_CONNECT 3 /* nobody answers */

#define WORDS_MAX 32 /* repeated options, positional arguments */

/* Which options were given, and which a command takes. */
#define GIVEN_NAME 0x001u
#define GIVEN_TENANT 0x002u
#define GIVEN_USER 0x004u
#define GIVEN_TIER 0x008u
#define GIVEN_SCOPE 0x010u
#define GIVEN_ARCHETYPE 0x020u
#define GIVEN_MINUTE 0x040u
#define GIVEN_DAY 0x080u
#define GIVEN_TOKENS 0x100u
#define GIVEN_EXPIRES 0x200u

struct words {
  const char *item[WORDS_MAX];
  uint32_t count;
};

/* The command line. */
struct args {
  const char *state; /* -s DIR */
  const char *url;   /* --url; NULL: the socket in `state` */
  const char *key;   /* --key or KGENT_ADMIN_KEY; NULL: none */
  long timeout_s;
  int json, help, version;
  uint32_t given; /* GIVEN_... */
  const char *name, *tenant, *user, *tier, *expires;
  struct words scopes, archetypes;
  int64_t per_minute, per_day, tokens;
  struct words rest; /* the command and its arguments */
};

/* args.c: 0, or EXIT_USAGE after a message. */
int args_parse (int argc, char **argv, struct args *ret);

/* call.c: what the host answered. */
struct answer {
  long status;       /* HTTP */
  char *text;        /* malloc'ed, NUL-terminated */
  json_object *json; /* NULL when the text is none */
};

/* One request.  `body` may be NULL.  0 for a 2xx; otherwise the exit code after
 * a message on standard error.  Always followed by answer_finish. */
int call (const struct args *a, const char *method, const char *path, json_object *body,
          struct answer *ret);

/* A GET whose answer is text. */
int call_text (const struct args *a, const char *path, struct answer *ret);
void answer_finish (struct answer *answer);

/* show.c */
void complain (const char *fmt, ...) __attribute__ ((format (printf, 1, 2)));
void show_json (json_object *o);

/* A member of an object as text: "" when it is absent or null. */
const char *text_of (json_object *o, const char *name);

/* Rows of equally many cells, printed with aligned columns.  Cells are copied. */
struct grid;
struct grid *grid_create (uint32_t columns);
void grid_add (struct grid *g, const char *cell);
void grid_print (struct grid *g); /* and frees it */

/* A list of texts, joined by commas, into `out`; returns out. */
const char *list_of (json_object *o, const char *name, char *out, size_t size);

/* A command; returns the exit code. */
struct command {
  const char *group; /* "key", or NULL */
  const char *name;
  const char *usage;   /* behind "kgentctl " */
  const char *help;    /* lines */
  const char *summary; /* one line */
  uint32_t options;    /* GIVEN_... that it takes */
  uint32_t min, max;   /* arguments */
  int (*run) (const struct args *a, const struct words *arguments);
};

int top_run (const struct args *a, const struct words *arguments); /* top.c */

extern const struct command key_commands[];  /* key.c; end in a NULL name */
extern const struct command host_commands[]; /* host.c; the same */

#endif
