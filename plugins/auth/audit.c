/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "plugins/auth/audit.h"
#include "plugins/auth/change.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEAD_KEY   "head"
#define RECORD_MAX (4 * KEY_JSON) /* bytes of a record */
#define RECORD_FRAME 512          /* bytes of all but its texts, at most */
#define PREV       ",\"prev\":\""   /* its end: that, the hash, and "} */
#define PREV_LEN   (sizeof PREV - 1 + AUDIT_HASH - 1 + 2)

/* ---- Texts --------------------------------------------------------------- */

int32_t
audit_hash (kg_str text, char ret[AUDIT_HASH])
{
  uint8_t hash[32];
  if (!EVP_Digest (text.ptr, text.len, hash, NULL, EVP_sha256 (), NULL))
    return -EIO;
  text_hex (hash, sizeof hash, ret);
  return 0;
}

int32_t
audit_parse (kg_str text, uint64_t *ret_seq, char ret_prev[AUDIT_HASH])
{
  static const char begin[] = "{\"seq\":";
  const char *end = text.ptr + text.len - PREV_LEN, *p = text.ptr + sizeof begin - 1;
  uint8_t hash[32];
  uint64_t seq = 0;
  if (text.len < sizeof begin + PREV_LEN || memcmp (text.ptr, begin, sizeof begin - 1)
      || memcmp (end, PREV, sizeof PREV - 1) || memcmp (text.ptr + text.len - 2, "\"}", 2))
    return -EBADMSG;
  end += sizeof PREV - 1;
  if (text_hex_parse (end, sizeof hash, hash) < 0)
    return -EBADMSG;
  for (; *p >= '0' && *p <= '9' && seq < UINT64_MAX / 16; p++)
    seq = seq * 10 + (uint64_t) (*p - '0');
  if (*p != ',' || !seq)
    return -EBADMSG;
  memcpy (ret_prev, end, AUDIT_HASH - 1);
  ret_prev[AUDIT_HASH - 1] = 0;
  *ret_seq = seq;
  return 0;
}

/* ---- Head ---------------------------------------------------------------- */

struct newest {
  struct audit_head *head;
  int32_t error;
};

static int32_t
newest_record (const struct kg_record *record, void *arg)
{
  struct newest *n = arg;
  char prev[AUDIT_HASH];
  n->error = audit_parse (record->data, &n->head->seq, prev);
  if (n->error == 0)
    n->error = audit_hash (record->data, n->head->hash);
  return 0;
}

/* The head is gone, and there are records: goes on behind the last one. */
static int32_t
head_rebuild (const struct auth *auth, struct audit_head *ret)
{
  kg_log *log = auth->admin->audit_log;
  uint64_t newest = auth->store->newest (log);
  struct newest n = { ret, 0 };
  int32_t rc = newest ? auth->store->read (log, newest - 1, 1, newest_record, &n) : 0;
  if (rc >= 0 && newest)
    auth->host->log (auth->self, KG_LOG_ERROR,
                     "auth.audit: the head is gone; going on behind record %llu",
                     (unsigned long long) ret->seq);
  return rc < 0 ? rc : n.error;
}

int32_t
audit_head (const struct auth *auth, struct audit_head *ret)
{
  struct kg_entry entry = { .size = sizeof entry };
  unsigned long long seq = 0;
  char text[128];
  int32_t rc = auth->store->get (auth->admin->audit_bucket,
                                 (kg_str){ HEAD_KEY, sizeof HEAD_KEY - 1 }, &entry);
  *ret = (struct audit_head){ .revision = KG_REV_NEW, .hash = AUDIT_ZERO };
  if (rc == -ENOENT)
    return head_rebuild (auth, ret);
  if (rc < 0)
    return rc;
  if (entry.value.len >= sizeof text)
    return -EBADMSG;
  memcpy (text, entry.value.ptr, entry.value.len);
  text[entry.value.len] = 0;
  if (sscanf (text, "{\"seq\":%llu,\"hash\":\"%64[0-9a-f]\"}", &seq, ret->hash) != 2
      || strlen (ret->hash) != AUDIT_HASH - 1)
    return -EBADMSG;
  ret->seq = seq;
  ret->revision = entry.revision;
  return 0;
}

/* ---- Writing ------------------------------------------------------------- */

static void
object_show (struct kg_out *out, const char *name, kg_str object)
{
  kg_out_lit (out, name);
  if (object.ptr)
    kg_out_raw (out, object.ptr, object.len);
  else
    kg_out_lit (out, "null");
}

/* Room for a record: a byte of a text is 6 at most. */
static size_t
record_bytes (const struct task *t)
{
  const struct audit_entry *e = &t->audit;
  size_t texts = strlen (t->actor) + (t->key ? strlen (t->key) : 0) + strlen (e->action)
                 + strlen (e->target);
  size_t bytes = RECORD_FRAME + 6 * texts + e->before.len + e->after.len;
  return bytes < RECORD_MAX ? bytes : RECORD_MAX;
}

static kg_str
record_write (struct task *t, const struct audit_head *head)
{
  const struct audit_entry *e = &t->audit;
  struct kg_out out = task_out (t, record_bytes (t));
  char time[TEXT_TIME];
  text_time (t->now_ns, time);
  kg_out_lit (&out, "{\"seq\":");
  kg_out_int (&out, (int64_t) head->seq + 1);
  kg_out_lit (&out, ",\"time\":");
  kg_out_text (&out, time);
  kg_out_lit (&out, ",\"actor\":");
  kg_out_text (&out, t->actor);
  kg_out_lit (&out, ",\"key\":");
  kg_out_text (&out, t->key);
  kg_out_lit (&out, ",\"action\":");
  kg_out_text (&out, e->action);
  kg_out_lit (&out, ",\"target\":");
  kg_out_text (&out, e->target);
  object_show (&out, ",\"before\":", e->before);
  object_show (&out, ",\"after\":", e->after);
  kg_out_lit (&out, PREV);
  kg_out_lit (&out, head->hash);
  kg_out_lit (&out, "\"}");
  return task_written (t, &out);
}

int32_t
audit_append (struct task *t, struct audit_head *head)
{
  kg_str record = record_write (t, head);
  int32_t rc = audit_hash (record, t->audit_hash);
  if (rc < 0 || t->error < 0)
    return rc < 0 ? rc : t->error;
  t->audit_seq = ++head->seq;
  memcpy (head->hash, t->audit_hash, sizeof head->hash);
  t->op[t->ops++] = (struct kg_op){ .kind = KG_OP_APPEND,
                                    .log = t->auth->admin->audit_log,
                                    .value = record };
  return 0;
}

int32_t
audit_move (struct task *t, const struct audit_head *head, struct kg_op *ret)
{
  char *value = task_text (t, "{\"seq\":%llu,\"hash\":\"%s\"}", (unsigned long long) head->seq,
                           head->hash);
  if (!value)
    return -ENOMEM;
  *ret = (struct kg_op){ .kind = KG_OP_PUT,
                         .bucket = t->auth->admin->audit_bucket,
                         .key = { HEAD_KEY, sizeof HEAD_KEY - 1 },
                         .value = { value, strlen (value) },
                         .revision = head->revision };
  return 0;
}

/* ---- Verification -------------------------------------------------------- */

struct walk {
  struct audit_check *check;
  uint64_t last;         /* number of the last record that counts */
  uint64_t seq;          /* of the record before; at first, of the one that may come before */
  char hash[AUDIT_HASH]; /* of the record before */
  int32_t error;
};

static int32_t
walk_bad (struct walk *w, uint64_t seq, const char *why)
{
  w->check->bad = seq;
  w->check->why = why;
  return 1;
}

static int32_t
walk_record (const struct kg_record *record, void *arg)
{
  struct walk *w = arg;
  char prev[AUDIT_HASH];
  uint64_t seq = 0;
  if (audit_parse (record->data, &seq, prev) < 0)
    return walk_bad (w, w->seq + 1, "the record is malformed");
  if (seq > w->last && w->seq == w->last)
    return 1; /* newer than the head that we read */
  if (seq > w->seq + 1 || (w->check->records && seq <= w->seq))
    return walk_bad (w, w->seq + 1, "the record is missing");
  if ((w->check->records || seq == 1) && strcmp (prev, w->hash))
    return walk_bad (w, seq > 1 ? seq - 1 : 1, "the record is not what the next one says");
  w->check->records++;
  w->seq = seq;
  w->error = audit_hash (record->data, w->hash);
  return w->error;
}

int32_t
audit_verify (const struct auth *auth, uint64_t max, struct audit_check *ret)
{
  struct walk w = { .check = ret, .hash = AUDIT_ZERO };
  struct audit_head head;
  int32_t rc = audit_head (auth, &head);
  uint64_t after = head.seq > max ? head.seq - max : 0;
  *ret = (struct audit_check){ 0 };
  w.last = head.seq;
  w.seq = after;
  if (rc == -EBADMSG) {
    ret->bad = 1;
    ret->why = "the head is malformed";
    return 0;
  }
  /* The log numbers at least as high as we do. */
  if (rc == 0)
    rc = auth->store->read (auth->admin->audit_log, after, UINT32_MAX, walk_record, &w);
  if (rc >= 0)
    rc = w.error;
  if (rc < 0 || ret->bad)
    return rc;
  if (w.seq != head.seq)
    walk_bad (&w, w.seq + 1, "the record is missing");
  else if (strcmp (w.hash, head.hash))
    walk_bad (&w, head.seq, "the record is not what the head says");
  return 0;
}

static void
start_job (void *arg)
{
  struct auth *auth = arg;
  struct audit_check check;
  int32_t rc = audit_verify (auth, AUDIT_CHECK, &check);
  kg_component *component = auth->admin->component;
  if (rc < 0)
    auth->health->set (component, KG_HEALTH_DEGRADED, 0, "the records cannot be read: %s",
                       strerror (-rc));
  else if (!check.bad)
    auth->health->set (component, KG_HEALTH_OK, 0, "%s", "");
  else {
    auth->host->log (auth->self, KG_LOG_ERROR, "auth.audit: the chain is broken at record %llu: %s",
                     (unsigned long long) check.bad, check.why);
    auth->health->set (component, KG_HEALTH_DEGRADED, 0, "the chain is broken at record %llu",
                       (unsigned long long) check.bad);
  }
}

int32_t
audit_start (struct auth *auth)
{
  return auth->jobs->run (auth->self, start_job, auth);
}

int32_t
audit_open (struct auth *auth)
{
  struct admin *admin = auth->admin;
  int32_t rc = auth->store->bucket (auth->self, "auth.audit", &admin->audit_bucket);
  if (rc == 0)
    rc = auth->store->log (auth->self, "auth.audit", 0, 0, &admin->audit_log);
  return rc == 0 ? auth->health->add (auth->self, "audit", 0, &admin->component) : rc;
}
