/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The group `jwt` of the options. */
#include "plugins/auth/jwt_conf.h"

#include "plugins/auth/jose.h"

#include <errno.h>
#include <string.h>

#define CONF(member) .offset = offsetof (struct jwt_conf, member)

const struct kg_opt jwt_opts[] = {
  { .key = "issuer", .type = KG_OPT_STRING, CONF (issuer),
    .help = "What iss must say; turns tokens on." },
  { .key = "audience", .type = KG_OPT_STRING, CONF (audience),
    .help = "What aud must say, or have among others." },
  { .key = "jwks_url", .type = KG_OPT_STRING, CONF (jwks_url),
    .help = "Where the issuer's keys are fetched; https, or http on this machine." },
  { .key = "jwks_file", .type = KG_OPT_STRING, CONF (jwks_file),
    .help = "The file with the keys, instead." },
  { .key = "algorithms", .type = KG_OPT_STRINGS, .dflt = "RS256,ES256,EdDSA", CONF (algorithms),
    .help = "The ones that are accepted, of RS256, ES256 and EdDSA." },
  { .key = "tenant_claim", .type = KG_OPT_STRING, .dflt = "tenant", CONF (tenant_claim),
    .help = "The claim with the id or slug of the tenant." },
  { .key = "tenant", .type = KG_OPT_STRING, CONF (tenant),
    .help = "The tenant of tokens without that claim; without it they are refused." },
  { .key = "scope_claim", .type = KG_OPT_STRING, .dflt = "scope", CONF (scope_claim),
    .help = "The claim with the scopes, a text with blanks between them or a list." },
  { .key = "scopes", .type = KG_OPT_STRINGS, .dflt = "read,write", CONF (scopes),
    .help = "The scopes that a token may have; others in it are ignored." },
  { .key = "archetypes_claim", .type = KG_OPT_STRING, .dflt = "archetypes",
    CONF (archetypes_claim), .help = "The claim with the archetypes, a text or a list." },
  { .key = "archetypes", .type = KG_OPT_STRINGS, .dflt = "developer", CONF (archetypes),
    .help = "The archetypes that a token may name; the first is for tokens that name none." },
  { .key = "leeway", .type = KG_OPT_INT, .dflt = "30", CONF (leeway), .max = 300,
    .help = "Seconds by which clocks may differ." },
  { .key = "refresh", .type = KG_OPT_INT, .dflt = "300", CONF (refresh), .min = 1, .max = 86400,
    .help = "Seconds between fetches if the answer has no max-age; of the file always." },
  { .key = NULL },
};

/* ---- What goes together -------------------------------------------------- */

static int32_t
given (const char *text)
{
  return text && text[0];
}

/* Who can change an answer on its way could be anybody: plain http is for this
 * machine only. */
static int32_t
url_good (const char *url)
{
  static const char *const local[] = { "http://127.0.0.1", "http://localhost", "http://[::1]" };
  size_t i, n;
  if (!strncmp (url, "https://", 8))
    return 1;
  for (i = 0; i < sizeof local / sizeof local[0]; i++) {
    n = strlen (local[i]);
    if (!strncmp (url, local[i], n) && (!url[n] || url[n] == ':' || url[n] == '/'))
      return 1;
  }
  return 0;
}

/* What is wrong with the options; NULL: nothing. */
static const char *
conf_wrong (const struct jwt_conf *c)
{
  const char *const *s;
  if (!given (c->audience))
    return "jwt.audience is missing: a token for somebody else would be accepted";
  if (given (c->jwks_url) == given (c->jwks_file))
    return "jwt needs either jwks_url or jwks_file";
  if (given (c->jwks_url) && !url_good (c->jwks_url))
    return "jwt.jwks_url must be https, or http on this machine (127.0.0.1, localhost, [::1])";
  if (!given (c->tenant_claim) || !given (c->scope_claim) || !given (c->archetypes_claim))
    return "the name of a claim in jwt is empty";
  for (s = c->scopes; *s; s++)
    if (!strncmp (*s, "invoke:", 7))
      return "jwt.scopes has an invoke: scope: those of a token only narrow it and always count";
  if (!c->algorithms[0])
    return "jwt.algorithms is empty";
  for (s = c->algorithms; *s; s++)
    if (jose_alg (*s, strlen (*s)) < 0)
      return "jwt.algorithms has something else than RS256, ES256 and EdDSA";
  return NULL;
}

int32_t
jwt_conf_check (const struct kg_host *host, kg_self *self, const struct jwt_conf *c)
{
  const char *wrong;
  if (!given (c->issuer) && !given (c->audience) && !given (c->jwks_url) && !given (c->jwks_file))
    return 0;
  wrong = given (c->issuer) ? conf_wrong (c) : "jwt.issuer is missing";
  if (!wrong)
    return 1;
  host->log (self, KG_LOG_ERROR, "%s", wrong);
  return -EINVAL;
}
