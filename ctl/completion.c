/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The completion script for bash, from the tables; etc/bash-completion/kgentctl is
 * what this prints. */

#include "ctl/ctl.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPTIONS_MAX 128u
#define COLUMN_MAX 96

/* Options of all commands and the general ones, each name once.  The same name takes
 * the same kind of value wherever it stands. */
struct options {
  const struct option *item[OPTIONS_MAX];
  uint32_t count;
};

/* A quoted list of words, broken into lines. */
struct line {
  FILE *out;
  int column, first;
};

static void
options_add (struct options *all, const struct option *o)
{
  uint32_t i;
  for (; o->name; o++) {
    for (i = 0; i < all->count && strcmp (all->item[i]->name, o->name); i++)
      ;
    if (i == all->count && i < OPTIONS_MAX)
      all->item[all->count++] = o;
  }
}

static void
options_collect (struct options *all)
{
  const struct command *c = NULL;
  int i;
  all->count = 0;
  options_add (all, general_options);
  while ((c = command_next (c)))
    for (i = 0; c->options[i]; i++)
      options_add (all, c->options[i]);
}

/* ---- Lists of words ------------------------------------------------------------------ */

static void
line_start (struct line *l, FILE *out, const char *before)
{
  l->out = out;
  l->first = 1;
  l->column = fprintf (out, "%s'", before);
}

static void
line_add (struct line *l, const char *prefix, const char *word)
{
  int len = (int)(strlen (prefix) + strlen (word)) + 1;
  if (!l->first && l->column + len > COLUMN_MAX)
    l->column = fprintf (l->out, "\n      %s%s", prefix, word);
  else
    l->column += fprintf (l->out, "%s%s%s", l->first ? "" : " ", prefix, word);
  l->first = 0;
}

/* ---- Values of options --------------------------------------------------------------- */

static void
spelling_write (FILE *out, const struct option *o)
{
  if (o->letter)
    fprintf (out, "-%c|", o->letter);
  fprintf (out, "--%s", o->name);
}

/* Options that take a value and belong to a group, as a pattern of `case`. */
static void
pattern_write (FILE *out, const struct options *all, int (*in) (const struct option *o, const void *arg),
               const void *arg)
{
  int column = 2, first = 1;
  uint32_t i;
  fputs ("  ", out);
  for (i = 0; i < all->count; i++) {
    const struct option *o = all->item[i];
    int len = (int)strlen (o->name) + (o->letter ? 6 : 3);
    if (!o->value || !in (o, arg))
      continue;
    fputs (first ? "" : "|", out);
    if (!first && column + len > COLUMN_MAX)
      column = fprintf (out, "\\\n  ") - 2;
    spelling_write (out, o);
    column += len;
    first = 0;
  }
  fputs (")\n", out);
}

static int
any (const struct option *o, const void *arg)
{
  (void)o;
  (void)arg;
  return 1;
}

static int
same_choices (const struct option *o, const void *choices)
{
  return choices ? o->choices && !strcmp (o->choices, choices) : !o->choices;
}

/* How to complete the values of options with these choices; NULL: not at all. */
static void
choices_write (FILE *out, const struct options *all, const char *choices)
{
  pattern_write (out, all, same_choices, choices);
  if (choices && *choices == '@')
    fprintf (out, "    mapfile -t COMPREPLY < <(compgen -%c -- \"$cur\")\n",
             strcmp (choices, "@folder") ? 'f' : 'd');
  else if (choices)
    fprintf (out, "    mapfile -t COMPREPLY < <(compgen -W '%s' -- \"$cur\")\n", choices);
  fputs ("    return ;;\n", out);
}

static void
values_write (FILE *out, const struct options *all)
{
  uint32_t i, k;
  for (i = 0; i < all->count; i++) {
    const char *choices = all->item[i]->value ? all->item[i]->choices : NULL;
    for (k = 0; choices && k < i; k++)
      if (same_choices (all->item[k], choices))
        choices = NULL; /* written already */
    if (choices)
      choices_write (out, all, choices);
  }
  choices_write (out, all, NULL);
}

/* ---- Words and options of commands ---------------------------------------------------- */

/* Adds the words that may follow `group`, or begin a command when it is NULL. */
static void
words_write (struct line *l, const char *group)
{
  const struct command *c = NULL;
  size_t n = group ? strlen (group) : 0;
  char before[64] = "", word[64];
  while ((c = command_next (c))) {
    const char *p = c->name + (group ? n + 1 : 0);
    if (group && (strncmp (c->name, group, n) || c->name[n] != ' '))
      continue;
    snprintf (word, sizeof word, "%.*s", (int)strcspn (p, " "), p);
    if (strcmp (word, before))
      line_add (l, "", word);
    strcpy (before, word);
  }
}

static void
command_write (FILE *out, const struct command *c)
{
  struct line l;
  int i, lower = islower ((unsigned char)*c->arguments); /* a word, no name of one */
  if (!c->options[0] && !lower && !command_group (c->name))
    return;
  if (strchr (c->name, ' '))
    fprintf (out, "  '%s' | '%s '*)\n", c->name, c->name);
  else
    fprintf (out, "  %s | '%s '*)\n", c->name, c->name);
  line_start (&l, out, "    candidates=");
  words_write (&l, c->name);
  if (lower)
    line_add (&l, "", c->arguments);
  for (i = 0; c->options[i]; i++) {
    const struct option *o = c->options[i];
    for (; o->name; o++)
      line_add (&l, "--", o->name);
  }
  fputs ("' ;;\n", out);
}

/* Two-word commands first: "audit *" would take "audit verify". */
static void
commands_write (FILE *out)
{
  const struct command *c = NULL;
  struct line l;
  char before[64] = "";
  while ((c = command_next (c)))
    if (strchr (c->name, ' '))
      command_write (out, c);
  while ((c = command_next (c)))
    if (!strchr (c->name, ' '))
      command_write (out, c);
  while ((c = command_next (c))) {
    char group[64];
    snprintf (group, sizeof group, "%.*s", (int)strcspn (c->name, " "), c->name);
    if (!strcmp (group, c->name) || !strcmp (group, before) || command_find (group, NULL))
      continue;
    strcpy (before, group);
    fprintf (out, "  %s)\n", group);
    line_start (&l, out, "    candidates=");
    words_write (&l, group);
    fputs ("' ;;\n", out);
  }
  fputs ("  '')\n", out);
  line_start (&l, out, "    candidates=");
  words_write (&l, NULL);
  fputs ("' ;;\n", out);
}

static void
general_write (FILE *out)
{
  const struct option *o;
  struct line l;
  line_start (&l, out, "  general=");
  for (o = general_options; o->name; o++)
    line_add (&l, "--", o->name);
  fputs ("'\n", out);
}

static void
script_write (FILE *out)
{
  struct options all;
  options_collect (&all);
  fputs ("# SPDX-License-Identifier: Apache-2.0\n"
         "# Copyright (C) 2026 The kgent authors\n#\n"
         "# bash completion for kgentctl(1); made by: kgentctl completion bash\n\n"
         "_kgentctl () {\n"
         "  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
         "  local i words=() candidates= general\n\n  case $prev in\n",
         out);
  values_write (out, &all);
  fputs ("  esac\n\n"
         "  # What is neither an option nor its value.\n"
         "  for ((i = 1; i < COMP_CWORD; i++)); do\n    case ${COMP_WORDS[i]} in\n",
         out);
  pattern_write (out, &all, any, NULL);
  fputs ("      ((i++)) ;;\n"
         "    -*) ;;\n"
         "    *) words+=(\"${COMP_WORDS[i]}\") ;;\n    esac\n  done\n\n"
         "  case ${words[*]} in\n",
         out);
  commands_write (out);
  fputs ("  esac\n", out);
  general_write (out);
  fputs ("  mapfile -t COMPREPLY < <(compgen -W \"$candidates $general\" -- \"$cur\")\n"
         "}\n\ncomplete -F _kgentctl kgentctl\n",
         out);
}

/* ---- The command ----------------------------------------------------------------------- */

static void
script_json (const char *script)
{
  json_object *o = json_object_new_object ();
  json_object_object_add (o, "shell", json_object_new_string ("bash"));
  json_object_object_add (o, "script", json_object_new_string (script));
  show_json (o);
  json_object_put (o);
}

int
completion_run (const struct args *a)
{
  char *script = NULL;
  size_t len = 0;
  FILE *out;
  if (strcmp (a->rest.item[0], "bash")) {
    complain ("completion: '%s' is unknown; there is: kgentctl completion bash",
              a->rest.item[0]);
    return EXIT_USAGE;
  }
  out = open_memstream (&script, &len);
  if (!out)
    abort ();
  script_write (out);
  fclose (out);
  if (a->json)
    script_json (script);
  else
    fputs (script, stdout);
  free (script);
  return EXIT_OK;
}
