/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Schemas and what is checked with them: the input is a schema, a line end, and a
 * value; and the first line as a pattern, for the second as it stands. */

#include "core/util/json.h"
#include "plugins/agentese/pattern.h"
#include "plugins/agentese/schema.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
value_check (const struct ag_schema *s, const char *text, size_t len)
{
  static const struct ag_loc root = { NULL, { "root", 4 }, 0 };
  static struct ag_findings f;
  struct kg_json_token *tokens = malloc (json_tokens_bound (len) * sizeof *tokens);
  struct kg_json j;
  if (tokens && json_scan (text, len, tokens, json_tokens_bound (len), &j, NULL) >= 0) {
    ag_findings_init (&f);
    ag_schema_check (s, &j, 0, &root, &f);
    if (f.list.len >= sizeof f.list_text || f.summary.len > sizeof f.summary_text)
      abort ();
  }
  free (tokens);
}

/* The value must be a string: the matcher reads what the scanner accepted. */
static void
pattern_check (const char *pattern, const char *text, size_t len)
{
  struct kg_json_token *tokens = malloc (json_tokens_bound (len) * sizeof *tokens);
  int64_t steps = AG_PATTERN_STEPS;
  struct ag_pattern *p = NULL;
  const char *why = NULL;
  struct kg_json j;
  if (tokens && json_scan (text, len, tokens, json_tokens_bound (len), &j, NULL) >= 0
      && kg_json_kind (&j, 0) == KG_JSON_STRING
      && !ag_pattern_compile ((kg_str){ pattern, strlen (pattern) }, &p, &why))
    ag_pattern_match (p, kg_json_raw (&j, 0), &steps);
  ag_pattern_free (p);
  free (tokens);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  const uint8_t *end = memchr (data, '\n', size);
  size_t n = end ? (size_t)(end - data) : size, len = end ? size - n - 1 : 0;
  char *schema = malloc (n + 1), *text = malloc (len ? len : 1);
  struct ag_schema *s = NULL;
  const char *why = NULL;
  if (schema && text) {
    memcpy (schema, data, n);
    schema[n] = 0;
    memcpy (text, data + size - len, len);
    if (!ag_schema_compile (schema, &s, &why))
      value_check (s, text, len);
    pattern_check (schema, text, len);
  }
  ag_schema_free (s);
  free (schema);
  free (text);
  return 0;
}
