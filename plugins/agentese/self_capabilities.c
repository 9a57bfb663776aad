/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* self.capabilities: what one observer of the tenant holds, so that no other does, until it
 * is released or its time is over.
 *
 * State: {"held":[{"capability","key","observer","at","expires"}...]}. */
#include "plugins/agentese/self.h"

#include <errno.h>
#include <string.h>

#define HELD_MAX 64

struct held {
  kg_str capability, key, observer; /* key: id of the credential */
  int64_t at, expires;
};

struct capabilities {
  struct held all[HELD_MAX + 1];
  uint32_t n;
  kg_str wanted, who;
  int64_t now;
};

static int32_t
held_read (struct ag_call *c, const struct kg_json *j, uint32_t i, struct held *h)
{
  h->capability = ag_json_member (c, j, i, "capability");
  h->key = ag_json_member (c, j, i, "key");
  h->observer = ag_json_member (c, j, i, "observer");
  h->at = kg_json_int (j, kg_json_find (j, i, "at"), 0);
  h->expires = kg_json_int (j, kg_json_find (j, i, "expires"), 0);
  return h->capability.ptr && h->key.ptr && h->observer.ptr ? 0 : -ENOMEM;
}

/* Those that are held now. */
static int32_t
read_all (struct ag_call *c, const struct ag_node *node, struct capabilities *s)
{
  const struct kg_json *j = node->json;
  uint32_t list = j ? kg_json_find (j, node->state, "held") : 0, i;
  int32_t r = 0;
  s->n = 0;
  s->now = ag_now (c);
  for (i = list ? kg_json_first (j, list) : 0; i && s->n < HELD_MAX && !r;
       i = kg_json_next (j, list, i)) {
    r = held_read (c, j, i, &s->all[s->n]);
    s->n += !s->all[s->n].expires || s->all[s->n].expires > s->now;
  }
  return r;
}

static int32_t
same (kg_str a, kg_str b)
{
  return a.len == b.len && !memcmp (a.ptr, b.ptr, a.len);
}

static struct held *
find (struct capabilities *s)
{
  uint32_t i;
  for (i = 0; i < s->n; i++)
    if (same (s->all[i].capability, s->wanted))
      return &s->all[i];
  return NULL;
}

static kg_str
key_id (const struct ag_call *c)
{
  return ag_str (c->who->key_id ? c->who->key_id : "");
}

static int32_t
is_mine (const struct ag_call *c, const struct capabilities *s, const struct held *h)
{
  return same (h->key, key_id (c)) && same (h->observer, s->who);
}

static struct capabilities *
capabilities_new (struct ag_call *c)
{
  struct capabilities *s = c->ag->host->alloc (c->req, sizeof *s);
  if (s) {
    s->n = 0;
    s->wanted = ag_arg_text (c, "capability");
    s->who = ag_observer_name (c);
  }
  return s && s->who.ptr && !ag_arg_lost (c, "capability", s->wanted) ? s : NULL;
}

/* ---- list ------------------------------------------------------------------------- */

static void
list_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct capabilities *s = arg;
  uint32_t i;
  kg_out_lit (out, "{\"capabilities\":[");
  for (i = 0; i < s->n; i++) {
    kg_out_lit (out, i ? ",{\"capability\":" : "{\"capability\":");
    kg_out_str (out, s->all[i].capability);
    kg_out_lit (out, ",\"holder\":");
    kg_out_str (out, s->all[i].observer);
    kg_out_lit (out, ",\"mine\":");
    ag_out_bool (out, is_mine (c, s, &s->all[i]));
    kg_out_lit (out, ",\"at\":");
    ag_out_time (out, s->all[i].at);
    kg_out_lit (out, ",\"expires_at\":");
    ag_out_time (out, s->all[i].expires);
    kg_out_lit (out, "}");
  }
  kg_out_lit (out, "],\"total\":");
  kg_out_int (out, s->n);
  kg_out_lit (out, "}");
}

static int32_t
list (struct ag_call *c)
{
  struct capabilities *s = capabilities_new (c);
  struct ag_node node;
  int32_t r = ag_node_get (c, c->path.handle, &node);
  if (!s || (r < 0 && r != -ENOENT))
    return s ? r : -ENOMEM;
  r = read_all (c, &node, s);
  return r < 0 ? r : ag_answer (c, list_write, s);
}

/* ---- acquire, release ------------------------------------------------------------------ */

static int32_t
state_write (struct ag_call *c, const struct capabilities *s, kg_str *ret)
{
  size_t size = 32;
  struct kg_out o;
  uint32_t i;
  for (i = 0; i < s->n; i++)
    size += 6 * (s->all[i].capability.len + s->all[i].key.len + s->all[i].observer.len) + 128;
  if (ag_out_new (c, size, &o) < 0)
    return -ENOMEM;
  kg_out_lit (&o, "{\"held\":[");
  for (i = 0; i < s->n; i++) {
    kg_out_lit (&o, i ? ",{\"capability\":" : "{\"capability\":");
    kg_out_str (&o, s->all[i].capability);
    kg_out_lit (&o, ",\"key\":");
    kg_out_str (&o, s->all[i].key);
    kg_out_lit (&o, ",\"observer\":");
    kg_out_str (&o, s->all[i].observer);
    kg_out_lit (&o, ",\"at\":");
    kg_out_int (&o, s->all[i].at);
    kg_out_lit (&o, ",\"expires\":");
    kg_out_int (&o, s->all[i].expires);
    kg_out_lit (&o, "}");
  }
  kg_out_lit (&o, "]}");
  *ret = (kg_str){ o.ptr, o.len };
  return ag_state_fits (c, o.len);
}

static int32_t
held_by_other (struct ag_call *c, const struct held *h)
{
  static const struct ag_advice advice
      = { "One observer holds a capability at a time.",
          "wait until it is released; self.capabilities.list says until when", NULL };
  char shown[96], by[96];
  ag_quote (shown, sizeof shown, h->capability);
  return ag_refuse_why (c, AG_CONFLICTING, 409, &advice, "'%s' is held by '%s'", shown,
                        ag_quote (by, sizeof by, h->observer));
}

static int32_t
acquire_prepare (struct ag_change *ch, const struct ag_node *old)
{
  struct capabilities *s = ch->extra;
  struct ag_call *c = ch->call;
  double ttl = ag_arg_number (c, "ttl", 0);
  struct held *h;
  int32_t r = read_all (c, old, s);
  if (r < 0)
    return r;
  h = find (s);
  if (h && !is_mine (c, s, h))
    return held_by_other (c, h);
  if (!h && s->n == HELD_MAX)
    return ag_over_limit (c, "agentese.capabilities", HELD_MAX, "capabilities of this tenant");
  if (!h)
    h = &s->all[s->n++];
  *h = (struct held){ s->wanted, key_id (c), s->who, s->now,
                      ttl > 0 ? s->now + (int64_t)(ttl * 1e9) : 0 };
  ch->bump = 1;
  return state_write (c, s, &ch->state);
}

static void
acquire_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  struct capabilities *s = ((struct ag_change *)arg)->extra;
  const struct held *h = find (s);
  (void)c;
  kg_out_lit (out, "{\"capability\":");
  kg_out_str (out, s->wanted);
  kg_out_lit (out, ",\"acquired\":true,\"holder\":");
  kg_out_str (out, s->who);
  kg_out_lit (out, ",\"expires_at\":");
  ag_out_time (out, h->expires);
  kg_out_lit (out, "}");
}

static int32_t
release_prepare (struct ag_change *ch, const struct ag_node *old)
{
  static const struct ag_advice advice
      = { "It was never acquired, was released, or its time is over.",
          "self.capabilities.list", NULL };
  struct capabilities *s = ch->extra;
  struct ag_call *c = ch->call;
  char shown[96];
  struct held *h;
  int32_t r = read_all (c, old, s);
  if (r < 0)
    return r;
  if (!(h = find (s)))
    return ag_refuse_why (c, AG_NOT_FOUND, 404, &advice, "'%s' is not held",
                          ag_quote (shown, sizeof shown, s->wanted));
  if (!is_mine (c, s, h))
    return held_by_other (c, h);
  *h = s->all[--s->n];
  ch->bump = 1;
  return state_write (c, s, &ch->state);
}

static void
release_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct capabilities *s = ((struct ag_change *)arg)->extra;
  (void)c;
  kg_out_lit (out, "{\"capability\":");
  kg_out_str (out, s->wanted);
  kg_out_lit (out, ",\"released\":true}");
}

static int32_t
change (struct ag_call *c, int32_t (*prepare) (struct ag_change *, const struct ag_node *),
        ag_result *result)
{
  struct ag_change *ch = ag_change_new (c);
  struct capabilities *s = capabilities_new (c);
  if (!ch || !s)
    return -ENOMEM;
  ch->extra = s;
  ch->prepare = prepare;
  ch->result = result;
  return ag_change_run (ch);
}

static int32_t
acquire (struct ag_call *c)
{
  return change (c, acquire_prepare, acquire_write);
}

static int32_t
release (struct ag_call *c)
{
  return change (c, release_prepare, release_write);
}

#define CAPABILITY                                                                              \
  "\"capability\":{\"type\":\"string\",\"pattern\":\"^[a-z][a-z0-9_.:-]*$\",\"maxLength\":64}"

const struct ag_aspect ag_capabilities_aspects[] = {
  { .name = "manifest",
    .category = AG_PERCEPTION,
    .run = list,
    .summary = "Which capabilities are held." },
  { .name = "list",
    .category = AG_PERCEPTION,
    .run = list,
    .summary = "Which capabilities are held, and by whom." },
  { .name = "acquire",
    .category = AG_MUTATION,
    .run = acquire,
    .summary = "Hold a capability that no other observer holds.",
    .input = "{\"type\":\"object\",\"required\":[\"capability\"],\"properties\":{" CAPABILITY
             ",\"ttl\":{\"type\":\"number\",\"exclusiveMinimum\":0,\"maximum\":31536000}}}" },
  { .name = "release",
    .category = AG_MUTATION,
    .run = release,
    .summary = "Hold it no longer.",
    .input = "{\"type\":\"object\",\"required\":[\"capability\"],\"properties\":{" CAPABILITY
             "}}" },
  { .name = NULL },
};
