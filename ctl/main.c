/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The commands, and the way from a command line to one of them. */

#include "ctl/ctl.h"

#include "core/util/str.h"

#include <curl/curl.h>

#include <stdio.h>
#include <string.h>

#define NAMES_MAX 64u

const struct command *const command_tables[]
    = { init_commands,    tenant_commands,   user_commands,    key_commands,
        policy_commands,  audit_commands,    usage_commands,   apply_commands,
        host_commands,    agentese_commands, receipt_commands, billing_commands,
        billing_reconcile_commands,          meter_commands,   grant_commands,
        verify_commands,  completion_commands, NULL };

const struct command *
command_next (const struct command *c)
{
  const struct command *const *table = command_tables;
  if (!c)
    return table[0];
  if (c[1].name)
    return c + 1;
  for (; *table; table++) {
    const struct command *last = *table;
    while (last != c && last->name)
      last++;
    if (last == c)
      return table[1];
  }
  return NULL;
}

const struct command *
command_find (const char *first, const char *second)
{
  const struct command *c = NULL;
  char name[128];
  snprintf (name, sizeof name, "%s%s%s", first, second ? " " : "", second ? second : "");
  while ((c = command_next (c)))
    if (!strcmp (c->name, name))
      return c;
  return NULL;
}

int
command_group (const char *first)
{
  const struct command *c = NULL;
  size_t n = strlen (first);
  while ((c = command_next (c)))
    if (!strncmp (c->name, first, n) && c->name[n] == ' ')
      return 1;
  return 0;
}

/* ---- Words that make no command ----------------------------------------------------- */

/* The first or second words of commands, NULL-terminated, in `text`; second ones are
 * those behind `group`. */
static void
names_collect (const char *group, const char **names, char text[NAMES_MAX][32])
{
  const struct command *c = NULL;
  size_t n = group ? strlen (group) : 0;
  uint32_t i = 0;
  while ((c = command_next (c)) && i + 1 < NAMES_MAX) {
    const char *word = c->name;
    if (group && (strncmp (word, group, n) || word[n] != ' '))
      continue;
    word += group ? n + 1 : 0;
    snprintf (text[i], sizeof text[i], "%.*s", (int)strcspn (word, " "), word);
    names[i] = text[i];
    i++;
  }
  names[i] = NULL;
}

static int
unknown (const struct args *a)
{
  const char *names[NAMES_MAX], *near = NULL;
  char text[NAMES_MAX][32];
  const char *first = a->words.count ? a->words.item[0] : NULL;
  const char *group = first && command_group (first) ? first : NULL;
  const char *word = group ? a->words.count > 1 ? a->words.item[1] : NULL : first;
  uint32_t i;
  names_collect (group, names, text);
  near = word ? str_closest (word, names) : NULL;
  if (near)
    complain ("no command '%s%s%s'; did you mean '%s%s%s'?", group ? group : "",
              group ? " " : "", word, group ? group : "", group ? " " : "", near);
  else if (group) {
    fprintf (stderr, "kgentctl: %s: which?", group);
    for (i = 0; names[i]; i++)
      fprintf (stderr, "%s%s", i ? ", " : " ", names[i]);
    fprintf (stderr, "; see kgentctl %s --help\n", group);
  } else if (word)
    complain ("no command '%s'; see kgentctl --help", word);
  else
    complain ("which command? see kgentctl --help");
  return EXIT_USAGE;
}

/* ---- Running ------------------------------------------------------------------------ */

static int
help (const struct args *a)
{
  if (a->command)
    help_command (a->command);
  else if (a->words.count && command_group (a->words.item[0]))
    help_group (a->words.item[0]);
  else
    help_overview ();
  return EXIT_OK;
}

/* Too few or too many arguments; what is too much may be a mistyped second word. */
static int
miscounted (const struct args *a)
{
  const struct command *c = a->command;
  const char *names[NAMES_MAX], *near = NULL;
  char text[NAMES_MAX][32];
  names_collect (c->name, names, text);
  if (a->rest.count && !c->max)
    near = str_closest (a->rest.item[0], names);
  if (near)
    complain ("no command '%s %s'; did you mean '%s %s'?", c->name, a->rest.item[0], c->name,
              near);
  else
    complain ("%s: too %s arguments; usage: kgentctl %s%s%s", c->name,
              a->rest.count < c->min ? "few" : "many", c->name, *c->arguments ? " " : "",
              c->arguments);
  return EXIT_USAGE;
}

static int
run (const struct args *a)
{
  const struct command *c = a->command;
  int r;
  if (a->rest.count < c->min || a->rest.count > c->max)
    return miscounted (a);
  curl_global_init (CURL_GLOBAL_DEFAULT);
  r = c->run (a);
  curl_global_cleanup ();
  return r;
}

static int
act (const struct args *a)
{
  if (a->version)
    puts ("kgentctl " KG_VERSION);
  else if (a->help)
    return help (a);
  else
    return a->command ? run (a) : unknown (a);
  return EXIT_OK;
}

int
main (int argc, char **argv)
{
  struct args a;
  int r = args_parse (argc, argv, &a);
  if (!r)
    r = act (&a);
  args_finish (&a);
  if ((fflush (stdout) || ferror (stdout)) && !r) {
    complain ("standard output cannot be written");
    r = EXIT_REFUSED;
  }
  return r;
}
