/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A plugin's file: found and verified before any of its code is touched.
 *
 * Whoever can write the file or its folder runs code as us; so both must belong
 * to root or to us and be writable for nobody else, and what was verified is
 * what is loaded: the caller opens /proc/self/fd/N of the descriptor. */
#ifndef CORE_PLUGIN_FILE_H
#define CORE_PLUGIN_FILE_H

#include <stddef.h>
#include <stdint.h>

#define PLUGIN_PATH_MAX 1024 /* bytes, with its NUL */
#define PLUGIN_WHY_MAX  2560 /* bytes of a refusal, with its NUL */

/* The path that `load` means: DIR/auth.so for "auth"; a path (with a slash) as it
 * is, and only inside `dir` unless `anywhere`.  0; or -EINVAL, and what is wrong
 * in `why`. */
int32_t plugin_file_path (const char *load, const char *dir, int anywhere,
                          char path[PLUGIN_PATH_MAX], char why[PLUGIN_WHY_MAX]);

/* Opens and verifies: a descriptor to be kept open (the loader knows the code by
 * its number); or a negative errno, and what is wrong and how to cure it in
 * `why`. */
int plugin_file_open (const char *path, char why[PLUGIN_WHY_MAX]);

#endif
