/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* What a schema is compiled to; between schema.c and schema_check.c. */
#ifndef AGENTESE_SCHEMA_TREE_H
#define AGENTESE_SCHEMA_TREE_H

#include "plugins/agentese/pattern.h"
#include "plugins/agentese/schema.h"

/* Kinds of value, as bits. */
#define IS_NULL 0x01u
#define IS_BOOL 0x02u
#define IS_INT 0x04u /* a number without fraction, 1.0 too */
#define IS_NUMBER 0x08u
#define IS_STRING 0x10u
#define IS_ARRAY 0x20u
#define IS_OBJECT 0x40u

/* A number, exact where it is one of int64_t. */
struct number {
  int64_t i;
  double d;
  int32_t whole; /* 1: i is it */
};

struct bound {
  int32_t set, exclusive;
  struct number at;
};

/* One value of `enum`. */
struct choice {
  uint32_t kind; /* KG_JSON_ */
  char *text;    /* of a string, NUL-terminated */
  struct number number;
};

struct property {
  char *name;
  size_t len;
  int32_t required;
  struct ag_schema *schema; /* NULL: anything */
};

struct ag_schema {
  uint32_t types; /* that are allowed; 0: all */
  int32_t never;  /* the schema `false` */
  struct choice *choices;
  uint32_t nchoices, nproperties;
  struct property *properties;
  struct ag_schema *additional, *items; /* NULL: anything */
  struct bound low, high;
  struct ag_pattern *pattern;
  uint32_t min_length, max_length; /* characters */
  uint32_t min_items, max_items;
  uint32_t min_members, max_members;
};

#endif
