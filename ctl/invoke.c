/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* invoke: an agent, a tool or an idea, by its path. */

#include "ctl/agentese.h"
#include "ctl/result.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct option invoke_options[] = {
  { "kwargs", 0, KIND_TEXT, "JSON", NULL, NULL,
    "an object with arguments, -: standard input" },
  { "input", 0, KIND_TEXT, "JSON", NULL, NULL,
    "the argument input, which a composition hands on; -: standard input" },
  { "pipeline", 0, KIND_FLAG, NULL, NULL, NULL,
    "all words are paths: each gets what the one before it answers" },
  { "observer", 0, KIND_TEXT, "NAME", "observer.name", NULL, "what the trace calls the caller" },
  { "capability", 0, KIND_WORDS, "NAME,...", "observer.capabilities", NULL,
    "what the caller is capable of" },
  { "stream", 0, KIND_FLAG, NULL, NULL, NULL, "show the answer while it comes" },
  { "quote", 0, KIND_FLAG, NULL, NULL, NULL, "invoke nothing, but say what it would cost" },
  { "max-cost", 0, KIND_NUMBER, "N", NULL, NULL,
    "refuse what can cost more tokens, or more minor units of money" },
  { "idempotency-key", 0, KIND_TEXT, "KEY", NULL, NULL,
    "do it once, however often it is sent with this text" },
  { "receipt", 0, KIND_TEXT, "FILE", NULL, "@file", "keep the receipt there" },
  { 0 },
};

/* ---- The answer --------------------------------------------------------------------- */

/* Whether the receipt can be written, before what it is for is paid. */
static int
receipt_check (const struct args *a)
{
  const char *name = args_text (a, "receipt");
  int fd = name ? open (name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
  if (fd >= 0) {
    close (fd);
    unlink (name);
  } else if (name && (errno != EEXIST || access (name, W_OK))) {
    complain ("--receipt: %s: %m; nothing was invoked", name);
    return EXIT_REFUSED;
  }
  return 0;
}

int
receipt_keep (const struct args *a, const char *receipt)
{
  const char *name = args_text (a, "receipt");
  FILE *f;
  int failed;
  if (!name)
    return 0;
  if (!*receipt) {
    complain ("--receipt: the answer has none");
    return EXIT_REFUSED;
  }
  f = fopen (name, "we");
  failed = !f || fprintf (f, "%s\n", receipt) < 0;
  if ((f && fclose (f)) || failed) {
    complain ("--receipt: %s: %m; it is", name);
    complain_more ("%s", receipt);
    return EXIT_REFUSED;
  }
  return 0;
}

void
answer_note (json_object *answer)
{
  int64_t tokens = number_of (answer, "tokens_used", 0);
  json_object *trace = member_of (answer, "pipeline_trace");
  char text[SHOW_MAX];
  size_t i;
  if (tokens)
    note ("%s token%s", human_count (tokens, text), tokens == 1 ? "" : "s");
  if (*text_of (answer, "rollback_token"))
    note ("rollback_token %s", text_of (answer, "rollback_token"));
  for (i = 0; i < length_of (trace); i++) {
    json_object *step = json_object_array_get_idx (trace, i);
    if (*text_of (step, "rollback_token"))
      note ("rollback_token %s, of step %zu", text_of (step, "rollback_token"), i + 1);
  }
}

static int
answer_show (const struct args *a, const struct told *told)
{
  if (a->json)
    show_json (told->json);
  else {
    result_show (member_of (told->json, "result"));
    answer_note (told->json);
  }
  if (told->replayed && !a->json)
    note ("replayed: it was done before, with this idempotency key");
  return receipt_keep (a, told->receipt);
}

/* ---- A quote ------------------------------------------------------------------------ */

static void
quote_row (struct grid *g, json_object *quote, const char *kind)
{
  json_object *left = member_of (member_of (quote, "left"), kind);
  char text[SHOW_MAX];
  grid_add (g, kind);
  grid_add (g, human_count (number_of (member_of (quote, "cost"), kind, 0), text));
  grid_add (g, left ? human_count (json_object_get_int64 (left), text) : "unlimited");
}

static void
quote_print (json_object *quote)
{
  struct grid *g = grid_create (3);
  grid_add (g, "cost");
  grid_add (g, "at most");
  grid_right (g, 1);
  grid_add (g, "left");
  grid_right (g, 2);
  quote_row (g, quote, "requests");
  quote_row (g, quote, "tokens");
  quote_row (g, quote, "money");
  grid_finish (g);
}

/* What would be refused has the exit code of the refusal. */
static int
quote_show (const struct args *a, const struct request *request, json_object *quote)
{
  json_object *refusal = member_of (quote, "refusal");
  if (a->json)
    show_json (quote);
  else
    quote_print (quote);
  if (json_object_get_boolean (member_of (quote, "allowed")))
    return EXIT_OK;
  return client_refused_as (request->subject, (long)number_of (refusal, "status", 0),
                            text_of (refusal, "detail"));
}

/* ---- The command ---------------------------------------------------------------------- */

static int
request_run (const struct args *a, struct request *request)
{
  struct told told;
  int r = client_call (a, &request->ask, &told);
  if (!r && args_flag (a, "quote"))
    r = quote_show (a, request, told.json);
  else if (!r)
    r = answer_show (a, &told);
  told_finish (&told);
  return r;
}

int
invoke_run (const struct args *a)
{
  struct request request;
  int stream = args_flag (a, "stream") && !args_flag (a, "quote");
  int r = request_make (a, &request);
  if (!r)
    r = receipt_check (a);
  if (!r)
    r = stream ? stream_run (a, &request) : request_run (a, &request);
  request_finish (&request);
  return r;
}

const struct command agentese_commands[] = {
  { "invoke", "PATH [KEY=TEXT | KEY:=JSON]...", "invoke an agent by its path",
    "Invokes a path with an API key, and shows the result.  Behind = is a text, behind :=\n"
    "JSON: kgentctl invoke void.entropy.sip amount:=0.5.  'a >> b' is a composition: the\n"
    "first step gets the arguments, each other what the one before it answers.\n",
    { invoke_options, archetype_options, client_options }, 1, ANY_NUMBER, invoke_run },
  { "paths", "[PREFIX]", "what the key may invoke, and what it costs",
    "Lists the paths that the key may invoke and that begin with PREFIX; what stands for any\n"
    "name is *, but a node of the open world can be asked for: kgentctl paths world.house.\n",
    { paths_options, archetype_options, client_options }, 0, 1, paths_run },
  { "affordances", "PATH", "what a node offers an archetype",
    "Shows the aspects that a node offers; those without a category the key may not invoke.\n",
    { archetype_options, client_options }, 1, 1, affordances_run },
  { "trace", "[QUERY]", "what was invoked, by whom, and how it went",
    "Shows the latest invocations of the key's tenant, oldest first: all, or those of a node,\n"
    "a path, or the id of a span or trace.  Each look is an invocation itself, and counts.\n",
    { trace_options, client_options }, 0, 1, trace_run },
  { 0 },
};
