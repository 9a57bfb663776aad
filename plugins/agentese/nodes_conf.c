/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The option list `nodes`: read, checked, and made into holons.  Whatever is wrong with it
 * is a start-up error: an agent that is half configured would fail when it is called. */
#include "plugins/agentese/remote.h"
#include "plugins/agentese/schema.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CONF(member) offsetof (struct ag_remote_conf, member)
#define ASPECT(member) offsetof (struct ag_aspect_conf, member)
#define COST(name, text)                                                                       \
  {                                                                                            \
    .key = #name, .dflt = "0", .type = KG_OPT_INT, .min = 0, .max = AG_COST_MAX,               \
    .offset = ASPECT (name), .help = text                                                      \
  }

static const struct kg_opt header_options[]
    = { { .key = "name",
          .type = KG_OPT_STRING,
          .flags = KG_OPT_REQUIRED,
          .offset = offsetof (struct ag_header_conf, name),
          .help = "Name of the field." },
        { .key = "value",
          .type = KG_OPT_STRING,
          .flags = KG_OPT_REQUIRED | KG_OPT_SECRET,
          .offset = offsetof (struct ag_header_conf, value),
          .help = "Its value; \"Bearer ${env:TOKEN}\" and ${file:/path} keep secrets out of "
                  "the file." },
        { .key = NULL } };

static const struct kg_opt aspect_options[] = {
  { .key = "name",
    .type = KG_OPT_STRING,
    .flags = KG_OPT_REQUIRED,
    .offset = ASPECT (name),
    .help = "The verb: translate." },
  { .key = "category",
    .type = KG_OPT_STRING,
    .dflt = "GENERATION",
    .offset = ASPECT (category),
    .choices = "PERCEPTION|INTROSPECTION|MUTATION|GENERATION|ENTROPY|COMPOSITION",
    .help = "What invoking it does; the first two need the scope read only." },
  { .key = "summary",
    .type = KG_OPT_STRING,
    .offset = ASPECT (summary),
    .help = "One sentence for the list of paths and the API document." },
  { .key = "input",
    .type = KG_OPT_STRING,
    .offset = ASPECT (input),
    .help = "JSON Schema of the arguments, which are checked before the agent is called." },
  { .key = "output",
    .type = KG_OPT_STRING,
    .offset = ASPECT (output),
    .help = "JSON Schema of the result; another one is a failure of the agent." },
  { .key = "archetypes",
    .type = KG_OPT_STRINGS,
    .offset = ASPECT (archetypes),
    .help = "To whom it is offered, and who inherits from them; empty: to everybody." },
  { .key = "idempotent",
    .type = KG_OPT_BOOL,
    .dflt = "false",
    .offset = ASPECT (idempotent),
    .help = "Whether a call may be sent again when it failed." },
  { .key = "streams",
    .type = KG_OPT_BOOL,
    .dflt = "false",
    .offset = ASPECT (streams),
    .help = "Whether the agent may answer with an event stream." },
  COST (requests, "Requests that a call counts; 0 and 1: one."),
  COST (tokens, "Tokens per call."),
  COST (tokens_per_kb, "Tokens per begun KiB of the result."),
  COST (tokens_max, "Tokens that a call costs at most, reserved before it runs."),
  COST (money, "Minor units of money, as cents, per call."),
  { .key = "per_token",
    .type = KG_OPT_BOOL,
    .dflt = "false",
    .offset = ASPECT (per_token),
    .help = "Whether it also costs the tokens that the agent says it used; needs "
            "tokens_max." },
  { .key = NULL }
};

const struct kg_opt ag_remote_options[] = {
  { .key = "name",
    .type = KG_OPT_STRING,
    .flags = KG_OPT_REQUIRED,
    .offset = CONF (name),
    .help = "Its path: world.translator." },
  { .key = "kind",
    .type = KG_OPT_STRING,
    .dflt = "http",
    .choices = "http|nats|llm|spec",
    .offset = CONF (kind),
    .help = "What stands behind it; nats is reserved, and specs are files of spec_dir." },
  { .key = "summary",
    .type = KG_OPT_STRING,
    .offset = CONF (summary),
    .help = "One sentence." },
  { .key = "url",
    .type = KG_OPT_STRING,
    .offset = CONF (url),
    .help = "Where the agent is; {context}, {holon}, {aspect}, {path}, {tenant} and "
            "{kwargs.NAME} stand for those of the call." },
  { .key = "method",
    .type = KG_OPT_STRING,
    .dflt = "POST",
    .choices = "POST|PUT|PATCH",
    .offset = CONF (method),
    .help = "How it is asked." },
  { .key = "headers",
    .type = KG_OPT_LIST,
    .offset = CONF (headers),
    .sub = header_options,
    .sub_size = sizeof (struct ag_header_conf),
    .help = "Further header fields of a call." },
  { .key = "timeout",
    .type = KG_OPT_NUMBER,
    .dflt = "10",
    .min = 0,
    .max = 3600,
    .offset = CONF (timeout),
    .help = "Seconds for a call with all its retries; keep it below http.handler_timeout." },
  { .key = "connect_timeout",
    .type = KG_OPT_NUMBER,
    .dflt = "3",
    .min = 0,
    .max = 60,
    .offset = CONF (connect_timeout),
    .help = "Seconds for its connection." },
  { .key = "tries",
    .type = KG_OPT_INT,
    .dflt = "3",
    .min = 1,
    .max = 10,
    .offset = CONF (tries),
    .help = "How often an idempotent call is sent at most; any other is sent once." },
  { .key = "reply_max",
    .type = KG_OPT_INT,
    .dflt = "262144",
    .min = 64,
    .max = 16777216,
    .offset = CONF (reply_max),
    .help = "Bytes that it may answer." },
  { .key = "concurrent",
    .type = KG_OPT_INT,
    .dflt = "64",
    .min = 1,
    .max = 512,
    .offset = CONF (concurrent),
    .help = "Calls under way at one time; further ones are answered 503." },
  { .key = "private",
    .type = KG_OPT_BOOL,
    .dflt = "false",
    .offset = CONF (private_ok),
    .help = "Whether its address may be private or loopback." },
  { .key = "answer",
    .type = KG_OPT_STRING,
    .dflt = "result",
    .choices = "result|value",
    .offset = CONF (answer),
    .help = "Whether the result is the member \"result\" of what it answers, or all of it." },
  { .key = "aspects",
    .type = KG_OPT_LIST,
    .offset = CONF (aspects),
    .sub = aspect_options,
    .sub_size = sizeof (struct ag_aspect_conf),
    .help = "What can be done with it, in the order in which callers see it." },
  { .key = NULL }
};

/* ---- Checks ------------------------------------------------------------------------ */

static int32_t
refused (struct ag *ag, const struct ag_remote_conf *conf, const char *what, const char *why)
{
  ag->host->log (ag->self, KG_LOG_ERROR, "nodes: %s%s%s: %s", conf->name, what ? ": " : "",
                 what ? what : "", why);
  return -EINVAL;
}

static int32_t
header_check (struct ag *ag, const struct ag_remote_conf *conf, const struct ag_header_conf *h)
{
  static const char *const ours[]
      = { "Accept", "Content-Type", "Content-Length", "Connection", "Expect", "Host",
          "Keep-Alive", "Proxy-Authorization", "Proxy-Connection", "TE", "Trailer",
          "Transfer-Encoding", "Upgrade", "traceparent", "X-Request-ID" };
  const unsigned char *p;
  size_t i;
  for (p = (const unsigned char *)h->name; *p; p++)
    if (*p <= ' ' || *p >= 0x7f || strchr ("\"(),/:;<=>?@[\\]{}", *p))
      break;
  if (!*h->name || *p)
    return refused (ag, conf, "headers",
                    "a name is empty or has a character that it cannot have");
  for (i = 0; i < sizeof ours / sizeof ours[0]; i++)
    if (!strcasecmp (ours[i], h->name))
      return refused (ag, conf, h->name, "this header is the host's own");
  for (p = (const unsigned char *)h->value; *p; p++)
    if (*p < ' ' || *p == 0x7f)
      return refused (ag, conf, h->name, "its value has a control character");
  return 0;
}

static int32_t
aspect_check (struct ag *ag, const struct ag_remote_conf *conf, const struct ag_aspect_conf *a)
{
  if (a->per_token && !a->tokens_max)
    return refused (ag, conf, a->name, "per_token needs tokens_max");
  if (a->per_token && !strcmp (conf->answer, "value"))
    return refused (ag, conf, a->name,
                    "per_token needs answer = \"result\": a value says no tokens");
  return 0;
}

static int32_t
http_check (struct ag *ag, const struct ag_remote_conf *conf)
{
  const struct ag_header_conf *h = conf->headers.items;
  const char *why = conf->url ? ag_url_check (conf->url) : "it is missing";
  uint64_t i;
  int32_t r = 0;
  if (why)
    return refused (ag, conf, "url", why);
  if (conf->timeout < 0.01 || conf->connect_timeout < 0.01)
    return refused (ag, conf, NULL, "timeout and connect_timeout must be at least 0.01");
  if (conf->headers.count > AG_HEADERS_MAX)
    return refused (ag, conf, "headers", "there are more than 16");
  for (i = 0; i < conf->headers.count && !r; i++)
    r = header_check (ag, conf, &h[i]);
  return r;
}

/* What no one can serve yet is refused at start, so that nobody waits for it. */
static int32_t
conf_check (struct ag *ag, const struct ag_remote_conf *conf)
{
  const struct ag_aspect_conf *a = conf->aspects.items;
  uint64_t i;
  int32_t r = 0;
  if (!strcmp (conf->kind, "nats"))
    return refused (ag, conf, "kind \"nats\"", "needs bus, and there is none yet");
  if (!strcmp (conf->kind, "spec"))
    return refused (ag, conf, "kind \"spec\"", "a spec is a file of the folder spec_dir");
  if (!conf->aspects.count || conf->aspects.count >= AG_VERBS_MAX / 2)
    return refused (ag, conf, "aspects", "there are none, or too many");
  for (i = 0; i < conf->aspects.count && !r; i++)
    r = aspect_check (ag, conf, &a[i]);
  if (r || !strcmp (conf->kind, "http"))
    return r ? r : http_check (ag, conf);
  return conf->url || conf->headers.count
             ? refused (ag, conf, "kind \"llm\"", "url and headers belong to the kind http")
             : 0;
}

/* ---- Holons -------------------------------------------------------------------------- */

static int32_t
llm_absent (struct ag_call *c)
{
  return ag_refuse (c, AG_UPSTREAM, 503, "Nobody provides the LLM that answers for '%.*s'",
                    (int)c->path.handle.len, c->path.handle.ptr);
}

static int32_t
category_of (const char *name)
{
  int32_t i;
  for (i = 0; i < AG_CATEGORIES - 1 && strcmp (ag_category_names[i], name) != 0;)
    i++;
  return i;
}

static void
aspect_make (struct ag_remote *n, uint64_t i)
{
  const struct ag_aspect_conf *conf = (const struct ag_aspect_conf *)n->conf->aspects.items + i;
  n->own[i] = (struct ag_remote_aspect){ .node = n, .conf = conf };
  n->aspects[i] = (struct ag_aspect){
    .name = conf->name,
    .category = category_of (conf->category),
    .flags = conf->streams ? AG_STREAMS : 0,
    .run = n->holon.kind == AG_HTTP ? ag_http_run : llm_absent,
    .summary = conf->summary,
    .input = conf->input,
    .output = conf->output,
    .archetypes = conf->archetypes && conf->archetypes[0] ? conf->archetypes : NULL,
    .cost = { .requests = conf->requests,
              .tokens = conf->tokens,
              .tokens_per_kb = conf->tokens_per_kb,
              .tokens_max = conf->tokens_max,
              .money = conf->money,
              .per_token = conf->per_token },
    .data = &n->own[i],
  };
}

static int32_t
output_compile (struct ag *ag, struct ag_remote *n, uint64_t i)
{
  const char *text = n->own[i].conf->output, *why = "";
  int32_t r = text ? ag_schema_compile (text, &n->own[i].output, &why) : 0;
  return r == -EINVAL ? refused (ag, n->conf, n->own[i].conf->name, why) : r;
}

/* Context and rest of "world.translator". */
static int32_t
name_read (struct ag *ag, struct ag_remote *n)
{
  struct ag_path path;
  struct ag_error error;
  if (ag_path_parse (ag_str (n->conf->name), &path, &error) < 0
      || path.base.len != strlen (n->conf->name))
    return refused (ag, n->conf, "name", "no path; write context.holon, as world.translator");
  n->holon.context = path.ctx;
  n->holon.rest = n->conf->name + path.context.len + 1;
  return 0;
}

static int32_t
remote_fill (struct ag *ag, struct ag_remote *n)
{
  uint64_t i, count = n->conf->aspects.count;
  int32_t r = name_read (ag, n);
  if (r < 0)
    return r;
  n->aspects = calloc (count + 1, sizeof *n->aspects);
  n->own = calloc (count, sizeof *n->own);
  if (!n->aspects || !n->own)
    return -ENOMEM;
  n->holon.kind = strcmp (n->conf->kind, "llm") != 0 ? AG_HTTP : AG_LLM;
  n->holon.summary = n->conf->summary;
  n->holon.aspects = n->aspects;
  n->holon.data = n;
  for (i = 0; i < count && !r; i++) {
    aspect_make (n, i);
    r = output_compile (ag, n, i);
  }
  return r < 0 ? r : ag_register (ag, &n->holon);
}

/* Adds it to the list even if something is wrong with it: close frees it. */
static int32_t
remote_add (struct ag *ag, const struct ag_remote_conf *conf)
{
  struct ag_remotes *all = ag->remotes;
  struct ag_remote *n, **last = &all->first;
  int32_t r = conf_check (ag, conf);
  if (r < 0)
    return r;
  n = calloc (1, sizeof *n);
  if (!n)
    return -ENOMEM;
  pthread_mutex_init (&n->lock, NULL);
  n->ag = ag;
  n->conf = conf;
  while (*last)
    last = &(*last)->next;
  *last = n;
  all->count++;
  r = remote_fill (ag, n);
  all->nhttp += n->holon.kind == AG_HTTP;
  return r;
}

int32_t
ag_remotes_open (struct ag *ag)
{
  const struct ag_remote_conf *conf = ag->conf->remotes.items;
  uint64_t i;
  int32_t r = 0;
  if (!ag->conf->remotes.count)
    return 0;
  ag->remotes = calloc (1, sizeof *ag->remotes);
  if (!ag->remotes)
    return -ENOMEM;
  for (i = 0; i < ag->conf->remotes.count && !r; i++)
    r = remote_add (ag, &conf[i]);
  return r < 0 || !ag->remotes->nhttp ? r : ag_remotes_declare (ag);
}

static void
remote_free (struct ag_remote *n)
{
  uint64_t i;
  for (i = 0; n->own && i < n->conf->aspects.count; i++)
    ag_schema_free (n->own[i].output);
  for (i = 0; i < n->nheaders; i++) {
    explicit_bzero ((char *)n->headers[i], strlen (n->headers[i]));
    free ((char *)n->headers[i]);
  }
  pthread_mutex_destroy (&n->lock);
  free (n->headers);
  free (n->own);
  free (n->aspects);
  free (n);
}

void
ag_remotes_close (struct ag *ag)
{
  struct ag_remote *n, *next;
  for (n = ag->remotes ? ag->remotes->first : NULL; n; n = next) {
    next = n->next;
    remote_free (n);
  }
  free (ag->remotes);
  ag->remotes = NULL;
}
