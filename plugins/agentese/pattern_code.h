/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The code that patterns are compiled to; between pattern.c and pattern_compile.c.
 * Targets of jumps are relative, so that a piece of code can be copied. */
#ifndef AGENTESE_PATTERN_CODE_H
#define AGENTESE_PATTERN_CODE_H

#include "plugins/agentese/pattern.h"

#define PATTERN_RANGES 256

enum { OP_CHAR, OP_ANY, OP_CLASS, OP_BEGIN, OP_END, OP_SPLIT, OP_JUMP, OP_MATCH };

struct inst {
  uint32_t op;
  uint32_t c;    /* CHAR: the character; CLASS: 1: all but those of it */
  int32_t x, y;  /* SPLIT, JUMP: where to; CLASS: its ranges, from x to before y */
};

struct range {
  uint32_t low, high;
};

struct ag_pattern {
  uint32_t n, nranges;
  struct inst inst[AG_PATTERN_STATES];
  struct range range[PATTERN_RANGES];
};

#endif
