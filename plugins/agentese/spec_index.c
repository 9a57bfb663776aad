/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Which nodes of which tenant are specs, learned by watching the bucket of nodes.
 *
 * Calls ask a filter, without a lock: a count for each hash, of which many share one.  It
 * says no for almost every node that is none, and yes for every one that is; what it says yes
 * to is looked at in the store.  So nothing has to be freed that a worker may look into, and
 * nothing can be out of date.
 *
 * Lists of paths ask for a tenant's paths, in their order, under a lock that is held for some
 * copies only; no invocation takes it. */
#include "plugins/agentese/registry_entry.h"
#include "plugins/agentese/spec_tenant.h"

#include <json-c/json.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define FILTER 262144u /* counts; a power of two */
#define OWNERS 1024u   /* chains; the same */

/* An aspect of a tenant's spec. */
struct item {
  uint32_t handle_len;
  char path[];
};

/* A tenant that has specs, or had some. */
struct owner {
  struct owner *next;
  struct item **at; /* in the order of their paths */
  uint32_t n, cap;
  uint32_t tenant_len;
  char tenant[];
};

struct ag_spec_index {
  struct ag *ag;
  uint64_t seed;
  pthread_mutex_t lock; /* of the owners, and of who writes the filter */
  struct owner *owner[OWNERS];
  _Atomic uint32_t count;          /* specs of all tenants */
  _Atomic uint8_t filter[FILTER]; /* 255: so many that it is never counted down again */
};

/* ---- The filter -------------------------------------------------------------------------------- */

static uint32_t
place_of (const struct ag_spec_index *x, kg_str tenant, kg_str handle)
{
  uint64_t h = ag_hash_text (ag_hash_text (x->seed, tenant), handle);
  return (uint32_t)(h ^ h >> 32) & (FILTER - 1);
}

int32_t
ag_spec_maybe (const struct ag *ag, const char *tenant, kg_str handle)
{
  const struct ag_spec_index *x = ag->spec_index;
  if (!x || !atomic_load_explicit (&x->count, memory_order_acquire))
    return 0;
  return atomic_load_explicit (&x->filter[place_of (x, ag_str (tenant), handle)],
                               memory_order_acquire)
         > 0;
}

/* The lock is held. */
static void
filter_note (struct ag_spec_index *x, kg_str tenant, kg_str handle, int32_t more)
{
  _Atomic uint8_t *count = &x->filter[place_of (x, tenant, handle)];
  uint8_t was = atomic_load_explicit (count, memory_order_relaxed);
  if (was < 255)
    atomic_store_explicit (count, (uint8_t)(was + more), memory_order_release);
  atomic_fetch_add_explicit (&x->count, (uint32_t)more, memory_order_release);
}

/* ---- Owners --------------------------------------------------------------------------------------- */

static struct owner **
owner_place (struct ag_spec_index *x, kg_str tenant)
{
  struct owner **o = &x->owner[ag_hash_text (x->seed, tenant) & (OWNERS - 1)];
  while (*o && ((*o)->tenant_len != tenant.len || memcmp ((*o)->tenant, tenant.ptr, tenant.len)))
    o = &(*o)->next;
  return o;
}

static struct owner *
owner_get (struct ag_spec_index *x, kg_str tenant)
{
  struct owner **place = owner_place (x, tenant);
  if (!*place && (*place = calloc (1, sizeof **place + tenant.len))) {
    (*place)->tenant_len = (uint32_t)tenant.len;
    memcpy ((*place)->tenant, tenant.ptr, tenant.len);
  }
  return *place;
}

/* Where the first path lies that is not before `path`. */
static uint32_t
lower (const struct owner *o, kg_str path)
{
  uint32_t low = 0, high = o->n;
  while (low < high) {
    uint32_t mid = low + (high - low) / 2;
    size_t n = strlen (o->at[mid]->path), least = n < path.len ? n : path.len;
    int order = least ? memcmp (o->at[mid]->path, path.ptr, least) : 0;
    if (order < 0 || (!order && n < path.len))
      low = mid + 1;
    else
      high = mid;
  }
  return low;
}

static void
item_add (struct owner *o, kg_str handle, const char *aspect)
{
  size_t n = strlen (aspect), cap = o->cap ? 2 * (size_t)o->cap : 16;
  struct item *it, **at = o->at;
  uint32_t i;
  if (handle.len + 1 + n > AG_PATH_MAX)
    return; /* no path is so long: it cannot be invoked */
  it = malloc (sizeof *it + handle.len + n + 2);
  if (o->n == o->cap && it && (at = realloc (o->at, cap * sizeof *at))) {
    o->at = at;
    o->cap = (uint32_t)cap;
  }
  if (!it || !at || o->n == o->cap) {
    free (it);
    return; /* it can be invoked, and lists leave it out */
  }
  it->handle_len = (uint32_t)handle.len;
  memcpy (it->path, handle.ptr, handle.len);
  it->path[handle.len] = '.';
  memcpy (it->path + handle.len + 1, aspect, n + 1);
  i = lower (o, (kg_str){ it->path, handle.len + 1 + n });
  memmove (&o->at[i + 1], &o->at[i], (o->n - i) * sizeof *o->at);
  o->at[i] = it;
  o->n++;
}

/* Takes out all aspects of a node: how many there were.  Those of nodes below it lie between. */
static uint32_t
items_drop (struct owner *o, kg_str handle)
{
  uint32_t i = lower (o, handle), kept = i, dropped = 0;
  if (i == o->n)
    return 0;
  for (; i < o->n; i++) {
    struct item *it = o->at[i];
    if (strncmp (it->path, handle.ptr, handle.len) != 0)
      break;
    if (it->handle_len == handle.len) {
      free (it);
      dropped++;
    } else
      o->at[kept++] = it;
  }
  memmove (&o->at[kept], &o->at[i], (o->n - i) * sizeof *o->at);
  o->n -= dropped;
  return dropped;
}

/* ---- Watching -------------------------------------------------------------------------------------- */

/* The spec that a node's value holds, in memory to be freed; NULL: it holds none. */
static struct ag_spec *
value_spec (const struct ag *ag, kg_str value, void **ret_mem)
{
  json_object *root = NULL, *state, *text;
  struct ag_spec_error err;
  struct ag_spec *spec = NULL;
  json_tokener *tok;
  kg_str s;
  *ret_mem = NULL;
  if (!memmem (value.ptr, value.len, "\"spec\":\"", 8) || !(tok = json_tokener_new_ex (128)))
    return NULL;
  root = json_tokener_parse_ex (tok, value.ptr, (int)value.len);
  if (json_object_object_get_ex (root, "state", &state)
      && json_object_object_get_ex (state, "spec", &text)
      && json_object_is_type (text, json_type_string)) {
    s = (kg_str){ json_object_get_string (text), (size_t)json_object_get_string_len (text) };
    if (ag_spec_begins (s) && (*ret_mem = malloc (ag_spec_size (s.len)))
        && (ag_spec_read (s, *ret_mem, ag_spec_size (s.len), &spec, &err) < 0
            || ag_spec_fits (ag, spec, &err) < 0))
      spec = NULL;
  }
  json_object_put (root);
  json_tokener_free (tok);
  return spec;
}

static void
node_note (struct ag_spec_index *x, kg_str key, kg_str handle, const struct ag_spec *spec)
{
  static const char *const common[]
      = { "manifest", "witness", "affordances", "define", "relate", "transform" };
  kg_str tenant = { key.ptr, key.len - handle.len - 1 };
  struct owner *o = spec ? owner_get (x, tenant) : *owner_place (x, tenant);
  uint32_t i, k;
  if (!o)
    return;
  if (items_drop (o, handle)) {
    filter_note (x, tenant, handle, -1);
    if (!spec)
      ag_spec_uses_forget (x->ag, key);
  }
  if (!spec)
    return;
  filter_note (x, tenant, handle, 1);
  for (i = 0; i < sizeof common / sizeof common[0]; i++) {
    for (k = 0; k < spec->naspects && strcmp (spec->aspect[k].name, common[i]);)
      k++;
    if (k == spec->naspects)
      item_add (o, handle, common[i]);
  }
  for (i = 0; i < spec->naspects; i++)
    item_add (o, handle, spec->aspect[i].name);
}

void
ag_spec_watch (const struct kg_entry *e, void *arg)
{
  struct ag_spec_index *x = ((struct ag *)arg)->spec_index;
  const char *slash = memrchr (e->key.ptr, '/', e->key.len);
  void *mem = NULL;
  struct ag_spec *spec = NULL;
  kg_str handle;
  if (!slash)
    return;
  handle = (kg_str){ slash + 1, e->key.len - (size_t)(slash + 1 - e->key.ptr) };
  if (!ag_is_versioned (handle)) /* only nodes of the open world can be specs */
    return;
  if (e->value.ptr)
    spec = value_spec (x->ag, e->value, &mem);
  pthread_mutex_lock (&x->lock);
  node_note (x, e->key, handle, spec);
  pthread_mutex_unlock (&x->lock);
  free (mem);
}

/* ---- Listing ----------------------------------------------------------------------------------------- */

uint32_t
ag_spec_paths (struct ag *ag, const char *tenant, kg_str prefix, kg_str after,
               struct ag_spec_path *ret, uint32_t max)
{
  struct ag_spec_index *x = ag->spec_index;
  const struct owner *o;
  uint32_t i, k, n = 0;
  pthread_mutex_lock (&x->lock);
  o = *owner_place (x, ag_str (tenant));
  if (o) {
    i = lower (o, after);
    if (i < o->n && ag_str_is (after, o->at[i]->path))
      i++;
    k = lower (o, prefix);
    for (i = i > k ? i : k; i < o->n && n < max; i++) {
      if (prefix.len && strncmp (o->at[i]->path, prefix.ptr, prefix.len) != 0)
        break;
      ret[n].handle_len = o->at[i]->handle_len;
      strcpy (ret[n++].path, o->at[i]->path);
    }
  }
  pthread_mutex_unlock (&x->lock);
  return n;
}

/* ---- Life ---------------------------------------------------------------------------------------------- */

int32_t
ag_spec_index_open (struct ag *ag)
{
  struct ag_spec_index *x = calloc (1, sizeof *x);
  if (!x)
    return -ENOMEM;
  x->ag = ag;
  pthread_mutex_init (&x->lock, NULL);
  if (getrandom (&x->seed, sizeof x->seed, 0) != sizeof x->seed)
    x->seed = (uint64_t)(uintptr_t)x;
  ag->spec_index = x;
  return ag->store->watch (ag->nodes, ag_spec_watch, ag);
}

void
ag_spec_index_close (struct ag *ag)
{
  struct ag_spec_index *x = ag->spec_index;
  struct owner *o, *next;
  uint32_t i, k;
  for (i = 0; x && i < OWNERS; i++)
    for (o = x->owner[i]; o; o = next) {
      next = o->next;
      for (k = 0; k < o->n; k++)
        free (o->at[k]);
      free (o->at);
      free (o);
    }
  if (x)
    pthread_mutex_destroy (&x->lock);
  free (x);
  ag->spec_index = NULL;
}
