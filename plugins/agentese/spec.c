/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What a node does that is described by a spec: it fills the holes of its texts, notes that
 * it was invoked, or would ask a language model. */
#include "plugins/agentese/spec_tenant.h"
#include "plugins/agentese/common.h"
#include "plugins/agentese/world.h"

#include <errno.h>
#include <string.h>

/* A text and where its values come from. */
struct render {
  struct ag_call *c;
  const struct ag_spec_text *text;
  struct ag_node node;
};

/* ---- Values ----------------------------------------------------------------------------------- */

/* What every call has, as JSON text; ptr NULL for any other name. */
static kg_str
given (struct ag_call *c, const char *name, char buf[AG_PATH_MAX + 3])
{
  struct kg_out o = { buf, 0, AG_PATH_MAX + 3 };
  if (!strcmp (name, "observer"))
    return c->observer.len ? c->observer : ag_str ("\"\"");
  if (!ag_spec_is_given (name))
    return (kg_str){ NULL, 0 };
  kg_out_str (&o, !strcmp (name, "self")     ? c->path.handle
                  : !strcmp (name, "aspect") ? c->path.aspect
                                             : c->path.base);
  return (kg_str){ buf, o.len };
}

/* The argument of that name, else the member of the state. */
static uint32_t
value_find (const struct render *r, const char *name, const struct kg_json **ret)
{
  uint32_t i = ag_kwarg (r->c, name);
  *ret = r->c->json;
  if (i || !r->node.json)
    return i;
  *ret = r->node.json;
  return kg_json_find (r->node.json, r->node.state, name);
}

/* A JSON text as part of a string, without the blanks between its tokens. */
static void
inside_write (kg_str json, int32_t kind, struct kg_out *out)
{
  int32_t in_string = 0;
  size_t i;
  if (kind == KG_JSON_STRING) { /* escaped already */
    kg_out_raw (out, json.ptr + 1, json.len - 2);
    return;
  }
  for (i = 0; i < json.len; i++) {
    char c = json.ptr[i];
    if (!in_string && (c == ' ' || c == '\t' || c == '\n' || c == '\r'))
      continue;
    if (c == '"' || c == '\\')
      kg_out_raw (out, "\\", 1);
    kg_out_raw (out, &c, 1);
    if (c == '"')
      in_string = !in_string;
    else if (c == '\\' && ++i < json.len) {
      if (json.ptr[i] == '"' || json.ptr[i] == '\\')
        kg_out_raw (out, "\\", 1);
      kg_out_raw (out, &json.ptr[i], 1);
    }
  }
}

static void
hole_write (const struct render *r, const struct ag_spec_hole *h, struct kg_out *out)
{
  char buf[AG_PATH_MAX + 3];
  const struct kg_json *j;
  kg_str text = given (r->c, h->name, buf);
  int32_t kind = KG_JSON_STRING;
  uint32_t i;
  if (!text.ptr) {
    i = value_find (r, h->name, &j);
    if (!i) {
      kg_out_raw (out, r->text->json.ptr + h->from, h->to - h->from);
      return;
    }
    kind = kg_json_kind (j, i);
    text = kg_json_text (j, i);
  }
  if (h->in_string)
    inside_write (text, kind, out);
  else
    ag_compact (out, text);
}

static void
render_write (const struct render *r, struct kg_out *out)
{
  const struct ag_spec_text *t = r->text;
  size_t at = 0;
  uint32_t i;
  for (i = 0; i < t->nholes; i++) {
    kg_out_raw (out, t->json.ptr + at, t->hole[i].from - at);
    hole_write (r, &t->hole[i], out);
    at = t->hole[i].to;
  }
  kg_out_raw (out, t->json.ptr + at, t->json.len - at);
}

/* ---- Rendering ------------------------------------------------------------------------------------ */

static int32_t
missing (const struct render *r)
{
  const struct ag_spec_hole *h = r->text->hole, *end = h + r->text->nholes;
  const struct ag_advice advice
      = { "A text of this node needs it, and neither the arguments nor the node's state have it.",
          "give it in kwargs", NULL };
  char buf[AG_PATH_MAX + 3];
  const struct kg_json *j;
  for (; h < end; h++)
    if (!h->has_default && !given (r->c, h->name, buf).ptr && !value_find (r, h->name, &j))
      return ag_refuse_why (r->c, AG_BAD_ARGUMENT, 422, &advice, "Argument '%s' is required",
                            h->name);
  return 0;
}

/* A text with its holes filled, in the request's memory.  0; KG_DONE with a refusal; an errno. */
static int32_t
render (struct ag_call *c, const struct ag_spec_text *text, kg_str *ret)
{
  struct render r = { .c = c, .text = text };
  char none[1];
  struct kg_out o = { none, 0, 0 }; /* to find out the length */
  int32_t rc;
  if (!text->nholes) {
    *ret = text->json.ptr ? text->json : ag_str ("null");
    return 0;
  }
  rc = ag_node_get (c, c->path.handle, &r.node);
  if ((rc < 0 && rc != -ENOENT) || (rc = missing (&r)))
    return rc;
  render_write (&r, &o);
  if (o.len > AG_SPEC_RESULT)
    return ag_refuse (c, AG_BAD_ARGUMENT, 422, "The text would have over %d bytes",
                      AG_SPEC_RESULT);
  if (ag_out_new (c, o.len, &o) < 0)
    return -ENOMEM;
  render_write (&r, &o);
  *ret = (kg_str){ o.ptr, o.len };
  return kg_out_ok (&o) ? 0 : -EIO;
}

/* ---- What aspects do --------------------------------------------------------------------------------- */

static int32_t
text_run (struct ag_call *c)
{
  const struct ag_spec_aspect *a = c->slot->aspect.data;
  kg_str text;
  int32_t r = render (c, &a->text, &text);
  return r ? r : ag_answer_text (c, text);
}

static int32_t
prompt_run (struct ag_call *c)
{
  static const struct ag_advice advice
      = { "This aspect's text is a prompt, and no plugin of this host provides llm/1.",
          "ask the operator for a language model", NULL };
  char shown[AG_PATH_MAX + 1];
  return ag_refuse_why (c, AG_UPSTREAM, 503, &advice,
                        "Nobody provides the language model that answers for '%s'",
                        ag_quote (shown, sizeof shown, c->path.base));
}

static void
manifest_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct ag_holon *holon = ag_entry_holon (c->entry);
  const kg_str *content = arg;
  kg_out_lit (out, "{\"summary\":");
  kg_out_text (out, holon->summary);
  kg_out_lit (out, ",\"content\":");
  kg_out_raw (out, content->ptr, content->len);
  kg_out_lit (out, ",\"handle\":");
  kg_out_str (out, c->path.handle);
  kg_out_lit (out, ",\"kind\":\"spec\",\"aspects\":");
  ag_write_aspects (c, out);
  ag_spec_uses_write (c, holon->data, out);
  kg_out_lit (out, "}");
}

static int32_t
manifest_run (struct ag_call *c)
{
  const struct ag_spec *spec = ag_entry_holon (c->entry)->data;
  kg_str content;
  int32_t r = render (c, &spec->about, &content);
  return r ? r : ag_answer (c, manifest_write, &content);
}

static void
aspect_make (struct ag_spec_aspect *a, struct ag_aspect *ret)
{
  static ag_run *const runs[] = { text_run, prompt_run, ag_world_acknowledge };
  *ret = (struct ag_aspect){ .name = a->name,
                             .category = a->category,
                             .flags = a->input ? 0 : AG_CHECKS,
                             .run = runs[a->does],
                             .summary = a->summary,
                             .input = a->input ? a->input : a->holes,
                             .output = a->output,
                             .archetypes = a->to_any ? NULL : a->whom,
                             .cost = a->cost,
                             .data = a };
}

void
ag_spec_aspects (struct ag_spec *spec, struct ag_aspect *ret)
{
  uint32_t i;
  *ret++ = (struct ag_aspect){ .name = "manifest",
                               .category = AG_PERCEPTION,
                               .flags = AG_CHECKS,
                               .run = manifest_run,
                               .summary = "What this node is and offers." };
  for (i = 0; i < spec->naspects; i++)
    aspect_make (&spec->aspect[i], ret++);
  *ret = (struct ag_aspect){ .name = NULL };
}
