/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A sink that is OpenMeter, or speaks as it does. */
#include "plugins/metering-openmeter/sink_openmeter.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define KEY_MAX 960

int32_t
openmeter_request (struct sink *s, const char *method, const char *path, kg_str body,
                   enum sink_busy busy)
{
  char key[1024];
  const char *headers[3];
  uint32_t n = 0;
  int32_t r;
  if (s->conf.api_key && s->conf.api_key[0]) {
    if (snprintf (key, sizeof key, "Authorization: Bearer %s", s->conf.api_key)
        >= (int)sizeof key)
      return -EINVAL;
    headers[n++] = key;
  }
  if (body.len)
    headers[n++] = "Content-Type: application/cloudevents-batch+json";
  headers[n] = NULL;
  r = sink_http_send (s, method, path, body, headers, busy);
  explicit_bzero (key, sizeof key);
  return r;
}

/* A blank in it would be a second word of the header, a line's end a header of its own. */
static int32_t
check (struct sink *s)
{
  const char *key = s->conf.api_key ? s->conf.api_key : "", *p;
  for (p = key; *p > ' ' && *p < 0x7f; p++)
    ;
  if (*p)
    return sink_refuse (s, "api_key", "it has a blank, a line's end or a control character; "
                        "write the key alone");
  if (p - key > KEY_MAX)
    return sink_refuse (s, "api_key", "it has over %d characters; write the key alone", KEY_MAX);
  return sink_http_check (s);
}

static int32_t
send_batch (struct sink *s)
{
  return openmeter_request (s, "POST", "/api/v1/events",
                            (kg_str){ s->batch.text.ptr, s->batch.text.len }, SINK_SENDING);
}

static int32_t
probe (struct sink *s)
{
  return openmeter_request (s, "GET", "/api/v1/meters", (kg_str){ NULL, 0 }, SINK_PROBING);
}

const struct sink_kind sink_openmeter
    = { .name = "openmeter", .check = check, .send = send_batch, .probe = probe };
