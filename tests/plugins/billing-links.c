/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright (C) 2026 The kgent authors */

/* The small parts of billing's links: tokens, where a browser may be sent, and forms. */
#include "plugins/billing-stripe/form.h"
#include "plugins/billing-stripe/link.h"
#include "plugins/billing-stripe/redirect.h"
#include "tests/unit.h"

#include <errno.h>
#include <openssl/evp.h>

#define NOW 1700000000

/* ---- Tokens ------------------------------------------------------------------------ */

static EVP_MAC_CTX *
mac_of (const char *secret)
{
  uint8_t key[LINK_KEY];
  ck_assert_int_eq (link_key (secret, key), 0);
  return link_mac (key);
}

START_TEST (token_whole)
{
  EVP_MAC_CTX *mac = mac_of ("rk_1");
  const struct link l = { LINK_PORTAL, NOW + 1, "acme-\xc3\xa9", "PRO" };
  struct link back;
  char token[LINK_MAX], again[LINK_MAX];
  ck_assert_int_eq (link_write (mac, &l, token), 0);
  ck_assert_int_eq (link_write (mac, &l, again), 0);
  ck_assert_str_eq (token, again);
  ck_assert_uint_eq (strspn (token, "0123456789abcdef"), strlen (token));
  ck_assert_int_eq (link_read (mac, token, NOW, &back), 0);
  ck_assert_int_eq (back.kind, LINK_PORTAL);
  ck_assert_int_eq (back.expires, NOW + 1);
  ck_assert_str_eq (back.tenant, l.tenant);
  ck_assert_str_eq (back.tier, "PRO");
  ck_assert_int_eq (link_read (mac, token, NOW + 1, &back), -ETIME);
  EVP_MAC_CTX_free (mac);
}
END_TEST

/* Each digit counts, so does the length, and whose key it is. */
START_TEST (token_forged)
{
  EVP_MAC_CTX *mac = mac_of ("rk_1"), *other = mac_of ("rk_2");
  const struct link l = { LINK_CHECKOUT, NOW + 60, "acme", "PRO" };
  struct link back;
  char token[LINK_MAX], bad[2 * LINK_MAX];
  ck_assert_int_eq (link_write (mac, &l, token), 0);
  ck_assert_int_eq (link_read (other, token, NOW, &back), -EINVAL);
  for (size_t i = 0; token[i]; i++) {
    strcpy (bad, token);
    bad[i] = bad[i] == '7' ? '8' : '7';
    ck_assert_int_eq (link_read (mac, bad, NOW, &back), -EINVAL);
    strcpy (bad, token);
    bad[i] = 0;
    ck_assert_int_eq (link_read (mac, bad, NOW, &back), -EINVAL);
  }
  strcat (strcpy (bad, token), "00");
  ck_assert_int_eq (link_read (mac, bad, NOW, &back), -EINVAL);
  memset (bad, 'a', sizeof bad - 1);
  bad[sizeof bad - 1] = 0;
  ck_assert_int_eq (link_read (mac, bad, NOW, &back), -EINVAL);
  EVP_MAC_CTX_free (mac);
  EVP_MAC_CTX_free (other);
}
END_TEST

/* A separator in a name would make another link of it. */
START_TEST (token_names)
{
  static const char *const bad[] = { "", "a b", "a\x1f", "a\n", "\x7f" };
  EVP_MAC_CTX *mac = mac_of ("rk_1");
  struct link l = { LINK_CHECKOUT, INT64_MAX, "", "" }, back;
  char token[LINK_MAX];
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    strcpy (l.tenant, bad[i]);
    strcpy (l.tier, "PRO");
    ck_assert_int_eq (link_write (mac, &l, token), -EINVAL);
    strcpy (l.tenant, "acme");
    strcpy (l.tier, bad[i]);
    ck_assert_int_eq (link_write (mac, &l, token), -EINVAL);
  }
  memset (l.tenant, 't', sizeof l.tenant - 1);
  memset (l.tier, 'u', sizeof l.tier - 1);
  ck_assert_int_eq (link_write (mac, &l, token), 0);
  ck_assert_int_eq (link_read (mac, token, NOW, &back), 0);
  ck_assert_str_eq (back.tenant, l.tenant);
  ck_assert_str_eq (back.tier, l.tier);
  EVP_MAC_CTX_free (mac);
}
END_TEST

/* ---- Where to ---------------------------------------------------------------------- */

static const char *const list[]
    = { "", "https://app.example.com/billing/", "https://app.example.com/shop",
        "http://localhost:3000", "https://xn--bcher-kva.example", "https://[::1]:8443/x/", NULL };

START_TEST (redirect_good)
{
  static const char *const good[]
      = { "https://app.example.com/billing/", "https://app.example.com/billing/a/b?c=../d#..",
          "https://app.example.com/billing/?s={CHECKOUT_SESSION_ID}",
          "https://app.example.com/billing/a..b/...", "https://app.example.com/shop",
          "https://app.example.com/shop/", "https://app.example.com/shop?x",
          "https://app.example.com/shop#x", "http://localhost:3000", "http://localhost:3000/",
          "http://localhost:3000?x", "https://xn--bcher-kva.example/a", "https://[::1]:8443/x/y",
          "https://app.example.com/billing/%2e%2x" };
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
    ck_assert_msg (redirect_ok (list, good[i]), "%s", good[i]);
}
END_TEST

START_TEST (redirect_bad)
{
  static const char *const bad[] = {
    "", "/", "billing/", "//app.example.com/billing/", "https:app.example.com/billing/",
    "https:/app.example.com/billing/", "https:///app.example.com/billing/",
    "javascript:alert(1)", "javascript://app.example.com/billing/%0aalert(1)", "data:text/html,x",
    /* another host */
    "https://app.example.com@evil.example/billing/", "https://a:b@app.example.com/billing/",
    "https://app.example.com.evil.example/billing/", "https://evil.example/app.example.com/billing/",
    "https://app.example.com\\@evil.example/billing/", "https://app.example.com\\.evil.example/",
    "https://app.example.com%2f@evil.example/", "https://app%2eexample.com/billing/",
    "https://app.example.com./billing/", "https://b\xc3\xbc" "cher.example/a",
    "https://app.example.com\xef\xbc\x8f/billing/", "https://evil.example#@app.example.com/billing/",
    "https://evil.example?https://app.example.com/billing/",
    /* another port, scheme or spelling */
    "http://app.example.com/billing/", "https://app.example.com:443/billing/",
    "https://app.example.com:8443/billing/", "http://localhost:30001/", "http://localhost/",
    "HTTPS://app.example.com/billing/", "https://APP.example.com/billing/",
    /* another path */
    "https://app.example.com/", "https://app.example.com/billing", "https://app.example.com/Billing/",
    "https://app.example.com/shopping", "https://app.example.com/shop%2f",
    "https://app.example.com/billing/..", "https://app.example.com/billing/../x",
    "https://app.example.com/billing/a/../../x", "https://app.example.com/billing/%2e%2E/x",
    "https://app.example.com/billing/.%2e?x", "https://app.example.com/billing/%2E.#x",
    "https://app.example.com/billing/..%2fx", "https://app.example.com/billing/%2F..%2Fx",
    "https://app.example.com/billing/a%5c..%5C..", "https://app.example.com/billing/..%5cx",
    "https://app.example.com/billing/\\..\\x",
    /* what a browser takes away before it reads */
    " https://app.example.com/billing/", "https://app.example.com/billing/ ",
    "https://app.example.com/bil\tling/", "https://app.example.com/billing/.\t./x",
    "https://app.example.com/billing/\r\nSet-Cookie: a=b", "\x01https://app.example.com/billing/",
    "https://app.example.com/billing/\x7f", "https://app.example.com/billing/\x80",
    "https://app.example.com/billing/\"><script>",
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    ck_assert_msg (!redirect_ok (list, bad[i]), "%s", bad[i]);
}
END_TEST

START_TEST (redirect_long)
{
  char url[REDIRECT_MAX + 1];
  memset (url, 'a', sizeof url);
  memcpy (url, list[1], strlen (list[1]));
  url[REDIRECT_MAX] = 0;
  ck_assert (!redirect_ok (list, url));
  ck_assert (!redirect_entry_ok (url));
  url[REDIRECT_MAX - 1] = 0;
  ck_assert (redirect_ok (list, url));
}
END_TEST

START_TEST (redirect_entries)
{
  static const char *const bad[]
      = { "", "app.example.com", "//app.example.com", "ftp://app.example.com", "https://",
          "https:///x", "https://?x", "https://a@b/", "https://a b/", "https://a\\b",
          "https://b\xc3\xbc" "cher.example/", "https://*.example.com/", "https://*/",
          "https://:443/", "https://app%2eexample.com/", "https://a,b/" };
  for (size_t i = 1; list[i]; i++)
    ck_assert_msg (redirect_entry_ok (list[i]), "%s", list[i]);
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    ck_assert_msg (!redirect_entry_ok (bad[i]), "%s", bad[i]);
}
END_TEST

/* ---- Forms ------------------------------------------------------------------------- */

START_TEST (form_pairs)
{
  struct form f = { 0 };
  form_add (&f, "nothing", NULL);
  ck_assert_ptr_null (f.ptr);
  form_add (&f, "mode", "subscription");
  form_add (&f, "subscription_data[metadata][tenant_id]", "a&b=c d");
  form_add_int (&f, "line_items[0][quantity]", INT64_MIN);
  form_add (&f, "empty", "");
  ck_assert_str_eq (f.ptr, "mode=subscription"
                           "&subscription_data%5Bmetadata%5D%5Btenant_id%5D=a%26b%3Dc%20d"
                           "&line_items%5B0%5D%5Bquantity%5D=-9223372036854775808&empty=");
  ck_assert_uint_eq (f.len, strlen (f.ptr));
  form_free (&f);
  ck_assert_ptr_null (f.ptr);
}
END_TEST

START_TEST (form_characters)
{
  struct form f = { 0 };
  form_add (&f, "a", "AZaz09-._~");
  form_add (&f, "b", "+%/?#[]@!$'()*,;:\"\\\t\n\x7f");
  form_add (&f, "c", "\xc3\xa9\xf0\x9f\x99\x82\xff");
  ck_assert_str_eq (f.ptr, "a=AZaz09-._~"
                           "&b=%2B%25%2F%3F%23%5B%5D%40%21%24%27%28%29%2A%2C%3B%3A%22%5C%09%0A%7F"
                           "&c=%C3%A9%F0%9F%99%82%FF");
  form_free (&f);
}
END_TEST

/* Room is there whatever is added. */
START_TEST (form_grows)
{
  struct form f = { 0 };
  char value[1000];
  size_t n = 0;
  for (size_t len = 0; len < sizeof value; len++) {
    memset (value, '&', len);
    value[len] = 0;
    form_add (&f, "x", value);
    n += (len > 0) + 2 + 3 * len;
    ck_assert_uint_eq (f.len, n);
    ck_assert_uint_lt (f.len, f.cap);
  }
  form_free (&f);
}
END_TEST

UNIT_MAIN ("billing-links", token_whole, token_forged, token_names, redirect_good, redirect_bad,
           redirect_long, redirect_entries, form_pairs, form_characters, form_grows)
