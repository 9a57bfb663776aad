/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* kgentctl: the operator's client of the admin API, by default over the host's
 * own socket in the state folder.
 *
 * A command is a row of a table: its words, what it says about itself, the tables
 * of its options, and the function that does it.  Parsing, help, completion and
 * the bodies of requests are made from these rows. */
#ifndef CTL_CTL_H
#define CTL_CTL_H

#include "ctl/args.h"
#include "ctl/call.h"
#include "ctl/show.h"

/* Exit codes; documented in kgentctl(1). */
#define EXIT_OK 0
#define EXIT_REFUSED 1 /* the host refused, or what was asked about isn't so */
#define EXIT_USAGE 2   /* a wrong command line, or a wrong file */
#define EXIT_CONNECT 3 /* nobody answers */
#define EXIT_LIMIT 4   /* nothing is left: of a limit, a budget, a pool, or of room */
#define EXIT_FAILED 5  /* the host, or an agent behind it, failed */
#define EXIT_UNKNOWN 6 /* what was asked about is not kept any more */

#define OPTION_TABLES 4 /* per command, with the NULL at the end */
#define ANY_NUMBER 1000000u

/* A command; `run` returns the exit code. */
struct command {
  const char *name;      /* "health", "key new" */
  const char *arguments; /* "NAME", "ID..."; "" */
  const char *summary;   /* one line, lower case */
  const char *help;      /* lines */
  const struct option *options[OPTION_TABLES];
  uint32_t min, max; /* arguments */
  int (*run) (const struct args *a);
};

/* Each table ends in a NULL name. */
extern const struct command *const command_tables[]; /* main.c; ends in NULL */
extern const struct command init_commands[];         /* key.c */
extern const struct command tenant_commands[];       /* tenant.c */
extern const struct command user_commands[];         /* user.c */
extern const struct command key_commands[];          /* key.c */
extern const struct command policy_commands[];       /* policy.c: limits, explain */
extern const struct command audit_commands[];        /* audit.c */
extern const struct command usage_commands[];        /* usage.c */
extern const struct command apply_commands[];        /* apply.c */
extern const struct command host_commands[];         /* host.c */
extern const struct command agentese_commands[];     /* invoke.c: and paths, trace */
extern const struct command receipt_commands[];      /* receipt.c */
extern const struct command meter_commands[];        /* meter.c */
extern const struct command grant_commands[];        /* grant.c */
extern const struct command billing_reconcile_commands[]; /* billing_reconcile.c */
extern const struct command billing_commands[];      /* billing.c */
extern const struct option store_verify_options[];   /* verify_run.c, of "verify" */
int store_verify (const struct args *args);
extern const struct command verify_commands[];       /* verify_run.c */
extern const struct command completion_commands[];   /* completion.c */

/* Options that several commands take, or that are members of apply's file.  What
 * is "fixed" can be set when the object is made, and not later. */
extern const struct option limit_options[];
extern const struct option tenant_fixed[], tenant_options[];
extern const struct option user_fixed[], user_options[];
extern const struct option key_fixed[], key_options[];

/* One call of `each` for every row of the command tables, in order. */
const struct command *command_next (const struct command *c);

/* The command of exactly these words ("key", "new"; `second` may be NULL), or NULL. */
const struct command *command_find (const char *first, const char *second);

/* Whether two-word commands begin with the word. */
int command_group (const char *first);

/* help.c */
void help_overview (void);
void help_group (const char *group);
void help_command (const struct command *c);

int audit_verify (const struct args *a);   /* verify.c */
int top_run (const struct args *a);        /* top.c */
int complete_paths (const struct args *a);  /* complete.c */
int complete_kwargs (const struct args *a); /* complete.c */

#endif
