/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Pieces of JSON Schema and OpenAPI that the operator's routes share. */
#ifndef AUTH_SCHEMA_H
#define AUTH_SCHEMA_H

#define S_TEXT       "{\"type\":\"string\"}"
#define S_TEXT_NULL  "{\"type\":[\"string\",\"null\"]}"
#define S_INT        "{\"type\":\"integer\"}"
#define S_BOOL       "{\"type\":\"boolean\"}"
#define S_TEXTS      "{\"type\":\"array\",\"items\":" S_TEXT "}"
#define S_TIME       "{\"type\":\"string\",\"format\":\"date-time\"}"
#define S_TIME_NULL  "{\"type\":[\"string\",\"null\"],\"format\":\"date-time\"}"
#define S_UUID       "{\"type\":\"string\",\"format\":\"uuid\"}"
#define S_UUID_NULL  "{\"type\":[\"string\",\"null\"],\"format\":\"uuid\"}"
#define S_OBJECT     "{\"type\":\"object\"}"
#define S_NUMBER     "{\"type\":[\"integer\",\"null\"],\"minimum\":0}"

#define S_LIMITS                                                                             \
  "{\"type\":[\"object\",\"null\"],\"properties\":{\"requests_per_minute\":" S_NUMBER        \
  ",\"requests_per_day\":" S_NUMBER ",\"requests_per_month\":" S_NUMBER                      \
  ",\"tokens_per_month\":" S_NUMBER ",\"spend_per_month\":" S_NUMBER                         \
  ",\"concurrent\":" S_NUMBER "}}"

/* A list's answer, and its parameters. */
#define S_LIST(member, item)                                                                 \
  "{\"type\":\"object\",\"properties\":{\"" member "\":{\"type\":\"array\",\"items\":" item   \
  "},\"next\":" S_TEXT_NULL "}}"
#define P_LIST                                                                               \
  "{\"name\":\"limit\",\"in\":\"query\",\"schema\":{\"type\":\"integer\",\"minimum\":1,"     \
  "\"maximum\":1000,\"default\":100}},"                                                      \
  "{\"name\":\"after\",\"in\":\"query\",\"description\":\"The id to go on behind: next of "  \
  "the answer before\",\"schema\":" S_TEXT "}"
#define P_TENANT                                                                             \
  "{\"name\":\"tenant\",\"in\":\"query\",\"description\":\"Id or slug\",\"schema\":" S_TEXT "}"
#define P_FORCE                                                                              \
  "{\"name\":\"force\",\"in\":\"query\",\"description\":\"1: even the last key with scope "  \
  "admin\",\"schema\":{\"type\":\"integer\"}}"

#endif
