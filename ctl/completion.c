/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The completion script for bash, from the tables; etc/bash-completion/kgentctl is
 * what this prints.  Paths and arguments are asked for while it runs, by the commands
 * `completion paths` and `completion kwargs`. */

#include "ctl/client.h"

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

/* Of "list | show EVENT..." the words that stand for themselves. */
static void
verbs_write (struct line *l, const char *arguments)
{
  char word[64];
  while (islower ((unsigned char)*arguments)) {
    snprintf (word, sizeof word, "%.*s", (int)strcspn (arguments, " "), arguments);
    line_add (l, "", word);
    arguments = strstr (arguments, " | ");
    arguments = arguments ? arguments + 3 : "";
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
  verbs_write (&l, c->arguments);
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

/* What the host tells is data: compgen -W would expand, and run, what stands in it. */
static const char host_part[]
    = "# How a path goes on, or what it takes, as the host tells that the line names.\n"
      "_kgentctl_host () {\n"
      "  local ask=(paths \"$cur\") part=$cur reply\n"
      "  if [[ ${words[0]} == invoke && ${#words[@]} -gt 1 && ! $pipeline ]]; then\n"
      "    ask=(kwargs \"${words[1]}\")\n"
      "    [[ $cur == *=* ]] && part=${cur#*=} reply=${cur%%=*} && ask+=(\"${reply%:}\")\n"
      "  fi\n"
      "  while IFS= read -r reply; do\n"
      "    [[ $reply == \"$part\"* ]] && printf -v reply %q \"$reply\" && COMPREPLY+=(\"$reply\")\n"
      "  done < <(\"${line[0]}\" completion \"${ask[@]}\" \"${host[@]}\" </dev/null 2>/dev/null)\n"
      "  [[ ${COMPREPLY[0]} == *[.=] ]] && compopt -o nospace 2>/dev/null\n"
      "}\n\n";

/* Bash takes words apart at = and : and has them as words of their own. */
static const char words_part[]
    = "_kgentctl () {\n"
      "  local cur prev word glued words=() host=() candidates= general pipeline i n\n"
      "  local line=(\"${COMP_WORDS[0]}\")\n"
      "  COMPREPLY=()\n\n"
      "  # The words as they stand: bash takes them apart at = and :.\n"
      "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD}\"; do\n"
      "    if [[ $word && ( $glued || $word =~ ^[:=]+$ ) ]]; then\n"
      "      line[-1]+=$word\n"
      "    else\n"
      "      line+=(\"$word\")\n"
      "    fi\n"
      "    glued=\n"
      "    [[ $word =~ ^[:=]+$ ]] && glued=1\n"
      "  done\n"
      "  n=$((${#line[@]} - 1)) cur=${line[-1]} prev=${line[-2]}\n"
      "  [[ $cur == --*=* ]] && prev=${cur%%=*} cur=${cur#*=}\n\n"
      "  case $prev in\n";

static void
script_write (FILE *out)
{
  struct options all;
  options_collect (&all);
  fputs ("# SPDX-License-Identifier: Apache-2.0\n"
         "# Copyright (C) 2026 The kgent authors\n#\n"
         "# bash completion for kgentctl(1); made by: kgentctl completion bash\n\n",
         out);
  fputs (host_part, out);
  fputs (words_part, out);
  values_write (out, &all);
  fputs ("  esac\n\n"
         "  # What is neither an option nor its value.\n"
         "  for ((i = 1; i < n; i++)); do\n    case ${line[i]} in\n"
         "    -u|--url|--key-file) host+=(\"${line[i]}\" \"${line[++i]}\") ;;\n"
         "    --url=*|--key-file=*) host+=(\"${line[i]}\") ;;\n"
         "    --pipeline) pipeline=1 ;;\n",
         out);
  pattern_write (out, &all, any, NULL);
  fputs ("      ((i++)) ;;\n"
         "    -*) ;;\n"
         "    *) words+=(\"${line[i]}\") ;;\n    esac\n  done\n\n"
         "  case ${words[*]} in\n"
         "  invoke | 'invoke '* | paths | affordances)\n"
         "    [[ $cur == -* ]] || _kgentctl_host\n"
         "    [[ ${COMPREPLY[0]} ]] && return ;;\n"
         "  esac\n\n"
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

static int
bash_run (const struct args *a)
{
  char *script = NULL;
  size_t len = 0;
  FILE *out = open_memstream (&script, &len);
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

const struct command completion_commands[] = {
  { "completion bash", "", "print the completion script of bash",
    "Prints what makes bash complete commands, options, values, paths and arguments:\n"
    "source <(kgentctl completion bash)\n",
    { NULL }, 0, 0, bash_run },
  { "completion paths", "[PREFIX]", "how a path may go on",
    "Prints what a path that begins with PREFIX may go on with, up to the next dot; for\n"
    "completion scripts.  The host's list is kept for a minute; when the host is away, there\n"
    "is silence.\n",
    { client_options }, 0, 1, complete_paths },
  { "completion kwargs", "PATH [KEY]", "which arguments a path takes",
    "Prints the arguments of a path, or the values that one of them may have; for completion\n"
    "scripts.\n",
    { client_options }, 1, 2, complete_kwargs },
  { 0 },
};
