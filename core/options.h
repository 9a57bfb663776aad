/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The command line of kgentd, and its exit codes. */
#ifndef CORE_OPTIONS_H
#define CORE_OPTIONS_H

#include <stdint.h>

/* As in <sysexits.h>. */
#define EXIT_USAGE    64 /* the command line                                */
#define EXIT_SOFTWARE 70 /* a plugin refused to open or start                */
#define EXIT_OS       71 /* no memory, thread, descriptor                    */
#define EXIT_CREATE   73 /* the state folder, a socket file                  */
#define EXIT_BUSY     75 /* address or state folder in use: try again later  */
#define EXIT_CONFIG   78

#define OPTIONS_RUN   0
#define OPTIONS_CHECK 1 /* -t */
#define OPTIONS_PRINT 2 /* -T */
#define OPTIONS_DUMP  3 /* --dump-plugin */
#define OPTIONS_DONE  4 /* --help, --version: was printed */

#define OVERRIDES_MAX 64

struct options {
  int32_t mode;            /* OPTIONS_RUN ... */
  const char *file;        /* of the configuration */
  const char *overrides[OVERRIDES_MAX];
  uint32_t noverrides;
  const char *plugin_dir;  /* NULL: not given */
  const char *dump;        /* the plugin to dump; "core": the host's own options */
  int32_t mdoc;            /* dump it as mdoc(7) */
  char *const *argv;       /* for a successor */
};

/* Reads the command line; `argv` must outlive the options.  0, or an exit code
 * after a message on standard error. */
int32_t options_parse (int argc, char **argv, struct options *ret);

/* The version of this program. */
const char *options_version (void);

#endif
