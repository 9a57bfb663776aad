/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* URLs of agents, from templates: "https://host/v1/{holon}/{aspect}?city={kwargs.city}".
 *
 * What is put in is escaped (RFC 3986, section 2.1), so that it cannot end the segment it
 * stands in; and it stands behind scheme and host only. */
#include "plugins/agentese/remote.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const names[]
    = { "context", "holon", "aspect", "path", "tenant", NULL };

static int32_t
is_one_of (kg_str name)
{
  uint32_t i;
  for (i = 0; names[i]; i++)
    if (ag_str_is (name, names[i]))
      return 1;
  return 0;
}

/* The name of the argument in "kwargs.city", or an empty text. */
static kg_str
kwarg_of (kg_str name)
{
  kg_str none = { NULL, 0 };
  if (name.len < 8 || memcmp (name.ptr, "kwargs.", 7) != 0)
    return none;
  name.ptr += 7;
  name.len -= 7;
  return ag_is_name (name) ? name : none;
}

/* The name in braces at p, "{...}"; 0 when the brace isn't closed. */
static int32_t
placeholder (const char *p, kg_str *ret)
{
  const char *end = strchr (p, '}');
  if (!end)
    return 0;
  *ret = (kg_str){ p + 1, (size_t)(end - p - 1) };
  return 1;
}

const char *
ag_url_check (const char *t)
{
  const char *p, *path;
  kg_str name = { NULL, 0 };
  if (strncmp (t, "http://", 7) != 0 && strncmp (t, "https://", 8) != 0)
    return "it must begin with http:// or https://";
  if (strlen (t) > AG_URL_MAX / 2)
    return "it is too long";
  path = strstr (t, "://") + 3;
  path += strcspn (path, "/?");
  for (p = t; *p; p++) {
    if (*p <= ' ' || *p >= 0x7f || strchr ("#\\\"", *p))
      return "blanks, #, \\, quotes and what is not ASCII cannot stand there";
    if (*p == '@' && p < path)
      return "it holds a user; give credentials by headers";
    if (*p == '}')
      return "a } without its {";
    if (*p != '{')
      continue;
    if (p < path)
      return "scheme, host and port must be fixed";
    if (!placeholder (p, &name) || (!is_one_of (name) && !kwarg_of (name).len))
      return "in braces stands context, holon, aspect, path, tenant, or kwargs.NAME";
    p = name.ptr + name.len;
  }
  return NULL;
}

static void
escaped (struct kg_out *o, kg_str text)
{
  static const char hex[] = "0123456789ABCDEF";
  size_t i;
  for (i = 0; i < text.len; i++) {
    unsigned char ch = (unsigned char)text.ptr[i];
    char code[3] = { '%', hex[ch >> 4], hex[ch & 15] };
    int plain = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9')
                || (ch && strchr ("-._~", ch));
    kg_out_raw (o, plain ? text.ptr + i : code, plain ? 1 : 3);
  }
}

/* An argument as text.  0, or KG_DONE with the refusal. */
static int32_t
kwarg_text (struct ag_call *c, kg_str name, kg_str *ret)
{
  char key[AG_NAME_MAX + 1];
  uint32_t token;
  int32_t kind;
  snprintf (key, sizeof key, "%.*s", (int)name.len, name.ptr);
  token = ag_kwarg (c, key);
  if (!token)
    return ag_refuse (c, AG_BAD_ARGUMENT, 400, "Argument '%s' is missing", key);
  kind = kg_json_kind (c->json, token);
  if (kind == KG_JSON_OBJECT || kind == KG_JSON_ARRAY || kind == KG_JSON_NULL)
    return ag_refuse (c, AG_BAD_ARGUMENT, 400,
                      "Argument '%s' must be a text, a number or a boolean", key);
  *ret = kind == KG_JSON_STRING ? kg_json_str (c->ag->host, c->req, c->json, token)
                                : kg_json_text (c->json, token);
  if (!ret->ptr)
    return -ENOMEM;
  /* ".." would be taken for a step up, wherever it stands alone */
  if (!ret->len || strspn (ret->ptr, ".") >= ret->len)
    return ag_refuse (c, AG_BAD_ARGUMENT, 400, "Argument '%s' cannot be part of a URL", key);
  return 0;
}

static int32_t
value_of (struct ag_call *c, kg_str name, kg_str *ret)
{
  if (kwarg_of (name).len)
    return kwarg_text (c, kwarg_of (name), ret);
  *ret = ag_str_is (name, "context")  ? c->path.context
         : ag_str_is (name, "holon")  ? c->path.rest
         : ag_str_is (name, "aspect") ? c->path.aspect
         : ag_str_is (name, "path")   ? c->path.base
                                      : ag_str (c->who->tenant);
  return 0;
}

int32_t
ag_url_make (struct ag_call *c, const char *t, char out[AG_URL_MAX])
{
  struct kg_out o = { out, 0, AG_URL_MAX - 1 };
  kg_str name = { NULL, 0 }, value = { NULL, 0 };
  size_t n;
  int32_t r;
  while (*t) {
    n = strcspn (t, "{");
    kg_out_raw (&o, t, n);
    t += n;
    if (!*t)
      break;
    if (!placeholder (t, &name)) /* ag_url_check has seen to it */
      return -EINVAL;
    if ((r = value_of (c, name, &value)))
      return r;
    escaped (&o, value);
    t = name.ptr + name.len + 1;
  }
  if (!kg_out_ok (&o))
    return ag_refuse (c, AG_BAD_ARGUMENT, 400, "The arguments are too long for a URL");
  out[o.len] = 0;
  return 0;
}
