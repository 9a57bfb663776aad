/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The field's text, and hashes. */
#include "core/idempotency.h"

#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

static int
is_visible (char c)
{
  return c > 0x20 && c < 0x7f;
}

/* What stands between quotes (RFC 9651, section 3.3.3). */
static int32_t
quoted (kg_str s, char *out)
{
  size_t n = 0;
  if (s.len < 2 || s.ptr[s.len - 1] != '"')
    return -EINVAL;
  for (size_t i = 1; i < s.len - 1; i++) {
    char c = s.ptr[i];
    if (c == '\\') {
      if (++i == s.len - 1 || (s.ptr[i] != '"' && s.ptr[i] != '\\'))
        return -EINVAL;
      c = s.ptr[i];
    } else if (c == '"' || (c != ' ' && !is_visible (c)))
      return -EINVAL;
    if (n == IDEMPOTENCY_KEY_MAX)
      return -EINVAL;
    out[n++] = c;
  }
  return n ? (int32_t) n : -EINVAL;
}

/* Many clients send no quotes: whatever cannot be mistaken for a list, or parameters. */
static int32_t
bare (kg_str s, char *out)
{
  if (!s.len || s.len > IDEMPOTENCY_KEY_MAX)
    return -EINVAL;
  for (size_t i = 0; i < s.len; i++)
    if (!is_visible (s.ptr[i]) || strchr ("\",;\\", s.ptr[i]))
      return -EINVAL;
  memcpy (out, s.ptr, s.len);
  return (int32_t) s.len;
}

int32_t
idempotency_text (kg_str field, char out[IDEMPOTENCY_KEY_MAX + 1])
{
  int32_t n = field.len && *field.ptr == '"' ? quoted (field, out) : bare (field, out);
  if (n >= 0)
    out[n] = 0;
  return n;
}

int32_t
idempotency_hash (const kg_str *texts, uint32_t n, uint8_t ret[IDEMPOTENCY_HASH])
{
  EVP_MD_CTX *ctx = EVP_MD_CTX_new ();
  int good = ctx && EVP_DigestInit_ex (ctx, EVP_sha256 (), NULL);
  for (uint32_t i = 0; good && i < n; i++) {
    uint64_t len = texts[i].len;
    good = EVP_DigestUpdate (ctx, &len, sizeof len)
           && (!len || EVP_DigestUpdate (ctx, texts[i].ptr, len));
  }
  good = good && EVP_DigestFinal_ex (ctx, ret, NULL);
  EVP_MD_CTX_free (ctx);
  return good ? 0 : -ENOMEM;
}
