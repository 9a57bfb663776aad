/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The request of `invoke`, from the command line: the path, or the steps of a composition;
 * KEY=TEXT, KEY:=JSON, and what --kwargs and --input give. */

#include "ctl/agentese.h"

#include "core/util/str.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STDIN_MAX (16u << 20) /* bytes */
#define KEY_MAX 255u          /* bytes of an idempotency key, as the host takes it */
#define DEPTH_MAX 64

/* ---- JSON that is given ------------------------------------------------------------- */

static char *
stdin_read (void)
{
  char *text = malloc (STDIN_MAX + 1);
  size_t n;
  if (!text)
    abort ();
  n = fread (text, 1, STDIN_MAX + 1, stdin);
  if (ferror (stdin) || n > STDIN_MAX) {
    complain ("standard input %s", n > STDIN_MAX ? "has more than 16 MiB" : "cannot be read");
    free (text);
    return NULL;
  }
  text[n] = 0;
  return realloc (text, n + 1);
}

static int
json_make (const char *label, const char *text, json_object **ret)
{
  json_tokener *tokener = json_tokener_new_ex (DEPTH_MAX);
  enum json_tokener_error error;
  json_tokener_set_flags (tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
  *ret = json_tokener_parse_ex (tokener, text, (int)strlen (text) + 1);
  error = json_tokener_get_error (tokener);
  if (error != json_tokener_success)
    complain ("%s: that is not JSON, at byte %zu: %s", label, json_tokener_get_parse_end (tokener),
              json_tokener_error_desc (error));
  json_tokener_free (tokener);
  return error == json_tokener_success ? 0 : EXIT_USAGE;
}

/* JSON as it stands, or "-": what standard input has. */
static int
option_json (const struct args *a, const char *name, json_object **ret)
{
  const char *text = args_text (a, name);
  char label[32], *in = text && !strcmp (text, "-") ? stdin_read () : NULL;
  int r;
  *ret = NULL;
  if (text && !strcmp (text, "-") && !in)
    return EXIT_USAGE;
  snprintf (label, sizeof label, "--%s", name);
  r = in || text ? json_make (label, in ? in : text, ret) : 0;
  free (in);
  return r;
}

/* ---- Arguments ------------------------------------------------------------------------ */

static int
argument_wrong (const char *text)
{
  if (strstr (text, ">>") || (strchr (text, '.') && !strchr (text, '=')))
    complain ("'%s' is no argument, KEY=TEXT or KEY:=JSON; a composition is one word, "
              "'a >> b', or several behind --pipeline",
              text);
  else
    complain ("'%s' is no argument: KEY=TEXT, or KEY:=JSON for numbers, lists and the like",
              text);
  return EXIT_USAGE;
}

static int
argument_add (json_object *kwargs, const char *text)
{
  const char *equal = strchr (text, '=');
  int json = equal && equal > text && equal[-1] == ':', r = 0;
  size_t n = equal ? (size_t)(equal - text) - (size_t)json : 0;
  char label[128];
  json_object *value = NULL;
  if (!n || n >= sizeof label)
    return argument_wrong (text);
  snprintf (label, sizeof label, "%.*s", (int)n, text);
  if (json)
    r = json_make (label, equal + 1, &value);
  else
    value = json_object_new_string (equal + 1);
  if (!r)
    json_object_object_add (kwargs, label, value);
  return r;
}

/* Only one can have standard input. */
static int
stdin_once (const struct args *a)
{
  static const char *const names[] = { "kwargs", "input", "key-file" };
  int n = 0, i;
  for (i = 0; i < 3; i++) {
    const char *text = args_text (a, names[i]);
    n += text && !strcmp (text, "-");
  }
  if (n < 2)
    return 0;
  complain ("only one of --kwargs, --input and --key-file can be -, standard input");
  return EXIT_USAGE;
}

/* What the words give replaces what --kwargs does. */
static int
kwargs_make (const struct args *a, json_object **ret)
{
  json_object *input = NULL;
  uint32_t i;
  int r = stdin_once (a);
  if (!r)
    r = option_json (a, "kwargs", ret);
  if (!r && args_given (a, "kwargs") && !json_object_is_type (*ret, json_type_object)) {
    complain ("--kwargs: that is no object: '{\"name\":\"value\"}'");
    r = EXIT_USAGE;
  }
  if (!r && !*ret)
    *ret = json_object_new_object ();
  if (!r && !(r = option_json (a, "input", &input)) && args_given (a, "input"))
    json_object_object_add (*ret, "input", input);
  for (i = 1; !r && !args_flag (a, "pipeline") && i < a->rest.count; i++)
    r = argument_add (*ret, a->rest.item[i]);
  return r;
}

/* ---- The request ---------------------------------------------------------------------------- */

/* As a string of a structured field, which can hold printable ASCII. */
static int
key_field_make (const char *key, char **ret)
{
  size_t i, n = strlen (key), len = 0;
  char *out = malloc (2 * n + 3);
  if (!out)
    abort ();
  *ret = out;
  out[len++] = '"';
  for (i = 0; i < n && key[i] >= ' ' && key[i] <= '~'; i++) {
    if (key[i] == '"' || key[i] == '\\')
      out[len++] = '\\';
    out[len++] = key[i];
  }
  out[len++] = '"';
  out[len] = 0;
  if (n && i == n && n <= KEY_MAX)
    return 0;
  complain ("--idempotency-key: it has 1 to %u characters of printable ASCII", KEY_MAX);
  return EXIT_USAGE;
}

/* The path; that of a composition, whose steps are words, joined. */
static char *
path_make (const struct args *a)
{
  uint32_t i, n = args_flag (a, "pipeline") ? a->rest.count : 1;
  char *text = NULL;
  size_t len = 0;
  FILE *out = open_memstream (&text, &len);
  if (!out)
    abort ();
  for (i = 0; i < n; i++)
    fprintf (out, "%s%s", i ? " >> " : "", a->rest.item[i]);
  fclose (out);
  return text;
}

static int
body_make (const struct args *a, struct request *ret)
{
  json_object *kwargs = NULL;
  int r = kwargs_make (a, &kwargs);
  ret->subject = path_make (a);
  ret->body = args_body (a); /* the observer */
  json_object_object_add (ret->body, "path", json_object_new_string (ret->subject));
  json_object_object_add (ret->body, "kwargs", kwargs);
  return r;
}

int
request_make (const struct args *a, struct request *ret)
{
  int64_t max = args_number (a, "max-cost", -1);
  const char *key = args_text (a, "idempotency-key");
  int r;
  memset (ret, 0, sizeof *ret);
  r = body_make (a, ret);
  if (!r && args_given (a, "idempotency-key"))
    r = key_field_make (key ? key : "", &ret->idempotency_key);
  path_start (&ret->path, "/v1/agentese/invoke");
  path_query (&ret->path, "quote", args_flag (a, "quote") ? "1" : NULL);
  if (max >= 0)
    snprintf (ret->max_cost, sizeof ret->max_cost, "%" PRId64, max);
  ret->ask = (struct ask){ .method = "POST",
                           .path = ret->path.text,
                           .body = ret->body,
                           .max_cost = max >= 0 ? ret->max_cost : NULL,
                           .idempotency_key = ret->idempotency_key,
                           .subject = ret->subject };
  return r;
}

void
request_finish (struct request *request)
{
  free (request->idempotency_key);
  free (request->subject);
  json_object_put (request->body);
  memset (request, 0, sizeof *request);
}
