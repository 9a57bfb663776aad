/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Requests to the public listener.  The API key comes from the environment or a file: a
 * command line can be read by everybody on the machine. */

#include "ctl/client.h"
#include "ctl/transfer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define URL_DEFAULT "http://127.0.0.1:8000"
#define URL_MAX 8192  /* bytes */
#define KEY_MAX 16384 /* bytes; a signed token can be long */
#define DEPTH_MAX 128 /* of JSON */

const struct option client_options[] = {
  { "url", 'u', KIND_TEXT, "URL", NULL, NULL,
    "the host's public listener [$KGENT_URL, or " URL_DEFAULT "]" },
  { "key-file", 0, KIND_TEXT, "FILE", NULL, "@file",
    "a file with the API key, -: standard input [$KGENT_API_KEY]" },
  { 0 },
};

const struct option archetype_options[] = {
  { "archetype", 0, KIND_TEXT, "NAME", "observer.archetype", NULL,
    "as whom, of those that the key may claim [its first]" },
  { 0 },
};

const char *
client_url (const struct args *a)
{
  const char *own = args_text (a, "url"), *env = getenv ("KGENT_URL");
  if (own || a->url)
    return own ? own : a->url;
  return env && *env ? env : URL_DEFAULT;
}

/* ---- The key ---------------------------------------------------------------------- */

/* The first line of a text, without blanks around it; NULL unless a field can carry it. */
static char *
key_make (const char *text)
{
  size_t n, i;
  text += strspn (text, " \t");
  n = strcspn (text, "\r\n");
  while (n && (text[n - 1] == ' ' || text[n - 1] == '\t'))
    n--;
  for (i = 0; i < n; i++)
    if (text[i] <= ' ' || text[i] > '~')
      return NULL;
  return n ? strndup (text, n) : NULL;
}

static int
key_read (const char *name, char **ret)
{
  int in = !strcmp (name, "-");
  FILE *f = in ? stdin : fopen (name, "re");
  char text[KEY_MAX];
  size_t n = f ? fread (text, 1, sizeof text - 1, f) : 0;
  int failed = !f || ferror (f);
  if (f && !in)
    fclose (f);
  text[n] = 0;
  *ret = failed ? NULL : key_make (text);
  if (failed)
    complain ("--key-file: %s: %m", name);
  else if (!*ret)
    complain ("--key-file: %s: its first line is no API key", name);
  explicit_bzero (text, sizeof text);
  return *ret ? 0 : EXIT_USAGE;
}

int
client_key (const struct args *a, char **ret)
{
  const char *file = args_text (a, "key-file"), *env = getenv ("KGENT_API_KEY");
  *ret = NULL;
  if (a->key_told) {
    complain ("--key: an API key has no place on a command line, which others can read; "
              "use KGENT_API_KEY or --key-file FILE");
    return EXIT_USAGE;
  }
  if (file)
    return key_read (file, ret);
  if (!env || !*env)
    return 0;
  *ret = key_make (env);
  if (*ret)
    return 0;
  complain ("KGENT_API_KEY: that is no API key");
  return EXIT_USAGE;
}

/* ---- The request -------------------------------------------------------------------- */

static void
field_add (struct curl_slist **list, const char *name, const char *value)
{
  char *line = NULL;
  if (!value)
    return;
  if (asprintf (&line, "%s%s", name, value) < 0)
    abort ();
  *list = curl_slist_append (*list, line);
  explicit_bzero (line, strlen (line));
  free (line);
}

/* A key of ours, or the signed token of an identity provider. */
static struct curl_slist *
fields_make (const struct ask *ask, const char *key)
{
  struct curl_slist *list = NULL;
  field_add (&list, "Accept: ", ask->piece ? "text/event-stream" : "application/json");
  field_add (&list, "Content-Type: ", ask->body ? "application/json" : NULL);
  if (key)
    field_add (&list, strncmp (key, "kg_", 3) ? "Authorization: Bearer " : "X-API-Key: ", key);
  field_add (&list, "Kgent-Max-Cost: ", ask->max_cost);
  field_add (&list, "Idempotency-Key: ", ask->idempotency_key);
  return list;
}

/* An answer that has begun and broke off is a failure of who answered. */
static int
explain (CURLcode code, const struct args *a, const struct ask *ask, const char *url, long begun)
{
  if (code == CURLE_OPERATION_TIMEDOUT)
    complain ("%s: %s within %ld s; allow more with --timeout", begun ? ask->subject : url,
              begun ? "nothing more came" : "no answer", a->timeout_s);
  else if (begun)
    complain ("%s: the answer broke off: %s", ask->subject, curl_easy_strerror (code));
  else if (code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST)
    complain ("no host answers at %s; say where its public listener is with --url or KGENT_URL",
              url);
  else
    complain ("%s: %s", url, curl_easy_strerror (code));
  return begun ? EXIT_FAILED : EXIT_CONNECT;
}

static json_object *
json_read (const char *text)
{
  json_tokener *tokener = json_tokener_new_ex (DEPTH_MAX);
  json_object *o = json_tokener_parse_ex (tokener, text, -1);
  json_tokener_free (tokener);
  return o;
}

static int
send_it (const struct args *a, const struct ask *ask, const char *url, const char *key,
         struct told *ret)
{
  struct transfer t = { .method = ask->method, .url = url, .timeout_s = a->timeout_s };
  CURLcode code;
  t.body = ask->body ? json_object_to_json_string_ext (
                           ask->body, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)
                     : NULL;
  t.headers = fields_make (ask, key);
  t.piece = ask->piece;
  t.arg = ask->arg;
  code = transfer_run (&t);
  curl_slist_free_all (t.headers);
  ret->status = t.status;
  ret->text = t.text;
  ret->json = json_read (t.text);
  ret->streamed = t.streams > 0;
  memcpy (ret->receipt, t.receipt, sizeof ret->receipt);
  ret->retry_after_s = t.retry_after_s;
  ret->replayed = t.replayed;
  if (code == CURLE_OK || code == CURLE_WRITE_ERROR) /* who stopped it has told */
    return 0;
  return explain (code, a, ask, client_url (a), t.status);
}

int
client_try (const struct args *a, const struct ask *ask, struct told *ret)
{
  const char *base = client_url (a);
  size_t n = strlen (base);
  char url[URL_MAX], *key;
  int r;
  memset (ret, 0, sizeof *ret);
  if (!url_valid (base)) {
    complain ("--url or KGENT_URL: '%s' is neither http://... nor https://...", base);
    return EXIT_USAGE;
  }
  if (n + strlen (ask->path) >= sizeof url) {
    complain ("--url or KGENT_URL: it is too long");
    return EXIT_USAGE;
  }
  if ((r = client_key (a, &key)))
    return r;
  snprintf (url, sizeof url, "%.*s%s", (int)(base[n - 1] == '/' ? n - 1 : n), base, ask->path);
  r = send_it (a, ask, url, key, ret);
  if (key)
    explicit_bzero (key, strlen (key));
  free (key);
  return r;
}

int
client_call (const struct args *a, const struct ask *ask, struct told *ret)
{
  int r = client_try (a, ask, ret);
  if (r || (ret->status / 100 == 2 && (ret->json || ret->streamed)))
    return r;
  if (ret->status / 100 != 2)
    return client_refused (a, ask, ret);
  complain ("%s: the answer isn't JSON; is this the public listener of a kgentd?",
            ask->subject);
  return EXIT_FAILED;
}

void
told_finish (struct told *told)
{
  free (told->text);
  json_object_put (told->json);
  memset (told, 0, sizeof *told);
}
