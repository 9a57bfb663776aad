/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The fake host: the plugins' life, and what a test may ask. */
#include "fake-internal.h"

#include <kgent/json.h>

#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* ---- The host's [open] functions ---------------------------------------- */

static void
must_open (const kg_self *self, const char *function)
{
  if (!self->opening)
    fake_die ("%s: %s called it outside of open", function, self->name);
}

void
fake_host_log (kg_self *self, int32_t level, const char *fmt, ...)
{
  static const char *const names[] = { "?", "error", "warn", "info", "debug" };
  char line[2048];
  va_list ap;
  int n = snprintf (line, sizeof line, "%s %s: ", names[level > 0 && level < 5 ? level : 0],
                    self->name);
  va_start (ap, fmt);
  n += vsnprintf (line + n, sizeof line - (size_t)n - 1, fmt, ap);
  va_end (ap);
  if (n > (int)sizeof line - 2)
    n = (int)sizeof line - 2;
  line[n] = '\n';
  pthread_mutex_lock (&self->fake->lock);
  fake_text_add (&self->fake->log, line, (size_t)n + 1);
  pthread_mutex_unlock (&self->fake->lock);
  if (getenv ("KGENT_FAKE_LOG"))
    fprintf (stderr, "%.*s", n + 1, line);
}

int32_t
fake_host_route (kg_self *self, const struct kg_route *route)
{
  struct fake *fake = self->fake;
  struct kg_route r = { 0 };
  must_open (self, "route");
  memcpy (&r, route, route->size < sizeof r ? route->size : sizeof r);
  if (!r.method || !r.pattern || *r.pattern != '/' || !r.handler)
    return -EINVAL;
  for (uint32_t i = 0; i < fake->nroutes; i++)
    if (!strcmp (fake->routes[i].route.method, r.method)
        && !strcmp (fake->routes[i].route.pattern, r.pattern))
      return -EEXIST;
  if (fake->nroutes == FAKE_ROUTES)
    return -ENOMEM;
  fake->routes[fake->nroutes].self = self;
  fake->routes[fake->nroutes++].route = r;
  return 0;
}

int32_t
fake_host_hook (kg_self *self, int32_t phase, kg_fn *fn)
{
  struct fake *fake = self->fake;
  must_open (self, "hook");
  if (phase < KG_PHASE_ACCESS || phase > KG_PHASE_LOG || phase == KG_PHASE_HANDLER || !fn)
    return -EINVAL;
  if (fake->nhooks[phase] == FAKE_HOOKS)
    return -ENOMEM;
  fake->hooks[phase][fake->nhooks[phase]].self = self;
  fake->hooks[phase][fake->nhooks[phase]++].fn = fn;
  return 0;
}

static void
provided_add (struct fake *fake, const char *service, const void *table, uint32_t size)
{
  if (fake->nprovided == FAKE_PARTS)
    fake_die ("too many services");
  fake->provided[fake->nprovided].service = service;
  fake->provided[fake->nprovided].table = table;
  fake->provided[fake->nprovided++].size = size;
}

int32_t
fake_host_provide (kg_self *self, const char *service, const void *table, uint32_t size)
{
  must_open (self, "provide");
  if (!service || !table || !strchr (service, '/') || fake_service (self->fake, service))
    return !service || !table || !strchr (service, '/') ? -EINVAL : -EEXIST;
  provided_add (self->fake, service, table, size);
  return 0;
}

/* Fills a slot; 0 when nobody provides the service (yet). */
static int
need_fill (const struct fake_need *need)
{
  struct fake *fake = need->self->fake;
  for (uint32_t i = 0; i < fake->nprovided; i++) {
    const struct fake_provided *p = &fake->provided[i];
    void *copy;
    if (strcmp (p->service, need->service))
      continue;
    if (p->size >= need->size) {
      *need->slot = p->table;
      return 1;
    }
    copy = fake_pool_alloc (&need->self->pool, need->size);
    memcpy (copy, p->table, p->size);
    *need->slot = copy;
    return 1;
  }
  return 0;
}

int32_t
fake_host_need (kg_self *self, const char *service, uint32_t size, uint32_t flags,
                const void **slot)
{
  struct fake_need need = { self, service, size, flags, slot };
  must_open (self, "need");
  if (!service || !strchr (service, '/') || !slot || self->fake->nneeds == FAKE_ROUTES)
    return -EINVAL;
  *slot = NULL;
  if (!need_fill (&need))
    self->fake->needs[self->fake->nneeds++] = need;
  return 0;
}

/* ---- Life --------------------------------------------------------------- */

struct fake *
fake_new (void)
{
  struct fake *fake = calloc (1, sizeof *fake);
  if (!fake)
    fake_die ("out of memory");
  pthread_mutex_init (&fake->lock, NULL);
  fake->ready_end = &fake->ready;
  fake->self.fake = fake;
  fake->self.name = "host";
  fake->self.opening = 1;
  fake_text_add (&fake->log, "", 0);
  return fake;
}

static int
refuse (struct fake *fake, int error, const char *what)
{
  if (!*fake->error)
    snprintf (fake->error, sizeof fake->error, "%s", what);
  return error;
}

int
fake_open (struct fake *fake, const struct kg_plugin *plugin, const char *const *conf)
{
  kg_self *self;
  int e;
  *fake->error = 0;
  if (plugin->abi >> 16 != KG_ABI_CURRENT >> 16 || fake->nplugins == FAKE_PLUGINS)
    return refuse (fake, -EINVAL, "another ABI, or too many plugins");
  if (!(self = calloc (1, sizeof *self)))
    fake_die ("out of memory");
  self->fake = fake;
  memcpy (&self->plugin, plugin, plugin->size < sizeof *plugin ? plugin->size : sizeof *plugin);
  self->name = plugin->name;
  self->index = fake->nplugins + 1;
  fake->plugins[fake->nplugins++] = self;
  if ((e = fake_conf_fill (self, conf)) < 0)
    return e;
  self->opening = 1;
  e = plugin->open (&fake_table, self, self->conf, &self->data);
  self->opening = 0;
  self->opened = e >= 0;
  return e < 0 ? refuse (fake, e, "open failed") : 0;
}

int
fake_open_file (struct fake *fake, const char *path, const char *const *conf)
{
  void *so = dlopen (path, RTLD_NOW | RTLD_LOCAL);
  const struct kg_plugin *plugin = so ? dlsym (so, "kg_plugin_1") : NULL;
  *fake->error = 0;
  return plugin ? fake_open (fake, plugin, conf) : refuse (fake, -ENOENT, dlerror ());
}

static void
started (struct fake *fake, int good)
{
  if (fake->after_start)
    fake->after_start (fake->state, good);
}

int
fake_start (struct fake *fake)
{
  for (uint32_t i = 0; i < fake->nneeds; i++)
    if (!need_fill (&fake->needs[i]) && !(fake->needs[i].flags & KG_NEED_OPTIONAL))
      return refuse (fake, -ENOENT,
                     fake_pool_text (&fake->self.pool, "%s needs %s, which nobody provides",
                                     fake->needs[i].self->name, fake->needs[i].service));
  if (fake->before_start)
    fake->before_start (fake->state);
  for (uint32_t i = 0; i < fake->nplugins; i++) {
    kg_self *self = fake->plugins[i];
    int e;
    self->starting = fake->starting = 1;
    e = self->opened && self->plugin.start ? self->plugin.start (self->data) : 0;
    self->starting = fake->starting = 0;
    self->started = self->opened && e >= 0;
    if (e < 0) {
      started (fake, 0);
      fake_stop (fake);
      return refuse (fake, e, "start failed");
    }
  }
  started (fake, 1);
  fake_run (fake);
  return 0;
}

void
fake_stop (struct fake *fake)
{
  if (fake->before_stop)
    fake->before_stop (fake->state);
  for (uint32_t i = fake->nplugins; i-- > 0;) {
    kg_self *self = fake->plugins[i];
    if (self->started && self->plugin.stop)
      self->plugin.stop (self->data);
    self->started = 0;
  }
}

void
fake_close (struct fake *fake)
{
  for (uint32_t i = fake->nplugins; i-- > 0;) {
    kg_self *self = fake->plugins[i];
    if (self->opened && self->plugin.close)
      self->plugin.close (self->data);
    fake_pool_free (&self->pool);
    free (self);
  }
  if (fake->after_close)
    fake->after_close (fake->state);
  fake->nplugins = fake->nroutes = fake->nneeds = 0;
  fake->nprovided = fake->nown;
  memset (fake->nhooks, 0, sizeof fake->nhooks);
}

/* Requests that still wait end as when the host stops; their tickets must be
 * resumed by then. */
static void
requests_end (struct fake *fake)
{
  fake_run (fake);
  for (kg_req *r = fake->requests; r; r = r->next)
    fake_expire (r);
}

static void
requests_free (struct fake *fake)
{
  while (fake->requests) {
    kg_req *req = fake->requests;
    fake->requests = req->next;
    fake_pool_free (&req->pool);
    free (req->reply.ptr);
    free (req->stream.said.ptr);
    free (req);
  }
}

void
fake_free (struct fake *fake)
{
  if (!fake)
    return;
  requests_end (fake);
  fake_stop (fake);
  fake_close (fake);
  requests_free (fake);
  if (fake->release)
    fake->release (fake->state);
  fake_pool_free (&fake->self.pool);
  free (fake->log.ptr);
  pthread_mutex_destroy (&fake->lock);
  free (fake);
}

/* ---- What a test may ask ------------------------------------------------ */

const char *
fake_error (const struct fake *fake)
{
  return fake->error;
}

const char *
fake_logged (const struct fake *fake)
{
  return fake->log.ptr;
}

void
fake_log_clear (struct fake *fake)
{
  fake->log.len = 0;
  fake->log.ptr[0] = 0;
}

void
fake_provide (struct fake *fake, const char *service, const void *table, uint32_t size)
{
  if (fake->nplugins)
    fake_die ("fake_provide: after fake_open");
  provided_add (fake, service, table, size);
  fake->nown = fake->nprovided;
}

const void *
fake_service (const struct fake *fake, const char *service)
{
  for (uint32_t i = 0; i < fake->nprovided; i++)
    if (!strcmp (fake->provided[i].service, service))
      return fake->provided[i].table;
  return NULL;
}

struct fake *
fake_of (const kg_self *self)
{
  return self->fake;
}

kg_self *
fake_self (struct fake *fake)
{
  return &fake->self;
}

const struct kg_host *
fake_host (void)
{
  return &fake_table;
}

void
fake_attach (struct fake *fake, void *state, void (*release) (void *state))
{
  fake->state = state;
  fake->release = release;
}

void *
fake_attached (const struct fake *fake)
{
  return fake->state;
}

int64_t
fake_now (const struct fake *fake)
{
  struct timespec t;
  clock_gettime (CLOCK_REALTIME, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec + fake->skew_ns;
}

void
fake_advance (struct fake *fake, int64_t ms)
{
  fake->skew_ns += ms * 1000000;
}

void
fake_as (struct fake *fake, const struct kg_identity *identity, int admin, int local)
{
  fake->as = identity ? fake_identity_copy (&fake->self.pool, identity) : NULL;
  fake->as_admin = admin || local;
  fake->as_local = local;
}

void
fake_client (struct fake *fake, const char *address)
{
  fake->client = address ? fake_pool_text (&fake->self.pool, "%s", address) : NULL;
}

void
fake_stream_max (struct fake *fake, size_t bytes)
{
  fake->stream_max = bytes;
}

int
fake_status (const kg_req *req)
{
  return req->done || fake_stream_begun (req) ? req->status : 0;
}

int
fake_done (const kg_req *req)
{
  return req->done;
}

const char *
fake_header_n (const kg_req *req, const char *name, int n)
{
  for (int i = 0; i < req->nout; i++)
    if (!strcasecmp (req->out[i].name, name) && !n--)
      return req->out[i].value;
  return NULL;
}

const char *
fake_header (const kg_req *req, const char *name)
{
  return fake_header_n (req, name, 0);
}

/* What the client got: of a stream that began, its bytes. */
static const struct fake_text *
body_of (const kg_req *req)
{
  return req->stream.said.len ? &req->stream.said : &req->reply;
}

const char *
fake_body (const kg_req *req)
{
  const char *p = body_of (req)->ptr;
  return p ? p : "";
}

size_t
fake_body_len (const kg_req *req)
{
  return body_of (req)->len;
}

/* One step of a path: a member by its key, or an element by its number. */
static uint32_t
json_step (const struct kg_json *j, uint32_t at, const char *key)
{
  uint32_t i;
  int n = atoi (key);
  if (kg_json_kind (j, at) == KG_JSON_OBJECT)
    return kg_json_find (j, at, key);
  if (kg_json_kind (j, at) != KG_JSON_ARRAY)
    return 0;
  for (i = kg_json_first (j, at); i && n; n--)
    i = kg_json_next (j, at, i);
  return i;
}

const char *
fake_json (kg_req *req, const char *path)
{
  const struct kg_json *j = fake_scan (
      &req->pool, fake_pool_copy (&req->pool, fake_body (req), fake_body_len (req)),
      fake_body_len (req));
  uint32_t at = 0;
  kg_str s;
  while (j && *path) {
    size_t n = strcspn (path, ".");
    at = json_step (j, at, fake_pool_copy (&req->pool, path, n));
    if (!at)
      return NULL;
    path += n + (path[n] == '.');
  }
  if (!j)
    return NULL;
  if (kg_json_kind (j, at) == KG_JSON_STRING)
    return kg_json_str (&fake_table, req, j, at).ptr;
  s = kg_json_raw (j, at);
  return fake_pool_copy (&req->pool, s.ptr, s.len);
}

const struct kg_identity *
fake_identified (const kg_req *req)
{
  return req->identity;
}
