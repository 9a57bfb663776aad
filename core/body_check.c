/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/body_check.h"

#include "core/reply.h"

#include <errno.h>
#include <strings.h>

/* Whether somebody would read the body as if it were not compressed (RFC 9110, section
 * 15.5.16).  What is sent with GET nobody reads. */
static int
is_encoded (const struct kg_req *req)
{
  return req->gate.encoded && (req->gate.length || req->gate.chunked)
         && req->gate.method != METHOD_GET && req->gate.method != METHOD_HEAD;
}

/* Whether a Content-Type is application/json, with parameters or without. */
static int
type_is_json (kg_str v)
{
  static const char json[] = "application/json";
  size_t n = sizeof json - 1;
  return v.len >= n && !strncasecmp (v.ptr, json, n)
         && (v.len == n || v.ptr[n] == ';' || v.ptr[n] == ' ');
}

int32_t
body_check (struct kg_req *req)
{
  static const char error[] = "[{\"loc\":[\"body\"],\"type\":\"json_invalid\","
                              "\"msg\":\"JSON decode error\"}]";
  const char *why = "";
  int32_t rc;
  if (is_encoded (req)) {
    reply_header (req, "Accept-Encoding", "identity");
    problem_set (req, 415, NULL, "The body must not be encoded: send it without Content-Encoding.");
    return 0;
  }
  if (!(req->match.route->pub.flags & KG_JSON))
    return 1;
  if (!type_is_json (request_field (req, FIELD_CONTENT_TYPE))) {
    problem_set (req, 415, NULL, "The body must be application/json.");
    return 0;
  }
  rc = request_scan_body (req, &why);
  if (rc >= 0 || rc == -ENOMEM)
    return rc < 0 ? rc : 1;
  problem_member (req, "errors", (kg_str){ error, sizeof error - 1 });
  problem_set (req, 400, NULL, "%s", why);
  return 0;
}
