/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/control.h"
#include "core/jobs.h"
#include "core/log.h"
#include "core/options.h"
#include "core/plugin.h"
#include "core/spawn.h"
#include "core/table.h"
#include "core/util/str.h"

#include <kgent/json.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OUTPUT_MAX 8192 /* bytes of a check's messages */

struct control {
  struct host *host;
  struct kg_self *core;
  const char *program;
  char *const *argv;
  int wake_fd;
  atomic_uint wanted;
  atomic_int checking; /* a check of the configuration runs */
};

static void
control_want (struct control *c, uint32_t what)
{
  uint64_t one = 1;
  atomic_fetch_or (&c->wanted, what);
  (void) !write (c->wake_fd, &one, sizeof one);
}

/* ---- Answers ------------------------------------------------------------------- */

typedef void put_fn (struct kg_out *o, void *arg);

/* Answers with what `put` writes, however long it is. */
static int32_t
reply_json (kg_req *req, int32_t status, put_fn *put, void *arg)
{
  struct kg_out o = { NULL, 0, 2048 };
  int pass;
  for (pass = 0; pass < 2; pass++) {
    o.ptr = host_table.alloc (req, o.cap);
    o.len = 0;
    if (!o.ptr)
      return -ENOMEM;
    put (&o, arg);
    if (kg_out_ok (&o))
      return host_table.reply (req, status, "application/json", o.ptr, o.len);
    o.cap = o.len;
  }
  return -ENOMEM;
}

static void
put_abi (struct kg_out *o, uint32_t abi)
{
  kg_out_lit (o, "\"");
  kg_out_int (o, abi >> 16);
  kg_out_lit (o, ".");
  kg_out_int (o, abi & 0xffff);
  kg_out_lit (o, "\"");
}

static void
put_status (struct kg_out *o, void *arg)
{
  kg_out_lit (o, "{\"status\":");
  kg_out_text (o, arg);
  kg_out_lit (o, "}");
}

static void
put_version (struct kg_out *o, void *arg)
{
  (void) arg;
  kg_out_lit (o, "{\"name\":\"kgentd\",\"version\":");
  kg_out_text (o, options_version ());
  kg_out_lit (o, ",\"abi\":");
  put_abi (o, KG_ABI_CURRENT);
  kg_out_lit (o, ",\"pid\":");
  kg_out_int (o, getpid ());
  kg_out_lit (o, "}");
}

/* A list under way. */
struct list {
  struct kg_out *out;
  uint32_t count;
};

static int32_t
put_plugin (const struct kg_plugin *plugin, void *arg)
{
  struct list *list = arg;
  struct kg_out *o = list->out;
  kg_out_lit (o, list->count++ ? ",{\"name\":" : "{\"name\":");
  kg_out_text (o, plugin->name);
  kg_out_lit (o, ",\"version\":");
  kg_out_text (o, plugin->version);
  kg_out_lit (o, ",\"abi\":");
  put_abi (o, plugin->abi);
  kg_out_lit (o, ",\"summary\":");
  kg_out_text (o, plugin->summary);
  kg_out_lit (o, "}");
  return 0;
}

static void
put_plugins (struct kg_out *o, void *arg)
{
  struct list list = { o, 0 };
  kg_out_lit (o, "{\"plugins\":[");
  plugins_walk (arg, put_plugin, &list);
  kg_out_lit (o, "]}");
}

/* ---- Reload --------------------------------------------------------------------- */

/* A check under way. */
struct check {
  struct control *control;
  kg_ticket *ticket;
  int32_t status; /* of the check; 0: good */
  char output[OUTPUT_MAX];
};

/* The messages of a check, one string per line. */
static void
put_lines (struct kg_out *o, const char *text)
{
  const char *end;
  kg_out_lit (o, "[");
  for (; *text; text = *end ? end + 1 : end) {
    kg_str line = { text, 0 };
    end = strchrnul (text, '\n');
    line.len = (size_t) (end - text);
    if (!str_utf8_valid (line.ptr, line.len))
      line = (kg_str){ "(not UTF-8)", 11 };
    kg_out_str (o, line);
    if (*end && end[1])
      kg_out_lit (o, ",");
  }
  kg_out_lit (o, "]");
}

static int32_t
check_refuse (kg_req *req, struct check *check)
{
  size_t cap = 8 * OUTPUT_MAX; /* each byte may become \u00XX, and commas */
  struct kg_out o = { host_table.alloc (req, cap), 0, cap };
  size_t line = strcspn (check->output, "\n");
  if (!o.ptr)
    return -ENOMEM;
  put_lines (&o, check->output);
  if (kg_out_ok (&o))
    host_table.member (req, "errors", (kg_str){ o.ptr, o.len });
  if (!str_utf8_valid (check->output, line))
    line = 0;
  return host_table.problem (req, 422, NULL,
                             "The configuration was refused, nothing has changed: %.*s",
                             (int) line, check->output);
}

/* The continuation of a reload's request. */
static int32_t
check_answer (kg_req *req, void *arg)
{
  struct check *check = arg;
  int32_t r;
  if (check->status == 0)
    r = reply_json (req, 202, put_status, (void *) (uintptr_t) "accepted");
  else if (check->status > 0)
    r = check_refuse (req, check);
  else
    r = host_table.problem (req, 503, NULL, "The configuration could not be checked: %s",
                            strerror (-check->status));
  free (check);
  return r;
}

static void
check_log (const struct check *check)
{
  if (check->status > 0)
    log_write (KG_LOG_ERROR, "core", "reload refused, nothing has changed: %.*s",
               (int) strcspn (check->output, "\n"), check->output);
  else if (check->status < 0)
    log_write (KG_LOG_ERROR, "core", "reload failed: the check could not run: %s",
               strerror (-check->status));
}

/* On a thread of the job pool. */
static void
check_run (void *arg)
{
  struct check *check = arg;
  struct control *c = check->control;
  check->status = spawn_check (c->program, c->argv, check->output, sizeof check->output);
  check_log (check);
  if (check->status == 0)
    control_want (c, CONTROL_RELOAD);
  atomic_store (&c->checking, 0);
  host_table.resume (check->ticket, check_answer, check, free);
}

/* ---- Handlers --------------------------------------------------------------------- */

static int32_t
handle_reload (kg_req *req, void *data)
{
  struct control *c = data;
  struct check *check;
  int32_t r;
  if (atomic_exchange (&c->checking, 1))
    return host_table.problem (req, 409, NULL, "A reload is being checked already");
  check = calloc (1, sizeof *check);
  if (check)
    check->ticket = host_table.suspend (req, NULL, NULL);
  if (!check || !check->ticket) {
    atomic_store (&c->checking, 0);
    free (check);
    return -ENOMEM;
  }
  check->control = c;
  r = jobs_service.run (c->core, check_run, check);
  if (r < 0) {
    atomic_store (&c->checking, 0);
    check->status = r;
    host_table.resume (check->ticket, check_answer, check, free);
  }
  return KG_WAIT;
}

static int32_t
handle_drain (kg_req *req, void *data)
{
  control_want (data, CONTROL_DRAIN);
  return reply_json (req, 202, put_status, (void *) (uintptr_t) "draining");
}

static int32_t
handle_plugins (kg_req *req, void *data)
{
  struct control *c = data;
  return reply_json (req, 200, put_plugins, c->host->plugins);
}

static int32_t
handle_version (kg_req *req, void *data)
{
  (void) data;
  return reply_json (req, 200, put_version, NULL);
}

#define OBJECT "{\"type\":\"object\"}"

static const struct kg_route routes[] = {
  { .size = sizeof *routes,
    .flags = KG_ADMIN,
    .method = "POST",
    .pattern = "/admin/v1/reload",
    .scope = "admin",
    .summary = "Check the configuration and hand over to a new process",
    .handler = handle_reload,
    .timeout_ms = (SPAWN_CHECK_S + 5) * 1000,
    .response_schema = OBJECT,
    .statuses = "409 422 503" },
  { .size = sizeof *routes,
    .flags = KG_ADMIN,
    .method = "POST",
    .pattern = "/admin/v1/drain",
    .scope = "admin",
    .summary = "Finish what is under way and end",
    .handler = handle_drain,
    .response_schema = OBJECT },
  { .size = sizeof *routes,
    .flags = KG_ADMIN,
    .method = "GET",
    .pattern = "/admin/v1/plugins",
    .scope = "admin",
    .summary = "The loaded plugins",
    .handler = handle_plugins,
    .response_schema = OBJECT },
  { .size = sizeof *routes,
    .flags = KG_ADMIN,
    .method = "GET",
    .pattern = "/admin/v1/version",
    .scope = "admin",
    .summary = "The running program",
    .handler = handle_version,
    .response_schema = OBJECT },
};

int32_t
control_create (struct host *host, struct kg_self *core, const char *program, char *const *argv,
                int wake_fd, struct control **ret)
{
  struct control *c = calloc (1, sizeof *c);
  size_t i;
  int32_t r = 0;
  if (!c)
    return -ENOMEM;
  c->host = host;
  c->core = core;
  c->program = program;
  c->argv = argv;
  c->wake_fd = wake_fd;
  core->data = c;
  for (i = 0; !r && i < sizeof routes / sizeof *routes; i++)
    r = host_table.route (core, &routes[i]);
  if (r < 0) {
    core->data = NULL;
    free (c);
    return r;
  }
  *ret = c;
  return 0;
}

void
control_destroy (struct control *c)
{
  free (c);
}

uint32_t
control_take (struct control *c)
{
  return atomic_exchange (&c->wanted, 0);
}
