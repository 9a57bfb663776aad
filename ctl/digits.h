/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Numbers of any length: sums have more digits than 64 bits hold, and none is lost. */
#ifndef CTL_DIGITS_H
#define CTL_DIGITS_H

#include "ctl/show.h"

/* As json_tokener_parse, but an integer that fits into no int64 is a double whose text
 * has all its digits. */
json_object *digits_parse (const char *text);

/* A plain decimal with its thousands apart: -1,234,567.89; any other text as it is. */
const char *digits_group (const char *text, char out[SHOW_MAX]);

#endif
