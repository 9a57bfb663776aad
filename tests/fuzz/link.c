/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Tokens of links: none is good that was not signed, what is signed is read within bounds
 * whatever it is, and what was written is read again. */
#include "plugins/billing-stripe/link.h"
#include "tests/fuzz/billing-stub.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>

#define NOW 1700000000

static EVP_MAC_CTX *mac;
static uint8_t key[LINK_KEY];

static int
is_text (const char *text, size_t size)
{
  return memchr (text, 0, size) != NULL;
}

/* Whatever is in a link that was read can be written, and is the same link. */
static void
again_read (const struct link *l)
{
  char token[LINK_MAX];
  struct link back;
  int32_t rc;
  must (is_text (l->tenant, sizeof l->tenant) && is_text (l->tier, sizeof l->tier));
  must (l->kind == LINK_CHECKOUT || l->kind == LINK_PORTAL);
  if (link_write (mac, l, token) < 0)
    return;
  rc = link_read (mac, token, NOW, &back);
  must (rc == (l->expires > NOW ? 0 : -ETIME));
  must (back.kind == l->kind && back.expires == l->expires && !strcmp (back.tenant, l->tenant)
        && !strcmp (back.tier, l->tier));
}

static void
unsigned_read (const char *token)
{
  struct link l;
  must (link_read (mac, token, NOW, &l) == -EINVAL);
}

/* Any bytes, well signed. */
static void
signed_read (const uint8_t *data, size_t size)
{
  char token[2 * LINK_MAX + 80];
  unsigned char sum[32];
  unsigned int n = 0;
  size_t len = 0;
  struct link l = { 0 };
  if (size > LINK_MAX)
    return;
  HMAC (EVP_sha256 (), key, LINK_KEY, data, size, sum, &n);
  for (size_t i = 0; i < size; i++)
    len += (size_t) snprintf (token + len, 3, "%02x", data[i]);
  for (size_t i = 0; i < 16; i++)
    len += (size_t) snprintf (token + len, 3, "%02x", sum[i]);
  if (link_read (mac, token, NOW, &l) != -EINVAL)
    again_read (&l);
}

/* A link of any names; and it is none any more when a digit is another. */
static void
written_read (const uint8_t *data, size_t size)
{
  struct input in = { (const char *) data + 4, (const char *) data + size };
  char *tenant = line_take (&in), *tier = line_take (&in), token[LINK_MAX];
  struct link l = { .kind = data[0] & 1 ? LINK_CHECKOUT : LINK_PORTAL,
                    .expires = NOW + data[1] - 128 };
  size_t at;
  snprintf (l.tenant, sizeof l.tenant, "%s", tenant);
  snprintf (l.tier, sizeof l.tier, "%s", tier);
  again_read (&l);
  if (link_write (mac, &l, token) == 0) {
    at = (data[2] * 256u + data[3]) % strlen (token);
    token[at] = token[at] == '0' ? '1' : '0';
    unsigned_read (token);
  }
  free (tenant);
  free (tier);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  struct input in = { (const char *) data + 1, (const char *) data + size };
  char *token;
  if (!mac) {
    must (!link_key ("rk_test_fuzz", key));
    mac = link_mac (key);
    must (mac != NULL);
  }
  if (!size)
    return 0;
  if (data[0] % 3 == 0) {
    token = line_take (&in);
    unsigned_read (token);
    free (token);
  } else if (data[0] % 3 == 1)
    signed_read (data + 1, size - 1);
  else if (size > 5)
    written_read (data + 1, size - 1);
  return 0;
}
