/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* application/x-www-form-urlencoded text, as Stripe's API takes it. */
#ifndef BILLING_FORM_H
#define BILLING_FORM_H

#include <stddef.h>
#include <stdint.h>

/* A text that grows; owned.  Starts as { 0 }; once it has failed it stays so. */
struct form {
  char *ptr; /* NUL-terminated, or NULL while there is nothing */
  size_t len, cap;
  int32_t failed; /* 1: there was no memory */
};

/* Adds "name=value", both encoded; a value of NULL adds nothing. */
void form_add (struct form *f, const char *name, const char *value);
void form_add_int (struct form *f, const char *name, int64_t value);

void form_free (struct form *f);

#endif
