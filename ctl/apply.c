/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* apply: shows the changes, and makes them one after the other. */

#include "ctl/apply.h"
#include "ctl/diff.h"

#include <stdio.h>

static const struct option apply_options[] = {
  { "file", 'f', KIND_TEXT, "FILE", NULL, "@file", "what there should be; -: standard input" },
  { "dry-run", 'n', KIND_FLAG, NULL, NULL, NULL, "show the changes and make none" },
  { "prune", 0, KIND_FLAG, NULL, NULL, NULL,
    "remove what the file's lists don't name: revoke keys, deactivate users, cancel tenants" },
  { 0 },
};

/* What is done so far. */
struct applying {
  const struct args *args;
  int dry;
  size_t made, changed, removed;
  json_object *changes; /* for --json */
};

/* ---- Showing --------------------------------------------------------------------------- */

static void
change_print (const struct change *c)
{
  static const char sign[] = { '+', '~', '-' };
  const struct object_kind *kind = &object_kinds[c->object];
  char text[4 * SHOW_MAX] = "";
  if (c->action == ACTION_REMOVE)
    snprintf (text, sizeof text, "%s", kind->removed);
  else
    diff_text (c->diff, c->action == ACTION_MAKE, text, sizeof text);
  say ("%c %s %s%s%s", sign[c->action], kind->word, c->label, *text ? ": " : "", text);
}

static json_object *
text_json (const char *text)
{
  return text && *text ? json_object_new_string (text) : NULL;
}

static void
change_note (struct applying *ing, const struct change *c, json_object *answer)
{
  static const char *const action[] = { "create", "change", "remove" };
  json_object *o = json_object_new_object ();
  const char *id = c->id ? c->id : text_of (answer, "id");
  json_object_object_add (o, "action", text_json (action[c->action]));
  json_object_object_add (o, "kind", text_json (object_kinds[c->object].word));
  json_object_object_add (o, "name", text_json (c->label));
  json_object_object_add (o, "id", text_json (id));
  json_object_object_add (o, "members",
                          c->diff ? json_object_get (c->diff) : json_object_new_array ());
  if (*text_of (answer, "key"))
    json_object_object_add (o, "key", text_json (text_of (answer, "key")));
  json_object_array_add (ing->changes, o);
}

static void
change_show (struct applying *ing, const struct change *c, json_object *answer)
{
  ing->made += c->action == ACTION_MAKE;
  ing->changed += c->action == ACTION_CHANGE;
  ing->removed += c->action == ACTION_REMOVE;
  if (ing->args->json)
    change_note (ing, c, answer);
  else
    change_print (c);
  if (!ing->args->json && *text_of (answer, "key"))
    say ("! key %s is %s, shown only now", c->label, text_of (answer, "key"));
  fflush (stdout); /* a secret that was shown is not lost by what fails later */
}

static void
result_json (const struct applying *ing, const struct plan *plan)
{
  json_object *o = json_object_new_object ();
  json_object_object_add (o, "dry_run", json_object_new_boolean (ing->dry));
  json_object_object_add (o, "changes", json_object_get (ing->changes));
  json_object_object_add (o, "created", json_object_new_int64 ((int64_t)ing->made));
  json_object_object_add (o, "changed", json_object_new_int64 ((int64_t)ing->changed));
  json_object_object_add (o, "removed", json_object_new_int64 ((int64_t)ing->removed));
  json_object_object_add (o, "unchanged", json_object_new_int64 ((int64_t)plan->same));
  json_object_object_add (o, "complete",
                          json_object_new_boolean (ing->made + ing->changed + ing->removed
                                                   == plan->count));
  show_json (o);
  json_object_put (o);
}

static void
result_print (const struct applying *ing, const struct plan *plan)
{
  if (!plan->count)
    printf ("nothing to do: all %zu are as they should be\n", plan->same);
  else
    printf ("%s%zu made, %zu changed, %zu removed; %zu as they should be\n",
            ing->dry ? "dry run: " : "", ing->made, ing->changed, ing->removed, plan->same);
}

/* ---- Making ---------------------------------------------------------------------------- */

static int
change_make (struct applying *ing, const struct change *c)
{
  const struct object_kind *kind = &object_kinds[c->object];
  const char *method = c->action == ACTION_MAKE ? "POST" : c->body ? "PATCH" : "DELETE";
  struct answer answer = { 0 };
  struct path path;
  int r = 0;
  path_start (&path, kind->path);
  if (c->id)
    r = path_id (&path, kind->word, c->id);
  if (!r)
    r = call (ing->args, method, path.text, c->body, &answer);
  if (!r)
    change_show (ing, c, answer.json);
  else if (c->wish)
    complain ("%s:%d: %s %s is not applied", c->wish->file, c->wish->line, kind->word,
              c->label);
  else
    complain ("%s %s is not removed", kind->word, c->label);
  answer_finish (&answer);
  return r;
}

static int
plan_apply (struct applying *ing, const struct plan *plan)
{
  size_t i;
  int r = 0;
  for (i = 0; !r && i < plan->count; i++)
    if (ing->dry)
      change_show (ing, &plan->item[i], NULL);
    else
      r = change_make (ing, &plan->item[i]);
  if (r)
    complain ("stopped: %zu of %zu changes are made; mend the cause and apply the file again",
              i - 1, plan->count);
  if (ing->args->json)
    result_json (ing, plan);
  else if (!r)
    result_print (ing, plan);
  return r;
}

/* ---- The command ------------------------------------------------------------------------- */

static int
apply_run (const struct args *a)
{
  struct applying ing = { .args = a, .dry = args_given (a, "dry-run") };
  int prune = args_given (a, "prune"), r;
  struct wishes wishes = { 0 };
  struct state state = { 0 };
  struct plan plan = { 0 };
  if (!args_given (a, "file")) {
    complain ("apply: which file? kgentctl apply -f FILE");
    return EXIT_USAGE;
  }
  ing.changes = json_object_new_array ();
  r = file_read (args_text (a, "file"), &wishes);
  if (!r)
    r = state_fetch (a, &wishes, prune, &state);
  if (!r)
    r = plan_make (&wishes, &state, prune, &plan);
  if (!r)
    r = plan_apply (&ing, &plan);
  plan_finish (&plan);
  state_finish (&state);
  file_finish (&wishes);
  json_object_put (ing.changes);
  return r;
}

const struct command apply_commands[] = {
  { "apply", "", "make tenants, users and keys what a file says",
    "Reads what there should be, compares it with what there is, shows the difference, and\n"
    "makes it so: '+' is made, '~' is changed, '-' is removed.  What the file doesn't name\n"
    "stays as it is, unless --prune.  The secret of a key that is made is shown once.\n",
    { apply_options }, 0, 0, apply_run },
  { 0 },
};
