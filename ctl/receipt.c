/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* receipt: whether one is good, what it stands for, and the keys. */

#include "ctl/object.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define RECEIPTS "/admin/v1/receipts"
#define KEYS "/admin/v1/receipt-keys"
#define FIELD "Kgent-Receipt:"

static const struct option verify_options[] = {
  { "tenant", 0, KIND_TEXT, "TENANT", NULL, NULL,
    "id or slug of the tenant whose it must be [anybody's]" },
  { 0 },
};

/* The text without the field's name in front and blanks around it. */
static char *
receipt_trim (char *text)
{
  size_t n;
  text += strspn (text, " \t");
  if (!strncasecmp (text, FIELD, sizeof FIELD - 1))
    text += sizeof FIELD - 1;
  text += strspn (text, " \t");
  n = strlen (text);
  while (n && strchr (" \t\r\n", text[n - 1]))
    text[--n] = 0;
  return text;
}

/* The receipt that a line has, malloc'ed, or NULL: the field as curl -i prints it, the text
 * alone, or a member of the data of an event. */
static char *
line_receipt (char *line)
{
  json_object *event;
  char *text = NULL;
  line += strspn (line, " \t");
  if (!strncasecmp (line, FIELD, sizeof FIELD - 1) || !strncmp (line, "id=\"", 4))
    return strdup (receipt_trim (line));
  if (strncmp (line, "data:", 5))
    return NULL;
  event = json_tokener_parse (line + 5);
  if (*text_of (event, "receipt"))
    text = strdup (text_of (event, "receipt"));
  json_object_put (event);
  return text;
}

/* Which of two exit codes to end with: one that says that something failed, then forged,
 * then unknown. */
static int
worse (int a, int b)
{
  static const int order[] = { EXIT_OK, EXIT_UNKNOWN, EXIT_REFUSED };
  int i = 0, k = 0;
  while (i < 3 && order[i] != a)
    i++;
  while (k < 3 && order[k] != b)
    k++;
  return i >= k ? a : b;
}

/* Calls `each` for every receipt of standard input, as long as the host answers. */
static int
input_each (const struct args *a, int (*each) (const struct args *a, char *text, void *arg),
            void *arg)
{
  char *line = NULL;
  size_t size = 0;
  int r = EXIT_OK, count = 0;
  while ((!r || r == EXIT_REFUSED || r == EXIT_UNKNOWN) && getline (&line, &size, stdin) > 0) {
    char *text = line_receipt (line);
    if (!text)
      continue;
    count++;
    r = worse (r, each (a, text, arg));
    free (text);
  }
  free (line);
  if (count)
    return r;
  complain ("standard input has no receipt: no line begins with %s or id=, or is an event's "
            "data with one", FIELD);
  return EXIT_USAGE;
}

/* ---- verify ------------------------------------------------------------------------- */

static int
verdict_code (json_object *answer)
{
  const char *verdict = text_of (answer, "verdict");
  return !strcmp (verdict, "good") ? EXIT_OK
         : strcmp (verdict, "unknown") ? EXIT_REFUSED : EXIT_UNKNOWN;
}

/* "good: 12 tokens and 250 minor units charged to acme at 2026-11-28T17:46:49Z, receipt 3" */
static void
good_print (json_object *record, const char *tenant)
{
  int64_t minor = number_of (record, "money", 0);
  char units[SHOW_MAX], money[SHOW_MAX], time[SHOW_MAX];
  say ("good: %s tokens%s%s%s charged to %s at %s, receipt %lld",
       human_count (number_of (record, "units", 0), units), minor ? " and " : "",
       minor ? human_count (minor, money) : "", minor ? " minor units" : "", tenant,
       human_time (text_of (record, "time"), time), (long long)number_of (record, "seq", 0));
}

/* Says it, and returns the exit code. */
static int
verdict_tell (const struct args *a, json_object *answer)
{
  json_object *record = member_of (answer, "record"), *names;
  const char *tenant = text_of (record, "tenant");
  int r = verdict_code (answer);
  if (a->json)
    show_json (answer);
  else if (r)
    complain ("%s: %s", text_of (answer, "verdict"), text_of (answer, "reason"));
  else {
    names = json_object_new_object ();
    r = tenant_name (a, tenant, names);
    if (!r)
      good_print (record, text_of (names, tenant));
    json_object_put (names);
  }
  return r;
}

static int
receipt_verify (const struct args *a, char *text, void *arg)
{
  json_object *body = json_object_new_object ();
  struct answer answer;
  int r;
  json_object_object_add (body, "receipt", json_object_new_string (text));
  if (arg)
    json_object_object_add (body, "tenant", json_object_new_string (arg));
  r = call (a, "POST", RECEIPTS "/verify", body, &answer);
  if (!r)
    r = verdict_tell (a, answer.json);
  answer_finish (&answer);
  json_object_put (body);
  return r;
}

/* The id of a tenant that is named by it, or by its slug; malloc'ed. */
static int
tenant_id (const struct args *a, const char *tenant, char **ret)
{
  struct path path;
  struct answer answer;
  int r;
  path_start (&path, "/admin/v1/tenants");
  r = path_id (&path, "tenant", tenant);
  if (r)
    return r;
  r = call (a, "GET", path.text, NULL, &answer);
  if (!r)
    *ret = strdup (text_of (answer.json, "id"));
  answer_finish (&answer);
  return r;
}

static int
verify_run (const struct args *a)
{
  const char *tenant = args_text (a, "tenant");
  char *id = NULL, *copy = strdup (a->rest.item[0]);
  int r = tenant ? tenant_id (a, tenant, &id) : 0;
  if (!r && !strcmp (copy, "-"))
    r = input_each (a, receipt_verify, id);
  else if (!r)
    r = receipt_verify (a, receipt_trim (copy), id);
  free (copy);
  free (id);
  return r;
}

/* ---- show --------------------------------------------------------------------------- */

/* The record of a whole receipt is looked for by its id and time. */
static int
receipt_show (const struct args *a, char *text, void *arg)
{
  const char *time = strstr (text, "; time=@");
  struct path path;
  int r;
  (void)arg;
  if (!strncmp (text, "id=\"", 4)) {
    text += 4;
    text[strcspn (text, "\"")] = 0;
  }
  path_start (&path, RECEIPTS);
  r = path_id (&path, "receipt", text);
  if (!r && time)
    path_query_number (&path, "time", strtoll (time + 8, NULL, 10));
  return r ? r : object_run (a, "GET", &path, NULL);
}

static int
show_run (const struct args *a)
{
  char *copy = strdup (a->rest.item[0]);
  int r = strcmp (copy, "-") ? receipt_show (a, receipt_trim (copy), NULL)
                             : input_each (a, receipt_show, NULL);
  free (copy);
  return r;
}

/* ---- Keys --------------------------------------------------------------------------- */

/* A version is a name, as it stands in receipts, and no count. */
static void
version_derive (json_object *key)
{
  char text[32];
  snprintf (text, sizeof text, "%lld", (long long)number_of (key, "version", 0));
  json_object_object_add (key, "version", json_object_new_string (text));
}

static int
keys_run (const struct args *a)
{
  static const struct column columns[] = { { "version", "version", FORM_PLAIN },
                                           { "kind", "kind", FORM_PLAIN },
                                           { "public key", "public", FORM_PLAIN } };
  struct answer answer;
  struct grid *g;
  int r = call (a, "GET", KEYS, NULL, &answer);
  if (!r && a->json)
    show_json (answer.json);
  else if (!r) {
    json_object *list = member_of (answer.json, "keys");
    size_t i, n = length_of (list);
    g = table_create (columns, 3);
    for (i = 0; i < n; i++) {
      json_object *key = json_object_array_get_idx (list, i);
      version_derive (key);
      table_add (g, columns, 3, key);
    }
    grid_finish (g);
  }
  answer_finish (&answer);
  return r;
}

static int
rotate_run (const struct args *a)
{
  struct answer answer;
  int r = call (a, "POST", KEYS, NULL, &answer);
  if (!r && a->json)
    show_json (answer.json);
  else if (!r)
    say ("receipts are signed with key %lld from now on",
         (long long)number_of (answer.json, "version", 0));
  answer_finish (&answer);
  return r;
}

const struct command receipt_commands[] = {
  { "receipt verify", "RECEIPT|-", "check a receipt, and the record that it stands for",
    "Asks the host whether it has signed the receipt, and whether the ledger has a record with\n"
    "its id, charge and number.  RECEIPT is the text of the field Kgent-Receipt, with its name\n"
    "in front or without; -: those among the lines of standard input, as of curl -i, also in the\n"
    "last event of a stream.\n"
    "\n"
    "Exit codes: 0 it is good, 1 it was forged or changed, or is another tenant's, 6 the key\n"
    "or the record is no longer kept.\n",
    { verify_options }, 1, 1, verify_run },
  { "receipt show", "RECEIPT|ID|-", "show the record of a receipt",
    "Shows the usage record that the receipt stands for, without a look at its signature.\n"
    "Of an id alone all records are read until it is found.\n",
    { NULL }, 1, 1, show_run },
  { "receipt keys", "", "list the keys that receipts are signed with",
    "Lists the versions that the host remembers; of Ed25519 with the public key, in hexadecimal\n"
    "digits, by which anybody can check a receipt.\n",
    { NULL }, 0, 0, keys_run },
  { "receipt rotate", "", "sign receipts with a new key",
    "Makes a new key.  Receipts of the 63 before it can still be checked.\n",
    { NULL }, 0, 0, rotate_run },
  { 0 },
};
