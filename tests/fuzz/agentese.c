/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The path parser on any bytes: what it accepts lies in the text, and its normal
 * form is a path again that says the same. */

#include "plugins/agentese/grammar.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

#define STEPS 8

static void
demand (int32_t holds)
{
  if (!holds)
    abort ();
}

static void
inside (kg_str part, kg_str whole)
{
  if (part.len)
    demand (part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len);
}

static void
check_path (kg_str text)
{
  char normal[2 * AG_PATH_MAX];
  struct ag_path p, again;
  struct ag_error err;
  size_t n, i;
  if (ag_path_parse (text, &p, &err) < 0) {
    demand (err.fault != AG_FINE && err.at <= text.len);
    inside (err.what, text);
    return;
  }
  inside (p.handle, text);
  inside (p.aspect, text);
  inside (p.rest, text);
  for (i = 0; i < p.base.len; i++)
    demand (p.base.ptr[i] > ' ' && !strchr ("/*>%@[]\\\"'", p.base.ptr[i]));
  n = ag_path_normal (&p, normal, sizeof normal);
  demand (n > 0);
  if (n > AG_PATH_MAX)
    return; /* a value given once stands twice when clause and annotation agree */
  demand (ag_path_parse ((kg_str){ normal, n }, &again, &err) == 0);
  demand (again.clauses == p.clauses && again.annotations == p.annotations
          && again.flags == p.flags && again.handle.len == p.handle.len);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  struct ag_path steps[STEPS];
  struct ag_error err;
  uint32_t step;
  char *copy = malloc (size ? size : 1); /* so that a byte too far is seen */
  if (!copy)
    return 0;
  memcpy (copy, data, size);
  check_path ((kg_str){ copy, size });
  ag_pipeline_parse ((kg_str){ copy, size }, steps, STEPS, &step, &err);
  free (copy);
  return 0;
}
