/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What the exporter starts: a batch to the server, a probe, an event into the
 * parking bucket, an acknowledgement.  Callbacks only fill `reply` and kick. */
#include "plugins/metering-openmeter/exporter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define URL_MAX 2048

void
exporter_unref (struct exporter *x)
{
  if (atomic_fetch_sub (&x->refs, 1) > 1)
    return;
  mt_batch_clear (&x->batch);
  pthread_mutex_destroy (&x->lock);
  free (x);
}

/* The outcome is there; wakes the timer, unless the plugin stopped meanwhile. */
static void
arrive (struct exporter *x, const struct exporter_reply *reply)
{
  pthread_mutex_lock (&x->lock);
  x->reply = *reply;
  x->arrived = 1;
  x->call = NULL;
  if (!x->stopped)
    x->mt->jobs->kick (x->timer);
  pthread_mutex_unlock (&x->lock);
  exporter_unref (x);
}

static void
answered (const struct kg_http_reply *reply, void *arg)
{
  struct exporter_reply r = { .error = reply->error,
                              .status = reply->status,
                              .retry_after_ms = reply->retry_after_ms,
                              .elapsed_ns = reply->elapsed_ns };
  snprintf (r.message, sizeof r.message, "%s", reply->message ? reply->message : "");
  arrive (arg, &r);
}

static void
busy_set (struct exporter *x, enum exporter_busy busy)
{
  pthread_mutex_lock (&x->lock);
  x->busy = busy;
  x->arrived = 0;
  x->call = NULL;
  pthread_mutex_unlock (&x->lock);
}

/* URL of the configured server and a path; its trailing slashes don't count. */
static int32_t
url_make (const struct mt *mt, const char *path, char out[URL_MAX])
{
  size_t n = strlen (mt->conf->url);
  while (n && mt->conf->url[n - 1] == '/')
    n--;
  if (n + strlen (path) >= URL_MAX)
    return -EINVAL;
  memcpy (out, mt->conf->url, n);
  strcpy (out + n, path);
  return 0;
}

static int32_t
send_request (struct exporter *x, struct kg_http_request *request, const char *path,
              enum exporter_busy busy)
{
  struct mt *mt = x->mt;
  char url[URL_MAX], key[1024];
  const char *headers[4];
  uint32_t n = 0;
  int32_t r = url_make (mt, path, url);
  if (r < 0)
    return r;
  if (mt->conf->api_key && mt->conf->api_key[0]) {
    if (snprintf (key, sizeof key, "Authorization: Bearer %s", mt->conf->api_key)
        >= (int)sizeof key)
      return -EINVAL;
    headers[n++] = key;
  }
  if (request->body.len)
    headers[n++] = "Content-Type: application/cloudevents-batch+json";
  headers[n] = NULL;
  request->size = sizeof *request;
  request->url = url;
  request->headers = headers;
  request->flags = KG_HTTP_PRIVATE_OK | KG_HTTP_NO_BREAKER;
  request->total_ms = (uint32_t)(mt->conf->timeout * 1000);
  request->tries = 1; /* retries are the exporter's own, with backoff */
  request->done = answered;
  request->arg = x;
  busy_set (x, busy);
  atomic_fetch_add (&x->refs, 1);
  pthread_mutex_lock (&x->lock);
  r = mt->http->send (mt->self, request, &x->call);
  pthread_mutex_unlock (&x->lock);
  explicit_bzero (key, sizeof key);
  if (r < 0) {
    exporter_unref (x);
    busy_set (x, EXPORTER_IDLE);
  }
  return r;
}

int32_t
sender_post (struct exporter *x)
{
  struct kg_http_request request = { .method = "POST" };
  request.body = (kg_str){ x->batch.text.ptr, x->batch.text.len };
  return send_request (x, &request, "/api/v1/events", EXPORTER_SENDING);
}

int32_t
sender_probe (struct exporter *x)
{
  struct kg_http_request request = { .method = "GET" };
  return send_request (x, &request, "/api/v1/meters", EXPORTER_PROBING);
}

static void
parked (const struct kg_outcome *outcome, void *arg)
{
  struct exporter_reply r = { .error = outcome->error };
  snprintf (r.message, sizeof r.message, "cannot park an event: %s",
            strerror (-outcome->error));
  arrive (arg, &r);
}

int32_t
sender_park (struct exporter *x, int32_t status)
{
  struct mt *mt = x->mt;
  const struct mt_event *e = x->batch.event;
  const char *text = x->batch.text.ptr;
  struct mt_text value = { 0 };
  struct kg_op ops[2]
      = { { .kind = KG_OP_PUT, .bucket = mt->parked, .revision = KG_REV_ANY },
          { .kind = KG_OP_ACK, .cursor = mt->cursor, .revision = e->sequence } };
  char head[64];
  int32_t r;
  snprintf (head, sizeof head, "{\"status\":%d,\"%s\":", status,
            e->broken ? "record" : "event");
  mt_text_add (&value, head, strlen (head));
  mt_text_add (&value, text + e->at, e->len);
  mt_text_add (&value, "}", 1);
  ops[0].key = (kg_str){ text + e->id_at, e->id_len };
  ops[0].value = (kg_str){ value.ptr, value.len };
  busy_set (x, EXPORTER_PARKING);
  atomic_fetch_add (&x->refs, 1);
  r = value.failed
          ? -ENOMEM
          : mt->store->write (mt->self, ops, e->last ? 2 : 1, sizeof ops[0], parked, x);
  mt_text_free (&value);
  if (r < 0) {
    exporter_unref (x);
    busy_set (x, EXPORTER_IDLE);
  }
  return r;
}

void
sender_ack (struct exporter *x)
{
  struct mt *mt = x->mt;
  struct kg_op op = { .kind = KG_OP_ACK, .cursor = mt->cursor, .revision = x->after };
  mt->store->write (mt->self, &op, 1, sizeof op, NULL, NULL);
}
