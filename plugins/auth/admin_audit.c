/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* GET /admin/v1/audit: the records as they are, so that whoever reads them can
 * check that they hang together. */
#include "plugins/auth/audit.h"
#include "plugins/auth/change.h"
#include "plugins/auth/list.h"
#include "plugins/auth/schema.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#define ANSWER_MAX (4u << 20) /* bytes after which no further record is begun */

struct reading {
  struct task *task;
  int64_t count;
  uint64_t last;         /* number of the last record */
  char hash[AUDIT_HASH]; /* of it */
  int32_t more;
};

/* Whether it can be put into another text. */
static int32_t
is_json (kg_str text)
{
  json_tokener *tok = json_tokener_new ();
  json_object *o;
  if (!tok)
    return 0;
  json_tokener_set_flags (tok, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
  o = json_tokener_parse_ex (tok, text.ptr, (int) text.len);
  json_tokener_free (tok);
  json_object_put (o);
  return o != NULL;
}

/* The record's members, its SHA-256 and the text that this is of; of one that was
 * tampered with beyond reading the SHA-256 alone. */
static void
record_write (struct kg_out *out, kg_str text, uint64_t seq, const char *hash)
{
  if (seq && is_json (text))
    kg_out_raw (out, text.ptr, text.len - 1);
  else {
    kg_out_lit (out, "{\"damaged\":true");
    text.ptr = NULL;
  }
  kg_out_lit (out, ",\"hash\":");
  kg_out_text (out, hash);
  kg_out_lit (out, ",\"text\":");
  if (text.ptr)
    kg_out_str (out, text);
  else
    kg_out_lit (out, "null");
  kg_out_lit (out, "}");
}

static int32_t
record_show (const struct kg_record *record, void *arg)
{
  struct reading *r = arg;
  struct task *t = r->task;
  char prev[AUDIT_HASH];
  uint64_t seq = 0;
  if (audit_parse (record->data, &seq, prev) == 0 && seq <= (uint64_t) t->after_seq)
    return 0;
  if (r->count == t->limit || t->out.len > ANSWER_MAX) {
    r->more = 1;
    return 1;
  }
  if (task_room (t, 8 * record->data.len + 256) < 0
      || (t->error = audit_hash (record->data, r->hash)) < 0)
    return 1;
  kg_out_lit (&t->out, r->count++ ? "," : "");
  record_write (&t->out, record->data, seq, r->hash);
  r->last = seq ? seq : r->last + 1;
  return 0;
}

/* `head` may be older than what was read: of what another process writes, memory learns
 * up to a second later. */
static void
audit_end (struct task *t, const struct reading *r, struct audit_head *head)
{
  if (r->count && r->last > head->seq) {
    head->seq = r->last;
    memcpy (head->hash, r->hash, sizeof head->hash);
  }
  kg_out_lit (&t->out, "],\"next\":");
  if (r->more)
    kg_out_int (&t->out, (int64_t) r->last);
  else
    kg_out_lit (&t->out, "null");
  kg_out_lit (&t->out, ",\"head\":{\"seq\":");
  kg_out_int (&t->out, (int64_t) head->seq);
  kg_out_lit (&t->out, ",\"hash\":");
  kg_out_text (&t->out, head->hash);
  kg_out_lit (&t->out, "}}");
  t->status = 200;
}

static void
audit_run (struct task *t)
{
  struct reading r = { .task = t, .last = (uint64_t) t->after_seq };
  struct audit_head head;
  int32_t rc = task_room (t, 256);
  kg_out_lit (&t->out, "{\"records\":[");
  if (rc == 0)
    rc = t->auth->store->read (t->auth->admin->audit_log, (uint64_t) t->after_seq, UINT32_MAX,
                               record_show, &r);
  if (rc >= 0) /* after the records: it covers at least those */
    rc = audit_head (t->auth, &head);
  if (rc < 0 && t->error == 0)
    t->error = rc;
  if (t->error == 0 && task_room (t, 256) == 0)
    audit_end (t, &r, &head);
}

static int32_t
audit_get (kg_req *req, void *auth)
{
  struct task *t = task_create (auth, req);
  if (!t)
    return -ENOMEM;
  t->limit = task_number (t, req, "limit", 1, LIST_MAX, LIST_DFLT);
  t->after_seq = task_number (t, req, "after", 0, INT64_MAX / 16, 0);
  return task_start (t, req, audit_run);
}

int32_t
admin_audit_open (struct auth *auth)
{
  static const struct kg_route route = {
    .size = sizeof route,
    .flags = KG_ADMIN,
    .method = "GET",
    .pattern = "/admin/v1/audit",
    .scope = "admin",
    .summary = "Who changed what, in records that hang together by their SHA-256",
    .handler = audit_get,
    .response_schema
    = "{\"type\":\"object\",\"properties\":{\"records\":{\"type\":\"array\",\"items\":{\"type\":"
      "\"object\",\"properties\":{\"seq\":" S_INT ",\"time\":" S_TIME ",\"actor\":" S_TEXT
      ",\"key\":" S_UUID_NULL ",\"action\":" S_TEXT ",\"target\":" S_TEXT
      ",\"before\":{\"type\":[\"object\",\"null\"]},\"after\":{\"type\":[\"object\",\"null\"]}"
      ",\"prev\":" S_TEXT ",\"hash\":" S_TEXT ",\"text\":" S_TEXT_NULL
      "}}},\"next\":{\"type\":[\"integer\",\"null\"]},\"head\":{\"type\":\"object\","
      "\"properties\":{\"seq\":" S_INT ",\"hash\":" S_TEXT "}}}}",
    .parameters = "[{\"name\":\"after\",\"in\":\"query\",\"description\":\"The number to go on "
                  "behind\",\"schema\":{\"type\":\"integer\",\"minimum\":0,\"default\":0}},"
                  "{\"name\":\"limit\",\"in\":\"query\",\"schema\":{\"type\":\"integer\","
                  "\"minimum\":1,\"maximum\":1000,\"default\":100}}]",
    .statuses = "422",
  };
  return routes_add (auth, &route, 1);
}
