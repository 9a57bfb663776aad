/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

#include "core/dump.h"
#include "core/schema.h"

#include <inttypes.h>
#include <string.h>

/* ---- Values ------------------------------------------------------------------ */

void
dump_string (FILE *out, const char *text)
{
  fputc ('"', out);
  for (; *text; text++) {
    if (*text == '"' || *text == '\\')
      fprintf (out, "\\%c", *text);
    else if (*text == '\n')
      fputs ("\\n", out);
    else if ((unsigned char) *text < 0x20 || *text == 0x7f)
      fprintf (out, "\\x%02x", (unsigned) *text);
    else if (!strncmp (text, "${", 2))
      fputs ("$$", out);
    else
      fputc (*text, out);
  }
  fputc ('"', out);
}

/* Text that reads back as the same number, always with a point. */
static void
dump_number (FILE *out, double d)
{
  char text[40];
  int digits;
  double back;
  for (digits = 15; digits <= 17; digits++) {
    snprintf (text, sizeof text, "%.*g", digits, d);
    if (sscanf (text, "%lf", &back) == 1 && back <= d && back >= d)
      break;
  }
  fprintf (out, "%s%s", text, strpbrk (text, ".e") ? "" : ".0");
}

static void
dump_strings (FILE *out, const char *const *list, int secret)
{
  uint32_t i;
  fputs ("(", out);
  for (i = 0; list && list[i]; i++) {
    fputs (i ? ", " : " ", out);
    dump_string (out, secret ? "********" : list[i]);
  }
  fputs (" )", out);
}

static void
dump_list (FILE *out, uint32_t indent, const struct kg_opt *o, uint32_t opt_size,
           const struct kg_list *list)
{
  uint64_t i;
  fputs ("(", out);
  for (i = 0; i < list->count; i++) {
    fprintf (out, "%s\n%*s{\n", i ? "," : "", (int) (indent + 1) * 2, "");
    dump_values (out, indent + 2, o->sub, opt_size,
                 (const char *) list->items + i * o->sub_size);
    fprintf (out, "%*s}", (int) (indent + 1) * 2, "");
  }
  if (list->count)
    fprintf (out, "\n%*s)", (int) indent * 2, "");
  else
    fputs (" )", out);
}

static void
dump_value (FILE *out, uint32_t indent, const struct kg_opt *o, uint32_t opt_size,
            const void *p)
{
  int secret = (o->flags & KG_OPT_SECRET) != 0;
  switch (o->type) {
  case KG_OPT_STRING:
    dump_string (out, secret ? "********" : *(const char *const *) p);
    break;
  case KG_OPT_INT:
    fprintf (out, "%" PRId64, *(const int64_t *) p);
    break;
  case KG_OPT_NUMBER:
    dump_number (out, *(const double *) p);
    break;
  case KG_OPT_BOOL:
    fputs (*(const int32_t *) p ? "true" : "false", out);
    break;
  case KG_OPT_STRINGS:
    dump_strings (out, *(const char *const *const *) p, secret);
    break;
  case KG_OPT_GROUP:
    fputs ("{\n", out);
    dump_values (out, indent + 1, o->sub, opt_size, p);
    fprintf (out, "%*s}", (int) indent * 2, "");
    break;
  default:
    dump_list (out, indent, o, opt_size, p);
  }
}

void
dump_values (FILE *out, uint32_t indent, const struct kg_opt *opts, uint32_t opt_size,
             const void *base)
{
  uint32_t i, count = schema_count (opts, opt_size);
  for (i = 0; i < count; i++) {
    struct kg_opt o = schema_opt (opts, opt_size, i);
    const void *p = (const char *) base + o.offset;
    fprintf (out, "%*s", (int) indent * 2, "");
    if (o.type == KG_OPT_STRING && !*(const char *const *) p) {
      fprintf (out, "# %s: not set\n", o.key);
      continue;
    }
    fprintf (out, "%s = ", o.key);
    dump_value (out, indent, &o, opt_size, p);
    fputs (";\n", out);
  }
}

/* ---- Tables -------------------------------------------------------------------- */

static const char *
type_name (uint32_t type)
{
  static const char *const names[]
      = { "?", "string", "integer", "number", "boolean", "strings", "group", "list" };
  return type < sizeof names / sizeof *names ? names[type] : names[0];
}

/* "integer, 0 to 64, default 4, secret": what may be written. */
static void
dump_facts (FILE *out, const struct kg_opt *o)
{
  fputs (o->choices ? o->choices : type_name (o->type), out);
  if (o->min || o->max)
    fprintf (out, ", %" PRId64 " to %" PRId64, o->min, o->max);
  if (o->flags & KG_OPT_REQUIRED)
    fputs (", required", out);
  else if (o->dflt && !*o->dflt)
    fputs (", default empty", out);
  else if (o->dflt)
    fprintf (out, ", default %s", o->dflt);
  if (o->flags & KG_OPT_SECRET)
    fputs (", secret", out);
}

static int
has_sub (const struct kg_opt *o)
{
  return (o->type == KG_OPT_GROUP || o->type == KG_OPT_LIST) && o->sub;
}

static void
dump_table_level (FILE *out, const struct kg_opt *opts, uint32_t opt_size, uint32_t depth)
{
  uint32_t i, count = depth < SCHEMA_DEPTH_MAX ? schema_count (opts, opt_size) : 0;
  for (i = 0; i < count; i++) {
    struct kg_opt o = schema_opt (opts, opt_size, i);
    fprintf (out, "%*s%s: ", (int) (depth + 1) * 2, "", o.key);
    dump_facts (out, &o);
    fprintf (out, "\n%*s%s\n", (int) (depth + 3) * 2, "", o.help ? o.help : "");
    if (has_sub (&o))
      dump_table_level (out, o.sub, opt_size, depth + 1);
  }
}

void
dump_table (FILE *out, const struct kg_opt *opts, uint32_t opt_size)
{
  dump_table_level (out, opts, opt_size, 0);
}

/* Text in mdoc: a backslash and a leading dot or quote would be markup. */
static void
mdoc_text (FILE *out, const char *text)
{
  if (*text == '.' || *text == '\'')
    fputs ("\\&", out);
  for (; *text; text++)
    if (*text == '\\')
      fputs ("\\e", out);
    else
      fputc (*text, out);
}

static void
dump_mdoc_level (FILE *out, const struct kg_opt *opts, uint32_t opt_size, uint32_t depth)
{
  uint32_t i, count = depth < SCHEMA_DEPTH_MAX ? schema_count (opts, opt_size) : 0;
  for (i = 0; i < count; i++) {
    struct kg_opt o = schema_opt (opts, opt_size, i);
    fprintf (out, ".It Ic %s Pq ", o.key);
    dump_facts (out, &o);
    fputc ('\n', out);
    mdoc_text (out, o.help ? o.help : "");
    fputc ('\n', out);
    if (has_sub (&o)) {
      fputs (".Bl -tag -width Ds -compact\n", out);
      dump_mdoc_level (out, o.sub, opt_size, depth + 1);
      fputs (".El\n", out);
    }
  }
}

void
dump_mdoc (FILE *out, const struct kg_opt *opts, uint32_t opt_size)
{
  dump_mdoc_level (out, opts, opt_size, 0);
}
