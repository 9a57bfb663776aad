/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Where each member of each public structure lies.  layout.sh compares it with
 * the lists of the ABIs: members may be added at the end, nothing else.  Built
 * for the newest one, and with LAYOUT_1_0 for plugins that target 1.0. */
#ifdef LAYOUT_1_0
#define KG_ABI_TARGET KG_ABI (1, 0)
#include <kgent/plugin.h>
#else
#include "core/abi.h"
#endif

#include <kgent/audit.h>
#include <kgent/budget.h>
#include <kgent/calls.h>
#include <kgent/health.h>
#include <kgent/http.h>
#include <kgent/jobs.h>
#include <kgent/json.h>
#include <kgent/meter.h>
#include <kgent/metrics.h>
#include <kgent/nodes.h>
#include <kgent/offer.h>
#include <kgent/routes.h>
#include <kgent/store.h>
#include <kgent/tenants.h>

#include <stdio.h>

#define STRUCT(s, ...) (printf ("struct %s %zu\n", #s, sizeof (struct s)), __VA_ARGS__)
#define M(s, m)                                                                                \
  printf ("struct %s %s %zu %zu\n", #s, #m, offsetof (struct s, m), sizeof ((struct s *)0)->m)
#define V(v) printf ("%s %lld\n", #v, (long long)(v))

static void
layout_kg_str (void)
{
  STRUCT (kg_str, M (kg_str, ptr), M (kg_str, len));
}

static void
layout_kg_identity (void)
{
  STRUCT (kg_identity, M (kg_identity, size), M (kg_identity, reserved),
          M (kg_identity, subject), M (kg_identity, tenant), M (kg_identity, key_id),
          M (kg_identity, tier), M (kg_identity, scopes), M (kg_identity, archetypes));
}

static void
layout_kg_route (void)
{
  STRUCT (kg_route, M (kg_route, size), M (kg_route, flags), M (kg_route, method),
          M (kg_route, pattern), M (kg_route, scope), M (kg_route, summary),
          M (kg_route, handler), M (kg_route, body_max), M (kg_route, timeout_ms),
          M (kg_route, reserved), M (kg_route, request_schema), M (kg_route, response_schema),
          M (kg_route, parameters), M (kg_route, statuses));
}

static void
layout_kg_list (void)
{
  STRUCT (kg_list, M (kg_list, items), M (kg_list, count));
}

static void
layout_kg_opt (void)
{
  STRUCT (kg_opt, M (kg_opt, key), M (kg_opt, dflt), M (kg_opt, help), M (kg_opt, type),
          M (kg_opt, flags), M (kg_opt, offset), M (kg_opt, sub_size), M (kg_opt, min),
          M (kg_opt, max), M (kg_opt, choices), M (kg_opt, sub));
}

static void
layout_kg_host (void)
{
  STRUCT (kg_host, M (kg_host, abi), M (kg_host, size), M (kg_host, log), M (kg_host, route),
          M (kg_host, hook), M (kg_host, provide), M (kg_host, need), M (kg_host, get),
          M (kg_host, num), M (kg_host, json), M (kg_host, parse), M (kg_host, alloc),
          M (kg_host, slot), M (kg_host, header), M (kg_host, reply), M (kg_host, member),
          M (kg_host, problem), M (kg_host, identify), M (kg_host, identity),
          M (kg_host, suspend), M (kg_host, resume), M (kg_host, stream), M (kg_host, send),
          M (kg_host, end));
}

static void
layout_kg_plugin (void)
{
  STRUCT (kg_plugin, M (kg_plugin, abi), M (kg_plugin, size), M (kg_plugin, opt_size),
          M (kg_plugin, flags), M (kg_plugin, name), M (kg_plugin, version),
          M (kg_plugin, summary), M (kg_plugin, opts), M (kg_plugin, conf_size),
          M (kg_plugin, reserved), M (kg_plugin, open), M (kg_plugin, start),
          M (kg_plugin, stop), M (kg_plugin, close));
}

static void
layout_values_plugin_53 (void)
{
  V (KG_NEXT), V (KG_DONE), V (KG_WAIT), V (KG_PHASE_ACCESS), V (KG_PHASE_LIMIT),
      V (KG_PHASE_HANDLER), V (KG_PHASE_COMMIT), V (KG_PHASE_LOG), V (KG_GET_METHOD),
      V (KG_GET_PATH), V (KG_GET_ROUTE), V (KG_GET_PARAM), V (KG_GET_QUERY), V (KG_GET_HEADER),
      V (KG_GET_BODY), V (KG_GET_REQUEST_ID), V (KG_GET_TRACE_ID), V (KG_GET_SPAN_ID),
      V (KG_GET_CLIENT), V (KG_GET_SCOPE), V (KG_GET_REPLY), V (KG_GET_TRACEPARENT),
      V (KG_NUM_TIME), V (KG_NUM_ELAPSED), V (KG_NUM_STATUS), V (KG_NUM_ROUTE_FLAGS),
      V (KG_NUM_ADMIN), V (KG_NUM_LOCAL), V (KG_NUM_GONE), V (KG_NUM_SENT), V (KG_NUM_WORKER),
      V (KG_PUBLIC), V (KG_ADMIN), V (KG_BILLABLE), V (KG_JSON), V (KG_QUIET);
}

static void
layout_values_plugin_17 (void)
{
  V (KG_STREAMS), V (KG_HIDDEN), V (KG_OPT_STRING), V (KG_OPT_INT), V (KG_OPT_NUMBER),
      V (KG_OPT_BOOL), V (KG_OPT_STRINGS), V (KG_OPT_GROUP), V (KG_OPT_LIST),
      V (KG_OPT_REQUIRED), V (KG_OPT_SECRET), V (KG_LOG_ERROR), V (KG_LOG_WARN),
      V (KG_LOG_INFO), V (KG_LOG_DEBUG), V (KG_NEED_OPTIONAL), V (KG_SERIAL);
}

static void
layout_kg_json_token (void)
{
  STRUCT (kg_json_token, M (kg_json_token, kind), M (kg_json_token, escaped),
          M (kg_json_token, start), M (kg_json_token, len), M (kg_json_token, next));
}

static void
layout_kg_json (void)
{
  STRUCT (kg_json, M (kg_json, size), M (kg_json, count), M (kg_json, text),
          M (kg_json, token));
}

static void
layout_kg_out (void)
{
  STRUCT (kg_out, M (kg_out, ptr), M (kg_out, len), M (kg_out, cap));
}

static void
layout_values_json (void)
{
  V (KG_JSON_NONE), V (KG_JSON_NULL), V (KG_JSON_FALSE), V (KG_JSON_TRUE), V (KG_JSON_INT),
      V (KG_JSON_DOUBLE), V (KG_JSON_STRING), V (KG_JSON_ARRAY), V (KG_JSON_OBJECT);
}

static void
layout_kg_health_view (void)
{
  STRUCT (kg_health_view, M (kg_health_view, size), M (kg_health_view, flags),
          M (kg_health_view, name), M (kg_health_view, detail), M (kg_health_view, facts),
          M (kg_health_view, age_ms), M (kg_health_view, state), M (kg_health_view, stale));
}

static void
layout_kg_health (void)
{
  STRUCT (kg_health, M (kg_health, size), M (kg_health, reserved), M (kg_health, add),
          M (kg_health, set), M (kg_health, facts), M (kg_health, walk));
}

static void
layout_values_health (void)
{
  V (KG_HEALTH_OK), V (KG_HEALTH_DEGRADED), V (KG_HEALTH_DOWN), V (KG_HEALTH_ABSENT),
      V (KG_HEALTH_STARTING), V (KG_HEALTH_READINESS), V (KG_HEALTH_ESSENTIAL);
}

static void
layout_kg_label (void)
{
  STRUCT (kg_label, M (kg_label, name), M (kg_label, values));
}

static void
layout_kg_metric_def (void)
{
  STRUCT (kg_metric_def, M (kg_metric_def, size), M (kg_metric_def, kind),
          M (kg_metric_def, name), M (kg_metric_def, help), M (kg_metric_def, labels),
          M (kg_metric_def, buckets), M (kg_metric_def, nlabels), M (kg_metric_def, nbuckets));
}

static void
layout_kg_metrics (void)
{
  STRUCT (kg_metrics, M (kg_metrics, size), M (kg_metrics, reserved), M (kg_metrics, define),
          M (kg_metrics, add), M (kg_metrics, set), M (kg_metrics, observe),
          M (kg_metrics, render));
}

static void
layout_values_metrics (void)
{
  V (KG_COUNTER), V (KG_GAUGE), V (KG_HISTOGRAM);
}

static void
layout_kg_jobs (void)
{
  STRUCT (kg_jobs, M (kg_jobs, size), M (kg_jobs, reserved), M (kg_jobs, run),
          M (kg_jobs, timer), M (kg_jobs, cancel), M (kg_jobs, kick));
}

static void
layout_kg_http_reply (void)
{
  STRUCT (kg_http_reply, M (kg_http_reply, size), M (kg_http_reply, error),
          M (kg_http_reply, status), M (kg_http_reply, tries), M (kg_http_reply, body),
          M (kg_http_reply, content_type), M (kg_http_reply, retry_after_ms),
          M (kg_http_reply, elapsed_ns), M (kg_http_reply, message));
}

static void
layout_kg_http_request (void)
{
  STRUCT (kg_http_request, M (kg_http_request, size), M (kg_http_request, flags),
          M (kg_http_request, method), M (kg_http_request, url), M (kg_http_request, headers),
          M (kg_http_request, body), M (kg_http_request, connect_ms),
          M (kg_http_request, total_ms), M (kg_http_request, tries),
          M (kg_http_request, reserved), M (kg_http_request, reply_max),
          M (kg_http_request, done), M (kg_http_request, piece), M (kg_http_request, arg));
}

static void
layout_kg_http (void)
{
  STRUCT (kg_http, M (kg_http, size), M (kg_http, reserved), M (kg_http, send),
          M (kg_http, cancel));
}

static void
layout_values_http (void)
{
  V (KG_HTTP_IDEMPOTENT), V (KG_HTTP_PRIVATE_OK), V (KG_HTTP_NO_BREAKER);
}

static void
layout_kg_entry (void)
{
  STRUCT (kg_entry, M (kg_entry, size), M (kg_entry, reserved), M (kg_entry, key),
          M (kg_entry, value), M (kg_entry, revision), M (kg_entry, changed_ns),
          M (kg_entry, expires_ns));
}

static void
layout_kg_op (void)
{
  STRUCT (kg_op, M (kg_op, kind), M (kg_op, reserved), M (kg_op, bucket), M (kg_op, log),
          M (kg_op, cursor), M (kg_op, key), M (kg_op, value), M (kg_op, revision),
          M (kg_op, ttl_ms));
}

static void
layout_kg_outcome (void)
{
  STRUCT (kg_outcome, M (kg_outcome, size), M (kg_outcome, error), M (kg_outcome, op),
          M (kg_outcome, reserved), M (kg_outcome, revision));
}

static void
layout_kg_record (void)
{
  STRUCT (kg_record, M (kg_record, size), M (kg_record, reserved), M (kg_record, sequence),
          M (kg_record, id), M (kg_record, time_ns), M (kg_record, data));
}

static void
layout_kg_store (void)
{
  STRUCT (kg_store, M (kg_store, size), M (kg_store, reserved), M (kg_store, bucket),
          M (kg_store, log), M (kg_store, cursor), M (kg_store, watch), M (kg_store, get),
          M (kg_store, scan), M (kg_store, write), M (kg_store, record), M (kg_store, read),
          M (kg_store, position), M (kg_store, newest), M (kg_store, notify));
}

static void
layout_values_store (void)
{
  V (KG_KEY_MAX), V (KG_VALUE_MAX), V (KG_REV_ANY), V (KG_REV_NEW), V (KG_OP_PUT),
      V (KG_OP_DELETE), V (KG_OP_APPEND), V (KG_OP_ACK);
}

static void
layout_kg_meter (void)
{
  STRUCT (kg_meter, M (kg_meter, size), M (kg_meter, reserved), M (kg_meter, note));
#ifndef LAYOUT_1_0
  M (kg_meter, receipt);
#endif
}

static void
layout_kg_budget (void)
{
  STRUCT (kg_budget, M (kg_budget, size), M (kg_budget, reserved), M (kg_budget, spend),
          M (kg_budget, left));
}

static void
layout_values_budget (void)
{
  V (KG_BUDGET_UNLIMITED);
}

static void
layout_kg_plugin_view (void)
{
  STRUCT (kg_plugin_view, M (kg_plugin_view, size), M (kg_plugin_view, abi),
          M (kg_plugin_view, name), M (kg_plugin_view, version), M (kg_plugin_view, summary));
}

static void
layout_kg_host_view (void)
{
  STRUCT (kg_host_view, M (kg_host_view, size), M (kg_host_view, abi), M (kg_host_view, name),
          M (kg_host_view, version), M (kg_host_view, started_ns), M (kg_host_view, draining),
          M (kg_host_view, loopback));
}

static void
layout_kg_routes (void)
{
  STRUCT (kg_routes, M (kg_routes, size), M (kg_routes, reserved), M (kg_routes, routes),
          M (kg_routes, plugins), M (kg_routes, host), M (kg_routes, live),
          M (kg_routes, ready));
}

#if KG_ABI_TARGET >= KG_ABI (1, 1)
static void
layout_calls (void)
{
  STRUCT (kg_inner, M (kg_inner, size), M (kg_inner, flags), M (kg_inner, method),
          M (kg_inner, target), M (kg_inner, content_type), M (kg_inner, body),
          M (kg_inner, headers), M (kg_inner, identity), M (kg_inner, deadline_ms),
          M (kg_inner, reserved), M (kg_inner, stream_max));
  STRUCT (kg_inner_reply, M (kg_inner_reply, size), M (kg_inner_reply, error),
          M (kg_inner_reply, status), M (kg_inner_reply, reserved),
          M (kg_inner_reply, content_type), M (kg_inner_reply, body),
          M (kg_inner_reply, headers), M (kg_inner_reply, request_id),
          M (kg_inner_reply, elapsed_ns));
  STRUCT (kg_calls, M (kg_calls, size), M (kg_calls, reserved), M (kg_calls, call));
  V (KG_NUM_INNER), V (KG_INNER_BACKGROUND);
}

static void
layout_nodes (void)
{
  STRUCT (kg_node_call, M (kg_node_call, size), M (kg_node_call, flags), M (kg_node_call, req),
          M (kg_node_call, path), M (kg_node_call, handle), M (kg_node_call, aspect),
          M (kg_node_call, archetype), M (kg_node_call, observer), M (kg_node_call, json),
          M (kg_node_call, kwargs), M (kg_node_call, reserved), M (kg_node_call, data));
  STRUCT (kg_node_aspect, M (kg_node_aspect, name), M (kg_node_aspect, run),
          M (kg_node_aspect, category), M (kg_node_aspect, flags), M (kg_node_aspect, summary),
          M (kg_node_aspect, input), M (kg_node_aspect, output), M (kg_node_aspect, archetypes),
          M (kg_node_aspect, requests), M (kg_node_aspect, tokens),
          M (kg_node_aspect, tokens_per_kb), M (kg_node_aspect, tokens_max),
          M (kg_node_aspect, money), M (kg_node_aspect, data));
  STRUCT (kg_node, M (kg_node, size), M (kg_node, aspect_size), M (kg_node, naspects),
          M (kg_node, reserved), M (kg_node, owner), M (kg_node, context), M (kg_node, holon),
          M (kg_node, summary), M (kg_node, aspects));
  STRUCT (kg_node_view, M (kg_node_view, size), M (kg_node_view, flags), M (kg_node_view, path),
          M (kg_node_view, route), M (kg_node_view, category), M (kg_node_view, kind), M (kg_node_view, owner),
          M (kg_node_view, summary), M (kg_node_view, scope), M (kg_node_view, input),
          M (kg_node_view, output), M (kg_node_view, requests), M (kg_node_view, tokens),
          M (kg_node_view, tokens_per_kb), M (kg_node_view, tokens_max),
          M (kg_node_view, money));
  STRUCT (kg_nodes, M (kg_nodes, size), M (kg_nodes, reserved), M (kg_nodes, add),
          M (kg_nodes, result), M (kg_nodes, refuse), M (kg_nodes, chunk), M (kg_nodes, used),
          M (kg_nodes, walk), M (kg_nodes, version));
  V (KG_NODE_PERCEPTION), V (KG_NODE_INTROSPECTION), V (KG_NODE_MUTATION),
      V (KG_NODE_GENERATION), V (KG_NODE_ENTROPY), V (KG_NODE_COMPOSITION);
  V (KG_NODE_STREAMS), V (KG_NODE_PER_TOKEN), V (KG_NODE_STREAMED), V (KG_NODE_ANY);
}

static void
layout_audit (void)
{
  STRUCT (kg_audit_change, M (kg_audit_change, size), M (kg_audit_change, nops),
          M (kg_audit_change, ops), M (kg_audit_change, op_size), M (kg_audit_change, reserved),
          M (kg_audit_change, action), M (kg_audit_change, target), M (kg_audit_change, before),
          M (kg_audit_change, after));
  STRUCT (kg_audit, M (kg_audit, size), M (kg_audit, reserved), M (kg_audit, change));
  V (KG_AUDIT_OPS);
}

static void
layout_tenants (void)
{
  STRUCT (kg_tenant, M (kg_tenant, size), M (kg_tenant, flags), M (kg_tenant, id),
          M (kg_tenant, slug), M (kg_tenant, name), M (kg_tenant, tier), M (kg_tenant, status),
          M (kg_tenant, metadata));
  STRUCT (kg_tier_change, M (kg_tier_change, size), M (kg_tier_change, reserved),
          M (kg_tier_change, tenant), M (kg_tier_change, tier), M (kg_tier_change, actor),
          M (kg_tier_change, reason));
  STRUCT (kg_tenants, M (kg_tenants, size), M (kg_tenants, reserved), M (kg_tenants, exists),
          M (kg_tenants, get), M (kg_tenants, walk), M (kg_tenants, tier),
          M (kg_tenants, set_tier));
  V (KG_TENANT_ID), V (KG_TENANT_MANUAL);
  STRUCT (kg_offer, M (kg_offer, size), M (kg_offer, reserved), M (kg_offer, add));
}

static void
layout_since_1_1 (void)
{
  layout_calls ();
  layout_audit ();
  layout_tenants ();
  M (kg_identity, ended), M (kg_identity, flags), V (KG_IDENTITY_STAYS);
  M (kg_http_reply, max_age_s);
  M (kg_http_request, retry_header), V (KG_HTTP_STATUS);
  M (kg_http, check);
  STRUCT (kg_region, M (kg_region, size), M (kg_region, flags), M (kg_region, slot),
          M (kg_region, reserved), M (kg_region, ptr), M (kg_region, bytes),
          M (kg_region, boot));
  M (kg_store, bucket2), M (kg_store, region), M (kg_store, region_ensure),
      M (kg_store, region_held), M (kg_store, marks), M (kg_store, strays),
      M (kg_store, forget), M (kg_store, scan_after);
  M (kg_host, fields), M (kg_host, headers), M (kg_host, stream2), M (kg_host, taken),
      M (kg_host, field);
  STRUCT (kg_stream_def, M (kg_stream_def, size), M (kg_stream_def, status),
          M (kg_stream_def, type), M (kg_stream_def, room), M (kg_stream_def, ended),
          M (kg_stream_def, last), M (kg_stream_def, arg));
  STRUCT (kg_value, M (kg_value, text), M (kg_value, n));
  STRUCT (kg_charge, M (kg_charge, size), M (kg_charge, reserved), M (kg_charge, tokens),
          M (kg_charge, money), M (kg_charge, requests), M (kg_charge, key),
          M (kg_charge, json));
  M (kg_budget, reserve), M (kg_budget, settle), M (kg_budget, release), M (kg_budget, left2),
      M (kg_budget, refuse), M (kg_budget, charged), M (kg_budget, month), M (kg_budget, raise);
  STRUCT (kg_budget_month, M (kg_budget_month, size), M (kg_budget_month, number),
          M (kg_budget_month, from_ns), M (kg_budget_month, to_ns));
  V (KG_FIELDS_MAX), V (KG_BUDGET_TOKENS), V (KG_BUDGET_MONEY), V (KG_BUDGET_REQUESTS);
  layout_nodes ();
  V (KG_OP_MARK), V (KG_MARK_MAX);
  V (KG_NEED_LATE), V (KG_BUCKET_COLD), V (KG_REGION_SLOTS), V (KG_REGION_NEW), V (KG_REGION_ALONE);
}
#else
static void
layout_since_1_1 (void)
{
}
#endif

int
main (void)
{
  layout_kg_str ();
  layout_kg_identity ();
  layout_kg_route ();
  layout_kg_list ();
  layout_kg_opt ();
  layout_kg_host ();
  layout_kg_plugin ();
  layout_values_plugin_53 ();
  layout_values_plugin_17 ();
  layout_kg_json_token ();
  layout_kg_json ();
  layout_kg_out ();
  layout_values_json ();
  layout_kg_health_view ();
  layout_kg_health ();
  layout_values_health ();
  layout_kg_label ();
  layout_kg_metric_def ();
  layout_kg_metrics ();
  layout_values_metrics ();
  layout_kg_jobs ();
  layout_kg_http_reply ();
  layout_kg_http_request ();
  layout_kg_http ();
  layout_values_http ();
  layout_kg_entry ();
  layout_kg_op ();
  layout_kg_outcome ();
  layout_kg_record ();
  layout_kg_store ();
  layout_values_store ();
  layout_kg_meter ();
  layout_kg_budget ();
  layout_values_budget ();
  layout_kg_plugin_view ();
  layout_kg_host_view ();
  layout_kg_routes ();
  layout_since_1_1 ();
  return 0;
}
