/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The parts of the JSON scanner; for json*.c only. */
#ifndef UTIL_JSON_TEXT_H
#define UTIL_JSON_TEXT_H

#include "core/util/json.h"

struct json_scan {
  const char *text, *p, *end;
  struct kg_json_token *token;
  uint32_t count, max;            /* tokens */
  uint32_t values;                /* seen so far, keys not counted */
  uint32_t depth;                 /* of open arrays and objects */
  uint32_t open[JSON_DEPTH_MAX];  /* their tokens, outermost first */
  struct json_error error;
};

/* Notes where and why; returns -EBADMSG, -E2BIG. */
int32_t json_fail (struct json_scan *s, const char *where, const char *reason);
int32_t json_fail_big (struct json_scan *s, const char *where, const char *reason);

/* Moves s->p from the opening quote of a string behind its closing one.  Returns
 * 1 when the string has escapes, else 0; or json_fail. */
int32_t json_string_end (struct json_scan *s);

/* Moves s->p from the first byte of a number behind it.  Returns KG_JSON_INT or
 * KG_JSON_DOUBLE; or json_fail. */
int32_t json_number_end (struct json_scan *s);

/* 0 when the complete object has no two equal keys; or json_fail. */
int32_t json_keys_check (struct json_scan *s, const struct kg_json_token *object);

#endif
