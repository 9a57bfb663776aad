/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* self.semaphore: an agent lets an action wait for a human, and asks what became of it. */
#include "plugins/agentese/purgatory.h"
#include "plugins/agentese/self.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#define WAIT_SECONDS 86400 /* unless it is said */

/* An id that nobody can guess. */
static kg_str
id_make (struct ag_call *c)
{
  static const char digits[] = "0123456789abcdef";
  unsigned char bytes[8];
  char *id = c->ag->host->alloc (c->req, 19);
  uint32_t i;
  if (!id || getrandom (bytes, sizeof bytes, 0) != sizeof bytes)
    return (kg_str){ NULL, 0 };
  memcpy (id, "y_", 2);
  for (i = 0; i < 8; i++) {
    id[2 + 2 * i] = digits[bytes[i] >> 4];
    id[3 + 2 * i] = digits[bytes[i] & 15];
  }
  id[18] = 0;
  return (kg_str){ id, 18 };
}

/* The target must name an aspect, and not the waiting itself. */
static int32_t
check_target (struct ag_call *c, kg_str target)
{
  struct ag_path path;
  struct ag_error err;
  char shown[AG_PATH_MAX + 1];
  if (ag_path_parse (target, &path, &err) < 0 || !path.aspect.len)
    return ag_refuse (c, AG_BAD_ARGUMENT, 400,
                      "Argument 'target' must be a path with an aspect, like "
                      "world.house.demolish");
  if (ag_str_is (path.handle, "world.purgatory") || ag_str_is (path.handle, "self.semaphore"))
    return ag_refuse (c, AG_BAD_ARGUMENT, 400, "'%s' cannot wait",
                      ag_quote (shown, sizeof shown, target));
  return 0;
}

static int32_t
act_yield (struct ag_call *c, struct ag_verdict *v)
{
  struct ag_item *it = v->extra;
  double ttl = ag_arg_number (c, "ttl", WAIT_SECONDS);
  it->at = v->items.now;
  it->expires = v->items.now + (int64_t)(ttl * 1e9);
  v->items.all[v->items.n++] = *it;
  return 0;
}

/* What is to wait, as it was asked for. */
static struct ag_item *
item_new (struct ag_call *c)
{
  struct ag_item *it = c->ag->host->alloc (c->req, sizeof *it);
  if (!it)
    return NULL;
  memset (it, 0, sizeof *it);
  it->id = id_make (c);
  it->reason = ag_arg_text (c, "reason");
  it->target = ag_arg_text (c, "target");
  it->subject = ag_str (c->who->subject ? c->who->subject : "");
  it->observer = ag_observer_name (c);
  it->arguments_json = ag_arg_plain (c, "arguments");
  it->options_json = ag_arg_plain (c, "options");
  if (ag_arg_lost (c, "target", it->target) || ag_arg_lost (c, "arguments", it->arguments_json)
      || ag_arg_lost (c, "options", it->options_json))
    return NULL;
  return it->id.ptr && it->reason.ptr && it->observer.ptr ? it : NULL;
}

static int32_t
yield (struct ag_call *c)
{
  struct ag_verdict *v = ag_verdict_new (c, act_yield);
  struct ag_item *it = item_new (c);
  int32_t r;
  if (!v || !it)
    return -ENOMEM;
  if (it->target.ptr && (r = check_target (c, it->target)))
    return r;
  if (!it->target.ptr && it->arguments_json.ptr)
    return ag_refuse (c, AG_BAD_ARGUMENT, 400, "Argument 'arguments' needs a 'target'");
  v->extra = it;
  v->id = it->id;
  return ag_verdict_run (c, v, ag_verdict_write, NULL);
}

const struct ag_aspect ag_semaphore_aspects[] = {
  { .name = "manifest",
    .category = AG_PERCEPTION,
    .run = ag_purgatory_list,
    .summary = "Actions that wait for a human." },
  { .name = "pending",
    .category = AG_PERCEPTION,
    .run = ag_purgatory_list,
    .summary = "Actions that wait for a human." },
  { .name = "yield",
    .category = AG_MUTATION,
    .run = yield,
    .summary = "Let a question, or an action, wait for a human.",
    .input = "{\"type\":\"object\",\"required\":[\"reason\"],\"properties\":{"
             "\"reason\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":1000},"
             "\"target\":{\"type\":\"string\",\"maxLength\":256},"
             "\"arguments\":{\"type\":\"object\"},"
             "\"options\":{\"type\":\"array\",\"maxItems\":16,\"items\":{\"type\":\"string\","
             "\"maxLength\":200}},"
             "\"ttl\":{\"type\":\"number\",\"exclusiveMinimum\":0,\"maximum\":31536000,"
             "\"default\":86400}}}" },
  { .name = "status",
    .category = AG_PERCEPTION,
    .run = ag_purgatory_inspect,
    .summary = "What became of an action.",
    .input = "{\"type\":\"object\",\"required\":[\"id\"],\"properties\":{\"id\":{\"type\":"
             "\"string\",\"minLength\":1,\"maxLength\":64}}}" },
  { .name = NULL },
};
