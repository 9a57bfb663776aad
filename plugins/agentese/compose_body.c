/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The body of a composition. */
#include "plugins/agentese/compose.h"
#include "plugins/agentese/findings.h"

#include <errno.h>

static const struct ag_loc at_body = { NULL, { "body", 4 }, 0 };
static const struct ag_loc at_paths = { &at_body, { "paths", 5 }, 0 };
static const struct ag_loc at_pipeline = { &at_body, { "pipeline", 8 }, 0 };
static const struct ag_loc at_emit = { &at_body, { "emit_law_check", 14 }, 0 };

static void
check_paths (struct ag_findings *f, const struct kg_json *j, uint32_t paths)
{
  struct ag_loc at = { &at_paths, { NULL, 0 }, 0 };
  uint32_t i;
  if (kg_json_kind (j, paths) != KG_JSON_ARRAY) {
    ag_found (f, &at_paths, "list_type", "Input should be a valid list");
    return;
  }
  for (i = kg_json_first (j, paths); i; i = kg_json_next (j, paths, i), at.index++)
    if (kg_json_kind (j, i) != KG_JSON_STRING)
      ag_found (f, &at, "string_type", "Input should be a valid string");
  if (!at.index || at.index > AG_STEPS_MAX)
    ag_found (f, &at_paths, "range", "List should have 1 to 16 items");
}

static void
check_body (struct ag_findings *f, const struct kg_json *j, uint32_t paths, uint32_t pipeline)
{
  uint32_t emit = kg_json_find (j, 0, "emit_law_check");
  int32_t kind = kg_json_kind (j, emit);
  if (!paths && !pipeline)
    ag_found (f, &at_paths, "missing", "Field required, or pipeline");
  if (paths && pipeline)
    ag_found (f, &at_pipeline, "value_error", "Give paths or pipeline, not both");
  if (paths)
    check_paths (f, j, paths);
  if (pipeline && kg_json_kind (j, pipeline) != KG_JSON_STRING)
    ag_found (f, &at_pipeline, "string_type", "Input should be a valid string");
  if (emit && kind != KG_JSON_TRUE && kind != KG_JSON_FALSE)
    ag_found (f, &at_emit, "bool_type", "Input should be a valid boolean");
}

/* 0, or -E2BIG. */
static int32_t
step_add (struct ag_composition *m, kg_str path)
{
  if (m->listed == AG_STEPS_MAX)
    return -E2BIG;
  if (ag_str_is (path, "Id"))
    m->list[m->listed++] = AG_ID;
  else {
    m->list[m->listed++] = (int32_t)m->n;
    m->step[m->n++].path = path;
  }
  return 0;
}

static int32_t
paths_take (struct ag_composition *m, uint32_t paths)
{
  struct ag_call *c = &m->whole;
  uint32_t i;
  for (i = kg_json_first (c->json, paths); i; i = kg_json_next (c->json, paths, i)) {
    kg_str path = kg_json_str (c->ag->host, c->req, c->json, i);
    if (!path.ptr)
      return -ENOMEM;
    step_add (m, path);
  }
  return 0;
}

int32_t
ag_compose_split (struct ag_composition *m, kg_str pipeline, const char *member)
{
  while (pipeline.ptr)
    if (step_add (m, ag_pipeline_next (&pipeline)) < 0)
      return ag_refuse (&m->whole, AG_BAD_ARGUMENT, 422,
                        "body.%s: A pipeline has at most %d steps", member, AG_STEPS_MAX);
  return 0;
}

static int32_t
pipeline_take (struct ag_composition *m, uint32_t pipeline)
{
  struct ag_call *c = &m->whole;
  kg_str text = kg_json_str (c->ag->host, c->req, c->json, pipeline);
  return text.ptr ? ag_compose_split (m, text, "pipeline") : -ENOMEM;
}

int32_t
ag_compose_read (struct ag_composition *m)
{
  struct ag_call *c = &m->whole;
  const struct kg_json *j = c->json;
  uint32_t paths = 0, pipeline = 0, input;
  struct ag_findings f;
  int32_t r;
  ag_findings_init (&f);
  if (kg_json_kind (j, 0) != KG_JSON_OBJECT) {
    ag_found (&f, &at_body, "dict_type", "Input should be a valid dictionary");
    return ag_findings_answer (c, &f, 422);
  }
  paths = kg_json_find (j, 0, "paths");
  pipeline = kg_json_find (j, 0, "pipeline");
  check_body (&f, j, paths, pipeline);
  ag_observer_check (c, &f);
  if (f.count)
    return ag_findings_answer (c, &f, 422);
  if ((r = ag_observer_take (c)) || (r = paths ? paths_take (m, paths) : pipeline_take (m, pipeline)))
    return r;
  if ((input = kg_json_find (j, 0, "initial_input")))
    m->input = kg_json_text (j, input);
  m->emit = kg_json_kind (j, kg_json_find (j, 0, "emit_law_check")) != KG_JSON_FALSE;
  return 0;
}
