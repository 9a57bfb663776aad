/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Usage for Stripe, as the operator sees it: what is configured, what waits, and what Stripe
 * refused, to send that again or to drop it.
 *
 * A part is named METER:TENANT:MINUTE:PART; only the tenant may have a colon of its own. */
#include "plugins/billing-stripe/desk.h"
#include "plugins/billing-stripe/payer.h"
#include "plugins/billing-stripe/usage.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_MAX 500 /* in one request */

/* ---- Names ----------------------------------------------------------------- */

/* The key of a parked part, by its name: 0 or -EINVAL. */
static int32_t
key_of (const char *name, const char *kind, char ret[USAGE_KEY])
{
  char *first, *last, *minute;
  if (snprintf (ret, USAGE_KEY, "%s/%s", kind, name) >= USAGE_KEY || strchr (name, '/'))
    return -EINVAL;
  first = strchr (ret, ':');
  last = strrchr (ret, ':');
  if (!first || first == last)
    return -EINVAL;
  *first = *last = '/';
  minute = strrchr (ret, ':');
  if (!minute)
    return -EINVAL;
  *minute = '/';
  return 0;
}

/* ---- Lists ----------------------------------------------------------------- */

struct part_list {
  struct desk *desk;
  const char *kind; /* "parked", "out", "open" */
  uint32_t count;
  char last[USAGE_KEY];
};

static void
part_name (const char *rest, char ret[USAGE_KEY])
{
  snprintf (ret, USAGE_KEY, "%s", rest);
  for (char *p = strchr (ret, '/'); p; p = strchr (p, '/'))
    *p = ':';
}

/* Members of what is stored: of parts that wait "SUM CUSTOMER", of sums "SUM". */
static void
value_show (struct desk *d, const char *kind, kg_str value)
{
  char text[STRIPE_ID_MAX + 64], *space;
  if (!strcmp (kind, "parked") && value.len > 1) {
    desk_lit (d, ",");
    desk_raw (d, value.ptr + 1, value.len - 2);
    return;
  }
  if (usage_text (value, text, sizeof text) < 0)
    return;
  if ((space = strchr (text, ' ')))
    *space++ = 0;
  if (space && strchr (space, ' '))
    *strchr (space, ' ') = 0;
  desk_lit (d, ",\"value\":");
  desk_lit (d, text);
  desk_lit (d, ",\"customer\":");
  desk_text (d, space);
}

static int32_t
part_add (const struct kg_entry *entry, void *arg)
{
  struct part_list *l = arg;
  struct desk *d = l->desk;
  struct usage_place place;
  char key[USAGE_KEY], name[USAGE_KEY], *rest;
  if (usage_text (entry->key, key, sizeof key) < 0 || usage_place_read (key, &place) < 0)
    return 0;
  rest = key + strlen (l->kind) + 1;
  part_name (rest, name);
  desk_lit (d, l->count++ ? ",{\"name\":" : "{\"name\":");
  desk_text (d, name);
  desk_lit (d, ",\"meter\":");
  desk_text (d, place.meter);
  desk_lit (d, ",\"tenant\":");
  desk_text (d, place.tenant);
  desk_lit (d, ",\"minute\":");
  desk_time (d, place.minute * 60);
  value_show (d, l->kind, entry->value);
  desk_lit (d, "}");
  snprintf (l->last, sizeof l->last, "%s", rest);
  return d->error < 0 ? d->error : l->count == d->limit;
}

static int32_t
list_run (struct desk *d)
{
  struct part_list l = { .desk = d, .kind = "parked" };
  char prefix[16];
  int32_t rc;
  if (!strcmp (d->state, "waiting"))
    l.kind = "out";
  else if (!strcmp (d->state, "open"))
    l.kind = "open";
  else if (*d->state && strcmp (d->state, "parked"))
    return desk_refuse (d, 422, "state is parked, waiting or open");
  snprintf (prefix, sizeof prefix, "%s/", l.kind);
  desk_lit (d, "{\"parts\":[");
  rc = desk_scan (d, d->billing->usage->bucket, prefix, part_add, &l);
  desk_lit (d, "],\"next\":");
  desk_text (d, l.count == d->limit ? l.last : NULL);
  desk_lit (d, "}");
  return rc < 0 ? rc : 0;
}

/* ---- How it stands --------------------------------------------------------- */

static void
number_show (struct desk *d, const char *name, int64_t n)
{
  desk_lit (d, name);
  desk_int (d, n);
}

static void
count_show (struct desk *d, const char *name, const char *prefix)
{
  number_show (d, name, keys_count (d->billing, d->billing->usage->bucket, prefix));
}

static void
meters_show (struct desk *d)
{
  const struct billing_conf *conf = d->billing->conf;
  const struct usage_meter *m = conf->usage.items;
  desk_lit (d, "{\"meters\":[");
  for (uint64_t i = 0; i < conf->usage.count; i++) {
    desk_lit (d, i ? ",{\"meter\":" : "{\"meter\":");
    desk_text (d, m[i].meter);
    desk_lit (d, ",\"type\":");
    desk_text (d, m[i].type);
    desk_lit (d, ",\"value\":");
    desk_text (d, *m[i].value ? m[i].value : NULL);
    desk_lit (d, "}");
  }
  desk_lit (d, "]");
}

static int32_t
status_run (struct desk *d)
{
  struct billing *b = d->billing;
  struct usage *u = b->usage;
  uint64_t newest = b->store->newest (u->log), at = newest, left = 0;
  if (u->cursor)
    at = b->store->position (u->cursor);
  else
    left = usage_left_find (u);
  meters_show (d);
  number_show (d, ",\"newest\":", (int64_t) newest);
  number_show (d, ",\"behind\":", newest > at ? (int64_t) (newest - at) : 0);
  count_show (d, ",\"open\":", "open/");
  count_show (d, ",\"waiting\":", "out/");
  count_show (d, ",\"parked\":", "parked/");
  desk_lit (d, ",\"kept\":");
  if (left)
    desk_int (d, newest + 1 > left ? (int64_t) (newest + 1 - left) : 0);
  else
    desk_lit (d, "null");
  desk_lit (d, "}");
  return 0;
}

/* ---- Again, or never ------------------------------------------------------- */

/* Parts that are being changed. */
struct change {
  uint32_t count, more;
  struct kg_op op[2 * RETRY_MAX];
  char key[RETRY_MAX][USAGE_KEY], out[RETRY_MAX][USAGE_KEY];
  char value[RETRY_MAX][STRIPE_ID_MAX + 64];
  uint64_t revision[RETRY_MAX];
  const char *what;
};

static void
change_drop (struct desk *d)
{
  free (d->mine);
}

static int64_t
json_number (json_object *o, const char *name)
{
  json_object *v = stripe_member (o, name);
  return v ? json_object_get_int64 (v) : 0;
}

/* What a parked part is sent as: for the customer that the tenant has by now. */
static int32_t
again_value (struct billing *b, const char *key, kg_str text, char *ret, size_t size)
{
  struct usage_place place;
  json_tokener *tok = json_tokener_new ();
  json_object *o = tok ? json_tokener_parse_ex (tok, text.ptr, (int) text.len) : NULL;
  const char *parked = stripe_text (o, "customer");
  char customer[STRIPE_ID_MAX + 1] = "";
  int32_t rc = parked ? usage_place_read (key, &place) : -EBADMSG;
  if (rc == 0)
    rc = payer_look (b, place.tenant, customer);
  if (rc == -ENOENT) {
    snprintf (customer, sizeof customer, "%s", parked);
    rc = 0;
  }
  if (rc == 0)
    snprintf (ret, size, "%lld %s %lld", (long long) json_number (o, "value"), customer,
              (long long) json_number (o, "retries") + 1);
  json_object_put (o);
  if (tok)
    json_tokener_free (tok);
  return rc;
}

/* Its key and revision; values are read once the scan is over. */
static int32_t
parked_add (const struct kg_entry *entry, void *arg)
{
  struct change *c = arg;
  c->more = c->count == RETRY_MAX;
  if (c->more)
    return 1;
  if (usage_text (entry->key, c->key[c->count], USAGE_KEY) == 0)
    c->revision[c->count++] = entry->revision;
  return 0;
}

/* What became of it, for the log: said once that is certain. */
static void
change_log (const struct desk *d, const struct change *c, int32_t error)
{
  const struct billing *b = d->billing;
  for (uint32_t i = 0; i < c->count; i++)
    if (!error)
      b->host->log (b->self, KG_LOG_INFO, "usage part %s was %s by %s", c->key[i] + 7, c->what,
                    d->by);
    else
      b->host->log (b->self, KG_LOG_WARN, "usage part %s was not %s by %s: %s", c->key[i] + 7,
                    c->what, d->by,
                    error == -ESTALE ? "it was changed at the same time" : strerror (-error));
}

/* On the committer's thread. */
static void
change_done (const struct kg_outcome *outcome, void *arg)
{
  struct desk *d = arg;
  struct change *c = d->mine;
  change_log (d, c, outcome->error);
  if (outcome->error == -ESTALE)
    desk_refuse (d, 409, "It was changed at the same time; look again");
  else if (outcome->error)
    desk_refuse (d, 503, "It could not be stored: %s", strerror (-outcome->error));
  else {
    desk_lit (d, "{\"");
    desk_lit (d, c->what);
    number_show (d, "\":", c->count);
    desk_lit (d, c->more ? ",\"more\":true}" : ",\"more\":false}");
    usage_kick (d->billing->usage); /* whose requests may be under way */
  }
  desk_end (d);
}

static int32_t
change_write (struct desk *d, struct change *c, uint32_t nops)
{
  struct billing *b = d->billing;
  int32_t rc = b->store->write (b->self, c->op, nops, sizeof c->op[0], change_done, d);
  if (rc < 0)
    change_log (d, c, rc);
  return rc < 0 ? rc : 1;
}

static struct change *
change_new (struct desk *d, const char *what)
{
  struct change *c = calloc (1, sizeof *c);
  if (!c)
    return NULL;
  c->what = what;
  d->mine = c;
  d->drop = change_drop;
  return c;
}

/* All that are parked, as far as there is room: 1 or -errno. */
static int32_t
parts_find (struct desk *d, struct change *c)
{
  const struct billing *b = d->billing;
  int32_t rc = b->store->scan (b->usage->bucket, (kg_str){ "parked/", 7 }, parked_add, c);
  return rc < 0 ? rc : 1;
}

/* The one that the path names: 1; 0 after a refusal; or -errno. */
static int32_t
part_find (struct desk *d, struct change *c)
{
  const struct billing *b = d->billing;
  struct kg_entry entry = { .size = sizeof entry };
  int32_t rc = key_of (d->id, "parked", c->key[0]);
  if (rc == 0)
    rc = b->store->get (b->usage->bucket, (kg_str){ c->key[0], strlen (c->key[0]) }, &entry);
  if (rc == -ENOENT || rc == -EINVAL)
    return desk_refuse (d, 404, "No such part is parked");
  c->revision[0] = entry.revision;
  c->count = 1;
  return rc < 0 ? rc : 1;
}

/* The parked part becomes one that waits; 0 or -errno. */
static int32_t
part_again (struct billing *b, struct change *c, uint32_t i)
{
  struct kg_entry entry = { .size = sizeof entry };
  kg_str key = { c->key[i], strlen (c->key[i]) };
  int32_t rc = b->store->get (b->usage->bucket, key, &entry);
  if (rc == 0)
    rc = again_value (b, c->key[i], entry.value, c->value[i], sizeof c->value[i]);
  snprintf (c->out[i], USAGE_KEY, "out/%s", c->key[i] + 7);
  c->op[2 * i] = (struct kg_op){ .kind = KG_OP_DELETE, .bucket = b->usage->bucket, .key = key,
                                 .revision = c->revision[i] };
  c->op[2 * i + 1] = (struct kg_op){ .kind = KG_OP_PUT, .bucket = b->usage->bucket,
                                     .key = { c->out[i], strlen (c->out[i]) },
                                     .value = { c->value[i], strlen (c->value[i]) },
                                     .revision = KG_REV_ANY };
  return rc;
}

static int32_t
retry (struct desk *d, int32_t (*find) (struct desk *d, struct change *c))
{
  struct billing *b = d->billing;
  struct change *c = change_new (d, "retried");
  int32_t rc;
  if (!c)
    return -ENOMEM;
  if (!b->conf->usage.count)
    return desk_refuse (d, 409, "Usage is not configured: nothing would be sent");
  rc = find (d, c);
  if (rc <= 0)
    return rc;
  for (uint32_t i = 0; i < c->count; i++)
    if ((rc = part_again (b, c, i)) < 0)
      return rc;
  if (c->count)
    return change_write (d, c, 2 * c->count);
  desk_lit (d, "{\"retried\":0,\"more\":false}");
  return 0;
}

static int32_t
retry_all_run (struct desk *d)
{
  return retry (d, parts_find);
}

static int32_t
retry_run (struct desk *d)
{
  return retry (d, part_find);
}

static int32_t
drop_run (struct desk *d)
{
  struct change *c = change_new (d, "dropped");
  int32_t rc = c ? part_find (d, c) : -ENOMEM;
  if (rc <= 0)
    return rc;
  c->op[0] = (struct kg_op){ .kind = KG_OP_DELETE, .bucket = d->billing->usage->bucket,
                             .key = { c->key[0], strlen (c->key[0]) },
                             .revision = c->revision[0] };
  return change_write (d, c, 1);
}

/* ---- Routes ---------------------------------------------------------------- */

static int32_t
status_get (kg_req *req, void *b)
{
  return desk_start (b, req, status_run);
}

static int32_t
list_get (kg_req *req, void *b)
{
  return desk_start (b, req, list_run);
}

static int32_t
retry_all_post (kg_req *req, void *b)
{
  return desk_start (b, req, retry_all_run);
}

static int32_t
retry_post (kg_req *req, void *b)
{
  return desk_start (b, req, retry_run);
}

static int32_t
part_delete (kg_req *req, void *b)
{
  return desk_start (b, req, drop_run);
}

#define S_RETRIED "{\"type\":\"object\",\"properties\":{\"retried\":{\"type\":\"integer\"}," \
                  "\"more\":{\"type\":\"boolean\"}}}"

static const struct kg_route routes[] = {
  { .size = sizeof routes[0], .flags = KG_ADMIN, .method = "GET", .pattern = "/admin/v1/billing/usage",
    .scope = "admin", .summary = "How usage for Stripe stands", .handler = status_get,
    .response_schema
    = "{\"type\":\"object\",\"properties\":{\"meters\":{\"type\":\"array\",\"items\":{\"type\":"
      "\"object\"}},\"newest\":{\"type\":\"integer\"},\"behind\":{\"type\":\"integer\"},\"open\":{"
      "\"type\":\"integer\"},\"waiting\":{\"type\":\"integer\"},\"parked\":{\"type\":\"integer\"},"
      "\"kept\":{\"type\":[\"integer\",\"null\"]}}}" },
  { .size = sizeof routes[0], .flags = KG_ADMIN, .method = "GET",
    .pattern = "/admin/v1/billing/usage/parts", .scope = "admin",
    .summary = "List sums of usage that Stripe refused, or does not have yet", .handler = list_get,
    .response_schema = "{\"type\":\"object\",\"properties\":{\"parts\":{\"type\":\"array\",\"items\":{"
                       "\"type\":\"object\"}},\"next\":{\"type\":[\"string\",\"null\"]}}}",
    .parameters = "[{\"name\":\"state\",\"in\":\"query\",\"schema\":{\"enum\":[\"parked\","
                  "\"waiting\",\"open\"]}},{\"name\":\"after\",\"in\":\"query\",\"schema\":{\"type\":"
                  "\"string\"}},{\"name\":\"limit\",\"in\":\"query\",\"schema\":{\"type\":\"integer\"}}]",
    .statuses = "422" },
  { .size = sizeof routes[0], .flags = KG_ADMIN, .method = "POST",
    .pattern = "/admin/v1/billing/usage/parts", .scope = "admin",
    .summary = "Send all that Stripe refused again", .handler = retry_all_post, .body_max = 1024,
    .response_schema = S_RETRIED, .statuses = "409 503" },
  { .size = sizeof routes[0], .flags = KG_ADMIN, .method = "POST",
    .pattern = "/admin/v1/billing/usage/parts/{id}", .scope = "admin",
    .summary = "Send a sum that Stripe refused again", .handler = retry_post, .body_max = 1024,
    .response_schema = S_RETRIED, .statuses = "404 409 503" },
  { .size = sizeof routes[0], .flags = KG_ADMIN, .method = "DELETE",
    .pattern = "/admin/v1/billing/usage/parts/{id}", .scope = "admin",
    .summary = "Give a sum that Stripe refused up for ever", .handler = part_delete,
    .response_schema = "{\"type\":\"object\",\"properties\":{\"dropped\":{\"type\":\"integer\"}}}",
    .statuses = "404 409 503" },
  { .size = sizeof routes[0], .flags = KG_ADMIN, .method = "DELETE",
    .pattern = "/admin/v1/billing/usage/cursor", .scope = "admin",
    .summary = "Keep the log no longer for usage that is not configured any more",
    .handler = usage_forget,
    .response_schema = "{\"type\":\"object\",\"properties\":{\"forgotten\":{\"type\":\"boolean\"},"
                       "\"position\":{\"type\":\"integer\"}}}",
    .statuses = "404 409 503" },
};

int32_t
usage_routes_open (struct billing *b)
{
  int32_t rc = 0;
  for (size_t i = 0; i < sizeof routes / sizeof routes[0] && rc == 0; i++)
    rc = b->host->route (b->self, &routes[i]);
  return rc;
}
