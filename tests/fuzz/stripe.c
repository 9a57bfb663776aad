/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The webhook on any header and body, which a line feed parts: no signature is
 * accepted but the one that the secret makes, and a body with a good signature is
 * stored or refused, never worse. */
#include "tests/fake/fake-services.h"

#include "plugins/billing-stripe/signature.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput (const uint8_t *data, size_t size);

extern const struct kg_plugin kg_plugin_1;

#define SECRET     "whsec_fuzz"
#define DELIVERIES 64 /* that one host takes */

static void
demand (int holds)
{
  if (!holds)
    abort ();
}

/* A header that parses is what it says: its time stands in it, its count is in
 * bounds, and by itself it verifies nothing. */
static void
check_header (const char *header, size_t len)
{
  static const char *const secrets[] = { SECRET, NULL };
  struct signature s;
  if (signature_parse (header, len, &s) < 0)
    return;
  demand (s.count >= 1 && s.count <= SIGNATURE_MAX);
  demand (s.time >= 0 && s.time_text >= header && s.time_text + s.time_len <= header + len);
  demand (signature_match (&s, secrets, "a body that nobody signed", 25) < 0);
}

static void
sign (int64_t t, const char *body, char out[128])
{
  unsigned char mac[EVP_MAX_MD_SIZE];
  size_t size = strlen (body) + 32;
  char *text = malloc (size);
  int n = snprintf (text, size, "%lld.%s", (long long) t, body);
  HMAC (EVP_sha256 (), SECRET, (int) strlen (SECRET), (unsigned char *) text, (size_t) n, mac, NULL);
  n = snprintf (out, 128, "Stripe-Signature: t=%lld,v1=", (long long) t);
  for (int i = 0; i < 32; i++)
    n += snprintf (out + n, 128 - (size_t) n, "%02x", mac[i]);
  free (text);
}

/* ---- Bodies ---------------------------------------------------------------- */

/* A host that takes some deliveries, one after another, since to open one costs more than
 * a hundred of them. */
static struct fake *
host_get (void)
{
  static struct fake *fake;
  static int used;
  if (fake && used++ < DELIVERIES)
    return fake;
  if (fake) {
    fake_stop (fake);
    fake_store_commit (fake);
  }
  fake_free (fake);
  fake = fake_new ();
  used = 1;
  fake_services (fake);
  demand (!fake_open (fake, &kg_plugin_1, (const char *const[]){ "webhook_secret=" SECRET, NULL }));
  demand (!fake_start (fake));
  return fake;
}

/* The whole way of a well-signed body, through the inbox and what its cursor makes of it. */
static void
check_body (const char *body)
{
  struct fake *fake = host_get ();
  int before = fake_log_count (fake, "stripe.inbox"), status;
  char header[128];
  const char *what;
  kg_req *req;
  sign (fake_now (fake) / 1000000000, body, header);
  req = fake_request (fake, "POST", "/webhooks/stripe", (const char *const[]){ header, NULL }, body);
  status = fake_status (req);
  demand (status == 200 || status == 400);
  what = status == 200 ? fake_json (req, "status") : "refused";
  demand (what && (status == 400 || !strcmp (what, "received") || !strcmp (what, "duplicate")));
  demand (fake_log_count (fake, "stripe.inbox") == before + !strcmp (what, "received"));
  if (status == 200)
    demand (fake_json (req, "event_id") != NULL);
  fake_run_jobs (fake);
}

int
LLVMFuzzerTestOneInput (const uint8_t *data, size_t size)
{
  const uint8_t *feed = size ? memchr (data, '\n', size) : NULL;
  size_t len = feed ? (size_t) (feed - data) : size;
  char *header = calloc (1, len + 1), *body = calloc (1, size - len + 1);
  demand (header && body);
  memcpy (header, data, len);
  check_header (header, len);
  if (feed) {
    memcpy (body, feed + 1, size - len - 1);
    check_body (body);
  }
  free (header);
  free (body);
  return 0;
}
