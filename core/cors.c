/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/cors.h"

#include "core/reply.h"

#include <string.h>

#define FIELD(req, name, value, len) reply_field (req, name, sizeof (name) - 1, value, len)

void
cors_methods (uint32_t allowed, char out[64])
{
  char *p = out;
  for (int i = 0; i < METHODS; i++) {
    size_t n = strlen (route_method_names[i]);
    if (!(allowed & 1u << i))
      continue;
    if (p > out) {
      *p++ = ',';
      *p++ = ' ';
    }
    memcpy (p, route_method_names[i], n);
    p += n;
  }
  *p = 0;
}

static int
origin_known (const kg_req *req, kg_str origin)
{
  const char *const *o = req->host->settings.http.cors_origins;
  for (; o && *o; o++)
    if (strlen (*o) == origin.len && !memcmp (*o, origin.ptr, origin.len))
      return 1;
  return 0;
}

void
cors_answer (kg_req *req)
{
  const char *const *list = req->host->settings.http.cors_origins;
  kg_str origin = request_field (req, FIELD_ORIGIN);
  if (!list || !*list)
    return;
  FIELD (req, "Vary", "Origin", 6);
  if (!origin.ptr || !origin_known (req, origin))
    return;
  FIELD (req, "Access-Control-Allow-Origin", origin.ptr, origin.len);
  FIELD (req, "Access-Control-Expose-Headers",
         "Idempotent-Replayed, Kgent-Receipt, Retry-After, X-Request-ID, X-RateLimit-Remaining",
         sizeof "Idempotent-Replayed, Kgent-Receipt, Retry-After, X-Request-ID, "
                "X-RateLimit-Remaining"
             - 1);
}

void
cors_options (kg_req *req, uint32_t allowed)
{
  const char *const *list = req->host->settings.http.cors_origins;
  kg_str origin = request_field (req, FIELD_ORIGIN);
  static const char headers[]
      = "Authorization, Content-Type, Idempotency-Key, Kgent-Bypass, Kgent-Max-Cost, "
        "Last-Event-ID, Prefer, X-API-Key, X-Request-ID, traceparent";
  char methods[64];
  cors_methods (allowed | 1u << METHOD_OPTIONS, methods);
  FIELD (req, "Allow", methods, strlen (methods));
  req->response.status = 204;
  if (!list || !*list || !origin.ptr || !origin_known (req, origin))
    return;
  FIELD (req, "Access-Control-Allow-Methods", methods, strlen (methods));
  FIELD (req, "Access-Control-Allow-Headers", headers, sizeof headers - 1);
  FIELD (req, "Access-Control-Max-Age", "600", 3);
}
