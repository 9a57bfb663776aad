/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* A sink that is anybody's URL: batches as a POST, signed as Standard Webhooks describes
 * (www.standardwebhooks.com, version 1): webhook-id, webhook-timestamp, and
 * webhook-signature with one "v1,<base64>" for each secret, so that secrets can be
 * changed: sign with both, until the receiver knows the new one.
 *
 * The id is that of the batch: the same whenever it is sent again. */
#include "plugins/metering-openmeter/sink.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SECRETS_MAX 4
#define KEY_MIN 24 /* bytes, as the specification wants them */
#define KEY_MAX 64
#define ID_MAX 128
#define SIGNATURE_MAX (SECRETS_MAX * 48 + 1) /* "v1," and 44 characters, and a space */

/* The bytes of "whsec_<base64>"; their number, or -EINVAL. */
static int32_t
secret_read (const char *text, unsigned char out[KEY_MAX + 3])
{
  size_t n;
  int len;
  if (strncmp (text, "whsec_", 6))
    return -EINVAL;
  text += 6;
  n = strlen (text);
  if (!n || n % 4 || n > KEY_MAX / 3 * 4)
    return -EINVAL;
  len = EVP_DecodeBlock (out, (const unsigned char *)text, (int)n);
  if (len < 0)
    return -EINVAL;
  len -= (text[n - 1] == '=') + (text[n - 2] == '=');
  return len >= KEY_MIN && len <= KEY_MAX ? len : -EINVAL;
}

static int32_t
webhook_check (struct sink *s)
{
  unsigned char key[KEY_MAX + 3];
  const char *const *secret = s->conf.secrets;
  uint32_t n;
  int32_t r = sink_http_check (s);
  for (n = 0; !r && secret && secret[n]; n++)
    if (n == SECRETS_MAX || secret_read (secret[n], key) < 0)
      r = sink_refuse (s, "secrets", "number %u is %s; write 1 to %d, each whsec_ and the base64 "
                       "of %d to %d bytes", n + 1, n < SECRETS_MAX ? "none" : "one too many",
                       SECRETS_MAX, KEY_MIN, KEY_MAX);
  explicit_bzero (key, sizeof key);
  if (!r && !n)
    r = sink_refuse (s, "secrets", "a webhook needs one; write whsec_ and the base64 of %d to %d "
                     "bytes", KEY_MIN, KEY_MAX);
  return r;
}

/* The batch's id: of which sink, from which event on, how many. */
static void
id_make (const struct sink *s, char out[ID_MAX])
{
  const struct mt_event *e = s->batch.event;
  snprintf (out, ID_MAX, "msg_%s_%llu-%u_%u", s->conf.name, (unsigned long long)e->sequence,
            e->k, s->batch.count);
}

/* Adds the signature of the text by one secret. */
static int32_t
signature_add (const char *secret, const struct mt_text *t, char *out)
{
  unsigned char key[KEY_MAX + 3], mac[EVP_MAX_MD_SIZE];
  unsigned int len = 0;
  int32_t n = secret_read (secret, key);
  int32_t ok = n > 0
               && HMAC (EVP_sha256 (), key, n, (const unsigned char *)t->ptr, t->len, mac, &len);
  explicit_bzero (key, sizeof key);
  if (!ok)
    return -ENOMEM;
  out += strlen (out);
  memcpy (out, " v1,", 4);
  EVP_EncodeBlock ((unsigned char *)out + 4, mac, (int)len);
  return 0;
}

/* Signatures of "id.timestamp.body" by all secrets. */
static int32_t
signatures_make (const struct sink *s, const char *id, long long now, kg_str body,
                 char out[SIGNATURE_MAX])
{
  char head[ID_MAX + 32];
  struct mt_text t = { 0 };
  const char *const *secret;
  int32_t r;
  out[0] = 0;
  snprintf (head, sizeof head, "%s.%lld.", id, now);
  mt_text_add (&t, head, strlen (head));
  mt_text_add (&t, body.ptr, body.len);
  r = t.failed ? -ENOMEM : 0;
  for (secret = s->conf.secrets; !r && *secret; secret++)
    r = signature_add (*secret, &t, out);
  mt_text_free (&t);
  return r;
}

static int32_t
webhook_send (struct sink *s)
{
  kg_str body = { s->batch.text.ptr, s->batch.text.len };
  char id[ID_MAX], signature[SIGNATURE_MAX];
  char lines[3][SIGNATURE_MAX + ID_MAX];
  const char *headers[]
      = { "Content-Type: application/cloudevents-batch+json", lines[0], lines[1], lines[2],
          NULL };
  long long now = (long long)time (NULL);
  int32_t r;
  id_make (s, id);
  r = signatures_make (s, id, now, body, signature);
  if (r < 0)
    return r;
  snprintf (lines[0], sizeof lines[0], "webhook-id: %s", id);
  snprintf (lines[1], sizeof lines[1], "webhook-timestamp: %lld", now);
  snprintf (lines[2], sizeof lines[2], "webhook-signature:%s", signature);
  return sink_http_send (s, "POST", "", body, headers, SINK_SENDING);
}

const struct sink_kind sink_webhook
    = { .name = "webhook", .check = webhook_check, .send = webhook_send };
