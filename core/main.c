/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* kgentd: the host. */
#include "core/boot.h"
#include "core/daemon.h"
#include "core/options.h"

int
main (int argc, char **argv)
{
  struct options options;
  int32_t r = options_parse (argc, argv, &options);
  if (r)
    return r;
  switch (options.mode) {
  case OPTIONS_CHECK:
  case OPTIONS_PRINT:
    return boot_check (&options);
  case OPTIONS_DUMP:
    return boot_dump (&options);
  case OPTIONS_DONE:
    return 0;
  default:
    return daemon_run (&options);
  }
}
