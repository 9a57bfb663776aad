/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* Receipts: what a request was charged, signed.
 *
 *   id="ID"; units=12; unit="tokens"; left=988; seq=17; time=@1795888372; sig="1.HEX"
 *
 * one field of a dictionary with parameters (RFC 9651).  "money" and "requests" are
 * there when they aren't 0, "left" for a limited budget.  The signature is over all
 * that stands before "; sig=".
 *
 * Keys and numbers lie in a region of the store: all processes on it have the same at
 * once, they outlive each of them, and a request costs no system call and no lock.
 * docs/design/0020-receipts.md weighs the signatures. */
#ifndef RECEIPT_H
#define RECEIPT_H

#include "plugins/metering-openmeter/metering.h"

#define RECEIPT_REGION "metering.receipts"
#define RECEIPT_PAGE 4096 /* bytes of the region for the head */
#define RECEIPT_TENANTS 65536u
#define RECEIPT_KEYS 64u /* that are remembered: older receipts cannot be checked */
#define RECEIPT_WORKERS 256

/* ---- The region --------------------------------------------------------------- */

/* Kinds of signature. */
#define SEAL_MAC 1     /* SipHash-2-4 with 128 bits: checked by the host alone */
#define SEAL_ED25519 2 /* checked by anybody who has the public key */

/* Version v lies at v modulo RECEIPT_KEYS.  The first one is a random number: so the keys
 * of another host, or of a region that was lost, are unknown, and not taken for these. */
struct seal_key {
  _Atomic uint32_t version; /* 0: none; written last */
  uint32_t kind;
  uint8_t secret[32]; /* 16 of them for SEAL_MAC */
};

struct receipt_head {
  uint64_t magic; /* written last */
  uint64_t boot;  /* of the machine that the numbers are of */
  uint64_t salt;  /* of the tenants' hashes */
  _Atomic uint64_t saved; /* of the log: what records up to it say is on the disk */
  _Atomic uint32_t reserved, newest; /* versions of keys: given out, and in use */
  struct seal_key key[RECEIPT_KEYS];
};

/* How many receipts a tenant has got. */
struct receipt_count {
  _Atomic uint64_t tenant; /* its hash; 0: nobody's */
  _Atomic uint64_t n;
};

/* What a worker signs with, made at its first receipt. */
struct sealer;

struct receipts {
  struct mt *mt;
  struct receipt_head *head; /* in the region */
  struct receipt_count *count;
  kg_timer *saver;
  struct sealer *worker[RECEIPT_WORKERS];
};

/* ---- receipt.c ---------------------------------------------------------------- */

/* The fields of a receipt; text is as long as the text that they were read from. */
struct receipt_parts {
  kg_str id;
  int64_t units, money, requests, left, seq, time; /* left: -1 where there is none */
  size_t signed_len;                               /* bytes before the signature */
  uint32_t version;
  kg_str signature; /* hexadecimal digits */
};

/* Reads a text as strictly as it is written: 0 or -EINVAL. */
int32_t receipt_read (kg_str text, struct receipt_parts *ret);

/* ---- seal.c: keys and signatures ------------------------------------------------ */

#define SEAL_TEXT 140 /* bytes of "VERSION.HEX" at most */

int32_t seal_start (struct receipts *r); /* [start] sees to it that there is a key */
void seal_close (struct receipts *r);

/* [worker] Writes the signature of the text; returns its bytes, or 0. */
size_t seal_put (struct receipts *r, int64_t worker, const char *text, size_t len, char *to);

/* [any] Whether the signature is that of the text: 1 or 0; -ENOENT: the key is not
 * known (any more); -ENOMEM. */
int32_t seal_check (struct receipts *r, kg_str text, const struct receipt_parts *parts);

/* [any, not a worker] Makes a new key and returns its version, or -errno. */
int64_t seal_rotate (struct receipts *r);

/* Whether the version's key is remembered. */
int32_t seal_known (const struct receipts *r, uint32_t version);

/* The public half of an Ed25519 key: 0, or -ENOENT. */
int32_t seal_public (const struct receipts *r, uint32_t version, uint8_t ret[32]);

/* ---- count.c: the region, and the numbers in it --------------------------------- */

int32_t count_start (struct receipts *r); /* [start] */
void count_stop (struct receipts *r);

/* [worker] The number of the tenant's next receipt, from 1 on; 0: there are more
 * tenants than the region has room for. */
uint64_t count_next (struct receipts *r, const char *tenant);

/* ---- proof.c: the routes for operators ------------------------------------------- */

int32_t proof_open (struct mt *mt); /* [open] */

#endif
