/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Requests to the host. */
#ifndef CTL_CALL_H
#define CTL_CALL_H

#include "ctl/args.h"

#include <stddef.h>

/* The path and query of a request. */
struct path {
  char text[4096];
  size_t len;
  int asked; /* there is a '?' */
};

/* path.c.  What isn't plain is percent-encoded.  path_id adds a part of the path; it
 * returns EXIT_USAGE after a message when the text can be no id, else 0. */
void path_start (struct path *p, const char *text);
void path_add (struct path *p, const char *text); /* as it is */
int path_id (struct path *p, const char *what, const char *id);
void path_query (struct path *p, const char *name, const char *value); /* NULL: nothing */
void path_query_number (struct path *p, const char *name, int64_t value);

/* What the host answered. */
struct answer {
  long status;       /* HTTP */
  char *text;        /* malloc'ed, NUL-terminated */
  json_object *json; /* NULL when the text is none */
};

/* call.c.  One request, whose answer is JSON.  `body` may be NULL.  0 for a 2xx;
 * otherwise the exit code after a message on standard error.  Always followed by
 * answer_finish. */
int call (const struct args *a, const char *method, const char *path, json_object *body,
          struct answer *ret);

/* A GET whose answer is text. */
int call_text (const struct args *a, const char *path, struct answer *ret);

/* As call, but an answer that isn't 2xx is 0 too: the caller looks at its status, and
 * may have call_refused tell of it. */
int call_try (const struct args *a, const char *method, const char *path, json_object *body,
              struct answer *ret);
int call_refused (const struct args *a, const char *method, const char *path,
                  const struct answer *answer);
void answer_finish (struct answer *answer);

/* pages.c: all of a list that is answered in pages, {"NAME":[...],"next":...}, or what
 * stands behind `after` (NULL: from the beginning).  `each` gets the items of a page, and
 * the page; it returns 0 to go on, PAGES_ENOUGH, or the exit code of a failure. */
#define PAGES_ENOUGH (-1)
typedef int pages_fn (json_object *items, json_object *page, void *arg);
int pages_each (const struct args *a, const struct path *path, const char *name,
                const char *after, pages_fn *each, void *arg);

/* Adds all items to an array. */
int pages_add (const struct args *a, const struct path *path, const char *name,
               json_object *array);

#endif
