/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The command line.  Options may stand anywhere; one table serves all commands,
 * and each says which options it takes. */

#include "ctl/ctl.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_S 30

enum {
  OPT_FIRST = 256,
  OPT_NAME,
  OPT_TENANT,
  OPT_USER,
  OPT_TIER,
  OPT_SCOPE,
  OPT_ARCHETYPE,
  OPT_MINUTE,
  OPT_DAY,
  OPT_TOKENS,
  OPT_EXPIRES
};

static const struct option options[] = {
  { "state", required_argument, NULL, 's' },
  { "url", required_argument, NULL, 'u' },
  { "key", required_argument, NULL, 'k' },
  { "timeout", required_argument, NULL, 't' },
  { "json", no_argument, NULL, 'j' },
  { "help", no_argument, NULL, 'h' },
  { "version", no_argument, NULL, 'V' },
  { "name", required_argument, NULL, OPT_NAME },
  { "tenant", required_argument, NULL, OPT_TENANT },
  { "user", required_argument, NULL, OPT_USER },
  { "tier", required_argument, NULL, OPT_TIER },
  { "scope", required_argument, NULL, OPT_SCOPE },
  { "archetype", required_argument, NULL, OPT_ARCHETYPE },
  { "requests-per-minute", required_argument, NULL, OPT_MINUTE },
  { "requests-per-day", required_argument, NULL, OPT_DAY },
  { "tokens-per-month", required_argument, NULL, OPT_TOKENS },
  { "expires", required_argument, NULL, OPT_EXPIRES },
  { NULL, 0, NULL, 0 },
};

/* Adds the words of a comma-separated list. */
static int
words_add (struct words *w, char *list, const char *option)
{
  char *word, *save = NULL;
  for (word = strtok_r (list, ",", &save); word; word = strtok_r (NULL, ",", &save)) {
    if (w->count == WORDS_MAX) {
      complain ("%s: at most %d", option, WORDS_MAX);
      return EXIT_USAGE;
    }
    w->item[w->count++] = word;
  }
  return 0;
}

static int
number_read (const char *text, const char *option, int64_t max, int64_t *ret)
{
  char *end;
  errno = 0;
  *ret = strtoll (text, &end, 10);
  if (errno || end == text || *end || *ret < 0 || *ret > max) {
    complain ("%s: '%s' is not a number from 0 to %lld", option, text, (long long)max);
    return EXIT_USAGE;
  }
  return 0;
}

static int
global_option (struct args *a, int c, char *value)
{
  int64_t n = 0;
  int r = 0;
  switch (c) {
  case 's':
    a->state = value;
    break;
  case 'u':
    a->url = value;
    break;
  case 'k':
    a->key = value;
    break;
  case 't':
    r = number_read (value, "--timeout", 86400, &n);
    a->timeout_s = (long)n;
    break;
  case 'j':
    a->json = 1;
    break;
  case 'h':
    a->help = 1;
    break;
  case 'V':
    a->version = 1;
    break;
  default: /* getopt has said what is wrong */
    complain ("see kgentctl --help");
    r = EXIT_USAGE;
  }
  return r;
}

/* An option of some commands: noted, so that the others can refuse it. */
static int
command_option (struct args *a, int c, char *value)
{
  a->given |= 1u << (c - OPT_NAME);
  switch (c) {
  case OPT_NAME:
    a->name = value;
    return 0;
  case OPT_TENANT:
    a->tenant = value;
    return 0;
  case OPT_USER:
    a->user = value;
    return 0;
  case OPT_TIER:
    a->tier = value;
    return 0;
  case OPT_SCOPE:
    return words_add (&a->scopes, value, "--scope");
  case OPT_ARCHETYPE:
    return words_add (&a->archetypes, value, "--archetype");
  case OPT_MINUTE:
    return number_read (value, "--requests-per-minute", 1000000000, &a->per_minute);
  case OPT_DAY:
    return number_read (value, "--requests-per-day", 1000000000, &a->per_day);
  case OPT_TOKENS:
    return number_read (value, "--tokens-per-month", 1000000000, &a->tokens);
  default:
    a->expires = value;
    return 0;
  }
}

static const char *
environment (const char *name)
{
  const char *value = getenv (name);
  return value && *value ? value : NULL;
}

int
args_parse (int argc, char **argv, struct args *ret)
{
  int c, r = 0;
  memset (ret, 0, sizeof *ret);
  ret->timeout_s = TIMEOUT_S;
  ret->state = environment ("KGENT_STATE");
  ret->key = environment ("KGENT_ADMIN_KEY");
  if (!ret->state)
    ret->state = KG_STATE_DIR;
  while (!r && (c = getopt_long (argc, argv, "s:u:k:t:jhV", options, NULL)) != -1)
    r = c > OPT_FIRST ? command_option (ret, c, optarg) : global_option (ret, c, optarg);
  for (; !r && optind < argc; optind++) {
    if (ret->rest.count == WORDS_MAX) {
      complain ("too many arguments");
      r = EXIT_USAGE;
    } else
      ret->rest.item[ret->rest.count++] = argv[optind];
  }
  return r;
}
