/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* kg.http/1: the HTTP client, one curl_multi loop on one thread. */
#ifndef CORE_FETCH_H
#define CORE_FETCH_H

#include "core/abi.h"
#include <kgent/http.h>

#include <stdint.h>

struct fetch;
struct host;

#define FETCH_CALLS_MAX 1024 /* under way at once */

/* A client without its thread; requests may already be given to it.  With a host
 * that has a registry of metrics it defines kgent_http_*.  The environment's
 * SSL_CERT_FILE, when set, replaces the system's authorities. */
int32_t fetch_create (struct host *host, struct fetch **ret);

/* Starts the thread. */
int32_t fetch_start (struct fetch *fetch);

/* Takes no new requests, ends those under way with -ECANCELED, and the thread. */
void fetch_stop (struct fetch *fetch);

/* Frees the client, stopped or never started.  NULL is allowed. */
void fetch_destroy (struct fetch *fetch);

/* kg.http/1; finds the client by self->host->fetch. */
extern const struct kg_http fetch_service;

#endif
