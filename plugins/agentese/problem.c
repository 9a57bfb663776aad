/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Every refusal, in one shape: message, then why, what to try and what is
 * related, each in the detail's text and as a member. */
#include "plugins/agentese/spec_tenant.h"
#include "plugins/agentese/vital.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define DETAIL_MAX 3072

/* The parts of a refusal; all but `message` may be empty. */
struct refusal {
  const char *prefix; /* "Invalid path: " */
  char message[480];
  char why[320];
  char suggestion[480];
  const char *const *related;
};

#define SAY(field, ...) snprintf (field, sizeof field, __VA_ARGS__)

void
ag_member_text (struct ag_call *c, const char *name, const char *text)
{
  char buf[1024];
  struct kg_out o = { buf, 0, sizeof buf };
  kg_out_text (&o, text);
  if (kg_out_ok (&o))
    c->ag->host->member (c->req, name, (kg_str){ buf, o.len });
}

void
ag_member_list (struct ag_call *c, const char *name, const char *const *list)
{
  char buf[2048];
  struct kg_out o = { buf, 0, sizeof buf };
  uint32_t i;
  kg_out_lit (&o, "[");
  for (i = 0; list[i]; i++) {
    if (i)
      kg_out_lit (&o, ",");
    kg_out_text (&o, list[i]);
  }
  kg_out_lit (&o, "]");
  if (kg_out_ok (&o))
    c->ag->host->member (c->req, name, (kg_str){ buf, o.len });
}

static void
part (struct kg_out *o, const char *label, const char *text)
{
  kg_out_lit (o, "\n\n    ");
  kg_out_lit (o, label);
  kg_out_lit (o, text);
}

static void
related_write (struct ag_call *c, const struct refusal *r, struct kg_out *o)
{
  uint32_t i;
  if (!r->related || !r->related[0])
    return;
  part (o, "Related: ", r->related[0]);
  for (i = 1; r->related[i]; i++) {
    kg_out_lit (o, ", ");
    kg_out_lit (o, r->related[i]);
  }
  ag_member_list (c, "related", r->related);
}

static int32_t
refuse (struct ag_call *c, enum ag_refusal why, int32_t status, const struct refusal *r)
{
  char detail[DETAIL_MAX];
  struct kg_out o = { detail, 0, sizeof detail - 1 };
  kg_out_lit (&o, r->prefix);
  kg_out_lit (&o, r->message);
  if (r->why[0]) {
    part (&o, "Why: ", r->why);
    ag_member_text (c, "why", r->why);
  }
  if (r->suggestion[0]) {
    part (&o, "Try: ", r->suggestion);
    ag_member_text (c, "suggestion", r->suggestion);
  }
  related_write (c, r, &o);
  detail[kg_out_ok (&o) ? o.len : strlen (r->prefix)] = 0;
  c->ag->metrics->add (c->ag->refusals, why, 1);
  if (!c->silent) {
    ag_vital_note (c, status);
    if (c->ag->noted && c->who)
      c->ag->noted (c, status, 0);
  }
  if (c->failed)
    return c->failed (c, status, detail);
  return c->ag->host->problem (c->req, status, NULL, "%s", detail);
}

int32_t
ag_refuse (struct ag_call *c, enum ag_refusal why, int32_t status, const char *fmt, ...)
{
  struct refusal r = { .prefix = "" };
  va_list ap;
  va_start (ap, fmt);
  vsnprintf (r.message, sizeof r.message, fmt, ap);
  va_end (ap);
  return refuse (c, why, status, &r);
}

int32_t
ag_refuse_why (struct ag_call *c, enum ag_refusal reason, int32_t status,
               const struct ag_advice *advice, const char *fmt, ...)
{
  struct refusal r = { .prefix = "", .related = advice->related };
  va_list ap;
  va_start (ap, fmt);
  vsnprintf (r.message, sizeof r.message, fmt, ap);
  va_end (ap);
  SAY (r.why, "%s", advice->why ? advice->why : "");
  SAY (r.suggestion, "%s", advice->suggestion ? advice->suggestion : "");
  return refuse (c, reason, status, &r);
}

/* The nearest of `list` to a name, or NULL when nothing is near. */
static const char *
nearest (kg_str name, const char *const *list)
{
  uint32_t best = (uint32_t)name.len / 2 + 1, d;
  const char *ret = NULL;
  for (; *list; list++)
    if ((d = ag_distance (name, ag_str (*list))) < best) {
      best = d;
      ret = *list;
    }
  return ret;
}

/* The sentences of a name that is none. */
static void
say_name (struct refusal *r, const struct ag_error *err, const char *what)
{
  char shown[96];
  ag_quote (shown, sizeof shown, err->what);
  SAY (r->message, "Invalid %s '%s' at %u", what, shown, err->at);
  SAY (r->why, "A name is [a-z][a-z0-9_]*, at most %d bytes.", AG_NAME_MAX);
  SAY (r->suggestion, "context.holon.aspect in lower case, like world.house.manifest");
}

/* The sentences of a modifier that is none, or has no value. */
static void
say_modifier (struct refusal *r, const struct ag_error *err)
{
  const char *kind = err->annotation ? "annotation" : "clause";
  const char *const *valid = err->annotation ? ag_annotation_names : ag_clause_names;
  const char *near = nearest (err->what, valid);
  char shown[96];
  ag_quote (shown, sizeof shown, err->what);
  r->related = valid;
  if (err->fault == AG_NO_VALUE) {
    SAY (r->message, "%s '%s' without value at %u", err->annotation ? "Annotation" : "Clause",
         shown, err->at);
    SAY (r->suggestion, err->annotation ? "@%s=value" : "[%s=value]", shown);
    return;
  }
  SAY (r->message, "Unknown %s '%s' at %u", kind, shown, err->at);
  SAY (r->why, "Only these may stand there: see the related ones.");
  if (near)
    SAY (r->suggestion, err->annotation ? "@%s=value" : "[%s=value]", near);
}

/* The sentences of a value that its modifier doesn't take. */
static void
say_value (struct refusal *r, const struct ag_error *err)
{
  char shown[96], whose[96];
  ag_quote (shown, sizeof shown, err->what);
  ag_quote (whose, sizeof whose, err->modifier);
  switch (err->fault) {
  case AG_BAD_PHASE:
    SAY (r->message, "Unknown phase '%s' at %u", shown, err->at);
    SAY (r->why, "Phases are a closed list, in exact case.");
    r->related = ag_phase_names;
    break;
  case AG_BAD_ENTROPY:
    SAY (r->message, "Entropy out of range: '%s' at %u", shown, err->at);
    SAY (r->why, "Entropy is a decimal number from 0.0 to 1.0.");
    SAY (r->suggestion, "[entropy=0.1]");
    break;
  case AG_BAD_BOOL:
    SAY (r->message, "Invalid value '%s' of '%s' at %u", shown, whose, err->at);
    SAY (r->suggestion, "true or false");
    break;
  case AG_CONFLICT:
    SAY (r->message, "'%s' is given twice with different values, again at %u", whose, err->at);
    SAY (r->why, "Which of them was meant cannot be told.");
    break;
  default:
    SAY (r->message, "Invalid value '%s' of '%s' at %u", shown, whose, err->at);
    SAY (r->why, "Letters, digits and _-.: only, at most %d bytes.", AG_NAME_MAX);
  }
}

/* The sentences of text that is no path at all. */
static void
say_shape (struct refusal *r, const struct ag_error *err, kg_str text)
{
  char shown[96];
  ag_quote (shown, sizeof shown, err->fault == AG_INCOMPLETE ? text : err->what);
  switch (err->fault) {
  case AG_INCOMPLETE:
    SAY (r->message, "Path '%s' incomplete", shown);
    SAY (r->why, "A path is context.holon.aspect.");
    SAY (r->suggestion, "world.house.manifest");
    r->related = ag_context_names;
    break;
  case AG_TOO_LONG:
    SAY (r->message, "Path of %zu bytes is too long", text.len);
    SAY (r->why, "A path with its clauses has at most %d bytes.", AG_PATH_MAX);
    break;
  case AG_UNCLOSED:
    SAY (r->message, "Unclosed bracket at %u: '%s'", err->at, shown);
    SAY (r->suggestion, "[modifier=value]");
    r->related = ag_clause_names;
    break;
  case AG_EMPTY_CLAUSE:
    SAY (r->message, "Empty clause at %u", err->at);
    r->related = ag_clause_names;
    break;
  default:
    SAY (r->message, "Unexpected character '%s' at %u", shown, err->at);
    SAY (r->why, "Behind the names only [clauses] and @annotations may follow.");
    if (err->what.len && (err->what.ptr[0] == ' ' || err->what.ptr[0] == '>'))
      SAY (r->suggestion, "one path per invocation, without blanks");
  }
}

static int32_t
unknown_context (struct ag_call *c, const struct ag_error *err)
{
  struct refusal r = { .prefix = "Path not found: ", .related = ag_context_names };
  const char *near = nearest (err->what, ag_context_names);
  char similar[AG_PATH_MAX + 16] = "", shown[96], tail[AG_PATH_MAX + 1];
  const char *list[] = { similar, NULL };
  SAY (r.message, "Unknown context: '%s'", ag_quote (shown, sizeof shown, err->what));
  SAY (r.why, "There are five contexts.");
  if (near) {
    kg_str rest = { c->path.base.ptr + err->what.len, c->path.base.len - err->what.len };
    SAY (similar, "%s%s", near, ag_quote (tail, sizeof tail, rest));
    SAY (r.suggestion, "%s", similar);
  }
  ag_member_list (c, "similar_paths", near ? list : list + 1);
  return refuse (c, AG_NOT_FOUND, 404, &r);
}

int32_t
ag_malformed (struct ag_call *c, const struct ag_error *err)
{
  struct refusal r = { .prefix = "Invalid path: " };
  switch (err->fault) {
  case AG_UNKNOWN_CONTEXT:
    return unknown_context (c, err);
  case AG_BAD_CONTEXT:
    say_name (&r, err, "context");
    r.related = ag_context_names;
    break;
  case AG_BAD_HOLON:
    say_name (&r, err, "holon");
    break;
  case AG_BAD_ASPECT:
    say_name (&r, err, "aspect");
    break;
  case AG_NAME_LONG:
    say_name (&r, err, "name");
    break;
  case AG_UNKNOWN_MODIFIER:
  case AG_NO_VALUE:
    say_modifier (&r, err);
    break;
  case AG_BAD_PHASE:
  case AG_BAD_ENTROPY:
  case AG_BAD_BOOL:
  case AG_BAD_VALUE:
  case AG_CONFLICT:
    say_value (&r, err);
    break;
  default:
    say_shape (&r, err, c->path.text);
  }
  return refuse (c, AG_MALFORMED, 400, &r);
}

/* All offered verbs in one NULL-ended list. */
static void
verbs_join (struct ag_call *c, const char **ret, uint32_t max)
{
  ag_verbs (c->ag, ag_entry_holon (c->entry), c->archetype, ret, max);
}

int32_t
ag_without_aspect (struct ag_call *c)
{
  struct refusal r = { .prefix = "Invalid path: " };
  const char *verbs[48];
  char shown[AG_PATH_MAX + 1];
  int32_t rc;
  ag_path_whole (&c->path);
  if ((rc = ag_entry_of (c, &c->path, &c->entry)) < 0)
    return rc;
  verbs_join (c, verbs, 48);
  ag_quote (shown, sizeof shown, c->path.base);
  SAY (r.message, "Path must include aspect: '%s'", shown);
  SAY (r.why, "A node is invoked, never merely read.");
  SAY (r.suggestion, "%s.manifest", shown);
  r.related = verbs;
  return refuse (c, AG_MALFORMED, 400, &r);
}

/* The first holons of a context. */
static void
holons_of (const struct ag *ag, int32_t ctx, const char **ret, uint32_t max)
{
  const struct ag_entry *e = NULL;
  uint32_t n = 0;
  while ((e = ag_entry_next (ag, e)) && n + 1 < max)
    if (ag_entry_holon (e)->context == ctx && ag_entry_holon (e)->rest)
      ret[n++] = ag_entry_holon (e)->rest;
  ret[n] = NULL;
}

int32_t
ag_not_found (struct ag_call *c)
{
  struct refusal r = { .prefix = "Path not found: " };
  const char *holons[64], *list[] = { NULL, NULL };
  char shown[AG_PATH_MAX + 1], similar[AG_PATH_MAX + 1];
  const char *near;
  holons_of (c->ag, c->path.ctx, holons, 64);
  near = nearest (c->path.rest, holons);
  SAY (r.message, "'%s' not found", ag_quote (shown, sizeof shown, c->path.handle));
  SAY (r.why, "This host keeps no open world: only nodes that were defined exist.");
  SAY (r.suggestion, "define it from an existing node, or set agentese.open_world = true");
  if (near) {
    SAY (similar, "%s.%s", ag_context_names[c->path.ctx], near);
    list[0] = similar;
  }
  ag_member_list (c, "similar_paths", list);
  return refuse (c, AG_NOT_FOUND, 404, &r);
}

int32_t
ag_not_afforded (struct ag_call *c)
{
  struct refusal r = { .prefix = "Affordance not available: " };
  const char *verbs[48], *others[16], *near;
  char shown[AG_PATH_MAX + 1], whom[96];
  verbs_join (c, verbs, 48);
  ag_offered_to (c->ag, ag_slot_find (c->entry, c->path.aspect), others, 16);
  near = nearest (c->path.aspect, verbs);
  ag_quote (whom, sizeof whom, c->archetype_name);
  SAY (r.message, "Aspect '%s' not available to %s",
       ag_quote (shown, sizeof shown, c->path.aspect), whom);
  if (others[0])
    SAY (r.why, "Archetype '%s' is offered it%s.", others[0],
         others[1] ? ", among others" : ", no other is");
  else
    SAY (r.why, "No archetype is offered it here.");
  SAY (r.suggestion, "%s.%s", ag_quote (shown, sizeof shown, c->path.handle),
       near ? near : "affordances");
  r.related = verbs;
  ag_member_list (c, "available", verbs);
  return refuse (c, AG_NOT_AFFORDED, 403, &r);
}

int32_t
ag_not_built (struct ag_call *c, const char *reason)
{
  struct refusal r = { .prefix = "Not implemented: " };
  char shown[AG_PATH_MAX + 1];
  SAY (r.message, "%s ('%s')", reason, ag_quote (shown, sizeof shown, c->path.text));
  SAY (r.why, "The path is valid and offered, but this release cannot do it yet.");
  return refuse (c, AG_NOT_BUILT, 501, &r);
}

int32_t
ag_no_scope (struct ag_call *c, const char *scope)
{
  ag_member_text (c, "required_scope", scope);
  return ag_refuse (c, AG_FORBIDDEN, 403, "API key requires '%s' scope", scope);
}

int32_t
ag_over_limit (struct ag_call *c, const char *policy, int64_t limit, const char *what)
{
  const char *list[] = { policy, NULL };
  ag_member_list (c, "violated_policies", list);
  return ag_refuse (c, AG_OVER_LIMIT, 507, "Limit of %lld %s reached", (long long)limit, what);
}
