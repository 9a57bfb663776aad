/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Finds the command, and tells how to use them. */

#include "ctl/ctl.h"

#include <curl/curl.h>

#include <stdio.h>
#include <string.h>

static const struct command *const groups[] = { key_commands, host_commands };

#define GROUPS (sizeof groups / sizeof groups[0])

static void
general_options (FILE *out)
{
  fputs ("\nOptions for all commands:\n"
         "  -s, --state DIR      the host's state folder, where its socket is\n"
         "                       [$KGENT_STATE, or " KG_STATE_DIR "]\n"
         "  -u, --url URL        the admin listener instead: http://127.0.0.1:8001\n"
         "  -k, --key KEY        a key with scope admin, for --url [$KGENT_ADMIN_KEY]\n"
         "  -t, --timeout S      seconds to wait for an answer [30]\n"
         "  -j, --json           print JSON\n"
         "  -h, --help           this text; behind a command, that command's\n"
         "  -V, --version        the version of kgentctl\n"
         "\nExit codes: 0 done, 1 the host refused, 2 wrong usage, 3 no host answers.\n",
         out);
}

static void
overview (FILE *out)
{
  const struct command *c;
  size_t g;
  fputs ("Usage: kgentctl [OPTION]... COMMAND [ARGUMENT]...\n\nCommands:\n", out);
  for (g = 0; g < GROUPS; g++)
    for (c = groups[g]; c->name; c++) {
      char name[64];
      snprintf (name, sizeof name, "%s%s%s", c->group ? c->group : "", c->group ? " " : "",
                c->name);
      fprintf (out, "  %-20s %s\n", name, c->summary);
    }
  general_options (out);
}

/* The command that the words name, and how many of them do; NULL: none. */
static const struct command *
command_find (const struct words *w, uint32_t *ret_used)
{
  const struct command *c;
  size_t g;
  for (g = 0; g < GROUPS; g++)
    for (c = groups[g]; c->name; c++) {
      const char *first = c->group ? c->group : c->name;
      if (w->count < 1 || strcmp (w->item[0], first))
        continue;
      *ret_used = c->group ? 2 : 1;
      if (!c->group || (w->count >= 2 && !strcmp (w->item[1], c->name)))
        return c;
    }
  return NULL;
}

static int
unknown (const struct words *w)
{
  if (!w->count)
    complain ("which command? see kgentctl --help");
  else if (!strcmp (w->item[0], "key"))
    complain ("key: new, list or revoke? see kgentctl --help");
  else
    complain ("no command '%s'; see kgentctl --help", w->item[0]);
  return EXIT_USAGE;
}

static int
command_help (const struct command *c)
{
  printf ("Usage: kgentctl %s\n\n%s", c->usage, c->help);
  general_options (stdout);
  return EXIT_OK;
}

static int
command_run (const struct command *c, const struct args *a, uint32_t used)
{
  struct words rest = { .count = a->rest.count - used };
  memcpy (rest.item, a->rest.item + used, rest.count * sizeof rest.item[0]);
  if (a->given & ~c->options) {
    complain ("an option that '%s' doesn't take; see kgentctl %s%s%s --help", c->name,
              c->group ? c->group : "", c->group ? " " : "", c->name);
    return EXIT_USAGE;
  }
  if (rest.count < c->min || rest.count > c->max) {
    complain ("too %s arguments; usage: kgentctl %s", rest.count < c->min ? "few" : "many",
              c->usage);
    return EXIT_USAGE;
  }
  return c->run (a, &rest);
}

int
main (int argc, char **argv)
{
  const struct command *c;
  struct args a;
  uint32_t used = 0;
  int r = args_parse (argc, argv, &a);
  if (r)
    return r;
  if (a.version) {
    puts ("kgentctl " KG_VERSION);
    return EXIT_OK;
  }
  c = command_find (&a.rest, &used);
  if (a.help && c)
    return command_help (c);
  if (a.help) {
    overview (stdout);
    return EXIT_OK;
  }
  if (!c)
    return unknown (&a.rest);
  curl_global_init (CURL_GLOBAL_DEFAULT);
  r = command_run (c, &a, used);
  curl_global_cleanup ();
  if (fflush (stdout) && !r) {
    complain ("standard output cannot be written");
    r = EXIT_REFUSED;
  }
  return r;
}
