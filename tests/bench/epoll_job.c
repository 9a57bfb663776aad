/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The job of a metered invocation as one would write it for one purpose: the key's
 * SHA-256 in a hash table, a counter per key and minute, the body parsed and the
 * answer made with json-c, and 200 bytes about it kept in memory. */
#include "tests/bench/epoll.h"

#include <errno.h>
#include <json-c/json.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SLOTS      4096u /* a power of two; at most half of them are used */
#define HASH       32
#define PER_MINUTE 1000000000
#define EVENT      200
#define EVENTS_MAX (64u * 1024 * 1024 / EVENT)

struct key {
  unsigned char hash[HASH];
  int used;
  int64_t minute, count;
};

static struct key table[SLOTS];
static const EVP_MD *sha256;
static EVP_MD_CTX *context;
static struct json_tokener *tokener;
static char *events;
static uint64_t nevents;
static char date[40];
static int64_t date_s = -1;

/* ---- Keys ------------------------------------------------------------------ */

static void
key_hash (const char *p, size_t len, unsigned char hash[HASH])
{
  EVP_DigestInit_ex (context, sha256, NULL);
  EVP_DigestUpdate (context, p, len);
  EVP_DigestFinal_ex (context, hash, NULL);
}

/* The slot of a hash, free or not. */
static struct key *
key_slot (const unsigned char hash[HASH])
{
  uint32_t i;
  memcpy (&i, hash, sizeof i);
  while (table[i & (SLOTS - 1)].used && memcmp (table[i & (SLOTS - 1)].hash, hash, HASH))
    i++;
  return &table[i & (SLOTS - 1)];
}

static struct key *
key_find (const char *p, size_t len)
{
  unsigned char hash[HASH];
  struct key *k;
  if (!p)
    return NULL;
  key_hash (p, len, hash);
  k = key_slot (hash);
  return k->used ? k : NULL;
}

int
job_open (const char *file)
{
  char line[256];
  FILE *f = fopen (file, "r");
  unsigned char hash[HASH];
  sha256 = EVP_MD_fetch (NULL, "SHA256", NULL);
  context = EVP_MD_CTX_new ();
  tokener = json_tokener_new ();
  events = malloc ((size_t) EVENTS_MAX * EVENT);
  if (!f || !sha256 || !context || !tokener || !events)
    return -errno;
  for (uint32_t n = 0; n < SLOTS / 2 && fgets (line, sizeof line, f); n++) {
    struct key *k;
    key_hash (line, strcspn (line, "\n"), hash);
    k = key_slot (hash);
    memcpy (k->hash, hash, HASH);
    k->used = 1;
  }
  fclose (f);
  return 0;
}

/* ---- The work -------------------------------------------------------------- */

static int64_t
limit_take (struct key *k, int64_t now_s)
{
  if (k->minute != now_s / 60) {
    k->minute = now_s / 60;
    k->count = 0;
  }
  return PER_MINUTE - ++k->count;
}

/* {"path": ..., "result": {...}, "tokens_used": 0, "cached": false} */
static struct json_object *
answer_make (const char *path, const char *entity, size_t entity_len)
{
  struct json_object *o = json_object_new_object (), *r = json_object_new_object ();
  json_object_object_add (o, "path", json_object_new_string (path));
  json_object_object_add (r, "type", json_object_new_string ("developer"));
  json_object_object_add (r, "entity", json_object_new_string_len (entity, (int) entity_len));
  json_object_object_add (r, "language", json_object_new_string (""));
  json_object_object_add (r, "dependencies", json_object_new_array ());
  json_object_object_add (r, "structure", json_object_new_object ());
  json_object_object_add (r, "build_status", json_object_new_string ("unknown"));
  json_object_object_add (r, "test_coverage", json_object_new_double (0.0));
  json_object_object_add (r, "issues", json_object_new_array ());
  json_object_object_add (o, "result", r);
  json_object_object_add (o, "tokens_used", json_object_new_int (0));
  json_object_object_add (o, "cached", json_object_new_boolean (0));
  return o;
}

static void
event_keep (const char *path, int64_t now_s)
{
  char *event = events + nevents % EVENTS_MAX * EVENT;
  int n = snprintf (event, EVENT,
                    "{\"id\":\"%016llx\",\"tenant\":\"00000000-0000-0000-0000-000000000001\","
                    "\"time\":%lld,\"type\":\"agentese.invoke\",\"data\":{\"path\":\"%.60s\","
                    "\"tokens_used\":0}}",
                    (unsigned long long) nevents, (long long) now_s, path);
  memset (event + n, ' ', (size_t) (EVENT - n));
  nevents++;
}

static const char *
date_text (int64_t now_s)
{
  if (date_s != now_s) {
    time_t t = (time_t) now_s;
    struct tm tm;
    date_s = now_s;
    strftime (date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r (&t, &tm));
  }
  return date;
}

static size_t
refusal (char *out, size_t size, const char *status)
{
  return (size_t) snprintf (out, size, "HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n", status);
}

static size_t
put (const struct epoll_request *req, int64_t left, const char *json, size_t len, char *out,
     size_t size)
{
  int n = snprintf (out, size,
                    "HTTP/1.1 200 OK\r\nDate: %s\r\nContent-Type: application/json\r\n"
                    "Content-Length: %zu\r\nX-RateLimit-Limit: %d\r\n"
                    "X-RateLimit-Remaining: %lld\r\nX-RateLimit-Reset: %lld\r\n\r\n",
                    date_text (req->now_s), len, PER_MINUTE, (long long) left,
                    (long long) (req->now_s / 60 + 1) * 60);
  if ((size_t) n + len > size)
    return refusal (out, size, "500 Internal Server Error");
  memcpy (out + n, json, len);
  return (size_t) n + len;
}

size_t
job_answer (const struct epoll_request *req, char *out, size_t size)
{
  struct key *key = key_find (req->key, req->key_len);
  struct json_object *body, *path = NULL, *answer;
  const char *text, *entity, *json;
  size_t len, n;
  int64_t left;
  if (!key)
    return refusal (out, size, "401 Unauthorized");
  left = limit_take (key, req->now_s);
  if (left < 0)
    return refusal (out, size, "429 Too Many Requests");
  json_tokener_reset (tokener);
  body = json_tokener_parse_ex (tokener, req->body, (int) req->body_len);
  if (!body || !json_object_object_get_ex (body, "path", &path)
      || !json_object_is_type (path, json_type_string)) {
    json_object_put (body);
    return refusal (out, size, "400 Bad Request");
  }
  text = json_object_get_string (path);
  entity = strchr (text, '.') ? strchr (text, '.') + 1 : text;
  answer = answer_make (text, entity, strcspn (entity, "."));
  json = json_object_to_json_string_length (answer, JSON_C_TO_STRING_PLAIN, &len);
  n = put (req, left, json, len, out, size);
  event_keep (text, req->now_s);
  json_object_put (answer);
  json_object_put (body);
  return n;
}
