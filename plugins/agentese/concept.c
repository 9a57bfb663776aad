/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* concept.*: what a concept shows, and how its definition is disputed.  Refining and
 * dialectic follow rules: the challenge is taken into the definition. */
#include "plugins/agentese/concept.h"
#include "plugins/agentese/world.h"

#include <errno.h>

#define DEFINITION_MAX 4096 /* bytes that are kept of one */

/* ---- manifest ------------------------------------------------------------------ */

/* A text with the concept's name in it, which needs no escaping. */
static void
sentence (const struct ag_call *c, struct kg_out *o, const char *before, const char *after)
{
  kg_out_lit (o, before);
  kg_out_raw (o, c->path.rest.ptr, c->path.rest.len);
  kg_out_lit (o, after);
}

/* A member of the state as it is, or something else. */
static void
member_or (const struct ag_node *node, const char *name, const char *other, struct kg_out *o)
{
  uint32_t i = node->json ? kg_json_find (node->json, node->state, name) : 0;
  kg_str text = i ? kg_json_text (node->json, i) : ag_str (other);
  kg_out_raw (o, text.ptr, text.len);
}

static int32_t
is_defined (const struct ag_node *node)
{
  uint32_t i = node->json ? kg_json_find (node->json, node->state, "definition") : 0;
  return i && !kg_json_is (node->json, i, "");
}

static void
definition_write (struct ag_call *c, const struct ag_node *node, struct kg_out *o)
{
  if (is_defined (node))
    member_or (node, "definition", "", o);
  else if (ag_entry_holon (c->entry)->rest)
    kg_out_text (o, ag_entry_holon (c->entry)->summary);
  else
    sentence (c, o, "\"Nothing is said of ", " yet; define it.\"");
}

struct view {
  struct ag_node node;
  kg_str essence; /* { NULL, 0 }: there is no definition */
};

/* The first sentence of the definition. */
static int32_t
essence_read (struct ag_call *c, struct view *v)
{
  kg_str *s = &v->essence;
  size_t i;
  *s = (kg_str){ NULL, 0 };
  if (!is_defined (&v->node))
    return 0;
  *s = ag_json_member (c, v->node.json, v->node.state, "definition");
  for (i = 0; i < s->len; i++)
    if (s->ptr[i] == '.' || s->ptr[i] == ';') {
      s->len = i;
      break;
    }
  return s->ptr ? 0 : -ENOMEM;
}

static void
related_write (const struct ag_node *node, struct kg_out *o)
{
  const struct kg_json *j = node->json;
  uint32_t i = j ? kg_json_first (j, node->relations) : 0, target, n = 0;
  kg_out_lit (o, "[");
  for (; i; i = kg_json_next (j, node->relations, i)) {
    kg_str text;
    if (!(target = kg_json_find (j, i, "target")))
      continue;
    text = kg_json_text (j, target);
    kg_out_lit (o, n++ ? "," : "");
    kg_out_raw (o, text.ptr, text.len);
  }
  kg_out_lit (o, "]");
}

static void
philosopher_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct view *v = arg;
  const struct ag_node *node = &v->node;
  kg_out_lit (out, "{\"type\":\"philosophical\",\"concept\":");
  kg_out_str (out, c->path.rest);
  kg_out_lit (out, ",\"definition\":");
  definition_write (c, node, out);
  kg_out_lit (out, ",\"essence\":");
  ag_out_text (out, v->essence);
  kg_out_lit (out, ",\"dialectic\":");
  member_or (node, "dialectic", "{\"thesis\":null,\"antithesis\":null,\"synthesis\":null}", out);
  kg_out_lit (out, ",\"related_concepts\":");
  related_write (node, out);
  kg_out_lit (out, "}");
}

static void
other_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct ag_node *node = &((const struct view *)arg)->node;
  int32_t standard = ag_entry_holon (c->entry)->rest != NULL;
  sentence (c, out, "{\"summary\":\"Concept: ", "\",\"content\":");
  definition_write (c, node, out);
  kg_out_lit (out, ",\"metadata\":{\"domain\":");
  member_or (node, "domain", "\"general\"", out);
  kg_out_lit (out, ",\"extends\":");
  member_or (node, "extends", standard ? "[\"concept\"]" : "[]", out);
  kg_out_lit (out, ",\"depth\":");
  member_or (node, "depth", standard ? "1" : "null", out);
  kg_out_lit (out, "}}");
}

static int32_t
concept_manifest (struct ag_call *c)
{
  int32_t philosopher = ag_archetype_base (c->ag, c->archetype) == AG_PHILOSOPHER;
  struct view v;
  int32_t r = ag_node_get (c, c->path.handle, &v.node);
  if ((r < 0 && r != -ENOENT) || (r = essence_read (c, &v)) < 0)
    return r;
  return ag_answer (c, philosopher ? philosopher_write : other_write, &v);
}

/* ---- refine, dialectic ------------------------------------------------------------ */

struct dispute {
  kg_str thesis, antithesis, synthesis;
};

/* Cuts a text, never inside a character. */
static kg_str
cut (kg_str s, size_t max)
{
  if (s.len > max) {
    s.len = max;
    while (s.len && ((unsigned char)s.ptr[s.len] & 0xc0) == 0x80)
      s.len--;
  }
  return s;
}

static kg_str
without_stop (kg_str s)
{
  while (s.len && (s.ptr[s.len - 1] == '.' || s.ptr[s.len - 1] == ' '))
    s.len--;
  return s;
}

/* before + text + middle + more, in the request's memory. */
static kg_str
join (struct ag_call *c, const char *before, kg_str text, const char *middle, kg_str more)
{
  struct kg_out o;
  if (!text.ptr || !more.ptr || ag_out_new (c, text.len + more.len + 64, &o) < 0)
    return (kg_str){ NULL, 0 };
  kg_out_lit (&o, before);
  kg_out_raw (&o, text.ptr, text.len);
  kg_out_lit (&o, middle);
  kg_out_raw (&o, more.ptr, more.len);
  return (kg_str){ o.ptr, o.len };
}

/* Where it stands what is held against the thesis. */
static const char *
against_of (const struct ag_call *c)
{
  return ag_arg_or_input (c, ag_kwarg (c, "challenge") ? "challenge" : "antithesis");
}

/* What is claimed, what is held against it, and both in one sentence. */
static int32_t
dispute_fill (struct ag_call *c, const struct ag_node *old, struct dispute *d)
{
  const char *against = against_of (c);
  kg_str none = ag_str ("");
  d->thesis = ag_arg_text (c, "thesis");
  if (ag_arg_lost (c, "thesis", d->thesis))
    return -ENOMEM;
  if (!d->thesis.ptr && is_defined (old)) {
    d->thesis = ag_json_member (c, old->json, old->state, "definition");
    if (!d->thesis.ptr)
      return -ENOMEM;
  }
  if (!d->thesis.ptr)
    d->thesis = join (c, "", c->path.rest, " is what it is said to be", none);
  if (!d->thesis.ptr)
    return -ENOMEM;
  d->antithesis = ag_arg_text (c, against);
  if (ag_arg_lost (c, against, d->antithesis))
    return -ENOMEM;
  if (!d->antithesis.ptr)
    d->antithesis = join (c, "It may be that not: ", without_stop (cut (d->thesis, 1024)), "", none);
  if (!d->antithesis.ptr)
    return -ENOMEM;
  d->synthesis = join (c, "", without_stop (cut (d->thesis, DEFINITION_MAX / 2)),
                       "; yet: ", without_stop (d->antithesis));
  return d->synthesis.ptr ? 0 : -ENOMEM;
}

static kg_str
dialectic_text (struct ag_call *c, const struct dispute *d)
{
  struct kg_out o;
  if (ag_out_new (c, 6 * (d->thesis.len + d->antithesis.len + d->synthesis.len) + 64, &o) < 0)
    return (kg_str){ NULL, 0 };
  kg_out_lit (&o, "{\"thesis\":");
  kg_out_str (&o, d->thesis);
  kg_out_lit (&o, ",\"antithesis\":");
  kg_out_str (&o, d->antithesis);
  kg_out_lit (&o, ",\"synthesis\":");
  kg_out_str (&o, d->synthesis);
  kg_out_lit (&o, "}");
  return (kg_str){ o.ptr, o.len };
}

static int32_t
dispute_prepare (struct ag_change *ch, const struct ag_node *old)
{
  struct ag_call *c = ch->call;
  struct dispute *d = ch->extra;
  struct ag_member m[2] = { { "definition", { NULL, 0 } }, { "dialectic", { NULL, 0 } } };
  int32_t r = dispute_fill (c, old, d);
  if (r < 0)
    return r;
  m[0].value = ag_json_quoted (c, d->synthesis);
  m[1].value = dialectic_text (c, d);
  if (!m[0].value.ptr || !m[1].value.ptr)
    return -ENOMEM;
  ch->bump = 1;
  return ag_state_with (c, old, m, 2, &ch->state);
}

static void
dispute_write (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct ag_change *ch = arg;
  const struct dispute *d = ch->extra;
  kg_out_lit (out, "{\"concept\":");
  kg_out_str (out, c->path.rest);
  kg_out_lit (out, ",\"thesis\":");
  kg_out_str (out, d->thesis);
  kg_out_lit (out, ",\"antithesis\":");
  kg_out_str (out, d->antithesis);
  kg_out_lit (out, ",\"synthesis\":");
  kg_out_str (out, d->synthesis);
  kg_out_lit (out, ",\"version\":");
  kg_out_int (out, ch->version);
  kg_out_lit (out, ",\"source\":\"rules\"}");
}

static int32_t
concept_dispute (struct ag_call *c)
{
  struct ag_change *ch = ag_change_new (c);
  struct dispute *d = c->ag->host->alloc (c->req, sizeof *d);
  uint32_t against = ag_kwarg (c, against_of (c));
  if (!ch || !d)
    return -ENOMEM;
  if (against ? kg_json_kind (c->json, against) != KG_JSON_STRING || !c->json->token[against].len
              : ag_str_is (c->path.aspect, "refine"))
    return ag_refuse (c, AG_BAD_ARGUMENT, 400, "Argument 'challenge' must be a text%s",
                      against ? "" : "; it is required");
  ch->extra = d;
  ch->prepare = dispute_prepare;
  ch->result = dispute_write;
  return ag_change_run (ch);
}

/* ---- The table ----------------------------------------------------------------------- */

#define NAMES "{\"type\":\"array\",\"maxItems\":16,\"items\":{\"type\":\"string\",\"pattern\":"     \
              "\"^[a-z][a-z0-9_]*$\",\"maxLength\":64}}"
#define DISPUTED                                                                                 \
  "{\"type\":\"object\",\"required\":[\"concept\",\"thesis\",\"antithesis\",\"synthesis\","          \
  "\"version\",\"source\"]}"

static const struct ag_aspect aspects[] = {
  { .name = "manifest",
    .category = AG_PERCEPTION,
    .run = concept_manifest,
    .summary = "The concept as the observer's archetype sees it." },
  { .name = "define",
    .category = AG_GENERATION,
    .run = ag_concept_define,
    .summary = "Define a concept by what it extends.",
    .input = "{\"type\":\"object\",\"properties\":{"
             "\"name\":{\"type\":\"string\",\"pattern\":\"^[a-z][a-z0-9_]*$\",\"maxLength\":64},"
             "\"definition\":{\"type\":\"string\",\"maxLength\":4000},"
             "\"domain\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":128},"
             "\"spec\":{\"type\":\"string\",\"maxLength\":32768},"
             "\"extends\":{\"type\":[\"string\",\"array\"],\"maxItems\":16,"
             "\"items\":{\"type\":\"string\"}},"
             "\"affordances\":" NAMES ",\"constraints\":" NAMES "}}",
    .output = "{\"type\":\"object\",\"required\":[\"handle\",\"name\",\"definition\",\"domain\","
              "\"extends\",\"affordances\",\"constraints\",\"depth\"]}" },
  { .name = "relate",
    .category = AG_COMPOSITION,
    .run = ag_world_relate,
    .summary = "Relate this concept to another node, or list its relations." },
  { .name = "refine",
    .category = AG_GENERATION,
    .run = concept_dispute,
    .summary = "Take a challenge into the definition.",
    .input = "{\"type\":\"object\",\"properties\":{\"input\":{},"
             "\"challenge\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":1000}}}",
    .output = DISPUTED },
  { .name = "dialectic",
    .category = AG_GENERATION,
    .run = concept_dispute,
    .summary = "Set an antithesis against the definition and keep the synthesis.",
    .input = "{\"type\":\"object\",\"properties\":{"
             "\"thesis\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":4000},"
             "\"antithesis\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":1000}}}",
    .output = DISPUTED },
  { .name = "constraints",
    .category = AG_INTROSPECTION,
    .flags = AG_UNLISTED,
    .run = ag_concept_constraints,
    .summary = "What a concept and its heirs are bound to." },
  { .name = "lineage",
    .category = AG_INTROSPECTION,
    .flags = AG_UNLISTED,
    .run = ag_concept_lineage,
    .summary = "What the concept descends from." },
  { .name = NULL },
};

/* The verbs that only name an action leave a mark in the concept's history. */
static const struct ag_aspect other = { .category = AG_MUTATION,
                                        .run = ag_world_acknowledge,
                                        .summary = "Noted in the concept's history." };

static const struct ag_offer offers[]
    = { { NULL, AG_VERBS ("define", "relate") }, { NULL, NULL } };

#define CONCEPT(name, what)                                                                      \
  {                                                                                              \
    .context = AG_CONCEPT, .kind = AG_BUILT_IN, .rest = name, .summary = what,                   \
    .aspects = aspects, .offers = offers, .other = &other, .flags = AG_BY_ARCHETYPE              \
  }

int32_t
ag_concept_open (struct ag *ag)
{
  static const struct ag_holon holons[] = {
    CONCEPT ("entity", "What is."),
    CONCEPT ("process", "What happens."),
    CONCEPT ("relation", "What holds between others."),
    CONCEPT ("property", "What is said of others."),
    { .context = AG_CONCEPT,
      .kind = AG_OPEN_WORLD,
      .summary = "Any concept.",
      .aspects = aspects,
      .offers = offers,
      .other = &other,
      .flags = AG_BY_ARCHETYPE },
  };
  return ag_register_all (ag, holons, sizeof holons / sizeof holons[0]);
}
