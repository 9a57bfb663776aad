/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/options.h"
#include "core/abi.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#define OPT_DUMP 256
#define OPT_FOLDER 257
#define OPT_MDOC 258

static const struct option longopts[] = {
  { "config", required_argument, NULL, 'c' },
  { "option", required_argument, NULL, 'o' },
  { "test", no_argument, NULL, 't' },
  { "print", no_argument, NULL, 'T' },
  { "dump-plugin", required_argument, NULL, OPT_DUMP },
  { "mdoc", no_argument, NULL, OPT_MDOC },
  { "plugin-dir", required_argument, NULL, OPT_FOLDER },
  { "version", no_argument, NULL, 'V' },
  { "help", no_argument, NULL, 'h' },
  { NULL, 0, NULL, 0 },
};

static const char help[]
    = "Usage: kgentd [-c FILE] [-o BLOCK.KEY=VALUE]... [-t | -T]\n"
      "       kgentd --dump-plugin NAME\n"
      "The host of an agent platform's HTTP API.\n"
      "\n"
      "  -c, --config FILE           the configuration (" KG_CONF_FILE ");\n"
      "                              conf.d/*.conf beside it is merged in name order\n"
      "  -o, --option BLOCK.KEY=VALUE  sets an option over the file's; BLOCK is http, admin,\n"
      "                              store, log, drain or a plugin's name; repeatable\n"
      "  -t, --test                  check the configuration and the plugins, bind nothing\n"
      "  -T, --print                 print the effective configuration, secrets masked\n"
      "      --dump-plugin NAME      print what a plugin is and its options (core: the "
      "host's)\n"
      "      --mdoc                  with --dump-plugin: the options for a manual page\n"
      "      --plugin-dir DIR        where plugins are looked up\n"
      "  -V, --version               print the version and the plugin ABI\n"
      "  -h, --help                  print this\n"
      "\n"
      "Signals: TERM and INT drain and end (twice: end at once), HUP reloads.\n"
      "Exit codes: 0, 64 usage, 70 plugin failed, 71 system, 73 cannot create, 75 in use,\n"
      "78 configuration.  See kgentd(8) and kgentd.conf(5).\n";

static int32_t
refuse (const char *what)
{
  fprintf (stderr, "kgentd: %s; see kgentd --help\n", what);
  return EXIT_USAGE;
}

/* Two of -t, -T and --dump-plugin contradict each other. */
static int32_t
mode_set (struct options *o, int32_t mode)
{
  if (o->mode != OPTIONS_RUN && o->mode != mode)
    return refuse ("only one of -t, -T and --dump-plugin may be given");
  o->mode = mode;
  return 0;
}

static int32_t
option_take (struct options *o, int c)
{
  switch (c) {
  case 'c':
    o->file = optarg;
    return 0;
  case 'o':
    if (o->noverrides == OVERRIDES_MAX)
      return refuse ("too many -o options");
    o->overrides[o->noverrides++] = optarg;
    return 0;
  case 't':
    return mode_set (o, OPTIONS_CHECK);
  case 'T':
    return mode_set (o, OPTIONS_PRINT);
  case OPT_DUMP:
    o->dump = optarg;
    return mode_set (o, OPTIONS_DUMP);
  case OPT_MDOC:
    o->mdoc = 1;
    return 0;
  case OPT_FOLDER:
    o->plugin_dir = optarg;
    return 0;
  case 'V':
    printf ("kgentd %s (plugin ABI %d.%d)\n", KG_VERSION, KG_ABI_CURRENT >> 16,
            KG_ABI_CURRENT & 0xffff);
    o->mode = OPTIONS_DONE;
    return 0;
  case 'h':
    fputs (help, stdout);
    o->mode = OPTIONS_DONE;
    return 0;
  default: /* getopt said what */
    fputs ("kgentd: see kgentd --help\n", stderr);
    return EXIT_USAGE;
  }
}

int32_t
options_parse (int argc, char **argv, struct options *ret)
{
  struct options o = { .file = KG_CONF_FILE, .argv = argv };
  int32_t r = 0;
  int c;
  optind = 0; /* glibc: from the start again */
  while (!r && o.mode != OPTIONS_DONE
         && (c = getopt_long (argc, argv, "+c:o:tTVh", longopts, NULL)) != -1)
    r = option_take (&o, c);
  if (!r && o.mode != OPTIONS_DONE && optind < argc)
    r = refuse ("there are no arguments but options");
  if (!r && o.mdoc && o.mode != OPTIONS_DUMP)
    r = refuse ("--mdoc goes with --dump-plugin");
  if (!r)
    *ret = o;
  return r;
}

const char *
options_version (void)
{
  return KG_VERSION;
}
