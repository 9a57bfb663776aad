/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Specs: what is parsed fits the memory that is computed for it, lies in it, and an error
 * has a line of the text. */
#include "plugins/agentese/spec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

static void
text_check (const struct ag_spec_text *t, const char *mem, size_t size)
{
  uint32_t i, at = 0;
  if (!t->json.ptr)
    return;
  if (t->json.ptr < mem || t->json.ptr + t->json.len > mem + size)
    abort ();
  for (i = 0; i < t->nholes; i++) {
    if (t->hole[i].from < at || t->hole[i].to < t->hole[i].from || t->hole[i].to > t->json.len
        || !ag_is_name (ag_str (t->hole[i].name)))
      abort ();
    at = t->hole[i].to;
  }
}

static void
spec_check (const struct ag_spec *spec, const char *mem, size_t size)
{
  uint32_t i;
  if (spec->naspects > AG_SPEC_ASPECTS || spec->nholes > AG_SPEC_HOLES
      || spec->nwhom > AG_SPEC_WHOM)
    abort ();
  text_check (&spec->about, mem, size);
  for (i = 0; i < spec->naspects; i++) {
    const struct ag_spec_aspect *a = &spec->aspect[i];
    if (a->category < 0 || a->category >= AG_CATEGORIES || a->nwhom > AG_SPEC_WHOM
        || a->whom[a->nwhom] || (a->does != AG_SPEC_NOTE && !a->text.json.ptr))
      abort ();
    text_check (&a->text, mem, size);
  }
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  size_t room = ag_spec_size (size);
  char *text = malloc (size ? size : 1), *mem = malloc (room), told[256];
  struct ag_spec *spec = NULL;
  struct ag_spec_error err;
  int32_t r;
  if (text && mem) {
    if (size)
      memcpy (text, data, size);
    r = ag_spec_read ((kg_str){ text, size }, mem, room, &spec, &err);
    if (r == -ENOMEM || (r < 0 && (!err.what || !err.line)))
      abort ();
    if (r < 0)
      ag_spec_error_text (&err, told, sizeof told);
    else
      spec_check (spec, mem, room);
  }
  free (text);
  free (mem);
  return 0;
}
