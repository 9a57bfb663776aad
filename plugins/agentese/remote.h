/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Nodes of the configuration: agents that stand behind a URL.
 *
 * nodes_conf.c reads and checks the option list `nodes` and registers a holon for each;
 * remote_url.c writes URLs from templates; http.c sends a call and waits for its end,
 * http_answer.c makes a result or a refusal of what came; remote.c keeps what is known
 * of an agent: whether it is called at all, and what metrics and health tell of it. */
#ifndef AGENTESE_REMOTE_H
#define AGENTESE_REMOTE_H

#include "plugins/agentese/agentese.h"
#include "plugins/agentese/remote_breaker.h"

#include <kgent/http.h>

#include <pthread.h>

#define AG_LABELS 32 /* nodes that metrics name; the others are one series, "others" */
#define AG_UNDER_WAY_MAX 768 /* calls of all nodes: the HTTP client has 1,024 for everybody */
#define AG_HEADERS_MAX 16    /* of a node */
#define AG_URL_MAX 2048

struct ag_remote_conf {
  const char *name, *kind, *summary, *url, *method, *answer;
  struct kg_list headers; /* struct ag_header_conf */
  double timeout, connect_timeout; /* s */
  int64_t reply_max, tries, concurrent;
  int32_t private_ok, reserved;
  struct kg_list aspects; /* struct ag_aspect_conf */
};

struct ag_header_conf {
  const char *name, *value;
};

struct ag_aspect_conf {
  const char *name, *category, *summary, *input, *output;
  const char *const *archetypes;
  int64_t requests, tokens, tokens_per_kb, tokens_max, money;
  int32_t per_token, idempotent, streams, reserved;
};

/* The options of one item of `nodes`. */
extern const struct kg_opt ag_remote_options[];

/* What became of a call; the label of a metric, in this order. */
enum ag_outcome {
  AG_CALL_OK,
  AG_CALL_REFUSED,  /* the agent said no to these arguments */
  AG_CALL_FAILED,   /* no answer, or a bad one */
  AG_CALL_TIMEOUT,
  AG_CALL_CANCELED, /* nobody waited for it any more */
  AG_CALL_UNSENT,   /* its breaker is open, or too many are under way */
  AG_OUTCOMES
};

/* Why calls fail; the label of a metric, in this order. */
enum ag_fault_kind {
  AG_FAULT_NONE,
  AG_FAULT_NETWORK, /* no connection, or it broke */
  AG_FAULT_TIMEOUT,
  AG_FAULT_STATUS,  /* a status that is no answer, redirects among them */
  AG_FAULT_ANSWER,  /* no JSON, not what was agreed upon, of another type */
  AG_FAULT_TOO_BIG,
  AG_FAULT_STREAM,  /* it broke off, or said an error */
  AG_FAULTS
};

/* An aspect of a remote node. */
struct ag_remote_aspect {
  struct ag_remote *node;
  const struct ag_aspect_conf *conf;
  struct ag_schema *output; /* of the result, or NULL */
};

/* A node of the configuration. */
struct ag_remote {
  struct ag_remote *next;
  struct ag *ag;
  const struct ag_remote_conf *conf;
  struct ag_holon holon;
  struct ag_aspect *aspects; /* of the holon; ends in a NULL name */
  struct ag_remote_aspect *own;
  const char **headers; /* "Name: value", nheaders of them; secrets: never logged */
  uint32_t nheaders, label;
  kg_component *component;
  _Atomic int64_t under_way;
  pthread_mutex_t lock; /* of what follows */
  struct ag_breaker breaker;
  uint64_t calls, failures;
  int32_t state;        /* KG_HEALTH_OK ... as last told */
  uint32_t state_fault; /* enum ag_fault_kind, as last told */
};

/* All of them. */
struct ag_remotes {
  const struct kg_http *http;
  struct ag_remote *first;
  uint32_t count, nhttp;
  _Atomic int64_t under_way;
  const char *labels[AG_LABELS + 2]; /* ends in NULL */
  _Atomic int64_t open[AG_LABELS + 1], busy[AG_LABELS + 1];
  kg_metric *calls, *faults, *seconds, *open_now, *under_way_now;
};

/* ---- nodes_conf.c ---------------------------------------------------------------- */

/* Checks the configuration's nodes and registers them, in open.  0 or a negative errno,
 * the reason logged. */
int32_t ag_remotes_open (struct ag *ag);

/* After the registry is gone. */
void ag_remotes_close (struct ag *ag);

/* ---- remote_url.c ------------------------------------------------------------------ */

/* What is wrong with a template, as a sentence; NULL when nothing is. */
const char *ag_url_check (const char *template);

/* Writes the URL of a call.  0; KG_DONE with a refusal: an argument that the URL needs is
 * missing, or cannot stand there. */
int32_t ag_url_make (struct ag_call *c, const char *template, char out[AG_URL_MAX]);

/* ---- remote.c ----------------------------------------------------------------------- */

/* Metrics, health and headers of all nodes, in open. */
int32_t ag_remotes_declare (struct ag *ag);

int64_t ag_mono_ns (void);

/* May a call go to the agent?  0 and how it was admitted; or KG_DONE with a 503. */
int32_t ag_remote_admit (struct ag_call *c, struct ag_remote *n, enum ag_admission *ret);

/* The end of an admitted call. */
void ag_remote_report (struct ag_remote *n, enum ag_admission admitted,
                       enum ag_outcome outcome, enum ag_fault_kind fault, int64_t elapsed_ns,
                       const char *message);

/* ---- http.c -------------------------------------------------------------------------- */

ag_run ag_http_run;

#endif
