/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The help, from the tables. */

#include "ctl/ctl.h"

#include <stdio.h>
#include <string.h>

#define NAME_COLUMN 19
#define OPTION_COLUMN 30
#define TEXT_COLUMNS 64

/* The text from OPTION_COLUMN on, broken between words. */
static void
help_print (const char *text)
{
  while (strlen (text) > TEXT_COLUMNS) {
    int n = TEXT_COLUMNS;
    while (n && text[n] != ' ')
      n--;
    if (!n)
      break;
    printf ("%.*s\n%*s", n, text, OPTION_COLUMN + 2, "");
    text += n + 1;
  }
  puts (text);
}

static void
option_print (const struct option *o)
{
  char text[80];
  if (o->letter)
    snprintf (text, sizeof text, "-%c, --%s %s", o->letter, o->name, o->value ? o->value : "");
  else
    snprintf (text, sizeof text, "    --%s %s", o->name, o->value ? o->value : "");
  printf ("  %-*s", OPTION_COLUMN, text);
  help_print (o->help);
}

static void
options_print (const char *title, const struct option *o)
{
  puts (title);
  for (; o->name; o++)
    option_print (o);
}

static void
ending_print (void)
{
  options_print ("\nOptions for all commands:", general_options);
  puts ("\nExit codes: 0 done, 1 the host refused, 2 wrong usage, 3 no host answers,\n"
        "4 a limit or budget is used up, 5 the host or an agent failed, 6 no longer kept.");
}

static void
command_print (const struct command *c)
{
  printf ("  %-*s%s\n", NAME_COLUMN, c->name, c->summary);
}

void
help_overview (void)
{
  const struct command *c = NULL;
  puts ("Usage: kgentctl [OPTION]... COMMAND [ARGUMENT]...\n\nCommands:");
  while ((c = command_next (c)))
    command_print (c);
  ending_print ();
}

void
help_group (const char *group)
{
  const struct command *c = NULL;
  size_t n = strlen (group);
  printf ("Usage: kgentctl %s COMMAND [ARGUMENT]...\n\nCommands:\n", group);
  while ((c = command_next (c)))
    if (!strncmp (c->name, group, n) && c->name[n] == ' ')
      command_print (c);
  ending_print ();
}

void
help_command (const struct command *c)
{
  int i;
  printf ("Usage: kgentctl %s%s%s%s\n\n%s", c->name, *c->arguments ? " " : "", c->arguments,
          c->options[0] ? " [OPTION]..." : "", c->help);
  if (c->options[0])
    puts ("\nOptions:");
  for (i = 0; c->options[i]; i++) {
    const struct option *o = c->options[i];
    for (; o->name; o++)
      option_print (o);
  }
  ending_print ();
}
