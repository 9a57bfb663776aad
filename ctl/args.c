/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The command line.  General options may stand anywhere; a command's own stand
 * behind it, and come first where both have the same name: behind `explain`, --key
 * is the key in question. */

#include "ctl/ctl.h"

#include "core/util/str.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_S 30
#define NAMES_MAX 128u /* to choose from for "did you mean" */

const struct option general_options[] = {
  { "state", 's', KIND_TEXT, "DIR", NULL, "@folder",
    "the host's state folder, where its socket is [$KGENT_STATE, or " KG_STATE_DIR "]" },
  { "url", 'u', KIND_TEXT, "URL", NULL, NULL,
    "the admin listener instead: http://127.0.0.1:8001" },
  { "key", 'k', KIND_TEXT, "KEY", NULL, NULL,
    "a key with scope admin, for --url [$KGENT_ADMIN_KEY]" },
  { "timeout", 't', KIND_NUMBER, "SECONDS", NULL, NULL, "how long to wait for an answer [30]" },
  { "json", 'j', KIND_FLAG, NULL, NULL, NULL, "print JSON" },
  { "help", 'h', KIND_FLAG, NULL, NULL, NULL, "this text; behind a command, that command's" },
  { "version", 'V', KIND_FLAG, NULL, NULL, NULL, "the version of kgentctl" },
  { 0 },
};

/* An option as it stands: "--name=value" or "-x", with what follows. */
struct spelled {
  char label[80];         /* for messages */
  const char *name;       /* of a long one */
  size_t len;             /* of the name */
  char letter;            /* of a short one, else 0 */
  const char *attached;   /* value in the same word; NULL: none */
};

/* ---- Finding an option --------------------------------------------------------- */

static int
is (const struct option *o, const struct spelled *s)
{
  if (s->letter)
    return o->letter == s->letter;
  return strlen (o->name) == s->len && !strncmp (o->name, s->name, s->len);
}

static const struct option *
in_table (const struct option *o, const struct spelled *s)
{
  for (; o && o->name; o++)
    if (is (o, s))
      return o;
  return NULL;
}

static const struct option *
in_command (const struct command *c, const struct spelled *s)
{
  const struct option *found = NULL;
  int i;
  for (i = 0; c && !found && c->options[i]; i++)
    found = in_table (c->options[i], s);
  return found;
}

/* The first command that has the option; NULL: none. */
static const struct command *
owner (const struct spelled *s)
{
  const struct command *c = NULL;
  while ((c = command_next (c)))
    if (in_command (c, s))
      return c;
  return NULL;
}

static uint32_t
names_add (const char **names, uint32_t n, const struct option *o)
{
  for (; o->name && n + 1 < NAMES_MAX; o++)
    names[n++] = o->name;
  names[n] = NULL;
  return n;
}

static int
unknown (const struct args *a, const struct spelled *s)
{
  const char *names[NAMES_MAX], *near = NULL;
  const struct command *c = a->command, *other = owner (s);
  uint32_t n = names_add (names, 0, general_options);
  int i;
  for (i = 0; c && c->options[i]; i++)
    n = names_add (names, n, c->options[i]);
  near = s->letter || s->len > 63 ? NULL : str_closest (s->label + 2, names);
  if (near)
    complain ("%s: unknown option; did you mean --%s?", s->label, near);
  else if (other && !c)
    complain ("%s: that is an option of a command and stands behind it: kgentctl %s %s",
              s->label, other->name, s->label);
  else if (other)
    complain ("%s: '%s' doesn't take it; see kgentctl %s --help", s->label, c->name, c->name);
  else
    complain ("%s: unknown option; see kgentctl %s%s--help", s->label, c ? c->name : "",
              c ? " " : "");
  return EXIT_USAGE;
}

/* ---- Taking an option ------------------------------------------------------------- */

static int
general_take (struct args *a, const struct option *o, const char *label, const char *text)
{
  json_object *value = NULL;
  int r = o->kind == KIND_NUMBER ? value_read (o, label, text, &value) : 0;
  switch (o->letter) {
  case 's':
    a->state = text;
    break;
  case 'u':
    a->url = text;
    break;
  case 'k':
    a->key = text;
    a->key_told = 1;
    break;
  case 't':
    a->timeout_s = r ? 0 : (long)json_object_get_int64 (value);
    break;
  case 'j':
    a->json = 1;
    break;
  case 'h':
    a->help = 1;
    break;
  default:
    a->version = 1;
  }
  json_object_put (value);
  return r;
}

static struct given *
given_find (const struct args *a, const char *name)
{
  uint32_t i;
  for (i = 0; i < a->count; i++)
    if (!strcmp (a->given[i].option->name, name))
      return (struct given *)&a->given[i];
  return NULL;
}

/* The last one counts; lists are joined. */
static int
command_take (struct args *a, const struct option *o, const char *label, const char *text)
{
  struct given *g = given_find (a, o->name);
  if (!g) {
    assert (a->count < GIVEN_MAX);
    g = &a->given[a->count++];
    g->option = o;
  }
  return value_read (o, label, text, &g->value);
}

/* The option of argv[*i], whose value may be argv[*i + 1]. */
static int
option_take (struct args *a, const struct spelled *s, int argc, char **argv, int *i)
{
  const struct option *own = in_command (a->command, s);
  const struct option *o = own ? own : in_table (general_options, s);
  const char *value = s->attached;
  if (!o)
    return unknown (a, s);
  if (!o->value && value) {
    complain ("%s: it takes no value", s->label);
    return EXIT_USAGE;
  }
  if (o->value && !value && *i + 1 < argc)
    value = argv[++*i];
  if (o->value && !value) {
    complain ("%s: a value is missing: %s %s", s->label, s->label, o->value);
    return EXIT_USAGE;
  }
  return own ? command_take (a, o, s->label, value) : general_take (a, o, s->label, value);
}

static int
long_take (struct args *a, int argc, char **argv, int *i)
{
  struct spelled s = { .name = argv[*i] + 2 };
  s.len = strcspn (s.name, "=");
  s.attached = s.name[s.len] ? s.name + s.len + 1 : NULL;
  snprintf (s.label, sizeof s.label, "--%.*s", (int)(s.len < 70 ? s.len : 70), s.name);
  return option_take (a, &s, argc, argv, i);
}

/* "-j", "-jh", "-sDIR", "-s DIR". */
static int
letters_take (struct args *a, int argc, char **argv, int *i)
{
  const char *p = argv[*i] + 1;
  int r = 0;
  while (!r && *p) {
    struct spelled s = { .letter = *p++ };
    const struct option *o = in_command (a->command, &s);
    o = o ? o : in_table (general_options, &s);
    snprintf (s.label, sizeof s.label, "-%c", s.letter);
    if (o && o->value && *p) {
      s.attached = p;
      p = "";
    }
    r = option_take (a, &s, argc, argv, i);
  }
  return r;
}

/* ---- Words ------------------------------------------------------------------------- */

/* A word makes the command or, behind it, is an argument.  "audit" is a command, and
 * becomes another one by "verify". */
static int
word_take (struct args *a, const char *word)
{
  const char *first = a->words.count ? a->words.item[0] : NULL;
  const struct command *longer = NULL;
  if (!str_utf8_valid (word, strlen (word))) {
    complain ("an argument is not text in UTF-8");
    return EXIT_USAGE;
  }
  if (a->words.count == 1 && !a->rest.count)
    longer = command_find (first, word);
  if (longer || !a->command)
    a->words.item[a->words.count++] = word;
  else
    a->rest.item[a->rest.count++] = word;
  if (longer)
    a->command = longer;
  else if (a->words.count == 1 && !a->command)
    a->command = command_find (word, NULL);
  return 0;
}

/* What was given before the last word must be an option of the command that the words
 * make in the end. */
static int
given_check (const struct args *a)
{
  struct spelled s = { 0 };
  uint32_t i;
  for (i = 0; i < a->count; i++) {
    s.name = a->given[i].option->name;
    s.len = strlen (s.name);
    snprintf (s.label, sizeof s.label, "--%s", s.name);
    if (in_command (a->command, &s) != a->given[i].option)
      return unknown (a, &s);
  }
  return 0;
}

static const char *
environment (const char *name)
{
  const char *value = getenv (name);
  return value && *value ? value : NULL;
}

int
args_parse (int argc, char **argv, struct args *ret)
{
  int i, r = 0, plain = 0;
  memset (ret, 0, sizeof *ret);
  ret->timeout_s = TIMEOUT_S;
  ret->state = environment ("KGENT_STATE");
  ret->key = environment ("KGENT_ADMIN_KEY");
  ret->words.item = calloc ((size_t)argc + 1, sizeof *ret->words.item);
  ret->rest.item = calloc ((size_t)argc + 1, sizeof *ret->rest.item);
  if (!ret->words.item || !ret->rest.item)
    abort ();
  if (!ret->state)
    ret->state = KG_STATE_DIR;
  for (i = 1; !r && i < argc; i++) {
    if (plain || argv[i][0] != '-' || !argv[i][1])
      r = word_take (ret, argv[i]);
    else if (!strcmp (argv[i], "--"))
      plain = 1;
    else if (argv[i][1] == '-')
      r = long_take (ret, argc, argv, &i);
    else
      r = letters_take (ret, argc, argv, &i);
  }
  return r ? r : given_check (ret);
}

void
args_finish (struct args *a)
{
  uint32_t i;
  for (i = 0; i < a->count; i++)
    json_object_put (a->given[i].value);
  free (a->words.item);
  free (a->rest.item);
  memset (a, 0, sizeof *a);
}

/* ---- What was given ---------------------------------------------------------------- */

/* NULL when it wasn't; an option that the command doesn't have is a mistake of ours. */
static const struct given *
given_get (const struct args *a, const char *name)
{
  struct spelled s = { .name = name, .len = strlen (name) };
  assert (in_command (a->command, &s));
  return given_find (a, name);
}

int
args_given (const struct args *a, const char *name)
{
  return given_get (a, name) != NULL;
}

int
args_flag (const struct args *a, const char *name)
{
  return given_find (a, name) != NULL;
}

const char *
args_text (const struct args *a, const char *name)
{
  const struct given *g = given_get (a, name);
  return g ? json_object_get_string (g->value) : NULL;
}

int64_t
args_number (const struct args *a, const char *name, int64_t dflt)
{
  const struct given *g = given_get (a, name);
  return g ? json_object_get_int64 (g->value) : dflt;
}

void
member_put (json_object *o, const char *name, json_object *value)
{
  const char *dot = strchr (name, '.');
  json_object *inner = NULL;
  char outer[64];
  if (!dot) {
    json_object_object_add (o, name, value);
    return;
  }
  snprintf (outer, sizeof outer, "%.*s", (int)(dot - name), name);
  if (!json_object_object_get_ex (o, outer, &inner)) {
    inner = json_object_new_object ();
    json_object_object_add (o, outer, inner);
  }
  json_object_object_add (inner, dot + 1, value);
}

json_object *
args_body (const struct args *a)
{
  json_object *body = json_object_new_object ();
  uint32_t i;
  for (i = 0; i < a->count; i++)
    if (a->given[i].option->member)
      member_put (body, a->given[i].option->member, json_object_get (a->given[i].value));
  return body;
}
