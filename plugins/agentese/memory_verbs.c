/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The table of self.memory. */
#include "plugins/agentese/memory.h"
#include "plugins/agentese/self.h"

#define KEY "{\"type\":\"string\",\"pattern\":\"^[A-Za-z_][A-Za-z0-9_]*$\",\"maxLength\":64}"
#define WITH_KEY                                                                               \
  "{\"type\":\"object\",\"required\":[\"key\"],\"properties\":{\"key\":" KEY "}}"
#define LABEL                                                                                  \
  "{\"type\":\"object\",\"required\":[\"label\"],\"properties\":{\"label\":{\"type\":"         \
  "\"string\",\"pattern\":\"^[A-Za-z0-9_][A-Za-z0-9_-]*$\",\"maxLength\":64}}}"
#define TTL "{\"type\":\"number\",\"exclusiveMinimum\":0,\"maximum\":3153600000}"
#define QUERY "{\"type\":\"string\",\"minLength\":1,\"maxLength\":500}"
#define RECALLED                                                                               \
  "{\"type\":\"object\",\"properties\":{\"key\":" KEY ",\"query\":" QUERY                      \
  ",\"input\":{},\"limit\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":100}}}"
#define KEPT                                                                                   \
  "{\"type\":\"object\",\"properties\":{\"key\":" KEY ",\"data\":{},\"input\":{},\"ttl\":" TTL "}}"
#define KEPT_ANSWER                                                                            \
  "{\"type\":\"object\",\"required\":[\"key\",\"stored\",\"reinforced\",\"tier\",\"bytes\","   \
  "\"expires_at\"]}"

/* Keeping takes a key, or makes one. */
static const char engram_input[]
    = "{\"type\":\"object\",\"required\":[\"key\",\"data\"],\"properties\":{\"key\":" KEY
      ",\"data\":{},\"ttl\":" TTL "}}";

#define WITHOUT_LLM "It takes a language model, and no plugin provides one"

const struct ag_aspect ag_memory_aspects[] = {
  { .name = "manifest",
    .category = AG_PERCEPTION,
    .run = ag_memory_manifest,
    .summary = "What is kept: figures and keys." },
  { .name = "consolidate",
    .category = AG_MUTATION,
    .run = ag_memory_consolidate,
    .summary = "Drop what has expired, and promote what was reinforced." },
  { .name = "prune",
    .category = AG_MUTATION,
    .run = ag_memory_prune,
    .summary = "Drop what is weaker than a threshold and not cherished.",
    .input = "{\"type\":\"object\",\"properties\":{\"threshold\":{\"type\":\"number\","
             "\"minimum\":0,\"maximum\":1,\"default\":0.1}}}" },
  { .name = "checkpoint",
    .category = AG_MUTATION,
    .run = ag_memory_checkpoint,
    .summary = "Keep all of the memory under a label.",
    .input = LABEL },
  { .name = "recall",
    .category = AG_PERCEPTION,
    .run = ag_memory_recall,
    .summary = "What is kept under a key, or holds some words.",
    .input = RECALLED },
  { .name = "forget",
    .category = AG_MUTATION,
    .run = ag_memory_forget,
    .summary = "Drop what is kept under a key.",
    .input = WITH_KEY },
  { .name = "crystallize",
    .category = AG_GENERATION,
    .run = ag_memory_crystallize,
    .summary = "Make one cherished engram of many.",
    .input = "{\"type\":\"object\",\"required\":[\"key\"],\"properties\":{\"key\":" KEY
             ",\"query\":" QUERY "}}" },
  { .name = "resume",
    .category = AG_MUTATION,
    .run = ag_memory_resume,
    .summary = "Put the memory back to a checkpoint.",
    .input = LABEL },
  { .name = "cherish",
    .category = AG_MUTATION,
    .run = ag_memory_cherish,
    .summary = "Save an engram from pruning, or no longer.",
    .input = "{\"type\":\"object\",\"required\":[\"key\"],\"properties\":{\"key\":" KEY
             ",\"cherished\":{\"type\":\"boolean\",\"default\":true}}}" },
  { .name = "engram",
    .category = AG_MUTATION,
    .run = ag_memory_engram,
    .summary = "Keep something under a key, for a while.",
    .input = engram_input,
    .output = KEPT_ANSWER },
  { .name = "store",
    .category = AG_MUTATION,
    .run = ag_memory_store,
    .summary = "Keep something for long; without a key under one made of it.",
    .input = KEPT,
    .output = KEPT_ANSWER },
  { .name = "retrieve",
    .category = AG_PERCEPTION,
    .run = ag_memory_recall,
    .summary = "What is kept under a key, or holds some words.",
    .input = RECALLED },
  { .name = "compress",
    .category = AG_MUTATION,
    .reason = WITHOUT_LLM,
    .summary = "Say in fewer words what is kept." },
  { .name = "promote",
    .category = AG_MUTATION,
    .run = ag_memory_promote,
    .summary = "Move an engram up a tier: working, short, long.",
    .input = WITH_KEY },
  { .name = "demote",
    .category = AG_MUTATION,
    .run = ag_memory_demote,
    .summary = "Move an engram down a tier.",
    .input = WITH_KEY },
  { .name = "deposit",
    .category = AG_MUTATION,
    .run = ag_memory_deposit,
    .summary = "Keep something for a day, or for ttl seconds.",
    .input = KEPT,
    .output = KEPT_ANSWER },
  { .name = "sense",
    .category = AG_PERCEPTION,
    .run = ag_memory_sense,
    .summary = "How much is kept, and how much can be." },
  { .name = "play",
    .category = AG_PERCEPTION,
    .run = ag_memory_play,
    .summary = "Any one of those that are kept." },
  { .name = "evaluate",
    .category = AG_PERCEPTION,
    .run = ag_memory_evaluate,
    .summary = "How strong engrams are.",
    .input = "{\"type\":\"object\",\"properties\":{\"key\":" KEY "}}" },
  { .name = "inference_consolidate",
    .category = AG_MUTATION,
    .reason = WITHOUT_LLM,
    .summary = "Infer from what is kept." },
  { .name = "reap",
    .category = AG_MUTATION,
    .run = ag_memory_reap,
    .summary = "Drop what has expired." },
  { .name = "expiring_soon",
    .category = AG_PERCEPTION,
    .run = ag_memory_expiring,
    .summary = "What expires within some seconds.",
    .input = "{\"type\":\"object\",\"properties\":{\"within\":{\"type\":\"integer\","
             "\"minimum\":1,\"maximum\":315360000,\"default\":3600}}}" },
  { .name = "restore",
    .category = AG_MUTATION,
    .flags = AG_UNLISTED,
    .run = ag_memory_resume,
    .summary = "As resume.",
    .input = LABEL },
  { .name = NULL },
};
