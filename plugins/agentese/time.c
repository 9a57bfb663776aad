/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* time.*: what was, and what is to be.  This file has the tables. */
#include "plugins/agentese/common.h"
#include "plugins/agentese/notes.h"
#include "plugins/agentese/schedule.h"
#include "plugins/agentese/when.h"

#include <errno.h>

#define OBJECT(members) "{\"type\":\"object\",\"properties\":{" members "}}"
#define NEEDS(names, members)                                                                  \
  "{\"type\":\"object\",\"required\":[" names "],\"properties\":{" members "}}"
#define TEXT(name) "\"" name "\":{\"type\":\"string\",\"maxLength\":256}"
#define WHEN(name) "\"" name "\":{\"type\":[\"string\",\"number\"]}"
#define VERSION(name) "\"" name "\":{\"type\":\"integer\",\"minimum\":0}"
#define COUNT(name, max) "\"" name "\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":" max "}"
#define FILTER                                                                                 \
  TEXT ("observer_name") "," WHEN ("since") "," WHEN ("until") ",\"status\":{\"type\":"        \
                                                               "\"integer\"}"
#define TOPIC OBJECT (TEXT ("topic") "," FILTER "," COUNT ("limit", "1000"))
#define BOTH                                                                                   \
  NEEDS ("\"target\"", TEXT ("target") "," WHEN ("from") "," WHEN ("to") "," VERSION (         \
                           "from_version") "," VERSION ("to_version"))

#define MANIFEST                                                                               \
  {                                                                                            \
    .name = "manifest", .category = AG_PERCEPTION, .run = ag_common_manifest,                  \
    .summary = "What this node is and offers."                                                 \
  }
#define LOOK(aspect, function, text, schema)                                                   \
  {                                                                                            \
    .name = aspect, .category = AG_PERCEPTION, .run = function, .summary = text,               \
    .input = schema                                                                            \
  }

static const struct ag_aspect trace[] = {
  MANIFEST,
  { .name = "witness",
    .category = AG_INTROSPECTION,
    .run = ag_trace_witness,
    .summary = "The tenant's invocations, newest first.",
    .input = TOPIC },
  LOOK ("query", ag_trace_query, "The invocations of a topic, newest first.", TOPIC),
  LOOK ("replay", ag_trace_replay, "The same, oldest first, step by step.", TOPIC),
  LOOK ("analyze", ag_trace_analyze, "Counts, errors and durations of a topic.", TOPIC),
  LOOK ("collect", ag_trace_collect, "How much is remembered, and of whom.", TOPIC),
  LOOK ("render", ag_trace_render, "The invocations as lines of text.", TOPIC),
  LOOK ("diff", ag_trace_diff, "Two topics against each other.",
        OBJECT (TEXT ("a") "," TEXT ("b") "," FILTER)),
  { .name = NULL },
};

static const struct ag_aspect past[] = {
  MANIFEST,
  LOOK ("project", ag_past_project, "A node as it was then.",
        NEEDS ("\"target\"", TEXT ("target") "," WHEN ("timestamp") "," VERSION ("version"))),
  LOOK ("compare", ag_past_compare, "A node at two times.", BOTH),
  LOOK ("diff", ag_past_compare, "What of a node changed between two times.", BOTH),
  { .name = "restore",
    .category = AG_MUTATION,
    .run = ag_past_restore,
    .summary = "Put a node back to what it was, or undo one change.",
    .input = OBJECT (TEXT ("target") "," WHEN ("timestamp") "," VERSION (
        "version") "," TEXT ("token") ",\"force\":{\"type\":\"boolean\"}") },
  { .name = NULL },
};

#define HORIZON TEXT ("target") ",\"horizon\":{\"type\":[\"string\",\"number\"]}"

static const struct ag_aspect future[] = {
  MANIFEST,
  LOOK ("forecast", ag_future_forecast, "What the history of a node lets expect.",
        NEEDS ("\"target\"", HORIZON)),
  LOOK ("simulate", ag_future_simulate, "One course of things, step by step.",
        NEEDS ("\"target\"", TEXT ("target") "," COUNT (
            "steps", "1000") ",\"step\":{\"type\":[\"string\",\"number\"]},\"seed\":{\"type\":"
                             "\"integer\"}")),
  LOOK ("predict", ag_future_predict, "When it is invoked next, and what comes then.",
        NEEDS ("\"target\"", HORIZON)),
  { .name = NULL },
};

static const struct ag_aspect schedule[] = {
  MANIFEST,
  { .name = "defer",
    .category = AG_MUTATION,
    .run = ag_schedule_defer,
    .summary = "Invoke later.",
    .input = NEEDS ("\"target\"", TEXT ("target") ",\"delay\":{\"type\":\"number\",\"minimum\":0,"
                                                  "\"maximum\":315360000}," WHEN (
                                                      "at") ",\"kwargs\":{\"type\":\"object\"}") },
  { .name = "cancel",
    .category = AG_MUTATION,
    .run = ag_schedule_cancel,
    .summary = "Call a deferred invocation off.",
    .input = NEEDS ("\"id\"", TEXT ("id")) },
  LOOK ("list", ag_schedule_list, "Deferred invocations, by their time.",
        OBJECT ("\"status\":{\"enum\":[\"pending\",\"running\",\"done\",\"cancelled\"]}," COUNT (
            "limit", "1000"))),
  { .name = NULL },
};

static const struct ag_aspect any[] = { MANIFEST, { .name = NULL } };

#define HOLON(name, text)                                                                      \
  {                                                                                            \
    .context = AG_TIME, .kind = AG_BUILT_IN, .rest = #name, .summary = text, .aspects = name   \
  }

static const struct ag_holon holons[] = {
  HOLON (trace, "The tenant's invocations."),
  HOLON (past, "Nodes as they were."),
  HOLON (future, "What may come."),
  HOLON (schedule, "Invocations that are to come."),
  { .context = AG_TIME,
    .kind = AG_BUILT_IN,
    .summary = "Any other part of time.",
    .aspects = any },
};

int32_t
ag_time_open (struct ag *ag)
{
  int32_t r = ag->host->need (ag->self, KG_JOBS, sizeof *ag->jobs, 0, (const void **)&ag->jobs);
  if (r < 0 || (r = ag_notes_open (ag)) < 0 || (r = ag_schedule_open (ag)) < 0)
    return r;
  return ag_register_all (ag, holons, sizeof holons / sizeof holons[0]);
}

int32_t
ag_time_start (struct ag *ag)
{
  int32_t r = ag_schedule_start (ag);
  if (r < 0)
    return r;
  if ((r = ag_notes_start (ag)) < 0)
    ag_schedule_stop (ag);
  return r;
}

void
ag_time_stop (struct ag *ag)
{
  ag_schedule_stop (ag);
  ag_notes_stop (ag);
}

void
ag_time_close (struct ag *ag)
{
  ag_schedule_close (ag);
  ag_notes_close (ag);
}
