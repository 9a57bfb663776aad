/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What sinks that speak HTTP share: one request, whose outcome arrives. */
#include "plugins/metering-openmeter/sink.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BODY_MAX 65536 /* of an answer that is read */
#define URL_MAX (SINK_URL_MAX - 512) /* a path and a query stand behind it */

/* ---- The URL ----------------------------------------------------------------------- */

int32_t
sink_http_check (const struct sink *s)
{
  const char *url = s->conf.url ? s->conf.url : "";
  if (strlen (url) > URL_MAX)
    return sink_refuse (s, "url", "it has over %d characters; write a shorter one", URL_MAX);
  if (s->mt->http->check (url) < 0)
    return sink_refuse (s, "url", "\"%s\" is no http or https URL without user and fragment; write "
                        "https://openmeter.cloud", url);
  return 0;
}

/* ---- Requests ---------------------------------------------------------------------- */

static void
answered (const struct kg_http_reply *reply, void *arg)
{
  struct sink *s = arg;
  struct sink_reply r = { .error = reply->error,
                          .status = reply->status,
                          .retry_after_ms = reply->retry_after_ms,
                          .elapsed_ns = reply->elapsed_ns };
  snprintf (r.message, sizeof r.message, "%s", reply->message ? reply->message : "");
  if (s->busy == SINK_CANARY && reply->body.len && reply->body.len <= BODY_MAX
      && (r.body = malloc (reply->body.len))) {
    memcpy (r.body, reply->body.ptr, reply->body.len);
    r.body_len = reply->body.len;
  }
  sink_arrive (s, &r);
}

/* The configured URL and a path; its trailing slashes don't count then. */
static int32_t
url_make (const struct sink *s, const char *path, char out[SINK_URL_MAX])
{
  size_t n = strlen (s->conf.url);
  while (path[0] && n && s->conf.url[n - 1] == '/')
    n--;
  if (n + strlen (path) >= SINK_URL_MAX)
    return -EINVAL;
  memcpy (out, s->conf.url, n);
  strcpy (out + n, path);
  return 0;
}

int32_t
sink_http_send (struct sink *s, const char *method, const char *path, kg_str body,
                const char *const *headers, enum sink_busy busy)
{
  char url[SINK_URL_MAX];
  struct kg_http_request request = { .size = sizeof request,
                                     .flags = KG_HTTP_PRIVATE_OK | KG_HTTP_NO_BREAKER
                                              | KG_HTTP_STATUS,
                                     .method = method,
                                     .url = url,
                                     .headers = headers,
                                     .body = body,
                                     .total_ms = (uint32_t)(s->conf.timeout * 1000),
                                     .tries = 1, /* retries are the sink's own */
                                     .reply_max = BODY_MAX,
                                     .done = answered,
                                     .arg = s };
  int32_t r = url_make (s, path, url);
  if (r < 0)
    return r;
  sink_begin (s, busy);
  pthread_mutex_lock (&s->lock);
  r = s->mt->http->send (s->mt->self, &request, &s->call);
  pthread_mutex_unlock (&s->lock);
  if (r < 0)
    sink_withdraw (s);
  return r;
}
