/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The trace: from calls that end into the rings, from the rings into a text per tenant,
 * from there into the store; and back, for who asks. */
#include "plugins/agentese/builtin.h"
#include "plugins/agentese/notes.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PERIOD_MS 1000
#define IDLE_NS (60 * (int64_t)1000000000) /* a tenant's text stays so long in memory */
#define STORIES 1024                       /* chains of the table; a power of two */

struct ag_notes {
  struct ag *ag;
  struct ag_rings *rings;
  kg_bucket *bucket;
  kg_timer *timer;
  kg_metric *lost;
  pthread_mutex_t lock; /* of reading the rings, and of the stories; no worker takes it */
  struct ag_story *story[STORIES];
};

/* ---- From a call ------------------------------------------------------------------- */

/* What the caller wrote, where no path could be found in it. */
static kg_str
path_quoted (struct ag_call *c, char buf[AG_PATH_MAX + 1])
{
  uint32_t i = c->json ? kg_json_find (c->json, 0, "path") : 0;
  kg_str text = c->path.text;
  if (!text.ptr && kg_json_kind (c->json, i) == KG_JSON_STRING)
    text = kg_json_raw (c->json, i);
  return text.ptr ? ag_str (ag_quote (buf, AG_PATH_MAX + 1, text)) : ag_str ("");
}

static void
noted (struct ag_call *c, int32_t status, int64_t tokens)
{
  const struct kg_host *host = c->ag->host;
  int64_t elapsed = host->num (c->req, KG_NUM_ELAPSED);
  char buf[AG_PATH_MAX + 1];
  struct ag_note n = { .at_ns = host->num (c->req, KG_NUM_TIME) + c->began_ns,
                       .took_ns = elapsed - c->began_ns,
                       .tokens = tokens,
                       .status = status,
                       .tenant = { c->who->tenant, strlen (c->who->tenant) },
                       .observer = c->observer.len ? c->observer : ag_str ("\"\""),
                       .span_id = c->path.value[AG_SPAN],
                       .trace_id = host->get (c->req, KG_GET_TRACE_ID, NULL),
                       .phase = c->path.value[AG_PHASE] };
  c->in_trace = 1;
  n.path = c->entry ? c->path.base : path_quoted (c, buf);
  if (!n.span_id.len)
    n.span_id = c->span_id.len ? c->span_id : host->get (c->req, KG_GET_SPAN_ID, NULL);
  ag_rings_put (c->ag->notes->rings, (uint32_t)host->num (c->req, KG_NUM_WORKER), &n);
}

void
ag_note_begin (struct ag_call *c)
{
  *c->ag->host->slot (c->req, c->ag->self) = c;
}

/* Whatever ended in no other way: by a deadline, a client that left, an errno. */
static int32_t
at_log (kg_req *req, void *data)
{
  struct ag *ag = data;
  struct ag_call *c = *ag->host->slot (req, ag->self);
  if (c && !c->in_trace && c->who && c->who->tenant)
    noted (c, (int32_t)ag->host->num (req, KG_NUM_STATUS), 0);
  return KG_NEXT;
}

/* ---- Into the stories ---------------------------------------------------------------- */

static int64_t
mono_ns (void)
{
  struct timespec t;
  clock_gettime (CLOCK_MONOTONIC, &t);
  return t.tv_sec * (int64_t)1000000000 + t.tv_nsec;
}

static struct ag_story **
chain_of (struct ag_notes *notes, kg_str tenant)
{
  uint64_t h = 0xcbf29ce484222325u;
  size_t i;
  for (i = 0; i < tenant.len; i++)
    h = (h ^ (unsigned char)tenant.ptr[i]) * 0x100000001b3u;
  return &notes->story[(h ^ h >> 31) & (STORIES - 1)];
}

static struct ag_story *
story_find (struct ag_notes *notes, kg_str tenant)
{
  struct ag_story *s = *chain_of (notes, tenant);
  while (s && (s->tenant_len != tenant.len || memcmp (s->tenant, tenant.ptr, tenant.len)))
    s = s->next;
  return s;
}

static struct ag_story *
story_make (struct ag_notes *notes, kg_str tenant)
{
  struct ag_story **chain = chain_of (notes, tenant), *s = story_find (notes, tenant);
  if (s)
    return s;
  s = calloc (1, sizeof *s + tenant.len);
  if (!s)
    return NULL;
  s->ag = notes->ag;
  s->tenant_len = (uint32_t)tenant.len;
  memcpy (s->tenant, tenant.ptr, tenant.len);
  s->next = *chain;
  *chain = s;
  return s;
}

static void
take (const struct ag_note *note, void *arg)
{
  struct ag_notes *notes = arg;
  struct ag_story *s = story_make (notes, note->tenant);
  if (!s || ag_story_add (s, note) < 0)
    notes->ag->metrics->add (notes->lost, 0, 1);
  if (s)
    s->used_ns = mono_ns ();
}

static void
drain (struct ag_notes *notes)
{
  uint64_t lost = ag_rings_lost (notes->rings);
  ag_rings_drain (notes->rings, take, notes);
  if (lost)
    notes->ag->metrics->add (notes->lost, 0, lost);
}

static void
story_free (struct ag_story *s)
{
  free (s->text);
  free (s);
}

/* Writes what is new, and forgets who was idle for a while and has all in the store. */
static void
flush (struct ag_notes *notes)
{
  int64_t now = mono_ns ();
  uint32_t i;
  for (i = 0; i < STORIES; i++) {
    struct ag_story **at = &notes->story[i], *s;
    while ((s = *at)) {
      ag_story_flush (s, notes->bucket);
      if (s->len != s->stored || atomic_load (&s->writing) || now - s->used_ns < IDLE_NS) {
        at = &s->next;
        continue;
      }
      *at = s->next;
      story_free (s);
    }
  }
}

static void
turn (void *arg)
{
  struct ag_notes *notes = arg;
  pthread_mutex_lock (&notes->lock);
  drain (notes);
  flush (notes);
  pthread_mutex_unlock (&notes->lock);
}

/* ---- And back -------------------------------------------------------------------------- */

/* A load, on a thread that may read the disk. */
struct load {
  struct ag_notes *notes;
  kg_ticket *ticket;
  struct ag_call *call; /* alive only in `loaded` */
  int32_t (*then) (struct ag_call *c, const struct kg_json *trace, void *arg);
  void *arg;
  char *text; /* lines, oldest first; then a JSON array, newest first */
  size_t len, cap;
  uint64_t below; /* number of the chunk from which on memory knows better; 0: all */
  int32_t error;
  uint32_t tenant_len;
  char tenant[];
};

static void
load_free (void *arg)
{
  struct load *l = arg;
  free (l->text);
  free (l);
}

static int32_t
loaded (kg_req *req, void *arg)
{
  struct load *l = arg;
  struct ag_call *c = l->call;
  int32_t (*then) (struct ag_call *c, const struct kg_json *trace, void *arg) = l->then;
  void *then_arg = l->arg;
  int32_t error = l->error;
  const struct kg_json *j = NULL;
  if (!error && !(j = c->ag->host->parse (req, (kg_str){ l->text, l->len })))
    error = -ENOMEM;
  load_free (l);
  return error ? error : then (c, j, then_arg);
}

static int32_t
append (struct load *l, const char *text, size_t len)
{
  if (l->len + len > l->cap) {
    size_t cap = l->cap ? l->cap : 4096;
    char *bigger;
    while (cap < l->len + len)
      cap *= 2;
    bigger = realloc (l->text, cap);
    if (!bigger)
      return -ENOMEM;
    l->text = bigger;
    l->cap = cap;
  }
  if (len)
    memcpy (l->text + l->len, text, len);
  l->len += len;
  return 0;
}

static int32_t
chunk_take (const struct kg_entry *e, void *arg)
{
  struct load *l = arg;
  const char *slash = memrchr (e->key.ptr, '/', e->key.len);
  char digits[13] = "";
  if (!slash || e->key.ptr + e->key.len - slash != 13)
    return 0;
  memcpy (digits, slash + 1, 12);
  if (l->below && strtoull (digits, NULL, 10) >= l->below)
    return 1;
  return append (l, e->value.ptr, e->value.len);
}

/* Where a line is; it begins with the time, always of the same length. */
struct line {
  const char *text;
  size_t len;
};

/* Newest first; each worker has a ring of its own, so that they come in no order. */
static int
by_time (const void *a, const void *b)
{
  const struct line *x = a, *y = b;
  int order = memcmp (y->text, x->text, sizeof "{\"at\":\"" - 1 + AG_TIME_LEN);
  return order ? order : (x->text < y->text) - (x->text > y->text);
}

/* The lines as an array, the newest first, no more than are remembered. */
static int32_t
turn_round (struct load *l)
{
  size_t max = (size_t)l->notes->ag->conf->trace_max, count = 0, n = 0, at, i;
  char *out = malloc (l->len + 2);
  struct line *line = NULL;
  for (at = 0; at < l->len; at++)
    count += l->text[at] == '\n';
  if (!out || (count && !(line = malloc (count * sizeof *line)))) {
    free (out);
    return -ENOMEM;
  }
  for (at = i = 0; i < count; i++) {
    line[i].text = l->text + at;
    line[i].len = (size_t)((char *)memchr (l->text + at, '\n', l->len - at) - line[i].text);
    at += line[i].len + 1;
  }
  if (count)
    qsort (line, count, sizeof *line, by_time);
  for (i = 0; i < count && i < max; i++) {
    out[n++] = i ? ',' : '[';
    memcpy (out + n, line[i].text, line[i].len);
    n += line[i].len;
  }
  memcpy (out + n, count ? "]" : "[]", count ? 1 : 2);
  free (line);
  free (l->text);
  l->text = out;
  l->len = n + (count ? 1 : 2);
  return 0;
}

static int32_t
collect (struct load *l)
{
  struct ag_notes *notes = l->notes;
  struct load fresh = { .notes = notes };
  struct ag_story *s;
  char buf[KG_KEY_MAX];
  struct kg_out prefix = { buf, 0, sizeof buf };
  int32_t r = 0;
  pthread_mutex_lock (&notes->lock);
  drain (notes);
  s = story_find (notes, (kg_str){ l->tenant, l->tenant_len });
  if (s) {
    l->below = s->number;
    r = append (&fresh, s->text, s->len);
  }
  pthread_mutex_unlock (&notes->lock);
  kg_out_raw (&prefix, l->tenant, l->tenant_len);
  kg_out_lit (&prefix, "/");
  if (!r && kg_out_ok (&prefix))
    r = notes->ag->store->scan (notes->bucket, (kg_str){ buf, prefix.len }, chunk_take, l);
  if (r >= 0)
    r = append (l, fresh.text, fresh.len);
  free (fresh.text);
  return r < 0 ? r : turn_round (l);
}

static void
load_run (void *arg)
{
  struct load *l = arg;
  l->error = collect (l);
  l->notes->ag->host->resume (l->ticket, loaded, l, load_free);
}

int32_t
ag_notes_load (struct ag_call *c,
               int32_t (*then) (struct ag_call *c, const struct kg_json *trace, void *arg),
               void *arg)
{
  size_t n = strlen (c->who->tenant);
  struct load *l = calloc (1, sizeof *l + n);
  int32_t r;
  if (!l)
    return -ENOMEM;
  l->notes = c->ag->notes;
  l->call = c;
  l->then = then;
  l->arg = arg;
  l->tenant_len = (uint32_t)n;
  memcpy (l->tenant, c->who->tenant, n);
  l->ticket = c->ag->host->suspend (c->req, NULL, NULL);
  if (!l->ticket) {
    load_free (l);
    return -ENOMEM;
  }
  r = c->ag->jobs->run (c->ag->self, load_run, l);
  if (r < 0) {
    l->error = r;
    c->ag->host->resume (l->ticket, loaded, l, load_free);
  }
  return KG_WAIT;
}

/* ---- Life -------------------------------------------------------------------------------- */

int32_t
ag_notes_open (struct ag *ag)
{
  struct kg_metric_def lost = { .size = sizeof lost,
                                .kind = KG_COUNTER,
                                .name = "kgent_agentese_trace_lost_total",
                                .help = "Invocations for which the trace had no room." };
  struct ag_notes *notes = calloc (1, sizeof *notes);
  int32_t r;
  if (!notes)
    return -ENOMEM;
  ag->notes = notes;
  notes->ag = ag;
  pthread_mutex_init (&notes->lock, NULL);
  notes->rings = ag_rings_new ();
  if (!notes->rings)
    return -ENOMEM;
  if ((r = ag->metrics->define (ag->self, &lost, &notes->lost)) < 0
      || (r = ag->store->bucket2 (ag->self, "agentese.calls", KG_BUCKET_COLD, &notes->bucket)) < 0
      || (r = ag->host->hook (ag->self, KG_PHASE_LOG, at_log)) < 0)
    return r;
  ag->noted = noted;
  return 0;
}

int32_t
ag_notes_start (struct ag *ag)
{
  return ag->jobs->timer (ag->self, PERIOD_MS, PERIOD_MS, turn, ag->notes, &ag->notes->timer);
}

/* A clean end loses nothing. */
void
ag_notes_stop (struct ag *ag)
{
  struct ag_notes *notes = ag->notes;
  struct ag_story *s;
  uint32_t i;
  ag->jobs->cancel (notes->timer);
  notes->timer = NULL;
  pthread_mutex_lock (&notes->lock);
  drain (notes);
  for (i = 0; i < STORIES; i++)
    for (s = notes->story[i]; s; s = s->next)
      ag_story_end (s, notes->bucket);
  pthread_mutex_unlock (&notes->lock);
}

void
ag_notes_close (struct ag *ag)
{
  struct ag_notes *notes = ag->notes;
  uint32_t i;
  if (!notes)
    return;
  for (i = 0; i < STORIES; i++)
    while (notes->story[i]) {
      struct ag_story *s = notes->story[i];
      notes->story[i] = s->next;
      story_free (s);
    }
  ag_rings_free (notes->rings);
  pthread_mutex_destroy (&notes->lock);
  free (notes);
}
