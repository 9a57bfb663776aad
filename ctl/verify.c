/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* audit verify: the chain of hashes, computed from the texts alone. */

#include "ctl/audit.h"

#include <openssl/evp.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HASH_TEXT 65 /* hex of SHA-256, and NUL */

struct chain {
  int64_t seq;           /* of the last good record */
  char hash[HASH_TEXT];  /* of it; zeros before the first */
  int64_t expected_seq;  /* --expect; 0: nothing is expected */
  char expected[HASH_TEXT];
  int64_t head_seq;      /* where the log ends by the host's own note, -1: not told */
  char head[HASH_TEXT];
  char reason[256];      /* why the chain breaks behind `seq`; "": it doesn't */
};

static void
sha256 (const char *text, char out[HASH_TEXT])
{
  unsigned char digest[32];
  int i;
  if (!EVP_Digest (text, strlen (text), digest, NULL, EVP_sha256 (), NULL))
    abort ();
  for (i = 0; i < 32; i++)
    snprintf (out + 2 * i, 3, "%02x", digest[i]);
}

/* ---- One record ---------------------------------------------------------------------- */

static void
broken (struct chain *c, const char *reason)
{
  snprintf (c->reason, sizeof c->reason, "%s", reason);
}

static void
record_check (struct chain *c, json_object *item, json_object *record, const char *hash)
{
  int64_t seq = number_of (record, "seq", -1);
  if (!record)
    broken (c, "it is damaged, and no record any more");
  else if (strcmp (hash, text_of (item, "hash")))
    broken (c, "the text is not the one that was hashed");
  else if (seq > c->seq + 1)
    broken (c, "records are missing before this one");
  else if (seq != c->seq + 1)
    broken (c, "its number is not the next one");
  else if (strcmp (text_of (record, "prev"), c->hash))
    broken (c, "it does not follow the record before: that one was changed or replaced");
  else if (seq == c->expected_seq && strcmp (hash, c->expected))
    broken (c, "it is not the record that --expect names: the log was rewritten");
}

static int
page_check (json_object *items, json_object *page, void *arg)
{
  struct chain *c = arg;
  json_object *head = member_of (page, "head");
  size_t i, n = length_of (items);
  for (i = 0; i < n && !*c->reason; i++) {
    json_object *item = json_object_array_get_idx (items, i);
    json_object *record = audit_record (item);
    char hash[HASH_TEXT];
    sha256 (text_of (item, "text"), hash);
    record_check (c, item, record, hash);
    if (!*c->reason) {
      c->seq++;
      strcpy (c->hash, hash);
    }
    json_object_put (record);
  }
  c->head_seq = number_of (head, "seq", -1);
  snprintf (c->head, sizeof c->head, "%s", text_of (head, "hash"));
  return *c->reason ? PAGES_ENOUGH : 0;
}

/* ---- The whole ------------------------------------------------------------------------ */

/* All records; while there are new ones behind them, these too. */
static int
chain_read (const struct args *a, struct chain *c)
{
  struct path path;
  int64_t before;
  int r;
  path_start (&path, AUDIT);
  do {
    char after[32];
    before = c->seq;
    snprintf (after, sizeof after, "%" PRId64, before);
    r = pages_each (a, &path, "records", before ? after : NULL, page_check, c);
  } while (!r && !*c->reason && c->head_seq > c->seq && c->seq > before);
  return r;
}

/* What the records alone cannot tell: whether they are all. */
static void
end_check (struct chain *c)
{
  if (c->expected_seq > c->seq)
    broken (c, "the log ends before the record that --expect names");
  else if (c->head_seq > c->seq)
    broken (c, "it is missing: the host has noted a later record as its last one");
  else if (c->head_seq >= 0 && strcmp (c->head, c->hash)) {
    c->seq--;
    broken (c, "it is not the one that the host has noted as its last one");
  }
}

static int
expect_read (const struct args *a, struct chain *c)
{
  const char *text = args_text (a, "expect");
  char *end = NULL;
  if (!text)
    return 0;
  c->expected_seq = strtoll (text, &end, 10);
  if (c->expected_seq > 0 && *end == ':' && strlen (end + 1) == HASH_TEXT - 1
      && strspn (end + 1, "0123456789abcdef") == HASH_TEXT - 1) {
    strcpy (c->expected, end + 1);
    return 0;
  }
  complain ("--expect: '%s' is not SEQ:HASH as kgentctl audit verify prints it", text);
  return EXIT_USAGE;
}

static void
result_json (const struct chain *c)
{
  int good = !*c->reason;
  json_object *o = json_object_new_object ();
  json_object_object_add (o, "valid", json_object_new_boolean (good));
  json_object_object_add (o, "records", json_object_new_int64 (c->seq));
  json_object_object_add (o, "hash", good && c->seq ? json_object_new_string (c->hash) : NULL);
  json_object_object_add (o, "broken_at", good ? NULL : json_object_new_int64 (c->seq + 1));
  json_object_object_add (o, "reason", good ? NULL : json_object_new_string (c->reason));
  show_json (o);
  json_object_put (o);
}

static void
result_text (const struct chain *c)
{
  char count[SHOW_MAX];
  if (*c->reason) {
    complain ("the audit log breaks at record %" PRId64 ": %s", c->seq + 1, c->reason);
    return;
  }
  printf ("%s records, an unbroken chain\n", human_count (c->seq, count));
  if (c->seq)
    printf ("last: %" PRId64 ":%s\n", c->seq, c->hash);
}

int
audit_verify (const struct args *a)
{
  struct chain c = { .head_seq = -1 };
  int r = expect_read (a, &c);
  memset (c.hash, '0', HASH_TEXT - 1);
  if (!r)
    r = chain_read (a, &c);
  if (r)
    return r;
  if (!*c.reason)
    end_check (&c);
  if (a->json)
    result_json (&c);
  else
    result_text (&c);
  return *c.reason ? EXIT_REFUSED : EXIT_OK;
}
