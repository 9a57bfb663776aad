/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Where each member of each public structure lies.  layout.sh compares it with
 * the list of the released ABI: members may be added at the end, nothing else. */
#include "core/abi.h"

#include <kgent/budget.h>
#include <kgent/health.h>
#include <kgent/http.h>
#include <kgent/jobs.h>
#include <kgent/json.h>
#include <kgent/meter.h>
#include <kgent/metrics.h>
#include <kgent/routes.h>
#include <kgent/store.h>

#include <stdio.h>

#define STRUCT(s) (printf ("struct %s %zu\n", #s, sizeof (struct s)))
#define MEMBER(s, m)                                                                           \
  (printf ("struct %s %s %zu %zu\n", #s, #m, offsetof (struct s, m), sizeof ((struct s *)0)->m))
#define VALUE(v) (printf ("%s %lld\n", #v, (long long)(v)))

int
main (void)
{
  /* <kgent/plugin.h> */
  STRUCT (kg_str);
  MEMBER (kg_str, ptr);
  MEMBER (kg_str, len);
  STRUCT (kg_identity);
  MEMBER (kg_identity, size);
  MEMBER (kg_identity, reserved);
  MEMBER (kg_identity, subject);
  MEMBER (kg_identity, tenant);
  MEMBER (kg_identity, key_id);
  MEMBER (kg_identity, tier);
  MEMBER (kg_identity, scopes);
  MEMBER (kg_identity, archetypes);
  STRUCT (kg_route);
  MEMBER (kg_route, size);
  MEMBER (kg_route, flags);
  MEMBER (kg_route, method);
  MEMBER (kg_route, pattern);
  MEMBER (kg_route, scope);
  MEMBER (kg_route, summary);
  MEMBER (kg_route, handler);
  MEMBER (kg_route, body_max);
  MEMBER (kg_route, timeout_ms);
  MEMBER (kg_route, reserved);
  MEMBER (kg_route, request_schema);
  MEMBER (kg_route, response_schema);
  MEMBER (kg_route, parameters);
  MEMBER (kg_route, statuses);
  STRUCT (kg_list);
  MEMBER (kg_list, items);
  MEMBER (kg_list, count);
  STRUCT (kg_opt);
  MEMBER (kg_opt, key);
  MEMBER (kg_opt, dflt);
  MEMBER (kg_opt, help);
  MEMBER (kg_opt, type);
  MEMBER (kg_opt, flags);
  MEMBER (kg_opt, offset);
  MEMBER (kg_opt, sub_size);
  MEMBER (kg_opt, min);
  MEMBER (kg_opt, max);
  MEMBER (kg_opt, choices);
  MEMBER (kg_opt, sub);
  STRUCT (kg_host);
  MEMBER (kg_host, abi);
  MEMBER (kg_host, size);
  MEMBER (kg_host, log);
  MEMBER (kg_host, route);
  MEMBER (kg_host, hook);
  MEMBER (kg_host, provide);
  MEMBER (kg_host, need);
  MEMBER (kg_host, get);
  MEMBER (kg_host, num);
  MEMBER (kg_host, json);
  MEMBER (kg_host, parse);
  MEMBER (kg_host, alloc);
  MEMBER (kg_host, slot);
  MEMBER (kg_host, header);
  MEMBER (kg_host, reply);
  MEMBER (kg_host, member);
  MEMBER (kg_host, problem);
  MEMBER (kg_host, identify);
  MEMBER (kg_host, identity);
  MEMBER (kg_host, suspend);
  MEMBER (kg_host, resume);
  MEMBER (kg_host, stream);
  MEMBER (kg_host, send);
  MEMBER (kg_host, end);
  STRUCT (kg_plugin);
  MEMBER (kg_plugin, abi);
  MEMBER (kg_plugin, size);
  MEMBER (kg_plugin, opt_size);
  MEMBER (kg_plugin, flags);
  MEMBER (kg_plugin, name);
  MEMBER (kg_plugin, version);
  MEMBER (kg_plugin, summary);
  MEMBER (kg_plugin, opts);
  MEMBER (kg_plugin, conf_size);
  MEMBER (kg_plugin, reserved);
  MEMBER (kg_plugin, open);
  MEMBER (kg_plugin, start);
  MEMBER (kg_plugin, stop);
  MEMBER (kg_plugin, close);
  VALUE (KG_NEXT);
  VALUE (KG_DONE);
  VALUE (KG_WAIT);
  VALUE (KG_PHASE_ACCESS);
  VALUE (KG_PHASE_LIMIT);
  VALUE (KG_PHASE_HANDLER);
  VALUE (KG_PHASE_COMMIT);
  VALUE (KG_PHASE_LOG);
  VALUE (KG_GET_METHOD);
  VALUE (KG_GET_PATH);
  VALUE (KG_GET_ROUTE);
  VALUE (KG_GET_PARAM);
  VALUE (KG_GET_QUERY);
  VALUE (KG_GET_HEADER);
  VALUE (KG_GET_BODY);
  VALUE (KG_GET_REQUEST_ID);
  VALUE (KG_GET_TRACE_ID);
  VALUE (KG_GET_SPAN_ID);
  VALUE (KG_GET_CLIENT);
  VALUE (KG_GET_SCOPE);
  VALUE (KG_GET_REPLY);
  VALUE (KG_GET_TRACEPARENT);
  VALUE (KG_NUM_TIME);
  VALUE (KG_NUM_ELAPSED);
  VALUE (KG_NUM_STATUS);
  VALUE (KG_NUM_ROUTE_FLAGS);
  VALUE (KG_NUM_ADMIN);
  VALUE (KG_NUM_LOCAL);
  VALUE (KG_NUM_GONE);
  VALUE (KG_NUM_SENT);
  VALUE (KG_NUM_WORKER);
  VALUE (KG_PUBLIC);
  VALUE (KG_ADMIN);
  VALUE (KG_BILLABLE);
  VALUE (KG_JSON);
  VALUE (KG_QUIET);
  VALUE (KG_STREAMS);
  VALUE (KG_NO_PROBE);
  VALUE (KG_OPT_STRING);
  VALUE (KG_OPT_INT);
  VALUE (KG_OPT_NUMBER);
  VALUE (KG_OPT_BOOL);
  VALUE (KG_OPT_STRINGS);
  VALUE (KG_OPT_GROUP);
  VALUE (KG_OPT_LIST);
  VALUE (KG_OPT_REQUIRED);
  VALUE (KG_OPT_SECRET);
  VALUE (KG_LOG_ERROR);
  VALUE (KG_LOG_WARN);
  VALUE (KG_LOG_INFO);
  VALUE (KG_LOG_DEBUG);
  VALUE (KG_NEED_OPTIONAL);
  VALUE (KG_SERIAL);
  /* <kgent/json.h> */
  STRUCT (kg_json_token);
  MEMBER (kg_json_token, kind);
  MEMBER (kg_json_token, escaped);
  MEMBER (kg_json_token, start);
  MEMBER (kg_json_token, len);
  MEMBER (kg_json_token, next);
  STRUCT (kg_json);
  MEMBER (kg_json, size);
  MEMBER (kg_json, count);
  MEMBER (kg_json, text);
  MEMBER (kg_json, token);
  STRUCT (kg_out);
  MEMBER (kg_out, ptr);
  MEMBER (kg_out, len);
  MEMBER (kg_out, cap);
  VALUE (KG_JSON_NONE);
  VALUE (KG_JSON_NULL);
  VALUE (KG_JSON_FALSE);
  VALUE (KG_JSON_TRUE);
  VALUE (KG_JSON_INT);
  VALUE (KG_JSON_DOUBLE);
  VALUE (KG_JSON_STRING);
  VALUE (KG_JSON_ARRAY);
  VALUE (KG_JSON_OBJECT);
  /* <kgent/health.h> */
  STRUCT (kg_health_view);
  MEMBER (kg_health_view, size);
  MEMBER (kg_health_view, flags);
  MEMBER (kg_health_view, name);
  MEMBER (kg_health_view, detail);
  MEMBER (kg_health_view, facts);
  MEMBER (kg_health_view, age_ms);
  MEMBER (kg_health_view, state);
  MEMBER (kg_health_view, stale);
  STRUCT (kg_health);
  MEMBER (kg_health, size);
  MEMBER (kg_health, reserved);
  MEMBER (kg_health, add);
  MEMBER (kg_health, set);
  MEMBER (kg_health, facts);
  MEMBER (kg_health, walk);
  VALUE (KG_HEALTH_OK);
  VALUE (KG_HEALTH_DEGRADED);
  VALUE (KG_HEALTH_DOWN);
  VALUE (KG_HEALTH_ABSENT);
  VALUE (KG_HEALTH_STARTING);
  VALUE (KG_HEALTH_READINESS);
  VALUE (KG_HEALTH_ESSENTIAL);
  /* <kgent/metrics.h> */
  STRUCT (kg_label);
  MEMBER (kg_label, name);
  MEMBER (kg_label, values);
  STRUCT (kg_metric_def);
  MEMBER (kg_metric_def, size);
  MEMBER (kg_metric_def, kind);
  MEMBER (kg_metric_def, name);
  MEMBER (kg_metric_def, help);
  MEMBER (kg_metric_def, labels);
  MEMBER (kg_metric_def, buckets);
  MEMBER (kg_metric_def, nlabels);
  MEMBER (kg_metric_def, nbuckets);
  STRUCT (kg_metrics);
  MEMBER (kg_metrics, size);
  MEMBER (kg_metrics, reserved);
  MEMBER (kg_metrics, define);
  MEMBER (kg_metrics, add);
  MEMBER (kg_metrics, set);
  MEMBER (kg_metrics, observe);
  MEMBER (kg_metrics, render);
  VALUE (KG_COUNTER);
  VALUE (KG_GAUGE);
  VALUE (KG_HISTOGRAM);
  /* <kgent/jobs.h> */
  STRUCT (kg_jobs);
  MEMBER (kg_jobs, size);
  MEMBER (kg_jobs, reserved);
  MEMBER (kg_jobs, run);
  MEMBER (kg_jobs, timer);
  MEMBER (kg_jobs, cancel);
  MEMBER (kg_jobs, kick);
  /* <kgent/http.h> */
  STRUCT (kg_http_reply);
  MEMBER (kg_http_reply, size);
  MEMBER (kg_http_reply, error);
  MEMBER (kg_http_reply, status);
  MEMBER (kg_http_reply, tries);
  MEMBER (kg_http_reply, body);
  MEMBER (kg_http_reply, content_type);
  MEMBER (kg_http_reply, retry_after_ms);
  MEMBER (kg_http_reply, elapsed_ns);
  MEMBER (kg_http_reply, message);
  STRUCT (kg_http_request);
  MEMBER (kg_http_request, size);
  MEMBER (kg_http_request, flags);
  MEMBER (kg_http_request, method);
  MEMBER (kg_http_request, url);
  MEMBER (kg_http_request, headers);
  MEMBER (kg_http_request, body);
  MEMBER (kg_http_request, connect_ms);
  MEMBER (kg_http_request, total_ms);
  MEMBER (kg_http_request, tries);
  MEMBER (kg_http_request, reserved);
  MEMBER (kg_http_request, reply_max);
  MEMBER (kg_http_request, done);
  MEMBER (kg_http_request, piece);
  MEMBER (kg_http_request, arg);
  STRUCT (kg_http);
  MEMBER (kg_http, size);
  MEMBER (kg_http, reserved);
  MEMBER (kg_http, send);
  MEMBER (kg_http, cancel);
  VALUE (KG_HTTP_IDEMPOTENT);
  VALUE (KG_HTTP_PRIVATE_OK);
  VALUE (KG_HTTP_NO_BREAKER);
  /* <kgent/store.h> */
  STRUCT (kg_entry);
  MEMBER (kg_entry, size);
  MEMBER (kg_entry, reserved);
  MEMBER (kg_entry, key);
  MEMBER (kg_entry, value);
  MEMBER (kg_entry, revision);
  MEMBER (kg_entry, changed_ns);
  MEMBER (kg_entry, expires_ns);
  STRUCT (kg_op);
  MEMBER (kg_op, kind);
  MEMBER (kg_op, reserved);
  MEMBER (kg_op, bucket);
  MEMBER (kg_op, log);
  MEMBER (kg_op, cursor);
  MEMBER (kg_op, key);
  MEMBER (kg_op, value);
  MEMBER (kg_op, revision);
  MEMBER (kg_op, ttl_ms);
  STRUCT (kg_outcome);
  MEMBER (kg_outcome, size);
  MEMBER (kg_outcome, error);
  MEMBER (kg_outcome, op);
  MEMBER (kg_outcome, reserved);
  MEMBER (kg_outcome, revision);
  STRUCT (kg_record);
  MEMBER (kg_record, size);
  MEMBER (kg_record, reserved);
  MEMBER (kg_record, sequence);
  MEMBER (kg_record, id);
  MEMBER (kg_record, time_ns);
  MEMBER (kg_record, data);
  STRUCT (kg_store);
  MEMBER (kg_store, size);
  MEMBER (kg_store, reserved);
  MEMBER (kg_store, bucket);
  MEMBER (kg_store, log);
  MEMBER (kg_store, cursor);
  MEMBER (kg_store, watch);
  MEMBER (kg_store, get);
  MEMBER (kg_store, scan);
  MEMBER (kg_store, write);
  MEMBER (kg_store, record);
  MEMBER (kg_store, read);
  MEMBER (kg_store, position);
  MEMBER (kg_store, newest);
  MEMBER (kg_store, notify);
  VALUE (KG_KEY_MAX);
  VALUE (KG_VALUE_MAX);
  VALUE (KG_REV_ANY);
  VALUE (KG_REV_NEW);
  VALUE (KG_OP_PUT);
  VALUE (KG_OP_DELETE);
  VALUE (KG_OP_APPEND);
  VALUE (KG_OP_ACK);
  /* <kgent/meter.h> */
  STRUCT (kg_meter);
  MEMBER (kg_meter, size);
  MEMBER (kg_meter, reserved);
  MEMBER (kg_meter, note);
  /* <kgent/budget.h> */
  STRUCT (kg_budget);
  MEMBER (kg_budget, size);
  MEMBER (kg_budget, reserved);
  MEMBER (kg_budget, spend);
  MEMBER (kg_budget, left);
  VALUE (KG_BUDGET_UNLIMITED);
  /* <kgent/routes.h> */
  STRUCT (kg_plugin_view);
  MEMBER (kg_plugin_view, size);
  MEMBER (kg_plugin_view, abi);
  MEMBER (kg_plugin_view, name);
  MEMBER (kg_plugin_view, version);
  MEMBER (kg_plugin_view, summary);
  STRUCT (kg_host_view);
  MEMBER (kg_host_view, size);
  MEMBER (kg_host_view, abi);
  MEMBER (kg_host_view, name);
  MEMBER (kg_host_view, version);
  MEMBER (kg_host_view, started_ns);
  MEMBER (kg_host_view, draining);
  MEMBER (kg_host_view, loopback);
  STRUCT (kg_routes);
  MEMBER (kg_routes, size);
  MEMBER (kg_routes, reserved);
  MEMBER (kg_routes, routes);
  MEMBER (kg_routes, plugins);
  MEMBER (kg_routes, host);
  MEMBER (kg_routes, live);
  MEMBER (kg_routes, ready);
  return 0;
}
