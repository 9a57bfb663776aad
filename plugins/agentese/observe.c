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
check_observer (struct findings *f, const struct kg_json *j, uint32_t observer)
{
  uint32_t name;
  if (!observer)
    return;
  if (kg_json_kind (j, observer) != KG_JSON_OBJECT) {
    found (f, "[\"body\",\"observer\"]", "body.observer", "dict_type",
           "Input should be a valid dictionary");
    return;
  }
  name = kg_json_find (j, observer, "name");
  check_string (f, j, name, "[\"body\",\"observer\",\"name\"]", "body.observer.name");
  if (name && kg_json_kind (j, name) == KG_JSON_STRING && j->token[name].len > OBSERVER_MAX)
    found (f, "[\"body\",\"observer\",\"name\"]", "body.observer.name", "range",
           "String should have at most 128 bytes");
  check_string (f, j, kg_json_find (j, observer, "archetype"),
                "[\"body\",\"observer\",\"archetype\"]", "body.observer.archetype");
  check_capabilities (f, j, kg_json_find (j, observer, "capabilities"));
}

static void
check_body (struct findings *f, const struct kg_json *j)
{
  uint32_t path = kg_json_find (j, 0, "path"), kwargs = kg_json_find (j, 0, "kwargs");
  if (!path)
    found (f, "[\"body\",\"path\"]", "body.path", "missing", "Field required");
  check_string (f, j, path, "[\"body\",\"path\"]", "body.path");
  check_observer (f, j, kg_json_find (j, 0, "observer"));
  if (kwargs && kg_json_kind (j, kwargs) != KG_JSON_OBJECT)
    found (f, "[\"body\",\"kwargs\"]", "body.kwargs", "dict_type",
           "Input should be a valid dictionary");
}

/* A member of the observer; token 0 would be the body itself. */
static uint32_t
of_observer (const struct kg_json *j, uint32_t observer, const char *key)
{
  return observer ? kg_json_find (j, observer, key) : 0;
}

/* The path and the observer as they were found; nothing is wrong with them. */
static int32_t
take (struct ag_call *c, uint32_t observer, kg_str *ret_path)
{
  const struct kg_host *host = c->ag->host;
  const struct kg_json *j = c->json;
  uint32_t i, list = of_observer (j, observer, "capabilities");
  uint32_t name = of_observer (j, observer, "name");
  uint32_t archetype = of_observer (j, observer, "archetype");
  *ret_path = kg_json_str (host, c->req, j, kg_json_find (j, 0, "path"));
  c->observer = name ? kg_json_text (j, name) : ag_str ("\"api_user\"");
  c->archetype_name
      = archetype ? kg_json_str (host, c->req, j, archetype) : ag_default_archetype (c->who);
  for (i = list ? kg_json_first (j, list) : 0; i; i = kg_json_next (j, list, i))
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
  uint32_t observer;
  f.count = 0;
  f.list = (struct kg_out){ f.list_text, 0, ERRORS_SIZE };
  f.summary = (struct kg_out){ f.summary_text, 0, SUMMARY_SIZE };
  kg_out_lit (&f.list, "[");
  if (kg_json_kind (c->json, 0) != KG_JSON_OBJECT) {
    found (&f, "[\"body\"]", "body", "dict_type", "Input should be a valid dictionary");
    return findings_answer (c, &f, 400);
  }
  check_body (&f, c->json);
  if (f.count)
    return findings_answer (c, &f, 422);
  observer = kg_json_find (c->json, 0, "observer");
  c->kwargs = kg_json_find (c->json, 0, "kwargs");
  if (take (c, observer, ret_path) < 0)
    return -ENOMEM;
  if (!ag_may_claim (c->who, c->archetype_name))
    return refuse_claim (c);
  c->archetype = ag_archetype_find (c->archetype_name);
  return 0;
}
