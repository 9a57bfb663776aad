/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What operators ask about receipts: whether one is good, the record of one, and the
 * keys.  The ledger is read in a job: no request thread touches a disk. */
#include "plugins/metering-openmeter/ledger.h"
#include "plugins/metering-openmeter/receipt.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FRESH_S 5       /* a younger record may still be on its way into the log */
#define FRESH_TRIES 10  /* 100 ms each */

/* A question; its texts lie behind it. */
struct question {
  struct mt *mt;
  kg_ticket *ticket;
  void (*work) (struct question *q);
  kg_str receipt, tenant, id; /* without a ptr: not given */
  int64_t time_s;             /* -1: not given */
  int32_t error;
  struct json_object *answer;
};

static void
question_free (void *arg)
{
  struct question *q = arg;
  json_object_put (q->answer);
  free (q);
}

static int32_t
question_answer (kg_req *req, void *arg)
{
  struct question *q = arg;
  const struct kg_host *host = q->mt->host;
  const char *text = q->answer ? json_object_to_json_string_ext (
                                     q->answer, JSON_C_TO_STRING_PLAIN
                                                    | JSON_C_TO_STRING_NOSLASHESCAPE)
                               : NULL;
  int32_t r = q->error;
  if (r == -ENOENT)
    r = host->problem (req, 404, NULL, "No usage record has this id: it is older than what "
                                       "is kept, or another host's");
  else if (r == -ETIMEDOUT)
    r = host->problem (req, 503, NULL, "Searching all usage records took over %d s; give the "
                                       "time of the request with the id", LEDGER_S);
  else if (!r && text)
    r = host->reply (req, 200, "application/json", text, strlen (text));
  question_free (q);
  return r < 0 ? r : KG_DONE;
}

static void
question_run (void *arg)
{
  struct question *q = arg;
  q->work (q);
  q->mt->host->resume (q->ticket, question_answer, q, question_free);
}

/* A copy of the text in *at, which moves on. */
static kg_str
keep (char **at, kg_str text)
{
  kg_str kept = { text.ptr ? *at : NULL, text.len };
  if (text.len)
    memcpy (*at, text.ptr, text.len);
  *at += text.len;
  return kept;
}

static int32_t
question_ask (struct mt *mt, kg_req *req, const struct question *from)
{
  struct question *q
      = malloc (sizeof *q + from->receipt.len + from->tenant.len + from->id.len + 1);
  char *at = (char *)(q + 1);
  int32_t r;
  if (!q)
    return -ENOMEM;
  *q = *from;
  q->mt = mt;
  q->receipt = keep (&at, from->receipt);
  q->tenant = keep (&at, from->tenant);
  q->id = keep (&at, from->id);
  q->ticket = mt->host->suspend (req, NULL, NULL);
  if (!q->ticket) {
    question_free (q);
    return -ENOMEM;
  }
  r = mt->jobs->run (mt->self, question_run, q);
  if (r < 0) {
    q->error = r;
    mt->host->resume (q->ticket, question_answer, q, question_free);
  }
  return KG_WAIT;
}

/* ---- Whether one is good ------------------------------------------------------------- */

static void
verdict_say (struct question *q, const char *verdict, const char *reason)
{
  json_object_object_add (q->answer, "verdict", json_object_new_string (verdict));
  json_object_object_add (q->answer, "reason",
                          reason ? json_object_new_string (reason) : NULL);
}

static void
parts_add (struct json_object *o, const struct receipt_parts *p)
{
  json_object_object_add (o, "id", json_object_new_string_len (p->id.ptr, (int)p->id.len));
  json_object_object_add (o, "units", json_object_new_int64 (p->units));
  json_object_object_add (o, "money", json_object_new_int64 (p->money));
  json_object_object_add (o, "requests", json_object_new_int64 (p->requests));
  json_object_object_add (o, "left", p->left < 0 ? NULL : json_object_new_int64 (p->left));
  json_object_object_add (o, "seq", p->seq ? json_object_new_int64 (p->seq) : NULL);
  json_object_object_add (o, "time", json_object_new_int64 (p->time));
  json_object_object_add (o, "key_version", json_object_new_int64 (p->version));
}

static int64_t
member_int (struct json_object *o, const char *name)
{
  struct json_object *v = NULL;
  json_object_object_get_ex (o, name, &v);
  return json_object_get_int64 (v);
}

/* What the record says otherwise, or NULL. */
static const char *
differing (struct json_object *record, const struct receipt_parts *p)
{
  return member_int (record, "units") != p->units         ? "units"
         : member_int (record, "money") != p->money       ? "money"
         : member_int (record, "requests") != p->requests ? "requests"
         : member_int (record, "seq") != p->seq           ? "seq"
                                                          : NULL;
}

static int32_t
tenant_is (struct json_object *record, kg_str tenant)
{
  struct json_object *v = NULL;
  json_object_object_get_ex (record, "tenant", &v);
  return (size_t)json_object_get_string_len (v) == tenant.len
         && !memcmp (json_object_get_string (v), tenant.ptr, tenant.len);
}

/* A record of this moment gets into the log when the committer has come by: it is not
 * worth a look through all of it. */
static int32_t
record_find (struct question *q, const struct receipt_parts *p, struct json_object **ret)
{
  const struct timespec pause = { 0, 100000000 };
  int32_t r, tries = time (NULL) - p->time < FRESH_S ? FRESH_TRIES : 0;
  while ((r = ledger_find (q->mt, p->id, p->time, !tries, ret)) == -ENOENT && tries--)
    nanosleep (&pause, NULL);
  return r;
}

/* The signature is good: what does the ledger say? */
static void
ledger_check (struct question *q, const struct receipt_parts *p)
{
  struct json_object *record = NULL;
  const char *other;
  char reason[96];
  q->error = record_find (q, p, &record);
  json_object_object_add (q->answer, "record", record);
  if (q->error == -ENOENT) {
    q->error = 0;
    verdict_say (q, "unknown", "it was signed here, and its usage record is no longer kept");
  }
  if (!record)
    return;
  other = differing (record, p);
  snprintf (reason, sizeof reason, "its usage record has other %s", other ? other : "");
  if (other)
    verdict_say (q, "forged", reason);
  else if (q->tenant.ptr && !tenant_is (record, q->tenant))
    verdict_say (q, "forged", "it is another tenant's");
  else
    verdict_say (q, "good", NULL);
}

static void
verify_work (struct question *q)
{
  struct receipt_parts p;
  int32_t good;
  q->answer = json_object_new_object ();
  if (receipt_read (q->receipt, &p) < 0) {
    verdict_say (q, "forged", "it is no receipt as this host writes them");
    return;
  }
  parts_add (q->answer, &p);
  good = seal_check (q->mt->receipts, q->receipt, &p);
  if (good == 1)
    ledger_check (q, &p);
  else if (!good)
    verdict_say (q, "forged", "its signature is not that of its text");
  else if (good == -ENOENT)
    verdict_say (q, "unknown", "the key that signed it is not known here, or no longer");
  else
    q->error = good;
}

/* A member that is a text, or none, at most 1024 bytes; 0 when it is something else. */
static int32_t
text_member (struct mt *mt, kg_req *req, const char *name, kg_str *ret)
{
  const struct kg_json *j = mt->host->json (req);
  uint32_t i = kg_json_find (j, 0, name);
  *ret = (kg_str){ NULL, 0 };
  if (!i || kg_json_kind (j, i) == KG_JSON_NULL)
    return 1;
  *ret = kg_json_str (mt->host, req, j, i);
  return ret->ptr && ret->len <= 1024;
}

static int32_t
verify (kg_req *req, void *data)
{
  struct mt *mt = data;
  struct question q = { .work = verify_work };
  if (!text_member (mt, req, "receipt", &q.receipt) || !q.receipt.ptr
      || !text_member (mt, req, "tenant", &q.tenant))
    return mt->host->problem (req, 422, NULL,
                              "receipt must be a text, and tenant one, if it is there");
  return question_ask (mt, req, &q);
}

/* ---- The record of one --------------------------------------------------------------- */

static void
show_work (struct question *q)
{
  q->error = ledger_find (q->mt, q->id, q->time_s, 1, &q->answer);
}

static int32_t
show (kg_req *req, void *data)
{
  struct mt *mt = data;
  kg_str at = mt->host->get (req, KG_GET_QUERY, "time");
  struct question q = { .work = show_work, .time_s = at.ptr ? 0 : -1 };
  size_t i;
  q.id = mt->host->get (req, KG_GET_PARAM, "id");
  for (i = 0; i < at.len && i < 12 && at.ptr[i] >= '0' && at.ptr[i] <= '9'; i++)
    q.time_s = q.time_s * 10 + (at.ptr[i] - '0');
  if (at.ptr && (!at.len || i < at.len))
    return mt->host->problem (req, 422, NULL, "time must be seconds since the epoch");
  return question_ask (mt, req, &q);
}

/* ---- Keys ------------------------------------------------------------------------------ */

static void
key_add (struct receipts *r, struct json_object *list, uint32_t version)
{
  struct json_object *o = json_object_new_object ();
  char hex[65] = "";
  uint8_t public[32];
  int32_t i, there = seal_public (r, version, public) >= 0;
  for (i = 0; there && i < 32; i++)
    snprintf (hex + 2 * i, 3, "%02x", public[i]);
  json_object_object_add (o, "version", json_object_new_int64 (version));
  json_object_object_add (o, "kind", json_object_new_string (there ? "ed25519" : "mac"));
  json_object_object_add (o, "public", there ? json_object_new_string (hex) : NULL);
  json_object_array_add (list, o);
}

static void
keys_work (struct question *q)
{
  struct json_object *list = json_object_new_array ();
  uint32_t newest = atomic_load (&q->mt->receipts->head->newest), i;
  for (i = newest - RECEIPT_KEYS + 1; i <= newest; i++)
    if (seal_known (q->mt->receipts, i))
      key_add (q->mt->receipts, list, i);
  q->answer = json_object_new_object ();
  json_object_object_add (q->answer, "newest", json_object_new_int64 (newest));
  json_object_object_add (q->answer, "keys", list);
}

static void
rotate_work (struct question *q)
{
  int64_t version = seal_rotate (q->mt->receipts);
  q->error = version < 0 ? (int32_t)version : 0;
  if (q->error)
    return;
  q->mt->host->log (q->mt->self, KG_LOG_INFO, "receipts are signed with key %lld from now on",
                    (long long)version);
  q->answer = json_object_new_object ();
  json_object_object_add (q->answer, "version", json_object_new_int64 (version));
}

static int32_t
keys (kg_req *req, void *data)
{
  const struct question q = { .work = keys_work };
  return question_ask (data, req, &q);
}

static int32_t
rotate (kg_req *req, void *data)
{
  const struct question q = { .work = rotate_work };
  return question_ask (data, req, &q);
}

/* ---- Routes ---------------------------------------------------------------------------- */

#define RECORD                                                                             \
  "{\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"string\"},"                     \
  "\"sequence\":{\"type\":\"integer\"},\"time\":{\"type\":\"string\"},"                    \
  "\"tenant\":{\"type\":\"string\"},\"key\":{\"type\":[\"string\",\"null\"]},"             \
  "\"units\":{\"type\":\"integer\"},\"money\":{\"type\":\"integer\"},"                     \
  "\"requests\":{\"type\":\"integer\"},\"seq\":{\"type\":[\"integer\",\"null\"]},"         \
  "\"events\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}}}}"

static const struct kg_route routes[] = {
  { .size = sizeof routes[0],
    .flags = KG_ADMIN | KG_JSON,
    .method = "POST",
    .pattern = "/admin/v1/receipts/verify",
    .scope = "admin",
    .timeout_ms = (LEDGER_S + 10) * 1000,
    .handler = verify,
    .summary = "Check a receipt's signature and its usage record",
    .request_schema = "{\"type\":\"object\",\"required\":[\"receipt\"],\"properties\":{"
                      "\"receipt\":{\"type\":\"string\"},"
                      "\"tenant\":{\"type\":[\"string\",\"null\"]}}}",
    .response_schema
    = "{\"type\":\"object\",\"required\":[\"verdict\"],\"properties\":{\"verdict\":{"
      "\"type\":\"string\",\"enum\":[\"good\",\"forged\",\"unknown\"]},"
      "\"reason\":{\"type\":[\"string\",\"null\"]},\"record\":" RECORD "}}",
    .statuses = "422 503" },
  { .size = sizeof routes[0],
    .flags = KG_ADMIN,
    .method = "GET",
    .pattern = "/admin/v1/receipts/{id}",
    .scope = "admin",
    .timeout_ms = (LEDGER_S + 10) * 1000,
    .handler = show,
    .summary = "Show the usage record of a receipt",
    .parameters = "[{\"name\":\"time\",\"in\":\"query\",\"required\":false,\"description\":"
                  "\"Of the request, in seconds since the epoch: the search is quick then.\","
                  "\"schema\":{\"type\":\"integer\",\"minimum\":0}}]",
    .response_schema = RECORD,
    .statuses = "404 422 503" },
  { .size = sizeof routes[0],
    .flags = KG_ADMIN,
    .method = "GET",
    .pattern = "/admin/v1/receipt-keys",
    .scope = "admin",
    .handler = keys,
    .summary = "List the keys that receipts are signed with, and their public halves",
    .response_schema
    = "{\"type\":\"object\",\"properties\":{\"newest\":{\"type\":\"integer\"},\"keys\":{"
      "\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{\"version\":{"
      "\"type\":\"integer\"},\"kind\":{\"type\":\"string\"},"
      "\"public\":{\"type\":[\"string\",\"null\"]}}}}}}" },
  { .size = sizeof routes[0],
    .flags = KG_ADMIN,
    .method = "POST",
    .pattern = "/admin/v1/receipt-keys",
    .scope = "admin",
    .handler = rotate,
    .summary = "Sign receipts with a new key from now on",
    .response_schema
    = "{\"type\":\"object\",\"properties\":{\"version\":{\"type\":\"integer\"}}}" },
};

int32_t
proof_open (struct mt *mt)
{
  int32_t e = 0;
  for (size_t i = 0; i < sizeof routes / sizeof routes[0] && e >= 0; i++)
    e = mt->host->route (mt->self, &routes[i]);
  return e;
}
