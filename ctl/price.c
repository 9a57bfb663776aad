/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A price in words: "free", "10 tokens", "1 per token, at most 2,000". */

#include "ctl/agentese.h"

#include <stdio.h>
#include <string.h>

static void
part_add (char out[SHOW_MAX], const char *before, int64_t n, const char *after)
{
  char count[SHOW_MAX];
  size_t len = strlen (out);
  if (n)
    snprintf (out + len, SHOW_MAX - len, "%s%s%s%s", len ? ", " : "", before,
              human_count (n, count), after);
}

const char *
price_text (json_object *price, char out[SHOW_MAX])
{
  int64_t requests = number_of (price, "requests", 1), max = number_of (price, "max", 0);
  int64_t fixed = number_of (price, "fixed", 0);
  *out = 0;
  part_add (out, "", requests > 1 ? requests : 0, " requests");
  part_add (out, "", fixed, fixed == 1 ? " token" : " tokens");
  part_add (out, "", number_of (price, "per_token", 0), " per token");
  part_add (out, "", number_of (price, "per_kb", 0), " per KiB");
  part_add (out, "at most ", max != fixed ? max : 0, "");
  part_add (out, "money ", number_of (price, "money", 0), "");
  if (!*out)
    strcpy (out, "free");
  return out;
}
