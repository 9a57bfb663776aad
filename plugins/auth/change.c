/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "plugins/auth/change.h"
#include "plugins/auth/audit.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>

#define TRIES_MAX 32 /* of one change that others are faster than */

/* ---- The lane ------------------------------------------------------------ */

void
lane_init (struct lane *lane)
{
  pthread_mutex_init (&lane->lock, NULL);
  lane->last = &lane->first;
}

void
lane_finish (struct lane *lane)
{
  pthread_mutex_destroy (&lane->lock);
}

static void lane_job (void *arg);

/* The first one leaves; returns the next one, which is now the first. */
static struct task *
lane_shift (struct lane *lane)
{
  struct task *next;
  pthread_mutex_lock (&lane->lock);
  next = lane->first->next;
  lane->first = next;
  if (!next)
    lane->last = &lane->first;
  lane->count--;
  pthread_mutex_unlock (&lane->lock);
  return next;
}

/* Answers the first one and sends the next one on its way; without a job to be had
 * they all fail. */
static void
lane_next (struct task *t)
{
  struct auth *auth = t->auth;
  struct task *next;
  int32_t rc = -1;
  while (t && rc < 0) {
    next = lane_shift (&auth->admin->lane);
    task_end (t);
    rc = next ? auth->jobs->run (auth->self, lane_job, auth) : 0;
    if (rc < 0)
      next->error = rc;
    t = next;
  }
}

/* 1: the task is the only one; 0: others come before; -EAGAIN. */
static int32_t
lane_push (struct lane *lane, struct task *t)
{
  int32_t rc = -EAGAIN;
  pthread_mutex_lock (&lane->lock);
  if (lane->count < LANE_MAX) {
    rc = !lane->first;
    *lane->last = t;
    lane->last = &t->next;
    lane->count++;
  }
  pthread_mutex_unlock (&lane->lock);
  return rc;
}

/* ---- One change ---------------------------------------------------------- */

/* Makes sure that what was written is in force here, whether or not the watch has
 * been told yet: then it is a repetition. */
static int32_t
change_enforce (struct task *t)
{
  struct kg_entry entry = { .size = sizeof entry };
  int32_t rc = 0;
  for (uint32_t i = 0; i < TASK_OPS && t->force[i] && rc == 0; i++) {
    rc = t->auth->store->get (t->op[i].bucket, t->op[i].key, &entry);
    if (rc == 0)
      rc = t->force[i](t->auth, t->op[i].key, entry.value, entry.revision);
  }
  return rc;
}

static void
enforce_job (void *arg)
{
  struct task *t = arg;
  int32_t rc = change_enforce (t);
  t->failure = rc;
  if (rc < 0)
    task_refuse (t, 503, "The change is stored, but not in force here yet: %s", strerror (-rc));
  lane_next (t);
}

static void
audit_log (const struct task *t)
{
  const struct audit_entry *e = &t->audit;
  t->auth->host->log (t->auth->self, KG_LOG_INFO, "audit: record %llu, %s %s, by %s%s%s, sha256 %s",
                      (unsigned long long) t->audit_seq, e->action, e->target, t->actor,
                      t->key ? " with key " : "", t->key ? t->key : "", t->audit_hash);
}

/* On the committer's thread.  Nothing of a failed write was done. */
static void
change_written (const struct kg_outcome *outcome, void *arg)
{
  struct task *t = arg;
  struct auth *auth = t->auth;
  int32_t raced = outcome->error == -ESTALE || outcome->error == -EEXIST, rc = 0;
  if (!outcome->error) {
    audit_log (t);
    rc = auth->jobs->run (auth->self, enforce_job, t);
  } else if (raced && ++t->tries < TRIES_MAX)
    rc = auth->jobs->run (auth->self, lane_job, auth);
  else if (raced)
    rc = -ESTALE;
  else
    rc = outcome->error;
  if (rc == 0)
    return;
  t->failure = rc;
  if (rc == -ESTALE)
    task_refuse (t, 409, "Others changed it at the same time. Try again.");
  else if (outcome->error)
    task_refuse (t, 503, "The change could not be stored: %s", strerror (-rc));
  else
    task_refuse (t, 503, "The change is stored, but not in force here yet: %s", strerror (-rc));
  lane_next (t);
}

/* What an earlier attempt left. */
static void
change_reset (struct task *t)
{
  t->ops = 0;
  memset (t->op, 0, sizeof t->op);
  memset (t->force, 0, sizeof t->force);
  t->audit = (struct audit_entry){ 0 };
  t->faults = 0;
  t->status = 0;
  t->failure = 0;
}

/* 1: it waits for the disk. */
static int32_t
change_work (struct task *t)
{
  struct auth *auth = t->auth;
  struct audit_head head;
  int32_t rc;
  change_reset (t);
  rc = audit_head (auth, &head); /* first: what is read later is at least as new */
  if (rc == 0)
    rc = t->build (t);
  if (t->error < 0)
    return t->error;
  if (rc != CHANGE_GOES)
    return rc;
  rc = audit_append (t, &head);
  if (rc < 0)
    return rc;
  rc = auth->store->write (auth->self, t->op, t->ops, sizeof t->op[0], change_written, t);
  if (rc == 0)
    return 1;
  t->failure = rc;
  task_refuse (t, 503, "The change could not be stored: %s", strerror (-rc));
  return 0;
}

static void
lane_job (void *arg)
{
  struct auth *auth = arg;
  struct task *t = auth->admin->lane.first;
  int32_t rc = change_work (t);
  if (rc == 1)
    return;
  if (rc < 0 && t->error == 0)
    t->error = rc;
  lane_next (t);
}

int32_t
change_enter (struct task *t, int32_t (*build) (struct task *))
{
  struct auth *auth = t->auth;
  int32_t rc;
  t->build = build;
  rc = lane_push (&auth->admin->lane, t);
  if (rc == 1 && (rc = auth->jobs->run (auth->self, lane_job, auth)) < 0) {
    t->error = rc;
    lane_next (t);
    rc = 0;
  }
  return rc;
}

int32_t
change_start (struct task *t, kg_req *req, int32_t (*build) (struct task *))
{
  int32_t rc;
  if (!t)
    return -ENOMEM;
  if (t->faults || t->status)
    return task_answer (req, t);
  rc = task_suspend (t, req);
  if (rc < 0)
    return rc;
  if (change_enter (t, build) < 0) {
    task_refuse (t, 503, "Too many changes wait. Try again.");
    task_end (t);
  }
  return KG_WAIT;
}

/* ---- For those who build ------------------------------------------------- */

void
change_put (struct task *t, kg_bucket *bucket, const char *id, kg_str value, uint64_t revision,
            change_force *force)
{
  const char *key = task_copy (t, (kg_str){ id, strlen (id) });
  const char *copy = task_copy (t, value);
  if (!key || !copy)
    return;
  t->force[t->ops] = force;
  t->op[t->ops++] = (struct kg_op){ .kind = KG_OP_PUT,
                                    .bucket = bucket,
                                    .key = { key, strlen (key) },
                                    .value = { copy, value.len },
                                    .revision = revision };
}

int32_t
change_get (struct task *t, kg_bucket *bucket, const char *id, kg_str *ret_value,
            uint64_t *ret_revision)
{
  struct kg_entry entry = { .size = sizeof entry };
  int32_t rc = *id ? t->auth->store->get (bucket, (kg_str){ id, strlen (id) }, &entry) : -ENOENT;
  const char *copy = rc == 0 ? task_copy (t, entry.value) : NULL;
  if (rc < 0)
    return rc;
  if (!copy)
    return -ENOMEM;
  *ret_value = (kg_str){ copy, entry.value.len };
  *ret_revision = entry.revision;
  return 0;
}

static json_object *
object_parse (kg_str text)
{
  json_tokener *tok = json_tokener_new ();
  json_object *o = tok ? json_tokener_parse_ex (tok, text.ptr, (int) text.len) : NULL;
  if (tok)
    json_tokener_free (tok);
  return o;
}

/* The members of `from` that `other` has not, or otherwise, as text. */
static kg_str
members_differing (struct task *t, json_object *from, json_object *other, size_t *ret_count)
{
  json_object *o = json_object_new_object (), *there;
  kg_str s = { NULL, 0 };
  json_object_object_foreach (from, name, value)
  {
    if (json_object_object_get_ex (other, name, &there) && json_object_equal (value, there))
      continue;
    if (o)
      json_object_object_add (o, name, json_object_get (value));
    ++*ret_count;
  }
  if (o) {
    s.ptr = json_object_to_json_string_ext (o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);
    s.len = s.ptr ? strlen (s.ptr) : 0;
    s.ptr = s.ptr ? task_copy (t, s) : NULL;
  }
  json_object_put (o);
  return s;
}

int32_t
change_differ (struct task *t, kg_str before, kg_str after)
{
  json_object *old = object_parse (before), *new = object_parse (after);
  size_t count = 0;
  if (old && new) {
    t->audit.before = members_differing (t, old, new, &count);
    t->audit.after = members_differing (t, new, old, &count);
  }
  json_object_put (old);
  json_object_put (new);
  if (!old || !new || !t->audit.before.ptr || !t->audit.after.ptr)
    return -ENOMEM;
  return count != 0;
}
