/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A plugin of ABI 1.1 that uses all that 1.1 added: headers that are set together,
 * identities that end, cold buckets, regions, URLs that are checked.  What it shows is
 * asked over HTTP by grown.py. */
#define KG_ABI_TARGET KG_ABI (1, 1)
#include <kgent/http.h>
#include <kgent/jobs.h>
#include <kgent/store.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define STREAMS 16

struct conf {
  int64_t bytes, start_ms;
  const char *url;
};

/* What a job works on. */
struct work {
  kg_ticket *ticket;
  char key[64], prefix[64], text[256];
};

static const struct kg_host *host;
static const struct kg_http *http;
static const struct kg_jobs *jobs;
static const struct kg_store *store;
static const struct conf *conf;
static kg_self *self;
static kg_log *usage;
static kg_bucket *cold;
static struct kg_region region;
static const kg_fields *fields;
static kg_stream *streams[STREAMS];
static int32_t ended, recorded, watched, deleted, logged;

static int32_t
text_reply (kg_req *req, const char *text)
{
  return host->reply (req, 200, "text/plain", text, strlen (text)) < 0 ? -EIO : KG_DONE;
}

static void
query (kg_req *req, const char *name, char *out, size_t size)
{
  kg_str q = host->get (req, KG_GET_QUERY, name);
  snprintf (out, size, "%.*s", (int)q.len, q.ptr ? q.ptr : "");
}

/* ---- Identities that end ----------------------------------------------------- */

static int32_t
on_access (kg_req *req, void *data)
{
  static const struct kg_identity stays = { .size = sizeof stays, .subject = "s", .tenant = "t",
                                            .key_id = "k", .ended = &ended,
                                            .flags = KG_IDENTITY_STAYS };
  static const struct kg_identity lacks = { .size = sizeof lacks, .flags = KG_IDENTITY_STAYS };
  static int count;
  struct kg_identity id = stays;
  (void)data;
  if (host->identity (req))
    return KG_NEXT;
  if (__atomic_fetch_add (&count, 1, __ATOMIC_RELAXED) % 2)
    return host->identify (req, &lacks) == -EINVAL ? host->identify (req, &stays) : -EPROTO;
  id.flags = 0; /* copied: it is gone when this returns */
  return host->identify (req, &id);
}

static int32_t
on_stream (kg_req *req, void *data)
{
  char type[64];
  (void)data;
  query (req, "type", type, sizeof type);
  for (int i = 0; i < STREAMS; i++)
    if (!streams[i]) {
      streams[i] = host->stream (req, 200, type);
      host->send (streams[i], "data: 1\n\n", 9);
      return KG_DONE;
    }
  return -ENOSPC;
}

static int32_t
on_end (kg_req *req, void *data)
{
  char text[32];
  int good = 0, gone = 0;
  (void)data;
  for (int i = 0; i < STREAMS; i++) {
    if (!streams[i])
      continue;
    if (host->send (streams[i], "data: 2\n\n", 9) == -EPIPE)
      gone++;
    else
      good++;
    host->end (streams[i]);
    streams[i] = NULL;
  }
  snprintf (text, sizeof text, "%d %d", good, gone);
  return text_reply (req, text);
}

static int32_t
on_ended (kg_req *req, void *data)
{
  char value[8];
  (void)data;
  query (req, "value", value, sizeof value);
  __atomic_store_n (&ended, atoi (value), __ATOMIC_RELAXED);
  return text_reply (req, value);
}

static int32_t
on_log (kg_req *req, void *data)
{
  (void)data;
  if (host->num (req, KG_NUM_ROUTE_FLAGS) & KG_STREAMS)
    __atomic_add_fetch (&logged, 1, __ATOMIC_RELAXED);
  return KG_NEXT;
}

/* ---- Regions -------------------------------------------------------------------- */

/* Adds to the first number of the region; tells it, and how this process has it. */
static int32_t
on_region (kg_req *req, void *data)
{
  char add[16], text[128];
  uint64_t n, *first = region.ptr;
  (void)data;
  query (req, "add", add, sizeof add);
  n = __atomic_add_fetch (first, strtoull (add, NULL, 10), __ATOMIC_RELAXED);
  snprintf (text, sizeof text, "%llu flags %u slot %u bytes %llu", (unsigned long long)n,
            region.flags, region.slot, (unsigned long long)region.bytes);
  return text_reply (req, text);
}

static int32_t
on_held (kg_req *req, void *data)
{
  char text[KG_REGION_SLOTS + 1] = "";
  (void)data;
  for (uint32_t i = 0; i < KG_REGION_SLOTS; i++)
    text[i] = (char)('0' + store->region_held (self, "grown", i));
  return text_reply (req, text);
}

/* ---- A cold bucket ---------------------------------------------------------------- */

static void
on_watch (const struct kg_entry *entry, void *arg)
{
  (void)arg;
  __atomic_add_fetch (entry->value.ptr ? &watched : &deleted, 1, __ATOMIC_RELAXED);
}

static int32_t
worked (kg_req *req, void *arg)
{
  struct work *w = arg;
  int32_t r = text_reply (req, w->text);
  free (w);
  return r;
}

static void
written (const struct kg_outcome *outcome, void *arg)
{
  struct work *w = arg;
  snprintf (w->text, sizeof w->text, "%d", outcome->error);
  host->resume (w->ticket, worked, w, free);
}

static struct work *
work_new (kg_req *req)
{
  struct work *w = calloc (1, sizeof *w);
  if (!w)
    abort ();
  w->ticket = host->suspend (req, NULL, NULL);
  query (req, "key", w->key, sizeof w->key);
  return w;
}

static int32_t
on_put (kg_req *req, void *data)
{
  char value[64], revision[24];
  struct work *w = work_new (req);
  struct kg_op op = { .kind = KG_OP_PUT, .bucket = cold };
  (void)data;
  query (req, "value", value, sizeof value);
  query (req, "revision", revision, sizeof revision);
  op.key.ptr = w->key;
  op.key.len = strlen (w->key);
  op.value.ptr = value;
  op.value.len = strlen (value);
  op.revision = *revision ? strtoull (revision, NULL, 10) : KG_REV_ANY;
  if (!*value)
    op.kind = KG_OP_DELETE;
  if (store->write (self, &op, 1, sizeof op, written, w) < 0)
    abort ();
  return KG_WAIT;
}

static void
get_job (void *arg)
{
  struct work *w = arg;
  struct kg_entry e;
  kg_str key = { w->key, strlen (w->key) };
  int32_t r = store->get (cold, key, &e);
  if (r < 0)
    snprintf (w->text, sizeof w->text, "%s", r == -ENOENT ? "none" : strerror (-r));
  else
    snprintf (w->text, sizeof w->text, "%.*s %llu", (int)e.value.len, e.value.ptr,
              (unsigned long long)e.revision);
  host->resume (w->ticket, worked, w, free);
}

static int32_t
key_note (const struct kg_entry *e, void *arg)
{
  struct work *w = arg;
  size_t n = strlen (w->text);
  snprintf (w->text + n, sizeof w->text - n, "%.*s ", (int)e->key.len, e->key.ptr);
  return n > 0;
}

/* Two keys with the prefix, behind the key, and what the scan answers. */
static void
scan_job (void *arg)
{
  struct work *w = arg;
  kg_str prefix = { w->prefix, strlen (w->prefix) }, after = { w->key, strlen (w->key) };
  int32_t r = store->scan_after (cold, prefix, after, key_note, w);
  size_t n = strlen (w->text);
  snprintf (w->text + n, sizeof w->text - n, "%d", r);
  host->resume (w->ticket, worked, w, free);
}

static int32_t
on_job (kg_req *req, void (*job) (void *))
{
  struct work *w = work_new (req);
  query (req, "prefix", w->prefix, sizeof w->prefix);
  if (jobs->run (self, job, w) < 0)
    abort ();
  return KG_WAIT;
}

static int32_t
on_get (kg_req *req, void *data)
{
  (void)data;
  return on_job (req, get_job);
}

static int32_t
on_scan (kg_req *req, void *data)
{
  (void)data;
  return on_job (req, scan_job);
}

/* ---- What was recorded before ------------------------------------------------------ */

static int32_t
on_commit (kg_req *req, void *data)
{
  (void)data;
  if (!(host->num (req, KG_NUM_ROUTE_FLAGS) & KG_BILLABLE))
    return KG_NEXT;
  return store->record (usage, req, "1", 1, NULL);
}

static int32_t
on_record (kg_req *req, void *data)
{
  (void)data;
  return text_reply (req, "recorded");
}

/* The names of the request's fields, and the last one's value. */
static int32_t
on_fields (kg_req *req, void *data)
{
  char text[1024] = "";
  kg_str name, value = { NULL, 0 };
  size_t n = 0;
  (void)data;
  for (uint32_t i = 0; host->field (req, i, &name, &value) == 0; i++)
    n += (size_t)snprintf (text + n, sizeof text - n, "%.*s ", (int)name.len, name.ptr);
  snprintf (text + n, sizeof text - n, "%.*s %d", (int)value.len, value.ptr,
            host->field (req, UINT32_MAX, NULL, NULL) == -ENOENT
                && host->field (req, 0, NULL, NULL) == 0);
  return text_reply (req, text);
}

static int32_t
on_counts (kg_req *req, void *data)
{
  static const struct kg_value values[] = { { "one", 3 }, { NULL, -1 }, { "three", 5 } };
  char text[128];
  (void)data;
  if (host->headers (req, fields, values) < 0)
    return -EIO;
  snprintf (text, sizeof text, "recorded %d watched %d deleted %d streams %d", recorded,
            __atomic_load_n (&watched, __ATOMIC_RELAXED),
            __atomic_load_n (&deleted, __ATOMIC_RELAXED),
            __atomic_load_n (&logged, __ATOMIC_RELAXED));
  return text_reply (req, text);
}

/* ---- Life ---------------------------------------------------------------------------- */

static const struct {
  const char *pattern;
  kg_fn *fn;
  uint32_t flags;
} routes[] = {
  { "/grown/stream", on_stream, KG_STREAMS }, { "/grown/end", on_end, 0 },
  { "/grown/ended", on_ended, 0 },            { "/grown/region", on_region, 0 },
  { "/grown/held", on_held, 0 },              { "/grown/put", on_put, 0 },
  { "/grown/get", on_get, 0 },                { "/grown/record", on_record, KG_BILLABLE },
  { "/grown/counts", on_counts, 0 },          { "/grown/fields", on_fields, 0 },
  { "/grown/scan", on_scan, 0 },
};

static int32_t
declare (void)
{
  static const char *const names[] = { "X-One", "X-Two", "X-Three", NULL };
  int32_t r = host->fields (self, names, &fields);
  for (size_t i = 0; r >= 0 && i < sizeof routes / sizeof routes[0]; i++) {
    struct kg_route route = { .size = sizeof route, .method = "GET" };
    route.pattern = routes[i].pattern;
    route.handler = routes[i].fn;
    route.flags = routes[i].flags | KG_PUBLIC;
    r = host->route (self, &route);
  }
  if (r >= 0)
    r = host->hook (self, KG_PHASE_ACCESS, on_access);
  if (r >= 0)
    r = host->hook (self, KG_PHASE_COMMIT, on_commit);
  return r < 0 ? r : host->hook (self, KG_PHASE_LOG, on_log);
}

static int32_t
declare_store (void)
{
  kg_bucket *other;
  int32_t r = store->log (self, "grown", 0, 0, &usage);
  if (r >= 0)
    r = store->bucket2 (self, "grown", KG_BUCKET_COLD, &cold);
  if (r >= 0)
    r = store->watch (cold, on_watch, NULL);
  if (store->bucket (self, "grown", &other) != -EEXIST
      || store->bucket2 (self, "other", 0x80, &other) != -EINVAL)
    return -EPROTO;
  return r;
}

static int32_t
grown_open (const struct kg_host *h, kg_self *s, const void *c, void **ret_data)
{
  host = h;
  self = s;
  conf = c;
  *ret_data = NULL;
  if (host->need (self, KG_STORE, sizeof *store, 0, (const void **)&store) < 0
      || host->need (self, KG_JOBS, sizeof *jobs, 0, (const void **)&jobs) < 0
      || host->need (self, KG_HTTP, sizeof *http, 0, (const void **)&http) < 0)
    return -ENOENT;
  if (http->check (conf->url) < 0)
    return -EINVAL;
  if (declare_store () < 0)
    return -EPROTO;
  return declare ();
}

static int32_t
count (const struct kg_record *record, void *arg)
{
  (void)record, (void)arg;
  recorded++;
  return 0;
}

static int32_t
grown_start (void *data)
{
  struct timespec t;
  int32_t r;
  (void)data;
  region.size = sizeof region;
  r = store->region (self, "grown", (uint64_t)conf->bytes, &region);
  if (r < 0)
    return r;
  if (store->region (self, "grown", (uint64_t)conf->bytes, &region) != -EEXIST
      || store->region_ensure (self, "grown", 0, (uint64_t)conf->bytes) != 0)
    return -EPROTO;
  t.tv_sec = conf->start_ms / 1000;
  t.tv_nsec = conf->start_ms % 1000 * 1000000;
  nanosleep (&t, NULL);
  r = store->read (usage, 0, UINT32_MAX, count, NULL);
  return r < 0 ? r : 0;
}

static void
grown_stop (void *data)
{
  (void)data;
  for (int i = 0; i < STREAMS; i++)
    if (streams[i])
      host->end (streams[i]);
}

static const struct kg_opt opts[] = {
  { .key = "bytes",
    .dflt = "65536",
    .help = "How large the region is.",
    .type = KG_OPT_INT,
    .offset = offsetof (struct conf, bytes),
    .min = 8,
    .max = 1ll << 40 },
  { .key = "start_ms",
    .dflt = "0",
    .help = "How long start takes.",
    .type = KG_OPT_INT,
    .offset = offsetof (struct conf, start_ms),
    .min = 0,
    .max = 60000 },
  { .key = "url",
    .dflt = "https://a.example/",
    .help = "What the client is asked about.",
    .type = KG_OPT_STRING,
    .offset = offsetof (struct conf, url) },
  { .key = NULL },
};

KG_PLUGIN (.name = "grown", .version = "1.1", .summary = "Everything new of ABI 1.1",
           .opts = opts, .conf_size = sizeof (struct conf), .open = grown_open,
           .start = grown_start, .stop = grown_stop);
