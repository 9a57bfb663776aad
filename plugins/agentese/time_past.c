/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* time.past: nodes as they were, from the versions that state.h keeps. */
#include "plugins/agentese/when.h"

#include <errno.h>
#include <string.h>

/* A node at some moment. */
struct moment {
  struct ag_node node; /* json NULL: it was not there */
  int64_t asked_ns;    /* the moment, or when the asked version came; 0: not known */
};

/* Whether the key may look at (or change) the node by its own path. */
static int32_t
scope_check (struct ag_call *c, kg_str handle, int32_t effect)
{
  char path[AG_PATH_MAX + 16], scope[AG_PATH_MAX + 32];
  struct kg_out o = { path, 0, AG_PATH_MAX };
  kg_out_raw (&o, handle.ptr, handle.len);
  kg_out_lit (&o, effect ? ".transform" : ".manifest");
  if (!kg_out_ok (&o))
    return ag_refuse (c, AG_BAD_ARGUMENT, 400, "Argument 'target' is too long");
  return ag_may_invoke (c->who, (kg_str){ path, o.len }, effect, scope) ? 0
                                                                        : ag_no_scope (c, scope);
}

static int32_t
target_arg (struct ag_call *c, int32_t effect, kg_str *ret)
{
  struct ag_path path;
  int32_t r = ag_handle_arg (c, "target", &path);
  if (r)
    return r;
  *ret = path.base;
  if (!ag_is_versioned (path.base))
    return ag_refuse (c, AG_BAD_ARGUMENT, 400,
                      "Versions are kept of the nodes of world and concept only");
  return scope_check (c, path.base, effect);
}

static int64_t
since_ns (const struct ag_node *node)
{
  kg_str text = node->since;
  int64_t ns = 0;
  if (text.len > 2)
    ag_time_parse ((kg_str){ text.ptr + 1, text.len - 2 }, &ns);
  return ns;
}

/* It was there, but that version went. */
static int32_t
not_kept (struct ag_call *c, kg_str handle, int64_t version)
{
  static const char *const related[] = { "time.past.project", NULL };
  static const struct ag_advice advice
      = { "Of each node the last versions are kept, as many as agentese.versions_max says.",
          "ask for a later time", related };
  char shown[AG_PATH_MAX + 1];
  return ag_refuse_why (c, AG_NOT_FOUND, 404, &advice, "Version %lld of '%s' is not kept",
                        (long long)version, ag_quote (shown, sizeof shown, handle));
}

/* The node as a version had it; version 0 is before it was there. */
static int32_t
version_read (struct ag_call *c, kg_str handle, int64_t version, struct ag_node *ret)
{
  int32_t r = ag_node_get (c, handle, ret);
  if (r == -ENOENT)
    r = 0;
  if (r < 0 || ret->version == version)
    return r;
  if (version < 0 || version > ret->version)
    return not_kept (c, handle, version);
  memset (ret, 0, sizeof *ret);
  if (!version)
    return 0;
  r = ag_version_get (c, handle, version, ret);
  return r == -ENOENT ? not_kept (c, handle, version) : r;
}

/* The node as it was then. */
static int32_t
time_read (struct ag_call *c, kg_str handle, int64_t at_ns, struct ag_node *ret)
{
  int64_t version;
  int32_t r = ag_node_get (c, handle, ret);
  if (r == -ENOENT)
    return 0;
  while (r >= 0 && since_ns (ret) > at_ns) {
    version = ret->version - 1;
    if (version <= 0) {
      memset (ret, 0, sizeof *ret);
      return 0;
    }
    r = ag_version_get (c, handle, version, ret);
    if (r == -ENOENT)
      return not_kept (c, handle, version);
  }
  return r;
}

/* Reads the moment that two arguments name: a version, or a time, or now. */
static int32_t
moment_arg (struct ag_call *c, kg_str handle, const char *version, const char *time,
            struct moment *ret)
{
  int32_t r;
  if (ag_kwarg (c, version)) {
    r = version_read (c, handle, ag_arg_int (c, version, 0), &ret->node);
    ret->asked_ns = ret->node.json ? since_ns (&ret->node) : 0;
    return r;
  }
  if ((r = ag_time_arg (c, time, ag_now (c), &ret->asked_ns)))
    return r;
  return time_read (c, handle, ret->asked_ns, &ret->node);
}

/* ---- project ---------------------------------------------------------------------- */

struct projection {
  kg_str target;
  struct moment moment;
};

static void
state_write (const struct ag_node *node, struct kg_out *out)
{
  kg_str state = node->json ? kg_json_text (node->json, node->state) : ag_str ("{}");
  kg_str relations = node->json ? kg_json_text (node->json, node->relations) : ag_str ("[]");
  kg_out_lit (out, ",\"state\":");
  kg_out_raw (out, state.ptr, state.len);
  kg_out_lit (out, ",\"relations\":");
  kg_out_raw (out, relations.ptr, relations.len);
}

static void
project_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct projection *p = arg;
  (void)c;
  kg_out_lit (out, "{\"target\":");
  kg_out_str (out, p->target);
  kg_out_lit (out, ",\"timestamp\":");
  ag_out_time (out, p->moment.asked_ns);
  kg_out_lit (out, ",\"exists\":");
  ag_out_bool (out, p->moment.node.json != NULL);
  kg_out_lit (out, ",\"version\":");
  kg_out_int (out, p->moment.node.version);
  state_write (&p->moment.node, out);
  kg_out_lit (out, "}");
}

int32_t
ag_past_project (struct ag_call *c)
{
  struct projection p = { { NULL, 0 }, { .asked_ns = 0 } };
  int32_t r = target_arg (c, 0, &p.target);
  if (r || (r = moment_arg (c, p.target, "version", "timestamp", &p.moment)))
    return r;
  return ag_answer (c, project_write, &p);
}

/* ---- compare, diff ------------------------------------------------------------------ */

struct comparison {
  kg_str target;
  struct moment from, to;
};

static uint32_t
member_find (const struct ag_node *node, kg_str key)
{
  uint32_t i;
  if (!node->json)
    return 0;
  for (i = kg_json_first (node->json, node->state); i;
       i = kg_json_next (node->json, node->state, i + 1)) {
    kg_str name = kg_json_text (node->json, i);
    if (name.len == key.len && !memcmp (name.ptr, key.ptr, key.len))
      return i + 1;
  }
  return 0;
}

static int32_t
is_same (const struct ag_node *a, uint32_t i, const struct ag_node *b, uint32_t k)
{
  kg_str x = kg_json_text (a->json, i), y = kg_json_text (b->json, k);
  return x.len == y.len && !memcmp (x.ptr, y.ptr, x.len);
}

/* Writes the members of one state that the other has not, or not alike. */
static uint32_t
members_write (const struct ag_node *from, const struct ag_node *to, int32_t changed,
               struct kg_out *out)
{
  uint32_t i, k, n = 0;
  for (i = to->json ? kg_json_first (to->json, to->state) : 0; i;
       i = kg_json_next (to->json, to->state, i + 1)) {
    kg_str key = kg_json_text (to->json, i), value = kg_json_text (to->json, i + 1), old;
    k = member_find (from, key);
    if (changed ? !k || is_same (from, k, to, i + 1) : k != 0)
      continue;
    kg_out_lit (out, n++ ? "," : "");
    kg_out_raw (out, key.ptr, key.len);
    kg_out_lit (out, changed ? ":{\"from\":" : ":");
    if (changed) {
      old = kg_json_text (from->json, k);
      kg_out_raw (out, old.ptr, old.len);
      kg_out_lit (out, ",\"to\":");
    }
    kg_out_raw (out, value.ptr, value.len);
    kg_out_lit (out, changed ? "}" : "");
  }
  return n;
}

static void
moment_write (const char *name, const struct moment *m, struct kg_out *out)
{
  kg_out_lit (out, ",\"");
  kg_out_lit (out, name);
  kg_out_lit (out, "\":{\"timestamp\":");
  ag_out_time (out, m->asked_ns);
  kg_out_lit (out, ",\"version\":");
  kg_out_int (out, m->node.version);
  kg_out_lit (out, "}");
}

static void
compare_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct comparison *m = arg;
  const struct ag_node *from = &m->from.node, *to = &m->to.node;
  uint32_t n;
  (void)c;
  kg_out_lit (out, "{\"target\":");
  kg_out_str (out, m->target);
  moment_write ("from", &m->from, out);
  moment_write ("to", &m->to, out);
  kg_out_lit (out, ",\"added\":{");
  n = members_write (from, to, 0, out);
  kg_out_lit (out, "},\"removed\":{");
  n += members_write (to, from, 0, out);
  kg_out_lit (out, "},\"changed\":{");
  n += members_write (from, to, 1, out);
  kg_out_lit (out, "},\"same\":");
  ag_out_bool (out, !n);
  kg_out_lit (out, "}");
}

int32_t
ag_past_compare (struct ag_call *c)
{
  struct comparison m = { .target = { NULL, 0 } };
  int32_t r = target_arg (c, 0, &m.target);
  if (r || (r = moment_arg (c, m.target, "from_version", "from", &m.from))
      || (r = moment_arg (c, m.target, "to_version", "to", &m.to)))
    return r;
  return ag_answer (c, compare_write, &m);
}

/* ---- restore -------------------------------------------------------------------------- */

/* What is to be put back. */
struct restore {
  kg_str target;
  int64_t made;    /* the version that a rollback undoes; 0: none is meant */
  int64_t version; /* that is restored; 0: the node goes */
  int32_t by_time, force;
  int64_t at_ns;
};

/* "world.house@3": version 3 is to be undone. */
static int32_t
token_arg (struct ag_call *c, struct restore *re)
{
  static const struct ag_advice advice
      = { NULL, "the member rollback_token of an answer to a path with [rollback=true]", NULL };
  kg_str token = ag_arg_text (c, "token");
  const char *at = token.ptr ? memrchr (token.ptr, '@', token.len) : NULL;
  struct ag_path path;
  struct ag_error err;
  size_t i;
  if (!token.ptr)
    return -ENOMEM;
  re->target = (kg_str){ token.ptr, at ? (size_t)(at - token.ptr) : 0 };
  for (i = re->target.len + 1; at && i < token.len && i < re->target.len + 16; i++)
    re->made = token.ptr[i] >= '0' && token.ptr[i] <= '9' && re->made >= 0
                   ? re->made * 10 + (token.ptr[i] - '0')
                   : -1;
  if (re->made <= 0 || i < token.len || ag_path_parse (re->target, &path, &err) < 0
      || path.base.len != re->target.len || !ag_is_versioned (re->target))
    return ag_refuse_why (c, AG_BAD_ARGUMENT, 400, &advice, "Argument 'token' is no rollback token");
  re->version = re->made - 1;
  return scope_check (c, re->target, 1);
}

static int32_t
restore_args (struct ag_call *c, struct restore *re)
{
  int32_t r;
  re->force = ag_arg_true (c, "force", 0);
  if (ag_kwarg (c, "token"))
    return token_arg (c, re);
  if ((r = target_arg (c, 1, &re->target)))
    return r;
  re->by_time = !ag_kwarg (c, "version");
  re->version = ag_arg_int (c, "version", 0);
  if (re->by_time && !ag_kwarg (c, "timestamp"))
    return ag_refuse (c, AG_BAD_ARGUMENT, 400,
                      "One of 'token', 'version' and 'timestamp' is required");
  return ag_time_arg (c, "timestamp", 0, &re->at_ns);
}

static int32_t
changed_since (struct ag_call *c, const struct restore *re, int64_t version)
{
  static const char *const related[] = { "time.past.diff", NULL };
  static const struct ag_advice advice
      = { "Undoing it would undo what was changed later, too.", "\"force\":true undoes all of it",
          related };
  char shown[AG_PATH_MAX + 1];
  return ag_refuse_why (c, AG_CONFLICTING, 409, &advice,
                        "'%s' is at version %lld, and the token is of version %lld",
                        ag_quote (shown, sizeof shown, re->target), (long long)version,
                        (long long)re->made);
}

static int32_t
restore_prepare (struct ag_change *ch, const struct ag_node *old)
{
  struct ag_call *c = ch->call;
  struct restore *re = ch->extra;
  struct ag_node then;
  int32_t r;
  if (re->made && !re->force && old->version != re->made)
    return changed_since (c, re, old->version);
  r = re->by_time ? time_read (c, re->target, re->at_ns, &then)
                  : version_read (c, re->target, re->version, &then);
  if (r)
    return r;
  re->version = then.version;
  ch->bump = 1;
  if (then.json) {
    ch->state = kg_json_text (then.json, then.state);
    ch->relations = kg_json_text (then.json, then.relations);
    return 0;
  }
  if (!old->json)
    return not_kept (c, re->target, re->version);
  ch->gone = 1; /* it was not there: it goes again */
  return 0;
}

static void
restore_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct ag_change *ch = arg;
  const struct restore *re = ch->extra;
  (void)c;
  kg_out_lit (out, "{\"target\":");
  kg_out_str (out, re->target);
  kg_out_lit (out, ",\"restored\":true,\"from_version\":");
  kg_out_int (out, re->version);
  kg_out_lit (out, ",\"version\":");
  kg_out_int (out, ch->gone ? 0 : ch->version);
  kg_out_lit (out, ",\"removed\":");
  ag_out_bool (out, ch->gone);
  kg_out_lit (out, "}");
}

int32_t
ag_past_restore (struct ag_call *c)
{
  struct ag_change *ch = ag_change_new (c);
  struct restore *re = c->ag->host->alloc (c->req, sizeof *re);
  int32_t r;
  if (!ch || !re)
    return -ENOMEM;
  memset (re, 0, sizeof *re);
  if ((r = restore_args (c, re)))
    return r;
  ch->handle = re->target;
  ch->prepare = restore_prepare;
  ch->result = restore_write;
  ch->extra = re;
  return ag_change_run (ch);
}

/* ---- The clause rollback ------------------------------------------------------------------ */

int32_t
ag_undoable (const struct ag_call *c)
{
  const struct ag_holon *holon = ag_entry_holon (c->entry);
  if (!ag_has_effect (c))
    return 1;
  return c->ag->conf->versions_max > 0
         && (holon->kind == AG_OPEN_WORLD
             || (holon->kind == AG_SPEC && ag_is_versioned (c->path.handle))
             || (holon->context == AG_CONCEPT && holon->kind == AG_BUILT_IN)
             || (holon->context == AG_TIME && ag_str_is (c->path.base, "time.past.restore")));
}
