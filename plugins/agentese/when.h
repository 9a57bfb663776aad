/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* time.*: arguments that are times, and the aspects of each holon. */
#ifndef AGENTESE_WHEN_H
#define AGENTESE_WHEN_H

#include "plugins/agentese/builtin.h"

/* Reads an RFC 3339 time, "2026-05-04T12:00:00.5Z", into nanoseconds since the epoch: 0 or
 * -EINVAL. */
int32_t ag_time_parse (kg_str text, int64_t *ret);

/* A time argument: an RFC 3339 text or seconds since the epoch.  0 with *ret (`dflt` without
 * the argument), or KG_DONE with a 400. */
int32_t ag_time_arg (struct ag_call *c, const char *name, int64_t dflt, int64_t *ret);

/* An argument that must be the path of a node, like world.house, with or without an aspect. */
int32_t ag_handle_arg (struct ag_call *c, const char *name, struct ag_path *ret);

/* time_trace.c */
ag_run ag_trace_witness, ag_trace_query, ag_trace_replay, ag_trace_analyze, ag_trace_diff,
    ag_trace_collect, ag_trace_render;

/* time_past.c */
ag_run ag_past_project, ag_past_compare, ag_past_restore;

/* time_future.c */
ag_run ag_future_forecast, ag_future_simulate, ag_future_predict;

#endif
