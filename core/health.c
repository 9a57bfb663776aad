/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Components form a list that only grows, while plugins open.  One lock guards
 * all of them: it is held for a copy of at most 1.3 KiB, by writers a few times
 * a second and by probes. */

#include "core/health.h"

#include "core/host.h"
#include "core/util/clock.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLAGS_ALL (KG_HEALTH_READINESS | KG_HEALTH_ESSENTIAL)

/* What changes of a component. */
struct status {
  int64_t set_ns;     /* monotonic; 0: never set */
  int64_t expires_ns; /* monotonic; 0: never */
  int32_t state;
  uint32_t facts_len; /* 0: none */
  char detail[HEALTH_DETAIL_MAX + 1];
  char facts[HEALTH_FACTS_MAX + 1];
};

struct kg_component {
  struct health *health;
  struct kg_component *next;
  uint32_t flags;
  char name[HEALTH_NAME_MAX + 1];
  struct status status; /* under health->lock */
};

struct health {
  pthread_mutex_t lock;
  struct kg_component *first, **last; /* in the order of adding */
};

static int
name_ok (const char *name)
{
  size_t n = name ? strlen (name) : 0;
  return n >= 1 && n <= HEALTH_NAME_MAX
         && strspn (name, "abcdefghijklmnopqrstuvwxyz0123456789_") == n;
}

/* Bytes of the well-formed UTF-8 character at p, 0 for a malformed one
 * (Unicode 15, table 3-7). */
static size_t
char_len (const unsigned char *p)
{
  size_t n = *p < 0x80 ? 1 : *p < 0xC2 ? 0 : *p < 0xE0 ? 2 : *p < 0xF0 ? 3 : *p < 0xF5 ? 4 : 0;
  size_t i;
  for (i = 1; i < n; i++)
    if ((p[i] & 0xC0) != 0x80)
      return 0;
  if ((*p == 0xE0 && p[1] < 0xA0) || (*p == 0xED && p[1] > 0x9F) || (*p == 0xF0 && p[1] < 0x90)
      || (*p == 0xF4 && p[1] > 0x8F))
    return 0;
  return n;
}

/* Makes a text printable on one line: details carry words of strangers. */
static void
text_clean (char *text)
{
  unsigned char *p = (unsigned char *)text;
  while (*p) {
    size_t n = char_len (p);
    if (n == 1 && (*p < 0x20 || *p == 0x7F))
      *p = ' ';
    else if (!n) {
      *p = '?';
      n = 1;
    }
    p += n;
  }
}

/* Cuts a text that vsnprintf filled to the brim where a character begins. */
static void
text_trim (char *text, size_t len)
{
  while (len && ((unsigned char)text[len - 1] & 0xC0) == 0x80)
    len--;
  if (len && (unsigned char)text[len - 1] >= 0xC0)
    text[len - 1] = 0;
}

/* The component's status as of now, staleness applied. */
static void
status_read (struct kg_component *c, struct status *ret, int32_t *ret_stale)
{
  int64_t now = clock_mono ();
  pthread_mutex_lock (&c->health->lock);
  *ret = c->status;
  pthread_mutex_unlock (&c->health->lock);
  *ret_stale = ret->expires_ns && now >= ret->expires_ns;
  if (*ret_stale) {
    ret->state = KG_HEALTH_DOWN;
    strcpy (ret->detail, "stale");
  }
}

static struct kg_component *
health_first (struct health *h)
{
  struct kg_component *c;
  pthread_mutex_lock (&h->lock);
  c = h->first;
  pthread_mutex_unlock (&h->lock);
  return c;
}

static struct kg_component *
health_next (struct kg_component *c)
{
  struct kg_component *next;
  pthread_mutex_lock (&c->health->lock);
  next = c->next;
  pthread_mutex_unlock (&c->health->lock);
  return next;
}

static int32_t
component_append (struct health *h, struct kg_component *c)
{
  struct kg_component *other;
  int32_t r = 0;
  pthread_mutex_lock (&h->lock);
  for (other = h->first; other && !r; other = other->next)
    if (!strcmp (other->name, c->name))
      r = -EEXIST;
  if (!r) {
    *h->last = c;
    h->last = &c->next;
  }
  pthread_mutex_unlock (&h->lock);
  return r;
}

/* ---- The service --------------------------------------------------------- */

static int32_t
service_add (kg_self *self, const char *name, uint32_t flags, kg_component **ret)
{
  return self->opening || self->host->starting
             ? health_add (self->host->health, name, flags, ret)
             : -EPERM;
}

static int32_t
service_walk (kg_self *self, int32_t (*fn) (const struct kg_health_view *, void *), void *arg)
{
  return health_walk (self->host->health, fn, arg);
}

const struct kg_health health_service = {
  .size = sizeof (struct kg_health),
  .add = service_add,
  .set = health_set,
  .facts = health_facts,
  .walk = service_walk,
};

/* ---- Public functions ---------------------------------------------------- */

struct health *
health_create (void)
{
  struct health *h = calloc (1, sizeof *h);
  if (!h)
    return NULL;
  pthread_mutex_init (&h->lock, NULL);
  h->last = &h->first;
  return h;
}

void
health_destroy (struct health *h)
{
  struct kg_component *c, *next;
  if (!h)
    return;
  for (c = h->first; c; c = next) {
    next = c->next;
    free (c);
  }
  pthread_mutex_destroy (&h->lock);
  free (h);
}

int32_t
health_add (struct health *h, const char *name, uint32_t flags, kg_component **ret)
{
  struct kg_component *c;
  int32_t r;
  if (!name_ok (name) || flags & ~FLAGS_ALL)
    return -EINVAL;
  c = calloc (1, sizeof *c);
  if (!c)
    return -ENOMEM;
  c->health = h;
  c->flags = flags;
  strcpy (c->name, name);
  c->status.state = KG_HEALTH_STARTING;
  r = component_append (h, c);
  if (r < 0)
    free (c);
  else
    *ret = c;
  return r;
}

void
health_vset (kg_component *c, int32_t state, uint32_t ttl_ms, const char *detail, va_list args)
{
  char text[HEALTH_DETAIL_MAX + 1] = "";
  int64_t now = clock_mono ();
  int n = detail ? vsnprintf (text, sizeof text, detail, args) : 0;
  if (n >= (int)sizeof text)
    text_trim (text, sizeof text - 1);
  text_clean (text);
  if (state < KG_HEALTH_OK || state > KG_HEALTH_STARTING)
    state = KG_HEALTH_DOWN;
  pthread_mutex_lock (&c->health->lock);
  c->status.state = state;
  c->status.set_ns = now;
  c->status.expires_ns = ttl_ms ? now + ttl_ms * CLOCK_MS : 0;
  memcpy (c->status.detail, text, sizeof text);
  pthread_mutex_unlock (&c->health->lock);
}

void
health_set (kg_component *c, int32_t state, uint32_t ttl_ms, const char *detail, ...)
{
  va_list args;
  va_start (args, detail);
  health_vset (c, state, ttl_ms, detail, args);
  va_end (args);
}

int32_t
health_facts (kg_component *c, const char *json, size_t len)
{
  if (len > HEALTH_FACTS_MAX)
    return -E2BIG;
  if (len < 2 || json[0] != '{' || json[len - 1] != '}' || memchr (json, 0, len))
    return -EINVAL;
  pthread_mutex_lock (&c->health->lock);
  memcpy (c->status.facts, json, len);
  c->status.facts[len] = 0;
  c->status.facts_len = (uint32_t)len;
  pthread_mutex_unlock (&c->health->lock);
  return 0;
}

int32_t
health_walk (struct health *h, int32_t (*fn) (const struct kg_health_view *, void *arg),
             void *arg)
{
  struct kg_component *c;
  int32_t r = 0;
  for (c = health_first (h); c && !r; c = health_next (c)) {
    struct status s;
    struct kg_health_view view = { .size = sizeof view, .flags = c->flags, .name = c->name };
    status_read (c, &s, &view.stale);
    view.state = s.state;
    view.detail = s.detail;
    view.facts = s.facts_len ? s.facts : NULL;
    view.age_ms = s.set_ns ? (clock_mono () - s.set_ns) / CLOCK_MS : -1;
    r = fn (&view, arg);
  }
  return r;
}

int32_t
health_ready (struct health *h)
{
  int64_t now = clock_mono ();
  struct kg_component *c;
  int32_t ready = 1;
  pthread_mutex_lock (&h->lock);
  for (c = h->first; c && ready; c = c->next)
    if (c->flags & KG_HEALTH_READINESS)
      ready = c->status.state != KG_HEALTH_DOWN && c->status.state != KG_HEALTH_STARTING
              && (!c->status.expires_ns || now < c->status.expires_ns);
  pthread_mutex_unlock (&h->lock);
  return ready;
}
