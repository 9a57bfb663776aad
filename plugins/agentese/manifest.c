/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What a world entity shows of itself: a shape for each archetype, whose members
 * are those of the node's state where it has them. */
#include "plugins/agentese/world.h"

#include <assert.h>
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

/* ---- Of a node that is not kept ---------------------------------------------------- */

/* Its manifest is the same but for its name: texts, and between them what is computed. */
struct plain {
  kg_str text; /* before it */
  const struct member *computed; /* NULL: nothing follows */
};

static struct plain plains[AG_ARCHETYPES + 1][4]; /* the last one: of all others */

static void
member_name (struct kg_out *o, const struct member *m, int32_t first)
{
  kg_out_raw (o, first ? "{" : ",", 1);
  kg_out_raw (o, m->name.ptr, m->name.len);
}

/* Joins the texts of a shape in `o`, which has room for them. */
static void
plain_make (const struct member *shape, struct plain *p, struct kg_out *o)
{
  const struct member *m;
  size_t from = o->len;
  for (m = shape; m->name.ptr; m++) {
    member_name (o, m, m == shape);
    if (m->text.ptr) {
      kg_out_raw (o, m->text.ptr, m->text.len);
      continue;
    }
    *p++ = (struct plain){ { o->ptr + from, o->len - from }, m };
    from = o->len;
  }
  kg_out_raw (o, "}", 1);
  *p = (struct plain){ { o->ptr + from, o->len - from }, NULL };
}

void
ag_manifests_make (void)
{
  static char texts[2048];
  struct kg_out o = { texts, 0, sizeof texts };
  int32_t i;
  for (i = 0; i < AG_ARCHETYPES; i++)
    if (shapes[i])
      plain_make (shapes[i], plains[i], &o);
  plain_make (other, plains[AG_ARCHETYPES], &o);
  assert (kg_out_ok (&o));
}

static void
plain_write (struct ag_call *c, const struct ag_node *node, const struct plain *p,
             struct kg_out *out)
{
  for (;; p++) {
    kg_out_raw (out, p->text.ptr, p->text.len);
    if (!p->computed)
      return;
    computed (c, node, p->computed, out);
  }
}

/* ---- The manifest --------------------------------------------------------------------- */

void
ag_manifest (struct ag_call *c, void *arg, struct kg_out *out)
{
  int32_t base = ag_archetype_base (c->ag, c->archetype);
  int32_t shape = base >= 0 && shapes[base] ? base : AG_ARCHETYPES;
  const struct member *m = shape < AG_ARCHETYPES ? shapes[shape] : other, *first = m;
  const struct ag_node *node = arg;
  if (!node->json) {
    plain_write (c, node, plains[shape], out);
    return;
  }
  for (; m->name.ptr; m++) {
    uint32_t kept = in_state (node, m->key);
    if (!kept)
      kept = in_state (node, m->from);
    member_name (out, m, m == first);
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
