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

/* 1: whoever called has to set the lane going; 0: others come before; -EAGAIN. */
static int32_t
lane_push (struct lane *lane, struct task *t)
{
  int32_t rc = -EAGAIN;
  pthread_mutex_lock (&lane->lock);
  if (lane->count < (t->apart ? LANE_APART : LANE_MAX)) {
    rc = !lane->busy;
    lane->busy = 1;
    *lane->last = t;
    lane->last = &t->next;
    lane->count++;
  }
  pthread_mutex_unlock (&lane->lock);
  return rc;
}

/* Those at work, whom another process overtook, wait again, in front. */
static void
work_return (struct lane *lane)
{
  struct task **end = &lane->work;
  while (*end)
    end = &(*end)->next;
  if (!lane->first && lane->work)
    lane->last = end;
  *end = lane->first;
  lane->first = lane->work;
}

/* Whether one of the first `n` is about the same entry. */
static int32_t
lane_has (const struct lane *lane, uint32_t n, const char *id)
{
  const struct task *t = lane->first;
  for (; n && strcmp (t->id, id); n--)
    t = t->next;
  return n != 0;
}

/* Takes to work as many of the first ones as have nothing to do with each other.  Whoever was
 * overtaken goes with fewer each time: those take less time. */
static void
work_take (struct lane *lane)
{
  struct task *t;
  uint32_t n = 1, max;
  pthread_mutex_lock (&lane->lock);
  work_return (lane);
  t = lane->first;
  max = t->apart ? GROUP_MAX >> t->tries : 1;
  for (; n < max && t->next && t->next->apart && !lane_has (lane, n, t->next->id); n++)
    t = t->next;
  lane->work = lane->first;
  lane->first = t->next;
  t->next = NULL;
  if (!lane->first)
    lane->last = &lane->first;
  pthread_mutex_unlock (&lane->lock);
}

/* Those at work leave; `ret_more`: there are others, and the lane is the caller's still. */
static struct task *
work_leave (struct lane *lane, int32_t *ret_more)
{
  struct task *left = lane->work, *t;
  uint32_t n = 0;
  for (t = left; t; t = t->next)
    n++;
  lane->work = NULL;
  pthread_mutex_lock (&lane->lock);
  lane->count -= n;
  lane->busy = *ret_more = lane->first != NULL;
  pthread_mutex_unlock (&lane->lock);
  return left;
}

static void lane_job (void *arg);

/* Answers those at work and sends the next ones on their way; without a job to be had
 * they all fail. */
static void
lane_next (struct auth *auth)
{
  struct lane *lane = &auth->admin->lane;
  struct task *t, *next;
  int32_t more, rc;
  do {
    for (t = work_leave (lane, &more); t; t = next) {
      next = t->next;
      if (t->error == 0 && t->built < 0)
        t->error = t->built;
      task_end (t);
    }
    rc = more ? auth->jobs->run (auth->self, lane_job, auth) : 0;
    if (rc < 0) {
      work_take (lane);
      for (t = lane->work; t; t = t->next)
        t->error = rc;
    }
  } while (rc < 0);
}

/* ---- Those at work ------------------------------------------------------- */

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
audit_log (const struct task *t)
{
  const struct audit_entry *e = &t->audit;
  t->auth->host->log (t->auth->self, KG_LOG_INFO, "audit: record %llu, %s %s, by %s%s%s, sha256 %s",
                      (unsigned long long) t->audit_seq, e->action, e->target, t->actor,
                      t->key ? " with key " : "", t->key ? t->key : "", t->audit_hash);
}

/* All that were in the write are refused for the same reason. */
static void
work_refuse (struct lane *lane, const char *what, int32_t error)
{
  for (struct task *t = lane->work; t; t = t->next) {
    if (t->built != CHANGE_GOES)
      continue;
    t->failure = error;
    if (error == -ESTALE)
      task_refuse (t, 409, "Others changed it at the same time. Try again.");
    else
      task_refuse (t, 503, "The change %s: %s", what, strerror (-error));
  }
}

#define NOT_STORED   "could not be stored"
#define NOT_IN_FORCE "is stored, but not in force here yet"

static void
work_log (const struct lane *lane)
{
  for (const struct task *t = lane->work; t; t = t->next)
    if (t->built == CHANGE_GOES)
      audit_log (t);
}

static void
enforce_job (void *arg)
{
  struct auth *auth = arg;
  work_log (&auth->admin->lane);
  for (struct task *t = auth->admin->lane.work; t; t = t->next) {
    if (t->built != CHANGE_GOES)
      continue;
    t->failure = change_enforce (t);
    if (t->failure < 0)
      task_refuse (t, 503, "The change " NOT_IN_FORCE ": %s", strerror (-t->failure));
  }
  lane_next (auth);
}

/* On the committer's thread.  Nothing of a failed write was done. */
static void
work_written (const struct kg_outcome *outcome, void *arg)
{
  struct auth *auth = arg;
  struct lane *lane = &auth->admin->lane;
  int32_t raced = outcome->error == -ESTALE || outcome->error == -EEXIST, rc = outcome->error;
  if (rc == 0)
    rc = auth->jobs->run (auth->self, enforce_job, auth);
  else if (raced)
    rc = ++lane->work->tries < TRIES_MAX ? auth->jobs->run (auth->self, lane_job, auth) : -ESTALE;
  if (rc == 0)
    return;
  if (!outcome->error)
    work_log (lane);
  work_refuse (lane, outcome->error ? NOT_STORED : NOT_IN_FORCE, rc);
  lane_next (auth);
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

/* How many operations the change has, its record included; 0: there is nothing to write. */
static uint32_t
change_build (struct task *t, struct audit_head *head)
{
  int32_t rc;
  change_reset (t);
  t->built = t->build (t);
  if (t->built != CHANGE_GOES || t->error < 0)
    t->built = t->built < 0 ? t->built : CHANGE_DONE;
  else if ((rc = audit_append (t, head)) < 0)
    t->built = rc;
  return t->built == CHANGE_GOES ? t->ops : 0;
}

/* All the operations of those at work, and the new head, the last one: whoever has seen that has
 * seen the others. */
static int32_t
work_write (struct auth *auth, const struct audit_head *head, uint32_t ops)
{
  struct task *first = auth->admin->lane.work;
  struct kg_op *op = task_alloc (first, (ops + 1) * sizeof *op);
  uint32_t n = 0;
  int32_t rc = op ? audit_move (first, head, &op[ops]) : -ENOMEM;
  for (struct task *t = first; t && rc == 0; t = t->next)
    if (t->built == CHANGE_GOES) {
      memcpy (op + n, t->op, t->ops * sizeof *op);
      n += t->ops;
    }
  return rc == 0 ? auth->store->write (auth->self, op, ops + 1, sizeof *op, work_written, auth) : rc;
}

/* The first thing that is read is the head: what is read later is at least as new. */
static void
lane_job (void *arg)
{
  struct auth *auth = arg;
  struct lane *lane = &auth->admin->lane;
  struct audit_head head;
  uint32_t ops = 0;
  int32_t rc = audit_head (auth, &head);
  work_take (lane);
  for (struct task *t = lane->work; t; t = t->next)
    if (rc < 0)
      t->built = rc;
    else
      ops += change_build (t, &head);
  rc = ops ? work_write (auth, &head, ops) : 0;
  if (ops && rc == 0)
    return;
  work_refuse (lane, NOT_STORED, rc);
  lane_next (auth);
}

int32_t
change_enter (struct task *t, int32_t (*build) (struct task *))
{
  struct auth *auth = t->auth;
  int32_t rc;
  t->build = build;
  rc = lane_push (&auth->admin->lane, t);
  if (rc == 1 && (rc = auth->jobs->run (auth->self, lane_job, auth)) < 0) {
    work_take (&auth->admin->lane);
    for (struct task *w = auth->admin->lane.work; w; w = w->next)
      w->error = rc;
    lane_next (auth);
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
