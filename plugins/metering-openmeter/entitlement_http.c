/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The routes of entitlements: one's own, and grants for operators. */
#include "plugins/metering-openmeter/entitlement_form.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static struct entitlements *
entitlements_of (void *data)
{
  return ((struct mt *)data)->entitlements;
}

static int32_t
answer (const struct mt *mt, kg_req *req, int32_t status, struct mt_text *t)
{
  int32_t r = -ENOMEM;
  mt->host->header (req, "Cache-Control", "no-store");
  if (!t->failed)
    r = mt->host->reply (req, status, "application/json", t->ptr, t->len);
  mt_text_free (t);
  return r < 0 ? r : KG_DONE;
}

/* ---- Standings ------------------------------------------------------------------------- */

static void
lit (struct mt_text *t, const char *s)
{
  mt_text_add (t, s, strlen (s));
}

/* Whether more may be used: of a budget, whether anything is left at all. */
static int32_t
has_access (const struct entitlements *e, kg_req *req, uint32_t number, decimal balance)
{
  const struct kg_budget *budget = e->mt->budget;
  int64_t left = -EACCES;
  if (number < FEATURE_BUDGETS && budget && budget->left2)
    left = budget->left2 (req, number + KG_BUDGET_TOKENS);
  return left == -EACCES ? balance > 0 : left != 0;
}

static void
stand_show (struct mt_text *t, const struct account_at *at)
{
  text_decimal (t, "\"balance\":", at->balance);
  text_decimal (t, ",\"usage\":", at->totals.usage);
  text_decimal (t, ",\"overage\":", at->totals.overage);
}

static void
holding_show (const struct entitlements *e, const struct holding *h, kg_req *own,
              struct mt_text *t)
{
  struct kg_budget_month month;
  char time[MT_TIME_LEN + 1];
  struct account_at at;
  uint32_t i;
  holding_stand (e, h, entitlements_now (), &at, &month);
  lit (t, "{\"feature\":\"");
  lit (t, h->feature);
  lit (t, "\",");
  if (own)
    lit (t, has_access (e, own, h->number, at.balance) ? "\"hasAccess\":true,"
                                                       : "\"hasAccess\":false,");
  stand_show (t, &at);
  mt_time (month.from_ns, time);
  lit (t, ",\"from\":\"");
  lit (t, time);
  mt_time (month.to_ns, time);
  lit (t, "\",\"to\":\"");
  lit (t, time);
  lit (t, "\",\"grants\":[");
  for (i = 0; i < h->account.grants; i++) {
    lit (t, i ? "," : "");
    grant_show (&h->account.grant[i], h->feature, at.of[i], t);
  }
  lit (t, "]}");
}

/* All accounts of a tenant, as "entitlements". */
static int32_t
tenant_answer (struct entitlements *e, kg_req *req, const char *tenant, int32_t own)
{
  const struct holder *holder;
  const struct holding *h;
  struct mt_text t = { 0 };
  lit (&t, "{\"entitlements\":[");
  pthread_mutex_lock (&e->lock);
  holder = holder_find (&e->table, (kg_str){ tenant, strlen (tenant) });
  for (h = holder ? holder->first : NULL; h; h = h->next) {
    holding_show (e, h, own ? req : NULL, &t);
    lit (&t, h->next ? "," : "");
  }
  pthread_mutex_unlock (&e->lock);
  lit (&t, "]}");
  return answer (e->mt, req, 200, &t);
}

static int32_t
own_list (kg_req *req, void *data)
{
  struct entitlements *e = entitlements_of (data);
  const struct kg_identity *who = e->mt->host->identity (req);
  if (!who)
    return e->mt->host->problem (req, 403, NULL, "Entitlements are a tenant's.");
  return tenant_answer (e, req, who->tenant, 1);
}

static int32_t
own_value (kg_req *req, void *data)
{
  struct entitlements *e = entitlements_of (data);
  const struct kg_host *host = e->mt->host;
  const struct kg_identity *who = host->identity (req);
  kg_str feature = host->get (req, KG_GET_PARAM, "feature");
  uint32_t number = feature_number (e->meters, feature);
  struct account_at at = { 0 };
  struct kg_budget_month month;
  struct mt_text t = { 0 };
  const struct holding *h;
  if (!who)
    return host->problem (req, 403, NULL, "Entitlements are a tenant's.");
  if (number == FEATURE_NONE)
    return host->problem (req, 404, NULL, "There is no such feature.");
  pthread_mutex_lock (&e->lock);
  h = holding_find (&e->table, (kg_str){ who->tenant, strlen (who->tenant) }, feature);
  if (h)
    holding_stand (e, h, entitlements_now (), &at, &month);
  pthread_mutex_unlock (&e->lock);
  lit (&t, has_access (e, req, number, at.balance) ? "{\"hasAccess\":true,"
                                                   : "{\"hasAccess\":false,");
  stand_show (&t, &at);
  lit (&t, "}");
  return answer (e->mt, req, 200, &t);
}

/* ---- Operators ------------------------------------------------------------------------------ */

/* The tenant that the path names: 0, or -ENOENT. */
static int32_t
tenant_take (const struct entitlements *e, const kg_req *req, char out[TENANT_MAX + 1])
{
  kg_str id = e->mt->host->get (req, KG_GET_PARAM, "id");
  if (!id.len || id.len > TENANT_MAX || memchr (id.ptr, '/', id.len) || memchr (id.ptr, 0, id.len)
      || (e->tenants && !e->tenants->exists (id)))
    return -ENOENT;
  memcpy (out, id.ptr, id.len);
  out[id.len] = 0;
  for (; e->tenants && *out; out++) /* a UUID, which is stored in lower case */
    *out = (char)(*out >= 'A' && *out <= 'F' ? *out + 32 : *out);
  return 0;
}

static void
change_free (void *arg)
{
  struct grant_change *c = arg;
  grant_change_free (c);
  free (c);
}

static int32_t
change_refuse (const struct mt *mt, kg_req *req, const struct grant_change *c)
{
  const struct kg_host *h = mt->host;
  switch (c->error) {
  case -ENOENT:
    return h->problem (req, 404, NULL, "The tenant has no such grant.");
  case -EALREADY:
    return h->problem (req, 409, NULL, "The grant has ended before.");
  case -ENOSPC:
    return h->problem (req, 409, NULL, "The tenant has %d grants of it, which are all it can have.",
                       GRANTS_MAX);
  case -ERANGE:
    return h->problem (req, 422, NULL, "expires: must be behind the effective time");
  case -ESTALE:
    return h->problem (req, 409, NULL, "Others changed it at the same time. Try again.");
  case -EAGAIN:
    return h->problem (req, 503, NULL, "Too many changes wait. Try again.");
  default:
    return h->problem (req, 503, NULL, "The change could not be stored: %s",
                       strerror (-c->error));
  }
}

/* The grant as it is now. */
static int32_t
change_answer (kg_req *req, void *arg)
{
  struct grant_change *c = arg;
  const struct mt *mt = c->e->mt;
  char location[TENANT_MAX + 96];
  int32_t r;
  if (c->error < 0)
    r = change_refuse (mt, req, c);
  else {
    snprintf (location, sizeof location, "/admin/v1/tenants/%s/grants/%s", c->tenant, c->grant.id);
    if (!c->ends)
      mt->host->header (req, "Location", location);
    r = answer (mt, req, c->ends ? 200 : 201, &c->after);
  }
  change_free (c);
  return r;
}

/* On any thread. */
static void
change_done (int32_t error, void *arg)
{
  struct grant_change *c = arg;
  c->error = error;
  if (!error)
    entitlements_kick (c->e); /* the budget hears of it at once */
  c->e->mt->host->resume (c->ticket, change_answer, c, change_free);
}

static int32_t
change_start (struct grant_change *c, kg_req *req)
{
  const struct kg_host *host = c->e->mt->host;
  const struct kg_identity *who = host->identity (req);
  int32_t local = host->num (req, KG_NUM_LOCAL) == 1 || !who, r;
  c->ticket = host->suspend (req, NULL, NULL);
  if (!c->ticket) {
    change_free (c);
    return -ENOMEM;
  }
  r = grant_change_begin (c, local ? "local" : who->subject, local ? NULL : who->key_id,
                          change_done);
  if (r < 0)
    change_done (r, c);
  return KG_WAIT;
}

/* A change of the tenant that the path names, or NULL and *ret is the answer. */
static struct grant_change *
change_make (struct entitlements *e, kg_req *req, int32_t *ret)
{
  const struct kg_host *host = e->mt->host;
  struct grant_change *c = calloc (1, sizeof *c);
  *ret = -ENOMEM;
  if (!c)
    return NULL;
  c->e = e;
  if (e->audit && tenant_take (e, req, c->tenant) >= 0)
    return c;
  *ret = e->audit ? host->problem (req, 404, NULL, "There is no such tenant.")
                  : host->problem (req, 501, NULL, "%s",
                                   "Grants are changed with an audit record, and no plugin keeps "
                                   "one: load auth.");
  free (c);
  return NULL;
}

static int32_t
admin_create (kg_req *req, void *data)
{
  struct entitlements *e = entitlements_of (data);
  struct grant_change *c;
  struct grant_form f;
  int32_t r = grant_form_read (&f, e->meters, e->mt->host->json (req), entitlements_now ());
  if (r < 0)
    return r == -EINVAL ? grant_form_refuse (e->mt, req, &f) : r;
  c = change_make (e, req, &r);
  if (!c)
    return r;
  memcpy (c->feature, f.feature, sizeof c->feature);
  c->grant = f.grant;
  return change_start (c, req);
}

static int32_t
admin_void (kg_req *req, void *data)
{
  struct entitlements *e = entitlements_of (data);
  kg_str id = e->mt->host->get (req, KG_GET_PARAM, "grant");
  struct grant_change *c;
  int32_t r;
  c = change_make (e, req, &r);
  if (!c)
    return r;
  c->ends = 1;
  if (id.len <= GRANT_ID) /* else it names none */
    memcpy (c->grant.id, id.ptr, id.len);
  return change_start (c, req);
}

static int32_t
admin_list (kg_req *req, void *data)
{
  struct entitlements *e = entitlements_of (data);
  char tenant[TENANT_MAX + 1];
  if (tenant_take (e, req, tenant) < 0)
    return e->mt->host->problem (req, 404, NULL, "There is no such tenant.");
  return tenant_answer (e, req, tenant, 0);
}

/* ---- Routes ------------------------------------------------------------------------------------ */

#define GRANT_SCHEMA \
  "{\"type\":\"object\",\"required\":[\"id\",\"feature\",\"amount\",\"balance\",\"priority\"," \
  "\"recurrence\",\"effective_at\"],\"properties\":{\"id\":{\"type\":\"string\"}," \
  "\"feature\":{\"type\":\"string\"},\"amount\":{\"type\":\"number\"}," \
  "\"balance\":{\"type\":\"number\"},\"priority\":{\"type\":\"integer\"}," \
  "\"recurrence\":{\"type\":\"string\"},\"rollover\":{\"type\":\"number\"}," \
  "\"created_at\":{\"type\":\"string\",\"format\":\"date-time\"}," \
  "\"effective_at\":{\"type\":\"string\",\"format\":\"date-time\"}," \
  "\"expires_at\":{\"type\":[\"string\",\"null\"]},\"voided_at\":{\"type\":[\"string\",\"null\"]}}}"

static const char form_schema[]
    = "{\"type\":\"object\",\"required\":[\"feature\",\"amount\"],\"additionalProperties\":false,"
      "\"properties\":{\"feature\":{\"type\":\"string\"},"
      "\"amount\":{\"type\":[\"number\",\"string\"]},"
      "\"priority\":{\"type\":\"integer\",\"minimum\":0,\"maximum\":255,\"default\":100},"
      "\"effective\":{\"type\":\"string\",\"format\":\"date-time\"},"
      "\"expires\":{\"type\":\"string\",\"format\":\"date-time\"},"
      "\"recurrence\":{\"type\":\"string\","
      "\"enum\":[\"NONE\",\"DAY\",\"WEEK\",\"MONTH\",\"YEAR\"],\"default\":\"NONE\"},"
      "\"rollover\":{\"type\":[\"number\",\"string\"],\"default\":0}}}";
static const char grant_schema[] = GRANT_SCHEMA;
static const char list_schema[]
    = "{\"type\":\"object\",\"required\":[\"entitlements\"],\"properties\":{"
      "\"entitlements\":{\"type\":\"array\",\"items\":{\"type\":\"object\","
      "\"required\":[\"feature\",\"balance\",\"usage\",\"overage\",\"from\",\"to\",\"grants\"],"
      "\"properties\":{\"feature\":{\"type\":\"string\"},\"hasAccess\":{\"type\":\"boolean\"},"
      "\"balance\":{\"type\":\"number\"},\"usage\":{\"type\":\"number\"},"
      "\"overage\":{\"type\":\"number\"},\"from\":{\"type\":\"string\"},"
      "\"to\":{\"type\":\"string\"},\"grants\":{\"type\":\"array\",\"items\":" GRANT_SCHEMA
      "}}}}}}";
static const char value_schema[]
    = "{\"type\":\"object\",\"required\":[\"hasAccess\",\"balance\",\"usage\",\"overage\"],"
      "\"properties\":{\"hasAccess\":{\"type\":\"boolean\"},\"balance\":{\"type\":\"number\"},"
      "\"usage\":{\"type\":\"number\"},\"overage\":{\"type\":\"number\"}}}";

#define GRANTS "/admin/v1/tenants/{id}/grants"

static const struct kg_route routes[] = {
  { .size = sizeof (struct kg_route),
    .method = "GET",
    .pattern = "/v1/entitlements",
    .scope = "read",
    .handler = own_list,
    .summary = "What the caller's tenant was granted, and what is left",
    .response_schema = list_schema,
    .statuses = "403" },
  { .size = sizeof (struct kg_route),
    .method = "GET",
    .pattern = "/v1/entitlements/{feature}/value",
    .scope = "read",
    .handler = own_value,
    .summary = "Whether the caller's tenant may use more of a feature",
    .response_schema = value_schema,
    .statuses = "403 404" },
  { .size = sizeof (struct kg_route),
    .flags = KG_ADMIN,
    .method = "GET",
    .pattern = GRANTS,
    .scope = "admin",
    .handler = admin_list,
    .summary = "List a tenant's grants, and what is left of them",
    .response_schema = list_schema,
    .statuses = "404" },
  { .size = sizeof (struct kg_route),
    .flags = KG_ADMIN | KG_JSON,
    .method = "POST",
    .pattern = GRANTS,
    .scope = "admin",
    .handler = admin_create,
    .summary = "Grant a tenant an amount of a feature",
    .request_schema = form_schema,
    .response_schema = grant_schema,
    .statuses = "400 404 409 415 422 501 503" },
  { .size = sizeof (struct kg_route),
    .flags = KG_ADMIN,
    .method = "DELETE",
    .pattern = GRANTS "/{grant}",
    .scope = "admin",
    .handler = admin_void,
    .summary = "End a grant now",
    .response_schema = grant_schema,
    .statuses = "404 409 501 503" },
};

int32_t
entitlement_routes_open (struct entitlements *e)
{
  uint32_t i;
  int32_t r = 0;
  for (i = 0; i < sizeof routes / sizeof routes[0] && r >= 0; i++)
    r = e->mt->host->route (e->mt->self, &routes[i]);
  return r;
}
