/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A look at a configuration's text before libconfig reads it.
 *
 * libconfig 1.5 reads 4294967296 as 0, 0xFFFFFFFF as -1 and 25 digits as the
 * largest int64, all with success; follows an @include of any file; ends the
 * text at a NUL.  The scanner refuses what is wrong, says where and how to mend
 * it, and writes every integer as a 64-bit one, so that any int64 may be
 * written as it is. */
#ifndef CORE_SCAN_H
#define CORE_SCAN_H

#include "core/errors.h"

#include <stddef.h>
#include <stdint.h>

#define SCAN_SIZE_MAX  (1u << 20) /* bytes of one file */
#define SCAN_DEPTH_MAX 32         /* nested groups, lists and arrays */

/* Checks `len` bytes of `file`.  0 and the text for libconfig, malloc'ed and
 * NUL-terminated, with the same lines; -EINVAL with the reasons in `errors`;
 * -ENOMEM. */
int32_t scan_text (const char *file, const char *text, size_t len, char **ret_text,
                   struct errors *errors);

#endif
