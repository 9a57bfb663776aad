/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A plugin whose handlers do everything wrong that a handler can do and survive: they
 * block, never answer, answer twice, late and with nonsense, and produce faster than
 * anybody reads.  GET /fault/counts tells what the host made of it. */
#define KG_ABI_TARGET KG_ABI (1, 1)
#include <kgent/budget.h>
#include <kgent/plugin.h>

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct kg_host *host;
static const struct kg_budget *budget; /* NULL: nobody keeps one */
static _Atomic long entered, smuggled, gone, dropped, continued, commits, logs, logs_499, refused,
    accepted, eagain, epipe, most_held;
static _Atomic int stopping, threads;

/* What a thread of ours works on. */
struct work {
  kg_ticket *ticket;
  kg_stream *stream;
  long ms, count, size, block;
};

static void
pause_ms (long ms)
{
  struct timespec t = { ms / 1000, ms % 1000 * 1000000 };
  nanosleep (&t, NULL);
}

/* A whole number of the query, or `dflt`. */
static long
number (kg_req *req, const char *key, long dflt)
{
  kg_str s = host->get (req, KG_GET_QUERY, key);
  return s.ptr ? strtol (s.ptr, NULL, 10) : dflt;
}

static int32_t
text (kg_req *req, const char *s)
{
  host->reply (req, 200, "text/plain", s, strlen (s));
  return KG_DONE;
}

static int32_t
work_begin (struct work *w, void *(*fn) (void *))
{
  pthread_t t;
  atomic_fetch_add (&threads, 1);
  if (pthread_create (&t, NULL, fn, w)) {
    atomic_fetch_sub (&threads, 1);
    return -EAGAIN;
  }
  pthread_detach (t);
  return 0;
}

static void *
work_end (struct work *w)
{
  free (w);
  atomic_fetch_sub (&threads, 1);
  return NULL;
}

static struct work *
work_make (kg_req *req)
{
  struct work *w = calloc (1, sizeof *w);
  w->ms = number (req, "ms", 0);
  w->count = number (req, "n", 0);
  w->size = number (req, "size", 100);
  w->block = number (req, "block", 0);
  return w;
}

/* ---- Answers ------------------------------------------------------------ */

static int32_t
hello (kg_req *req, void *data)
{
  (void) data;
  atomic_fetch_add (&entered, 1);
  return text (req, "hello\n");
}

static int32_t
smuggle (kg_req *req, void *data)
{
  (void) data;
  atomic_fetch_add (&smuggled, 1);
  return text (req, "SMUGGLED\n");
}

static int32_t
echo (kg_req *req, void *data)
{
  kg_str body = host->get (req, KG_GET_BODY, NULL);
  (void) data;
  atomic_fetch_add (&entered, 1);
  host->reply (req, 200, "application/octet-stream", body.ptr, body.len);
  return KG_DONE;
}

static int32_t
big (kg_req *req, void *data)
{
  size_t n = (size_t) number (req, "n", 1 << 20);
  char *p = host->alloc (req, n);
  (void) data;
  if (!p)
    return -ENOMEM;
  memset (p, 'b', n);
  host->reply (req, 200, "text/plain", p, n);
  return KG_DONE;
}

static int32_t
client (kg_req *req, void *data)
{
  kg_str s = host->get (req, KG_GET_CLIENT, NULL);
  (void) data;
  host->reply (req, 200, "text/plain", s.ptr, s.len);
  return KG_DONE;
}

static int32_t
alloc (kg_req *req, void *data)
{
  char *p = host->alloc (req, 1024);
  (void) data;
  if (!p)
    return -ENOMEM;
  memset (p, 1, 1024);
  return text (req, "never freed\n");
}

static int32_t
block (kg_req *req, void *data)
{
  (void) data;
  pause_ms (number (req, "ms", 1000));
  return text (req, "awake\n");
}

/* Answers that no host can send. */
static int32_t
wrong (kg_req *req, void *data)
{
  kg_str how = host->get (req, KG_GET_PARAM, "how");
  static const char *const headers[][2]
      = { { "X-A", "a\r\nX-Evil: 1" }, { "X-A", "a\nb" },   { "X-A\r\nX-Evil", "1" },
          { "X A", "1" },              { "", "1" },         { "X-A", "\x01" },
          { "X:G", "1" },              { "Content-Length", "0" }, { "transfer-encoding", "chunked" },
          { "X-A", "\x7f" } };
  (void) data;
  if (!strcmp (how.ptr, "header")) {
    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++)
      atomic_fetch_add (host->header (req, headers[i][0], headers[i][1]) == -EINVAL ? &refused
                                                                                     : &accepted, 1);
    return text (req, "fine\n");
  }
  if (!strcmp (how.ptr, "status"))
    host->reply (req, (int32_t) number (req, "n", 999), "text/plain", "x", 1);
  else if (!strcmp (how.ptr, "length"))
    host->reply (req, 200, "text/plain", "x", (size_t) -1);
  else if (!strcmp (how.ptr, "type"))
    host->reply (req, 200, "text/plain\r\nX-Evil: 1", "x", 1);
  else if (!strcmp (how.ptr, "early")) {
    char *p = malloc (100000);
    memset (p, 'e', 100000);
    host->reply (req, 200, "text/plain", p, 100000);
    memset (p, 'x', 100000);
    free (p);
  } else if (!strcmp (how.ptr, "verdict"))
    return (int32_t) number (req, "n", 77);
  return KG_DONE;
}

/* ---- Tickets ------------------------------------------------------------ */

static void
drop (void *arg)
{
  (void) arg;
  atomic_fetch_add (&dropped, 1);
}

static void
left (void *arg)
{
  (void) arg;
  atomic_fetch_add (&gone, 1);
}

/* A continuation, which blocks for `arg` milliseconds. */
static int32_t
then (kg_req *req, void *arg)
{
  pause_ms ((long) (intptr_t) arg);
  atomic_fetch_add (&continued, 1);
  return text (req, "resumed\n");
}

static void *
resume_late (void *arg)
{
  struct work *w = arg;
  for (long left_ms = w->ms; left_ms > 0 && !atomic_load (&stopping); left_ms -= 10)
    pause_ms (left_ms < 10 ? left_ms : 10);
  for (long i = 0; i < w->count; i++)
    host->resume (w->ticket, then, (void *) (intptr_t) w->block, drop);
  return work_end (w);
}

/* Waits `ms`, then resumes `n` times: n = 0 never, n = 2 once too often; the continuation
 * blocks for `block` milliseconds. */
static int32_t
wait (kg_req *req, void *data)
{
  struct work *w = work_make (req);
  (void) data;
  atomic_fetch_add (&entered, 1);
  w->ticket = host->suspend (req, left, NULL);
  if (!w->ticket || work_begin (w, resume_late) < 0) {
    free (w);
    return -EAGAIN;
  }
  return KG_WAIT;
}

/* Answers, and resumes all the same. */
static int32_t
both (kg_req *req, void *data)
{
  kg_ticket *t = host->suspend (req, left, NULL);
  (void) data;
  host->reply (req, 200, "text/plain", "both\n", 5);
  host->resume (t, then, NULL, drop);
  return KG_DONE;
}

/* ---- Streams ------------------------------------------------------------ */

static void
held_note (long n)
{
  long most = atomic_load (&most_held);
  while (n > most && !atomic_compare_exchange_weak (&most_held, &most, n))
    continue;
}

/* Sends `n` pieces (0: without end) of `size` bytes, every `ms` or as fast as it can. */
static void *
produce (void *arg)
{
  struct work *w = arg;
  char *piece = malloc ((size_t) w->size + 1);
  long sent = 0, run = 0;
  memset (piece, 'p', (size_t) w->size);
  while ((!w->count || sent < w->count) && !atomic_load (&stopping)) {
    int32_t rc = host->send (w->stream, piece, (size_t) w->size);
    if (rc == -EPIPE) {
      atomic_fetch_add (&epipe, 1);
      break;
    }
    if (rc == -EAGAIN) {
      atomic_fetch_add (&eagain, 1);
      held_note (run);
      run = 0;
      pause_ms (1);
      continue;
    }
    sent++;
    run += w->size;
    if (w->ms)
      pause_ms (w->ms);
  }
  host->end (w->stream);
  free (piece);
  return work_end (w);
}

static int32_t
stream (kg_req *req, void *data)
{
  struct work *w = work_make (req);
  (void) data;
  w->stream = host->stream (req, 200, "text/event-stream");
  if (!w->stream) {
    free (w);
    return -ENOMEM;
  }
  if (work_begin (w, produce) < 0) {
    host->end (w->stream);
    free (w);
  }
  return KG_DONE;
}

/* ---- What came of it ---------------------------------------------------- */

static int32_t
counts (kg_req *req, void *data)
{
  char out[512];
  (void) data;
  snprintf (out, sizeof out,
            "{\"entered\":%ld,\"smuggled\":%ld,\"gone\":%ld,\"dropped\":%ld,\"continued\":%ld,"
            "\"commits\":%ld,\"logs\":%ld,\"logs_499\":%ld,\"refused\":%ld,\"accepted\":%ld,"
            "\"eagain\":%ld,\"epipe\":%ld,\"most_held\":%ld,\"threads\":%d}",
            entered, smuggled, gone, dropped, continued, commits, logs, logs_499, refused, accepted,
            eagain, epipe, most_held, threads);
  host->reply (req, 200, "application/json", out, strlen (out));
  return KG_DONE;
}

static int32_t
commit (kg_req *req, void *data)
{
  (void) req, (void) data;
  atomic_fetch_add (&commits, 1);
  return KG_NEXT;
}

static int32_t
log_end (kg_req *req, void *data)
{
  (void) data;
  atomic_fetch_add (&logs, 1);
  if (host->num (req, KG_NUM_STATUS) == 499)
    atomic_fetch_add (&logs_499, 1);
  return KG_NEXT;
}

/* ---- For whoever has a key -------------------------------------------------- */

/* Reserves 5 tokens and uses 3. */
static int32_t
spend (kg_req *req, void *data)
{
  kg_reservation *r;
  int32_t rc = budget ? budget->reserve (req, KG_BUDGET_TOKENS, 5, &r) : -EACCES;
  (void) data;
  if (rc == -EDQUOT)
    return budget->refuse (req, KG_BUDGET_TOKENS, 5);
  if (rc >= 0)
    rc = budget->settle (req, r, 3);
  return rc < 0 ? rc : text (req, "spent\n");
}

static int32_t
private_add (const struct kg_host *h, kg_self *self)
{
  static const struct kg_route all[]
      = { { .size = sizeof all[0], .flags = KG_STREAMS, .method = "GET", .scope = "read",
            .pattern = "/fault/private/stream", .handler = stream },
          { .size = sizeof all[0], .method = "GET", .scope = "read",
            .pattern = "/fault/private/hello", .handler = hello },
          { .size = sizeof all[0], .method = "GET", .scope = "read",
            .pattern = "/fault/private/spend", .handler = spend } };
  int32_t rc = h->need (self, KG_BUDGET, sizeof *budget, KG_NEED_OPTIONAL,
                        (const void **) &budget);
  for (size_t i = 0; rc >= 0 && i < sizeof all / sizeof *all; i++)
    rc = h->route (self, &all[i]);
  return rc;
}

static int32_t
faulty_open (const struct kg_host *h, kg_self *self, const void *conf, void **ret_data)
{
  static const struct {
    const char *method, *pattern;
    kg_fn *fn;
    uint32_t timeout_ms;
  } all[] = {
    { "GET", "/fault/hello", hello, 0 },     { "POST", "/fault/echo", echo, 0 },
    { "GET", "/fault/smuggled", smuggle, 0 }, { "GET", "/fault/big", big, 0 },
    { "GET", "/fault/client", client, 0 },   { "GET", "/fault/alloc", alloc, 0 },
    { "GET", "/fault/block", block, 0 },     { "GET", "/fault/wrong/{how}", wrong, 0 },
    { "GET", "/fault/wait", wait, 0 },       { "GET", "/fault/soon", wait, 300 },
    { "GET", "/fault/both", both, 0 },       { "GET", "/fault/stream", stream, 0 },
    { "GET", "/fault/counts", counts, 0 },
  };
  int32_t rc = 0;
  (void) conf, (void) ret_data;
  host = h;
  for (size_t i = 0; rc >= 0 && i < sizeof all / sizeof *all; i++) {
    struct kg_route r = { .size = sizeof r,
                          .flags = KG_PUBLIC | (all[i].fn == stream ? KG_STREAMS : 0),
                          .method = all[i].method,
                          .pattern = all[i].pattern,
                          .timeout_ms = all[i].timeout_ms,
                          .handler = all[i].fn };
    rc = h->route (self, &r);
  }
  if (rc >= 0)
    rc = private_add (h, self);
  if (rc >= 0)
    rc = h->hook (self, KG_PHASE_COMMIT, commit);
  return rc < 0 ? rc : h->hook (self, KG_PHASE_LOG, log_end);
}

static int32_t
faulty_start (void *data)
{
  (void) data;
  atomic_store (&stopping, 0);
  return 0;
}

static void
faulty_stop (void *data)
{
  (void) data;
  atomic_store (&stopping, 1);
  while (atomic_load (&threads))
    pause_ms (1);
}

KG_PLUGIN (.name = "faulty", .version = "1.0", .summary = "Everything wrong.",
           .open = faulty_open, .start = faulty_start, .stop = faulty_stop);
