/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* From what there should be, and what there is, to changes. */

#include "ctl/apply.h"
#include "ctl/diff.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct planning {
  const struct wishes *wishes;
  const struct state *state;
  struct plan *plan;
  json_object *lines; /* where each label was wished for: "key acme/ci" -> 12 */
  json_object *kept;  /* ids that a wish has found: "key ID" */
  int failures;
};

static void wrong (struct planning *p, const struct wish *w, const char *label,
                   const char *fmt, ...) __attribute__ ((format (printf, 4, 5)));

static void
wrong (struct planning *p, const struct wish *w, const char *label, const char *fmt, ...)
{
  char reason[SHOW_MAX];
  va_list args;
  va_start (args, fmt);
  vsnprintf (reason, sizeof reason, fmt, args);
  va_end (args);
  complain ("%s:%d: %s %s: %s", w->file, w->line, object_kinds[w->object].word, label, reason);
  p->failures++;
}

static struct change *
change_add (struct planning *p, enum action action, enum object object, const char *label)
{
  struct plan *plan = p->plan;
  struct change *c;
  plan->item = realloc (plan->item, (plan->count + 1) * sizeof *plan->item);
  if (!plan->item)
    abort ();
  c = &plan->item[plan->count++];
  *c = (struct change){ .action = action, .object = object, .label = strdup (label) };
  return c;
}

/* "key " and a name, or an id. */
static const char *
marked (enum object object, const char *text, char out[SHOW_MAX])
{
  snprintf (out, SHOW_MAX, "%s %.*s", object_kinds[object].word, SHOW_MAX - 16, text);
  return out;
}

/* ---- Finding what a wish is about ----------------------------------------------------- */

static const char *
tenant_text (const struct wish *w)
{
  json_object *tenant = member_of (w->members, "tenant");
  return tenant && *json_object_get_string (tenant) ? json_object_get_string (tenant) : NULL;
}

/* A tenant of the file has no id before it is made. */
static int
tenant_wished (const struct planning *p, const char *slug)
{
  size_t i;
  for (i = 0; i < p->wishes->count; i++)
    if (p->wishes->item[i].object == OBJECT_TENANT
        && !strcmp (text_of (p->wishes->item[i].members, "slug"), slug))
      return 1;
  return 0;
}

static void
label_make (const struct wish *w, char out[SHOW_MAX])
{
  const char *name = text_of (w->members, object_kinds[w->object].name);
  const char *tenant = w->object == OBJECT_KEY ? tenant_text (w) : NULL;
  snprintf (out, SHOW_MAX, "%s%s%s", tenant ? tenant : "", tenant ? "/" : "", name);
}

/* A label that is wished for twice cannot be both. */
static void
label_note (struct planning *p, const struct wish *w, const char *label)
{
  char mark[SHOW_MAX];
  json_object *line = member_of (p->lines, marked (w->object, label, mark));
  if (line && !member_of (w->members, "id"))
    wrong (p, w, label, "it stands in line %d already", json_object_get_int (line));
  else
    json_object_object_add (p->lines, mark, json_object_new_int (w->line));
}

static json_object *
key_by_id (struct planning *p, const struct wish *w, const char *label)
{
  const char *id = text_of (w->members, "id");
  json_object *list = p->state->lists[OBJECT_KEY];
  size_t i, n = length_of (list);
  for (i = 0; i < n; i++)
    if (!strcasecmp (text_of (json_object_array_get_idx (list, i), "id"), id))
      return json_object_array_get_idx (list, i);
  wrong (p, w, label, "its tenant has no key with the id %s", id);
  return NULL;
}

/* What there is of a key; NULL: nothing, or a failure. */
static json_object *
key_find (struct planning *p, const struct wish *w, const char *label)
{
  const char *tenant = state_tenant (p->state, tenant_text (w));
  json_object *list;
  char name[SHOW_MAX];
  if (*text_of (w->members, "id"))
    return key_by_id (p, w, label);
  if (!tenant)
    return NULL;
  snprintf (name, sizeof name, "%s/%s", tenant, text_of (w->members, "name"));
  list = state_find (p->state, OBJECT_KEY, name);
  if (length_of (list) > 1)
    wrong (p, w, label,
           "%zu keys have this name, %s and %s for two; say which by id = \"...\"",
           length_of (list), text_of (json_object_array_get_idx (list, 0), "id"),
           text_of (json_object_array_get_idx (list, 1), "id"));
  return list ? json_object_array_get_idx (list, 0) : NULL;
}

static json_object *
object_find (struct planning *p, const struct wish *w, const char *label)
{
  const char *tenant = w->object == OBJECT_TENANT ? NULL : tenant_text (w);
  json_object *list;
  if (tenant && !state_tenant (p->state, tenant) && !tenant_wished (p, tenant))
    wrong (p, w, label, "the tenant '%s' is neither in this file nor known to the host",
           tenant);
  if (w->object == OBJECT_KEY)
    return key_find (p, w, label);
  list = state_find (p->state, w->object, text_of (w->members, object_kinds[w->object].name));
  return list ? json_object_array_get_idx (list, 0) : NULL;
}

/* ---- Changes of one object --------------------------------------------------------------- */

static void
make_plan (struct planning *p, const struct wish *w, const char *label)
{
  const struct object_kind *kind = &object_kinds[w->object];
  struct change *c = change_add (p, ACTION_MAKE, w->object, label);
  json_object *shown = NULL;
  c->wish = w;
  json_object_deep_copy (w->members, &c->body, NULL);
  if (w->object == OBJECT_TENANT && !member_of (c->body, "name"))
    json_object_object_add (c->body, "name",
                            json_object_get (member_of (c->body, "slug")));
  json_object_deep_copy (c->body, &shown, NULL);
  json_object_object_del (shown, kind->name);
  if (w->object == OBJECT_KEY)
    json_object_object_del (shown, "tenant"); /* both are in the label */
  c->diff = diff_make (NULL, shown, 0);
  json_object_put (shown);
}

/* Whether the wish for a member that cannot be changed is fulfilled. */
static int
fixed_same (const struct planning *p, const char *name, json_object *have, json_object *want)
{
  const char *id;
  if (strcmp (name, "tenant"))
    return value_same (have, want);
  id = state_tenant (p->state, want ? json_object_get_string (want) : NULL);
  return id && have && !strcmp (id, json_object_get_string (have));
}

static void
fixed_check (struct planning *p, const struct wish *w, const char *label, json_object *have)
{
  const struct option *o;
  char text[SHOW_MAX];
  for (o = object_kinds[w->object].fixed; o->name; o++) {
    json_object *want = member_of (w->members, o->member), *now = member_of (have, o->member);
    if (want && !fixed_same (p, o->member, now, want))
      wrong (p, w, label, "its %s is '%s', and cannot be changed", o->member,
             human_value (now, text));
  }
}

/* The wish without members that are checked by fixed_check or found by. */
static json_object *
settings_of (const struct wish *w)
{
  const struct option *o;
  json_object *copy = NULL;
  json_object_deep_copy (w->members, &copy, NULL);
  for (o = object_kinds[w->object].fixed; o->name; o++)
    json_object_object_del (copy, o->member);
  json_object_object_del (copy, "id");
  return copy;
}

/* The members that differ; of an object like the metadata, with those that it has and
 * the file doesn't name. */
static json_object *
patch_make (json_object *have, json_object *diff)
{
  json_object *body = json_object_new_object ();
  size_t i, n = length_of (diff);
  for (i = 0; i < n; i++) {
    json_object *d = json_object_array_get_idx (diff, i);
    const char *name = text_of (d, "member");
    if (!strncmp (name, "metadata.", 9) && !member_of (body, "metadata")) {
      json_object *copy = NULL;
      if (member_of (have, "metadata"))
        json_object_deep_copy (member_of (have, "metadata"), &copy, NULL);
      json_object_object_add (body, "metadata", copy ? copy : json_object_new_object ());
    }
    member_put (body, name, json_object_get (member_of (d, "to")));
  }
  return body;
}

static void
change_plan (struct planning *p, const struct wish *w, const char *label, json_object *have)
{
  json_object *want = settings_of (w), *diff = diff_make (have, want, 0);
  struct change *c;
  fixed_check (p, w, label, have);
  if (!length_of (diff)) {
    json_object_put (diff);
    p->plan->same++;
  } else {
    c = change_add (p, ACTION_CHANGE, w->object, label);
    c->wish = w;
    c->id = strdup (text_of (have, "id"));
    c->diff = diff;
    c->body = patch_make (have, diff);
  }
  json_object_put (want);
}

static void
wish_plan (struct planning *p, const struct wish *w)
{
  char label[SHOW_MAX], mark[SHOW_MAX];
  json_object *have;
  int failures = p->failures;
  label_make (w, label);
  label_note (p, w, label);
  have = object_find (p, w, label);
  if (p->failures > failures)
    return;
  if (!have) {
    make_plan (p, w, label);
    return;
  }
  json_object_object_add (p->kept, marked (w->object, text_of (have, "id"), mark),
                          json_object_new_boolean (1));
  change_plan (p, w, label, have);
}

/* ---- Pruning ------------------------------------------------------------------------------ */

static int
has_admin (json_object *key)
{
  json_object *scopes = member_of (key, "scopes");
  size_t i, n = length_of (scopes);
  for (i = 0; i < n; i++)
    if (!strcmp (json_object_get_string (json_object_array_get_idx (scopes, i)), "admin"))
      return 1;
  return 0;
}

/* Whether an object that the file doesn't name is removed.  An operator's keys are not:
 * no file may lock out the one who applies it. */
static int
removable (enum object object, json_object *item)
{
  if (object == OBJECT_KEY)
    return key_counts (item) && !has_admin (item);
  if (object == OBJECT_USER)
    return json_object_get_boolean (member_of (item, "active"));
  return strcmp (text_of (item, "status"), "canceled") != 0;
}

static void
remove_plan (struct planning *p, enum object object, json_object *item)
{
  const char *tenant = text_of (p->state->tenant_slugs, text_of (item, "tenant"));
  char label[SHOW_MAX];
  struct change *c;
  if (object == OBJECT_KEY)
    snprintf (label, sizeof label, "%s%s%s", tenant, *tenant ? "/" : "",
              text_of (item, "name"));
  else
    snprintf (label, sizeof label, "%s", text_of (item, object_kinds[object].name));
  c = change_add (p, ACTION_REMOVE, object, label);
  c->id = strdup (text_of (item, "id"));
  if (object == OBJECT_KEY)
    return;
  c->body = json_object_new_object ();
  if (object == OBJECT_USER)
    json_object_object_add (c->body, "active", json_object_new_boolean (0));
  else
    json_object_object_add (c->body, "status", json_object_new_string ("canceled"));
}

static void
prune_plan (struct planning *p, enum object object)
{
  json_object *list = p->state->lists[object];
  size_t i, n = length_of (list);
  char mark[SHOW_MAX];
  for (i = 0; i < n; i++) {
    json_object *item = json_object_array_get_idx (list, i);
    if (removable (object, item)
        && !member_of (p->kept, marked (object, text_of (item, "id"), mark)))
      remove_plan (p, object, item);
  }
}

/* ---- All of it ------------------------------------------------------------------------------ */

int
plan_make (const struct wishes *w, const struct state *s, int prune, struct plan *ret)
{
  struct planning p = { .wishes = w, .state = s, .plan = ret };
  int object;
  size_t i;
  memset (ret, 0, sizeof *ret);
  p.lines = json_object_new_object ();
  p.kept = json_object_new_object ();
  for (object = 0; object < OBJECTS; object++)
    for (i = 0; i < w->count; i++)
      if ((int)w->item[i].object == object)
        wish_plan (&p, &w->item[i]);
  for (object = OBJECTS - 1; prune && object >= 0; object--)
    if (w->listed[object])
      prune_plan (&p, (enum object)object);
  json_object_put (p.lines);
  json_object_put (p.kept);
  return p.failures ? EXIT_USAGE : 0;
}

void
plan_finish (struct plan *plan)
{
  size_t i;
  for (i = 0; i < plan->count; i++) {
    struct change *c = &plan->item[i];
    json_object_put (c->diff);
    json_object_put (c->body);
    free (c->label);
    free (c->id);
  }
  free (plan->item);
  memset (plan, 0, sizeof *plan);
}
