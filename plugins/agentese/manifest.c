/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What a world entity shows of itself: a shape for each archetype, whose members
 * are those of the node's state where it has them. */
#include "plugins/agentese/world.h"

#include <string.h>

/* A member of a shape.  Without text it is computed, unless the state has it;
 * `from` is another member of the state that feeds it. */
struct member {
  kg_str name;     /* as JSON text with colon, "\"mood\":" */
  const char *key; /* in the state; NULL: cannot be replaced */
  kg_str text;     /* JSON text of the default */
  const char *from;
};

#define TEXT(s)                                                                                \
  {                                                                                            \
    s, sizeof s - 1                                                                            \
  }
#define NONE                                                                                   \
  {                                                                                            \
    NULL, 0                                                                                    \
  }
#define FIXED(name, text)                                                                      \
  {                                                                                            \
    TEXT ("\"" name "\":"), NULL, TEXT (text), NULL                                            \
  }
#define MEMBER(name, text)                                                                     \
  {                                                                                            \
    TEXT ("\"" name "\":"), name, TEXT (text), NULL                                            \
  }
#define FED(name, text, from)                                                                  \
  {                                                                                            \
    TEXT ("\"" name "\":"), name, TEXT (text), from                                            \
  }
#define ENTITY                                                                                 \
  {                                                                                            \
    TEXT ("\"entity\":"), NULL, NONE, NULL                                                     \
  }
#define COMPUTED(name)                                                                         \
  {                                                                                            \
    TEXT ("\"" name "\":"), name, NONE, NULL                                                   \
  }
#define END                                                                                    \
  {                                                                                            \
    NONE, NULL, NONE, NULL                                                                     \
  }

static const struct member architect[]
    = { FIXED ("type", "\"blueprint\""), MEMBER ("dimensions", "{}"),
        MEMBER ("materials", "[]"),
        MEMBER ("structural_analysis",
                "{\"load_bearing\":[],\"stress_points\":[],\"integrity\":1.0}"),
        END };

static const struct member poet[]
    = { FIXED ("type", "\"poetic\""), COMPUTED ("description"), MEMBER ("metaphors", "[]"),
        MEMBER ("mood", "\"contemplative\""), END };

static const struct member economist[]
    = { FIXED ("type", "\"economic\""), FED ("market_value", "0.0", "value"),
        MEMBER ("comparable_sales", "[]"), MEMBER ("appreciation_forecast", "{}"), END };

static const struct member scientist[] = { FIXED ("type", "\"scientific\""),
                                           ENTITY,
                                           MEMBER ("measurements", "{}"),
                                           MEMBER ("observations", "[]"),
                                           MEMBER ("hypotheses", "[]"),
                                           MEMBER ("confidence", "0.5"),
                                           END };

static const struct member developer[] = { FIXED ("type", "\"developer\""),
                                           ENTITY,
                                           MEMBER ("language", "\"\""),
                                           MEMBER ("dependencies", "[]"),
                                           MEMBER ("structure", "{}"),
                                           MEMBER ("build_status", "\"unknown\""),
                                           MEMBER ("test_coverage", "0.0"),
                                           MEMBER ("issues", "[]"),
                                           END };

static const struct member admin[] = { FIXED ("type", "\"admin\""),
                                       ENTITY,
                                       MEMBER ("status", "\"unknown\""),
                                       MEMBER ("health", "1.0"),
                                       MEMBER ("metrics", "{}"),
                                       MEMBER ("config", "{}"),
                                       MEMBER ("alerts", "[]"),
                                       COMPUTED ("last_updated"),
                                       END };

static const struct member other[]
    = { COMPUTED ("summary"), COMPUTED ("content"),
        MEMBER ("metadata", "{\"entity_type\":\"world_entity\"}"), END };

/* Of the archetypes of the default table, or who descends from them. */
static const struct member *const shapes[AG_ARCHETYPES]
    = { [AG_ARCHITECT] = architect, [AG_POET] = poet,           [AG_ECONOMIST] = economist,
        [AG_SCIENTIST] = scientist, [AG_DEVELOPER] = developer, [AG_ADMIN] = admin };

static const struct member *
shape_of (const struct ag_call *c)
{
  int32_t base = ag_archetype_base (c->ag, c->archetype);
  return base >= 0 && shapes[base] ? shapes[base] : other;
}

/* A sentence with the entity's name (grammar: needs no escaping) in it. */
static void
sentence (const struct ag_call *c, struct kg_out *o, const char *before, const char *after)
{
  kg_out_lit (o, before);
  kg_out_raw (o, c->path.rest.ptr, c->path.rest.len);
  kg_out_lit (o, after);
}

static void
computed (const struct ag_call *c, const struct ag_node *node, const struct member *m,
          struct kg_out *o)
{
  int32_t kept = node->json != NULL;
  if (!m->key)
    sentence (c, o, "\"", "\"");
  else if (!strcmp (m->key, "description"))
    sentence (c, o, kept ? "\"A " : "\"An unwritten ",
              kept ? ", with a past that can be read.\"" : ", waiting to be seen.\"");
  else if (!strcmp (m->key, "summary"))
    sentence (c, o, "\"World_Entity: ", "\"");
  else if (!strcmp (m->key, "content"))
    sentence (c, o, kept ? "\"The state of " : "\"Nothing is known of ",
              kept ? " is kept; ask its witness.\"" : " yet; transform it.\"");
  else if (kept)
    kg_out_raw (o, node->changed.ptr, node->changed.len);
  else
    kg_out_lit (o, "null");
}

static uint32_t
in_state (const struct ag_node *node, const char *key)
{
  return key ? kg_json_find (node->json, node->state, key) : 0;
}

void
ag_manifest (struct ag_call *c, void *arg, struct kg_out *out)
{
  const struct ag_node *node = arg;
  const struct member *m = shape_of (c);
  const char *sep = "{";
  for (; m->name.ptr; m++, sep = ",") {
    uint32_t kept = 0;
    if (node->json && !(kept = in_state (node, m->key)))
      kept = in_state (node, m->from);
    kg_out_raw (out, sep, 1);
    kg_out_raw (out, m->name.ptr, m->name.len);
    if (kept) {
      kg_str value = kg_json_text (node->json, kept);
      kg_out_raw (out, value.ptr, value.len);
    } else if (m->text.ptr)
      kg_out_raw (out, m->text.ptr, m->text.len);
    else
      computed (c, node, m, out);
  }
  kg_out_raw (out, "}", 1);
}
