/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A plugin whose handlers stream and wait at once, as the query says:
 *
 *   /s/run?do=ccr     what a thread does with stream and ticket, one letter each:
 *     c a chunk of 5 bytes       B one of 100,000 bytes      w waits 50 ms
 *     W waits 1 s                f chunks of 1,000 bytes until nobody takes any
 *     r ends it: answered        p ends it with a problem    x fails with -EIO
 *     l as r, but the stream is ended first, the ticket resumed 50 ms later
 *   &now=c            the same by the handler itself, before it waits
 *   &commit=fail|wait COMMIT fails, or waits 100 ms
 *   &last=fail        the last word fails
 *
 * POST /s/paid is the same for those who are known, and takes an Idempotency-Key.
 * GET /s/seen tells what the host made of the last one. */
#define KG_ABI_TARGET KG_ABI (1, 1)
#include <kgent/jobs.h>
#include <kgent/plugin.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const struct kg_host *host;
static const struct kg_jobs *jobs;
static kg_self *self;
static kg_ticket *held; /* of the request that waits for `wake` */
static _Atomic int over, lasts, rooms, gones, drops, epipes, logs, threads, status_at_end, gone_at_end,
    status_at_log;
static _Atomic long taken, sent;

/* A request's, and its thread's: the later one frees it. */
struct run {
  _Atomic int refs, gone;
  int ended, filling;
  kg_timer *timer; /* of COMMIT */
  pthread_mutex_t lock; /* of gone and the stream: the thread is silent behind `gone` */
  kg_ticket *ticket;
  kg_stream *stream;
  char script[64], commit[8], last[8];
};

static void
pause_ms (long ms)
{
  struct timespec t = { ms / 1000, ms % 1000 * 1000000 };
  nanosleep (&t, NULL);
}

static void
unref (struct run *r)
{
  if (atomic_fetch_sub (&r->refs, 1) > 1)
    return;
  pthread_mutex_destroy (&r->lock);
  free (r);
}

static void
query (kg_req *req, const char *name, char *out, size_t size)
{
  kg_str q = host->get (req, KG_GET_QUERY, name);
  snprintf (out, size, "%.*s", (int) q.len, q.ptr ? q.ptr : "");
}

static int32_t
chunk (struct run *r, size_t size)
{
  static char big[100000];
  int32_t rc;
  memset (big, 'b', size);
  rc = host->send (r->stream, size == 5 ? "chunk" : big, size);
  if (!rc)
    atomic_fetch_add (&sent, (long) size);
  if (rc == -EPIPE)
    atomic_fetch_add (&epipes, 1);
  return rc;
}

/* ---- On the worker ------------------------------------------------------ */

static void
gone (void *arg)
{
  struct run *r = arg;
  pthread_mutex_lock (&r->lock);
  r->gone = 1;
  pthread_mutex_unlock (&r->lock);
  atomic_fetch_add (&gones, 1);
}

static void
dropped (void *arg)
{
  (void) arg;
  atomic_fetch_add (&drops, 1);
}

static int32_t
on_room (kg_req *req, void *arg)
{
  struct run *r = arg;
  (void) req;
  atomic_fetch_add (&rooms, 1);
  pthread_mutex_lock (&r->lock);
  if (r->filling > 0 && !r->ended && r->filling-- > 0)
    chunk (r, 1000);
  pthread_mutex_unlock (&r->lock);
  return KG_NEXT;
}

static int32_t
on_ended (kg_req *req, void *arg)
{
  struct run *r = arg;
  atomic_store (&taken, (long) host->taken (r->stream));
  atomic_store (&status_at_end, (int) host->num (req, KG_NUM_STATUS));
  atomic_store (&gone_at_end, (int) host->num (req, KG_NUM_GONE));
  if (!r->ended)
    host->end (r->stream);
  atomic_fetch_add (&over, 1);
  return KG_NEXT;
}

static int32_t
on_last (kg_req *req, void *arg)
{
  struct run *r = arg;
  char text[32];
  int n = snprintf (text, sizeof text, "last%d", (int) host->num (req, KG_NUM_STATUS));
  atomic_fetch_add (&lasts, 1);
  if (*r->last)
    return -EIO;
  return host->send (r->stream, text, (size_t) n);
}

/* The stream is ended here, on the worker, as the ticket's continuation. */
static void
end (struct run *r)
{
  if (!r->ended)
    host->end (r->stream);
  r->ended = 1;
}

static int32_t
answered (kg_req *req, void *arg)
{
  (void) req;
  end (arg);
  return KG_DONE;
}

static int32_t
refused (kg_req *req, void *arg)
{
  end (arg);
  return host->problem (req, 422, NULL, "refused");
}

static int32_t
failed (kg_req *req, void *arg)
{
  (void) req, (void) arg;
  return -EIO;
}

/* ---- The thread --------------------------------------------------------- */

/* Sends until the client, and the kernel, take no more. */
static void
fill (struct run *r)
{
  int full = 0;
  while (full < 10) {
    int32_t rc;
    pthread_mutex_lock (&r->lock);
    rc = r->gone ? -EPIPE : chunk (r, 1000);
    r->filling = 3;
    pthread_mutex_unlock (&r->lock);
    full = rc == -EAGAIN ? full + 1 : rc ? 10 : 0;
    if (rc == -EAGAIN)
      pause_ms (20);
  }
}

/* With the lock held.  1: it went on; 0: nobody listens any more. */
static int
step (struct run *r, char what)
{
  if (r->gone)
    return 0;
  if (what == 'c' || what == 'B')
    chunk (r, what == 'c' ? 5 : 100000);
  if (what == 'l') {
    r->ended = 1;
    host->end (r->stream);
  }
  return 1;
}

static void *
produce (void *arg)
{
  struct run *r = arg;
  char what = 'r';
  const char *p;
  for (p = r->script; *p; p++) {
    what = *p;
    if (what == 'w' || what == 'W')
      pause_ms (what == 'w' ? 50 : 1000);
    if (what == 'f')
      fill (r);
    pthread_mutex_lock (&r->lock);
    if (!step (r, what))
      p = r->script + strlen (r->script) - 1;
    pthread_mutex_unlock (&r->lock);
  }
  if (what == 'l')
    pause_ms (50);
  host->resume (r->ticket, what == 'p' ? refused : what == 'x' ? failed : answered, r, dropped);
  unref (r);
  atomic_fetch_sub (&threads, 1);
  return NULL;
}

static int32_t
begin (kg_req *req, struct run *r)
{
  pthread_t t;
  char now[16];
  query (req, "now", now, sizeof now);
  for (const char *p = now; *p; p++)
    step (r, *p);
  if (!*r->script) { /* all was said */
    unref (r);
    return *now ? answered (req, r) : refused (req, r);
  }
  r->ticket = host->suspend (req, gone, r);
  atomic_fetch_add (&threads, 1);
  if (!r->ticket || pthread_create (&t, NULL, produce, r))
    abort ();
  pthread_detach (t);
  return KG_WAIT;
}

static int32_t
run (kg_req *req, void *data)
{
  struct run *r = calloc (1, sizeof *r);
  struct kg_stream_def def = { .size = sizeof def, .status = 200, .room = on_room,
                               .ended = on_ended, .last = on_last, .arg = r };
  char type[32];
  (void) data;
  if (!r)
    return -ENOMEM;
  query (req, "type", type, sizeof type);
  def.type = *type ? type : "text/event-stream";
  pthread_mutex_init (&r->lock, NULL);
  atomic_init (&r->refs, 2);
  query (req, "do", r->script, sizeof r->script);
  query (req, "commit", r->commit, sizeof r->commit);
  query (req, "last", r->last, sizeof r->last);
  *host->slot (req, self) = r;
  r->stream = host->stream2 (req, &def);
  if (!r->stream || host->stream2 (req, &def))
    abort ();
  return begin (req, r);
}

/* ---- Hooks -------------------------------------------------------------- */

static int32_t
waited (kg_req *req, void *arg)
{
  (void) req, (void) arg;
  return KG_NEXT;
}

static void
wait_over (void *arg)
{
  host->resume (arg, waited, NULL, NULL);
}

static int32_t
commit (kg_req *req, void *data)
{
  struct run *r = *host->slot (req, self);
  kg_ticket *ticket;
  (void) data;
  if (!r || !*r->commit)
    return KG_NEXT;
  if (*r->commit == 'f')
    return -ENOSPC;
  ticket = host->suspend (req, NULL, NULL);
  return jobs->timer (self, 100, 0, wait_over, ticket, &r->timer) < 0 ? -EAGAIN : KG_WAIT;
}

static int32_t
log_end (kg_req *req, void *data)
{
  struct run *r = *host->slot (req, self);
  (void) data;
  if (r) {
    atomic_store (&status_at_log, (int) host->num (req, KG_NUM_STATUS));
    atomic_fetch_add (&logs, 1);
    jobs->cancel (r->timer);
    unref (r);
  }
  return KG_NEXT;
}

static int
take (_Atomic int *count)
{
  return atomic_exchange (count, 0);
}

static int32_t
seen (kg_req *req, void *data)
{
  char out[512];
  (void) data;
  snprintf (out, sizeof out,
            "{\"over\":%d,\"lasts\":%d,\"rooms\":%d,\"gones\":%d,\"drops\":%d,\"epipes\":%d,"
            "\"logs\":%d,\"threads\":%d,\"ended\":[%d,%d],\"log\":%d,\"taken\":%ld,\"sent\":%ld,"
            "\"held\":%d}",
            take (&over), take (&lasts), take (&rooms), take (&gones), take (&drops),
            take (&epipes), take (&logs), threads, status_at_end, gone_at_end, status_at_log,
            taken, atomic_exchange (&sent, 0), held != NULL);
  host->reply (req, 200, "application/json", out, strlen (out));
  return KG_DONE;
}

/* ---- A stream that begins when its client has left ----------------------- */

/* Runs although the ticket's request is over for its client. */
static int32_t
late (kg_req *req, void *arg)
{
  kg_stream *s = host->stream (req, 200, "text/plain");
  (void) arg;
  if (!s)
    return -ENOMEM;
  atomic_store (&gone_at_end, (int) host->num (req, KG_NUM_GONE));
  if (host->send (s, "late", 4) == -EPIPE)
    atomic_fetch_add (&epipes, 1);
  host->end (s);
  return KG_DONE;
}

static int32_t
hold (kg_req *req, void *data)
{
  (void) data;
  held = host->suspend (req, NULL, NULL);
  return held ? KG_WAIT : -ENOMEM;
}

/* Makes a file, and keeps the worker from whatever comes until that is gone, for 10 s at most. */
static int32_t
stall (kg_req *req, void *data)
{
  char path[256];
  int i;
  (void) data;
  query (req, "file", path, sizeof path);
  close (open (path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  for (i = 0; i < 10000 && !access (path, F_OK); i++)
    pause_ms (1);
  return host->reply (req, 200, NULL, NULL, 0) < 0 ? -EIO : KG_DONE;
}

static int32_t
wake (kg_req *req, void *data)
{
  (void) data;
  host->resume (held, late, NULL, dropped);
  return host->reply (req, 200, NULL, NULL, 0) < 0 ? -EIO : KG_DONE;
}

/* Elsewhere there is no such stream. */
static int32_t
access_hook (kg_req *req, void *data)
{
  struct kg_stream_def def = { .size = sizeof def, .status = 200, .type = "text/plain" };
  (void) data;
  if (host->stream2 (req, &def))
    abort ();
  return KG_NEXT;
}

static int32_t
late_open (const struct kg_host *h, kg_self *s)
{
  static const struct {
    const char *pattern;
    kg_fn *handler;
  } list[] = { { "/s/hold", hold }, { "/s/stall", stall }, { "/s/wake", wake } };
  int32_t rc = 0;
  for (size_t i = 0; rc >= 0 && i < sizeof list / sizeof *list; i++) {
    struct kg_route r = { .size = sizeof r, .flags = KG_PUBLIC | KG_STREAMS, .method = "GET",
                          .pattern = list[i].pattern, .handler = list[i].handler };
    rc = h->route (s, &r);
  }
  return rc;
}

static int32_t
streamer_open (const struct kg_host *h, kg_self *s, const void *conf, void **ret_data)
{
  struct kg_route r = { .size = sizeof r, .flags = KG_PUBLIC | KG_STREAMS, .method = "GET",
                        .pattern = "/s/run", .handler = run, .timeout_ms = 600 };
  int32_t rc;
  (void) conf, (void) ret_data;
  host = h;
  self = s;
  rc = h->need (s, KG_JOBS, sizeof *jobs, 0, (const void **) &jobs);
  if (rc >= 0)
    rc = h->route (s, &r);
  r.flags = KG_STREAMS | KG_BILLABLE;
  r.method = "POST";
  r.pattern = "/s/paid";
  if (rc >= 0)
    rc = h->route (s, &r);
  r = (struct kg_route){ .size = sizeof r, .flags = KG_PUBLIC, .method = "GET",
                         .pattern = "/s/seen", .handler = seen };
  if (rc >= 0)
    rc = h->route (s, &r);
  if (rc >= 0)
    rc = late_open (h, s);
  if (rc >= 0)
    rc = h->hook (s, KG_PHASE_ACCESS, access_hook);
  if (rc >= 0)
    rc = h->hook (s, KG_PHASE_COMMIT, commit);
  return rc < 0 ? rc : h->hook (s, KG_PHASE_LOG, log_end);
}

static int32_t
streamer_start (void *data)
{
  (void) data;
  return 0;
}

/* Threads are in our code still. */
static void
streamer_stop (void *data)
{
  (void) data;
  while (atomic_load (&threads))
    pause_ms (5);
}

KG_PLUGIN (.name = "streamer", .version = "1", .summary = "Streams and waits",
           .open = streamer_open, .start = streamer_start, .stop = streamer_stop);
