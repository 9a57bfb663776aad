/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The keys of receipts, and what is signed with them.  A worker has a context of its own
 * for Ed25519, made at its first receipt. */
#include "plugins/metering-openmeter/receipt.h"

#include <endian.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define MAC_SIZE 16
#define SIGNATURE_SIZE 64

struct sealer {
  EVP_MD_CTX *sign;
  EVP_PKEY *pkey; /* of `version` */
  uint32_t version;
};

/* ---- Keys -------------------------------------------------------------------------- */

static const struct seal_key *
key_of (const struct receipts *r, uint32_t version)
{
  const struct seal_key *k = &r->head->key[version % RECEIPT_KEYS];
  return version && atomic_load_explicit (&k->version, memory_order_acquire) == version ? k : NULL;
}

static const struct seal_key *
key_newest (const struct receipts *r)
{
  return key_of (r, atomic_load_explicit (&r->head->newest, memory_order_acquire));
}

static uint32_t
kind_wanted (const struct receipts *r)
{
  return strcmp (r->mt->conf->receipts, "ed25519") ? SEAL_MAC : SEAL_ED25519;
}

/* Two processes may do so at once: each version is given out once. */
int64_t
seal_rotate (struct receipts *r)
{
  struct receipt_head *h = r->head;
  uint8_t secret[sizeof h->key[0].secret];
  uint32_t version, newest = atomic_load (&h->newest);
  struct seal_key *k;
  if (RAND_priv_bytes (secret, sizeof secret) != 1)
    return -EIO;
  version = atomic_fetch_add (&h->reserved, 1) + 1;
  k = &h->key[version % RECEIPT_KEYS];
  atomic_store (&k->version, 0);
  memcpy (k->secret, secret, sizeof secret);
  OPENSSL_cleanse (secret, sizeof secret);
  k->kind = kind_wanted (r);
  atomic_store_explicit (&k->version, version, memory_order_release);
  if (msync (h, RECEIPT_PAGE, MS_SYNC)) /* before anything is signed with it */
    return -errno;
  while (newest < version && !atomic_compare_exchange_weak (&h->newest, &newest, version))
    continue;
  return version;
}

int32_t
seal_start (struct receipts *r)
{
  const struct seal_key *k = key_newest (r);
  int64_t e = k && k->kind == kind_wanted (r) ? 0 : seal_rotate (r);
  if (e < 0)
    r->mt->host->log (r->mt->self, KG_LOG_ERROR, "no key for receipts can be made: %s",
                      strerror ((int)-e));
  return e < 0 ? (int32_t)e : 0;
}

int32_t
seal_known (const struct receipts *r, uint32_t version)
{
  return key_of (r, version) != NULL;
}

int32_t
seal_public (const struct receipts *r, uint32_t version, uint8_t ret[32])
{
  const struct seal_key *k = key_of (r, version);
  size_t len = 32;
  EVP_PKEY *pkey;
  int good;
  if (!k || k->kind != SEAL_ED25519)
    return -ENOENT;
  pkey = EVP_PKEY_new_raw_private_key (EVP_PKEY_ED25519, NULL, k->secret, sizeof k->secret);
  good = pkey && EVP_PKEY_get_raw_public_key (pkey, ret, &len) == 1;
  EVP_PKEY_free (pkey);
  return good ? 0 : -ENOMEM;
}

/* ---- SipHash-2-4, 128 bits (Aumasson and Bernstein) ----------------------------------- */

struct sip {
  uint64_t a, b, c, d;
};

static inline uint64_t
rotate (uint64_t v, int bits)
{
  return v << bits | v >> (64 - bits);
}

static inline void
sip_round (struct sip *s)
{
  s->a += s->b;
  s->b = rotate (s->b, 13) ^ s->a;
  s->a = rotate (s->a, 32);
  s->c += s->d;
  s->d = rotate (s->d, 16) ^ s->c;
  s->a += s->d;
  s->d = rotate (s->d, 21) ^ s->a;
  s->c += s->b;
  s->b = rotate (s->b, 17) ^ s->c;
  s->c = rotate (s->c, 32);
}

static inline void
sip_word (struct sip *s, uint64_t word)
{
  s->d ^= word;
  sip_round (s);
  sip_round (s);
  s->a ^= word;
}

static inline uint64_t
sip_finish (struct sip *s)
{
  for (int i = 0; i < 4; i++)
    sip_round (s);
  return htole64 (s->a ^ s->b ^ s->c ^ s->d);
}

/* libcrypto has it, too, but needs as long again to begin and to end. */
static void
mac_make (const struct seal_key *k, const char *text, size_t len, uint8_t ret[MAC_SIZE])
{
  const char *last = text + len / 8 * 8;
  uint64_t key[2], word, made[2];
  struct sip s;
  memcpy (key, k->secret, sizeof key);
  key[0] = le64toh (key[0]);
  key[1] = le64toh (key[1]);
  s = (struct sip){ key[0] ^ 0x736f6d6570736575u, key[1] ^ 0x646f72616e646f6du ^ 0xee,
                    key[0] ^ 0x6c7967656e657261u, key[1] ^ 0x7465646279746573u };
  for (; text < last; text += sizeof word) {
    memcpy (&word, text, sizeof word);
    sip_word (&s, le64toh (word));
  }
  word = 0;
  memcpy (&word, last, len % 8);
  sip_word (&s, le64toh (word) | (uint64_t)len << 56); /* of the length, its low byte */
  s.c ^= 0xee;
  made[0] = sip_finish (&s);
  s.b ^= 0xdd;
  made[1] = sip_finish (&s);
  memcpy (ret, made, MAC_SIZE);
}

/* ---- Signing ------------------------------------------------------------------------- */

static void
sealer_free (struct sealer *s)
{
  if (!s)
    return;
  EVP_MD_CTX_free (s->sign);
  EVP_PKEY_free (s->pkey);
  free (s);
}

static struct sealer *
sealer_new (void)
{
  struct sealer *s = calloc (1, sizeof *s);
  if (s && !(s->sign = EVP_MD_CTX_new ())) {
    sealer_free (s);
    return NULL;
  }
  return s;
}

/* The worker's own; worker threads never share one. */
static struct sealer *
sealer_of (struct receipts *r, int64_t worker)
{
  struct sealer **s = &r->worker[worker >= 0 && worker < RECEIPT_WORKERS ? worker : 0];
  if (!*s)
    *s = sealer_new ();
  return *s;
}

static size_t
ed25519_make (struct sealer *s, const struct seal_key *k, uint32_t version, const char *text,
              size_t len, uint8_t *ret)
{
  size_t n = SIGNATURE_SIZE;
  if (!s)
    return 0;
  if (s->version != version) {
    EVP_PKEY_free (s->pkey);
    s->pkey = EVP_PKEY_new_raw_private_key (EVP_PKEY_ED25519, NULL, k->secret, sizeof k->secret);
    s->version = s->pkey ? version : 0;
  }
  return s->pkey && EVP_DigestSignInit (s->sign, NULL, NULL, NULL, s->pkey) == 1
                 && EVP_DigestSign (s->sign, ret, &n, (const unsigned char *)text, len) == 1
             ? n
             : 0;
}

typedef int8_t digits __attribute__ ((vector_size (16)));

static digits
digits_of (digits halves)
{
  return halves + '0' + ((halves > 9) & ('a' - '0' - 10));
}

/* Digits of 16 bytes at a time: signatures have that many, or four times. */
static char *
hex_put (char *to, const uint8_t *p, size_t n)
{
  const uint8_t *end = p + n;
  for (; p < end; p += 16, to += 32) {
    digits bytes, high, low, d;
    memcpy (&bytes, p, sizeof bytes);
    high = digits_of (bytes >> 4 & 15);
    low = digits_of (bytes & 15);
    d = __builtin_shufflevector (high, low, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    memcpy (to, &d, sizeof d);
    d = __builtin_shufflevector (high, low, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30,
                                 15, 31);
    memcpy (to + 16, &d, sizeof d);
  }
  return to;
}

_Static_assert (MAC_SIZE % 16 == 0 && SIGNATURE_SIZE % 16 == 0, "hex_put takes 16 bytes at a time");

size_t
seal_put (struct receipts *r, int64_t worker, const char *text, size_t len, char *to)
{
  const struct seal_key *k = key_newest (r);
  struct kg_out o = { to, 0, SEAL_TEXT };
  uint8_t made[SIGNATURE_SIZE];
  size_t n = MAC_SIZE;
  uint32_t version;
  if (!k)
    return 0;
  version = atomic_load_explicit (&k->version, memory_order_relaxed);
  if (k->kind == SEAL_MAC)
    mac_make (k, text, len, made);
  else
    n = ed25519_make (sealer_of (r, worker), k, version, text, len, made);
  if (!n)
    return 0;
  kg_out_int (&o, version);
  kg_out_raw (&o, ".", 1);
  return (size_t)(hex_put (to + o.len, made, n) - to);
}

/* ---- Checking ------------------------------------------------------------------------ */

/* The bytes that the digits stand for: n, or 0 when they don't stand for so many. */
static size_t
hex_read (kg_str text, uint8_t *ret, size_t n)
{
  size_t i;
  if (text.len != 2 * n)
    return 0;
  for (i = 0; i < text.len; i++) {
    char c = text.ptr[i];
    int v = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (v < 0)
      return 0;
    ret[i / 2] = (uint8_t)(i % 2 ? ret[i / 2] | v : v << 4);
  }
  return n;
}

static int32_t
ed25519_verify (const struct seal_key *k, struct sealer *s, kg_str text, const uint8_t *signature)
{
  s->pkey = EVP_PKEY_new_raw_private_key (EVP_PKEY_ED25519, NULL, k->secret, sizeof k->secret);
  if (!s->pkey || EVP_DigestVerifyInit (s->sign, NULL, NULL, NULL, s->pkey) != 1)
    return -ENOMEM;
  return EVP_DigestVerify (s->sign, signature, SIGNATURE_SIZE, (const unsigned char *)text.ptr,
                           text.len)
         == 1;
}

static int32_t
ed25519_check (const struct seal_key *k, kg_str text, const uint8_t *signature)
{
  struct sealer *s = sealer_new ();
  int32_t good = s ? ed25519_verify (k, s, text, signature) : -ENOMEM;
  sealer_free (s);
  return good;
}

static int32_t
mac_check (const struct seal_key *k, kg_str text, const uint8_t *signature)
{
  uint8_t made[MAC_SIZE];
  mac_make (k, text.ptr, text.len, made);
  return !CRYPTO_memcmp (made, signature, MAC_SIZE);
}

int32_t
seal_check (struct receipts *r, kg_str text, const struct receipt_parts *parts)
{
  const struct seal_key *k = key_of (r, parts->version);
  uint8_t signature[SIGNATURE_SIZE];
  text.len = parts->signed_len;
  if (!k)
    return -ENOENT;
  if (!hex_read (parts->signature, signature, k->kind == SEAL_MAC ? MAC_SIZE : SIGNATURE_SIZE))
    return 0;
  return k->kind == SEAL_MAC ? mac_check (k, text, signature) : ed25519_check (k, text, signature);
}

/* ---- Life ---------------------------------------------------------------------------- */

void
seal_close (struct receipts *r)
{
  for (int i = 0; i < RECEIPT_WORKERS; i++)
    sealer_free (r->worker[i]);
}
