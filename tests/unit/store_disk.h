/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A VFS of SQLite that remembers what was written since each file was last synced, and makes
 * folders as they might be after a loss of power: of each sector of 512 bytes any of the
 * contents that it had since then, whatever the others have.  So it does with the files that
 * are mapped, of which nothing is ever sure. */
#ifndef TESTS_STORE_DISK_H
#define TESTS_STORE_DISK_H

#include <stdint.h>

/* Makes it the default VFS; once per process. */
void disk_install (void);

/* Remembers what happens to the database in this folder from now on; NULL: nothing. */
void disk_watch (const char *dir);

/* Makes the folder `to`, a state of what is watched as of this moment; the same `seed` takes the
 * same choices. */
void disk_state (const char *to, uint64_t seed);

#endif
