/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A plugin that makes requests of its host, for whoever asks it to: many from a timer, or
 * one in the middle of a request.  What it asked and was told it appends to a file, which
 * a SIGKILL doesn't take back: "A 17" asked, "R 17" not taken, "T 17 200 0" told. */
#define KG_ABI_TARGET KG_ABI (1, 1)
#include <kgent/calls.h>
#include <kgent/jobs.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BATCH 20 /* requests of one turn of the timer */

static const struct kg_host *host;
static const struct kg_jobs *jobs;
static const struct kg_calls *calls;
static kg_self *self;
static const struct conf {
  const char *file;
} *conf;
static int fd = -1;
static _Atomic long taken, again, refused, told, good;
static _Atomic int threads, stopping;

/* Somebody's requests. */
struct run {
  struct kg_identity who; /* copies */
  char *nap;              /* the target, or NULL: invoke */
  long next, end;
  uint32_t flags;
  int keyed;              /* 1: with an Idempotency-Key, the same for the same number */
  kg_timer *timer;
};

static struct run *run_now;

struct job {
  const struct run *run;
  long number;
};

static long
number (kg_req *req, const char *key, long dflt)
{
  kg_str s = host->get (req, KG_GET_QUERY, key);
  return s.ptr ? strtol (s.ptr, NULL, 10) : dflt;
}

/* ---- The file --------------------------------------------------------------- */

KG_PRINTF (1, 2)
static void
note (const char *fmt, ...)
{
  char line[80];
  va_list ap;
  int n;
  va_start (ap, fmt);
  n = vsnprintf (line, sizeof line, fmt, ap);
  va_end (ap);
  (void) !write (fd, line, (size_t) n);
}

/* ---- Many ------------------------------------------------------------------- */

static void
run_told (const struct kg_inner_reply *reply, void *arg)
{
  struct job *job = arg;
  note ("T %ld %d %d\n", job->number, (int) reply->status, (int) reply->error);
  good += reply->status == 200;
  told++;
  free (job);
}

static int32_t
job_call (const struct run *run, long n)
{
  struct job *job = malloc (sizeof *job);
  char body[80], id[40], key[40];
  const char *const headers[] = { id, run->keyed ? key : NULL, NULL };
  struct kg_inner r = { .size = sizeof r, .flags = run->flags, .method = "GET",
                        .target = run->nap, .identity = &run->who, .headers = headers };
  int32_t rc;
  *job = (struct job){ run, n };
  snprintf (id, sizeof id, "X-Request-ID: job-%ld", n);
  snprintf (key, sizeof key, "Idempotency-Key: job-%ld", n);
  if (!run->nap) {
    snprintf (body, sizeof body, "{\"path\":\"world.job%ld.manifest\"}", n);
    r.method = "POST";
    r.target = "/v1/agentese/invoke";
    r.content_type = "application/json";
    r.body = (kg_str){ body, strlen (body) };
  }
  note ("A %ld\n", n);
  rc = calls->call (self, &r, run_told, job);
  if (rc < 0)
    free (job);
  return rc;
}

/* Of the timer. */
static void
run_turn (void *arg)
{
  struct run *run = arg;
  for (int i = 0; i < BATCH && run->next < run->end; i++) {
    int32_t rc = job_call (run, run->next);
    if (rc < 0)
      note ("R %ld\n", run->next);
    if (rc == -EAGAIN) {
      again++;
      return;
    }
    run->next++;
    if (rc < 0)
      refused++;
    else
      taken++;
  }
}

static void
run_free (struct run *run)
{
  if (!run)
    return;
  jobs->cancel (run->timer);
  free ((char *) (uintptr_t) run->who.subject);
  free ((char *) (uintptr_t) run->who.tenant);
  free ((char *) (uintptr_t) run->who.key_id);
  free (run->nap);
  free (run);
}

/* POST /caller/run?from=0&n=100[&nap=500][&background=1][&keyed=1]: in the name of the caller. */
static int32_t
run_begin (kg_req *req, void *data)
{
  static const char *const scopes[] = { "read", "write", NULL };
  const struct kg_identity *who = host->identity (req);
  struct run *run = calloc (1, sizeof *run);
  char target[80];
  (void) data;
  run_free (run_now);
  run_now = run;
  run->who = (struct kg_identity){ .size = sizeof run->who, .subject = strdup (who->subject),
                                   .tenant = strdup (who->tenant), .key_id = strdup (who->key_id),
                                   .scopes = scopes };
  run->next = number (req, "from", 0);
  run->end = run->next + number (req, "n", 1);
  run->flags = number (req, "background", 0) ? KG_INNER_BACKGROUND : 0;
  run->keyed = number (req, "keyed", 0) != 0;
  if (number (req, "nap", 0)) {
    snprintf (target, sizeof target, "/caller/nap?ms=%ld", number (req, "nap", 0));
    run->nap = strdup (target);
  }
  if (jobs->timer (self, 0, 1, run_turn, run, &run->timer) < 0)
    return -EAGAIN;
  host->reply (req, 202, "text/plain", "begun\n", 6);
  return KG_DONE;
}

/* ---- Napping ----------------------------------------------------------------- */

struct nap {
  kg_ticket *ticket;
  long ms;
  int then_call; /* 1: an inner request follows */
};

static int32_t
nap_over (kg_req *req, void *arg)
{
  free (arg);
  host->reply (req, 200, "text/plain", "slept\n", 6);
  return KG_DONE;
}

static int32_t chain_call (kg_req *req, void *arg);

static void *
nap_main (void *arg)
{
  const struct timespec moment = { 0, 10000000 };
  struct nap *nap = arg;
  for (; nap->ms > 0 && !stopping; nap->ms -= 10)
    nanosleep (&moment, NULL);
  host->resume (nap->ticket, nap->then_call ? chain_call : nap_over, nap, free);
  threads--;
  return NULL;
}

static int32_t
nap_begin (kg_req *req, int then_call)
{
  struct nap *nap = calloc (1, sizeof *nap);
  pthread_t thread;
  nap->ms = number (req, "ms", 100);
  nap->then_call = then_call;
  nap->ticket = host->suspend (req, NULL, NULL);
  threads++;
  if (pthread_create (&thread, NULL, nap_main, nap))
    abort ();
  pthread_detach (thread);
  return KG_WAIT;
}

static int32_t
nap (kg_req *req, void *data)
{
  (void) data;
  return nap_begin (req, 0);
}

/* ---- One inside of a request --------------------------------------------------- */

/* Sleeps, then answers with what the host answers to an inner request. */
static int32_t
chain (kg_req *req, void *data)
{
  (void) data;
  return nap_begin (req, 1);
}

struct link {
  kg_ticket *ticket;
  int32_t status;
  size_t len;
  char text[4096];
};

static int32_t
chain_end (kg_req *req, void *arg)
{
  struct link *l = arg;
  host->reply (req, l->status, "text/plain", l->text, l->len);
  free (l);
  return KG_DONE;
}

static void
chain_told (const struct kg_inner_reply *reply, void *arg)
{
  struct link *l = arg;
  l->status = reply->error ? 502 : reply->status;
  l->len = reply->body.len < sizeof l->text ? reply->body.len : sizeof l->text;
  if (l->len)
    memcpy (l->text, reply->body.ptr, l->len);
  host->resume (l->ticket, chain_end, l, free);
}

static int32_t
chain_call (kg_req *req, void *arg)
{
  static const char body[] = "{\"path\":\"world.chain.manifest\"}";
  struct kg_inner r = { .size = sizeof r, .method = "POST", .target = "/v1/agentese/invoke",
                        .content_type = "application/json", .body = { body, sizeof body - 1 },
                        .identity = host->identity (req) };
  struct link *l = calloc (1, sizeof *l);
  free (arg);
  l->ticket = host->suspend (req, NULL, NULL);
  if (calls->call (self, &r, chain_told, l) < 0)
    chain_told (&(struct kg_inner_reply){ .error = -EAGAIN }, l);
  return KG_WAIT;
}

/* ---- The plugin ---------------------------------------------------------------- */

static int32_t
counts (kg_req *req, void *data)
{
  char out[200];
  (void) data;
  snprintf (out, sizeof out,
            "{\"taken\":%ld,\"again\":%ld,\"refused\":%ld,\"told\":%ld,\"good\":%ld}", taken, again,
            refused, told, good);
  host->reply (req, 200, "application/json", out, strlen (out));
  return KG_DONE;
}

static int32_t
caller_open (const struct kg_host *h, kg_self *me, const void *c, void **ret_data)
{
  static const struct kg_route all[]
      = { { .size = sizeof all[0], .method = "POST", .pattern = "/caller/run",
            .handler = run_begin, .scope = "read" },
          { .size = sizeof all[0], .method = "GET", .pattern = "/caller/chain", .handler = chain,
            .scope = "read" },
          { .size = sizeof all[0], .method = "GET", .pattern = "/caller/nap", .handler = nap,
            .flags = KG_PUBLIC },
          { .size = sizeof all[0], .method = "GET", .pattern = "/caller/counts",
            .handler = counts, .flags = KG_PUBLIC } };
  int32_t rc = h->need (me, KG_JOBS, sizeof *jobs, 0, (const void **) &jobs);
  (void) ret_data;
  host = h;
  self = me;
  conf = c;
  if (rc >= 0)
    rc = h->need (me, KG_CALLS, sizeof *calls, 0, (const void **) &calls);
  for (size_t i = 0; rc >= 0 && i < sizeof all / sizeof *all; i++)
    rc = h->route (me, &all[i]);
  return rc;
}

static int32_t
caller_start (void *data)
{
  (void) data;
  fd = open (conf->file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  return fd < 0 ? -errno : 0;
}

static void
caller_stop (void *data)
{
  const struct timespec moment = { 0, 1000000 };
  (void) data;
  stopping = 1;
  while (threads)
    nanosleep (&moment, NULL);
  run_free (run_now);
  run_now = NULL;
  close (fd);
}

static const struct kg_opt opts[] = {
  { .key = "file", .type = KG_OPT_STRING, .flags = KG_OPT_REQUIRED,
    .offset = offsetof (struct conf, file), .help = "Where it writes what it asked." },
  { .key = NULL },
};

KG_PLUGIN (.name = "caller", .version = "1.0", .summary = "Asks its own host.", .opts = opts,
           .conf_size = sizeof *conf, .open = caller_open, .start = caller_start,
           .stop = caller_stop);
