/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The [open] functions of struct kg_host, and its log.
 *
 * Why one of them refused is kept until the plugin's open has returned, so that
 * a start that fails says so in one line.  A route or hook that cannot be had
 * fails the start even if the plugin doesn't mind.
 *
 * What a plugin logs in its open as an error is why that failed.  A message that begins with an
 * option's name, "auth.tiers[1].name: ...", is told with the line where that was written. */
#include "core/plugin_set.h"

#include "core/log.h"
#include "core/reply.h"
#include "core/route.h"
#include "core/service.h"
#include "core/tags.h"

#include <stdarg.h>
#include <string.h>

#define ROUTE_FLAGS                                                                            \
  (KG_PUBLIC | KG_ADMIN | KG_BILLABLE | KG_JSON | KG_QUIET | KG_STREAMS | KG_HIDDEN)

/* ---- Logging ------------------------------------------------------------------ */

static _Thread_local struct telling *telling;

void
plugin_tell_begin (struct telling *t, const struct plugins *p, const struct plugin *plugin,
                   int hold)
{
  *t = (struct telling){ .plugins = p, .plugin = plugin, .hold = hold };
  errors_init (&t->errors);
  telling = t;
}

uint32_t
plugin_tell_end (struct telling *t, struct errors *errors)
{
  struct conf_where nowhere = { NULL, 0 };
  uint32_t n = t->errors.count < ERRORS_MAX ? t->errors.count : ERRORS_MAX;
  telling = NULL;
  for (uint32_t i = 0; i < n; i++) {
    const char *text = t->errors.text[i] ? t->errors.text[i] : "out of memory";
    if (errors)
      errors_add (errors, nowhere, "%s", text);
    else
      log_write (KG_LOG_ERROR, t->plugin->desc.name, "%s", text);
  }
  errors_finish (&t->errors);
  return n;
}

/* With file and line; 0: it is to be logged as it is, and so are errors beyond those that are
 * kept. */
static int
tell (struct telling *t, int32_t level, const char *fmt, va_list ap)
{
  const struct plugin *plugin = t->plugin;
  struct conf_where where = plugin->where;
  size_t name = strlen (plugin->desc.name);
  char text[PLUGIN_WHY_MAX];
  int option, held = t->hold && level == KG_LOG_ERROR && t->errors.count < ERRORS_MAX;
  vsnprintf (text, sizeof text, fmt, ap);
  option = !strncmp (text, plugin->desc.name, name) && text[name] == '.';
  if (t->plugins->source && option)
    where = conf_plugin_option (t->plugins->source, plugin->entry, text);
  if (held && option)
    errors_add (&t->errors, where, "%s", text);
  else if (held)
    errors_add (&t->errors, where, "%s: open: %s", plugin->path, text);
  else if (option && where.file && where.line)
    log_write (level, plugin->desc.name, "%s:%u: %s", where.file, where.line, text);
  else
    return 0;
  return 1;
}

void
host_log (kg_self *self, int32_t level, const char *fmt, ...)
{
  va_list ap;
  int told = 0;
  if (level < KG_LOG_ERROR || level > KG_LOG_DEBUG)
    level = KG_LOG_ERROR;
  if (telling && telling->plugin->self == self && level <= KG_LOG_WARN) {
    va_start (ap, fmt);
    told = tell (telling, level, fmt, ap);
    va_end (ap);
  }
  if (told || !log_enabled (level))
    return;
  va_start (ap, fmt);
  log_vwrite (level, self->name, fmt, ap);
  va_end (ap);
}

/* ---- Declaring ---------------------------------------------------------------- */

static int32_t refused (kg_self *self, int32_t error, int fatal, const char *fmt, ...)
    __attribute__ ((format (printf, 4, 5)));

static int32_t
refused (kg_self *self, int32_t error, int fatal, const char *fmt, ...)
{
  struct plugins *p = self->host->plugins;
  va_list ap;
  if (!p || p->refused[0])
    return error;
  va_start (ap, fmt);
  vsnprintf (p->refused, sizeof p->refused, fmt, ap);
  va_end (ap);
  p->fatal = fatal;
  return error;
}

int32_t
host_route (kg_self *self, const struct kg_route *route)
{
  struct kg_route copy;
  char error[PLUGIN_WHY_MAX / 2] = "";
  int32_t e;
  TAG_OPEN (self, "route");
  if (!route || route->size < offsetof (struct kg_route, body_max))
    return refused (self, -EINVAL, 1, "route: its size is not that of struct kg_route");
  memset (&copy, 0, sizeof copy);
  memcpy (&copy, route, route->size < sizeof copy ? route->size : sizeof copy);
  if (!copy.method || !copy.pattern)
    return refused (self, -EINVAL, 1, "route: no method or no pattern");
  if (copy.flags & ~ROUTE_FLAGS)
    return refused (self, -EINVAL, 1, "route %s %s: flags 0x%x, which this host doesn't know",
                    copy.method, copy.pattern, copy.flags & ~ROUTE_FLAGS);
  copy.size = sizeof copy;
  e = route_add (self->host->router, self, &copy, error, sizeof error);
  return e < 0 ? refused (self, e, 1, "route %s %s: %s", copy.method, copy.pattern, error) : 0;
}

int32_t
host_hook (kg_self *self, int32_t phase, kg_fn *fn)
{
  struct host *host = self->host;
  TAG_OPEN (self, "hook");
  if (phase < KG_PHASE_ACCESS || phase > KG_PHASE_LOG || phase == KG_PHASE_HANDLER || !fn)
    return refused (self, -EINVAL, 1, "hook: phase %d has no hooks, or no function", phase);
  if (host->nhooks[phase] == HOOKS_MAX)
    return refused (self, -ENOMEM, 1, "hook: phase %d has %u hooks already", phase, HOOKS_MAX);
  host->hooks[phase][host->nhooks[phase]].self = self;
  host->hooks[phase][host->nhooks[phase]++].fn = fn;
  return 0;
}

int32_t
host_provide (kg_self *self, const char *service, const void *table, uint32_t size)
{
  int32_t e;
  const struct kg_self *other;
  TAG_OPEN (self, "provide");
  e = services_provide (self->host->services, self, service, table, size);
  if (e == -EEXIST) {
    other = services_provider (self->host->services, service);
    return refused (self, e, 0, "the service %s is provided by %s already; load one of them",
                    service, other->name);
  }
  return e < 0 ? refused (self, e, 0, "provide: \"%.64s\" is not NAME/MAJOR with a table",
                          service ? service : "")
               : 0;
}

int32_t
host_need (kg_self *self, const char *service, uint32_t size, uint32_t flags, const void **slot)
{
  int32_t e;
  TAG_OPEN (self, "need");
  e = services_need (self->host->services, self, service, size, flags, slot);
  return e < 0 ? refused (self, e, 0, "need: \"%.64s\" is not NAME/MAJOR with a slot",
                          service ? service : "")
               : 0;
}

int32_t
host_fields (kg_self *self, const char *const *names, const kg_fields **ret)
{
  int32_t e;
  TAG_OPEN (self, "fields");
  e = fields_create (names, &self->fields, ret);
  return e == -EINVAL ? refused (self, e, 0, "fields: a name that no header may have, or over %d",
                                 KG_FIELDS_MAX)
                      : e;
}
