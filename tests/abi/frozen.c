/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A plugin of ABI 1.0, compiled with the headers as they were released: it uses
 * every function of struct kg_host, every phase, and the host's services. */
#define KG_ABI_TARGET KG_ABI (1, 0)
#include <kgent/health.h>
#include <kgent/jobs.h>
#include <kgent/json.h>
#include <kgent/metrics.h>
#include <kgent/store.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct conf {
  const char *word;
  int64_t pieces;
};

/* What a job works on. */
struct work {
  kg_ticket *ticket;
  kg_stream *stream;
  char text[64];
};

static const struct kg_host *host;
static const struct kg_health *health;
static const struct kg_jobs *jobs;
static const struct kg_metrics *metrics;
static const struct kg_store *store;
static const struct conf *conf;
static kg_self *self;
static kg_component *component;
static kg_metric *requests;
static kg_log *usage;
static kg_bucket *bucket;
static int32_t started, logged;

static int32_t
text_reply (kg_req *req, int32_t status, const char *text)
{
  return host->reply (req, status, "text/plain", text, strlen (text)) < 0 ? -EIO : KG_DONE;
}

/* ---- Hooks ------------------------------------------------------------------ */

static int32_t
on_access (kg_req *req, void *data)
{
  static const char *const scopes[] = { "frozen", NULL };
  struct kg_identity id
      = { .size = sizeof id, .subject = "snow", .tenant = "t", .key_id = "k" };
  kg_str name = host->get (req, KG_GET_HEADER, "X-Frozen");
  if (data != &host || !name.len)
    return data == &host ? KG_NEXT : -EFAULT;
  if (name.ptr[0] == 'w')
    id.scopes = scopes;
  return host->identify (req, &id);
}

static int32_t
on_limit (kg_req *req, void *data)
{
  (void)data;
  *host->slot (req, self) = &started;
  return host->header (req, "X-Limit", host->identity (req) ? "known" : "unknown");
}

static int32_t
on_commit (kg_req *req, void *data)
{
  kg_str id;
  (void)data;
  if (!(host->num (req, KG_NUM_ROUTE_FLAGS) & KG_BILLABLE)
      || host->num (req, KG_NUM_STATUS) / 100 != 2)
    return KG_NEXT;
  return store->record (usage, req, "{\"n\":1}", 7, &id);
}

static int32_t
on_log (kg_req *req, void *data)
{
  (void)req, (void)data;
  __atomic_add_fetch (&logged, 1, __ATOMIC_RELAXED);
  metrics->add (requests, host->num (req, KG_NUM_STATUS) < 400 ? 0 : 1, 1);
  return KG_NEXT;
}

/* ---- Handlers --------------------------------------------------------------- */

static int32_t
on_get (kg_req *req, void *data)
{
  kg_str name = host->get (req, KG_GET_PARAM, "name"), q = host->get (req, KG_GET_QUERY, "q");
  char *out = host->alloc (req, 512);
  (void)data;
  if (!out)
    return -ENOMEM;
  snprintf (out, 512, "%s %.*s %.*s %s %d", conf->word, (int)name.len, name.ptr, (int)q.len,
            q.ptr ? q.ptr : "", host->identity (req)->subject,
            *host->slot (req, self) == &started);
  host->log (self, KG_LOG_DEBUG, "said %s", out);
  return text_reply (req, 200, out);
}

static int32_t
on_json (kg_req *req, void *data)
{
  static const kg_str member = { "[1]", 3 }, other = { "{\"b\":2}", 7 };
  const struct kg_json *j = host->json (req), *k = host->parse (req, other);
  uint32_t a = kg_json_find (j, 0, "a");
  char text[32];
  (void)data;
  if (!a) {
    host->member (req, "needed", member);
    return host->problem (req, 422, "urn:frozen", "%s is missing", "a");
  }
  snprintf (
      text, sizeof text, "%lld",
      (long long)(kg_json_int (j, a, -1) + kg_json_int (k, kg_json_find (k, 0, "b"), -1)));
  return text_reply (req, 201, text);
}

static int32_t
on_count (kg_req *req, void *data)
{
  char text[32];
  (void)data;
  snprintf (text, sizeof text, "%d %d", started, __atomic_load_n (&logged, __ATOMIC_RELAXED));
  return text_reply (req, 200, text);
}

static int32_t
waited (kg_req *req, void *arg)
{
  struct work *w = arg;
  int32_t r = text_reply (req, 200, w->text);
  free (w);
  return r;
}

static void
wait_job (void *arg)
{
  struct work *w = arg;
  snprintf (w->text, sizeof w->text, "worked");
  host->resume (w->ticket, waited, w, free);
}

static int32_t
on_wait (kg_req *req, void *data)
{
  struct work *w = calloc (1, sizeof *w);
  (void)data;
  if (!w)
    return -ENOMEM;
  w->ticket = host->suspend (req, NULL, NULL);
  if (!w->ticket || jobs->run (self, wait_job, w) < 0)
    abort ();
  return KG_WAIT;
}

static void
stream_job (void *arg)
{
  struct work *w = arg;
  for (int64_t i = 0; i < conf->pieces; i++)
    host->send (w->stream, "data: x\n\n", 9);
  host->end (w->stream);
  free (w);
}

static int32_t
on_stream (kg_req *req, void *data)
{
  struct work *w = calloc (1, sizeof *w);
  (void)data;
  if (!w)
    return -ENOMEM;
  w->stream = host->stream (req, 200, "text/event-stream");
  if (!w->stream || jobs->run (self, stream_job, w) < 0)
    abort ();
  return KG_DONE;
}

static int32_t
on_fail (kg_req *req, void *data)
{
  (void)req, (void)data;
  return -ETIMEDOUT;
}

/* ---- Life ------------------------------------------------------------------- */

static int32_t
needs (void)
{
  const struct {
    const char *name;
    uint32_t size;
    const void **slot;
  } n[] = { { KG_HEALTH, sizeof *health, (const void **)&health },
            { KG_JOBS, sizeof *jobs, (const void **)&jobs },
            { KG_METRICS, sizeof *metrics, (const void **)&metrics },
            { KG_STORE, sizeof *store, (const void **)&store } };
  for (size_t i = 0; i < sizeof n / sizeof n[0]; i++)
    if (host->need (self, n[i].name, n[i].size, 0, n[i].slot) < 0 || !*n[i].slot)
      return -ENOENT;
  return 0;
}

static const char *const outcomes[] = { "good", "bad", NULL };
static const struct kg_label label = { "outcome", outcomes };
static const struct kg_metric_def def = { .size = sizeof def,
                                          .kind = KG_COUNTER,
                                          .name = "frozen_requests_total",
                                          .help = "Requests.",
                                          .labels = &label,
                                          .nlabels = 1 };
static const struct kg_route routes[] = {
  { .size = sizeof routes[0],
    .method = "GET",
    .pattern = "/frozen/of/{name}",
    .scope = "frozen",
    .summary = "Greets",
    .handler = on_get },
  { .size = sizeof routes[0],
    .flags = KG_PUBLIC | KG_JSON | KG_BILLABLE,
    .method = "POST",
    .pattern = "/frozen/json",
    .handler = on_json,
    .body_max = 64 },
  { .size = sizeof routes[0],
    .flags = KG_PUBLIC,
    .method = "GET",
    .pattern = "/frozen/count",
    .handler = on_count },
  { .size = sizeof routes[0],
    .flags = KG_PUBLIC,
    .method = "GET",
    .pattern = "/frozen/wait",
    .handler = on_wait,
    .timeout_ms = 5000 },
  { .size = sizeof routes[0],
    .flags = KG_PUBLIC | KG_STREAMS,
    .method = "GET",
    .pattern = "/frozen/stream",
    .handler = on_stream },
  { .size = sizeof routes[0],
    .flags = KG_PUBLIC,
    .method = "GET",
    .pattern = "/frozen/fail",
    .handler = on_fail },
};

static int32_t
declare (void)
{
  int32_t e = 0;
  for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++)
    e |= host->route (self, &routes[i]);
  e |= host->hook (self, KG_PHASE_ACCESS, on_access);
  e |= host->hook (self, KG_PHASE_LIMIT, on_limit);
  e |= host->hook (self, KG_PHASE_COMMIT, on_commit);
  e |= host->hook (self, KG_PHASE_LOG, on_log);
  e |= metrics->define (self, &def, &requests);
  e |= health->add (self, "frozen", 0, &component);
  e |= store->log (self, "frozen", 1, 1, &usage);
  e |= store->bucket (self, "frozen", &bucket);
  return e;
}

static int32_t
frozen_open (const struct kg_host *h, kg_self *s, const void *c, void **ret_data)
{
  static const uint32_t provided[2] = { sizeof provided, 1 };
  int32_t e;
  if (h->abi >> 16 != 1 || h->size < sizeof *h)
    return -EPROTO;
  host = h;
  self = s;
  conf = c;
  *ret_data = &host;
  e = needs ();
  if (e < 0)
    return e;
  e = declare ();
  return e < 0 ? e : host->provide (self, "frozen/1", provided, sizeof provided);
}

static int32_t
frozen_start (void *data)
{
  started = data == &host;
  health->set (component, KG_HEALTH_OK, 0, "cold");
  return 0;
}

static void
frozen_stop (void *data)
{
  (void)data;
  started = 0;
}

static void
frozen_close (void *data)
{
  (void)data;
  host = NULL;
}

static const struct kg_opt opts[] = {
  { .key = "word",
    .dflt = "brr",
    .help = "What it says.",
    .type = KG_OPT_STRING,
    .offset = offsetof (struct conf, word) },
  { .key = "pieces",
    .dflt = "3",
    .help = "How many pieces a stream has.",
    .type = KG_OPT_INT,
    .offset = offsetof (struct conf, pieces),
    .min = 1,
    .max = 9 },
  { .key = NULL },
};

KG_PLUGIN (.name = "frozen", .version = "1.0", .summary = "Every function of ABI 1.0",
           .opts = opts, .conf_size = sizeof (struct conf), .open = frozen_open,
           .start = frozen_start, .stop = frozen_stop, .close = frozen_close);
