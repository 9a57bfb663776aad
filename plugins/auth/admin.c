/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The operator's routes: create, list and revoke keys.  Each change is answered
 * once it is on disk and in force here. */
#include "plugins/auth/form.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHOW_MAX (KEY_JSON + 256)

/* A change on its way to the disk; whoever answers the request frees it. */
struct change {
  struct auth *auth;
  kg_ticket *ticket;
  int32_t error;
  int32_t creates;              /* else it revokes */
  uint64_t expected;            /* revision of what is replaced */
  char id[TEXT_UUID];
  char secret[KEY_SECRET];      /* of a created key: shown once, then wiped */
  char *value;                  /* the stored JSON, KEY_JSON bytes */
  size_t len;
};

static struct change *
change_create (struct auth *auth)
{
  struct change *c = calloc (1, sizeof *c);
  if (c)
    c->value = malloc (KEY_JSON);
  if (c && !c->value) {
    free (c);
    return NULL;
  }
  if (c)
    c->auth = auth;
  return c;
}

static void
change_destroy (void *arg)
{
  struct change *c = arg;
  OPENSSL_cleanse (c->secret, sizeof c->secret);
  free (c->value);
  free (c);
}

/* Writes the value into the change; 0 or -EMSGSIZE. */
static int32_t
change_fill (struct change *c, const struct key_spec *spec)
{
  struct kg_out out = { c->value, 0, KEY_JSON };
  key_store (&out, spec);
  c->len = out.len;
  return kg_out_ok (&out) ? 0 : -EMSGSIZE;
}

/* ---- Answers ------------------------------------------------------------- */

static int32_t
show_created (const struct key_spec *spec, void *arg)
{
  struct kg_out *out = arg;
  key_show (out, spec);
  return 0;
}

static int32_t
answer_created (kg_req *req, struct change *c)
{
  const struct kg_host *host = c->auth->host;
  struct kg_out out = { host->alloc (req, SHOW_MAX), 0, SHOW_MAX };
  char location[64];
  if (!out.ptr)
    return -ENOMEM;
  kg_out_lit (&out, "{\"key\":");
  kg_out_text (&out, c->secret);
  kg_out_lit (&out, ",");
  if (key_read ((kg_str){ c->value, c->len }, show_created, &out) < 0)
    return -EIO;
  kg_out_lit (&out, "}");
  snprintf (location, sizeof location, "/admin/v1/keys/%s", c->id);
  host->header (req, "Location", location);
  host->header (req, "Cache-Control", "no-store");
  host->reply (req, 201, "application/json", out.ptr, out.len);
  return KG_DONE;
}

static int32_t
answer_error (kg_req *req, const struct change *c)
{
  const struct kg_host *host = c->auth->host;
  if (c->error == -ESTALE || c->error == -EEXIST)
    return host->problem (req, 409, NULL, "The key was changed at the same time. Try again.");
  return host->problem (req, 503, NULL, "The key could not be stored: %s",
                        strerror (-c->error));
}

static int32_t
change_answer (kg_req *req, void *arg)
{
  struct change *c = arg;
  int32_t rc = KG_DONE;
  if (c->error < 0)
    rc = answer_error (req, c);
  else if (c->creates)
    rc = answer_created (req, c);
  else
    c->auth->host->reply (req, 204, NULL, "", 0);
  change_destroy (c);
  return rc;
}

/* ---- Writing ------------------------------------------------------------- */

/* On the committer's thread: in force before the answer, whether or not the
 * watch has been told yet. */
static void
change_done (const struct kg_outcome *outcome, void *arg)
{
  struct change *c = arg;
  c->error = outcome->error;
  if (!c->error)
    c->error = model_key (c->auth, (kg_str){ c->id, strlen (c->id) },
                          (kg_str){ c->value, c->len }, outcome->revision);
  c->auth->host->resume (c->ticket, change_answer, c, change_destroy);
}

/* Suspends the request and writes.  Takes the change over. */
static int32_t
change_write (struct change *c, kg_req *req)
{
  struct auth *auth = c->auth;
  struct kg_op op = { .kind = KG_OP_PUT, .bucket = auth->keys_bucket, .revision = c->expected };
  int32_t rc;
  op.key = (kg_str){ c->id, strlen (c->id) };
  op.value = (kg_str){ c->value, c->len };
  c->ticket = auth->host->suspend (req, NULL, NULL);
  if (!c->ticket) {
    change_destroy (c);
    return -ENOMEM;
  }
  rc = auth->store->write (auth->self, &op, 1, sizeof op, change_done, c);
  if (rc < 0) {
    c->error = rc;
    auth->host->resume (c->ticket, change_answer, c, change_destroy);
  }
  return KG_WAIT;
}

/* ---- POST /admin/v1/keys ------------------------------------------------- */

static int32_t
keys_post (kg_req *req, void *data)
{
  struct auth *auth = data;
  struct key_spec spec = { .active = 1 };
  struct change *c;
  char prefix[KEY_PREFIX + 1];
  int32_t rc = form_read (auth, req, &spec);
  if (rc < 0)
    return rc == -EINVAL ? KG_DONE : rc;
  c = change_create (auth);
  if (!c)
    return -ENOMEM;
  c->creates = 1;
  c->expected = KG_REV_NEW;
  rc = key_secret (c->secret, spec.hash);
  if (rc == 0)
    rc = key_id (c->id);
  snprintf (prefix, sizeof prefix, "%.*s", KEY_PREFIX, c->secret);
  spec.id = c->id;
  spec.prefix = prefix;
  spec.created_ns = auth->host->num (req, KG_NUM_TIME);
  if (rc == 0)
    rc = change_fill (c, &spec);
  if (rc < 0) {
    change_destroy (c);
    return rc;
  }
  return change_write (c, req);
}

/* ---- DELETE /admin/v1/keys/{id} ------------------------------------------ */

static int32_t
revoke_fill (const struct key_spec *spec, void *arg)
{
  struct key_spec revoked = *spec;
  revoked.active = 0;
  return change_fill (arg, &revoked);
}

static int32_t
keys_delete (kg_req *req, void *data)
{
  struct auth *auth = data;
  struct kg_entry entry = { .size = sizeof entry };
  kg_str id = auth->host->get (req, KG_GET_PARAM, "id");
  struct change *c = change_create (auth);
  int32_t rc;
  if (!c)
    return -ENOMEM;
  rc = text_uuid (id.ptr, id.len, c->id);
  if (rc == 0)
    rc = auth->store->get (auth->keys_bucket, (kg_str){ c->id, strlen (c->id) }, &entry);
  if (rc < 0) {
    change_destroy (c);
    return auth->host->problem (req, 404, NULL, "Key not found");
  }
  c->expected = entry.revision;
  rc = key_read (entry.value, revoke_fill, c);
  if (rc < 0) {
    change_destroy (c);
    return rc;
  }
  return change_write (c, req);
}

int32_t
admin_open (struct auth *auth)
{
  static const struct kg_route routes[] = {
    { .size = sizeof routes[0],
      .flags = KG_ADMIN | KG_JSON,
      .method = "POST",
      .pattern = "/admin/v1/keys",
      .scope = "admin",
      .summary = "Create a key; the answer shows its secret once",
      .handler = keys_post,
      .body_max = 65536,
      .request_schema
      = "{\"type\":\"object\",\"required\":[\"name\"],\"properties\":{"
        "\"name\":{\"type\":\"string\"},\"tenant\":{\"type\":\"string\",\"format\":\"uuid\"},"
        "\"user\":{\"type\":\"string\"},\"tier\":{\"type\":\"string\"},"
        "\"scopes\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
        "\"archetypes\":{\"type\":\"array\",\"items\":{\"type\":\"string\"}},"
        "\"limits\":{\"type\":\"object\",\"properties\":{"
        "\"requests_per_minute\":{\"type\":\"integer\"},"
        "\"requests_per_day\":{\"type\":\"integer\"},\"tokens_per_month\":{\"type\":\"integer\"}}},"
        "\"expires_at\":{\"type\":\"string\",\"format\":\"date-time\"}}}",
      .statuses = "201 422 503" },
    { .size = sizeof routes[0],
      .flags = KG_ADMIN,
      .method = "DELETE",
      .pattern = "/admin/v1/keys/{id}",
      .scope = "admin",
      .summary = "Revoke a key at once",
      .handler = keys_delete,
      .statuses = "204 404 409 503" },
  };
  int32_t rc = auth->host->route (auth->self, &routes[0]);
  if (rc == 0)
    rc = auth->host->route (auth->self, &routes[1]);
  return rc == 0 ? list_open (auth) : rc;
}
