/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Lists of texts: names to look at, ids that were seen. */
#ifndef BILLING_TEXTS_H
#define BILLING_TEXTS_H

#include <stddef.h>
#include <stdint.h>

/* All zero is an empty one. */
struct texts {
  char **text; /* owned */
  uint32_t count, cap;
};

/* Adds a copy: 0 or -ENOMEM. */
int32_t texts_add (struct texts *t, const char *text, size_t len);

/* In order, each once. */
void texts_sort (struct texts *t);

/* Whether a sorted list has the text. */
int32_t texts_has (const struct texts *t, const char *text);

void texts_free (struct texts *t);

#endif
