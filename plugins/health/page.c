/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* /docs: docs.html, which the build turns into a string.
 *
 * The page loads nothing but /openapi.json.  Its policy allows exactly its own
 * script and style, by their digests (CSP level 3, section 2.3.1). */

#include "plugins/health/health.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SOURCE_MAX 64 /* bytes of base64 (SHA-256), with NUL */

static const char html[] =
#include "plugins/health/docs.inc"
    ;

/* The digest of the text of the page's only element of that name. */
static int32_t
source_make (const char *open, const char *close, char out[SOURCE_MAX])
{
  unsigned char digest[SHA256_DIGEST_LENGTH];
  const char *from = strstr (html, open), *to = from ? strstr (from, close) : NULL;
  if (!to)
    return -EINVAL;
  from += strlen (open);
  if (!SHA256 ((const unsigned char *)from, (size_t)(to - from), digest))
    return -ENOMEM;
  EVP_EncodeBlock ((unsigned char *)out, digest, sizeof digest);
  return 0;
}

int32_t
page_make (struct plugin *p)
{
  char script[SOURCE_MAX], style[SOURCE_MAX];
  int32_t r = source_make ("<script>", "</script>", script);
  if (r >= 0)
    r = source_make ("<style>", "</style>", style);
  if (r < 0)
    return r;
  snprintf (p->page_policy, sizeof p->page_policy,
            "default-src 'none'; script-src 'sha256-%s'; style-src 'sha256-%s'; "
            "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
            script, style);
  return document_set (&p->page, strdup (html), sizeof html - 1);
}
