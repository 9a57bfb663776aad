/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The command line: general options, a command, its options and arguments. */
#ifndef CTL_ARGS_H
#define CTL_ARGS_H

#include <json-c/json.h>

#include <stdint.h>

#define GIVEN_MAX 64u /* options in one command line; lists count once */

/* What an option's value is, on the command line and in apply's file. */
enum kind {
  KIND_FLAG = 1, /* it has none */
  KIND_TEXT, /* an empty one is none (null) */
  KIND_CHOICE, /* one of the option's choices */
  KIND_WORDS,  /* a comma-separated list; the option can be repeated */
  KIND_NUMBER,
  KIND_LIMIT,  /* a number, "unlimited" (0), or "inherit" (null) */
  KIND_TIME,   /* RFC 3339, how long from now ("30d"), or "never" (null) */
  KIND_SPAN,   /* "24h": seconds */
  KIND_OBJECT, /* a JSON object */
  KIND_SWITCH  /* yes or no */
};

struct option {
  const char *name; /* behind "--" */
  char letter;      /* behind "-"; 0: none */
  enum kind kind;
  const char *value;   /* what the help calls the value; NULL: it has none */
  const char *member;  /* of the request's body, "limits.requests_per_day"; NULL: none */
  const char *choices; /* words for completion, or "@folder", "@file"; NULL: none */
  const char *help;    /* one line, lower case */
};

struct words {
  const char **item;
  uint32_t count;
};

struct given {
  const struct option *option;
  json_object *value; /* NULL is JSON's null */
};

struct command;

/* `key` and what lies behind it point into the command line or the environment. */
struct args {
  const char *state; /* -s DIR */
  const char *url;   /* --url; NULL: the socket in `state` */
  const char *key;   /* --key or KGENT_ADMIN_KEY; NULL: none */
  long timeout_s;
  int key_told;                  /* `key` is from the command line */
  int json, help, version;
  const struct command *command; /* NULL: the words name none */
  struct words words;            /* those of the command as they stand */
  struct words rest;             /* its arguments */
  struct given given[GIVEN_MAX]; /* its options */
  uint32_t count;
};

extern const struct option general_options[]; /* ends in a NULL name */

/* args.c: 0, or EXIT_USAGE after a message.  Always followed by args_finish. */
int args_parse (int argc, char **argv, struct args *ret);
void args_finish (struct args *a);

/* Options of the command, by name.  It is a fault of the program to ask for one that
 * the command doesn't have. */
int args_given (const struct args *a, const char *name);
int args_flag (const struct args *a, const char *name); /* 0 as well when it doesn't have it */
const char *args_text (const struct args *a, const char *name);             /* NULL: not given */
int64_t args_number (const struct args *a, const char *name, int64_t dflt); /* and a span */

/* The body of a request: the members that the given options name. */
json_object *args_body (const struct args *a);

/* Sets `name`, or `outer.inner`; takes the value over. */
void member_put (json_object *o, const char *name, json_object *value);

/* value.c: the value of an option.  0, or EXIT_USAGE after a message that begins with
 * `label`.  A list is joined to the one that *value already is. */
int value_read (const struct option *o, const char *label, const char *text,
                json_object **value);

#endif
