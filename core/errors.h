/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Complaints to the operator, collected so that one run shows all of them.
 *
 * A message is `file:line: what; how to fix`. */
#ifndef CORE_ERRORS_H
#define CORE_ERRORS_H

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#define ERRORS_MAX 20 /* kept; the rest is counted */

/* Where something was written.  The file name is owned by the configuration. */
struct conf_where {
  const char *file; /* NULL: nowhere in particular */
  uint32_t line;    /* 0: the file, or the -o option, as a whole */
};

struct errors {
  char *text[ERRORS_MAX];
  uint32_t count; /* all of them, those that were not kept too */
};

void errors_init (struct errors *e);

/* Frees the messages. */
void errors_finish (struct errors *e);

/* Adds a message.  The same one twice is kept once. */
void errors_add (struct errors *e, struct conf_where where, const char *fmt, ...)
    __attribute__ ((format (printf, 3, 4)));
void errors_vadd (struct errors *e, struct conf_where where, const char *fmt, va_list ap)
    __attribute__ ((format (printf, 3, 0)));

/* Prints `PROGRAM: message` lines, and how many more there are. */
void errors_print (const struct errors *e, FILE *out, const char *program);

#endif
