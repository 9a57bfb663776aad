/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A timer looks once a second whether the keys are due; callbacks of the HTTP
 * client only leave their reply and kick it, so that all changes happen on one
 * thread at a time.  When a fetch fails the old keys stay: a provider that is away
 * must not take its callers along. */
#include "plugins/auth/jwks_fetch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECOND     1000000000ll
#define TICK_MS    1000
#define FETCH_MS   10000
#define BACKOFF_S  300 /* at most, after a failure */

enum outcome { FETCHED, UNCHANGED, FAILED };

static int64_t
mono_ns (void)
{
  struct timespec t;
  clock_gettime (CLOCK_MONOTONIC, &t);
  return (int64_t) t.tv_sec * SECOND + t.tv_nsec;
}

/* ---- The set in force ---------------------------------------------------- */

/* Frees what was replaced before `before_ns`. */
static void
retired_free (struct jwks_source *s, int64_t before_ns)
{
  struct jwks **at = &s->retired;
  while (*at) {
    struct jwks *old = *at;
    if (old->retired_ns > before_ns) {
      at = &old->next;
      continue;
    }
    *at = old->next;
    jwks_free (old);
  }
}

/* Takes the set over. */
static void
set_replace (struct jwks_source *s, struct jwks *set, int64_t now_ns)
{
  struct jwks *old = atomic_load_explicit (&s->set, memory_order_relaxed);
  atomic_store_explicit (&s->set, set, memory_order_release);
  if (old) {
    old->retired_ns = now_ns;
    old->next = s->retired;
    s->retired = old;
  }
  s->metrics->set (s->keys, 0, set->count);
  s->host->log (s->self, KG_LOG_INFO, "tokens are verified with %u keys of %s (%u others unused)",
                set->count, s->url ? s->url : s->file, set->skipped);
}

/* ---- Outcomes ------------------------------------------------------------ */

static void
report (struct jwks_source *s)
{
  const char *kept = jwks_current (s) ? "the keys from before are kept" : "there are no keys yet";
  if (s->failures)
    s->health->set (s->component, KG_HEALTH_DEGRADED, 0, "%s: %s", kept, s->reason);
  else
    s->health->set (s->component, KG_HEALTH_OK, 0, "%s", "");
}

/* The next try: after `after_s` if that was said, or later each time. */
static void
failed (struct jwks_source *s, int64_t after_s, int64_t now_ns)
{
  int64_t wait = JWKS_FIRST_S;
  uint32_t i;
  for (i = 0; i < s->failures && wait < BACKOFF_S; i++)
    wait *= 2;
  wait = wait < BACKOFF_S ? wait : BACKOFF_S;
  wait = wait < s->refresh_s ? wait : s->refresh_s;
  s->due_ns = now_ns + (after_s > wait ? after_s : wait) * SECOND;
  if (!s->failures++)
    s->host->log (s->self, KG_LOG_WARN, "cannot get the keys for tokens: %s", s->reason);
  s->metrics->add (s->fetches, FAILED, 1);
  report (s);
}

static void
succeeded (struct jwks_source *s, enum outcome outcome, int64_t age_s, int64_t now_ns)
{
  s->due_ns = now_ns + age_s * SECOND;
  if (s->failures)
    s->host->log (s->self, KG_LOG_INFO, "the keys for tokens can be had again");
  s->failures = 0;
  s->metrics->add (s->fetches, outcome, 1);
  report (s);
}

/* A text came; age_s is how long it holds.  Mostly it is the one from before: then
 * nothing is read, and what was verified stays so. */
static int32_t
text_take (struct jwks_source *s, kg_str text, int64_t age_s, int64_t now_ns)
{
  struct jwks *set = atomic_load_explicit (&s->set, memory_order_relaxed);
  int32_t rc;
  if (set && jwks_is (set, text)) {
    succeeded (s, UNCHANGED, age_s, now_ns);
    return 0;
  }
  rc = jwks_parse (text, &set);
  if (rc < 0) {
    snprintf (s->reason, sizeof s->reason, "%s: %s", s->url ? s->url : s->file, jwks_reason (rc));
    failed (s, -1, now_ns);
    return rc;
  }
  set_replace (s, set, now_ns);
  succeeded (s, FETCHED, age_s, now_ns);
  return 0;
}

/* ---- From a file --------------------------------------------------------- */

/* The whole file, malloc'ed; -EFBIG over JWKS_BYTES. */
static int32_t
file_read (const char *path, char **ret, size_t *ret_len)
{
  FILE *f = fopen (path, "re");
  char *p = f ? malloc (JWKS_BYTES + 1) : NULL;
  int32_t rc = f ? -ENOMEM : -errno;
  if (p) {
    *ret_len = fread (p, 1, JWKS_BYTES + 1, f);
    rc = ferror (f) ? -EIO : *ret_len > JWKS_BYTES ? -EFBIG : 0;
  }
  if (f)
    fclose (f);
  if (rc == 0)
    *ret = p;
  else
    free (p);
  return rc;
}

static int32_t
file_take (struct jwks_source *s, int64_t now_ns)
{
  char *text = NULL;
  size_t len = 0;
  int32_t rc = file_read (s->file, &text, &len);
  if (rc < 0) {
    snprintf (s->reason, sizeof s->reason, "%s: %s", s->file, strerror (-rc));
    failed (s, -1, now_ns);
    return rc;
  }
  rc = text_take (s, (kg_str){ text, len }, s->refresh_s, now_ns);
  free (text);
  return rc;
}

/* ---- From the provider --------------------------------------------------- */

static void
source_unref (struct jwks_source *s)
{
  if (atomic_fetch_sub (&s->refs, 1) > 1)
    return;
  retired_free (s, INT64_MAX);
  jwks_free (atomic_load (&s->set));
  free (s->reply.text);
  pthread_mutex_destroy (&s->lock);
  free (s);
}

/* On the client's thread. */
static void
fetch_done (const struct kg_http_reply *reply, void *arg)
{
  struct jwks_source *s = arg;
  struct jwks_reply r = { .error = reply->error,
                          .status = reply->status,
                          .max_age_s = reply->max_age_s,
                          .retry_after_s = -1 };
  if (reply->retry_after_ms >= 0)
    r.retry_after_s = reply->retry_after_ms / 1000;
  snprintf (r.message, sizeof r.message, "%s", reply->message ? reply->message : "");
  if (!r.error && r.status == 200) {
    r.len = reply->body.len;
    r.text = malloc (r.len + 1);
    if (r.text)
      memcpy (r.text, reply->body.ptr, r.len);
    else
      r.error = -ENOMEM;
  }
  pthread_mutex_lock (&s->lock);
  s->reply = r;
  s->arrived = 1;
  s->call = NULL;
  if (!s->stopped)
    s->jobs->kick (s->timer);
  pthread_mutex_unlock (&s->lock);
  source_unref (s);
}

static int32_t
fetch_send (struct jwks_source *s)
{
  static const char *const headers[]
      = { "Accept: application/jwk-set+json, application/json", NULL };
  struct kg_http_request request = { .size = sizeof request,
                                     .flags = KG_HTTP_PRIVATE_OK | KG_HTTP_NO_BREAKER,
                                     .method = "GET",
                                     .url = s->url,
                                     .headers = headers,
                                     .total_ms = FETCH_MS,
                                     .tries = 1, /* the timer tries again */
                                     .reply_max = JWKS_BYTES,
                                     .done = fetch_done,
                                     .arg = s };
  int32_t rc;
  atomic_fetch_add (&s->refs, 1);
  pthread_mutex_lock (&s->lock);
  s->busy = 1;
  rc = s->http->send (s->self, &request, &s->call);
  if (rc < 0)
    s->busy = 0;
  pthread_mutex_unlock (&s->lock);
  if (rc < 0)
    source_unref (s);
  return rc;
}

/* How long a set holds: what the provider says, within bounds. */
static int64_t
age_of (const struct jwks_source *s, int64_t max_age_s)
{
  if (max_age_s < 0)
    return s->refresh_s;
  return max_age_s < JWKS_AGE_MIN ? JWKS_AGE_MIN
         : max_age_s > JWKS_AGE_MAX ? JWKS_AGE_MAX
                                    : max_age_s;
}

/* Uses a reply that arrived; 1 while none did and a fetch is under way. */
static int32_t
fetch_settle (struct jwks_source *s, int64_t now_ns)
{
  struct jwks_reply r;
  int32_t busy, arrived;
  pthread_mutex_lock (&s->lock);
  busy = s->busy;
  arrived = s->arrived;
  r = s->reply;
  if (arrived) {
    s->reply.text = NULL;
    s->busy = s->arrived = 0;
  }
  pthread_mutex_unlock (&s->lock);
  if (!arrived)
    return busy;
  if (r.text) {
    kg_str text = { r.text, r.len };
    if (text_take (s, text, age_of (s, r.max_age_s), now_ns) == 0)
      jwks_keep_put (&s->keep, text);
  } else {
    snprintf (s->reason, sizeof s->reason, "%s", r.message);
    failed (s, r.retry_after_s, now_ns);
  }
  free (r.text);
  return 0;
}

/* ---- Timer --------------------------------------------------------------- */

void
jwks_want (struct jwks_source *s)
{
  if (!atomic_load_explicit (&s->wanted, memory_order_relaxed)
      && !atomic_exchange (&s->wanted, 1))
    s->jobs->kick (s->timer);
}

/* Whether it is time: at the end of a set's age, or earlier when a key is missing. */
static int32_t
is_due (struct jwks_source *s, int64_t now_ns)
{
  return now_ns >= s->due_ns
         || (atomic_load (&s->wanted) && now_ns - s->begun_ns >= JWKS_EARLY_S * SECOND);
}

void
jwks_source_tick (struct jwks_source *s, int64_t now_ns)
{
  int32_t rc;
  retired_free (s, now_ns - JWKS_GRACE_S * SECOND);
  if (fetch_settle (s, now_ns) || !is_due (s, now_ns))
    return;
  s->begun_ns = now_ns;
  atomic_store (&s->wanted, 0);
  if (s->file)
    file_take (s, now_ns);
  else if ((rc = fetch_send (s)) < 0) {
    snprintf (s->reason, sizeof s->reason, "%s: %s", s->url, strerror (-rc));
    failed (s, -1, now_ns);
  }
}

static void
on_timer (void *arg)
{
  jwks_source_tick (arg, mono_ns ());
}

/* ---- Life ---------------------------------------------------------------- */

static int32_t
source_needs (struct jwks_source *s)
{
  static const char *const outcomes[] = { "fetched", "unchanged", "failed", NULL };
  const struct kg_label outcome = { "outcome", outcomes };
  const struct kg_metric_def fetches
      = { .size = sizeof fetches, .kind = KG_COUNTER, .name = "kgent_auth_jwks_fetches_total",
          .help = "Times that the keys for tokens were looked for, by outcome",
          .labels = &outcome, .nlabels = 1 };
  const struct kg_metric_def keys
      = { .size = sizeof keys, .kind = KG_GAUGE, .name = "kgent_auth_jwks_keys",
          .help = "Keys that tokens are verified with" };
  const struct kg_host *h = s->host;
  int32_t rc = 0;
#define NEED(name, slot)                                                                     \
  if (rc == 0)                                                                               \
  rc = h->need (s->self, name, sizeof *s->slot, 0, (const void **) &s->slot)
  NEED (KG_HTTP, http);
  NEED (KG_JOBS, jobs);
  NEED (KG_HEALTH, health);
  NEED (KG_METRICS, metrics);
#undef NEED
  if (rc == 0)
    rc = s->health->add (s->self, "auth_jwt", 0, &s->component);
  if (rc == 0 && s->url)
    rc = jwks_keep_open (&s->keep, h, s->self, s->url);
  if (rc == 0)
    rc = s->metrics->define (s->self, &fetches, &s->fetches);
  return rc == 0 ? s->metrics->define (s->self, &keys, &s->keys) : rc;
}

int32_t
jwks_source_open (const struct kg_host *host, kg_self *self, const struct jwt_conf *conf,
                  struct jwks_source **ret)
{
  struct jwks_source *s = calloc (1, sizeof *s);
  int32_t rc;
  if (!s)
    return -ENOMEM;
  s->host = host;
  s->self = self;
  s->url = conf->jwks_url && conf->jwks_url[0] ? conf->jwks_url : NULL;
  s->file = s->url ? NULL : conf->jwks_file;
  s->refresh_s = conf->refresh;
  s->stopped = 1;
  atomic_init (&s->refs, 1);
  pthread_mutex_init (&s->lock, NULL);
  rc = source_needs (s);
  if (rc < 0) {
    source_unref (s);
    return rc;
  }
  *ret = s;
  return 0;
}

/* What was fetched by the process before: better than nothing, and due at once. */
static void
kept_take (struct jwks_source *s, int64_t now_ns)
{
  kg_str text = jwks_keep_get (&s->keep);
  struct jwks *set;
  if (text.ptr && jwks_parse (text, &set) == 0)
    set_replace (s, set, now_ns);
}

int32_t
jwks_source_start (struct jwks_source *s)
{
  int64_t now = mono_ns ();
  int32_t rc = 0;
  s->begun_ns = s->due_ns = now;
  if (s->file)
    rc = file_take (s, now);
  else
    kept_take (s, now);
  if (rc == 0)
    rc = s->jobs->timer (s->self, 1, TICK_MS, on_timer, s, &s->timer);
  pthread_mutex_lock (&s->lock);
  s->stopped = rc < 0;
  pthread_mutex_unlock (&s->lock);
  return rc;
}

void
jwks_source_stop (struct jwks_source *s)
{
  pthread_mutex_lock (&s->lock);
  s->stopped = 1;
  pthread_mutex_unlock (&s->lock);
  s->jobs->cancel (s->timer);
  pthread_mutex_lock (&s->lock);
  if (s->call)
    s->http->cancel (s->call);
  pthread_mutex_unlock (&s->lock);
}

void
jwks_source_close (struct jwks_source *s)
{
  if (s)
    source_unref (s);
}
