/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The body of an invocation, checked, and the observer in it. */
#include "plugins/agentese/findings.h"

#include <errno.h>
#include <string.h>

#define OBSERVER_MAX 128 /* bytes of the observer's name */

/* Where the known members of the body and of the observer are; 0: not there. */
struct members {
  uint32_t path, observer, kwargs;
  uint32_t name, archetype, capabilities;
};

/* Finds three members of an object in one walk. */
static void
members_find (const struct kg_json *j, uint32_t object, const char *const keys[3],
              const uint32_t lens[3], uint32_t *const ret[3])
{
  uint32_t i, k;
  for (i = kg_json_first (j, object); i; i = kg_json_next (j, object, i + 1))
    for (k = 0; k < 3; k++)
      if (j->token[i].escaped ? kg_json_is (j, i, keys[k])
                              : j->token[i].len == lens[k]
                                    && !memcmp (j->text + j->token[i].start, keys[k], lens[k]))
        *ret[k] = i + 1;
}

static void
members_read (const struct kg_json *j, struct members *m)
{
  static const char *const outer[] = { "path", "observer", "kwargs" };
  static const char *const inner[] = { "name", "archetype", "capabilities" };
  static const uint32_t outer_lens[] = { 4, 8, 6 }, inner_lens[] = { 4, 9, 12 };
  *m = (struct members){ 0 };
  members_find (j, 0, outer, outer_lens,
                (uint32_t *const[]){ &m->path, &m->observer, &m->kwargs });
  if (m->observer && kg_json_kind (j, m->observer) == KG_JSON_OBJECT)
    members_find (j, m->observer, inner, inner_lens,
                  (uint32_t *const[]){ &m->name, &m->archetype, &m->capabilities });
}

static const struct ag_loc at_body = { NULL, { "body", 4 }, 0 };
static const struct ag_loc at_observer = { &at_body, { "observer", 8 }, 0 };
static const struct ag_loc at_name = { &at_observer, { "name", 4 }, 0 };
static const struct ag_loc at_archetype = { &at_observer, { "archetype", 9 }, 0 };
static const struct ag_loc at_capabilities = { &at_observer, { "capabilities", 12 }, 0 };
static const struct ag_loc at_path = { &at_body, { "path", 4 }, 0 };
static const struct ag_loc at_kwargs = { &at_body, { "kwargs", 6 }, 0 };

static void
check_string (struct ag_findings *f, const struct kg_json *j, uint32_t i, const struct ag_loc *loc)
{
  if (i && kg_json_kind (j, i) != KG_JSON_STRING)
    ag_found (f, loc, "string_type", "Input should be a valid string");
}

static void
check_object (struct ag_findings *f, const struct kg_json *j, uint32_t i, const struct ag_loc *loc)
{
  if (i && kg_json_kind (j, i) != KG_JSON_OBJECT)
    ag_found (f, loc, "dict_type", "Input should be a valid dictionary");
}

static void
check_capabilities (struct ag_findings *f, const struct kg_json *j, uint32_t list)
{
  uint32_t i;
  if (!list)
    return;
  if (kg_json_kind (j, list) != KG_JSON_ARRAY) {
    ag_found (f, &at_capabilities, "list_type", "Input should be a valid list");
    return;
  }
  for (i = kg_json_first (j, list); i; i = kg_json_next (j, list, i))
    if (kg_json_kind (j, i) != KG_JSON_STRING) {
      ag_found (f, &at_capabilities, "string_type", "Each capability should be a valid string");
      return;
    }
}

static void
check_observer (struct ag_findings *f, const struct kg_json *j, const struct members *m)
{
  check_object (f, j, m->observer, &at_observer);
  check_string (f, j, m->name, &at_name);
  if (kg_json_kind (j, m->name) == KG_JSON_STRING && j->token[m->name].len > OBSERVER_MAX)
    ag_found (f, &at_name, "range", "String should have at most 128 bytes");
  check_string (f, j, m->archetype, &at_archetype);
  check_capabilities (f, j, m->capabilities);
}

static void
check_body (struct ag_findings *f, const struct kg_json *j, const struct members *m)
{
  if (!m->path)
    ag_found (f, &at_path, "missing", "Field required");
  check_string (f, j, m->path, &at_path);
  check_observer (f, j, m);
  check_object (f, j, m->kwargs, &at_kwargs);
}

/* The text of a string, which is in the body itself where nothing is escaped. */
static kg_str
text_of (struct ag_call *c, uint32_t i)
{
  return c->json->token[i].escaped ? kg_json_str (c->ag->host, c->req, c->json, i)
                                   : kg_json_raw (c->json, i);
}

/* The observer as it was found; nothing is wrong with it. */
static int32_t
take_observer (struct ag_call *c, const struct members *m)
{
  const struct kg_json *j = c->json;
  uint32_t i = m->capabilities ? kg_json_first (j, m->capabilities) : 0;
  c->observer = m->name ? kg_json_text (j, m->name) : ag_str ("\"api_user\"");
  c->archetype_name = m->archetype ? text_of (c, m->archetype) : ag_default_archetype (c->who);
  for (; i; i = kg_json_next (j, m->capabilities, i))
    c->can_define |= kg_json_is (j, i, "define");
  return c->archetype_name.ptr ? 0 : -ENOMEM;
}

kg_str
ag_default_archetype (const struct kg_identity *who)
{
  int32_t listed = who->archetypes && who->archetypes[0] && strcmp (who->archetypes[0], "*");
  return ag_str (listed ? who->archetypes[0] : "developer");
}

int32_t
ag_may_claim (const struct kg_identity *who, kg_str archetype)
{
  uint32_t i;
  if (!who->archetypes || !who->archetypes[0])
    return ag_str_is (archetype, "developer");
  for (i = 0; who->archetypes[i]; i++)
    if (ag_str_is (archetype, who->archetypes[i]) || !strcmp (who->archetypes[i], "*"))
      return 1;
  return 0;
}

/* A claim that the key may not make. */
static int32_t
refuse_claim (struct ag_call *c)
{
  static const char *const only_developer[] = { "developer", NULL };
  const char *const *list = c->who->archetypes;
  char shown[64];
  ag_member_list (c, "available", list && list[0] ? list : only_developer);
  return ag_refuse (c, AG_FORBIDDEN, 403, "API key may not claim archetype '%s'",
                    ag_quote (shown, sizeof shown, c->archetype_name));
}

/* 0, KG_DONE for an archetype that is not the caller's, or -ENOMEM. */
static int32_t
claim (struct ag_call *c, const struct members *m)
{
  if (take_observer (c, m) < 0)
    return -ENOMEM;
  if (!ag_may_claim (c->who, c->archetype_name))
    return refuse_claim (c);
  c->archetype = ag_archetype_find (c->ag, c->archetype_name);
  return 0;
}

int32_t
ag_observe (struct ag_call *c, kg_str *ret_path)
{
  struct ag_findings f;
  struct members m;
  ag_findings_init (&f);
  if (kg_json_kind (c->json, 0) != KG_JSON_OBJECT) {
    ag_found (&f, &at_body, "dict_type", "Input should be a valid dictionary");
    return ag_findings_answer (c, &f, 422);
  }
  members_read (c->json, &m);
  check_body (&f, c->json, &m);
  if (f.count)
    return ag_findings_answer (c, &f, 422);
  c->kwargs = m.kwargs;
  *ret_path = text_of (c, m.path);
  return ret_path->ptr ? claim (c, &m) : -ENOMEM;
}

void
ag_observer_check (struct ag_call *c, struct ag_findings *f)
{
  struct members m;
  members_read (c->json, &m);
  check_observer (f, c->json, &m);
}

int32_t
ag_observer_take (struct ag_call *c)
{
  struct members m;
  members_read (c->json, &m);
  return claim (c, &m);
}
