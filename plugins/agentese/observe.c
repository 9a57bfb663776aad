/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The body of an invocation, checked, and the observer in it. */
#include "plugins/agentese/agentese.h"

#include <errno.h>
#include <string.h>

#define ERRORS_SIZE 2048
#define SUMMARY_SIZE 512
#define OBSERVER_MAX 128 /* bytes of the observer's name */

/* The faults found so far, as members of the list `errors`. */
struct findings {
  struct kg_out list, summary;
  char list_text[ERRORS_SIZE], summary_text[SUMMARY_SIZE];
  uint32_t count;
};

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

/* Adds a fault at `loc`, the JSON text of an array. */
static void
found (struct findings *f, const char *loc, const char *where, const char *type,
       const char *msg)
{
  kg_out_lit (&f->list, f->count ? ",{\"loc\":" : "{\"loc\":");
  kg_out_lit (&f->list, loc);
  kg_out_lit (&f->list, ",\"type\":");
  kg_out_text (&f->list, type);
  kg_out_lit (&f->list, ",\"msg\":");
  kg_out_text (&f->list, msg);
  kg_out_lit (&f->list, "}");
  kg_out_lit (&f->summary, f->count ? "; " : "");
  kg_out_lit (&f->summary, where);
  kg_out_lit (&f->summary, ": ");
  kg_out_lit (&f->summary, msg);
  f->count++;
}

static int32_t
findings_answer (struct ag_call *c, struct findings *f, int32_t status)
{
  kg_out_lit (&f->list, "]");
  if (kg_out_ok (&f->list))
    c->ag->host->member (c->req, "errors", (kg_str){ f->list_text, f->list.len });
  if (!kg_out_ok (&f->summary))
    f->summary.len = 0;
  return ag_refuse (c, AG_BAD_ARGUMENT, status, "%.*s", (int)f->summary.len, f->summary_text);
}

static void
check_string (struct findings *f, const struct kg_json *j, uint32_t i, const char *loc,
              const char *where)
{
  if (i && kg_json_kind (j, i) != KG_JSON_STRING)
    found (f, loc, where, "string_type", "Input should be a valid string");
}

static void
check_capabilities (struct findings *f, const struct kg_json *j, uint32_t list)
{
  uint32_t i;
  if (!list)
    return;
  if (kg_json_kind (j, list) != KG_JSON_ARRAY) {
    found (f, "[\"body\",\"observer\",\"capabilities\"]", "body.observer.capabilities",
           "list_type", "Input should be a valid list");
    return;
  }
  for (i = kg_json_first (j, list); i; i = kg_json_next (j, list, i))
    if (kg_json_kind (j, i) != KG_JSON_STRING) {
      found (f, "[\"body\",\"observer\",\"capabilities\"]", "body.observer.capabilities",
             "string_type", "Each capability should be a valid string");
      return;
    }
}

static void
check_observer (struct findings *f, const struct kg_json *j, const struct members *m)
{
  if (m->observer && kg_json_kind (j, m->observer) != KG_JSON_OBJECT)
    found (f, "[\"body\",\"observer\"]", "body.observer", "dict_type",
           "Input should be a valid dictionary");
  check_string (f, j, m->name, "[\"body\",\"observer\",\"name\"]", "body.observer.name");
  if (kg_json_kind (j, m->name) == KG_JSON_STRING && j->token[m->name].len > OBSERVER_MAX)
    found (f, "[\"body\",\"observer\",\"name\"]", "body.observer.name", "range",
           "String should have at most 128 bytes");
  check_string (f, j, m->archetype, "[\"body\",\"observer\",\"archetype\"]",
                "body.observer.archetype");
  check_capabilities (f, j, m->capabilities);
}

static void
check_body (struct findings *f, const struct kg_json *j, const struct members *m)
{
  if (!m->path)
    found (f, "[\"body\",\"path\"]", "body.path", "missing", "Field required");
  check_string (f, j, m->path, "[\"body\",\"path\"]", "body.path");
  check_observer (f, j, m);
  if (m->kwargs && kg_json_kind (j, m->kwargs) != KG_JSON_OBJECT)
    found (f, "[\"body\",\"kwargs\"]", "body.kwargs", "dict_type",
           "Input should be a valid dictionary");
}

/* The text of a string, which is in the body itself where nothing is escaped. */
static kg_str
text_of (struct ag_call *c, uint32_t i)
{
  return c->json->token[i].escaped ? kg_json_str (c->ag->host, c->req, c->json, i)
                                   : kg_json_raw (c->json, i);
}

/* The path and the observer as they were found; nothing is wrong with them. */
static int32_t
take (struct ag_call *c, const struct members *m, kg_str *ret_path)
{
  const struct kg_json *j = c->json;
  uint32_t i = m->capabilities ? kg_json_first (j, m->capabilities) : 0;
  c->kwargs = m->kwargs;
  *ret_path = text_of (c, m->path);
  c->observer = m->name ? kg_json_text (j, m->name) : ag_str ("\"api_user\"");
  c->archetype_name = m->archetype ? text_of (c, m->archetype) : ag_default_archetype (c->who);
  for (; i; i = kg_json_next (j, m->capabilities, i))
    c->can_define |= kg_json_is (j, i, "define");
  return ret_path->ptr && c->archetype_name.ptr ? 0 : -ENOMEM;
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

int32_t
ag_observe (struct ag_call *c, kg_str *ret_path)
{
  struct findings f;
  struct members m;
  f.count = 0;
  f.list = (struct kg_out){ f.list_text, 0, ERRORS_SIZE };
  f.summary = (struct kg_out){ f.summary_text, 0, SUMMARY_SIZE };
  kg_out_lit (&f.list, "[");
  if (kg_json_kind (c->json, 0) != KG_JSON_OBJECT) {
    found (&f, "[\"body\"]", "body", "dict_type", "Input should be a valid dictionary");
    return findings_answer (c, &f, 400);
  }
  members_read (c->json, &m);
  check_body (&f, c->json, &m);
  if (f.count)
    return findings_answer (c, &f, 422);
  if (take (c, &m, ret_path) < 0)
    return -ENOMEM;
  if (!ag_may_claim (c->who, c->archetype_name))
    return refuse_claim (c);
  c->archetype = ag_archetype_find (c->ag, c->archetype_name);
  return 0;
}
