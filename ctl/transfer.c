/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* One HTTP exchange by libcurl. */

#include "ctl/transfer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define ANSWER_MAX (64u << 20) /* bytes */
#define EVENTS "text/event-stream"

static size_t
collect (struct transfer *t, const char *data, size_t n)
{
  char *p = t->len + n > ANSWER_MAX ? NULL : realloc (t->text, t->len + n + 1);
  if (!p)
    return 0;
  memcpy (p + t->len, data, n);
  t->text = p;
  t->len += n;
  p[t->len] = 0;
  return n;
}

static int
is_stream (struct transfer *t)
{
  const char *type = NULL;
  long status = 0;
  curl_easy_getinfo (t->curl, CURLINFO_RESPONSE_CODE, &status);
  curl_easy_getinfo (t->curl, CURLINFO_CONTENT_TYPE, &type);
  return t->piece && status / 100 == 2 && type && !strncasecmp (type, EVENTS, strlen (EVENTS));
}

static size_t
receive (char *data, size_t size, size_t count, void *arg)
{
  struct transfer *t = arg;
  size_t n = size * count;
  if (t->streams < 0)
    t->streams = is_stream (t);
  if (!t->streams)
    return collect (t, data, n);
  return t->piece (data, n, t->arg) ? 0 : n;
}

static const char *
field (struct transfer *t, const char *name)
{
  struct curl_header *header;
  if (curl_easy_header (t->curl, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK)
    return "";
  return header->value;
}

/* A stream lasts as long as it likes, but a part of it, if only a comment, has to come. */
static void
patience_set (struct transfer *t)
{
  if (!t->piece) {
    curl_easy_setopt (t->curl, CURLOPT_TIMEOUT, t->timeout_s);
    return;
  }
  curl_easy_setopt (t->curl, CURLOPT_CONNECTTIMEOUT, t->timeout_s);
  curl_easy_setopt (t->curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt (t->curl, CURLOPT_LOW_SPEED_TIME, t->timeout_s);
}

static void
request_set (struct transfer *t)
{
  curl_easy_setopt (t->curl, CURLOPT_URL, t->url);
  curl_easy_setopt (t->curl, CURLOPT_CUSTOMREQUEST, t->method);
  curl_easy_setopt (t->curl, CURLOPT_HTTPHEADER, t->headers);
  curl_easy_setopt (t->curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt (t->curl, CURLOPT_PROXY, "");
  curl_easy_setopt (t->curl, CURLOPT_WRITEFUNCTION, receive);
  curl_easy_setopt (t->curl, CURLOPT_WRITEDATA, t);
  if (t->socket)
    curl_easy_setopt (t->curl, CURLOPT_UNIX_SOCKET_PATH, t->socket);
  if (t->body) {
    curl_easy_setopt (t->curl, CURLOPT_POSTFIELDSIZE, (long)strlen (t->body));
    curl_easy_setopt (t->curl, CURLOPT_POSTFIELDS, t->body);
  } else if (!strcmp (t->method, "POST"))
    curl_easy_setopt (t->curl, CURLOPT_POSTFIELDS, "");
}

CURLcode
transfer_run (struct transfer *t)
{
  CURLcode code;
  t->streams = -1;
  t->text = strdup ("");
  t->curl = curl_easy_init ();
  if (!t->curl || !t->text)
    abort ();
  request_set (t);
  patience_set (t);
  code = curl_easy_perform (t->curl);
  curl_easy_getinfo (t->curl, CURLINFO_RESPONSE_CODE, &t->status);
  snprintf (t->receipt, sizeof t->receipt, "%s", field (t, "Kgent-Receipt"));
  t->retry_after_s = strtol (field (t, "Retry-After"), NULL, 10);
  t->replayed = !strcasecmp (field (t, "Idempotent-Replayed"), "true");
  curl_easy_cleanup (t->curl);
  t->curl = NULL;
  return code;
}

int
url_valid (const char *url)
{
  return (!strncmp (url, "http://", 7) && url[7]) || (!strncmp (url, "https://", 8) && url[8]);
}
