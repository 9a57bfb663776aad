/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Documents that are made once and served with an entity tag. */

#include "plugins/health/health.h"

#include <openssl/sha.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ETAG_BYTES 12 /* of the digest: enough against accidents */

int32_t
document_set (struct document *d, char *text, size_t len)
{
  unsigned char digest[SHA256_DIGEST_LENGTH];
  int i;
  if (!text)
    return -ENOMEM;
  document_finish (d);
  d->text = text;
  d->len = len;
  if (!SHA256 ((const unsigned char *)text, len, digest))
    return -ENOMEM;
  d->etag[0] = '"';
  for (i = 0; i < ETAG_BYTES; i++)
    snprintf (d->etag + 1 + 2 * i, 3, "%02x", digest[i]);
  strcpy (d->etag + 1 + 2 * ETAG_BYTES, "\"");
  return 0;
}

void
document_finish (struct document *d)
{
  free (d->text);
  d->text = NULL;
  d->len = 0;
}

/* Whether If-None-Match names the tag.  The tag brings its quotes, so finding
 * it inside the list is the weak comparison of RFC 9110, 8.8.3.2. */
static int
document_known (struct plugin *p, kg_req *req, const struct document *d)
{
  kg_str list = p->host->get (req, KG_GET_HEADER, "If-None-Match");
  size_t n = strlen (d->etag);
  if (list.len == 1 && *list.ptr == '*')
    return 1;
  return list.len >= n && memmem (list.ptr, list.len, d->etag, n) != NULL;
}

int32_t
document_reply (struct plugin *p, kg_req *req, const struct document *d, const char *type)
{
  p->host->header (req, "ETag", d->etag);
  p->host->header (req, "Cache-Control", "no-cache");
  if (document_known (p, req, d))
    p->host->reply (req, 304, type, "", 0);
  else
    p->host->reply (req, 200, type, d->text, d->len);
  return KG_DONE;
}
