/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The JSON scanner against json-c: what we accept, json-c must accept and
 * understand in the same way. */
#include "core/util/json.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
must (int truth)
{
  if (!truth)
    abort ();
}

static void compare (const struct kg_json *j, uint32_t i, json_object *theirs);

static void
compare_string (const struct kg_json *j, uint32_t i, const char *theirs, size_t len)
{
  char *mine = malloc (j->token[i].len + 1u);
  size_t n = kg_json_decode (j, i, mine);
  must (n <= j->token[i].len && n == len && !memcmp (mine, theirs, n));
  mine[n] = 0;
  must (!strchr (mine, 0) || strlen (mine) == n);
  free (mine);
}

static void
compare_array (const struct kg_json *j, uint32_t i, json_object *theirs)
{
  uint32_t v;
  size_t n = 0;
  for (v = kg_json_first (j, i); v; v = kg_json_next (j, i, v))
    compare (j, v, json_object_array_get_idx (theirs, n++));
  must (n == json_object_array_length (theirs));
}

static void
compare_object (const struct kg_json *j, uint32_t i, json_object *theirs)
{
  int n = 0;
  json_object_object_foreach (theirs, key, value)
  {
    uint32_t v = strlen (key) < 128 ? kg_json_find (j, i, key) : 0;
    must (v || strlen (key) >= 128);
    if (v)
      compare (j, v, value);
    n++;
  }
  for (uint32_t k = kg_json_first (j, i); k; k = kg_json_next (j, i, k + 1), n--)
    must (kg_json_kind (j, k) == KG_JSON_STRING);
  must (n == 0);
}

static void
compare (const struct kg_json *j, uint32_t i, json_object *theirs)
{
  switch (kg_json_kind (j, i)) {
  case KG_JSON_NULL:
    must (theirs == NULL);
    break;
  case KG_JSON_FALSE:
  case KG_JSON_TRUE:
    must (json_object_is_type (theirs, json_type_boolean));
    must (json_object_get_boolean (theirs) == (kg_json_kind (j, i) == KG_JSON_TRUE));
    break;
  case KG_JSON_INT:
    must (json_object_is_type (theirs, json_type_int));
    must (json_object_get_int64 (theirs) == kg_json_int (j, i, 0));
    break;
  case KG_JSON_DOUBLE:
    must (json_object_is_type (theirs, json_type_double));
    must (__builtin_isfinite (json_object_get_double (theirs)));
    break;
  case KG_JSON_STRING:
    compare_string (j, i, json_object_get_string (theirs),
                    (size_t)json_object_get_string_len (theirs));
    break;
  case KG_JSON_ARRAY:
    compare_array (j, i, theirs);
    break;
  default:
    compare_object (j, i, theirs);
  }
}

/* json-c takes a character that was escaped as a pair for half of a pair when its lower 16
 * bits look like one (U+1D800, U+2D800, ...), and reads U+FFFD. */
static int
json_c_errs (const char *text)
{
  for (text = strstr (text, "\\u"); text; text = strstr (text + 1, "\\u")) {
    unsigned high = 0;
    sscanf (text + 2, "%4x", &high);
    if (high >= 0xd800 && high < 0xdc00 && (high & 0x3e) == 0x36)
      return 1;
  }
  return 0;
}

static void
parse_too (const struct kg_json *j, const char *text, size_t size)
{
  json_tokener *tokener = json_tokener_new_ex (JSON_DEPTH_MAX + 1);
  json_object *theirs;
  json_tokener_set_flags (tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
  theirs = json_tokener_parse_ex (tokener, text, (int)size + 1); /* the NUL ends numbers */
  must (json_tokener_get_error (tokener) == json_tokener_success);
  compare (j, 0, theirs);
  json_object_put (theirs);
  json_tokener_free (tokener);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  uint32_t max = json_tokens_bound (size);
  struct kg_json_token *tokens = malloc (max * sizeof *tokens);
  char *text = malloc (size + 1);
  struct kg_json j;
  struct json_error error = { SIZE_MAX, NULL };
  int32_t r;
  memcpy (text, data, size);
  text[size] = 0;
  r = json_scan (text, size, tokens, max, &j, &error);
  if (r)
    must ((r == -EBADMSG || r == -E2BIG) && error.reason && error.offset <= size);
  else if (!json_c_errs (text))
    parse_too (&j, text, size);
  free (tokens);
  free (text);
  return 0;
}
