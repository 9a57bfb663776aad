/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What OpenMeter has.  Its GET /api/v1/events answers at most 100 events, the newest first,
 * and knows times to the second: a span that is full is asked for by halves, and one full
 * second id by id. */

#include "ctl/meter_reconcile.h"
#include "ctl/transfer.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PAGE 100
#define TRIES 5

const char *
reconcile_time (int64_t seconds, char out[32])
{
  time_t t = (time_t)seconds;
  struct tm tm;
  gmtime_r (&t, &tm);
  strftime (out, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
  return out;
}

/* ---- Requests ----------------------------------------------------------------------------- */

static CURLcode
ask (struct reconcile *r, const char *url, struct transfer *t)
{
  const char *key = getenv ("OPENMETER_API_KEY");
  char line[4096];
  CURLcode code;
  *t = (struct transfer){ .method = "GET", .url = url, .timeout_s = r->args->timeout_s };
  t->headers = curl_slist_append (NULL, "Accept: application/json");
  if (key && *key) {
    snprintf (line, sizeof line, "Authorization: Bearer %s", key);
    t->headers = curl_slist_append (t->headers, line);
  }
  code = transfer_run (t);
  curl_slist_free_all (t->headers);
  t->headers = NULL;
  r->requests++;
  return code;
}

/* What may pass is tried again; nothing was changed there. */
static int
may_pass (CURLcode code, long status)
{
  return code || status == 429 || status >= 500;
}

int
there_get (struct reconcile *r, const char *path, long *ret_status, json_object **ret)
{
  struct transfer t;
  struct timespec pause = { 0, 100000000 };
  char url[8192];
  CURLcode code;
  size_t n = strlen (r->url);
  int tries = 0, e = 0;
  snprintf (url, sizeof url, "%.*s%s", (int)(r->url[n - 1] == '/' ? n - 1 : n), r->url, path);
  code = ask (r, url, &t);
  while (may_pass (code, t.status) && ++tries < TRIES) {
    free (t.text);
    nanosleep (&pause, NULL);
    pause.tv_nsec = pause.tv_nsec < 500000000 ? 2 * pause.tv_nsec : 900000000;
    code = ask (r, url, &t);
  }
  *ret_status = t.status;
  *ret = code || t.status != 200 ? NULL : json_tokener_parse (t.text);
  if (code) {
    complain ("%s: %s", r->url, curl_easy_strerror (code));
    e = EXIT_CONNECT;
  } else if (t.status == 200 && !*ret) {
    complain ("%s: the answer is no JSON", url);
    e = EXIT_FAILED;
  }
  if (!code && t.status != 200 && t.status != 404) {
    complain ("%s: %ld: %.300s", url, t.status, t.text);
    if (t.status == 401 || t.status == 403)
      complain_more ("set OPENMETER_API_KEY");
    e = t.status >= 500 ? EXIT_FAILED : EXIT_REFUSED;
  }
  free (t.text);
  return e;
}

/* ---- Events ------------------------------------------------------------------------------- */

static void
stranger_note (struct reconcile *r, const char *source, const char *id)
{
  if (!member_of (r->sources, source)) {
    r->foreign++;
    return;
  }
  r->strange++;
  if (length_of (r->strangers) < 1000)
    json_object_array_add (r->strangers, json_object_new_string (id));
}

/* An event there whose time is between the seconds. */
static void
found_there (struct reconcile *r, json_object *item, int64_t first, int64_t last)
{
  json_object *event = member_of (item, "event") ? member_of (item, "event") : item;
  const char *source = text_of (event, "source"), *id = text_of (event, "id");
  struct sent *s;
  int64_t ns, at;
  if (time_parse (text_of (event, "time"), &ns) || ns / SECOND_NS < first || ns / SECOND_NS > last)
    return;
  at = reconcile_find (r, source, id);
  if (at < 0) {
    stranger_note (r, source, id);
    return;
  }
  s = &r->event[at];
  s->there++;
  s->refused |= *text_of (item, "validationError") != 0;
  s->changed |= reconcile_content (event, ns) != s->content;
}

static int
events_get (struct reconcile *r, int64_t first, int64_t last, const char *id, const char *subject,
            json_object **ret)
{
  char text[32];
  struct path path;
  long status;
  int e;
  path_start (&path, "/api/v1/events");
  path_query (&path, "from", reconcile_time (first, text));
  path_query (&path, "to", reconcile_time (last, text));
  path_query (&path, "id", id);
  path_query (&path, "subject", subject);
  path_query_number (&path, "limit", PAGE);
  e = there_get (r, path.text, &status, ret);
  if (!e && status == 404) {
    complain ("%s: there is no /api/v1/events", r->url);
    e = EXIT_REFUSED;
  } else if (!e && !json_object_is_type (*ret, json_type_array)) {
    complain ("%s/api/v1/events: the answer is no list of events; is this an OpenMeter?", r->url);
    e = EXIT_FAILED;
  }
  return e;
}

static const struct reconcile *sorting;

static int
by_time (const void *a, const void *b)
{
  int64_t x = sorting->event[*(const size_t *)a].time_ns;
  int64_t y = sorting->event[*(const size_t *)b].time_ns;
  return x < y ? -1 : x > y;
}

/* The events in the order of time, made when they are first asked for. */
static void
order_make (struct reconcile *r)
{
  size_t i;
  if (r->order)
    return;
  r->order = calloc (r->count + 1, sizeof *r->order);
  if (!r->order)
    abort ();
  for (i = 0; i < r->count; i++)
    r->order[i] = i;
  sorting = r;
  qsort (r->order, r->count, sizeof *r->order, by_time);
}

/* The first in that order that is not before the second. */
static size_t
order_find (const struct reconcile *r, int64_t second)
{
  size_t low = 0, high = r->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (r->event[r->order[middle]].time_ns / SECOND_NS < second)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

/* One event by its id.  The server finds parts of ids, too, and other sources have the same
 * ones; a list that is full is asked for once more with the subject. */
static int
id_read (struct reconcile *r, int64_t second, struct sent *s)
{
  json_object *list = NULL;
  int e = events_get (r, second, second, s->id, NULL, &list);
  size_t i;
  if (!e && length_of (list) >= PAGE) {
    json_object_put (list);
    list = NULL;
    e = events_get (r, second, second, s->id, s->subject, &list);
    s->untold = length_of (list) >= PAGE;
  }
  for (i = 0; i < length_of (list); i++) {
    json_object *item = json_object_array_get_idx (list, i);
    json_object *event = member_of (item, "event") ? member_of (item, "event") : item;
    if (!strcmp (text_of (event, "id"), s->id) && !strcmp (text_of (event, "source"), s->source))
      found_there (r, item, second, second);
  }
  json_object_put (list);
  return e;
}

/* A second with more events than one answer has: each of ours by its id. */
static int
second_read (struct reconcile *r, int64_t second)
{
  size_t i;
  int e = 0;
  order_make (r);
  r->full++;
  for (i = order_find (r, second); i < r->count && !e; i++) {
    struct sent *s = &r->event[r->order[i]];
    if (s->time_ns / SECOND_NS != second)
      break;
    e = id_read (r, second, s);
  }
  return e;
}

static int
span_read (struct reconcile *r, int64_t first, int64_t last)
{
  json_object *list = NULL;
  int64_t middle = first + (last - first) / 2;
  size_t i, n;
  int e = events_get (r, first, last, NULL, NULL, &list);
  n = length_of (list);
  for (i = 0; i < n && n < PAGE; i++)
    found_there (r, json_object_array_get_idx (list, i), first, last);
  json_object_put (list);
  if (e || n < PAGE)
    return e;
  if (first == last)
    return second_read (r, first);
  e = span_read (r, first, middle);
  return e ? e : span_read (r, middle + 1, last);
}

int
reconcile_there (struct reconcile *r)
{
  return span_read (r, r->from, r->to - 1);
}
