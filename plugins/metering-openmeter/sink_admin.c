/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Routes for operators: what is parked, to try it again or to drop it.
 * The parked events are read by a job: no request thread touches a disk. */
#include "plugins/metering-openmeter/sink.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT_MAX 1000
#define LIMIT_DFLT 100
#define PAGE_BYTES 4194304 /* after which a page ends */
#define PLACE_LEN 26       /* twenty digits, a hyphen, five digits */
#define PLACE_LAST "99999999999999999999-99999"

/* ---- What is parked ----------------------------------------------------------------- */

struct listing {
  struct mt *mt;
  kg_ticket *ticket;
  struct mt_text text;
  char prefix[SINK_NAME_MAX + 2];            /* "NAME/", "": all sinks */
  char after[SINK_NAME_MAX + SINK_PLACE_MAX + 4]; /* "NAME/PLACE", the last page's last */
  char last[SINK_NAME_MAX + SINK_PLACE_MAX + 4];  /* this page's */
  uint32_t limit, count;
  int32_t more, one, error; /* one: only the entry of that key */
};

static void
listing_free (void *arg)
{
  struct listing *l = arg;
  mt_text_free (&l->text);
  free (l);
}

static void
lit (struct mt_text *t, const char *text)
{
  mt_text_add (t, text, strlen (text));
}

/* The entry, with its sink and place before its own members; keys are plain. */
static int32_t
entry_add (const struct kg_entry *e, void *arg)
{
  struct listing *l = arg;
  const char *slash = memchr (e->key.ptr, '/', e->key.len);
  char head[128], key[sizeof l->last];
  if (!slash || e->key.len >= sizeof key || e->value.len < 2)
    return 0;
  memcpy (key, e->key.ptr, e->key.len);
  key[e->key.len] = 0;
  if (l->count == l->limit || l->text.len > PAGE_BYTES) {
    l->more = 1;
    return 1;
  }
  snprintf (head, sizeof head, "%s{\"sink\":\"%.*s\",\"place\":\"%s\",", l->count ? "," : "",
            (int)(slash - e->key.ptr), key, key + (slash - e->key.ptr) + 1);
  lit (&l->text, head);
  mt_text_add (&l->text, e->value.ptr + 1, e->value.len - 1);
  memcpy (l->last, key, sizeof key);
  l->count++;
  return 0;
}

static int32_t
listing_answer (kg_req *req, void *arg)
{
  struct listing *l = arg;
  const struct kg_host *host = l->mt->host;
  int32_t r = l->error;
  if (r == -ENOENT) {
    listing_free (l);
    return host->problem (req, 404, NULL, "no such event is parked");
  }
  if (!r)
    r = host->reply (req, 200, "application/json", l->text.ptr, l->text.len);
  listing_free (l);
  return r < 0 ? r : KG_DONE;
}

static void
listing_page (struct listing *l)
{
  int32_t r;
  lit (&l->text, "{\"parked\":[");
  r = l->mt->store->scan_after (l->mt->sinks->parked, (kg_str){ l->prefix, strlen (l->prefix) },
                                (kg_str){ l->after, strlen (l->after) }, entry_add, l);
  lit (&l->text, "],\"next\":");
  if (l->more) {
    lit (&l->text, "\"");
    lit (&l->text, l->last);
    lit (&l->text, "\"");
  } else {
    lit (&l->text, "null");
  }
  lit (&l->text, "}");
  l->error = r < 0 ? r : 0;
}

static void
listing_one (struct listing *l)
{
  struct kg_entry e = { .size = sizeof e };
  kg_str key = { l->last, strlen (l->last) };
  l->error = l->mt->store->get (l->mt->sinks->parked, key, &e);
  if (!l->error)
    entry_add (&e, l);
}

static void
listing_run (void *arg)
{
  struct listing *l = arg;
  if (l->one)
    listing_one (l);
  else
    listing_page (l);
  if (l->text.failed)
    l->error = -ENOMEM;
  l->mt->host->resume (l->ticket, listing_answer, l, listing_free);
}

static int32_t
listing_begin (struct mt *mt, kg_req *req, const struct listing *from)
{
  struct listing *l = malloc (sizeof *l);
  int32_t r;
  if (!l)
    return -ENOMEM;
  *l = *from;
  l->mt = mt;
  l->ticket = mt->host->suspend (req, NULL, NULL);
  if (!l->ticket) {
    free (l);
    return -ENOMEM;
  }
  r = mt->jobs->run (mt->self, listing_run, l); /* the job notes its own error */
  if (r < 0) {
    l->error = r;
    mt->host->resume (l->ticket, listing_answer, l, listing_free);
  }
  return KG_WAIT;
}

/* A parameter as a text, if it fits. */
static int32_t
text_get (struct mt *mt, kg_req *req, int32_t what, const char *name, char *out, size_t size)
{
  kg_str s = mt->host->get (req, what, name);
  if (s.len >= size)
    return -EINVAL;
  if (s.len)
    memcpy (out, s.ptr, s.len);
  out[s.len] = 0;
  return 0;
}

static int32_t
limit_get (struct mt *mt, kg_req *req, uint32_t *ret)
{
  char text[8], *end;
  unsigned long v;
  if (text_get (mt, req, KG_GET_QUERY, "limit", text, sizeof text) < 0)
    return -EINVAL;
  if (!text[0])
    return 0;
  v = strtoul (text, &end, 10);
  if (*end || text[0] < '0' || text[0] > '9' || !v || v > LIMIT_MAX)
    return -EINVAL;
  *ret = (uint32_t)v;
  return 0;
}

static int32_t
parked_list (kg_req *req, void *data)
{
  struct mt *mt = data;
  struct listing l = { .limit = LIMIT_DFLT };
  size_t n;
  if (text_get (mt, req, KG_GET_QUERY, "sink", l.prefix, SINK_NAME_MAX + 1) < 0
      || text_get (mt, req, KG_GET_QUERY, "after", l.after, sizeof l.after) < 0
      || limit_get (mt, req, &l.limit) < 0)
    return mt->host->problem (req, 422, NULL,
                              "sink is a sink's name, after the last page's next, and limit a "
                              "number from 1 to %d",
                              LIMIT_MAX);
  n = strlen (l.prefix);
  if (n)
    memcpy (l.prefix + n, "/", 2);
  return listing_begin (mt, req, &l);
}

static int32_t
place_ok (const char *p)
{
  size_t i;
  for (i = 0; i < PLACE_LEN; i++)
    if (i == 20 ? p[i] != '-' : p[i] < '0' || p[i] > '9')
      return 0;
  return !p[PLACE_LEN];
}

/* The place that the path names, if it can be one. */
static int32_t
place_get (struct mt *mt, kg_req *req, char place[SINK_PLACE_MAX])
{
  return text_get (mt, req, KG_GET_PARAM, "place", place, SINK_PLACE_MAX) >= 0
         && place_ok (place);
}

static int32_t
parked_show (kg_req *req, void *data)
{
  struct mt *mt = data;
  struct listing l = { .limit = 1, .one = 1 };
  char name[SINK_NAME_MAX + 1], place[SINK_PLACE_MAX];
  if (!place_get (mt, req, place)
      || text_get (mt, req, KG_GET_PARAM, "sink", name, sizeof name) < 0)
    return mt->host->problem (req, 404, NULL, "no such event is parked");
  snprintf (l.last, sizeof l.last, "%s/%s", name, place);
  return listing_begin (mt, req, &l);
}

/* ---- Again, or never ----------------------------------------------------------------- */

static struct sink *
sink_get (struct mt *mt, kg_req *req)
{
  return sink_find (mt->sinks, mt->host->get (req, KG_GET_PARAM, "sink"));
}

static int32_t
sink_unknown (struct mt *mt, kg_req *req)
{
  return mt->host->problem (req, 404, NULL, "no such sink is configured");
}

/* Has the events behind `after` up to `last` tried again. */
static int32_t
range_add (struct sink *s, const char *after, const char *last)
{
  int32_t r = -EAGAIN;
  pthread_mutex_lock (&s->lock);
  if (s->ranges < SINK_RANGES) {
    snprintf (s->range[s->ranges].after, SINK_PLACE_MAX, "%s", after);
    snprintf (s->range[s->ranges].last, SINK_PLACE_MAX, "%s", last);
    s->ranges++;
    r = 0;
  }
  pthread_mutex_unlock (&s->lock);
  return r;
}

static int32_t
retry (struct mt *mt, kg_req *req, struct sink *s, const char *after, const char *last)
{
  if (range_add (s, after, last) < 0)
    return mt->host->problem (req, 409, NULL, "%d retries wait already", SINK_RANGES);
  sink_kick (s);
  return mt->host->reply (req, 202, "application/json", "{\"accepted\":true}", 17) < 0 ? -ENOMEM
                                                                                    : KG_DONE;
}

static int32_t
parked_retry_all (kg_req *req, void *data)
{
  struct mt *mt = data;
  struct sink *s = sink_get (mt, req);
  return s ? retry (mt, req, s, "", PLACE_LAST) : sink_unknown (mt, req);
}

static int32_t
parked_retry (kg_req *req, void *data)
{
  struct mt *mt = data;
  struct sink *s = sink_get (mt, req);
  char place[SINK_PLACE_MAX], after[SINK_PLACE_MAX];
  uint32_t k;
  if (!s)
    return sink_unknown (mt, req);
  if (!place_get (mt, req, place))
    return mt->host->problem (req, 404, NULL, "no such event is parked");
  k = (uint32_t)strtoul (place + 21, NULL, 10) % 100000; /* behind the one before it, or that record */
  if (k)
    snprintf (after, sizeof after, "%.21s%05u", place, k - 1);
  else
    snprintf (after, sizeof after, "%.21s", place);
  return retry (mt, req, s, after, place);
}

static int32_t
parked_drop (kg_req *req, void *data)
{
  struct mt *mt = data;
  struct sink *s = sink_get (mt, req);
  const struct kg_identity *who = mt->host->identity (req);
  struct sink_drop *d, **end;
  if (!s)
    return sink_unknown (mt, req);
  d = calloc (1, sizeof *d);
  if (!d)
    return -ENOMEM;
  d->mt = mt;
  snprintf (d->by, sizeof d->by, "%s", who && who->subject ? who->subject : "nobody");
  if (!place_get (mt, req, d->place)) {
    free (d);
    return mt->host->problem (req, 404, NULL, "no such event is parked");
  }
  d->ticket = mt->host->suspend (req, NULL, NULL);
  if (!d->ticket) {
    free (d);
    return -ENOMEM;
  }
  pthread_mutex_lock (&s->lock);
  for (end = &s->drops; *end; end = &(*end)->next)
    ;
  *end = d;
  pthread_mutex_unlock (&s->lock);
  sink_kick (s);
  return KG_WAIT;
}

/* ---- Routes -------------------------------------------------------------------------- */

static const char status_answer[]
    = "{\"type\":\"object\",\"required\":[\"newest\",\"sinks\"],\"properties\":{"
      "\"newest\":{\"type\":\"integer\"},\"sinks\":{\"type\":\"array\",\"items\":{"
      "\"type\":\"object\",\"required\":[\"name\",\"kind\",\"state\"],\"properties\":{"
      "\"name\":{\"type\":\"string\"},\"kind\":{\"type\":\"string\"},"
      "\"state\":{\"type\":\"string\",\"enum\":[\"starting\",\"ok\",\"retrying\",\"stopped\","
      "\"doubling\"]},"
      "\"reason\":{\"type\":[\"string\",\"null\"]},"
      "\"breaker\":{\"type\":\"string\",\"enum\":[\"closed\",\"open\",\"half_open\"]},"
      "\"position\":{\"type\":\"integer\"},\"lag_records\":{\"type\":\"integer\"},"
      "\"lag_seconds\":{\"type\":\"integer\"},\"parked\":{\"type\":\"integer\"},"
      "\"confirmed\":{\"type\":\"integer\"},\"dropped\":{\"type\":\"integer\"},"
      "\"unaccounted\":{\"type\":[\"integer\",\"null\"]},"
      "\"last_success\":{\"type\":[\"string\",\"null\"]},"
      "\"dedupe\":{\"type\":\"string\",\"enum\":[\"unknown\",\"yes\",\"no\"]}}}},"
      "\"left\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"cursor\"],"
      "\"properties\":{\"cursor\":{\"type\":\"string\"},\"position\":{\"type\":\"integer\"},"
      "\"lag_records\":{\"type\":\"integer\"}}}}}}";

#define ENTRY                                                                                  \
  "{\"type\":\"object\",\"required\":[\"sink\",\"place\",\"status\",\"reason\",\"time\","       \
  "\"id\"],\"properties\":{\"sink\":{\"type\":\"string\"},\"place\":{\"type\":\"string\"},"     \
  "\"status\":{\"type\":\"integer\"},\"reason\":{\"type\":\"string\"},"                         \
  "\"time\":{\"type\":\"string\"},\"id\":{\"type\":\"string\"},"                                \
  "\"event\":{\"type\":\"object\"},\"record\":{\"type\":\"string\"}}}"

static const char list_answer[]
    = "{\"type\":\"object\",\"required\":[\"parked\",\"next\"],\"properties\":{"
      "\"parked\":{\"type\":\"array\",\"items\":" ENTRY "},"
      "\"next\":{\"type\":[\"string\",\"null\"]}}}";

static const char list_parameters[]
    = "[{\"name\":\"sink\",\"in\":\"query\",\"required\":false,"
      "\"description\":\"Only those of this sink.\",\"schema\":{\"type\":\"string\"}},"
      "{\"name\":\"after\",\"in\":\"query\",\"required\":false,"
      "\"description\":\"The last page's next.\",\"schema\":{\"type\":\"string\"}},"
      "{\"name\":\"limit\",\"in\":\"query\",\"required\":false,"
      "\"schema\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":1000,\"default\":100}}]";

static const char accepted[]
    = "{\"type\":\"object\",\"required\":[\"accepted\"],\"properties\":{"
      "\"accepted\":{\"type\":\"boolean\"}}}";

static const struct kg_route routes[] = {
  { .method = "GET",
    .pattern = "/admin/v1/meter/status",
    .handler = sink_status_get,
    .summary = "How far sinks are, and how they do",
    .response_schema = status_answer },
  { .method = "GET",
    .pattern = "/admin/v1/meter/parked",
    .handler = parked_list,
    .summary = "List events that a sink could not take",
    .parameters = list_parameters,
    .response_schema = list_answer,
    .statuses = "422" },
  { .method = "GET",
    .pattern = "/admin/v1/meter/parked/{sink}/{place}",
    .handler = parked_show,
    .summary = "Show a parked event",
    .response_schema = ENTRY,
    .statuses = "404" },
  { .method = "POST",
    .pattern = "/admin/v1/meter/parked/{sink}",
    .handler = parked_retry_all,
    .summary = "Send all parked events of a sink again",
    .response_schema = accepted,
    .statuses = "202 404 409" },
  { .method = "POST",
    .pattern = "/admin/v1/meter/parked/{sink}/{place}",
    .handler = parked_retry,
    .summary = "Send a parked event again",
    .response_schema = accepted,
    .statuses = "202 404 409" },
  { .method = "DELETE",
    .pattern = "/admin/v1/meter/parked/{sink}/{place}",
    .handler = parked_drop,
    .summary = "Give a parked event up",
    .statuses = "204 404" },
  { .method = "DELETE",
    .pattern = "/admin/v1/meter/cursors/{cursor}",
    .handler = sink_left_forget,
    .summary = "Keep the log no longer for a sink that is not configured any more",
    .statuses = "204 404 409" },
};

int32_t
sink_admin_open (struct mt *mt)
{
  size_t i;
  int32_t r = 0;
  for (i = 0; i < sizeof routes / sizeof routes[0] && r >= 0; i++) {
    struct kg_route route = routes[i];
    route.size = sizeof route;
    route.flags = KG_ADMIN;
    route.scope = "admin";
    r = mt->host->route (mt->self, &route);
  }
  return r;
}
